package chain

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/cresset/cresset/beacon/bls"
	"github.com/cresset/cresset/beacon/store"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/forkchoice"
)

// Blocks goes over all imported blocks that descend from the finalized one, with it, in no order.
func (c *Chain) Blocks() iter.Seq[*Block] {
	return func(yield func(*Block) bool) {
		c.index.blocks.Range(func(_, b any) bool { return yield(b.(*Block)) })
	}
}

// OtherProposal finds a block of the same proposer and slot as a block that has a root: on any branch, or among those that wait for something and that the proposer has
// signed. False if there is none.
func (c *Chain) OtherProposal(ctx context.Context, block *types.BeaconBlock, root types.Root) (types.Root, bool, error) {
	for b := range c.Blocks() {
		if b.Slot == block.Slot && b.ProposerIndex == block.ProposerIndex && b.Root != root {
			return b.Root, true, nil
		}
	}
	waiting := c.deferred.blocks(func(item *deferredItem) bool {
		return item.slot == block.Slot && item.block.Message.ProposerIndex == block.ProposerIndex
	})
	delete(waiting, root)
	if len(waiting) == 0 {
		return types.Root{}, false, nil
	}
	head, err := c.HeadState(ctx, c.Snapshot())
	if err != nil {
		return types.Root{}, false, err
	}
	for other, signed := range waiting {
		if c.verifyProposer(head, other, signed) == nil {
			return other, true, nil
		}
	}
	return types.Root{}, false, nil
}

// VerifyProposer checks the signature of a block that has a root, by a validator of the head's state, and nothing else. An error is ErrStateBusy, or
// says what is wrong.
func (c *Chain) VerifyProposer(ctx context.Context, signed *types.SignedBeaconBlock, root types.Root) error {
	head, err := c.HeadState(ctx, c.Snapshot())
	if err != nil {
		return err
	}
	return c.verifyProposer(head, root, signed)
}

func (c *Chain) verifyProposer(registry *transition.State, root types.Root, signed *types.SignedBeaconBlock) error {
	set, err := c.proposerSet(registry, c.contextAt(signed.Message.Slot), root, signed)
	if err != nil {
		return err
	}
	return bls.VerifyBatch([]bls.Set{set})
}

// WaitsForEngine finds the oldest block on top of another one that only lacks an answer of the execution client, and gives its slot; false if there is none.
func (c *Chain) WaitsForEngine(below *Block) (oldest types.Slot, waits bool) {
	for root, signed := range c.deferred.blocks(func(item *deferredItem) bool { return item.what.kind == waitEngine && item.slot > below.Slot }) {
		parent := c.index.get(signed.Message.ParentRoot)
		if parent == nil || parent.AncestorAt(below.Slot) != below || c.index.get(root) != nil { // it came on another way
			continue
		}
		if slot := signed.Message.Slot; !waits || slot < oldest {
			oldest, waits = slot, true
		}
	}
	return oldest, waits
}

// Tree is fork choice at one moment.
type Tree struct {
	Justified, Finalized types.Checkpoint
	// Blocks is all blocks with their nodes: one each until Gloas, from then on pending, empty and, once the payload is verified, full.
	Blocks []TreeBlock
}

// TreeBlock is a block of fork choice.
type TreeBlock struct {
	forkchoice.Block
	Nodes []forkchoice.NodeInfo
}

// Tree copies fork choice for whoever wants to look at it. It waits for its turn behind the votes.
func (c *Chain) Tree(ctx context.Context) (*Tree, error) {
	t, err := ask(ctx, c, c.inbox.votes, func() (*Tree, error) {
		nodes, err := c.w.fc.Nodes()
		if err != nil {
			return nil, err
		}
		t := &Tree{Justified: c.w.fc.JustifiedCheckpoint(), Finalized: c.w.fc.FinalizedCheckpoint()}
		for _, n := range nodes {
			if last := len(t.Blocks) - 1; last >= 0 && t.Blocks[last].Root == n.Root {
				t.Blocks[last].Nodes = append(t.Blocks[last].Nodes, n)
				continue
			}
			info, _ := c.w.fc.Block(n.Root)
			t.Blocks = append(t.Blocks, TreeBlock{info.Block, []forkchoice.NodeInfo{n}})
		}
		return t, nil
	})
	if err != nil {
		return nil, fmt.Errorf("look at fork choice: %w", err)
	}
	return t, nil
}

// maxBetween bounds the blocks between memory and the index of the finalized chain on disk.
const maxBetween = 4096

// CanonicalAt finds the last block up to a slot on a snapshot's chain: in memory as far as that is not finalized, on disk below. It gives
// ErrUnknownBlock where that is older than the oldest block.
func (c *Chain) CanonicalAt(s *Snapshot, slot types.Slot) (store.SlotRoot, error) {
	oldest := s.Head
	for b := s.Head; b != nil; b = b.Parent() {
		if b.Slot <= slot {
			return store.SlotRoot{Slot: b.Slot, Root: b.Root}, nil
		}
		oldest = b
	}
	// A checkpoint is taken out of memory before the index on disk has the chain up to it.
	root := oldest.ParentRoot
	for range maxBetween {
		at, err := c.store.SlotOf(root)
		if errors.Is(err, store.ErrNotFound) { // of an anchor without a block, as genesis is, the index alone knows
			if anchor, err := c.store.LastCanonical(slot); err != nil || anchor.Root == root {
				return anchor, unknown(err)
			}
		}
		if err != nil {
			return store.SlotRoot{}, unknown(err)
		}
		if at <= slot {
			return store.SlotRoot{Slot: at, Root: root}, nil
		}
		indexed, err := c.store.CanonicalRoot(at)
		if err == nil && indexed == root {
			found, err := c.store.LastCanonical(slot)
			return found, unknown(err)
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return store.SlotRoot{}, err
		}
		block, err := c.store.Block(root)
		if err != nil {
			return store.SlotRoot{}, unknown(err)
		}
		root = block.Message.ParentRoot
	}
	return store.SlotRoot{}, fmt.Errorf("blocks between memory and the index of the finalized chain: more than %d", maxBetween)
}

// unknown turns what is not on disk into a block that is unknown.
func unknown(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return ErrUnknownBlock
	}
	return err
}

// maxReplay is how many blocks are applied again to a state that is kept for good. With the states that a node keeps it is far more than lie
// between two of them.
const maxReplay = 2048

// HistoricState gives a state of its own to whoever reads: the one after a block of the finalized chain that is not in memory any more, advanced
// to a slot. It is computed from the last state that is kept for good, behind the gate of all regenerations, without haste and with the
// caller's patience. It gives ErrUnknownBlock where no such state is kept.
func (c *Chain) HistoricState(ctx context.Context, at store.SlotRoot, slot types.Slot) (*transition.State, error) {
	frozen, err := c.gate.do(ctx, flightKey{at.Root, c.epochOf(slot)}, false, func() (*transition.State, error) { return c.replayHistory(at) })
	if err != nil {
		return nil, fmt.Errorf("state of slot %d: %w", slot, err)
	}
	s := frozen.Copy()
	if s.Slot < slot {
		err = transition.ProcessSlots(s, slot)
	}
	return s, err
}

// replayHistory computes the state after a block of the finalized chain.
func (c *Chain) replayHistory(at store.SlotRoot) (*transition.State, error) {
	base, err := c.store.ColdState(at.Slot)
	if err != nil {
		return nil, unknown(err)
	}
	s, err := transition.NewState(base, c.env)
	if err != nil {
		return nil, err
	}
	have, err := latestBlock(s)
	if err != nil {
		return nil, err
	}
	// A state at the slot of a block may be the one before it.
	var blocks []*types.SignedBeaconBlock
	for root := at.Root; root != have.Root; {
		if len(blocks) == maxReplay {
			return nil, fmt.Errorf("more than %d blocks lie between slot %d and the state of slot %d that is kept: %w", maxReplay, at.Slot, s.Slot, ErrUnknownBlock)
		}
		block, err := c.store.Block(root)
		if err != nil {
			return nil, unknown(err)
		}
		if block.Message.Slot <= have.Slot {
			return nil, fmt.Errorf("the state of slot %d that is kept is after block %v, which block %v does not build on", s.Slot, have.Root, at.Root)
		}
		blocks = append(blocks, block)
		root = block.Message.ParentRoot
	}
	for _, block := range slices.Backward(blocks) {
		if c.gate.closed.Load() {
			return nil, ErrStopped
		}
		if s.Slot < block.Message.Slot {
			if err := transition.ProcessSlots(s, block.Message.Slot); err != nil {
				return nil, err
			}
		}
		if _, err := transition.ApplyBlock(s, block, transition.Hooks{}); err != nil {
			return nil, fmt.Errorf("apply block of slot %d again: %w", block.Message.Slot, err)
		}
	}
	_, err = s.Freeze()
	return s, err
}

// latestBlock is the block that a state is after.
func latestBlock(s *transition.State) (store.SlotRoot, error) {
	header := s.LatestBlockHeader
	if header.StateRoot == (types.Root{}) {
		root, err := s.HashTreeRoot()
		if err != nil {
			return store.SlotRoot{}, err
		}
		header.StateRoot = root
	}
	return store.SlotRoot{Slot: header.Slot, Root: types.HashTreeRoot(&header)}, nil
}
