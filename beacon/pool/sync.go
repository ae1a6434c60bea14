package pool

import (
	"fmt"
	"sync"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// syncKey is what a subcommittee signs.
type syncKey struct {
	slot         types.Slot
	root         types.Root
	subcommittee uint64
}

const (
	// syncSlotsKept is for how many slots messages are kept: those of a slot go into the block of the next one.
	syncSlotsKept = 4
	// syncRootsKept is how many block roots of a slot are kept, for each subcommittee. Honest members agree on one or two.
	syncRootsKept = 64
)

// syncVotes is the messages and contributions of sync committees.
type syncVotes struct {
	mu struct {
		sync.Mutex
		tallies map[syncKey]*tally
	}
}

// tallyLocked finds where a signature belongs; nil if there is no room.
func (v *syncVotes) tallyLocked(key syncKey, size int) *tally {
	t := v.mu.tallies[key]
	if t != nil {
		return t
	}
	roots := 0
	for k := range v.mu.tallies {
		if k.slot == key.slot && k.subcommittee == key.subcommittee {
			roots++
		}
	}
	if roots >= syncRootsKept {
		return nil
	}
	t = newTally(size)
	v.mu.tallies[key] = t
	return t
}

// InsertSyncMessage adds a member's message, with its places in a subcommittee. It must have been verified.
func (p *Pool) InsertSyncMessage(m *types.SyncCommitteeMessage, subcommittee uint64, positions []uint64) {
	size := p.spec.SyncCommitteeSize / params.SyncCommitteeSubnetCount
	p.sync.mu.Lock()
	defer p.sync.mu.Unlock()
	t := p.sync.tallyLocked(syncKey{m.Slot, m.BeaconBlockRoot, subcommittee}, int(size))
	for _, position := range positions {
		if t != nil && position < size {
			t.single(&part{seat: int(position), count: 1, signature: m.Signature}) // a member counts, and signs, once for each of its places
		}
	}
}

// InsertContribution adds the messages of several members of a subcommittee. It must have been verified.
func (p *Pool) InsertContribution(c *types.SyncCommitteeContribution) {
	size := int(p.spec.SyncCommitteeSize / params.SyncCommitteeSubnetCount)
	many := &part{seats: newSeats(size), signature: c.Signature}
	for i := range size {
		if c.AggregationBits.BitAt(uint64(i)) {
			many.seats.add(i)
		}
	}
	if many.count = many.seats.count(); many.count == 0 {
		return
	}
	p.sync.mu.Lock()
	defer p.sync.mu.Unlock()
	if t := p.sync.tallyLocked(syncKey{c.Slot, c.BeaconBlockRoot, c.SubcommitteeIndex}, size); t != nil {
		t.aggregate(many)
	}
}

func (v *syncVotes) prune(slot types.Slot) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for k := range v.mu.tallies {
		if k.slot+syncSlotsKept <= slot {
			delete(v.mu.tallies, k)
		}
	}
}

// best is the union of most members of a subcommittee.
func (v *syncVotes) best(key syncKey) (union, bool) {
	v.mu.Lock()
	var t tally
	if have := v.mu.tallies[key]; have != nil {
		t = *have
	}
	v.mu.Unlock()
	return t.best()
}

// SyncContribution is the contribution of most members of a subcommittee to a block root; ErrNone if none of them signed it.
// Spec: construct sync committee contribution (altair/validator.md).
func (p *Pool) SyncContribution(slot types.Slot, root types.Root, subcommittee uint64) (*types.SyncCommitteeContribution, error) {
	best, ok := p.sync.best(syncKey{slot, root, subcommittee})
	if !ok {
		return nil, fmt.Errorf("%w: slot %d, block %v, subcommittee %d", ErrNone, slot, root, subcommittee)
	}
	sum, err := signature(best)
	if err != nil {
		return nil, err
	}
	c := &types.SyncCommitteeContribution{
		Slot: slot, BeaconBlockRoot: root, SubcommitteeIndex: subcommittee, Signature: sum,
		AggregationBits: ssz.NewBitvector(p.spec.SyncCommitteeSize / params.SyncCommitteeSubnetCount),
	}
	best.seats.each(func(seat int) { c.AggregationBits.SetBitAt(uint64(seat), true) })
	return c, nil
}

// SyncAggregate is the signatures of a block root by all subcommittees in a slot, for a block of the slot after; an empty one if there are
// none. Spec: process_sync_committee_contributions (altair/validator.md).
func (p *Pool) SyncAggregate(slot types.Slot, root types.Root) (types.SyncAggregate, error) {
	a := types.SyncAggregate{SyncCommitteeBits: ssz.NewBitvector(p.spec.SyncCommitteeSize), SyncCommitteeSignature: types.BLSSignature{0: 0xc0}}
	size := p.spec.SyncCommitteeSize / params.SyncCommitteeSubnetCount
	var all []union
	for subcommittee := range uint64(params.SyncCommitteeSubnetCount) {
		if best, ok := p.sync.best(syncKey{slot, root, subcommittee}); ok {
			all = append(all, best)
			best.seats.each(func(seat int) { a.SyncCommitteeBits.SetBitAt(subcommittee*size+uint64(seat), true) })
		}
	}
	if len(all) == 0 {
		return a, nil
	}
	var err error
	a.SyncCommitteeSignature, err = signature(all...)
	return a, err
}

// payloadVotes is the votes of payload timeliness committees (gloas).
type payloadVotes struct {
	mu struct {
		sync.Mutex
		tallies map[types.PayloadAttestationData]*tally
	}
}

// InsertPayloadVote adds the vote of a member, with its places in the payload timeliness committee. It must have been verified.
func (p *Pool) InsertPayloadVote(m *types.PayloadAttestationMessage, positions []uint64) {
	p.payloads.mu.Lock()
	defer p.payloads.mu.Unlock()
	t := p.payloads.mu.tallies[m.Data]
	if t == nil {
		same := 0
		for data := range p.payloads.mu.tallies {
			if data.Slot == m.Data.Slot {
				same++
			}
		}
		if same >= syncRootsKept {
			return
		}
		t = newTally(int(p.spec.PTCSize))
		p.payloads.mu.tallies[m.Data] = t
	}
	for _, position := range positions {
		if position < p.spec.PTCSize {
			t.single(&part{seat: int(position), count: 1, signature: m.Signature})
		}
	}
}

func (v *payloadVotes) prune(slot types.Slot) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for data := range v.mu.tallies {
		if data.Slot+syncSlotsKept <= slot {
			delete(v.mu.tallies, data)
		}
	}
}

// PayloadAttestations is the votes on payloads, summed up by what they say (gloas).
func (p *Pool) PayloadAttestations() (out []*types.PayloadAttestation) {
	type entry struct {
		data types.PayloadAttestationData
		tally
	}
	var all []entry
	p.payloads.mu.Lock()
	for data, t := range p.payloads.mu.tallies {
		all = append(all, entry{data, *t})
	}
	p.payloads.mu.Unlock()
	for i := range all {
		best, ok := all[i].best()
		if !ok {
			continue
		}
		sum, err := signature(best)
		if err != nil {
			p.log.Error("a vote on a payload cannot be summed up; report it, it was verified before", "slot", all[i].data.Slot, "error", err)
			continue
		}
		a := &types.PayloadAttestation{AggregationBits: ssz.NewBitvector(p.spec.PTCSize), Data: all[i].data, Signature: sum}
		best.seats.each(func(seat int) { a.AggregationBits.SetBitAt(uint64(seat), true) })
		out = append(out, a)
	}
	return out
}
