package api

import (
	"errors"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/store"
	"github.com/cresset/cresset/beacon/types"
)

// missing passes over that something is not on the disk.
func missing(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// block answers with a block. Spec: getBlockV2.
func (c *call) block() error {
	ref, signed, cx, err := c.namedBlock()
	if err != nil {
		return err
	}
	return c.value(ofFork(ref.flags, cx.Fork), cx, ssz.Container(signed))
}

// blindedBlock answers with a block whose payload is replaced by its header. Spec: getBlindedBlock (until gloas).
func (c *call) blindedBlock() error {
	ref, signed, cx, err := c.namedBlock()
	if err != nil {
		return err
	}
	if cx.Fork < params.Bellatrix {
		return c.value(ofFork(ref.flags, cx.Fork), cx, ssz.Container(signed))
	}
	blinded, err := types.Blind(cx, signed)
	if err != nil {
		return err
	}
	return c.value(ofFork(ref.flags, cx.Fork), cx, ssz.Container(blinded))
}

// blockRoot answers with the root of a block. Spec: getBlockRoot.
func (c *call) blockRoot() error {
	ref, err := c.blockRef()
	if err != nil {
		return err
	}
	return c.data(of(ref.flags), map[string]string{"root": ref.Root.String()})
}

// blockAttestations answers with the attestations in a block. Spec: getBlockAttestationsV2.
func (c *call) blockAttestations() error {
	ref, signed, cx, err := c.namedBlock()
	if err != nil {
		return err
	}
	votes := &signed.Message.Body.Attestations
	return c.value(ofFork(ref.flags, cx.Fork), cx, ssz.List(votes, ssz.Cap(uint64(len(*votes)), false)))
}

// envelope answers with the payload of a block, in its envelope. Spec: getSignedExecutionPayloadEnvelope (gloas).
func (c *call) envelope() error {
	ref, err := c.blockRef()
	if err != nil {
		return err
	}
	signed, err := c.n.Store.Payload(ref.Root)
	if errors.Is(err, store.ErrNotFound) {
		return notFound("Execution payload envelope not found: none is known of block %v of slot %d", ref.Root, ref.Slot)
	}
	if err != nil {
		return err
	}
	cx := c.context(c.s.cfg.Spec.ForkAtSlot(ref.Slot))
	return c.value(ofFork(ref.flags, cx.Fork), cx, ssz.Container(signed))
}
