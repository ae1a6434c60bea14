package nodes

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/cresset/cresset/beacon/apiclient"
)

// ErrNoNode is what errors.Is finds where no node could be asked.
var ErrNoNode = errors.New("no beacon node can be asked")

// Read asks the best node, and the next ones of its tier too when it fails or takes long. The first answer counts. Nodes of a lower tier are asked only once all
// those above them have failed: what they say may be old, or not verified.
func Read[T any](ctx context.Context, n *Nodes, ask func(context.Context, *apiclient.Client) (T, error)) (T, error) {
	return Try(ctx, n, n.cfg.Hedge, ask)
}

// Try is Read for what is dear: another node is asked when one fails, or has not answered for as long as patience, which is for ever if it is 0.
func Try[T any](ctx context.Context, n *Nodes, patience time.Duration, ask func(context.Context, *apiclient.Client) (T, error)) (T, error) {
	var none T
	var failures []error
	for _, equals := range n.ranked() {
		if len(equals) == 0 {
			continue
		}
		value, errs := first(ctx, n, equals, patience, ask)
		if errs == nil {
			return value, nil
		}
		if failures = append(failures, errs...); ctx.Err() != nil {
			break
		}
	}
	if failures == nil {
		return none, ErrNoNode
	}
	return none, errors.Join(failures...)
}

// first gives the first answer of some nodes, or why there is none.
func first[T any](ctx context.Context, n *Nodes, nodes []*node, patience time.Duration, ask func(context.Context, *apiclient.Client) (T, error)) (T, []error) {
	type answer struct {
		value T
		from  *node
		err   error
	}
	var none T
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
		if patience > 0 && asked < len(nodes) {
			late, stop = n.cfg.Time.After(patience)
		}
		select {
		case a := <-answers:
			stop()
			if a.err == nil {
				return a.value, nil
			}
			failures = append(failures, fmt.Errorf("%s: %w", a.from.client, a.err))
			if len(failures) == len(nodes) {
				return none, failures
			}
			next()
		case <-late:
			next()
		case <-ctx.Done():
			stop()
			return none, append(failures, ctx.Err())
		}
	}
}

// Answer is what a node says, or why it says nothing.
type Answer[T any] struct {
	Value T
	Tier  Tier // of the node when it was asked
	Err   error
}

// Poll asks all nodes that may be asked the same, and waits for all their answers.
func Poll[T any](ctx context.Context, n *Nodes, ask func(context.Context, *apiclient.Client) (T, error)) []Answer[T] {
	var answers []Answer[T]
	var asked []*node
	for tier, equals := range n.ranked() {
		for _, x := range equals {
			asked, answers = append(asked, x), append(answers, Answer[T]{Tier: Tier(tier)})
		}
	}
	var all sync.WaitGroup
	for i, x := range asked {
		all.Go(func() {
			value, err := ask(ctx, x.client)
			if err != nil {
				err = fmt.Errorf("%s: %w", x.client, err)
			}
			answers[i].Value, answers[i].Err = value, err
		})
	}
	all.Wait()
	return answers
}

// sendTime bounds a send to a node that nobody waits for any more.
const sendTime = 12 * time.Second

// Broadcast sends to all nodes that are not refused, and returns when one has taken it; the others go on. It fails when none takes it. An item of a list is taken
// once one node took it: the error is an *apiclient.ItemsError of the others.
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
	var refused *apiclient.ItemsError // by every node that judged items so far
	for range nodes {
		var err error
		select {
		case err = <-results:
		case <-ctx.Done():
			err = ctx.Err()
		}
		var judged *apiclient.ItemsError
		switch {
		case err == nil:
			return nil
		case !errors.As(err, &judged):
			failures = append(failures, err)
		case refused == nil:
			refused = &apiclient.ItemsError{Path: judged.Path, Failures: maps.Clone(judged.Failures)}
		default:
			maps.DeleteFunc(refused.Failures, func(item int, _ string) bool {
				_, again := judged.Failures[item]
				return !again
			})
		}
		if refused != nil && len(refused.Failures) == 0 {
			return nil
		}
		if ctx.Err() != nil {
			break
		}
	}
	if refused != nil {
		return refused
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
