package transition

import (
	"fmt"

	"github.com/cresset/cresset/beacon/bls"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// ProcessSyncAggregate checks the sync committee's signature of the previous slot's block and pays or fines its members.
// Spec: process_sync_aggregate (altair).
func ProcessSyncAggregate(s *State, aggregate *types.SyncAggregate, h Hooks) error {
	members, err := s.syncCommitteeMembers()
	if err != nil {
		return err
	}
	if err := collectSyncAggregate(s, aggregate, members, h); err != nil {
		return err
	}
	participant, proposer, err := s.syncRewards()
	if err != nil {
		return err
	}
	proposerIndex, err := s.GetBeaconProposerIndex()
	if err != nil {
		return err
	}
	// One by one, as a validator can be a member several times, and the proposer be a member: a fine stops at nothing.
	paid := types.Gwei(0)
	for i, member := range members {
		reward, penalty := participant, types.Gwei(0)
		if aggregate.SyncCommitteeBits.BitAt(uint64(i)) {
			if err := s.IncreaseBalance(types.ValidatorIndex(member), reward); err != nil {
				return err
			}
			if err := s.IncreaseBalance(proposerIndex, proposer); err != nil {
				return err
			}
			paid += proposer
		} else {
			reward, penalty = 0, participant
			s.DecreaseBalance(types.ValidatorIndex(member), penalty)
		}
		if h.Rewards != nil {
			h.Rewards.SyncCommitteeReward(types.ValidatorIndex(member), reward, penalty)
		}
	}
	if h.Rewards != nil {
		h.Rewards.BlockReward(RewardSyncAggregate, paid)
	}
	return nil
}

// syncCommitteeMembers is the validators whose keys make up the current sync committee, in its order.
func (s *State) syncCommitteeMembers() ([]uint32, error) {
	if s.CurrentSyncCommittee == nil {
		return nil, broken("state has a sync committee", "none", s.Spec().SyncCommitteeSize)
	}
	keys := s.CurrentSyncCommittee.Value.Pubkeys
	members := make([]uint32, len(keys))
	for i, key := range keys {
		index, known := s.ValidatorByPubkey(key)
		if !known {
			return nil, broken("sync committee member is in the registry", key, fmt.Sprintf("a key of %d validators", s.Validators.Len()))
		}
		members[i] = uint32(index)
	}
	return members, nil
}

// syncRewards is what one participation in a sync aggregate gives to the participant and to the proposer.
func (s *State) syncRewards() (participant, proposer types.Gwei, err error) {
	spec := s.Spec()
	increments := uint64(s.GetTotalActiveBalance() / spec.EffectiveBalanceIncrement)
	total, err := s.GetBaseRewardPerIncrement().Mul(increments)
	if err == nil {
		total, err = total.Mul(params.SyncRewardWeight)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("rewards of the sync committee: %w", err)
	}
	total = total / params.WeightDenominator / types.Gwei(spec.SlotsPerEpoch)
	participant = total / types.Gwei(spec.SyncCommitteeSize)
	if proposer, err = participant.Mul(params.ProposerWeight); err != nil {
		return 0, 0, fmt.Errorf("rewards of the sync committee: %w", err)
	}
	return participant, proposer / (params.WeightDenominator - params.ProposerWeight), nil
}

// collectSyncAggregate collects the signature of a sync aggregate.
func collectSyncAggregate(s *State, aggregate *types.SyncAggregate, members []uint32, h Hooks) error {
	if h.Signatures == nil {
		return nil
	}
	var present, absent []uint32
	for i, member := range members {
		if aggregate.SyncCommitteeBits.BitAt(uint64(i)) {
			present = append(present, member)
		} else {
			absent = append(absent, member)
		}
	}
	if len(present) == 0 {
		// eth_fast_aggregate_verify (altair): nobody has signed, which is what infinity says.
		if want := params.G2PointAtInfinity(); aggregate.SyncCommitteeSignature != want {
			return broken("the signature of an empty sync aggregate is G2_POINT_AT_INFINITY", aggregate.SyncCommitteeSignature, want)
		}
		return nil
	}
	slot := max(s.Slot, 1) - 1
	block, err := s.GetBlockRootAtSlot(slot)
	if err != nil {
		return err
	}
	key, err := s.syncAggregateKey(present, absent)
	if err != nil {
		return within("sync aggregate", err)
	}
	domain := s.GetDomain(params.DomainSyncCommittee(), types.ComputeEpochAtSlot(s.Spec(), slot))
	h.Signatures.add(key, types.ComputeSigningRoot(block, domain), aggregate.SyncCommitteeSignature, "sync aggregate")
	return nil
}

// syncAggregateKey is the sum of the participants' keys: the committee's without the absent where these are fewer.
func (s *State) syncAggregateKey(present, absent []uint32) (*bls.PublicKey, error) {
	if len(present) <= len(absent) {
		return s.sumKeys(present)
	}
	whole, err := s.env.Keys.PublicKeyOf(s.CurrentSyncCommittee.Value.AggregatePubkey)
	if err != nil {
		return nil, fmt.Errorf("aggregate key of the sync committee: %w", err)
	}
	if len(absent) == 0 {
		return whole, nil
	}
	sum, err := s.sumKeys(absent)
	if err != nil {
		return nil, err
	}
	return whole.Sub(sum), nil
}
