package forkchoice

import (
	"slices"

	"github.com/cresset/cresset/beacon/types"
)

// FastConfirmation is the variables of the fast confirmation rule. Spec: FastConfirmationStore (phase0).
type FastConfirmation struct {
	ConfirmedRoot                             types.Root
	PreviousEpochObservedJustifiedCheckpoint  types.Checkpoint
	CurrentEpochObservedJustifiedCheckpoint   types.Checkpoint
	PreviousEpochGreatestUnrealizedCheckpoint types.Checkpoint
	PreviousSlotHead                          types.Root
	CurrentSlotHead                           types.Root
}

// getFastConfirmationStore begins with the finalized checkpoint everywhere. Spec: get_fast_confirmation_store (phase0).
func getFastConfirmationStore(finalized types.Checkpoint) FastConfirmation {
	return FastConfirmation{finalized.Root, finalized, finalized, finalized, finalized.Root, finalized.Root}
}

// FastConfirmation gives the variables of the fast confirmation rule.
func (s *Store) FastConfirmation() FastConfirmation { return s.fcr }

// ConfirmedRoot is the most recent confirmed block; the finalized one where that was pruned or invalidated since.
func (s *Store) ConfirmedRoot() types.Root {
	if !s.Contains(s.fcr.ConfirmedRoot) {
		return s.finalized.Root
	}
	return s.fcr.ConfirmedRoot
}

// GetSafeExecutionBlockHash is the safe_block_hash that the execution client is told: the payload of the confirmed block, from Gloas
// on the one that it builds on. Spec: get_safe_execution_block_hash (bellatrix; modified gloas).
func (s *Store) GetSafeExecutionBlockHash() types.Hash32 {
	if i, ok := s.tree.find(s.ConfirmedRoot()); ok {
		return s.executionBlockHash(i, Pending)
	}
	return types.Hash32{}
}

// OnFastConfirmation runs the fast confirmation rule. It is to be called once a slot, after the votes of past slots are in and before
// attestations are due. Where States fails the finalized block becomes the confirmed one.
//
// A block that is not in the tree any more satisfies no condition: variables can name such blocks after Prune. The rule then
// falls back to the finalized block where a store that never prunes might not.
// Spec: on_fast_confirmation (phase0).
func (s *Store) OnFastConfirmation() error {
	head, err := s.GetHead()
	if err != nil {
		s.fcr.ConfirmedRoot = s.finalized.Root
		return err
	}
	s.updateFastConfirmationVariables(head.Root)
	r := newRule(s)
	confirmed := r.getLatestConfirmed()
	if r.err != nil {
		s.fcr.ConfirmedRoot = s.finalized.Root
		return r.err
	}
	s.fcr.ConfirmedRoot = s.tree.entries[confirmed].Root
	return nil
}

// updateFastConfirmationVariables is update_fast_confirmation_variables (phase0).
func (s *Store) updateFastConfirmationVariables(head types.Root) {
	f, slot := &s.fcr, s.GetCurrentSlot()
	f.PreviousSlotHead, f.CurrentSlotHead = f.CurrentSlotHead, head
	// "Update greatest unrealized justified checkpoint at the last slot of an epoch"
	if s.isEpochStart(slot + 1) {
		f.PreviousEpochGreatestUnrealizedCheckpoint = s.unrealizedJustified
	}
	// "Update observed justified checkpoints at the start of an epoch"
	if s.isEpochStart(slot) {
		f.PreviousEpochObservedJustifiedCheckpoint = f.CurrentEpochObservedJustifiedCheckpoint
		f.CurrentEpochObservedJustifiedCheckpoint = f.PreviousEpochGreatestUnrealizedCheckpoint
	}
}

// rule is one run of the fast confirmation rule, with what is computed but once in it.
type rule struct {
	*Store
	slot       types.Slot
	epoch      types.Epoch
	epochStart bool
	head       uint32
	finalBlock uint32
	scores     []*score // by balance source
	ffg        *targetSupport
	err        error // of States; once it is set no answer counts
}

func newRule(s *Store) *rule {
	slot := s.GetCurrentSlot()
	s.equivocated.forget(slot, s.votes.equivocators, s.spec.SlotsPerEpoch)
	return &rule{
		Store: s, slot: slot, epoch: s.epochOf(slot), epochStart: s.isEpochStart(slot),
		head: s.tree.byRoot[s.head.Root], finalBlock: s.tree.byRoot[s.finalized.Root],
	}
}

// known finds a block of the rule's variables.
func (r *rule) known(root types.Root) (uint32, bool) {
	i, ok := r.tree.find(root)
	return i, ok && !r.tree.nodes[i].invalid
}

func (r *rule) epochAt(i uint32) types.Epoch { return r.epochOf(r.tree.nodes[i].slot) }

// unrealizedAt is the epoch of unrealized_justifications of a block.
func (r *rule) unrealizedAt(i uint32) types.Epoch { return r.tree.nodes[i].unrealized }

// getAncestorRoots lists the blocks of a chain above another block, in order; none if that is not in the chain.
// Spec: get_ancestor_roots (phase0).
func (r *rule) getAncestorRoots(i, terminal uint32) []uint32 {
	var chain []uint32
	for i != none && i > terminal {
		chain = append(chain, i)
		i = r.tree.nodes[i].parent
	}
	if i != terminal {
		return nil
	}
	slices.Reverse(chain)
	return chain
}

// getLatestConfirmed is get_latest_confirmed (phase0).
func (r *rule) getLatestConfirmed() uint32 {
	observed := r.fcr.CurrentEpochObservedJustifiedCheckpoint
	confirmed, ok := r.known(r.fcr.ConfirmedRoot)
	// "Revert to finalized block if either of the following is true: the latest confirmed block's epoch is older than the
	// previous epoch, it does not belong to the canonical chain, the confirmed chain cannot be re-confirmed"
	if !ok || r.epochAt(confirmed)+1 < r.epoch || !r.tree.descends(r.head, confirmed) ||
		r.epochStart && !r.isConfirmedChainSafe(confirmed) {
		confirmed = r.finalBlock
	}
	// "Restart the confirmation chain"
	if o, ok := r.known(observed.Root); ok && r.epochStart && r.epochAt(o)+1 == r.epoch &&
		observed == r.tree.entries[r.head].UnrealizedJustified && r.tree.nodes[confirmed].slot < r.tree.nodes[o].slot {
		confirmed = o
	}
	// "Attempt to further advance the latest confirmed block"
	if r.epochAt(confirmed)+1 >= r.epoch {
		return r.findLatestConfirmedDescendant(confirmed)
	}
	return confirmed
}

// findLatestConfirmedDescendant is find_latest_confirmed_descendant (phase0).
func (r *rule) findLatestConfirmedDescendant(confirmed uint32) uint32 {
	observed := r.fcr.CurrentEpochObservedJustifiedCheckpoint
	if previous, ok := r.known(r.fcr.PreviousSlotHead); ok && r.mayConfirmPreviousEpoch(confirmed, previous) {
		for _, block := range r.getAncestorRoots(r.head, confirmed) {
			// "this code is meant to confirm blocks from the previous epoch", "The algorithm can only rely on the previous head if
			// it is a descendant of the block that is attempted to be confirmed"
			if r.epochAt(block) == r.epoch || !r.tree.descends(previous, block) || !r.isOneConfirmed(observed, block) {
				break
			}
			confirmed = block
		}
	}
	if !r.epochStart && r.unrealizedAt(r.head)+1 < r.epoch {
		return confirmed
	}
	tentative := confirmed
	for _, block := range r.getAncestorRoots(r.head, confirmed) {
		// "To confirm blocks from the current epoch ensure that current epoch target will be justified"
		if r.epochAt(block) > r.epochAt(tentative) && !r.willCurrentTargetBeJustified() {
			break
		}
		if !r.isOneConfirmed(observed, block) {
			break
		}
		tentative = block
	}
	// "The tentative_confirmed_root can only be confirmed if it is for sure not going to be reorged out"
	if r.epochAt(tentative) == r.epoch || r.votingSourceEpoch(&r.tree.nodes[tentative], r.epoch)+2 >= r.epoch &&
		(r.epochStart || r.willNoConflictingCheckpointBeJustified()) {
		return tentative
	}
	return confirmed
}

// mayConfirmPreviousEpoch is the condition under which blocks of the previous epoch can be confirmed.
func (r *rule) mayConfirmPreviousEpoch(confirmed, previous uint32) bool {
	return r.epochAt(confirmed)+1 == r.epoch &&
		r.votingSourceEpoch(&r.tree.nodes[previous], r.epoch)+2 >= r.epoch &&
		(r.epochStart ||
			(r.unrealizedAt(previous)+1 >= r.epoch || r.unrealizedAt(r.head)+1 >= r.epoch) && r.willNoConflictingCheckpointBeJustified())
}

// isConfirmedChainSafe tells whether the confirmed chain is confirmed again, with the balances of the epoch before.
// Spec: is_confirmed_chain_safe, get_previous_balance_source (phase0).
func (r *rule) isConfirmedChainSafe(confirmed uint32) bool {
	observed := r.fcr.CurrentEpochObservedJustifiedCheckpoint
	// "Check if the confirmed_root has current_epoch_observed_justified_checkpoint in its chain"
	o, ok := r.known(observed.Root)
	if a, _, _ := r.tree.ancestor(confirmed, Pending, r.startOf(observed.Epoch)); !ok || a != o {
		return false
	}
	exclusive := o
	if observed.Epoch+1 < r.epoch {
		// "Limit reconfirmation to the first block of the previous epoch"
		exclusive, _, _ = r.tree.ancestor(confirmed, Pending, r.startOf(r.epoch-1))
		if r.epochAt(exclusive)+1 == r.epoch {
			exclusive = r.tree.nodes[exclusive].parent
		}
	}
	if exclusive == none {
		return false
	}
	for _, block := range r.getAncestorRoots(confirmed, exclusive) {
		if !r.isOneConfirmed(r.fcr.PreviousEpochObservedJustifiedCheckpoint, block) {
			return false
		}
	}
	return true
}
