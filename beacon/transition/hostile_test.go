package transition

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// TestStatesThatNoChainHasAreRefused hands in states whose lists or sums would break what comes after.
func TestStatesThatNoChainHasAreRefused(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*types.BeaconState)
		says   []string // the rule's parts and both values
	}{
		"short balances":      {func(b *types.BeaconState) { b.Balances.Zero(3) }, []string{"state.balances", "have 3, want 8"}},
		"long participation":  {func(b *types.BeaconState) { b.PreviousEpochParticipation.Zero(9) }, []string{"previous_epoch_participation", "have 9, want 8"}},
		"short participation": {func(b *types.BeaconState) { b.CurrentEpochParticipation.Zero(0) }, []string{"current_epoch_participation", "have 0, want 8"}},
		"short scores":        {func(b *types.BeaconState) { b.InactivityScores.Zero(7) }, []string{"inactivity_scores", "have 7, want 8"}},
		"stake that overflows": {func(b *types.BeaconState) {
			b.Validators.SetEffectiveBalance(2, math.MaxUint64)
		}, []string{"effective balance of validator 2", "18446744073709551615"}},
		"stake whose third part overflows": {func(b *types.BeaconState) {
			b.Validators.SetEffectiveBalance(2, 1<<63)
		}, []string{"effective balance of all validators", "9223372"}},
		"slashings that overflow": {func(b *types.BeaconState) {
			b.Slashings.Set(0, 1<<63)
			b.Slashings.Set(1, 1<<63)
		}, []string{"slashings[1]", "9223372036854775808"}},
		"slashings that overflow when multiplied": {func(b *types.BeaconState) { b.Slashings.Set(4, 1<<63) }, []string{"slashings", "9223372036854775808"}},
	} {
		s := testState(t, params.Fulu, 8)
		test.change(s.BeaconState)
		_, err := NewState(s.BeaconState, s.env)
		if err == nil {
			t.Errorf("%s: is taken", name)
			continue
		}
		for _, part := range test.says {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: error %q does not say %q", name, err, part)
			}
		}
	}
	phase0 := testState(t, params.Phase0, 4)
	phase0.InactivityScores.Zero(0)
	if _, err := NewState(phase0.BeaconState, phase0.env); err != nil {
		t.Errorf("a list that phase 0 does not have is asked for: %v", err)
	}
}

// TestRewardsFollowTheEffectiveBalanceEvenAboveTheMaximum pays a validator of twice the highest effective balance twice as
// much as one of the highest.
func TestRewardsFollowTheEffectiveBalanceEvenAboveTheMaximum(t *testing.T) {
	s := testState(t, params.Fulu, 8)
	highest := s.Spec().MaxEffectiveBalanceElectra
	for i, balance := range []types.Gwei{highest, 2 * highest} {
		s.Validators.SetEffectiveBalance(types.ValidatorIndex(i), balance)
		s.Balances.Set(i, 3*highest)
	}
	if err := ProcessRewardsAndPenalties(s, nil); err != nil {
		t.Fatal(err)
	}
	lost := [2]types.Gwei{3*highest - s.Balances.At(0), 3*highest - s.Balances.At(1)}
	if lost[0] == 0 || lost[1]/2 != lost[0] {
		t.Errorf("penalties are %d, want the second twice the first", lost)
	}
}

// TestInactivityPenaltyThatOverflowsIsAnError neither wraps nor caps effective_balance * inactivity_score.
func TestInactivityPenaltyThatOverflowsIsAnError(t *testing.T) {
	s := testState(t, params.Altair, 8)
	s.InactivityScores.Set(3, math.MaxUint64/32_000_000_000+1)
	err := ProcessRewardsAndPenalties(s, nil)
	var overflow *params.OverflowError
	if !errors.As(err, &overflow) || !strings.Contains(err.Error(), "validator 3") {
		t.Errorf("error is %v", err)
	}
	s = testState(t, params.Altair, 8)
	s.InactivityScores.Set(3, math.MaxUint64/32_000_000_000)
	if err := ProcessRewardsAndPenalties(s, nil); err != nil || s.Balances.At(3) != 0 {
		t.Errorf("balance is %d (%v), want 0", s.Balances.At(3), err)
	}
}

// TestPendingAttestationOfAProposerWhoDoesNotExistIsAnError meets one in a phase 0 state.
func TestPendingAttestationOfAProposerWhoDoesNotExistIsAnError(t *testing.T) {
	s := testState(t, params.Phase0, 8)
	sh, err := s.Shuffling(s.GetPreviousEpoch())
	if err != nil {
		t.Fatal(err)
	}
	slot := types.Slot(uint64(s.GetPreviousEpoch()) * s.Spec().SlotsPerEpoch)
	s.PreviousEpochAttestations = []types.PendingAttestation{{
		AggregationBits: []byte{byte(1)<<len(sh.Committee(slot, 0)) | 1},
		Data:            types.AttestationData{Slot: slot, Target: types.Checkpoint{Epoch: s.GetPreviousEpoch()}},
		InclusionDelay:  1, ProposerIndex: 8,
	}}
	if err := ProcessRewardsAndPenalties(s, nil); err == nil || !strings.Contains(err.Error(), "have 8, want below 8") {
		t.Errorf("error is %v", err)
	}
}

// TestForkWithoutRulesStopsTheState does not go on by old rules where the schedule has a fork that is not known here.
func TestForkWithoutRulesStopsTheState(t *testing.T) {
	s := testState(t, params.Gloas, 8)
	spec := *s.Spec()
	spec.HezeForkEpoch = s.GetCurrentEpoch() + 1
	s.Cx.Spec = &spec
	for i := range s.ProposerLookahead {
		s.ProposerLookahead[i] = types.ValidatorIndex(i % 8)
	}
	err := ProcessSlots(s, types.Slot(uint64(spec.HezeForkEpoch)*spec.SlotsPerEpoch))
	if err == nil || !strings.Contains(err.Error(), "heze") {
		t.Errorf("error is %v", err)
	}
}
