package peering

import (
	"github.com/cresset/cresset/beacon/types"
)

// Status is where this node stands now. Spec: Status (phase0; modified fulu).
func (p *Peering) Status() types.Status {
	s := p.parts.Chain.Snapshot()
	status := types.Status{
		ForkDigest: p.parts.Digests.At(p.Clock.CurrentSlot()), FinalizedRoot: s.Finalized.Root, FinalizedEpoch: s.Finalized.Epoch,
		HeadRoot: s.Head.Root, HeadSlot: s.Head.Slot, EarliestAvailableSlot: p.EarliestBlock(),
	}
	if status.FinalizedEpoch == 0 {
		status.FinalizedRoot = types.Root{} // [...] Note this defaults to Root(b'\x00' * 32) for the genesis finalized checkpoint
	}
	return status
}

// EarliestBlock implements server.History: the first slot from which on all blocks are here.
func (p *Peering) EarliestBlock() types.Slot {
	oldest, _, err := p.parts.Chain.History()
	if err != nil {
		p.Log.Error("where history begins cannot be read, nothing older than the head is offered; check the disk", "error", err)
		return p.parts.Chain.Snapshot().Head.Slot
	}
	return oldest
}

// EarliestSidecar implements server.History: history comes with its columns and blobs.
func (p *Peering) EarliestSidecar() types.Slot { return p.EarliestBlock() }

// MetaData is what this node says of itself.
func (p *Peering) MetaData() types.MetaData {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.metadata
}

// SetMetaData changes what this node says of itself. The sequence number is counted up.
func (p *Peering) SetMetaData(change func(*types.MetaData)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.mu.metadata)
	p.mu.metadata.SeqNumber++
}
