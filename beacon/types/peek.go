package types

import (
	"encoding/binary"
	"fmt"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
)

// Where the slot stands in the encodings of every fork. A test derives both.
const (
	stateSlotAt = 40  // behind genesis_time and genesis_validators_root
	blockSlotAt = 100 // behind the offset of the message and the signature
	// blockParentAt is where the parent's root stands, behind slot and proposer_index.
	blockParentAt = blockSlotAt + 16
)

// forkAt is the fork of a slot. It fails on a fork whose containers are not defined here.
func forkAt(spec *params.Spec, slot Slot) (params.Fork, error) {
	fork := spec.ForkAtSlot(slot)
	if fork > params.Gloas {
		return 0, fmt.Errorf("slot %d is of fork %v, the last one supported is %v", slot, fork, params.Gloas)
	}
	return fork, nil
}

// DecodeBeaconState decodes a state whose fork follows from its slot and the spec's schedule.
func DecodeBeaconState(spec *params.Spec, src []byte) (*BeaconState, error) {
	if len(src) < stateSlotAt+8 {
		return nil, fmt.Errorf("decode state: %w: %d bytes hold no slot", ssz.ErrSize, len(src))
	}
	slot := Slot(binary.LittleEndian.Uint64(src[stateSlotAt:]))
	fork, err := forkAt(spec, slot)
	if err != nil {
		return nil, fmt.Errorf("decode state: %w", err)
	}
	state := NewBeaconState(spec, fork)
	if err := state.UnmarshalSSZ(src); err != nil {
		return nil, fmt.Errorf("state of slot %d (%v): %w", slot, fork, err)
	}
	return state, nil
}

// DecodeSignedBeaconBlock decodes a block whose fork follows from its slot and the spec's schedule.
func DecodeSignedBeaconBlock(spec *params.Spec, src []byte) (*SignedBeaconBlock, ssz.Context, error) {
	if len(src) < blockSlotAt+8 {
		return nil, ssz.Context{}, fmt.Errorf("decode block: %w: %d bytes hold no slot", ssz.ErrSize, len(src))
	}
	slot := Slot(binary.LittleEndian.Uint64(src[blockSlotAt:]))
	fork, err := forkAt(spec, slot)
	if err != nil {
		return nil, ssz.Context{}, fmt.Errorf("decode block: %w", err)
	}
	cx := ssz.Context{Spec: spec, Fork: fork}
	block := new(SignedBeaconBlock)
	if err := ssz.Unmarshal(cx, src, ssz.Container(block)); err != nil {
		return nil, cx, fmt.Errorf("block of slot %d (%v): %w", slot, cx.Fork, err)
	}
	return block, cx, nil
}

// PeekBlock reads slot and parent of the encoding of a SignedBeaconBlock of any fork, without decoding it.
func PeekBlock(src []byte) (Slot, Root, error) {
	if len(src) < blockParentAt+32 {
		return 0, Root{}, fmt.Errorf("read block: %w: %d bytes hold no parent root", ssz.ErrSize, len(src))
	}
	return Slot(binary.LittleEndian.Uint64(src[blockSlotAt:])), Root(src[blockParentAt : blockParentAt+32]), nil
}
