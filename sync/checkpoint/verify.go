package checkpoint

import (
	"fmt"
	"time"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// Checkpoint is a block and the state after it, or that advanced to the start of an epoch.
type Checkpoint struct {
	State *types.BeaconState
	Block *types.SignedBeaconBlock
	Root  types.Root // of the block
}

// Decode decodes a state and its block and checks that they belong together and to the chain of the spec.
func Decode(spec *params.Spec, state, block []byte) (*Checkpoint, error) {
	signed, root, err := decodeBlock(spec, block)
	if err != nil {
		return nil, err
	}
	s, err := types.DecodeBeaconState(spec, state)
	if err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	header := s.LatestBlockHeader
	if header.StateRoot == (types.Root{}) {
		if header.StateRoot, err = s.HashTreeRoot(); err != nil {
			return nil, fmt.Errorf("state: %w", err)
		}
	}
	if have := types.HashTreeRoot(&header); have != root {
		return nil, fmt.Errorf("state is after block %v of slot %d, the block is %v of slot %d", have, header.Slot, root, signed.Message.Slot)
	}
	if version := spec.ForkVersion(spec.ForkAtSlot(s.Slot)); s.Fork.CurrentVersion != version {
		return nil, fmt.Errorf("state of slot %d has fork version %v, this network's is %v there", s.Slot, s.Fork.CurrentVersion, version)
	}
	return &Checkpoint{s, signed, root}, nil
}

func decodeBlock(spec *params.Spec, block []byte) (*types.SignedBeaconBlock, types.Root, error) {
	signed, cx, err := types.DecodeSignedBeaconBlock(spec, block)
	if err != nil {
		return nil, types.Root{}, fmt.Errorf("block: %w", err)
	}
	root, err := ssz.HashTreeRoot(cx, ssz.Container(&signed.Message))
	if err != nil {
		return nil, types.Root{}, fmt.Errorf("block: %w", err)
	}
	return signed, root, nil
}

// StaleError says that a state is too old to be started from.
type StaleError struct {
	Epoch, Now types.Epoch
	Period     uint64 // epochs
}

func (e *StaleError) Error() string {
	return fmt.Sprintf("state of epoch %d is %d epochs old, want at most the weak subjectivity period of %d: take a later checkpoint", e.Epoch, e.Now-e.Epoch, e.Period)
}

// advance brings a state to the start of the epoch that its block is the checkpoint of: the next one, if the block is not the first of its
// own. Spec: compute_start_slot_at_epoch, get_checkpoint_block (phase0).
func (c *Checkpoint) advance() error {
	spec := c.State.Cx.Spec
	start := (uint64(c.State.Slot) + spec.SlotsPerEpoch - 1) / spec.SlotsPerEpoch * spec.SlotsPerEpoch
	if start == uint64(c.State.Slot) {
		return nil
	}
	s, err := transition.NewState(c.State, transition.NewEnv(nil))
	if err != nil {
		return err
	}
	if err := transition.ProcessSlots(s, types.Slot(start)); err != nil {
		return fmt.Errorf("advance the checkpoint's state to slot %d: %w", start, err)
	}
	c.State = s.BeaconState
	return nil
}

// CheckAge checks that a state is young enough to be started from: its validators cannot all have left since. The error is a *StaleError
// if it is not. Spec: is_within_weak_subjectivity_period (phase0; modified electra).
func (c *Checkpoint) CheckAge(now time.Time) error {
	spec := c.State.Cx.Spec
	s, err := transition.NewState(c.State, transition.NewEnv(nil))
	if err != nil {
		return err
	}
	var epoch types.Epoch
	if since := now.Unix() - int64(c.State.GenesisTime); since > 0 {
		epoch = types.Epoch(uint64(since) * 1000 / spec.SlotDurationMs / spec.SlotsPerEpoch)
	}
	within, period, err := transition.IsWithinWeakSubjectivityPeriod(s, epoch)
	if err != nil {
		return err
	}
	if !within {
		return &StaleError{s.GetCurrentEpoch(), epoch, period}
	}
	return nil
}
