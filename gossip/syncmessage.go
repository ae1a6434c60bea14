package gossip

import (
	"slices"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// CheckedSyncMessage is a sync committee message that may be passed on (altair).
type CheckedSyncMessage struct {
	message   *types.SyncCommitteeMessage
	subnet    uint64
	positions []uint64
}

func (*CheckedSyncMessage) checked() {}

// Message is the message. It is not to be written to.
func (c *CheckedSyncMessage) Message() *types.SyncCommitteeMessage { return c.message }

// Subnet is the subnet that it came on, which is the index of a subcommittee.
func (c *CheckedSyncMessage) Subnet() uint64 { return c.subnet }

// Positions is the sender's places in the subcommittee, ascending: the bits of a contribution that the message sets.
func (c *CheckedSyncMessage) Positions() []uint64 { return c.positions }

// SyncCommitteeMessage begins the check of a sync committee message.
//
// Spec: validate_sync_committee_message_gossip (altair).
func (r *Rules) SyncCommitteeMessage(in Arrival, message *types.SyncCommitteeMessage) *Pending[*CheckedSyncMessage] {
	return begin(&syncMessageCheck{Rules: r, in: in, v: r.view(), message: message})
}

type syncMessageCheck struct {
	*Rules
	in        Arrival
	v         View
	message   *types.SyncCommitteeMessage
	positions []uint64
}

func (c *syncMessageCheck) key() syncMessageKey {
	return syncMessageKey{c.message.ValidatorIndex, c.in.Subnet}
}

func (c *syncMessageCheck) before(sigs *statements) Decision {
	m := c.message
	// [IGNORE] The message's slot is for the current slot
	if !isCurrentSlot(c.spec, m.Slot, c.in.Now) {
		return ignore("message is not for the current slot", m.Slot, currentSlot(c.spec, c.in.Now))
	}
	state, ok := c.v.HeadState()
	if !ok {
		return notAtHand(c.v.Head().Root)
	}
	// [REJECT] The validator index is valid
	validator, ok := state.Validator(m.ValidatorIndex)
	if !ok {
		return reject("validator index out of range", m.ValidatorIndex, state.Validators())
	}
	// [REJECT] The subnet_id is valid for the given validator
	// (this implies the validator is part of the broader current sync committee along with the correct subcommittee)
	committee, ok := c.syncCommittee(state, m.Slot)
	if !ok {
		return notAtHand(c.v.Head().Root)
	}
	subnets := types.ComputeSubnetsForSyncCommittee(c.spec, committee, validator.Pubkey)
	if !slices.Contains(subnets, c.in.Subnet) {
		return reject("subnet_id is not valid for the validator", c.in.Subnet, subnets)
	}
	size := c.spec.SyncCommitteeSize / params.SyncCommitteeSubnetCount
	for i := range size {
		if committee[c.in.Subnet*size+i] == validator.Pubkey {
			c.positions = append(c.positions, i)
		}
	}
	// [IGNORE] There has been no other valid sync committee message for the declared slot for the validator referenced by
	// sync_committee_message.validator_index (this validation is per topic)
	if c.seen.syncMessages.has(m.Slot, c.key()) {
		return c.duplicate()
	}
	// [REJECT] The signature is valid for the message beacon_block_root for the validator referenced by validator_index
	const rule Rule = "invalid sync committee message signature"
	key, err := state.PublicKey(m.ValidatorIndex)
	if err != nil {
		return rejectFor(rule, err)
	}
	domain := c.domain(params.DomainSyncCommittee(), c.epochOf(m.Slot))
	sigs.add(rule, key, types.ComputeSigningRoot(m.BeaconBlockRoot, domain), m.Signature)
	return accepted
}

func (c *syncMessageCheck) duplicate() Decision {
	return seenBefore("already seen message from this validator for this slot and subnet", c.message.ValidatorIndex, "another validator")
}

func (c *syncMessageCheck) after() (*CheckedSyncMessage, Decision) {
	// Mark this message as seen
	if !c.seen.syncMessages.put(c.message.Slot, c.key(), struct{}{}) {
		return nil, c.duplicate()
	}
	return &CheckedSyncMessage{c.message, c.in.Subnet, c.positions}, accepted
}
