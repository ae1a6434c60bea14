package chain

import (
	"context"
	"errors"
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/simnet"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/store"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/forkchoice"
)

// Between the moment that a checkpoint is taken out of memory and the one that the index on disk has the chain up to it, every block is found on disk, and
// genesis, which has none.
func TestTheCanonicalChainIsFoundWithoutMemoryAndIndex(t *testing.T) {
	t.Parallel()
	w := newWorld(t, params.Electra, nil)
	tips := []simnet.Tip{w.net.Genesis()}
	for slot := types.Slot(1); slot <= 4; slot++ {
		tips = append(tips, w.step(tips[slot-1], slot, nil))
	}
	s := &Snapshot{Head: &Block{Block: w.Snapshot().Head.Block}} // without a parent in memory
	for _, want := range tips {
		if have, err := w.CanonicalAt(s, want.Slot); err != nil || have != (store.SlotRoot{Slot: want.Slot, Root: want.Root}) {
			t.Errorf("slot %d has %v, %v; want %v", want.Slot, have, err, want.Root)
		}
	}
}

// At any moment, while finality moves from memory to the disk too, the block of every slot is found, and the state of every slot that is
// finalized is the one that it was.
func TestTheCanonicalChainIsWholeAtAnyMoment(t *testing.T) {
	t.Parallel()
	for _, fork := range []params.Fork{params.Electra, params.Gloas} {
		t.Run(fork.String(), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, fork, nil)
			tips := []simnet.Tip{w.net.Genesis()}
			var votes []types.Attestation
			last := func(slot types.Slot) simnet.Tip {
				for i := len(tips) - 1; ; i-- {
					if tips[i].Slot <= slot {
						return tips[i]
					}
				}
			}
			for slot := types.Slot(1); slot <= 43; slot++ {
				if slot == 12 || slot == 16 || slot == 17 {
					continue
				}
				tip := w.step(tips[len(tips)-1], slot, votes)
				var err error
				votes, err = w.net.Votes(tip, slot, simnet.Everyone)
				check(t, err)
				tips = append(tips, tip)
				s := w.Snapshot()
				for at := range slot + 1 {
					want := last(at)
					if have, err := w.CanonicalAt(s, at); err != nil || have != (store.SlotRoot{Slot: want.Slot, Root: want.Root}) {
						t.Fatalf("head at %d: slot %d has %v, %v; want %v of slot %d", slot, at, have, err, want.Root, want.Slot)
					}
				}
			}
			s := w.Snapshot()
			if s.FinalizedSlot < 24 {
				t.Fatalf("finalized is slot %d", s.FinalizedSlot)
			}
			w.until("finality is on disk", func() bool {
				on, err := w.store.Finalized()
				return err == nil && on == s.Finalized
			})
			head := tips[len(tips)-1].State
			for slot := range s.FinalizedSlot {
				at, err := w.CanonicalAt(s, slot)
				check(t, err)
				if w.Block(at.Root) != nil {
					continue
				}
				state, err := w.HistoricState(context.Background(), at, slot)
				check(t, err)
				root, err := state.HashTreeRoot()
				check(t, err)
				if want := head.StateRoots.At(int(uint64(slot) % w.net.Spec().SlotsPerHistoricalRoot)); root != want || state.Slot != slot {
					t.Errorf("the state of slot %d has root %v of slot %d, want %v", slot, root, state.Slot, want)
				}
			}
			if _, err := w.HistoricState(context.Background(), store.SlotRoot{Slot: 3, Root: types.Root{9}}, 3); !errors.Is(err, ErrUnknownBlock) {
				t.Errorf("the state of a block that there never was: %v", err)
			}
		})
	}
}

// What is older than the block that a chain was started from is unknown, and the blocks that decide duties are known all the same.
func TestAChainFromACheckpointKnowsWhatDecidesDuties(t *testing.T) {
	t.Parallel()
	c, r := historyOf(t, "fulu", 120)
	s := c.Snapshot()
	if _, err := c.CanonicalAt(s, r.Blocks[50].Message.Slot); !errors.Is(err, ErrUnknownBlock) {
		t.Errorf("a block of before the checkpoint: %v", err)
	}
	if _, err := c.HistoricState(context.Background(), store.SlotRoot{Slot: 50, Root: types.Root{1}}, 50); !errors.Is(err, ErrUnknownBlock) {
		t.Errorf("a state of before the checkpoint: %v", err)
	}
	epoch := c.epochOf(s.Head.Slot)
	for e := epoch; e <= epoch+1; e++ {
		slot, _ := c.decisionSlot(e)
		want := types.Root{}
		for i, b := range r.Blocks {
			if b.Message.Slot <= slot {
				want = r.Blocks[i+1].Message.ParentRoot
			}
		}
		if have := c.dutyRoot(s.Head, e); have != want {
			t.Errorf("epoch %d is decided by %v, want %v", e, have, want)
		}
	}
}

// Fork choice can be looked at: every block once, with the nodes that it can be built on.
func TestTheTreeHasEveryBlockOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, params.Gloas, nil)
	genesis := w.net.Genesis()
	a := w.step(genesis, 1, nil)
	block, b, err := w.net.Block(genesis, 2, nil, "empty")
	check(t, err)
	w.at(2, 100)
	if got := w.add(block, Gossip); got != Applied {
		t.Fatalf("block was %v", got)
	}
	tree, err := w.Tree(context.Background())
	check(t, err)
	want := map[types.Root]int{genesis.Root: 2, a.Root: 3, b.Root: 2} // pending and empty; the one with a payload is full too
	for _, have := range tree.Blocks {
		if len(have.Nodes) != want[have.Root] || have.Nodes[0].PayloadStatus != forkchoice.Pending {
			t.Errorf("block of slot %d has %d nodes, want %d", have.Slot, len(have.Nodes), want[have.Root])
		}
		delete(want, have.Root)
	}
	if len(want) > 0 {
		t.Errorf("%d blocks are missing", len(want))
	}
	count := 0
	for b := range w.Blocks() {
		if w.Block(b.Root) != b {
			t.Errorf("block %v is another one", b.Root)
		}
		count++
	}
	if count != 3 {
		t.Errorf("%d blocks, want 3", count)
	}
}

// A second block of a proposer and slot is found on a branch and among blocks that wait, but not if somebody else signed it.
func TestAnotherBlockOfAProposerIsFoundWhereverItIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, params.Fulu, nil)
	genesis := w.net.Genesis()
	parent, tip, err := w.net.Block(genesis, 1, nil, "")
	check(t, err)
	block, _, err := w.net.Block(tip, 2, nil, "one")
	check(t, err)
	other, otherTip, err := w.net.Block(tip, 2, nil, "another")
	check(t, err)
	w.at(2, 100)
	found := func(what string, want types.Root) {
		t.Helper()
		root, err := ssz.HashTreeRoot(w.contextAt(2), ssz.Container(&block.Message))
		check(t, err)
		if have, ok, err := w.OtherProposal(context.Background(), &block.Message, root); err != nil || have != want || ok != (want != types.Root{}) {
			t.Errorf("%s: found %v, %v, %v, want %v", what, have, ok, err, want)
		}
	}
	if got := w.add(block, Gossip); got != Deferred {
		t.Fatalf("block without its parent was %v", got)
	}
	found("it waits itself", types.Root{})
	forged := *other
	forged.Signature = block.Signature
	if got := w.add(&forged, Gossip); got != Deferred {
		t.Fatalf("block without its parent was %v", got)
	}
	found("somebody forged one", types.Root{})
	if got := w.add(other, Gossip); got != Deferred {
		t.Fatalf("block without its parent was %v", got)
	}
	found("another one waits", otherTip.Root)
	if got := w.add(parent, Gossip); got != Applied {
		t.Fatalf("parent was %v", got)
	}
	w.until("the other one is imported", func() bool { return w.Block(otherTip.Root) != nil })
	found("another one was imported", otherTip.Root)
}
