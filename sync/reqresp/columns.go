package reqresp

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// Column is a data column of an answer. Its proofs are not checked.
type Column struct {
	ColumnID
	Slot    types.Slot
	Sidecar *types.DataColumnSidecar
	Cx      ssz.Context
	Bytes   int // of its encoding
}

// ColumnID names a column of a block.
type ColumnID struct {
	Root  types.Root // of the block
	Index uint64
}

// ColumnsByRange asks for columns of the blocks of a range of slots. They come in order of slots and indices, those of a slot from one
// block.
func (c *Client) ColumnsByRange(ctx context.Context, peer string, request ColumnsByRange) iter.Seq2[Column, error] {
	order := &sidecarOrder{}
	return checked(c, ctx, peer, ColumnsByRangeV1, &request, func(chunk *Chunk) (Column, error) {
		col, err := c.column(chunk)
		if err != nil {
			return col, err
		}
		if err := request.holds(col.Slot); err != nil {
			return col, err
		}
		if !slices.Contains(request.Columns, col.Index) {
			return col, broken("column was asked for", col.Index, request.Columns)
		}
		return col, order.next(col.Slot, col.Root, col.Index)
	})
}

// ColumnsByRoot asks for columns of blocks by their roots. They come in any order and each once; those that the peer does not have are
// left out.
func (c *Client) ColumnsByRoot(ctx context.Context, peer string, blocks []types.DataColumnsByRootIdentifier) iter.Seq2[Column, error] {
	var ids []ColumnID
	for i := range blocks {
		for _, index := range blocks[i].Columns {
			ids = append(ids, ColumnID{blocks[i].BlockRoot, index})
		}
	}
	open := newWanted(ids)
	return checked(c, ctx, peer, ColumnsByRootV1, &ColumnIdentifiers{blocks}, func(chunk *Chunk) (Column, error) {
		col, err := c.column(chunk)
		if err == nil {
			err = open.take(col.ColumnID)
		}
		return col, err
	})
}

// column decodes a column and finds out of which block it says it is.
func (c *Client) column(chunk *Chunk) (Column, error) {
	col := Column{Sidecar: new(types.DataColumnSidecar), Cx: chunk.Cx, Bytes: len(chunk.SSZ)}
	if err := chunk.Decode(ssz.Container(col.Sidecar)); err != nil {
		return col, err
	}
	col.Index, col.Root, col.Slot = col.Sidecar.Index, col.Sidecar.BeaconBlockRoot, col.Sidecar.Slot
	if chunk.Cx.Fork < params.Gloas {
		header := &col.Sidecar.SignedBlockHeader.Message
		col.Root, col.Slot = types.HashTreeRoot(header), header.Slot
	}
	return col, c.matches(chunk, col.Slot)
}

// sidecarOrder is the order of sidecars in an answer to a request for a range.
//
// Spec: "The following data column sidecars, where they exist, MUST be sent in (slot, column_index) order." The same for blobs. "Clients
// MUST respond with data column sidecars that are consistent from a single chain within the context of the request."
type sidecarOrder struct {
	begun bool
	slot  types.Slot
	root  types.Root
	index uint64
}

func (o *sidecarOrder) next(slot types.Slot, root types.Root, index uint64) error {
	if o.begun {
		if slot < o.slot || slot == o.slot && index <= o.index {
			return broken("sidecars are in order of (slot, index)", fmt.Sprintf("(%d, %d)", slot, index), fmt.Sprintf("behind (%d, %d)", o.slot, o.index))
		}
		if slot == o.slot && root != o.root {
			return broken("sidecars of a slot are of one block", root, o.root)
		}
	}
	*o = sidecarOrder{true, slot, root, index}
	return nil
}
