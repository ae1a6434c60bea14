package rangesync

import (
	"maps"
	"slices"
	"time"

	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/sync/download"
)

// Block names a block of this node's chain.
type Block struct {
	Slot types.Slot
	Root types.Root
}

// Chain is what the machine asks of this node's chain.
type Chain interface {
	// Canonical is the last block up to a slot; false if it is older than the finalized one.
	Canonical(slot types.Slot) (Block, bool)
	// Knows tells whether a block is imported.
	Knows(root types.Root) bool
}

// Config is what a Machine is made of.
type Config struct {
	SlotsPerEpoch uint64
	Chain         Chain
	// Tolerance is how far a peer's head may be ahead without a run: gossip and lookups bring what is so new. Default one epoch.
	Tolerance types.Slot
	// Patience is how long statuses are collected before the first choice, unless there are a few already. Default 2 s.
	Patience time.Duration
	// Download is the bounds of a run; its slots and its end are set by the machine. Its batches are of an epoch if no size is given.
	Download download.Config
}

// The actions besides those of sync/download.
type (
	// Started says that a run begins, at the slot after a block that both have.
	Started struct {
		Target Target
		First  types.Slot
	}
	// Done says that a run is at its target.
	Done struct{ Target Target }
	// Failed says that a run ended before its target. Others are tried.
	Failed struct {
		Target Target
		Reason string
	}
)

// Action is something to be done: one of the types above, or a download.Action but its Done and Failed.
type Action = any

// avoidFor is how long a target is left alone whose run failed.
const avoidFor = 2 * time.Minute

// Machine decides what is downloaded.
type Machine struct {
	cfg Config

	// loop state
	local  Local
	peers  map[string]Status
	failed map[types.Root]time.Time // until when a target is left alone
	// cautious has the next run begin at the finalized block: the last one began at a block that turned out not to be in common.
	cautious bool
	ahead    time.Time // since when somebody is ahead; zero while nobody is
	target   Target
	namedBy  []string          // who named the target
	survey   *survey           // while a common block is sought
	run      *download.Machine // while one is under way
	out      []Action
}

// New makes a machine.
func New(cfg Config) *Machine {
	if cfg.Tolerance == 0 {
		cfg.Tolerance = types.Slot(cfg.SlotsPerEpoch)
	}
	if cfg.Patience == 0 {
		cfg.Patience = 2 * time.Second
	}
	if cfg.Download.Size == 0 {
		cfg.Download.Size = cfg.SlotsPerEpoch
	}
	if cfg.Download.Numbers == nil {
		cfg.Download.Numbers = &download.Numbers{}
	}
	return &Machine{cfg: cfg, peers: map[string]Status{}, failed: map[types.Root]time.Time{}}
}

// Progress is where a run is.
type Progress struct {
	Running, Surveying bool
	Ahead              bool // somebody has what this node does not, and a run is to begin
	Importing          bool // a batch is with the chain, which everything waits for
	Target             Target
	Done, All          uint64 // slots
	Peers              int    // that are being asked
	Oldest             time.Duration
}

// Progress tells where the run is.
func (m *Machine) Progress(now time.Time) Progress {
	p := Progress{Running: m.run != nil, Surveying: m.survey != nil, Ahead: !m.ahead.IsZero(), Target: m.target}
	if m.run != nil {
		p.Done, p.All = m.run.Progress()
		p.Peers, p.Oldest = m.run.Busy(now)
		p.Importing = m.run.Importing()
	}
	return p
}

// SetLocal says where this node is.
func (m *Machine) SetLocal(now time.Time, l Local) []Action {
	m.local = l
	return m.step(now)
}

// SetPeer takes in a peer's status.
func (m *Machine) SetPeer(now time.Time, id string, s Status) []Action {
	m.peers[id] = s
	if m.run != nil {
		m.enlist(now, id)
	}
	return m.step(now)
}

// RemovePeer takes a peer out.
func (m *Machine) RemovePeer(now time.Time, id string) []Action {
	delete(m.peers, id)
	if m.run != nil {
		m.pass(now, m.run.RemovePeer(now, id))
	}
	if m.survey != nil {
		for request, peer := range m.survey.asked {
			if peer == id {
				m.probed(now, request, nil, false)
				break
			}
		}
	}
	return m.step(now)
}

// Tick lets time pass. It is called about once a second.
func (m *Machine) Tick(now time.Time) []Action {
	for root, until := range m.failed {
		if !now.Before(until) {
			delete(m.failed, root)
		}
	}
	if m.survey != nil && !now.Before(m.survey.due) {
		m.judge(now)
	}
	if m.run != nil {
		m.pass(now, m.run.Tick(now))
	}
	return m.step(now)
}

// Received takes in an answer.
func (m *Machine) Received(now time.Time, id uint64, a download.Answer) []Action {
	m.probed(now, id, a.Blocks, true)
	if m.run != nil {
		m.pass(now, m.run.Received(now, id, a))
	}
	return m.step(now)
}

// Failed takes in that a request failed.
func (m *Machine) Failed(now time.Time, id uint64, class download.Class, reason string) []Action {
	m.probed(now, id, nil, false)
	if m.run != nil {
		m.pass(now, m.run.Failed(now, id, class, reason))
	}
	return m.step(now)
}

// Imported takes in what became of a batch.
func (m *Machine) Imported(now time.Time, batch uint64, result download.Result, part download.Part, reason string) []Action {
	if m.run != nil {
		m.pass(now, m.run.Imported(now, batch, result, part, reason))
	}
	return m.step(now)
}

// Reset gives up whatever is under way. A target that a run did not get to is left alone for a while, and held against those who named it: who answers with
// nothing for slots that nobody has breaks no rule of an answer, and could keep the node from all others.
func (m *Machine) Reset(now time.Time, reason string) []Action {
	m.survey, m.cautious = nil, false
	if m.run != nil {
		m.pass(now, m.run.Stop(reason))
		m.avoid(now, m.namedBy, reason)
	}
	return m.step(now)
}

func (m *Machine) do(a Action) { m.out = append(m.out, a) }

// step begins a run if there is something to download, and gives the actions that have come together.
func (m *Machine) step(now time.Time) []Action {
	if m.run == nil && m.survey == nil {
		m.consider(now)
	}
	out := m.out
	m.out = nil
	return out
}

// consider begins a survey if somebody is ahead and enough peers have said where they are.
func (m *Machine) consider(now time.Time) {
	target, by := m.choose(now)
	switch {
	case len(by) == 0:
		m.ahead = time.Time{}
		return
	case m.ahead.IsZero():
		m.ahead = now
	}
	if len(m.peers) < witnesses && now.Sub(m.ahead) < m.cfg.Patience {
		return
	}
	m.target, m.namedBy = target, by
	m.survey = &survey{step: types.Slot(m.cfg.SlotsPerEpoch)}
	if m.cautious {
		m.begin(now, m.local.FinalizedSlot)
		return
	}
	m.ask(now, m.local.HeadSlot)
}

// begin begins the run, at the slot after a block that both have.
func (m *Machine) begin(now time.Time, common types.Slot) {
	m.survey = nil
	m.cautious = common > m.local.FinalizedSlot // until the run has shown that it is right
	cfg := m.cfg.Download
	cfg.First, cfg.Last, cfg.End = common+1, m.target.Slot, m.target.Root
	m.run = download.New(cfg)
	m.do(Started{m.target, cfg.First})
	// Those who named the target come first, so that the first batch is theirs: that others, who are further, lead over it is not known.
	rest := slices.DeleteFunc(slices.Sorted(maps.Keys(m.peers)), func(id string) bool { return slices.Contains(m.namedBy, id) })
	for _, id := range slices.Concat(m.namedBy, rest) {
		if m.run == nil {
			return // ended already
		}
		if _, here := m.peers[id]; here {
			m.enlist(now, id)
		}
	}
}

// enlist has a peer take part in the run, if it claims the target.
func (m *Machine) enlist(now time.Time, id string) {
	s := m.peers[id]
	switch {
	case m.target.claims(s):
		m.pass(now, m.run.SetPeer(now, download.Peer{ID: id, First: s.Earliest, Last: s.HeadSlot, Columns: s.Columns}))
	case m.run.Has(id):
		m.pass(now, m.run.RemovePeer(now, id))
	}
}

// pass hands on the actions of the run, and ends it when it says so.
func (m *Machine) pass(now time.Time, actions []download.Action) {
	for _, a := range actions {
		switch a := a.(type) {
		case download.Done:
			m.cautious = false
			m.do(Done{m.target})
			m.run = nil
		case download.Failed:
			m.fail(now, a)
		case download.Penalise:
			if a.Drop {
				delete(m.peers, a.Peer)
			}
			m.do(a)
		default:
			m.do(a)
		}
	}
}

// fail ends a run that did not reach its target. One that began above the finalized block is tried again from there.
func (m *Machine) fail(now time.Time, f download.Failed) {
	m.do(Failed{m.target, f.Reason})
	m.run = nil
	if m.cautious {
		return
	}
	m.avoid(now, f.Peers, f.Reason)
}

// avoid leaves the target alone for a while, and holds that against peers.
func (m *Machine) avoid(now time.Time, peers []string, reason string) {
	m.failed[m.target.Root] = now.Add(avoidFor)
	for _, id := range peers {
		m.do(download.Penalise{Peer: id, Reason: "claims " + m.target.String() + ", which cannot be imported: " + reason})
	}
}
