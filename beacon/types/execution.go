package types

import (
	"fmt"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
)

// Withdrawal moves an amount from the beacon chain to an account (capella).
type Withdrawal struct {
	Index          WithdrawalIndex
	ValidatorIndex ValidatorIndex // from gloas on a builder's index with BUILDER_INDEX_FLAG
	Address        ExecutionAddress
	Amount         Gwei
}

// Define lists the fields of the container.
func (x *Withdrawal) Define(d *ssz.Def) {
	d.Field("index", ssz.Uint(&x.Index))
	d.Field("validator_index", ssz.Uint(&x.ValidatorIndex))
	d.Field("address", ssz.Bytes(x.Address[:]))
	d.Field("amount", ssz.Uint(&x.Amount))
}

// ExecutionPayload is a block of the execution layer (bellatrix).
type ExecutionPayload struct {
	ParentHash      Hash32
	FeeRecipient    ExecutionAddress
	StateRoot       Bytes32
	ReceiptsRoot    Bytes32
	LogsBloom       []byte
	PrevRandao      Bytes32
	BlockNumber     uint64
	GasLimit        uint64
	GasUsed         uint64
	Timestamp       uint64 // seconds
	ExtraData       []byte
	BaseFeePerGas   ssz.Uint256 // wei
	BlockHash       Hash32
	Transactions    [][]byte
	Withdrawals     []Withdrawal // since capella
	BlobGasUsed     uint64       // since deneb
	ExcessBlobGas   uint64       // since deneb
	BlockAccessList []byte       // since gloas
	SlotNumber      uint64       // since gloas
}

// Define lists the fields of the container.
func (x *ExecutionPayload) Define(d *ssz.Def) {
	s := d.Spec
	d.Progressive(d.Fork >= params.Gloas)
	d.Field("parent_hash", ssz.Bytes(x.ParentHash[:]))
	d.Field("fee_recipient", ssz.Bytes(x.FeeRecipient[:]))
	d.Field("state_root", ssz.Bytes(x.StateRoot[:]))
	d.Field("receipts_root", ssz.Bytes(x.ReceiptsRoot[:]))
	d.Field("logs_bloom", ssz.ByteVector(&x.LogsBloom, s.BytesPerLogsBloom))
	d.Field("prev_randao", ssz.Bytes(x.PrevRandao[:]))
	d.Field("block_number", ssz.Uint(&x.BlockNumber))
	d.Field("gas_limit", ssz.Uint(&x.GasLimit))
	d.Field("gas_used", ssz.Uint(&x.GasUsed))
	d.Field("timestamp", ssz.Uint(&x.Timestamp))
	d.Field("extra_data", ssz.ByteList(&x.ExtraData, ssz.Cap(s.MaxExtraDataBytes, false)))
	d.Field("base_fee_per_gas", ssz.WideUint(x.BaseFeePerGas[:]))
	d.Field("block_hash", ssz.Bytes(x.BlockHash[:]))
	d.Field("transactions", transactions(d, &x.Transactions))
	d.Field("withdrawals", withdrawals(d, &x.Withdrawals)).Since(params.Capella)
	d.Field("blob_gas_used", ssz.Uint(&x.BlobGasUsed)).Since(params.Deneb)
	d.Field("excess_blob_gas", ssz.Uint(&x.ExcessBlobGas)).Since(params.Deneb)
	d.Field("block_access_list", ssz.ByteList(&x.BlockAccessList, ssz.Cap(0, true))).Since(params.Gloas)
	d.Field("slot_number", ssz.Uint(&x.SlotNumber)).Since(params.Gloas)
}

// withdrawals is Withdrawals (capella; modified gloas).
func withdrawals(d *ssz.Def, p *[]Withdrawal) ssz.Node {
	return ssz.List(p, ssz.Cap(d.Spec.MaxWithdrawalsPerPayload, d.Fork >= params.Gloas))
}

// Header is the payload with its lists replaced by their roots. It shares memory with the payload.
// Spec: process_execution_payload (bellatrix; modified capella, deneb).
func (x *ExecutionPayload) Header(cx ssz.Context) (ExecutionPayloadHeader, error) {
	header := ExecutionPayloadHeader{
		ParentHash: x.ParentHash, FeeRecipient: x.FeeRecipient, StateRoot: x.StateRoot, ReceiptsRoot: x.ReceiptsRoot,
		LogsBloom: x.LogsBloom, PrevRandao: x.PrevRandao, BlockNumber: x.BlockNumber, GasLimit: x.GasLimit,
		GasUsed: x.GasUsed, Timestamp: x.Timestamp, ExtraData: x.ExtraData, BaseFeePerGas: x.BaseFeePerGas,
		BlockHash: x.BlockHash, BlobGasUsed: x.BlobGasUsed, ExcessBlobGas: x.ExcessBlobGas,
	}
	d := &ssz.Def{Context: cx}
	var err error
	if header.TransactionsRoot, err = ssz.HashTreeRoot(cx, transactions(d, &x.Transactions)); err != nil {
		return header, fmt.Errorf("transactions: %w", err)
	}
	if cx.Fork < params.Capella {
		return header, nil
	}
	if header.WithdrawalsRoot, err = ssz.HashTreeRoot(cx, withdrawals(d, &x.Withdrawals)); err != nil {
		return header, fmt.Errorf("withdrawals: %w", err)
	}
	return header, nil
}

// ExecutionPayloadHeader is a payload with its lists replaced by their roots (bellatrix to fulu).
type ExecutionPayloadHeader struct {
	ParentHash       Hash32
	FeeRecipient     ExecutionAddress
	StateRoot        Bytes32
	ReceiptsRoot     Bytes32
	LogsBloom        []byte
	PrevRandao       Bytes32
	BlockNumber      uint64
	GasLimit         uint64
	GasUsed          uint64
	Timestamp        uint64 // seconds
	ExtraData        []byte
	BaseFeePerGas    ssz.Uint256 // wei
	BlockHash        Hash32
	TransactionsRoot Root
	WithdrawalsRoot  Root   // since capella
	BlobGasUsed      uint64 // since deneb
	ExcessBlobGas    uint64 // since deneb
}

// Define lists the fields of the container.
func (x *ExecutionPayloadHeader) Define(d *ssz.Def) {
	s := d.Spec
	d.Field("parent_hash", ssz.Bytes(x.ParentHash[:]))
	d.Field("fee_recipient", ssz.Bytes(x.FeeRecipient[:]))
	d.Field("state_root", ssz.Bytes(x.StateRoot[:]))
	d.Field("receipts_root", ssz.Bytes(x.ReceiptsRoot[:]))
	d.Field("logs_bloom", ssz.ByteVector(&x.LogsBloom, s.BytesPerLogsBloom))
	d.Field("prev_randao", ssz.Bytes(x.PrevRandao[:]))
	d.Field("block_number", ssz.Uint(&x.BlockNumber))
	d.Field("gas_limit", ssz.Uint(&x.GasLimit))
	d.Field("gas_used", ssz.Uint(&x.GasUsed))
	d.Field("timestamp", ssz.Uint(&x.Timestamp))
	d.Field("extra_data", ssz.ByteList(&x.ExtraData, ssz.Cap(s.MaxExtraDataBytes, false)))
	d.Field("base_fee_per_gas", ssz.WideUint(x.BaseFeePerGas[:]))
	d.Field("block_hash", ssz.Bytes(x.BlockHash[:]))
	d.Field("transactions_root", ssz.Bytes(x.TransactionsRoot[:]))
	d.Field("withdrawals_root", ssz.Bytes(x.WithdrawalsRoot[:])).Since(params.Capella)
	d.Field("blob_gas_used", ssz.Uint(&x.BlobGasUsed)).Since(params.Deneb)
	d.Field("excess_blob_gas", ssz.Uint(&x.ExcessBlobGas)).Since(params.Deneb)
}

// ExecutionRequests is what the execution layer asks of the beacon chain in one payload (electra).
type ExecutionRequests struct {
	Deposits        []DepositRequest
	Withdrawals     []WithdrawalRequest
	Consolidations  []ConsolidationRequest
	BuilderDeposits []BuilderDepositRequest // since gloas
	BuilderExits    []BuilderExitRequest    // since gloas
}

// Define lists the fields of the container.
func (x *ExecutionRequests) Define(d *ssz.Def) {
	s := d.Spec
	progressive := d.Fork >= params.Gloas
	d.Progressive(d.Fork >= params.Gloas)
	d.Field("deposits", ssz.List(&x.Deposits, ssz.Cap(s.MaxDepositRequestsPerPayload, progressive)))
	d.Field("withdrawals", ssz.List(&x.Withdrawals, ssz.Cap(s.MaxWithdrawalRequestsPerPayload, progressive)))
	d.Field("consolidations", ssz.List(&x.Consolidations, ssz.Cap(s.MaxConsolidationRequestsPerPayload, progressive)))
	d.Field("builder_deposits", ssz.List(&x.BuilderDeposits, ssz.Cap(s.MaxBuilderDepositRequestsPerPayload, progressive))).Since(params.Gloas)
	d.Field("builder_exits", ssz.List(&x.BuilderExits, ssz.Cap(s.MaxBuilderExitRequestsPerPayload, progressive))).Since(params.Gloas)
}

// PowBlock is a block from before the merge, as the transition check sees it (bellatrix).
type PowBlock struct {
	BlockHash       Hash32
	ParentHash      Hash32
	TotalDifficulty ssz.Uint256
}

// Define lists the fields of the container.
func (x *PowBlock) Define(d *ssz.Def) {
	d.Field("block_hash", ssz.Bytes(x.BlockHash[:]))
	d.Field("parent_hash", ssz.Bytes(x.ParentHash[:]))
	d.Field("total_difficulty", ssz.WideUint(x.TotalDifficulty[:]))
}
