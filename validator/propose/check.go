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
	recipient types.ExecutionAddress
}

// check refuses a block that is not what was asked for. Graffiti may be anything: some beacon nodes add to it what they are, and no block is worth
// losing for that.
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
	case len(p.Contents.Blobs) != len(b.Body.BlobKZGCommitments): // who has the block only cannot hand them in
		return fmt.Errorf("block comes with %d blobs, and commits to %d", len(p.Contents.Blobs), len(b.Body.BlobKZGCommitments))
	case len(p.Contents.KZGProofs) != len(p.Contents.Blobs)*proofsPerBlob(spec, p.Fork):
		return fmt.Errorf("block comes with %d proofs of %d blobs, want %d each", len(p.Contents.KZGProofs), len(p.Contents.Blobs), proofsPerBlob(spec, p.Fork))
	case p.Fork >= params.Bellatrix && b.Body.ExecutionPayload.FeeRecipient != o.recipient && !noPayload(b):
		return fmt.Errorf("%w: %v, want %v", ErrRecipient, b.Body.ExecutionPayload.FeeRecipient, o.recipient)
	}
	return nil
}

// proofsPerBlob is how many proofs a blob has: of the whole, and from Fulu on of each of its cells.
func proofsPerBlob(spec *params.Spec, fork params.Fork) int {
	if fork >= params.Fulu {
		return int(spec.CellsPerExtBlob)
	}
	return 1
}

// noPayload tells whether a block is of the time before the merge.
func noPayload(b *types.BeaconBlock) bool {
	return b.Body.ExecutionPayload.BlockHash == types.Hash32{}
}
