package forkchoice

import (
	"slices"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// none is the position of no block.
const none = ^uint32(0)

// node is the part of a block that passes over the tree touch.
type node struct {
	slot types.Slot
	// direct is the weight of the votes for exactly this block and status, in increments of the justified balances.
	direct [statuses]uint64
	// weight is the attestation score by status.
	weight [statuses]uint64

	// Epochs of the checkpoints that get_voting_source chooses from.
	justified  types.Epoch
	unrealized types.Epoch

	parent      uint32
	firstChild  uint32
	nextSibling uint32
	// below says on which of its parent's nodes the block stands.
	below PayloadStatus

	gloas   bool // has the nodes empty and full
	full    bool // its payload came on its own and is verified; gloas only
	invalid bool // has an invalid payload below it; as good as removed

	// What refresh finds out.
	finalOK   bool // get_checkpoint_block of the finalized epoch is the finalized block
	justifyOK bool // is the justified block or descends from it
	hasChild  bool // has a child that is not removed
	viable    bool // is in the filtered block tree, if it descends from the justified block
	boosted   [statuses]bool
}

// timeliness is whether a block arrived before the two deadlines of its slot.
type timeliness struct{ attestation, ptc bool }

// entry is the rest of a block.
type entry struct {
	Block
	timely timeliness
	ptc    *payloadVotes // nil as long as nobody voted
}

// tree is the blocks, parents before children. The first is the ancestor of all.
type tree struct {
	spec    *params.Spec
	nodes   []node
	entries []entry
	byRoot  map[types.Root]uint32
}

func newTree(spec *params.Spec) tree {
	return tree{spec: spec, byRoot: map[types.Root]uint32{}}
}

func (t *tree) isGloas(slot types.Slot) bool { return t.spec.ForkAtSlot(slot) >= params.Gloas }

func (t *tree) find(root types.Root) (uint32, bool) {
	i, ok := t.byRoot[root]
	return i, ok
}

// add appends a block whose parent is in the tree; the first block has none.
func (t *tree) add(b *Block, timely timeliness) uint32 {
	i := uint32(len(t.nodes))
	parent, ok := t.find(b.ParentRoot)
	if !ok {
		parent = none
	}
	n := node{
		slot: b.Slot, parent: parent, firstChild: none, nextSibling: none, below: Pending, gloas: t.isGloas(b.Slot),
		justified: b.JustifiedCheckpoint.Epoch, unrealized: b.UnrealizedJustified.Epoch,
	}
	if parent != none {
		n.below = t.getParentPayloadStatus(parent, b.ExecutionParentHash)
	}
	t.nodes, t.entries = append(t.nodes, n), append(t.entries, entry{Block: *b, timely: timely})
	t.byRoot[b.Root] = i
	t.link(i)
	return i
}

// link makes a block one of its parent's children.
func (t *tree) link(i uint32) {
	if p := t.nodes[i].parent; p != none {
		t.nodes[i].nextSibling, t.nodes[p].firstChild = t.nodes[p].firstChild, i
	}
}

// getParentPayloadStatus tells on which node of its parent a block stands that builds on the payload with the given hash. A block
// from before Gloas has but one. Spec: get_parent_payload_status (gloas).
func (t *tree) getParentPayloadStatus(parent uint32, executionParentHash types.Hash32) PayloadStatus {
	switch {
	case !t.nodes[parent].gloas:
		return Pending
	case executionParentHash == t.entries[parent].ExecutionBlockHash:
		return Full
	}
	return Empty
}

// ancestor climbs to the first block that is not after a slot and gives the status under which the chain passes through it: the
// one given if that is the block itself. If all blocks of the chain are after the slot it stops at the first one of the tree
// and says false.
func (t *tree) ancestor(i uint32, status PayloadStatus, slot types.Slot) (uint32, PayloadStatus, bool) {
	for t.nodes[i].slot > slot {
		if t.nodes[i].parent == none {
			return i, status, false
		}
		i, status = t.nodes[i].parent, t.nodes[i].below
	}
	return i, status, true
}

// descends tells whether a block is another one or descends from it.
func (t *tree) descends(i, from uint32) bool {
	for i != none && i > from {
		i = t.nodes[i].parent
	}
	return i == from
}

// parentNode is the node that a block stands on.
func (t *tree) parentNode(i uint32) Node {
	return Node{Root: t.entries[t.nodes[i].parent].Root, PayloadStatus: t.nodes[i].below}
}

// bySlot calls visit with the blocks of a slot that are not removed.
func (t *tree) bySlot(slot types.Slot, visit func(i uint32)) {
	for i := range t.nodes {
		if t.nodes[i].slot == slot && !t.nodes[i].invalid {
			visit(uint32(i))
		}
	}
}

// keep drops all blocks but those marked, which have to form a tree, and gives the new place of each, or none.
func (t *tree) keep(marked []bool) (moved []uint32, removed []types.Root) {
	moved = make([]uint32, len(t.nodes))
	count := uint32(0)
	for i := range t.nodes {
		if !marked[i] {
			moved[i] = none
			removed = append(removed, t.entries[i].Root)
			delete(t.byRoot, t.entries[i].Root)
			continue
		}
		moved[i] = count
		t.nodes[count], t.entries[count] = t.nodes[i], t.entries[i]
		t.byRoot[t.entries[i].Root] = count
		count++
	}
	clear(t.entries[count:])
	t.nodes, t.entries = slices.Clip(t.nodes[:count]), slices.Clip(t.entries[:count])
	for i := range t.nodes {
		n := &t.nodes[i]
		n.firstChild, n.nextSibling = none, none
		if n.parent != none {
			n.parent = moved[n.parent]
		}
		if n.parent == none {
			n.below = Pending
		}
		t.link(uint32(i))
	}
	return moved, removed
}

// GetAncestor climbs from a node to the first one of its chain that is not after a slot. Below the first block of the tree
// nothing is known, which is an error. Spec: get_ancestor (phase0; modified gloas).
func (s *Store) GetAncestor(n Node, slot types.Slot) (Node, error) {
	i, err := s.index("get_ancestor: the block is known", n.Root)
	if err != nil {
		return Node{}, err
	}
	a, status, ok := s.tree.ancestor(i, n.PayloadStatus, slot)
	if !ok {
		return Node{}, broken(ErrUnknownBlock, "get_ancestor: the chain is known down to the slot", slot, s.tree.nodes[a].slot)
	}
	return Node{Root: s.tree.entries[a].Root, PayloadStatus: status}, nil
}

// IsAncestor tells whether a node's chain passes through another node. Spec: is_ancestor (phase0; modified gloas).
func (s *Store) IsAncestor(n, ancestor Node) (bool, error) {
	i, err := s.index("is_ancestor: the block is known", n.Root)
	if err != nil {
		return false, err
	}
	a, err := s.index("is_ancestor: the ancestor is known", ancestor.Root)
	if err != nil {
		return false, err
	}
	found, status, _ := s.tree.ancestor(i, n.PayloadStatus, s.tree.nodes[a].slot)
	return found == a && (status == ancestor.PayloadStatus || ancestor.PayloadStatus == Pending), nil
}

// GetCheckpointBlock is the block of a chain that is its target in an epoch. Spec: get_checkpoint_block (phase0; modified gloas).
func (s *Store) GetCheckpointBlock(root types.Root, epoch types.Epoch) (types.Root, error) {
	a, err := s.GetAncestor(Node{Root: root, PayloadStatus: Pending}, s.startOf(epoch))
	return a.Root, err
}

// GetShufflingDependentRoot is the block that decides about the shuffling of an epoch in a block's chain. Where it lies below
// the tree the tree's first block stands for it: all blocks have the same one then.
// Spec: get_shuffling_dependent_root, compute_shuffling_dependent_slot (phase0; modified gloas).
func (s *Store) GetShufflingDependentRoot(root types.Root, epoch types.Epoch) (types.Root, error) {
	i, err := s.index("get_shuffling_dependent_root: the block is known", root)
	if err != nil {
		return types.Root{}, err
	}
	return s.tree.entries[s.dependent(i, epoch)].Root, nil
}

func (s *Store) dependent(i uint32, epoch types.Epoch) uint32 {
	slot := params.GenesisSlot
	if epoch > s.spec.MinSeedLookahead {
		slot = s.startOf(epoch-s.spec.MinSeedLookahead) - 1
	}
	a, _, _ := s.tree.ancestor(i, Pending, slot)
	return a
}

// Contains tells whether a block is in the tree and not invalidated.
func (s *Store) Contains(root types.Root) bool {
	i, ok := s.tree.find(root)
	return ok && !s.tree.nodes[i].invalid
}
