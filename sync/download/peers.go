package download

import (
	"maps"
	"slices"
	"time"

	"github.com/cresset/cresset/beacon/types"
)

// Peer is what a peer says that it serves.
type Peer struct {
	ID          string
	First, Last types.Slot // the earliest slot that it has, and its head
	Columns     []uint64   // that it has custody of
}

// peer is what is known of one.
type peer struct {
	Peer
	custody map[uint64]bool
	asked   int // requests under way
	// rtt is the time from a request to the first byte of its answer, perSlot the time that a slot's worth takes from then on; both are
	// moving averages, zero while unknown.
	rtt, perSlot time.Duration
	rests        time.Time // it is not asked before
	late         int       // answers that did not come in time, in a row
}

const (
	firstRest = time.Second
	longest   = 2 * time.Minute
	// weight of what is new in a moving average: 1/averaged.
	averaged = 4
)

// SetPeer adds a peer or says anew what it serves.
func (m *Machine) SetPeer(now time.Time, p Peer) []Action {
	if m.shunned[p.ID] {
		return m.step(now)
	}
	known := m.peers[p.ID]
	if known == nil {
		known = &peer{}
		m.peers[p.ID] = known
	}
	known.Peer = p
	known.custody = make(map[uint64]bool, len(p.Columns))
	for _, c := range p.Columns {
		known.custody[c] = true
	}
	return m.step(now)
}

// RemovePeer takes a peer out. What it was asked for is asked for from others.
func (m *Machine) RemovePeer(now time.Time, id string) []Action {
	m.drop(id)
	return m.step(now)
}

// drop takes a peer out, and its requests back.
func (m *Machine) drop(id string) {
	delete(m.peers, id)
	for _, request := range slices.Sorted(maps.Keys(m.flights)) {
		if f := m.flights[request]; f.Peer == id {
			m.land(f)
			m.do(Cancel{f.ID})
		}
	}
}

// distrust takes a peer out that was found to be bad, and has the blocks that it sent for batches that are not imported yet downloaded from
// somebody else.
func (m *Machine) distrust(id string) {
	m.drop(id)
	for i, b := range m.row {
		if i == 0 && m.at || !b.got || !slices.Contains(b.from[Blocks], id) {
			continue
		}
		m.restart(b)
	}
}

// Has tells whether a peer is among them.
func (m *Machine) Has(id string) bool { return m.peers[id] != nil }

// learn takes the time of an answer into account.
func (p *peer) learn(slots uint64, firstByte, whole time.Duration) {
	mean := func(old *time.Duration, now time.Duration) {
		if now = max(now, time.Microsecond); *old == 0 {
			*old = now
			return
		}
		*old += (now - *old) / averaged
	}
	mean(&p.rtt, firstByte)
	mean(&p.perSlot, (whole-firstByte)/time.Duration(slots))
	p.late = 0
}

// share is how many requests keep a peer busy: one that it answers, and as many as fit into the time that a request and the start of its
// answer are on their way.
func (p *peer) share(slots uint64, most int) int {
	if p.perSlot == 0 {
		return 1
	}
	return int(min(int64(most), 1+int64(p.rtt)/int64(p.perSlot*time.Duration(slots))))
}

// estimate is when an answer would be here, asked at this moment; a peer that is not known yet counts as fast, to be tried, until it was late.
func (p *peer) estimate(slots uint64) time.Duration {
	if p.perSlot == 0 && p.late > 0 {
		return longest
	}
	return p.rtt + p.perSlot*time.Duration(slots)*time.Duration(p.asked+1)
}

// deadline is how long an answer of a peer may take: a multiple of what its speed lets expect, and for one that is not known yet a third of
// the longest time. It doubles with each answer that did not come, for a peer that is slower than thought.
func (p *peer) deadline(slots uint64, most time.Duration) time.Duration {
	const slack, least = 8, 5 * time.Second
	d := most / 3
	if p.perSlot != 0 {
		d = max(least, slack*p.estimate(slots))
	}
	return min(most, d<<min(p.late, 10))
}

// slow lets a peer rest, twice as long each time in a row.
func (p *peer) slow(now time.Time) {
	p.rests = now.Add(min(longest, firstRest<<min(p.late, 10)))
	p.late++
}

// serves tells whether a peer claims to have a batch. What lies above its head it may yet have when the run gets there, so its head
// has to reach into the batch only.
func (p *peer) serves(b *batch) bool {
	return p.First <= b.start && p.Last >= b.start
}
