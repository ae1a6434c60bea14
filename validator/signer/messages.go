package signer

import (
	"encoding/binary"
	"fmt"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// Message is a message that nobody is slashed for: one of the types below. Blocks and attestations are none.
type Message interface {
	// signingRoot is what is signed.
	signingRoot(s *Signer, info ForkInfo) (types.Root, error)
}

type (
	// Randao is the epoch that a proposer reveals its randomness for. Spec: get_epoch_signature (phase0).
	Randao struct{ Epoch types.Epoch }
	// SelectionProof is the slot that an attester may have to aggregate in. Spec: get_slot_signature (phase0).
	SelectionProof struct{ Slot types.Slot }
	// Aggregate is an aggregate with its selection proof. Spec: get_aggregate_and_proof_signature (phase0).
	Aggregate struct{ Message *types.AggregateAndProof }
	// SyncMessage is the head that a member of the sync committee sees. Spec: get_sync_committee_message (altair).
	SyncMessage struct {
		Slot types.Slot
		Root types.Root
	}
	// SyncSelectionProof is the slot and subcommittee that a member may have to aggregate in. Spec: get_sync_committee_selection_proof (altair).
	SyncSelectionProof struct {
		Slot         types.Slot
		Subcommittee uint64
	}
	// Contribution is a contribution with its selection proof. Spec: get_contribution_and_proof_signature (altair).
	Contribution struct{ Message *types.ContributionAndProof }
	// VoluntaryExit is an exit, for good. Spec: process_voluntary_exit (phase0; modified deneb).
	VoluntaryExit struct{ Message *types.VoluntaryExit }
	// BLSChange moves withdrawals to an account; its key is the withdrawal key. Spec: process_bls_to_execution_change (capella).
	BLSChange struct{ Message *types.BLSToExecutionChange }
)

// root is the signing root of an object's root of an epoch.
func (s *Signer) root(info ForkInfo, kind types.DomainType, epoch types.Epoch, object types.Root) (types.Root, error) {
	if err := s.checkEpoch(epoch); err != nil {
		return types.Root{}, err
	}
	domain, err := s.domain(info, kind, epoch)
	if err != nil {
		return types.Root{}, err
	}
	return types.ComputeSigningRoot(object, domain), nil
}

func (s *Signer) epoch(slot types.Slot) types.Epoch {
	return types.ComputeEpochAtSlot(s.cfg.Spec, slot)
}

// hash is the root of a container under the fork of a slot.
func (s *Signer) hash(slot types.Slot, o ssz.Object) (types.Root, error) {
	root, err := ssz.HashTreeRoot(ssz.Context{Spec: s.cfg.Spec, Fork: s.cfg.Spec.ForkAtSlot(slot)}, ssz.Container(o))
	if err != nil {
		return root, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	return root, nil
}

// number is the root of a basic value of eight bytes.
func number(n uint64) (root types.Root) {
	binary.LittleEndian.PutUint64(root[:], n)
	return root
}

// versioned is the signing root of a container that belongs to a slot.
func (s *Signer) versioned(info ForkInfo, kind types.DomainType, slot types.Slot, o ssz.Object) (types.Root, error) {
	object, err := s.hash(slot, o)
	if err != nil {
		return types.Root{}, err
	}
	return s.root(info, kind, s.epoch(slot), object)
}

func (m Randao) signingRoot(s *Signer, info ForkInfo) (types.Root, error) {
	return s.root(info, params.DomainRandao(), m.Epoch, number(uint64(m.Epoch)))
}

func (m SelectionProof) signingRoot(s *Signer, info ForkInfo) (types.Root, error) {
	return s.root(info, params.DomainSelectionProof(), s.epoch(m.Slot), number(uint64(m.Slot)))
}

func (m Aggregate) signingRoot(s *Signer, info ForkInfo) (types.Root, error) {
	return s.versioned(info, params.DomainAggregateAndProof(), m.Message.Aggregate.Data.Slot, m.Message)
}

func (m SyncMessage) signingRoot(s *Signer, info ForkInfo) (types.Root, error) {
	return s.root(info, params.DomainSyncCommittee(), s.epoch(m.Slot), m.Root)
}

func (m SyncSelectionProof) signingRoot(s *Signer, info ForkInfo) (types.Root, error) {
	data := types.SyncAggregatorSelectionData{Slot: m.Slot, SubcommitteeIndex: m.Subcommittee}
	return s.root(info, params.DomainSyncCommitteeSelectionProof(), s.epoch(m.Slot), types.HashTreeRoot(&data))
}

func (m Contribution) signingRoot(s *Signer, info ForkInfo) (types.Root, error) {
	return s.versioned(info, params.DomainContributionAndProof(), m.Message.Contribution.Slot, m.Message)
}

// signingRoot is under Capella's version for ever once Deneb is there (EIP-7044).
func (m VoluntaryExit) signingRoot(s *Signer, info ForkInfo) (types.Root, error) {
	object := types.HashTreeRoot(m.Message)
	if s.cfg.Spec.ForkAtEpoch(s.cfg.Clock.CurrentEpoch()) < params.Deneb {
		return s.root(info, params.DomainVoluntaryExit(), m.Message.Epoch, object)
	}
	if err := s.checkChain(info); err != nil {
		return types.Root{}, err
	}
	if err := s.checkEpoch(m.Message.Epoch); err != nil {
		return types.Root{}, err
	}
	domain := types.ComputeDomain(params.DomainVoluntaryExit(), s.cfg.Spec.CapellaForkVersion, s.cfg.GenesisValidatorsRoot)
	return types.ComputeSigningRoot(object, domain), nil
}

// signingRoot is under the genesis version for ever.
func (m BLSChange) signingRoot(s *Signer, info ForkInfo) (types.Root, error) {
	if err := s.checkChain(info); err != nil {
		return types.Root{}, err
	}
	domain := types.ComputeDomain(params.DomainBLSToExecutionChange(), s.cfg.Spec.GenesisForkVersion, s.cfg.GenesisValidatorsRoot)
	return types.ComputeSigningRoot(types.HashTreeRoot(m.Message), domain), nil
}

// BlockRoot is the signing root of a block, for asking for a permit. Spec: get_block_signature (phase0).
func (s *Signer) BlockRoot(info ForkInfo, block *types.BeaconBlock) (types.Root, error) {
	return s.versioned(info, params.DomainBeaconProposer(), block.Slot, block)
}

// AttestationRoot is the signing root of an attestation, for asking for a permit. Spec: get_attestation_signature (phase0).
func (s *Signer) AttestationRoot(info ForkInfo, data *types.AttestationData) (types.Root, error) {
	if epoch := s.epoch(data.Slot); data.Target.Epoch != epoch {
		return types.Root{}, fmt.Errorf("%w: attestation of slot %d, epoch %d, has the target epoch %d", ErrMessage, data.Slot, epoch, data.Target.Epoch)
	}
	if data.Source.Epoch > data.Target.Epoch {
		return types.Root{}, fmt.Errorf("%w: attestation from source epoch %d to target epoch %d", ErrMessage, data.Source.Epoch, data.Target.Epoch)
	}
	return s.root(info, params.DomainBeaconAttester(), data.Target.Epoch, types.HashTreeRoot(data))
}
