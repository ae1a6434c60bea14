package download

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// assign gives what is missing to peers that have room, the batches that are imported first going first. A batch that there is no room for is passed over, for one
// that is under way already, or for less; the first never is.
func (m *Machine) assign(now time.Time) {
	taken := 0
	for _, b := range m.row {
		if taken += b.bytes; b.underWay() {
			taken += m.left(b)
		}
	}
	for i, b := range m.row {
		if !b.complete() && !b.underWay() {
			if i > 0 && taken+m.left(b) > m.cfg.AheadBytes {
				continue
			}
			taken += m.left(b)
		}
		switch {
		case !b.got:
			m.ask(now, b, Blocks)
			continue
		case b.needs.Payloads:
			m.ask(now, b, Payloads)
		}
		if b.needs.Blobs {
			m.ask(now, b, Blobs)
		}
		for m.askColumns(now, b) {
		}
	}
}

// underWay tells whether something of a batch is asked for.
func (b *batch) underWay() bool { return len(b.asked)+len(b.askedColumns) > 0 }

// left is how many bytes a batch is likely to take yet.
func (m *Machine) left(b *batch) int { return max(0, m.typical-b.bytes) }

// learnSize takes the size of a batch into account: a larger one at once, a smaller one by half.
func (m *Machine) learnSize(bytes int) { m.typical = max(bytes, (m.typical+bytes)/2) }

// ask asks for a part of a batch, unless that is under way: of the peers with room the one whose answer would be here first.
func (m *Machine) ask(now time.Time, b *batch, part Part) {
	if b.asked[part] {
		return
	}
	var best *peer
	for _, p := range m.candidates(b) {
		if m.room(now, b, p, part) && (best == nil || p.estimate(b.count) < best.estimate(b.count)) {
			best = p
		}
	}
	if best != nil {
		b.asked[part] = true
		m.send(now, b, best, part, nil)
	}
}

// askColumns asks one peer for those missing columns that it has; false if there is nobody to ask. Few large requests are better than
// many small ones: the peer that has most of them goes first.
func (m *Machine) askColumns(now time.Time, b *batch) bool {
	var best *peer
	var most []uint64
	for _, p := range m.candidates(b) {
		if !m.room(now, b, p, Columns) {
			continue
		}
		var have []uint64
		for _, c := range b.needs.Columns {
			if !b.askedColumns[c] && p.custody[c] {
				have = append(have, c)
			}
		}
		if len(have) > len(most) {
			best, most = p, have
		}
	}
	if best == nil {
		return false
	}
	for _, c := range most {
		b.askedColumns[c] = true
	}
	m.send(now, b, best, Columns, most)
	return true
}

// candidates is all peers, in an order that is the same in every run and begins with another one for each batch.
func (m *Machine) candidates(b *batch) []*peer {
	out := slices.SortedFunc(maps.Values(m.peers), func(a, b *peer) int { return strings.Compare(a.ID, b.ID) })
	if len(out) == 0 {
		return nil
	}
	k := int(b.id % uint64(len(out)))
	return slices.Concat(out[k:], out[:k])
}

// room tells whether a peer can be asked for a part of a batch now.
func (m *Machine) room(now time.Time, b *batch, p *peer, part Part) bool {
	return p.serves(b) && !now.Before(p.rests) && p.asked < p.share(b.count, m.cfg.PerPeer) && !b.tried[attempt{p.ID, part}]
}

// send sends a request.
func (m *Machine) send(now time.Time, b *batch, p *peer, part Part, columns []uint64) {
	f := &flight{
		Request: Request{ID: m.cfg.Numbers.Next(), Peer: p.ID, Batch: b.id, Part: part, Start: b.start, Count: b.count, Columns: columns, First: b == m.row[0]},
		sent:    now, due: now.Add(p.deadline(b.count, m.cfg.Timeout)),
	}
	p.asked++
	m.flights[f.ID] = f
	m.do(f.Request)
}
