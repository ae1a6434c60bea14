package nodes

import (
	"context"
	"time"

	"github.com/cresset/cresset/beacon/apiclient"
	"github.com/cresset/cresset/beacon/clock"
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
	if !n.credible(x, e.Slot) {
		return
	}
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

// credible tells whether a node may have a head of a slot: one slot ahead of our clock at most, which clocks that differ a little allow. The first one that may
// not be is told.
func (n *Nodes) credible(x *node, slot types.Slot) bool {
	n.mu.Lock()
	now := n.presentLocked()
	ok := slot <= now+1
	first := !ok && !x.ahead
	x.ahead = x.ahead || !ok
	n.mu.Unlock()
	if first {
		n.cfg.Log.Warn("a beacon node tells of a head in a slot to come, and is not believed; compare its clock and this machine's", "node", x.client, "slot", slot, "now", now)
	}
	return ok
}

// presentLocked is the slot of our clock, 0 before a node told when the chain began.
func (n *Nodes) presentLocked() types.Slot {
	if n.mu.chain == nil {
		return 0
	}
	return clock.New(clock.Config{Spec: n.cfg.Spec, GenesisTime: n.mu.chain.GenesisTime, Source: n.cfg.Time}).CurrentSlot()
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
