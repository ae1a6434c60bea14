package propose

import (
	"errors"
	"fmt"

	"github.com/cresset/cresset/beacon/apiclient"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// ErrRecipient is what errors.Is finds where a block pays its fees to somebody else.
var ErrRecipient = errors.New("block pays its fees to another account")

// order is what a block has to be.
type order struct {
	duty      apiclient.ProposerDuty
	randao    types.BLSSignature
	graffiti  types.Bytes32
	recipient types.ExecutionAddress
}

// check refuses a block that is not what was asked for.
func check(spec *params.Spec, o order, p *apiclient.Produced) error {
	b := &p.Contents.Block
	switch want := spec.ForkAtSlot(o.duty.Slot); {
	case p.Fork != want:
		return fmt.Errorf("block is of %v, want %v", p.Fork, want)
	case b.Slot != o.duty.Slot:
		return fmt.Errorf("block is of slot %d, want %d", b.Slot, o.duty.Slot)
	case b.ProposerIndex != o.duty.Validator:
		return fmt.Errorf("block is of proposer %d, want %d", b.ProposerIndex, o.duty.Validator)
	case b.ParentRoot == types.Root{}:
		return errors.New("block has no parent")
	case b.Body.RandaoReveal != o.randao:
		return errors.New("block has another randao reveal than was given")
	case b.Body.Graffiti != o.graffiti:
		return fmt.Errorf("block has the graffiti %q, want %q", b.Body.Graffiti[:], o.graffiti[:])
	case len(p.Contents.Blobs) != 0 && len(p.Contents.Blobs) != len(b.Body.BlobKZGCommitments):
		return fmt.Errorf("block comes with %d blobs, and commits to %d", len(p.Contents.Blobs), len(b.Body.BlobKZGCommitments))
	case p.Fork >= params.Bellatrix && p.Fork < params.Gloas && b.Body.ExecutionPayload.FeeRecipient != o.recipient && !noPayload(b):
		return fmt.Errorf("%w: %v, want %v", ErrRecipient, b.Body.ExecutionPayload.FeeRecipient, o.recipient)
	}
	return nil
}

// noPayload tells whether a block is of the time before the merge.
func noPayload(b *types.BeaconBlock) bool {
	return b.Body.ExecutionPayload.BlockHash == types.Hash32{}
}
