package peering

import (
	"fmt"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// irrelevant says why a peer is of no use, nothing if it is.
// Spec: "Clients SHOULD immediately disconnect from one another following the handshake above under the following conditions" (phase0).
func (p *Peering) irrelevant(s types.Status) string {
	// [...] If fork_digest does not match the node's local fork_digest, since the client's chain is on another fork.
	slot := p.Clock.CurrentSlot()
	if own := p.parts.Digests.At(slot); s.ForkDigest != own && s.ForkDigest != p.parts.Digests.At(slot.SubSaturating(1)) && s.ForkDigest != p.parts.Digests.At(slot+1) {
		return fmt.Sprintf("fork digest is %v, want %v", s.ForkDigest, own)
	}
	if why := impossible(p.Spec, slot, s); why != "" {
		return why
	}
	// [...] If the (finalized_root, finalized_epoch) shared by the peer is not in the client's chain at the expected epoch.
	local := p.parts.Chain.Snapshot()
	if s.FinalizedEpoch == 0 || s.FinalizedEpoch > local.Finalized.Epoch {
		return ""
	}
	own, known := p.parts.Chain.FinalizedBlockAt(s.FinalizedEpoch)
	if known && own != s.FinalizedRoot {
		return fmt.Sprintf("block of finalized epoch %d is %v, want %v", s.FinalizedEpoch, s.FinalizedRoot, own)
	}
	return ""
}

// impossible says what of a status cannot be at a slot: sync goes by these numbers, and the furthest one goes first. A peer's clock may be a little ahead.
func impossible(spec *params.Spec, now types.Slot, s types.Status) string {
	if s.HeadSlot > now+1 {
		return fmt.Sprintf("head slot is %d at slot %d", s.HeadSlot, now)
	}
	if epoch := types.ComputeEpochAtSlot(spec, now); s.FinalizedEpoch > epoch {
		return fmt.Sprintf("finalized epoch is %d in epoch %d", s.FinalizedEpoch, epoch)
	}
	return ""
}
