package types

import (
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
)

// LightClientHeader is a block header with what proves its payload (altair).
type LightClientHeader struct {
	Beacon             BeaconBlockHeader
	Execution          ExecutionPayloadHeader // since capella, until gloas
	ExecutionBlockHash Hash32                 // since gloas
	ExecutionBranch    []Bytes32              // since capella
}

// Define lists the fields of the container.
func (x *LightClientHeader) Define(d *ssz.Def) {
	d.Field("beacon", ssz.Container(&x.Beacon))
	d.Field("execution", ssz.Container(&x.Execution)).Since(params.Capella).Until(params.Gloas)
	d.Field("execution_block_hash", ssz.Bytes(x.ExecutionBlockHash[:])).Since(params.Gloas)
	d.Field("execution_branch", branch(&x.ExecutionBranch, ExecutionBranchDepth(d.Fork))).Since(params.Capella)
}

// LightClientBootstrap is where a light client starts (altair).
type LightClientBootstrap struct {
	Header                     LightClientHeader
	CurrentSyncCommittee       SyncCommittee
	CurrentSyncCommitteeBranch []Bytes32
}

// Define lists the fields of the container.
func (x *LightClientBootstrap) Define(d *ssz.Def) {
	d.Field("header", ssz.Container(&x.Header))
	d.Field("current_sync_committee", ssz.Container(&x.CurrentSyncCommittee))
	d.Field("current_sync_committee_branch", branch(&x.CurrentSyncCommitteeBranch, CurrentSyncCommitteeBranchDepth(d.Fork)))
}

// LightClientUpdate moves a light client to the next sync committee (altair).
type LightClientUpdate struct {
	AttestedHeader          LightClientHeader
	NextSyncCommittee       SyncCommittee
	NextSyncCommitteeBranch []Bytes32
	FinalizedHeader         LightClientHeader
	FinalityBranch          []Bytes32
	SyncAggregate           SyncAggregate
	SignatureSlot           Slot
}

// Define lists the fields of the container.
func (x *LightClientUpdate) Define(d *ssz.Def) {
	d.Field("attested_header", ssz.Container(&x.AttestedHeader))
	d.Field("next_sync_committee", ssz.Container(&x.NextSyncCommittee))
	d.Field("next_sync_committee_branch", branch(&x.NextSyncCommitteeBranch, NextSyncCommitteeBranchDepth(d.Fork)))
	d.Field("finalized_header", ssz.Container(&x.FinalizedHeader))
	d.Field("finality_branch", branch(&x.FinalityBranch, FinalityBranchDepth(d.Fork)))
	d.Field("sync_aggregate", ssz.Container(&x.SyncAggregate))
	d.Field("signature_slot", ssz.Uint(&x.SignatureSlot))
}

// LightClientFinalityUpdate tells a light client of a finalized header (altair).
type LightClientFinalityUpdate struct {
	AttestedHeader  LightClientHeader
	FinalizedHeader LightClientHeader
	FinalityBranch  []Bytes32
	SyncAggregate   SyncAggregate
	SignatureSlot   Slot
}

// Define lists the fields of the container.
func (x *LightClientFinalityUpdate) Define(d *ssz.Def) {
	d.Field("attested_header", ssz.Container(&x.AttestedHeader))
	d.Field("finalized_header", ssz.Container(&x.FinalizedHeader))
	d.Field("finality_branch", branch(&x.FinalityBranch, FinalityBranchDepth(d.Fork)))
	d.Field("sync_aggregate", ssz.Container(&x.SyncAggregate))
	d.Field("signature_slot", ssz.Uint(&x.SignatureSlot))
}

// LightClientOptimisticUpdate tells a light client of the newest header (altair).
type LightClientOptimisticUpdate struct {
	AttestedHeader LightClientHeader
	SyncAggregate  SyncAggregate
	SignatureSlot  Slot
}

// Define lists the fields of the container.
func (x *LightClientOptimisticUpdate) Define(d *ssz.Def) {
	d.Field("attested_header", ssz.Container(&x.AttestedHeader))
	d.Field("sync_aggregate", ssz.Container(&x.SyncAggregate))
	d.Field("signature_slot", ssz.Uint(&x.SignatureSlot))
}
