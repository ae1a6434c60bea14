package store

import (
	"bytes"
	"slices"
	"testing"

	"maps"

	"github.com/cresset/cresset/beacon/recorded"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// sameState checks that two states have the same encoding and the same root.
func sameState(t testing.TB, have, want *types.BeaconState) {
	t.Helper()
	a, err := have.MarshalSSZ()
	check(t, err)
	b, err := want.MarshalSSZ()
	check(t, err)
	if !bytes.Equal(a, b) {
		t.Fatalf("state of slot %d: encodings differ (%d and %d bytes)", want.Slot, len(a), len(b))
	}
	x, err := have.HashTreeRoot()
	check(t, err)
	y, err := want.HashTreeRoot()
	check(t, err)
	if x != y {
		t.Fatalf("state of slot %d: root is %v, want %v", want.Slot, x, y)
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// throughDiff applies the difference from base to st to base and checks that st comes out.
func throughDiff(t testing.TB, base, st *types.BeaconState) *types.BeaconState {
	t.Helper()
	diff, err := diffStates(base, st)
	check(t, err)
	got, err := applyDiff(base, st.Cx, diff)
	check(t, err)
	sameState(t, got, st)
	return got
}

// recordedStates decodes the states of a recorded chain, in ascending order.
func recordedStates(t testing.TB, c *recorded.Chain) []*types.BeaconState {
	t.Helper()
	var out []*types.BeaconState
	for _, slot := range slices.Sorted(maps.Keys(c.States)) {
		st, err := types.DecodeBeaconState(c.Spec, c.States[slot])
		check(t, err)
		_, err = st.Freeze()
		check(t, err)
		out = append(out, st)
	}
	return out
}

// Between any two states of a chain, in both directions and across forks, the difference leads from one to the other.
func TestDiffOfAllPairs(t *testing.T) {
	for _, name := range recorded.Names() {
		t.Run(name, func(t *testing.T) {
			c, err := recorded.Load(name)
			check(t, err)
			states := recordedStates(t, c)
			for _, base := range states {
				for _, st := range states {
					throughDiff(t, base, st)
				}
			}
		})
	}
}

var _ = ssz.Context{}
