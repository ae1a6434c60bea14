package chain

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cresset/cresset/beacon/bls"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// ImportSegment imports a run of blocks, each the parent of the next, and from Gloas on those of their payloads that are known, with all
// signatures in one batch. Blocks that are known already may stand at its front. It returns how many blocks, from the front, are imported
// when it returns: all of them unless there is an error, which is about the next one, or with ErrPayload in it about the payload of the last one.
// Only where a signature is wrong none of the run is imported that was not before, and the *RejectedError names the block that it is in.
func (c *Chain) ImportSegment(ctx context.Context, blocks []*types.SignedBeaconBlock, origin Origin, payloads ...*types.SignedExecutionPayloadEnvelope) (int, error) {
	incoming, err := c.incomingSegment(blocks, origin, payloads)
	if err != nil {
		return 0, err
	}
	known, err := c.knownFront(incoming)
	if err != nil {
		return 0, err
	}
	for i, in := range incoming[:known] {
		if p := in.payload; p != nil && c.index.get(in.root) != nil {
			if _, err := c.importPayload(ctx, p); err != nil {
				return i + 1, fmt.Errorf("%w: %w", ErrPayload, err)
			}
		}
	}
	verified, err := c.verifySegment(ctx, incoming[known:])
	if len(verified) > 0 {
		if applied := c.submitSegment(ctx, verified); applied != nil {
			known, disk := c.knownFront(incoming)
			return known, errors.Join(applied, err, disk)
		}
	}
	if err != nil {
		failed := incoming[min(known+len(verified), len(incoming)-1)]
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

// knownFront is how many blocks at the front of a segment are imported: they descend from the finalized block, or are not after it and on disk, for finality may
// have moved into the segment since it was tried before.
func (c *Chain) knownFront(incoming []*incomingBlock) (int, error) {
	for i, in := range incoming {
		if c.index.get(in.root) != nil {
			continue
		}
		if in.signed.Message.Slot > c.Snapshot().FinalizedSlot {
			return i, nil
		}
		if stored, err := c.store.HasBlock(in.root); err != nil || !stored {
			return i, err
		}
	}
	return len(incoming), nil
}

// incomingSegment checks that blocks are a run, and gives each its payload.
func (c *Chain) incomingSegment(blocks []*types.SignedBeaconBlock, origin Origin, payloads []*types.SignedExecutionPayloadEnvelope) ([]*incomingBlock, error) {
	incoming := make([]*incomingBlock, len(blocks))
	for i, signed := range blocks {
		in, err := c.newIncoming(signed, origin)
		if err != nil {
			return nil, err
		}
		if i > 0 && signed.Message.ParentRoot != incoming[i-1].root {
			return nil, fmt.Errorf("block %d of the segment, of slot %d: parent is %v, want %v", i, signed.Message.Slot, signed.Message.ParentRoot, incoming[i-1].root)
		}
		incoming[i] = in
	}
	if len(payloads) > 0 && !origin.policy().verify {
		return nil, fmt.Errorf("payloads of origin %v come one by one", origin)
	}
	for _, signed := range payloads {
		p, err := c.newIncomingPayload(signed, origin)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(incoming, func(in *incomingBlock) bool { return in.root == signed.Message.BeaconBlockRoot })
		if i < 0 {
			return nil, fmt.Errorf("payload of block %v, which is not of the segment", signed.Message.BeaconBlockRoot)
		}
		incoming[i].payload = p
	}
	return incoming, nil
}

// submitSegment has verified blocks applied: all at once up to one with a payload of its own, which the next one may build on.
func (c *Chain) submitSegment(ctx context.Context, verified []*VerifiedBlock) error {
	for len(verified) > 0 {
		n := slices.IndexFunc(verified, func(v *VerifiedBlock) bool { return v.payload != nil }) + 1
		if n == 0 {
			n = len(verified)
		}
		if _, err := c.submitBlocks(ctx, verified[:n]); err != nil {
			return err
		}
		if last := verified[n-1]; last.payload != nil {
			if _, err := c.finishPayload(ctx, last.payload, c.index.get(last.in.root)); err != nil {
				return fmt.Errorf("%w: %w", ErrPayload, err)
			}
		}
		verified = verified[n:]
	}
	return nil
}

// verifySegment verifies blocks that build on each other and gives those that are fine, up to the first that is not.
func (c *Chain) verifySegment(ctx context.Context, blocks []*incomingBlock) ([]*VerifiedBlock, error) {
	if len(blocks) == 0 {
		return nil, nil
	}
	if _, err := c.checkPlace(blocks[0]); err != nil {
		return nil, err
	}
	state, err := c.preState(ctx, blocks[0])
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
	var signatures segmentSignatures
	verify := blocks[0].origin.policy().verify
	for i, in := range blocks {
		block := &in.signed.Message
		if now := c.clock.CurrentSlot(); block.Slot > now {
			failed = fmt.Errorf("block of slot %d at slot %d: %w", block.Slot, now, ErrFutureSlot)
			break
		}
		if i > 0 {
			parent := verified[i-1]
			if c.buildsOnPayload(parent.info, block) && parent.payload == nil {
				failed = &PayloadMissingError{block.Slot, block.ParentRoot}
				break
			}
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
			hooks.Signatures = signatures.of(block.Slot)
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
		verified = append(verified, v)
		signatures.keep(i, false)
		if applied != nil {
			applied <- v
		}
		if in.payload != nil && verify {
			left, err := leftOfPayload(state, in.payload, transition.Hooks{Signatures: signatures.of(block.Slot)})
			if err != nil {
				failed = &RejectedError{block.Slot, in.root, fmt.Errorf("%w: %w", ErrPayload, err)}
				break
			}
			v.payload = left
			signatures.keep(i, true)
		}
	}
	if applied != nil {
		close(applied)
	}
	if verify {
		if wrong, err := signatures.verify(); err != nil {
			rejected := &RejectedError{verified[wrong].info.Slot, verified[wrong].in.root, err}
			for _, v := range verified {
				c.states.remove(v.in.root)
			}
			return nil, rejected
		}
	}
	return verified, failed
}

// segmentSignatures is the signatures of a run in one batch, which begins with them while the next blocks are applied.
type segmentSignatures struct {
	batch bls.Batch
	parts []signedPart
}

// signedPart is a block of the run, or the payload that came with it, and where its signatures end in the batch.
type signedPart struct {
	end, block int
	payload    bool
}

// of collects the signatures of a block, or of its payload.
func (s *segmentSignatures) of(slot types.Slot) *transition.SignatureBatch {
	return &transition.SignatureBatch{Of: fmt.Sprintf("slot %d", slot), Into: &s.batch}
}

// keep has what was collected last verified; without it, it is forgotten.
func (s *segmentSignatures) keep(block int, payload bool) {
	s.parts = append(s.parts, signedPart{s.batch.Len(), block, payload})
}

// verify verifies all at once. If some are wrong it tells the first block that they are in, with ErrPayload if they are in its payload.
func (s *segmentSignatures) verify() (wrong int, err error) {
	end := 0
	if n := len(s.parts); n > 0 {
		end = s.parts[n-1].end
	}
	s.batch.Truncate(end)
	var failed *bls.BatchError
	if err = s.batch.Verify(); !errors.As(err, &failed) {
		return 0, err
	}
	part := s.parts[slices.IndexFunc(s.parts, func(p signedPart) bool { return failed.Culprits[0] < p.end })]
	if err = fmt.Errorf("verify signatures: %w", failed.Reasons[0]); part.payload {
		err = fmt.Errorf("%w: %w", ErrPayload, err)
	}
	return part.block, err
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
