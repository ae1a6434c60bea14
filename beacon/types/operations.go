package types

import (
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
)

// DepositMessage is the part of a deposit that is signed.
type DepositMessage struct {
	Pubkey                BLSPubkey
	WithdrawalCredentials Bytes32
	Amount                Gwei
}

// Define lists the fields of the container.
func (x *DepositMessage) Define(d *ssz.Def) {
	d.Field("pubkey", ssz.Bytes(x.Pubkey[:]))
	d.Field("withdrawal_credentials", ssz.Bytes(x.WithdrawalCredentials[:]))
	d.Field("amount", ssz.Uint(&x.Amount))
}

// DepositData is a deposit as the deposit contract knows it.
type DepositData struct {
	Pubkey                BLSPubkey
	WithdrawalCredentials Bytes32
	Amount                Gwei
	Signature             BLSSignature
}

// Define lists the fields of the container.
func (x *DepositData) Define(d *ssz.Def) {
	d.Field("pubkey", ssz.Bytes(x.Pubkey[:]))
	d.Field("withdrawal_credentials", ssz.Bytes(x.WithdrawalCredentials[:]))
	d.Field("amount", ssz.Uint(&x.Amount))
	d.Field("signature", ssz.Bytes(x.Signature[:]))
}

// Deposit is a deposit with the proof that the deposit contract has it.
type Deposit struct {
	Proof []Bytes32
	Data  DepositData
}

// Define lists the fields of the container.
func (x *Deposit) Define(d *ssz.Def) {
	d.Field("proof", ssz.VectorOf(&x.Proof, params.DepositContractTreeDepth+1, bytes32))
	d.Field("data", ssz.Container(&x.Data))
}

// VoluntaryExit is a validator's wish to leave from an epoch on.
type VoluntaryExit struct {
	Epoch          Epoch
	ValidatorIndex ValidatorIndex
}

// Define lists the fields of the container.
func (x *VoluntaryExit) Define(d *ssz.Def) {
	d.Field("epoch", ssz.Uint(&x.Epoch))
	d.Field("validator_index", ssz.Uint(&x.ValidatorIndex))
}

// SignedVoluntaryExit is a VoluntaryExit with the validator's signature.
type SignedVoluntaryExit struct {
	Message   VoluntaryExit
	Signature BLSSignature
}

// Define lists the fields of the container.
func (x *SignedVoluntaryExit) Define(d *ssz.Def) {
	d.Field("message", ssz.Container(&x.Message))
	d.Field("signature", ssz.Bytes(x.Signature[:]))
}

// BLSToExecutionChange moves withdrawal credentials from a BLS key to an account (capella).
type BLSToExecutionChange struct {
	ValidatorIndex     ValidatorIndex
	FromBLSPubkey      BLSPubkey
	ToExecutionAddress ExecutionAddress
}

// Define lists the fields of the container.
func (x *BLSToExecutionChange) Define(d *ssz.Def) {
	d.Field("validator_index", ssz.Uint(&x.ValidatorIndex))
	d.Field("from_bls_pubkey", ssz.Bytes(x.FromBLSPubkey[:]))
	d.Field("to_execution_address", ssz.Bytes(x.ToExecutionAddress[:]))
}

// SignedBLSToExecutionChange is a BLSToExecutionChange with the withdrawal key's signature.
type SignedBLSToExecutionChange struct {
	Message   BLSToExecutionChange
	Signature BLSSignature
}

// Define lists the fields of the container.
func (x *SignedBLSToExecutionChange) Define(d *ssz.Def) {
	d.Field("message", ssz.Container(&x.Message))
	d.Field("signature", ssz.Bytes(x.Signature[:]))
}

// PendingDeposit is a deposit waiting in the state (electra).
type PendingDeposit struct {
	Pubkey                BLSPubkey
	WithdrawalCredentials Bytes32
	Amount                Gwei
	Signature             BLSSignature
	Slot                  Slot
}

// Define lists the fields of the container.
func (x *PendingDeposit) Define(d *ssz.Def) {
	d.Field("pubkey", ssz.Bytes(x.Pubkey[:]))
	d.Field("withdrawal_credentials", ssz.Bytes(x.WithdrawalCredentials[:]))
	d.Field("amount", ssz.Uint(&x.Amount))
	d.Field("signature", ssz.Bytes(x.Signature[:]))
	d.Field("slot", ssz.Uint(&x.Slot))
}

// PendingPartialWithdrawal is a withdrawal request waiting in the state (electra).
type PendingPartialWithdrawal struct {
	ValidatorIndex    ValidatorIndex
	Amount            Gwei
	WithdrawableEpoch Epoch
}

// Define lists the fields of the container.
func (x *PendingPartialWithdrawal) Define(d *ssz.Def) {
	d.Field("validator_index", ssz.Uint(&x.ValidatorIndex))
	d.Field("amount", ssz.Uint(&x.Amount))
	d.Field("withdrawable_epoch", ssz.Uint(&x.WithdrawableEpoch))
}

// PendingConsolidation is a consolidation waiting in the state (electra).
type PendingConsolidation struct {
	SourceIndex ValidatorIndex
	TargetIndex ValidatorIndex
}

// Define lists the fields of the container.
func (x *PendingConsolidation) Define(d *ssz.Def) {
	d.Field("source_index", ssz.Uint(&x.SourceIndex))
	d.Field("target_index", ssz.Uint(&x.TargetIndex))
}

// DepositRequest is a deposit handed over by the execution layer (EIP-6110).
type DepositRequest struct {
	Pubkey                BLSPubkey
	WithdrawalCredentials Bytes32
	Amount                Gwei
	Signature             BLSSignature
	Index                 uint64
}

// Define lists the fields of the container.
func (x *DepositRequest) Define(d *ssz.Def) {
	d.Field("pubkey", ssz.Bytes(x.Pubkey[:]))
	d.Field("withdrawal_credentials", ssz.Bytes(x.WithdrawalCredentials[:]))
	d.Field("amount", ssz.Uint(&x.Amount))
	d.Field("signature", ssz.Bytes(x.Signature[:]))
	d.Field("index", ssz.Uint(&x.Index))
}

// WithdrawalRequest is a withdrawal or exit asked for on the execution layer (EIP-7002).
type WithdrawalRequest struct {
	SourceAddress   ExecutionAddress
	ValidatorPubkey BLSPubkey
	Amount          Gwei
}

// Define lists the fields of the container.
func (x *WithdrawalRequest) Define(d *ssz.Def) {
	d.Field("source_address", ssz.Bytes(x.SourceAddress[:]))
	d.Field("validator_pubkey", ssz.Bytes(x.ValidatorPubkey[:]))
	d.Field("amount", ssz.Uint(&x.Amount))
}

// ConsolidationRequest is a consolidation asked for on the execution layer (EIP-7251).
type ConsolidationRequest struct {
	SourceAddress ExecutionAddress
	SourcePubkey  BLSPubkey
	TargetPubkey  BLSPubkey
}

// Define lists the fields of the container.
func (x *ConsolidationRequest) Define(d *ssz.Def) {
	d.Field("source_address", ssz.Bytes(x.SourceAddress[:]))
	d.Field("source_pubkey", ssz.Bytes(x.SourcePubkey[:]))
	d.Field("target_pubkey", ssz.Bytes(x.TargetPubkey[:]))
}

// BuilderDepositRequest is a builder's deposit from the execution layer (gloas, EIP-8282).
type BuilderDepositRequest struct {
	Pubkey                BLSPubkey
	WithdrawalCredentials Bytes32
	Amount                Gwei
	Signature             BLSSignature
}

// Define lists the fields of the container.
func (x *BuilderDepositRequest) Define(d *ssz.Def) {
	d.Field("pubkey", ssz.Bytes(x.Pubkey[:]))
	d.Field("withdrawal_credentials", ssz.Bytes(x.WithdrawalCredentials[:]))
	d.Field("amount", ssz.Uint(&x.Amount))
	d.Field("signature", ssz.Bytes(x.Signature[:]))
}

// BuilderExitRequest is a builder's exit from the execution layer (gloas, EIP-8282).
type BuilderExitRequest struct {
	SourceAddress ExecutionAddress
	Pubkey        BLSPubkey
}

// Define lists the fields of the container.
func (x *BuilderExitRequest) Define(d *ssz.Def) {
	d.Field("source_address", ssz.Bytes(x.SourceAddress[:]))
	d.Field("pubkey", ssz.Bytes(x.Pubkey[:]))
}
