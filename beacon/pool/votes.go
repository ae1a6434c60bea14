package pool

import (
	"fmt"
	"slices"
	"sync"

	"github.com/prysmaticlabs/go-bitfield"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// Vote is the vote of one attester.
type Vote struct {
	Data      *types.AttestationData
	Committee types.CommitteeIndex
	Position  int // in the committee
	Size      int // of the committee
	Attester  types.ValidatorIndex
	Signature types.BLSSignature
}

// Aggregate is the vote of several members of one committee.
type Aggregate struct {
	Data      *types.AttestationData
	Committee types.CommitteeIndex
	Bits      bitfield.Bitlist // of the committee
	Attesting []types.ValidatorIndex
	Signature types.BLSSignature
}

// ballot is all votes for the same data, by committee. Until Electra there is one committee, which the data names.
type ballot struct {
	data       types.AttestationData
	root       types.Root
	committees map[types.CommitteeIndex]*tally
}

// slotVotes is the votes of a slot.
type slotVotes struct {
	ballots map[types.AttestationData]*ballot
	roots   map[types.Root]*ballot
	singles int // parts
	parts   int // aggregates among them
}

// dataKept is how many different data of a slot are kept. Honest attesters agree on a few.
const dataKept = 1024

type votes struct {
	most int // bytes

	mu struct {
		sync.Mutex
		slots map[types.Slot]*slotVotes
		bytes int
	}
}

// InsertVote adds the vote of one attester. It must have been verified.
func (p *Pool) InsertVote(v Vote) {
	if v.Position < 0 || v.Position >= v.Size {
		return // no seat of the committee
	}
	one := &part{seat: v.Position, count: 1, voters: checksum(uint64(v.Attester)), signature: v.Signature}
	p.votes.mu.Lock()
	defer p.votes.mu.Unlock()
	slot, t := p.votes.tallyLocked(v.Data, v.Committee, v.Size)
	if t != nil && t.single(one) {
		slot.singles++
		slot.parts++
		p.votes.mu.bytes += partBytes
	}
}

// InsertAggregate adds the vote of several attesters. It must have been verified.
func (p *Pool) InsertAggregate(a Aggregate) {
	size := int(a.Bits.Len())
	many := &part{seats: newSeats(size), signature: a.Signature}
	for _, i := range a.Bits.BitIndices() {
		many.seats.add(i)
	}
	many.count = many.seats.count()
	for _, v := range a.Attesting {
		many.voters += checksum(uint64(v))
	}
	if many.count == 0 {
		return
	}
	p.votes.mu.Lock()
	defer p.votes.mu.Unlock()
	if slot, t := p.votes.tallyLocked(a.Data, a.Committee, size); t != nil {
		grown := t.aggregate(many)
		slot.parts += grown
		p.votes.mu.bytes += grown * partBytes
	}
}

// tallyLocked finds where a vote belongs; nil if there is no room for it, or a committee of another size.
func (v *votes) tallyLocked(data *types.AttestationData, committee types.CommitteeIndex, size int) (*slotVotes, *tally) {
	if !v.makeRoomLocked(data.Slot) {
		return nil, nil
	}
	slot := v.mu.slots[data.Slot]
	if slot == nil {
		slot = &slotVotes{ballots: map[types.AttestationData]*ballot{}, roots: map[types.Root]*ballot{}}
		v.mu.slots[data.Slot] = slot
	}
	b := slot.ballots[*data]
	if b == nil {
		if len(slot.ballots) >= dataKept {
			return nil, nil
		}
		b = &ballot{data: *data, root: types.HashTreeRoot(data), committees: map[types.CommitteeIndex]*tally{}}
		slot.ballots[*data], slot.roots[b.root] = b, b
	}
	t := b.committees[committee]
	if t == nil {
		t = newTally(size)
		b.committees[committee] = t
	}
	if t.size != size { // that of another branch
		return nil, nil
	}
	return slot, t
}

// makeRoomLocked lets the oldest slots give way to a vote of a slot; false if it is of the oldest one itself.
func (v *votes) makeRoomLocked(forSlot types.Slot) bool {
	for v.mu.bytes+partBytes > v.most {
		oldest, withSingles := forSlot, forSlot
		for s, votes := range v.mu.slots {
			oldest = min(oldest, s)
			if votes.singles > 0 {
				withSingles = min(withSingles, s)
			}
		}
		switch {
		case withSingles < forSlot:
			v.dropSinglesLocked(v.mu.slots[withSingles])
		case oldest < forSlot:
			v.dropLocked(oldest)
		default:
			return false
		}
	}
	return true
}

func (v *votes) dropSinglesLocked(s *slotVotes) {
	v.mu.bytes -= s.singles * partBytes
	s.parts -= s.singles
	s.singles = 0
	for _, b := range s.ballots {
		for _, t := range b.committees {
			t.singles, t.voted = nil, newSeats(t.size)
		}
	}
}

func (v *votes) dropLocked(slot types.Slot) {
	v.mu.bytes -= v.mu.slots[slot].parts * partBytes
	delete(v.mu.slots, slot)
}

// prune drops votes of epochs before the one before a slot's.
func (v *votes) prune(spec *params.Spec, slot types.Slot) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for s := range v.mu.slots {
		if types.ComputeEpochAtSlot(spec, s)+1 < types.ComputeEpochAtSlot(spec, slot) {
			v.dropLocked(s)
		}
	}
}

// allVotes fits every vote.
func allVotes(*types.AttestationData, types.CommitteeIndex) bool { return true }

// snapshot is all ballots, with copies of those of their tallies that fit.
func (v *votes) snapshot(fits func(*types.AttestationData, types.CommitteeIndex) bool) (all []ballot) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, slot := range v.mu.slots {
		for _, b := range slot.ballots {
			c := ballot{data: b.data, root: b.root, committees: make(map[types.CommitteeIndex]*tally, len(b.committees))}
			for i, t := range b.committees {
				if fits(&b.data, i) {
					c.committees[i] = &tally{size: t.size, singles: t.singles, aggregates: t.aggregates}
				}
			}
			all = append(all, c)
		}
	}
	return all
}

// AggregateAttestation is the attestation of most voters of a committee to the data of a root; ErrNone if nobody has voted for it.
// Spec: construct aggregate (phase0/validator.md; modified electra).
func (p *Pool) AggregateAttestation(slot types.Slot, dataRoot types.Root, committee types.CommitteeIndex) (*types.Attestation, error) {
	p.votes.mu.Lock()
	var t tally
	var data types.AttestationData
	if s := p.votes.mu.slots[slot]; s != nil && s.roots[dataRoot] != nil {
		b := s.roots[dataRoot]
		if data = b.data; b.committees[committee] != nil {
			t = *b.committees[committee]
		}
	}
	p.votes.mu.Unlock()
	best, ok := t.best()
	if !ok {
		return nil, fmt.Errorf("%w: slot %d, data %v, committee %d", ErrNone, slot, dataRoot, committee)
	}
	sum, err := signature(best)
	if err != nil {
		return nil, err
	}
	return p.attestation(&data, committee, t.size, best.seats, sum), nil
}

// attestation is an attestation of one committee in the form of its fork.
func (p *Pool) attestation(data *types.AttestationData, committee types.CommitteeIndex, size int, s seats, sum types.BLSSignature) *types.Attestation {
	a := &types.Attestation{AggregationBits: newBitlist(size), Data: *data, Signature: sum}
	s.each(func(seat int) { a.AggregationBits.SetBitAt(uint64(seat), true) })
	if p.spec.ForkAtSlot(data.Slot) >= params.Electra {
		a.CommitteeBits = ssz.NewBitvector(p.spec.MaxCommitteesPerSlot)
		a.CommitteeBits.SetBitAt(uint64(committee), true)
	}
	return a
}

// newBitlist is a list of bits, none of them set.
func newBitlist(size int) bitfield.Bitlist {
	b := make(bitfield.Bitlist, size/8+1)
	b[size/8] |= 1 << (size % 8)
	return b
}

// Attestations is the aggregates of the committees that fit, and the votes that are in none of them, the latest slots first. It makes each of them:
// of a whole pool that is heavy work.
func (p *Pool) Attestations(fits func(data *types.AttestationData, committee types.CommitteeIndex) bool) (out []*types.Attestation) {
	for _, b := range p.votes.snapshot(fits) {
		for committee, t := range b.committees {
			voted := newSeats(t.size)
			for _, a := range t.aggregates {
				voted.join(a.seats)
				out = append(out, p.attestation(&b.data, committee, t.size, a.seats, a.signature))
			}
			for _, s := range t.singles {
				if !voted.has(s.seat) {
					one := newSeats(t.size)
					one.add(s.seat)
					out = append(out, p.attestation(&b.data, committee, t.size, one, s.signature))
				}
			}
		}
	}
	slices.SortStableFunc(out, func(a, b *types.Attestation) int {
		switch {
		case a.Data.Slot > b.Data.Slot:
			return -1
		case a.Data.Slot < b.Data.Slot:
			return 1
		}
		return 0
	})
	return out
}
