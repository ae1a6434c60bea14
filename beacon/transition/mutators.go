package transition

import (
	"fmt"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// InitiateValidatorExit puts a validator of the registry into the queue of exits, if it is not there yet.
// Spec: initiate_validator_exit (phase0; modified electra).
func InitiateValidatorExit(s *State, i types.ValidatorIndex) error {
	if s.Validators.ExitEpoch(i) != params.FarFutureEpoch {
		return nil
	}
	var exit types.Epoch
	if s.Since(params.Electra) {
		var err error
		if exit, err = ComputeExitEpochAndUpdateChurn(s, s.Validators.EffectiveBalance(i)); err != nil {
			return err
		}
	} else {
		q := s.exitQueue()
		if q.churn >= q.limit {
			next, err := q.epoch.Add(1)
			if err != nil {
				return fmt.Errorf("exit queue: %w", err)
			}
			q.epoch, q.churn = next, 0
		}
		q.churn++
		exit = q.epoch
	}
	return s.setExit(i, exit)
}

// setExit gives a validator its exit epoch and the withdrawable epoch that follows from it.
func (s *State) setExit(i types.ValidatorIndex, exit types.Epoch) error {
	withdrawable, err := exit.Add(s.Spec().MinValidatorWithdrawabilityDelay)
	if err != nil {
		return fmt.Errorf("withdrawable epoch of validator %d: %w", i, err)
	}
	s.Validators.SetExitEpoch(i, exit)
	s.Validators.SetWithdrawableEpoch(i, withdrawable)
	return nil
}

// SlashValidator slashes a validator of the registry and gives what the proposer gets for it. The specification's
// whistleblower is always the proposer, so that the two shares of the reward need not be told apart.
// Spec: slash_validator (phase0; modified altair, bellatrix, electra).
func SlashValidator(s *State, i types.ValidatorIndex) (types.Gwei, error) {
	if err := InitiateValidatorExit(s, i); err != nil {
		return 0, err
	}
	spec, epoch := s.Spec(), s.GetCurrentEpoch()
	v := s.Validators.At(i)
	s.noteSlashed(i)
	s.Validators.SetSlashed(i)
	s.increments = nil
	s.Validators.SetWithdrawableEpoch(i, max(v.WithdrawableEpoch, epoch+types.Epoch(spec.EpochsPerSlashingsVector)))

	at := int(uint64(epoch) % spec.EpochsPerSlashingsVector)
	slashed, err := s.Slashings.At(at).Add(v.EffectiveBalance)
	if err != nil {
		return 0, fmt.Errorf("slashings of epoch %d: %w", epoch, err)
	}
	s.Slashings.Set(at, slashed)

	penalty, reward := spec.MinSlashingPenaltyQuotient, spec.WhistleblowerRewardQuotient
	switch {
	case s.Since(params.Electra):
		penalty, reward = spec.MinSlashingPenaltyQuotientElectra, spec.WhistleblowerRewardQuotientElectra
	case s.Since(params.Bellatrix):
		penalty = spec.MinSlashingPenaltyQuotientBellatrix
	case s.Since(params.Altair):
		penalty = spec.MinSlashingPenaltyQuotientAltair
	}
	s.DecreaseBalance(i, v.EffectiveBalance/types.Gwei(penalty))
	proposer, err := s.GetBeaconProposerIndex()
	if err != nil {
		return 0, err
	}
	paid := v.EffectiveBalance / types.Gwei(reward)
	return paid, s.IncreaseBalance(proposer, paid)
}

// GetValidatorFromDeposit is the registry's entry for a first deposit.
// Spec: get_validator_from_deposit (phase0; modified electra).
func GetValidatorFromDeposit(s *State, pubkey types.BLSPubkey, credentials types.Bytes32, amount types.Gwei) types.Validator {
	return types.Validator{
		Pubkey:                     pubkey,
		WithdrawalCredentials:      credentials,
		EffectiveBalance:           min(amount-amount%s.Spec().EffectiveBalanceIncrement, GetMaxEffectiveBalance(s, credentials)),
		ActivationEligibilityEpoch: params.FarFutureEpoch,
		ActivationEpoch:            params.FarFutureEpoch,
		ExitEpoch:                  params.FarFutureEpoch,
		WithdrawableEpoch:          params.FarFutureEpoch,
	}
}

// AddValidatorToRegistry appends a validator with a balance and makes its key known to the key cache. No index is ever
// used again, so that the new one is the length of the registry.
// Spec: add_validator_to_registry (phase0; modified altair, electra), get_index_for_new_validator, set_or_append_list (altair).
func AddValidatorToRegistry(s *State, pubkey types.BLSPubkey, credentials types.Bytes32, amount types.Gwei) error {
	index := uint64(s.Validators.Len())
	if err := s.env.Keys.Add(index, pubkey); err != nil {
		return fmt.Errorf("register key of validator %d: %w", index, err)
	}
	s.Validators.Append(GetValidatorFromDeposit(s, pubkey, credentials, amount))
	s.Balances.Append(amount)
	if s.Since(params.Altair) {
		s.PreviousEpochParticipation.Append(0)
		s.CurrentEpochParticipation.Append(0)
		s.InactivityScores.Append(0)
	}
	return nil
}

// SwitchToCompoundingValidator changes the credentials of a validator and queues what it has above the minimum.
// Spec: switch_to_compounding_validator (electra).
func SwitchToCompoundingValidator(s *State, i types.ValidatorIndex) {
	credentials := s.Validators.WithdrawalCredentials(i)
	credentials[0] = params.CompoundingWithdrawalPrefix
	s.Validators.SetWithdrawalCredentials(i, credentials)
	QueueExcessActiveBalance(s, i)
}

// QueueExcessActiveBalance moves what a validator has above the minimum to the queue of deposits.
// Spec: queue_excess_active_balance (electra).
func QueueExcessActiveBalance(s *State, i types.ValidatorIndex) {
	balance, least := s.Balances.At(int(i)), s.Spec().MinActivationBalance
	if balance <= least {
		return
	}
	s.Balances.Set(int(i), least)
	// Nobody has signed this, and the genesis slot tells the entry from a deposit request.
	s.PendingDeposits.Append(types.PendingDeposit{
		Pubkey:                s.Validators.Pubkey(i),
		WithdrawalCredentials: s.Validators.WithdrawalCredentials(i),
		Amount:                balance - least,
		Signature:             params.G2PointAtInfinity(),
		Slot:                  params.GenesisSlot,
	})
}

// GetPendingBalanceToWithdraw is what withdrawal requests of a validator wait for.
// Spec: get_pending_balance_to_withdraw (electra).
func (s *State) GetPendingBalanceToWithdraw(index types.ValidatorIndex) (sum types.Gwei, err error) {
	for i := 0; i < s.PendingPartialWithdrawals.Len(); {
		run := s.PendingPartialWithdrawals.From(i)
		i += len(run)
		for k := range run {
			if run[k].ValidatorIndex != index {
				continue
			}
			if sum, err = sum.Add(run[k].Amount); err != nil {
				return 0, fmt.Errorf("pending withdrawals of validator %d: %w", index, err)
			}
		}
	}
	return sum, nil
}

// GetBaseRewardPerIncrement is the base reward of one increment of effective balance.
// Spec: get_base_reward_per_increment (altair).
func (s *State) GetBaseRewardPerIncrement() types.Gwei {
	spec := s.Spec()
	return spec.EffectiveBalanceIncrement * types.Gwei(spec.BaseRewardFactor) / types.Gwei(IntegerSquareroot(uint64(s.GetTotalActiveBalance())))
}
