package peers

import (
	"errors"
	"net/netip"
	"slices"
	"time"
)

// Contact is how a peer can be reached and what it says of itself in its record. Hostile until it was checked by who made it.
type Contact struct {
	ID     string
	Addrs  []string // multiaddrs, opaque here
	IPs    []netip.Addr
	ENR    string
	Offers Offers
	// Diverges says that the peer's record announces another next fork than ours. Such peers are dialled last.
	Diverges bool
}

// Public is the contact without addresses that do not lead through the internet. Addrs and IPs have to go together, one IP an address.
func (c Contact) Public() Contact {
	var addrs []string
	var ips []netip.Addr
	for i, ip := range c.IPs {
		if !isLocal(ip) && i < len(c.Addrs) {
			addrs, ips = append(addrs, c.Addrs[i]), append(ips, ip)
		}
	}
	c.Addrs, c.IPs = addrs, ips
	return c
}

// Direction tells who dialled.
type Direction uint8

// The directions.
const (
	Inbound Direction = iota + 1
	Outbound
)

// peer is all that is known of one.
type peer struct {
	id              string
	trusted, static bool

	// the connection
	up        bool
	leaving   bool // an action to leave it was given
	leave     Leave
	leftAt    time.Time
	direction Direction
	ip        netip.Addr // of the last connection
	addr      string
	since     time.Time // of the last change

	// what it offers
	offers Offers
	told   bool // by itself and not by its record

	// what is thought of it
	score    score
	gossip   float64
	banned   time.Time // until then
	lastGood time.Time // it was connected and told what it offers

	// dialling
	contact  Contact
	dialling bool
	failures int
	retry    time.Time // not before
}

// Manager decides. See the package's documentation.
type Manager struct {
	cfg       Config
	peers     map[string]*peer
	connected map[string]*peer // those of peers that are up
	places    places
	needs     map[Need]int
	dials     int
	reach     reach
}

// New makes a manager at a time.
func New(cfg Config, now time.Time) *Manager {
	cfg = cfg.WithDefaults()
	m := &Manager{
		cfg: cfg, peers: map[string]*peer{}, connected: map[string]*peer{},
		places: places{addresses: map[netip.Addr]int{}, ranges: map[netip.Prefix]int{}}, reach: reach{started: now},
	}
	for _, id := range cfg.Trusted {
		m.peers[id] = &peer{id: id, trusted: true}
	}
	return m
}

// AddStatic adds a peer that is dialled whenever it is not connected.
func (m *Manager) AddStatic(c Contact) {
	p := m.known(c.ID, time.Time{})
	if p.static { // another address of the same peer
		c.Addrs, c.IPs = append(p.contact.Addrs, c.Addrs...), append(p.contact.IPs, c.IPs...)
	}
	p.static, p.contact, p.offers = true, c, c.Offers
}

// known gives the entry of a peer, a new one where there is none.
func (m *Manager) known(id string, now time.Time) *peer {
	p := m.peers[id]
	if p == nil {
		if len(m.peers) >= mostKnown {
			m.forget(now)
		}
		p = &peer{id: id}
		m.peers[id] = p
	}
	return p
}

// forget drops the one entry that is missed least: not connected, then not banned, then what failed most, then what was good longest ago.
func (m *Manager) forget(now time.Time) {
	var worst *peer
	for _, p := range m.peers {
		if p.up || p.dialling || p.static || p.trusted {
			continue
		}
		if worst == nil || m.lessMissed(p, worst, now) {
			worst = p
		}
	}
	if worst != nil {
		delete(m.peers, worst.id)
	}
}

// lessMissed is a strict order of all entries, so that the one forgotten does not depend on the order of a map.
func (m *Manager) lessMissed(a, b *peer, now time.Time) bool {
	if x, y := a.banned.After(now), b.banned.After(now); x != y {
		return y
	}
	if !a.banned.Equal(b.banned) {
		return a.banned.Before(b.banned)
	}
	if x, y := a.score.at(now), b.score.at(now); x != y { // what was done wrong is not forgotten before what was done well
		return x > y
	}
	if x, y := len(a.contact.Addrs) > 0, len(b.contact.Addrs) > 0; x != y {
		return y
	}
	if a.failures != b.failures {
		return a.failures > b.failures
	}
	if !a.lastGood.Equal(b.lastGood) {
		return a.lastGood.Before(b.lastGood)
	}
	return a.id < b.id
}

// Discovered is told of a peer that was found.
func (m *Manager) Discovered(now time.Time, c Contact) {
	if len(c.Addrs) == 0 {
		return
	}
	p := m.known(c.ID, now)
	if p.contact.ENR != c.ENR {
		p.failures = 0 // a new record may bring another address
	}
	if len(c.ENR) == 0 && len(p.contact.ENR) > 0 {
		c.ENR = p.contact.ENR
	}
	p.contact = c
	if !p.told {
		p.offers = c.Offers
	}
}

// Located is told where a peer that came to us can be dialled, for the time when it is gone. What is known from elsewhere is better.
func (m *Manager) Located(c Contact) {
	if p := m.connected[c.ID]; p != nil && p.direction == Inbound && len(p.contact.Addrs) == 0 {
		p.contact = c
	}
}

// Connected is told of the first connection to a peer. One that came in although there is no room, as several do at once, is left.
func (m *Manager) Connected(now time.Time, id string, d Direction, ip netip.Addr, addr string) []Action {
	p := m.known(id, now)
	if p.up {
		return nil
	}
	refused := m.AdmitPeer(now, id, d, ip)
	p.up, p.leaving, p.direction, p.ip, p.addr, p.since = true, false, d, canonical(ip), addr, now
	p.gossip = 0
	m.dialled(p)
	m.connected[id] = p
	m.places.add(p.ip, 1)
	if d == Inbound {
		m.reach.dialledUs(now, p.ip, m.cfg.ExemptLocal)
	}
	switch {
	case refused == nil:
		return nil
	case errors.Is(refused, ErrBanned):
		return m.leave(now, p, GoodbyeBanned, refused.Error())
	}
	m.rest(now, p, GoodbyeTooMany)
	return m.leave(now, p, GoodbyeTooMany, refused.Error())
}

// Disconnected is told that the last connection to a peer is gone.
func (m *Manager) Disconnected(now time.Time, id string) {
	p := m.connected[id]
	if p == nil {
		return
	}
	if now.Sub(p.since) >= grace {
		p.failures = 0
	} else if p.direction == Outbound { // a peer that leaves soon does not want us now
		p.failures = min(p.failures+1, mostFailures)
	}
	p.up, p.leaving, p.told, p.since = false, false, false, now
	delete(m.connected, id)
	p.retry = later(p.retry, now.Add(m.wait(p)))
	m.places.add(p.ip, -1)
}

// SetOffers is told what a peer says that it offers.
func (m *Manager) SetOffers(now time.Time, id string, o Offers) {
	if p := m.connected[id]; p != nil {
		p.offers, p.told, p.lastGood = o, true, now
	}
}

// SetGossipScore is told what gossip thinks of a peer. It decides whom to leave first among peers that did nothing wrong.
func (m *Manager) SetGossipScore(id string, score float64) {
	if p := m.connected[id]; p != nil {
		p.gossip = score
	}
}

// Info is what is known of a peer.
type Info struct {
	ID                string
	Connected         bool
	Leaving, Dialling bool
	Direction         Direction // of the last connection; 0 if there was none
	Addr              string    // multiaddr of the last connection, or the first known one
	ENR               string
	Score             float64
	BannedUntil       time.Time
	Trusted, Static   bool
	Since             time.Time // connected or disconnected since; zero if never connected
}

func (m *Manager) info(now time.Time, p *peer) Info {
	i := Info{
		ID: p.id, Connected: p.up, Leaving: p.leaving, Dialling: p.dialling, Direction: p.direction, Addr: p.addr, ENR: p.contact.ENR,
		Score: p.score.at(now), Trusted: p.trusted, Static: p.static, Since: p.since,
	}
	if p.banned.After(now) {
		i.BannedUntil = p.banned
	}
	if i.Addr == "" && len(p.contact.Addrs) > 0 {
		i.Addr = p.contact.Addrs[0]
	}
	return i
}

// Peers lists all peers that are known, by id.
func (m *Manager) Peers(now time.Time) []Info {
	out := make([]Info, 0, len(m.peers))
	for _, p := range m.peers {
		out = append(out, m.info(now, p))
	}
	slices.SortFunc(out, func(a, b Info) int { return compareStrings(a.ID, b.ID) })
	return out
}

// Counts is how many peers are in which state.
type Counts struct {
	Connected, Inbound, Outbound int // inbound and outbound are of the connected ones
	Connecting, Disconnecting    int
	Known                        int
	Banned                       int
}

// Counts counts peers.
func (m *Manager) Counts(now time.Time) Counts {
	c := Counts{Known: len(m.peers), Connecting: m.dials}
	for _, p := range m.peers {
		switch {
		case p.leaving:
			c.Disconnecting++
		case p.up && p.direction == Inbound:
			c.Inbound++
		case p.up:
			c.Outbound++
		}
		if p.banned.After(now) {
			c.Banned++
		}
	}
	c.Connected = c.Inbound + c.Outbound
	return c
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
