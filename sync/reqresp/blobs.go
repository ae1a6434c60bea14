package reqresp

import (
	"context"
	"iter"

	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// Blob is a blob of an answer (deneb, electra). Its proofs are not checked.
type Blob struct {
	types.BlobIdentifier
	Slot    types.Slot
	Sidecar *types.BlobSidecar
	Cx      ssz.Context
	Bytes   int // of its encoding
}

// BlobsByRange asks for the blobs of the blocks of a range of slots. They come in order of slots and indices, those of a slot from one
// block.
func (c *Client) BlobsByRange(ctx context.Context, peer string, r Range) iter.Seq2[Blob, error] {
	order := &sidecarOrder{}
	return checked(c, ctx, peer, BlobsByRangeV1, &BlobsByRange{r}, func(chunk *Chunk) (Blob, error) {
		b, err := c.blob(chunk)
		if err != nil {
			return b, err
		}
		if err := r.holds(b.Slot); err != nil {
			return b, err
		}
		return b, order.next(b.Slot, b.BlockRoot, b.Index)
	})
}

// BlobsByRoot asks for blobs. They come in any order and each once; those that the peer does not have are left out.
func (c *Client) BlobsByRoot(ctx context.Context, peer string, ids []types.BlobIdentifier) iter.Seq2[Blob, error] {
	open := newWanted(ids)
	return checked(c, ctx, peer, BlobsByRootV1, &BlobIdentifiers{ids}, func(chunk *Chunk) (Blob, error) {
		b, err := c.blob(chunk)
		if err == nil {
			err = open.take(b.BlobIdentifier)
		}
		return b, err
	})
}

// blob decodes a blob and finds out of which block it says it is.
func (c *Client) blob(chunk *Chunk) (Blob, error) {
	b := Blob{Sidecar: new(types.BlobSidecar), Cx: chunk.Cx, Bytes: len(chunk.SSZ)}
	if err := chunk.Decode(ssz.Container(b.Sidecar)); err != nil {
		return b, err
	}
	header := &b.Sidecar.SignedBlockHeader.Message
	b.BlobIdentifier = types.BlobIdentifier{BlockRoot: types.HashTreeRoot(header), Index: b.Sidecar.Index}
	b.Slot = header.Slot
	if err := c.matches(chunk, b.Slot); err != nil {
		return b, err
	}
	if most := c.spec.MaxBlobsPerBlockAt(types.ComputeEpochAtSlot(c.spec, b.Slot)); b.Index >= most {
		return b, broken("index < MAX_BLOBS_PER_BLOCK", b.Index, most)
	}
	return b, nil
}
