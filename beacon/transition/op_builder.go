package transition

import (
	"fmt"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// builderByPubkey finds the first builder with a key.
func (s *State) builderByPubkey(key types.BLSPubkey) (types.BuilderIndex, bool) {
	return s.findBuilder(func(b *types.Builder) bool { return b.Pubkey == key })
}

// findBuilder finds the first builder that matches.
func (s *State) findBuilder(matches func(*types.Builder) bool) (types.BuilderIndex, bool) {
	for i := 0; i < s.Builders.Len(); {
		run := s.Builders.From(i)
		for k := range run {
			if matches(&run[k]) {
				return types.BuilderIndex(i + k), true
			}
		}
		i += len(run)
	}
	return 0, false
}

// checkBuilder fails on an index that is not in the builder registry.
func (s *State) checkBuilder(i types.BuilderIndex) error {
	if uint64(i) >= uint64(s.Builders.Len()) {
		return broken("builder index is in the registry", i, fmt.Sprintf("below %d", s.Builders.Len()))
	}
	return nil
}

// IsActiveBuilder tells whether a builder of the registry is finalized there and not on its way out.
// Spec: is_active_builder (gloas).
func IsActiveBuilder(s *State, i types.BuilderIndex) bool {
	b := s.Builders.At(int(i))
	return b.DepositEpoch < s.FinalizedCheckpoint.Epoch && b.WithdrawableEpoch == params.FarFutureEpoch
}

// GetPendingBalanceToWithdrawForBuilder is what a builder owes: payments that wait for votes, and those that wait for
// their withdrawal. Spec: get_pending_balance_to_withdraw_for_builder (gloas).
func (s *State) GetPendingBalanceToWithdrawForBuilder(index types.BuilderIndex) (sum types.Gwei, err error) {
	add := func(w *types.BuilderPendingWithdrawal) error {
		if w.BuilderIndex == index {
			sum, err = sum.Add(w.Amount)
		}
		return err
	}
	for i := range s.BuilderPendingWithdrawals.Len() {
		if err := add(s.BuilderPendingWithdrawals.At(i)); err != nil {
			return 0, fmt.Errorf("pending withdrawals of builder %d: %w", index, err)
		}
	}
	for i := range s.BuilderPendingPayments.Len() {
		if err := add(&s.BuilderPendingPayments.At(i).Withdrawal); err != nil {
			return 0, fmt.Errorf("pending payments of builder %d: %w", index, err)
		}
	}
	return sum, nil
}

// CanBuilderCoverBid tells whether a builder of the registry has an amount to spare. Spec: can_builder_cover_bid (gloas).
func CanBuilderCoverBid(s *State, i types.BuilderIndex, amount types.Gwei) (bool, error) {
	pending, err := s.GetPendingBalanceToWithdrawForBuilder(i)
	if err != nil {
		return false, err
	}
	least, err := s.Spec().MinDepositAmount.Add(pending)
	if err != nil {
		return false, fmt.Errorf("balance reserved for builder %d: %w", i, err)
	}
	balance := s.Builders.At(int(i)).Balance
	return balance >= least && balance-least >= amount, nil
}

// InitiateBuilderExit sets when a builder of the registry can be paid out. Spec: initiate_builder_exit (gloas).
func InitiateBuilderExit(s *State, i types.BuilderIndex) error {
	epoch, err := s.GetCurrentEpoch().Add(s.Spec().MinBuilderWithdrawabilityDelay)
	if err != nil {
		return fmt.Errorf("withdrawable epoch of builder %d: %w", i, err)
	}
	s.Builders.Mutable(int(i)).WithdrawableEpoch = epoch
	return nil
}

// SettleBuilderPayment turns a payment that waits for votes into a withdrawal. Spec: settle_builder_payment (gloas).
func SettleBuilderPayment(s *State, payment uint64) error {
	if payment >= uint64(s.BuilderPendingPayments.Len()) {
		return broken("payment_index < len(state.builder_pending_payments)", payment, s.BuilderPendingPayments.Len())
	}
	if w := s.BuilderPendingPayments.At(int(payment)).Withdrawal; w.Amount > 0 {
		s.BuilderPendingWithdrawals.Append(w)
	}
	s.BuilderPendingPayments.Set(int(payment), types.BuilderPendingPayment{})
	return nil
}

// builderDeposit is what a builder's deposit signs, in the form of a validator's.
func builderDeposit(op *types.BuilderDepositRequest) types.DepositData {
	return types.DepositData{
		Pubkey: op.Pubkey, WithdrawalCredentials: op.WithdrawalCredentials, Amount: op.Amount, Signature: op.Signature,
	}
}

// areValidBuilderDepositSignatures tells for each request whether it bears the signature of its key.
// Spec: is_valid_builder_deposit_signature (gloas).
func areValidBuilderDepositSignatures(s *State, requests []types.DepositData) []bool {
	return VerifyDepositSignatures(s.Spec(), s.env, params.DomainBuilderDeposit(), requests)
}

// prefetchBuilderDepositRequests verifies in one batch the signatures that requests will be asked for, into the cache.
func prefetchBuilderDepositRequests(s *State, requests []types.BuilderDepositRequest) {
	var asked []types.DepositData
	for i := range requests {
		op := &requests[i]
		if !IsBuilderWithdrawalCredential(op.WithdrawalCredentials) {
			continue
		}
		if _, known := s.builderByPubkey(op.Pubkey); !known {
			asked = append(asked, builderDeposit(op))
		}
	}
	areValidBuilderDepositSignatures(s, asked)
}

// ProcessBuilderDepositRequest adds to the balance of a builder, who is created if need be.
// Spec: process_builder_deposit_request (gloas).
func ProcessBuilderDepositRequest(s *State, op *types.BuilderDepositRequest) error {
	if !IsBuilderWithdrawalCredential(op.WithdrawalCredentials) {
		return nil
	}
	index, known := s.builderByPubkey(op.Pubkey)
	if !known {
		if areValidBuilderDepositSignatures(s, []types.DepositData{builderDeposit(op)})[0] {
			addBuilderToRegistry(s, op.Pubkey, accountOf(op.WithdrawalCredentials), op.Amount)
		}
		return nil
	}
	if b := s.Builders.At(int(index)); b.WithdrawableEpoch != params.FarFutureEpoch && b.Balance == 0 {
		// Gone and paid out: what comes now is paid out in its turn.
		if err := InitiateBuilderExit(s, index); err != nil {
			return err
		}
	}
	b := s.Builders.Mutable(int(index))
	balance, err := b.Balance.Add(op.Amount)
	if err != nil {
		return fmt.Errorf("balance of builder %d: %w", index, err)
	}
	b.Balance = balance
	return nil
}

// addBuilderToRegistry gives a new builder the first index that a builder has left, or the next one.
// Spec: add_builder_to_registry, get_index_for_new_builder (gloas).
func addBuilderToRegistry(s *State, pubkey types.BLSPubkey, account types.ExecutionAddress, amount types.Gwei) {
	epoch := s.GetCurrentEpoch()
	b := types.Builder{
		Pubkey: pubkey, Version: params.PayloadBuilderVersion, ExecutionAddress: account, Balance: amount,
		DepositEpoch: epoch, WithdrawableEpoch: params.FarFutureEpoch,
	}
	left, found := s.findBuilder(func(b *types.Builder) bool { return b.WithdrawableEpoch <= epoch && b.Balance == 0 })
	if found {
		s.Builders.Set(int(left), b)
		return
	}
	s.Builders.Append(b)
}

// ProcessBuilderExitRequest starts the exit of a builder that owes nothing. Spec: process_builder_exit_request (gloas).
func ProcessBuilderExitRequest(s *State, op *types.BuilderExitRequest) error {
	index, known := s.builderByPubkey(op.Pubkey)
	if !known || !IsActiveBuilder(s, index) || s.Builders.At(int(index)).ExecutionAddress != op.SourceAddress {
		return nil
	}
	pending, err := s.GetPendingBalanceToWithdrawForBuilder(index)
	if err != nil || pending != 0 {
		return err
	}
	return InitiateBuilderExit(s, index)
}
