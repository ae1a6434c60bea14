package reqresp

import (
	"context"
	"fmt"
	"iter"

	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// Envelope is a payload of an answer (gloas). Whether it is the one that its block promised is not checked.
type Envelope struct {
	Root   types.Root // of the block that it says it is of
	Slot   types.Slot
	Signed *types.SignedExecutionPayloadEnvelope
	Cx     ssz.Context
	Bytes  int // of its encoding
}

// EnvelopesByRange asks for the payloads of the blocks of a range of slots. They come in ascending order.
func (c *Client) EnvelopesByRange(ctx context.Context, peer string, r Range) iter.Seq2[Envelope, error] {
	last := types.Slot(0)
	begun := false
	return checked(c, ctx, peer, EnvelopesByRangeV1, &EnvelopesByRange{r}, func(chunk *Chunk) (Envelope, error) {
		e, err := c.envelope(chunk)
		if err != nil {
			return e, err
		}
		if err := r.holds(e.Slot); err != nil {
			return e, err
		}
		if begun && e.Slot <= last {
			return e, broken("slots of payloads ascend", e.Slot, fmt.Sprintf("> %d", last))
		}
		begun, last = true, e.Slot
		return e, nil
	})
}

// EnvelopesByRoot asks for the payloads of blocks. They come in any order and each once; those that the peer does not have are left out.
func (c *Client) EnvelopesByRoot(ctx context.Context, peer string, roots []types.Root) iter.Seq2[Envelope, error] {
	open := newWanted(roots)
	return checked(c, ctx, peer, EnvelopesByRootV1, &EnvelopeRoots{roots}, func(chunk *Chunk) (Envelope, error) {
		e, err := c.envelope(chunk)
		if err == nil {
			err = open.take(e.Root)
		}
		return e, err
	})
}

// envelope decodes a payload. Its slot is that of its block: the block's import checks it.
func (c *Client) envelope(chunk *Chunk) (Envelope, error) {
	e := Envelope{Signed: new(types.SignedExecutionPayloadEnvelope), Cx: chunk.Cx, Bytes: len(chunk.SSZ)}
	if err := chunk.Decode(ssz.Container(e.Signed)); err != nil {
		return e, err
	}
	e.Root, e.Slot = e.Signed.Message.BeaconBlockRoot, types.Slot(e.Signed.Message.Payload.SlotNumber)
	return e, c.matches(chunk, e.Slot)
}
