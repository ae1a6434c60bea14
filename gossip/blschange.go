package gossip

import (
	"crypto/sha256"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// CheckedBLSChange is a change of withdrawal credentials that may be passed on (capella).
type CheckedBLSChange struct {
	signed *types.SignedBLSToExecutionChange
}

func (*CheckedBLSChange) checked() {}

// Signed is the change. It is not to be written to.
func (c *CheckedBLSChange) Signed() *types.SignedBLSToExecutionChange { return c.signed }

// BLSToExecutionChange begins the check of a change of withdrawal credentials.
//
// Spec: validate_bls_to_execution_change_gossip (capella).
func (r *Rules) BLSToExecutionChange(in Arrival, signed *types.SignedBLSToExecutionChange) *Pending[*CheckedBLSChange] {
	return begin(&blsChangeCheck{r, in, r.view(), signed})
}

type blsChangeCheck struct {
	*Rules
	in     Arrival
	v      View
	signed *types.SignedBLSToExecutionChange
}

func (c *blsChangeCheck) before(sigs *statements) Decision {
	change := &c.signed.Message
	// [IGNORE] The current epoch is at or after the Capella fork epoch
	// (where current_epoch is defined by the current wall-clock time)
	if epoch := c.epochOf(currentSlot(c.spec, c.in.Now)); epoch < c.spec.CapellaForkEpoch {
		return ignore("current epoch is pre-capella", epoch, c.spec.CapellaForkEpoch)
	}
	// [IGNORE] This is the first valid bls_to_execution_change received for the validator
	if c.seen.blsChanges.has(change.ValidatorIndex) {
		return c.duplicate()
	}
	state, ok := c.v.HeadState()
	if !ok {
		return notAtHand(c.v.Head().Root)
	}
	// [REJECT] The validator index is valid
	validator, ok := state.Validator(change.ValidatorIndex)
	if !ok {
		return reject("validator index out of range", change.ValidatorIndex, state.Validators())
	}
	// [REJECT] The validator has BLS withdrawal credentials
	credentials := validator.WithdrawalCredentials
	if credentials[0] != params.BLSWithdrawalPrefix {
		return reject("validator does not have BLS withdrawal credentials", credentials[0], params.BLSWithdrawalPrefix)
	}
	// [REJECT] The bls_to_execution_change is for the validator's withdrawal pubkey
	hash := types.Bytes32(sha256.Sum256(change.FromBLSPubkey[:]))
	hash[0] = params.BLSWithdrawalPrefix
	if credentials != hash {
		return reject("pubkey does not match validator withdrawal credentials", hash, credentials)
	}
	// [REJECT] The signature is valid
	const rule Rule = "invalid BLS to execution change signature"
	key, err := state.KeyOf(change.FromBLSPubkey)
	if err != nil {
		return rejectFor(rule, err)
	}
	domain := types.ComputeDomain(params.DomainBLSToExecutionChange(), c.spec.GenesisForkVersion, c.validatorsRoot)
	sigs.add(rule, key, types.ComputeSigningRoot(types.HashTreeRoot(change), domain), c.signed.Signature)
	return accepted
}

func (c *blsChangeCheck) duplicate() Decision {
	return seenBefore("already seen BLS to execution change for this validator", c.signed.Message.ValidatorIndex, "another validator")
}

func (c *blsChangeCheck) after() (*CheckedBLSChange, Decision) {
	// Mark this bls_to_execution_change as seen
	if !c.seen.blsChanges.put(c.signed.Message.ValidatorIndex) {
		return nil, c.duplicate()
	}
	return &CheckedBLSChange{c.signed}, accepted
}
