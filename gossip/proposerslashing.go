package gossip

import (
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// CheckedProposerSlashing is a proposer slashing that may be passed on.
type CheckedProposerSlashing struct{ slashing *types.ProposerSlashing }

func (*CheckedProposerSlashing) checked() {}

// Slashing is the slashing. It is not to be written to.
func (c *CheckedProposerSlashing) Slashing() *types.ProposerSlashing { return c.slashing }

// ProposerSlashing begins the check of a proposer slashing.
//
// Spec: validate_proposer_slashing_gossip (phase0).
func (r *Rules) ProposerSlashing(_ Arrival, slashing *types.ProposerSlashing) *Pending[*CheckedProposerSlashing] {
	return begin(&proposerSlashingCheck{r, r.view(), slashing})
}

type proposerSlashingCheck struct {
	*Rules
	v        View
	slashing *types.ProposerSlashing
}

func (c *proposerSlashingCheck) before(sigs *statements) Decision {
	header1, header2 := &c.slashing.SignedHeader1.Message, &c.slashing.SignedHeader2.Message
	proposer := header1.ProposerIndex
	// [IGNORE] The proposer slashing is the first valid proposer slashing received for this proposer
	if c.seen.proposers.has(proposer) {
		return c.duplicate()
	}
	// [REJECT] The header slots match
	if header1.Slot != header2.Slot {
		return reject("header slots do not match", header1.Slot, header2.Slot)
	}
	// [REJECT] The header proposer indices match
	if header1.ProposerIndex != header2.ProposerIndex {
		return reject("header proposer indices do not match", header1.ProposerIndex, header2.ProposerIndex)
	}
	// [REJECT] The headers are different
	if *header1 == *header2 {
		return reject("headers are not different", "two equal headers", "different ones")
	}
	state, ok := c.v.HeadState()
	if !ok {
		return notAtHand(c.v.Head().Root)
	}
	// [REJECT] The proposer index is a valid validator index
	validator, ok := state.Validator(proposer)
	if !ok {
		return reject("proposer index out of range", proposer, state.Validators())
	}
	// [REJECT] The proposer is slashable
	if !transition.IsSlashableValidator(&validator, state.Epoch()) {
		return reject("proposer is not slashable", proposer, "a slashable validator")
	}
	// [REJECT] The signatures are valid
	const rule Rule = "invalid proposer slashing signature"
	key, err := state.PublicKey(proposer)
	if err != nil {
		return rejectFor(rule, err)
	}
	domain := state.GetDomain(params.DomainBeaconProposer(), c.epochOf(header1.Slot))
	for _, signed := range []*types.SignedBeaconBlockHeader{&c.slashing.SignedHeader1, &c.slashing.SignedHeader2} {
		sigs.add(rule, key, types.ComputeSigningRoot(types.HashTreeRoot(&signed.Message), domain), signed.Signature)
	}
	return accepted
}

func (c *proposerSlashingCheck) duplicate() Decision {
	return seenBefore("already seen proposer slashing for this proposer", c.slashing.SignedHeader1.Message.ProposerIndex, "another proposer")
}

func (c *proposerSlashingCheck) after() (*CheckedProposerSlashing, Decision) {
	// Mark this proposer slashing as seen
	if !c.seen.proposers.put(c.slashing.SignedHeader1.Message.ProposerIndex) {
		return nil, c.duplicate()
	}
	return &CheckedProposerSlashing{c.slashing}, accepted
}
