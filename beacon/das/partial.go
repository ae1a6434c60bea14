package das

import (
	"fmt"

	"github.com/cresset/cresset/beacon/kzg"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// VerifyPartialDataColumnHeaderInclusionProof checks that the commitments of a header are those of its block (fulu).
// Spec: verify_partial_data_column_header_inclusion_proof (fulu).
func VerifyPartialDataColumnHeaderInclusionProof(cx ssz.Context, header *types.PartialDataColumnHeader) error {
	return verifyCommitmentsInclusion(cx, header.KZGCommitments, header.KZGCommitmentsInclusionProof, &header.SignedBlockHeader.Message)
}

// VerifyPartialDataColumnSidecarKZGProofs checks that the cells that a sidecar has of a column are those of the commitments' blobs.
// Its bitmap has as many bits as there are commitments, and as many of them set as there are cells and proofs; anything else is an
// error. Spec: verify_partial_data_column_sidecar_kzg_proofs (fulu).
func VerifyPartialDataColumnSidecarKZGProofs(setup *kzg.Context, sidecar *types.PartialDataColumnSidecar, all []types.KZGCommitment, column uint64) error {
	bits := sidecar.CellsPresentBitmap
	if bits.Len() != uint64(len(all)) {
		return fmt.Errorf("bitmap has %d bits, want as many as commitments: %d", bits.Len(), len(all))
	}
	present := make([]types.KZGCommitment, 0, len(sidecar.PartialColumn))
	for i := range all {
		if bits.BitAt(uint64(i)) {
			present = append(present, all[i])
		}
	}
	whole := &types.DataColumnSidecar{Index: column, Column: sidecar.PartialColumn, KZGProofs: sidecar.KZGProofs}
	return VerifyDataColumnSidecarKZGProofs(setup, whole, present)
}
