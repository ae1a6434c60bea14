package forkchoice

import (
	"github.com/cresset/cresset/beacon/types"
)

// payloadBelow is the block whose payload is the last one in the chain of a node, the node's own included; or none. The empty and
// the pending node of a Gloas block do not have its payload.
func (t *tree) payloadBelow(i uint32, status PayloadStatus) uint32 {
	for ; i != none; i, status = t.nodes[i].parent, t.nodes[i].below {
		if !t.nodes[i].gloas || status == Full {
			return i
		}
	}
	return none
}

// payloadsBelow calls visit with the blocks whose payloads are in the chain of a node, last first, until it says false.
func (t *tree) payloadsBelow(i uint32, status PayloadStatus, visit func(i uint32) bool) {
	for i = t.payloadBelow(i, status); i != none && visit(i); {
		i = t.payloadBelow(t.nodes[i].parent, t.nodes[i].below)
	}
}

// own is the status under which a block's own payload is in the chain.
func (n *node) own() PayloadStatus {
	if n.gloas {
		return Full
	}
	return Pending
}

// checkValid checks that no payload in the chain of a node was invalidated, so that it can become valid.
func (s *Store) checkValid(i uint32, status PayloadStatus) (err error) {
	s.tree.payloadsBelow(i, status, func(i uint32) bool {
		b := &s.tree.entries[i]
		if b.Execution == Invalid {
			err = broken(ErrInvalidPayload, "no INVALIDATED payload becomes VALID", b.Root, "another one")
		}
		return b.Execution == Optimistic
	})
	return err
}

// markValid makes a block's payload valid, and with it those that it builds on.
func (s *Store) markValid(i uint32) {
	first := i
	s.tree.payloadsBelow(i, s.tree.nodes[i].own(), func(i uint32) bool {
		b := &s.tree.entries[i]
		if b.Execution != Optimistic {
			return i == first && b.Execution == Valid // It came valid. Below any other valid payload all are.
		}
		b.Execution = Valid
		return true
	})
}

// SetPayloadValid takes over that the execution client calls the payload of a block VALID: "all ancestors of the block MUST also
// transition from NOT_VALIDATED -> VALID". A payload that was invalidated, or that is not there, is an error.
// Spec: sync/optimistic.md, "How to optimistically import blocks".
func (s *Store) SetPayloadValid(root types.Root) error {
	i, err := s.index("the block of a VALID payload is known", root)
	if err != nil {
		return err
	}
	if b := &s.tree.entries[i]; b.Execution == Irrelevant {
		return broken(ErrPayloadUnknown, "the VALID payload is known", root, "a block with a payload")
	}
	if err := s.checkValid(i, s.tree.nodes[i].own()); err != nil {
		return err
	}
	s.markValid(i)
	return nil
}

// SetPayloadInvalid takes over that the execution client calls the payload of a block INVALID. Which payload of the chain is the
// first invalid one follows from latestValidHash: the one after the payload with that hash; the first of all where it is zero;
// that of the block itself where it is nil or not a hash of the chain. That payload and all that builds on it becomes invalid, and
// the blocks that contain or build on them count as removed. From Gloas on the block whose payload is the first invalid one stays, without
// it. It is returned, in front, and with it all that are removed.
//
// A VALID payload does not become invalid: that is ErrValidPayload, and nothing is changed. Where the block of the justified
// checkpoint goes it is ErrJustifiedInvalid; the blocks are invalidated then, and there is no head.
// Spec: sync/optimistic.md, "How to apply latestValidHash when payload status is INVALID".
func (s *Store) SetPayloadInvalid(root types.Root, latestValidHash *types.Hash32) ([]types.Root, error) {
	i, ok := s.tree.find(root)
	if !ok {
		return nil, unknown("the block of an INVALID payload is known", root)
	}
	if s.tree.entries[i].Execution == Irrelevant {
		return nil, broken(ErrPayloadUnknown, "the INVALID payload is known", root, "a block with a payload")
	}
	first, found := s.invalidBlock(i, s.tree.nodes[i].own(), latestValidHash)
	if !found || first == none { // The client contradicts itself where it calls this very payload the latest valid one.
		first = i
	}
	return s.invalidateFrom(first)
}

// SetChildPayloadInvalid is SetPayloadInvalid for a payload that builds on a node and is itself not in the tree: its block was not
// imported, for this very answer. Where latestValidHash says so payloads that it builds on become invalid; else nothing happens.
func (s *Store) SetChildPayloadInvalid(parent Node, latestValidHash *types.Hash32) ([]types.Root, error) {
	i, ok := s.tree.find(parent.Root)
	if !ok {
		return nil, unknown("the parent of an INVALID payload's block is known", parent.Root)
	}
	first, found := s.invalidBlock(i, parent.PayloadStatus, latestValidHash)
	if !found || first == none {
		return nil, nil
	}
	return s.invalidateFrom(first)
}

// invalidateFrom invalidates a payload and all that builds on it.
func (s *Store) invalidateFrom(first uint32) ([]types.Root, error) {
	switch b := &s.tree.entries[first]; b.Execution {
	case Valid:
		return nil, broken(ErrValidPayload, "no VALID payload becomes INVALIDATED", b.Root, "an optimistic one")
	case Invalid:
		return nil, nil // and with it all that builds on it
	}
	invalidated := s.invalidate(first)
	if i, ok := s.tree.find(s.boostRoot); ok && s.tree.nodes[i].invalid {
		s.boostRoot = types.Root{}
	}
	s.fresh = false
	if s.tree.nodes[s.tree.byRoot[s.justified.Root]].invalid {
		return invalidated, broken(ErrJustifiedInvalid, "the justified block is valid", s.justified.Root, "a valid payload")
	}
	return invalidated, nil
}

// invalidBlock looks for the first invalid payload in the chain of a node, by the table of the specification: the one above that
// with the latest valid hash, or the first of all; none where the last one is valid. Found is false where the hash says
// nothing about the chain.
func (s *Store) invalidBlock(i uint32, status PayloadStatus, latestValidHash *types.Hash32) (first uint32, found bool) {
	first = none
	if latestValidHash == nil {
		return first, false
	}
	found = *latestValidHash == types.Hash32{}
	s.tree.payloadsBelow(i, status, func(at uint32) bool {
		b := &s.tree.entries[at]
		switch {
		case b.Execution == Irrelevant: // from before the merge
			return false
		case b.ExecutionBlockHash == *latestValidHash:
			found = true
			return false
		}
		first = at
		return true
	})
	return first, found
}

// invalidate marks a payload and all that builds on it, and gives their blocks.
func (s *Store) invalidate(first uint32) (invalidated []types.Root) {
	nodes, entries := s.tree.nodes, s.tree.entries
	remove := func(i uint32) {
		nodes[i].invalid = true
		invalidated = append(invalidated, entries[i].Root)
	}
	entries[first].Execution = Invalid
	if nodes[first].gloas {
		nodes[first].full = false
		invalidated = append(invalidated, entries[first].Root)
	} else {
		remove(first)
	}
	for i := first + 1; i < uint32(len(nodes)); i++ {
		n := &nodes[i]
		if n.invalid || n.parent == none {
			continue
		}
		if nodes[n.parent].invalid || n.parent == first && n.below == Full {
			remove(i)
			if entries[i].Execution != Irrelevant {
				entries[i].Execution, n.full = Invalid, false
			}
		}
	}
	return invalidated
}

// ForgetInvalid takes back all that the execution client has called INVALID: those payloads are optimistic again and their blocks back in
// the tree, until it says so once more. It gives how many payloads there are. "A block deemed INVALIDATED at any point" stays out of the chain
// as long as this process believes the client that said so; after a start it may be another client, or one that was mended.
func (s *Store) ForgetInvalid() (payloads int) {
	for i := range s.tree.nodes {
		n, b := &s.tree.nodes[i], &s.tree.entries[i]
		n.invalid = false
		if b.Execution == Invalid {
			b.Execution, n.full = Optimistic, n.gloas
			payloads++
		}
	}
	if payloads > 0 {
		s.fresh = false
	}
	return payloads
}

// IsOptimistic tells whether a block is imported optimistically: that its own payload, or from Gloas on the one that it builds on,
// is not known to be valid. It is true of a block that is unknown or invalidated. Spec: is_optimistic (bellatrix).
func (s *Store) IsOptimistic(root types.Root) bool { return s.IsOptimisticAt(Node{root, Pending}) }

// IsOptimisticAt is IsOptimistic of a node: the payload of a full node is that of its block.
func (s *Store) IsOptimisticAt(n Node) bool {
	i, ok := s.tree.find(n.Root)
	if !ok || s.tree.nodes[i].invalid {
		return true
	}
	p := s.tree.payloadBelow(i, n.PayloadStatus)
	return p != none && s.tree.entries[p].Execution != Valid && s.tree.entries[p].Execution != Irrelevant
}

// LatestVerifiedAncestor is the last block in the chain of one, itself included, that is not optimistic; the first of the
// tree where all are. Spec: latest_verified_ancestor (bellatrix).
func (s *Store) LatestVerifiedAncestor(root types.Root) (types.Root, error) {
	i, err := s.index("latest_verified_ancestor: the block is known", root)
	if err != nil {
		return types.Root{}, err
	}
	for s.tree.nodes[i].parent != none && s.IsOptimistic(s.tree.entries[i].Root) {
		i = s.tree.nodes[i].parent
	}
	return s.tree.entries[i].Root, nil
}

// IsOptimisticNode tells whether this is an optimistic node, which may not perform duties: its head is optimistic, or invalidations
// left the tree without a viable branch. It fails as GetHead does, but for ErrJustifiedInvalid.
// Spec: sync/optimistic.md, "Helpers".
func (s *Store) IsOptimisticNode() (bool, error) {
	justified := s.tree.byRoot[s.justified.Root]
	if s.tree.nodes[justified].invalid {
		return true, nil
	}
	head, err := s.GetHead()
	if err != nil {
		return true, err
	}
	if s.IsOptimisticAt(head) {
		return true, nil
	}
	if s.tree.nodes[justified].viable {
		return false, nil
	}
	for i := range s.tree.nodes {
		if s.tree.nodes[i].invalid && s.tree.nodes[i].justifyOK {
			return true, nil
		}
	}
	return false, nil
}

// SafeSlotsToImportOptimistically is the default of an operator's setting.
// Spec: SAFE_SLOTS_TO_IMPORT_OPTIMISTICALLY (sync/optimistic.md).
const SafeSlotsToImportOptimistically types.Slot = 128

// IsExecutionBlock tells whether a block of the tree has a payload: from Gloas on every block has the promise of one.
// Spec: is_execution_block (sync/optimistic.md).
func (s *Store) IsExecutionBlock(root types.Root) (bool, error) {
	i, err := s.index("is_execution_block: the block is known", root)
	if err != nil {
		return false, err
	}
	return s.tree.nodes[i].gloas || s.tree.entries[i].Execution != Irrelevant, nil
}

// IsOptimisticCandidateBlock tells whether a block may be imported while the execution client cannot tell whether its payload is
// valid: when its parent has a payload, or when it is so old that an attacker's block would have been found out. Safe is
// SafeSlotsToImportOptimistically or what the operator sets. Spec: is_optimistic_candidate_block (sync/optimistic.md).
func IsOptimisticCandidateBlock(parentIsExecutionBlock bool, slot, current, safe types.Slot) bool {
	return parentIsExecutionBlock || current >= safe && slot <= current-safe
}
