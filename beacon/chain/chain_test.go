package chain

import (
	"context"
	"errors"
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/simnet"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/forkchoice"
)

func TestAChainOfEveryForkIsFollowedAndFinalizes(t *testing.T) {
	for fork := params.Phase0; fork <= params.Gloas; fork++ {
		t.Run(fork.String(), func(t *testing.T) {
			w := newWorld(t, fork, nil)
			tip, _ := w.grow(w.net.Genesis(), nil, 1, 5*8)
			w.wantHead(tip)
			s := w.Snapshot()
			if s.Finalized != tip.State.FinalizedCheckpoint || s.Finalized.Epoch != 3 {
				t.Errorf("finalized %+v, want %+v of epoch 3", s.Finalized, tip.State.FinalizedCheckpoint)
			}
			state, err := w.HeadState(context.Background(), s)
			check(t, err)
			got, err := state.HashTreeRoot()
			check(t, err)
			if want, _ := tip.State.HashTreeRoot(); got != want {
				t.Errorf("head state %v, want %v", got, want)
			}
			if fork >= params.Bellatrix {
				w.until("the execution client follows", func() bool {
					hash := tip.State.LatestExecutionPayloadHeader.BlockHash
					if fork >= params.Gloas {
						hash = tip.State.LatestExecutionPayloadBid.BlockHash
					}
					return w.mock.Head() == hash
				})
				if w.Snapshot().Optimistic {
					t.Error("the head is optimistic")
				}
			}
			if w.Block(w.net.Genesis().Root) != nil {
				t.Error("genesis is still in the tree after finality")
			}
		})
	}
}

func TestARestartFindsTheSameChain(t *testing.T) {
	for _, fork := range []params.Fork{params.Fulu, params.Gloas} {
		t.Run(fork.String(), func(t *testing.T) {
			w := newWorld(t, fork, nil)
			tip, votes := w.grow(w.net.Genesis(), nil, 1, 5*8+3)
			before := w.Snapshot()
			w.shut()
			check(t, w.open())
			w.wantHead(tip)
			after := w.Snapshot()
			if after.Finalized != before.Finalized || after.Justified != before.Justified || after.Safe != before.Safe {
				t.Errorf("after the restart %+v, before %+v", after, before)
			}
			tip, _ = w.grow(tip, votes, 5*8+4, 7*8)
			w.wantHead(tip)
			if w.Snapshot().Finalized.Epoch != 5 {
				t.Errorf("finalized epoch %d, want 5", w.Snapshot().Finalized.Epoch)
			}
		})
	}
}

// A clock that was days ahead is put right: the chain goes on with the slots that it had passed, finalizes, and is found again by the next start.
func TestTheClockIsSetBack(t *testing.T) {
	for _, fork := range []params.Fork{params.Fulu, params.Gloas} {
		t.Run(fork.String(), func(t *testing.T) {
			w := newWorld(t, fork, nil)
			tip, votes := w.grow(w.net.Genesis(), nil, 1, 12)
			w.at(10_000, 0)
			w.time.SetBack(w.clock.StartOf(12))
			w.time.Set(w.clock.StartOf(13))
			w.until("the slots begin again", func() bool { return w.Snapshot().Slot == 13 })
			tip, votes = w.grow(tip, votes, 14, 5*8)
			w.wantHead(tip)
			if got := w.Snapshot().Finalized.Epoch; got != 3 {
				t.Errorf("finalized epoch %d, want 3", got)
			}
			w.shut()
			check(t, w.open())
			w.wantHead(tip)
			tip, _ = w.grow(tip, votes, 5*8+1, 7*8)
			w.wantHead(tip)
			if got := w.Snapshot().Finalized.Epoch; got != 5 {
				t.Errorf("finalized epoch %d, want 5", got)
			}
		})
	}
}

// Once a clock that was ahead is put right, votes that come alone count again, blocks that come in time are boosted, and the fast confirmation rule
// runs: at once where the node runs, and where it is started then.
func TestAClockThatWasAheadSpoilsNothing(t *testing.T) {
	t.Parallel()
	for _, fork := range []params.Fork{params.Fulu, params.Gloas} {
		for name, end := range map[string]func(*world){"runs": nil, "ended in order": (*world).shut, "killed": (*world).crash} {
			t.Run(fork.String()+" "+name, func(t *testing.T) {
				w := newWorld(t, fork, nil)
				base, votes := w.grow(w.net.Genesis(), nil, 1, 12)
				w.at(10_000, 0)
				base = w.step(base, 13, votes) // which arrives in slot 10,000
				if end != nil {
					end(w)
				}
				w.time.SetBack(w.clock.StartOf(13))
				w.time.Set(w.clock.StartOf(14))
				if end != nil {
					check(t, w.open())
				}
				w.until("the slots begin again", func() bool { return w.Snapshot().Slot == 14 })
				w.wantHead(base)
				check(t, w.do(context.Background(), w.inbox.urgent, func() {
					if got := w.w.fc.GetCurrentSlot(); got != 14 {
						t.Errorf("fork choice is in slot %d, want 14", got)
					}
				}))
				events := w.Subscribe(64)
				a := w.step(base, 15, nil)
				if got := w.Snapshot().Boosted; got != a.Root {
					t.Errorf("the first block in time, %v, is not boosted, %v is", a.Root, got)
				}
				b := w.step(base, 16, nil)
				if got := w.Snapshot().Boosted; got != b.Root {
					t.Errorf("the second block in time, %v, is not boosted, %v is", b.Root, got)
				}
				w.at(17, 0)
				loser := a
				if w.Snapshot().Head.Root == a.Root {
					loser = b
				}
				w.vote(loser, 17, simnet.Everyone)
				w.at(18, 0)
				w.wantHead(loser)
				confirmed := map[types.Slot]bool{}
				for len(events.C) > 0 {
					if e, ok := (<-events.C).(ConfirmedEvent); ok {
						confirmed[e.CurrentSlot] = true
					}
				}
				if !confirmed[15] || !confirmed[17] {
					t.Errorf("the fast confirmation rule has run in slots %v", confirmed)
				}
			})
		}
	}
}

func TestASegmentIsImportedWithAllItsSignaturesInOneBatch(t *testing.T) {
	w := newWorld(t, params.Fulu, nil)
	tip := w.net.Genesis()
	var blocks []*types.SignedBeaconBlock
	var votes []types.Attestation
	for slot := types.Slot(1); slot <= 40; slot++ {
		block, next, err := w.net.Block(tip, slot, votes, "")
		check(t, err)
		blocks, tip = append(blocks, block), next
		votes, err = w.net.Votes(tip, slot, simnet.Everyone)
		check(t, err)
	}
	w.at(42, 0)
	n, err := w.ImportSegment(context.Background(), blocks[:24], RangeSync)
	check(t, err)
	if n != 24 {
		t.Fatalf("%d of 24 blocks", n)
	}
	// A wrong signature in the middle: nothing of the run is imported, and the error says of which slot it is.
	wrong := *blocks[30]
	wrong.Signature = blocks[31].Signature
	bad := append(append([]*types.SignedBeaconBlock{}, blocks[20:30]...), &wrong)
	bad = append(bad, blocks[31:]...)
	n, err = w.ImportSegment(context.Background(), bad, RangeSync)
	if err == nil || n != 4 {
		t.Fatalf("a wrong signature: %d blocks, error %v", n, err)
	}
	t.Log(err)
	n, err = w.ImportSegment(context.Background(), blocks[20:], RangeSync)
	check(t, err)
	if n != 20 {
		t.Fatalf("%d of 20 blocks", n)
	}
	w.wantHead(tip)
	if w.Snapshot().Finalized.Epoch != 3 {
		t.Errorf("finalized epoch %d, want 3", w.Snapshot().Finalized.Epoch)
	}
}

func TestABlockWaitsForItsParent(t *testing.T) {
	w := newWorld(t, params.Fulu, nil)
	a, tipA, err := w.net.Block(w.net.Genesis(), 1, nil, "")
	check(t, err)
	b, tipB, err := w.net.Block(tipA, 2, nil, "")
	check(t, err)
	c, tipC, err := w.net.Block(tipB, 3, nil, "")
	check(t, err)
	w.at(3, 100)
	if got := w.add(c, Gossip); got != Deferred {
		t.Fatalf("block without its parent was %v", got)
	}
	if got := w.add(b, Gossip); got != Deferred {
		t.Fatalf("block without its parent was %v", got)
	}
	if _, err := w.ImportBlock(context.Background(), b, RangeSync); !errors.Is(err, ErrUnknownParent) {
		t.Fatalf("range sync got %v, want %v", err, ErrUnknownParent)
	}
	if got := w.add(a, Gossip); got != Applied {
		t.Fatalf("the parent was %v", got)
	}
	w.until("the children follow", func() bool { return w.Snapshot().Head.Root == tipC.Root })
	if got := w.add(b, Gossip); got != Known {
		t.Errorf("a block imported before was %v", got)
	}
	if items, bytes := w.deferred.size(); items != 0 || bytes != 0 {
		t.Errorf("%d items of %d bytes still wait", items, bytes)
	}
}

func TestABlockWaitsForItsSlot(t *testing.T) {
	w := newWorld(t, params.Fulu, nil)
	block, tip, err := w.net.Block(w.net.Genesis(), 2, nil, "")
	check(t, err)
	w.at(1, 900)
	if got := w.add(block, Gossip); got != Deferred {
		t.Fatalf("a block of the next slot was %v", got)
	}
	w.at(2, 0)
	w.until("its slot begins", func() bool { return w.Snapshot().Head.Root == tip.Root })
}

func TestAWrongSignatureDoesNotCondemnTheBlock(t *testing.T) {
	w := newWorld(t, params.Fulu, nil)
	block, tip, err := w.net.Block(w.net.Genesis(), 1, nil, "")
	check(t, err)
	w.at(1, 100)
	wrong := *block
	wrong.Signature = block.Message.Body.RandaoReveal
	var rejected *RejectedError
	if _, err := w.ImportBlock(context.Background(), &wrong, Gossip); !errors.As(err, &rejected) {
		t.Fatalf("got %v, want a rejection", err)
	}
	if got := w.add(block, Gossip); got != Applied {
		t.Fatalf("the right block was %v", got)
	}
	w.wantHead(tip)
}

func TestDescendantsOfARejectedBlockAreRejected(t *testing.T) {
	w := newWorld(t, params.Fulu, nil)
	bad, tip, err := w.net.Block(w.net.Genesis(), 1, nil, "")
	check(t, err)
	child, _, err := w.net.Block(tip, 2, nil, "")
	check(t, err)
	w.at(2, 100)
	w.rejected.add(tip.Root, forkchoice.Optimistic)
	_ = bad
	if _, err := w.ImportBlock(context.Background(), child, Gossip); !errors.As(err, new(*RejectedError)) {
		t.Fatalf("got %v, want a rejection", err)
	}
}

// A node that starts late in a slot is ready for the block of the next one.
func TestTheHeadsStateIsBroughtForwardByANodeThatStartsLateInASlot(t *testing.T) {
	t.Parallel()
	w := newWorld(t, params.Electra, nil)
	w.shut()
	w.time.Set(w.clock.StartOf(0).Add(w.clock.SlotDuration() * 9 / 10))
	check(t, w.open())
	w.until("the state is that of the next slot", func() bool { return w.states.latest(w.Snapshot().Head.Root, 1).Slot == 1 })
}

// Who gives up waiting for the writer sees nothing of what the writer does after that, and the writer does it all the same.
func TestWhoGivesUpWaitingForTheWriterSeesNothingOfIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, params.Electra, nil)
	ctx, cancel := context.WithCancel(t.Context())
	begun, goOn, answered := make(chan struct{}), make(chan struct{}), errors.New("answered")
	go func() { <-begun; cancel() }()
	value, err := ask(ctx, w.Chain, w.inbox.urgent, func() (int, error) {
		close(begun)
		<-goOn
		return 1, answered
	})
	if value != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %d, %v", value, err)
	}
	close(goOn)
	if value, err = ask(t.Context(), w.Chain, w.inbox.urgent, func() (int, error) { return 2, answered }); value != 2 || err != answered {
		t.Errorf("waited for: %d, %v", value, err)
	}
	w.shut()
	if value, err = ask(t.Context(), w.Chain, w.inbox.urgent, func() (int, error) { return 3, nil }); value != 0 || !errors.Is(err, ErrStopped) {
		t.Errorf("after the end: %d, %v", value, err)
	}
}
