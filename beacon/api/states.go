package api

import (
	"errors"
	"net/http"

	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/store"
	"github.com/cresset/cresset/beacon/types"
)

// stateRoot answers with the root of a state. That of a state right after its block stands in the block. Spec: getStateRoot.
func (c *call) stateRoot() error {
	ref, err := c.stateRef()
	if err != nil {
		return err
	}
	root, f := types.Root{}, c.stateFlags(ref)
	switch {
	case ref.block != nil && ref.slot == ref.block.Slot:
		root = ref.block.StateRoot
	case ref.slot == ref.at.Slot:
		signed, err := c.n.Store.Block(ref.at.Root)
		if err == nil {
			root = signed.Message.StateRoot
			break
		}
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		fallthrough // genesis has no block
	default:
		s, _, err := c.load(ref)
		if err != nil {
			return err
		}
		if root, err = s.HashTreeRoot(); err != nil {
			return err
		}
	}
	return c.data(of(f), map[string]string{"root": root.String()})
}

// stateFork answers with the fork of a state. Spec: getStateFork.
func (c *call) stateFork() error {
	s, f, err := c.state()
	if err != nil {
		return err
	}
	return c.value(of(f), ssz.Context{}, ssz.Container(&s.Fork))
}

// stateFinality answers with the checkpoints of a state. Spec: getStateFinalityCheckpoints.
func (c *call) stateFinality() error {
	s, f, err := c.state()
	if err != nil {
		return err
	}
	bind := func(checkpoint *types.Checkpoint) ssz.Bound { return ssz.Bind(ssz.Context{}, checkpoint) }
	return c.data(of(f), map[string]ssz.Bound{
		"previous_justified": bind(&s.PreviousJustifiedCheckpoint), "current_justified": bind(&s.CurrentJustifiedCheckpoint),
		"finalized": bind(&s.FinalizedCheckpoint),
	})
}

// stateRandao answers with the mix of an epoch. Spec: getStateRandao.
func (c *call) stateRandao() error {
	epoch, given, err := c.number("epoch")
	if err != nil {
		return err
	}
	s, f, err := c.state()
	if err != nil {
		return err
	}
	now := uint64(s.GetCurrentEpoch())
	if !given {
		epoch = now
	}
	if kept := c.s.cfg.Spec.EpochsPerHistoricalVector; epoch > now || now-epoch >= kept {
		return fail(http.StatusBadRequest, "Invalid epoch: %d is out of range for the `randao_mixes` of the state, want %d to %d", epoch, now-min(now, kept-1), now)
	}
	return c.data(of(f), map[string]string{"randao": s.GetRandaoMix(types.Epoch(epoch)).String()})
}

// proposerLookahead answers with the proposers of the state's epoch and of the next. Spec: getProposerLookahead (since fulu).
func (c *call) proposerLookahead() error {
	s, f, err := c.state()
	if err != nil {
		return err
	}
	list := ssz.Cap(uint64(len(s.ProposerLookahead)), false)
	return c.value(ofFork(f, s.Cx.Fork), s.Cx, ssz.Uints(&s.ProposerLookahead, list))
}

// debugState answers with a whole state, piece by piece. Spec: getStateV2.
func (c *call) debugState() error {
	s, f, err := c.state()
	if err != nil {
		return err
	}
	if _, err := s.HashTreeRoot(); err != nil { // nothing that an answer under way could stumble over
		return err
	}
	return c.value(ofFork(f, s.Cx.Fork), s.Cx, s.Node())
}
