package forkchoice

import (
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// OnAttestation counts a vote, from a block or from the network. Errors of the classes ErrUnknownBlock, ErrFuture and
// ErrPayloadUnknown may pass with time; the store is not changed by any. Spec: on_attestation (phase0).
func (s *Store) OnAttestation(a *Attestation, fromBlock bool) error {
	i, err := s.validateOnAttestation(a, fromBlock)
	if err != nil {
		return err
	}
	return s.updateLatestMessages(a, i)
}

// validateTargetEpochAgainstCurrentTime checks that a vote is from the current or the previous epoch.
// Spec: validate_target_epoch_against_current_time (phase0).
func (s *Store) validateTargetEpochAgainstCurrentTime(a *Attestation) error {
	current := s.GetCurrentStoreEpoch()
	const rule = "target.epoch in [current_epoch, previous_epoch]"
	switch {
	case a.Target.Epoch > current:
		// "If attestation target is from a future epoch, delay consideration until the epoch arrives"
		return broken(ErrFuture, rule, a.Target.Epoch, current)
	case a.Target.Epoch < previousEpoch(current):
		return broken(ErrInvalid, rule, a.Target.Epoch, previousEpoch(current))
	}
	return nil
}

// previousEpoch is the epoch before, at genesis the same one.
func previousEpoch(epoch types.Epoch) types.Epoch {
	if epoch > params.GenesisEpoch {
		return epoch - 1
	}
	return params.GenesisEpoch
}

// validateOnAttestation checks a vote and finds its block. Spec: validate_on_attestation (phase0; modified gloas).
func (s *Store) validateOnAttestation(a *Attestation, fromBlock bool) (uint32, error) {
	// "If the given attestation is not from a beacon block message, we have to check the target epoch scope."
	if !fromBlock {
		if err := s.validateTargetEpochAgainstCurrentTime(a); err != nil {
			return 0, err
		}
	}
	// "Check that the epoch number and slot number are matching"
	if epoch := s.epochOf(a.Slot); a.Target.Epoch != epoch {
		return 0, broken(ErrInvalid, "target.epoch == compute_epoch_at_slot(attestation.data.slot)", a.Target.Epoch, epoch)
	}
	// "Attestation target must be for a known block."
	if _, err := s.index("target.root in store.blocks", a.Target.Root); err != nil {
		return 0, err
	}
	// "Attestations must be for a known block."
	i, err := s.index("attestation.data.beacon_block_root in store.blocks", a.BlockRoot)
	if err != nil {
		return 0, err
	}
	// "Attestations must not be for blocks in the future."
	n := &s.tree.nodes[i]
	if n.slot > a.Slot {
		return 0, broken(ErrInvalid, "block_slot <= attestation.data.slot", n.slot, a.Slot)
	}
	if err := s.validatePayloadIndex(a, n); err != nil {
		return 0, err
	}
	// "LMD vote must be consistent with FFG vote target"
	checkpoint, _, ok := s.tree.ancestor(i, Pending, s.startOf(a.Target.Epoch))
	if root := s.tree.entries[checkpoint].Root; !ok || root != a.Target.Root {
		return 0, broken(ErrInvalid, "target.root == get_checkpoint_block(store, beacon_block_root, target.epoch)", a.Target.Root, root)
	}
	// "Attestations can only affect the fork choice of subsequent slots."
	if current := s.GetCurrentSlot(); current <= a.Slot {
		return 0, broken(ErrFuture, "get_current_slot(store) >= attestation.data.slot + 1", current, a.Slot+1)
	}
	return i, nil
}

// validatePayloadIndex checks what a vote says of the payload, which it does from Gloas on. The payload of a block from before is
// part of the block.
func (s *Store) validatePayloadIndex(a *Attestation, n *node) error {
	if !s.tree.isGloas(a.Slot) {
		return nil
	}
	switch {
	case a.Index > 1:
		return broken(ErrInvalid, "attestation.data.index in [0, 1]", a.Index, 1)
	case n.slot == a.Slot && a.Index != 0:
		return broken(ErrInvalid, "attestation.data.index == 0", a.Index, 0)
	case a.Index == 1 && n.gloas && !n.full:
		// "If attesting for a full node, the payload must be known"
		return broken(ErrPayloadUnknown, "is_payload_verified(store, beacon_block_root)", a.BlockRoot, "a block with its payload")
	}
	return nil
}

// updateLatestMessages makes a vote its validators' latest message: of those whose former one is of an earlier epoch, from Gloas
// on of an earlier slot. Spec: update_latest_messages (phase0; modified gloas).
func (s *Store) updateLatestMessages(a *Attestation, block uint32) error {
	validators, err := registryOf(a.Attesting)
	if err != nil {
		return err
	}
	if uint64(a.Slot) > maxSlot {
		return broken(ErrInvalid, "attestation.data.slot fits", a.Slot, maxSlot)
	}
	s.votes.grow(validators)
	from := a.Slot // the first slot a message of which stays
	if !s.tree.isGloas(a.Slot) {
		from = s.startOf(a.Target.Epoch)
	}
	next := targetOf(block, s.supportedStatus(block, a))
	for _, validator := range a.Attesting {
		i := uint32(validator)
		if v := &s.votes.all[i]; v.seen != equivocating && v.seen <= uint32(from) {
			v.seen = uint32(a.Slot) + 1
			s.votes.set(i, next)
		}
	}
	if len(s.votes.changed) > len(s.votes.all) { // Nobody asked for a head for long.
		s.votes.flush(s.tree.nodes)
		s.fresh = false
	}
	return nil
}

// supportedStatus is the node of its block that a vote supports. Spec: get_supported_node (phase0; modified gloas).
func (s *Store) supportedStatus(block uint32, a *Attestation) PayloadStatus {
	n := &s.tree.nodes[block]
	switch {
	case !n.gloas || n.slot == a.Slot:
		return Pending
	case a.Index == 1:
		return Full
	}
	return Empty
}

// registryOf is how many validators a registry has at least that has all of these.
func registryOf(indices []types.ValidatorIndex) (int, error) {
	validators := 0
	for _, i := range indices {
		if uint64(i) >= maxValidators {
			return 0, broken(ErrInvalid, "validator index fits", i, maxValidators)
		}
		validators = max(validators, int(i)+1)
	}
	return validators, nil
}

// OnAttesterSlashing stops counting the votes of validators that signed two attestations which contradict each other: those that
// signed both. It fails on an index that no registry has. Spec: on_attester_slashing (phase0).
func (s *Store) OnAttesterSlashing(indices []types.ValidatorIndex) error {
	validators, err := registryOf(indices)
	if err != nil {
		return err
	}
	s.votes.grow(validators)
	for _, i := range indices {
		if v := &s.votes.all[i]; v.seen != equivocating {
			v.seen = equivocating
			s.votes.set(uint32(i), 0)
			s.votes.equivocators++
			s.fresh = false // The boost may depend on it without any vote.
		}
	}
	return nil
}

// isEpochStart tells whether a slot is the first of its epoch. Spec: is_start_slot_at_epoch (phase0).
func (s *Store) isEpochStart(slot types.Slot) bool { return s.computeSlotsSinceEpochStart(slot) == 0 }
