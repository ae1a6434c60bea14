package reqresp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"os"
	"time"

	"github.com/cresset/cresset/beacon/clock"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// ClientConfig is what a Client is made of.
type ClientConfig struct {
	Table   *Table
	Digests *Digests
	Opener  Opener
	Clock   *clock.Clock
	// ResponseBytes bounds the bytes of all chunks of an answer. Default 1 GiB, which chunks of the largest size reach after 100; what a
	// request holds of it in memory is up to who reads the chunks.
	ResponseBytes uint64
}

const defaultResponseBytes = 1 << 30

// Client sends requests. It may be used by many goroutines.
type Client struct {
	cfg   ClientConfig
	spec  *params.Spec
	turns *turns
}

// NewClient makes a client.
func NewClient(cfg ClientConfig) *Client {
	if cfg.ResponseBytes == 0 {
		cfg.ResponseBytes = defaultResponseBytes
	}
	return &Client{cfg: cfg, spec: cfg.Table.spec, turns: newTurns()}
}

// context is the schema of the present slot: what is asked now is counted by its fork.
func (c *Client) context() ssz.Context {
	return ssz.Context{Spec: c.spec, Fork: c.spec.ForkAtSlot(c.cfg.Clock.CurrentSlot())}
}

// Do sends a request (nil for one without content) and gives the chunks of the answer as they arrive, no more than were asked for. A
// failure is the last that it yields, an *Error but for requests that make no sense. Who stops reading ends the exchange; who reads
// slowly uses up its time. The sequence is good for one use. What the chunks have to do with the request is not checked; the methods for
// single protocols do that.
func (c *Client) Do(ctx context.Context, peer string, m Method, request Message) iter.Seq2[Chunk, error] {
	return func(yield func(Chunk, error) bool) {
		x := &exchange{Client: c, peer: peer, row: c.cfg.Table.Row(m)}
		if err := x.run(ctx, request, yield); err != nil {
			yield(Chunk{}, err)
		}
	}
}

// exchange is one request and its answer.
type exchange struct {
	*Client
	peer   string
	row    *Protocol
	limit  uint64 // of chunks
	end    time.Time
	stream Stream
}

// errStopped says that the reader of the chunks wants no more.
var errStopped = errors.New("the reader stopped")

func (x *exchange) run(ctx context.Context, request Message, yield func(Chunk, error) bool) error {
	encoded, err := x.prepare(request)
	if err != nil {
		return err
	}
	defer putBuffer(encoded)
	done, err := x.turns.take(ctx, turnKey{x.peer, x.row.Method})
	if err != nil {
		return &Error{Cancelled, x.peer, x.row.String(), fmt.Errorf("wait for a turn: %w", err)}
	}
	defer done()
	ctx, cancel := context.WithTimeout(ctx, x.row.Deadlines.Whole)
	defer cancel()
	x.end, _ = ctx.Deadline()
	if x.stream, err = x.cfg.Opener.Open(ctx, x.peer, x.row.ID); err != nil {
		return x.failed(ctx, fmt.Errorf("open stream: %w", err))
	}
	// A reset ends reads and writes that are under way.
	stop := context.AfterFunc(ctx, func() { _ = x.stream.Reset() })
	defer stop()
	err = x.send(*encoded)
	if err == nil {
		err = x.receive(yield)
	}
	if err == nil {
		// Nothing is lost with a stream that does not end in order: all that was asked for is here.
		_ = x.stream.Close()
		return nil
	}
	_ = x.stream.Reset()
	if errors.Is(err, errStopped) {
		return nil
	}
	return x.failed(ctx, err)
}

// prepare checks and encodes the request.
func (x *exchange) prepare(request Message) (*[]byte, error) {
	cx := x.context()
	x.limit = 1
	if request != nil {
		if err := request.Check(cx); err != nil {
			return nil, fmt.Errorf("request of %v: %w", x.row, err)
		}
		most := x.row.MaxChunks(x.spec, cx.Fork)
		items := request.Items(cx)
		if items > most && x.row.Listed {
			return nil, fmt.Errorf("request of %v: %w", x.row, broken("number of things asked for", items, most))
		}
		x.limit = min(items, most)
	}
	buffer := getBuffer()
	encoded, err := x.cfg.Table.appendRequest((*buffer)[:0], x.row, request)
	*buffer = encoded
	if err != nil {
		putBuffer(buffer)
		return nil, err
	}
	return buffer, nil
}

func (x *exchange) send(encoded []byte) error {
	if err := x.stream.SetWriteDeadline(x.deadline(x.row.Deadlines.Chunk)); err != nil {
		return fmt.Errorf("set deadline: %w", err)
	}
	if len(encoded) > 0 {
		if _, err := x.stream.Write(encoded); err != nil {
			return fmt.Errorf("send request: %w", err)
		}
	}
	// Spec: "The requester MUST close the write side of the stream once it finishes writing the request message."
	if err := x.stream.CloseWrite(); err != nil {
		return fmt.Errorf("end request: %w", err)
	}
	return nil
}

// deadline is so far from now, but not after the exchange's end. Streams know the machine's clock only.
func (x *exchange) deadline(d time.Duration) time.Time {
	if t := time.Now().Add(d); t.Before(x.end) {
		return t
	}
	return x.end
}

// receive reads the chunks.
//
// Spec: "A requester SHOULD read from the stream until either: 1. An error result is received in one of the chunks. 2. The responder
// closes the stream. 3. Any part of the response_chunk fails validation. 4. The maximum number of requested chunks are read."
func (x *exchange) receive(yield func(Chunk, error) bool) error {
	total := uint64(0)
	for n := uint64(0); n < x.limit; n++ {
		chunk, err := x.next()
		if errors.Is(err, io.EOF) {
			if !x.row.Many {
				return broken("chunks of the response", n, 1)
			}
			return nil
		}
		if err != nil {
			return err
		}
		if total += uint64(len(chunk.SSZ)); total > x.cfg.ResponseBytes {
			return broken("bytes of the response", total, x.cfg.ResponseBytes)
		}
		if !yield(chunk, nil) && n+1 < x.limit {
			return errStopped
		}
	}
	return nil
}

// next reads a chunk. It gives io.EOF where the response ends.
func (x *exchange) next() (Chunk, error) {
	if err := x.stream.SetReadDeadline(x.deadline(x.row.Deadlines.Wait)); err != nil {
		return Chunk{}, fmt.Errorf("set deadline: %w", err)
	}
	code, err := readCode(x.stream)
	if err != nil {
		return Chunk{}, err
	}
	if err := x.stream.SetReadDeadline(x.deadline(x.row.Deadlines.Chunk)); err != nil {
		return Chunk{}, fmt.Errorf("set deadline: %w", err)
	}
	return x.cfg.Table.readChunk(x.stream, x.row, x.cfg.Digests, code)
}

// failed classifies a failure. What the context ended is not the stream's fault.
func (x *exchange) failed(ctx context.Context, err error) error {
	return &Error{classify(ctx, err), x.peer, x.row.String(), err}
}

func classify(ctx context.Context, err error) Class {
	if _, ok := errors.AsType[*RuleError](err); ok {
		return Broken
	}
	if _, ok := errors.AsType[*ResponseError](err); ok {
		return Refused
	}
	switch {
	case errors.Is(err, ErrUnsupported):
		return Unsupported
	case isTimeout(err), errors.Is(ctx.Err(), context.DeadlineExceeded):
		return TimedOut
	case ctx.Err() != nil:
		return Cancelled
	}
	return Transport
}

// isTimeout tells whether a deadline passed. Not every stream says so in the same way.
func isTimeout(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) || ok && timeout.Timeout()
}

// checked gives the chunks of an answer after check has turned them into values; what check refuses ends the exchange as the peer's fault.
func checked[T any](c *Client, ctx context.Context, peer string, m Method, request Message, check func(*Chunk) (T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		for chunk, err := range c.Do(ctx, peer, m, request) {
			if err != nil {
				yield(none, err)
				return
			}
			value, err := check(&chunk)
			if err != nil {
				yield(none, &Error{Broken, peer, c.cfg.Table.Row(m).String(), err})
				return
			}
			if !yield(value, nil) {
				return
			}
		}
	}
}

// only gives the one chunk of an answer.
func only[T any](chunks iter.Seq2[T, error]) (T, error) {
	for value, err := range chunks {
		return value, err
	}
	var none T
	return none, errors.New("no answer")
}

// matches checks that the context of a chunk is that of the slot of its content.
//
// Spec: "the ForkDigest context epoch is determined by compute_epoch_at_slot(signed_beacon_block.message.slot)" and alike.
func (c *Client) matches(chunk *Chunk, slot types.Slot) error {
	if want := c.cfg.Digests.At(slot); chunk.Digest != want {
		return broken(fmt.Sprintf("context of a chunk of slot %d", slot), chunk.Digest, want)
	}
	return nil
}
