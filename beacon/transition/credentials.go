package transition

import (
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// HasEth1WithdrawalCredential tells whether credentials name an account.
// Spec: has_eth1_withdrawal_credential (capella).
func HasEth1WithdrawalCredential(credentials types.Bytes32) bool {
	return credentials[0] == params.Eth1AddressWithdrawalPrefix
}

// HasCompoundingWithdrawalCredential tells whether credentials name an account and let the balance compound.
// Spec: is_compounding_withdrawal_credential, has_compounding_withdrawal_credential (electra).
func HasCompoundingWithdrawalCredential(credentials types.Bytes32) bool {
	return credentials[0] == params.CompoundingWithdrawalPrefix
}

// HasExecutionWithdrawalCredential tells whether credentials name an account, in either way.
// Spec: has_execution_withdrawal_credential (electra).
func HasExecutionWithdrawalCredential(credentials types.Bytes32) bool {
	return HasEth1WithdrawalCredential(credentials) || HasCompoundingWithdrawalCredential(credentials)
}

// IsBuilderWithdrawalCredential tells whether credentials are a builder's.
// Spec: is_builder_withdrawal_credential (gloas).
func IsBuilderWithdrawalCredential(credentials types.Bytes32) bool {
	return credentials[0] == params.BuilderWithdrawalPrefix
}

// accountOf is the account that credentials name.
func accountOf(credentials types.Bytes32) types.ExecutionAddress {
	return types.ExecutionAddress(credentials[12:])
}

// GetMaxEffectiveBalance is the highest effective balance of a validator with the given credentials; before Electra it is
// the same for all. Spec: get_max_effective_balance (electra), MAX_EFFECTIVE_BALANCE (phase0).
func GetMaxEffectiveBalance(s *State, credentials types.Bytes32) types.Gwei {
	switch {
	case !s.Since(params.Electra):
		return s.Spec().MaxEffectiveBalance
	case HasCompoundingWithdrawalCredential(credentials):
		return s.Spec().MaxEffectiveBalanceElectra
	}
	return s.Spec().MinActivationBalance
}
