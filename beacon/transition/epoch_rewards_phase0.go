package transition

import (
	"fmt"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// attesterRecord is what the pending attestations of the previous epoch say of one validator that is not slashed.
type attesterRecord struct {
	flags    standing // source, target, head, in the order of the participation flags
	delay    types.Slot
	proposer types.ValidatorIndex // of the block that included the vote first
}

// previousEpochRecords reads the pending attestations of the previous epoch.
// Spec: get_matching_source_attestations, get_matching_target_attestations, get_matching_head_attestations,
// get_unslashed_attesting_indices (phase0).
func previousEpochRecords(s *State) ([]attesterRecord, error) {
	records := make([]attesterRecord, s.Validators.Len())
	for n := range s.PreviousEpochAttestations {
		a := &s.PreviousEpochAttestations[n]
		if a.InclusionDelay == 0 {
			return nil, broken("pending attestation's inclusion_delay > 0", a.InclusionDelay, "at least 1")
		}
		if err := s.checkValidator(a.ProposerIndex); err != nil {
			return nil, fmt.Errorf("proposer of pending attestation %d: %w", n, err)
		}
		flags, err := s.matches(a, s.GetPreviousEpoch())
		if err != nil {
			return nil, fmt.Errorf("pending attestation %d: %w", n, err)
		}
		members, err := s.pendingAttesters(a)
		if err != nil {
			return nil, fmt.Errorf("pending attestation %d: %w", n, err)
		}
		for _, i := range members {
			if s.Validators.Slashed(i) {
				continue
			}
			r := &records[i]
			// Of several inclusions with the same delay the first one counts.
			if !r.flags.has(params.TimelySourceFlagIndex) || a.InclusionDelay < r.delay {
				r.delay, r.proposer = a.InclusionDelay, a.ProposerIndex
			}
			r.flags |= flags
		}
	}
	return records, nil
}

// matches tells as flags what an attestation of an epoch got right.
func (s *State) matches(a *types.PendingAttestation, epoch types.Epoch) (standing, error) {
	flags := standing(1) << params.TimelySourceFlagIndex
	target, err := s.GetBlockRoot(epoch)
	if err != nil || a.Data.Target.Root != target {
		return flags, err
	}
	flags |= 1 << params.TimelyTargetFlagIndex
	head, err := s.GetBlockRootAtSlot(a.Data.Slot)
	if err == nil && a.Data.BeaconBlockRoot == head {
		flags |= 1 << params.TimelyHeadFlagIndex
	}
	return flags, err
}

func (s *State) pendingAttesters(a *types.PendingAttestation) ([]types.ValidatorIndex, error) {
	return s.GetAttestingIndices(&types.Attestation{AggregationBits: a.AggregationBits, Data: a.Data})
}

// targetBalance is what attested to the target of an epoch. Spec: get_attesting_balance (phase0).
func (s *State) targetBalance(epoch types.Epoch) (sum types.Gwei, err error) {
	attestations := s.PreviousEpochAttestations
	if epoch == s.GetCurrentEpoch() {
		attestations = s.CurrentEpochAttestations
	}
	if len(attestations) == 0 {
		return 0, nil // in its first slot an epoch has no block root yet, and none is asked for
	}
	seen := make([]bool, s.Validators.Len())
	target, err := s.GetBlockRoot(epoch)
	if err != nil {
		return 0, err
	}
	for n := range attestations {
		if attestations[n].Data.Target.Root != target {
			continue
		}
		members, err := s.pendingAttesters(&attestations[n])
		if err != nil {
			return 0, fmt.Errorf("pending attestation %d: %w", n, err)
		}
		for _, i := range members {
			if !seen[i] && !s.Validators.Slashed(i) {
				seen[i] = true
				sum += s.Validators.EffectiveBalance(i)
			}
		}
	}
	return sum, nil
}

// phase0Rewards is what the rewards of one epoch depend on.
type phase0Rewards struct {
	s         *State
	records   []attesterRecord
	attesting [flagCount]types.Gwei // balances that attested, by flag
	total     types.Gwei
	root      uint64 // integer square root of the total
	leak      bool
	delay     uint64 // finality delay
}

// payForDutiesPhase0 pays all validators by the pending attestations.
// Spec: process_rewards_and_penalties, get_attestation_deltas (phase0).
func payForDutiesPhase0(s *State, report RewardReporter) error {
	r := phase0Rewards{s: s, total: s.GetTotalActiveBalance(), leak: s.IsInInactivityLeak(), delay: s.GetFinalityDelay()}
	r.root = IntegerSquareroot(uint64(r.total))
	var err error
	if r.records, err = previousEpochRecords(s); err != nil {
		return err
	}
	for i := range r.records {
		add(&r.attesting, uint8(r.records[i].flags), s.Validators.EffectiveBalance(types.ValidatorIndex(i)))
	}
	for f := range r.attesting {
		r.attesting[f] = max(r.attesting[f], s.Spec().EffectiveBalanceIncrement)
	}
	rewards, penalties := make([]types.Gwei, len(r.records)), make([]types.Gwei, len(r.records))
	pay := func(i types.ValidatorIndex, duty AttestationDuty, reward, penalty types.Gwei) {
		rewards[i] += reward
		penalties[i] += penalty
		if report != nil {
			report.AttestationReward(i, duty, reward, penalty)
		}
	}
	for i := range r.records {
		if err := r.validator(types.ValidatorIndex(i), pay); err != nil {
			return err
		}
	}
	for i := range r.records {
		index := types.ValidatorIndex(i)
		if rewards[i] == 0 && penalties[i] == 0 {
			continue
		}
		if err := s.IncreaseBalance(index, rewards[i]); err != nil {
			return err
		}
		s.DecreaseBalance(index, penalties[i])
	}
	return nil
}

// GetBaseReward is the reward of one perfect duty. Spec: get_base_reward (phase0).
func (r *phase0Rewards) GetBaseReward(effective types.Gwei) (types.Gwei, error) {
	product, err := effective.Mul(r.s.Spec().BaseRewardFactor)
	return product / types.Gwei(r.root) / params.BaseRewardsPerEpoch, err
}

// validator computes what one validator gets and pays.
// Spec: get_attestation_component_deltas, get_inclusion_delay_deltas, get_inactivity_penalty_deltas,
// get_eligible_validator_indices, get_proposer_reward (phase0).
func (r *phase0Rewards) validator(i types.ValidatorIndex, pay func(types.ValidatorIndex, AttestationDuty, types.Gwei, types.Gwei)) error {
	spec, record := r.s.Spec(), &r.records[i]
	v := r.s.Validators.At(i)
	base, err := r.GetBaseReward(v.EffectiveBalance)
	if err != nil {
		return fmt.Errorf("base reward of validator %d: %w", i, err)
	}
	toProposer := base / types.Gwei(spec.ProposerRewardQuotient)
	if record.flags.has(params.TimelySourceFlagIndex) {
		pay(record.proposer, DutyInclusionDelay, toProposer, 0)
		pay(i, DutyInclusionDelay, (base-toProposer)/types.Gwei(record.delay), 0)
	}
	previous := r.s.GetPreviousEpoch()
	if !IsActiveValidator(&v, previous) && !(v.Slashed && previous+1 < v.WithdrawableEpoch) {
		return nil
	}
	for f := range flagCount {
		switch {
		case !record.flags.has(f):
			pay(i, AttestationDuty(f), 0, base)
		case r.leak:
			// What optimal participation gets is taken back as inactivity penalty.
			pay(i, AttestationDuty(f), base, 0)
		default:
			numerator, err := base.Mul(uint64(r.attesting[f] / spec.EffectiveBalanceIncrement))
			if err != nil {
				return fmt.Errorf("reward of validator %d: %w", i, err)
			}
			pay(i, AttestationDuty(f), numerator/(r.total/spec.EffectiveBalanceIncrement), 0)
		}
	}
	if r.leak {
		penalty := params.BaseRewardsPerEpoch*base - toProposer
		if !record.flags.has(params.TimelyTargetFlagIndex) {
			late, err := v.EffectiveBalance.Mul(r.delay)
			if err != nil {
				return fmt.Errorf("inactivity penalty of validator %d: %w", i, err)
			}
			penalty += late / types.Gwei(spec.InactivityPenaltyQuotient)
		}
		pay(i, DutyInactivity, 0, penalty)
	}
	return nil
}
