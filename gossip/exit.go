package gossip

import (
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// CheckedExit is a voluntary exit that may be passed on.
type CheckedExit struct{ signed *types.SignedVoluntaryExit }

func (*CheckedExit) checked() {}

// Signed is the exit. It is not to be written to.
func (c *CheckedExit) Signed() *types.SignedVoluntaryExit { return c.signed }

// VoluntaryExit begins the check of a voluntary exit.
//
// Spec: validate_voluntary_exit_gossip (phase0; modified deneb).
func (r *Rules) VoluntaryExit(_ Arrival, signed *types.SignedVoluntaryExit) *Pending[*CheckedExit] {
	return begin(&exitCheck{r, r.view(), signed})
}

type exitCheck struct {
	*Rules
	v      View
	signed *types.SignedVoluntaryExit
}

func (c *exitCheck) before(sigs *statements) Decision {
	exit := &c.signed.Message
	// [IGNORE] The voluntary exit is the first valid voluntary exit received for the validator
	if c.seen.exits.has(exit.ValidatorIndex) {
		return c.duplicate()
	}
	state, ok := c.v.HeadState()
	if !ok {
		return notAtHand(c.v.Head().Root)
	}
	// [REJECT] The validator index is valid
	validator, ok := state.Validator(exit.ValidatorIndex)
	if !ok {
		return reject("validator index out of range", exit.ValidatorIndex, state.Validators())
	}
	epoch := state.Epoch()
	// [REJECT] The validator is active
	if !transition.IsActiveValidator(&validator, epoch) {
		return reject("validator is not active", epoch, validator.ActivationEpoch)
	}
	// [REJECT] The validator has not already initiated exit
	if validator.ExitEpoch != params.FarFutureEpoch {
		return reject("validator has already initiated exit", validator.ExitEpoch, params.FarFutureEpoch)
	}
	// [REJECT] The voluntary exit epoch is not in the future
	if epoch < exit.Epoch {
		return reject("voluntary exit epoch is in the future", exit.Epoch, epoch)
	}
	// [REJECT] The validator has been active long enough
	if active := epoch - validator.ActivationEpoch; active < c.spec.ShardCommitteePeriod {
		return reject("validator has not been active long enough", active, c.spec.ShardCommitteePeriod)
	}
	// [REJECT] The signature is valid (modified deneb)
	const rule Rule = "invalid voluntary exit signature"
	key, err := state.PublicKey(exit.ValidatorIndex)
	if err != nil {
		return rejectFor(rule, err)
	}
	domain := state.GetDomain(params.DomainVoluntaryExit(), exit.Epoch)
	if state.Fork() >= params.Deneb {
		domain = types.ComputeDomain(params.DomainVoluntaryExit(), c.spec.CapellaForkVersion, c.validatorsRoot)
	}
	sigs.add(rule, key, types.ComputeSigningRoot(types.HashTreeRoot(exit), domain), c.signed.Signature)
	return accepted
}

func (c *exitCheck) duplicate() Decision {
	return seenBefore("already seen voluntary exit for this validator", c.signed.Message.ValidatorIndex, "another validator")
}

func (c *exitCheck) after() (*CheckedExit, Decision) {
	// Mark this voluntary exit as seen
	if !c.seen.exits.put(c.signed.Message.ValidatorIndex) {
		return nil, c.duplicate()
	}
	return &CheckedExit{c.signed}, accepted
}
