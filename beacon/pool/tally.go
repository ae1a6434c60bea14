package pool

import (
	"fmt"
	"math/bits"
	"slices"
	"sync/atomic"

	"github.com/cresset/cresset/beacon/bls"
	"github.com/cresset/cresset/beacon/types"
)

// seats is a set of places in a committee.
type seats []uint64

func newSeats(size int) seats { return make(seats, (size+63)/64) }

func (s seats) has(i int) bool { return s[i/64]>>(i%64)&1 == 1 }
func (s seats) add(i int)      { s[i/64] |= 1 << (i % 64) }

func (s seats) count() (n int) {
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

func (s seats) overlaps(o seats) bool {
	for i, w := range s {
		if w&o[i] != 0 {
			return true
		}
	}
	return false
}

func (s seats) contains(o seats) bool {
	for i, w := range o {
		if w&^s[i] != 0 {
			return false
		}
	}
	return true
}

func (s seats) join(o seats) {
	for i, w := range o {
		s[i] |= w
	}
}

func (s seats) empty() bool { return !slices.ContainsFunc(s, func(w uint64) bool { return w != 0 }) }

// each calls f with every seat of the set, ascending.
func (s seats) each(f func(seat int)) { s.eachIn(s, f) }

// eachIn calls f with every seat that both sets have, ascending.
func (s seats) eachIn(o seats, f func(seat int)) {
	for i, w := range s {
		for w &= o[i]; w != 0; w &= w - 1 {
			f(64*i + bits.TrailingZeros64(w))
		}
	}
}

// part is one signature as it came, of one voter or of several. It does not change.
type part struct {
	seat   int   // of a single vote
	seats  seats // of an aggregate; nil for a single vote
	count  int
	voters uint64 // checksum of who sits there
	// signature is what came; point the same, once it has been decompressed.
	signature types.BLSSignature
	point     atomic.Pointer[bls.Signature]
}

// partBytes is about what a part takes, its point included.
const partBytes = 512

// checksum tells sets of validators apart by the sum of their checksums. Nobody chooses the committee that he is in, so it need not withstand
// an attacker.
func checksum(v uint64) uint64 {
	v += 0x9e3779b97f4a7c15
	v = (v ^ v>>30) * 0xbf58476d1ce4e5b9
	v = (v ^ v>>27) * 0x94d049bb133111eb
	return v ^ v>>31
}

func (p *part) each(f func(seat int)) {
	if p.seats == nil {
		f(p.seat)
		return
	}
	p.seats.each(f)
}

// decompressed is the part's signature as a point.
func (p *part) decompressed() (*bls.Signature, error) {
	if s := p.point.Load(); s != nil {
		return s, nil
	}
	s, err := bls.SignatureFromBytes(p.signature[:])
	if err != nil {
		return nil, fmt.Errorf("pooled signature: %w", err)
	}
	p.point.Store(s)
	return s, nil
}

// tally is the signatures of one message by the members of one committee. What its slices hold does not change, so that a copy of the
// value is a snapshot.
type tally struct {
	size       int
	singles    []*part // appended to only
	aggregates []*part // most voters first, none within another; replaced as a whole
	voted      seats   // of the singles; only for whoever holds the lock
}

func newTally(size int) *tally { return &tally{size: size, voted: newSeats(size)} }

// single adds a single vote; false if the seat has voted.
func (t *tally) single(p *part) bool {
	if t.voted.has(p.seat) {
		return false
	}
	t.voted.add(p.seat)
	t.singles = append(t.singles, p)
	return true
}

// aggregatesKept is how many aggregates of one message by one committee are kept: as many as a committee has aggregators on average.
const aggregatesKept = 16

// aggregate adds an aggregate, and tells by how much the number of them has grown. One that says nothing new is not taken.
func (t *tally) aggregate(p *part) (grown int) {
	for _, have := range t.aggregates {
		if have.seats.contains(p.seats) {
			return 0
		}
	}
	kept := make([]*part, 0, len(t.aggregates)+1)
	for _, have := range t.aggregates {
		if !p.seats.contains(have.seats) {
			kept = append(kept, have)
		}
	}
	at, _ := slices.BinarySearchFunc(kept, p, func(a, b *part) int { return b.count - a.count })
	kept = slices.Insert(kept, at, p)
	grown = min(len(kept), aggregatesKept) - len(t.aggregates)
	t.aggregates = kept[:min(len(kept), aggregatesKept)]
	return grown
}

// union is parts without a voter in common. Its signature is their sum.
type union struct {
	parts []*part
	seats seats
	count int
}

// unions is what can be made of a tally: from each of the largest aggregates on, greedily, all that is disjoint to what was taken before.
// None is within another one. The best is not always among them; that it is a packing of sets makes it hard.
func (t *tally) unions(most int) (out []union) {
	for first := range max(1, min(most, len(t.aggregates))) {
		u := union{seats: newSeats(t.size)}
		for i := range t.aggregates {
			if p := t.aggregates[(first+i)%len(t.aggregates)]; !u.seats.overlaps(p.seats) {
				u.take(p)
			}
		}
		for _, p := range t.singles {
			if !u.seats.has(p.seat) {
				u.take(p)
			}
		}
		if u.count > 0 && !slices.ContainsFunc(out, func(o union) bool { return o.seats.contains(u.seats) }) {
			out = append(out, u)
		}
	}
	return out
}

// best is the union of most voters; false if there is no vote.
func (t *tally) best() (union, bool) {
	all := t.unions(aggregatesKept)
	if len(all) == 0 {
		return union{}, false
	}
	return slices.MaxFunc(all, func(a, b union) int { return a.count - b.count }), true
}

func (u *union) take(p *part) {
	u.parts = append(u.parts, p)
	u.count += p.count
	p.each(u.seats.add)
}

// signature is the sum of the signatures of unions, at least one.
func signature(unions ...union) (types.BLSSignature, error) {
	var points []*bls.Signature
	for _, u := range unions {
		for _, p := range u.parts {
			if len(unions) == 1 && len(u.parts) == 1 {
				return p.signature, nil
			}
			point, err := p.decompressed()
			if err != nil {
				return types.BLSSignature{}, err
			}
			points = append(points, point)
		}
	}
	sum, err := bls.AggregateSignatures(points)
	if err != nil {
		return types.BLSSignature{}, err
	}
	return sum.Bytes(), nil
}
