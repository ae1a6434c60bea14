package forkchoice

import (
	"github.com/cresset/cresset/beacon/types"
)

// targetSupport is what speaks for the current epoch's target.
type targetSupport struct {
	honest types.Gwei // compute_honest_ffg_support_for_current_target
	total  types.Gwei // the total active balance
}

// currentTarget is the head's block at the start of the epoch. Spec: get_current_target (phase0).
func (r *rule) currentTarget() uint32 {
	a, _, _ := r.tree.ancestor(r.head, Pending, r.startOf(r.epoch))
	return a
}

// getCurrentTargetScore sums the votes of this epoch for blocks of the current target's chain: one pass over all votes.
// Spec: get_current_target_score, get_checkpoint_for_block, get_latest_message_epoch (phase0; modified gloas).
func (r *rule) getCurrentTargetScore(b *Balances) types.Gwei {
	target, start := r.currentTarget(), r.startOf(r.epoch)
	counts := make([]bool, len(r.tree.nodes))
	counts[target] = true
	for i := int(target) + 1; i < len(counts); i++ {
		n := &r.tree.nodes[i]
		counts[i] = counts[n.parent] && n.slot > start && !n.invalid
	}
	if uint64(start) > maxSlot {
		return 0
	}
	var sum uint64
	known := r.votes.all[:min(len(r.votes.all), b.Len())]
	for i := range known {
		// The message of a validator without one is of slot -1, and that of an equivocating one for nothing.
		if v := &known[i]; v.seen > uint32(start) && v.next != 0 && counts[v.next.block()] {
			sum += uint64(weightOf(b.values[i]))
		}
	}
	return b.gwei(sum)
}

// support computes what speaks for the current target, once in a run; nil where States fails.
// Spec: compute_honest_ffg_support_for_current_target, get_pulled_up_head_state (phase0).
func (r *rule) support() *targetSupport {
	if r.ffg != nil || r.err != nil {
		return r.ffg
	}
	b, err := r.balancesOf(types.Checkpoint{Epoch: r.epoch, Root: r.tree.entries[r.head].Root})
	if err != nil {
		r.err = err
		return nil
	}
	total, start := b.TotalActiveBalance(), r.startOf(r.epoch)
	support := r.getCurrentTargetScore(b)
	// "Compute the total FFG weight up to, but excluding, the current slot"
	var tillNow, adversarial types.Gwei
	if r.slot > start {
		tillNow = r.estimateCommitteeWeightBetweenSlots(total, start, r.slot-1)
		adversarial = r.computeAdversarialWeight(b, start, r.slot-1)
	}
	// "Compute remaining honest FFG weight"
	honestPercent := types.Gwei(100).SubSaturating(types.Gwei(r.spec.ConfirmationByzantineThreshold))
	remaining := total.SubSaturating(tillNow) / 100 * honestPercent
	if r.err == nil {
		r.ffg = &targetSupport{honest: support.SubSaturating(adversarial) + remaining, total: total}
	}
	return r.ffg
}

// willNoConflictingCheckpointBeJustified is will_no_conflicting_checkpoint_be_justified (phase0).
func (r *rule) willNoConflictingCheckpointBeJustified() bool {
	// "If the target is unrealized justified then no conflicting checkpoint can be justified"
	target := types.Checkpoint{Epoch: r.epoch, Root: r.tree.entries[r.currentTarget()].Root}
	if target == r.unrealizedJustified {
		return true
	}
	x := r.support()
	return x != nil && 3*x.honest > x.total
}

// willCurrentTargetBeJustified is will_current_target_be_justified (phase0).
func (r *rule) willCurrentTargetBeJustified() bool {
	x := r.support()
	return x != nil && 3*x.honest >= 2*x.total
}
