package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/cresset/cresset/beacon/engine/wire"
	"github.com/cresset/cresset/beacon/params"
)

// Client speaks with the execution clients of the node. It may be used by many goroutines.
type Client struct {
	// Static.
	cfg       Config
	endpoints []*endpoint

	// switching is a semaphore: one change of the active endpoint at a time.
	switching chan struct{}

	mu struct {
		sync.Mutex
		active  int
		changed chan struct{} // closed at the next change of health
		custody *ColumnSet    // nil until it is set
		last    last
		issued  []issue // newest last, at most maxIssued
	}
}

// last is what a newly chosen endpoint is told before anything else.
type last struct {
	payload     *wire.NewPayload
	payloadFork params.Fork
	head        ForkchoiceState
	headFork    params.Fork
}

// issue says which endpoint builds a payload.
type issue struct {
	id       PayloadID
	endpoint *endpoint
}

// maxIssued is how many payloads in the making are remembered.
const maxIssued = 16

// New makes a client. It neither connects nor starts anything; Run does.
func New(cfg Config) (*Client, error) {
	cfg, err := cfg.checked()
	if err != nil {
		return nil, fmt.Errorf("execution client: %w", err)
	}
	c := &Client{cfg: cfg, switching: make(chan struct{}, 1)}
	for i := range cfg.Endpoints {
		e := newEndpoint(i, cfg)
		e.health.EndpointHealth = EndpointHealth{Name: e.name, Reason: "it has not been asked yet"}
		c.endpoints = append(c.endpoints, e)
	}
	c.mu.changed = make(chan struct{})
	return c, nil
}

// query is a call before it is known which endpoint gets it.
type query[T any] struct {
	kind   wire.Kind
	fork   params.Fork
	params wire.Value
	of     func(*T) wire.Value
	// check looks for contradictions in an answer; may be nil.
	check func(*T) error
	// optional methods are not called on an endpoint that has not got them.
	optional bool
}

// ask makes a call on one endpoint and keeps what it shows about the endpoint's health.
func ask[T any](ctx context.Context, c *Client, e *endpoint, q query[T]) (*T, error) {
	m, err := wire.MethodFor(q.kind, q.fork)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	foreign, reason := e.health.foreign, e.health.Reason
	c.mu.Unlock()
	if foreign {
		return nil, &CallError{Endpoint: e.name, Method: m.Name, Kind: ErrWrongChain, Err: errors.New(reason)}
	}
	if has, known := c.offered(e, m.Name); q.optional && known && !has {
		return nil, &CallError{Endpoint: e.name, Method: m.Name, Kind: ErrUnavailable, Err: errors.New("it is not among its capabilities")}
	}
	result := new(T)
	err = e.call(ctx, m, q.params, q.of(result))
	if err == nil && q.check != nil {
		if wrong := q.check(result); wrong != nil {
			err = e.failed(m, ErrMalformed, wrong)
		}
	}
	if err != nil {
		if ctx.Err() == nil {
			c.noteFailure(e, err)
		}
		return nil, err
	}
	c.noteSuccess(e)
	return result, nil
}

// askActive makes a call on the active endpoint, and on others while it fails for a reason that is the endpoint's own.
func askActive[T any](ctx context.Context, c *Client, q query[T]) (*T, *endpoint, error) {
	e := c.activeEndpoint()
	tried := []*endpoint{e}
	for {
		result, err := ask(ctx, c, e, q)
		var call *CallError
		if err == nil || ctx.Err() != nil || !errors.As(err, &call) || errors.Is(err, ErrUnavailable) {
			return result, e, err
		}
		next := c.failOver(ctx, e, tried)
		if next == nil {
			return nil, e, err
		}
		e = next
		tried = append(tried, e)
	}
}

func (c *Client) activeEndpoint() *endpoint {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.endpoints[c.mu.active]
}

// failOver gives an endpoint to call instead of one that failed, nil if there is none. It makes it the active one.
func (c *Client) failOver(ctx context.Context, failed *endpoint, tried []*endpoint) *endpoint {
	if now := c.activeEndpoint(); !slices.Contains(tried, now) {
		return now // Another call has been through this.
	}
	next := c.best(tried)
	if next == nil || !c.activate(ctx, next) {
		return nil
	}
	return next
}

// best is the first ready endpoint besides those that were tried, else the first that is usable, or has not been asked yet.
func (c *Client) best(tried []*endpoint) *endpoint {
	c.mu.Lock()
	defer c.mu.Unlock()
	var usable *endpoint
	for _, e := range c.endpoints {
		if slices.Contains(tried, e) {
			continue
		}
		if e.health.State == Ready {
			return e
		}
		if usable == nil && (e.health.Usable || !e.health.asked && e.health.State != WrongChain) {
			usable = e
		}
	}
	return usable
}

// activate tells an endpoint the last payload and head, and makes it the active one. It tells whether it did.
func (c *Client) activate(ctx context.Context, e *endpoint) bool {
	if acquire(ctx, c.switching) != nil {
		return false
	}
	defer func() { <-c.switching }()
	if c.activeEndpoint() == e {
		return true
	}
	if c.replay(ctx, e) != nil {
		return false
	}
	c.mu.Lock()
	old := c.endpoints[c.mu.active]
	c.mu.active = e.index
	was := old.health.EndpointHealth
	c.changedLocked()
	c.mu.Unlock()
	log := c.cfg.Log.With("from", old.name, "to", e.name)
	if was.Usable {
		log.Info("execution client changed")
	} else {
		log.Warn("execution client changed", "reason", was.Reason, "action", "see what is the matter with "+old.name)
	}
	return true
}

// replay tells an endpoint the last payload and head, so that it knows what the others know. An answer that is an error is no matter.
func (c *Client) replay(ctx context.Context, e *endpoint) error {
	c.mu.Lock()
	l := c.mu.last
	c.mu.Unlock()
	var err error
	if l.payload != nil {
		_, err = ask(ctx, c, e, c.newPayload(l.payloadFork, l.payload))
	}
	if l.head != (ForkchoiceState{}) && !failed(err) {
		_, err = c.tellHead(ctx, e, nil, nil)
	}
	if failed(err) {
		return err
	}
	return nil
}

// failed tells whether an error is the way's, and not an answer.
func failed(err error) bool {
	var answer *RPCError
	return err != nil && !errors.As(err, &answer)
}
