package transition

import (
	"fmt"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// StateTransition applies a signed block: the slots up to it, its signature, the block itself, and the check of its state
// root. It returns the payload that the execution client has to check, nil if the block brings none.
// Spec: state_transition (phase0).
func StateTransition(s *State, signed *types.SignedBeaconBlock, h Hooks) (*NewPayloadRequest, error) {
	if err := ProcessSlots(s, signed.Message.Slot); err != nil {
		return nil, err
	}
	return ApplyBlock(s, signed, h)
}

// ApplyBlock is StateTransition on a state that is already at the block's slot.
func ApplyBlock(s *State, signed *types.SignedBeaconBlock, h Hooks) (*NewPayloadRequest, error) {
	if err := VerifyBlockSignature(s, signed, h); err != nil {
		return nil, err
	}
	payload, err := ProcessBlock(s, &signed.Message, h)
	if err != nil {
		return nil, err
	}
	return payload, CheckStateRoot(s, &signed.Message)
}

// CheckStateRoot compares the state after a block with the root that the block promises. Spec: state_transition (phase0).
func CheckStateRoot(s *State, block *types.BeaconBlock) error {
	root, err := s.HashTreeRoot()
	if err != nil {
		return err
	}
	if root != block.StateRoot {
		return broken("block.state_root == hash_tree_root(state)", block.StateRoot, root)
	}
	return nil
}

// VerifyBlockSignature collects the signature of the block's proposer. Spec: verify_block_signature (phase0).
func VerifyBlockSignature(s *State, signed *types.SignedBeaconBlock, h Hooks) error {
	if h.Signatures == nil {
		return nil
	}
	proposer := signed.Message.ProposerIndex
	if err := s.checkValidator(proposer); err != nil {
		return within("block proposer", err)
	}
	root, err := ssz.HashTreeRoot(s.Cx, ssz.Container(&signed.Message))
	if err != nil {
		return err
	}
	domain := s.GetDomain(params.DomainBeaconProposer(), s.GetCurrentEpoch())
	return h.signedByValidator(s, proposer, types.ComputeSigningRoot(root, domain), signed.Signature, "block")
}

// ProcessSlots advances the state to the start of a later slot, with the epochs and forks on the way.
// Spec: process_slots (phase0), and the upgrades of each fork.md.
func ProcessSlots(s *State, slot types.Slot) error {
	if s.Slot >= slot {
		return broken("state.slot < slot", s.Slot, slot)
	}
	for s.Slot < slot {
		if err := ProcessSlot(s); err != nil {
			return fmt.Errorf("slot %d: %w", s.Slot, err)
		}
		boundary := (uint64(s.Slot)+1)%s.Spec().SlotsPerEpoch == 0
		if boundary {
			if err := ProcessEpoch(s, nil); err != nil {
				return fmt.Errorf("epoch %d: %w", s.GetCurrentEpoch(), err)
			}
		}
		s.Slot++
		if boundary {
			if err := upgradeIfDue(s); err != nil {
				return fmt.Errorf("epoch %d: %w", s.GetCurrentEpoch(), err)
			}
		}
	}
	return nil
}

// upgradeIfDue brings the state to the forks that begin at its epoch.
func upgradeIfDue(s *State) error {
	for fork := s.Cx.Fork + 1; s.Spec().ForkEpoch(fork) == s.GetCurrentEpoch(); fork++ {
		if err := Upgrade(s, fork); err != nil {
			return fmt.Errorf("upgrade to %v: %w", fork, err)
		}
	}
	return nil
}

// ProcessSlot records the roots of the state and of the latest block. Spec: process_slot (phase0; modified gloas).
func ProcessSlot(s *State) error {
	history := s.Spec().SlotsPerHistoricalRoot
	root, err := s.HashTreeRoot()
	if err != nil {
		return err
	}
	s.StateRoots.Set(int(uint64(s.Slot)%history), root)
	if s.LatestBlockHeader.StateRoot == (types.Root{}) {
		s.LatestBlockHeader.StateRoot = root
	}
	s.BlockRoots.Set(int(uint64(s.Slot)%history), types.HashTreeRoot(&s.LatestBlockHeader))
	if s.Since(params.Gloas) {
		s.ExecutionPayloadAvailability.SetBitAt((uint64(s.Slot)+1)%history, false)
	}
	return nil
}
