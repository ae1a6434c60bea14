package transition

import (
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// ProcessDeposit applies the next deposit of the deposit contract. A deposit with a wrong signature counts as processed
// and changes nothing else. Spec: process_deposit (phase0; removed fulu).
func ProcessDeposit(s *State, op *types.Deposit) error {
	// The tree's root is mixed with the number of deposits, which is one level more.
	const depth = params.DepositContractTreeDepth + 1
	leaf := types.HashTreeRoot(&op.Data)
	if !types.IsValidMerkleBranch(leaf, op.Proof, depth, s.Eth1DepositIndex, s.Eth1Data.DepositRoot) {
		return broken("is_valid_merkle_branch of a deposit", leaf, s.Eth1Data.DepositRoot)
	}
	s.Eth1DepositIndex++
	return ApplyDeposit(s, &op.Data)
}

// ApplyDeposit gives a deposit to its validator, who is created if need be. From Electra on balances are not touched: the
// deposit waits in the queue. Spec: apply_deposit (phase0; modified electra).
func ApplyDeposit(s *State, d *types.DepositData) error {
	index, known := s.ValidatorByPubkey(d.Pubkey)
	if !known && !IsValidDepositSignature(s, *d) {
		return nil
	}
	if !s.Since(params.Electra) {
		if known {
			return s.IncreaseBalance(index, d.Amount)
		}
		return AddValidatorToRegistry(s, d.Pubkey, d.WithdrawalCredentials, d.Amount)
	}
	if !known {
		if err := AddValidatorToRegistry(s, d.Pubkey, d.WithdrawalCredentials, 0); err != nil {
			return err
		}
	}
	// The genesis slot tells the entry from a deposit request.
	s.PendingDeposits.Append(types.PendingDeposit{
		Pubkey: d.Pubkey, WithdrawalCredentials: d.WithdrawalCredentials, Amount: d.Amount, Signature: d.Signature,
		Slot: params.GenesisSlot,
	})
	return nil
}

// prefetchDeposits verifies in one batch the signatures that deposits will be asked for, into the cache.
func prefetchDeposits(s *State, deposits []types.Deposit) {
	var asked []types.DepositData
	for i := range deposits {
		if _, known := s.ValidatorByPubkey(deposits[i].Data.Pubkey); !known {
			asked = append(asked, deposits[i].Data)
		}
	}
	VerifyDepositSignatures(s.Spec(), s.env, params.DomainDeposit(), asked)
}

// ExpectedDeposits is how many deposits a block has to bring.
// Spec: process_operations (phase0; modified electra, fulu).
func ExpectedDeposits(s *State) (uint64, error) {
	if s.Since(params.Fulu) {
		return 0, nil
	}
	limit := s.Eth1Data.DepositCount
	if s.Since(params.Electra) {
		if limit = min(limit, s.DepositRequestsStartIndex); s.Eth1DepositIndex >= limit {
			return 0, nil
		}
	}
	if s.Eth1DepositIndex > limit {
		return 0, broken("state.eth1_deposit_index <= state.eth1_data.deposit_count", s.Eth1DepositIndex, limit)
	}
	return min(s.Spec().MaxDeposits, limit-s.Eth1DepositIndex), nil
}
