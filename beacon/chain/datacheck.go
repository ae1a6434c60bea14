package chain

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cresset/cresset/beacon/das"
	"github.com/cresset/cresset/beacon/kzg"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// checkColumns checks columns of one block against it and its commitments.
func (c *Chain) checkColumns(cx ssz.Context, root types.Root, columns []*types.DataColumnSidecar, commitments []types.KZGCommitment) error {
	for _, s := range columns {
		if of := blockOfColumn(s); of != root {
			return fmt.Errorf("column %d is of block %v, want %v", s.Index, of, root)
		}
		if err := das.VerifyDataColumnSidecar(cx, s, commitments); err != nil {
			return err
		}
		if cx.Fork >= params.Gloas {
			continue
		}
		if err := das.VerifyDataColumnSidecarInclusionProof(cx, s); err != nil {
			return err
		}
		if !slices.Equal(s.KZGCommitments, commitments) {
			return fmt.Errorf("column %d has other commitments than its block", s.Index)
		}
	}
	return das.VerifyDataColumnSidecarsKZGProofs(c.kzg, columns, commitments)
}

// checkBlobs checks blobs of any blocks before Fulu.
func (c *Chain) checkBlobs(sidecars []*types.BlobSidecar) error {
	blobs := make([]kzg.Blob, len(sidecars))
	commitments := make([]kzg.Commitment, len(sidecars))
	proofs := make([]kzg.Proof, len(sidecars))
	for i, s := range sidecars {
		cx := c.contextAt(s.SignedBlockHeader.Message.Slot)
		if cx.Fork < params.Deneb || cx.Fork >= params.Fulu {
			return fmt.Errorf("blob of slot %d, want one from deneb or electra", s.SignedBlockHeader.Message.Slot)
		}
		if err := das.VerifyBlobSidecarInclusionProof(cx, s); err != nil {
			return err
		}
		if len(s.Blob) != len(blobs[i]) {
			return fmt.Errorf("blob %d: have %d bytes, want %d", s.Index, len(s.Blob), len(blobs[i]))
		}
		copy(blobs[i][:], s.Blob)
		commitments[i], proofs[i] = kzg.Commitment(s.KZGCommitment), kzg.Proof(s.KZGProof)
	}
	ok, err := c.kzg.VerifyBlobKZGProofBatch(blobs, commitments, proofs)
	if err != nil {
		return err
	}
	if !ok {
		return errors.New("verify_blob_kzg_proof_batch: a proof is wrong")
	}
	return nil
}
