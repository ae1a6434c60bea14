package transition

import (
	"fmt"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// ProcessVoluntaryExit starts the exit of a validator that asks for it.
// Spec: process_voluntary_exit (phase0; modified deneb, electra).
func ProcessVoluntaryExit(s *State, op *types.SignedVoluntaryExit, h Hooks) error {
	exit, epoch := &op.Message, s.GetCurrentEpoch()
	if err := s.checkValidator(exit.ValidatorIndex); err != nil {
		return err
	}
	validator := s.Validators.At(exit.ValidatorIndex)
	if !IsActiveValidator(&validator, epoch) {
		return broken("is_active_validator(validator, get_current_epoch(state))",
			fmt.Sprintf("epoch %d", epoch), fmt.Sprintf("from %d to before %d", validator.ActivationEpoch, validator.ExitEpoch))
	}
	if validator.ExitEpoch != params.FarFutureEpoch {
		return broken("validator.exit_epoch == FAR_FUTURE_EPOCH", validator.ExitEpoch, params.FarFutureEpoch)
	}
	if epoch < exit.Epoch {
		return broken("get_current_epoch(state) >= voluntary_exit.epoch", epoch, exit.Epoch)
	}
	if epoch-validator.ActivationEpoch < s.Spec().ShardCommitteePeriod {
		return broken("get_current_epoch(state) >= validator.activation_epoch + SHARD_COMMITTEE_PERIOD",
			epoch, fmt.Sprintf("%d after %d", s.Spec().ShardCommitteePeriod, validator.ActivationEpoch))
	}
	if s.Since(params.Electra) {
		pending, err := s.GetPendingBalanceToWithdraw(exit.ValidatorIndex)
		if err != nil {
			return err
		}
		if pending != 0 {
			return broken("get_pending_balance_to_withdraw(state, voluntary_exit.validator_index) == 0", pending, 0)
		}
	}
	domain := s.GetDomain(params.DomainVoluntaryExit(), exit.Epoch)
	if s.Since(params.Deneb) { // EIP-7044: exits stay valid for ever
		domain = types.ComputeDomain(params.DomainVoluntaryExit(), s.Spec().CapellaForkVersion, s.GenesisValidatorsRoot)
	}
	root := types.ComputeSigningRoot(types.HashTreeRoot(exit), domain)
	if err := h.signedByValidator(s, exit.ValidatorIndex, root, op.Signature, "voluntary exit"); err != nil {
		return err
	}
	return InitiateValidatorExit(s, exit.ValidatorIndex)
}
