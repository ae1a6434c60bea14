package gossip

import (
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// proposal is what blocks and the headers that sidecars carry have in common.
type proposal struct {
	slot      types.Slot
	proposer  types.ValidatorIndex
	root      types.Root // of the block
	signature types.BLSSignature
	rules     proposalRules
}

type proposalRules struct{ index, signature Rule }

// proposed checks the proposer's index and collects the proposer's signature.
func (r *Rules) proposed(sigs *statements, state transition.Frozen, p *proposal) Decision {
	// [REJECT] The proposer index is a valid validator index
	if n := state.Validators(); uint64(p.proposer) >= uint64(n) {
		return reject(p.rules.index, p.proposer, n)
	}
	// [REJECT] The proposer signature is valid
	key, err := state.PublicKey(p.proposer)
	if err != nil {
		return rejectFor(p.rules.signature, err)
	}
	domain := r.domain(params.DomainBeaconProposer(), r.epochOf(p.slot))
	sigs.add(p.rules.signature, key, types.ComputeSigningRoot(p.root, domain), p.signature)
	return accepted
}

// expectProposer checks who proposes a slot after a block.
func (r *Rules) expectProposer(v View, rule Rule, parent types.Root, slot types.Slot, proposer types.ValidatorIndex) Decision {
	expected, ok := v.Proposer(parent, slot)
	if !ok {
		return notAtHand(parent)
	}
	if proposer != expected {
		return reject(rule, proposer, expected)
	}
	return accepted
}

// headerRules names the rules about the header in a sidecar, which are the same for all kinds of sidecars but for their names.
type headerRules struct {
	future, finalized  Rule
	proposal           proposalRules
	unknown, failed    Rule // the parent
	slot, ancestor     Rule
	proof, wrongSender Rule
}

// headerCheck is the rules about the header in a sidecar (deneb to fulu).
type headerCheck struct {
	*Rules
	in     Arrival
	v      View
	rules  *headerRules
	signed *types.SignedBeaconBlockHeader
	root   types.Root // of the header, that is of the block
}

// time is the rules about the header's slot.
func (c *headerCheck) time() Decision {
	header := &c.signed.Message
	// [IGNORE] The sidecar is not from a future slot (MAY be queued for processing at the appropriate slot)
	if isFutureSlot(c.spec, header.Slot, c.in.Now) {
		return c.future(c.rules.future, header.Slot, c.in.Now)
	}
	// [IGNORE] The sidecar is from a slot greater than the latest finalized slot
	if finalized := c.startOf(c.v.Finalized().Epoch); header.Slot <= finalized {
		return ignore(c.rules.finalized, header.Slot, finalized)
	}
	return accepted
}

// signature is the rules about the header's proposer, up to the signature.
func (c *headerCheck) signature(sigs *statements) Decision {
	state, ok := c.v.HeadState()
	if !ok {
		return notAtHand(c.v.Head().Root)
	}
	header := &c.signed.Message
	c.root = types.HashTreeRoot(header)
	return c.proposed(sigs, state, &proposal{
		slot: header.Slot, proposer: header.ProposerIndex, root: c.root, signature: c.signed.Signature, rules: c.rules.proposal,
	})
}

// place is the rules about the header's place in the chain.
func (c *headerCheck) place() Decision {
	header := &c.signed.Message
	// [IGNORE] The sidecar's block's parent has been seen (MAY be queued for processing once the parent block is retrieved)
	parent, ok := c.v.Block(header.ParentRoot)
	if !ok {
		return deferred(c.rules.unknown, WaitBlock, header.ParentRoot)
	}
	// [REJECT] The sidecar's block's parent passes validation
	if parent.Failed {
		return reject(c.rules.failed, header.ParentRoot, "a valid block")
	}
	// [REJECT] The sidecar is from a higher slot than the sidecar's block's parent
	if header.Slot <= parent.Slot {
		return reject(c.rules.slot, header.Slot, parent.Slot)
	}
	// [REJECT] The current finalized_checkpoint is an ancestor of the sidecar's block
	if ancestor, ok := c.finalizedDescends(c.v, header.ParentRoot); !ok {
		return reject(c.rules.ancestor, ancestor, c.v.Finalized().Root)
	}
	return accepted
}

// proposer is the rule about who proposes.
func (c *headerCheck) proposer() Decision {
	header := &c.signed.Message
	// [REJECT] The sidecar is proposed by the expected proposer_index
	// (if shuffling is not available, IGNORE instead and MAY be queued for later)
	return c.expectProposer(c.v, c.rules.wrongSender, header.ParentRoot, header.Slot, header.ProposerIndex)
}
