package gossip

import (
	"fmt"

	"github.com/cresset/cresset/beacon/bls"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// CheckedAttesterSlashing is an attester slashing that may be passed on.
type CheckedAttesterSlashing struct {
	slashing  *types.AttesterSlashing
	slashable []types.ValidatorIndex
}

func (*CheckedAttesterSlashing) checked() {}

// Slashing is the slashing. It is not to be written to.
func (c *CheckedAttesterSlashing) Slashing() *types.AttesterSlashing { return c.slashing }

// Both lists who made both votes. It is not to be written to.
func (c *CheckedAttesterSlashing) Both() []types.ValidatorIndex { return c.slashable }

// AttesterSlashing begins the check of an attester slashing.
//
// Spec: validate_attester_slashing_gossip (phase0; modified electra).
func (r *Rules) AttesterSlashing(in Arrival, slashing *types.AttesterSlashing) *Pending[*CheckedAttesterSlashing] {
	return begin(&attesterSlashingCheck{Rules: r, in: in, v: r.view(), slashing: slashing})
}

type attesterSlashingCheck struct {
	*Rules
	in        Arrival
	v         View
	slashing  *types.AttesterSlashing
	slashable []types.ValidatorIndex
	state     transition.Frozen
}

func (c *attesterSlashingCheck) before(sigs *statements) Decision {
	a1, a2 := &c.slashing.Attestation1, &c.slashing.Attestation2
	c.slashable = intersection(a1.AttestingIndices, a2.AttestingIndices)
	// [IGNORE] At least one index in the intersection has not yet been seen
	if c.seen.slashed.hasAll(c.slashable) {
		return c.duplicate()
	}
	// [REJECT] The attestation data is slashable (double vote or surround vote)
	if !transition.IsSlashableAttestationData(&a1.Data, &a2.Data) {
		return reject("attestation data is not slashable", a1.Data.Target.Epoch, a2.Data.Target.Epoch)
	}
	var ok bool
	if c.state, ok = c.v.HeadState(); !ok {
		return notAtHand(c.v.Head().Root)
	}
	// [REJECT] All validator indices in the first indexed attestation are valid
	// [REJECT] The first indexed attestation has valid properties
	if d := c.indexed(sigs, a1, "validator index out of range in indexed attestation 1", "invalid indexed attestation 1"); !d.ok() {
		return d
	}
	// [REJECT] All validator indices in the second indexed attestation are valid
	// [REJECT] The second indexed attestation has valid properties
	return c.indexed(sigs, a2, "validator index out of range in indexed attestation 2", "invalid indexed attestation 2")
}

// indexed checks an indexed attestation and collects its signature. Spec: is_valid_indexed_attestation (phase0; modified gloas).
func (c *attesterSlashingCheck) indexed(sigs *statements, a *types.IndexedAttestation, outOfRange, invalid Rule) Decision {
	n := uint64(len(a.AttestingIndices))
	if most := c.spec.MaxValidatorsPerCommittee * c.spec.MaxCommitteesPerSlot; n == 0 || c.in.Fork >= params.Gloas && n > most {
		return reject(invalid, n, fmt.Sprintf("1 to %d attesters", most))
	}
	for _, i := range a.AttestingIndices {
		if uint64(i) >= uint64(c.state.Validators()) {
			return reject(outOfRange, i, c.state.Validators())
		}
	}
	for k, i := range a.AttestingIndices[1:] {
		if before := a.AttestingIndices[k]; i <= before {
			return reject(invalid, i, fmt.Sprintf("above %d", before))
		}
	}
	key, err := c.state.SumKeys(a.AttestingIndices)
	if err != nil {
		return rejectFor(invalid, err)
	}
	domain := c.state.GetDomain(params.DomainBeaconAttester(), a.Data.Target.Epoch)
	sigs.addSet(invalid, bls.Set{
		Keys: []*bls.PublicKey{key}, Message: types.ComputeSigningRoot(types.HashTreeRoot(&a.Data), domain), Signature: a.Signature,
	})
	return accepted
}

func (c *attesterSlashingCheck) duplicate() Decision {
	return seenBefore("all attester slashing indices already seen", len(c.slashable), "validators of which none was seen")
}

func (c *attesterSlashingCheck) after() (*CheckedAttesterSlashing, Decision) {
	// [REJECT] At least one validator in the intersection is slashable
	found := false
	for _, i := range c.slashable {
		if v, ok := c.state.Validator(i); ok && transition.IsSlashableValidator(&v, c.state.Epoch()) {
			found = true
			break
		}
	}
	if !found {
		return nil, reject("no slashable validators in intersection", len(c.slashable), "at least 1 that is slashable")
	}
	// Mark these indices as seen
	if !c.seen.slashed.put(c.slashable...) {
		return nil, c.duplicate()
	}
	return &CheckedAttesterSlashing{c.slashing, c.slashable}, accepted
}

// intersection lists the elements of a that are in b, each once, in a's order.
func intersection(a, b []types.ValidatorIndex) (both []types.ValidatorIndex) {
	left := make(map[types.ValidatorIndex]bool, len(b))
	for _, i := range b {
		left[i] = true
	}
	for _, i := range a {
		if left[i] {
			delete(left, i)
			both = append(both, i)
		}
	}
	return both
}
