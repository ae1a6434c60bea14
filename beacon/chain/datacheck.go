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

// BlockID names a block.
type BlockID struct {
	Slot types.Slot
	Root types.Root
}

// VerifiedColumns is columns of one block that were proven to be the block's.
type VerifiedColumns struct {
	of      BlockID
	columns []*types.DataColumnSidecar
}

// Indices is which columns they are.
func (v *VerifiedColumns) Indices() []uint64 {
	out := make([]uint64, len(v.columns))
	for i, s := range v.columns {
		out[i] = s.Index
	}
	return out
}

// VerifyColumns checks columns of a block, which need not be imported. Their proofs are verified in one batch.
func (c *Chain) VerifyColumns(of BlockID, block *types.BeaconBlock, columns []*types.DataColumnSidecar) (*VerifiedColumns, error) {
	cx := c.contextAt(of.Slot)
	return c.verifyColumns(cx, of, columns, commitmentsOf(cx, block))
}

// commitmentsOf is the commitments to a block's blobs.
func commitmentsOf(cx ssz.Context, block *types.BeaconBlock) []types.KZGCommitment {
	if cx.Fork >= params.Gloas {
		return block.Body.SignedExecutionPayloadBid.Message.BlobKZGCommitments
	}
	return block.Body.BlobKZGCommitments
}

func (c *Chain) verifyColumns(cx ssz.Context, of BlockID, columns []*types.DataColumnSidecar, commitments []types.KZGCommitment) (*VerifiedColumns, error) {
	for _, s := range columns {
		if root := blockOfColumn(s); root != of.Root {
			return nil, fmt.Errorf("column %d is of block %v, want %v", s.Index, root, of.Root)
		}
		if err := das.VerifyDataColumnSidecar(cx, s, commitments); err != nil {
			return nil, err
		}
		if cx.Fork >= params.Gloas {
			// [REJECT] The sidecar's slot matches the slot of the block
			if s.Slot != of.Slot {
				return nil, fmt.Errorf("column %d: slot is %d, that of its block %d", s.Index, s.Slot, of.Slot)
			}
			continue
		}
		if err := das.VerifyDataColumnSidecarInclusionProof(cx, s); err != nil {
			return nil, err
		}
		if !slices.Equal(s.KZGCommitments, commitments) {
			return nil, fmt.Errorf("column %d has other commitments than its block", s.Index)
		}
	}
	if err := das.VerifyDataColumnSidecarsKZGProofs(c.kzg, columns, commitments); err != nil {
		return nil, err
	}
	return &VerifiedColumns{of, columns}, nil
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
