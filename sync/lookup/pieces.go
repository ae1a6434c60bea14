package lookup

import (
	"fmt"
	"slices"
	"time"
)

// stepPieces asks for the payload or the columns of a block, as far as that is not under way.
func (m *Machine) stepPieces(now time.Time, l *lookup) {
	if l.kind == Payload {
		if len(m.under(func(f *flight) bool { return f.Lookup == l.id })) > 0 {
			return
		}
		peer, ok := m.choose(l)
		if !ok || l.asked >= m.cfg.Attempts {
			m.giveUp(l)
			return
		}
		m.send(now, l, peer, Request{Root: l.root})
		return
	}
	for m.askColumns(now, l) {
	}
	if len(l.pending) == 0 {
		m.giveUp(l)
	}
}

// giveUp ends a lookup whose peers were all asked. Without peers it waits for some.
func (m *Machine) giveUp(l *lookup) {
	if len(m.peers) > 0 {
		m.end(l, fmt.Sprintf("none of %d peers has it", l.asked))
	}
}

// askColumns asks the peer that has most of the columns that are missing; false if there is nobody to ask.
func (m *Machine) askColumns(now time.Time, l *lookup) bool {
	if l.asked >= m.cfg.Attempts {
		return false
	}
	var best string
	var most []uint64
	for _, id := range m.sorted(l) {
		if l.tried[id] {
			continue
		}
		var have []uint64
		for _, c := range m.peers[id] {
			if l.missing[c] && !l.pending[c] {
				have = append(have, c)
			}
		}
		if len(have) > len(most) {
			best, most = id, have
		}
	}
	if len(most) == 0 {
		return false
	}
	slices.Sort(most)
	for _, c := range most {
		l.pending[c] = true
	}
	m.send(now, l, best, Request{Root: l.root, Columns: most})
	return true
}

// ReceivedPayload takes in that the payload came, or that the peer does not have it.
func (m *Machine) ReceivedPayload(now time.Time, id uint64, found bool) []Action {
	if f := m.flights[id]; f != nil {
		m.land(f)
		if l := m.of(f); l != nil && found {
			m.end(l, "")
		}
	}
	return m.step(now)
}

// ReceivedColumns takes in which columns came.
func (m *Machine) ReceivedColumns(now time.Time, id uint64, columns []uint64) []Action {
	f := m.flights[id]
	if f == nil {
		return m.step(now)
	}
	m.land(f)
	l := m.of(f)
	if l == nil {
		return m.step(now)
	}
	for _, c := range columns {
		delete(l.missing, c)
	}
	if len(columns) < len(f.Columns) {
		m.do(Penalise{Peer: f.Peer, Reason: fmt.Sprintf("columns of %v: sent %d of %d", l.root, len(columns), len(f.Columns))})
	}
	if len(l.missing) == 0 {
		m.end(l, "")
	}
	return m.step(now)
}
