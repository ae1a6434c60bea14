package reqresp

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cresset/cresset/beacon/clock"
	"github.com/cresset/cresset/beacon/ssz"
)

// Handler answers a request by sending chunks. It returns nil when the answer is complete, a *ResponseError to end it with that, or what
// went wrong.
type Handler func(ctx context.Context, call *Call) error

// On is a handler of one type of request.
func On[M Message](f func(ctx context.Context, call *Call, request M) error) Handler {
	return func(ctx context.Context, call *Call) error {
		request, ok := call.Request.(M)
		if !ok {
			return fmt.Errorf("handler of %v got a %T", call.Protocol, call.Request)
		}
		return f(ctx, call, request)
	}
}

// Fault says what went wrong on the server's side of a stream.
type Fault uint8

// The faults.
const (
	// FaultNone is nobody's: there are too many streams or peers at this time.
	FaultNone Fault = iota
	// FaultRequest is a request against the protocol.
	FaultRequest
	// FaultConcurrency is a peer with far more than MAX_CONCURRENT_REQUESTS streams of a protocol.
	FaultConcurrency
	// FaultSlow is a peer that does not send its request or does not read the answer.
	FaultSlow
	// FaultTransport is a stream that failed.
	FaultTransport
	// FaultOwn is a handler that failed.
	FaultOwn
)

// Incident is a stream that did not end in order.
type Incident struct {
	Peer     string
	Protocol *Protocol
	Fault    Fault
	Err      error
}

// ServerConfig is what a Server is made of.
type ServerConfig struct {
	Table    *Table
	Digests  *Digests
	Clock    *clock.Clock
	Handlers map[Method]Handler
	// Report is told of every stream that did not end in order. It may be called by many goroutines and must not wait.
	Report func(Incident)
	// Streams bounds the streams of all peers. Default 2048.
	Streams int
	// Peers bounds the peers that are remembered: those with streams, and those whose quotas are not full. Default 1024.
	Peers int
	// BytesPerPeer bounds what is being written to a peer. Default 16 MiB, which is more than the largest chunk.
	BytesPerPeer int64
	// Lifetime bounds a stream, whatever it waits for. Default 3 minutes, when whoever asked has given up.
	Lifetime time.Duration
}

const (
	defaultStreams      = 2048
	defaultPeers        = 1024
	defaultBytesPerPeer = 16 << 20
	defaultLifetime     = 3 * time.Minute
)

// Server answers requests. It may be used by many goroutines.
type Server struct {
	cfg      ServerConfig
	registry *registry
}

// NewServer makes a server.
func NewServer(cfg ServerConfig) *Server {
	if cfg.Report == nil {
		cfg.Report = func(Incident) {}
	}
	if cfg.Streams == 0 {
		cfg.Streams = defaultStreams
	}
	if cfg.Peers == 0 {
		cfg.Peers = defaultPeers
	}
	if cfg.BytesPerPeer == 0 {
		cfg.BytesPerPeer = defaultBytesPerPeer
	}
	if cfg.Lifetime == 0 {
		cfg.Lifetime = defaultLifetime
	}
	return &Server{cfg: cfg, registry: newRegistry(cfg.Streams, cfg.Peers, cfg.BytesPerPeer)}
}

// Offered lists the protocols that the server answers now.
func (s *Server) Offered() []*Protocol {
	var rows []*Protocol
	for _, row := range s.cfg.Table.Offered(s.cfg.Clock.CurrentEpoch()) {
		if s.cfg.Handlers[row.Method] != nil {
			rows = append(rows, row)
		}
	}
	return rows
}

// Serve answers the request of a stream that a peer opened for a protocol id, and ends the stream. It returns when that is done.
func (s *Server) Serve(ctx context.Context, peer, id string, stream Stream) {
	row := s.cfg.Table.ByID(id)
	if row == nil || s.cfg.Handlers[row.Method] == nil {
		_ = stream.Reset()
		return
	}
	fault, err := s.serve(ctx, peer, row, stream)
	if err == nil {
		return
	}
	s.cfg.Report(Incident{peer, row, fault, err})
}

// serve leaves no stream open. It tells whose fault a stream was that did not end in order.
func (s *Server) serve(ctx context.Context, peer string, row *Protocol, stream Stream) (Fault, error) {
	client, fault, err := s.registry.enter(peer, row.Method, s.cfg.Clock.Now())
	if err != nil {
		_ = stream.Reset()
		return fault, err
	}
	defer func() { s.registry.leave(peer, client, row.Method, s.cfg.Clock.Now()) }()
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Lifetime)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = stream.Reset() })
	defer stop()

	cx := ssz.Context{Spec: s.cfg.Table.spec, Fork: s.cfg.Table.spec.ForkAtSlot(s.cfg.Clock.CurrentSlot())}
	call := &Call{Peer: peer, Protocol: row, Cx: cx, server: s, client: client, stream: stream}
	if err := client.turns[row.Method].Acquire(ctx, 1); err != nil {
		return FaultNone, err
	}
	defer client.turns[row.Method].Release(1)
	fault, err = s.answer(ctx, call)
	if fault == FaultSlow || fault == FaultTransport || ctx.Err() != nil {
		_ = stream.Reset()
		return fault, err
	}
	// Spec: "Close their write side of the stream. At this point, the stream will be fully closed."
	if closed := errors.Join(stream.CloseWrite(), stream.Close()); closed != nil && err == nil {
		return FaultTransport, fmt.Errorf("end answer: %w", closed)
	}
	return fault, err
}

// answer reads the request and has it answered.
func (s *Server) answer(ctx context.Context, call *Call) (Fault, error) {
	if err := s.receive(call); err != nil {
		if rule, ok := errors.AsType[*RuleError](err); ok {
			// Spec: "From requests: send back an error message, response code InvalidRequest. The request itself is ignored."
			_ = call.refuse(&ResponseError{InvalidRequest, rule.Error()})
			return FaultRequest, err
		}
		if isTimeout(err) {
			return FaultSlow, err
		}
		return FaultTransport, err
	}
	if err := s.waitForQuota(ctx, call); err != nil {
		return FaultNone, err
	}
	err := s.cfg.Handlers[call.Protocol.Method](ctx, call)
	if call.failed != nil {
		return call.fault(), call.failed
	}
	if err == nil || ctx.Err() != nil {
		return FaultNone, ctx.Err()
	}
	if answer, ok := errors.AsType[*ResponseError](err); ok {
		if err := call.refuse(answer); err != nil {
			return call.fault(), err
		}
		return FaultNone, nil
	}
	_ = call.refuse(&ResponseError{ServerError, "internal error"})
	return FaultOwn, err
}

// refuse ends an answer with an error. Spec: "only the last chunk is allowed to have a non-zero error code".
func (c *Call) refuse(e *ResponseError) error {
	return c.write(func(dst []byte) []byte { return appendError(dst, e) })
}

// receive reads and checks the request.
func (s *Server) receive(call *Call) (err error) {
	if err := call.stream.SetReadDeadline(time.Now().Add(call.Protocol.Deadlines.Chunk)); err != nil {
		return fmt.Errorf("set deadline: %w", err)
	}
	if call.Request, err = s.cfg.Table.readRequest(call.stream, call.Protocol); err != nil {
		return err
	}
	call.left = 1
	if call.Request == nil {
		return nil
	}
	if err := call.Request.Check(call.Cx); err != nil {
		return err
	}
	items, most := call.Request.Items(call.Cx), call.Protocol.MaxChunks(call.Cx.Spec, call.Cx.Fork)
	// Spec: "No more than MAX_REQUEST_BLOCKS_DENEB may be requested at a time." and alike. Of a range, "Clients MAY limit the number of blocks
	// in the response."
	if items > most && call.Protocol.Listed {
		return broken("number of things asked for", items, most)
	}
	call.left = min(items, most)
	return nil
}

// waitForQuota waits until the peer, and then all peers together, may have what is asked for. A request for nothing costs something.
//
// Spec: "The responder MAY rate-limit chunks by withholding each chunk until capacity is available. The responder MUST NOT respond with an
// error or close the stream when rate limiting."
func (s *Server) waitForQuota(ctx context.Context, call *Call) error {
	items := max(call.left, 1)
	if err := s.sleep(ctx, s.registry.charge(call.client, call.Protocol, items, s.cfg.Clock.Now())); err != nil {
		return err
	}
	return s.sleep(ctx, s.registry.chargeAll(call.Protocol, items, s.cfg.Clock.Now()))
}
