package forkchoice

import (
	"bytes"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// PowBlock is a block of the chain before the merge. Spec: PowBlock (bellatrix).
type PowBlock struct {
	BlockHash       types.Hash32
	ParentHash      types.Hash32
	TotalDifficulty params.Uint256
}

// IsValidTerminalPowBlock tells whether a block is the first one that reaches the terminal total difficulty.
// Spec: is_valid_terminal_pow_block (bellatrix).
func IsValidTerminalPowBlock(spec *params.Spec, block, parent *PowBlock) bool {
	terminal := spec.TerminalTotalDifficulty
	return bytes.Compare(block.TotalDifficulty[:], terminal[:]) >= 0 && bytes.Compare(parent.TotalDifficulty[:], terminal[:]) < 0
}

// ValidateMergeBlock checks the block with the first payload, by the proof-of-work block that the payload builds on and that
// one's parent; either is nil where the execution client does not know it. Then the error is ErrUnknownBlock, and the check may be
// repeated later. Spec: validate_merge_block (bellatrix).
func ValidateMergeBlock(spec *params.Spec, slot types.Slot, payloadParentHash types.Hash32, block, parent *PowBlock) error {
	if spec.TerminalBlockHash != (types.Hash32{}) {
		// "If `TERMINAL_BLOCK_HASH` is used as an override, the activation epoch must be reached."
		if epoch := types.ComputeEpochAtSlot(spec, slot); epoch < spec.TerminalBlockHashActivationEpoch {
			return broken(ErrInvalid, "compute_epoch_at_slot(block.slot) >= TERMINAL_BLOCK_HASH_ACTIVATION_EPOCH", epoch, spec.TerminalBlockHashActivationEpoch)
		}
		if payloadParentHash != spec.TerminalBlockHash {
			return broken(ErrInvalid, "execution_payload.parent_hash == TERMINAL_BLOCK_HASH", payloadParentHash, spec.TerminalBlockHash)
		}
		return nil
	}
	if block == nil {
		return broken(ErrUnknownBlock, "pow_block is not None", payloadParentHash, "a block that the execution client knows")
	}
	if block.BlockHash != payloadParentHash {
		return broken(ErrInvalid, "pow_block.block_hash == execution_payload.parent_hash", block.BlockHash, payloadParentHash)
	}
	if parent == nil {
		return broken(ErrUnknownBlock, "pow_parent is not None", block.ParentHash, "a block that the execution client knows")
	}
	if parent.BlockHash != block.ParentHash {
		return broken(ErrInvalid, "pow_parent.block_hash == pow_block.parent_hash", parent.BlockHash, block.ParentHash)
	}
	if !IsValidTerminalPowBlock(spec, block, parent) {
		return broken(ErrInvalid, "is_valid_terminal_pow_block(pow_block, pow_parent)",
			[]params.Uint256{parent.TotalDifficulty, block.TotalDifficulty}, spec.TerminalTotalDifficulty)
	}
	return nil
}
