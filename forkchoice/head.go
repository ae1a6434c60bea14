package forkchoice

import (
	"bytes"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// GetHead is the head of the chain: a pending node until Fulu, an empty or full one from Gloas on. It fails when States does, and
// with ErrJustifiedInvalid when the justified block itself was invalidated. Where no branch is viable it is the justified block,
// as the specification has it; IsOptimisticNode tells. Spec: get_head (phase0; modified gloas).
func (s *Store) GetHead() (Node, error) {
	if err := s.Refresh(); err != nil {
		return Node{}, err
	}
	return s.head, nil
}

// Refresh does the work of the next GetHead ahead of time: after a change of the justified checkpoint it counts all votes with the
// new balances, else only the changed ones. It fails as GetHead does.
func (s *Store) Refresh() error {
	if err := s.count(); err != nil {
		return err
	}
	if s.fresh {
		return nil
	}
	s.sumWeights()
	s.filterBlockTree()
	justified := s.tree.byRoot[s.justified.Root]
	if s.tree.nodes[justified].invalid {
		return broken(ErrJustifiedInvalid, "the justified block is valid", s.justified.Root, "a valid payload")
	}
	if err := s.placeBoost(); err != nil {
		return err
	}
	s.head = s.descend(justified)
	s.fresh = true
	return nil
}

// count brings node.direct up to date.
func (s *Store) count() error {
	if s.votes.balances == nil || s.votes.of != s.justified {
		b, err := s.balancesOf(s.justified)
		if err != nil {
			return err
		}
		s.votes.recount(s.tree.nodes, s.justified, b)
		s.fresh = false
		return nil
	}
	if len(s.votes.changed) > 0 {
		s.votes.flush(s.tree.nodes)
		s.fresh = false
	}
	return nil
}

// sumWeights adds up attestation scores from the leaves to the root. A vote for a block counts for its pending node and, once it
// says more, for empty or full; what counts for a block's pending node counts for the node that the block stands on and that
// one's pending node. Votes for removed blocks count nowhere. Spec: get_attestation_score (phase0), get_supported_node
// (phase0; modified gloas).
func (s *Store) sumWeights() {
	nodes := s.tree.nodes
	for i := range nodes {
		n := &nodes[i]
		n.weight = n.direct
		n.weight[Pending] += n.direct[Empty] + n.direct[Full]
		n.boosted = [statuses]bool{}
		n.hasChild, n.viable = false, false
	}
	for i := len(nodes) - 1; i > 0; i-- {
		n := &nodes[i]
		if n.invalid {
			continue
		}
		p := &nodes[n.parent]
		p.weight[Pending] += n.weight[Pending]
		if n.below != Pending {
			p.weight[n.below] += n.weight[Pending]
		}
	}
}

// filterBlockTree marks the viable blocks: those with a viable child, and leaves whose checkpoints agree with the store's.
// Spec: filter_block_tree, get_filtered_block_tree (phase0).
func (s *Store) filterBlockTree() {
	nodes := s.tree.nodes
	finalized, ok := s.tree.find(s.finalized.Root)
	if !ok {
		finalized = none
	}
	justified := s.tree.byRoot[s.justified.Root]
	finalSlot := s.startOf(s.finalized.Epoch)
	for i := range nodes {
		n, at := &nodes[i], uint32(i)
		n.finalOK = at == finalized || n.parent != none && nodes[n.parent].finalOK && n.slot > finalSlot
		n.justifyOK = at == justified || n.parent != none && nodes[n.parent].justifyOK
	}
	current := s.GetCurrentStoreEpoch()
	for i := len(nodes) - 1; i >= 0; i-- {
		n := &nodes[i]
		if n.invalid {
			continue
		}
		if !n.hasChild {
			n.viable = s.isCorrectJustified(n, current) && (s.finalized.Epoch == params.GenesisEpoch || n.finalOK)
		}
		if n.parent != none {
			p := &nodes[n.parent]
			p.hasChild = true
			p.viable = p.viable || n.viable
		}
	}
}

// isCorrectJustified tells whether a leaf's voting source is "either at the same height as the store's justified checkpoint or
// not more than two epochs ago".
func (s *Store) isCorrectJustified(n *node, current types.Epoch) bool {
	if s.justified.Epoch == params.GenesisEpoch {
		return true
	}
	source := s.votingSourceEpoch(n, current)
	return source == s.justified.Epoch || source+2 >= current
}

// votingSourceEpoch is the epoch of get_voting_source: pulled up for a block of a past epoch. Spec: get_voting_source (phase0).
func (s *Store) votingSourceEpoch(n *node, current types.Epoch) types.Epoch {
	if current > s.epochOf(n.slot) {
		return n.unrealized
	}
	return n.justified
}

// placeBoost finds out what the proposer boost counts and marks the nodes that it counts for: all that the boosted block's
// pending node descends from. Spec: get_weight (phase0; modified gloas), get_proposer_score (phase0).
func (s *Store) placeBoost() error {
	s.boostGwei = 0
	i, ok := s.tree.find(s.boostRoot)
	if !ok {
		return nil
	}
	apply, err := s.shouldApplyProposerBoost(i)
	if err != nil || !apply {
		return err
	}
	s.boostGwei = s.votes.balances.ComputeProposerScore(s.spec)
	nodes := s.tree.nodes
	for status := Pending; i != none; i, status = nodes[i].parent, nodes[i].below {
		nodes[i].boosted[Pending], nodes[i].boosted[status] = true, true
	}
	return nil
}

// getWeight is the weight of a node in Gwei. Spec: get_weight (phase0; modified gloas).
func (s *Store) getWeight(i uint32, status PayloadStatus) types.Gwei {
	n := &s.tree.nodes[i]
	if s.isPreviousSlotPayloadDecision(n, status) {
		return 0
	}
	weight := s.votes.balances.gwei(n.weight[status])
	if n.boosted[status] {
		weight += s.boostGwei
	}
	return weight
}

// descend walks from the justified block to the head.
func (s *Store) descend(i uint32) Node {
	nodes := s.tree.nodes
	for status := Pending; ; {
		if nodes[i].gloas && status == Pending {
			status = s.choosePayload(i)
			continue
		}
		next := s.bestChild(i, status)
		if next == none {
			return Node{Root: s.tree.entries[i].Root, PayloadStatus: status}
		}
		i, status = next, Pending
	}
}

// choosePayload chooses between the nodes below a pending one. Spec: get_node_children, get_head (gloas).
func (s *Store) choosePayload(i uint32) PayloadStatus {
	if !s.tree.nodes[i].full {
		return Empty
	}
	empty, full := s.getWeight(i, Empty), s.getWeight(i, Full)
	if full > empty || full == empty && s.getPayloadStatusTiebreaker(i, Full) > s.getPayloadStatusTiebreaker(i, Empty) {
		return Full
	}
	return Empty
}

// bestChild is the heaviest viable block on a node, the one with the higher root where weights are equal; or none.
func (s *Store) bestChild(i uint32, status PayloadStatus) uint32 {
	nodes, best, bestWeight := s.tree.nodes, none, types.Gwei(0)
	for c := nodes[i].firstChild; c != none; c = nodes[c].nextSibling {
		if !nodes[c].viable || nodes[c].below != status {
			continue
		}
		weight := s.getWeight(c, Pending)
		if best == none || weight > bestWeight || weight == bestWeight && s.higherRoot(c, best) {
			best, bestWeight = c, weight
		}
	}
	return best
}

func (s *Store) higherRoot(a, b uint32) bool {
	return bytes.Compare(s.tree.entries[a].Root[:], s.tree.entries[b].Root[:]) > 0
}
