package peers

import (
	"cmp"
	"hash/fnv"
	"net/netip"
	"slices"
	"strconv"
	"time"
)

// The reasons of a goodbye that the specification names, and those that clients use besides. Source: p2p-interface.md (phase0), "Goodbye
// v1".
const (
	GoodbyeShutDown     = 1
	GoodbyeWrongNetwork = 2
	GoodbyeFault        = 3
	GoodbyeTooMany      = 129
	GoodbyeBadScore     = 250
	GoodbyeBanned       = 251
)

// goodbyeRow is for how long a peer is not dialled after one side said goodbye with a reason.
var goodbyeRow = map[uint64]time.Duration{
	GoodbyeShutDown:     time.Minute,
	GoodbyeWrongNetwork: time.Hour,
	GoodbyeFault:        10 * time.Minute,
	GoodbyeTooMany:      5 * time.Minute,
	GoodbyeBadScore:     30 * time.Minute,
	GoodbyeBanned:       time.Hour,
}

// otherGoodbye is for all reasons that goodbyeRow does not have.
const otherGoodbye = 10 * time.Minute

// mostFailures bounds the exponent of the back-off.
const mostFailures = 16

// Action is what is to be done: a Dial or a Leave.
type Action interface{ action() }

// Dial asks for a peer to be dialled. Connected or DialFailed is to follow.
type Dial struct{ Contact }

// Leave asks for a peer to be told goodbye and disconnected. Disconnected is to follow.
type Leave struct {
	ID     string
	Reason uint64 // of the goodbye
	Why    string // in words
}

func (Dial) action()  {}
func (Leave) action() {}

// hurry is how much sooner whoever has no peer at all dials again.
const hurry = 4

// wait is for how long a peer is not dialled after so many failures: twice as long each time, up to a bound, a quarter more or less.
func (m *Manager) wait(p *peer) time.Duration {
	most := m.cfg.RedialMost
	if p.static || p.trusted {
		most = min(most, staticMost)
	}
	wait := m.cfg.RedialBase
	if len(m.connected) == 0 {
		wait /= hurry
	}
	for range p.failures {
		if wait *= 2; wait >= most {
			wait = most
			break
		}
	}
	h := fnv.New64a()
	h.Write([]byte(m.cfg.Salt + p.id + strconv.Itoa(p.failures)))
	const parts = 1000
	return wait*3/4 + wait/2*time.Duration(h.Sum64()%parts)/parts
}

// dialled ends a dial.
func (m *Manager) dialled(p *peer) {
	if p.dialling {
		p.dialling = false
		m.dials--
	}
}

// DialFailed is told that a dial ended without a connection.
func (m *Manager) DialFailed(now time.Time, id string) {
	p := m.peers[id]
	if p == nil || !p.dialling {
		return
	}
	m.dialled(p)
	p.retry = later(p.retry, now.Add(m.wait(p)))
	if len(m.connected) > 0 { // else it may well be this node's own connection that is broken
		p.failures = min(p.failures+1, mostFailures)
	}
}

// HeardGoodbye is told that a peer said goodbye, and why.
func (m *Manager) HeardGoodbye(now time.Time, id string, reason uint64) {
	if p := m.peers[id]; p != nil {
		m.rest(now, p, reason)
	}
}

// rest keeps from dialling for a while. Static and trusted peers go by their back-off alone.
func (m *Manager) rest(now time.Time, p *peer, reason uint64) {
	if p.static || p.trusted {
		return
	}
	pause, ok := goodbyeRow[reason]
	if !ok {
		pause = otherGoodbye
	}
	p.retry = later(p.retry, now.Add(pause))
}

// Disconnect leaves a peer for a reason of the caller's.
func (m *Manager) Disconnect(now time.Time, id string, reason uint64, why string) []Action {
	p := m.peers[id]
	if p == nil {
		return nil
	}
	m.rest(now, p, reason)
	return m.leave(now, p, reason, why)
}

func (m *Manager) leave(now time.Time, p *peer, reason uint64, why string) []Action {
	if !p.up || p.leaving {
		return nil
	}
	p.leaving, p.leave, p.leftAt = true, Leave{p.id, reason, why}, now
	return []Action{p.leave}
}

// leaveAgain is when a peer that is still here is left once more: a connection may have been opened while the others were closed.
const leaveAgain = 10 * time.Second

func (m *Manager) stillHere(now time.Time) (out []Action) {
	for _, p := range m.connected {
		if p.leaving && now.Sub(p.leftAt) >= leaveAgain {
			p.leftAt = now
			out = append(out, p.leave)
		}
	}
	return out
}

// Tick decides what to do now. It is to be called about once a second.
func (m *Manager) Tick(now time.Time) []Action {
	return slices.Concat(m.stillHere(now), m.prune(now), m.nextDials(now))
}

// Hungry tells whether more peers are to be looked for.
func (m *Manager) Hungry() bool {
	return len(m.connected) < m.cfg.Target || m.count(Outbound) < m.cfg.Outbound || len(m.Unmet()) > 0
}

// nextDials picks whom to dial.
func (m *Manager) nextDials(now time.Time) (out []Action) {
	var candidates []*peer
	for _, p := range m.peers {
		if !p.up && !p.dialling && len(p.contact.Addrs) > 0 && !p.retry.After(now) &&
			(p.trusted || !p.banned.After(now) && p.score.at(now) > forgiven) {
			candidates = append(candidates, p)
		}
	}
	unmet := m.Unmet()
	under := places{addresses: map[netip.Addr]int{}, ranges: map[netip.Prefix]int{}} // dials under way
	for _, p := range m.peers {
		if p.dialling {
			under.addAll(p.contact.IPs)
			meet(unmet, p)
		}
	}
	wanted := make(map[*peer]int, len(candidates))
	for _, p := range candidates {
		for n := range unmet {
			if p.offers.Has(n) {
				wanted[p]++
			}
		}
	}
	slices.SortFunc(candidates, func(a, b *peer) int {
		return cmp.Or(
			-compareBools(a.static || a.trusted, b.static || b.trusted),
			compareBools(a.contact.Diverges, b.contact.Diverges),
			-cmp.Compare(wanted[a], wanted[b]),
			-cmp.Compare(a.score.at(now), b.score.at(now)),
			cmp.Compare(a.failures, b.failures),
			-a.lastGood.Compare(b.lastGood),
			cmp.Compare(a.id, b.id),
		)
	})
	total := len(m.connected) + m.dials
	outbound := m.count(Outbound) + m.dials
	for _, p := range candidates {
		if m.dials >= mostDials {
			break
		}
		always := p.static || p.trusted
		free := total < m.cfg.Target || total < m.cfg.Most() && (wanted[p] > 0 || outbound < m.cfg.Outbound)
		if !always && (!free || !m.roomAt(p, &under)) {
			continue
		}
		for _, n := range meet(unmet, p) {
			m.unwant(n, candidates, wanted)
		}
		p.dialling = true
		under.addAll(p.contact.IPs)
		m.dials++
		total++
		outbound++
		out = append(out, Dial{p.contact})
	}
	return out
}

// meet takes what a peer offers from what is missing, so that no second one is dialled for the same, and returns what is missing no more.
func meet(unmet map[Need]int, p *peer) (met []Need) {
	for n := range unmet {
		if p.offers.Has(n) {
			if unmet[n]--; unmet[n] <= 0 {
				delete(unmet, n)
				met = append(met, n)
			}
		}
	}
	return met
}

// unwant takes a need that is met now from what the candidates are wanted for.
func (m *Manager) unwant(n Need, candidates []*peer, wanted map[*peer]int) {
	for _, p := range candidates {
		if p.offers.Has(n) {
			wanted[p]--
		}
	}
}

// roomAt tells whether one of a peer's addresses may be dialled. An address by name is not known here and may. Dials under way count, so
// that many records with one address do not make us dial it all the time.
func (m *Manager) roomAt(p *peer, under *places) bool {
	return len(p.contact.IPs) == 0 || slices.ContainsFunc(p.contact.IPs, func(ip netip.Addr) bool {
		return m.admitPlace(ip, under) == nil
	})
}

func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}
