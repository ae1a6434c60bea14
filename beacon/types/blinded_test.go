package types_test

import (
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/recorded"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// A blinded block has the root of the block, and comes back from its encoding and its JSON.
func TestBlindedBlocks(t *testing.T) {
	c, err := recorded.Load("deneb-to-fulu")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[params.Fork]bool{}
	for _, b := range c.Blocks {
		cx := ssz.Context{Spec: c.Spec, Fork: c.Spec.ForkAtSlot(b.Message.Slot)}
		if seen[cx.Fork] {
			continue
		}
		seen[cx.Fork] = true
		blinded, err := types.Blind(cx, b)
		if err != nil {
			t.Fatal(err)
		}
		want, err := ssz.HashTreeRoot(cx, ssz.Container(b))
		if err != nil {
			t.Fatal(err)
		}
		if have, err := ssz.HashTreeRoot(cx, ssz.Container(blinded)); err != nil || have != want {
			t.Errorf("%v: root %x, want %x: %v", cx.Fork, have, want, err)
		}
		encoded, err := ssz.Marshal(cx, ssz.Container(blinded))
		if err != nil {
			t.Fatal(err)
		}
		back := &types.SignedBlindedBeaconBlock{Block: new(types.SignedBeaconBlock)}
		if err := ssz.Unmarshal(cx, encoded, ssz.Container(back)); err != nil {
			t.Fatal(err)
		}
		if have, err := ssz.HashTreeRoot(cx, ssz.Container(back)); err != nil || have != want {
			t.Errorf("%v: root %x after decoding, want %x: %v", cx.Fork, have, want, err)
		}
	}
	if len(seen) != 3 {
		t.Errorf("%d forks seen, want 3", len(seen))
	}
}
