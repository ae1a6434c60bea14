package peers

import (
	"slices"
	"time"
)

// MostRemembered bounds the peers that Good returns.
const MostRemembered = 300

// Good lists the contacts that are worth remembering over a restart, the best first: peers that told what they offer, and of which nothing
// bad is known.
func (m *Manager) Good(now time.Time) []Contact {
	var good []*peer
	for _, p := range m.peers {
		if !p.lastGood.IsZero() && p.score.at(now) > forgiven && !p.banned.After(now) && len(p.contact.Addrs) > 0 {
			good = append(good, p)
		}
	}
	slices.SortFunc(good, func(a, b *peer) int {
		if up := compareBools(b.up, a.up); up != 0 {
			return up
		}
		if last := b.lastGood.Compare(a.lastGood); last != 0 {
			return last
		}
		return compareStrings(a.id, b.id)
	})
	out := make([]Contact, 0, min(len(good), MostRemembered))
	for _, p := range good[:min(len(good), MostRemembered)] {
		out = append(out, p.contact)
	}
	return out
}
