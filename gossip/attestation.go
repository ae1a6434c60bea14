package gossip

import (
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/forkchoice"
)

// CheckedAttestation is the vote of one validator that may be passed on.
type CheckedAttestation struct {
	data      *types.AttestationData
	signature types.BLSSignature
	attester  types.ValidatorIndex
	seat      Seat
}

// Seat is a place in a committee.
type Seat struct {
	Committee types.CommitteeIndex
	Position  int // in the committee
	Size      int // of the committee
}

func (*CheckedAttestation) checked() {}

// Data is what is voted for. It is not to be written to.
func (c *CheckedAttestation) Data() *types.AttestationData { return c.data }

// Signature is the attester's signature of the data.
func (c *CheckedAttestation) Signature() types.BLSSignature { return c.signature }

// Attester is who votes.
func (c *CheckedAttestation) Attester() types.ValidatorIndex { return c.attester }

// Seat is the attester's place.
func (c *CheckedAttestation) Seat() Seat { return c.seat }

// Vote is what fork choice counts.
func (c *CheckedAttestation) Vote() forkchoice.Attestation {
	return voteOf(c.data, []types.ValidatorIndex{c.attester})
}

func voteOf(data *types.AttestationData, attesting []types.ValidatorIndex) forkchoice.Attestation {
	return forkchoice.Attestation{
		Slot: data.Slot, Index: data.Index, BlockRoot: data.BeaconBlockRoot, Target: data.Target, Attesting: attesting,
	}
}

var attestationRules = voteRules{
	indexNotZero: "attestation data index is non-zero",
	indexTooHigh: "attestation data index must be 0 or 1",
	future:       "attestation slot is from a future slot",
	epoch:        "attestation epoch is not current or previous epoch",
}

// Attestation begins the check of a vote as it travels until Electra.
//
// Spec: validate_beacon_attestation_gossip (phase0; modified deneb).
func (r *Rules) Attestation(in Arrival, a *types.Attestation) *Pending[*CheckedAttestation] {
	c := &attestationCheck{
		voteCheck: voteCheck{Rules: r, in: in, v: r.view(), names: &attestationRules, data: &a.Data},
		aggregate: a, signature: a.Signature, seat: Seat{Committee: a.Data.Index},
	}
	return begin(c)
}

// SingleAttestation begins the check of a vote as it travels from Electra on.
//
// Spec: validate_beacon_attestation_gossip (electra; modified gloas).
func (r *Rules) SingleAttestation(in Arrival, a *types.SingleAttestation) *Pending[*CheckedAttestation] {
	c := &attestationCheck{
		voteCheck: voteCheck{Rules: r, in: in, v: r.view(), names: &attestationRules, data: &a.Data},
		signature: a.Signature, attester: a.AttesterIndex, seat: Seat{Committee: a.CommitteeIndex},
	}
	return begin(c)
}

type attestationCheck struct {
	voteCheck
	aggregate *types.Attestation // until electra
	signature types.BLSSignature
	attester  types.ValidatorIndex
	seat      Seat
}

func (c *attestationCheck) before(sigs *statements) Decision {
	if (c.aggregate == nil) != (c.in.Fork >= params.Electra) {
		return reject(RuleType, c.in.Fork, "the type of its fork")
	}
	if d := c.dataIndex(); !d.ok() {
		return d
	}
	if d := c.time(); !d.ok() {
		return d
	}
	if d := c.committees(); !d.ok() {
		return d
	}
	if d := c.committeeIndex(c.seat.Committee); !d.ok() {
		return d
	}
	// [REJECT] The attestation is for the correct subnet
	expected := types.ComputeSubnetForAttestation(c.spec, c.shuffled.CommitteesPerSlot, c.data.Slot, c.seat.Committee)
	if expected != c.in.Subnet {
		return c.rejectMember("attestation is for wrong subnet", c.in.Subnet, expected)
	}
	if d := c.takeSeat(c.shuffled.Committee(c.data.Slot, c.seat.Committee)); !d.ok() {
		return d
	}
	// [IGNORE] No other valid attestation seen for this target epoch and validator
	if c.seen.attesters.has(c.data.Target.Epoch, c.attester) {
		return c.duplicate()
	}
	// [REJECT] The attestation signature is valid
	key, err := c.state.PublicKey(c.attester)
	if err != nil {
		return notAtHand(c.v.Head().Root) // a validator of another branch, whom the head's state does not have
	}
	sigs.add("invalid attestation signature", key, c.signingRoot(), c.signature)
	return accepted
}

// takeSeat finds the attester in the committee.
func (c *attestationCheck) takeSeat(committee []uint32) Decision {
	c.seat.Size = len(committee)
	if c.aggregate == nil {
		// [REJECT] The attester is a member of the committee (electra)
		for position, member := range committee {
			if types.ValidatorIndex(member) == c.attester {
				c.seat.Position = position
				return accepted
			}
		}
		return c.rejectMember("attester is not a member of the committee", c.attester, "a member")
	}
	// [REJECT] The attestation is unaggregated (exactly one bit set)
	bits := c.aggregate.AggregationBits
	if n := bits.Count(); n != 1 {
		return reject("attestation is not unaggregated", n, 1)
	}
	// [REJECT] The number of aggregation bits matches the committee size
	if bits.Len() != uint64(len(committee)) {
		return c.rejectMember("aggregation bits length does not match committee size", bits.Len(), len(committee))
	}
	c.seat.Position = bits.BitIndices()[0]
	c.attester = types.ValidatorIndex(committee[c.seat.Position])
	return accepted
}

func (c *attestationCheck) duplicate() Decision {
	return seenBefore("already seen attestation for this epoch and validator", c.attester, "another validator")
}

func (c *attestationCheck) after() (*CheckedAttestation, Decision) {
	if d := c.place(); !d.ok() {
		return nil, d
	}
	// Mark this attestation as seen
	if !c.seen.attesters.put(c.data.Target.Epoch, c.attester) {
		return nil, c.duplicate()
	}
	return &CheckedAttestation{c.data, c.signature, c.attester, c.seat}, accepted
}
