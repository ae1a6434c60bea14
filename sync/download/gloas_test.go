package download

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cresset/cresset/beacon/types"
)

// shop is what a world's peers sent of payloads and columns by batch.
type shop struct {
	payloads map[uint64]bool // whole
	columns  map[uint64][]uint64
}

// gloas has a world's blocks have payloads, and columns that follow from them. A peer that leaves payloads out sends what it has all the same. Each batch that is imported has to be
// whole.
func (w *world) gloas(custody *[]uint64, leavesOut func(peer string, r Request) bool) *shop {
	s := &shop{payloads: map[uint64]bool{}, columns: map[uint64][]uint64{}}
	w.cfg.Needs = func(batch uint64, _ []Block) (n Needs) {
		n.Payloads = true
		for _, c := range *custody {
			if s.payloads[batch] && !slices.Contains(s.columns[batch], c) {
				n.Columns = append(n.Columns, c)
			}
		}
		return n
	}
	w.m = New(w.cfg)
	w.received = func(r Request, a Answer) {
		switch r.Part {
		case Blocks:
			s.payloads[r.Batch], s.columns[r.Batch] = false, nil
		case Payloads:
			s.payloads[r.Batch] = !leavesOut(r.Peer, r)
		case Columns:
			s.columns[r.Batch] = append(s.columns[r.Batch], a.Columns...)
		}
	}
	w.judge = func(i Import, _ []Block) (Result, Part) {
		if !s.payloads[i.Batch] {
			return Incomplete, Payloads
		}
		for _, c := range *custody {
			if !slices.Contains(s.columns[i.Batch], c) {
				return Incomplete, Columns
			}
		}
		return Imported, 0
	}
	return s
}

func nobody(string, Request) bool { return false }

// From Gloas on columns belong to payloads: which are needed is known when those have come, and each is asked for once.
func TestColumnsAreAskedForWhenPayloadsHaveCome(t *testing.T) {
	both(t, func(t *testing.T, backward bool) {
		w := newWorld(t, 100, Config{Backward: backward})
		paid, columns := map[uint64]bool{}, map[string]int{}
		w.gloas(&[]uint64{1, 2}, nobody)
		w.add(&server{Peer: Peer{ID: "peer", Columns: []uint64{1, 2, 3}}, answer: func(w *world, r Request) (Answer, *failure) {
			switch r.Part {
			case Payloads:
				paid[r.Batch] = true
			case Columns:
				if !paid[r.Batch] {
					t.Errorf("asked for columns of batch %d before its payloads", r.Batch)
				}
				columns[fmt.Sprint(r.Batch, r.Columns)]++
			}
			return honest(w, r)
		}})
		w.wantAll()
		for what, times := range columns {
			if times > 1 || !strings.HasSuffix(what, "[1 2]") {
				t.Errorf("asked for columns %d times: %s", times, what)
			}
		}
		if len(columns) != len(paid) {
			t.Errorf("columns of %d batches and payloads of %d", len(columns), len(paid))
		}
	})
}

// Blocks of a batch whose payloads were not revealed have no columns.
func TestNoColumnsAreAskedForWithoutPayloads(t *testing.T) {
	w := newWorld(t, 100, Config{})
	w.gloas(&[]uint64{1, 2}, func(string, Request) bool { return true })
	w.judge = nil
	w.add(&server{Peer: Peer{ID: "peer", Columns: []uint64{1, 2}}, answer: func(w *world, r Request) (Answer, *failure) {
		if r.Part == Columns {
			t.Errorf("asked for columns: %+v", r)
		}
		return honest(w, r)
	}})
	w.wantAll()
}

func TestLeftOutPayloadsAreGotFromOthersAndHeldAgainstWhoLeftThemOut(t *testing.T) {
	both(t, func(t *testing.T, backward bool) {
		for _, honest := range []int{1, 2, 4} {
			w := newWorld(t, 300, Config{Backward: backward})
			w.gloas(&[]uint64{1}, func(peer string, _ Request) bool { return peer == "leaves out" })
			w.add(&server{Peer: Peer{ID: "leaves out", Columns: []uint64{1}}})
			for i := range honest {
				w.add(&server{Peer: Peer{ID: fmt.Sprint("honest", i), Columns: []uint64{1}}})
			}
			w.wantAll()
			w.wantDropped()
			if len(w.blamed) != 1 || w.blamed["leaves out"] == 0 {
				t.Errorf("with %d others: blamed are %v", honest, w.blamed)
			}
		}
	})
}

func TestARunEndsWhereAllLeaveAPayloadOut(t *testing.T) {
	for _, peers := range []int{1, 3, 8} {
		w := newWorld(t, 100, Config{})
		w.gloas(&[]uint64{1}, func(string, Request) bool { return true })
		for i := range peers {
			w.add(&server{Peer: Peer{ID: fmt.Sprint("peer", i), Columns: []uint64{1}}})
		}
		w.run()
		if _, failed := w.result.(Failed); !failed {
			t.Errorf("with %d peers it ended with %+v", peers, w.result)
		}
		w.wantDropped()
	}
}

// A peer leaves out the payload of the last block of a batch. That is seen by the batch after it, when the first one is imported already: somebody looks for it, and if it is found
// whoever left it out was wrong.
func TestAPayloadLeftOutAtTheEndOfABatchIsWaitedFor(t *testing.T) {
	w := newWorld(t, 300, Config{})
	w.gloas(&[]uint64{1}, nobody)
	var senders []string // of the payloads of each batch, as they are imported
	from := map[uint64]string{}
	received := w.received
	w.received = func(r Request, a Answer) {
		if received(r, a); r.Part == Payloads {
			from[r.Batch] = r.Peer
		}
	}
	waited := 0
	w.judge = func(i Import, _ []Block) (Result, Part) {
		if n := len(senders); n > 0 && senders[n-1] == "leaves out" && waited < 2 {
			waited++
			return Waits, 0
		}
		waited = 0
		senders = append(senders, from[i.Batch])
		return Imported, 0
	}
	for _, id := range []string{"leaves out", "honest", "honest too"} {
		w.add(&server{Peer: Peer{ID: id, Columns: []uint64{1}}})
	}
	w.wantAll()
	w.wantDropped()
	if len(w.blamed) != 1 || w.blamed["leaves out"] == 0 || !slices.Contains(senders, "leaves out") {
		t.Errorf("blamed are %v, payloads were from %v", w.blamed, senders)
	}
}

// A block that builds on a payload that nobody has is made up.
func TestAPayloadThatNobodyHasIsNotWaitedForForever(t *testing.T) {
	w := newWorld(t, 300, Config{})
	w.add(&server{Peer: Peer{ID: "honest"}})
	w.add(&server{Peer: Peer{ID: "wrong"}, answer: func(w *world, r Request) (Answer, *failure) {
		a, _ := honest(w, r)
		a.Blocks = slices.Clone(a.Blocks)
		for i := range a.Blocks {
			a.Blocks[i].Root = root(4, a.Blocks[i].Slot)
		}
		return a, nil
	}})
	w.judge = func(_ Import, blocks []Block) (Result, Part) {
		if blocks[0].Root[0] == 4 {
			return Waits, 0
		}
		return Imported, 0
	}
	w.wantAll()
	w.wantDropped("wrong")
}

// What custody adds while batches are under way is asked for before they are imported, and nobody is to blame.
func TestCustodyMayGrowDuringARun(t *testing.T) {
	w := newWorld(t, 300, Config{})
	custody := []uint64{1}
	asked := map[string]int{}
	w.gloas(&custody, nobody)
	grow := w.judge
	imports := 0
	w.judge = func(i Import, blocks []Block) (Result, Part) {
		if imports++; imports == 3 {
			custody = []uint64{1, 2, 5}
		}
		return grow(i, blocks)
	}
	w.add(&server{Peer: Peer{ID: "peer", Columns: []uint64{1, 2, 5}}, answer: func(w *world, r Request) (Answer, *failure) {
		if r.Part == Columns {
			asked[fmt.Sprint(r.Columns)]++
		}
		return honest(w, r)
	}})
	w.wantAll()
	w.wantDropped()
	if len(w.blamed) > 0 || asked["[2 5]"] == 0 || asked["[1]"]+asked["[1 2 5]"] > imports {
		t.Errorf("blamed are %v, asked for %v", w.blamed, asked)
	}
}

// Spec: "transmission of an INVALID execution payload via the Req/Resp domain SHOULD NOT cause a node to be down-scored or disconnected" (bellatrix).
func TestAnInvalidPayloadIsHeldAgainstNobody(t *testing.T) {
	other := func(w *world, r Request) (Answer, *failure) {
		a, _ := honest(w, r)
		a.Blocks = slices.Clone(a.Blocks)
		for i := range a.Blocks {
			a.Blocks[i].Root = root(4, a.Blocks[i].Slot)
		}
		return a, nil
	}
	invalid := func(_ Import, blocks []Block) (Result, Part) {
		if blocks[0].Root[0] == 4 {
			return Invalid, Blocks
		}
		return Imported, 0
	}
	w := newWorld(t, 300, Config{})
	w.judge = invalid
	w.add(&server{Peer: Peer{ID: "honest"}})
	asked := 0
	w.add(&server{Peer: Peer{ID: "follows another chain"}, answer: func(w *world, r Request) (Answer, *failure) { asked++; return other(w, r) }})
	w.after(5e9, func() []Action { return w.m.SetPeer(w.now, Peer{ID: "follows another chain", Last: types.Slot(300)}) })
	w.wantAll()
	w.wantDropped()
	if len(w.blamed) > 0 || asked > 8 {
		t.Errorf("blamed are %v, the one of the other chain was asked %d times", w.blamed, asked)
	}

	w = newWorld(t, 300, Config{})
	w.judge = invalid
	for i := range 3 {
		w.add(&server{Peer: Peer{ID: fmt.Sprint("peer", i)}, answer: other})
	}
	w.run()
	if failed, ok := w.result.(Failed); !ok || len(failed.Peers) > 0 || len(w.blamed) > 0 {
		t.Errorf("ended with %+v, blamed are %v", w.result, w.blamed)
	}
}

func TestBlobsThatAreMissingAreAskedForFromOthers(t *testing.T) {
	w := newWorld(t, 100, Config{Needs: func(uint64, []Block) Needs { return Needs{Blobs: true} }})
	from := map[uint64]string{}
	w.received = func(r Request, _ Answer) {
		if r.Part == Blobs {
			from[r.Batch] = r.Peer
		}
	}
	w.judge = func(i Import, _ []Block) (Result, Part) {
		if from[i.Batch] == "lacks some" {
			return Incomplete, Blobs
		}
		return Imported, 0
	}
	w.add(&server{Peer: Peer{ID: "lacks some"}})
	w.add(&server{Peer: Peer{ID: "honest"}})
	w.wantAll()
	w.wantDropped()
	if len(w.blamed) != 1 || w.blamed["lacks some"] == 0 {
		t.Errorf("blamed are %v", w.blamed)
	}
}
