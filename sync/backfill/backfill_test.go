package backfill

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/sync/download"
)

func root(slot types.Slot) types.Root { return types.Root{1, byte(slot), byte(slot >> 8)} }

// world is a chain with a block in each slot but those that five divides, a node that began at slot 1000, and the time.
type world struct {
	t       *testing.T
	m       *Machine
	now     time.Time
	queue   []func() []Action
	held    map[uint64][]download.Block
	oldest  download.Block
	got     int
	mute    bool
	hide    types.Slot // peer0 says that there is nothing before
	dropped []string
	blamed  map[string]int
	// What a batch needs, what is done with payloads, and whether one is missing; nil where there are none.
	needs    func(batch uint64) download.Needs
	payloads func(download.Request)
	lacks    func(batch uint64) bool
	asked    int
	failed   []Failed
	done     bool
}

func block(slot types.Slot) download.Block {
	parent := slot - 1
	if parent%5 == 0 && parent > 0 {
		parent--
	}
	return download.Block{Slot: slot, Root: root(slot), Parent: root(parent)}
}

func newWorld(t *testing.T, first types.Slot) *world {
	w := &world{t: t, now: time.Unix(1_700_000_000, 0), held: map[uint64][]download.Block{}, blamed: map[string]int{}, oldest: block(1001)}
	w.restart(first)
	return w
}

// restart is the end of the process and a new one.
func (w *world) restart(first types.Slot) {
	w.queue = nil
	w.m = New(Config{Oldest: w.oldest.Slot, First: first, Download: download.Config{
		Size: 32, Needs: func(batch uint64, _ []download.Block) download.Needs {
			if w.needs != nil {
				return w.needs(batch)
			}
			return download.Needs{Columns: []uint64{7}}
		},
	}})
}

func (w *world) act(actions []Action) {
	for _, a := range actions {
		switch a := a.(type) {
		case download.Request:
			w.request(a)
		case download.Import:
			w.queue = append(w.queue, func() []Action { return w.importBatch(a) })
		case download.Penalise:
			if w.blamed[a.Peer]++; a.Drop && w.hide == 0 {
				w.t.Errorf("dropped: %+v", a)
			}
			if a.Drop {
				w.dropped = append(w.dropped, a.Peer)
			}
		case Failed:
			w.failed = append(w.failed, a)
		case Done:
			w.done = true
		}
	}
}

func (w *world) request(r download.Request) {
	if w.asked++; w.mute {
		w.queue = append(w.queue, func() []Action { return w.m.Failed(w.now, r.ID, download.Absent, "resource unavailable") })
		return
	}
	a := download.Answer{Columns: r.Columns, FirstByte: time.Millisecond}
	for slot := r.Start; r.Part == download.Blocks && uint64(slot-r.Start) < r.Count; slot++ {
		if slot%5 != 0 && (r.Peer != "peer0" || slot >= w.hide) {
			a.Blocks = append(a.Blocks, block(slot))
		}
	}
	w.queue = append(w.queue, func() []Action {
		if r.Part == download.Blocks {
			w.held[r.Batch] = a.Blocks
		}
		if r.Part == download.Payloads {
			w.payloads(r)
		}
		return w.m.Received(w.now, r.ID, a)
	})
}

func (w *world) importBatch(i download.Import) []Action {
	blocks := w.held[i.Batch]
	if w.lacks != nil && w.lacks(i.Batch) {
		return w.m.Imported(w.now, i.Batch, download.Incomplete, download.Payloads, "a payload is missing", w.oldest.Slot)
	}
	if blocks[len(blocks)-1].Root != w.oldest.Parent {
		return w.m.Imported(w.now, i.Batch, download.Unlinked, download.Blocks, "", w.oldest.Slot)
	}
	w.got += len(blocks)
	w.oldest = blocks[0]
	return w.m.Imported(w.now, i.Batch, download.Imported, download.Blocks, "", w.oldest.Slot)
}

func (w *world) run(d time.Duration, until func() bool) {
	for end := w.now.Add(d); w.now.Before(end) && !until(); {
		if len(w.queue) > 0 {
			w.now = w.now.Add(5 * time.Millisecond)
			f := w.queue[0]
			w.queue = w.queue[1:]
			w.act(f())
			continue
		}
		w.now = w.now.Add(time.Second)
		w.act(w.m.Tick(w.now))
	}
}

func (w *world) finished() bool { return w.done }

func (w *world) meet(n int) {
	for i := range n {
		w.act(w.m.SetPeer(w.now, download.Peer{ID: fmt.Sprint("peer", i), Last: 2000, Columns: []uint64{7}}))
	}
}

func TestHistoryIsDownloadedBackToGenesis(t *testing.T) {
	w := newWorld(t, 0)
	w.meet(3)
	w.run(time.Minute, w.finished)
	if !w.done || w.got != 800 || w.oldest.Slot != 1 {
		t.Errorf("done %v, %d blocks, the oldest of slot %d", w.done, w.got, w.oldest.Slot)
	}
	if done, all, _, _ := w.m.Progress(w.now); done != 1001 || all != 1001 {
		t.Errorf("progress is %d of %d", done, all)
	}
}

func TestHistoryIsDownloadedBackToTheEndOfRetention(t *testing.T) {
	w := newWorld(t, 499)
	w.meet(1)
	w.run(time.Minute, w.finished)
	if !w.done || w.oldest.Slot != 501 {
		t.Errorf("done %v, the oldest of slot %d", w.done, w.oldest.Slot)
	}
}

func TestNothingIsLeftOfAWholeChain(t *testing.T) {
	w := newWorld(t, 0)
	w.oldest = block(1)
	w.restart(0)
	w.act(w.m.Tick(w.now))
	if !w.done || w.asked > 0 {
		t.Errorf("done %v, %d requests", w.done, w.asked)
	}
}

func TestAnEndedProcessGoesOnWhereItWas(t *testing.T) {
	w := newWorld(t, 0)
	w.meet(3)
	w.run(time.Minute, func() bool { return w.got > 300 })
	before := w.got
	w.restart(0)
	w.meet(3)
	w.run(time.Minute, w.finished)
	if !w.done || w.got != 800 {
		t.Errorf("done %v, %d blocks before the end and %d in all, want 800", w.done, before, w.got)
	}
}

func TestARunThatFailsIsBegunAgainAfterAPauseThatGrows(t *testing.T) {
	w := newWorld(t, 0)
	w.mute = true
	w.meet(2)
	w.run(10*time.Minute, func() bool { return len(w.failed) == 3 })
	var pauses []time.Duration
	for _, f := range w.failed {
		pauses = append(pauses, f.Pause)
	}
	if !slices.Equal(pauses, []time.Duration{15 * time.Second, 30 * time.Second, time.Minute}) {
		t.Errorf("pauses are %v", pauses)
	}
	w.mute = false
	w.run(10*time.Minute, w.finished)
	if !w.done || w.got != 800 {
		t.Errorf("done %v, %d blocks", w.done, w.got)
	}
}

func TestItGivesWayToWhatIsMoreUrgent(t *testing.T) {
	w := newWorld(t, 0)
	w.meet(2)
	w.run(time.Minute, func() bool { return w.got > 100 })
	w.act(w.m.Hold(w.now, true))
	w.run(5*time.Second, func() bool { return false })
	asked, got := w.asked, w.got
	w.run(time.Minute, func() bool { return false })
	if w.asked != asked || w.got != got || len(w.failed) > 0 {
		t.Errorf("%d requests and %d blocks while held, failed %v", w.asked-asked, w.got-got, w.failed)
	}
	w.act(w.m.Hold(w.now, false))
	w.run(time.Minute, w.finished)
	if !w.done || w.got != 800 {
		t.Errorf("done %v, %d blocks", w.done, w.got)
	}
}

func TestItWaitsForPeers(t *testing.T) {
	w := newWorld(t, 0)
	w.run(time.Minute, func() bool { return false })
	w.meet(1)
	w.act(w.m.RemovePeer(w.now, "peer0"))
	w.run(10*time.Second, func() bool { return false })
	w.meet(1)
	w.run(time.Minute, w.finished)
	if !w.done || w.got != 800 {
		t.Errorf("done %v, %d blocks", w.done, w.got)
	}
}

// History ends with what two peers say: who leaves out its oldest blocks is not believed alone.
func TestTheOldestBlocksCannotBeWithheldByOnePeer(t *testing.T) {
	w := newWorld(t, 499)
	w.hide = 700
	w.meet(2)
	w.run(time.Minute, w.finished)
	if !w.done || w.oldest.Slot != 501 || !slices.Equal(w.dropped, []string{"peer0"}) {
		t.Errorf("done %v, the oldest of slot %d, dropped %v", w.done, w.oldest.Slot, w.dropped)
	}
}

// From Gloas on payloads come before the columns, which are theirs. A payload that was left out is asked for from somebody else.
func TestHistoryOfGloasComesWithItsPayloads(t *testing.T) {
	w := newWorld(t, 499)
	paid := map[uint64]bool{}
	w.needs = func(batch uint64) download.Needs {
		if paid[batch] {
			return download.Needs{Payloads: true, Columns: []uint64{7}}
		}
		return download.Needs{Payloads: true}
	}
	w.payloads = func(r download.Request) { paid[r.Batch] = r.Peer != "peer0" }
	w.lacks = func(batch uint64) bool { return !paid[batch] }
	w.meet(2)
	w.run(5*time.Minute, w.finished)
	if !w.done || w.oldest.Slot != 501 || len(w.dropped) > 0 {
		t.Errorf("done %v, the oldest of slot %d, dropped %v", w.done, w.oldest.Slot, w.dropped)
	}
	if len(w.blamed) != 1 || w.blamed["peer0"] == 0 {
		t.Errorf("blamed are %v", w.blamed)
	}
}
