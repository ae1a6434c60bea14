package transition

import (
	"crypto/sha256"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// ProcessBLSToExecutionChange moves a validator's credentials from a withdrawal key to an account.
// Spec: process_bls_to_execution_change (capella).
func ProcessBLSToExecutionChange(s *State, op *types.SignedBLSToExecutionChange, h Hooks) error {
	change := &op.Message
	if err := s.checkValidator(change.ValidatorIndex); err != nil {
		return err
	}
	credentials := s.Validators.WithdrawalCredentials(change.ValidatorIndex)
	if credentials[0] != params.BLSWithdrawalPrefix {
		return broken("validator.withdrawal_credentials[:1] == BLS_WITHDRAWAL_PREFIX", credentials[0], params.BLSWithdrawalPrefix)
	}
	want := types.Bytes32(sha256.Sum256(change.FromBLSPubkey[:]))
	want[0] = params.BLSWithdrawalPrefix
	if credentials != want {
		return broken("validator.withdrawal_credentials[1:] == hash(address_change.from_bls_pubkey)[1:]", credentials, want)
	}
	// The domain is that of the genesis fork, as changes are valid across forks.
	domain := types.ComputeDomain(params.DomainBLSToExecutionChange(), s.Spec().GenesisForkVersion, s.GenesisValidatorsRoot)
	root := types.ComputeSigningRoot(types.HashTreeRoot(change), domain)
	if err := h.signedByKey(s, change.FromBLSPubkey, root, op.Signature, "BLS to execution change"); err != nil {
		return err
	}
	credentials = types.Bytes32{params.Eth1AddressWithdrawalPrefix}
	copy(credentials[12:], change.ToExecutionAddress[:])
	s.Validators.SetWithdrawalCredentials(change.ValidatorIndex, credentials)
	return nil
}
