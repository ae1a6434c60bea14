package types_test

import (
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// Status and metadata have a fixed size in each version of their protocols, and a field that a version lacks is refused.
func TestNetworkContainersHaveTheFormOfTheirVersion(t *testing.T) {
	for _, c := range []struct {
		fork             params.Fork
		status, metadata int
	}{{params.Phase0, 84, 16}, {params.Altair, 84, 17}, {params.Fulu, 92, 25}, {params.Gloas, 92, 25}} {
		cx := ssz.Context{Spec: params.Mainnet(), Fork: c.fork}
		if got := ssz.Size(cx, ssz.Container(new(types.Status))); got != c.status {
			t.Errorf("status of %v has %d bytes, want %d", c.fork, got, c.status)
		}
		if got := ssz.Size(cx, ssz.Container(new(types.MetaData))); got != c.metadata {
			t.Errorf("metadata of %v has %d bytes, want %d", c.fork, got, c.metadata)
		}
		_, err := ssz.Marshal(cx, ssz.Container(&types.Status{EarliestAvailableSlot: 1}))
		if (err != nil) != (c.fork < params.Fulu) {
			t.Errorf("earliest_available_slot in %v: %v", c.fork, err)
		}
		_, err = ssz.Marshal(cx, ssz.Container(&types.MetaData{CustodyGroupCount: 4}))
		if (err != nil) != (c.fork < params.Fulu) {
			t.Errorf("custody_group_count in %v: %v", c.fork, err)
		}
	}
}

// Slot and parent are read from the encoding of a block of any fork.
func TestPeekBlock(t *testing.T) {
	for fork := params.Phase0; fork <= params.Gloas; fork++ {
		cx := ssz.Context{Spec: params.Minimal(), Fork: fork}
		b, err := ssz.Marshal(cx, ssz.Container(&types.SignedBeaconBlock{Message: types.BeaconBlock{Slot: 77, ParentRoot: types.Root{1, 31: 2}}}))
		if err != nil {
			t.Fatal(err)
		}
		slot, parent, err := types.PeekBlock(b)
		if err != nil || slot != 77 || parent != (types.Root{1, 31: 2}) {
			t.Errorf("%v: slot %d, parent %v, %v", fork, slot, parent, err)
		}
		if _, _, err := types.PeekBlock(b[:147]); err == nil {
			t.Errorf("%v: 147 bytes were taken for a block", fork)
		}
	}
}
