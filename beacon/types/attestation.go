package types

import (
	"github.com/prysmaticlabs/go-bitfield"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
)

// AttestationData is what an attester votes for. From Electra on Index is 0, from Gloas on it tells the payload's presence.
type AttestationData struct {
	Slot            Slot
	Index           CommitteeIndex
	BeaconBlockRoot Root
	Source          Checkpoint
	Target          Checkpoint
}

// Define lists the fields of the container.
func (x *AttestationData) Define(d *ssz.Def) {
	d.Field("slot", ssz.Uint(&x.Slot))
	d.Field("index", ssz.Uint(&x.Index))
	d.Field("beacon_block_root", ssz.Bytes(x.BeaconBlockRoot[:]))
	d.Field("source", ssz.Container(&x.Source))
	d.Field("target", ssz.Container(&x.Target))
}

// Attestation is the aggregate vote of one committee, from Electra on of several committees of a slot.
type Attestation struct {
	AggregationBits bitfield.Bitlist
	Data            AttestationData
	Signature       BLSSignature
	CommitteeBits   ssz.Bitvector // since electra
}

// Define lists the fields of the container.
func (x *Attestation) Define(d *ssz.Def) {
	s := d.Spec
	d.Progressive(d.Fork >= params.Gloas)
	d.Field("aggregation_bits", aggregationBits(d, &x.AggregationBits))
	d.Field("data", ssz.Container(&x.Data))
	d.Field("signature", ssz.Bytes(x.Signature[:]))
	d.Field("committee_bits", ssz.Bits(&x.CommitteeBits, s.MaxCommitteesPerSlot)).Since(params.Electra)
}

// SingleAttestation is the vote of one validator as it travels on a subnet (electra).
type SingleAttestation struct {
	CommitteeIndex CommitteeIndex
	AttesterIndex  ValidatorIndex
	Data           AttestationData
	Signature      BLSSignature
}

// Define lists the fields of the container.
func (x *SingleAttestation) Define(d *ssz.Def) {
	d.Field("committee_index", ssz.Uint(&x.CommitteeIndex))
	d.Field("attester_index", ssz.Uint(&x.AttesterIndex))
	d.Field("data", ssz.Container(&x.Data))
	d.Field("signature", ssz.Bytes(x.Signature[:]))
}

// IndexedAttestation is an attestation with its voters by index, ascending.
type IndexedAttestation struct {
	AttestingIndices []ValidatorIndex
	Data             AttestationData
	Signature        BLSSignature
}

// Define lists the fields of the container.
func (x *IndexedAttestation) Define(d *ssz.Def) {
	d.Progressive(d.Fork >= params.Gloas)
	d.Field("attesting_indices", ssz.Uints(&x.AttestingIndices, attestingIndices(d)))
	d.Field("data", ssz.Container(&x.Data))
	d.Field("signature", ssz.Bytes(x.Signature[:]))
}

// PendingAttestation is an attestation in a phase 0 state, waiting for its rewards.
type PendingAttestation struct {
	AggregationBits bitfield.Bitlist
	Data            AttestationData
	InclusionDelay  Slot
	ProposerIndex   ValidatorIndex
}

// Define lists the fields of the container.
func (x *PendingAttestation) Define(d *ssz.Def) {
	d.Field("aggregation_bits", aggregationBits(d, &x.AggregationBits))
	d.Field("data", ssz.Container(&x.Data))
	d.Field("inclusion_delay", ssz.Uint(&x.InclusionDelay))
	d.Field("proposer_index", ssz.Uint(&x.ProposerIndex))
}

// AggregateAndProof is an aggregate with the proof that its aggregator was chosen.
type AggregateAndProof struct {
	AggregatorIndex ValidatorIndex
	Aggregate       Attestation
	SelectionProof  BLSSignature
}

// Define lists the fields of the container.
func (x *AggregateAndProof) Define(d *ssz.Def) {
	d.Field("aggregator_index", ssz.Uint(&x.AggregatorIndex))
	d.Field("aggregate", ssz.Container(&x.Aggregate))
	d.Field("selection_proof", ssz.Bytes(x.SelectionProof[:]))
}

// SignedAggregateAndProof is an AggregateAndProof as it travels.
type SignedAggregateAndProof struct {
	Message   AggregateAndProof
	Signature BLSSignature
}

// Define lists the fields of the container.
func (x *SignedAggregateAndProof) Define(d *ssz.Def) {
	d.Field("message", ssz.Container(&x.Message))
	d.Field("signature", ssz.Bytes(x.Signature[:]))
}

// AttesterSlashing is the proof of two votes that contradict each other.
type AttesterSlashing struct {
	Attestation1 IndexedAttestation
	Attestation2 IndexedAttestation
}

// Define lists the fields of the container.
func (x *AttesterSlashing) Define(d *ssz.Def) {
	d.Field("attestation_1", ssz.Container(&x.Attestation1))
	d.Field("attestation_2", ssz.Container(&x.Attestation2))
}

// ProposerSlashing is the proof of two blocks of one proposer for one slot.
type ProposerSlashing struct {
	SignedHeader1 SignedBeaconBlockHeader
	SignedHeader2 SignedBeaconBlockHeader
}

// Define lists the fields of the container.
func (x *ProposerSlashing) Define(d *ssz.Def) {
	d.Field("signed_header_1", ssz.Container(&x.SignedHeader1))
	d.Field("signed_header_2", ssz.Container(&x.SignedHeader2))
}
