package download

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// Answer is what came for a request. Whoever asked has checked that it is of what was asked for: blocks in order and linked, in the range;
// columns and blobs of blocks of the batch.
type Answer struct {
	Blocks  []Block  // for Blocks
	Columns []uint64 // for Columns: those that are here for all blocks that have blobs
	Bytes   int
	// FirstByte is how long it took until the answer began.
	FirstByte time.Duration
}

// Class is what a failure says of the peer.
type Class uint8

// The classes.
const (
	Slow     Class = iota // it did not answer in time, or cannot at the moment: it rests
	Absent                // it does not have what it was asked for: somebody else is asked
	Broken                // it broke the protocol: it is dropped
	Ours                  // the fault is on this side: it is asked again
	Full                  // there is no room for it: it is asked for again when there is
	Conflict              // what it sent belongs to other blocks than those of the batch: either they are wrong, or it is on another chain
)

// Received takes in an answer. One that was not asked for, or too late, costs its sender.
func (m *Machine) Received(now time.Time, id uint64, a Answer) []Action {
	f := m.flights[id]
	if f == nil {
		return m.step(now) // it was given up, and its sender paid for it then
	}
	m.land(f)
	p, b := m.peers[f.Peer], m.find(f.Batch)
	if p != nil {
		p.learn(f.Count, a.FirstByte, now.Sub(f.sent))
	}
	b.bytes += a.Bytes
	b.from[f.Part] = append(b.from[f.Part], f.Peer)
	switch f.Part {
	case Blocks:
		m.settle(b, a.Blocks)
		b.got, b.blocks = true, a.Blocks
		m.need(b, false)
	case Payloads:
		m.need(b, true)
	case Blobs:
		b.needs.Blobs = false
	case Columns:
		m.gotColumns(now, f, b, a.Columns)
	}
	if b.complete() && len(b.blocks) > 0 {
		m.learnSize(b.bytes)
	}
	return m.step(now)
}

// need works out what a batch with its blocks needs, once more after its payloads have come: until then they are all that is asked for.
func (m *Machine) need(b *batch, paid bool) {
	b.needs = Needs{}
	if len(b.blocks) == 0 {
		return
	}
	if b.needs = m.cfg.Needs(b.id, b.blocks); paid {
		b.needs.Payloads = false
	} else if b.needs.Payloads {
		b.needs = Needs{Payloads: true}
	}
}

// gotColumns takes in columns. Those that were asked for and did not come are asked for from others.
func (m *Machine) gotColumns(now time.Time, f *flight, b *batch, columns []uint64) {
	left := b.needs.Columns[:0:0]
	for _, c := range b.needs.Columns {
		if !slices.Contains(columns, c) {
			left = append(left, c)
		}
	}
	b.needs.Columns = left
	if len(columns) < len(f.Columns) {
		m.missed(now, f, b, Absent, fmt.Sprintf("sent %d of %d columns", len(columns), len(f.Columns)))
	}
}

// Failed takes in that a request failed. Reason says why, for the penalty.
func (m *Machine) Failed(now time.Time, id uint64, class Class, reason string) []Action {
	f := m.flights[id]
	if f == nil {
		return m.step(now)
	}
	m.land(f)
	m.missed(now, f, m.find(f.Batch), class, reason)
	return m.step(now)
}

// missed draws the consequences of a request without what was asked for.
func (m *Machine) missed(now time.Time, f *flight, b *batch, class Class, reason string) {
	p := m.peers[f.Peer]
	if p == nil {
		return
	}
	reason = fmt.Sprintf("%s of %v: %s", f.Part, b, reason)
	if class == Conflict {
		m.dispute(b, attempt{f.Peer, f.Part}, reason)
		return
	}
	if class == Full { // the estimate was wrong
		m.typical = m.cfg.AheadBytes
		return
	}
	if class != Ours {
		b.tried[attempt{p.ID, f.Part}] = true
	}
	switch class {
	case Slow:
		p.slow(now)
		m.do(Penalise{Peer: p.ID, Reason: reason, Slow: true})
	case Absent:
		m.do(Penalise{Peer: p.ID, Reason: reason})
	case Broken:
		m.distrust(p.ID)
		m.do(Penalise{Peer: p.ID, Reason: reason, Drop: true})
	case Ours:
		p.slow(now) // not at once again, that is
	}
}

// dispute has the blocks of a batch downloaded from somebody else, to see who is right: who sent them, or who has other things than they need.
func (m *Machine) dispute(b *batch, by attempt, reason string) {
	other := false
	for _, p := range m.peers {
		other = other || p.serves(b) && !b.tried[attempt{p.ID, Blocks}] && !slices.Contains(b.from[Blocks], p.ID)
	}
	if b.conflicts++; !other || b.conflicts > m.cfg.Attempts {
		b.tried[by] = true
		m.do(Penalise{Peer: by.peer, Reason: reason})
		return
	}
	for _, id := range b.from[Blocks] {
		b.tried[attempt{id, Blocks}] = true
		b.wrong = append(b.wrong, content{id, b.blocks})
	}
	b.disputes = append(b.disputes, dispute{by, b.blocks, reason})
	m.restart(b)
}

// settle ends the disputes about a batch: whoever said that blocks are wrong which somebody else sent too is wrong.
func (m *Machine) settle(b *batch, blocks []Block) {
	for _, d := range b.disputes {
		if slices.Equal(d.blocks, blocks) {
			b.tried[d.by] = true
			m.do(Penalise{Peer: d.by.peer, Reason: d.reason})
		}
	}
	b.disputes = nil
}

// land takes a request out of those under way, so that what it asked for can be asked for anew.
func (m *Machine) land(f *flight) {
	delete(m.flights, f.ID)
	if p := m.peers[f.Peer]; p != nil {
		p.asked--
	}
	b := m.find(f.Batch)
	if f.Part != Columns {
		delete(b.asked, f.Part)
	}
	for _, c := range f.Columns {
		delete(b.askedColumns, c)
	}
}

// find finds the batch of a request under way.
func (m *Machine) find(id uint64) *batch {
	return m.row[slices.IndexFunc(m.row, func(b *batch) bool { return b.id == id })]
}

// expire gives up requests that are late.
func (m *Machine) expire(now time.Time) {
	for _, id := range slices.Sorted(maps.Keys(m.flights)) {
		f := m.flights[id]
		if f == nil {
			continue // with an earlier one
		}
		due := f.due
		if early := m.early(now, f); early.Before(due) {
			due = early
		}
		if now.Before(due) {
			continue
		}
		m.land(f)
		m.do(Cancel{f.ID})
		m.missed(now, f, m.find(f.Batch), Slow, fmt.Sprintf("no answer in %v", now.Sub(f.sent)))
	}
}

// early is when a request for the first batch, which everything waits for, is given up because somebody else would be faster.
func (m *Machine) early(now time.Time, f *flight) time.Time {
	b := m.row[0]
	if f.Batch != b.id {
		return f.due
	}
	const slack, least = 4, 2 * time.Second
	due := f.due
	for _, p := range m.peers {
		able := p.serves(b) && !now.Before(p.rests) && !b.tried[attempt{p.ID, f.Part}] && (f.Part != Columns || p.custody[f.Columns[0]])
		if p.ID == f.Peer || p.perSlot == 0 || !able {
			continue
		}
		if d := f.sent.Add(max(least, slack*p.estimate(b.count))); d.Before(due) {
			due = d
		}
	}
	return due
}

// cancel gives up all requests of a batch.
func (m *Machine) cancel(b *batch) {
	for _, id := range slices.Sorted(maps.Keys(m.flights)) {
		if f := m.flights[id]; f.Batch == b.id {
			m.land(f)
			m.do(Cancel{f.ID})
		}
	}
}
