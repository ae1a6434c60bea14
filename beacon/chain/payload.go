package chain

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cresset/cresset/beacon/engine"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/forkchoice"
)

// Engine is what the chain asks of the execution client.
type Engine interface {
	// NewPayload has a payload checked.
	NewPayload(ctx context.Context, fork params.Fork, request *transition.NewPayloadRequest) (engine.PayloadStatus, error)
	// ForkchoiceUpdated says which block is the head; nothing is built, for there are no attributes.
	ForkchoiceUpdated(ctx context.Context, fork params.Fork, state engine.ForkchoiceState, attributes *engine.PayloadAttributes) (engine.PayloadStatus, *engine.PayloadID, error)
	// PowBlock finds a block of the chain before the merge; nil without an error if there is none.
	PowBlock(ctx context.Context, hash types.Hash32) (*engine.PowBlock, error)
}

// enginePause is how long a patient caller waits before it asks the execution client again.
const enginePause = time.Second

// newPayload has the execution client check a payload. A patient caller waits for one that does not answer.
// Spec: verify_and_notify_new_payload (bellatrix), execution engine errors (sync/optimistic.md).
func (c *Chain) newPayload(ctx context.Context, fork params.Fork, request *transition.NewPayloadRequest, patient bool) (engine.PayloadStatus, error) {
	if err := request.Check(); err != nil {
		return engine.PayloadStatus{Status: engine.Invalid, ValidationError: err.Error()}, nil
	}
	for warned := false; ; {
		status, err := c.engine.NewPayload(ctx, fork, request)
		if err == nil {
			return status, nil
		}
		if ctx.Err() != nil {
			return engine.PayloadStatus{}, ctx.Err()
		}
		if !patient {
			if errors.As(err, new(*engine.RPCError)) && !errors.Is(err, engine.MethodNotFound) { // it answers otherwise, so that nothing else tells of this
				c.log.Warn("the execution client fails to check a payload, it is asked again in the next slot; look at its log", "error", err)
			}
			return engine.PayloadStatus{}, fmt.Errorf("%w: %w", ErrEngine, err)
		}
		if !warned {
			warned = true
			c.log.Warn("the import waits for the execution client", "error", err)
		}
		due, stop := c.clock.After(enginePause)
		select {
		case <-due:
		case <-ctx.Done():
			stop()
			return engine.PayloadStatus{}, ctx.Err()
		}
	}
}

// executionOf translates the execution client's word. Spec: NOT_VALIDATED, INVALIDATED (sync/optimistic.md).
func executionOf(s engine.Status) forkchoice.Execution {
	switch s {
	case engine.Valid:
		return forkchoice.Valid
	case engine.Invalid, engine.InvalidBlockHash:
		return forkchoice.Invalid
	}
	return forkchoice.Optimistic
}

// mergeBlock tells whether a block is the first with a payload. Spec: is_merge_transition_block (bellatrix).
func mergeBlock(pre *transition.State, block *types.BeaconBlock) bool {
	return pre.Cx.Fork == params.Bellatrix && !transition.IsMergeTransitionComplete(pre) && transition.IsExecutionEnabled(pre, &block.Body)
}

// errPowBlock means that the execution client answers but does not have the block that ends the proof-of-work chain. It may get it.
var errPowBlock = fmt.Errorf("%w: it does not have the last proof-of-work block", ErrEngine)

// validateMergeBlock checks that the first payload builds on the end of the proof-of-work chain. Networks that begin merged have
// no such chain. Spec: validate_merge_block (bellatrix), how to optimistically import blocks (sync/optimistic.md).
func (c *Chain) validateMergeBlock(ctx context.Context, in *incomingBlock, execution forkchoice.Execution) error {
	if c.spec.TerminalTotalDifficulty == (params.Uint256{}) {
		return nil
	}
	block := &in.signed.Message
	parentHash := block.Body.ExecutionPayload.ParentHash
	var pow, powParent *forkchoice.PowBlock
	find := func(hash types.Hash32) (*forkchoice.PowBlock, error) {
		found, err := c.engine.PowBlock(ctx, hash)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrEngine, err)
		}
		if found == nil {
			return nil, nil
		}
		return &forkchoice.PowBlock{BlockHash: found.BlockHash, ParentHash: found.ParentHash, TotalDifficulty: params.Uint256(found.TotalDifficulty.Big().FillBytes(make([]byte, 32)))}, nil
	}
	var err error
	if c.spec.TerminalBlockHash == (types.Hash32{}) {
		if pow, err = find(parentHash); err != nil {
			return err
		}
		if pow != nil {
			if powParent, err = find(pow.ParentHash); err != nil {
				return err
			}
		}
		if pow == nil && execution == forkchoice.Optimistic {
			if !forkchoice.IsOptimisticCandidateBlock(false, block.Slot, c.clock.CurrentSlot(), c.cfg.SafeSlotsToImportOptimistically) {
				return fmt.Errorf("block of slot %d: %w: %v", block.Slot, errPowBlock, parentHash)
			}
			return nil
		}
	}
	if err := forkchoice.ValidateMergeBlock(c.cfg.Spec, block.Slot, parentHash, pow, powParent); err != nil {
		if errors.Is(err, forkchoice.ErrUnknownBlock) { // "Unavailable PoW block(s) may later become available"
			return fmt.Errorf("block of slot %d: %w: %w", block.Slot, errPowBlock, err)
		}
		return c.reject(in, err)
	}
	return nil
}

// incomingPayload is an envelope on its way.
type incomingPayload struct {
	signed *types.SignedExecutionPayloadEnvelope
	cx     ssz.Context
	bytes  int
	origin Origin
	// execution is what was known of the payload when it was written to disk (Restore).
	execution forkchoice.Execution
}

// payloadLeft is an envelope whose rules are checked but for its data and what the execution client says of it.
type payloadLeft struct {
	in          *incomingPayload
	commitments []types.KZGCommitment
	request     *transition.NewPayloadRequest
}

// ErrPayload is in the errors of a segment that are about the payload of a block that is fine itself.
var ErrPayload = errors.New("payload")

// VerifiedPayload is an envelope that broke no rule.
type VerifiedPayload struct {
	in        *incomingPayload
	execution forkchoice.Execution
}

// ImportPayload imports the payload of a block that promised it (gloas). The envelope must not be changed any more.
func (c *Chain) ImportPayload(ctx context.Context, signed *types.SignedExecutionPayloadEnvelope, origin Origin) (Outcome, error) {
	in, err := c.newIncomingPayload(signed, origin)
	if err != nil {
		return 0, err
	}
	return c.importPayload(ctx, in)
}

func (c *Chain) newIncomingPayload(signed *types.SignedExecutionPayloadEnvelope, origin Origin) (*incomingPayload, error) {
	cx := c.contextAt(types.Slot(signed.Message.Payload.SlotNumber))
	if cx.Fork < params.Gloas {
		return nil, fmt.Errorf("payload envelope of slot %d, want one from gloas on", signed.Message.Payload.SlotNumber)
	}
	size, _ := ssz.Container(signed).Size(cx)
	return &incomingPayload{signed: signed, cx: cx, bytes: size, origin: origin}, nil
}

func (c *Chain) importPayload(ctx context.Context, in *incomingPayload) (Outcome, error) {
	since := c.deferred.now()
	outcome, err := c.tryPayload(ctx, in)
	if err == nil || !in.origin.policy().deferred {
		return outcome, err
	}
	var what condition
	root := in.signed.Message.BeaconBlockRoot
	switch {
	case errors.Is(err, ErrUnknownBlock):
		what = condition{kind: waitBlock, root: root}
	case errors.Is(err, ErrDataMissing):
		what = condition{kind: waitData, root: root}
	case errors.Is(err, ErrEngine):
		what = condition{kind: waitEngine}
	case errors.Is(err, ErrStateBusy):
		what = c.stateCondition(root, types.Slot(in.signed.Message.Payload.SlotNumber))
	default:
		return 0, err
	}
	c.tellMissing(what, types.Slot(in.signed.Message.Payload.SlotNumber))
	id := root
	id[0] ^= 0xff // the envelope waits beside its block, not in its place
	c.wait(since, what, &deferredItem{
		id: id, bytes: in.bytes, slot: types.Slot(in.signed.Message.Payload.SlotNumber), retry: func(ctx context.Context) { _, _ = c.importPayload(ctx, in) },
	})
	return Deferred, nil
}

// tryPayload verifies an envelope and has it applied. Spec: on_execution_payload_envelope (gloas).
func (c *Chain) tryPayload(ctx context.Context, in *incomingPayload) (Outcome, error) {
	p, root := in.origin.policy(), in.signed.Message.BeaconBlockRoot
	block := c.index.get(root)
	if block == nil {
		return 0, fmt.Errorf("payload of block %v: %w", root, ErrUnknownBlock)
	}
	if block.PayloadKnown() {
		return Known, nil
	}
	if !p.verify {
		return c.submitPayload(ctx, &VerifiedPayload{in: in, execution: in.execution})
	}
	state, err := c.stateAt(ctx, root, block.Slot, p.patient)
	if err != nil {
		return 0, err
	}
	// Missing data first: nothing is worked out for a payload that has to wait.
	if err := c.data.require(root, block.Slot, state.LatestExecutionPayloadBid.BlobKZGCommitments); err != nil {
		return 0, err
	}
	hooks := transition.Hooks{Signatures: &transition.SignatureBatch{}}
	left, err := leftOfPayload(state, in, hooks)
	if err == nil {
		err = hooks.Signatures.Verify()
	}
	if err != nil {
		return 0, &RejectedError{block.Slot, root, fmt.Errorf("%w: %w", ErrPayload, err)}
	}
	return c.finishPayload(ctx, left, block)
}

// leftOfPayload checks the rules of an envelope on the state after its block, whose signature goes to the hooks.
func leftOfPayload(state *transition.State, in *incomingPayload, hooks transition.Hooks) (*payloadLeft, error) {
	request, err := transition.VerifyExecutionPayloadEnvelope(state, in.signed, hooks)
	return &payloadLeft{in, state.LatestExecutionPayloadBid.BlobKZGCommitments, request}, err
}

// finishPayload does what is left for the payload of a block that is imported.
func (c *Chain) finishPayload(ctx context.Context, left *payloadLeft, block *Block) (Outcome, error) {
	if err := c.data.require(block.Root, block.Slot, left.commitments); err != nil {
		return 0, err
	}
	status, err := c.newPayload(ctx, left.in.cx.Fork, left.request, left.in.origin.policy().patient)
	if err != nil {
		return 0, err
	}
	execution := executionOf(status.Status)
	if execution == forkchoice.Invalid {
		c.invalidateAncestors(ctx, c.parentNode(block), (*types.Hash32)(status.LatestValidHash))
		return 0, &RejectedError{block.Slot, block.Root, fmt.Errorf("%w: execution client calls it %v: %s", ErrInvalidPayload, status.Status, status.ValidationError)}
	}
	return c.submitPayload(ctx, &VerifiedPayload{in: left.in, execution: execution})
}
