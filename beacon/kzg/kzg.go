package kzg

import (
	_ "embed"
	"fmt"
	"sync"
	"unsafe"

	ckzg "github.com/ethereum/c-kzg-4844/v2/bindings/go"
)

// Sizes of the mainnet setup, the only one there is: every preset uses it.
const (
	BytesPerBlob         = 131072 // 4096 field elements of 32 bytes
	BytesPerCell         = 2048   // 64 field elements
	CellsPerExtBlob      = 128
	fieldElementsPerBlob = 4096
	g2Points             = 65
)

// Blob is 4096 field elements, big-endian.
type Blob [BytesPerBlob]byte

// Cell is 64 field elements of an extended blob.
type Cell [BytesPerCell]byte

// Commitment is a compressed point of G1.
type Commitment [48]byte

// Proof is a compressed point of G1.
type Proof [48]byte

// Context is access to the loaded trusted setup.
type Context struct{ _ [0]func() } // not comparable, for there is nothing to compare

// trustedSetup is presets/mainnet/trusted_setups/trusted_setup_4096.json of the specification in binary: g1_monomial,
// g1_lagrange (48 bytes a point), g2_monomial (96 bytes a point).
//
//go:embed trusted_setup.bin
var trustedSetup []byte

// load hands the setup to the library, which checks it. No tables are precomputed: they would take 96 MiB and speed up
// only cell proofs.
var load = sync.OnceValue(func() error {
	const g1 = 48 * fieldElementsPerBlob
	if want := 2*g1 + 96*g2Points; len(trustedSetup) != want {
		return fmt.Errorf("trusted setup has %d bytes, not %d", len(trustedSetup), want)
	}
	return ckzg.LoadTrustedSetup(trustedSetup[:g1:g1], trustedSetup[g1:2*g1:2*g1], trustedSetup[2*g1:], 0)
})

// New loads the trusted setup at its first call: it checks 8192 points, which takes one or two seconds. No other
// package of the program may use the library.
func New() (*Context, error) {
	if err := load(); err != nil {
		return nil, fmt.Errorf("load trusted setup: %w", err)
	}
	return &Context{}, nil
}

// BlobToKZGCommitment commits to a blob. Spec: blob_to_kzg_commitment (deneb).
func (*Context) BlobToKZGCommitment(blob *Blob) (Commitment, error) {
	c, err := ckzg.BlobToKZGCommitment((*ckzg.Blob)(blob))
	return Commitment(c), wrap("commit to blob", err)
}

// ComputeKZGProof proves the value y of a blob's polynomial at z. Spec: compute_kzg_proof (deneb).
func (*Context) ComputeKZGProof(blob *Blob, z [32]byte) (proof Proof, y [32]byte, err error) {
	p, v, err := ckzg.ComputeKZGProof((*ckzg.Blob)(blob), z)
	return Proof(p), v, wrap("prove value of blob", err)
}

// VerifyKZGProof checks that the polynomial behind a commitment has the value y at z. Spec: verify_kzg_proof (deneb).
func (*Context) VerifyKZGProof(commitment Commitment, z, y [32]byte, proof Proof) (bool, error) {
	ok, err := ckzg.VerifyKZGProof(ckzg.Bytes48(commitment), z, y, ckzg.Bytes48(proof))
	return ok, wrap("verify value of blob", err)
}

// ComputeBlobKZGProof proves that a blob belongs to its commitment. Spec: compute_blob_kzg_proof (deneb).
func (*Context) ComputeBlobKZGProof(blob *Blob, commitment Commitment) (Proof, error) {
	p, err := ckzg.ComputeBlobKZGProof((*ckzg.Blob)(blob), ckzg.Bytes48(commitment))
	return Proof(p), wrap("prove blob", err)
}

// VerifyBlobKZGProof checks that a blob belongs to its commitment. Spec: verify_blob_kzg_proof (deneb).
func (*Context) VerifyBlobKZGProof(blob *Blob, commitment Commitment, proof Proof) (bool, error) {
	ok, err := ckzg.VerifyBlobKZGProof((*ckzg.Blob)(blob), ckzg.Bytes48(commitment), ckzg.Bytes48(proof))
	return ok, wrap("verify blob", err)
}

// VerifyBlobKZGProofBatch checks that all blobs belong to their commitments. No blobs verify. Spec:
// verify_blob_kzg_proof_batch (deneb).
func (*Context) VerifyBlobKZGProofBatch(blobs []Blob, commitments []Commitment, proofs []Proof) (bool, error) {
	if len(commitments) != len(blobs) || len(proofs) != len(blobs) {
		return false, fmt.Errorf("%d blobs with %d commitments and %d proofs", len(blobs), len(commitments), len(proofs))
	}
	ok, err := ckzg.VerifyBlobKZGProofBatch(as[ckzg.Blob](blobs), as[ckzg.Bytes48](commitments), as[ckzg.Bytes48](proofs))
	return ok, wrap("verify blobs", err)
}

// ComputeCells extends a blob to its 128 cells, the first 64 of which are the blob itself. Spec: compute_cells (fulu).
func (*Context) ComputeCells(blob *Blob) (*[CellsPerExtBlob]Cell, error) {
	cells, err := ckzg.ComputeCells((*ckzg.Blob)(blob))
	if err != nil {
		return nil, wrap("extend blob", err)
	}
	return (*[CellsPerExtBlob]Cell)(as[Cell](cells[:])), nil
}

// ComputeCellsAndKZGProofs extends a blob and proves each cell. Spec: compute_cells_and_kzg_proofs (fulu).
func (*Context) ComputeCellsAndKZGProofs(blob *Blob) (*[CellsPerExtBlob]Cell, *[CellsPerExtBlob]Proof, error) {
	cells, proofs, err := ckzg.ComputeCellsAndKZGProofs((*ckzg.Blob)(blob))
	if err != nil {
		return nil, nil, wrap("extend and prove blob", err)
	}
	return (*[CellsPerExtBlob]Cell)(as[Cell](cells[:])), (*[CellsPerExtBlob]Proof)(as[Proof](proofs[:])), nil
}

// VerifyCellKZGProofBatch checks that cell i is the cell of index cellIndices[i] of the blob behind commitments[i].
// The same commitment may stand many times; no cells verify. Spec: verify_cell_kzg_proof_batch (fulu).
func (*Context) VerifyCellKZGProofBatch(commitments []Commitment, cellIndices []uint64, cells []Cell, proofs []Proof) (bool, error) {
	if n := len(cells); len(commitments) != n || len(cellIndices) != n || len(proofs) != n {
		return false, fmt.Errorf("%d cells with %d commitments, %d indices and %d proofs", n, len(commitments), len(cellIndices), len(proofs))
	}
	ok, err := ckzg.VerifyCellKZGProofBatch(as[ckzg.Bytes48](commitments), cellIndices, as[ckzg.Cell](cells), as[ckzg.Bytes48](proofs))
	return ok, wrap("verify cells", err)
}

// RecoverCellsAndKZGProofs computes all cells and proofs of an extended blob from at least half of its cells; indices
// have to ascend. It does not verify the cells given. Spec: recover_cells_and_kzg_proofs (fulu).
func (*Context) RecoverCellsAndKZGProofs(cellIndices []uint64, cells []Cell) (*[CellsPerExtBlob]Cell, *[CellsPerExtBlob]Proof, error) {
	if len(cellIndices) != len(cells) {
		return nil, nil, fmt.Errorf("%d cells with %d indices", len(cells), len(cellIndices))
	}
	recovered, proofs, err := ckzg.RecoverCellsAndKZGProofs(cellIndices, as[ckzg.Cell](cells))
	if err != nil {
		return nil, nil, wrap(fmt.Sprintf("recover blob from %d cells", len(cells)), err)
	}
	return (*[CellsPerExtBlob]Cell)(as[Cell](recovered[:])), (*[CellsPerExtBlob]Proof)(as[Proof](proofs[:])), nil
}

// as views a slice as one of another type of byte arrays of the same size.
func as[To, From Blob | Cell | Commitment | Proof | ckzg.Blob | ckzg.Cell | ckzg.Bytes48 | ckzg.KZGProof](from []From) []To {
	var f From
	var t To
	if unsafe.Sizeof(f) != unsafe.Sizeof(t) {
		panic(fmt.Sprintf("kzg: %T viewed as %T", f, t))
	}
	return unsafe.Slice((*To)(unsafe.Pointer(unsafe.SliceData(from))), len(from))
}

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
