package transition

import (
	"math"
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// scannedExit is the exit epoch that the specification's own words give the next validator to leave, before Electra.
func scannedExit(s *State) types.Epoch {
	now := s.GetCurrentEpoch()
	last, active, churn := types.ComputeActivationExitEpoch(s.Spec(), now), uint64(0), uint64(0)
	for i := range s.Validators.Len() {
		v := s.Validators.At(types.ValidatorIndex(i))
		if IsActiveValidator(&v, now) {
			active++
		}
		if v.ExitEpoch != params.FarFutureEpoch {
			last = max(last, v.ExitEpoch)
		}
	}
	for i := range s.Validators.Len() {
		if s.Validators.ExitEpoch(types.ValidatorIndex(i)) == last {
			churn++
		}
	}
	if churn >= max(s.Spec().MinPerEpochChurnLimit, active/s.Spec().ChurnLimitQuotient) {
		last++
	}
	return last
}

func TestExitQueueIsThatOfAScanForEveryExit(t *testing.T) {
	s := testState(t, params.Deneb, 160)
	for i := range types.ValidatorIndex(90) {
		if i == 40 {
			s.Slot += types.Slot(7 * s.Spec().SlotsPerEpoch) // past the first of the exits
		}
		if i == 60 {
			s = s.Copy()
		}
		want := scannedExit(s)
		if err := InitiateValidatorExit(s, i); err != nil {
			t.Fatal(err)
		}
		if have := s.Validators.ExitEpoch(i); have != want {
			t.Fatalf("validator %d leaves at %d, want %d", i, have, want)
		}
		if err := InitiateValidatorExit(s, i); err != nil { // a second time changes nothing
			t.Fatal(err)
		}
	}
}

func TestOperationsOnValidatorsThatDoNotExistAreRefused(t *testing.T) {
	for _, fork := range []params.Fork{params.Capella, params.Gloas} {
		s := testState(t, fork, 64)
		for _, index := range []types.ValidatorIndex{64, 1 << 32, 1 << 40, math.MaxInt64, math.MaxUint64} {
			exit := types.SignedVoluntaryExit{Message: types.VoluntaryExit{ValidatorIndex: index}}
			change := types.SignedBLSToExecutionChange{Message: types.BLSToExecutionChange{ValidatorIndex: index}}
			slashing := types.ProposerSlashing{}
			slashing.SignedHeader1.Message.ProposerIndex, slashing.SignedHeader2.Message.ProposerIndex = index, index
			slashing.SignedHeader2.Message.ParentRoot[0] = 1
			block := types.SignedBeaconBlock{Message: types.BeaconBlock{ProposerIndex: index}}
			for name, err := range map[string]error{
				"voluntary exit":          ProcessVoluntaryExit(s, &exit, Hooks{}),
				"BLS to execution change": ProcessBLSToExecutionChange(s, &change, Hooks{}),
				"proposer slashing":       ProcessProposerSlashing(s, &slashing, Hooks{}),
				"block":                   VerifyBlockSignature(s, &block, Hooks{Signatures: new(SignatureBatch)}),
			} {
				if !refused(err) {
					t.Errorf("%v: %s of validator %d: error is %v", fork, name, index, err)
				}
			}
		}
	}
}

func TestSlashingOfAProposerWhoseSlotIsFarAwayTouchesNoPayment(t *testing.T) {
	for _, slot := range []types.Slot{0, 1, math.MaxUint64} {
		s := testState(t, params.Gloas, 64)
		for i := range s.BuilderPendingPayments.Len() {
			s.BuilderPendingPayments.Mutable(i).Weight = 1
		}
		slashing := types.ProposerSlashing{}
		slashing.SignedHeader1.Message.Slot, slashing.SignedHeader2.Message.Slot = slot, slot
		slashing.SignedHeader2.Message.ParentRoot[0] = 1
		if err := ProcessProposerSlashing(s, &slashing, Hooks{}); err != nil {
			t.Fatal(err)
		}
		for i := range s.BuilderPendingPayments.Len() {
			if s.BuilderPendingPayments.At(i).Weight != 1 {
				t.Errorf("slot %d: payment %d is gone", slot, i)
			}
		}
	}
}

func TestProposerIsPaidForEverySlashedAttester(t *testing.T) {
	s := testState(t, params.Electra, 64)
	proposer, err := s.GetBeaconProposerIndex()
	if err != nil {
		t.Fatal(err)
	}
	before := s.Balances.At(int(proposer))
	slashing := types.AttesterSlashing{
		Attestation1: types.IndexedAttestation{AttestingIndices: []types.ValidatorIndex{1, 2, 5, 9}},
		Attestation2: types.IndexedAttestation{AttestingIndices: []types.ValidatorIndex{2, 3, 9, 11}},
	}
	slashing.Attestation2.Data.BeaconBlockRoot[0] = 1
	rewards := newHeard()
	if err := ProcessAttesterSlashing(s, &slashing, Hooks{Rewards: rewards}); err != nil {
		t.Fatal(err)
	}
	for i := range types.ValidatorIndex(64) {
		if want := i == 2 || i == 9; s.Validators.Slashed(i) != want {
			t.Errorf("validator %d slashed: %v, want %v", i, !want, want)
		}
	}
	want := 2 * types.Gwei(32e9) / types.Gwei(s.Spec().WhistleblowerRewardQuotientElectra)
	if have := s.Balances.At(int(proposer)) - before; have != want || rewards.block[RewardAttesterSlashings] != want {
		t.Fatalf("proposer %d got %d, reporter heard %d, want %d", proposer, have, rewards.block[RewardAttesterSlashings], want)
	}
}
