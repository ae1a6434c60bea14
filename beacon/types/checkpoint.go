package types

import "github.com/cresset/cresset/beacon/ssz"

// Fork is the pair of fork versions a state signs under.
type Fork struct {
	PreviousVersion Version
	CurrentVersion  Version
	Epoch           Epoch // of the change from previous to current
}

// Define lists the fields of the container.
func (x *Fork) Define(d *ssz.Def) {
	d.Field("previous_version", ssz.Bytes(x.PreviousVersion[:]))
	d.Field("current_version", ssz.Bytes(x.CurrentVersion[:]))
	d.Field("epoch", ssz.Uint(&x.Epoch))
}

// ForkData is what a fork digest and a signature domain commit to.
type ForkData struct {
	CurrentVersion        Version
	GenesisValidatorsRoot Root
}

// Define lists the fields of the container.
func (x *ForkData) Define(d *ssz.Def) {
	d.Field("current_version", ssz.Bytes(x.CurrentVersion[:]))
	d.Field("genesis_validators_root", ssz.Bytes(x.GenesisValidatorsRoot[:]))
}

// Checkpoint is the block at the start of an epoch.
type Checkpoint struct {
	Epoch Epoch
	Root  Root
}

// Define lists the fields of the container.
func (x *Checkpoint) Define(d *ssz.Def) {
	d.Field("epoch", ssz.Uint(&x.Epoch))
	d.Field("root", ssz.Bytes(x.Root[:]))
}

// SigningData is what every signature signs: the root of an object under a domain.
type SigningData struct {
	ObjectRoot Root
	Domain     Domain
}

// Define lists the fields of the container.
func (x *SigningData) Define(d *ssz.Def) {
	d.Field("object_root", ssz.Bytes(x.ObjectRoot[:]))
	d.Field("domain", ssz.Bytes(x.Domain[:]))
}

// Eth1Data is a state of the deposit contract.
type Eth1Data struct {
	DepositRoot  Root
	DepositCount uint64
	BlockHash    Hash32
}

// Define lists the fields of the container.
func (x *Eth1Data) Define(d *ssz.Def) {
	d.Field("deposit_root", ssz.Bytes(x.DepositRoot[:]))
	d.Field("deposit_count", ssz.Uint(&x.DepositCount))
	d.Field("block_hash", ssz.Bytes(x.BlockHash[:]))
}

// Eth1Block is an execution block as the voting for Eth1Data sees it.
type Eth1Block struct {
	Timestamp    uint64 // seconds
	DepositRoot  Root
	DepositCount uint64
}

// Define lists the fields of the container.
func (x *Eth1Block) Define(d *ssz.Def) {
	d.Field("timestamp", ssz.Uint(&x.Timestamp))
	d.Field("deposit_root", ssz.Bytes(x.DepositRoot[:]))
	d.Field("deposit_count", ssz.Uint(&x.DepositCount))
}

// BeaconBlockHeader is a block with its body replaced by the body's root.
type BeaconBlockHeader struct {
	Slot          Slot
	ProposerIndex ValidatorIndex
	ParentRoot    Root
	StateRoot     Root
	BodyRoot      Root
}

// Define lists the fields of the container.
func (x *BeaconBlockHeader) Define(d *ssz.Def) {
	d.Field("slot", ssz.Uint(&x.Slot))
	d.Field("proposer_index", ssz.Uint(&x.ProposerIndex))
	d.Field("parent_root", ssz.Bytes(x.ParentRoot[:]))
	d.Field("state_root", ssz.Bytes(x.StateRoot[:]))
	d.Field("body_root", ssz.Bytes(x.BodyRoot[:]))
}

// SignedBeaconBlockHeader is a header with its proposer's signature.
type SignedBeaconBlockHeader struct {
	Message   BeaconBlockHeader
	Signature BLSSignature
}

// Define lists the fields of the container.
func (x *SignedBeaconBlockHeader) Define(d *ssz.Def) {
	d.Field("message", ssz.Container(&x.Message))
	d.Field("signature", ssz.Bytes(x.Signature[:]))
}

// HistoricalBatch is the block and state roots of one period before Capella.
type HistoricalBatch struct {
	BlockRoots []Root
	StateRoots []Root
}

// Define lists the fields of the container.
func (x *HistoricalBatch) Define(d *ssz.Def) {
	s := d.Spec
	d.Field("block_roots", rootVector(&x.BlockRoots, s.SlotsPerHistoricalRoot))
	d.Field("state_roots", rootVector(&x.StateRoots, s.SlotsPerHistoricalRoot))
}

// HistoricalSummary is the roots of the block and state roots of one period (capella).
type HistoricalSummary struct {
	BlockSummaryRoot Root
	StateSummaryRoot Root
}

// Define lists the fields of the container.
func (x *HistoricalSummary) Define(d *ssz.Def) {
	d.Field("block_summary_root", ssz.Bytes(x.BlockSummaryRoot[:]))
	d.Field("state_summary_root", ssz.Bytes(x.StateSummaryRoot[:]))
}

// Validator is an entry of the registry. The state holds its registry in columns; see [Validators].
type Validator struct {
	Pubkey                     BLSPubkey
	WithdrawalCredentials      Bytes32
	EffectiveBalance           Gwei
	Slashed                    bool
	ActivationEligibilityEpoch Epoch
	ActivationEpoch            Epoch
	ExitEpoch                  Epoch
	WithdrawableEpoch          Epoch
}

// Define lists the fields of the container.
func (x *Validator) Define(d *ssz.Def) {
	d.Field("pubkey", ssz.Bytes(x.Pubkey[:]))
	d.Field("withdrawal_credentials", ssz.Bytes(x.WithdrawalCredentials[:]))
	d.Field("effective_balance", ssz.Uint(&x.EffectiveBalance))
	d.Field("slashed", ssz.Bool(&x.Slashed))
	d.Field("activation_eligibility_epoch", ssz.Uint(&x.ActivationEligibilityEpoch))
	d.Field("activation_epoch", ssz.Uint(&x.ActivationEpoch))
	d.Field("exit_epoch", ssz.Uint(&x.ExitEpoch))
	d.Field("withdrawable_epoch", ssz.Uint(&x.WithdrawableEpoch))
}
