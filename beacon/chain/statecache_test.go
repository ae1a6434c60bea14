package chain

import (
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/simnet"
	"github.com/cresset/cresset/beacon/ssz/plist"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// related makes states that share most of their memory: each is the one before with another slot and another balance.
func related(t *testing.T, n int) (states []*transition.State, alone, more int) {
	t.Helper()
	spec, err := simnet.Spec(params.Fulu)
	check(t, err)
	net, err := simnet.New(spec, 4096, genesisTime)
	check(t, err)
	s := net.Genesis().State
	alone = s.Footprint(plist.Seen{})
	seen := plist.Seen{}
	s.Footprint(seen)
	for i := range n {
		s = s.Copy()
		s.Slot = types.Slot(i + 1)
		s.Balances.Set(i, s.Balances.At(i)+1)
		_, err := s.Freeze()
		check(t, err)
		more = max(more, s.Footprint(seen))
		states = append(states, s)
	}
	if 5*more > alone {
		t.Fatalf("a state has %d bytes alone and %d among the others: they share nothing worth a test", alone, more)
	}
	return states, alone, more
}

// root is the block that a state of these tests belongs to.
func rootOf(s *transition.State) types.Root { return types.Root{1, byte(s.Slot)} }

// footprint is the memory of all states of a cache.
func (c *stateCache) footprint() (states, bytes int) {
	seen := plist.Seen{}
	for e := c.mu.used.Front(); e != nil; e = e.Next() {
		bytes += e.Value.(*cachedState).state.Footprint(seen)
	}
	return c.mu.used.Len(), bytes
}

// The budget is for what all states hold together, and the ones used last stay.
func TestTheBudgetIsForWhatStatesHoldTogether(t *testing.T) {
	t.Parallel()
	states, alone, more := related(t, 10*trimEvery)
	budget := alone + 20*more
	c := newStateCache(budget)
	for i, s := range states {
		check(t, c.put(rootOf(s), s))
		n, bytes := c.footprint()
		if (i+1)%trimEvery == 0 && bytes > budget {
			t.Fatalf("%d states have %d bytes, want at most %d", n, bytes, budget)
		}
		if counted, said := c.size(); counted != n || (i+1)%trimEvery == 0 && said != bytes {
			t.Fatalf("the cache says %d states of %d bytes, it has %d of %d", counted, said, n, bytes)
		}
		// The one that is always asked for is always there, though it is the oldest.
		if c.latest(rootOf(states[0]), 100) != states[0] {
			t.Fatalf("the state used last is gone after %d", i+1)
		}
		if c.latest(rootOf(s), s.Slot) != s {
			t.Fatalf("state %d is gone at once", i)
		}
	}
	n, _ := c.footprint()
	if n < 15 || n >= len(states) {
		t.Errorf("%d states of %d bytes alone fit into %d bytes, want some 20: they share their memory", n, alone, budget)
	}
	if c.latest(rootOf(states[1]), 100) != nil {
		t.Error("the state that nobody asked for is still there")
	}
	if len(c.mu.byRoot) != n {
		t.Errorf("%d roots are noted for %d states", len(c.mu.byRoot), n)
	}
}

func TestTheStateUsedLastStaysWhateverTheBudget(t *testing.T) {
	t.Parallel()
	states, _, _ := related(t, trimEvery)
	c := newStateCache(1)
	for _, s := range states {
		check(t, c.put(rootOf(s), s))
	}
	last := states[len(states)-1]
	if n, _ := c.size(); n != 1 || c.latest(rootOf(last), last.Slot) != last {
		t.Errorf("%d states are left, want the last one", n)
	}
}

// Of the states of a block the latest up to a slot is found, and all are forgotten together.
func TestStatesOfABlockByTheirSlot(t *testing.T) {
	t.Parallel()
	states, _, _ := related(t, 5) // of slots 1 to 5
	c := newStateCache(1 << 30)
	root, other := types.Root{1}, types.Root{2}
	for _, i := range []int{3, 0, 2} { // slots 4, 1, 3
		check(t, c.put(root, states[i]))
		check(t, c.put(root, states[i].Copy())) // again: the first one stays
	}
	check(t, c.put(other, states[4]))
	for slot, want := range []*transition.State{nil, states[0], states[0], states[2], states[3], states[3]} {
		if got := c.latest(root, types.Slot(slot)); got != want {
			t.Errorf("up to slot %d another state is found", slot)
		}
	}
	if n, _ := c.size(); n != 4 {
		t.Errorf("%d states, want 4", n)
	}
	c.remove(root)
	if n, _ := c.size(); n != 1 || c.latest(root, 9) != nil || c.latest(other, 9) != states[4] {
		t.Errorf("%d states are left, want the other block's", n)
	}
}
