package lookup

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cresset/cresset/beacon/types"
)

var start = time.Unix(1_700_000_000, 0)

func root(n int) types.Root { return types.Root{1, byte(n), byte(n >> 8)} }

// ancestors is a block and those before it, the latest first.
func ancestors(n, count int) (out []Block) {
	for ; count > 0; n, count = n-1, count-1 {
		out = append(out, Block{root(n), root(n - 1)})
	}
	return out
}

// newMachine makes a machine that knows the blocks up to a number.
func newMachine(known int, change func(*Config)) *Machine {
	cfg := Config{Knows: func(r types.Root) bool { return int(r[1])|int(r[2])<<8 <= known }}
	if change != nil {
		change(&cfg)
	}
	m := New(cfg)
	for _, id := range []string{"a", "b", "c"} {
		m.SetPeer(start, id, []uint64{1, 2, 3, 4})
	}
	return m
}

// story is actions in words.
func story(actions []Action) string {
	var words []string
	for _, a := range actions {
		switch a := a.(type) {
		case Request:
			words = append(words, fmt.Sprintf("ask %s for %v %d x%d %v", a.Peer, a.Kind, a.Root[1], a.Count, a.Columns))
		case Penalise:
			words = append(words, fmt.Sprintf("penalise %s %v", a.Peer, a.Drop))
		case Ended:
			words = append(words, "ended: "+a.Reason)
		default:
			words = append(words, fmt.Sprintf("%T", a))
		}
	}
	return strings.Join(words, "; ")
}

func want(t *testing.T, actions []Action, parts ...string) {
	t.Helper()
	if have, want := story(actions), strings.Join(parts, "; "); have != want {
		t.Errorf("have %q\nwant %q", have, want)
	}
}

// request is the last request among actions.
func request(t *testing.T, actions []Action) Request {
	t.Helper()
	for _, a := range slices.Backward(actions) {
		if r, ok := a.(Request); ok {
			return r
		}
	}
	t.Fatalf("no request in %q", story(actions))
	return Request{}
}

func TestAnUnknownParentIsAskedForFromWhoReferredToIt(t *testing.T) {
	m := newMachine(10, nil)
	asked := m.FindBlock(start, root(11), "b")
	want(t, asked, "ask b for block 11 x4 []")
	r := request(t, asked)
	want(t, m.ReceivedBlocks(start, r.ID, ancestors(11, 4)), "lookup.Import")
	want(t, m.Imported(start, r.Lookup, root(11), false, ""), "ended: ")
}

func TestUnknownAncestorsAreFollowedUntilOneIsKnown(t *testing.T) {
	m := newMachine(10, nil)
	r := request(t, m.FindBlock(start, root(30), "b"))
	next := m.ReceivedBlocks(start, r.ID, ancestors(30, 4))
	want(t, next, "ask b for block 26 x8 []")
	next = m.ReceivedBlocks(start, request(t, next).ID, ancestors(26, 8))
	want(t, next, "ask b for block 18 x24 []")
	want(t, m.ReceivedBlocks(start, request(t, next).ID, ancestors(18, 10)), "lookup.Import")
}

func TestTooManyUnknownAncestorsAreLeftToRangeSync(t *testing.T) {
	m := newMachine(10, func(c *Config) { c.Depth = 12 })
	r := request(t, m.FindBlock(start, root(100), "b"))
	r = request(t, m.ReceivedBlocks(start, r.ID, ancestors(100, 4)))
	want(t, m.ReceivedBlocks(start, r.ID, ancestors(96, 8)), "ended: more than 12 unknown ancestors: left to range sync")
}

// Who names blocks that nobody has cannot have this node think less of peers that never spoke of them.
func TestPeersThatAreAskedOnChanceDoNotPayForWhatNobodyHas(t *testing.T) {
	m := newMachine(10, nil)
	r := request(t, m.FindBlock(start, root(11), "b"))
	next := m.ReceivedBlocks(start, r.ID, nil)
	want(t, next, "penalise b false", "ask c for block 11 x4 []")
	next = m.Failed(start, request(t, next).ID, false, "refused")
	want(t, next, "ask a for block 11 x4 []")
	late := start.Add(m.cfg.Timeout)
	want(t, m.Tick(late), "lookup.Cancel", "ended: none of 3 peers has it")
}

func TestWhoDoesNotHaveWhatItReferredToPays(t *testing.T) {
	m := newMachine(10, nil)
	r := request(t, m.FindBlock(start, root(11), "b"))
	next := m.ReceivedBlocks(start, r.ID, nil)
	want(t, next, "penalise b false", "ask c for block 11 x4 []")
	next = m.Failed(start, request(t, next).ID, true, "broken")
	want(t, next, "penalise c true", "ask a for block 11 x4 []")
	want(t, m.ReceivedBlocks(start, request(t, next).ID, nil), "ended: none of 3 peers has it")
}

// A block that nobody of those who were asked has is asked for from the next one who refers to it, whether the others failed, were late or said no; and from nobody twice.
func TestWhoRefersToABlockAfterOthersWereAskedInVainIsAskedToo(t *testing.T) {
	m := newMachine(10, nil)
	m.RemovePeer(start, "c")
	next := m.FindBlock(start, root(11), "b")
	want(t, m.FindBlock(start, root(11), "a"))
	next = m.Failed(start, request(t, next).ID, false, "busy")
	want(t, next, "penalise b false", "ask a for block 11 x4 []")
	late := start.Add(5 * time.Second)
	want(t, m.Tick(late), "lookup.Cancel", "penalise a false", "ended: none of 2 peers has it")
	want(t, m.FindBlock(late, root(11), "a"), "ended: none of 2 peers has it")
	m.SetPeer(late, "c", nil)
	next = m.FindBlock(late, root(11), "c")
	want(t, next, "ask c for block 11 x4 []")
	want(t, m.ReceivedBlocks(late, request(t, next).ID, nil), "penalise c false", "ended: none of 3 peers has it")
	want(t, m.FindBlock(late, root(11), "b"), "ended: none of 3 peers has it")
	want(t, m.Tick(late.Add(12*time.Second)))
	want(t, m.FindBlock(late.Add(12*time.Second), root(11), "b"), "ask b for block 11 x4 []")
}

func TestBlocksThatWereLookedForInVainAreForgottenOldestFirst(t *testing.T) {
	m := newMachine(10, func(c *Config) { c.Lookups = 2 })
	for n := range 5 {
		now := start.Add(time.Duration(n) * time.Millisecond)
		next := m.FindBlock(now, root(20+n), "b")
		for range 3 {
			next = m.Failed(now, request(t, next).ID, false, "busy")
		}
		want(t, next, "ended: none of 3 peers has it")
	}
	if _, kept := m.vain[root(23)]; len(m.vain) != 2 || !kept {
		t.Errorf("%d blocks are remembered, the second latest: %v", len(m.vain), kept)
	}
}

func TestALateAnswerIsNotWaitedFor(t *testing.T) {
	m := newMachine(10, nil)
	r := request(t, m.FindBlock(start, root(11), "b"))
	want(t, m.Tick(start.Add(4*time.Second)))
	next := m.Tick(start.Add(5 * time.Second))
	want(t, next, "lookup.Cancel", "penalise b false", "ask c for block 11 x4 []")
	want(t, m.ReceivedBlocks(start, r.ID, ancestors(11, 1)))
}

func TestWrongBlocksCostWhoSentThem(t *testing.T) {
	m := newMachine(10, nil)
	r := request(t, m.FindBlock(start, root(11), "b"))
	m.ReceivedBlocks(start, r.ID, ancestors(11, 1))
	want(t, m.Imported(start, r.Lookup, root(11), true, "state root"), "penalise b true", "ended: state root")
}

func TestWhatSeveralReferToIsAskedForOnce(t *testing.T) {
	m := newMachine(10, nil)
	r := request(t, m.FindBlock(start, root(12), "b"))
	want(t, m.FindBlock(start, root(12), "a"))
	next := m.ReceivedBlocks(start, r.ID, nil)
	want(t, next, "penalise b false", "ask a for block 12 x4 []")
	m.ReceivedBlocks(start, request(t, next).ID, ancestors(12, 2))
	want(t, m.FindBlock(start, root(11), "c")) // it came with the other one
	want(t, m.FindBlock(start, root(10), "c")) // it is known
}

// Whoever keeps an eye on lookups may have all begin anew. The answer to a request of before is not one to a request of after that.
func TestNumbersGoOnAfterAReset(t *testing.T) {
	m := newMachine(10, nil)
	before := request(t, m.FindBlock(start, root(11), "a"))
	want(t, m.Reset(start, "it stood still"), "lookup.Cancel", "ended: it stood still")
	if n, _ := m.Active(start); n != 0 {
		t.Fatalf("%d lookups are left", n)
	}
	after := request(t, m.FindBlock(start, root(12), "b"))
	if after.ID <= before.ID || after.Lookup <= before.Lookup {
		t.Errorf("request %d of lookup %d, after %d of %d", after.ID, after.Lookup, before.ID, before.Lookup)
	}
	want(t, m.ReceivedBlocks(start, before.ID, ancestors(11, 1)))
}

func TestColumnsAreAskedForFromSeveralPeersAtATime(t *testing.T) {
	m := New(Config{Knows: func(types.Root) bool { return true }})
	m.SetPeer(start, "low", []uint64{0, 1, 2, 3})
	m.SetPeer(start, "high", []uint64{3, 4, 5, 6})
	asked := m.FindColumns(start, root(5), []uint64{1, 2, 3, 4, 5})
	want(t, asked, "ask low for columns 5 x0 [1 2 3]", "ask high for columns 5 x0 [4 5]")
	first, second := asked[0].(Request), asked[1].(Request)
	want(t, m.ReceivedColumns(start, first.ID, []uint64{1, 2, 3}))
	want(t, m.ReceivedColumns(start, second.ID, []uint64{4, 5}), "ended: ")
}

func TestColumnsThatDoNotComeAreAskedForFromOthers(t *testing.T) {
	m := newMachine(10, nil)
	r := request(t, m.FindColumns(start, root(5), []uint64{1, 2, 3}))
	next := m.ReceivedColumns(start, r.ID, []uint64{2})
	if len(next) != 2 || request(t, next).Peer == r.Peer || !slices.Equal(request(t, next).Columns, []uint64{1, 3}) {
		t.Fatalf("actions are %q", story(next))
	}
	want(t, m.ReceivedColumns(start, request(t, next).ID, []uint64{1, 3}), "ended: ")
}

func TestAColumnThatNobodyHasEndsTheLookup(t *testing.T) {
	m := newMachine(10, nil)
	want(t, m.FindColumns(start, root(5), []uint64{9}), "ended: none of 0 peers has it")
}

func TestAPayloadIsAskedForUntilSomebodyHasIt(t *testing.T) {
	m := newMachine(10, nil)
	asked := m.FindPayload(start, root(5), "c")
	want(t, asked, "ask c for payload 5 x0 []")
	next := m.ReceivedPayload(start, request(t, asked).ID, false)
	if request(t, next).Peer == "c" {
		t.Errorf("asked the same peer again")
	}
	want(t, m.ReceivedPayload(start, request(t, next).ID, true), "ended: ")
}

func TestLookupsAreBounded(t *testing.T) {
	m := newMachine(10, func(c *Config) { c.Lookups = 5 })
	for n := 11; n < 40; n++ {
		m.FindBlock(start, root(n), "a")
	}
	if n, _ := m.Active(start); n != 5 {
		t.Errorf("%d lookups, want 5", n)
	}
}

func TestWithoutPeersALookupWaits(t *testing.T) {
	m := New(Config{Knows: func(types.Root) bool { return false }})
	want(t, m.FindBlock(start, root(11), "a"))
	want(t, m.FindPayload(start, root(12), ""))
	want(t, m.SetPeer(start, "a", nil), "ask a for block 11 x4 []", "ask a for payload 12 x0 []")
}

// TestEveryLookupEnds feeds random events and then time: nothing is looked for without end, and nobody is asked twice for the same.
func TestEveryLookupEnds(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		m := newMachine(10, nil)
		now, open := start, map[uint64]Request{}
		take := func(actions []Action) {
			for _, a := range actions {
				switch a := a.(type) {
				case Request:
					open[a.ID] = a
				case Cancel:
					delete(open, a.ID)
				case Import:
					for k, l := range m.lookups {
						if l.id == a.Lookup {
							for _, b := range m.Imported(now, a.Lookup, k.root, false, "") {
								if _, again := b.(Import); again {
									r.Fatal("imported twice")
								}
							}
						}
					}
				}
			}
		}
		peers := rapid.SampledFrom([]string{"a", "b", "c", "d"})
		for range rapid.IntRange(1, 60).Draw(r, "events") {
			n := rapid.IntRange(9, 60).Draw(r, "block")
			switch rapid.IntRange(0, 6).Draw(r, "event") {
			case 0:
				take(m.FindBlock(now, root(n), peers.Draw(r, "peer")))
			case 1:
				take(m.FindColumns(now, root(n), []uint64{1, uint64(n % 6)}))
			case 2:
				take(m.FindPayload(now, root(n), ""))
			case 3:
				take(m.SetPeer(now, peers.Draw(r, "peer"), []uint64{uint64(n % 5), 1}))
			case 4:
				take(m.RemovePeer(now, peers.Draw(r, "peer")))
			case 5:
				now = now.Add(time.Second)
				take(m.Tick(now))
			default:
				for id, q := range open {
					delete(open, id)
					switch {
					case n%3 == 0:
						take(m.Failed(now, id, n%2 == 0, "junk"))
					case q.Kind == Ancestors:
						take(m.ReceivedBlocks(now, id, ancestors(int(q.Root[1]), rapid.IntRange(0, int(q.Count)).Draw(r, "count"))))
					case q.Kind == Columns:
						take(m.ReceivedColumns(now, id, q.Columns[:len(q.Columns)-n%2]))
					default:
						take(m.ReceivedPayload(now, id, n%2 == 0))
					}
					break
				}
			}
		}
		take(m.SetPeer(now, "a", nil))
		for range 2000 {
			now = now.Add(time.Second)
			take(m.Tick(now))
		}
		if n, _ := m.Active(now); n != 0 || len(m.flights) != 0 {
			r.Fatalf("%d lookups and %d requests are left", n, len(m.flights))
		}
	})
}
