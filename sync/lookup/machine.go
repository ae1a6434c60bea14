package lookup

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/cresset/cresset/beacon/types"
)

// Kind is what a request asks for.
type Kind uint8

// The kinds.
const (
	// Ancestors is a block and those before it, the latest first.
	Ancestors Kind = iota
	// Payload is the envelope of a block (gloas).
	Payload
	// Columns is columns of a block.
	Columns
)

func (k Kind) String() string { return [...]string{"block", "payload", "columns"}[k] }

// Block is what the machine knows of a block.
type Block struct {
	Root, Parent types.Root
}

// Config is what a Machine is made of.
type Config struct {
	// Knows tells whether a block is imported.
	Knows func(types.Root) bool
	// Lookups bounds the things that are looked for at a time. Default 64.
	Lookups int
	// Depth bounds the unknown ancestors of a block. Default 128.
	Depth int
	// Timeout is how long an answer may take. Default 5 s.
	Timeout time.Duration
	// Attempts is how many peers are asked for one thing. Default 8.
	Attempts int
	// Again is how long after a block was looked for in vain those who were asked are not asked for it once more. Default 12 s.
	Again time.Duration
}

// Action is something to be done: one of the types below.
type Action interface{ action() }

// Request is a request to be sent to a peer.
type Request struct {
	ID      uint64
	Lookup  uint64 // what comes is kept under this number
	Peer    string
	Kind    Kind
	Root    types.Root // of the block
	Count   uint64     // for Ancestors
	Columns []uint64   // for Columns
}

// Cancel gives a request up.
type Cancel struct{ ID uint64 }

// Import asks for the blocks that came under a number to be imported, oldest first. Columns and payloads are imported as they come.
type Import struct{ Lookup uint64 }

// Ended says that a lookup is over, and what is kept under its number of no more use. Reason is empty if all was found.
type Ended struct {
	Lookup uint64
	Kind   Kind
	Root   types.Root
	Reason string
}

// Penalise says what a peer did wrong. With Drop it is not to be connected any more.
type Penalise struct {
	Peer   string
	Reason string
	Drop   bool
}

func (Request) action()  {}
func (Cancel) action()   {}
func (Import) action()   {}
func (Ended) action()    {}
func (Penalise) action() {}

// key names what is looked for.
type key struct {
	kind Kind
	root types.Root
}

// lookup is something that is looked for.
type lookup struct {
	key
	id      uint64
	since   time.Time
	sources []string        // who should have it, the likeliest first; for Columns whoever has custody
	tried   map[string]bool // who was asked since the last thing that came
	asked   int             // peers in all

	// Ancestors
	next    types.Root // what is asked for next: the parent of the oldest block that came
	came    []Block    // the latest first
	senders []string   // who sent them
	at      bool       // at import

	// Columns
	missing map[uint64]bool
	pending map[uint64]bool // asked for at the moment
}

// vain is a block that was looked for and not found.
type vain struct {
	asked map[string]bool
	until time.Time
}

type flight struct {
	Request
	due time.Time
	// owes tells that the peer referred to what it is asked for, or has custody of it. Others are asked on chance, and nothing is held against
	// them but a broken protocol: who names blocks that nobody has would have this node leave all its peers.
	owes bool
}

// Machine looks for things.
type Machine struct {
	cfg Config

	// loop state
	peers   map[string][]uint64 // the columns that they have custody of
	lookups map[key]*lookup
	flights map[uint64]*flight
	vain    map[types.Root]vain // as many as there may be lookups
	numbers uint64
	out     []Action
}

// New makes a machine.
func New(cfg Config) *Machine {
	def := func(p *int, v int) {
		if *p == 0 {
			*p = v
		}
	}
	def(&cfg.Lookups, 64)
	def(&cfg.Depth, 128)
	def(&cfg.Attempts, 8)
	if cfg.Timeout == 0 {
		cfg.Timeout = 5 * time.Second
	}
	if cfg.Again == 0 {
		cfg.Again = 12 * time.Second
	}
	return &Machine{cfg: cfg, peers: map[string][]uint64{}, lookups: map[key]*lookup{}, flights: map[uint64]*flight{}, vain: map[types.Root]vain{}}
}

// Active is how many things are looked for, and since when the oldest.
func (m *Machine) Active(now time.Time) (lookups int, oldest time.Duration) {
	for _, l := range m.lookups {
		oldest = max(oldest, now.Sub(l.since))
	}
	return len(m.lookups), oldest
}

// SetPeer takes in which columns a peer has custody of.
func (m *Machine) SetPeer(now time.Time, id string, columns []uint64) []Action {
	m.peers[id] = columns
	return m.step(now)
}

// RemovePeer takes a peer out. What it was asked for is asked for from others.
func (m *Machine) RemovePeer(now time.Time, id string) []Action {
	delete(m.peers, id)
	for _, f := range m.under(func(f *flight) bool { return f.Peer == id }) {
		m.land(f)
	}
	return m.step(now)
}

// FindBlock looks for a block that a peer referred to. Those who were asked for it in vain shortly before are left out, so that every further peer that refers to it is
// asked, and each once.
func (m *Machine) FindBlock(now time.Time, root types.Root, source string) []Action {
	if m.cfg.Knows(root) {
		return m.step(now)
	}
	// A block that has come already as an ancestor of another one is imported with it.
	for _, l := range m.lookups {
		if l.kind == Ancestors && slices.ContainsFunc(l.came, func(b Block) bool { return b.Root == root }) {
			l.add(source)
			return m.step(now)
		}
	}
	if l := m.find(now, key{Ancestors, root}); l != nil {
		l.add(source)
		if v, ok := m.vain[root]; ok && now.Before(v.until) {
			l.tried = v.asked
		}
		delete(m.vain, root)
	}
	return m.step(now)
}

// FindPayload looks for the payload of a block. A peer that referred to it may be named.
func (m *Machine) FindPayload(now time.Time, root types.Root, source string) []Action {
	if l := m.find(now, key{Payload, root}); l != nil {
		l.add(source)
	}
	return m.step(now)
}

// FindColumns looks for columns of a block. Earlier ones that are looked for of the same block stay.
func (m *Machine) FindColumns(now time.Time, root types.Root, columns []uint64) []Action {
	if l := m.find(now, key{Columns, root}); l != nil {
		for _, c := range columns {
			l.missing[c] = true
		}
	}
	return m.step(now)
}

// find gives the lookup of something, begun if there is none; nil if there are too many.
func (m *Machine) find(now time.Time, k key) *lookup {
	l := m.lookups[k]
	if l == nil && len(m.lookups) < m.cfg.Lookups {
		m.numbers++
		l = &lookup{key: k, id: m.numbers, since: now, next: k.root, tried: map[string]bool{}, missing: map[uint64]bool{}, pending: map[uint64]bool{}}
		m.lookups[k] = l
	}
	return l
}

func (l *lookup) add(source string) {
	if source != "" && !slices.Contains(l.sources, source) && len(l.sources) < 32 {
		l.sources = append(l.sources, source)
	}
}

// Reset ends all lookups. Numbers go on, so that an answer that was on its way is not taken for one to a later request.
func (m *Machine) Reset(now time.Time, reason string) []Action {
	for _, l := range m.inOrder() {
		m.end(l, reason)
	}
	return m.step(now)
}

// Tick lets time pass. It is called about once a second.
func (m *Machine) Tick(now time.Time) []Action {
	maps.DeleteFunc(m.vain, func(_ types.Root, v vain) bool { return !now.Before(v.until) })
	for _, f := range m.under(func(f *flight) bool { return !now.Before(f.due) }) {
		m.land(f)
		m.do(Cancel{f.ID})
		m.blame(f, f.Kind.String()+" "+f.Root.String()+": no answer in "+m.cfg.Timeout.String())
	}
	return m.step(now)
}

// Failed takes in that a request failed. Broken says that the peer broke the protocol.
func (m *Machine) Failed(now time.Time, id uint64, broken bool, reason string) []Action {
	if f := m.flights[id]; f != nil {
		m.land(f)
		reason = f.Kind.String() + " " + f.Root.String() + ": " + reason
		if broken {
			delete(m.peers, f.Peer)
			m.do(Penalise{Peer: f.Peer, Reason: reason, Drop: true})
		} else {
			m.blame(f, reason)
		}
	}
	return m.step(now)
}

// step asks for what is missing, and gives the actions that have come together.
func (m *Machine) step(now time.Time) []Action {
	for _, l := range m.inOrder() {
		if l.kind == Ancestors {
			m.stepAncestors(now, l)
			continue
		}
		m.stepPieces(now, l)
	}
	out := m.out
	m.out = nil
	return out
}

// inOrder is all lookups, the oldest first.
func (m *Machine) inOrder() []*lookup {
	return slices.SortedFunc(maps.Values(m.lookups), func(a, b *lookup) int { return cmp.Compare(a.id, b.id) })
}

// choose gives a peer to ask: one of those who should have it, else any other one.
func (m *Machine) choose(l *lookup) (id string, ok bool) {
	usable := func(id string) bool {
		_, connected := m.peers[id]
		return connected && !l.tried[id]
	}
	for _, id := range l.sources {
		if usable(id) {
			return id, true
		}
	}
	for _, id := range m.sorted(l) {
		if usable(id) {
			return id, true
		}
	}
	return "", false
}

// sorted is all peers, in an order that begins with another one for each lookup.
func (m *Machine) sorted(l *lookup) []string {
	ids := slices.Sorted(maps.Keys(m.peers))
	if len(ids) == 0 {
		return ids
	}
	k := int(l.id % uint64(len(ids)))
	return slices.Concat(ids[k:], ids[:k])
}

// send asks a peer.
func (m *Machine) send(now time.Time, l *lookup, peer string, r Request) {
	m.numbers++
	r.ID, r.Lookup, r.Peer, r.Kind = m.numbers, l.id, peer, l.kind
	l.tried[peer] = true
	l.asked++
	m.flights[r.ID] = &flight{r, now.Add(m.cfg.Timeout), l.kind == Columns || slices.Contains(l.sources, peer)}
	m.do(r)
}

// land takes a request out of those under way.
func (m *Machine) land(f *flight) {
	delete(m.flights, f.ID)
	if l := m.of(f); l != nil {
		for _, c := range f.Columns {
			delete(l.pending, c)
		}
	}
}

// blame holds a request that was in vain against the peer, if it owed an answer.
func (m *Machine) blame(f *flight, reason string) {
	if f.owes {
		m.do(Penalise{Peer: f.Peer, Reason: reason})
	}
}

// of is the lookup of a request, nil if it is over.
func (m *Machine) of(f *flight) *lookup {
	for _, l := range m.lookups {
		if l.id == f.Lookup {
			return l
		}
	}
	return nil
}

// under is the requests under way that fit, in order.
func (m *Machine) under(fits func(*flight) bool) (out []*flight) {
	for _, id := range slices.Sorted(maps.Keys(m.flights)) {
		if f := m.flights[id]; fits(f) {
			out = append(out, f)
		}
	}
	return out
}

// end ends a lookup.
func (m *Machine) end(l *lookup, reason string) {
	for _, f := range m.under(func(f *flight) bool { return f.Lookup == l.id }) {
		m.land(f)
		m.do(Cancel{f.ID})
	}
	delete(m.lookups, l.key)
	m.do(Ended{l.id, l.kind, l.root, reason})
}

func (m *Machine) do(a Action) { m.out = append(m.out, a) }
