package chain

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/store"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/forkchoice"
)

// start brings the chain from disk to where it was: fork choice as it was last written whole, and the journal of what came after.
// If any of that is damaged it goes back to the last finalized state that can be read and imports the blocks after it again; what
// those need is on disk too.
func (c *Chain) start() error {
	begun, err := c.store.Begun()
	switch {
	case err != nil && !errors.As(err, new(*store.DamagedError)): // a damaged record says that there was one
		return err
	case err == nil && !begun:
		if c.cfg.Anchor == nil {
			return &NeedsOperatorError{errors.New("it is empty, and there is neither a genesis nor a checkpoint")}
		}
		if err := c.begin(c.cfg.Anchor); err != nil {
			return err
		}
		return c.firstHead()
	}
	if err = c.resume(); err == nil {
		err = c.firstHead()
	}
	if err == nil {
		return nil
	}
	c.log.Error("what is on disk cannot be gone on with, the blocks since the last good finalized state are imported again", "error", err)
	if err := c.recover(); err != nil {
		return err
	}
	if err := c.firstHead(); err != nil {
		return &NeedsOperatorError{err}
	}
	return nil
}

// firstHead runs fork choice for the first time. A start ends with a head that can be built on.
func (c *Chain) firstHead() (err error) {
	c.w.fc.OnTick(c.clock.MillisecondsSinceGenesis())
	// What the disk says may be older than what the journal has brought: the rest of that finality's work is done now.
	if c.w.finalized, err = c.store.Finalized(); err != nil {
		c.w.finalized = types.Checkpoint{}
	}
	c.w.saved = c.clock.CurrentEpoch()
	c.w.confirmed = c.clock.CurrentSlot()
	c.updateHead("start")
	if c.w.noHead {
		return errors.New("fork choice finds no head")
	}
	if c.Snapshot().state == nil {
		head := c.w.headBlock
		if _, err := c.stateAt(context.Background(), head.Root, head.Slot, true); err != nil {
			return fmt.Errorf("state of the head: %w", err)
		}
		c.publish()
	}
	return nil
}

// begin starts a chain at an anchor, in an empty store.
func (c *Chain) begin(a *Anchor) error {
	state, err := transition.NewState(a.State, c.env)
	if err != nil {
		return fmt.Errorf("anchor state: %w", err)
	}
	info, err := anchorInfo(state)
	if err != nil {
		return err
	}
	batch := c.store.NewBatch()
	if a.Block != nil {
		root, err := ssz.HashTreeRoot(c.contextAt(a.Block.Message.Slot), ssz.Container(&a.Block.Message))
		if err != nil {
			return err
		}
		if root != info.Root {
			return fmt.Errorf("anchor block is %v, the state is after %v", types.Root(root), info.Root)
		}
		if err := batch.PutBlock(root, a.Block); err != nil {
			return err
		}
	}
	key := store.StateKey{Root: info.Root, Slot: state.Slot}
	if err := batch.PutState(key, state.BeaconState); err != nil {
		return err
	}
	c.stored.add(key)
	c.setBase(key, state)
	if err := c.newForkChoice(state, info); err != nil {
		return err
	}
	batch.PutBase(key)
	batch.PutCanonical(info.Slot, info.Root)
	batch.PutOldest(info.Slot, info.ParentRoot)
	batch.PutFinalized(c.w.fc.FinalizedCheckpoint())
	batch.PutBegun(state.GenesisTime, state.GenesisValidatorsRoot)
	if err := batch.PutForkChoice(c.w.fc.Encode()); err != nil {
		return err
	}
	if err := batch.Commit(true); err != nil {
		return fmt.Errorf("begin the chain: %w", err)
	}
	return nil
}

// newForkChoice makes fork choice and index of an anchor alone.
func (c *Chain) newForkChoice(state *transition.State, info *Block) (err error) {
	if _, err = state.Freeze(); err != nil {
		return err
	}
	c.genesis = genesis{state.GenesisTime, state.GenesisValidatorsRoot}
	if err := c.states.put(info.Root, state); err != nil {
		return err
	}
	c.w.fc, err = forkchoice.New(forkchoice.Config{
		Spec: c.cfg.Spec, GenesisTime: state.GenesisTime, Anchor: info.Block, AnchorEpoch: c.epochOf(state.Slot), States: &forkStates{c},
	})
	if err != nil {
		return fmt.Errorf("fork choice: %w", err)
	}
	c.index.add(info)
	return nil
}

// anchorInfo describes the block that a state is after, from the state alone. Its payload counts as valid.
// Spec: checkpoint sync (sync/optimistic.md).
func anchorInfo(s *transition.State) (*Block, error) {
	root, err := s.HashTreeRoot()
	if err != nil {
		return nil, err
	}
	header := s.LatestBlockHeader
	if header.StateRoot == (types.Root{}) {
		header.StateRoot = root
	}
	b := &Block{Block: forkchoice.Block{
		Slot: header.Slot, Root: types.HashTreeRoot(&header), ParentRoot: header.ParentRoot, StateRoot: header.StateRoot, ProposerIndex: header.ProposerIndex,
		JustifiedCheckpoint: s.CurrentJustifiedCheckpoint, FinalizedCheckpoint: s.FinalizedCheckpoint,
	}}
	switch {
	case s.Since(params.Gloas):
		b.ExecutionParentHash, b.ExecutionBlockHash = s.LatestExecutionPayloadBid.ParentBlockHash, s.LatestExecutionPayloadBid.BlockHash
	case s.Since(params.Bellatrix):
		b.ExecutionParentHash, b.ExecutionBlockHash = s.LatestExecutionPayloadHeader.ParentHash, s.LatestExecutionPayloadHeader.BlockHash
		if b.ExecutionBlockHash != (types.Hash32{}) {
			b.Execution = forkchoice.Valid
		}
	}
	return b, nil
}

// resume reads fork choice and applies the journal.
func (c *Chain) resume() error {
	data, err := c.store.ForkChoice()
	if err != nil {
		return fmt.Errorf("read fork choice: %w", err)
	}
	if c.genesis.time, c.genesis.validatorsRoot, err = c.store.Genesis(); err != nil {
		return err
	}
	fc, err := forkchoice.Decode(forkchoice.Config{Spec: c.cfg.Spec, GenesisTime: c.genesis.time, States: &forkStates{c}}, data)
	if err != nil {
		return fmt.Errorf("decode fork choice: %w", err)
	}
	if n := fc.ForgetInvalid(); n > 0 {
		c.log.Warn("payloads that the execution client called invalid before this start are asked for again; if it says so again, look at it and at its version",
			"payloads", n)
	}
	c.w.fc = fc
	c.setBack()
	for info := range fc.Blocks() {
		b := &Block{Block: info.Block}
		c.index.add(b)
		b.payload.Store(fc.IsPayloadVerified(b.Root))
	}
	if err := c.findStates(); err != nil {
		return err
	}
	key, err := c.store.Base()
	if err != nil {
		return fmt.Errorf("read which state is the base: %w", err)
	}
	base, err := c.loadState(key)
	if err != nil {
		return fmt.Errorf("read the base of states: %w", err)
	}
	if _, err := base.Freeze(); err != nil {
		return err
	}
	c.setBase(key, base)
	if c.index.get(key.Root) != nil {
		if err := c.states.put(key.Root, base); err != nil {
			return err
		}
	}
	return c.replayJournal()
}

// findStates lists the states on disk.
func (c *Chain) findStates() error {
	for key, err := range c.store.StateKeys() {
		if err != nil {
			return fmt.Errorf("list states: %w", err)
		}
		c.stored.add(key)
	}
	return nil
}

// replayJournal tells fork choice what it was told since it was written. A block that cannot be read is left out, with what builds
// on it: it will be asked for again like one that was never here.
func (c *Chain) replayJournal() error {
	for sequence, record := range c.store.Journal(0) {
		if record.Err != nil {
			return fmt.Errorf("read journal: %w", record.Err)
		}
		c.w.journal = max(c.w.journal, sequence+1)
		r, err := decodeJournal(record.Data)
		if err != nil {
			return err
		}
		if err := c.applyRecord(r); err != nil {
			c.log.Warn("a record of the journal is left out", "record", sequence, "block", r.root, "error", err)
		}
	}
	return nil
}

func (c *Chain) applyRecord(r journalRecord) error {
	switch r.kind {
	case journalBlock:
		return c.restoreBlock(r.root, r.execution, r.arrived)
	case journalPayload:
		return c.restorePayload(r.root, r.execution)
	default:
		if err := c.w.fc.SetPayloadValid(r.root); err != nil {
			return err
		}
		c.syncExecution(c.index.get(r.root))
		return nil
	}
}

// restoreBlock imports a block from this node's own disk. Only used before the writer runs.
func (c *Chain) restoreBlock(root types.Root, execution forkchoice.Execution, arrived uint64) error {
	if c.index.get(root) != nil {
		return nil
	}
	signed, err := c.store.Block(root)
	if err != nil {
		return err
	}
	in, err := c.newIncoming(signed, Restore)
	if err != nil {
		return err
	}
	if in.root != root {
		return fmt.Errorf("block on disk has root %v, want %v", in.root, root)
	}
	in.execution, in.arrived = execution, arrived
	if _, hash := executionHashes(in.cx.Fork, &signed.Message.Body); in.cx.Fork >= params.Gloas || hash == (types.Hash32{}) {
		in.execution = forkchoice.Irrelevant // there is no payload inside
	}
	if c.index.get(signed.Message.ParentRoot) == nil {
		return fmt.Errorf("%w: %v", ErrUnknownParent, signed.Message.ParentRoot)
	}
	v, err := c.verifyBlock(context.Background(), in)
	if err != nil {
		return err
	}
	c.w.fc.OnTick(c.clock.MillisecondsSinceGenesis())
	return c.applyBlock(v)
}

// restorePayload imports a payload from this node's own disk.
func (c *Chain) restorePayload(root types.Root, execution forkchoice.Execution) error {
	b := c.index.get(root)
	if b == nil {
		return ErrUnknownBlock
	}
	if _, err := c.store.Payload(root); err != nil {
		return err
	}
	return c.payloadToForkChoice(b, execution)
}

// recover starts from the latest state on disk that can be read and belongs to the finalized chain, and imports all blocks after it
// that are on disk. What cannot be read is left out and will be asked for again. Payloads count as not verified until the execution
// client says so of the head.
func (c *Chain) recover() error {
	c.index = blockIndex{}
	c.stored = newStoredStates()
	c.states = newStateCache(c.cfg.StateBytes)
	c.balances = newBalanceCache(c)
	c.persist = newPersister(c)
	c.w = writerState{}
	if err := c.findStates(); err != nil {
		return &NeedsOperatorError{err}
	}
	state, key, err := c.lastGoodState()
	if err != nil {
		return err
	}
	info, err := anchorInfo(state)
	if err != nil {
		return err
	}
	if err := c.newForkChoice(state, info); err != nil {
		return &NeedsOperatorError{err}
	}
	// The state becomes the base: what others were kept as a difference to may be what is damaged.
	batch := c.store.NewBatch()
	if err := batch.PutState(key, state.BeaconState); err != nil {
		return err
	}
	for _, other := range c.stored.all() {
		if other != key {
			batch.DeleteState(other)
			c.stored.remove(other)
		}
	}
	batch.PutBase(key)
	batch.PutBegun(state.GenesisTime, state.GenesisValidatorsRoot)
	c.stored.add(key)
	c.setBase(key, state)
	if c.spec.gloasAt(info.Slot) { // like that inside an earlier block, it counts as valid
		if err := c.restorePayload(info.Root, forkchoice.Valid); err != nil && !errors.Is(err, store.ErrNotFound) {
			c.log.Warn("the payload of the block to start from is left out", "slot", info.Slot, "block", info.Root, "error", err)
		}
	}
	restored, lost := 0, 0
	for at, err := range c.store.BlockRoots(info.Slot+1, ^types.Slot(0)) {
		if err != nil {
			return &NeedsOperatorError{fmt.Errorf("list blocks: %w", err)}
		}
		if err := c.restoreBlock(at.Root, forkchoice.Optimistic, c.clock.MillisecondsSinceGenesis()); err != nil {
			lost++
			c.log.Warn("a block on disk is left out", "slot", at.Slot, "block", at.Root, "error", err)
			continue
		}
		restored++
		if err := c.restorePayload(at.Root, forkchoice.Optimistic); err != nil && !errors.Is(err, store.ErrNotFound) && c.spec.gloasAt(at.Slot) {
			c.log.Warn("a payload on disk is left out", "slot", at.Slot, "block", at.Root, "error", err)
		}
	}
	if err := batch.PutForkChoice(c.w.fc.Encode()); err != nil {
		return err
	}
	if err := batch.DropJournal(^uint64(0)); err != nil {
		return err
	}
	if err := batch.Commit(true); err != nil {
		return fmt.Errorf("write what was recovered: %w", err)
	}
	c.log.Warn("recovered from the last good state", "slot", key.Slot, "blocks", restored, "left out", lost)
	return nil
}

// lastGoodState is the latest state on disk that can be read and is of the finalized chain: a hot one, or one that is kept for good.
func (c *Chain) lastGoodState() (*transition.State, store.StateKey, error) {
	finalized, err := c.store.Finalized()
	if err != nil {
		c.log.Error("the finalized checkpoint on disk cannot be read", "error", err)
	}
	limit := c.startOf(finalized.Epoch)
	var found []candidate
	for _, key := range c.stored.all() {
		if key.Slot <= limit || key.Root == finalized.Root {
			found = append(found, candidate{key: key})
		}
	}
	for slot, err := range c.store.ColdSlots() {
		if err != nil {
			return nil, store.StateKey{}, fmt.Errorf("list cold states: %w", err)
		}
		if slot <= limit {
			found = append(found, candidate{store.StateKey{Slot: slot}, true})
		}
	}
	slices.SortStableFunc(found, func(a, b candidate) int { return cmp.Compare(b.key.Slot, a.key.Slot) })
	for _, f := range found {
		s, key, err := c.loadCandidate(f)
		if err != nil {
			c.log.Error("a state on disk cannot be started from", "slot", f.key.Slot, "block", f.key.Root, "cold", f.cold, "error", err)
			continue
		}
		return s, key, nil
	}
	return nil, store.StateKey{}, &NeedsOperatorError{fmt.Errorf("none of %d states up to slot %d can be read", len(found), limit)}
}

// candidate is a state on disk that a start may go back to. A cold one is known by its slot alone.
type candidate struct {
	key  store.StateKey
	cold bool
}

func (c *Chain) loadCandidate(f candidate) (s *transition.State, key store.StateKey, err error) {
	if key = f.key; !f.cold {
		s, err = c.loadState(key)
	} else {
		var b *types.BeaconState
		if b, err = c.store.ColdState(key.Slot); err == nil {
			s, err = transition.NewState(b, c.env)
		}
		if err == nil {
			var info *Block
			if info, err = anchorInfo(s); err == nil {
				key.Root = info.Root
			}
		}
	}
	if err == nil {
		err = c.isFinalized(s, key)
	}
	if err == nil {
		_, err = s.Freeze()
	}
	return s, key, err
}

// isFinalized checks that a state is what its key says and on the finalized chain.
func (c *Chain) isFinalized(s *transition.State, key store.StateKey) error {
	info, err := anchorInfo(s)
	if err != nil {
		return err
	}
	if info.Root != key.Root || s.Slot != key.Slot {
		return fmt.Errorf("state is of block %v at slot %d, its key says %v at %d", info.Root, s.Slot, key.Root, key.Slot)
	}
	root, err := c.store.CanonicalRoot(info.Slot)
	if err != nil {
		return err
	}
	if root != info.Root {
		return fmt.Errorf("block %v of slot %d is not on the finalized chain, %v is", info.Root, info.Slot, root)
	}
	// A checkpoint is the last block up to the start of its epoch: where that slot has a block, a state of an earlier one that was
	// advanced to it would rule that block out.
	if at, err := c.store.CanonicalRoot(s.Slot); err == nil && at != info.Root {
		return fmt.Errorf("state of block %v was advanced over block %v of slot %d", info.Root, at, s.Slot)
	}
	return nil
}
