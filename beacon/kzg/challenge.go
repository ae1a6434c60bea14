package kzg

/*
#include <stdint.h>

// Functions of c-kzg that its Go package links and does not export (src/eip4844/eip4844.c, src/eip7594/eip7594.h,
// src/common/bytes.h).
typedef struct { uint64_t l[4]; } fr;  // fr_t
typedef struct { uint64_t l[18]; } g1; // g1_t
extern int bytes_to_kzg_commitment(g1 *out, const uint8_t *bytes);
extern void bytes_from_bls_field(uint8_t *out, const fr *in);
extern void compute_challenge(fr *out, const uint8_t *blob, const g1 *commitment);
extern int compute_verify_cell_kzg_proof_batch_challenge(fr *out, const uint8_t *commitments, uint64_t commitment_count,
	const uint64_t *commitment_indices, const uint64_t *cell_indices, const uint8_t *cells, const uint8_t *proofs, uint64_t cell_count);
*/
import "C"

import (
	"fmt"
	"unsafe"
)

// computeChallenge is the evaluation point that verifying a blob derives from blob and commitment. Callers have no use
// for it; the reference vectors check it by itself.
// Spec: compute_challenge (deneb).
func (*Context) computeChallenge(blob *Blob, commitment Commitment) (challenge [32]byte, err error) {
	var point C.g1
	if ret := C.bytes_to_kzg_commitment(&point, (*C.uint8_t)(&commitment[0])); ret != 0 {
		return challenge, fmt.Errorf("commitment %#x is no point of the subgroup", commitment)
	}
	var fr C.fr
	C.compute_challenge(&fr, (*C.uint8_t)(&blob[0]), &point)
	C.bytes_from_bls_field((*C.uint8_t)(&challenge[0]), &fr)
	return challenge, nil
}

// cellBatch is the input of computeVerifyCellKZGProofBatchChallenge: cell i is cell CellIndices[i] of the blob behind
// Commitments[CommitmentIndices[i]].
type cellBatch struct {
	Commitments       []Commitment
	CommitmentIndices []uint64
	CellIndices       []uint64
	Cells             []Cell
	Proofs            []Proof
}

// computeVerifyCellKZGProofBatchChallenge is the base of the weights that verifying cells derives; for the reference
// vectors, too.
// Spec: compute_verify_cell_kzg_proof_batch_challenge (fulu).
func (*Context) computeVerifyCellKZGProofBatchChallenge(b cellBatch) (challenge [32]byte, err error) {
	n := len(b.Cells)
	if len(b.CommitmentIndices) != n || len(b.CellIndices) != n || len(b.Proofs) != n {
		return challenge, fmt.Errorf("%d cells with %d commitment indices, %d cell indices and %d proofs",
			n, len(b.CommitmentIndices), len(b.CellIndices), len(b.Proofs))
	}
	var fr C.fr
	ret := C.compute_verify_cell_kzg_proof_batch_challenge(&fr,
		bytesOf(b.Commitments), C.uint64_t(len(b.Commitments)), wordsOf(b.CommitmentIndices), wordsOf(b.CellIndices),
		bytesOf(b.Cells), bytesOf(b.Proofs), C.uint64_t(n))
	if ret != 0 {
		return challenge, fmt.Errorf("derive challenge of %d cells: c-kzg returns %d", n, ret)
	}
	C.bytes_from_bls_field((*C.uint8_t)(&challenge[0]), &fr)
	return challenge, nil
}

func bytesOf[T Commitment | Cell | Proof](s []T) *C.uint8_t {
	return (*C.uint8_t)(unsafe.Pointer(unsafe.SliceData(s)))
}

func wordsOf(s []uint64) *C.uint64_t { return (*C.uint64_t)(unsafe.Pointer(unsafe.SliceData(s))) }
