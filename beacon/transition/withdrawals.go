package transition

import (
	"fmt"
	"slices"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// ExpectedWithdrawals is what the next payload has to pay out, and how far the queues and sweeps get with it.
// Spec: ExpectedWithdrawals (capella; modified electra, gloas).
type ExpectedWithdrawals struct {
	Withdrawals             []types.Withdrawal
	ProcessedBuilders       int // of state.builder_pending_withdrawals, since gloas
	ProcessedPartials       int // of state.pending_partial_withdrawals, since electra
	ProcessedBuildersSweep  int // builders looked at, since gloas
	ProcessedValidatorSweep int // validators looked at

	next types.WithdrawalIndex
}

// add appends a withdrawal with the next index.
func (e *ExpectedWithdrawals) add(validator types.ValidatorIndex, address types.ExecutionAddress, amount types.Gwei) error {
	e.Withdrawals = append(e.Withdrawals, types.Withdrawal{Index: e.next, ValidatorIndex: validator, Address: address, Amount: amount})
	if e.next++; e.next == 0 {
		return broken("withdrawal_index + 1 fits 64 bits", e.next-1, "a smaller index")
	}
	return nil
}

// getBalanceAfterWithdrawals is a validator's balance without what is withdrawn already. Spec: get_balance_after_withdrawals (capella).
func (e *ExpectedWithdrawals) getBalanceAfterWithdrawals(s *State, i types.ValidatorIndex) (types.Gwei, error) {
	balance := s.Balances.At(int(i))
	for k := range e.Withdrawals {
		if w := &e.Withdrawals[k]; w.ValidatorIndex == i {
			if w.Amount > balance {
				return 0, broken("withdrawals are at most the balance", w.Amount, balance)
			}
			balance -= w.Amount
		}
	}
	return balance, nil
}

// GetExpectedWithdrawals computes what the next payload has to pay out.
// Spec: get_expected_withdrawals (capella; modified electra, gloas).
func GetExpectedWithdrawals(s *State) (*ExpectedWithdrawals, error) {
	e := &ExpectedWithdrawals{next: s.NextWithdrawalIndex}
	steps := []struct {
		since params.Fork
		name  string
		step  func(*State) error
	}{
		{params.Gloas, "builder withdrawals", e.getBuilderWithdrawals},
		{params.Electra, "pending partial withdrawals", e.getPendingPartialWithdrawals},
		{params.Gloas, "builders sweep", e.getBuildersSweepWithdrawals},
		{params.Capella, "validators sweep", e.getValidatorsSweepWithdrawals},
	}
	for _, step := range steps {
		if !s.Since(step.since) {
			continue
		}
		if err := step.step(s); err != nil {
			return nil, within(step.name, err)
		}
	}
	return e, nil
}

// fits checks how many withdrawals there may be before a step.
func (e *ExpectedWithdrawals) fits(most uint64) error {
	if uint64(len(e.Withdrawals)) > most {
		return broken("len(prior_withdrawals) <= withdrawals_limit", len(e.Withdrawals), most)
	}
	return nil
}

func (e *ExpectedWithdrawals) full(limit uint64) bool { return uint64(len(e.Withdrawals)) >= limit }

// getBuilderWithdrawals pays what builders owe. Spec: get_builder_withdrawals (gloas).
func (e *ExpectedWithdrawals) getBuilderWithdrawals(s *State) error {
	limit := s.Spec().MaxWithdrawalsPerPayload - 1
	for i := 0; i < s.BuilderPendingWithdrawals.Len() && !e.full(limit); i++ {
		w := s.BuilderPendingWithdrawals.At(i)
		if err := e.add(convertBuilderIndexToValidatorIndex(w.BuilderIndex), w.FeeRecipient, w.Amount); err != nil {
			return err
		}
		e.ProcessedBuilders++
	}
	return nil
}

// getPendingPartialWithdrawals pays withdrawal requests. Spec: get_pending_partial_withdrawals (electra).
func (e *ExpectedWithdrawals) getPendingPartialWithdrawals(s *State) error {
	spec, epoch := s.Spec(), s.GetCurrentEpoch()
	limit := min(uint64(len(e.Withdrawals))+spec.MaxPendingPartialsPerWithdrawalsSweep, spec.MaxWithdrawalsPerPayload-1)
	if err := e.fits(limit); err != nil {
		return err
	}
	for i := range s.PendingPartialWithdrawals.Len() {
		w := s.PendingPartialWithdrawals.At(i)
		if w.WithdrawableEpoch > epoch || e.full(limit) {
			break
		}
		if err := s.checkValidator(w.ValidatorIndex); err != nil {
			return err
		}
		balance, err := e.getBalanceAfterWithdrawals(s, w.ValidatorIndex)
		if err != nil {
			return err
		}
		if v := s.Validators.At(w.ValidatorIndex); isEligibleForPartialWithdrawals(s, &v, balance) {
			amount := min(balance-spec.MinActivationBalance, w.Amount)
			if err := e.add(w.ValidatorIndex, accountOf(v.WithdrawalCredentials), amount); err != nil {
				return err
			}
		}
		e.ProcessedPartials++
	}
	return nil
}

// getBuildersSweepWithdrawals pays out builders that have left. Spec: get_builders_sweep_withdrawals (gloas).
func (e *ExpectedWithdrawals) getBuildersSweepWithdrawals(s *State) error {
	spec, epoch := s.Spec(), s.GetCurrentEpoch()
	limit := spec.MaxWithdrawalsPerPayload - 1
	if err := e.fits(limit); err != nil {
		return err
	}
	count := uint64(s.Builders.Len())
	i := s.NextWithdrawalBuilderIndex
	for range min(count, spec.MaxBuildersPerWithdrawalsSweep) {
		if e.full(limit) {
			break
		}
		if err := s.checkBuilder(i); err != nil {
			return err
		}
		if b := s.Builders.At(int(i)); b.WithdrawableEpoch <= epoch && b.Balance > 0 {
			if err := e.add(convertBuilderIndexToValidatorIndex(i), b.ExecutionAddress, b.Balance); err != nil {
				return err
			}
		}
		i = types.BuilderIndex((uint64(i) + 1) % count)
		e.ProcessedBuildersSweep++
	}
	return nil
}

// getValidatorsSweepWithdrawals pays out validators that have left, and what others have above their maximum. One place is always left
// for it. Spec: get_validators_sweep_withdrawals (capella; modified electra).
func (e *ExpectedWithdrawals) getValidatorsSweepWithdrawals(s *State) error {
	spec, epoch := s.Spec(), s.GetCurrentEpoch()
	limit := spec.MaxWithdrawalsPerPayload
	if err := e.fits(limit - 1); err != nil {
		return err
	}
	count := uint64(s.Validators.Len())
	i := s.NextWithdrawalValidatorIndex
	for range min(count, spec.MaxValidatorsPerWithdrawalsSweep) {
		if e.full(limit) {
			break
		}
		if err := s.checkValidator(i); err != nil {
			return err
		}
		balance, err := e.getBalanceAfterWithdrawals(s, i)
		if err != nil {
			return err
		}
		v := s.Validators.At(i)
		amount := types.Gwei(0)
		switch {
		case isFullyWithdrawableValidator(s, &v, balance, epoch):
			amount = balance
		case isPartiallyWithdrawableValidator(s, &v, balance):
			amount = balance - GetMaxEffectiveBalance(s, v.WithdrawalCredentials)
		}
		if amount > 0 {
			if err := e.add(i, accountOf(v.WithdrawalCredentials), amount); err != nil {
				return err
			}
		}
		i = types.ValidatorIndex((uint64(i) + 1) % count)
		e.ProcessedValidatorSweep++
	}
	return nil
}

// namesAccount tells whether a validator's balance can be paid out.
func namesAccount(s *State, v *types.Validator) bool {
	if s.Since(params.Electra) {
		return HasExecutionWithdrawalCredential(v.WithdrawalCredentials)
	}
	return HasEth1WithdrawalCredential(v.WithdrawalCredentials)
}

// isFullyWithdrawableValidator tells whether all of a balance is paid out.
// Spec: is_fully_withdrawable_validator (capella; modified electra).
func isFullyWithdrawableValidator(s *State, v *types.Validator, balance types.Gwei, epoch types.Epoch) bool {
	return balance > 0 && v.WithdrawableEpoch <= epoch && namesAccount(s, v)
}

// isPartiallyWithdrawableValidator tells whether a balance has an excess that is paid out.
// Spec: is_partially_withdrawable_validator (capella; modified electra).
func isPartiallyWithdrawableValidator(s *State, v *types.Validator, balance types.Gwei) bool {
	most := GetMaxEffectiveBalance(s, v.WithdrawalCredentials)
	return v.EffectiveBalance == most && balance > most && namesAccount(s, v)
}

// isEligibleForPartialWithdrawals tells whether a withdrawal request can be paid.
// Spec: is_eligible_for_partial_withdrawals (electra).
func isEligibleForPartialWithdrawals(s *State, v *types.Validator, balance types.Gwei) bool {
	least := s.Spec().MinActivationBalance
	return v.ExitEpoch == params.FarFutureEpoch && v.EffectiveBalance >= least && balance > least
}

// isBuilderIndex tells whether a withdrawal's index is a builder's. Spec: is_builder_index (gloas).
func isBuilderIndex(i types.ValidatorIndex) bool { return i&params.BuilderIndexFlag != 0 }

// convertBuilderIndexToValidatorIndex marks a builder's index. Spec: convert_builder_index_to_validator_index (gloas).
func convertBuilderIndexToValidatorIndex(i types.BuilderIndex) types.ValidatorIndex {
	return types.ValidatorIndex(i | params.BuilderIndexFlag)
}

// convertValidatorIndexToBuilderIndex takes the mark away. Spec: convert_validator_index_to_builder_index (gloas).
func convertValidatorIndexToBuilderIndex(i types.ValidatorIndex) types.BuilderIndex {
	return types.BuilderIndex(i &^ params.BuilderIndexFlag)
}

// applyWithdrawals takes the amounts from the balances. Spec: apply_withdrawals (capella; modified gloas).
func applyWithdrawals(s *State, withdrawals []types.Withdrawal) error {
	for _, w := range withdrawals {
		if !s.Since(params.Gloas) || !isBuilderIndex(w.ValidatorIndex) {
			s.DecreaseBalance(w.ValidatorIndex, w.Amount)
			continue
		}
		i := convertValidatorIndexToBuilderIndex(w.ValidatorIndex)
		if err := s.checkBuilder(i); err != nil {
			return err
		}
		b := s.Builders.Mutable(int(i))
		b.Balance = b.Balance.SubSaturating(w.Amount)
	}
	return nil
}

// ProcessWithdrawals takes the expected withdrawals from the balances. Until Gloas the block's payload has to bring just
// these; from Gloas on payload is nil, and the state keeps them for the payload to come.
// Spec: process_withdrawals (capella; modified electra, gloas).
func ProcessWithdrawals(s *State, payload *types.ExecutionPayload) error {
	if s.Since(params.Gloas) && s.LatestBlockHash != s.LatestExecutionPayloadBid.BlockHash {
		return nil // the parent block is empty
	}
	expected, err := GetExpectedWithdrawals(s)
	if err != nil {
		return err
	}
	withdrawals := expected.Withdrawals
	if !s.Since(params.Gloas) && !slices.Equal(payload.Withdrawals, withdrawals) {
		return broken("payload.withdrawals == expected.withdrawals", payload.Withdrawals, withdrawals)
	}
	if err := applyWithdrawals(s, withdrawals); err != nil {
		return err
	}
	s.NextWithdrawalIndex = expected.next // update_next_withdrawal_index
	if s.Since(params.Gloas) {
		s.PayloadExpectedWithdrawals = withdrawals // update_payload_expected_withdrawals
		s.BuilderPendingWithdrawals.DropFront(expected.ProcessedBuilders)
		if count := uint64(s.Builders.Len()); count > 0 { // update_next_withdrawal_builder_index
			next := uint64(s.NextWithdrawalBuilderIndex) + uint64(expected.ProcessedBuildersSweep)
			s.NextWithdrawalBuilderIndex = types.BuilderIndex(next % count)
		}
	}
	s.PendingPartialWithdrawals.DropFront(expected.ProcessedPartials) // update_pending_partial_withdrawals
	return updateNextWithdrawalValidatorIndex(s, withdrawals)
}

// updateNextWithdrawalValidatorIndex sets where the next sweep starts: after the last withdrawal if there was no room for
// more, else after all that was to be looked at. Spec: update_next_withdrawal_validator_index (capella).
func updateNextWithdrawalValidatorIndex(s *State, withdrawals []types.Withdrawal) error {
	count := uint64(s.Validators.Len())
	if count == 0 {
		return broken("the registry has a validator", 0, "at least 1")
	}
	next := uint64(s.NextWithdrawalValidatorIndex) + s.Spec().MaxValidatorsPerWithdrawalsSweep
	if n := len(withdrawals); uint64(n) == s.Spec().MaxWithdrawalsPerPayload {
		next = uint64(withdrawals[n-1].ValidatorIndex) + 1
	} else if next < s.Spec().MaxValidatorsPerWithdrawalsSweep {
		return fmt.Errorf("next validator of the sweep: %w", &params.OverflowError{
			Op: "ValidatorIndex +", Left: uint64(s.NextWithdrawalValidatorIndex), Right: s.Spec().MaxValidatorsPerWithdrawalsSweep,
		})
	}
	s.NextWithdrawalValidatorIndex = types.ValidatorIndex(next % count)
	return nil
}
