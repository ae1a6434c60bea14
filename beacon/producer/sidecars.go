package producer

import (
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/sync/errgroup"

	"github.com/cresset/cresset/beacon/das"
	"github.com/cresset/cresset/beacon/kzg"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// ErrBlobs says that blobs or proofs are not those of the block's commitments.
var ErrBlobs = errors.New("blobs do not fit the block")

// Published is what is published beside a block: blobs in Deneb and Electra, columns in Fulu, neither where there are no blobs.
type Published struct {
	Columns []*types.DataColumnSidecar
	Blobs   []*types.BlobSidecar
}

// Sidecars makes what is published beside a signed block, from its blobs and their proofs in the form of Produced. They are checked against the
// block's commitments first; the error is ErrBlobs if they do not fit.
// Spec: get_blob_sidecars (deneb), get_data_column_sidecars_from_block (fulu).
func Sidecars(setup *kzg.Context, spec *params.Spec, signed *types.SignedBeaconBlock, blobs [][]byte, proofs []types.KZGProof) (Published, error) {
	cx := ssz.Context{Spec: spec, Fork: spec.ForkAtSlot(signed.Message.Slot)}
	commitments := signed.Message.Body.BlobKZGCommitments
	perBlob := 1
	if cx.Fork >= params.Fulu {
		perBlob = kzg.CellsPerExtBlob
	}
	switch {
	case cx.Fork >= params.Gloas:
		return Published{}, fmt.Errorf("%w: %v", ErrFork, cx.Fork)
	case len(blobs) != len(commitments):
		return Published{}, fmt.Errorf("%w: %d blobs of %d commitments", ErrBlobs, len(blobs), len(commitments))
	case len(proofs) != perBlob*len(blobs):
		return Published{}, fmt.Errorf("%w: %d proofs of %d blobs, want %d", ErrBlobs, len(proofs), len(blobs), perBlob*len(blobs))
	case len(blobs) == 0:
		return Published{}, nil
	}
	for i, b := range blobs {
		if len(b) != len(kzg.Blob{}) {
			return Published{}, fmt.Errorf("%w: blob %d has %d bytes, want %d", ErrBlobs, i, len(b), len(kzg.Blob{}))
		}
	}
	if cx.Fork >= params.Fulu {
		columns, err := columns(setup, cx, signed, blobs, proofs)
		return Published{Columns: columns}, err
	}
	sidecars, err := blobSidecars(setup, cx, signed, blobs, proofs)
	return Published{Blobs: sidecars}, err
}

// columns is all columns of a block. Cells are computed, which is cheap; the proofs, which are not, are those of the execution client.
func columns(setup *kzg.Context, cx ssz.Context, signed *types.SignedBeaconBlock, blobs [][]byte, proofs []types.KZGProof) ([]*types.DataColumnSidecar, error) {
	rows := make([]das.CellsAndProofs, len(blobs))
	var g errgroup.Group
	for i := range blobs {
		g.Go(func() (err error) {
			blob := kzg.Blob(blobs[i])
			if rows[i].Cells, err = setup.ComputeCells(&blob); err != nil {
				return fmt.Errorf("%w: blob %d: %w", ErrBlobs, i, err)
			}
			rows[i].Proofs = new([kzg.CellsPerExtBlob]kzg.Proof)
			for k := range rows[i].Proofs {
				rows[i].Proofs[k] = kzg.Proof(proofs[i*kzg.CellsPerExtBlob+k])
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	sidecars, err := das.GetDataColumnSidecarsFromBlock(cx, signed, rows)
	if err != nil {
		return nil, err
	}
	if err := das.VerifyDataColumnSidecarsKZGProofs(setup, sidecars, signed.Message.Body.BlobKZGCommitments); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBlobs, err)
	}
	return sidecars, nil
}

// blobSidecars is the blobs of a block with all that proves them. Spec: get_blob_sidecars (deneb), compute_signed_block_header.
func blobSidecars(setup *kzg.Context, cx ssz.Context, signed *types.SignedBeaconBlock, blobs [][]byte, proofs []types.KZGProof) ([]*types.BlobSidecar, error) {
	header, err := signed.Message.Header(cx)
	if err != nil {
		return nil, err
	}
	body := ssz.Container(&signed.Message.Body)
	out := make([]*types.BlobSidecar, len(blobs))
	for i, b := range blobs {
		commitment, blob := signed.Message.Body.BlobKZGCommitments[i], kzg.Blob(b)
		switch ok, err := setup.VerifyBlobKZGProof(&blob, kzg.Commitment(commitment), kzg.Proof(proofs[i])); {
		case err != nil:
			return nil, fmt.Errorf("%w: blob %d: %w", ErrBlobs, i, err)
		case !ok:
			return nil, fmt.Errorf("%w: the proof of blob %d does not verify against commitment %v", ErrBlobs, i, commitment)
		}
		gindex, err := ssz.GeneralizedIndex(cx, body, "blob_kzg_commitments", strconv.Itoa(i))
		if err != nil {
			return nil, err
		}
		inclusion, err := ssz.Prove(cx, body, gindex)
		if err != nil {
			return nil, err
		}
		out[i] = &types.BlobSidecar{
			Index: uint64(i), Blob: b, KZGCommitment: commitment, KZGProof: proofs[i],
			SignedBlockHeader: types.SignedBeaconBlockHeader{Message: header, Signature: signed.Signature},
		}
		for _, node := range inclusion.Branch {
			out[i].KZGCommitmentInclusionProof = append(out[i].KZGCommitmentInclusionProof, types.Bytes32(node))
		}
	}
	return out, nil
}
