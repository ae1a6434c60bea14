package forkchoice

import (
	"errors"
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

func difficulty(n byte) (d params.Uint256) {
	d[31] = n
	return d
}

func TestValidateMergeBlock(t *testing.T) {
	spec := *params.Mainnet()
	spec.TerminalTotalDifficulty = difficulty(10)
	override := spec
	override.TerminalBlockHash, override.TerminalBlockHashActivationEpoch = types.Hash32{7}, 2
	pow := func(hash, parent, d byte) *PowBlock {
		return &PowBlock{BlockHash: types.Hash32{hash}, ParentHash: types.Hash32{parent}, TotalDifficulty: difficulty(d)}
	}
	for _, c := range []struct {
		name          string
		spec          *params.Spec
		slot          types.Slot
		hash          byte
		block, parent *PowBlock
		want          error
	}{
		{"first to reach the difficulty", &spec, 1, 2, pow(2, 1, 10), pow(1, 0, 9), nil},
		{"below", &spec, 1, 2, pow(2, 1, 9), pow(1, 0, 8), ErrInvalid},
		{"parent reached it", &spec, 1, 2, pow(2, 1, 11), pow(1, 0, 10), ErrInvalid},
		{"unknown block", &spec, 1, 2, nil, nil, ErrUnknownBlock},
		{"unknown parent", &spec, 1, 2, pow(2, 1, 10), nil, ErrUnknownBlock},
		{"another block", &spec, 1, 3, pow(2, 1, 10), pow(1, 0, 9), ErrInvalid},
		{"another parent", &spec, 1, 2, pow(2, 1, 10), pow(4, 0, 9), ErrInvalid},
		{"override", &override, 64, 7, nil, nil, nil},
		{"override, too early", &override, 63, 7, nil, nil, ErrInvalid},
		{"override, another hash", &override, 64, 8, nil, nil, ErrInvalid},
	} {
		if err := ValidateMergeBlock(c.spec, c.slot, types.Hash32{c.hash}, c.block, c.parent); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

func TestIsOptimisticCandidateBlock(t *testing.T) {
	for _, c := range []struct {
		parent        bool
		slot, current types.Slot
		want          bool
	}{{true, 5, 5, true}, {false, 5, 5, false}, {false, 5, 132, false}, {false, 5, 133, true}, {false, ^types.Slot(0), 500, false}} {
		if got := IsOptimisticCandidateBlock(c.parent, c.slot, c.current, SafeSlotsToImportOptimistically); got != c.want {
			t.Errorf("%+v: %t", c, got)
		}
	}
}
