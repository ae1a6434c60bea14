package forkchoice

import "github.com/cresset/cresset/beacon/types"

// Prune drops all blocks but the finalized one and those that have it as their checkpoint block of the finalized epoch, and gives their
// roots. Where that epoch's first slots have no block, those that stand on an earlier one of them go too: CheckBlock takes nothing
// that descends from them. Votes for what is dropped count for nothing from now on. It drops nothing as long as the block of another
// checkpoint is not among those that stay: then finality was broken, and the store answers as the specification's does. It passes over
// all votes once.
func (s *Store) Prune() []types.Root {
	from, ok := s.tree.find(s.finalized.Root)
	if !ok {
		return nil
	}
	// What leads to the head stays: a leaf is viable only if the finalized block is its checkpoint block.
	finalSlot := s.startOf(s.finalized.Epoch)
	keep, kept := make([]bool, len(s.tree.nodes)), 1
	keep[from] = true
	for i := int(from) + 1; i < len(keep); i++ {
		if n := &s.tree.nodes[i]; keep[n.parent] && n.slot > finalSlot {
			keep[i] = true
			kept++
		}
	}
	if kept == len(keep) {
		return nil
	}
	for _, c := range []types.Checkpoint{s.justified, s.unrealizedJustified, s.unrealizedFinalized} {
		if !keep[s.tree.byRoot[c.Root]] {
			return nil
		}
	}
	s.votes.flush(s.tree.nodes)
	moved, removed := s.tree.keep(keep)
	s.votes.move(moved)
	s.fresh = false
	return removed
}
