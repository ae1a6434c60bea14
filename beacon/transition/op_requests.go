package transition

import (
	"fmt"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// Requests come from contracts that anybody can call: one that does not fit is passed over and leaves the block valid. An
// error here means that the state's own numbers overflow.

// ProcessDepositRequest queues a deposit. Spec: process_deposit_request (electra; modified fulu).
func ProcessDepositRequest(s *State, op *types.DepositRequest) error {
	if !s.Since(params.Fulu) && s.DepositRequestsStartIndex == params.UnsetDepositRequestsStartIndex {
		s.DepositRequestsStartIndex = op.Index
	}
	s.PendingDeposits.Append(types.PendingDeposit{
		Pubkey: op.Pubkey, WithdrawalCredentials: op.WithdrawalCredentials, Amount: op.Amount, Signature: op.Signature,
		Slot: s.Slot,
	})
	return nil
}

// maySettle tells whether a validator is active, not on its way out, and has been active long enough to leave.
func (s *State) maySettle(v *types.Validator) bool {
	epoch := s.GetCurrentEpoch()
	return IsActiveValidator(v, epoch) && v.ExitEpoch == params.FarFutureEpoch &&
		epoch-v.ActivationEpoch >= s.Spec().ShardCommitteePeriod
}

// ProcessWithdrawalRequest starts the exit of a validator, or queues the withdrawal of a part of its balance.
// Spec: process_withdrawal_request (electra).
func ProcessWithdrawalRequest(s *State, op *types.WithdrawalRequest) error {
	spec := s.Spec()
	full := op.Amount == params.FullExitRequestAmount
	if uint64(s.PendingPartialWithdrawals.Len()) == spec.PendingPartialWithdrawalsLimit && !full {
		return nil
	}
	index, known := s.ValidatorByPubkey(op.ValidatorPubkey)
	if !known {
		return nil
	}
	v := s.Validators.At(index)
	authorized := HasExecutionWithdrawalCredential(v.WithdrawalCredentials) && accountOf(v.WithdrawalCredentials) == op.SourceAddress
	if !authorized || !s.maySettle(&v) {
		return nil
	}
	pending, err := s.GetPendingBalanceToWithdraw(index)
	if err != nil {
		return err
	}
	if full {
		if pending != 0 {
			return nil
		}
		return InitiateValidatorExit(s, index)
	}
	reserved, err := spec.MinActivationBalance.Add(pending)
	if err != nil {
		return fmt.Errorf("balance reserved for validator %d: %w", index, err)
	}
	balance := s.Balances.At(int(index))
	if !HasCompoundingWithdrawalCredential(v.WithdrawalCredentials) || v.EffectiveBalance < spec.MinActivationBalance || balance <= reserved {
		return nil
	}
	amount := min(balance-reserved, op.Amount)
	exit, err := ComputeExitEpochAndUpdateChurn(s, amount)
	if err != nil {
		return err
	}
	withdrawable, err := exit.Add(spec.MinValidatorWithdrawabilityDelay)
	if err != nil {
		return fmt.Errorf("withdrawable epoch of a withdrawal request: %w", err)
	}
	s.PendingPartialWithdrawals.Append(types.PendingPartialWithdrawal{
		ValidatorIndex: index, Amount: amount, WithdrawableEpoch: withdrawable,
	})
	return nil
}

// isValidSwitchToCompoundingRequest tells whether a request names one validator as source and target that may switch to
// compounding credentials, and which. Spec: is_valid_switch_to_compounding_request (electra).
func isValidSwitchToCompoundingRequest(s *State, op *types.ConsolidationRequest) (types.ValidatorIndex, bool) {
	if op.SourcePubkey != op.TargetPubkey {
		return 0, false
	}
	index, known := s.ValidatorByPubkey(op.SourcePubkey)
	if !known {
		return 0, false
	}
	v := s.Validators.At(index)
	return index, accountOf(v.WithdrawalCredentials) == op.SourceAddress &&
		HasEth1WithdrawalCredential(v.WithdrawalCredentials) &&
		IsActiveValidator(&v, s.GetCurrentEpoch()) && v.ExitEpoch == params.FarFutureEpoch
}

// ProcessConsolidationRequest switches a validator to compounding credentials, or starts the exit of one whose balance
// goes to another. Spec: process_consolidation_request (electra).
func ProcessConsolidationRequest(s *State, op *types.ConsolidationRequest) error {
	if index, ok := isValidSwitchToCompoundingRequest(s, op); ok {
		SwitchToCompoundingValidator(s, index)
		return nil
	}
	spec := s.Spec()
	if op.SourcePubkey == op.TargetPubkey ||
		uint64(s.PendingConsolidations.Len()) == spec.PendingConsolidationsLimit ||
		s.GetConsolidationChurnLimit() <= spec.MinActivationBalance {
		return nil
	}
	sourceIndex, sourceKnown := s.ValidatorByPubkey(op.SourcePubkey)
	targetIndex, targetKnown := s.ValidatorByPubkey(op.TargetPubkey)
	if !sourceKnown || !targetKnown {
		return nil
	}
	source, target := s.Validators.At(sourceIndex), s.Validators.At(targetIndex)
	if !HasExecutionWithdrawalCredential(source.WithdrawalCredentials) || accountOf(source.WithdrawalCredentials) != op.SourceAddress {
		return nil
	}
	if !HasCompoundingWithdrawalCredential(target.WithdrawalCredentials) {
		return nil
	}
	if !s.maySettle(&source) || !IsActiveValidator(&target, s.GetCurrentEpoch()) || target.ExitEpoch != params.FarFutureEpoch {
		return nil
	}
	pending, err := s.GetPendingBalanceToWithdraw(sourceIndex)
	if err != nil || pending > 0 {
		return err
	}
	exit, err := ComputeConsolidationEpochAndUpdateChurn(s, source.EffectiveBalance)
	if err != nil {
		return err
	}
	if err := s.setExit(sourceIndex, exit); err != nil {
		return err
	}
	s.PendingConsolidations.Append(types.PendingConsolidation{SourceIndex: sourceIndex, TargetIndex: targetIndex})
	return nil
}
