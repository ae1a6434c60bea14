package nodes

import (
	"context"
	"time"

	"github.com/cresset/cresset/beacon/apiclient"
	"github.com/cresset/cresset/beacon/types"
)

// reconnect is the pause before an event stream that ended is opened again.
const reconnect = time.Second

// listen follows the heads of a node.
func (n *Nodes) listen(ctx context.Context, x *node) {
	for {
		n.mu.Lock()
		known := x.known
		n.mu.Unlock()
		if known {
			err := x.client.Heads(ctx, n.silence(), func(e apiclient.HeadEvent) { n.take(x, e) })
			if ctx.Err() == nil {
				n.cfg.Log.Debug("an event stream ended and is opened again", "node", x.client, "error", err)
			}
		}
		if !n.pause(ctx, reconnect) {
			return
		}
	}
}

// take takes note of a head. One that is not verified, or of a node that is behind others, is none to vote for.
func (n *Nodes) take(x *node, e apiclient.HeadEvent) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !x.known {
		return
	}
	x.head = e.Slot
	if e.Optimistic || n.mu.from != x && e.Slot < n.mu.head.Slot {
		return
	}
	n.mu.head, n.mu.from = e, x
	close(n.mu.changed)
	n.mu.changed = make(chan struct{})
}

// Head is the last head that a node told of, zero before the first, and a channel that is closed when there is another.
func (n *Nodes) Head() (apiclient.HeadEvent, <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.mu.head, n.mu.changed
}

// WaitHead waits for a block of a slot as the head, at most until a time. It tells whether there is one.
func (n *Nodes) WaitHead(ctx context.Context, slot types.Slot, until time.Time) (bool, error) {
	due, stop := n.cfg.Time.After(until.Sub(n.cfg.Time.Now()))
	defer stop()
	for {
		head, changed := n.Head()
		if head.Slot >= slot && head.Block != (types.Root{}) {
			return true, nil
		}
		select {
		case <-changed:
		case <-due:
			return false, nil
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}
