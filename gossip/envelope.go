package gossip

import (
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// CheckedEnvelope is a revealed payload that may be passed on (gloas).
type CheckedEnvelope struct {
	signed *types.SignedExecutionPayloadEnvelope
}

func (*CheckedEnvelope) checked() {}

// Signed is the envelope. It is not to be written to.
func (c *CheckedEnvelope) Signed() *types.SignedExecutionPayloadEnvelope { return c.signed }

// ExecutionPayloadEnvelope begins the check of a revealed payload.
//
// Spec: validate_execution_payload_envelope_gossip (gloas).
func (r *Rules) ExecutionPayloadEnvelope(in Arrival, signed *types.SignedExecutionPayloadEnvelope) *Pending[*CheckedEnvelope] {
	return begin(&envelopeCheck{r, in, r.view(), signed})
}

type envelopeCheck struct {
	*Rules
	in     Arrival
	v      View
	signed *types.SignedExecutionPayloadEnvelope
}

func (c *envelopeCheck) key() envelopeKey {
	return envelopeKey{c.signed.Message.BeaconBlockRoot, c.signed.Message.BuilderIndex}
}

func (c *envelopeCheck) slot() types.Slot { return types.Slot(c.signed.Message.Payload.SlotNumber) }

func (c *envelopeCheck) before(sigs *statements) Decision {
	envelope := &c.signed.Message
	payload, root := &envelope.Payload, envelope.BeaconBlockRoot
	// [IGNORE] The envelope's block root has been seen (MAY be queued until block is retrieved)
	block, ok := c.v.Block(root)
	if !ok {
		return deferred("envelope's block has not been seen", WaitBlock, root)
	}
	// [REJECT] The envelope's block passes validation
	if block.Failed {
		return reject("envelope's block failed validation", root, "a valid block")
	}
	// [IGNORE] The node has not seen another valid envelope for this block root from this builder
	if c.seen.envelopes.has(c.slot(), c.key()) {
		return c.duplicate()
	}
	// [IGNORE] The envelope is from a slot greater than or equal to the latest finalized slot
	if finalized := c.startOf(c.v.Finalized().Epoch); c.slot() < finalized {
		return ignore("envelope is from a slot before the latest finalized slot", c.slot(), finalized)
	}
	// [REJECT] The block's slot matches the payload's slot number
	if block.Slot != c.slot() {
		return reject("block's slot does not match payload's slot number", c.slot(), block.Slot)
	}
	// "Clients MUST reject messages containing an incorrect type"
	if d := c.checkFork(c.slot(), c.in); !d.ok() {
		return d
	}
	bid, ok := c.v.Bid(root)
	if !ok {
		return notAtHand(root)
	}
	// [REJECT] The envelope is from the builder committed to by the bid
	if envelope.BuilderIndex != bid.BuilderIndex {
		return reject("envelope's builder index does not match the bid's builder index", envelope.BuilderIndex, bid.BuilderIndex)
	}
	// [REJECT] The payload's block hash matches the bid's block hash
	if payload.BlockHash != bid.BlockHash {
		return reject("payload's block hash does not match the bid's block hash", payload.BlockHash, bid.BlockHash)
	}
	// [REJECT] The envelope's execution requests root matches the bid's execution requests root
	requests, err := ssz.HashTreeRoot(c.cx(c.in.Fork), ssz.Container(&envelope.ExecutionRequests))
	if err != nil {
		return rejectFor(RuleType, err)
	}
	if requests != bid.ExecutionRequestsRoot {
		return reject("envelope's execution requests root does not match the bid's", types.Root(requests), bid.ExecutionRequestsRoot)
	}
	// [REJECT] The execution request counts are within their limits
	if d := verifyExecutionRequestsLimits(c.spec, &envelope.ExecutionRequests); !d.ok() {
		return d
	}
	// [REJECT] The number of withdrawals is within the limit
	if n, most := len(payload.Withdrawals), c.spec.MaxWithdrawalsPerPayload; uint64(n) > most {
		return reject("too many withdrawals", n, most)
	}
	// [REJECT] The envelope signature is valid
	state, ok := c.v.State(root, c.epochOf(block.Slot))
	if !ok {
		return notAtHand(root)
	}
	const rule Rule = "invalid envelope signature"
	set, err := state.EnvelopeSignature(c.signed)
	if err != nil {
		return rejectFor(rule, err)
	}
	sigs.addSet(rule, set)
	return accepted
}

func (c *envelopeCheck) duplicate() Decision {
	return seenBefore("already seen envelope for this block root from this builder", c.signed.Message.BuilderIndex, "another builder")
}

func (c *envelopeCheck) after() (*CheckedEnvelope, Decision) {
	// Mark this envelope as seen and store its payload
	if !c.seen.envelopes.put(c.slot(), c.key(), struct{}{}) {
		return nil, c.duplicate()
	}
	payload := &c.signed.Message.Payload
	c.seen.payloads.put(payload.BlockHash, payload.GasLimit)
	return &CheckedEnvelope{c.signed}, accepted
}
