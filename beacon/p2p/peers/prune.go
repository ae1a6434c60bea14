package peers

import (
	"cmp"
	"slices"
	"time"
)

// prune picks whom to leave while there are more peers than the target: the worst first, and nobody who is needed.
func (m *Manager) prune(now time.Time) (out []Action) {
	var stay []*peer
	for _, p := range m.connected {
		if !p.leaving {
			stay = append(stay, p)
		}
	}
	excess := len(stay) - m.cfg.Target
	if excess <= 0 {
		return nil
	}
	outbound := m.count(Outbound)
	have := m.Have()
	slices.SortFunc(stay, func(a, b *peer) int {
		return cmp.Or(
			cmp.Compare(a.score.at(now), b.score.at(now)),
			cmp.Compare(a.gossip, b.gossip),
			cmp.Compare(m.worth(a), m.worth(b)),
			-a.since.Compare(b.since), // the youngest first: who comes last drives out nobody
			cmp.Compare(a.id, b.id),
		)
	})
	for _, p := range stay {
		if excess == 0 {
			break
		}
		if p.trusted || p.static || p.direction == Outbound && outbound <= m.cfg.Outbound || m.needed(p, have) ||
			!p.told && now.Sub(p.since) < grace {
			continue
		}
		for n := range have {
			if p.offers.Has(n) {
				have[n]--
			}
		}
		if p.direction == Outbound {
			outbound--
		}
		excess--
		m.rest(now, p, GoodbyeTooMany)
		out = append(out, m.leave(now, p, GoodbyeTooMany, "more peers than the target")...)
	}
	return out
}

// needed tells whether without the peer one more need were unmet.
func (m *Manager) needed(p *peer, have map[Need]int) bool {
	for n, count := range have {
		if p.offers.Has(n) && count <= m.needs[n] {
			return true
		}
	}
	return false
}

// worth counts the needs that a peer offers.
func (m *Manager) worth(p *peer) (n int) {
	for need := range m.needs {
		if p.offers.Has(need) {
			n++
		}
	}
	return n
}
