package forkchoice

import (
	"slices"

	"github.com/cresset/cresset/beacon/types"
)

// BlockInfo is what the store knows of a block.
type BlockInfo struct {
	Block
	// ParentStatus is the node of the parent that it stands on.
	ParentStatus PayloadStatus
	// Timely is whether it arrived before the attestation deadline of its slot.
	Timely bool
	// Optimistic is IsOptimistic of it.
	Optimistic bool
	// Invalidated is whether it counts as removed, because of an invalid payload.
	Invalidated bool
}

// Block tells what is known of a block, invalidated ones included.
func (s *Store) Block(root types.Root) (BlockInfo, bool) {
	i, ok := s.tree.find(root)
	if !ok {
		return BlockInfo{}, false
	}
	n, e := &s.tree.nodes[i], &s.tree.entries[i]
	return BlockInfo{
		Block: e.Block, ParentStatus: n.below, Timely: e.timely.attestation,
		Optimistic: s.IsOptimistic(root), Invalidated: n.invalid,
	}, true
}

// NodeInfo is a node of the tree with its weight.
type NodeInfo struct {
	Node
	Slot   types.Slot
	Parent Node       // zero for those of the tree's first block
	Weight types.Gwei // get_weight
	// Viable is whether it is in the filtered block tree.
	Viable bool
	// Leaf is whether it is in the filtered block tree and no child of it is.
	Leaf bool
	// Execution is what is known of the payload that the node has or builds on last.
	Execution Execution
}

// Nodes lists all nodes that are not removed, blocks in the order in which they came; a Gloas block is pending, empty, and, once
// its payload is verified, full. It fails as GetHead does. Spec: get_node_children (phase0; modified gloas).
func (s *Store) Nodes() ([]NodeInfo, error) {
	if err := s.Refresh(); err != nil {
		return nil, err
	}
	var all []NodeInfo
	for i := range uint32(len(s.tree.nodes)) {
		n := &s.tree.nodes[i]
		if n.invalid {
			continue
		}
		pending := s.nodeInfo(i, Pending)
		if n.parent != none {
			pending.Parent = s.tree.parentNode(i)
		}
		all = append(all, pending)
		for _, status := range []PayloadStatus{Empty, Full} {
			if n.gloas && (status == Empty || n.full) {
				info := s.nodeInfo(i, status)
				info.Parent = pending.Node
				all = append(all, info)
			}
		}
	}
	return all, nil
}

// ViableLeaves lists the leaves of the filtered block tree, the candidates for the head.
func (s *Store) ViableLeaves() ([]NodeInfo, error) {
	all, err := s.Nodes()
	return slices.DeleteFunc(all, func(n NodeInfo) bool { return !n.Leaf }), err
}

func (s *Store) nodeInfo(i uint32, status PayloadStatus) NodeInfo {
	n, e := &s.tree.nodes[i], &s.tree.entries[i]
	viable := n.viable && n.justifyOK
	info := NodeInfo{
		Node: Node{Root: e.Root, PayloadStatus: status}, Slot: n.slot, Weight: s.getWeight(i, status), Viable: viable,
		Leaf: viable && (!n.gloas || status != Pending) && s.bestChild(i, status) == none,
	}
	if p := s.tree.payloadBelow(i, status); p != none {
		info.Execution = s.tree.entries[p].Execution
	}
	return info
}

// GetWeight is the weight of a node in Gwei. It fails as GetHead does. Spec: get_weight (phase0; modified gloas).
func (s *Store) GetWeight(n Node) (types.Gwei, error) {
	if err := s.Refresh(); err != nil {
		return 0, err
	}
	i, err := s.index("get_weight: the block is known", n.Root)
	if err != nil {
		return 0, err
	}
	if n.PayloadStatus >= statuses {
		return 0, broken(ErrInvalid, "payload_status is one of the PAYLOAD_STATUS values", n.PayloadStatus, Pending)
	}
	return s.getWeight(i, n.PayloadStatus), nil
}

// PayloadVotes gives the votes of a block's payload timeliness committee by position; nil stands for none.
// Spec: payload_timeliness_vote, payload_data_availability_vote (gloas).
func (s *Store) PayloadVotes(root types.Root) (present, available []*bool, err error) {
	i, err := s.index("root in store.payload_timeliness_vote", root)
	if err != nil {
		return nil, nil, err
	}
	present, available = make([]*bool, s.spec.PTCSize), make([]*bool, s.spec.PTCSize)
	if p := s.tree.entries[i].ptc; p != nil {
		for at, v := range p.votes {
			if v != 0 {
				timely, there := v&presentFlag != 0, v&availableFlag != 0
				present[at], available[at] = &timely, &there
			}
		}
	}
	return present, available, nil
}

// ExecutionBlockHash is the hash of the payload that a node has, or builds on where it has none of its own: what the execution
// client is told when the node is the head. It is zero before the merge. Spec: notify_forkchoice_updated (bellatrix; modified gloas).
func (s *Store) ExecutionBlockHash(n Node) (types.Hash32, error) {
	i, err := s.index("notify_forkchoice_updated: the block is known", n.Root)
	if err != nil {
		return types.Hash32{}, err
	}
	return s.executionBlockHash(i, n.PayloadStatus), nil
}

func (s *Store) executionBlockHash(i uint32, status PayloadStatus) types.Hash32 {
	if s.tree.nodes[i].gloas && status != Full {
		return s.tree.entries[i].ExecutionParentHash
	}
	return s.tree.entries[i].ExecutionBlockHash
}

// GetFinalizedExecutionBlockHash is the finalized_block_hash that the execution client is told.
// Spec: notify_forkchoice_updated (bellatrix; modified gloas).
func (s *Store) GetFinalizedExecutionBlockHash() types.Hash32 {
	if i, ok := s.tree.find(s.finalized.Root); ok {
		return s.executionBlockHash(i, Pending)
	}
	return types.Hash32{}
}
