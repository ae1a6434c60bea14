package peers

import (
	"cmp"
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

// MostBans bounds the bans that Bans returns.
const MostBans = 1000

// Ban is a peer that is not to come back until a time. Repeats is how often it was banned, which the next ban's length follows from.
type Ban struct {
	ID      string
	Until   time.Time
	Repeats int
}

// Bans lists the bans that are worth remembering over a restart, those that last longest first.
func (m *Manager) Bans(now time.Time) []Ban {
	var bans []Ban
	for _, p := range m.peers {
		if p.banned.After(now) {
			bans = append(bans, Ban{p.id, p.banned, p.score.bans})
		}
	}
	slices.SortFunc(bans, func(a, b Ban) int { return cmp.Or(b.Until.Compare(a.Until), compareStrings(a.ID, b.ID)) })
	return bans[:min(len(bans), MostBans)]
}

// Restore takes back a ban of an earlier process. None lasts longer from now on than the longest that there is, whatever the clock was, and trusted peers have none.
func (m *Manager) Restore(now time.Time, b Ban) {
	p := m.known(b.ID, now)
	if p.trusted || !b.Until.After(now) {
		return
	}
	p.score.bans = min(max(b.Repeats, 1), mostRepeats)
	p.banned = b.Until
	if longest := now.Add(banTime << mostRepeats); p.banned.After(longest) {
		p.banned = longest
	}
}
