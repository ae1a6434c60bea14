package driver

import (
	"slices"

	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/sync/download"
	"github.com/cresset/cresset/sync/reqresp"
)

// content is what came of a batch.
type content struct {
	blocks   []reqresp.Block // ascending
	payloads map[types.Root]*types.SignedExecutionPayloadEnvelope
	columns  map[types.Root][]*chain.VerifiedColumns
	blobs    map[types.Root][]*types.BlobSidecar
	bytes    int // encoded
}

func newContent(blocks []reqresp.Block) *content {
	return &content{
		blocks: blocks, payloads: map[types.Root]*types.SignedExecutionPayloadEnvelope{},
		columns: map[types.Root][]*chain.VerifiedColumns{}, blobs: map[types.Root][]*types.BlobSidecar{},
	}
}

// find is the block of a root, nil if there is none.
func (c *content) find(root types.Root) *reqresp.Block {
	if i := slices.IndexFunc(c.blocks, func(b reqresp.Block) bool { return b.Root == root }); i >= 0 {
		return &c.blocks[i]
	}
	return nil
}

// has tells whether a column of a block came.
func (c *content) has(root types.Root, column uint64) bool {
	return slices.ContainsFunc(c.columns[root], func(v *chain.VerifiedColumns) bool { return slices.Contains(v.Indices(), column) })
}

// outline is the blocks as the machine sees them.
func outline(blocks []reqresp.Block) []download.Block {
	out := make([]download.Block, len(blocks))
	for i, b := range blocks {
		out[i] = download.Block{Slot: b.Signed.Message.Slot, Root: b.Root, Parent: b.Signed.Message.ParentRoot}
	}
	return out
}
