package engine

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// State is how an execution client is, the worst first.
type State uint8

// The states of an execution client.
const (
	Offline       State = iota // no connection, no answer in time, or no sensible answer; or not asked yet
	AuthFailed                 // the secret cannot be read, or is not the execution client's
	WrongChain                 // another chain; nothing is sent to it
	MissingMethod              // it lacks a method that the present or the next fork demands
	SyncingState               // it works and has not got the head yet
	Ready
)

// String is the state in words.
func (s State) String() string {
	if names := []string{"offline", "auth failed", "wrong chain", "missing method", "syncing", "ready"}; int(s) < len(names) {
		return names[s]
	}
	return fmt.Sprintf("State(%d)", uint8(s))
}

// EndpointHealth is how one execution client is.
type EndpointHealth struct {
	Name   string
	State  State
	Reason string // what is the matter, in plain words
	Advice string // what the operator should do; empty when there is nothing to do
	// Since is when the state began.
	Since time.Time
	// Usable tells whether calls make sense: it is ready or syncing, or what it lacks is for a later fork.
	Usable bool
	// Version is what the execution client calls itself; zero while it has not said.
	Version ClientVersion
}

// Health is how the execution clients are, in the order of the configuration.
type Health struct {
	Active    int // index of the endpoint that gets the calls
	Endpoints []EndpointHealth
}

// State is that of the active endpoint.
func (h Health) State() State { return h.Endpoints[h.Active].State }

// headAnswer is what an endpoint said of the last head it was told.
type headAnswer uint8

const (
	headUnknown headAnswer = iota
	headMissing
	headValid
)

// health is what is known of an endpoint. Client.mu guards it.
type health struct {
	EndpointHealth
	asked   bool            // the health loop has asked at least once
	foreign bool            // when it was last asked, it was of another chain
	methods map[string]bool // what engine_exchangeCapabilities named; nil while it is not known
	head    headAnswer
}

// verdict is what follows for an endpoint from its answers.
type verdict struct {
	state  State
	usable bool
	reason string
	advice string
}

// verdictOf is what follows from a call that failed.
func verdictOf(err error) verdict {
	reason := err.Error()
	var call *CallError
	if errors.As(err, &call) {
		reason = fmt.Sprintf("%s: %v", call.Method, call.Err)
	}
	switch {
	case errors.Is(err, ErrAuth):
		return verdict{AuthFailed, false, reason,
			"give both programs the same file of the JWT secret (32 bytes in hex), readable for both, and see that their clocks agree within 60 seconds"}
	case errors.Is(err, ErrWrongChain):
		return verdict{WrongChain, false, reason, "start the execution client for the network that this node is on, or correct the endpoint's URL"}
	case errors.Is(err, ErrMalformed):
		return verdict{Offline, false, reason, "see that the URL is that of the Engine API (by default port 8551) and read the execution client's log"}
	}
	return verdict{Offline, false, reason, "see that the execution client runs and that the URL is that of its Engine API (by default port 8551)"}
}

// Health is how the execution clients are now.
func (c *Client) Health() Health {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := Health{Active: c.mu.active}
	for _, e := range c.endpoints {
		h.Endpoints = append(h.Endpoints, e.health.EndpointHealth)
	}
	return h
}

// Changed gives a channel that is closed when the health next changes. Whoever waits asks for the channel first and reads Health then.
func (c *Client) Changed() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.changed
}

func (c *Client) changedLocked() {
	close(c.mu.changed)
	c.mu.changed = make(chan struct{})
}

// judge keeps a verdict, and says so in the log if the state is another one.
func (c *Client) judge(e *endpoint, v verdict) {
	now := c.cfg.Source.Now()
	c.mu.Lock()
	old := e.health.EndpointHealth
	if !v.usable {
		e.health.head = headUnknown
	}
	e.health.foreign = v.state == WrongChain
	e.health.Usable, e.health.Reason, e.health.Advice = v.usable, v.reason, v.advice
	news := old.State != v.state || old.Since.IsZero()
	if news {
		e.health.State, e.health.Since = v.state, now
	}
	if news || old.Reason != v.reason || old.Usable != v.usable {
		c.changedLocked()
	}
	c.mu.Unlock()
	if news {
		c.logState(e, v)
	}
}

func (c *Client) logState(e *endpoint, v verdict) {
	log := c.cfg.Log.With("endpoint", e.name, "reason", v.reason)
	switch v.state {
	case Ready:
		log.Info("execution client is ready")
	case SyncingState:
		log.Info("execution client is syncing")
	default:
		log.Warn("execution client: "+v.state.String(), "action", v.advice)
	}
}

// noteHead keeps what an endpoint said of the head it was told.
func (c *Client) noteHead(e *endpoint, status PayloadStatus, head fmt.Stringer) {
	answer := headValid
	if status.Status == Syncing {
		answer = headMissing
	} else if status.Status != Valid {
		return // An invalid head says nothing about the execution client.
	}
	c.mu.Lock()
	e.health.head = answer
	state := e.health.State
	c.mu.Unlock()
	switch {
	case answer == headMissing && state == Ready:
		c.judge(e, missingHead(head.String()))
	case answer == headValid && state == SyncingState:
		c.judge(e, verdict{state: Ready, usable: true, reason: "it has the head"})
	}
}

func missingHead(head string) verdict {
	return verdict{SyncingState, true, "it does not have all of the chain of head " + head + " and is fetching it", ""}
}

// noteFailure keeps that a call failed, and has the endpoint looked at.
func (c *Client) noteFailure(e *endpoint, err error) {
	switch {
	case errors.Is(err, ErrUnavailable):
	case errors.Is(err, MethodNotFound):
		e.poke()
	case errors.Is(err, ErrOffline), errors.Is(err, ErrAuth), errors.Is(err, ErrMalformed):
		c.mu.Lock()
		first := e.health.Usable || !e.health.asked
		c.mu.Unlock()
		c.judge(e, verdictOf(err))
		if first {
			e.poke()
		}
	}
}

// noteSuccess has an endpoint looked at that works again, as a call has shown.
func (c *Client) noteSuccess(e *endpoint) {
	c.mu.Lock()
	doubted := e.health.asked && !e.health.Usable && e.health.State <= AuthFailed
	c.mu.Unlock()
	if doubted {
		e.poke()
	}
}

// pokeOthers has the endpoints that stand by look after a new head.
func (c *Client) pokeOthers(active *endpoint) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.endpoints {
		if e != active && e.health.Usable {
			e.poke()
		}
	}
}

// offered tells whether an endpoint has a method; known is false while it has not said what it has.
func (c *Client) offered(e *endpoint, method string) (has, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return e.health.methods[method], e.health.methods != nil
}

// lacking is which of some methods are not in a set, sorted.
func lacking(has map[string]bool, wanted ...[]string) []string {
	missing := map[string]bool{}
	for _, names := range wanted {
		for _, name := range names {
			if !has[name] {
				missing[name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(missing))
}
