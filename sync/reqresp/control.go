package reqresp

import (
	"context"
	"errors"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// The reasons of a goodbye. 4 to 127 are reserved, 128 and above free to use. Source: p2p-interface.md (phase0), "Goodbye v1".
const (
	GoodbyeShutDown     = 1
	GoodbyeWrongNetwork = 2
	GoodbyeFault        = 3
	GoodbyeTooManyPeers = 129 // as other clients use it
)

// Status tells a peer where this node stands and gives where the peer stands. It speaks the newest version that the peer does; of
// version 1 the earliest available slot is 0.
func (c *Client) Status(ctx context.Context, peer string, own types.Status) (types.Status, error) {
	return newestVersion(c, func(m Method) (types.Status, error) {
		request := &Status{Status: own}
		if c.cfg.Table.Row(m).Since < params.Fulu {
			request.EarliestAvailableSlot = 0
		}
		return one[types.Status](c, ctx, peer, m, request)
	}, StatusV2, StatusV1)
}

// MetaData asks a peer for its metadata. It speaks the newest version that the peer does; what an older one lacks is empty.
func (c *Client) MetaData(ctx context.Context, peer string) (types.MetaData, error) {
	return newestVersion(c, func(m Method) (types.MetaData, error) {
		return one[types.MetaData](c, ctx, peer, m, nil)
	}, MetaDataV3, MetaDataV2, MetaDataV1)
}

// Ping tells a peer the sequence number of this node's metadata and gives that of the peer's.
func (c *Client) Ping(ctx context.Context, peer string, seq uint64) (uint64, error) {
	return c.number(ctx, peer, PingV1, seq)
}

// Goodbye tells a peer why it is being left. A peer that leaves without an answer is not at fault.
func (c *Client) Goodbye(ctx context.Context, peer string, reason uint64) error {
	_, err := c.number(ctx, peer, GoodbyeV1, reason)
	if class := ClassOf(err); class == Broken || class == Transport {
		return nil
	}
	return err
}

func (c *Client) number(ctx context.Context, peer string, m Method, value uint64) (uint64, error) {
	return only(checked(c, ctx, peer, m, &Uint64{Value: value}, func(chunk *Chunk) (n uint64, err error) {
		return n, chunk.Decode(ssz.Uint(&n))
	}))
}

// one asks for one container.
func one[T any, P interface {
	*T
	ssz.Object
}](c *Client, ctx context.Context, peer string, m Method, request Message) (T, error) {
	return only(checked(c, ctx, peer, m, request, func(chunk *Chunk) (value T, err error) {
		return value, chunk.Decode(ssz.Container(P(&value)))
	}))
}

// newestVersion asks under the versions that this node speaks, newest first, until the peer speaks one.
func newestVersion[T any](c *Client, ask func(Method) (T, error), versions ...Method) (value T, err error) {
	err = errors.New("no version of the protocol is offered")
	for _, m := range versions {
		if !c.cfg.Table.Row(m).Offered(c.spec, c.cfg.Clock.CurrentEpoch()) {
			continue
		}
		if value, err = ask(m); ClassOf(err) != Unsupported {
			return value, err
		}
	}
	return value, err
}
