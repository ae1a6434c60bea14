package nodes

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cresset/cresset/beacon/apiclient"
)

// ErrNoNode is what errors.Is finds where no node could be asked.
var ErrNoNode = errors.New("no beacon node can be asked")

// Read asks the best node, and the next ones too when it fails or takes long. The first answer counts.
func Read[T any](ctx context.Context, n *Nodes, ask func(context.Context, *apiclient.Client) (T, error)) (T, error) {
	return hedged(ctx, n, n.cfg.Hedge, ask)
}

// Try asks the best node, and the next one when it fails: for what is dear.
func Try[T any](ctx context.Context, n *Nodes, ask func(context.Context, *apiclient.Client) (T, error)) (T, error) {
	return hedged(ctx, n, 0, ask)
}

func hedged[T any](ctx context.Context, n *Nodes, delay time.Duration, ask func(context.Context, *apiclient.Client) (T, error)) (T, error) {
	type answer struct {
		value T
		from  *node
		err   error
	}
	var none T
	nodes := n.ranked()
	if len(nodes) == 0 {
		return none, ErrNoNode
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers := make(chan answer, len(nodes))
	var failures []error
	asked := 0
	next := func() {
		if asked == len(nodes) {
			return
		}
		x := nodes[asked]
		asked++
		go func() {
			value, err := ask(ctx, x.client)
			answers <- answer{value, x, err}
		}()
	}
	for next(); ; {
		var late <-chan time.Time
		stop := func() {}
		if delay > 0 && asked < len(nodes) {
			late, stop = n.cfg.Time.After(delay)
		}
		select {
		case a := <-answers:
			stop()
			if a.err == nil {
				return a.value, nil
			}
			failures = append(failures, fmt.Errorf("%s: %w", a.from.client, a.err))
			if len(failures) == len(nodes) {
				return none, errors.Join(failures...)
			}
			next()
		case <-late:
			next()
		case <-ctx.Done():
			stop()
			return none, errors.Join(append(failures, ctx.Err())...)
		}
	}
}

// sendTime bounds a send to a node that nobody waits for any more.
const sendTime = 12 * time.Second

// Broadcast sends to all nodes that are not refused, and returns when the first one has taken it; the others go on. It fails when none takes it.
func (n *Nodes) Broadcast(ctx context.Context, send func(context.Context, *apiclient.Client) error) error {
	var nodes []*node
	n.mu.Lock()
	for _, x := range n.mu.nodes {
		if x.tier != Refused && x.known && !n.mu.ended {
			nodes = append(nodes, x)
		}
	}
	n.sends.Add(len(nodes))
	n.mu.Unlock()
	if len(nodes) == 0 {
		return ErrNoNode
	}
	results := make(chan error, len(nodes))
	for _, x := range nodes {
		go func() {
			defer n.sends.Done()
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sendTime)
			defer cancel()
			err := send(ctx, x.client)
			if err != nil {
				err = fmt.Errorf("%s: %w", x.client, err)
				n.cfg.Log.Debug("a beacon node did not take it", "error", err)
			}
			results <- err
		}()
	}
	var failures []error
	for range nodes {
		select {
		case err := <-results:
			if err == nil {
				return nil
			}
			failures = append(failures, err)
		case <-ctx.Done():
			return errors.Join(append(failures, ctx.Err())...)
		}
	}
	return errors.Join(failures...)
}

// Retry does something again, with pauses, until it succeeds or the context ends. It gives the last failure that is not the context's.
func (n *Nodes) Retry(ctx context.Context, pause time.Duration, do func() error) error {
	var last error
	for {
		err := do()
		if err == nil {
			return nil
		}
		if last == nil || ctx.Err() == nil {
			last = err
		}
		if !n.pause(ctx, pause) {
			return last
		}
	}
}
