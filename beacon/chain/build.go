package chain

import (
	"context"
	"errors"
	"fmt"

	"github.com/cresset/cresset/beacon/engine"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/forkchoice"
)

// ErrHeadMoved means that a payload was to be built on a block that is not the head any more.
var ErrHeadMoved = errors.New("the head has moved")

// ErrNotBuilding means that the execution client does not build a payload, because it has not verified the head or for a reason of its own.
var ErrNotBuilding = errors.New("the execution client does not build a payload")

// BuildPayload has the execution client build a payload of a fork, by its attributes, on the payload of a block: the head, or the head's
// parent for a block that is to replace the head. It belongs to the chain because whoever tells the execution client of a block to build on tells
// it of a head: this way there is one who tells heads, in the order in which they were chosen, and none is told that is the head no more.
//
// Spec: prepare_execution_payload (bellatrix; modified capella, deneb), until Fulu.
func (c *Chain) BuildPayload(ctx context.Context, on types.Root, fork params.Fork, attributes *engine.PayloadAttributes) (engine.PayloadID, error) {
	n := c.notifier
	if err := n.takeTurn(ctx); err != nil {
		return engine.PayloadID{}, err
	}
	defer func() { <-n.turn }()
	b, err := ask(ctx, c, c.inbox.urgent, func() (building, error) { return c.buildingOn(on) })
	if err != nil {
		return engine.PayloadID{}, err
	}
	call, cancel := context.WithTimeout(ctx, notifyTimeout)
	defer cancel()
	status, id, err := c.engine.ForkchoiceUpdated(call, fork, b.state, attributes)
	if err != nil {
		return engine.PayloadID{}, fmt.Errorf("%w: %w", ErrEngine, err)
	}
	if b.reorg {
		n.mu.Lock() // the head is told again unless the block replaces it
		n.mu.due, n.mu.sent = true, headUpdate{}
		n.mu.Unlock()
	}
	if status.Status != engine.Valid || id == nil {
		return engine.PayloadID{}, fmt.Errorf("%w: on block %v, whose payload it calls %v %s", ErrNotBuilding, on, status.Status, status.ValidationError)
	}
	return *id, nil
}

// building is what the execution client is told to build on, and whether that is the parent of the head, which the block is to replace.
type building struct {
	headUpdate
	reorg bool
}

// buildingOn is what the execution client is told to build on a block. Only the writer calls it.
func (c *Chain) buildingOn(on types.Root) (building, error) {
	u := c.headUpdate()
	switch head := c.w.headBlock; {
	case u != (headUpdate{}) && head.Root == on:
		return building{headUpdate: u}, nil
	case u == (headUpdate{}) || head.ParentRoot != on:
		return building{}, fmt.Errorf("%w: to %v, not %v", ErrHeadMoved, head.Root, on)
	}
	hash, err := c.w.fc.ExecutionBlockHash(forkchoice.Node{Root: on})
	if err != nil {
		return building{}, err
	}
	u.root, u.state.Head = on, hash
	u.state.Safe = u.state.Finalized // the safe one may be the block that is to be replaced
	return building{u, true}, nil
}
