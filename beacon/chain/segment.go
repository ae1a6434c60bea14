package chain

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// ImportSegment imports a run of blocks, each the parent of the next, with all their signatures in one batch. Blocks that are known
// already may stand at its front. It returns how many blocks, from the front, are imported when it returns: all of them unless there
// is an error, which is about the next one. Only where a signature is wrong none of the run is imported that was not before, and the
// *RejectedError names the block that it is in.
func (c *Chain) ImportSegment(ctx context.Context, blocks []*types.SignedBeaconBlock, origin Origin) (int, error) {
	incoming := make([]*incomingBlock, len(blocks))
	for i, signed := range blocks {
		in, err := c.newIncoming(signed, origin)
		if err != nil {
			return 0, err
		}
		if i > 0 && signed.Message.ParentRoot != incoming[i-1].root {
			return 0, fmt.Errorf("block %d of the segment, of slot %d: parent is %v, want %v", i, signed.Message.Slot, signed.Message.ParentRoot, incoming[i-1].root)
		}
		incoming[i] = in
	}
	known := 0
	for known < len(incoming) && c.index.get(incoming[known].root) != nil {
		known++
	}
	verified, err := c.verifySegment(ctx, incoming[known:])
	if len(verified) > 0 {
		if _, applied := c.submitBlocks(ctx, verified); applied != nil {
			for known < len(incoming) && c.index.get(incoming[known].root) != nil {
				known++
			}
			return known, errors.Join(applied, err)
		}
	}
	if err != nil {
		failed := incoming[known+len(verified)]
		if rejected := (*RejectedError)(nil); errors.As(err, &rejected) {
			if i := slices.IndexFunc(incoming, func(in *incomingBlock) bool { return in.root == rejected.Root }); i >= 0 {
				failed = incoming[i]
			}
		}
		c.countBlock(failed, 0, err)
	}
	for _, v := range verified {
		c.countBlock(v.in, Applied, nil)
	}
	return known + len(verified), err
}

// verifySegment verifies blocks that build on each other and gives those that are fine, up to the first that is not.
func (c *Chain) verifySegment(ctx context.Context, blocks []*incomingBlock) ([]*VerifiedBlock, error) {
	if len(blocks) == 0 {
		return nil, nil
	}
	if _, err := c.checkPlace(blocks[0]); err != nil {
		return nil, err
	}
	first := &blocks[0].signed.Message
	state, err := c.stateAt(ctx, first.ParentRoot, first.Slot, blocks[0].origin.policy().patient)
	if err != nil {
		return nil, err
	}
	if !blocks[0].origin.policy().verify {
		return c.runSegment(state, blocks, nil)
	}
	// The execution client has a block's payload while the next ones are applied and the signatures verified.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	applied, ended := make(chan *VerifiedBlock, len(blocks)), make(chan error, 1)
	finished := 0
	go func() {
		for v := range applied {
			if err := c.finishBlock(ctx, v); err != nil {
				ended <- err
				return
			}
			finished++
		}
		ended <- nil
	}()
	verified, failed := c.runSegment(state, blocks, applied)
	if len(verified) == 0 {
		cancel()
	}
	if err := <-ended; err != nil && len(verified) > 0 {
		return verified[:finished], err
	}
	return verified, failed
}

// runSegment applies blocks to a state one after the other and verifies their signatures together, which are good for all or none: the
// caller asks again for the whole run. Each block goes to applied, if that is given, as soon as the state has it; applied is closed after
// the last one.
func (c *Chain) runSegment(state *transition.State, blocks []*incomingBlock, applied chan<- *VerifiedBlock) (verified []*VerifiedBlock, failed error) {
	var batches []*transition.SignatureBatch // of those verified
	verify := blocks[0].origin.policy().verify
	for i, in := range blocks {
		block := &in.signed.Message
		if now := c.clock.CurrentSlot(); block.Slot > now {
			failed = fmt.Errorf("block of slot %d at slot %d: %w", block.Slot, now, ErrFutureSlot)
			break
		}
		if i > 0 {
			state = state.Copy()
			if block.Slot <= state.Slot {
				failed = c.reject(in, fmt.Errorf("block.slot > parent.slot: have %d, want above %d", block.Slot, state.Slot))
				break
			}
			if failed = c.advanceTo(block.ParentRoot, state, block.Slot); failed != nil {
				break
			}
		}
		var hooks transition.Hooks
		if verify {
			hooks.Signatures = &transition.SignatureBatch{Of: fmt.Sprintf("slot %d", block.Slot)}
		}
		merge := mergeBlock(state, block)
		if _, err := transition.ApplyBlock(state, in.signed, hooks); err != nil {
			failed = &RejectedError{block.Slot, in.root, err}
			break
		}
		v, err := c.describe(in, state)
		if err != nil {
			failed = err
			break
		}
		v.merge = merge
		verified, batches = append(verified, v), append(batches, hooks.Signatures)
		if applied != nil {
			applied <- v
		}
	}
	if applied != nil {
		close(applied)
	}
	if verify {
		if wrong, err := verifyTogether(batches); err != nil {
			rejected := &RejectedError{verified[wrong].info.Slot, verified[wrong].in.root, err}
			for _, v := range verified {
				c.states.remove(v.in.root)
			}
			return nil, rejected
		}
	}
	return verified, failed
}

// verifyTogether verifies the signatures of several blocks at once. If some are wrong it tells the first block that they are in.
func verifyTogether(batches []*transition.SignatureBatch) (wrong int, err error) {
	var all transition.SignatureBatch
	for _, b := range batches {
		all.Append(b)
	}
	if err = all.Verify(); err == nil {
		return 0, nil
	}
	for i, b := range batches {
		if own := b.Verify(); own != nil {
			return i, own
		}
	}
	return 0, err
}

// finishBlock has the execution client check the payload inside a block that the transition finds fine, and looks for its data.
func (c *Chain) finishBlock(ctx context.Context, v *VerifiedBlock) (err error) {
	if v.info.Execution, err = c.awaitPayload(ctx, c.startPayload(ctx, v.in), v.in); err != nil {
		return err
	}
	if v.merge {
		if err := c.validateMergeBlock(ctx, v.in, v.info.Execution); err != nil {
			return err
		}
	}
	return c.requireData(v.in)
}
