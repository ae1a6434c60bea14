package router

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/sync/errgroup"

	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/clock"
	"github.com/cresset/cresset/beacon/engine"
	"github.com/cresset/cresset/beacon/kzg"
	"github.com/cresset/cresset/beacon/metrics"
	"github.com/cresset/cresset/beacon/p2p/peers"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/gossip"
)

// Peers is who judges peers. Its methods must not wait: gossipsub's loop calls them.
type Peers interface {
	// Report says what a peer did wrong.
	Report(peer string, o peers.Offence, reason string)
	// SetGossipScores tells what gossip thinks of those that are connected.
	SetGossipScores(scores map[string]float64)
}

// Pool takes all that was accepted: what is of use to block production, and to those who want to hear of it. It must not wait.
type Pool interface {
	Insert(checked gossip.Checked)
}

// Blobs is the execution client's pool of blobs.
type Blobs interface {
	// GetBlobs asks for blobs with their cell proofs, by versioned hash; nil where it does not have one.
	GetBlobs(ctx context.Context, fork params.Fork, hashes []types.Bytes32) ([]*engine.BlobAndProofs, error)
}

// Stored is blocks and payloads that were imported; beacon/store has them.
type Stored interface {
	Block(root types.Root) (*types.SignedBeaconBlock, error)
	Payload(root types.Root) (*types.SignedExecutionPayloadEnvelope, error)
}

// Config is what a Router is made of.
type Config struct {
	Spec    *params.Spec
	Chain   *chain.Chain
	Rules   *gossip.Rules
	Network *gossip.Network
	Host    host.Host
	Peers   Peers
	Stored  Stored
	KZG     *kzg.Context
	// Pool may be nil.
	Pool Pool
	// Blobs may be nil: then columns come from peers only.
	Blobs Blobs
	// FindBlock asks for a block that a peer must have; it hears of each peer that refers to one. It may be nil.
	FindBlock func(root types.Root, peer string)
	// FindPayload asks for the payload of a block in the same way (gloas). It may be nil.
	FindPayload func(root types.Root, peer string)
	// Direct is peers that all messages are sent to, whatever their scores.
	Direct  []peer.AddrInfo
	Log     *slog.Logger
	Metrics *metrics.Gossip
	// Workers is how many batches are checked at a time. Default: one more than there are cores, at least 3.
	Workers int
	// HeldBytes bounds the messages that wait for something. Default 32 MiB.
	HeldBytes int
}

const (
	defaultHeldBytes = 32 << 20
	importQueue      = 128
	importWorkers    = 2
)

func (cfg *Config) setDefaults() error {
	if cfg.Spec == nil || cfg.Chain == nil || cfg.Rules == nil || cfg.Network == nil || cfg.Host == nil || cfg.Peers == nil || cfg.Stored == nil || cfg.KZG == nil {
		return errors.New("gossip router: spec, chain, rules, network, host, peers, stored and kzg are required")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Metrics == nil {
		cfg.Metrics = metrics.NewGossip(metrics.New())
	}
	if cfg.Workers == 0 {
		cfg.Workers = max(3, runtime.GOMAXPROCS(0)+1)
	}
	if cfg.HeldBytes == 0 {
		cfg.HeldBytes = defaultHeldBytes
	}
	if cfg.FindBlock == nil {
		cfg.FindBlock = func(types.Root, string) {}
	}
	if cfg.FindPayload == nil {
		cfg.FindPayload = func(types.Root, string) {}
	}
	return nil
}

// Router is the node's side of gossip.
type Router struct {
	// static
	cfg     Config
	log     *slog.Logger
	metrics *metrics.Gossip
	clock   *clock.Clock
	self    peer.ID

	// shared: each locks itself
	pipeline     *pipeline
	hold         *hold
	votes        *votes[*chain.VerifiedAttestation]
	payloadVotes *votes[*gossip.CheckedPayloadAttestation]
	columns      *columns
	filter       *filter
	mesh         atomic.Pointer[pubsub.PubSub]

	// inbox
	imports chan func(context.Context)
	resub   chan struct{}

	mu struct {
		sync.Mutex
		interests gossip.Interests
		synced    bool
		joined    map[string]*joined
	}

	// shutdown
	running atomic.Bool
}

// New makes a router. It is subscribed to nothing before SetSynced.
func New(cfg Config) (*Router, error) {
	if err := cfg.setDefaults(); err != nil {
		return nil, err
	}
	r := &Router{
		cfg: cfg, log: cfg.Log, metrics: cfg.Metrics, clock: cfg.Chain.Clock(), self: cfg.Host.ID(),
		imports: make(chan func(context.Context), importQueue), resub: make(chan struct{}, 1),
	}
	r.mu.joined = map[string]*joined{}
	r.pipeline = newPipeline(cfg.Rules, cfg.Network, cfg.Workers)
	r.pipeline.concluded = r.concluded
	r.pipeline.dropped = func(k gossip.Kind) { r.metrics.Dropped.WithLabelValues(k.String()).Inc() }
	r.pipeline.took = r.metrics.Batch.Observe
	r.hold = newHold(cfg.HeldBytes, r.metrics.HeldDrops.Inc)
	r.votes = newVotes[*chain.VerifiedAttestation](r.metrics.VotesDropped.Inc)
	r.payloadVotes = newVotes[*gossip.CheckedPayloadAttestation](r.metrics.VotesDropped.Inc)
	r.columns = newColumns()
	r.filter = newFilter(cfg.Spec, cfg.Network, func(p string) { r.refuse(p, "subscriptions") })
	return r, nil
}

// ErrNotRunning means that the router does not run: nothing is checked that could not be sent.
var ErrNotRunning = errors.New("gossip does not run")

// Run runs the router until the context ends. It is called once.
func (r *Router) Run(ctx context.Context) error {
	if r.running.Swap(true) {
		return errors.New("gossip router runs already")
	}
	g, run := errgroup.WithContext(ctx)
	events := r.cfg.Chain.Subscribe(1024)
	defer events.Close()
	r.filter.setEpoch(r.clock.CurrentEpoch())
	mesh, err := r.newMesh(run)
	if err != nil {
		return err
	}
	r.mesh.Store(mesh)
	defer r.mesh.Store(nil)
	g.Go(func() error { return r.pipeline.run(run) })
	for range importWorkers {
		g.Go(func() error { return r.importLoop(run) })
	}
	g.Go(func() error { return r.voteLoop(run) })
	g.Go(func() error { return r.columnLoop(run) })
	g.Go(func() error { return r.eventLoop(run, events) })
	g.Go(func() error { return r.topicLoop(run) })
	g.Go(func() error { return r.clock.Slots(run, r.clock.CurrentSlot(), r.tick) })
	g.Go(func() error { return r.stateLoop(run) })
	r.kick()
	err = g.Wait()
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

// stateLoop has messages checked again that wait for a state, in the last quarter of each slot.
func (r *Router) stateLoop(ctx context.Context) error {
	for slot := r.clock.CurrentSlot(); ; slot = max(slot, r.clock.CurrentSlot()) + 1 {
		err := r.clock.WaitFor(ctx, func() time.Time {
			slot = min(slot, r.clock.CurrentSlot()+1) // less than before once the clock was set back
			return r.clock.StartOf(slot + 1).Add(-r.clock.SlotDuration() / 4)
		})
		if err != nil {
			return err
		}
		r.recheck(r.hold.take(waitFor{kind: gossip.WaitState}))
	}
}

// now is the time in milliseconds since genesis.
func (r *Router) now() uint64 { return r.clock.MillisecondsSinceGenesis() }

// tick is what happens when a slot begins.
func (r *Router) tick() {
	slot := r.clock.CurrentSlot()
	r.cfg.Rules.Seen().Prune(slot, r.cfg.Chain.Snapshot().FinalizedSlot)
	r.recheck(r.hold.takeSlot(slot))
	r.hold.prune(slot.SubSaturating(types.Slot(r.cfg.Spec.SlotsPerEpoch)))
	r.columns.prune(slot.SubSaturating(columnSlots))
	count, bytes := r.hold.size()
	r.metrics.Held.Set(float64(count))
	r.metrics.HeldBytes.Set(float64(bytes))
	if uint64(slot)%r.cfg.Spec.SlotsPerEpoch == 0 {
		r.filter.setEpoch(r.clock.CurrentEpoch())
		r.kick()
	}
}

// eventLoop goes on with what waited for blocks and payloads.
func (r *Router) eventLoop(ctx context.Context, events *chain.Subscription) error {
	for {
		select {
		case e := <-events.C:
			switch e := e.(type) {
			case chain.BlockEvent:
				r.recheck(r.hold.take(waitFor{kind: gossip.WaitBlock, root: e.Block}))
				r.notePayload(e.Slot, e.Block)
			case chain.PayloadEvent:
				r.recheck(r.hold.take(waitFor{kind: gossip.WaitPayload, root: e.Block}))
				r.notePayload(e.Slot, e.Block)
			case chain.MissingEvent:
				if e.Kind == chain.MissingData {
					r.wantData(e.Block)
				}
			case chain.DroppedEvent:
				r.recheck(r.hold.takeAll()) // whatever it was that came
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// notePayload tells the rules about bids which payloads there are: they may have come on another way than gossip. Until a bid can
// build on them nobody asks.
func (r *Router) notePayload(slot types.Slot, root types.Root) {
	fork := r.cfg.Spec.ForkAtSlot(slot)
	if fork < params.Bellatrix || r.cfg.Spec.ForkAtSlot(slot+types.Slot(2*r.cfg.Spec.SlotsPerEpoch)) < params.Gloas {
		return
	}
	if slot+types.Slot(2*r.cfg.Spec.SlotsPerEpoch) < r.clock.CurrentSlot() {
		return // of range sync; no bid builds on it any more
	}
	if fork >= params.Gloas {
		if envelope, err := r.cfg.Stored.Payload(root); err == nil {
			r.cfg.Rules.Seen().NotePayload(envelope.Message.Payload.BlockHash, envelope.Message.Payload.GasLimit)
		}
		return // it comes with an event of its own
	}
	if signed, err := r.cfg.Stored.Block(root); err == nil {
		p := &signed.Message.Body.ExecutionPayload
		r.cfg.Rules.Seen().NotePayload(p.BlockHash, p.GasLimit)
	}
}
