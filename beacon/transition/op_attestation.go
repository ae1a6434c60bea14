package transition

import (
	"fmt"
	"slices"

	"github.com/cresset/cresset/beacon/bls"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// attesters is the part of an attestation that one committee made.
type attesters struct {
	committee types.CommitteeIndex
	members   []uint32
	bits      []byte // of the whole attestation
	first     int    // bit of the first member
	count     int    // members whose bit is set
}

// attested tells whether member k's bit is set.
func (a *attesters) attested(k int) bool {
	bit := a.first + k
	return a.bits[bit>>3]>>(bit&7)&1 == 1
}

// ProcessAttestation applies an attestation in a block. Until Altair parentSlot, the slot of the block's parent, is of no
// use; from Gloas on the payload's availability is looked up there.
// Spec: process_attestation (phase0; modified altair, deneb, electra, gloas).
func ProcessAttestation(s *State, a *types.Attestation, parentSlot types.Slot, h Hooks) error {
	data := &a.Data
	if err := checkAttestationTime(s, data); err != nil {
		return err
	}
	sh, err := s.Shuffling(data.Target.Epoch)
	if err != nil {
		return err
	}
	parts, err := s.attesters(sh, a)
	if err != nil {
		return err
	}
	attested := 0
	for i := range parts {
		attested += parts[i].count
	}
	if err := s.checkAttesterCount(attested); err != nil {
		return err
	}
	if !s.Since(params.Altair) {
		if err := appendPendingAttestation(s, a); err != nil {
			return err
		}
		return collectAttestation(s, sh, a, parts, h)
	}
	flags, err := s.GetAttestationParticipationFlagIndices(data, s.Slot-data.Slot, parentSlot)
	if err != nil {
		return err
	}
	if err := collectAttestation(s, sh, a, parts, h); err != nil {
		return err
	}
	return updateParticipation(s, data, parts, flags, h)
}

// checkAttestationTime checks when an attestation was made and that it is not included too early or too late.
func checkAttestationTime(s *State, data *types.AttestationData) error {
	spec, current, previous := s.Spec(), s.GetCurrentEpoch(), s.GetPreviousEpoch()
	if data.Target.Epoch != current && data.Target.Epoch != previous {
		return broken("data.target.epoch in (get_previous_epoch(state), get_current_epoch(state))", data.Target.Epoch, fmt.Sprintf("%d or %d", previous, current))
	}
	if epoch := types.ComputeEpochAtSlot(spec, data.Slot); data.Target.Epoch != epoch {
		return broken("data.target.epoch == compute_epoch_at_slot(data.slot)", data.Target.Epoch, epoch)
	}
	if data.Slot > s.Slot || s.Slot-data.Slot < spec.MinAttestationInclusionDelay {
		return broken("data.slot + MIN_ATTESTATION_INCLUSION_DELAY <= state.slot", data.Slot, fmt.Sprintf("%d before %d", spec.MinAttestationInclusionDelay, s.Slot))
	}
	if !s.Since(params.Deneb) && uint64(s.Slot-data.Slot) > spec.SlotsPerEpoch {
		return broken("state.slot <= data.slot + SLOTS_PER_EPOCH", data.Slot, fmt.Sprintf("at most %d before %d", spec.SlotsPerEpoch, s.Slot))
	}
	return nil
}

// attesters divides an attestation among its committees: one named by its data, from Electra on those of its committee
// bits. It checks that bits and committees fit together.
// Spec: process_attestation, get_committee_indices, get_attesting_indices (phase0; modified electra, gloas).
func (s *State) attesters(sh *Shuffling, a *types.Attestation) ([]attesters, error) {
	var committees []types.CommitteeIndex
	switch {
	case !s.Since(params.Electra):
		committees = []types.CommitteeIndex{a.Data.Index}
	case !s.Since(params.Gloas) && a.Data.Index != 0:
		return nil, broken("data.index == 0", a.Data.Index, 0)
	case a.Data.Index >= 2:
		return nil, broken("data.index < 2", a.Data.Index, "0 or 1")
	default:
		for i := range s.Spec().MaxCommitteesPerSlot {
			if a.CommitteeBits.BitAt(i) {
				committees = append(committees, types.CommitteeIndex(i))
			}
		}
	}
	parts := make([]attesters, len(committees))
	total := 0
	for i, committee := range committees {
		if uint64(committee) >= sh.CommitteesPerSlot {
			return nil, broken("committee_index < get_committee_count_per_slot(state, data.target.epoch)", committee, sh.CommitteesPerSlot)
		}
		members := sh.Committee(a.Data.Slot, committee)
		parts[i] = attesters{committee: committee, members: members, bits: a.AggregationBits, first: total}
		total += len(members)
	}
	if a.AggregationBits.Len() != uint64(total) {
		return nil, broken("len(attestation.aggregation_bits) == committee_offset", a.AggregationBits.Len(), total)
	}
	for i := range parts {
		part := &parts[i]
		for k := range part.members {
			if part.attested(k) {
				part.count++
			}
		}
		if part.count == 0 && s.Since(params.Electra) {
			return nil, broken("len(committee_attesters) > 0", 0, fmt.Sprintf("at least 1 of committee %d", part.committee))
		}
	}
	return parts, nil
}

// checkAttesterCount is what is_valid_indexed_attestation says about the number of attesters.
// Spec: is_valid_indexed_attestation (phase0; modified gloas).
func (s *State) checkAttesterCount(n int) error {
	if n == 0 {
		return broken("len(indices) > 0", 0, "at least 1")
	}
	if most := s.Spec().MaxValidatorsPerCommittee * s.Spec().MaxCommitteesPerSlot; s.Since(params.Gloas) && uint64(n) > most {
		return broken("len(indices) <= MAX_VALIDATORS_PER_COMMITTEE * MAX_COMMITTEES_PER_SLOT", n, most)
	}
	return nil
}

// collectAttestation collects the signature of an attestation.
func collectAttestation(s *State, sh *Shuffling, a *types.Attestation, parts []attesters, h Hooks) error {
	if h.Signatures == nil {
		return nil
	}
	key, err := s.attestersKey(sh, a.Data.Slot, parts)
	if err != nil {
		return within("attestation", err)
	}
	h.Signatures.add(key, s.attestationRoot(&a.Data), a.Signature, fmt.Sprintf("attestation of slot %d", a.Data.Slot))
	return nil
}

// attestationRoot is what attesters sign.
func (s *State) attestationRoot(data *types.AttestationData) types.Root {
	return types.ComputeSigningRoot(types.HashTreeRoot(data), s.GetDomain(params.DomainBeaconAttester(), data.Target.Epoch))
}

// attestersKey is the sum of the attesters' keys. Where fewer than half of a committee are absent it is the committee's
// sum, which is kept with the shuffling, minus them. All that is absent, and all else that is present, is added up at once.
func (s *State) attestersKey(sh *Shuffling, slot types.Slot, parts []attesters) (*bls.PublicKey, error) {
	var mostlyPresent []types.CommitteeIndex
	var present, absent []uint32
	for i := range parts {
		part := &parts[i]
		mostly := 2*part.count > len(part.members)
		if mostly {
			mostlyPresent = append(mostlyPresent, part.committee)
			if part.count == len(part.members) {
				continue
			}
		}
		for k, m := range part.members {
			switch attested := part.attested(k); {
			case mostly && !attested:
				absent = append(absent, m)
			case !mostly && attested:
				present = append(present, m)
			}
		}
	}
	whole, err := sh.committeeKeys(s, slot, mostlyPresent)
	if err != nil {
		return nil, err
	}
	if len(present) > 0 {
		sum, err := s.sumKeys(present)
		if err != nil {
			return nil, err
		}
		whole = append(whole, sum)
	}
	key := bls.SumPublicKeys(whole)
	if len(absent) > 0 {
		sum, err := s.sumKeys(absent)
		if err != nil {
			return nil, err
		}
		key = key.Sub(sum)
	}
	return key, nil
}

// appendPendingAttestation keeps a phase 0 attestation for the end of the epoch, when it is rewarded.
func appendPendingAttestation(s *State, a *types.Attestation) error {
	proposer, err := s.GetBeaconProposerIndex()
	if err != nil {
		return err
	}
	justified, pending := s.PreviousJustifiedCheckpoint, &s.PreviousEpochAttestations
	if a.Data.Target.Epoch == s.GetCurrentEpoch() {
		justified, pending = s.CurrentJustifiedCheckpoint, &s.CurrentEpochAttestations
	}
	if a.Data.Source != justified {
		return broken("data.source == justified_checkpoint", a.Data.Source, justified)
	}
	*pending = append(*pending, types.PendingAttestation{
		AggregationBits: a.AggregationBits, Data: a.Data, InclusionDelay: s.Slot - a.Data.Slot, ProposerIndex: proposer,
	})
	return nil
}

// isAttestationSameSlot tells whether data attests to the block that was proposed at its slot.
// Spec: is_attestation_same_slot (gloas).
func (s *State) isAttestationSameSlot(data *types.AttestationData) (bool, error) {
	if data.Slot == 0 {
		return true, nil
	}
	root, err := s.GetBlockRootAtSlot(data.Slot)
	if err != nil {
		return false, err
	}
	before, err := s.GetBlockRootAtSlot(data.Slot - 1)
	return data.BeaconBlockRoot == root && data.BeaconBlockRoot != before, err
}

// GetAttestationParticipationFlagIndices gives the participation flags (bit i is flag index i) that an attestation of the
// given inclusion delay earns. Its target epoch is the current or the previous one.
// Spec: get_attestation_participation_flag_indices (altair; modified deneb, gloas).
func (s *State) GetAttestationParticipationFlagIndices(data *types.AttestationData, delay, parentSlot types.Slot) (uint8, error) {
	spec := s.Spec()
	justified := s.PreviousJustifiedCheckpoint
	if data.Target.Epoch == s.GetCurrentEpoch() {
		justified = s.CurrentJustifiedCheckpoint
	}
	if data.Source != justified {
		return 0, broken("data.source == justified_checkpoint", data.Source, justified)
	}
	target, err := s.GetBlockRoot(data.Target.Epoch)
	if err != nil {
		return 0, err
	}
	head, err := s.GetBlockRootAtSlot(data.Slot)
	if err != nil {
		return 0, err
	}
	payloadMatches := true
	if s.Since(params.Gloas) {
		same, err := s.isAttestationSameSlot(data)
		if err != nil {
			return 0, err
		}
		if same && data.Index != 0 {
			return 0, broken("data.index == 0 of an attestation to the block of its slot", data.Index, 0)
		}
		available := s.ExecutionPayloadAvailability.BitAt(uint64(parentSlot) % spec.SlotsPerHistoricalRoot)
		payloadMatches = same || (data.Index == 1) == available
	}
	matchingTarget := data.Target.Root == target
	matchingHead := matchingTarget && data.BeaconBlockRoot == head && payloadMatches
	var flags uint8
	if uint64(delay) <= IntegerSquareroot(spec.SlotsPerEpoch) {
		flags |= 1 << params.TimelySourceFlagIndex
	}
	if matchingTarget && (s.Since(params.Deneb) || uint64(delay) <= spec.SlotsPerEpoch) {
		flags |= 1 << params.TimelyTargetFlagIndex
	}
	if matchingHead && delay == spec.MinAttestationInclusionDelay {
		flags |= 1 << params.TimelyHeadFlagIndex
	}
	return flags, nil
}

// AttestationFlags gives the participation flags that attestations to data would earn in a block of the state's slot, until Gloas; in phase
// 0, which has no flags, that of the source. An error says why no block of the slot may carry them.
// Spec: process_attestation (phase0; modified altair, deneb).
func (s *State) AttestationFlags(data *types.AttestationData) (uint8, error) {
	if err := checkAttestationTime(s, data); err != nil {
		return 0, err
	}
	if s.Since(params.Altair) {
		return s.GetAttestationParticipationFlagIndices(data, s.Slot-data.Slot, 0)
	}
	justified := s.PreviousJustifiedCheckpoint
	if data.Target.Epoch == s.GetCurrentEpoch() {
		justified = s.CurrentJustifiedCheckpoint
	}
	if data.Source != justified {
		return 0, broken("data.source == justified_checkpoint", data.Source, justified)
	}
	return 1 << params.TimelySourceFlagIndex, nil
}

// updateParticipation sets the attesters' flags, pays the proposer for those that are new and, from Gloas on, counts
// their weight for the payment of the slot's builder.
func updateParticipation(s *State, data *types.AttestationData, parts []attesters, flags uint8, h Hooks) error {
	spec := s.Spec()
	current := data.Target.Epoch == s.GetCurrentEpoch()
	participation, payment := &s.PreviousEpochParticipation, uint64(data.Slot)%spec.SlotsPerEpoch
	if current {
		participation, payment = &s.CurrentEpochParticipation, payment+spec.SlotsPerEpoch
	}
	table := s.incrementTable()
	var added addedFlags
	for i := range parts {
		part := &parts[i]
		for k, m := range part.members {
			if !part.attested(k) {
				continue
			}
			before := participation.At(int(m))
			bits := flags &^ before
			if bits == 0 {
				continue
			}
			participation.Set(int(m), before|bits)
			if n := table[m]; n != lookUp {
				added.increments[bits] += uint64(n)
			} else {
				added.lookUp(s, types.ValidatorIndex(m), bits, current)
			}
		}
	}
	added.sum(s, current)
	if s.Since(params.Gloas) {
		if err := countBuilderPaymentWeight(s, data, int(payment), added.balance); err != nil {
			return err
		}
	}
	total, err := s.GetBaseRewardPerIncrement().Mul(added.numerator)
	if err != nil {
		return within("proposer_reward_numerator", err)
	}
	const denominator = (params.WeightDenominator - params.ProposerWeight) * params.WeightDenominator / params.ProposerWeight
	proposer, err := s.GetBeaconProposerIndex()
	if err != nil {
		return err
	}
	reward := total / denominator
	if h.Rewards != nil {
		h.Rewards.BlockReward(RewardAttestations, reward)
	}
	return s.IncreaseBalance(proposer, reward)
}

// countBuilderPaymentWeight adds the balance of attesters, counted for the first time, to the payment of their slot, if
// they attested to the block of their own slot. Spec: process_attestation (gloas).
func countBuilderPaymentWeight(s *State, data *types.AttestationData, payment int, balance types.Gwei) error {
	same, err := s.isAttestationSameSlot(data)
	if err != nil || !same || balance == 0 || s.BuilderPendingPayments.At(payment).Withdrawal.Amount == 0 {
		return err
	}
	p := s.BuilderPendingPayments.Mutable(payment)
	if p.Weight, err = p.Weight.Add(balance); err != nil {
		return fmt.Errorf("weight of builder payment %d: %w", payment, err)
	}
	return nil
}

// GetAttestingIndices is the validators that made an attestation of the state's current, previous or next epoch, ascending.
// Spec: get_attesting_indices (phase0; modified electra).
func (s *State) GetAttestingIndices(a *types.Attestation) ([]types.ValidatorIndex, error) {
	indices, err := s.Attesting(a)
	slices.Sort(indices)
	return indices, err
}

// Attesting is GetAttestingIndices in the order of the committees, for whom the order does not matter: sorting costs most of it.
func (s *State) Attesting(a *types.Attestation) ([]types.ValidatorIndex, error) {
	sh, err := s.Shuffling(types.ComputeEpochAtSlot(s.Spec(), a.Data.Slot))
	if err != nil {
		return nil, err
	}
	parts, err := s.attesters(sh, a)
	if err != nil {
		return nil, err
	}
	members := 0
	for i := range parts {
		members += len(parts[i].members)
	}
	indices := make([]types.ValidatorIndex, 0, members)
	for i := range parts {
		for k, m := range parts[i].members {
			if parts[i].attested(k) {
				indices = append(indices, types.ValidatorIndex(m))
			}
		}
	}
	return indices, nil
}

// GetIndexedAttestation is an attestation with its attesters by index. Spec: get_indexed_attestation (phase0).
func (s *State) GetIndexedAttestation(a *types.Attestation) (*types.IndexedAttestation, error) {
	indices, err := s.GetAttestingIndices(a)
	if err != nil {
		return nil, err
	}
	return &types.IndexedAttestation{AttestingIndices: indices, Data: a.Data, Signature: a.Signature}, nil
}

// IsValidIndexedAttestation checks an indexed attestation: attesters of the registry, ascending, and their signature.
// Spec: is_valid_indexed_attestation (phase0; modified gloas).
func IsValidIndexedAttestation(s *State, a *types.IndexedAttestation, h Hooks) error {
	if err := s.checkAttesterCount(len(a.AttestingIndices)); err != nil {
		return err
	}
	members := make([]uint32, len(a.AttestingIndices))
	for k, i := range a.AttestingIndices {
		if k > 0 && i <= a.AttestingIndices[k-1] {
			return broken("indices == sorted(set(indices))", i, fmt.Sprintf("more than %d", a.AttestingIndices[k-1]))
		}
		if err := s.checkValidator(i); err != nil {
			return err
		}
		members[k] = uint32(i)
	}
	if h.Signatures == nil {
		return nil
	}
	return h.signedByMembers(s, members, s.attestationRoot(&a.Data), a.Signature, "indexed attestation")
}
