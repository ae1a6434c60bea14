package store

import (
	"errors"
	"strings"
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz/plist"
	"github.com/cresset/cresset/beacon/store/kv"
	"github.com/cresset/cresset/beacon/types"
)

// keyOf names a state by a made-up block.
func keyOf(st *types.BeaconState) StateKey {
	return StateKey{Root: types.Root{byte(st.Slot), 1}, Slot: st.Slot}
}

// chained writes the states as a chain of differences, the first in full.
func chained(t testing.TB, s *Store, states []*types.BeaconState) {
	t.Helper()
	for i, st := range states {
		commit(t, s, func(b *Batch) {
			if i == 0 {
				check(t, b.PutState(keyOf(st), st))
				return
			}
			check(t, b.PutStateDiff(keyOf(st), st, keyOf(states[i-1]), states[i-1]))
		})
	}
}

// A state comes back from the end of a chain of differences, across forks, and is the caller's to write to.
func TestStates(t *testing.T) {
	for _, name := range []string{"deneb-to-fulu", "fulu"} {
		c := load(t, name)
		s := openMemory(t, c.Spec, kv.NewMemory())
		states := recordedStates(t, c)
		chained(t, s, states)
		n := 0
		for key, err := range s.StateKeys() {
			check(t, err)
			if key != keyOf(states[n]) {
				t.Errorf("state %d is %v, want %v", n, key, keyOf(states[n]))
			}
			base, diff, err := s.StateBase(key)
			check(t, err)
			if diff != (n > 0) || diff && base != keyOf(states[n-1]) {
				t.Errorf("state %d is a difference: %t, to %v", n, diff, base)
			}
			n++
		}
		if n != len(states) {
			t.Errorf("%d states are listed, want %d", n, len(states))
		}
		for _, want := range states {
			have, err := s.State(keyOf(want))
			check(t, err)
			sameState(t, have, want)
			have.Balances.Set(0, have.Balances.At(0)+1)
			if root, err := have.HashTreeRoot(); err != nil || root == mustRoot(t, want) {
				t.Errorf("a write to a state that was read has no effect: %v", err)
			}
		}
	}
}

func mustRoot(t testing.TB, st *types.BeaconState) types.Root {
	t.Helper()
	root, err := st.HashTreeRoot()
	check(t, err)
	return root
}

// grow adds validators to a state.
func grow(st *types.BeaconState, n int) {
	for i := range n {
		v := st.Validators.At(0)
		v.Pubkey = types.BLSPubkey{byte(i), byte(i >> 8), byte(i >> 16), 1}
		st.Validators.Append(v)
		st.Balances.Append(types.Gwei(32e9 + i))
		st.PreviousEpochParticipation.Append(7)
		st.CurrentEpochParticipation.Append(0)
		st.InactivityScores.Append(uint64(i % 3))
	}
}

// A state that is read on a base in memory shares with it what did not change, and nothing below the base is read.
func TestStateOnBase(t *testing.T) {
	c := load(t, "fulu")
	s := openMemory(t, c.Spec, kv.NewMemory())
	states := recordedStates(t, c)
	base := states[3].Copy()
	grow(base, 50_000)
	st := base.Copy()
	st.Slot++
	st.Balances.Set(17, 3)
	st.Validators.SetExitEpoch(40_000, 7)
	for _, x := range []*types.BeaconState{base, st} {
		_, err := x.Freeze()
		check(t, err)
	}
	commit(t, s, func(b *Batch) { check(t, b.PutStateDiff(keyOf(st), st, keyOf(base), base)) }) // the base itself is not stored
	have, err := s.StateOn(keyOf(st), func(key StateKey) *types.BeaconState {
		if key != keyOf(base) {
			t.Errorf("asked for %v, want %v", key, keyOf(base))
		}
		return base
	})
	check(t, err)
	sameState(t, have, st)
	seen := plist.Seen{}
	whole := base.Footprint(seen)
	if own := have.Footprint(seen); own > whole/20 {
		t.Errorf("the state has %d bytes for itself, its base has %d", own, whole)
	}
	if _, err := s.StateOn(keyOf(st), func(StateKey) *types.BeaconState { return states[2] }); err == nil {
		t.Error("a base with another root is taken")
	}
	var damaged *DamagedError
	if _, err := s.State(keyOf(st)); !errors.As(err, &damaged) || errors.Is(err, ErrNotFound) {
		t.Errorf("state without its base: %v", err)
	}
}

// A chain of differences that does not end, or goes round, is refused.
func TestEndlessDiffs(t *testing.T) {
	c := load(t, "fulu")
	states := recordedStates(t, c)
	a, b := states[3], states[4]
	s := openMemory(t, c.Spec, kv.NewMemory())
	commit(t, s, func(batch *Batch) {
		check(t, batch.PutStateDiff(keyOf(a), a, keyOf(b), b))
		check(t, batch.PutStateDiff(keyOf(b), b, keyOf(a), a))
	})
	var damaged *DamagedError
	if _, err := s.State(keyOf(a)); !errors.As(err, &damaged) {
		t.Errorf("differences in a circle: %v", err)
	}
	commit(t, s, func(batch *Batch) { check(t, batch.PutState(keyOf(b), b)) })
	have, err := s.State(keyOf(a))
	check(t, err)
	sameState(t, have, a)
	commit(t, s, func(batch *Batch) { batch.DeleteState(keyOf(a)) })
	if _, err := s.State(keyOf(a)); !errors.Is(err, ErrNotFound) {
		t.Errorf("deleted state: %v", err)
	}
	for e, err := range s.db.Range(kindStateChunk.all()) {
		check(t, err)
		if strings.Contains(describe(e.Key), describe(kindState.bySlot(a.Slot, keyOf(a).Root))) {
			t.Errorf("%s outlives its state", describe(e.Key))
		}
	}
}

// A base that was replaced by another state under the same key does not pass.
func TestReplacedBase(t *testing.T) {
	c := load(t, "fulu")
	states := recordedStates(t, c)
	s := openMemory(t, c.Spec, kv.NewMemory())
	chained(t, s, states[:2])
	other := states[0].Copy()
	other.Balances.Set(0, 1)
	commit(t, s, func(b *Batch) { check(t, b.PutState(keyOf(states[0]), other)) })
	var damaged *DamagedError
	if _, err := s.State(keyOf(states[1])); !errors.As(err, &damaged) {
		t.Errorf("difference to another state than the one stored: %v", err)
	}
}

// A slot belongs to the highest layer it is a multiple of; its bases are the nearest slots of the layers above.
func TestColdLayers(t *testing.T) {
	exponents := []uint8{3, 5, 8}
	for _, c := range []struct {
		slot  types.Slot
		layer int
		ok    bool
		bases []types.Slot
	}{
		{0, 2, true, nil}, {1, 0, false, nil}, {7, 0, false, nil}, {8, 0, true, []types.Slot{0}},
		{40, 0, true, []types.Slot{32, 0}}, {32, 1, true, []types.Slot{0}}, {256, 2, true, nil},
		{256 + 96, 1, true, []types.Slot{256}}, {256 + 96 + 8, 0, true, []types.Slot{256 + 96, 256}},
	} {
		layer, ok := coldLayer(exponents, c.slot)
		if layer != c.layer || ok != c.ok {
			t.Errorf("slot %d is of layer %d (%t), want %d (%t)", c.slot, layer, ok, c.layer, c.ok)
		}
		same(t, coldBases(exponents, 0, c.slot), c.bases)
	}
	// A chain that began at slot 300: its first state stands in for those before it.
	same(t, coldBases(exponents, 300, 304), []types.Slot{300})
	same(t, coldBases(exponents, 300, 328), []types.Slot{320, 300})
	same(t, coldBases(exponents, 300, 512), nil)
	same(t, coldBases(exponents, 300, 300), nil)
	for _, bad := range [][]uint8{{}, {5, 5}, {5, 3}, {64}} {
		if checkExponents(bad) == nil {
			t.Errorf("layers %v are taken", bad)
		}
	}
	check(t, checkExponents(DefaultColdExponents()))
}

func same[T comparable](t testing.TB, have, want []T) {
	t.Helper()
	if len(have) != len(want) {
		t.Errorf("have %v, want %v", have, want)
		return
	}
	for i := range have {
		if have[i] != want[i] {
			t.Errorf("have %v, want %v", have, want)
		}
	}
}

// Every chain of bases is short, ascends in its layers and ends at a state in full, for any slot.
func TestColdBasesEnd(t *testing.T) {
	exponents := DefaultColdExponents()
	for slot := types.Slot(0); slot < 1<<23; slot += 32 {
		steps := 0
		for at := slot; ; steps++ {
			bases := coldBases(exponents, 0, at)
			if len(bases) == 0 {
				break
			}
			if bases[0] >= at {
				t.Fatalf("slot %d is a difference to %d", at, bases[0])
			}
			at = bases[0]
		}
		if steps >= len(exponents) {
			t.Fatalf("slot %d takes %d differences", slot, steps)
		}
	}
}

// Cold states come back from every layer; the one asked for is the last at or before a slot.
func TestColdStates(t *testing.T) {
	c := load(t, "deneb-to-fulu")
	memory := kv.NewMemory()
	open := func() *Store {
		s, err := Open(Config{Spec: c.Spec, Memory: memory, ColdExponents: []uint8{3, 4, 6}})
		check(t, err)
		return s
	}
	s := open()
	if _, err := s.ColdState(5); !errors.Is(err, ErrNotFound) {
		t.Errorf("cold state of an empty store: %v", err)
	}
	states := recordedStates(t, c)
	var stored []*types.BeaconState
	for i, st := range states {
		if i < 2 || i == 9 { // a chain that began late, with a gap
			continue
		}
		if i > 2 && !s.IsColdSlot(st.Slot) {
			if s.PutColdState(st.Slot, st) == nil {
				t.Errorf("slot %d of no layer is taken", st.Slot)
			}
			continue
		}
		check(t, s.PutColdState(st.Slot, st.Copy()))
		stored = append(stored, st)
		if i%5 == 0 { // started anew: nothing is in memory
			check(t, s.Close())
			s = open()
		}
	}
	defer func() { check(t, s.Close()) }()
	for i, want := range stored {
		have, err := s.ColdState(want.Slot)
		check(t, err)
		sameState(t, have, want)
		if i > 0 {
			before, err := s.ColdState(want.Slot - 1)
			check(t, err)
			sameState(t, before, stored[i-1])
		}
	}
	if _, err := s.ColdState(stored[0].Slot - 1); !errors.Is(err, ErrNotFound) {
		t.Errorf("cold state before the first: %v", err)
	}
	if s.PutColdState(states[1].Slot, states[1]) == nil || s.PutColdState(stored[1].Slot, stored[0]) == nil {
		t.Error("a state before the first, or under another slot, is taken")
	}
}

// A cold state whose base is damaged is stored on the next better one.
func TestColdStateOnDamagedBase(t *testing.T) {
	c := load(t, "deneb-to-fulu")
	memory := kv.NewMemory()
	states := recordedStates(t, c)
	exponents := []uint8{3, 4, 7}
	s, err := Open(Config{Spec: c.Spec, Memory: memory, ColdExponents: exponents})
	check(t, err)
	check(t, s.PutColdState(0, states[0].Copy()))
	check(t, s.PutColdState(16, states[2].Copy()))
	if states[2].Slot != 16 || states[3].Slot != 24 {
		t.Fatalf("recorded states are of slots %d and %d", states[2].Slot, states[3].Slot)
	}
	damage(t, s, kindColdChunk.chunk(kindCold.bySlot(16)[1:], 0), func(record []byte) []byte { return record[:len(record)-1] })
	check(t, s.Close())
	s, err = Open(Config{Spec: c.Spec, Memory: memory, ColdExponents: exponents})
	check(t, err)
	defer func() { check(t, s.Close()) }()
	check(t, s.PutColdState(24, states[3].Copy()))
	have, err := s.ColdState(24)
	check(t, err)
	sameState(t, have, states[3])
	var damaged *DamagedError
	if _, err := s.ColdState(20); !errors.As(err, &damaged) {
		t.Errorf("damaged cold state: %v", err)
	}
}

// A state of a fork that the configuration does not have at its slot is refused.
func TestStateOfOtherFork(t *testing.T) {
	c := load(t, "fulu")
	states := recordedStates(t, c)
	memory := kv.NewMemory()
	s, err := Open(Config{Spec: c.Spec, Memory: memory})
	check(t, err)
	chained(t, s, states[:1])
	check(t, s.Close())
	other := *c.Spec
	other.GloasForkEpoch = 0
	s = openMemory(t, &other, memory)
	var damaged *DamagedError
	if _, err := s.State(keyOf(states[0])); !errors.As(err, &damaged) || !strings.Contains(err.Error(), params.Gloas.String()) {
		t.Errorf("state of another fork: %v", err)
	}
}
