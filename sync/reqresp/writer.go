package reqresp

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// Call is a request that is being answered. It belongs to the goroutine of its handler.
type Call struct {
	Peer     string
	Protocol *Protocol
	// Request is the content, nil for a protocol without one. Its values make sense (Message.Check).
	Request Message
	// Cx is of the present slot: limits go by its fork.
	Cx ssz.Context

	server *Server
	client *client
	stream Stream
	left   uint64
	failed error // of the stream; nothing more can be written
}

// ErrEnough says that a handler sends more than was asked for.
var ErrEnough = errors.New("more chunks than were asked for")

// Left is how many more chunks may be sent.
func (c *Call) Left() uint64 { return c.left }

// Send answers with a value of a slot: the fork of the slot is its schema where the protocol has a context, that of the protocol's version
// otherwise. It waits until the peer has taken enough of what it was sent before.
func (c *Call) Send(ctx context.Context, slot types.Slot, node ssz.Node) error {
	cx := ssz.Context{Spec: c.Cx.Spec, Fork: c.Protocol.Since}
	if c.Protocol.Context {
		cx.Fork = cx.Spec.ForkAtSlot(slot)
	}
	encoded, err := ssz.Marshal(cx, node)
	if err != nil {
		return fmt.Errorf("answer of %v: %w", c.Protocol, err)
	}
	return c.SendSSZ(ctx, slot, encoded)
}

// SendSSZ answers with an encoding, as it is.
func (c *Call) SendSSZ(ctx context.Context, slot types.Slot, encoded []byte) error {
	if c.failed != nil {
		return c.failed
	}
	if c.left == 0 {
		return ErrEnough
	}
	weight := min(int64(len(encoded)), c.server.cfg.BytesPerPeer)
	if err := c.client.bytes.Acquire(ctx, weight); err != nil {
		return err
	}
	defer c.client.bytes.Release(weight)
	c.left--
	return c.write(func(dst []byte) []byte {
		return appendChunk(dst, c.Protocol, c.server.cfg.Digests.At(slot), encoded)
	})
}

// write writes what fill appends, in one piece: "the responder MUST send each response_chunk in full promptly".
func (c *Call) write(fill func([]byte) []byte) error {
	buffer := getBuffer()
	defer putBuffer(buffer)
	*buffer = fill((*buffer)[:0])
	err := c.stream.SetWriteDeadline(time.Now().Add(c.Protocol.Deadlines.Chunk))
	if err == nil {
		_, err = c.stream.Write(*buffer)
	}
	if err != nil {
		c.failed = fmt.Errorf("write chunk: %w", err)
	}
	return c.failed
}

// fault tells whose fault a failed stream is.
func (c *Call) fault() Fault {
	if isTimeout(c.failed) {
		return FaultSlow
	}
	return FaultTransport
}
