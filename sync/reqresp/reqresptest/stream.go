package reqresptest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cresset/cresset/sync/reqresp"
)

// ErrReset is what reading and writing gives on a stream that was reset.
var ErrReset = errors.New("stream reset")

// Stream is one end of a stream. A write waits until it is read.
type Stream struct {
	in, out net.Conn
	reset   *atomic.Bool // of both ends
}

// Pipe makes the two ends of a stream.
func Pipe() (a, b *Stream) {
	toB, fromA := net.Pipe()
	toA, fromB := net.Pipe()
	reset := new(atomic.Bool)
	return &Stream{fromB, toB, reset}, &Stream{fromA, toA, reset}
}

// Read reads what the other end wrote.
func (s *Stream) Read(p []byte) (int, error) {
	n, err := s.in.Read(p)
	return n, s.failed(err)
}

// Write writes to the other end.
func (s *Stream) Write(p []byte) (int, error) {
	n, err := s.out.Write(p)
	return n, s.failed(err)
}

func (s *Stream) failed(err error) error {
	if err != nil && s.reset.Load() {
		return ErrReset
	}
	return err
}

// CloseWrite lets the other end read the end.
func (s *Stream) CloseWrite() error { return s.out.Close() }

// Close ends both directions; the other end's writes fail.
func (s *Stream) Close() error { return errors.Join(s.out.Close(), s.in.Close()) }

// Reset ends both directions at once.
func (s *Stream) Reset() error {
	s.reset.Store(true)
	return s.Close()
}

// SetReadDeadline bounds reads. It makes no difference where the other end has closed.
func (s *Stream) SetReadDeadline(t time.Time) error { return s.bound(s.in.SetReadDeadline(t)) }

// SetWriteDeadline bounds writes. It makes no difference where the other end has closed.
func (s *Stream) SetWriteDeadline(t time.Time) error { return s.bound(s.out.SetWriteDeadline(t)) }

func (s *Stream) bound(err error) error {
	if errors.Is(err, io.ErrClosedPipe) && !s.reset.Load() {
		return nil
	}
	return s.failed(err)
}

// Network is peers by their names.
type Network struct {
	Servers map[string]*reqresp.Server
	// Scripts are peers that do as they like: they get a stream for any protocol.
	Scripts map[string]func(id string, s *Stream)
	// Wait ends when all streams have.
	Wait sync.WaitGroup
}

// Opener makes streams from one peer to others.
func (n *Network) Opener(from string) reqresp.Opener { return opener{n, from} }

type opener struct {
	n    *Network
	from string
}

// Open connects to a peer.
func (o opener) Open(_ context.Context, peer, id string) (reqresp.Stream, error) {
	own, other := Pipe()
	if script := o.n.Scripts[peer]; script != nil {
		o.n.Wait.Go(func() { script(id, other) })
		return own, nil
	}
	server := o.n.Servers[peer]
	if server == nil {
		return nil, fmt.Errorf("dial %s: %w", peer, io.ErrUnexpectedEOF)
	}
	for _, row := range server.Offered() {
		if row.ID == id {
			o.n.Wait.Go(func() { server.Serve(context.Background(), o.from, id, other) })
			return own, nil
		}
	}
	return nil, fmt.Errorf("negotiate %s: %w", id, reqresp.ErrUnsupported)
}
