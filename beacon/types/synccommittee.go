package types

import (
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
)

// SyncCommittee is the keys of a sync committee and their sum (altair).
type SyncCommittee struct {
	Pubkeys         []BLSPubkey
	AggregatePubkey BLSPubkey
}

// Define lists the fields of the container.
func (x *SyncCommittee) Define(d *ssz.Def) {
	s := d.Spec
	d.Field("pubkeys", ssz.VectorOf(&x.Pubkeys, s.SyncCommitteeSize, pubkey))
	d.Field("aggregate_pubkey", ssz.Bytes(x.AggregatePubkey[:]))
}

// SyncAggregate is the sync committee's signature of the parent block (altair).
type SyncAggregate struct {
	SyncCommitteeBits      ssz.Bitvector
	SyncCommitteeSignature BLSSignature
}

// Define lists the fields of the container.
func (x *SyncAggregate) Define(d *ssz.Def) {
	s := d.Spec
	d.Field("sync_committee_bits", ssz.Bits(&x.SyncCommitteeBits, s.SyncCommitteeSize))
	d.Field("sync_committee_signature", ssz.Bytes(x.SyncCommitteeSignature[:]))
}

// SyncCommitteeMessage is one member's signature of a block root (altair).
type SyncCommitteeMessage struct {
	Slot            Slot
	BeaconBlockRoot Root
	ValidatorIndex  ValidatorIndex
	Signature       BLSSignature
}

// Define lists the fields of the container.
func (x *SyncCommitteeMessage) Define(d *ssz.Def) {
	d.Field("slot", ssz.Uint(&x.Slot))
	d.Field("beacon_block_root", ssz.Bytes(x.BeaconBlockRoot[:]))
	d.Field("validator_index", ssz.Uint(&x.ValidatorIndex))
	d.Field("signature", ssz.Bytes(x.Signature[:]))
}

// SyncCommitteeContribution is the aggregate of one subcommittee (altair).
type SyncCommitteeContribution struct {
	Slot              Slot
	BeaconBlockRoot   Root
	SubcommitteeIndex uint64
	AggregationBits   ssz.Bitvector
	Signature         BLSSignature
}

// Define lists the fields of the container.
func (x *SyncCommitteeContribution) Define(d *ssz.Def) {
	s := d.Spec
	d.Field("slot", ssz.Uint(&x.Slot))
	d.Field("beacon_block_root", ssz.Bytes(x.BeaconBlockRoot[:]))
	d.Field("subcommittee_index", ssz.Uint(&x.SubcommitteeIndex))
	d.Field("aggregation_bits", ssz.Bits(&x.AggregationBits, s.SyncCommitteeSize/params.SyncCommitteeSubnetCount))
	d.Field("signature", ssz.Bytes(x.Signature[:]))
}

// ContributionAndProof is a contribution with the proof that its aggregator was chosen (altair).
type ContributionAndProof struct {
	AggregatorIndex ValidatorIndex
	Contribution    SyncCommitteeContribution
	SelectionProof  BLSSignature
}

// Define lists the fields of the container.
func (x *ContributionAndProof) Define(d *ssz.Def) {
	d.Field("aggregator_index", ssz.Uint(&x.AggregatorIndex))
	d.Field("contribution", ssz.Container(&x.Contribution))
	d.Field("selection_proof", ssz.Bytes(x.SelectionProof[:]))
}

// SignedContributionAndProof is a ContributionAndProof as it travels (altair).
type SignedContributionAndProof struct {
	Message   ContributionAndProof
	Signature BLSSignature
}

// Define lists the fields of the container.
func (x *SignedContributionAndProof) Define(d *ssz.Def) {
	d.Field("message", ssz.Container(&x.Message))
	d.Field("signature", ssz.Bytes(x.Signature[:]))
}

// SyncAggregatorSelectionData is what a selection proof of a sync aggregator signs (altair).
type SyncAggregatorSelectionData struct {
	Slot              Slot
	SubcommitteeIndex uint64
}

// Define lists the fields of the container.
func (x *SyncAggregatorSelectionData) Define(d *ssz.Def) {
	d.Field("slot", ssz.Uint(&x.Slot))
	d.Field("subcommittee_index", ssz.Uint(&x.SubcommitteeIndex))
}
