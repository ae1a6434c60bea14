package forkchoice

import (
	"slices"
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// The rule weighs the confirmed chain with the balances of a checkpoint of the epoch before last, whose block may have been pruned since.
func TestFastConfirmationGoesOnWithoutTheBalancesOfAPrunedBlock(t *testing.T) {
	s := newStory(t, params.FarFutureEpoch)
	s.slot(15)
	s.add(2, 1, 8, valid)
	s.add(3, 2, 12, valid)
	justified := types.Checkpoint{Epoch: 3, Root: root(3)}
	s.add(4, 3, 15, valid, func(b *Block) {
		b.JustifiedCheckpoint, b.FinalizedCheckpoint = types.Checkpoint{Epoch: 2, Root: root(2)}, types.Checkpoint{Epoch: 2, Root: root(2)}
		b.UnrealizedJustified, b.UnrealizedFinalized = justified, b.FinalizedCheckpoint
	})
	s.slot(16)
	s.must(s.vote(4, 15, 0, 0, 40))
	s.head(4, Pending)
	if s.states.gone = s.Prune(); !slices.Equal(s.states.gone, []types.Root{root(1)}) {
		t.Fatalf("pruned %v", s.states.gone)
	}
	s.fcr.ConfirmedRoot, s.fcr.CurrentSlotHead = root(4), root(4)
	s.fcr.CurrentEpochObservedJustifiedCheckpoint = types.Checkpoint{Epoch: 1, Root: root(1)}
	s.fcr.PreviousEpochGreatestUnrealizedCheckpoint = justified
	s.must(s.OnFastConfirmation())
	// The chain begins again with the justified block, and gets as far as the votes reach.
	if got := s.ConfirmedRoot(); got != root(4) {
		t.Fatalf("confirmed %v, want %v", got, root(4))
	}
}
