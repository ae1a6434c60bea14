package transition

import (
	"math"
	"math/bits"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// ComputeWeakSubjectivityPeriod is for how many epochs a state can be trusted to start from: so long an attacker who controlled its
// validators could not have left with their stake. Spec: compute_weak_subjectivity_period (phase0; modified electra, gloas).
func ComputeWeakSubjectivityPeriod(s *State) (uint64, error) {
	spec, total := s.Spec(), s.GetTotalActiveBalance()
	period := uint64(spec.MinValidatorWithdrawabilityDelay)
	if !s.Since(params.Electra) {
		return period + s.validatorSetChange(), nil
	}
	churn := s.GetBalanceChurnLimit()
	if s.Since(params.Gloas) {
		churn = 2*s.GetExitChurnLimit()/3 + s.GetActivationChurnLimit()/3 + s.GetConsolidationChurnLimit()
	}
	if churn == 0 || churn > math.MaxUint64/200 {
		return 0, broken("0 < churn limit < 2**64 / 200", churn, "a churn limit that can be computed with")
	}
	decayed, err := total.Mul(params.SafetyDecay)
	if err != nil {
		return 0, err
	}
	return period + uint64(decayed/(2*churn*100)), nil
}

// validatorSetChange is in how many epochs exits, deposits and top-ups can use up the safety margin, in ether as the specification
// computes it, until Electra. Sums and products are of numbers of validators and of ether, far below 64 bits, but for the first
// product, which has 128.
func (s *State) validatorSetChange() uint64 {
	const decay = params.SafetyDecay
	spec := s.Spec()
	n := uint64(len(s.GetActiveValidatorIndices(s.GetCurrentEpoch())))
	if n == 0 {
		return 0
	}
	average := uint64(s.GetTotalActiveBalance()) / n / params.EthToGwei
	most := uint64(spec.MaxEffectiveBalance) / params.EthToGwei
	churn, topUps := s.GetValidatorChurnLimit(), spec.MaxDeposits*spec.SlotsPerEpoch
	if average*(200+12*decay) > most*(200+3*decay) {
		high, low := bits.Mul64(n, average*(200+12*decay)-most*(200+3*decay))
		byChurn := uint64(math.MaxUint64)
		if divisor := 600 * churn * (2*average + most); high < divisor {
			byChurn, _ = bits.Div64(high, low, divisor)
		}
		return max(byChurn, n*(200+3*decay)/(600*topUps))
	}
	return 3 * n * decay * average / (200 * topUps * (most - average))
}

// IsWithinWeakSubjectivityPeriod tells whether a state can still be started from at an epoch.
// Spec: is_within_weak_subjectivity_period (phase0; modified electra).
func IsWithinWeakSubjectivityPeriod(s *State, current types.Epoch) (within bool, period uint64, err error) {
	if period, err = ComputeWeakSubjectivityPeriod(s); err != nil {
		return false, 0, err
	}
	age := current - min(current, s.GetCurrentEpoch())
	return uint64(age) <= period, period, nil
}
