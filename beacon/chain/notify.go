package chain

import (
	"context"
	"sync"
	"time"

	"github.com/cresset/cresset/beacon/engine"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/forkchoice"
)

// headUpdate is what the execution client is told of the chain.
type headUpdate struct {
	root  types.Root // whose payload is the head
	fork  params.Fork
	state engine.ForkchoiceState
}

// headUpdate collects what the execution client is to know; zero if the head has no payload. Only the writer calls it.
// Spec: notify_forkchoice_updated (bellatrix; modified gloas), get_safe_execution_block_hash.
func (c *Chain) headUpdate() headUpdate {
	hash, err := c.w.fc.ExecutionBlockHash(c.w.head)
	if err != nil || hash == (types.Hash32{}) {
		return headUpdate{}
	}
	payload := c.w.headBlock
	for payload != nil && payload.ExecutionBlockHash != hash { // a head without its own payload, from gloas on
		payload = payload.Parent()
	}
	if payload == nil {
		return headUpdate{}
	}
	return headUpdate{payload.Root, c.cfg.Spec.ForkAtSlot(c.w.headBlock.Slot), engine.ForkchoiceState{
		Head: hash, Safe: c.w.fc.GetSafeExecutionBlockHash(), Finalized: c.w.fc.GetFinalizedExecutionBlockHash(),
	}}
}

// notifier tells the execution client which block is the head, the latest one only, and brings its answer back. Nobody waits for
// it.
type notifier struct {
	chain *Chain
	wake  chan struct{}
	feed  feeder
	turn  chan struct{} // held over a call, from the choice of the head on: heads are told in the order in which they were chosen

	mu struct {
		sync.Mutex
		latest headUpdate
		due    bool       // the execution client has not been told, or has not verified it
		sent   headUpdate // the last one it answered VALID to
	}
}

func newNotifier(c *Chain) *notifier {
	return &notifier{chain: c, wake: make(chan struct{}, 1), feed: feeder{chain: c}, turn: make(chan struct{}, 1)}
}

// set replaces what is to be told.
func (n *notifier) set(u headUpdate) {
	if u == (headUpdate{}) {
		return
	}
	n.mu.Lock()
	n.mu.latest = u
	n.mu.due = u != n.mu.sent
	due := n.mu.due
	n.mu.Unlock()
	if due {
		n.signal()
	}
}

func (n *notifier) signal() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// repeat tells the head again if the execution client has not verified it.
func (n *notifier) repeat() {
	n.mu.Lock()
	due := n.mu.due
	n.mu.Unlock()
	if due {
		n.signal()
	}
}

// again tells the head in any case: the execution client may have started anew.
func (n *notifier) again() {
	n.mu.Lock()
	n.mu.due, n.mu.sent = n.mu.latest != (headUpdate{}), headUpdate{}
	n.mu.Unlock()
	n.repeat()
}

// told tells whether the execution client has answered VALID to the latest head.
func (n *notifier) told() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.mu.latest == n.mu.sent
}

func (n *notifier) run(ctx context.Context) error {
	for {
		select {
		case <-n.wake:
			n.tell(ctx)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// tellLatest tells the head of the moment; not due if it was told before.
func (n *notifier) tellLatest(ctx context.Context) (u headUpdate, status engine.PayloadStatus, due bool, err error) {
	if err = n.takeTurn(ctx); err != nil {
		return
	}
	defer func() { <-n.turn }()
	n.mu.Lock()
	u, due = n.mu.latest, n.mu.due
	n.mu.Unlock()
	if !due {
		return
	}
	call, cancel := context.WithTimeout(ctx, notifyTimeout)
	defer cancel()
	status, _, err = n.chain.engine.ForkchoiceUpdated(call, u.fork, u.state, nil)
	return
}

func (n *notifier) takeTurn(ctx context.Context) error {
	select {
	case n.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// notifyTimeout bounds one call; the Engine API gives it 8 seconds.
const notifyTimeout = 10 * time.Second

func (n *notifier) tell(ctx context.Context) {
	c := n.chain
	u, status, due, err := n.tellLatest(ctx)
	if err != nil {
		c.log.Debug("the execution client was not told the head", "error", err)
		return // the next slot tries again
	}
	if !due {
		return
	}
	switch executionOf(status.Status) {
	case forkchoice.Valid:
		n.mu.Lock()
		n.mu.sent = u
		n.mu.due = n.mu.latest != u
		n.mu.Unlock()
		n.feed.reset()
		if b := c.index.get(u.root); b != nil && b.ExecutionStatus() != forkchoice.Valid {
			_ = c.do(ctx, c.inbox.urgent, func() { c.setValid(u.root) })
		}
	case forkchoice.Invalid:
		_ = c.do(ctx, c.inbox.urgent, func() { c.setInvalid(u.root, (*types.Hash32)(status.LatestValidHash)) })
	default:
		n.feed.feed(ctx, u.root)
	}
}
