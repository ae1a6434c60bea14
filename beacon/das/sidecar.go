package das

import (
	"fmt"

	"github.com/cresset/cresset/beacon/kzg"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// blobKZGCommitmentsField is the position of blob_kzg_commitments among the fields of a block body, from Deneb to Fulu.
const blobKZGCommitmentsField = 11

// VerifyDataColumnSidecar checks the sizes of a column against each other. The commitments are those of the sidecar itself until
// Fulu, from Gloas on those of the bid that it belongs to. Spec: verify_data_column_sidecar (fulu; modified gloas).
func VerifyDataColumnSidecar(cx ssz.Context, sidecar *types.DataColumnSidecar, commitments []types.KZGCommitment) error {
	spec := cx.Spec
	// "The sidecar index must be within the valid range"
	if sidecar.Index >= spec.NumberOfColumns {
		return fmt.Errorf("column index is %d, want below NUMBER_OF_COLUMNS %d", sidecar.Index, spec.NumberOfColumns)
	}
	// "A sidecar for zero blobs is invalid"
	if len(commitments) == 0 {
		return fmt.Errorf("column %d is of no blobs, want at least 1", sidecar.Index)
	}
	// "Check that the sidecar respects the blob limit"
	if cx.Fork < params.Gloas {
		epoch := types.ComputeEpochAtSlot(spec, sidecar.SignedBlockHeader.Message.Slot)
		if limit := spec.GetBlobParameters(epoch).MaxBlobsPerBlock; uint64(len(commitments)) > limit {
			return fmt.Errorf("column %d is of %d blobs, want at most %d in epoch %d", sidecar.Index, len(commitments), limit, epoch)
		}
	}
	// "The column length must be equal to the number of commitments", "of proofs"
	if n := len(commitments); len(sidecar.Column) != n || len(sidecar.KZGProofs) != n {
		return fmt.Errorf("column %d has %d cells and %d proofs, want as many as commitments: %d", sidecar.Index, len(sidecar.Column), len(sidecar.KZGProofs), n)
	}
	return nil
}

// VerifyDataColumnSidecarKZGProofs checks that the cells of a column are those of the commitments' blobs.
// VerifyDataColumnSidecar is to be called before. Spec: verify_data_column_sidecar_kzg_proofs (fulu; modified gloas).
func VerifyDataColumnSidecarKZGProofs(setup *kzg.Context, sidecar *types.DataColumnSidecar, commitments []types.KZGCommitment) error {
	b := &cellBatch{setup: setup}
	if err := b.add(sidecar, commitments); err != nil {
		return err
	}
	if err := b.verify(0, len(b.cells)); err != nil {
		return fmt.Errorf("column %d: %w", sidecar.Index, err)
	}
	return nil
}

// VerifyDataColumnSidecarInclusionProof checks that the commitments of a column are those of the block that its header is of (fulu).
// Spec: verify_data_column_sidecar_inclusion_proof (fulu).
func VerifyDataColumnSidecarInclusionProof(cx ssz.Context, sidecar *types.DataColumnSidecar) error {
	if err := verifyCommitmentsInclusion(cx, sidecar.KZGCommitments, sidecar.KZGCommitmentsInclusionProof, &sidecar.SignedBlockHeader.Message); err != nil {
		return fmt.Errorf("column %d: %w", sidecar.Index, err)
	}
	return nil
}

// verifyCommitmentsInclusion checks that commitments are all those of the block with a header, from Deneb to Fulu.
func verifyCommitmentsInclusion(cx ssz.Context, commitments []types.KZGCommitment, proof []types.Bytes32, header *types.BeaconBlockHeader) error {
	list := ssz.ListOf(&commitments, ssz.Cap(cx.Spec.MaxBlobCommitmentsPerBlock, false), func(c *types.KZGCommitment) ssz.Node {
		return ssz.Bytes(c[:])
	})
	leaf, err := ssz.HashTreeRoot(cx, list)
	if err != nil {
		return fmt.Errorf("commitments: %w", err)
	}
	if !types.IsValidMerkleBranch(leaf, proof, cx.Spec.KZGCommitmentsInclusionProofDepth, blobKZGCommitmentsField, header.BodyRoot) {
		return fmt.Errorf("the commitments' root %v is not proven to be in the body %v", types.Root(leaf), header.BodyRoot)
	}
	return nil
}

// VerifyBlobSidecarInclusionProof checks that the commitment of a blob is in the block that its header is of (deneb, electra).
// Spec: verify_blob_sidecar_inclusion_proof (deneb).
func VerifyBlobSidecarInclusionProof(cx ssz.Context, sidecar *types.BlobSidecar) error {
	limit := cx.Spec.MaxBlobCommitmentsPerBlock
	if sidecar.Index >= limit {
		return fmt.Errorf("blob index is %d, want below MAX_BLOB_COMMITMENTS_PER_BLOCK %d", sidecar.Index, limit)
	}
	leaf, err := ssz.HashTreeRoot(cx, ssz.Bytes(sidecar.KZGCommitment[:]))
	if err != nil {
		return fmt.Errorf("commitment of blob %d: %w", sidecar.Index, err)
	}
	// Below the field lies the list's data next to its length, and that is a tree as wide as the limit, a power of two.
	index := blobKZGCommitmentsField<<(ssz.Depth(limit)+1) + sidecar.Index
	header := &sidecar.SignedBlockHeader.Message
	if !types.IsValidMerkleBranch(leaf, sidecar.KZGCommitmentInclusionProof, cx.Spec.KZGCommitmentInclusionProofDepth, index, header.BodyRoot) {
		return fmt.Errorf("blob %d: its commitment is not proven to be in the body %v", sidecar.Index, header.BodyRoot)
	}
	return nil
}
