package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cresset/cresset/beacon/engine/wire"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// Run watches over the execution clients until the context ends, which is no error.
func (c *Client) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, e := range c.endpoints {
		group.Go(func() error { c.watch(ctx, e); return nil })
	}
	return group.Wait()
}

// watch asks one endpoint how it is, again and again: at the interval while it works, after growing pauses while it does not, and when poked.
func (c *Client) watch(ctx context.Context, e *endpoint) {
	pause := firstPause
	for {
		usable := c.look(ctx, e)
		if ctx.Err() != nil {
			return
		}
		next := c.cfg.Interval
		if usable {
			pause = firstPause
		} else {
			next = pause + time.Duration(c.cfg.Random(int64(pause)/2+1))
			pause = min(2*pause, longestPause)
		}
		if !e.wait(ctx, next) {
			return
		}
	}
}

// look asks one endpoint how it is and does what follows from it.
func (c *Client) look(ctx context.Context, e *endpoint) (usable bool) {
	v := c.probe(ctx, e)
	if ctx.Err() != nil {
		return false
	}
	c.judge(e, v)
	c.mu.Lock()
	e.health.asked = true
	c.mu.Unlock()
	if c.preferred(e) {
		c.activate(ctx, e)
	}
	return v.usable
}

// preferred tells whether an endpoint that is not active should be: it is ready and the active one is not, or it stands before the
// active one and has been ready for the hold-down.
func (c *Client) preferred(e *endpoint) bool {
	now := c.cfg.Source.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	active := c.endpoints[c.mu.active]
	if e == active || e.health.State != Ready {
		return false
	}
	return active.health.State != Ready && active.health.asked || e.index < active.index && now.Sub(e.health.Since) >= c.cfg.HoldDown
}

// probe asks an endpoint all that its health depends on.
func (c *Client) probe(ctx context.Context, e *endpoint) verdict {
	if err := c.probeChain(ctx, e); err != nil {
		return verdictOf(err)
	}
	c.mu.Lock()
	e.health.foreign = false
	c.mu.Unlock()
	var methods []string
	names := wire.Capabilities()
	err := c.raw(ctx, e, wire.KindExchangeCapabilities, wire.Tuple(wire.Names(&names)), wire.Names(&methods))
	if err != nil {
		return verdictOf(err)
	}
	has := map[string]bool{}
	for _, name := range methods {
		has[name] = true
	}
	c.mu.Lock()
	e.health.methods = has
	unnamed := e.health.Version == ClientVersion{} || !e.health.Usable
	c.mu.Unlock()
	if unnamed && has["engine_getClientVersionV1"] {
		if err := c.probeVersion(ctx, e); err != nil {
			return verdictOf(err)
		}
	}
	if v, ok := c.missing(has); ok {
		return v
	}
	return c.probeSync(ctx, e)
}

// raw asks one endpoint, whatever its health is.
func (c *Client) raw(ctx context.Context, e *endpoint, kind wire.Kind, params, result wire.Value) error {
	m, err := wire.MethodFor(kind, c.fork())
	if err != nil {
		return err
	}
	return e.call(ctx, m, params, result)
}

// fork is that of the present slot.
func (c *Client) fork() params.Fork { return c.cfg.Spec.ForkAtEpoch(c.cfg.Clock.CurrentEpoch()) }

// probeChain compares the chain of an endpoint with ours.
func (c *Client) probeChain(ctx context.Context, e *endpoint) error {
	var id uint64
	if err := c.raw(ctx, e, wire.KindChainID, wire.Tuple(), wire.Quantity(&id)); err != nil {
		return err
	}
	wrong := func(format string, args ...any) error {
		return &CallError{Endpoint: e.name, Method: "eth_chainId", Kind: ErrWrongChain, Err: fmt.Errorf(format, args...)}
	}
	if want := c.cfg.Spec.DepositChainId; id != want {
		return wrong("its chain id is %d, this network's is %d", id, want)
	}
	if c.cfg.GenesisHash == nil {
		return nil
	}
	var genesis *types.Hash32
	var zero uint64
	full := false
	hash := func(h *types.Hash32) wire.Value { return wire.Object(wire.Need("hash", wire.Fixed(h[:]))) }
	if err := c.raw(ctx, e, wire.KindBlockByNumber, wire.Tuple(wire.Quantity(&zero), wire.Bool(&full)), wire.Nullable(&genesis, hash)); err != nil {
		return err
	}
	if genesis == nil || *genesis != *c.cfg.GenesisHash {
		return wrong("its genesis block is %v, this network's is %v", genesis, *c.cfg.GenesisHash)
	}
	return nil
}

// probeVersion keeps what an endpoint calls itself. An error of the endpoint's own is no matter.
func (c *Client) probeVersion(ctx context.Context, e *endpoint) error {
	version, err := c.version(ctx, e)
	var answer *RPCError
	if errors.As(err, &answer) {
		return nil
	}
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	e.health.Version = version[0]
	return nil
}

// missing is the verdict on an endpoint that lacks a method of the present or of the next fork.
func (c *Client) missing(has map[string]bool) (verdict, bool) {
	spec, epoch := c.cfg.Spec, c.cfg.Clock.CurrentEpoch()
	now := spec.ForkAtEpoch(epoch)
	const advice = "update the execution client"
	if lacks := lacking(has, wire.Demanded(now)); len(lacks) > 0 {
		return verdict{MissingMethod, false, fmt.Sprintf("it lacks %s, which %s demands", strings.Join(lacks, ", "), now), advice}, true
	}
	for fork := now + 1; fork <= params.Heze; fork++ {
		begin := spec.ForkEpoch(fork)
		if begin == params.FarFutureEpoch {
			break
		}
		if lacks := lacking(has, wire.Demanded(fork)); len(lacks) > 0 {
			reason := fmt.Sprintf("it lacks %s, which %s demands from epoch %d on", strings.Join(lacks, ", "), fork, begin)
			return verdict{MissingMethod, true, reason, advice + " before then"}, true
		}
		if len(wire.Demanded(fork)) > 0 {
			break
		}
	}
	return verdict{}, false
}

// probeSync asks an endpoint whether it has caught up. What it says of the last head counts more than what it says of itself; an
// endpoint that stands by, or has not worked until now, is told the head first.
func (c *Client) probeSync(ctx context.Context, e *endpoint) verdict {
	c.mu.Lock()
	behind := c.mu.active != e.index || !e.health.Usable
	c.mu.Unlock()
	if behind {
		if err := c.replay(ctx, e); err != nil {
			return verdictOf(err)
		}
	}
	var answer []byte
	if err := c.raw(ctx, e, wire.KindSyncing, wire.Tuple(), wire.Raw(&answer)); err != nil {
		return verdictOf(err)
	}
	c.mu.Lock()
	head, last := e.health.head, c.mu.last.head.Head
	c.mu.Unlock()
	switch {
	case head == headValid:
		return verdict{state: Ready, usable: true, reason: "it has the head"}
	case head == headMissing:
		return missingHead(last.String())
	case bytes.Equal(answer, []byte("false")):
		return verdict{state: Ready, usable: true, reason: "it answers and is not syncing"}
	}
	var current, highest uint64
	err := wire.Read(answer, wire.Object(wire.May("currentBlock", wire.Quantity(&current)), wire.May("highestBlock", wire.Quantity(&highest))))
	if err != nil {
		return verdictOf(&CallError{Endpoint: e.name, Method: "eth_syncing", Kind: ErrMalformed, Err: err})
	}
	if highest <= current {
		return verdict{SyncingState, true, "it waits to be told a head", ""}
	}
	return verdict{SyncingState, true, fmt.Sprintf("it is syncing, at block %d of %d", current, highest), ""}
}
