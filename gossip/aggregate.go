package gossip

import (
	"slices"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/forkchoice"
)

// CheckedAggregate is an aggregate that may be passed on.
type CheckedAggregate struct {
	signed    *types.SignedAggregateAndProof
	committee types.CommitteeIndex
	attesting []types.ValidatorIndex
}

func (*CheckedAggregate) checked() {}

// Signed is the aggregate with its proofs. It is not to be written to.
func (c *CheckedAggregate) Signed() *types.SignedAggregateAndProof { return c.signed }

// Committee is the committee that voted.
func (c *CheckedAggregate) Committee() types.CommitteeIndex { return c.committee }

// Attesting lists who votes, in the committee's order. It is not to be written to.
func (c *CheckedAggregate) Attesting() []types.ValidatorIndex { return c.attesting }

// Vote is what fork choice counts.
func (c *CheckedAggregate) Vote() forkchoice.Attestation {
	return voteOf(&c.signed.Message.Aggregate.Data, c.attesting)
}

var aggregateRules = voteRules{
	indexNotZero: "aggregate data index is non-zero",
	indexTooHigh: "aggregate data index must be 0 or 1",
	future:       "aggregate slot is from a future slot",
	epoch:        "aggregate epoch is not current or previous epoch",
}

// AggregateAndProof begins the check of an aggregate.
//
// Spec: validate_beacon_aggregate_and_proof_gossip (phase0; modified deneb, electra, gloas).
func (r *Rules) AggregateAndProof(in Arrival, signed *types.SignedAggregateAndProof) *Pending[*CheckedAggregate] {
	data := &signed.Message.Aggregate.Data
	return begin(&aggregateCheck{voteCheck: voteCheck{Rules: r, in: in, v: r.view(), names: &aggregateRules, data: data}, signed: signed})
}

type aggregateCheck struct {
	voteCheck
	signed    *types.SignedAggregateAndProof
	committee types.CommitteeIndex
	key       aggregateKey
	attesting []types.ValidatorIndex
}

func (c *aggregateCheck) before(sigs *statements) Decision {
	message := &c.signed.Message
	aggregate, aggregator := &message.Aggregate, message.AggregatorIndex
	if d := c.dataIndex(); !d.ok() {
		return d
	}
	c.committee = aggregate.Data.Index
	if c.in.Fork >= params.Electra {
		// [REJECT] Exactly one committee is specified by the committee bits (electra)
		if n := aggregate.CommitteeBits.Count(); n != 1 {
			return reject("aggregate committee bits must specify exactly one committee", n, 1)
		}
		c.committee = firstBit(aggregate.CommitteeBits)
	}
	if d := c.time(); !d.ok() {
		return d
	}
	if d := c.committees(); !d.ok() {
		return d
	}
	if d := c.committeeIndex(c.committee); !d.ok() {
		return d
	}
	committee := c.shuffled.Committee(c.data.Slot, c.committee)
	// [REJECT] The number of aggregation bits matches the committee size
	if n := aggregate.AggregationBits.Len(); n != uint64(len(committee)) {
		return c.rejectMember("aggregation bits length does not match committee size", n, len(committee))
	}
	// [REJECT] The aggregate attestation has participants
	for i, member := range committee {
		if aggregate.AggregationBits.BitAt(uint64(i)) {
			c.attesting = append(c.attesting, types.ValidatorIndex(member))
		}
	}
	if len(c.attesting) == 0 {
		return reject("aggregate has no participants", 0, "at least 1")
	}
	c.key = aggregateKey{data: types.HashTreeRoot(c.data)}
	if c.in.Fork >= params.Electra {
		c.key.committee = c.committee
	}
	// [IGNORE] A valid aggregate with a superset of aggregation bits has not already been seen (modified electra)
	// [IGNORE] This is the first valid aggregate for this epoch and aggregator
	if d := c.sighted(c.seen.aggregates.look(c.data.Target.Epoch, c.data.Slot, aggregator, c.key, aggregate.AggregationBits)); !d.ok() {
		return d
	}
	// [REJECT] The selection proof selects the validator as an aggregator
	if !types.IsAggregator(len(committee), message.SelectionProof) {
		return c.rejectMember("validator is not selected as aggregator", aggregator, "an aggregator")
	}
	// [REJECT] The aggregator's validator index is within the committee
	if uint64(aggregator) > uint64(^uint32(0)) || !slices.Contains(committee, uint32(aggregator)) {
		return c.rejectMember("aggregator index not in committee", aggregator, "a member")
	}
	return c.signatures(sigs)
}

// signatures collects the three signatures of an aggregate.
func (c *aggregateCheck) signatures(sigs *statements) Decision {
	message := &c.signed.Message
	epoch := c.data.Target.Epoch
	// [REJECT] The selection proof signature is valid
	key, err := c.state.PublicKey(message.AggregatorIndex)
	if err != nil {
		return notAtHand(c.v.Head().Root) // a validator of another branch, whom the head's state does not have
	}
	sigs.add("invalid selection proof signature", key, types.ComputeSigningRoot(slotRoot(c.data.Slot), c.domain(params.DomainSelectionProof(), epoch)), message.SelectionProof)
	// [REJECT] The aggregator signature is valid
	root, err := ssz.HashTreeRoot(c.cx(c.in.Fork), ssz.Container(message))
	if err != nil {
		return rejectFor(RuleType, err)
	}
	sigs.add("invalid aggregator signature", key, types.ComputeSigningRoot(root, c.domain(params.DomainAggregateAndProof(), epoch)), c.signed.Signature)
	// [REJECT] The aggregate signature is valid
	sum, err := c.state.AttestersKey(c.shuffled, c.data.Slot, c.committee, message.Aggregate.AggregationBits)
	if err != nil {
		return notAtHand(c.v.Head().Root)
	}
	sigs.add("invalid aggregate signature", sum, c.signingRoot(), message.Aggregate.Signature)
	return accepted
}

// sighted is the rules about what was seen before.
func (c *aggregateCheck) sighted(s sighting) Decision {
	switch s {
	case sameData:
		return seenBefore("already seen aggregate for this data", c.key.data, "other data or members")
	case sameSender:
		return seenBefore("already seen aggregate for this epoch and aggregator", c.signed.Message.AggregatorIndex, "another aggregator")
	}
	return accepted
}

func (c *aggregateCheck) after() (*CheckedAggregate, Decision) {
	if d := c.place(); !d.ok() {
		return nil, d
	}
	// Mark this aggregate as seen
	message := &c.signed.Message
	if d := c.sighted(c.seen.aggregates.put(c.data.Target.Epoch, c.data.Slot, message.AggregatorIndex, c.key, message.Aggregate.AggregationBits)); !d.ok() {
		return nil, d
	}
	return &CheckedAggregate{c.signed, c.committee, c.attesting}, accepted
}

// firstBit is the number of the first bit that is set; 0 if none is.
func firstBit(bits ssz.Bitvector) types.CommitteeIndex {
	for i := range 8 * uint64(len(bits)) {
		if bits.BitAt(i) {
			return types.CommitteeIndex(i)
		}
	}
	return 0
}
