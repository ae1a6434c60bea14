package peering

import (
	"github.com/cresset/cresset/beacon/types"
)

// Status is where this node stands now. Spec: Status (phase0; modified fulu).
func (p *Peering) Status() types.Status {
	s := p.parts.Chain.Snapshot()
	status := types.Status{
		ForkDigest: p.parts.Digests.At(p.Clock.CurrentSlot()), FinalizedRoot: s.Finalized.Root, FinalizedEpoch: s.Finalized.Epoch,
		HeadRoot: s.Head.Root, HeadSlot: s.Head.Slot, EarliestAvailableSlot: p.EarliestSidecar(),
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

// EarliestSidecar implements server.History: history comes with its columns and blobs, but those of custody groups that were added later are not there
// of the blocks before.
//
// Spec: "When a value for custody_group_count is set, the earliest_available_slot field in the status RPC message SHOULD reflect the slot at which the
// custody_group_count was updated" (fulu/validator.md).
func (p *Peering) EarliestSidecar() types.Slot {
	p.mu.Lock()
	since := p.mu.custodySince
	p.mu.Unlock()
	return max(since, p.EarliestBlock())
}

// SetCustody says how many custody groups this node keeps, and from which slot on all of their columns are here.
func (p *Peering) SetCustody(groups uint64, since types.Slot) {
	p.SetMetaData(func(m *types.MetaData) { m.CustodyGroupCount = groups })
	p.SetCustodySince(since)
}

// SetCustodySince says from which slot on all columns of the custody groups are here.
func (p *Peering) SetCustodySince(since types.Slot) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.custodySince = since
}

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
