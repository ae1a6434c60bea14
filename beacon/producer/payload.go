package producer

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/cresset/cresset/beacon/engine"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// Begun is a payload that the execution client has begun to build ahead of its slot.
type Begun struct {
	Fork              params.Fork
	Slot              types.Slot // of the block that it is for
	Proposer          types.ValidatorIndex
	ParentBlockRoot   types.Root
	ParentBlockNumber uint64
	ParentBlockHash   types.Hash32
	Attributes        engine.PayloadAttributes
}

// begun is a payload that is being built.
type begun struct {
	Begun
	id    engine.PayloadID
	since time.Time
}

// is tells whether a payload is what is asked for: one that differs in nothing that counts.
func (b *begun) is(want *Begun) bool {
	a, w := &b.Attributes, &want.Attributes
	return b.Slot == want.Slot && b.ParentBlockRoot == want.ParentBlockRoot && b.ParentBlockHash == want.ParentBlockHash &&
		a.Timestamp == w.Timestamp && a.PrevRandao == w.PrevRandao && a.SuggestedFeeRecipient == w.SuggestedFeeRecipient &&
		a.ParentBeaconBlockRoot == w.ParentBeaconBlockRoot && slices.Equal(a.Withdrawals, w.Withdrawals)
}

// order is the payload that the block of a state's slot needs. Spec: prepare_execution_payload (bellatrix; modified capella, deneb).
func (p *Producer) order(state *transition.State, proposer types.ValidatorIndex) (*Begun, error) {
	recipient, err := p.recipient(proposer)
	if err != nil {
		return nil, err
	}
	parent, err := state.GetBlockRootAtSlot(state.Slot - 1)
	if err != nil {
		return nil, err
	}
	header := &state.LatestExecutionPayloadHeader
	b := &Begun{
		Fork: state.Cx.Fork, Slot: state.Slot, Proposer: proposer,
		ParentBlockRoot: parent, ParentBlockNumber: header.BlockNumber, ParentBlockHash: header.BlockHash,
	}
	a := &b.Attributes
	a.PrevRandao, a.SuggestedFeeRecipient = state.GetRandaoMix(state.GetCurrentEpoch()), recipient
	if a.Timestamp, err = state.ComputeTimeAtSlot(state.Slot); err != nil {
		return nil, err
	}
	if state.Since(params.Capella) {
		expected, err := transition.GetExpectedWithdrawals(state)
		if err != nil {
			return nil, err
		}
		a.Withdrawals = expected.Withdrawals
	}
	if state.Since(params.Deneb) {
		a.ParentBeaconBlockRoot = parent
	}
	return b, nil
}

// payload puts the payload into a block, and what belongs to it. The state is that of the block's slot.
// Spec: get_execution_payload (bellatrix), get_payload (bellatrix; modified capella, deneb, electra, fulu).
func (p *Producer) payload(ctx context.Context, state *transition.State, out *Produced) error {
	if !state.Since(params.Bellatrix) {
		return nil
	}
	body := &out.Block.Body
	if !transition.IsMergeTransitionComplete(state) {
		body.ExecutionPayload = types.ExecutionPayload{LogsBloom: make([]byte, state.Spec().BytesPerLogsBloom)}
		return nil
	}
	want, err := p.order(state, out.Block.ProposerIndex)
	if err != nil {
		return err
	}
	built, err := p.build(ctx, want)
	if err != nil {
		return err
	}
	if built.Payload.FeeRecipient != want.Attributes.SuggestedFeeRecipient {
		p.log.Warn("the execution client pays another fee recipient than it was asked to; look at its configuration",
			"slot", want.Slot, "asked", want.Attributes.SuggestedFeeRecipient, "pays", built.Payload.FeeRecipient)
	}
	if built.ShouldOverrideBuilder {
		p.log.Info("the execution client advises to take its own payload, whatever builders offer: it sees censorship", "slot", want.Slot)
	}
	body.ExecutionPayload, out.ExecutionValue = *built.Payload, built.Value
	if built.Requests != nil {
		body.ExecutionRequests = *built.Requests
	}
	if built.Blobs != nil {
		body.BlobKZGCommitments, out.Blobs, out.Proofs = built.Blobs.Commitments, built.Blobs.Blobs, built.Blobs.Proofs
	}
	return nil
}

// build gets the payload of an order: the one that was begun ahead, or one that is begun now and given some time. An execution client that does not
// give what it has begun, as it was started again or is gone, costs the payload and not the block: another one may be asked by now.
func (p *Producer) build(ctx context.Context, want *Begun) (*engine.BuiltPayload, error) {
	p.mu.Lock()
	ahead := p.mu.begun
	p.mu.Unlock()
	if ahead.is(want) {
		built, err := p.take(ctx, &ahead)
		if err == nil || ctx.Err() != nil {
			return built, err
		}
		p.log.Warn("the execution client does not give the payload that it has begun, another one is begun now; look at its log",
			"slot", want.Slot, "error", err)
	}
	now, err := p.begin(ctx, want)
	if err != nil {
		return nil, err
	}
	return p.take(ctx, now)
}

// begin has the execution client begin a payload.
func (p *Producer) begin(ctx context.Context, want *Begun) (*begun, error) {
	id, err := p.cfg.Chain.BuildPayload(ctx, want.ParentBlockRoot, want.Fork, &want.Attributes)
	if err != nil {
		return nil, fmt.Errorf("ask for a payload: %w", err)
	}
	return &begun{*want, id, p.cfg.Chain.Clock().Now()}, nil
}

// take gets a payload. Execution clients begin with an empty one and stop when it is taken, so that it is given BuildTime first, from when it
// was begun.
func (p *Producer) take(ctx context.Context, b *begun) (*engine.BuiltPayload, error) {
	if err := p.cfg.Chain.Clock().WaitUntil(ctx, b.since.Add(p.cfg.BuildTime)); err != nil {
		return nil, err
	}
	built, err := p.cfg.Payloads.GetPayload(ctx, b.Fork, b.id)
	if err != nil {
		return nil, fmt.Errorf("get payload %v: %w", b.id, err)
	}
	return built, nil
}
