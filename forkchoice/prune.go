package forkchoice

import "github.com/cresset/cresset/beacon/types"

// Prune drops all blocks that are not the finalized one and do not descend from it, and gives their roots. Votes for them count for
// nothing from now on. It drops nothing as long as the block of another checkpoint is not among those that stay: then finality was
// broken, and the store answers as the specification's does. It passes over all votes once.
func (s *Store) Prune() []types.Root {
	from, ok := s.tree.find(s.finalized.Root)
	if !ok || from == 0 {
		return nil
	}
	keep := make([]bool, len(s.tree.nodes))
	keep[from] = true
	for i := int(from) + 1; i < len(keep); i++ {
		keep[i] = keep[s.tree.nodes[i].parent]
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
