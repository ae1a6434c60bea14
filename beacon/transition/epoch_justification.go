package transition

import (
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// ProcessJustificationAndFinalization moves the checkpoints. Spec: process_justification_and_finalization
// (phase0; modified altair).
func ProcessJustificationAndFinalization(s *State) error {
	if s.GetCurrentEpoch() <= params.GenesisEpoch+1 {
		return nil
	}
	var previous, current types.Gwei
	if s.Since(params.Altair) {
		totals := s.participationTotals()
		previous, current = totals.previous[params.TimelyTargetFlagIndex], totals.current[params.TimelyTargetFlagIndex]
	} else {
		var err error
		if previous, err = s.targetBalance(s.GetPreviousEpoch()); err != nil {
			return err
		}
		if current, err = s.targetBalance(s.GetCurrentEpoch()); err != nil {
			return err
		}
	}
	least := s.Spec().EffectiveBalanceIncrement
	return WeighJustificationAndFinalization(s, s.GetTotalActiveBalance(), max(previous, least), max(current, least))
}

// PulledUp gives the checkpoints that a state would have at the end of its epoch if nothing more happened. The state is not frozen yet: it
// keeps the sums that this takes, so that those of the blocks on it need no scan of the registry.
// Spec: compute_pulled_up_tip (phase0).
func (s *State) PulledUp() (justified, finalized types.Checkpoint, err error) {
	if s.Since(params.Altair) {
		s.participationTotals()
	}
	c := s.Copy()
	err = ProcessJustificationAndFinalization(c)
	return c.CurrentJustifiedCheckpoint, c.FinalizedCheckpoint, err
}

// twoThirds tells whether part is at least two thirds of the total. NewState has checked that three times all stake fits 64
// bits.
func twoThirds(part, total types.Gwei) bool { return part*3 >= total*2 }

// WeighJustificationAndFinalization justifies and finalizes by the balances that attested to the targets of the previous
// and the current epoch. Spec: weigh_justification_and_finalization (phase0).
func WeighJustificationAndFinalization(s *State, total, previousTarget, currentTarget types.Gwei) error {
	previousEpoch, currentEpoch := s.GetPreviousEpoch(), s.GetCurrentEpoch()
	oldPrevious, oldCurrent := s.PreviousJustifiedCheckpoint, s.CurrentJustifiedCheckpoint

	s.PreviousJustifiedCheckpoint = s.CurrentJustifiedCheckpoint
	bits := s.JustificationBits
	bits[0] = bits[0] << 1 & (1<<params.JustificationBitsLength - 1)
	justify := func(epoch types.Epoch, bit uint64) error {
		root, err := s.GetBlockRoot(epoch)
		if err != nil {
			return err
		}
		s.CurrentJustifiedCheckpoint = types.Checkpoint{Epoch: epoch, Root: root}
		bits.SetBitAt(bit, true)
		return nil
	}
	if twoThirds(previousTarget, total) {
		if err := justify(previousEpoch, 1); err != nil {
			return err
		}
	}
	if twoThirds(currentTarget, total) {
		if err := justify(currentEpoch, 0); err != nil {
			return err
		}
	}
	for _, rule := range [...]struct {
		mask   byte // the justified epochs that the rule asks for, the current one in bit 0
		source types.Checkpoint
		age    types.Epoch
	}{
		{0b1110, oldPrevious, 3},
		{0b0110, oldPrevious, 2},
		{0b0111, oldCurrent, 2},
		{0b0011, oldCurrent, 1},
	} {
		if bits[0]&rule.mask == rule.mask && rule.source.Epoch+rule.age == currentEpoch {
			s.FinalizedCheckpoint = rule.source
		}
	}
	return nil
}

// GetFinalityDelay is the number of epochs between the previous epoch and finality. Spec: get_finality_delay (phase0).
func (s *State) GetFinalityDelay() uint64 {
	return uint64(s.GetPreviousEpoch() - s.FinalizedCheckpoint.Epoch)
}

// IsInInactivityLeak tells whether finality is so late that inactive validators lose their stake.
// Spec: is_in_inactivity_leak (phase0).
func (s *State) IsInInactivityLeak() bool {
	return s.GetFinalityDelay() > uint64(s.Spec().MinEpochsToInactivityPenalty)
}
