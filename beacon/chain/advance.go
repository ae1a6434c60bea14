package chain

import (
	"context"
	"errors"
	"time"

	"github.com/cresset/cresset/beacon/types"
)

// advanceBefore is how long before a slot begins the head's state is brought to it, in parts of a slot.
const advanceBefore = 4

// advance brings the head's state to the next slot before that begins, over the end of the epoch too, so that the block of the slot
// finds the state it builds on. At the end of an epoch it gets ready what the next one asks for first: its committees with the
// sums of their keys, and the balances that fork choice goes by.
func (c *Chain) advance(ctx context.Context) error {
	dueOf := func(slot types.Slot) time.Time {
		return c.clock.StartOf(slot).Add(-c.clock.SlotDuration() / advanceBefore)
	}
	for last := c.clock.CurrentSlot(); ; { // its own state is there, or comes with its block
		next := last + 1
		err := c.clock.WaitFor(ctx, func() time.Time {
			now := c.clock.CurrentSlot()
			if next = max(next, now); next > now+2 { // the clock was set back
				next = now + 1
			}
			return dueOf(next)
		})
		if err != nil {
			return err
		}
		last = next
		if err := c.advanceHead(ctx, next); err != nil && ctx.Err() == nil && !errors.Is(err, ErrUnknownBlock) {
			c.log.Warn("the head's state could not be brought to the next slot ahead of time", "slot", next, "error", err)
		}
	}
}

// advanceAtMost is how many slots the head's state is brought forward at a time. A node that is catching up does not build on its
// head; one whose head is old because nobody makes blocks has brought it forward slot by slot.
const advanceAtMost = 2 * 32

func (c *Chain) advanceHead(ctx context.Context, next types.Slot) error {
	head := c.Snapshot().Head
	at := c.states.latest(head.Root, next)
	if head.Slot >= next || at == nil || next-at.Slot > advanceAtMost {
		return nil
	}
	s, err := c.stateAt(ctx, head.Root, next, true)
	if err != nil {
		return err
	}
	if err := c.states.put(head.Root, s); err != nil {
		return err
	}
	c.events.publish(AdvancedEvent{Slot: next, Head: head.Root})
	if c.startOf(c.epochOf(next)) != next {
		return nil
	}
	c.balances.prepare(types.Checkpoint{Epoch: c.epochOf(next), Root: head.Root})
	return s.Copy().PrepareEpoch(c.epochOf(next))
}
