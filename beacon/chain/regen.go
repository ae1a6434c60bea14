package chain

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cresset/cresset/beacon/store"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// errDeadline is the cause of a context that ends because an item may not wait any longer.
var errDeadline = errors.New("deadline of a state")

// stateAt gives the state after a block, advanced to a slot not before the block's. It belongs to the caller. Who is not patient
// gets ErrStateBusy if it is not at hand within a second, and what waits for it by then is tried again as soon as it is.
func (c *Chain) stateAt(ctx context.Context, root types.Root, slot types.Slot, patient bool) (*transition.State, error) {
	frozen, slot := c.stateNear(root, slot)
	if frozen == nil {
		if !patient {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeoutCause(ctx, regenDeadline, errDeadline)
			defer cancel()
		}
		var err error
		key := flightKey{root, c.epochOf(slot)}
		if frozen, err = c.gate.do(ctx, key, patient, func() (*transition.State, error) {
			s, err := c.regenerate(root, slot)
			if err == nil {
				c.retry(c.deferred.take(c.stateCondition(root, slot)))
			}
			return s, err
		}); err != nil {
			c.countRegeneration(err)
			return nil, fmt.Errorf("state of block %v at slot %d: %w", root, slot, err)
		}
		c.countRegeneration(nil)
	}
	s := frozen.Copy()
	return s, c.advanceTo(root, s, slot)
}

// stateNear finds a state after a block in memory that is at most an epoch before a slot, nil if there is none, and the slot that it is to be advanced to.
func (c *Chain) stateNear(root types.Root, slot types.Slot) (*transition.State, types.Slot) {
	frozen := c.states.latest(root, slot)
	if b := c.index.get(root); frozen == nil && b != nil && b.Parent() == nil {
		// The state that is trusted may be that of an epoch's start after the block: there is no earlier one.
		if first, ok := c.stored.first(root); ok && first > slot {
			slot = first
			frozen = c.states.latest(root, slot)
		}
	}
	if frozen == nil || c.epochOf(slot) > c.epochOf(frozen.Slot)+1 {
		return nil, slot
	}
	return frozen, slot
}

// preState gives the state of a block's slot before the block. A state that has to be computed is not computed for whoever comes along: the
// proposer's signature is checked first, by the head's registry. Proposers are active, so that they are in the registry of the finalized
// state (is_eligible_for_activation), which all branches share: there is no other key for a proposer's index.
func (c *Chain) preState(ctx context.Context, in *incomingBlock) (*transition.State, error) {
	p, block := in.origin.policy(), &in.signed.Message
	if near, _ := c.stateNear(block.ParentRoot, block.Slot); near == nil && p.verify {
		if head := c.Snapshot().state; head != nil {
			if err := c.verifyProposer(head.Copy(), in.root, in.signed); err != nil {
				return nil, &RejectedError{block.Slot, in.root, err}
			}
		}
	}
	return c.stateAt(ctx, block.ParentRoot, block.Slot, p.patient)
}

// stateCondition is what an item waits for that needs the state after a block at a slot.
func (c *Chain) stateCondition(root types.Root, slot types.Slot) condition {
	return condition{kind: waitState, root: root, slot: c.startOf(c.epochOf(slot))}
}

// advanceTo brings a state to a slot, and keeps the state at the start of the slot's epoch on the way: everything that builds on
// the block in that epoch goes on from there.
func (c *Chain) advanceTo(root types.Root, s *transition.State, slot types.Slot) error {
	start := c.startOf(c.epochOf(slot))
	if s.Slot < start {
		if err := transition.ProcessSlots(s, start); err != nil {
			return err
		}
		if _, err := s.HashTreeRoot(); err != nil { // before the copy, so that both have it
			return err
		}
		if err := c.states.put(root, s.Copy()); err != nil {
			return err
		}
	}
	if s.Slot < slot {
		return transition.ProcessSlots(s, slot)
	}
	return nil
}

// regenerate computes a state from the nearest one in memory or on disk and the blocks since. It gives a frozen state of the
// epoch of slot, not after it.
func (c *Chain) regenerate(root types.Root, slot types.Slot) (*transition.State, error) {
	s, path, err := c.nearestState(root, slot)
	if err != nil {
		return nil, err
	}
	at := root
	if len(path) > 0 {
		at = path[0].ParentRoot
	}
	for _, b := range path {
		if c.gate.closed.Load() {
			return nil, ErrStopped
		}
		if err := c.advanceTo(at, s, b.Slot); err != nil {
			return nil, err
		}
		block, err := c.readBlock(b.Root)
		if err != nil {
			return nil, fmt.Errorf("read block of slot %d: %w", b.Slot, err)
		}
		if _, err := transition.ApplyBlock(s, block, transition.Hooks{}); err != nil {
			return nil, fmt.Errorf("apply block %v of slot %d again: %w", b.Root, b.Slot, err)
		}
		at = b.Root
	}
	if s.Slot < c.startOf(c.epochOf(slot)) {
		if err := transition.ProcessSlots(s, c.startOf(c.epochOf(slot))); err != nil {
			return nil, err
		}
	}
	if err := c.states.put(root, s); err != nil {
		return nil, err
	}
	return s, nil
}

// nearestState finds a state to start from and the blocks to apply to it. The state belongs to the caller.
func (c *Chain) nearestState(root types.Root, slot types.Slot) (*transition.State, []*Block, error) {
	var path []*Block
	b := c.index.get(root)
	if b == nil {
		return nil, nil, ErrUnknownBlock
	}
	for limit := slot; b != nil; b = b.Parent() {
		if frozen := c.states.latest(b.Root, limit); frozen != nil {
			slices.Reverse(path)
			return frozen.Copy(), path, nil
		}
		if stored, ok := c.stored.latest(b.Root, limit); ok {
			s, err := c.loadState(store.StateKey{Root: b.Root, Slot: stored})
			if err == nil {
				slices.Reverse(path)
				return s, path, nil
			}
			// A record that cannot be read is not used again; an older one and more blocks lead to the same state.
			c.log.Error("a state on disk cannot be read, it is computed again from an older one", "slot", stored, "block", b.Root, "error", err)
			c.stored.remove(store.StateKey{Root: b.Root, Slot: stored})
		}
		path = append(path, b)
		limit = b.Slot
		if b.Parent() == nil { // finalized: those before it are gone from the index, but a state that it builds on may be on disk
			if stored, ok := c.stored.latest(b.ParentRoot, b.Slot); ok {
				if s, err := c.loadState(store.StateKey{Root: b.ParentRoot, Slot: stored}); err == nil {
					slices.Reverse(path)
					return s, path, nil
				}
			}
		}
	}
	return nil, nil, fmt.Errorf("no state of an ancestor is kept: %w", ErrUnknownBlock)
}

// loadState reads a state from disk. It belongs to the caller.
func (c *Chain) loadState(key store.StateKey) (*transition.State, error) {
	b, err := c.store.StateOn(key, func(key store.StateKey) *types.BeaconState {
		if base := c.persist.base.Load(); base != nil && base.key == key {
			return base.state.BeaconState
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return transition.NewState(b, c.env)
}

func (c *Chain) countRegeneration(err error) {
	switch {
	case err == nil:
		c.metrics.Regenerations.WithLabelValues("done").Inc()
	case errors.Is(err, ErrStateBusy):
		c.metrics.Regenerations.WithLabelValues("busy").Inc()
	default:
		c.metrics.Regenerations.WithLabelValues("failed").Inc()
	}
}
