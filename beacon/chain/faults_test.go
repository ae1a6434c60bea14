package chain

import (
	"context"
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

// payloadHash is the hash of the payload of the block at a slot of the head's chain.
func payloadHash(w *world, slot types.Slot) types.Hash32 {
	return w.Snapshot().Head.AncestorAt(slot).ExecutionBlockHash
}
