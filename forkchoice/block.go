package forkchoice

import (
	"github.com/cresset/cresset/beacon/types"
)

// CheckBlock checks the conditions of on_block that need no state, for a block that is not known yet: its parent is known and not
// invalidated, from Gloas on with the payload that the block builds on; it is not from the future; it descends from the
// finalized block. The hash is that of the payload it builds on: from Gloas on that in the bid, before it does not matter.
// Spec: on_block (phase0; modified gloas).
func (s *Store) CheckBlock(slot types.Slot, parentRoot types.Root, executionParentHash types.Hash32) error {
	// "Parent block must be known"
	parent, ok := s.tree.find(parentRoot)
	if !ok {
		return unknown("block.parent_root in store.block_states", parentRoot)
	}
	p := &s.tree.nodes[parent]
	if p.invalid {
		return broken(ErrInvalidPayload, "the parent has no INVALIDATED payload", parentRoot, "a valid one")
	}
	if slot <= p.slot {
		return broken(ErrInvalid, "block.slot > parent.slot", slot, p.slot)
	}
	// "If this block builds on the parent's full payload, that payload must have been verified"
	if s.isParentNodeFull(parent, executionParentHash) && !p.full {
		if s.tree.entries[parent].Execution == Invalid {
			return broken(ErrInvalidPayload, "the parent's payload is not INVALIDATED", parentRoot, "a valid one")
		}
		return broken(ErrPayloadUnknown, "is_payload_verified(store, block.parent_root)", parentRoot, "a block with its payload")
	}
	// "Blocks cannot be in the future."
	if current := s.GetCurrentSlot(); slot > current {
		return broken(ErrFuture, "get_current_slot(store) >= block.slot", slot, current)
	}
	// "Check that block is later than the finalized epoch slot"
	finalizedSlot := s.startOf(s.finalized.Epoch)
	if slot <= finalizedSlot {
		return broken(ErrFinalized, "block.slot > finalized_slot", slot, finalizedSlot)
	}
	// "Check block is a descendant of the finalized block at the checkpoint finalized slot"
	a, _, _ := s.tree.ancestor(parent, Pending, finalizedSlot)
	if root := s.tree.entries[a].Root; root != s.finalized.Root {
		return broken(ErrFinalized, "store.finalized_checkpoint.root == finalized_checkpoint_block", root, s.finalized.Root)
	}
	return nil
}

// OnBlock adds a block. One that is known already is left as it is. Where its own payload is Valid, those of its ancestors are, too.
// It fails as CheckBlock does, on an invalid payload, on checkpoints of blocks that are not in the tree, and when States does;
// the store is not changed then. Spec: on_block (phase0; modified bellatrix, capella, deneb, fulu, gloas).
func (s *Store) OnBlock(b *Block) error {
	if i, ok := s.tree.find(b.Root); ok {
		if s.tree.nodes[i].invalid {
			return broken(ErrInvalidPayload, "the block was not INVALIDATED", b.Root, "another one")
		}
		return nil
	}
	if err := s.CheckBlock(b.Slot, b.ParentRoot, b.ExecutionParentHash); err != nil {
		return err
	}
	if err := s.checkContent(b); err != nil {
		return err
	}
	timely := s.recordBlockTimeliness(b)
	boost := timely.attestation && b.Slot == s.GetCurrentSlot() && s.boostRoot == types.Root{}
	head := none
	if boost { // Nothing else depends on the head before the block.
		h, err := s.GetHead()
		if err != nil {
			return err
		}
		head = s.tree.byRoot[h.Root]
	}
	if b.Execution == Valid {
		if err := s.checkValid(s.tree.byRoot[b.ParentRoot], Pending); err != nil {
			return err
		}
	}
	i := s.tree.add(b, timely)
	s.fresh = false
	if b.Execution == Valid {
		s.markValid(i)
	}
	if boost {
		s.updateProposerBoostRoot(head, i)
	}
	s.updateCheckpoints(b.JustifiedCheckpoint, b.FinalizedCheckpoint)
	s.computePulledUpTip(b)
	return nil
}

// checkContent checks what the caller says of a block, so that no mistake of its makes the tree inconsistent.
func (s *Store) checkContent(b *Block) error {
	switch {
	case b.Arrived > s.now:
		return broken(ErrFuture, "a block arrives before the store's time", b.Arrived, s.now)
	case b.Execution > Valid:
		return broken(ErrInvalidPayload, "the payload is not INVALIDATED", b.Execution, Valid)
	case s.tree.isGloas(b.Slot) && b.Execution != Irrelevant:
		return broken(ErrInvalid, "from gloas on a payload comes on its own", b.Execution, Irrelevant)
	case uint64(b.Slot) > maxSlot:
		return broken(ErrInvalid, "slot fits", b.Slot, maxSlot)
	case len(s.tree.nodes) >= maxBlocks:
		return broken(ErrInvalid, "the tree has room", len(s.tree.nodes), maxBlocks)
	}
	for _, c := range []struct {
		checkpoint types.Checkpoint
		store      types.Checkpoint
	}{
		{b.JustifiedCheckpoint, s.justified}, {b.FinalizedCheckpoint, s.finalized},
		{b.UnrealizedJustified, s.unrealizedJustified}, {b.UnrealizedFinalized, s.unrealizedFinalized},
	} {
		if c.checkpoint.Epoch <= c.store.Epoch {
			continue // It is not going to be the store's.
		}
		if i, ok := s.tree.find(c.checkpoint.Root); !ok || s.tree.nodes[i].invalid {
			return unknown("the block's checkpoint is of its chain", c.checkpoint.Root)
		}
	}
	return nil
}

// recordBlockTimeliness judges a block by its arrival. Spec: record_block_timeliness (phase0; modified gloas).
func (s *Store) recordBlockTimeliness(b *Block) timeliness {
	slot, into := types.Slot(b.Arrived/s.spec.SlotDurationMs), b.Arrived%s.spec.SlotDurationMs
	inSlot := slot == b.Slot
	return timeliness{
		attestation: inSlot && into < s.spec.GetAttestationDueMs(s.spec.ForkAtSlot(b.Slot)),
		ptc:         inSlot && into < s.spec.GetPayloadAttestationDueMs(),
	}
}

// updateProposerBoostRoot boosts the first timely block of its slot, if its proposer is the one that the head's chain expects.
// Spec: update_proposer_boost_root (phase0; modified gloas).
func (s *Store) updateProposerBoostRoot(head, i uint32) {
	epoch := s.GetCurrentStoreEpoch()
	if s.dependent(head, epoch) == s.dependent(i, epoch) {
		s.boostRoot = s.tree.entries[i].Root
	}
}

// computePulledUpTip takes over what the block would justify and finalize at its epoch's end. Spec: compute_pulled_up_tip (phase0).
func (s *Store) computePulledUpTip(b *Block) {
	s.updateUnrealizedCheckpoints(b.UnrealizedJustified, b.UnrealizedFinalized)
	// "If the block is from a prior epoch, apply the realized values"
	if s.epochOf(b.Slot) < s.GetCurrentStoreEpoch() {
		s.updateCheckpoints(b.UnrealizedJustified, b.UnrealizedFinalized)
	}
}

// shouldApplyProposerBoost tells whether the boost of a block counts. Until Fulu it always does. From Gloas on it does not where
// the parent is a weak block of the previous slot whose proposer published another block in time.
// Spec: should_apply_proposer_boost (gloas).
func (s *Store) shouldApplyProposerBoost(i uint32) (bool, error) {
	n := &s.tree.nodes[i]
	if !n.gloas {
		return true, nil
	}
	// "Apply proposer boost if `parent` is not from the previous slot"
	if s.tree.nodes[n.parent].slot+1 < n.slot {
		return true, nil
	}
	// The specification asks first whether the parent is weak; where there are no equivocations it does not matter.
	parent, equivocation := &s.tree.entries[n.parent], false
	s.tree.bySlot(n.slot-1, func(other uint32) {
		e := &s.tree.entries[other]
		equivocation = equivocation || other != n.parent && e.timely.ptc && e.ProposerIndex == parent.ProposerIndex
	})
	if !equivocation {
		return true, nil
	}
	weak, err := s.isHeadWeak(n.parent)
	return !weak, err
}
