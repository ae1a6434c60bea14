package chain

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cresset/cresset/beacon/store"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// persister writes to disk what an import need not wait for: the states at the start of epochs, fork choice as a whole, what
// follows from finality. All of it can be computed again from what imports have written; it makes the next start fast and the disk
// small.
type persister struct {
	chain *Chain
	wake  chan struct{}

	mu struct {
		sync.Mutex
		states []store.StateKey // to be written, oldest first
		data   []types.Root     // imported blocks whose late columns are to be written
		fc     *forkChoiceJob
	}

	base atomic.Pointer[baseState]
}

// baseState is the state that others are kept as differences to. It stays in memory: what is read from disk shares what it has in
// common with it.
type baseState struct {
	key   store.StateKey
	state *transition.State // frozen
}

// setBase takes a state of the finalized chain as the base. All states from now on have its validators.
func (c *Chain) setBase(key store.StateKey, state *transition.State) {
	c.persist.base.Store(&baseState{key, state})
	c.env.Keys.Settle(uint64(state.Validators.Len()))
}

// finalJob is what is left to do on disk for a finalized checkpoint.
type finalJob struct {
	checkpoint types.Checkpoint
	state      store.StateKey    // the checkpoint's state
	frozen     *transition.State // it, nil if it was not in memory
	canonical  []slotRoot        // newly finalized, with the last one finalized before
	orphans    []slotRoot
}

// forkChoiceJob is fork choice, encoded, up to a record of the journal.
type forkChoiceJob struct {
	data    []byte
	journal uint64
	final   *finalJob // nil if nothing was finalized since the last job
}

// statesWaiting bounds the states that wait to be written. Each is the start of an epoch on some branch; one left out costs the next
// start the blocks of an epoch.
const statesWaiting = 256

func newPersister(c *Chain) *persister { return &persister{chain: c, wake: make(chan struct{}, 1)} }

func (p *persister) signal() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// state asks for a state to be written.
func (p *persister) state(key store.StateKey) {
	p.mu.Lock()
	if !slices.Contains(p.mu.states, key) && len(p.mu.states) < statesWaiting {
		p.mu.states = append(p.mu.states, key)
	}
	p.mu.Unlock()
	p.signal()
}

// data asks for the columns to be written that are held of an imported block.
func (p *persister) data(root types.Root) {
	p.mu.Lock()
	if !slices.Contains(p.mu.data, root) && len(p.mu.data) < statesWaiting {
		p.mu.data = append(p.mu.data, root)
	}
	p.mu.Unlock()
	p.signal()
}

// forkChoice asks for fork choice to be written, and for the disk to follow finality if final is not nil. A later job takes the
// place of one that waits, and its finalized blocks are added to that one's.
func (p *persister) forkChoice(job forkChoiceJob) {
	p.mu.Lock()
	if earlier := p.mu.fc; earlier != nil && earlier.final != nil {
		if job.final == nil {
			job.final = earlier.final
		} else {
			job.final.canonical = append(earlier.final.canonical, job.final.canonical[1:]...)
			job.final.orphans = append(earlier.final.orphans, job.final.orphans...)
		}
	}
	p.mu.fc = &job
	p.mu.Unlock()
	p.signal()
}

func (p *persister) run(ctx context.Context) error {
	for {
		select {
		case <-p.wake:
			if err := p.work(ctx); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// work does all that has been asked for. States go first: a finalized checkpoint's is among them. Fork choice goes before what
// finality deletes, so that no start finds a block in fork choice that is gone from disk.
func (p *persister) work(ctx context.Context) error {
	for ctx.Err() == nil {
		p.mu.Lock()
		states, data, fc := p.mu.states, p.mu.data, p.mu.fc
		p.mu.states, p.mu.data, p.mu.fc = nil, nil, nil
		p.mu.Unlock()
		if len(states)+len(data) == 0 && fc == nil {
			return nil
		}
		for _, key := range states {
			if err := p.writeState(key, nil); err != nil {
				return err
			}
		}
		for _, root := range data {
			if err := p.writeData(root); err != nil {
				return err
			}
		}
		if fc == nil {
			continue
		}
		if err := p.writeForkChoice(fc); err != nil {
			return err
		}
		orphans := types.Slot(0)
		if fc.final != nil {
			if err := p.followFinality(fc.final); err != nil {
				return err
			}
			orphans = fc.final.canonical[len(fc.final.canonical)-1].slot + 1
		}
		if err := p.prune(orphans); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// writeState writes a state as a difference to the base; nil for one that is to be looked for. A block that is gone by now needs none.
func (p *persister) writeState(key store.StateKey, s *transition.State) error {
	c := p.chain
	if c.stored.has(key) {
		return nil
	}
	if s == nil {
		s = c.states.latest(key.Root, key.Slot)
	}
	if s == nil || s.Slot != key.Slot {
		if c.index.get(key.Root) == nil {
			return nil
		}
		var err error
		if s, err = c.stateAt(context.Background(), key.Root, key.Slot, true); err != nil {
			if errors.Is(err, ErrUnknownBlock) {
				return nil
			}
			return fmt.Errorf("state of slot %d to write: %w", key.Slot, err)
		}
		if _, err = s.Freeze(); err != nil {
			return err
		}
	}
	base, batch := p.base.Load(), c.store.NewBatch()
	if err := batch.PutStateDiff(key, s.BeaconState, base.key, base.state.BeaconState); err != nil {
		return fmt.Errorf("write state of slot %d: %w", key.Slot, err)
	}
	if err := batch.Commit(false); err != nil {
		return fmt.Errorf("write state of slot %d: %w", key.Slot, err)
	}
	c.stored.add(key)
	return nil
}

// writeData writes what is held of the data of a block that is imported already.
func (p *persister) writeData(root types.Root) error {
	c := p.chain
	b := c.index.get(root)
	if b == nil || c.spec.gloasAt(b.Slot) && !b.PayloadKnown() {
		return nil
	}
	if c.uncommitted.get(root) != nil {
		return nil // its commit takes what is held; what comes after that is asked for again when it is done
	}
	var signature types.BLSSignature
	if !c.spec.gloasAt(b.Slot) {
		signed, err := c.store.Block(root)
		if err != nil {
			c.log.Error("data that came late is not kept: its block cannot be read", "slot", b.Slot, "block", root, "error", err)
			c.data.take(root)
			return nil
		}
		signature = signed.Signature
	}
	batch := c.store.NewBatch()
	if err := c.putData(batch, c.contextAt(b.Slot), BlockID{b.Slot, root}, signature, c.data.take(root)); err != nil {
		return errors.Join(err, batch.Discard())
	}
	return batch.Commit(false)
}

// writeForkChoice replaces fork choice on disk and drops the journal that it makes superfluous, in one batch. With a finalized
// checkpoint, the batch has what a start goes by: the checkpoint and the chain up to it.
func (p *persister) writeForkChoice(job *forkChoiceJob) error {
	c := p.chain
	batch := c.store.NewBatch()
	if err := batch.PutForkChoice(job.data); err != nil {
		return fmt.Errorf("write fork choice: %w", err)
	}
	if err := batch.DropJournal(job.journal); err != nil {
		return fmt.Errorf("drop journal: %w", err)
	}
	if job.final != nil {
		for _, b := range job.final.canonical {
			batch.PutCanonical(b.slot, b.root)
		}
		batch.PutFinalized(job.final.checkpoint)
	}
	if err := batch.Commit(true); err != nil {
		return fmt.Errorf("write fork choice: %w", err)
	}
	// Keys that were decompressed since, of which a process that is killed would have to do without the next time.
	if err := c.env.Keys.Flush(); err != nil {
		c.log.Warn("the cache of public keys cannot be written, the next start may have to decompress them again; check the disk", "error", err)
	}
	return nil
}

// followFinality moves the chain up to a finalized checkpoint from what changes to what stays: old states become cold ones, what
// lost is deleted. If the process ends in the middle the next finalized checkpoint finds the rest.
func (p *persister) followFinality(job *finalJob) error {
	c := p.chain
	if err := p.writeState(job.state, job.frozen); err != nil {
		return err
	}
	if err := p.moveToCold(job); err != nil {
		return err
	}
	// Where the state was neither in memory nor can be computed, as finality has moved on meanwhile, a later one becomes the base.
	if c.stored.has(job.state) && c.epochOf(job.state.Slot) >= c.epochOf(p.base.Load().key.Slot)+c.cfg.BaseEpochs {
		if err := p.rebase(job.state); err != nil {
			return err
		}
	}
	base, batch := p.base.Load().key, c.store.NewBatch()
	for _, orphan := range job.orphans {
		if err := batch.DeleteBlock(orphan.slot, orphan.root); err != nil {
			return err
		}
	}
	for _, key := range c.stored.before(job.state.Slot) {
		if key == base || key == job.state {
			continue
		}
		batch.DeleteState(key)
		c.stored.remove(key)
	}
	for _, orphan := range job.orphans {
		for _, key := range c.stored.of(orphan.root) {
			if key != base {
				batch.DeleteState(key)
				c.stored.remove(key)
			}
		}
	}
	if err := batch.Commit(false); err != nil {
		return fmt.Errorf("delete what finality ruled out: %w", err)
	}
	return nil
}

// pruneSteps is how many small steps of pruning an epoch takes. What is left the next one goes on with.
const pruneSteps = 32

// prune deletes data and blocks that nobody has to serve any more, and blocks of earlier slots than orphans that are not on the finalized chain: a
// crash may have left some.
func (p *persister) prune(orphans types.Slot) error {
	c := p.chain
	spec, now := c.cfg.Spec, c.clock.CurrentEpoch()
	first := func(keep uint64) types.Slot { return c.startOf(now - min(now, types.Epoch(keep))) }
	// Without finality nothing is too old: a start may have to go back to the base and needs all after it.
	blocks := min(first(uint64(spec.ComputeMinEpochsForBlockRequests())), p.base.Load().state.LatestBlockHeader.Slot)
	left, err := c.store.Prune(context.Background(), store.Retention{
		Columns:  first(uint64(spec.MinEpochsForDataColumnSidecarsRequests)),
		Blobs:    first(uint64(spec.MinEpochsForBlobSidecarsRequests)),
		Orphans:  orphans,
		Blocks:   blocks,
		MaxSteps: pruneSteps,
	})
	if err != nil {
		return fmt.Errorf("prune: %w", err)
	}
	if left > 0 {
		c.log.Debug("more is left to prune", "kinds", left)
	}
	return nil
}

// moveToCold keeps the states of the finalized chain at the slots that the hierarchy of cold states has.
func (p *persister) moveToCold(job *finalJob) error {
	c := p.chain
	for _, b := range job.canonical {
		for _, key := range c.stored.of(b.root) {
			if key.Slot > job.state.Slot || !c.store.IsColdSlot(key.Slot) {
				continue
			}
			s, err := c.loadState(key)
			if err != nil {
				c.log.Error("a state cannot be kept for good", "slot", key.Slot, "error", err)
				continue
			}
			if err := c.store.PutColdState(key.Slot, s.BeaconState); errors.As(err, new(*store.DamagedError)) {
				c.log.Error("a state cannot be kept for good", "slot", key.Slot, "error", err)
			} else if err != nil {
				return fmt.Errorf("write cold state of slot %d: %w", key.Slot, err)
			}
		}
	}
	return nil
}

// rebase writes a finalized state whole. Others are kept as differences to it from now on; what was kept as a difference to the
// old base is written anew, and the old base goes.
func (p *persister) rebase(key store.StateKey) error {
	c := p.chain
	s, err := c.loadState(key)
	if errors.As(err, new(*store.DamagedError)) {
		c.log.Error("a finalized state on disk cannot be read, the next one becomes the base of others", "slot", key.Slot, "error", err)
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the new base of states: %w", err)
	}
	if _, err := s.Freeze(); err != nil {
		return err
	}
	batch := c.store.NewBatch()
	if err := batch.PutState(key, s.BeaconState); err != nil {
		return err
	}
	if err := batch.Commit(true); err != nil {
		return fmt.Errorf("write the new base of states: %w", err)
	}
	for _, other := range c.stored.all() {
		if other == key || other.Slot < key.Slot {
			continue
		}
		state, err := c.loadState(other)
		if errors.As(err, new(*store.DamagedError)) { // an older one and more blocks lead to the same state
			c.log.Error("a state on disk cannot be read, it is left out", "slot", other.Slot, "block", other.Root, "error", err)
			c.stored.remove(other)
			continue
		}
		if err != nil {
			return fmt.Errorf("read state of slot %d: %w", other.Slot, err)
		}
		if _, err := state.Freeze(); err != nil {
			return err
		}
		batch := c.store.NewBatch()
		if err := batch.PutStateDiff(other, state.BeaconState, key, s.BeaconState); err != nil {
			return err
		}
		if err := batch.Commit(false); err != nil {
			return err
		}
	}
	old := p.base.Load().key
	c.setBase(key, s)
	batch = c.store.NewBatch()
	batch.PutBase(key)
	batch.DeleteState(old)
	c.stored.remove(old)
	return batch.Commit(true)
}

// save writes what is in memory to disk, at the end.
func (c *Chain) save() error {
	if c.w.fatal != nil {
		return nil
	}
	// The writer has ended: what it left in its inbox was not acknowledged, and its state is free to be read.
	c.saveForkChoice(nil)
	if head := c.w.headBlock; head != nil {
		c.persist.state(store.StateKey{Root: head.Root, Slot: head.Slot})
	}
	if err := c.persist.work(context.Background()); err != nil {
		return fmt.Errorf("save the chain: %w", err)
	}
	return nil
}

// storedStates is which states are on disk, by block.
type storedStates struct {
	mu struct {
		sync.Mutex
		slots map[types.Root][]types.Slot
	}
}

func newStoredStates() *storedStates {
	s := &storedStates{}
	s.mu.slots = map[types.Root][]types.Slot{}
	return s
}

func (s *storedStates) add(key store.StateKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Contains(s.mu.slots[key.Root], key.Slot) {
		s.mu.slots[key.Root] = append(s.mu.slots[key.Root], key.Slot)
	}
}

func (s *storedStates) remove(key store.StateKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	left := slices.DeleteFunc(s.mu.slots[key.Root], func(slot types.Slot) bool { return slot == key.Slot })
	if len(left) == 0 {
		delete(s.mu.slots, key.Root)
		return
	}
	s.mu.slots[key.Root] = left
}

func (s *storedStates) has(key store.StateKey) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Contains(s.mu.slots[key.Root], key.Slot)
}

// latest is the last slot up to one at which a state of a block is on disk.
func (s *storedStates) latest(root types.Root, slot types.Slot) (best types.Slot, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, have := range s.mu.slots[root] {
		if have <= slot && (!ok || have > best) {
			best, ok = have, true
		}
	}
	return best, ok
}

// first is the earliest slot at which a state of a block is on disk.
func (s *storedStates) first(root types.Root) (types.Slot, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.mu.slots[root]) == 0 {
		return 0, false
	}
	return slices.Min(s.mu.slots[root]), true
}

// of is the states on disk of a block.
func (s *storedStates) of(root types.Root) (keys []store.StateKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, slot := range s.mu.slots[root] {
		keys = append(keys, store.StateKey{Root: root, Slot: slot})
	}
	return keys
}

// before is the states on disk of earlier slots.
func (s *storedStates) before(slot types.Slot) []store.StateKey {
	return slices.DeleteFunc(s.all(), func(key store.StateKey) bool { return key.Slot >= slot })
}

// count is how many states are on disk.
func (s *storedStates) count() int { return len(s.all()) }

// all is the states on disk.
func (s *storedStates) all() (keys []store.StateKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, root := range slices.Collect(maps.Keys(s.mu.slots)) {
		for _, slot := range s.mu.slots[root] {
			keys = append(keys, store.StateKey{Root: root, Slot: slot})
		}
	}
	return keys
}
