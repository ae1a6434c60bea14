package reqresp

import (
	"context"
	"io"
	"time"
)

// Stream is one exchange's connection. A stream of libp2p is one.
type Stream interface {
	// Close ends both directions in order.
	io.ReadWriteCloser
	StreamControl
}

// StreamControl is what a stream has besides reading, writing and closing.
type StreamControl interface {
	// CloseWrite tells the other side that nothing more will be written.
	CloseWrite() error
	// Reset ends both directions at once. The other side's reads fail.
	Reset() error
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
}

// Opener makes streams to peers.
type Opener interface {
	// Open connects a stream to a peer under a protocol id. Its error wraps ErrUnsupported if the peer does not speak it.
	Open(ctx context.Context, peer, protocol string) (Stream, error)
}
