package download

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cresset/cresset/beacon/types"
)

func both(t *testing.T, f func(t *testing.T, backward bool)) {
	for _, backward := range []bool{false, true} {
		t.Run(map[bool]string{false: "forward", true: "backward"}[backward], func(t *testing.T) { f(t, backward) })
	}
}

func TestAllSlotsAreImportedInOrder(t *testing.T) {
	both(t, func(t *testing.T, backward bool) {
		w := newWorld(t, 500, Config{Backward: backward})
		for i := range 4 {
			w.add(&server{Peer: Peer{ID: fmt.Sprint("peer", i)}})
		}
		w.wantAll()
		w.wantDropped()
		if w.requests != 32 {
			t.Errorf("%d requests for 500 slots in batches of 16, want 32", w.requests)
		}
	})
}

func TestFastPeersAreAskedForMore(t *testing.T) {
	w := newWorld(t, 4000, Config{})
	counts := map[string]int{}
	counted := func(id string) func(*world, Request) (Answer, *failure) {
		return func(w *world, r Request) (Answer, *failure) { counts[id]++; return honest(w, r) }
	}
	w.add(&server{Peer: Peer{ID: "far and fast"}, rtt: 200 * time.Millisecond, perSlot: time.Millisecond, answer: counted("fast")})
	w.add(&server{Peer: Peer{ID: "slow"}, rtt: 20 * time.Millisecond, perSlot: 50 * time.Millisecond, answer: counted("slow")})
	w.wantAll()
	if counts["fast"] < 4*counts["slow"] {
		t.Errorf("requests are %v", counts)
	}
	if w.most["far and fast"] != 4 || w.most["slow"] != 1 {
		t.Errorf("at most under way are %v, want 4 and 1: a pipe is filled, a slow peer is not", w.most)
	}
}

func TestASilentPeerRestsAndItsWorkGoesToOthers(t *testing.T) {
	both(t, func(t *testing.T, backward bool) {
		w := newWorld(t, 500, Config{Backward: backward})
		w.add(&server{Peer: Peer{ID: "honest"}})
		w.add(&server{Peer: Peer{ID: "silent"}, answer: func(*world, Request) (Answer, *failure) { return Answer{}, silent }})
		start := w.now
		w.wantAll()
		w.wantDropped()
		if w.blamed["silent"] == 0 || w.blamed["honest"] > 0 {
			t.Errorf("blamed are %v", w.blamed)
		}
		if took := w.now.Sub(start); took > 30*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestAPeerThatLeavesLosesNothing(t *testing.T) {
	both(t, func(t *testing.T, backward bool) {
		w := newWorld(t, 500, Config{Backward: backward})
		w.add(&server{Peer: Peer{ID: "stays"}})
		w.add(&server{Peer: Peer{ID: "leaves"}})
		w.after(300*time.Millisecond, func() []Action { return w.m.RemovePeer(w.now, "leaves") })
		w.wantAll()
		w.wantDropped()
	})
}

func TestWrongBlocksCostTheirSenderAlone(t *testing.T) {
	w := newWorld(t, 500, Config{})
	w.add(&server{Peer: Peer{ID: "honest"}})
	w.add(&server{Peer: Peer{ID: "honest too"}})
	w.add(&server{Peer: Peer{ID: "wrong"}, answer: func(w *world, r Request) (Answer, *failure) {
		a, _ := honest(w, r)
		a.Blocks = slices.Clone(a.Blocks)
		if len(a.Blocks) > 1 {
			a.Blocks[1].Root = root(2, a.Blocks[1].Slot)
		}
		return a, nil
	}})
	w.wantAll()
	w.wantDropped("wrong")
	if reason := w.dropped["wrong"]; !strings.Contains(reason, "is wrong") && !strings.Contains(reason, "not those of the chain") {
		t.Errorf("reason is %q", reason)
	}
}

// A peer leaves blocks out where that cannot be seen in its answer alone: at its end, at its begin, or all of them.
func TestWithheldBlocksAreFoundAndCostTheirSenderAlone(t *testing.T) {
	for name, withhold := range map[string]func([]Block) []Block{
		"last":  func(b []Block) []Block { return b[:max(len(b)-2, 0)] },
		"first": func(b []Block) []Block { return b[min(len(b), 2):] },
		"all":   func([]Block) []Block { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			both(t, func(t *testing.T, backward bool) {
				w := newWorld(t, 500, Config{Backward: backward})
				for i := range 3 {
					w.add(&server{Peer: Peer{ID: fmt.Sprint("honest", i)}})
				}
				w.add(&server{Peer: Peer{ID: "withholds"}, answer: func(w *world, r Request) (Answer, *failure) {
					a, _ := honest(w, r)
					a.Blocks = withhold(a.Blocks)
					return a, nil
				}})
				w.wantAll()
				w.wantDropped("withholds")
			})
		})
	}
}

// Nothing tells what a run has to end with: whoever leaves out its last blocks is not believed alone.
func TestWhatIsWithheldAtAnUnknownEndIsFound(t *testing.T) {
	both(t, func(t *testing.T, backward bool) {
		w := newWorld(t, 500, Config{Backward: backward})
		w.cfg.End = types.Root{}
		w.m = New(w.cfg)
		lastSlots := func(b Block) bool { return b.Slot > 440 }
		if backward {
			lastSlots = func(b Block) bool { return b.Slot < 90 }
		}
		w.add(&server{Peer: Peer{ID: "honest"}})
		w.add(&server{Peer: Peer{ID: "withholds"}, answer: func(w *world, r Request) (Answer, *failure) {
			a, _ := honest(w, r)
			a.Blocks = slices.DeleteFunc(slices.Clone(a.Blocks), lastSlots)
			return a, nil
		}})
		w.wantAll()
		w.wantDropped("withholds")
	})
}

func TestAnotherChainIsLeftToItsPeers(t *testing.T) {
	w := newWorld(t, 500, Config{})
	other := make([]Block, len(w.chain))
	for i, b := range w.chain {
		other[i] = Block{Slot: b.Slot, Root: root(3, b.Slot), Parent: root(3, b.Slot-1)}
	}
	w.add(&server{Peer: Peer{ID: "ours"}})
	w.add(&server{Peer: Peer{ID: "ours too"}})
	w.add(&server{Peer: Peer{ID: "theirs"}, answer: func(w *world, r Request) (Answer, *failure) {
		return Answer{Blocks: in(other, r.Start, r.Count)}, nil
	}})
	w.wantAll()
	w.wantDropped("theirs")
}

func TestARunFailsWhereNothingCanBeImported(t *testing.T) {
	w := newWorld(t, 500, Config{})
	for i := range 7 {
		w.add(&server{Peer: Peer{ID: fmt.Sprint("peer", i)}, answer: func(w *world, r Request) (Answer, *failure) {
			a, _ := honest(w, r)
			if len(a.Blocks) > 0 {
				a.Blocks[0].Parent = root(9, 9)
			}
			return a, nil
		}})
	}
	w.run()
	failed, ok := w.result.(Failed)
	if !ok || !strings.Contains(failed.Reason, "slots 1 to 16: nothing that 5 peers sent could be imported") || len(failed.Peers) != 5 {
		t.Errorf("ended with %+v", w.result)
	}
	if len(w.m.flights) != 0 {
		t.Errorf("%d requests are under way after the end", len(w.m.flights))
	}
}

func TestARunFailsWhereNobodyHasIt(t *testing.T) {
	w := newWorld(t, 500, Config{})
	w.add(&server{Peer: Peer{ID: "late", First: 200}})
	w.run()
	if failed, ok := w.result.(Failed); !ok || !strings.Contains(failed.Reason, "slots 1 to 16: none of 1 peers has it") {
		t.Errorf("ended with %+v", w.result)
	}
}

func TestWhoDoesNotHaveABatchIsNotAskedForItAgainAtOnce(t *testing.T) {
	w := newWorld(t, 100, Config{})
	asked := 0
	w.add(&server{Peer: Peer{ID: "lacks"}, answer: func(*world, Request) (Answer, *failure) {
		asked++
		return Answer{}, &failure{Absent, "resource unavailable"}
	}})
	w.add(&server{Peer: Peer{ID: "honest"}})
	w.wantAll()
	if asked > 7 {
		t.Errorf("asked %d times for 7 batches", asked)
	}
}

func TestOneThatBreaksTheProtocolIsDroppedAndAnsweredWithoutLoss(t *testing.T) {
	both(t, func(t *testing.T, backward bool) {
		w := newWorld(t, 500, Config{Backward: backward})
		w.add(&server{Peer: Peer{ID: "broken"}, answer: func(*world, Request) (Answer, *failure) {
			return Answer{}, &failure{Broken, "snappy: corrupt input"}
		}})
		w.add(&server{Peer: Peer{ID: "honest"}})
		w.wantAll()
		w.wantDropped("broken")
		if want := "snappy: corrupt input"; !strings.HasSuffix(w.dropped["broken"], want) {
			t.Errorf("reason is %q, want %q at its end", w.dropped["broken"], want)
		}
	})
}

func TestAnImportThatIsNobodysFaultIsTriedAgain(t *testing.T) {
	w := newWorld(t, 200, Config{})
	w.later = 3
	w.add(&server{Peer: Peer{ID: "peer"}})
	start := w.now
	w.wantAll()
	if w.blamed["peer"] > 0 {
		t.Errorf("blamed are %v", w.blamed)
	}
	if took := w.now.Sub(start); took < 1*time.Second+2*time.Second+4*time.Second {
		t.Errorf("took %v, want pauses that double", took)
	}
}

func TestColumnsComeFromThoseWhoHaveThem(t *testing.T) {
	needs := func(uint64, []Block) Needs { return Needs{Columns: []uint64{1, 2, 3, 4, 5, 6}} }
	both(t, func(t *testing.T, backward bool) {
		w := newWorld(t, 300, Config{Backward: backward, Needs: needs})
		asked := map[string][]uint64{}
		serve := func(w *world, r Request) (Answer, *failure) {
			if r.Part == Columns {
				asked[r.Peer] = r.Columns
			}
			return honest(w, r)
		}
		w.add(&server{Peer: Peer{ID: "low", Columns: []uint64{0, 1, 2, 3}}, answer: serve})
		w.add(&server{Peer: Peer{ID: "high", Columns: []uint64{4, 5, 6, 7}}, answer: serve})
		w.wantAll()
		if fmt.Sprint(asked) != "map[high:[4 5 6] low:[1 2 3]]" {
			t.Errorf("asked for %v", asked)
		}
	})
}

func TestColumnsThatDoNotComeAreAskedForFromOthers(t *testing.T) {
	needs := func(uint64, []Block) Needs { return Needs{Columns: []uint64{1, 2, 3, 4}} }
	w := newWorld(t, 300, Config{Needs: needs})
	w.add(&server{Peer: Peer{ID: "half", Columns: []uint64{1, 2, 3, 4}}, answer: func(w *world, r Request) (Answer, *failure) {
		a, _ := honest(w, r)
		a.Columns = a.Columns[:len(a.Columns)/2]
		return a, nil
	}})
	w.add(&server{Peer: Peer{ID: "whole", Columns: []uint64{1, 2, 3, 4, 5}}})
	w.wantAll()
	w.wantDropped()
	if w.blamed["half"] == 0 || w.blamed["whole"] > 0 {
		t.Errorf("blamed are %v", w.blamed)
	}
}

// otherColumns answers for columns as a peer does that has other blocks than those of the batch.
func otherColumns(differ func(w *world, batch uint64) bool) func(*world, Request) (Answer, *failure) {
	return func(w *world, r Request) (Answer, *failure) {
		if r.Part == Columns && differ(w, r.Batch) {
			return Answer{}, &failure{Conflict, "columns of other blocks"}
		}
		return honest(w, r)
	}
}

func TestWrongBlocksAreToldByThoseWhoHaveTheColumnsOfOthers(t *testing.T) {
	both(t, func(t *testing.T, backward bool) {
		w := newWorld(t, 300, Config{Backward: backward, Needs: func(uint64, []Block) Needs { return Needs{Columns: []uint64{1, 2}} }})
		differ := func(w *world, batch uint64) bool {
			return slices.ContainsFunc(w.held[batch], func(b Block) bool { return b.Root[0] != 1 })
		}
		for i := range 2 {
			w.add(&server{Peer: Peer{ID: fmt.Sprint("honest", i), Columns: []uint64{1, 2}}, answer: otherColumns(differ)})
		}
		w.add(&server{Peer: Peer{ID: "wrong"}, answer: func(w *world, r Request) (Answer, *failure) {
			a, _ := honest(w, r)
			for i := range a.Blocks {
				a.Blocks[i].Root = root(4, a.Blocks[i].Slot)
			}
			return a, nil
		}})
		w.wantAll()
		w.wantDropped("wrong")
		if w.blamed["honest0"]+w.blamed["honest1"] > 0 {
			t.Errorf("blamed are %v", w.blamed)
		}
	})
}

func TestWhoCallsRightBlocksWrongIsNotBelieved(t *testing.T) {
	w := newWorld(t, 300, Config{Needs: func(uint64, []Block) Needs { return Needs{Columns: []uint64{1, 2}} }})
	for i := range 3 {
		w.add(&server{Peer: Peer{ID: fmt.Sprint("honest", i), Columns: []uint64{1, 2}}})
	}
	w.add(&server{Peer: Peer{ID: "liar", Columns: []uint64{1, 2, 3}}, answer: otherColumns(func(*world, uint64) bool { return true })})
	w.wantAll()
	w.wantDropped()
	if w.blamed["liar"] == 0 || w.blamed["honest0"]+w.blamed["honest1"]+w.blamed["honest2"] > 0 {
		t.Errorf("blamed are %v", w.blamed)
	}
}

func TestAColumnThatNobodyHasEndsTheRun(t *testing.T) {
	w := newWorld(t, 300, Config{Needs: func(uint64, []Block) Needs { return Needs{Columns: []uint64{1, 9}} }})
	w.add(&server{Peer: Peer{ID: "peer", Columns: []uint64{1}}})
	w.run()
	if failed, ok := w.result.(Failed); !ok || !strings.Contains(failed.Reason, "none of 1 peers has it") {
		t.Errorf("ended with %+v", w.result)
	}
}

func TestPayloadsAndBlobsAreAskedForAfterTheirBlocks(t *testing.T) {
	parts := map[Part]int{}
	w := newWorld(t, 64, Config{Needs: func(_ uint64, b []Block) Needs { return Needs{Payloads: true, Blobs: b[0].Slot < 20} }})
	w.add(&server{Peer: Peer{ID: "peer"}, answer: func(w *world, r Request) (Answer, *failure) {
		parts[r.Part]++
		return honest(w, r)
	}})
	w.wantAll()
	if parts[Blocks] != 4 || parts[Payloads] != 3 || parts[Blobs] != 2 { // the third batch has no block
		t.Errorf("asked for %v", parts)
	}
}

func TestWhatWaitsIsBounded(t *testing.T) {
	w := newWorld(t, 2000, Config{Ahead: 8, AheadBytes: 40_000})
	w.later = 5 // imports stand still for half a minute
	w.add(&server{Peer: Peer{ID: "peer"}})
	most := 0
	var look func() []Action
	look = func() []Action {
		bytes := 0
		for _, b := range w.m.row {
			bytes += b.bytes
		}
		most = max(most, bytes)
		if len(w.m.row) > 8 {
			t.Fatalf("%d batches are under way, want at most 8", len(w.m.row))
		}
		w.after(20*time.Millisecond, look)
		return nil
	}
	w.after(0, look)
	w.wantAll()
	if most > 40_000+16_000 {
		t.Errorf("%d bytes waited, want at most 40000 besides the first batch", most)
	}
}

// What a batch takes is not known before it came: until then few are asked for, and then as many as there is room for.
func TestWhatIsAskedForIsBounded(t *testing.T) {
	w := newWorld(t, 2000, Config{Ahead: 16, AheadBytes: 160_000})
	for i := range 16 {
		w.add(&server{Peer: Peer{ID: fmt.Sprint("peer", i)}})
	}
	most, bytes := 0, 16_000
	w.received = func(Request, Answer) {
		// What came, and what is asked for.
		taken := bytes * len(w.m.flights)
		for _, b := range w.m.row {
			taken += b.bytes
		}
		most = max(most, taken)
	}
	if len(w.m.flights) != firstBatches {
		t.Errorf("%d requests are under way before anything is known", len(w.m.flights))
	}
	w.wantAll()
	if most > 160_000+bytes || most < 160_000-2*bytes {
		t.Errorf("%d bytes were here or asked for, want some 160000", most)
	}
}

// A batch that there was no room for is asked for again, and nobody is to blame. The first is let through.
func TestWhatThereWasNoRoomForIsAskedForAgain(t *testing.T) {
	both(t, func(t *testing.T, backward bool) {
		w := newWorld(t, 1000, Config{Backward: backward, AheadBytes: 1 << 30})
		refused := 0
		for i := range 8 {
			w.add(&server{Peer: Peer{ID: fmt.Sprint("peer", i)}, answer: func(w *world, r Request) (Answer, *failure) {
				if !r.First {
					refused++
					return Answer{}, &failure{Full, "no room"}
				}
				return honest(w, r)
			}})
		}
		w.wantAll()
		w.wantDropped()
		if len(w.blamed) > 0 || refused == 0 || refused > 2*63 {
			t.Errorf("blamed are %v, refused %d times for 63 batches", w.blamed, refused)
		}
	})
}

func TestALateAnswerChangesNothing(t *testing.T) {
	w := newWorld(t, 100, Config{Timeout: 12 * time.Second})
	w.add(&server{Peer: Peer{ID: "late"}, rtt: 20 * time.Second, perSlot: time.Millisecond, answer: func(_ *world, r Request) (Answer, *failure) {
		return Answer{Blocks: []Block{{Slot: r.Start, Root: root(7, r.Start)}}}, nil
	}})
	w.add(&server{Peer: Peer{ID: "honest"}, perSlot: 200 * time.Millisecond, rtt: time.Millisecond})
	w.wantAll()
	if w.blamed["late"] == 0 {
		t.Errorf("blamed are %v", w.blamed)
	}
}

// TestHonestPeersSuffice mixes peers of all kinds with two honest ones, of which nobody is dropped, and all is imported.
func TestHonestPeersSuffice(t *testing.T) {
	kinds := []func(w *world, r Request) (Answer, *failure){
		otherColumns(func(*world, uint64) bool { return true }),
		func(*world, Request) (Answer, *failure) { return Answer{}, silent },
		func(*world, Request) (Answer, *failure) { return Answer{}, &failure{Absent, "no"} },
		func(*world, Request) (Answer, *failure) { return Answer{}, &failure{Slow, "busy"} },
		func(*world, Request) (Answer, *failure) { return Answer{}, &failure{Broken, "junk"} },
		func(w *world, r Request) (Answer, *failure) { return Answer{}, nil },
		func(w *world, r Request) (Answer, *failure) {
			a, _ := honest(w, r)
			a.Blocks = a.Blocks[:len(a.Blocks)/2]
			a.Columns = a.Columns[:len(a.Columns)/2]
			return a, nil
		},
		func(w *world, r Request) (Answer, *failure) {
			a, _ := honest(w, r)
			a.Blocks = a.Blocks[len(a.Blocks)/2:]
			return a, nil
		},
		func(w *world, r Request) (Answer, *failure) {
			a, _ := honest(w, r)
			for i := range a.Blocks {
				a.Blocks[i].Root, a.Blocks[i].Parent = root(5, a.Blocks[i].Slot), root(5, a.Blocks[i].Slot-1)
			}
			return a, nil
		},
	}
	rapid.Check(t, func(r *rapid.T) {
		columns := []uint64{1, 2, 3}
		w := newWorld(t, rapid.IntRange(1, 400).Draw(r, "slots"), Config{
			Backward: rapid.Bool().Draw(r, "backward"), Attempts: 12,
			Needs: func(_ uint64, b []Block) Needs {
				if b[0].Slot%2 == 0 {
					return Needs{}
				}
				return Needs{Columns: columns}
			},
		})
		speed := func() (time.Duration, time.Duration) {
			return time.Duration(rapid.IntRange(1, 300).Draw(r, "rtt")) * time.Millisecond, time.Duration(rapid.IntRange(1, 20).Draw(r, "per slot")) * time.Millisecond
		}
		for i := range 2 {
			s := &server{Peer: Peer{ID: fmt.Sprint("honest", i), Columns: columns}}
			s.rtt, s.perSlot = speed()
			w.add(s)
		}
		for i, kind := range rapid.SliceOfN(rapid.IntRange(0, len(kinds)-1), 0, 4).Draw(r, "kinds") {
			s := &server{Peer: Peer{ID: fmt.Sprint("other", i), Columns: columns, First: types.Slot(rapid.IntRange(0, 50).Draw(r, "first"))}, answer: kinds[kind]}
			s.rtt, s.perSlot = speed()
			w.add(s)
		}
		w.wantAll()
		if w.dropped["honest0"] != "" || w.dropped["honest1"] != "" {
			r.Fatalf("an honest peer was dropped: %v", w.dropped)
		}
	})
}
