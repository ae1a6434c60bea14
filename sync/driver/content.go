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

// outline is the blocks as the machine sees them.
func outline(blocks []reqresp.Block) []download.Block {
	out := make([]download.Block, len(blocks))
	for i, b := range blocks {
		out[i] = download.Block{Slot: b.Signed.Message.Slot, Root: b.Root, Parent: b.Signed.Message.ParentRoot}
	}
	return out
}
