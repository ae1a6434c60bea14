package wire

import (
	"fmt"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// Status is what an execution client says of a payload. The zero value is no answer at all.
type Status uint8

// The statuses of PayloadStatusV1. Invalid and InvalidBlockHash both mean that no block may be built on the payload.
const (
	NoStatus         Status = iota
	Valid                   // checked, with all its ancestors
	Invalid                 // breaks a rule, or has an ancestor that does
	Syncing                 // what is needed to check it is missing
	Accepted                // well-formed, on a side branch, not checked
	InvalidBlockHash        // block_hash is not the hash of the payload
)

func statusNames() []string {
	return []string{"", "VALID", "INVALID", "SYNCING", "ACCEPTED", "INVALID_BLOCK_HASH"}
}

// String is the status as the Engine API spells it.
func (s Status) String() string {
	if names := statusNames(); int(s) < len(names) && s != NoStatus {
		return names[s]
	}
	return fmt.Sprintf("Status(%d)", uint8(s))
}

// PayloadStatus is the answer to a new payload or a new head. Spec: PayloadStatusV1 (paris.md).
type PayloadStatus struct {
	Status Status
	// LatestValidHash is the newest valid block in the branch of an invalid payload: nil when it is not known, zero when it is
	// a block of before the merge.
	LatestValidHash *types.Bytes32
	ValidationError string // why the payload is invalid, as the execution client words it; may be empty
}

// ForkchoiceState is the head that the execution client is to follow, by block hashes. Safe and Finalized may be zero.
// Spec: ForkchoiceStateV1 (paris.md).
type ForkchoiceState struct {
	Head      types.Hash32
	Safe      types.Hash32
	Finalized types.Hash32
}

// PayloadAttributes asks for a payload to be built. Spec: PayloadAttributesV1 to V4.
type PayloadAttributes struct {
	Timestamp             uint64 // seconds
	PrevRandao            types.Bytes32
	SuggestedFeeRecipient types.ExecutionAddress
	Withdrawals           []types.Withdrawal // since capella
	ParentBeaconBlockRoot types.Root         // since deneb
	SlotNumber            uint64             // since gloas
	TargetGasLimit        uint64             // since gloas
}

// PayloadID names a payload that is being built.
type PayloadID [8]byte

// String is the identifier in hex.
func (id PayloadID) String() string { return fmt.Sprintf("%#x", id[:]) }

// BuiltPayload is the answer to engine_getPayload. Spec: responses of engine_getPayloadV1 to V6.
type BuiltPayload struct {
	Payload               types.ExecutionPayload
	Value                 ssz.Uint256 // wei for the fee recipient; since capella
	Blobs                 BlobsBundle // since deneb
	ShouldOverrideBuilder bool        // since deneb: prefer this payload to a builder's
	RequestsList          [][]byte    // since electra: each a type and its data
}

// BlobsBundle is the blobs of a payload. Proofs has one proof a blob until Electra, CELLS_PER_EXT_BLOB a blob from Fulu on,
// those of the first blob first. Spec: BlobsBundleV1 (cancun.md), BlobsBundleV2 (osaka.md).
type BlobsBundle struct {
	Commitments []types.KZGCommitment
	Proofs      []types.KZGProof
	Blobs       [][]byte // 131,072 bytes each
}

// BlobAndProofs is a blob of the execution client's pool with its proof (until Electra) or its cell proofs (from Fulu on).
// Spec: BlobAndProofV1 (cancun.md), BlobAndProofV2 (osaka.md).
type BlobAndProofs struct {
	Blob   []byte
	Proofs []types.KZGProof
}

// BlobCellsAndProofs is the cells of a blob that were asked for, in ascending order of their index, each nil if the pool lacks it.
// Spec: BlobCellsAndProofsV1 (amsterdam.md).
type BlobCellsAndProofs struct {
	Cells  []*[]byte
	Proofs []*types.KZGProof
}

// ColumnSet is a set of column or cell indices: bit i%8 of byte i/8 stands for index i, the order of SSZ bit vectors.
// Spec: custodyColumns and indices_bitarray (amsterdam.md), which leave the order of bits open; this is the one in use.
type ColumnSet [16]byte

// NewColumnSet makes a set; an index of 128 or more is an error.
func NewColumnSet(indices []uint64) (set ColumnSet, err error) {
	for _, i := range indices {
		if i >= uint64(len(set))*8 {
			return set, fmt.Errorf("column index %d, want less than %d", i, len(set)*8)
		}
		set[i/8] |= 1 << (i % 8)
	}
	return set, nil
}

// Has tells whether an index is in the set.
func (s ColumnSet) Has(i uint64) bool { return i < uint64(len(s))*8 && s[i/8]>>(i%8)&1 == 1 }

// Count is the number of indices in the set.
func (s ColumnSet) Count() int { return int(ssz.Bitvector(s[:]).Count()) }

// PayloadBody is what a header lacks of a payload. Spec: ExecutionPayloadBodyV1 (shanghai.md), V2 (amsterdam.md).
type PayloadBody struct {
	Transactions [][]byte
	// Withdrawals and BlockAccessList are nil for payloads of before Capella and before Gloas, and the latter when it was pruned.
	Withdrawals     *[]types.Withdrawal
	BlockAccessList *[]byte
}

// PowBlock is a block of before the merge. Spec: PowBlock (bellatrix/fork-choice.md).
type PowBlock struct {
	BlockHash       types.Hash32
	ParentHash      types.Hash32
	TotalDifficulty ssz.Uint256
}

// ClientVersion says which program a client is. Spec: ClientVersionV1 (identification.md).
type ClientVersion struct {
	Code    string // two letters
	Name    string
	Version string
	Commit  [4]byte
}

// NewPayload is the parameters of engine_newPayload. Spec: requests of engine_newPayloadV1 to V5.
type NewPayload struct {
	Payload               *types.ExecutionPayload
	VersionedHashes       []types.Bytes32 // since deneb
	ParentBeaconBlockRoot types.Root      // since deneb
	Requests              [][]byte        // since electra: each a type and its data
}

// PayloadStatusAndID is the answer to a new head. ID is nil when nothing is being built.
type PayloadStatusAndID struct {
	Status PayloadStatus
	ID     *PayloadID
}

// Context is what the limits of a structure follow from.
type Context struct {
	Spec *params.Spec
	Fork params.Fork
}

func (cx Context) since(fork params.Fork) bool { return cx.Fork >= fork }
