package chain

import (
	"context"
	"fmt"

	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/forkchoice"
)

// writerState is what only the writer touches.
type writerState struct {
	fc *forkchoice.Store
	// journal is the number of the next record of the journal.
	journal uint64
	// held are votes whose slot is not over.
	held      []forkchoice.Attestation
	heldBytes int

	head      forkchoice.Node
	headBlock *Block
	justified types.Checkpoint
	finalized types.Checkpoint
	saved     types.Epoch // the epoch in which fork choice was last handed to the persister
	confirmed types.Slot  // the slot for which the fast confirmation rule has run
	noHead    bool        // no head could be found the last time
	fatal     error
}

// write is the writer's loop. Blocks and ticks go before votes. It ends with the context, or with an error of the disk: going on
// without it would lose what was acknowledged.
func (c *Chain) write(ctx context.Context) error {
	for c.w.fatal == nil {
		select {
		case f := <-c.inbox.urgent:
			f()
			continue
		default:
		}
		select {
		case f := <-c.inbox.urgent:
			f()
		case f := <-c.inbox.votes:
			f()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return c.w.fatal
}

// do has the writer run a function and waits until it did.
func (c *Chain) do(ctx context.Context, inbox chan<- func(), f func()) error {
	_, err := ask(ctx, c, inbox, func() (struct{}, error) { f(); return struct{}{}, nil })
	return err
}

// ask has the writer run a function and gives what that returns. Who gives up waiting, as the context ended or the chain did, sees nothing of what
// the writer may still do.
func ask[T any](ctx context.Context, c *Chain, inbox chan<- func(), f func() (T, error)) (none T, err error) {
	type answer struct {
		value T
		err   error
	}
	done := make(chan answer, 1)
	select {
	case inbox <- func() {
		value, err := f()
		done <- answer{value, err}
	}:
	case <-ctx.Done():
		return none, ctx.Err()
	case <-c.stopped:
		return none, ErrStopped
	}
	select {
	case a := <-done:
		return a.value, a.err
	case <-ctx.Done():
		return none, ctx.Err()
	case <-c.stopped:
		select {
		case a := <-done: // it was the last that the writer ran
			return a.value, a.err
		default:
			return none, ErrStopped
		}
	}
}

// tick is called at the start of every slot.
func (c *Chain) tick(ctx context.Context) {
	now := c.clock.CurrentSlot()
	if err := c.do(ctx, c.inbox.urgent, c.onSlot); err != nil {
		return
	}
	c.retry(c.deferred.takeSlots(now))
	c.notifier.repeat()
	c.report()
}

// onSlot lets fork choice know the time, counts the votes of the slot before, and runs the fast confirmation rule once.
// Spec: on_tick (phase0), on_fast_confirmation (phase0/fast-confirmation.md).
func (c *Chain) onSlot() {
	c.setBack()
	c.w.fc.OnTick(c.clock.MillisecondsSinceGenesis())
	c.releaseVotes()
	c.updateHead("slot")
	if slot := c.clock.CurrentSlot(); slot > c.w.confirmed && !c.w.noHead {
		c.w.confirmed = slot
		if err := c.w.fc.OnFastConfirmation(); err != nil {
			c.log.Warn("the fast confirmation rule could not run, the safe block stays", "error", err)
			return
		}
		c.publish()
		if safe := c.index.get(c.w.fc.ConfirmedRoot()); safe != nil {
			c.events.publish(ConfirmedEvent{Block: safe.Root, Slot: safe.Slot, CurrentSlot: slot})
		}
	}
}

// setBack has fork choice follow a clock that was ahead by more than a slot and has been put right: it would judge what comes by the wrong time
// for as long as the clock was ahead. Less than that passes by itself.
func (c *Chain) setBack() {
	was, now := c.w.fc.GetCurrentSlot(), c.clock.CurrentSlot()
	if was <= now+1 || !c.w.fc.SetBack(c.clock.MillisecondsSinceGenesis()) {
		return
	}
	c.w.confirmed, c.w.saved = 0, 0 // the rule runs in this slot, and what is on disk has the wrong time too
	c.log.Warn("fork choice had the time of a clock that was ahead, and goes on with the right one", "slot", now, "was", was)
}

// fail stops the writer.
func (c *Chain) fail(err error) {
	if c.w.fatal == nil {
		c.w.fatal = err
		c.log.Error("the chain stops: the disk does not take what was imported; free space or check the device, then start again", "error", err)
	}
}

// ProposerHead is the node to build the block of a slot on: the head, or its parent where the head came too late to stay. It may be asked for before
// the slot's tick, so that it counts the votes of the slot before itself.
// Spec: get_proposer_head (phase0; modified gloas).
func (c *Chain) ProposerHead(ctx context.Context, slot types.Slot) (forkchoice.Node, error) {
	node, err := ask(ctx, c, c.inbox.urgent, func() (forkchoice.Node, error) {
		c.w.fc.OnTick(c.clock.MillisecondsSinceGenesis())
		c.releaseVotes()
		c.updateHead("proposal")
		node, err := c.w.fc.GetHead()
		if err != nil || c.w.fc.ProposerBoostRoot() == node.Root {
			return node, err
		}
		return c.w.fc.GetProposerHead(node, slot)
	})
	if err != nil {
		return forkchoice.Node{}, fmt.Errorf("head to build slot %d on: %w", slot, err)
	}
	return node, nil
}
