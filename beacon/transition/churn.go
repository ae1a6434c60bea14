package transition

import (
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// exitQueue is the end of the queue of exits before Electra, which the specification finds by a scan of the registry for
// every exit. The scan is made once an epoch: until the next one, only InitiateValidatorExit changes what it finds.
type exitQueue struct {
	known bool
	at    types.Epoch // the current epoch when it was made
	epoch types.Epoch // the last exit epoch in the registry, at least the first one possible
	churn uint64      // validators that leave at epoch
	limit uint64      // get_validator_churn_limit
}

// exitQueue brings the end of the queue up to date.
func (s *State) exitQueue() *exitQueue {
	q, now := &s.exits, s.GetCurrentEpoch()
	if q.known && q.at == now {
		return q
	}
	*q = exitQueue{known: true, at: now, epoch: types.ComputeActivationExitEpoch(s.Spec(), now)}
	active := uint64(0)
	for i := 0; i < s.Validators.Len(); {
		run := s.Validators.From(i)
		i += len(run.ExitEpoch)
		for k, exit := range run.ExitEpoch {
			if run.ActivationEpoch[k] <= now && now < exit {
				active++
			}
			switch {
			case exit == params.FarFutureEpoch || exit < q.epoch:
			case exit == q.epoch:
				q.churn++
			default:
				q.epoch, q.churn = exit, 1
			}
		}
	}
	q.limit = max(s.Spec().MinPerEpochChurnLimit, active/s.Spec().ChurnLimitQuotient)
	return q
}

// GetValidatorChurnLimit is how many validators may leave in an epoch. Spec: get_validator_churn_limit (phase0).
func (s *State) GetValidatorChurnLimit() uint64 { return s.exitQueue().limit }

// GetValidatorActivationChurnLimit is how many validators may enter in an epoch, until Deneb as many as may leave.
// Spec: get_validator_activation_churn_limit (deneb).
func (s *State) GetValidatorActivationChurnLimit() uint64 {
	limit := s.GetValidatorChurnLimit()
	if s.Since(params.Deneb) {
		return min(s.Spec().MaxPerEpochActivationChurnLimit, limit)
	}
	return limit
}

// roundedDown is a balance in whole increments.
func (s *State) roundedDown(balance types.Gwei) types.Gwei {
	return balance - balance%s.Spec().EffectiveBalanceIncrement
}

// GetBalanceChurnLimit is the balance that may enter and leave in an epoch, consolidations included.
// Spec: get_balance_churn_limit (electra).
func (s *State) GetBalanceChurnLimit() types.Gwei {
	share := s.GetTotalActiveBalance() / types.Gwei(s.Spec().ChurnLimitQuotient)
	return s.roundedDown(max(s.Spec().MinPerEpochChurnLimitElectra, share))
}

// GetActivationExitChurnLimit is the balance that may enter, and that may leave, in an epoch.
// Spec: get_activation_exit_churn_limit (electra).
func (s *State) GetActivationExitChurnLimit() types.Gwei {
	return min(s.Spec().MaxPerEpochActivationExitChurnLimit, s.GetBalanceChurnLimit())
}

// GetExitChurnLimit is the balance that may leave in an epoch. Spec: get_exit_churn_limit (gloas).
func (s *State) GetExitChurnLimit() types.Gwei {
	share := s.GetTotalActiveBalance() / types.Gwei(s.Spec().ChurnLimitQuotientGloas)
	return s.roundedDown(max(s.Spec().MinPerEpochChurnLimitElectra, share))
}

// GetActivationChurnLimit is the balance that may enter in an epoch. Spec: get_activation_churn_limit (gloas).
func (s *State) GetActivationChurnLimit() types.Gwei {
	return min(s.Spec().MaxPerEpochActivationChurnLimitGloas, s.GetExitChurnLimit())
}

// GetConsolidationChurnLimit is the balance that may be consolidated in an epoch.
// Spec: get_consolidation_churn_limit (electra; modified gloas).
func (s *State) GetConsolidationChurnLimit() types.Gwei {
	if s.Since(params.Gloas) {
		return s.roundedDown(s.GetTotalActiveBalance() / types.Gwei(s.Spec().ConsolidationChurnLimitQuotient))
	}
	return s.GetBalanceChurnLimit() - s.GetActivationExitChurnLimit()
}

// ComputeExitEpochAndUpdateChurn takes a balance from the churn of exits and gives the epoch from which it is out.
// Spec: compute_exit_epoch_and_update_churn (electra; modified gloas).
func ComputeExitEpochAndUpdateChurn(s *State, balance types.Gwei) (types.Epoch, error) {
	limit := s.GetActivationExitChurnLimit
	if s.Since(params.Gloas) {
		limit = s.GetExitChurnLimit
	}
	err := s.consumeChurn(&s.EarliestExitEpoch, &s.ExitBalanceToConsume, limit(), balance)
	return s.EarliestExitEpoch, within("exit churn", err)
}

// ComputeConsolidationEpochAndUpdateChurn takes a balance from the churn of consolidations and gives the epoch from which
// it is out. Spec: compute_consolidation_epoch_and_update_churn (electra).
func ComputeConsolidationEpochAndUpdateChurn(s *State, balance types.Gwei) (types.Epoch, error) {
	err := s.consumeChurn(&s.EarliestConsolidationEpoch, &s.ConsolidationBalanceToConsume, s.GetConsolidationChurnLimit(), balance)
	return s.EarliestConsolidationEpoch, within("consolidation churn", err)
}

// consumeChurn takes a balance from what is left of the churn at the earliest epoch, which moves on by as many epochs as
// it takes until the balance fits.
func (s *State) consumeChurn(earliest *types.Epoch, left *types.Gwei, perEpoch, balance types.Gwei) error {
	if first := types.ComputeActivationExitEpoch(s.Spec(), s.GetCurrentEpoch()); *earliest < first {
		*earliest, *left = first, perEpoch
	}
	if balance > *left {
		if perEpoch == 0 {
			return broken("per_epoch_churn > 0", perEpoch, "at least 1")
		}
		more := (balance-*left-1)/perEpoch + 1
		epoch, err := earliest.Add(types.Epoch(more))
		if err != nil {
			return err
		}
		churn, err := perEpoch.Mul(uint64(more))
		if err != nil {
			return err
		}
		if churn, err = left.Add(churn); err != nil {
			return err
		}
		*earliest, *left = epoch, churn
	}
	*left -= balance
	return nil
}
