package chain

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/engine"
	"github.com/cresset/cresset/beacon/engine/mock"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/simnet"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/forkchoice"
)

// fault is a way in which an execution client fails for two slots.
type fault struct {
	name string
	set  func(*mock.Engine)
	// want is how the client's health is reported.
	want []engine.State
	// optimistic means that blocks are imported meanwhile, not verified; otherwise they wait.
	optimistic bool
	// harmless means that nothing is noticed at all.
	harmless bool
	// probed means that only questions about its health tell; blocks come after that.
	probed bool
}

func faults() []fault {
	wrong := func(how mock.Wrong) func(*mock.Engine) {
		return func(m *mock.Engine) { m.SetFaults(mock.Faults{Wrong: how}) }
	}
	offline := []engine.State{engine.Offline}
	return []fault{
		{name: "slow: 300 ms before each answer", set: func(m *mock.Engine) { m.SetFaults(mock.Faults{Delay: 300 * time.Millisecond}) },
			want: []engine.State{engine.Ready}, harmless: true},
		{name: "connections closed", set: wrong(mock.Closed), want: offline},
		{name: "no answer at all", set: wrong(mock.Silent), want: offline},
		{name: "half an answer", set: wrong(mock.Stalled), want: offline},
		{name: "HTTP 500", set: wrong(mock.Broken), want: offline},
		{name: "HTTP 401", set: wrong(mock.Refused), want: []engine.State{engine.AuthFailed}},
		{name: "garbage instead of JSON", set: wrong(mock.Garbage), want: offline},
		{name: "the answer to another call", set: wrong(mock.WrongID), want: offline},
		{name: "an answer without end", set: wrong(mock.Oversized), want: offline},
		{name: "an error instead of newPayload's answer", set: func(m *mock.Engine) {
			m.SetFaults(mock.Faults{Wrong: mock.Failed, Methods: []string{"engine_newPayloadV4"}})
		}, want: []engine.State{engine.Ready}},
		{name: "another chain", set: func(m *mock.Engine) { m.SetFaults(mock.Faults{ChainID: 99}) }, want: []engine.State{engine.WrongChain}, probed: true},
		{name: "newPayload is missing", set: func(m *mock.Engine) { m.SetFaults(mock.Faults{Missing: []string{"engine_newPayloadV4"}}) },
			want: []engine.State{engine.MissingMethod}},
		{name: "syncing", set: func(m *mock.Engine) { m.SetFaults(mock.Faults{Syncing: true}) },
			want: []engine.State{engine.SyncingState, engine.Ready}, optimistic: true},
		{name: "restarted, with all payloads lost", set: func(m *mock.Engine) { m.Forget() },
			want: []engine.State{engine.SyncingState, engine.Ready}, optimistic: true},
	}
}

// faultRow is a line of the table: what the node did, what it reported, and how long until it was right again.
type faultRow struct {
	name, during, report string
	slots                int
	took                 time.Duration
}

// TestFaultsOfTheExecutionClient breaks the execution client in every way there is for two slots, while blocks come, and mends it. The
// node reports what is the matter, imports nothing that was not answered for, and finds the right, verified head by itself.
func TestFaultsOfTheExecutionClient(t *testing.T) {
	var mu sync.Mutex
	rows := make([]faultRow, len(faults()))
	t.Run("faults", func(t *testing.T) {
		for i, f := range faults() {
			t.Run(f.name, func(t *testing.T) {
				t.Parallel()
				row := f.run(t)
				mu.Lock()
				defer mu.Unlock()
				rows[i] = row
			})
		}
	})
	var table strings.Builder
	for _, r := range rows {
		fmt.Fprintf(&table, "\n| %s | %s | %s | %d slots, %v |", r.name, r.during, r.report, r.slots, r.took.Round(10*time.Millisecond))
	}
	t.Log(table.String())
}

// faultFrom is the slot in which the client fails.
const faultFrom = types.Slot(12)

func (f fault) run(t *testing.T) faultRow {
	w := newWorld(t, params.Fulu, nil)
	tip, votes := w.grow(w.net.Genesis(), nil, 1, faultFrom-1)
	w.until("the head is verified", func() bool { return !w.Snapshot().Optimistic && w.engine.Health().State() == engine.Ready })
	before := tip
	f.set(w.mock)
	var imports sync.WaitGroup
	defer imports.Wait()
	next := func(slot types.Slot) {
		block, made, err := w.net.Block(tip, slot, votes, "")
		check(t, err)
		w.at(slot, 100)
		// As gossip does: whoever brings a block waits for it, and the next one does not wait for that.
		imports.Go(func() { _, _ = w.ImportBlock(context.Background(), block, Gossip) })
		tip = made
		votes, err = w.net.Votes(tip, slot, simnet.Everyone)
		check(t, err)
	}
	row := faultRow{name: f.name}
	reported := func() {
		w.until("the fault is reported", func() bool {
			health := w.engine.Health()
			row.report = fmt.Sprintf("%v: %s", health.State(), health.Endpoints[0].Reason)
			return slices.Contains(f.want, health.State())
		})
	}
	if f.probed {
		reported()
	}
	next(faultFrom)
	next(faultFrom + 1)
	reported()
	switch {
	case f.harmless:
		w.until("the blocks are in", func() bool { return w.Snapshot().Head.Root == tip.Root })
		row.during = "imports, a little later"
	case f.optimistic:
		w.until("the blocks are in, not verified", func() bool { s := w.Snapshot(); return s.Head.Root == tip.Root })
		row.during = "imports optimistically"
	default:
		time.Sleep(300 * time.Millisecond)
		if s := w.Snapshot(); s.Head.Root != before.Root {
			t.Errorf("head is of slot %d without an answer of the execution client, want %d", s.Head.Slot, before.Slot)
		}
		row.during = "keeps the head, blocks wait"
	}
	w.mock.SetFaults(mock.Faults{})
	begin := time.Now()
	right := func() bool { s := w.Snapshot(); return s.Head.Root == tip.Root && !s.Optimistic }
	for !right() {
		if row.slots++; row.slots > 8 {
			s := w.Snapshot()
			t.Fatalf("8 slots after the fault the head is of slot %d (optimistic: %v), want %d; %s", s.Head.Slot, s.Optimistic, tip.Slot, row.report)
		}
		next(faultFrom + 1 + types.Slot(row.slots))
		for wait := time.Now(); !right() && time.Since(wait) < 1500*time.Millisecond; {
			time.Sleep(5 * time.Millisecond)
		}
	}
	row.took = time.Since(begin)
	return row
}

// TestAnInvalidBranchIsLeft has the execution client sync while blocks come and then call all of them from a depth on invalid. The head
// goes back to the last valid payload, and the branch that others build there becomes the chain.
func TestAnInvalidBranchIsLeft(t *testing.T) {
	for _, fork := range []params.Fork{params.Fulu, params.Gloas} {
		t.Run(fork.String(), func(t *testing.T) {
			w := newWorld(t, fork, nil)
			tip, votes := w.grow(w.net.Genesis(), nil, 1, 9)
			good, goodVotes := tip, votes
			w.until("the head is verified", func() bool { return !w.Snapshot().Optimistic })
			w.mock.SetFaults(mock.Faults{Syncing: true})
			bad, _ := w.grow(tip, votes, 10, 13)
			if s := w.Snapshot(); s.Head.Root != bad.Root || !s.Optimistic {
				t.Fatalf("head is of slot %d, optimistic %v, want 13, optimistic", s.Head.Slot, s.Optimistic)
			}
			// The payload of slot 10 turns out to be invalid.
			invalid := payloadHash(w, 10)
			w.mock.SetFaults(mock.Faults{InvalidFrom: invalid})
			w.at(14, 0)
			w.until("the branch is left", func() bool { s := w.Snapshot(); return s.Head.Slot < 13 && !s.Optimistic })
			if fork < params.Gloas && w.Snapshot().Head.Root != good.Root {
				t.Errorf("head is of slot %d, want 9", w.Snapshot().Head.Slot)
			}
			// Blocks on the bad branch are refused from now on, those on the good one become the chain.
			child, _, err := w.net.Block(bad, 14, nil, "bad")
			check(t, err)
			w.at(14, 100)
			if outcome, err := w.ImportBlock(context.Background(), child, Gossip); err == nil {
				t.Errorf("a block on an invalid payload was %v", outcome)
			}
			end, _ := w.grow(good, goodVotes, 15, 18)
			w.wantHead(end)
		})
	}
}

// TestAnInvalidBranchIsLeftForWhatIsSaidOfItsChild has the execution client say that a branch is invalid where it is asked for the payload of a new
// block on it, and not where it is told the head.
func TestAnInvalidBranchIsLeftForWhatIsSaidOfItsChild(t *testing.T) {
	t.Parallel()
	w := newWorld(t, params.Fulu, nil)
	good, votes := w.grow(w.net.Genesis(), nil, 1, 9)
	w.until("the head is verified", func() bool { return !w.Snapshot().Optimistic })
	w.mock.SetFaults(mock.Faults{Syncing: true})
	bad, _ := w.grow(good, votes, 10, 12)
	w.mock.SetFaults(mock.Faults{InvalidFrom: payloadHash(w, 10), Methods: []string{"engine_forkchoiceUpdatedV3"}, Wrong: mock.Failed})
	child, _, err := w.net.Block(bad, 13, nil, "")
	check(t, err)
	w.at(13, 100)
	if s := w.Snapshot(); s.Head.Root != bad.Root {
		t.Fatalf("head is of slot %d before the child comes, want 12", s.Head.Slot)
	}
	if outcome, err := w.ImportBlock(context.Background(), child, Gossip); !errors.Is(err, ErrInvalidPayload) {
		t.Errorf("a block on an invalid payload was %v, %v", outcome, err)
	}
	if s := w.Snapshot(); s.Head.Root != good.Root || s.Optimistic {
		t.Errorf("head is of slot %d, optimistic %v, want the last valid one of slot 9", s.Head.Slot, s.Optimistic)
	}
}

// TestABlockIsLeftWithoutItsInvalidPayload has the execution client call the payload of the last block invalid, on which nothing builds yet. The head is the
// block without it at once, and is not optimistic; what builds on the payload is refused and does not wait for it.
func TestABlockIsLeftWithoutItsInvalidPayload(t *testing.T) {
	t.Parallel()
	w := newWorld(t, params.Gloas, nil)
	tip, votes := w.grow(w.net.Genesis(), nil, 1, 9)
	w.until("the head is verified", func() bool { return !w.Snapshot().Optimistic })
	w.mock.SetFaults(mock.Faults{Syncing: true})
	block, empty, err := w.net.Block(tip, 10, votes, "")
	check(t, err)
	w.at(10, 100)
	w.add(block, Gossip)
	_, err = w.ImportPayload(context.Background(), empty.Payload, Gossip)
	check(t, err)
	full := empty.WithPayload()
	if s := w.Snapshot(); s.Head.Root != full.Root || s.HeadPayload != forkchoice.Full || !s.Optimistic {
		t.Fatalf("head is of slot %d, %v, optimistic %v", s.Head.Slot, s.HeadPayload, s.Optimistic)
	}
	w.mock.SetFaults(mock.Faults{InvalidFrom: payloadHash(w, 10)})
	w.EngineReady() // has the head told again
	w.until("the payload is left", func() bool { return w.Snapshot().HeadPayload == forkchoice.Empty })
	if s := w.Snapshot(); s.Head.Root != empty.Root || s.Optimistic || s.Head.PayloadKnown() || s.Head.ExecutionStatus() != forkchoice.Invalid {
		t.Errorf("head is of slot %d, optimistic %v, payload known %v, %v", s.Head.Slot, s.Optimistic, s.Head.PayloadKnown(), s.Head.ExecutionStatus())
	}
	child, _, err := w.net.Block(full, 11, nil, "")
	check(t, err)
	w.at(11, 100)
	if outcome, err := w.ImportBlock(context.Background(), child, Gossip); !errors.Is(err, ErrInvalidPayload) {
		t.Errorf("a block on an invalid payload was %v, %v", outcome, err)
	}
	if outcome, err := w.ImportPayload(context.Background(), full.Payload, Gossip); !errors.Is(err, ErrInvalidPayload) {
		t.Errorf("the invalid payload was %v, %v", outcome, err)
	}
	tip, _ = w.grow(empty, nil, 12, 14)
	w.wantHead(tip)
}

// "Blocks from every viable (with respect to FFG) branch have transitioned from NOT_VALIDATED to INVALIDATED leaving the block tree without viable
// branches": the head falls back to the justified block, whose payload is valid, and the node is an optimistic one all the same.
func TestANodeWithoutAViableBranchIsOptimistic(t *testing.T) {
	t.Parallel()
	w := newWorld(t, params.Fulu, nil)
	tip, votes := w.grow(w.net.Genesis(), nil, 1, 3*8)
	justified := tip
	w.until("the head is verified", func() bool { return !w.Snapshot().Optimistic })
	w.mock.SetFaults(mock.Faults{Syncing: true})
	tip, _ = w.grow(tip, votes, 3*8+1, 4*8)
	if s := w.Snapshot(); s.Justified.Root != justified.Root {
		t.Fatalf("epoch %d is justified, want 3", s.Justified.Epoch)
	}
	invalid := payloadHash(w, 3*8+1)
	w.at(5*8, 0) // what the justified block itself justifies is too old by now
	w.wantHead(tip)
	w.mock.SetFaults(mock.Faults{InvalidFrom: invalid})
	w.EngineReady()
	w.until("the branch is left", func() bool { return w.Snapshot().Head.Root == justified.Root })
	if s := w.Snapshot(); s.Head.ExecutionStatus() != forkchoice.Valid || !s.Optimistic {
		t.Errorf("the head's payload is %v, the node optimistic: %v", s.Head.ExecutionStatus(), s.Optimistic)
	}
}

// Where fork choice finds no head the last one stays, and nobody may vote for it.
func TestANodeWithoutAHeadIsOptimistic(t *testing.T) {
	t.Parallel()
	w := newWorld(t, params.Fulu, nil)
	tip, _ := w.grow(w.net.Genesis(), nil, 1, 9)
	w.until("the head is verified", func() bool { return !w.Snapshot().Optimistic })
	head := w.Snapshot().Head
	for _, lost := range []bool{true, false} {
		check(t, w.do(context.Background(), w.inbox.urgent, func() {
			if w.index.remove(head.Root); !lost {
				w.index.add(head)
				head.execution.Store(uint32(forkchoice.Valid))
			}
			w.updateHead("the test")
		}))
		w.wantHead(tip)
		if got := w.Snapshot().Optimistic; got != lost {
			t.Errorf("head lost: %v, optimistic: %v", lost, got)
		}
	}
}

// TestEventsTellThatAPayloadBuiltOnIsNotVerified: from Gloas on a block is as optimistic as the payload that it builds on; its own comes later, or never.
func TestEventsTellThatAPayloadBuiltOnIsNotVerified(t *testing.T) {
	t.Parallel()
	w := newWorld(t, params.Gloas, nil)
	w.mock.SetFaults(mock.Faults{Syncing: true})
	events := w.Subscribe(1024)
	tip, votes := w.grow(w.net.Genesis(), nil, 1, 15)
	block, tip, err := w.net.Block(tip, 16, votes, "")
	check(t, err)
	w.at(16, 100)
	w.add(block, Gossip) // and its payload never comes
	checkpoint := tip.Root
	votes, err = w.net.Votes(tip, 16, simnet.Everyone)
	check(t, err)
	w.grow(tip, votes, 17, 4*8)
	blocks, finalized := 0, 0
	for len(events.C) > 0 {
		switch e := (<-events.C).(type) {
		case BlockEvent:
			if blocks++; e.ExecutionOptimistic != (e.Slot > 1) { // the first one builds on what genesis trusts
				t.Errorf("block of slot %d: optimistic %v", e.Slot, e.ExecutionOptimistic)
			}
		case FinalizedEvent:
			if e.Checkpoint.Root == checkpoint {
				if finalized++; !e.ExecutionOptimistic {
					t.Error("the finalized block is called verified")
				}
			}
		}
	}
	if blocks != 32 || finalized != 1 {
		t.Errorf("%d blocks, %d times finalized, want 32, 1", blocks, finalized)
	}
}

// TestAnInvalidPayloadIsAskedForAgainAfterAStart has the execution client call the chain's payloads invalid, wrongly. Once it is mended and the node
// started again, in order or not, the chain goes on where it was.
func TestAnInvalidPayloadIsAskedForAgainAfterAStart(t *testing.T) {
	t.Parallel()
	for _, fork := range []params.Fork{params.Fulu, params.Gloas} {
		for name, end := range map[string]func(*world){"ended in order": (*world).shut, "killed": (*world).crash} {
			t.Run(fork.String()+" "+name, func(t *testing.T) {
				w := newWorld(t, fork, nil)
				tip, votes := w.grow(w.net.Genesis(), nil, 1, 9)
				w.until("the head is verified", func() bool { return !w.Snapshot().Optimistic })
				w.mock.SetFaults(mock.Faults{Syncing: true})
				tip, votes = w.grow(tip, votes, 10, 13)
				w.mock.SetFaults(mock.Faults{InvalidFrom: payloadHash(w, 10)})
				w.at(14, 0)
				w.until("the branch is left", func() bool { s := w.Snapshot(); return s.Head.Slot < 13 && !s.Optimistic })
				end(w)
				w.mock.SetFaults(mock.Faults{})
				w.mock.Forget()
				check(t, w.open())
				if s := w.Snapshot(); s.Head.Root != tip.Root || !s.Optimistic {
					t.Fatalf("after the start the head is of slot %d, optimistic %v, want 13, optimistic", s.Head.Slot, s.Optimistic)
				}
				tip, _ = w.grow(tip, votes, 15, 18)
				for slot := types.Slot(19); w.Snapshot().Optimistic && slot < 25; slot++ {
					w.at(slot, 500)
					time.Sleep(200 * time.Millisecond)
				}
				w.wantHead(tip)
				if w.Snapshot().Optimistic {
					t.Error("the head is not verified")
				}
			})
		}
	}
}

// payloadHash is the hash of the payload of the block at a slot of the head's chain.
func payloadHash(w *world, slot types.Slot) types.Hash32 {
	return w.Snapshot().Head.AncestorAt(slot).ExecutionBlockHash
}
