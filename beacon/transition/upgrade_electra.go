package transition

import (
	"cmp"
	"slices"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// upgradeToElectra starts the queues of pending deposits and exits. Validators that are not active yet go back to the
// queue with all they have. Spec: upgrade_to_electra.
func upgradeToElectra(s *State) error {
	s.Cx.Fork = params.Electra
	activationExit := types.ComputeActivationExitEpoch(s.Spec(), s.GetCurrentEpoch())
	earliest := activationExit
	type waiting struct {
		since types.Epoch
		index types.ValidatorIndex
	}
	var queue []waiting
	for i := 0; i < s.Validators.Len(); {
		run := s.Validators.From(i)
		for k, exit := range run.ExitEpoch {
			if exit != params.FarFutureEpoch {
				earliest = max(earliest, exit)
			}
			if run.ActivationEpoch[k] == params.FarFutureEpoch {
				queue = append(queue, waiting{run.ActivationEligibilityEpoch[k], types.ValidatorIndex(i + k)})
			}
		}
		i += len(run.ExitEpoch)
	}
	s.EarliestExitEpoch = earliest + 1
	s.EarliestConsolidationEpoch = activationExit
	s.DepositRequestsStartIndex = params.UnsetDepositRequestsStartIndex
	s.DepositBalanceToConsume = 0
	s.ExitBalanceToConsume = s.GetActivationExitChurnLimit()
	s.ConsolidationBalanceToConsume = s.GetConsolidationChurnLimit()
	s.PendingDeposits = types.PendingDeposits{}
	s.PendingPartialWithdrawals = types.PendingPartialWithdrawals{}
	s.PendingConsolidations = types.PendingConsolidations{}

	slices.SortStableFunc(queue, func(a, b waiting) int { return cmp.Compare(a.since, b.since) })
	for _, w := range queue {
		balance := s.Balances.At(int(w.index))
		s.Balances.Set(int(w.index), 0)
		s.Validators.SetEffectiveBalance(w.index, 0)
		s.Validators.SetActivationEligibilityEpoch(w.index, params.FarFutureEpoch)
		// Nobody signed this: the signature is infinity, and the genesis slot tells the entry from a deposit request.
		s.PendingDeposits.Append(types.PendingDeposit{
			Pubkey:                s.Validators.Pubkey(w.index),
			WithdrawalCredentials: s.Validators.WithdrawalCredentials(w.index),
			Amount:                balance,
			Signature:             params.G2PointAtInfinity(),
			Slot:                  params.GenesisSlot,
		})
	}
	// What early adopters of compounding credentials have above the minimum goes through the churn.
	for i := range s.Validators.Len() {
		if index := types.ValidatorIndex(i); HasCompoundingWithdrawalCredential(s.Validators.WithdrawalCredentials(index)) {
			QueueExcessActiveBalance(s, index)
		}
	}
	return nil
}
