package forkchoice

import "iter"

// Blocks gives all blocks in the order in which they came, each after its parent, invalidated ones included. It needs no states.
func (s *Store) Blocks() iter.Seq[BlockInfo] {
	return func(yield func(BlockInfo) bool) {
		for i := range s.tree.entries {
			if info, ok := s.Block(s.tree.entries[i].Root); ok && !yield(info) {
				return
			}
		}
	}
}
