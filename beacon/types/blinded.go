package types

import (
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
)

// SignedBlindedBeaconBlock is a signed block whose payload is replaced by its header (bellatrix to fulu). Before, where there is no payload, it is
// the block itself. Its root is the block's. Source: builder-specs, bellatrix, SignedBlindedBeaconBlock.
type SignedBlindedBeaconBlock struct {
	Block *SignedBeaconBlock
	// ExecutionPayloadHeader is that of the payload.
	ExecutionPayloadHeader ExecutionPayloadHeader
}

// Blind replaces the payload of a block by its header. It shares memory with the block.
func Blind(cx ssz.Context, signed *SignedBeaconBlock) (*SignedBlindedBeaconBlock, error) {
	out := &SignedBlindedBeaconBlock{Block: signed}
	if cx.Fork < params.Bellatrix || cx.Fork >= params.Gloas {
		return out, nil
	}
	var err error
	out.ExecutionPayloadHeader, err = signed.Message.Body.ExecutionPayload.Header(cx)
	return out, err
}

// Define lists the fields of the container.
func (x *SignedBlindedBeaconBlock) Define(d *ssz.Def) {
	d.Field("message", ssz.Container((*blindedBlock)(x)))
	d.Field("signature", ssz.Bytes(x.Block.Signature[:]))
}

// blindedBlock is the message.
type blindedBlock SignedBlindedBeaconBlock

func (x *blindedBlock) Define(d *ssz.Def) {
	b := &x.Block.Message
	d.Field("slot", ssz.Uint(&b.Slot))
	d.Field("proposer_index", ssz.Uint(&b.ProposerIndex))
	d.Field("parent_root", ssz.Bytes(b.ParentRoot[:]))
	d.Field("state_root", ssz.Bytes(b.StateRoot[:]))
	d.Field("body", ssz.Container((*blindedBody)(x)))
}

// blindedBody is the body of the message.
type blindedBody SignedBlindedBeaconBlock

func (x *blindedBody) Define(d *ssz.Def) {
	x.Block.Message.Body.define(d, "execution_payload_header", ssz.Container(&x.ExecutionPayloadHeader))
}
