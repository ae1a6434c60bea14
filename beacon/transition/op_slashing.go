package transition

import (
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// ProcessProposerSlashing slashes the proposer of two different blocks for one slot.
// Spec: process_proposer_slashing (phase0; modified gloas).
func ProcessProposerSlashing(s *State, op *types.ProposerSlashing, h Hooks) error {
	header1, header2 := &op.SignedHeader1.Message, &op.SignedHeader2.Message
	if header1.Slot != header2.Slot {
		return broken("header_1.slot == header_2.slot", header1.Slot, header2.Slot)
	}
	if header1.ProposerIndex != header2.ProposerIndex {
		return broken("header_1.proposer_index == header_2.proposer_index", header1.ProposerIndex, header2.ProposerIndex)
	}
	if *header1 == *header2 {
		return broken("header_1 != header_2", "two equal headers", "different ones")
	}
	index := header1.ProposerIndex
	if err := s.checkValidator(index); err != nil {
		return err
	}
	if proposer := s.Validators.At(index); !IsSlashableValidator(&proposer, s.GetCurrentEpoch()) {
		return broken("is_slashable_validator(proposer, get_current_epoch(state))", index, "a slashable validator")
	}
	domain := s.GetDomain(params.DomainBeaconProposer(), types.ComputeEpochAtSlot(s.Spec(), header1.Slot))
	for _, signed := range []*types.SignedBeaconBlockHeader{&op.SignedHeader1, &op.SignedHeader2} {
		root := types.ComputeSigningRoot(types.HashTreeRoot(&signed.Message), domain)
		if err := h.signedByValidator(s, index, root, signed.Signature, "header of a proposer slashing"); err != nil {
			return err
		}
	}
	if s.Since(params.Gloas) {
		dropBuilderPayment(s, header1)
	}
	reward, err := SlashValidator(s, index)
	if err != nil {
		return err
	}
	if h.Rewards != nil {
		h.Rewards.BlockReward(RewardProposerSlashings, reward)
	}
	return nil
}

// dropBuilderPayment removes the payment that waits for the votes of a slashed proposer's slot, if it is that proposer's.
// Spec: process_proposer_slashing (gloas).
func dropBuilderPayment(s *State, header *types.BeaconBlockHeader) {
	slots := s.Spec().SlotsPerEpoch
	payment := int(uint64(header.Slot) % slots)
	switch types.ComputeEpochAtSlot(s.Spec(), header.Slot) {
	case s.GetCurrentEpoch():
		payment += int(slots)
	case s.GetPreviousEpoch():
	default:
		return
	}
	if s.BuilderPendingPayments.At(payment).ProposerIndex == header.ProposerIndex {
		s.BuilderPendingPayments.Set(payment, types.BuilderPendingPayment{})
	}
}

// IsSlashableAttestationData tells whether two votes of one validator contradict each other: two for one target, or the
// first around the second. Spec: is_slashable_attestation_data (phase0).
func IsSlashableAttestationData(data1, data2 *types.AttestationData) bool {
	double := *data1 != *data2 && data1.Target.Epoch == data2.Target.Epoch
	surround := data1.Source.Epoch < data2.Source.Epoch && data2.Target.Epoch < data1.Target.Epoch
	return double || surround
}

// ProcessAttesterSlashing slashes all validators that made both of two contradicting attestations.
// Spec: process_attester_slashing (phase0).
func ProcessAttesterSlashing(s *State, op *types.AttesterSlashing, h Hooks) error {
	a1, a2 := &op.Attestation1, &op.Attestation2
	if !IsSlashableAttestationData(&a1.Data, &a2.Data) {
		return broken("is_slashable_attestation_data(attestation_1.data, attestation_2.data)", a1.Data, a2.Data)
	}
	if err := IsValidIndexedAttestation(s, a1, h); err != nil {
		return within("attestation 1", err)
	}
	if err := IsValidIndexedAttestation(s, a2, h); err != nil {
		return within("attestation 2", err)
	}
	slashedAny := false
	others := a2.AttestingIndices // both lists ascend
	for _, i := range a1.AttestingIndices {
		for len(others) > 0 && others[0] < i {
			others = others[1:]
		}
		if len(others) == 0 || others[0] != i {
			continue
		}
		if v := s.Validators.At(i); !IsSlashableValidator(&v, s.GetCurrentEpoch()) {
			continue
		}
		reward, err := SlashValidator(s, i)
		if err != nil {
			return err
		}
		if h.Rewards != nil {
			h.Rewards.BlockReward(RewardAttesterSlashings, reward)
		}
		slashedAny = true
	}
	if !slashedAny {
		return broken("slashed_any", "no slashable validator made both attestations", "at least 1")
	}
	return nil
}
