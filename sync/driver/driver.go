package driver

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/clock"
	"github.com/cresset/cresset/beacon/metrics"
	"github.com/cresset/cresset/beacon/p2p/peers"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/sync/backfill"
	"github.com/cresset/cresset/sync/download"
	"github.com/cresset/cresset/sync/lookup"
	"github.com/cresset/cresset/sync/rangesync"
	"github.com/cresset/cresset/sync/reqresp"
)

// Client asks peers. A *reqresp.Client is one.
type Client interface {
	BlocksByRange(ctx context.Context, peer string, r reqresp.Range) iter.Seq2[reqresp.Block, error]
	BlocksByRoot(ctx context.Context, peer string, roots []types.Root) iter.Seq2[reqresp.Block, error]
	BlocksByHead(ctx context.Context, peer string, head types.Root, count uint64) iter.Seq2[reqresp.Block, error]
	ColumnsByRange(ctx context.Context, peer string, request reqresp.ColumnsByRange) iter.Seq2[reqresp.Column, error]
	ColumnsByRoot(ctx context.Context, peer string, blocks []types.DataColumnsByRootIdentifier) iter.Seq2[reqresp.Column, error]
	DataClient
}

// DataClient asks peers for blobs and payloads.
type DataClient interface {
	BlobsByRange(ctx context.Context, peer string, r reqresp.Range) iter.Seq2[reqresp.Blob, error]
	EnvelopesByRange(ctx context.Context, peer string, r reqresp.Range) iter.Seq2[reqresp.Envelope, error]
	EnvelopesByRoot(ctx context.Context, peer string, roots []types.Root) iter.Seq2[reqresp.Envelope, error]
}

// Peers hears what peers did wrong. It must not wait. A *p2p.Host is one.
type Peers interface {
	Report(peer string, o peers.Offence, reason string)
}

// Config is what a Driver is made of.
type Config struct {
	Spec    *params.Spec
	Chain   *chain.Chain
	Clock   *clock.Clock
	Client  Client
	Peers   Peers
	Log     *slog.Logger
	Metrics *metrics.Sync
	// BatchBytes bounds what came and waits to be imported, and what is on its way, but for what the next import waits for. Default 256 MiB.
	BatchBytes int
	// NoBackfill leaves the history before a checkpoint alone.
	NoBackfill bool
	// Custody is nil for a node whose custody does not grow.
	Custody Custody
}

// PeerStatus is where a peer stands.
type PeerStatus struct {
	types.Status
	Columns []uint64 // that it has custody of
}

// Driver runs sync.
type Driver struct {
	// static
	cfg   Config
	log   *slog.Logger
	clock *clock.Clock
	chain *chain.Chain

	// inbox
	inbox  chan func(context.Context)
	events *chain.Subscription

	// loop state
	peers    map[string]PeerStatus
	ranges   *rangesync.Machine
	back     *backfill.Machine // nil when nothing is left
	lookups  *lookup.Machine
	requests map[uint64]context.CancelFunc // of range sync and backfill
	finds    map[uint64]context.CancelFunc // of lookups
	contents map[uint64]*content           // of batches
	found    map[uint64][]reqresp.Block    // blocks of lookups, the latest first
	due      map[types.Root]dataDue        // data that is looked for unless it comes by itself
	speed    speed
	watch    watchdog
	filling  filling

	// outbox
	progress atomic.Pointer[Progress]
	room     room
	work     sync.WaitGroup // requests and imports

	// shutdown
	stopped chan struct{}
}

// inboxLength is how many events may wait. Who brings one waits when it is full; requests are bounded by the machines.
const inboxLength = 256

// New makes a driver.
func New(cfg Config) (*Driver, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Metrics == nil {
		cfg.Metrics = metrics.NewSync(metrics.New())
	}
	if cfg.BatchBytes == 0 {
		cfg.BatchBytes = 256 << 20
	}
	d := &Driver{
		cfg: cfg, log: cfg.Log, clock: cfg.Clock, chain: cfg.Chain, inbox: make(chan func(context.Context), inboxLength),
		peers: map[string]PeerStatus{}, requests: map[uint64]context.CancelFunc{}, finds: map[uint64]context.CancelFunc{},
		contents: map[uint64]*content{}, found: map[uint64][]reqresp.Block{}, due: map[types.Root]dataDue{}, stopped: make(chan struct{}),
	}
	numbers := &download.Numbers{}
	bounds := download.Config{Size: batchSlots(cfg.Spec), Needs: d.needs, AheadBytes: cfg.BatchBytes, Numbers: numbers}
	d.ranges = rangesync.New(rangesync.Config{SlotsPerEpoch: cfg.Spec.SlotsPerEpoch, Chain: (*view)(d), Download: bounds})
	d.lookups = lookup.New(lookup.Config{Knows: (*view)(d).Knows})
	if !cfg.NoBackfill {
		var err error
		if d.back, err = d.newBackfill(bounds); err != nil {
			return nil, err
		}
	}
	d.progress.Store(&Progress{Stage: Waiting})
	d.events = d.chain.Subscribe(inboxLength)
	return d, nil
}

// leastBatch is the slots that are worth a batch: each has a round trip, a batch of signatures and a commit to disk of its own.
const leastBatch = 32

// batchSlots is the slots of a batch: an epoch, unless that is a short one, within what one request may ask for.
func batchSlots(spec *params.Spec) uint64 {
	return min(max(spec.SlotsPerEpoch, leastBatch), spec.MaxRequestBlocksDeneb)
}

// tick is how often time passes for the machines.
const tick = time.Second

// Run runs sync until the context ends.
func (d *Driver) Run(ctx context.Context) error {
	defer d.events.Close()
	ctx, cancel := context.WithCancel(ctx)
	err := d.loop(ctx)
	cancel()
	close(d.stopped) // nobody reads the inbox any more: who would bring a result must not wait for room in it
	d.work.Wait()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

func (d *Driver) loop(ctx context.Context) error {
	d.settle(ctx)
	due, stop := d.clock.After(tick)
	defer func() { stop() }()
	for {
		select {
		case f := <-d.inbox:
			f(ctx)
		case e := <-d.events.C:
			d.heard(ctx, e)
		case <-due:
			d.tick(ctx)
			due, stop = d.clock.After(tick)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// post has the loop run something. It waits while the inbox is full.
func (d *Driver) post(f func(context.Context)) {
	select {
	case d.inbox <- f:
	case <-d.stopped:
	}
}

// SetPeer says where a peer stands. It may be called by anybody.
func (d *Driver) SetPeer(id string, s PeerStatus) {
	d.post(func(ctx context.Context) {
		now := d.clock.Now()
		if _, known := d.peers[id]; !known {
			d.filling.resume, d.filling.news = now, true
		}
		d.peers[id] = s
		d.doRanges(ctx, d.ranges.SetPeer(now, id, rangesync.Status{
			FinalizedEpoch: s.FinalizedEpoch, FinalizedRoot: s.FinalizedRoot, HeadSlot: s.HeadSlot, HeadRoot: s.HeadRoot,
			Earliest: s.EarliestAvailableSlot, Columns: s.Columns,
		}))
		if d.back != nil {
			d.doBackfill(ctx, d.back.SetPeer(now, download.Peer{ID: id, First: s.EarliestAvailableSlot, Last: s.HeadSlot, Columns: s.Columns}))
		}
		d.doLookups(ctx, d.lookups.SetPeer(now, id, s.Columns))
	})
}

// RemovePeer says that a peer is gone. It may be called by anybody.
func (d *Driver) RemovePeer(id string) {
	d.post(func(ctx context.Context) {
		now := d.clock.Now()
		delete(d.peers, id)
		d.doRanges(ctx, d.ranges.RemovePeer(now, id))
		if d.back != nil {
			d.doBackfill(ctx, d.back.RemovePeer(now, id))
		}
		d.doLookups(ctx, d.lookups.RemovePeer(now, id))
	})
}

// FindBlock looks for a block that a peer referred to. It may be called by anybody and does not wait: where the inbox is full nothing is
// looked for.
func (d *Driver) FindBlock(root types.Root, peer string) {
	select {
	case d.inbox <- func(ctx context.Context) { d.doLookups(ctx, d.lookups.FindBlock(d.clock.Now(), root, peer)) }:
	default:
	}
}

// FindPayload looks for the payload of a block, like FindBlock.
func (d *Driver) FindPayload(root types.Root, peer string) {
	select {
	case d.inbox <- func(ctx context.Context) { d.doLookups(ctx, d.lookups.FindPayload(d.clock.Now(), root, peer)) }:
	default:
	}
}

// tick lets time pass.
func (d *Driver) tick(ctx context.Context) {
	now := d.clock.Now()
	d.settle(ctx)
	d.doRanges(ctx, d.ranges.Tick(now))
	if d.back != nil {
		d.doBackfill(ctx, d.back.Tick(now))
	}
	d.findDue(ctx, now)
	d.doLookups(ctx, d.lookups.Tick(now))
	d.watchOver(ctx, now)
	d.publish(now)
	d.fill(ctx, now)
}

// start runs something that waits, and gives what ends it.
func (d *Driver) start(ctx context.Context, f func(context.Context)) context.CancelFunc {
	ctx, cancel := context.WithCancel(ctx)
	d.work.Go(func() {
		defer cancel()
		f(ctx)
	})
	return cancel
}

// penalise tells what a peer did wrong.
func (d *Driver) penalise(peer string, o peers.Offence, reason string) {
	d.cfg.Metrics.Penalties.Inc()
	if o == peers.Fatal {
		d.cfg.Metrics.Dropped.Inc()
		delete(d.peers, peer)
	}
	d.cfg.Peers.Report(peer, o, reason)
}

// offence is what a penalty of the machines is to the peer manager.
func offence(slow, drop bool) peers.Offence {
	switch {
	case drop:
		return peers.Fatal
	case slow:
		return peers.Slow
	}
	return peers.Useless
}
