package forkchoice

import (
	"fmt"

	"github.com/cresset/cresset/beacon/types"
)

// GetProposerHead is the node that a proposer of a slot, which is the store's, builds on: the head, or its parent where the head
// is a late and weak block that can be re-orged, or one of several of its proposer. The boost of the head's slot must have
// worn off. Spec: get_proposer_head (phase0; modified gloas).
func (s *Store) GetProposerHead(head Node, slot types.Slot) (Node, error) {
	if err := s.Refresh(); err != nil {
		return Node{}, err
	}
	i, err := s.index("get_proposer_head: the head is known", head.Root)
	if err != nil {
		return Node{}, err
	}
	if s.boostRoot == head.Root { // "ensure boost has worn off"
		return Node{}, broken(ErrInvalid, "store.proposer_boost_root != head_node.root", s.boostRoot, "another block")
	}
	n := &s.tree.nodes[i]
	if n.parent == none {
		return head, nil // Nothing can be re-orged to.
	}
	reorg, err := s.wantsReorg(i, slot, s.isProposingOnTime(), s.isHeadWeak, s.isParentStrong)
	if err != nil || !reorg {
		return head, err
	}
	return s.tree.parentNode(i), nil
}

// wantsReorg is the decision of get_proposer_head, cheap conditions first. The last two conditions are handed in, because they are
// unknown as long as the head's slot lasts.
func (s *Store) wantsReorg(i uint32, slot types.Slot, onTime bool, isHeadWeak func(uint32) (bool, error), isParentStrong func(uint32) bool) (bool, error) {
	n := &s.tree.nodes[i]
	currentTimeOK := n.slot+1 == slot
	if !currentTimeOK {
		return false, nil
	}
	late := s.isHeadLate(i) && s.isNotEpochBoundary(slot) && s.isFFGCompetitive(i) && s.isFinalizationOK(slot) && onTime &&
		s.tree.nodes[n.parent].slot+1 == n.slot && isParentStrong(i)
	if !late && !s.isProposerEquivocation(i) {
		return false, nil
	}
	return isHeadWeak(i)
}

// ShouldOverrideForkchoiceUpdate tells whether the proposer of the slot after the head's should not tell its execution client of
// the head, because it is going to re-org it: the client would otherwise begin to build on the wrong payload. Proposing says
// that one of our validators proposes in that slot, on the chain of the head's parent.
//
// Specifications up to 1.6 had this function; it follows from get_proposer_head. During the head's own slot it is not known yet
// whether the head will be weak and its parent strong, and the answer is yes if the rest speaks for it. In the slot after, these
// count, and only until the proposer's cutoff. At all other times the answer is no.
// Spec: should_override_forkchoice_update (bellatrix, until 1.6), get_proposer_head (phase0; modified gloas).
func (s *Store) ShouldOverrideForkchoiceUpdate(head Node, proposing bool) (bool, error) {
	if err := s.Refresh(); err != nil {
		return false, err
	}
	i, err := s.index("should_override_forkchoice_update: the head is known", head.Root)
	if err != nil {
		return false, err
	}
	n := &s.tree.nodes[i]
	if !proposing || n.parent == none {
		return false, nil
	}
	switch current := s.GetCurrentSlot(); {
	case current == n.slot:
		return s.wantsReorg(i, n.slot+1, true,
			func(uint32) (bool, error) { return true, nil }, func(uint32) bool { return true })
	case current == n.slot+1 && s.isProposingOnTime():
		return s.wantsReorg(i, current, true, s.isHeadWeak, s.isParentStrong)
	}
	return false, nil
}

// isHeadLate: the block missed the attestation deadline. Spec: is_head_late (phase0; modified gloas).
func (s *Store) isHeadLate(i uint32) bool { return !s.tree.entries[i].timely.attestation }

// isNotEpochBoundary: proposers of the slot do not depend on the block. Spec: is_not_epoch_boundary (phase0).
func (s *Store) isNotEpochBoundary(slot types.Slot) bool { return !s.isEpochStart(slot) }

// isFFGCompetitive: the head's parent justifies as much as the head. Spec: is_ffg_competitive (phase0).
func (s *Store) isFFGCompetitive(i uint32) bool {
	return s.tree.entries[i].UnrealizedJustified == s.tree.entries[s.tree.nodes[i].parent].UnrealizedJustified
}

// isFinalizationOK: the chain finalizes often enough. Spec: is_finalization_ok (phase0).
func (s *Store) isFinalizationOK(slot types.Slot) bool {
	return s.epochOf(slot).SubSaturating(s.finalized.Epoch) <= s.spec.ReorgMaxEpochsSinceFinalization
}

// isProposingOnTime: it is early enough in the slot. Spec: is_proposing_on_time (phase0).
func (s *Store) isProposingOnTime() bool {
	return s.now%s.spec.SlotDurationMs <= s.spec.GetProposerReorgCutoffMs()
}

// isHeadWeak: the block has so few votes that the next one can overpower it. Votes of equivocating members of its slot's
// committees count as if they were for it, so that more votes can only make it stronger.
// Spec: is_head_weak (phase0; modified gloas).
func (s *Store) isHeadWeak(i uint32) (bool, error) {
	b, n := s.votes.balances, &s.tree.nodes[i]
	threshold := b.CalculateCommitteeFraction(s.spec, s.spec.ReorgHeadWeightThreshold)
	weight := n.weight[Pending]
	if s.votes.equivocators > 0 && b.gwei(weight) < threshold {
		root := s.tree.entries[i].Root
		committee, err := s.states.Committee(root, n.slot)
		if err != nil {
			return false, fmt.Errorf("committees of slot %d, block %v: %w", n.slot, root, err)
		}
		for _, v := range committee {
			if s.votes.isEquivocating(v) {
				weight += b.effective(v)
			}
		}
	}
	return b.gwei(weight) < threshold, nil
}

// isParentStrong: the votes that the head lacks are with its parent. Spec: is_parent_strong (phase0; modified gloas).
func (s *Store) isParentStrong(i uint32) bool {
	b := s.votes.balances
	threshold := b.CalculateCommitteeFraction(s.spec, s.spec.ReorgParentWeightThreshold)
	return b.gwei(s.tree.nodes[s.tree.nodes[i].parent].weight[Pending]) > threshold
}

// isProposerEquivocation: the proposer made several blocks for the slot. Spec: is_proposer_equivocation (phase0).
func (s *Store) isProposerEquivocation(i uint32) bool {
	matching := 0
	s.tree.bySlot(s.tree.nodes[i].slot, func(other uint32) {
		if s.tree.entries[other].ProposerIndex == s.tree.entries[i].ProposerIndex {
			matching++
		}
	})
	return matching > 1
}
