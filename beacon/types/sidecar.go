package types

import (
	"github.com/prysmaticlabs/go-bitfield"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
)

// BlobIdentifier names a blob by its block (deneb).
type BlobIdentifier struct {
	BlockRoot Root
	Index     uint64
}

// Define lists the fields of the container.
func (x *BlobIdentifier) Define(d *ssz.Def) {
	d.Field("block_root", ssz.Bytes(x.BlockRoot[:]))
	d.Field("index", ssz.Uint(&x.Index))
}

// BlobSidecar is a blob with the proofs that it is the block's (deneb, electra).
type BlobSidecar struct {
	Index                       uint64
	Blob                        []byte
	KZGCommitment               KZGCommitment
	KZGProof                    KZGProof
	SignedBlockHeader           SignedBeaconBlockHeader
	KZGCommitmentInclusionProof []Bytes32
}

// Define lists the fields of the container.
func (x *BlobSidecar) Define(d *ssz.Def) {
	s := d.Spec
	d.Field("index", ssz.Uint(&x.Index))
	d.Field("blob", ssz.ByteVector(&x.Blob, params.BytesPerFieldElement*s.FieldElementsPerBlob))
	d.Field("kzg_commitment", ssz.Bytes(x.KZGCommitment[:]))
	d.Field("kzg_proof", ssz.Bytes(x.KZGProof[:]))
	d.Field("signed_block_header", ssz.Container(&x.SignedBlockHeader))
	d.Field("kzg_commitment_inclusion_proof", branch(&x.KZGCommitmentInclusionProof, s.KZGCommitmentInclusionProofDepth))
}

// DataColumnSidecar is one column of the extended blobs of a block (fulu).
type DataColumnSidecar struct {
	Index                        uint64
	Column                       [][]byte
	KZGCommitments               []KZGCommitment // since fulu, until gloas
	KZGProofs                    []KZGProof
	SignedBlockHeader            SignedBeaconBlockHeader // since fulu, until gloas
	KZGCommitmentsInclusionProof []Bytes32               // since fulu, until gloas
	Slot                         Slot                    // since gloas
	BeaconBlockRoot              Root                    // since gloas
}

// Define lists the fields of the container.
func (x *DataColumnSidecar) Define(d *ssz.Def) {
	s := d.Spec
	d.Field("index", ssz.Uint(&x.Index))
	d.Field("column", cells(d, &x.Column))
	d.Field("kzg_commitments", commitments(d, &x.KZGCommitments)).Since(params.Fulu).Until(params.Gloas)
	d.Field("kzg_proofs", proofs(d, &x.KZGProofs))
	d.Field("signed_block_header", ssz.Container(&x.SignedBlockHeader)).Since(params.Fulu).Until(params.Gloas)
	d.Field("kzg_commitments_inclusion_proof", branch(&x.KZGCommitmentsInclusionProof, s.KZGCommitmentsInclusionProofDepth)).Since(params.Fulu).Until(params.Gloas)
	d.Field("slot", ssz.Uint(&x.Slot)).Since(params.Gloas)
	d.Field("beacon_block_root", ssz.Bytes(x.BeaconBlockRoot[:])).Since(params.Gloas)
}

// DataColumnsByRootIdentifier names columns of a block (fulu).
type DataColumnsByRootIdentifier struct {
	BlockRoot Root
	Columns   []uint64
}

// Define lists the fields of the container.
func (x *DataColumnsByRootIdentifier) Define(d *ssz.Def) {
	s := d.Spec
	d.Field("block_root", ssz.Bytes(x.BlockRoot[:]))
	d.Field("columns", ssz.Uints(&x.Columns, ssz.Cap(s.NumberOfColumns, false)))
}

// MatrixEntry is a cell with its place among all cells of a block (fulu).
type MatrixEntry struct {
	Cell        []byte
	KZGProof    KZGProof
	ColumnIndex uint64
	RowIndex    uint64
}

// Define lists the fields of the container.
func (x *MatrixEntry) Define(d *ssz.Def) {
	d.Field("cell", ssz.ByteVector(&x.Cell, bytesPerCell(d)))
	d.Field("kzg_proof", ssz.Bytes(x.KZGProof[:]))
	d.Field("column_index", ssz.Uint(&x.ColumnIndex))
	d.Field("row_index", ssz.Uint(&x.RowIndex))
}

// PartialDataColumnHeader is what the cells of a column have in common (fulu).
type PartialDataColumnHeader struct {
	KZGCommitments               []KZGCommitment
	SignedBlockHeader            SignedBeaconBlockHeader
	KZGCommitmentsInclusionProof []Bytes32
}

// Define lists the fields of the container.
func (x *PartialDataColumnHeader) Define(d *ssz.Def) {
	s := d.Spec
	d.Field("kzg_commitments", commitments(d, &x.KZGCommitments))
	d.Field("signed_block_header", ssz.Container(&x.SignedBlockHeader))
	d.Field("kzg_commitments_inclusion_proof", branch(&x.KZGCommitmentsInclusionProof, s.KZGCommitmentsInclusionProofDepth))
}

// PartialDataColumnSidecar is some cells of a column (fulu).
type PartialDataColumnSidecar struct {
	CellsPresentBitmap bitfield.Bitlist
	PartialColumn      [][]byte
	KZGProofs          []KZGProof
	Header             []PartialDataColumnHeader // since fulu, until gloas
}

// Define lists the fields of the container.
func (x *PartialDataColumnSidecar) Define(d *ssz.Def) {
	s := d.Spec
	progressive := d.Fork >= params.Gloas
	d.Field("cells_present_bitmap", ssz.Bitlist(&x.CellsPresentBitmap, ssz.Cap(s.MaxBlobCommitmentsPerBlock, progressive)))
	d.Field("partial_column", cells(d, &x.PartialColumn))
	d.Field("kzg_proofs", proofs(d, &x.KZGProofs))
	d.Field("header", ssz.List(&x.Header, ssz.Cap(1, false))).Since(params.Fulu).Until(params.Gloas)
}

// PartialDataColumnPartsMetadata tells which cells a peer has and wants (fulu).
type PartialDataColumnPartsMetadata struct {
	Available bitfield.Bitlist
	Requests  bitfield.Bitlist
}

// Define lists the fields of the container.
func (x *PartialDataColumnPartsMetadata) Define(d *ssz.Def) {
	s := d.Spec
	progressive := d.Fork >= params.Gloas
	d.Field("available", ssz.Bitlist(&x.Available, ssz.Cap(s.MaxBlobCommitmentsPerBlock, progressive)))
	d.Field("requests", ssz.Bitlist(&x.Requests, ssz.Cap(s.MaxBlobCommitmentsPerBlock, progressive)))
}

// PartialDataColumnGroupID names the column group of a block (fulu).
type PartialDataColumnGroupID struct {
	BeaconBlockRoot Root
	Slot            Slot // since gloas
}

// Define lists the fields of the container.
func (x *PartialDataColumnGroupID) Define(d *ssz.Def) {
	d.Field("beacon_block_root", ssz.Bytes(x.BeaconBlockRoot[:]))
	d.Field("slot", ssz.Uint(&x.Slot)).Since(params.Gloas)
}
