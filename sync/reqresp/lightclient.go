package reqresp

import (
	"context"
	"fmt"
	"iter"

	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// Update is a light client update of an answer, in the form of Cx. Its proofs are not checked.
type Update struct {
	Period uint64 // of the attested header
	Update *types.LightClientUpdate
	Cx     ssz.Context
}

// LightClientUpdates asks for the updates of count sync committee periods. They come in order of periods.
func (c *Client) LightClientUpdates(ctx context.Context, peer string, start, count uint64) iter.Seq2[Update, error] {
	next := start
	return checked(c, ctx, peer, LightClientUpdatesByRangeV1, &UpdatesByRange{start, count}, func(chunk *Chunk) (Update, error) {
		u := Update{Update: new(types.LightClientUpdate), Cx: chunk.Cx}
		if err := chunk.Decode(ssz.Container(u.Update)); err != nil {
			return u, err
		}
		slot := u.Update.AttestedHeader.Beacon.Slot
		if err := c.matches(chunk, slot); err != nil {
			return u, err
		}
		// Spec: "MUST send results in consecutive order (by period)".
		u.Period = types.ComputeSyncCommitteePeriodAtSlot(c.spec, slot)
		if u.Period < next || u.Period-start >= count {
			return u, broken("period is in the range and behind the one before", u.Period, fmt.Sprintf("[%d, %d)", next, start+count))
		}
		next = u.Period + 1
		return u, nil
	})
}

// LightClientBootstrap asks for the bootstrap of a block. Its proofs are not checked.
func (c *Client) LightClientBootstrap(ctx context.Context, peer string, root types.Root) (*types.LightClientBootstrap, ssz.Context, error) {
	b := new(types.LightClientBootstrap)
	cx, err := only(checked(c, ctx, peer, LightClientBootstrapV1, &Root{Root: root}, func(chunk *Chunk) (ssz.Context, error) {
		if err := chunk.Decode(ssz.Container(b)); err != nil {
			return chunk.Cx, err
		}
		if have := types.HashTreeRoot(&b.Header.Beacon); have != root {
			return chunk.Cx, broken("root of the header", have, root)
		}
		return chunk.Cx, c.matches(chunk, b.Header.Beacon.Slot)
	}))
	return b, cx, err
}

// LightClientFinalityUpdate asks for the newest finality update. Its proofs are not checked.
func (c *Client) LightClientFinalityUpdate(ctx context.Context, peer string) (*types.LightClientFinalityUpdate, ssz.Context, error) {
	u := new(types.LightClientFinalityUpdate)
	cx, err := c.newest(ctx, peer, LightClientFinalityUpdateV1, u, &u.AttestedHeader)
	return u, cx, err
}

// LightClientOptimisticUpdate asks for the newest optimistic update. Its proofs are not checked.
func (c *Client) LightClientOptimisticUpdate(ctx context.Context, peer string) (*types.LightClientOptimisticUpdate, ssz.Context, error) {
	u := new(types.LightClientOptimisticUpdate)
	cx, err := c.newest(ctx, peer, LightClientOptimisticUpdateV1, u, &u.AttestedHeader)
	return u, cx, err
}

// newest asks for an update; attested is its header.
func (c *Client) newest(ctx context.Context, peer string, m Method, update ssz.Object, attested *types.LightClientHeader) (ssz.Context, error) {
	return only(checked(c, ctx, peer, m, nil, func(chunk *Chunk) (ssz.Context, error) {
		if err := chunk.Decode(ssz.Container(update)); err != nil {
			return chunk.Cx, err
		}
		return chunk.Cx, c.matches(chunk, attested.Beacon.Slot)
	}))
}
