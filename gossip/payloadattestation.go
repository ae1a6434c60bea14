package gossip

import (
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// CheckedPayloadAttestation is the vote of a member of a payload timeliness committee that may be passed on (gloas).
type CheckedPayloadAttestation struct {
	message   *types.PayloadAttestationMessage
	positions []uint64
}

func (*CheckedPayloadAttestation) checked() {}

// Message is the vote. It is not to be written to.
func (c *CheckedPayloadAttestation) Message() *types.PayloadAttestationMessage { return c.message }

// Positions is the member's places in the committee, ascending.
func (c *CheckedPayloadAttestation) Positions() []uint64 { return c.positions }

// PayloadAttestationMessage begins the check of the vote of a member of a payload timeliness committee.
//
// Spec: validate_payload_attestation_message_gossip (gloas).
func (r *Rules) PayloadAttestationMessage(in Arrival, message *types.PayloadAttestationMessage) *Pending[*CheckedPayloadAttestation] {
	return begin(&payloadAttestationCheck{Rules: r, in: in, v: r.view(), message: message})
}

type payloadAttestationCheck struct {
	*Rules
	in        Arrival
	v         View
	message   *types.PayloadAttestationMessage
	positions []uint64
}

func (c *payloadAttestationCheck) before(sigs *statements) Decision {
	data, validator := &c.message.Data, c.message.ValidatorIndex
	// [IGNORE] The payload attestation's slot is the current slot
	if !isCurrentSlot(c.spec, data.Slot, c.in.Now) {
		return ignore("payload attestation's slot is not the current slot", data.Slot, currentSlot(c.spec, c.in.Now))
	}
	// [IGNORE] This is the first valid payload attestation from this validator index
	if c.seen.ptcVotes.has(data.Slot, validator) {
		return c.duplicate()
	}
	// [IGNORE] The payload attestation's block has been seen (MAY be queued until block is retrieved)
	root := data.BeaconBlockRoot
	block, ok := c.v.Block(root)
	if !ok {
		return deferred("payload attestation's block has not been seen", WaitBlock, root)
	}
	// [REJECT] The payload attestation's block passes validation
	if block.Failed {
		return reject("payload attestation's block failed validation", root, "a valid block")
	}
	// [IGNORE] The payload attestation's block is at the assigned slot
	if block.Slot != data.Slot {
		return ignore("payload attestation's block is not at the assigned slot", block.Slot, data.Slot)
	}
	state, ok := c.v.State(root, c.epochOf(data.Slot))
	if !ok {
		return notAtHand(root)
	}
	// [REJECT] The validator index is valid
	if uint64(validator) >= uint64(state.Validators()) {
		return reject("validator index out of range", validator, state.Validators())
	}
	// [REJECT] The validator is a member of the payload timeliness committee
	committee, err := state.GetPTC(data.Slot)
	if err != nil {
		return rejectFor("validator is not in the payload timeliness committee", err)
	}
	for position, member := range committee {
		if member == validator {
			c.positions = append(c.positions, uint64(position))
		}
	}
	if len(c.positions) == 0 {
		return reject("validator is not in the payload timeliness committee", validator, "a member")
	}
	// [REJECT] The signature is valid with respect to the validator's public key
	const rule Rule = "invalid payload attestation signature"
	key, err := state.PublicKey(validator)
	if err != nil {
		return rejectFor(rule, err)
	}
	domain := c.domain(params.DomainPTCAttester(), c.epochOf(data.Slot))
	sigs.add(rule, key, types.ComputeSigningRoot(types.HashTreeRoot(data), domain), c.message.Signature)
	return accepted
}

func (c *payloadAttestationCheck) duplicate() Decision {
	return seenBefore("already seen payload attestation from this validator", c.message.ValidatorIndex, "another validator")
}

func (c *payloadAttestationCheck) after() (*CheckedPayloadAttestation, Decision) {
	// Mark this payload_attestation as seen
	if !c.seen.ptcVotes.put(c.message.Data.Slot, c.message.ValidatorIndex, struct{}{}) {
		return nil, c.duplicate()
	}
	return &CheckedPayloadAttestation{c.message, c.positions}, accepted
}
