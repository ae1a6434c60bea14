package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/store"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/sync/light"
)

// LightChain is what is derived from. A *chain.Chain is one.
type LightChain interface {
	Snapshot() *chain.Snapshot
	Subscribe(queue int) *chain.Subscription
	// Block finds a block that is not older than the finalized one, nil if there is none.
	Block(root types.Root) *chain.Block
	StateAt(ctx context.Context, root types.Root, slot types.Slot) (*transition.State, error)
	// CachedState is StateAt of what is in memory.
	CachedState(root types.Root, slot types.Slot) (*transition.State, bool)
}

// LightBlocks is the blocks that are derived from. A *store.Store is one.
type LightBlocks interface {
	Block(root types.Root) (*types.SignedBeaconBlock, error)
}

// LightConfig is what a Light is made of.
type LightConfig struct {
	Spec   *params.Spec
	Chain  LightChain
	Blocks LightBlocks
	Log    *slog.Logger
	// Updated hears of each finality and optimistic update that is another one than the last, with the slot of its header. It must not wait; it may be nil.
	Updated func(slot types.Slot, update ssz.Object)
	// Bootstraps bounds the bootstraps that are kept, of the newest epochs; one takes some 25 KiB on mainnet. Default 1024.
	Bootstraps int
}

const (
	defaultBootstraps = 1024
	lightQueue        = 16
)

// Light derives what light clients ask for, as the head moves: one update a sync committee period that has to be served, the newest
// finality and optimistic updates, and bootstraps of blocks at epoch boundaries.
//
// It begins with the head that it finds. What belongs to an earlier time, it does not have.
type Light struct {
	// static
	cfg     LightConfig
	periods int // of updates that are kept

	mu struct {
		sync.Mutex
		updates    map[uint64]*lightUpdate // by period
		finality   *lightItem
		optimistic *lightItem
		bootstraps map[types.Root]*lightItem
		order      []types.Root // of bootstraps, oldest first
	}

	// loop state: only Run's
	boundary types.Epoch // the newest epoch whose boundary block has a bootstrap
}

// lightItem is an encoding, in the form of the fork of its slot.
type lightItem struct {
	slot types.Slot // of the header that gives the context
	ssz  []byte
}

// lightUpdate is the best update of a period.
type lightUpdate struct {
	lightItem
	update *types.LightClientUpdate
	signed types.Root // the block with the sync aggregate
}

// NewLight makes a Light that has nothing to give until Run runs.
func NewLight(cfg LightConfig) *Light {
	if cfg.Bootstraps == 0 {
		cfg.Bootstraps = defaultBootstraps
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Updated == nil {
		cfg.Updated = func(types.Slot, ssz.Object) {}
	}
	// Spec: "the best derivable LightClientUpdate for each sync committee period covering any epochs in range [max(ALTAIR_FORK_EPOCH,
	// current_epoch - compute_min_epochs_for_block_requests()), current_epoch]".
	periods := uint64(cfg.Spec.ComputeMinEpochsForBlockRequests())/cfg.Spec.EpochsPerSyncCommitteePeriod + 2
	l := &Light{cfg: cfg, periods: int(periods)}
	l.mu.updates, l.mu.bootstraps = map[uint64]*lightUpdate{}, map[types.Root]*lightItem{}
	return l
}

// Run derives until the context ends.
func (l *Light) Run(ctx context.Context) error {
	events := l.cfg.Chain.Subscribe(lightQueue)
	defer events.Close()
	for {
		l.follow(ctx)
		if err := l.nextHead(ctx, events); err != nil {
			return nil
		}
	}
}

// nextHead waits until there may be a new head, and takes all events that have come.
func (l *Light) nextHead(ctx context.Context, events *chain.Subscription) error {
	for moved := false; ; {
		if moved && len(events.C) == 0 {
			return nil
		}
		select {
		case e := <-events.C:
			switch e.(type) {
			case chain.HeadEvent, chain.DroppedEvent:
				moved = true
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// follow derives from the present head. What cannot be derived is left out: most of it will be with the next head.
func (l *Light) follow(ctx context.Context) {
	head := l.cfg.Chain.Snapshot().Head
	l.dropOrphans(head)
	if err := l.deriveUpdate(ctx, head); err != nil {
		l.cfg.Log.Debug("no light client update of the head", "slot", head.Slot, "reason", err)
	}
	epoch := types.ComputeEpochAtSlot(l.cfg.Spec, head.Slot)
	if epoch <= l.boundary {
		return
	}
	start, err := types.ComputeStartSlotAtEpoch(l.cfg.Spec, epoch)
	if err == nil {
		err = l.deriveBoundary(ctx, head.AncestorAt(start))
	}
	if err != nil {
		l.cfg.Log.Debug("no light client bootstrap of the epoch", "epoch", epoch, "reason", err)
		return
	}
	l.boundary = epoch
}

// dropOrphans forgets updates that were signed in blocks which are no longer canonical.
//
// Spec: "Only LightClientUpdate with sync_aggregate from blocks on the canonical chain as selected by fork choice are considered [...]
// LightClientUpdate referring to orphaned blocks SHOULD NOT be provided."
func (l *Light) dropOrphans(head *chain.Block) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for period, u := range l.mu.updates {
		if at := head.AncestorAt(u.update.SignatureSlot); at != nil && at.Root != u.signed {
			delete(l.mu.updates, period)
		}
	}
}

// errTooEarly is of a block that light clients cannot follow.
var errTooEarly = errors.New("the parent is of before altair")

// deriveUpdate derives an update from a block and its parent.
func (l *Light) deriveUpdate(ctx context.Context, head *chain.Block) error {
	parent := head.Parent()
	if parent == nil {
		return fmt.Errorf("the head has no parent in memory")
	}
	if l.cfg.Spec.ForkAtSlot(parent.Slot) < params.Altair {
		return errTooEarly
	}
	block, state, err := l.load(head, l.stateOf(ctx))
	if err != nil {
		return err
	}
	attested, attestedState, err := l.load(parent, l.stateOf(ctx))
	if err != nil {
		return err
	}
	// Spec: "finalized_block: the block referred to by attested_state.finalized_checkpoint.root, if locally available".
	finalized, err := l.cfg.Blocks.Block(attestedState.FinalizedCheckpoint.Root)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	update, err := light.CreateLightClientUpdate(state.BeaconState, block, attestedState.BeaconState, attested, finalized)
	if err != nil {
		return err
	}
	return l.keep(attestedState.Cx, head.Root, update)
}

// stateOf gives states after blocks, and has those computed that are not in memory.
func (l *Light) stateOf(ctx context.Context) func(*chain.Block) (*transition.State, error) {
	return func(b *chain.Block) (*transition.State, error) { return l.cfg.Chain.StateAt(ctx, b.Root, b.Slot) }
}

// load reads a block and its post state.
func (l *Light) load(b *chain.Block, stateOf func(*chain.Block) (*transition.State, error)) (*types.SignedBeaconBlock, *transition.State, error) {
	block, err := l.cfg.Blocks.Block(b.Root)
	if err != nil {
		return nil, nil, fmt.Errorf("read block %v of slot %d: %w", b.Root, b.Slot, err)
	}
	state, err := stateOf(b)
	return block, state, err
}

// keep encodes an update and the smaller ones that follow from it, and keeps them.
func (l *Light) keep(cx ssz.Context, signed types.Root, update *types.LightClientUpdate) error {
	slot := update.AttestedHeader.Beacon.Slot
	encode := func(o ssz.Object) (lightItem, error) {
		encoded, err := ssz.Marshal(cx, ssz.Container(o))
		return lightItem{slot, encoded}, err
	}
	whole, err := encode(update)
	if err != nil {
		return err
	}
	optimisticUpdate, finalityUpdate := light.CreateLightClientOptimisticUpdate(update), light.CreateLightClientFinalityUpdate(update)
	optimistic, err := encode(optimisticUpdate)
	if err != nil {
		return err
	}
	finality, err := encode(finalityUpdate)
	if err != nil {
		return err
	}
	if l.replace(&l.mu.optimistic, &optimistic) {
		l.cfg.Updated(slot, optimisticUpdate)
	}
	if light.IsFinalityUpdate(update) && l.replace(&l.mu.finality, &finality) {
		l.cfg.Updated(slot, finalityUpdate)
	}
	spec := l.cfg.Spec
	period := types.ComputeSyncCommitteePeriodAtSlot(spec, slot)
	l.mu.Lock()
	defer l.mu.Unlock()
	// Spec: "LightClientUpdate are only considered if compute_sync_committee_period_at_slot(update.attested_header.beacon.slot) ==
	// compute_sync_committee_period_at_slot(update.signature_slot)".
	if period != types.ComputeSyncCommitteePeriodAtSlot(spec, update.SignatureSlot) {
		return nil
	}
	if old := l.mu.updates[period]; old == nil || light.IsBetterUpdate(spec, update, old.update) {
		l.mu.updates[period] = &lightUpdate{whole, update, signed}
		if len(l.mu.updates) > l.periods {
			delete(l.mu.updates, slices.Min(l.periodsLocked()))
		}
	}
	return nil
}

// replace puts an item in the place of the last one, and tells whether it is another one.
func (l *Light) replace(last **lightItem, item *lightItem) (another bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	another = *last == nil || (*last).slot != item.slot || !bytes.Equal((*last).ssz, item.ssz)
	*last = item
	return another
}

// periodsLocked lists the periods of updates.
func (l *Light) periodsLocked() []uint64 {
	periods := make([]uint64, 0, len(l.mu.updates))
	for period := range l.mu.updates {
		periods = append(periods, period)
	}
	slices.Sort(periods)
	return periods
}

// deriveBoundary keeps the bootstrap of a block that a checkpoint can have.
//
// Spec: "Full nodes SHOULD provide LightClientBootstrap for all finalized epoch boundary blocks".
func (l *Light) deriveBoundary(ctx context.Context, b *chain.Block) error {
	if b == nil {
		return errors.New("the block at the boundary is not in memory")
	}
	item, err := l.derive(b, l.stateOf(ctx))
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.bootstraps[b.Root] == nil {
		l.mu.order = append(l.mu.order, b.Root)
	}
	l.mu.bootstraps[b.Root] = item
	if len(l.mu.order) > l.cfg.Bootstraps {
		delete(l.mu.bootstraps, l.mu.order[0])
		l.mu.order = slices.Delete(l.mu.order, 0, 1)
	}
	return nil
}

// derive makes the bootstrap of a block.
func (l *Light) derive(b *chain.Block, stateOf func(*chain.Block) (*transition.State, error)) (*lightItem, error) {
	if l.cfg.Spec.ForkAtSlot(b.Slot) < params.Altair {
		return nil, errTooEarly
	}
	block, state, err := l.load(b, stateOf)
	if err != nil {
		return nil, err
	}
	bootstrap, err := light.CreateLightClientBootstrap(state.BeaconState, block)
	if err != nil {
		return nil, err
	}
	encoded, err := ssz.Marshal(state.Cx, ssz.Container(bootstrap))
	return &lightItem{b.Slot, encoded}, err
}
