package p2p

import (
	"context"
	"errors"
	"fmt"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
	multistream "github.com/multiformats/go-multistream"
)

// What errors.Is finds in the errors of Open.
var (
	ErrUnsupported  = errors.New("the peer does not speak the protocol")
	ErrNotConnected = errors.New("the peer is not connected")
)

// Open opens a stream to a connected peer under a protocol. It dials nobody. Its errors are ErrUnsupported where the peer does not speak
// the protocol, and ErrNotConnected.
func (h *Host) Open(ctx context.Context, name, proto string) (network.Stream, error) {
	id, err := ParsePeer(name)
	if err != nil {
		return nil, err
	}
	if h.host.Network().Connectedness(id) != network.Connected {
		return nil, fmt.Errorf("%w: %s", ErrNotConnected, name)
	}
	s, err := h.host.NewStream(network.WithNoDial(ctx, "streams are opened to connected peers"), id, protocol.ID(proto))
	switch {
	case errors.As(err, new(multistream.ErrNotSupported[protocol.ID])):
		return nil, fmt.Errorf("%w: %s %s", ErrUnsupported, name, proto)
	case errors.Is(err, network.ErrNoConn):
		return nil, fmt.Errorf("%w: %s: %w", ErrNotConnected, name, err)
	case err != nil:
		return nil, fmt.Errorf("open a stream to %s: %w", name, err)
	}
	return s, nil
}

// Handle has streams of a protocol answered. The function runs on a goroutine of its own for each stream, which it has to close or reset.
func (h *Host) Handle(proto string, answer func(peer string, s network.Stream)) {
	h.host.SetStreamHandler(protocol.ID(proto), func(s network.Stream) {
		answer(s.Conn().RemotePeer().String(), s)
	})
}

// Unhandle ends that streams of a protocol are answered.
func (h *Host) Unhandle(proto string) { h.host.RemoveStreamHandler(protocol.ID(proto)) }
