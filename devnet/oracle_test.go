package devnet

import (
	"strings"
	"testing"

	"github.com/cresset/cresset/beacon/types"
)

func vote(source, target types.Epoch, block byte) types.AttestationData {
	return types.AttestationData{
		Slot: types.Slot(target * 8), BeaconBlockRoot: types.Root{block}, Source: types.Checkpoint{Epoch: source}, Target: types.Checkpoint{Epoch: target},
	}
}

// Honest votes and proposals, told of again and again, are no pair and are counted once.
func TestOracleFindsNothingAmongHonestVotes(t *testing.T) {
	o := newOracle()
	for range 2 {
		for epoch := types.Epoch(1); epoch < 5; epoch++ {
			o.vote(7, vote(epoch-1, epoch, 1))
			o.vote(8, vote(epoch-1, epoch, 2)) // another validator may see another head
			o.block(7, types.Slot(epoch), types.Root{1})
		}
	}
	if got := o.String(); got != "no slashable pair among 8 votes, 4 blocks" {
		t.Error(got)
	}
}

// Each kind of slashable pair is found, in both orders.
func TestOracleFindsSlashablePairs(t *testing.T) {
	for name, pair := range map[string][2]types.AttestationData{
		"two votes for one target": {vote(1, 3, 1), vote(1, 3, 2)},
		"one surrounds the other":  {vote(1, 4, 1), vote(2, 3, 1)},
	} {
		for _, order := range [][2]int{{0, 1}, {1, 0}} {
			o := newOracle()
			o.vote(5, pair[order[0]])
			o.vote(5, pair[order[1]])
			if len(o.pairs) != 1 || !strings.Contains(o.pairs[0], "validator 5") {
				t.Errorf("%s: %v, want one pair of validator 5", name, o.pairs)
			}
		}
	}
	o := newOracle()
	o.block(5, 9, types.Root{1})
	o.block(5, 9, types.Root{2})
	if len(o.pairs) != 1 {
		t.Errorf("two blocks of a slot: %v, want one pair", o.pairs)
	}
}

// The pairs of sacrificed keys are our own.
func TestOracleLeavesSacrificedKeysOut(t *testing.T) {
	o := newOracle(5)
	o.vote(5, vote(1, 3, 1))
	o.vote(5, vote(1, 3, 2))
	o.block(5, 9, types.Root{1})
	o.block(5, 9, types.Root{2})
	if len(o.pairs) != 0 || o.counted.votes != 2 || o.counted.blocks != 2 {
		t.Errorf("%v", o)
	}
}
