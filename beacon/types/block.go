package types

import (
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
)

// BeaconBlockBody is what a block carries.
type BeaconBlockBody struct {
	RandaoReveal              BLSSignature
	Eth1Data                  Eth1Data
	Graffiti                  Bytes32
	ProposerSlashings         []ProposerSlashing
	AttesterSlashings         []AttesterSlashing
	Attestations              []Attestation
	Deposits                  []Deposit
	VoluntaryExits            []SignedVoluntaryExit
	SyncAggregate             SyncAggregate                // since altair
	ExecutionPayload          ExecutionPayload             // since bellatrix, until gloas
	BLSToExecutionChanges     []SignedBLSToExecutionChange // since capella
	BlobKZGCommitments        []KZGCommitment              // since deneb, until gloas
	ExecutionRequests         ExecutionRequests            // since electra, until gloas
	SignedExecutionPayloadBid SignedExecutionPayloadBid    // since gloas
	PayloadAttestations       []PayloadAttestation         // since gloas
	ParentExecutionRequests   ExecutionRequests            // since gloas
}

// Define lists the fields of the container.
func (x *BeaconBlockBody) Define(d *ssz.Def) {
	x.define(d, "execution_payload", ssz.Container(&x.ExecutionPayload))
}

// define lists the fields with what stands in the place of the payload.
func (x *BeaconBlockBody) define(d *ssz.Def, payloadName string, payload ssz.Node) {
	s := d.Spec
	progressive := d.Fork >= params.Gloas
	d.Progressive(d.Fork >= params.Gloas)
	d.Field("randao_reveal", ssz.Bytes(x.RandaoReveal[:]))
	d.Field("eth1_data", ssz.Container(&x.Eth1Data))
	d.Field("graffiti", ssz.Bytes(x.Graffiti[:]))
	d.Field("proposer_slashings", ssz.List(&x.ProposerSlashings, ssz.Cap(s.MaxProposerSlashings, progressive)))
	d.Field("attester_slashings", ssz.List(&x.AttesterSlashings, ssz.Cap(maxAttesterSlashings(d), progressive)))
	d.Field("attestations", ssz.List(&x.Attestations, ssz.Cap(maxAttestations(d), progressive)))
	d.Field("deposits", ssz.List(&x.Deposits, ssz.Cap(s.MaxDeposits, progressive)))
	d.Field("voluntary_exits", ssz.List(&x.VoluntaryExits, ssz.Cap(s.MaxVoluntaryExits, progressive)))
	d.Field("sync_aggregate", ssz.Container(&x.SyncAggregate)).Since(params.Altair)
	d.Field(payloadName, payload).Since(params.Bellatrix).Until(params.Gloas)
	d.Field("bls_to_execution_changes", ssz.List(&x.BLSToExecutionChanges, ssz.Cap(s.MaxBLSToExecutionChanges, progressive))).Since(params.Capella)
	d.Field("blob_kzg_commitments", commitments(d, &x.BlobKZGCommitments)).Since(params.Deneb).Until(params.Gloas)
	d.Field("execution_requests", ssz.Container(&x.ExecutionRequests)).Since(params.Electra).Until(params.Gloas)
	d.Field("signed_execution_payload_bid", ssz.Container(&x.SignedExecutionPayloadBid)).Since(params.Gloas)
	d.Field("payload_attestations", ssz.List(&x.PayloadAttestations, ssz.Cap(s.MaxPayloadAttestations, progressive))).Since(params.Gloas)
	d.Field("parent_execution_requests", ssz.Container(&x.ParentExecutionRequests)).Since(params.Gloas)
}

// BeaconBlock is a block of the beacon chain.
type BeaconBlock struct {
	Slot          Slot
	ProposerIndex ValidatorIndex
	ParentRoot    Root
	StateRoot     Root // after the block
	Body          BeaconBlockBody
}

// Define lists the fields of the container.
func (x *BeaconBlock) Define(d *ssz.Def) {
	d.Field("slot", ssz.Uint(&x.Slot))
	d.Field("proposer_index", ssz.Uint(&x.ProposerIndex))
	d.Field("parent_root", ssz.Bytes(x.ParentRoot[:]))
	d.Field("state_root", ssz.Bytes(x.StateRoot[:]))
	d.Field("body", ssz.Container(&x.Body))
}

// SignedBeaconBlock is a block with its proposer's signature.
type SignedBeaconBlock struct {
	Message   BeaconBlock
	Signature BLSSignature
}

// Define lists the fields of the container.
func (x *SignedBeaconBlock) Define(d *ssz.Def) {
	d.Field("message", ssz.Container(&x.Message))
	d.Field("signature", ssz.Bytes(x.Signature[:]))
}
