package forkchoice

import (
	"fmt"

	"github.com/cresset/cresset/beacon/types"
)

// payloadVotes is the votes of a block's payload timeliness committee, by position.
type payloadVotes struct {
	votes []uint8 // 0 where nobody voted, else voted with the flags below
	// How many voted for each flag, and how many voted at all.
	present, available, voted uint64
}

const (
	votedFlag     uint8 = 1
	presentFlag   uint8 = 2
	availableFlag uint8 = 4
)

// set replaces the vote of a position.
func (p *payloadVotes) set(at int, present, available bool) {
	value := votedFlag
	if present {
		value |= presentFlag
	}
	if available {
		value |= availableFlag
	}
	old := p.votes[at]
	p.votes[at] = value
	p.voted += uint64(value&votedFlag) - uint64(old&votedFlag)
	p.present += uint64(value&presentFlag/presentFlag) - uint64(old&presentFlag/presentFlag)
	p.available += uint64(value&availableFlag/availableFlag) - uint64(old&availableFlag/availableFlag)
}

// committeeMemo is the last payload committee that was asked for: votes of one block come together.
type committeeMemo struct {
	root    types.Root
	members []types.ValidatorIndex
}

// OnExecutionPayloadEnvelope records that a block's payload has come and is verified, its data available: Valid, or Optimistic
// as long as the execution client cannot tell. Spec: on_execution_payload_envelope (gloas).
func (s *Store) OnExecutionPayloadEnvelope(root types.Root, e Execution) error {
	i, err := s.index("envelope.beacon_block_root in store.block_states", root)
	if err != nil {
		return err
	}
	n, b := &s.tree.nodes[i], &s.tree.entries[i]
	switch {
	case !n.gloas:
		return broken(ErrInvalid, "the block is of gloas or later", n.slot, "a slot from gloas on")
	case e != Valid && e != Optimistic:
		return broken(ErrInvalid, "the payload is verified", e, Valid)
	case b.Execution == Invalid:
		return broken(ErrInvalidPayload, "the payload was not INVALIDATED", root, "another one")
	}
	if e == Valid {
		if err := s.checkValid(i, Pending); err != nil {
			return err
		}
	}
	if b.Execution == Irrelevant {
		b.Execution, n.full, s.fresh = Optimistic, true, false
	}
	if e == Valid {
		s.markValid(i)
	}
	return nil
}

// OnPayloadAttestationMessage counts the vote of a member of a payload timeliness committee, from a block or from the network. A
// vote for another block's slot is passed over. Spec: on_payload_attestation_message, notify_ptc_messages (gloas).
func (s *Store) OnPayloadAttestationMessage(v PayloadVote, fromBlock bool) error {
	// "PTC attestation must be for a known block."
	i, err := s.index("data.beacon_block_root in store.block_states", v.Root)
	if err != nil {
		return err
	}
	// "PTC votes can only change the vote for their assigned beacon block, return early otherwise"
	if v.Slot != s.tree.nodes[i].slot || !s.tree.nodes[i].gloas {
		return nil
	}
	if s.ptc.members == nil || s.ptc.root != v.Root {
		members, err := s.states.PayloadCommittee(v.Root, v.Slot)
		if err != nil {
			return fmt.Errorf("payload committee of slot %d, block %v: %w", v.Slot, v.Root, err)
		}
		if uint64(len(members)) != s.spec.PTCSize {
			return broken(ErrInvalid, "len(get_ptc(state, slot)) == PTC_SIZE", len(members), s.spec.PTCSize)
		}
		s.ptc = committeeMemo{v.Root, members}
	}
	// "Check that the attestation is for the current slot"
	if current := s.GetCurrentSlot(); !fromBlock && v.Slot != current {
		return broken(ErrInvalid, "data.slot == get_current_slot(store)", v.Slot, current)
	}
	found := false
	for at, member := range s.ptc.members {
		if member != v.Validator {
			continue
		}
		found = true
		p := s.tree.entries[i].ptc
		if p == nil {
			p = &payloadVotes{votes: make([]uint8, s.spec.PTCSize)}
			s.tree.entries[i].ptc = p
		}
		p.set(at, v.Present, v.DataAvailable)
	}
	// "Check that the attester is from the PTC"
	if !found {
		return broken(ErrInvalid, "len(ptc_indices) > 0", v.Validator, "a member of the committee")
	}
	s.fresh = false
	return nil
}

// IsPayloadVerified tells whether the payload of a block is there and verified; before Gloas it is part of the block.
// Spec: is_payload_verified (gloas).
func (s *Store) IsPayloadVerified(root types.Root) bool {
	i, ok := s.tree.find(root)
	return ok && !s.tree.nodes[i].invalid && (s.tree.nodes[i].full || !s.tree.nodes[i].gloas)
}

// payloadTimeliness: the committee has decided that the payload came in time, or that it did not. Without the payload it did not.
// Spec: payload_timeliness (gloas).
func (s *Store) payloadTimeliness(i uint32, timely bool) bool {
	return s.decided(i, timely, func(p *payloadVotes) uint64 { return p.present })
}

// payloadDataAvailability is the same of the payload's data. Spec: payload_data_availability (gloas).
func (s *Store) payloadDataAvailability(i uint32, available bool) bool {
	return s.decided(i, available, func(p *payloadVotes) uint64 { return p.available })
}

func (s *Store) decided(i uint32, answer bool, yes func(*payloadVotes) uint64) bool {
	if !s.tree.nodes[i].full {
		return !answer
	}
	p := s.tree.entries[i].ptc
	if p == nil {
		return false
	}
	votes := yes(p)
	if !answer {
		votes = p.voted - votes
	}
	return votes > s.spec.PayloadTimelyThreshold()
}

// isParentNodeFull tells whether a block that builds on a payload builds on its parent's. A block from before Gloas is never
// without its payload. Spec: is_parent_node_full (gloas).
func (s *Store) isParentNodeFull(parent uint32, executionParentHash types.Hash32) bool {
	return s.tree.getParentPayloadStatus(parent, executionParentHash) == Full
}

// isPreviousSlotPayloadDecision: the node is a choice about the payload of the previous slot, for which nobody voted yet.
// Spec: is_previous_slot_payload_decision (gloas).
func (s *Store) isPreviousSlotPayloadDecision(n *node, status PayloadStatus) bool {
	return status != Pending && n.slot+1 == s.GetCurrentSlot()
}

// getPayloadStatusTiebreaker orders empty and full where weights are equal. Spec: get_payload_status_tiebreaker (gloas).
func (s *Store) getPayloadStatusTiebreaker(i uint32, status PayloadStatus) uint8 {
	switch {
	case !s.isPreviousSlotPayloadDecision(&s.tree.nodes[i], status):
		return uint8(status)
	case status == Empty:
		return 1
	case s.shouldExtendPayload(i):
		return 2
	}
	return 0
}

// ShouldBuildOnFull tells whether a proposer of a slot builds on the payload of the head's block. It fails on a pending node, but for
// one from before Gloas, the payload of which is a part of it. Spec: should_build_on_full (gloas).
func (s *Store) ShouldBuildOnFull(head Node, slot types.Slot) (bool, error) {
	i, err := s.index("should_build_on_full: the head is known", head.Root)
	if err != nil {
		return false, err
	}
	n := &s.tree.nodes[i]
	switch {
	case !n.gloas:
		return true, nil
	case head.PayloadStatus == Pending:
		return false, broken(ErrInvalid, "head.payload_status != PAYLOAD_STATUS_PENDING", head.PayloadStatus, Full)
	case n.slot+1 != slot:
		return head.PayloadStatus == Full, nil
	case head.PayloadStatus == Empty:
		return false, nil
	}
	return !s.payloadTimeliness(i, false) && !s.payloadDataAvailability(i, false), nil
}

// ShouldExtendPayload tells whether the payload of a block of the previous slot is to be extended rather than left out.
// Spec: should_extend_payload (gloas).
func (s *Store) ShouldExtendPayload(root types.Root) (bool, error) {
	i, err := s.index("should_extend_payload: the block is known", root)
	if err != nil {
		return false, err
	}
	if slot, current := s.tree.nodes[i].slot, s.GetCurrentSlot(); slot+1 != current {
		return false, broken(ErrInvalid, "store.blocks[root].slot + 1 == get_current_slot(store)", slot, current)
	}
	return s.shouldExtendPayload(i), nil
}

func (s *Store) shouldExtendPayload(i uint32) bool {
	if !s.tree.nodes[i].full {
		return false
	}
	if s.payloadTimeliness(i, true) && s.payloadDataAvailability(i, true) {
		return true
	}
	boosted, ok := s.tree.find(s.boostRoot)
	return !ok || s.tree.nodes[boosted].parent != i || s.tree.nodes[boosted].below == Full
}
