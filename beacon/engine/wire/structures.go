package wire

import (
	"bytes"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// The limits that no preset has. Data inside of a body is bounded by the body's own limit.
const (
	maxText     = 256       // an enum, a name, a version
	maxMessage  = 1024      // a message for people; longer ones are cut
	maxRequests = 256       // execution requests have a type of one byte
	maxHashes   = 1024      // hashes of one call
	maxNames    = 1024      // method names of exchangeCapabilities
	maxData     = 1<<31 - 1 // transactions, block access lists, requests
	maxProofs   = 128       // cell proofs of one blob, cells
)

// bytes32 and its like are DATA of their length.
func bytes32(p *types.Bytes32) Value          { return Fixed(p[:]) }
func commitment(p *types.KZGCommitment) Value { return Fixed(p[:]) }
func cellProof(p *types.KZGProof) Value       { return Fixed(p[:]) }
func nonempty(p *[]byte) Value                { return Data(p, 1, maxData) }

// Hashes is a list of hashes.
func Hashes(p *[]types.Bytes32) Value { return List(p, maxHashes, bytes32) }

func withdrawal(w *types.Withdrawal) Value {
	return Object(
		Need("index", Quantity(&w.Index)),
		Need("validatorIndex", Quantity(&w.ValidatorIndex)),
		Need("address", Fixed(w.Address[:])),
		Need("amount", Quantity(&w.Amount)),
	)
}

func (cx Context) withdrawals(p *[]types.Withdrawal) Value {
	return List(p, cx.Spec.MaxWithdrawalsPerPayload, withdrawal)
}

func (cx Context) transactions(p *[][]byte) Value {
	most := int(min(cx.Spec.MaxBytesPerTransaction, maxData))
	return List(p, cx.Spec.MaxTransactionsPerPayload, func(t *[]byte) Value { return Data(t, 0, most) })
}

// Payload is ExecutionPayloadV1 to V4, by the fork.
func (cx Context) Payload(p *types.ExecutionPayload) Value {
	bloom := int(cx.Spec.BytesPerLogsBloom)
	fields := append(make([]Field, 0, 19),
		Need("parentHash", Fixed(p.ParentHash[:])),
		Need("feeRecipient", Fixed(p.FeeRecipient[:])),
		Need("stateRoot", Fixed(p.StateRoot[:])),
		Need("receiptsRoot", Fixed(p.ReceiptsRoot[:])),
		Need("logsBloom", Data(&p.LogsBloom, bloom, bloom)),
		Need("prevRandao", Fixed(p.PrevRandao[:])),
		Need("blockNumber", Quantity(&p.BlockNumber)),
		Need("gasLimit", Quantity(&p.GasLimit)),
		Need("gasUsed", Quantity(&p.GasUsed)),
		Need("timestamp", Quantity(&p.Timestamp)),
		Need("extraData", Data(&p.ExtraData, 0, int(cx.Spec.MaxExtraDataBytes))),
		Need("baseFeePerGas", Wide(&p.BaseFeePerGas)),
		Need("blockHash", Fixed(p.BlockHash[:])),
		Need("transactions", cx.transactions(&p.Transactions)),
	)
	if cx.since(params.Capella) {
		fields = append(fields, Need("withdrawals", cx.withdrawals(&p.Withdrawals)))
	}
	if cx.since(params.Deneb) {
		fields = append(fields, Need("blobGasUsed", Quantity(&p.BlobGasUsed)), Need("excessBlobGas", Quantity(&p.ExcessBlobGas)))
	}
	if cx.since(params.Gloas) {
		fields = append(fields, Need("blockAccessList", Data(&p.BlockAccessList, 0, maxData)), Need("slotNumber", Quantity(&p.SlotNumber)))
	}
	return Object(fields...)
}

// NewPayload is the parameters of engine_newPayloadV1 to V5, by the fork.
func (cx Context) NewPayload(n *NewPayload) Value {
	of := []Value{cx.Payload(n.Payload)}
	if cx.since(params.Deneb) {
		of = append(of, Hashes(&n.VersionedHashes), bytes32(&n.ParentBeaconBlockRoot))
	}
	if cx.since(params.Electra) {
		of = append(of, requestsList(&n.Requests))
	}
	return Tuple(of...)
}

func requestsList(p *[][]byte) Value { return List(p, maxRequests, nonempty) }

// Attributes is PayloadAttributesV1 to V4, by the fork.
func (cx Context) Attributes(a *PayloadAttributes) Value {
	fields := append(make([]Field, 0, 7),
		Need("timestamp", Quantity(&a.Timestamp)),
		Need("prevRandao", Fixed(a.PrevRandao[:])),
		Need("suggestedFeeRecipient", Fixed(a.SuggestedFeeRecipient[:])),
	)
	if cx.since(params.Capella) {
		fields = append(fields, Need("withdrawals", cx.withdrawals(&a.Withdrawals)))
	}
	if cx.since(params.Deneb) {
		fields = append(fields, Need("parentBeaconBlockRoot", Fixed(a.ParentBeaconBlockRoot[:])))
	}
	if cx.since(params.Gloas) {
		fields = append(fields, Need("slotNumber", Quantity(&a.SlotNumber)), Need("targetGasLimit", Quantity(&a.TargetGasLimit)))
	}
	return Object(fields...)
}

func forkchoiceState(f *ForkchoiceState) Value {
	return Object(
		Need("headBlockHash", Fixed(f.Head[:])),
		Need("safeBlockHash", Fixed(f.Safe[:])),
		Need("finalizedBlockHash", Fixed(f.Finalized[:])),
	)
}

// ForkchoiceUpdated is the parameters of engine_forkchoiceUpdatedV1 to V4, by the fork. Custody is sent since gloas.
func (cx Context) ForkchoiceUpdated(f *ForkchoiceState, a **PayloadAttributes, custody **ColumnSet) Value {
	of := []Value{forkchoiceState(f), Nullable(a, cx.Attributes)}
	if cx.since(params.Gloas) {
		of = append(of, Nullable(custody, func(c *ColumnSet) Value { return Fixed(c[:]) }))
	}
	return Tuple(of...)
}

// status is the name of a Status.
type status struct{ p *Status }

func (v status) write(dst []byte) []byte {
	return append(append(append(dst, '"'), v.p.String()...), '"')
}
func (v status) read(r *reader) error {
	name, err := r.quoted()
	if err != nil {
		return err
	}
	for i, s := range statusNames() {
		if Status(i) != NoStatus && s == string(name) {
			*v.p = Status(i)
			return nil
		}
	}
	return bad("status %q is not known", name[:min(len(name), 24)])
}

// Value is PayloadStatusV1.
func (s *PayloadStatus) Value() Value {
	return Object(
		Need("status", status{&s.Status}),
		May("latestValidHash", Nullable(&s.LatestValidHash, bytes32)),
		May("validationError", clipped{&s.ValidationError, maxMessage}),
	)
}

// Value is the answer to engine_forkchoiceUpdated.
func (s *PayloadStatusAndID) Value() Value {
	return Object(
		Need("payloadStatus", s.Status.Value()),
		May("payloadId", Nullable(&s.ID, func(id *PayloadID) Value { return Fixed(id[:]) })),
	)
}

// Value is DATA of 8 bytes.
func (id *PayloadID) Value() Value { return Fixed(id[:]) }

// Value is a bit array of 16 bytes.
func (s *ColumnSet) Value() Value { return Fixed(s[:]) }

func (cx Context) blob(p *[]byte) Value {
	n := int(cx.Spec.FieldElementsPerBlob * params.BytesPerFieldElement)
	return Data(p, n, n)
}

func (cx Context) proofsPerBlob() uint64 {
	if cx.since(params.Fulu) {
		return cx.Spec.CellsPerExtBlob
	}
	return 1
}

func (cx Context) bundle(b *BlobsBundle) Value {
	most := cx.Spec.MaxBlobCommitmentsPerBlock
	return Object(
		Need("commitments", List(&b.Commitments, most, commitment)),
		Need("proofs", List(&b.Proofs, most*cx.proofsPerBlob(), cellProof)),
		Need("blobs", List(&b.Blobs, most, cx.blob)),
	)
}

// BuiltPayload is the answer to engine_getPayloadV1 to V6, by the fork.
func (cx Context) BuiltPayload(b *BuiltPayload) Value {
	if !cx.since(params.Capella) {
		return cx.Payload(&b.Payload)
	}
	fields := append(make([]Field, 0, 5), Need("executionPayload", cx.Payload(&b.Payload)), Need("blockValue", Wide(&b.Value)))
	if cx.since(params.Deneb) {
		fields = append(fields, Need("blobsBundle", cx.bundle(&b.Blobs)), Need("shouldOverrideBuilder", Bool(&b.ShouldOverrideBuilder)))
	}
	if cx.since(params.Electra) {
		fields = append(fields, Need("executionRequests", requestsList(&b.RequestsList)))
	}
	return Object(fields...)
}

// BlobAndProofs is an element of the answer to engine_getBlobsV1 (until electra) or V2 and V3.
func (cx Context) BlobAndProofs(b *BlobAndProofs) Value {
	if cx.since(params.Fulu) {
		return Object(Need("blob", cx.blob(&b.Blob)), Need("proofs", List(&b.Proofs, cx.proofsPerBlob(), cellProof)))
	}
	return Object(Need("blob", cx.blob(&b.Blob)), Need("proof", proof{&b.Proofs}))
}

// proof is a list of proofs that has exactly one.
type proof struct{ p *[]types.KZGProof }

func (v proof) write(dst []byte) []byte {
	var one types.KZGProof
	if len(*v.p) > 0 {
		one = (*v.p)[0]
	}
	return writeData(dst, one[:])
}

func (v proof) read(r *reader) error {
	*v.p = make([]types.KZGProof, 1)
	return Fixed((*v.p)[0][:]).read(r)
}

// BlobCellsAndProofs is an element of the answer to engine_getBlobsV4.
func (cx Context) BlobCellsAndProofs(b *BlobCellsAndProofs) Value {
	size := int(cx.Spec.FieldElementsPerCell * params.BytesPerFieldElement)
	cell := func(c *[]byte) Value { return Data(c, size, size) }
	return Object(
		Need("blob_cells", List(&b.Cells, maxProofs, func(p **[]byte) Value { return Nullable(p, cell) })),
		Need("proofs", List(&b.Proofs, maxProofs, func(p **types.KZGProof) Value { return Nullable(p, cellProof) })),
	)
}

// ListOrNull is an array of values each of which may be null, or null itself.
func ListOrNull[T any](p **[]*T, most int, of func(*T) Value) Value {
	return Nullable(p, func(l *[]*T) Value {
		return List(l, uint64(most), func(e **T) Value { return Nullable(e, of) })
	})
}

// Body is ExecutionPayloadBodyV1 or, since gloas, V2.
func (cx Context) Body(b *PayloadBody) Value {
	fields := []Field{
		Need("transactions", cx.transactions(&b.Transactions)),
		May("withdrawals", Nullable(&b.Withdrawals, cx.withdrawals)),
	}
	if cx.since(params.Gloas) {
		fields = append(fields, May("blockAccessList", Nullable(&b.BlockAccessList, func(l *[]byte) Value { return Data(l, 0, maxData) })))
	}
	return Object(fields...)
}

// Value is what is read of the answer to eth_getBlockByHash for a block of before the merge.
func (b *PowBlock) Value() Value {
	return Object(Need("hash", Fixed(b.BlockHash[:])), Need("parentHash", Fixed(b.ParentHash[:])), Need("totalDifficulty", Wide(&b.TotalDifficulty)))
}

// Value is ClientVersionV1. Its commit is read with and without 0x, for both are in use.
func (v *ClientVersion) Value() Value {
	return Object(Need("code", Text(&v.Code, maxText)), Need("name", Text(&v.Name, maxText)), Need("version", Text(&v.Version, maxText)), Need("commit", commit{&v.Commit}))
}

type commit struct{ p *[4]byte }

func (v commit) write(dst []byte) []byte { return writeData(dst, v.p[:]) }
func (v commit) read(r *reader) error {
	quoted, err := r.quoted()
	if err != nil {
		return err
	}
	digits := bytes.TrimPrefix(quoted, []byte("0x"))
	if len(digits) > 8 {
		digits = digits[:8] // A whole commit hash where its beginning is asked for.
	}
	inner := reader{src: append(append([]byte(`"0x`), digits...), '"')}
	return inner.data(0, len(v.p), func(n int) []byte { return v.p[:n] })
}

// Names is a list of method names.
func Names(p *[]string) Value {
	return List(p, maxNames, func(s *string) Value { return Text(s, maxText) })
}
