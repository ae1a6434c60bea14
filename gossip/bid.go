package gossip

import (
	"fmt"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/forkchoice"
)

// CheckedBid is a builder's bid that may be passed on (gloas).
type CheckedBid struct {
	signed *types.SignedExecutionPayloadBid
}

func (*CheckedBid) checked() {}

// Signed is the bid. It is not to be written to.
func (c *CheckedBid) Signed() *types.SignedExecutionPayloadBid { return c.signed }

// ExecutionPayloadBid begins the check of a builder's bid.
//
// Spec: validate_execution_payload_bid_gossip (gloas).
func (r *Rules) ExecutionPayloadBid(in Arrival, signed *types.SignedExecutionPayloadBid) *Pending[*CheckedBid] {
	return begin(&bidCheck{Rules: r, in: in, v: r.view(), signed: signed})
}

type bidCheck struct {
	*Rules
	in     Arrival
	v      View
	signed *types.SignedExecutionPayloadBid
}

func (c *bidCheck) key() bidKey {
	bid := &c.signed.Message
	return bidKey{branchKey{bid.ParentBlockHash, bid.ParentBlockRoot}, bid.BuilderIndex}
}

func (c *bidCheck) before(sigs *statements) Decision {
	bid := &c.signed.Message
	// [IGNORE] The bid's slot is the current slot or the next slot
	if !isCurrentOrNextSlot(c.spec, bid.Slot, c.in.Now) {
		return ignore("bid's slot is not the current or next slot", bid.Slot, currentSlot(c.spec, c.in.Now))
	}
	// "Clients MUST reject messages containing an incorrect type"
	if d := c.checkFork(bid.Slot, c.in); !d.ok() {
		return d
	}
	// [IGNORE] This is the first bid for this slot, parent, and builder
	// [IGNORE] This is the highest value bid seen for the slot and parent
	if d := c.sighted(c.seen.bids.look(bid.Slot, c.key(), bid.Value)); !d.ok() {
		return d
	}
	// [IGNORE] The bid's parent block root is a known beacon block (MAY be queued until parent is retrieved)
	// It comes before the rule about the parent's slot, which nobody can judge who does not know the parent.
	parent, ok := c.v.Block(bid.ParentBlockRoot)
	if !ok || parent.Failed {
		const rule Rule = "bid's parent block root is not a known beacon block"
		if parent.Failed {
			return ignore(rule, bid.ParentBlockRoot, "a valid block")
		}
		return deferred(rule, WaitBlock, bid.ParentBlockRoot)
	}
	// [REJECT] The bid is for a higher slot than its parent block
	if bid.Slot <= parent.Slot {
		return reject("bid's slot is not higher than its parent's slot", bid.Slot, parent.Slot)
	}
	// [REJECT] The bid's execution payment is zero
	if bid.ExecutionPayment != 0 {
		return reject("bid's execution payment must be zero", bid.ExecutionPayment, 0)
	}
	// [REJECT] The bid's blob KZG commitment count is within the per-epoch limit
	epoch := c.epochOf(bid.Slot)
	if n, most := len(bid.BlobKZGCommitments), c.spec.GetBlobParameters(epoch).MaxBlobsPerBlock; uint64(n) > most {
		return reject("too many blob kzg commitments", n, most)
	}
	// [IGNORE] The bid's slot is within the parent's proposer lookahead
	// ("The state is the bid's parent block post-state" holds, as it is asked for by the parent's root.)
	if last := c.epochOf(parent.Slot) + c.spec.MinSeedLookahead; epoch > last {
		return ignore("bid's slot is past the parent's proposer lookahead", epoch, last)
	}
	if d := c.preferred(epoch); !d.ok() {
		return d
	}
	// [IGNORE] The bid is compatible with the current head branch
	if head := c.v.Head(); !isBidCompatibleWithHead(&head, bid) {
		return ignore("bid is not compatible with the current head branch", bid.ParentBlockRoot, head.Root)
	}
	state, ok := c.v.State(bid.ParentBlockRoot, epoch)
	if !ok {
		return notAtHand(bid.ParentBlockRoot)
	}
	// [REJECT] The bid's previous randao is correct
	// The state may be one of the bid's own epoch; the mix of the parent's epoch is the same in it.
	if mix := state.GetRandaoMix(c.epochOf(parent.Slot)); bid.PrevRandao != mix {
		return reject("bid's previous randao is incorrect", bid.PrevRandao, mix)
	}
	return c.bidder(sigs, state)
}

// preferred is the rules about what the proposer of the slot wants.
func (c *bidCheck) preferred(epoch types.Epoch) Decision {
	bid := &c.signed.Message
	// [IGNORE] The matching proposer preferences have been seen
	// Spec: get_shuffling_dependent_root (phase0; modified gloas)
	const rule Rule = "matching proposer preferences have not been seen"
	dependent, ok := c.v.Ancestor(bid.ParentBlockRoot, c.dependentSlot(epoch))
	if !ok {
		return ignore(rule, "no block", "the one that decides the proposer")
	}
	preferences, ok := c.seen.preferences.get(bid.Slot, dependent)
	if !ok {
		return ignore(rule, "none", dependent)
	}
	// [IGNORE] The bid's fee recipient matches the proposer's preference
	if bid.FeeRecipient != preferences.FeeRecipient {
		return ignore("bid's fee recipient does not match the proposer's preference", bid.FeeRecipient, preferences.FeeRecipient)
	}
	// [IGNORE] The bid's parent block hash is the hash of a known execution payload
	parentGasLimit, ok := c.seen.payloads.gasLimit(bid.ParentBlockHash)
	if !ok {
		return ignore("bid's parent block hash is not a known execution payload", bid.ParentBlockHash, "a known one")
	}
	// [IGNORE] The bid's gas limit is compatible with the proposer's target gas limit
	if !isGasLimitTargetCompatible(parentGasLimit, bid.GasLimit, preferences.TargetGasLimit) {
		return ignore("bid's gas limit is not compatible with the proposer's target", bid.GasLimit, preferences.TargetGasLimit)
	}
	return accepted
}

// dependentSlot is the last slot whose block can change the proposers of an epoch.
// Spec: compute_shuffling_dependent_slot (phase0).
func (r *Rules) dependentSlot(epoch types.Epoch) types.Slot {
	if epoch <= r.spec.MinSeedLookahead {
		return params.GenesisSlot
	}
	return r.startOf(epoch-r.spec.MinSeedLookahead) - 1
}

// bidder is the rules about the builder.
func (c *bidCheck) bidder(sigs *statements, state transition.Frozen) Decision {
	bid := &c.signed.Message
	// [REJECT] The builder index is valid
	builder, ok := state.Builder(bid.BuilderIndex)
	if !ok {
		return reject("builder index out of range", bid.BuilderIndex, "an index of the registry")
	}
	// [IGNORE] The builder can cover the bid
	if covered, err := state.CanBuilderCoverBid(bid.BuilderIndex, bid.Value); err != nil || !covered {
		return ignore("builder cannot cover bid value", bid.Value, fmt.Sprintf("what is free of %d", builder.Balance))
	}
	// [REJECT] The builder is active
	if !state.IsActiveBuilder(bid.BuilderIndex) {
		return reject("builder is not active", bid.BuilderIndex, "an active builder")
	}
	// [REJECT] The builder is a payload builder
	if builder.Version != params.PayloadBuilderVersion {
		return reject("builder is not a payload builder", builder.Version, params.PayloadBuilderVersion)
	}
	// [REJECT] The bid signature is valid
	const rule Rule = "invalid bid signature"
	set, err := state.BidSignature(c.signed)
	if err != nil {
		return rejectFor(rule, err)
	}
	sigs.addSet(rule, set)
	return accepted
}

// sighted is the rules about what was seen before.
func (c *bidCheck) sighted(s sighting, best types.Gwei) Decision {
	switch s {
	case sameSender:
		return seenBefore("already seen valid bid for this slot, parent, and builder", c.signed.Message.BuilderIndex, "another builder")
	case sameData:
		return ignore("bid is not the highest value bid seen for this slot and parent", c.signed.Message.Value, fmt.Sprintf("above %d", best))
	}
	return accepted
}

func (c *bidCheck) after() (*CheckedBid, Decision) {
	// Mark this bid as seen and update the highest-value bid for this slot/parent
	bid := &c.signed.Message
	if d := c.sighted(c.seen.bids.put(bid.Slot, c.key(), bid.Value)); !d.ok() {
		return nil, d
	}
	return &CheckedBid{c.signed}, accepted
}

// isGasLimitTargetCompatible tells whether a gas limit comes as near to a target as one block can from its parent's.
// Spec: is_gas_limit_target_compatible (gloas).
func isGasLimitTargetCompatible(parent, limit, target uint64) bool {
	step := max(parent/1024, 1) - 1
	lowest, highest := parent-step, addTime(parent, step)
	return limit == min(max(target, lowest), highest)
}

// isBidCompatibleWithHead tells whether a bid builds on the head, or beside it on the head's parent, in a way that the head's next
// proposer could want. Spec: is_bid_compatible_with_head (gloas).
func isBidCompatibleWithHead(head *Head, bid *types.ExecutionPayloadBid) bool {
	onParentPayload := bid.ParentBlockHash == head.ExecutionParentHash
	if bid.ParentBlockRoot == head.ParentRoot && onParentPayload {
		return true
	}
	if bid.ParentBlockRoot != head.Root {
		return false
	}
	if shouldBuildOnFull(head, bid.Slot) {
		return bid.ParentBlockHash == head.ExecutionBlockHash
	}
	return onParentPayload
}

// shouldBuildOnFull tells whether a proposer of a slot builds on the head's payload. A head from before Gloas has it inside.
// Spec: should_build_on_full (gloas).
func shouldBuildOnFull(head *Head, slot types.Slot) bool {
	switch {
	case head.PayloadStatus == forkchoice.Pending:
		return true
	case slot == head.Slot+1:
		return head.BuildOnFull
	}
	return head.PayloadStatus == forkchoice.Full
}
