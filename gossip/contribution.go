package gossip

import (
	"slices"

	"github.com/cresset/cresset/beacon/bls"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// CheckedContribution is a sync committee contribution that may be passed on (altair).
type CheckedContribution struct {
	signed *types.SignedContributionAndProof
}

func (*CheckedContribution) checked() {}

// Signed is the contribution with its proofs. It is not to be written to.
func (c *CheckedContribution) Signed() *types.SignedContributionAndProof { return c.signed }

// ContributionAndProof begins the check of a sync committee contribution.
//
// Spec: validate_sync_committee_contribution_and_proof_gossip (altair).
func (r *Rules) ContributionAndProof(in Arrival, signed *types.SignedContributionAndProof) *Pending[*CheckedContribution] {
	return begin(&contributionCheck{r, in, r.view(), signed})
}

type contributionCheck struct {
	*Rules
	in     Arrival
	v      View
	signed *types.SignedContributionAndProof
}

func (c *contributionCheck) before(sigs *statements) Decision {
	message := &c.signed.Message
	contribution := &message.Contribution
	// [IGNORE] The contribution's slot is for the current slot
	if !isCurrentSlot(c.spec, contribution.Slot, c.in.Now) {
		return ignore("contribution is not for the current slot", contribution.Slot, currentSlot(c.spec, c.in.Now))
	}
	// [REJECT] The subcommittee index is in the allowed range
	if contribution.SubcommitteeIndex >= params.SyncCommitteeSubnetCount {
		return reject("subcommittee index out of range", contribution.SubcommitteeIndex, params.SyncCommitteeSubnetCount)
	}
	// [REJECT] The contribution has participants
	if contribution.AggregationBits.Count() == 0 {
		return reject("contribution has no participants", 0, "at least 1")
	}
	// [REJECT] The selection_proof selects the validator as an aggregator for the slot
	if !types.IsSyncCommitteeAggregator(c.spec, message.SelectionProof) {
		return reject("validator is not selected as aggregator", message.AggregatorIndex, "an aggregator")
	}
	state, ok := c.v.HeadState()
	if !ok {
		return notAtHand(c.v.Head().Root)
	}
	// [REJECT] The aggregator index is valid
	aggregator, ok := state.Validator(message.AggregatorIndex)
	if !ok {
		return reject("aggregator index out of range", message.AggregatorIndex, state.Validators())
	}
	// [REJECT] The aggregator's validator index is in the declared subcommittee of the current sync committee
	members, ok := c.getSyncSubcommitteePubkeys(state, contribution.Slot, contribution.SubcommitteeIndex)
	if !ok {
		return notAtHand(c.v.Head().Root)
	}
	if !slices.Contains(members, aggregator.Pubkey) {
		return reject("aggregator not in subcommittee", message.AggregatorIndex, contribution.SubcommitteeIndex)
	}
	// [IGNORE] A valid sync committee contribution with equal slot, beacon_block_root and subcommittee_index whose aggregation_bits is
	// non-strict superset has not already been seen
	// [IGNORE] The sync committee contribution is the first valid contribution received for the slot contribution.slot, aggregator with
	// index contribution_and_proof.aggregator_index, and subcommittee index contribution.subcommittee_index
	who, what := c.keys()
	if d := c.sighted(c.seen.contributions.look(contribution.Slot, who, what, contribution.AggregationBits)); !d.ok() {
		return d
	}
	return c.signatures(sigs, state, members)
}

func (c *contributionCheck) keys() (syncMessageKey, contributionKey) {
	contribution := &c.signed.Message.Contribution
	return syncMessageKey{c.signed.Message.AggregatorIndex, contribution.SubcommitteeIndex},
		contributionKey{contribution.BeaconBlockRoot, contribution.SubcommitteeIndex}
}

// syncCommittee is the committee that signs in a slot: the one of the slot after it.
func (r *Rules) syncCommittee(state transition.Frozen, slot types.Slot) ([]types.BLSPubkey, bool) {
	committee, ok := state.SyncCommittee(r.epochOf(slot + 1)) // the slot is the present one
	return committee, ok && uint64(len(committee)) == r.spec.SyncCommitteeSize
}

// getSyncSubcommitteePubkeys is the keys of the members of a subcommittee that signs in a slot, with repetitions.
// Spec: get_sync_subcommittee_pubkeys (altair).
func (r *Rules) getSyncSubcommitteePubkeys(state transition.Frozen, slot types.Slot, subcommittee uint64) ([]types.BLSPubkey, bool) {
	committee, ok := r.syncCommittee(state, slot)
	if !ok {
		return nil, false
	}
	size := r.spec.SyncCommitteeSize / params.SyncCommitteeSubnetCount
	return committee[subcommittee*size : (subcommittee+1)*size], true
}

// signatures collects the three signatures of a contribution.
func (c *contributionCheck) signatures(sigs *statements, state transition.Frozen, members []types.BLSPubkey) Decision {
	message := &c.signed.Message
	contribution := &message.Contribution
	epoch := c.epochOf(contribution.Slot)
	// [REJECT] The contribution_and_proof.selection_proof is a valid signature of the SyncAggregatorSelectionData derived from the
	// contribution by the validator with index contribution_and_proof.aggregator_index
	const selection Rule = "invalid selection proof signature"
	key, err := state.PublicKey(message.AggregatorIndex)
	if err != nil {
		return rejectFor(selection, err)
	}
	data := types.SyncAggregatorSelectionData{Slot: contribution.Slot, SubcommitteeIndex: contribution.SubcommitteeIndex}
	domain := c.domain(params.DomainSyncCommitteeSelectionProof(), epoch)
	sigs.add(selection, key, types.ComputeSigningRoot(types.HashTreeRoot(&data), domain), message.SelectionProof)
	// [REJECT] The aggregator signature, signed_contribution_and_proof.signature, is valid
	root, err := ssz.HashTreeRoot(c.cx(c.in.Fork), ssz.Container(message))
	if err != nil {
		return rejectFor(RuleType, err)
	}
	domain = c.domain(params.DomainContributionAndProof(), epoch)
	sigs.add("invalid aggregator signature", key, types.ComputeSigningRoot(root, domain), c.signed.Signature)
	// [REJECT] The aggregate signature is valid for the message beacon_block_root and aggregate pubkey derived from the participation
	// info in aggregation_bits for the subcommittee specified by the contribution.subcommittee_index
	const rule Rule = "invalid aggregate signature"
	var keys []*bls.PublicKey
	for i := range members {
		if !contribution.AggregationBits.BitAt(uint64(i)) {
			continue
		}
		key, err := state.KeyOf(members[i])
		if err != nil {
			return rejectFor(rule, err)
		}
		keys = append(keys, key)
	}
	domain = c.domain(params.DomainSyncCommittee(), epoch)
	sigs.add(rule, bls.SumPublicKeys(keys), types.ComputeSigningRoot(contribution.BeaconBlockRoot, domain), contribution.Signature)
	return accepted
}

// sighted is the rules about what was seen before.
func (c *contributionCheck) sighted(s sighting) Decision {
	switch s {
	case sameData:
		return seenBefore("already seen contribution for this data", c.signed.Message.Contribution.BeaconBlockRoot, "other data or members")
	case sameSender:
		return seenBefore("already seen contribution from this aggregator", c.signed.Message.AggregatorIndex, "another aggregator")
	}
	return accepted
}

func (c *contributionCheck) after() (*CheckedContribution, Decision) {
	// Mark this contribution as seen
	contribution := &c.signed.Message.Contribution
	who, what := c.keys()
	if d := c.sighted(c.seen.contributions.put(contribution.Slot, who, what, contribution.AggregationBits)); !d.ok() {
		return nil, d
	}
	return &CheckedContribution{c.signed}, accepted
}
