package forkchoice

import (
	"fmt"
	"slices"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// score is the attestation scores of all blocks' pending nodes with the balances of a checkpoint.
type score struct {
	of       types.Checkpoint
	balances *Balances
	weights  []uint64 // in increments, by block; nil: those of the tree
}

// get gives the attestation score of a block.
func (x *score) get(nodes []node, i uint32) types.Gwei {
	if x.weights == nil {
		return x.balances.gwei(nodes[i].weight[Pending])
	}
	return x.balances.gwei(x.weights[i])
}

// scoreOf counts the votes with the balances of a checkpoint: one pass over all of them, unless these are the balances that the
// tree's weights are of. Nil where States fails, and where the checkpoint's block was pruned: its balances are not there any more.
// Spec: get_attestation_score, get_current_balance_source (phase0).
func (r *rule) scoreOf(c types.Checkpoint) *score {
	for _, x := range r.scores {
		if x.of == c {
			return x
		}
	}
	if _, ok := r.known(c.Root); !ok {
		return nil
	}
	x := &score{of: c, balances: r.votes.balances}
	if c != r.justified {
		b, err := r.balancesOf(c)
		if err != nil {
			r.err = err
			return nil
		}
		x.balances, x.weights = b, make([]uint64, len(r.tree.nodes))
		known := r.votes.all[:min(len(r.votes.all), b.Len())]
		for i := range known {
			if t := known[i].next; t != 0 {
				x.weights[t.block()] += uint64(weightOf(b.values[i]))
			}
		}
		for i := len(x.weights) - 1; i > 0; i-- {
			if n := &r.tree.nodes[i]; !n.invalid {
				x.weights[n.parent] += x.weights[i]
			}
		}
	}
	r.scores = append(r.scores, x)
	return x
}

// isOneConfirmed tells whether a block is safe as far as votes go. "This function MUST return False if block_root status is not
// VALID." Spec: is_one_confirmed (phase0).
func (r *rule) isOneConfirmed(source types.Checkpoint, block uint32) bool {
	if r.err != nil || r.IsOptimistic(r.tree.entries[block].Root) {
		return false
	}
	x := r.scoreOf(source)
	if x == nil {
		return false
	}
	threshold := r.computeSafetyThreshold(block, x.balances)
	return r.err == nil && x.get(r.tree.nodes, block) > threshold
}

// computeSafetyThreshold is compute_safety_threshold (phase0).
func (r *rule) computeSafetyThreshold(block uint32, b *Balances) types.Gwei {
	n := &r.tree.nodes[block]
	parentSlot, last := r.tree.nodes[n.parent].slot, r.slot.SubSaturating(1)
	maximum := r.estimateCommitteeWeightBetweenSlots(b.TotalActiveBalance(), parentSlot+1, last)
	discount := r.computeEmptySlotSupportDiscount(b, block)
	sum := maximum + b.ComputeProposerScore(r.spec) + 2*r.getAdversarialWeight(b, block)
	return sum.SubSaturating(discount) / 2
}

// getAdversarialWeight is get_adversarial_weight (phase0).
func (r *rule) getAdversarialWeight(b *Balances, block uint32) types.Gwei {
	n := &r.tree.nodes[block]
	from := n.slot
	// "Use the first epoch slot as the start slot when crossing epoch boundary"
	if r.epochAt(block) > r.epochAt(n.parent) {
		from = r.startOf(r.epochAt(block))
	}
	return r.computeAdversarialWeight(b, from, r.slot.SubSaturating(1))
}

// computeAdversarialWeight is the most that attackers can have in the committees of some slots besides the validators that are
// known to equivocate. Spec: compute_adversarial_weight (phase0).
func (r *rule) computeAdversarialWeight(b *Balances, from, to types.Slot) types.Gwei {
	maximum := r.estimateCommitteeWeightBetweenSlots(b.TotalActiveBalance(), from, to)
	adversarial := maximum / 100 * types.Gwei(r.spec.ConfirmationByzantineThreshold)
	return adversarial.SubSaturating(r.getEquivocationScore(b, from, to))
}

// computeEmptySlotSupportDiscount is the votes for a block's parent from the empty slots between them, which cannot be against the
// block. Slots before the last two epochs are not asked for, as the specification demands no committees of them: nothing is
// discounted then, which only makes it harder to confirm the block.
// Spec: compute_empty_slot_support_discount, get_support_discount (phase0).
func (r *rule) computeEmptySlotSupportDiscount(b *Balances, block uint32) types.Gwei {
	n := &r.tree.nodes[block]
	from, to := r.tree.nodes[n.parent].slot+1, n.slot-1
	if from > to || r.epochOf(from)+2 < r.epoch {
		return 0
	}
	support := r.getBlockSupportBetweenSlots(b, n.parent, from, to)
	if support == 0 {
		return 0
	}
	return support.SubSaturating(r.computeAdversarialWeight(b, from, to))
}

// getBlockSupportBetweenSlots is get_block_support_between_slots (phase0).
func (r *rule) getBlockSupportBetweenSlots(b *Balances, block uint32, from, to types.Slot) types.Gwei {
	var supporters []uint32
	for slot := from; slot <= to; slot++ {
		for _, v := range r.getSlotCommittee(slot) {
			if uint64(v) < uint64(len(r.votes.all)) {
				if t := r.votes.all[v].next; t != 0 && t.block() == block {
					supporters = append(supporters, v)
				}
			}
		}
	}
	var sum uint64
	for _, v := range distinct(supporters) {
		sum += b.voting(v)
	}
	return b.gwei(sum)
}

// getSlotCommittee is get_slot_committee (phase0).
func (r *rule) getSlotCommittee(slot types.Slot) []uint32 {
	if r.err != nil {
		return nil
	}
	root := r.tree.entries[r.head].Root
	committee, err := r.states.Committee(root, slot)
	if err != nil {
		r.err = fmt.Errorf("committees of slot %d, block %v: %w", slot, root, err)
	}
	return committee
}

// getEquivocationScore is the balance of the equivocating members of the committees of some slots.
// Spec: get_equivocation_score (phase0).
func (r *rule) getEquivocationScore(b *Balances, from, to types.Slot) types.Gwei {
	if r.votes.equivocators == 0 {
		return 0
	}
	var members []uint32
	for slot := from; slot <= to && r.err == nil; slot++ {
		members = append(members, r.equivocatorsOf(slot)...)
	}
	var sum uint64
	for _, v := range distinct(members) {
		if b.isActive(v) {
			sum += b.effective(v)
		}
	}
	return b.gwei(sum)
}

// equivocatorMemo is the equivocating members of the committees of recent slots.
type equivocatorMemo struct {
	members map[equivocatorKey][]uint32
	count   int // of the equivocators when it was filled
}

// equivocatorKey names committees: those of a slot in all chains with the same block deciding about the shuffling.
type equivocatorKey struct {
	slot      types.Slot
	dependent types.Root
}

// forget drops what the rule will not ask for any more, and all where there are new equivocators.
func (m *equivocatorMemo) forget(slot types.Slot, count int, slotsPerEpoch uint64) {
	if m.count != count || m.members == nil {
		m.members, m.count = map[equivocatorKey][]uint32{}, count
	}
	for key := range m.members {
		if uint64(key.slot)+4*slotsPerEpoch < uint64(slot) {
			delete(m.members, key)
		}
	}
}

// equivocatorsOf is the equivocating members of the committees of a slot, in the chain of the head.
func (r *rule) equivocatorsOf(slot types.Slot) []uint32 {
	key := equivocatorKey{slot, r.tree.entries[r.dependent(r.head, r.epochOf(slot))].Root}
	members, ok := r.equivocated.members[key]
	if !ok {
		for _, v := range r.getSlotCommittee(slot) {
			if r.votes.isEquivocating(v) {
				members = append(members, v)
			}
		}
		if r.err == nil {
			r.equivocated.members[key] = members
		}
	}
	return members
}

// distinct sorts members and drops repetitions: ranges over an epoch's end have validators twice.
func distinct(members []uint32) []uint32 {
	slices.Sort(members)
	return slices.Compact(members)
}

// isFullValidatorSetCovered is is_full_validator_set_covered (phase0).
func (r *rule) isFullValidatorSetCovered(from, to types.Slot) bool {
	return r.epochOf(from+types.Slot(r.spec.SlotsPerEpoch)-1) < r.epochOf(to+1)
}

// adjustCommitteeWeightEstimateToEnsureSafety is adjust_committee_weight_estimate_to_ensure_safety (phase0).
func adjustCommitteeWeightEstimateToEnsureSafety(estimate types.Gwei) types.Gwei {
	return (estimate + 999) / 1000 * (1000 + params.CommitteeWeightEstimationAdjustmentFactor)
}

// estimateCommitteeWeightBetweenSlots is estimate_committee_weight_between_slots (phase0).
func (r *rule) estimateCommitteeWeightBetweenSlots(total types.Gwei, from, to types.Slot) types.Gwei {
	if from > to {
		return 0
	}
	// "If an entire epoch is covered by the range, return the total active balance"
	if r.isFullValidatorSetCovered(from, to) {
		return total
	}
	slots := types.Gwei(r.spec.SlotsPerEpoch)
	committee := total / slots
	if r.epochOf(from) == r.epochOf(to) {
		return committee * types.Gwei(to-from+1)
	}
	inEnd := types.Gwei(r.computeSlotsSinceEpochStart(to) + 1)
	inStart := slots - types.Gwei(r.computeSlotsSinceEpochStart(from))
	// "A range that spans an epoch boundary, but does not span any full epoch needs pro-rata calculation"
	proRated := committee * inStart / slots * (slots - inEnd)
	return adjustCommitteeWeightEstimateToEnsureSafety(proRated + committee*inEnd)
}
