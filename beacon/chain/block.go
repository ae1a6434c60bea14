package chain

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cresset/cresset/beacon/bls"
	"github.com/cresset/cresset/beacon/engine"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/forkchoice"
)

// Outcome is what became of an item.
type Outcome uint8

// The outcomes of an import without an error.
const (
	Applied  Outcome = iota
	Known            // it had been imported before
	Deferred         // it waits for something and will be imported when that comes
)

func (o Outcome) String() string { return [...]string{"applied", "known", "deferred"}[o] }

// incomingBlock is a block on its way.
type incomingBlock struct {
	signed  *types.SignedBeaconBlock
	cx      ssz.Context
	root    types.Root
	bytes   int // encoded
	origin  Origin
	arrived uint64 // milliseconds since genesis
	since   time.Time
	// execution is what was known of the payload when the block was written to disk (Restore).
	execution forkchoice.Execution
	// payload is the envelope of the block's payload that came with it in a segment (gloas); nil for none.
	payload *incomingPayload
	// complete is the block once nothing but its data is missing: what comes of that does not have all the rest verified again.
	complete *VerifiedBlock
	// verified is called once all of the block holds but what its payload's transactions and data say; nil for nobody.
	verified func() error
}

// VerifiedBlock is a block that broke no rule, with what the writer needs of it.
type VerifiedBlock struct {
	in    *incomingBlock
	info  *Block
	votes blockVotes
	merge bool // the first block with a payload
	// payload is what is left to check of the payload that came with the block in a segment; nil for none.
	payload *payloadLeft
}

// ImportBlock imports a block. Deferred means that it waits for its parent, its slot, its data or the execution client; of which
// origins that can happen, and which get an error instead, is in the table of policies. The block must not be changed any more.
func (c *Chain) ImportBlock(ctx context.Context, signed *types.SignedBeaconBlock, origin Origin) (Outcome, error) {
	in, err := c.newIncoming(signed, origin)
	if err != nil {
		return 0, err
	}
	return c.importBlock(ctx, in)
}

// ImportBlockTelling is ImportBlock that calls a function on the way, once: when all signatures and fields of the block were verified, while the
// execution client may still look at its payload. An error of the function ends the import and is returned. It is not called for a block that is
// known.
func (c *Chain) ImportBlockTelling(ctx context.Context, signed *types.SignedBeaconBlock, origin Origin, verified func() error) (Outcome, error) {
	in, err := c.newIncoming(signed, origin)
	if err != nil {
		return 0, err
	}
	in.verified = verified
	return c.importBlock(ctx, in)
}

func (c *Chain) newIncoming(signed *types.SignedBeaconBlock, origin Origin) (*incomingBlock, error) {
	cx := c.contextAt(signed.Message.Slot)
	root, err := ssz.HashTreeRoot(cx, ssz.Container(&signed.Message))
	if err != nil {
		return nil, fmt.Errorf("block of slot %d: %w", signed.Message.Slot, err)
	}
	size, _ := ssz.Container(signed).Size(cx)
	return &incomingBlock{
		signed: signed, cx: cx, root: root, bytes: size, origin: origin,
		arrived: c.clock.MillisecondsSinceGenesis(), since: c.clock.Now(),
	}, nil
}

func (c *Chain) importBlock(ctx context.Context, in *incomingBlock) (outcome Outcome, err error) {
	if err := c.awaitSlot(ctx, in); err != nil {
		return 0, err
	}
	since := c.deferred.now()
	outcome, err = c.tryBlock(ctx, in)
	if err != nil && in.origin.policy().deferred && c.deferBlock(since, in, err) {
		outcome, err = Deferred, nil
	}
	c.countBlock(in, outcome, err)
	return outcome, err
}

// awaitSlot waits for the slot of a block that is no earlier than clocks may differ, for whoever cannot leave it to wait with others: gossip has let it
// pass, so that it is out already.
func (c *Chain) awaitSlot(ctx context.Context, in *incomingBlock) error {
	start := c.clock.StartOf(in.signed.Message.Slot)
	disparity := time.Duration(c.cfg.Spec.MaximumGossipClockDisparity) * time.Millisecond
	if early := start.Sub(c.clock.Now()); in.origin.policy().deferred || early <= 0 || early > disparity {
		return nil
	}
	return c.clock.WaitUntil(ctx, start)
}

// deferBlock lets a block wait for what it lacks; false if it can wait for nothing. Since is the time before it was looked at.
func (c *Chain) deferBlock(since uint64, in *incomingBlock, err error) bool {
	what, ok := c.waitsFor(in, err)
	if ok {
		c.tellMissing(what, in.signed.Message.Slot)
		c.wait(since, what, &deferredItem{
			id: in.root, bytes: in.bytes, slot: in.signed.Message.Slot, block: in.signed, retry: func(ctx context.Context) { _, _ = c.importBlock(ctx, in) },
		})
	}
	return ok
}

// wait keeps an item until its condition is met, and tries it again at once if that came while the item was looked at.
func (c *Chain) wait(since uint64, what condition, item *deferredItem) {
	if c.deferred.add(since, what, item) {
		c.retry([]func(context.Context){item.retry})
	}
}

// tellMissing tells readers what an item waits for, if it is something that can be found.
func (c *Chain) tellMissing(what condition, slot types.Slot) {
	if e, ok := c.missing(what, slot); ok {
		c.events.publish(e)
	}
}

func (c *Chain) missing(what condition, slot types.Slot) (MissingEvent, bool) {
	switch {
	case what.kind == waitData:
		return MissingEvent{MissingData, what.root, slot}, true
	case what.kind != waitBlock:
		return MissingEvent{}, false
	case c.index.get(what.root) != nil: // the block is here, so it is its payload that is built on
		return MissingEvent{MissingPayload, what.root, slot}, true
	}
	return MissingEvent{MissingBlock, what.root, slot}, true
}

// Missing lists what items wait for at the moment, for a reader who lost the events that told.
func (c *Chain) Missing() (list []MissingEvent) {
	for _, w := range c.deferred.waits() {
		if e, ok := c.missing(w.what, w.slot); ok {
			list = append(list, e)
		}
	}
	return list
}

func (c *Chain) countBlock(in *incomingBlock, outcome Outcome, err error) {
	name := outcome.String()
	switch {
	case errors.As(err, new(*RejectedError)):
		name = "rejected"
		c.log.Warn("a block was rejected", "slot", in.signed.Message.Slot, "root", in.root, "from", in.origin, "error", err)
	case err != nil:
		name = "failed"
	case outcome == Applied:
		c.metrics.ImportSeconds.Observe(c.clock.Now().Sub(in.since).Seconds())
	}
	c.metrics.Blocks.WithLabelValues(in.origin.String(), name).Inc()
}

// waitsFor tells what an item that failed can wait for.
func (c *Chain) waitsFor(in *incomingBlock, err error) (condition, bool) {
	block := &in.signed.Message
	switch {
	case errors.Is(err, ErrFutureSlot):
		return condition{kind: waitSlot, slot: block.Slot}, true
	case errors.Is(err, ErrUnknownParent):
		return condition{kind: waitBlock, root: block.ParentRoot}, true
	case errors.Is(err, ErrDataMissing):
		return condition{kind: waitData, root: in.root}, true
	case errors.Is(err, ErrEngine) && !errors.Is(err, errPowBlock):
		return condition{kind: waitEngine}, true
	case errors.Is(err, ErrStateBusy):
		return c.stateCondition(block.ParentRoot, block.Slot), true
	case errors.Is(err, errPowBlock):
		return condition{kind: waitSlot, slot: c.clock.CurrentSlot() + 1}, true
	}
	return condition{}, false
}

// tryBlock verifies a block and has it applied.
func (c *Chain) tryBlock(ctx context.Context, in *incomingBlock) (Outcome, error) {
	parent, err := c.checkPlace(in)
	if err != nil || parent == nil {
		return Known, err
	}
	if in.complete == nil {
		if in.complete, err = c.verifyBlock(ctx, in); err != nil {
			return 0, err
		}
		c.metrics.VerifySeconds.Observe(c.clock.Now().Sub(in.since).Seconds())
	}
	if in.origin.policy().verify {
		if err := c.requireData(in); err != nil {
			return 0, err
		}
	}
	return c.submitBlocks(ctx, []*VerifiedBlock{in.complete})
}

// checkPlace checks what can be told of a block from the tree alone. Nil without an error means that the block is known.
// Spec: the assertions of on_block (phase0; modified gloas) that come before the transition.
func (c *Chain) checkPlace(in *incomingBlock) (parent *Block, err error) {
	block := &in.signed.Message
	if c.index.get(in.root) != nil {
		return nil, nil
	}
	parent = c.index.get(block.ParentRoot)
	if payload, rejected := c.rejected.find(block.ParentRoot); rejected && parent == nil { // what was imported after all was wronged
		return nil, c.rejectWith(in, payload, fmt.Errorf("parent %v was rejected", block.ParentRoot))
	}
	if now := c.clock.CurrentSlot(); block.Slot > now {
		return nil, fmt.Errorf("block of slot %d at slot %d: %w", block.Slot, now, ErrFutureSlot)
	}
	if finalized := c.Snapshot().FinalizedSlot; block.Slot <= finalized {
		return nil, &RejectedError{block.Slot, in.root, fmt.Errorf("block.slot > finalized_slot: have %d, want above %d", block.Slot, finalized)}
	}
	if parent == nil {
		return nil, fmt.Errorf("block of slot %d: %w: %v", block.Slot, ErrUnknownParent, block.ParentRoot)
	}
	if parent.Slot >= block.Slot {
		return nil, c.reject(in, fmt.Errorf("block.slot > parent.slot: have %d, want above %d", block.Slot, parent.Slot))
	}
	onPayload := c.buildsOnPayload(parent, block)
	if parent.ExecutionStatus() == forkchoice.Invalid && (onPayload || !c.spec.gloasAt(parent.Slot)) {
		return nil, c.rejectWith(in, forkchoice.Invalid, fmt.Errorf("parent %v has an invalid payload", parent.Root))
	}
	if onPayload && !parent.PayloadKnown() {
		return nil, &PayloadMissingError{block.Slot, parent.Root}
	}
	return parent, nil
}

// buildsOnPayload tells whether a block says that its parent's payload was revealed. Spec: is_parent_node_full (gloas).
func (c *Chain) buildsOnPayload(parent *Block, block *types.BeaconBlock) bool {
	return c.spec.gloasAt(parent.Slot) && block.Body.SignedExecutionPayloadBid.Message.ParentBlockHash == parent.ExecutionBlockHash
}

// parentNode is the node that an imported block stands on. Spec: get_parent_payload_status (gloas).
func (c *Chain) parentNode(b *Block) forkchoice.Node {
	node := forkchoice.Node{Root: b.ParentRoot, PayloadStatus: forkchoice.Pending}
	if parent := b.Parent(); parent != nil && c.spec.gloasAt(parent.Slot) {
		node.PayloadStatus = forkchoice.Empty
		if b.ExecutionParentHash == parent.ExecutionBlockHash {
			node.PayloadStatus = forkchoice.Full
		}
	}
	return node
}

// reject remembers a block that is wrong whoever signs it, so that its descendants are refused at once.
func (c *Chain) reject(in *incomingBlock, err error) error {
	return c.rejectWith(in, forkchoice.Optimistic, err)
}

// rejectWith is reject of a block of whose payload something is known: peers that follow optimistically cannot be blamed for an
// invalid one.
func (c *Chain) rejectWith(in *incomingBlock, payload forkchoice.Execution, err error) error {
	c.rejected.add(in.root, payload)
	if payload == forkchoice.Invalid {
		err = fmt.Errorf("%w: %w", ErrInvalidPayload, err)
	}
	return &RejectedError{in.signed.Message.Slot, in.root, err}
}

// verifyBlock runs the transition; signatures and the execution client go beside it. Data is another matter: see requireData.
func (c *Chain) verifyBlock(ctx context.Context, in *incomingBlock) (*VerifiedBlock, error) {
	p, block := in.origin.policy(), &in.signed.Message
	pre, err := c.preState(ctx, in)
	if err != nil {
		return nil, err
	}
	var payload *payloadCheck
	var hooks transition.Hooks
	if p.verify {
		// The proposer's signature first and alone: nothing else is worth the execution client's time.
		hooks.Signatures = &transition.SignatureBatch{}
		if err = transition.VerifyBlockSignature(pre, in.signed, hooks); err == nil {
			err = hooks.Signatures.Verify()
		}
		if err != nil {
			return nil, &RejectedError{block.Slot, in.root, err}
		}
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		payload = c.startPayload(ctx, in)
		hooks.Signatures.Into = new(bls.Batch) // begins with them beside the transition
	}
	merge := mergeBlock(pre, block)
	if _, err = transition.ProcessBlock(pre, block, hooks); err == nil {
		err = transition.CheckStateRoot(pre, block)
	}
	if err != nil {
		return nil, c.reject(in, err)
	}
	if p.verify {
		if err := hooks.Signatures.Verify(); err != nil {
			return nil, c.reject(in, err)
		}
	}
	if tell := in.verified; tell != nil {
		in.verified = nil
		if err := tell(); err != nil {
			return nil, err
		}
	}
	v, err := c.describe(in, pre)
	if err != nil {
		return nil, err
	}
	if !p.verify {
		v.info.Execution = in.execution
		return v, nil
	}
	if v.info.Execution, err = c.awaitPayload(ctx, payload, in); err != nil {
		return nil, err
	}
	if merge {
		if err := c.validateMergeBlock(ctx, in, v.info.Execution); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// describe collects what fork choice, votes and readers need of a block from its post-state, and keeps the state.
func (c *Chain) describe(in *incomingBlock, post *transition.State) (*VerifiedBlock, error) {
	block := &in.signed.Message
	votes, err := c.votesOf(in, post)
	if err != nil {
		return nil, err
	}
	unrealizedJustified, unrealizedFinalized, err := post.PulledUp()
	if err != nil {
		return nil, err
	}
	parentHash, hash := executionHashes(in.cx.Fork, &block.Body)
	arrived := in.arrived
	if !in.origin.policy().prompt {
		arrived = c.clock.MillisecondsSinceGenesis()
	}
	info := &Block{
		Block: forkchoice.Block{
			Slot: block.Slot, Root: in.root, ParentRoot: block.ParentRoot, StateRoot: block.StateRoot, ProposerIndex: block.ProposerIndex,
			ExecutionParentHash: parentHash, ExecutionBlockHash: hash,
			JustifiedCheckpoint: post.CurrentJustifiedCheckpoint, FinalizedCheckpoint: post.FinalizedCheckpoint,
			UnrealizedJustified: unrealizedJustified, UnrealizedFinalized: unrealizedFinalized,
			Arrived: arrived,
		},
	}
	if err := c.states.put(in.root, post); err != nil {
		return nil, err
	}
	// What fork choice will ask of the states of these checkpoints is got ready here, off the writer's path.
	for _, checkpoint := range []types.Checkpoint{info.UnrealizedJustified, info.JustifiedCheckpoint} {
		c.balances.prepare(checkpoint)
	}
	return &VerifiedBlock{in: in, info: info, votes: votes}, nil
}

// executionHashes is the hashes of the payload inside a block, and from Gloas on those that its bid promises.
func executionHashes(fork params.Fork, body *types.BeaconBlockBody) (parent, hash types.Hash32) {
	switch {
	case fork >= params.Gloas:
		bid := &body.SignedExecutionPayloadBid.Message
		return bid.ParentBlockHash, bid.BlockHash
	case fork >= params.Bellatrix:
		return body.ExecutionPayload.ParentHash, body.ExecutionPayload.BlockHash
	}
	return types.Hash32{}, types.Hash32{}
}

// payloadCheck is the execution client at work on a payload.
type payloadCheck struct {
	done    chan struct{}
	request *transition.NewPayloadRequest
	status  engine.PayloadStatus
	err     error
}

// startPayload hands the payload inside a block to the execution client; nil if there is none.
func (c *Chain) startPayload(ctx context.Context, in *incomingBlock) *payloadCheck {
	request := transition.GetNewPayloadRequest(in.cx, &in.signed.Message)
	if request == nil {
		return nil
	}
	check := &payloadCheck{done: make(chan struct{}), request: request}
	go func() {
		defer close(check.done)
		check.status, check.err = c.newPayload(ctx, in.cx.Fork, request, in.origin.policy().patient)
	}()
	return check
}

// awaitPayload waits for the execution client's answer about the payload inside a block.
func (c *Chain) awaitPayload(ctx context.Context, check *payloadCheck, in *incomingBlock) (forkchoice.Execution, error) {
	if check == nil {
		return forkchoice.Irrelevant, nil
	}
	select {
	case <-check.done:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	if check.err != nil {
		return 0, check.err
	}
	execution := executionOf(check.status.Status)
	if execution == forkchoice.Invalid {
		// The answer may condemn ancestors too: the block that follows latestValidHash and all after it.
		c.invalidateAncestors(ctx, forkchoice.Node{Root: in.signed.Message.ParentRoot, PayloadStatus: forkchoice.Pending}, (*types.Hash32)(check.status.LatestValidHash))
		return 0, c.rejectWith(in, forkchoice.Invalid, fmt.Errorf("execution client calls it %v: %s", check.status.Status, check.status.ValidationError))
	}
	return execution, nil
}
