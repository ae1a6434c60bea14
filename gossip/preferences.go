package gossip

import (
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// CheckedPreferences is a proposer's preferences that may be passed on (gloas).
type CheckedPreferences struct {
	signed *types.SignedProposerPreferences
}

func (*CheckedPreferences) checked() {}

// Signed is the preferences. They are not to be written to.
func (c *CheckedPreferences) Signed() *types.SignedProposerPreferences { return c.signed }

// ProposerPreferences begins the check of a proposer's preferences.
//
// Spec: validate_proposer_preferences_gossip (gloas).
func (r *Rules) ProposerPreferences(in Arrival, signed *types.SignedProposerPreferences) *Pending[*CheckedPreferences] {
	return begin(&preferencesCheck{r, in, r.view(), signed})
}

type preferencesCheck struct {
	*Rules
	in     Arrival
	v      View
	signed *types.SignedProposerPreferences
}

func (c *preferencesCheck) before(sigs *statements) Decision {
	preferences := &c.signed.Message
	epoch := c.epochOf(preferences.ProposalSlot)
	// [IGNORE] The proposal slot has not started yet
	if isPastSlot(c.spec, preferences.ProposalSlot, c.in.Now) {
		return ignore("proposal slot has already started", preferences.ProposalSlot, currentSlot(c.spec, c.in.Now))
	}
	// [IGNORE] The proposer for the proposal slot is known
	lookahead := c.startOf(epoch.SubSaturating(c.spec.MinSeedLookahead))
	if isFutureSlot(c.spec, lookahead, c.in.Now) {
		return ignore("proposer for the proposal slot is not yet known", lookahead, currentSlot(c.spec, c.in.Now))
	}
	// [IGNORE] The dependent block has been seen (MAY be queued until block is retrieved)
	root := preferences.DependentRoot
	block, ok := c.v.Block(root)
	if !ok {
		return deferred("dependent block has not been seen", WaitBlock, root)
	}
	// [IGNORE] These are the first valid preferences seen for this dependent root and slot
	if c.seen.preferences.has(preferences.ProposalSlot, root) {
		return c.duplicate()
	}
	// [IGNORE] The dependent block passes validation
	if block.Failed {
		return ignore("dependent block failed validation", root, "a valid block")
	}
	// [REJECT] The dependent root is a valid dependent block for the proposal slot
	if block.Slot >= lookahead {
		return reject("dependent root is not before the proposer lookahead epoch", block.Slot, lookahead)
	}
	// [IGNORE] The dependent root is a possible dependent block for the lookahead epoch
	// Spec: is_valid_dependent_root (gloas)
	if !c.v.IsDependent(root, lookahead) {
		return ignore("dependent root is not a possible dependent block", root, "the last block before a slot")
	}
	// [REJECT] The validator is the proposer for the given slot in the proposer lookahead
	proposer, ok := c.v.Proposer(root, preferences.ProposalSlot)
	if !ok {
		return notAtHand(root)
	}
	if proposer != preferences.ValidatorIndex {
		return reject("validator is not the proposer for the given slot", preferences.ValidatorIndex, proposer)
	}
	// [REJECT] The signature is valid with respect to the validator's public key
	const rule Rule = "invalid proposer preferences signature"
	state, ok := c.v.HeadState()
	if !ok {
		return notAtHand(c.v.Head().Root)
	}
	key, err := state.PublicKey(preferences.ValidatorIndex)
	if err != nil {
		return rejectFor(rule, err)
	}
	// The domain is that of a state in the lookahead epoch, which knows of no fork after it.
	domain := c.domain(params.DomainProposerPreferences(), epoch.SubSaturating(c.spec.MinSeedLookahead))
	sigs.add(rule, key, types.ComputeSigningRoot(types.HashTreeRoot(preferences), domain), c.signed.Signature)
	return accepted
}

func (c *preferencesCheck) duplicate() Decision {
	return seenBefore("already seen preferences for this dependent root and proposal slot", c.signed.Message.ProposalSlot, "another slot")
}

func (c *preferencesCheck) after() (*CheckedPreferences, Decision) {
	// Mark these preferences as seen
	preferences := &c.signed.Message
	if !c.seen.preferences.put(preferences.ProposalSlot, preferences.DependentRoot, *preferences) {
		return nil, c.duplicate()
	}
	return &CheckedPreferences{c.signed}, accepted
}
