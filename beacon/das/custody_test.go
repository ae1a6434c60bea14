package das

import (
	"bytes"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/cresset/cresset/beacon/params"
)

func groups(t testing.TB, spec *params.Spec, id NodeID, count uint64) []uint64 {
	t.Helper()
	g, err := GetCustodyGroups(spec, id, count)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func anyID(t *rapid.T) NodeID {
	return NodeID(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "node id"))
}

func TestCustodyGroupsAreDistinctAscendingAndStable(t *testing.T) {
	for _, spec := range []*params.Spec{params.Mainnet(), params.Minimal()} {
		rapid.Check(t, func(rt *rapid.T) {
			id := anyID(rt)
			more := rapid.Uint64Range(0, spec.NumberOfCustodyGroups).Draw(rt, "count")
			less := rapid.Uint64Range(0, more).Draw(rt, "smaller count")
			g := groups(t, spec, id, more)
			if uint64(len(g)) != more || !slices.IsSorted(g) || len(slices.Compact(slices.Clone(g))) != len(g) {
				rt.Fatalf("%d groups: %v", more, g)
			}
			if more > 0 && g[len(g)-1] >= spec.NumberOfCustodyGroups {
				rt.Fatalf("group %d does not exist", g[len(g)-1])
			}
			for _, s := range groups(t, spec, id, less) {
				if !slices.Contains(g, s) {
					rt.Fatalf("group %d of %d is not among the groups of %d", s, less, more)
				}
			}
		})
	}
}

// Values of the reference vectors. The second one's id is the largest: the next one is zero.
func TestCustodyGroupsOfKnownNodes(t *testing.T) {
	spec := params.Mainnet()
	var short NodeID
	short[29] = 0x10 // 1048576
	if got := groups(t, spec, short, 1); !slices.Equal(got, []uint64{65}) {
		t.Errorf("node 1048576 custodies %v, want 65", got)
	}
	largest := NodeID(bytes.Repeat([]byte{0xff}, 32))
	first, second := groups(t, spec, largest, 1), groups(t, spec, NodeID{}, 1)
	if first[0] == second[0] {
		t.Fatal("both ends of the range have the same group, which tests nothing")
	}
	want := slices.Sorted(slices.Values([]uint64{first[0], second[0]}))
	if got := groups(t, spec, largest, 2); !slices.Equal(got, want) {
		t.Errorf("the largest node id custodies %v, want %v", got, want)
	}
}

func TestCustodyGroupCountTooLarge(t *testing.T) {
	spec := params.Mainnet()
	if _, err := GetCustodyGroups(spec, NodeID{}, spec.NumberOfCustodyGroups+1); err == nil {
		t.Error("accepted")
	}
}

func TestGroupsPartitionTheColumns(t *testing.T) {
	for name, change := range map[string]uint64{"one column a group": 128, "four": 32, "all": 1} {
		spec := *params.Mainnet()
		spec.NumberOfCustodyGroups = change
		var all []uint64
		for g := range spec.NumberOfCustodyGroups {
			columns, err := ComputeColumnsForCustodyGroup(&spec, g)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.IsSorted(columns) {
				t.Errorf("%s: columns %v of group %d do not ascend", name, columns, g)
			}
			all = append(all, columns...)
		}
		slices.Sort(all)
		for i, c := range all {
			if c != uint64(i) {
				t.Fatalf("%s: column %d is missing or repeated", name, i)
			}
		}
		if uint64(len(all)) != spec.NumberOfColumns {
			t.Errorf("%s: %d columns, want %d", name, len(all), spec.NumberOfColumns)
		}
		if _, err := ComputeColumnsForCustodyGroup(&spec, spec.NumberOfCustodyGroups); err == nil {
			t.Errorf("%s: columns of a group that does not exist", name)
		}
	}
}
