package types

import (
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
)

// Builder is an entry of the builder registry (gloas).
type Builder struct {
	Pubkey            BLSPubkey
	Version           uint8
	ExecutionAddress  ExecutionAddress
	Balance           Gwei
	DepositEpoch      Epoch
	WithdrawableEpoch Epoch
}

// Define lists the fields of the container.
func (x *Builder) Define(d *ssz.Def) {
	d.Field("pubkey", ssz.Bytes(x.Pubkey[:]))
	d.Field("version", ssz.Uint(&x.Version))
	d.Field("execution_address", ssz.Bytes(x.ExecutionAddress[:]))
	d.Field("balance", ssz.Uint(&x.Balance))
	d.Field("deposit_epoch", ssz.Uint(&x.DepositEpoch))
	d.Field("withdrawable_epoch", ssz.Uint(&x.WithdrawableEpoch))
}

// BuilderPendingWithdrawal is a payment of a builder on its way to a proposer (gloas).
type BuilderPendingWithdrawal struct {
	FeeRecipient ExecutionAddress
	Amount       Gwei
	BuilderIndex BuilderIndex
}

// Define lists the fields of the container.
func (x *BuilderPendingWithdrawal) Define(d *ssz.Def) {
	d.Field("fee_recipient", ssz.Bytes(x.FeeRecipient[:]))
	d.Field("amount", ssz.Uint(&x.Amount))
	d.Field("builder_index", ssz.Uint(&x.BuilderIndex))
}

// BuilderPendingPayment is a payment that waits for its slot's votes (gloas).
type BuilderPendingPayment struct {
	Weight        Gwei
	Withdrawal    BuilderPendingWithdrawal
	ProposerIndex ValidatorIndex
}

// Define lists the fields of the container.
func (x *BuilderPendingPayment) Define(d *ssz.Def) {
	d.Field("weight", ssz.Uint(&x.Weight))
	d.Field("withdrawal", ssz.Container(&x.Withdrawal))
	d.Field("proposer_index", ssz.Uint(&x.ProposerIndex))
}

// PayloadAttestationData is what a member of the payload timeliness committee saw (gloas).
type PayloadAttestationData struct {
	BeaconBlockRoot   Root
	Slot              Slot
	PayloadPresent    bool
	BlobDataAvailable bool
}

// Define lists the fields of the container.
func (x *PayloadAttestationData) Define(d *ssz.Def) {
	d.Field("beacon_block_root", ssz.Bytes(x.BeaconBlockRoot[:]))
	d.Field("slot", ssz.Uint(&x.Slot))
	d.Field("payload_present", ssz.Bool(&x.PayloadPresent))
	d.Field("blob_data_available", ssz.Bool(&x.BlobDataAvailable))
}

// PayloadAttestation is the aggregate vote of the payload timeliness committee (gloas).
type PayloadAttestation struct {
	AggregationBits ssz.Bitvector
	Data            PayloadAttestationData
	Signature       BLSSignature
}

// Define lists the fields of the container.
func (x *PayloadAttestation) Define(d *ssz.Def) {
	s := d.Spec
	d.Progressive(d.Fork >= params.Gloas)
	d.Field("aggregation_bits", ssz.Bits(&x.AggregationBits, s.PTCSize))
	d.Field("data", ssz.Container(&x.Data))
	d.Field("signature", ssz.Bytes(x.Signature[:]))
}

// PayloadAttestationMessage is one member's vote (gloas).
type PayloadAttestationMessage struct {
	ValidatorIndex ValidatorIndex
	Data           PayloadAttestationData
	Signature      BLSSignature
}

// Define lists the fields of the container.
func (x *PayloadAttestationMessage) Define(d *ssz.Def) {
	d.Field("validator_index", ssz.Uint(&x.ValidatorIndex))
	d.Field("data", ssz.Container(&x.Data))
	d.Field("signature", ssz.Bytes(x.Signature[:]))
}

// IndexedPayloadAttestation is a payload attestation with its voters by index, ascending (gloas).
type IndexedPayloadAttestation struct {
	AttestingIndices []ValidatorIndex
	Data             PayloadAttestationData
	Signature        BLSSignature
}

// Define lists the fields of the container.
func (x *IndexedPayloadAttestation) Define(d *ssz.Def) {
	s := d.Spec
	d.Progressive(d.Fork >= params.Gloas)
	d.Field("attesting_indices", ssz.Uints(&x.AttestingIndices, ssz.Cap(s.PTCSize, false)))
	d.Field("data", ssz.Container(&x.Data))
	d.Field("signature", ssz.Bytes(x.Signature[:]))
}

// ExecutionPayloadBid is a builder's offer of a payload for a slot (gloas).
type ExecutionPayloadBid struct {
	ParentBlockHash       Hash32
	ParentBlockRoot       Root
	BlockHash             Hash32
	PrevRandao            Bytes32
	FeeRecipient          ExecutionAddress
	GasLimit              uint64
	BuilderIndex          BuilderIndex
	Slot                  Slot
	Value                 Gwei
	ExecutionPayment      Gwei
	BlobKZGCommitments    []KZGCommitment
	ExecutionRequestsRoot Root
}

// Define lists the fields of the container.
func (x *ExecutionPayloadBid) Define(d *ssz.Def) {
	d.Progressive(d.Fork >= params.Gloas)
	d.Field("parent_block_hash", ssz.Bytes(x.ParentBlockHash[:]))
	d.Field("parent_block_root", ssz.Bytes(x.ParentBlockRoot[:]))
	d.Field("block_hash", ssz.Bytes(x.BlockHash[:]))
	d.Field("prev_randao", ssz.Bytes(x.PrevRandao[:]))
	d.Field("fee_recipient", ssz.Bytes(x.FeeRecipient[:]))
	d.Field("gas_limit", ssz.Uint(&x.GasLimit))
	d.Field("builder_index", ssz.Uint(&x.BuilderIndex))
	d.Field("slot", ssz.Uint(&x.Slot))
	d.Field("value", ssz.Uint(&x.Value))
	d.Field("execution_payment", ssz.Uint(&x.ExecutionPayment))
	d.Field("blob_kzg_commitments", commitments(d, &x.BlobKZGCommitments))
	d.Field("execution_requests_root", ssz.Bytes(x.ExecutionRequestsRoot[:]))
}

// SignedExecutionPayloadBid is a bid with the builder's signature (gloas).
type SignedExecutionPayloadBid struct {
	Message   ExecutionPayloadBid
	Signature BLSSignature
}

// Define lists the fields of the container.
func (x *SignedExecutionPayloadBid) Define(d *ssz.Def) {
	d.Field("message", ssz.Container(&x.Message))
	d.Field("signature", ssz.Bytes(x.Signature[:]))
}

// ExecutionPayloadEnvelope is a payload as its builder reveals it (gloas).
type ExecutionPayloadEnvelope struct {
	Payload               ExecutionPayload
	ExecutionRequests     ExecutionRequests
	BuilderIndex          BuilderIndex
	BeaconBlockRoot       Root
	ParentBeaconBlockRoot Root
}

// Define lists the fields of the container.
func (x *ExecutionPayloadEnvelope) Define(d *ssz.Def) {
	d.Progressive(d.Fork >= params.Gloas)
	d.Field("payload", ssz.Container(&x.Payload))
	d.Field("execution_requests", ssz.Container(&x.ExecutionRequests))
	d.Field("builder_index", ssz.Uint(&x.BuilderIndex))
	d.Field("beacon_block_root", ssz.Bytes(x.BeaconBlockRoot[:]))
	d.Field("parent_beacon_block_root", ssz.Bytes(x.ParentBeaconBlockRoot[:]))
}

// SignedExecutionPayloadEnvelope is an envelope with the builder's signature (gloas).
type SignedExecutionPayloadEnvelope struct {
	Message   ExecutionPayloadEnvelope
	Signature BLSSignature
}

// Define lists the fields of the container.
func (x *SignedExecutionPayloadEnvelope) Define(d *ssz.Def) {
	d.Field("message", ssz.Container(&x.Message))
	d.Field("signature", ssz.Bytes(x.Signature[:]))
}

// ProposerPreferences is what a proposer asks of the builders of its slot (gloas).
type ProposerPreferences struct {
	DependentRoot  Root
	ProposalSlot   Slot
	ValidatorIndex ValidatorIndex
	FeeRecipient   ExecutionAddress
	TargetGasLimit uint64
}

// Define lists the fields of the container.
func (x *ProposerPreferences) Define(d *ssz.Def) {
	d.Field("dependent_root", ssz.Bytes(x.DependentRoot[:]))
	d.Field("proposal_slot", ssz.Uint(&x.ProposalSlot))
	d.Field("validator_index", ssz.Uint(&x.ValidatorIndex))
	d.Field("fee_recipient", ssz.Bytes(x.FeeRecipient[:]))
	d.Field("target_gas_limit", ssz.Uint(&x.TargetGasLimit))
}

// SignedProposerPreferences is preferences with the proposer's signature (gloas).
type SignedProposerPreferences struct {
	Message   ProposerPreferences
	Signature BLSSignature
}

// Define lists the fields of the container.
func (x *SignedProposerPreferences) Define(d *ssz.Def) {
	d.Field("message", ssz.Container(&x.Message))
	d.Field("signature", ssz.Bytes(x.Signature[:]))
}
