package recorded

import (
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// Payload is what the execution client is told of a block.
type Payload struct {
	Slot    types.Slot
	Fork    params.Fork
	Request *transition.NewPayloadRequest
}

func payloadOf(cx ssz.Context, b *types.BeaconBlock) Payload {
	return Payload{b.Slot, cx.Fork, transition.GetNewPayloadRequest(cx, b)}
}

// HeadHash is the hash of the last execution block.
func (c *Chain) HeadHash() types.Hash32 { return c.Head().Message.Body.ExecutionPayload.BlockHash }
