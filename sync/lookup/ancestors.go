package lookup

import (
	"fmt"
	"slices"
	"time"

	"github.com/cresset/cresset/beacon/types"
)

// firstCount is how many blocks are asked for at first: as a rule one is missing. Each further request asks for twice as many.
const firstCount, mostCount = 4, 64

// stepAncestors asks for the next block that is missing, unless that is under way, and has all imported when none is.
func (m *Machine) stepAncestors(now time.Time, l *lookup) {
	if l.at || len(m.under(func(f *flight) bool { return f.Lookup == l.id })) > 0 {
		return
	}
	switch {
	case m.cfg.Knows(l.root):
		m.end(l, "")
		return
	case len(l.came) > 0 && m.cfg.Knows(l.next):
		l.at = true
		m.do(Import{l.id})
		return
	case len(l.came) >= m.cfg.Depth:
		m.end(l, fmt.Sprintf("more than %d unknown ancestors: left to range sync", m.cfg.Depth))
		return
	case l.asked >= m.cfg.Attempts:
		m.notFound(now, l)
		return
	}
	peer, ok := m.choose(l)
	if !ok {
		if len(m.peers) == 0 {
			return
		}
		m.notFound(now, l)
		return
	}
	count := min(max(firstCount, 2*len(l.came)), mostCount, m.cfg.Depth-len(l.came))
	m.send(now, l, peer, Request{Root: l.next, Count: uint64(count)})
}

// notFound ends a lookup that nobody answers, and remembers who was asked for the block itself. Of more blocks than there may be lookups the oldest are forgotten.
func (m *Machine) notFound(now time.Time, l *lookup) {
	if len(l.came) == 0 {
		if len(m.vain) >= m.cfg.Lookups {
			oldest := l.root
			for root, v := range m.vain {
				if o, ok := m.vain[oldest]; !ok || v.until.Before(o.until) {
					oldest = root
				}
			}
			delete(m.vain, oldest)
		}
		m.vain[l.root] = vain{l.tried, now.Add(m.cfg.Again)}
	}
	m.end(l, fmt.Sprintf("none of %d peers has it", len(l.tried)))
}

// ReceivedBlocks takes in the answer to a request for Ancestors: the block that was asked for and blocks before it, each the parent of the
// one before; whoever asked has checked that. Nothing says that the peer does not have the block.
func (m *Machine) ReceivedBlocks(now time.Time, id uint64, blocks []Block) []Action {
	f := m.flights[id]
	if f == nil {
		return m.step(now)
	}
	m.land(f)
	l := m.of(f)
	switch {
	case l == nil:
	case len(blocks) == 0:
		m.blame(f, "block "+f.Root.String()+": does not have what it referred to")
	default:
		// What is known already need not be imported.
		if known := slices.IndexFunc(blocks, func(b Block) bool { return m.cfg.Knows(b.Root) }); known >= 0 {
			blocks = blocks[:known]
		}
		l.came = append(l.came, blocks...)
		if len(l.came) > 0 {
			l.next = l.came[len(l.came)-1].Parent
		}
		if !slices.Contains(l.senders, f.Peer) {
			l.senders = append(l.senders, f.Peer)
		}
		// It has the next ones too.
		l.sources = append([]string{f.Peer}, slices.DeleteFunc(l.sources, func(id string) bool { return id == f.Peer })...)
		clear(l.tried)
		l.asked = 0
	}
	return m.step(now)
}

// Imported takes in what became of the blocks of a lookup. Wrong says that one breaks a rule: whoever sent them is dropped, for a chain that
// is right up to its last block and wrong there would not be referred to by an honest peer.
func (m *Machine) Imported(now time.Time, number uint64, root types.Root, wrong bool, reason string) []Action {
	l := m.lookups[key{Ancestors, root}]
	if l == nil || l.id != number {
		return m.step(now)
	}
	if wrong {
		for _, id := range l.senders {
			delete(m.peers, id)
			m.do(Penalise{Peer: id, Reason: "block " + root.String() + ": " + reason, Drop: true})
		}
	}
	m.end(l, reason)
	return m.step(now)
}
