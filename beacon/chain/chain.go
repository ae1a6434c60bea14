package chain

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/cresset/cresset/beacon/bls"
	"github.com/cresset/cresset/beacon/clock"
	"github.com/cresset/cresset/beacon/kzg"
	"github.com/cresset/cresset/beacon/metrics"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/store"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/forkchoice"
)

// Config is what a Chain is made of.
type Config struct {
	Spec    *params.Spec
	Store   *store.Store
	Engine  Engine
	Clock   *clock.Clock
	Keys    *bls.KeyCache // nil for one without a file
	KZG     *kzg.Context
	Log     *slog.Logger
	Metrics *metrics.Chain
	// Anchor is the trusted point that a chain begins at. It is used if the store is empty and must not be nil then.
	Anchor *Anchor
	// Custody is the columns that this node keeps at first, ascending; see SetCustody.
	Custody []uint64

	// StateBytes bounds the memory of cached states; the one used last is kept in any case. Default 1.5 GiB.
	StateBytes int
	// ShufflingBytes bounds the memory of committees. Default 64 MiB.
	ShufflingBytes int
	// DeferredBytes bounds the blocks and payloads that wait. Default 64 MiB.
	DeferredBytes int
	// DataBytes bounds the columns and blobs that wait for their block. Default 512 MiB.
	DataBytes int
	// SafeSlotsToImportOptimistically is how old the first block with a payload has to be to be taken without the execution
	// client having seen the chain that it ends. Default 128. Spec: sync/optimistic.md.
	SafeSlotsToImportOptimistically types.Slot
	// BaseEpochs is after how many epochs the state that others are kept as a difference to is written anew. Default 64.
	BaseEpochs types.Epoch
}

// Anchor is the point that a chain begins at.
type Anchor struct {
	// State is genesis, or the state of a checkpoint's block advanced to the start of its epoch.
	State *types.BeaconState
	// Block is the block that the state is after; nil for a genesis state.
	Block *types.SignedBeaconBlock
}

const (
	defaultStateBytes    = 1536 << 20
	defaultDeferredBytes = 64 << 20
	defaultDataBytes     = 512 << 20
	defaultSafeSlots     = 128
	defaultBaseEpochs    = 64
	rejectedKept         = 1024
	urgentQueue          = 64
	votesQueue           = 256
)

func (cfg *Config) setDefaults() {
	def := func(p *int, v int) {
		if *p == 0 {
			*p = v
		}
	}
	def(&cfg.StateBytes, defaultStateBytes)
	def(&cfg.ShufflingBytes, transition.DefaultShufflingBytes)
	def(&cfg.DeferredBytes, defaultDeferredBytes)
	def(&cfg.DataBytes, defaultDataBytes)
	if cfg.SafeSlotsToImportOptimistically == 0 {
		cfg.SafeSlotsToImportOptimistically = defaultSafeSlots
	}
	if cfg.BaseEpochs == 0 {
		cfg.BaseEpochs = defaultBaseEpochs
	}
	if cfg.Metrics == nil {
		cfg.Metrics = metrics.NewChain(metrics.New())
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
}

// Chain is the node's view of the beacon chain.
type Chain struct {
	// static
	cfg     Config
	spec    forks
	log     *slog.Logger
	clock   *clock.Clock
	store   *store.Store
	engine  Engine
	kzg     *kzg.Context
	metrics *metrics.Chain
	env     *transition.Env
	genesis genesis

	// shared: each locks itself
	index       blockIndex
	states      *stateCache
	stored      *storedStates
	gate        *gate
	balances    *balanceCache
	data        *dataTracker
	deferred    *deferred
	rejected    *rejectedBlocks
	facts       *branchFacts
	events      broker
	uncommitted uncommitted
	snapshot    atomic.Pointer[Snapshot]
	custody     atomic.Pointer[[]uint64] // columns

	// inbox
	inbox struct {
		urgent chan func() // blocks, payloads, ticks
		votes  chan func()
	}

	// loop state: only the writer's
	w writerState

	// outbox
	persist  *persister
	notifier *notifier
	retries  chan func(context.Context)

	// shutdown
	running atomic.Bool
	stopped chan struct{}
}

// genesis is what never changes about a chain.
type genesis struct {
	time           uint64 // Unix seconds
	validatorsRoot types.Root
}

// forks answers questions about the schedule.
type forks struct{ *params.Spec }

func (f forks) gloasAt(slot types.Slot) bool { return f.ForkAtSlot(slot) >= params.Gloas }

func (c *Chain) contextAt(slot types.Slot) ssz.Context {
	return ssz.Context{Spec: c.cfg.Spec, Fork: c.cfg.Spec.ForkAtSlot(slot)}
}

func (c *Chain) epochOf(slot types.Slot) types.Epoch {
	return types.ComputeEpochAtSlot(c.cfg.Spec, slot)
}

// startOf is the first slot of an epoch; one beyond the end of all slots gives the last slot.
func (c *Chain) startOf(epoch types.Epoch) types.Slot {
	slot, err := types.ComputeStartSlotAtEpoch(c.cfg.Spec, epoch)
	if err != nil {
		return ^types.Slot(0)
	}
	return slot
}

// New opens the chain that the store holds, or begins one at the anchor. It repairs what a crash left. It returns a
// *NeedsOperatorError if the store holds no usable state.
func New(cfg Config) (*Chain, error) {
	cfg.setDefaults()
	c := &Chain{
		cfg: cfg, spec: forks{cfg.Spec}, log: cfg.Log, clock: cfg.Clock, store: cfg.Store, engine: cfg.Engine, kzg: cfg.KZG,
		metrics: cfg.Metrics, env: transition.NewEnv(cfg.Keys),
		states: newStateCache(cfg.StateBytes), gate: newGate(), rejected: newRejectedBlocks(rejectedKept), facts: newBranchFacts(),
		deferred: newDeferred(cfg.DeferredBytes, cfg.Metrics.DeferredDrops.Inc),
		retries:  make(chan func(context.Context), 1024), stopped: make(chan struct{}),
	}
	c.custody.Store(&cfg.Custody)
	c.env.Shufflings = transition.NewShufflingCache(cfg.ShufflingBytes)
	c.stored = newStoredStates()
	c.balances = newBalanceCache(c)
	c.data = newDataTracker(c, cfg.DataBytes)
	c.inbox.urgent, c.inbox.votes = make(chan func(), urgentQueue), make(chan func(), votesQueue)
	c.persist = newPersister(c)
	c.notifier = newNotifier(c)
	c.events.drops = cfg.Metrics.EventsDropped.Inc
	if err := c.start(); err != nil {
		return nil, err
	}
	return c, nil
}

// Run runs the chain until the context ends, and writes what is in memory to disk before it returns. It is called once.
func (c *Chain) Run(ctx context.Context) error {
	if c.running.Swap(true) {
		return errors.New("chain runs already")
	}
	defer close(c.stopped)
	g, run := errgroup.WithContext(ctx)
	g.Go(func() error { return c.write(run) })
	g.Go(func() error { return c.persist.run(run) })
	g.Go(func() error { return c.notifier.run(run) })
	g.Go(func() error { return c.advance(run) })
	for range retryWorkers {
		g.Go(func() error { return c.retryLoop(run) })
	}
	g.Go(func() error { return c.clock.Slots(run, c.Snapshot().Slot, func() { c.tick(run) }) })
	err := g.Wait()
	if c.w.fatal != nil {
		err = c.w.fatal // others may have been the first to end
	}
	saved := c.save()
	c.gate.close() // nothing reads from the disk after Run
	if saved != nil {
		return errors.Join(err, saved)
	}
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

// retryWorkers is how many items that waited are tried again at a time.
const retryWorkers = 2

// retry tries items again that waited. Whatever does not fit into the queue is dropped: it will be sent or asked for again.
func (c *Chain) retry(items []func(context.Context)) {
	for _, f := range items {
		select {
		case c.retries <- f:
		default:
			c.metrics.DeferredDrops.Inc()
		}
	}
}

func (c *Chain) retryLoop(ctx context.Context) error {
	for {
		select {
		case f := <-c.retries:
			f(ctx)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// EngineReady tells the chain that the execution client answers again: what waited for it goes on, and the head is announced.
func (c *Chain) EngineReady() {
	c.retry(c.deferred.take(condition{kind: waitEngine}))
	c.notifier.again()
}

// EngineFollows tells whether the execution client has been told the present head and has verified it; true of a head without a
// payload, of which it is not told.
func (c *Chain) EngineFollows() bool { return c.notifier.told() }

// Clock is the clock of the chain.
func (c *Chain) Clock() *clock.Clock { return c.clock }

// Spec is the spec of the chain.
func (c *Chain) Spec() *params.Spec { return c.cfg.Spec }

// Custody is the columns that this node keeps, ascending. It is not to be written to.
func (c *Chain) Custody() []uint64 { return *c.custody.Load() }

// SetCustody changes the columns that this node keeps, ascending. It is so for blocks that are looked at from now on; columns of others are neither asked
// for nor given up.
func (c *Chain) SetCustody(columns []uint64) { c.custody.Store(&columns) }

// Env is what all states of the chain share.
func (c *Chain) Env() *transition.Env { return c.env }

// Block finds an imported block that descends from the finalized one, nil if there is none.
func (c *Chain) Block(root types.Root) *Block { return c.index.get(root) }

// Knows tells whether a block has been imported: it descends from the finalized one, or is on the chain up to that.
func (c *Chain) Knows(root types.Root, slot types.Slot) bool {
	if c.index.get(root) != nil {
		return true
	}
	canonical, err := c.store.CanonicalRoot(slot)
	return err == nil && canonical == root
}

// CachedState is StateAt of what is in memory; false if it is not. It starts no work, whoever asks for it.
func (c *Chain) CachedState(root types.Root, slot types.Slot) (*transition.State, bool) {
	s := c.states.latest(root, slot)
	if s == nil || s.Slot != slot {
		return nil, false
	}
	return s.Copy(), true
}

// StateAt gives a state of its own to whoever reads: the one after a block, advanced to a slot. One that is not in memory may
// take up to a second, after which ErrStateBusy asks to come again.
func (c *Chain) StateAt(ctx context.Context, root types.Root, slot types.Slot) (*transition.State, error) {
	return c.stateAt(ctx, root, slot, false)
}

var _ forkchoice.States = (*forkStates)(nil)
