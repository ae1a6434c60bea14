package chain

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/cresset/cresset/beacon/store"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/forkchoice"
)

// submitBlocks has the writer apply blocks, each the parent of the next.
func (c *Chain) submitBlocks(ctx context.Context, blocks []*VerifiedBlock) (Outcome, error) {
	return ask(ctx, c, c.inbox.urgent, func() (Outcome, error) {
		outcome, err := c.applyBlocks(blocks)
		for _, v := range blocks {
			c.retry(c.deferred.take(condition{kind: waitBlock, root: v.in.root}))
		}
		return outcome, err
	})
}

// applyBlocks applies verified blocks and commits them in one batch. Only the writer calls it.
func (c *Chain) applyBlocks(blocks []*VerifiedBlock) (Outcome, error) {
	begin := c.clock.Now()
	c.w.fc.OnTick(c.clock.MillisecondsSinceGenesis())
	batch := c.store.NewBatch()
	c.uncommitted.set(blocks)
	defer c.uncommitted.set(nil)
	outcome, applied := Known, blocks[:0:0]
	var failed error
	for _, v := range blocks {
		if c.index.get(v.in.root) != nil {
			continue
		}
		if failed = c.applyBlock(v); failed != nil {
			break
		}
		applied = append(applied, v)
		if failed = c.putBlock(batch, v); failed != nil {
			c.fail(failed)
			return 0, failed
		}
	}
	if len(applied) == 0 {
		_ = batch.Discard()
	} else {
		outcome = Applied
		// On the medium before it is acknowledged, a segment as a whole.
		if err := c.commit(batch, true); err != nil {
			return 0, err
		}
		c.uncommitted.set(nil)
		for _, v := range applied {
			if c.data.holds(v.in.root) {
				c.persist.data(v.in.root)
			}
			c.events.publish(BlockEvent{v.info.Slot, v.info.Root, c.w.fc.IsOptimistic(v.info.Root)})
		}
		c.updateHead("block")
	}
	c.metrics.ApplySeconds.Observe(c.clock.Now().Sub(begin).Seconds())
	return outcome, failed
}

// uncommitted is the blocks that the writer is about to commit. They are in the index before they are on disk, and states may be
// computed through them.
type uncommitted struct {
	mu struct {
		sync.Mutex
		blocks map[types.Root]*types.SignedBeaconBlock
	}
}

// set replaces them. Those before are on disk by then.
func (u *uncommitted) set(blocks []*VerifiedBlock) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.mu.blocks = make(map[types.Root]*types.SignedBeaconBlock, len(blocks))
	for _, v := range blocks {
		u.mu.blocks[v.in.root] = v.in.signed
	}
}

func (u *uncommitted) get(root types.Root) *types.SignedBeaconBlock {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.mu.blocks[root]
}

// readBlock is an imported block.
func (c *Chain) readBlock(root types.Root) (*types.SignedBeaconBlock, error) {
	if signed := c.uncommitted.get(root); signed != nil {
		return signed, nil
	}
	return c.store.Block(root)
}

// applyBlock puts a block into fork choice and index. What it refuses is a block that finality has overtaken since it was
// verified.
func (c *Chain) applyBlock(v *VerifiedBlock) error {
	b := v.info
	b.Arrived = min(b.Arrived, c.w.fc.Time()) // the clock that it came by may have been set back since
	if err := c.w.fc.OnBlock(&b.Block); err != nil {
		return c.refused(b, err)
	}
	c.index.add(b)
	if b.Execution == forkchoice.Valid {
		c.syncExecution(b.Parent())
	}
	for i := range v.votes.attestations {
		vote := &v.votes.attestations[i]
		if !c.sameCommittees(b, vote.Target) {
			continue
		}
		if err := c.w.fc.OnAttestation(vote, true); err != nil {
			c.log.Debug("a vote in a block does not count", "block", b.Root, "slot", vote.Slot, "error", err)
		}
	}
	if len(v.votes.slashed) > 0 {
		if err := c.w.fc.OnAttesterSlashing(v.votes.slashed); err != nil {
			c.log.Debug("a slashing in a block does not count", "block", b.Root, "error", err)
		}
	}
	for _, vote := range v.votes.payload {
		if err := c.w.fc.OnPayloadAttestationMessage(vote, true); err != nil {
			c.log.Debug("a payload vote in a block does not count", "block", b.Root, "error", err)
		}
	}
	if parent := b.Parent(); parent != nil && c.epochOf(parent.Slot) < c.epochOf(b.Slot) {
		c.persist.state(store.StateKey{Root: parent.Root, Slot: c.startOf(c.epochOf(b.Slot))})
	}
	return nil
}

// refused translates fork choice's refusal.
func (c *Chain) refused(b *Block, err error) error {
	switch {
	case errors.Is(err, forkchoice.ErrUnknownBlock), errors.Is(err, forkchoice.ErrPayloadUnknown):
		return fmt.Errorf("%w: %w", ErrUnknownParent, err)
	case errors.Is(err, forkchoice.ErrFuture):
		return fmt.Errorf("%w: %w", ErrFutureSlot, err)
	}
	return &RejectedError{b.Slot, b.Root, err}
}

func (c *Chain) putBlock(batch *store.Batch, v *VerifiedBlock) error {
	if err := batch.PutBlock(v.in.root, v.in.signed); err != nil {
		return err
	}
	if err := c.putData(batch, v.in.cx, BlockID{v.info.Slot, v.in.root}, v.in.signed.Signature, c.data.take(v.in.root)); err != nil {
		return err
	}
	c.putJournal(batch, journalRecord{kind: journalBlock, root: v.in.root, execution: v.info.ExecutionStatus(), arrived: v.info.Arrived})
	return nil
}

// commit writes a batch. An error stops the chain.
func (c *Chain) commit(batch *store.Batch, durable bool) error {
	begin := c.clock.Now()
	err := batch.Commit(durable)
	c.metrics.CommitSeconds.Observe(c.clock.Now().Sub(begin).Seconds())
	if err != nil {
		c.fail(err)
		return fmt.Errorf("commit import: %w", err)
	}
	return nil
}

// submitPayload has the writer apply a payload.
func (c *Chain) submitPayload(ctx context.Context, v *VerifiedPayload) (Outcome, error) {
	return ask(ctx, c, c.inbox.urgent, func() (Outcome, error) {
		outcome, err := c.applyPayload(v)
		c.retry(c.deferred.take(condition{kind: waitBlock, root: v.in.signed.Message.BeaconBlockRoot}))
		return outcome, err
	})
}

// applyPayload applies a verified payload and commits it.
func (c *Chain) applyPayload(v *VerifiedPayload) (Outcome, error) {
	root := v.in.signed.Message.BeaconBlockRoot
	block := c.index.get(root)
	if block == nil {
		return 0, fmt.Errorf("payload of block %v: %w", root, ErrUnknownBlock)
	}
	if block.PayloadKnown() {
		return Known, nil
	}
	c.w.fc.OnTick(c.clock.MillisecondsSinceGenesis())
	if err := c.payloadToForkChoice(block, v.execution); err != nil {
		return 0, c.refused(block, err)
	}
	batch := c.store.NewBatch()
	if err := batch.PutPayload(root, v.in.signed); err != nil {
		c.fail(err)
		return 0, err
	}
	if err := c.putData(batch, v.in.cx, BlockID{block.Slot, root}, types.BLSSignature{}, c.data.take(root)); err != nil {
		c.fail(err)
		return 0, err
	}
	c.putJournal(batch, journalRecord{kind: journalPayload, root: root, execution: v.execution})
	if err := c.commit(batch, true); err != nil {
		return 0, err
	}
	c.events.publish(PayloadEvent{
		Slot: block.Slot, Block: root, BuilderIndex: v.in.signed.Message.BuilderIndex, BlockHash: v.in.signed.Message.Payload.BlockHash,
		ExecutionOptimistic: v.execution == forkchoice.Optimistic,
	})
	c.updateHead("payload")
	return Applied, nil
}

func (c *Chain) payloadToForkChoice(block *Block, execution forkchoice.Execution) error {
	if err := c.w.fc.OnExecutionPayloadEnvelope(block.Root, execution); err != nil {
		return err
	}
	block.execution.Store(uint32(execution))
	block.payload.Store(true)
	return nil
}

// invalidateAncestors acts on the word that a payload is invalid which is not in fork choice: if the last valid hash is older than
// what it builds on, what lies between is invalid too. Parent is the node that it builds on.
// Spec: how to apply latestValidHash when payload status is INVALID (sync/optimistic.md).
func (c *Chain) invalidateAncestors(ctx context.Context, parent forkchoice.Node, latestValid *types.Hash32) {
	if latestValid == nil {
		return
	}
	_ = c.do(ctx, c.inbox.urgent, func() {
		invalid, err := c.w.fc.SetChildPayloadInvalid(parent, latestValid)
		c.invalidated(parent.Root, invalid, err)
	})
}

// setInvalid takes the payload of an imported block, and what the last valid hash says, out of fork choice. Only the writer calls
// it.
func (c *Chain) setInvalid(root types.Root, latestValid *types.Hash32) {
	if c.index.get(root) == nil {
		return
	}
	invalid, err := c.w.fc.SetPayloadInvalid(root, latestValid)
	c.invalidated(root, invalid, err)
}

// invalidated tells what became of the word that a payload is invalid, which the blocks that it is about are told too.
func (c *Chain) invalidated(root types.Root, invalid []types.Root, err error) {
	switch {
	case errors.Is(err, forkchoice.ErrValidPayload):
		c.log.Error("the execution client calls a payload invalid that it called valid before: it is faulty, restart it or take another; nothing was changed", "block", root, "error", err)
	case errors.Is(err, forkchoice.ErrJustifiedInvalid):
		c.log.Error("the justified chain has a payload that the execution client calls invalid; check the execution client, and whether this is the right network; once it is mended start this node again", "block", root, "error", err)
	case err != nil:
		c.log.Error("a payload that the execution client calls invalid cannot be taken out", "block", root, "error", err)
	}
	if len(invalid) == 0 {
		return
	}
	for _, r := range invalid {
		if b := c.index.get(r); b != nil {
			b.execution.Store(uint32(forkchoice.Invalid))
			b.payload.Store(false)
		}
	}
	c.log.Warn("payloads were invalidated by the execution client; if it is wrong, mend it and start this node again", "block", root, "blocks", len(invalid))
	c.updateHead("invalid payload")
}

// setValid marks the payload of an imported block, and all before it, as verified. Only the writer calls it.
func (c *Chain) setValid(root types.Root) {
	b := c.index.get(root)
	if b == nil || b.ExecutionStatus() == forkchoice.Valid {
		return
	}
	if err := c.w.fc.SetPayloadValid(root); err != nil {
		c.log.Error("the execution client's word on a payload cannot be applied", "block", root, "error", err)
		return
	}
	c.syncExecution(b)
	batch := c.store.NewBatch()
	c.putJournal(batch, journalRecord{kind: journalValid, root: root})
	if c.commit(batch, false) != nil {
		return // an error stops the chain
	}
	c.updateHead("valid payload")
}

// syncExecution copies the status of a block and its ancestors from fork choice, back to the first one that was valid before.
func (c *Chain) syncExecution(b *Block) {
	for ; b != nil && b.ExecutionStatus() != forkchoice.Valid; b = b.Parent() {
		if node, ok := c.w.fc.Block(b.Root); ok {
			b.execution.Store(uint32(node.Execution))
		}
	}
}
