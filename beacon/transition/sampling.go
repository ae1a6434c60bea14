package transition

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/cresset/cresset/beacon/bls"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// ComputeBalanceWeightedSelection draws size of the candidates, with repetition, the likelier the greater their effective
// balance. Candidates are tried in order, or shuffled. Until Electra chances have 8 bits and are relative to
// MAX_EFFECTIVE_BALANCE.
// Spec: compute_balance_weighted_selection (gloas), compute_proposer_index (phase0; modified electra),
// get_next_sync_committee_indices (altair; modified electra).
func (s *State) ComputeBalanceWeightedSelection(candidates []uint32, seed types.Bytes32, size uint64, shuffle bool) ([]types.ValidatorIndex, error) {
	total := uint64(len(candidates))
	if total == 0 {
		return nil, broken("there is a candidate", 0, "at least 1")
	}
	width, top, full := uint64(1), uint64(1<<8-1), uint64(s.Spec().MaxEffectiveBalance)
	if s.Since(params.Electra) {
		width, top, full = 2, 1<<16-1, uint64(s.Spec().MaxEffectiveBalanceElectra)
	}
	var order *shuffler
	if shuffle {
		order = newShuffler(total, seed, s.Spec().ShuffleRoundCount)
	}
	perHash := 32 / width
	var random [32]byte
	selected := make([]types.ValidatorIndex, 0, size)
	for i := uint64(0); uint64(len(selected)) < size; i++ {
		if i%perHash == 0 {
			random = hashWithUint64(seed, i/perHash)
		}
		next := i % total
		if shuffle {
			next = order.index(next)
		}
		candidate := types.ValidatorIndex(candidates[next])
		chance := uint64(random[i%perHash*width])
		if width == 2 {
			chance = uint64(binary.LittleEndian.Uint16(random[i%perHash*2:]))
		}
		if uint64(s.Validators.EffectiveBalance(candidate))*top >= full*chance {
			selected = append(selected, candidate)
		}
	}
	return selected, nil
}

// ComputeProposerIndex draws the proposer of one slot. Spec: compute_proposer_index (phase0; modified electra).
func (s *State) ComputeProposerIndex(candidates []uint32, seed types.Bytes32) (types.ValidatorIndex, error) {
	drawn, err := s.ComputeBalanceWeightedSelection(candidates, seed, 1, true)
	if err != nil {
		return 0, err
	}
	return drawn[0], nil
}

// GetBeaconProposerIndex is the proposer of the state's slot. Spec: get_beacon_proposer_index (phase0; modified fulu).
func (s *State) GetBeaconProposerIndex() (types.ValidatorIndex, error) {
	if s.Since(params.Fulu) {
		index := s.ProposerLookahead[uint64(s.Slot)%s.Spec().SlotsPerEpoch]
		return index, s.checkValidator(index)
	}
	if s.proposer.known && s.proposer.slot == s.Slot {
		return s.proposer.index, nil
	}
	epoch := s.GetCurrentEpoch()
	seed := hashWithUint64(s.GetSeed(epoch, params.DomainBeaconProposer()), uint64(s.Slot))
	index, err := s.ComputeProposerIndex(s.GetActiveValidatorIndices(epoch), seed)
	if err != nil {
		return 0, within("proposer", err)
	}
	s.proposer.known, s.proposer.slot, s.proposer.index = true, s.Slot, index
	return index, nil
}

// ComputeProposerIndices draws the proposers of an epoch, several slots at a time. From Electra on a draw of 32 ether among
// 2,048 takes some dozens of tries, each of which shuffles an index.
// Spec: compute_proposer_indices (fulu; modified gloas).
func (s *State) ComputeProposerIndices(epoch types.Epoch, seed types.Bytes32, candidates []uint32) ([]types.ValidatorIndex, error) {
	start, err := types.ComputeStartSlotAtEpoch(s.Spec(), epoch)
	if err != nil {
		return nil, err
	}
	out := make([]types.ValidatorIndex, s.Spec().SlotsPerEpoch)
	err = onAllCores(len(out), func(i int) (err error) {
		out[i], err = s.ComputeProposerIndex(candidates, hashWithUint64(seed, uint64(start)+uint64(i)))
		return err
	})
	return out, within("proposer", err)
}

// GetBeaconProposerIndices draws the proposers of an epoch from its active validators, from Gloas on from those not
// slashed. Spec: get_beacon_proposer_indices (fulu; modified gloas).
func (s *State) GetBeaconProposerIndices(epoch types.Epoch) ([]types.ValidatorIndex, error) {
	candidates := s.activeAhead(epoch)
	if s.Since(params.Gloas) {
		unslashed := make([]uint32, 0, len(candidates))
		for _, i := range candidates {
			if !s.Validators.Slashed(types.ValidatorIndex(i)) {
				unslashed = append(unslashed, i)
			}
		}
		candidates = unslashed
	}
	return s.ComputeProposerIndices(epoch, s.GetSeed(epoch, params.DomainBeaconProposer()), candidates)
}

// GetNextSyncCommitteeIndices draws the members of the next sync committee, with repetition.
// Spec: get_next_sync_committee_indices (altair; modified electra, gloas).
func (s *State) GetNextSyncCommitteeIndices() ([]types.ValidatorIndex, error) {
	epoch := s.GetCurrentEpoch() + 1
	seed := s.GetSeed(epoch, params.DomainSyncCommittee())
	return s.ComputeBalanceWeightedSelection(s.GetActiveValidatorIndices(epoch), seed, s.Spec().SyncCommitteeSize, true)
}

// GetNextSyncCommittee draws the next sync committee. Spec: get_next_sync_committee (altair).
func (s *State) GetNextSyncCommittee() (*ssz.Shared[types.SyncCommittee], error) {
	members, err := s.GetNextSyncCommitteeIndices()
	if err != nil {
		return nil, within("next sync committee", err)
	}
	committee := types.SyncCommittee{Pubkeys: make([]types.BLSPubkey, len(members))}
	keys := make([]*bls.PublicKey, len(members))
	for i, m := range members {
		committee.Pubkeys[i] = s.Validators.Pubkey(m)
		if keys[i], err = s.publicKey(m); err != nil {
			return nil, within("next sync committee", err)
		}
	}
	sum, err := bls.AggregatePublicKeys(keys)
	if err != nil {
		return nil, within("next sync committee", err)
	}
	committee.AggregatePubkey = sum.Bytes()
	return ssz.Share(committee), nil
}

// ComputePTC draws the payload timeliness committee of a slot from the slot's committees. Spec: compute_ptc (gloas).
func (s *State) ComputePTC(slot types.Slot) (*types.PTC, error) {
	epoch := types.ComputeEpochAtSlot(s.Spec(), slot)
	sh, err := s.shuffling(epoch)
	if err != nil {
		return nil, within("payload timeliness committee", err)
	}
	seed := hashWithUint64(s.GetSeed(epoch, params.DomainPTCAttester()), uint64(slot))
	members, err := s.ComputeBalanceWeightedSelection(sh.SlotCommittees(slot), seed, s.Spec().PTCSize, false)
	if err != nil {
		return nil, within("payload timeliness committee", err)
	}
	return ssz.Share(members), nil
}

// mixIn is xor(mix, hash(reveal)). Spec: xor (phase0).
func mixIn(mix types.Bytes32, reveal types.BLSSignature) types.Bytes32 {
	for i, b := range sha256.Sum256(reveal[:]) {
		mix[i] ^= b
	}
	return mix
}
