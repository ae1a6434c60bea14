package backfill

import (
	"time"

	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/sync/download"
)

// Config is what a Machine is made of.
type Config struct {
	// Oldest is the slot of the oldest block that is here.
	Oldest types.Slot
	// First is the last slot that is not downloaded any more: genesis, or where the retention of blocks ends.
	First types.Slot
	// Download is the bounds of a run; its slots and its direction are set by the machine.
	Download download.Config
}

// Done says that nothing is left to be downloaded.
type Done struct{}

// Failed says that a run ended before that; another one is begun after a pause.
type Failed struct {
	Reason string
	Pause  time.Duration
}

// Action is something to be done: one of the types above, or a download.Action but its Done and Failed.
type Action = any

const (
	firstPause   = 15 * time.Second
	longestPause = 10 * time.Minute
)

// Machine downloads history.
type Machine struct {
	cfg Config

	// loop state
	peers  map[string]download.Peer
	run    *download.Machine // while one is under way
	from   types.Slot        // the oldest block when the machine was made
	oldest types.Slot
	held   bool // nothing is begun: something else is more urgent
	pause  time.Duration
	resume time.Time
	done   bool
	out    []Action
}

// New makes a machine.
func New(cfg Config) *Machine {
	if cfg.Download.Numbers == nil {
		cfg.Download.Numbers = &download.Numbers{}
	}
	return &Machine{cfg: cfg, peers: map[string]download.Peer{}, from: cfg.Oldest, oldest: cfg.Oldest}
}

// Progress is the slots that are done and all, the peers that are being asked, and the age of the oldest request.
func (m *Machine) Progress(now time.Time) (done, all uint64, peers int, oldest time.Duration) {
	if m.run != nil {
		peers, oldest = m.run.Busy(now)
	}
	return uint64(m.from - m.oldest), uint64(m.from.SubSaturating(m.cfg.First)), peers, oldest
}

// Hold stops the run, or lets it go on: what is at the head of the chain is more urgent than its history.
func (m *Machine) Hold(now time.Time, hold bool) []Action {
	if m.held = hold; hold && m.run != nil {
		m.pass(now, m.run.Stop(""))
		m.resume = now
	}
	return m.step(now)
}

// SetPeer takes in what a peer serves.
func (m *Machine) SetPeer(now time.Time, p download.Peer) []Action {
	m.peers[p.ID] = p
	if m.run != nil {
		m.pass(now, m.run.SetPeer(now, p))
	}
	return m.step(now)
}

// RemovePeer takes a peer out.
func (m *Machine) RemovePeer(now time.Time, id string) []Action {
	delete(m.peers, id)
	if m.run != nil {
		m.pass(now, m.run.RemovePeer(now, id))
	}
	return m.step(now)
}

// Tick lets time pass. It is called about once a second.
func (m *Machine) Tick(now time.Time) []Action {
	if m.run != nil {
		m.pass(now, m.run.Tick(now))
	}
	return m.step(now)
}

// Received takes in an answer.
func (m *Machine) Received(now time.Time, id uint64, a download.Answer) []Action {
	if m.run != nil {
		m.pass(now, m.run.Received(now, id, a))
	}
	return m.step(now)
}

// Failed takes in that a request failed.
func (m *Machine) Failed(now time.Time, id uint64, class download.Class, reason string) []Action {
	if m.run != nil {
		m.pass(now, m.run.Failed(now, id, class, reason))
	}
	return m.step(now)
}

// Imported takes in what became of a batch. Oldest is the slot of the oldest block that is here now.
func (m *Machine) Imported(now time.Time, batch uint64, result download.Result, part download.Part, reason string, oldest types.Slot) []Action {
	if m.oldest = oldest; result == download.Imported {
		m.pause = 0
	}
	if m.run != nil {
		m.pass(now, m.run.Imported(now, batch, result, part, reason))
	}
	return m.step(now)
}

// step begins a run if there is none, and gives the actions that have come together.
func (m *Machine) step(now time.Time) []Action {
	if m.run == nil && !m.held && !m.done && !now.Before(m.resume) {
		m.begin(now)
	}
	out := m.out
	m.out = nil
	return out
}

// begin begins a run if there is somebody to be asked.
func (m *Machine) begin(now time.Time) {
	if m.oldest <= m.cfg.First+1 {
		m.done = true
		m.out = append(m.out, Done{})
		return
	}
	if len(m.peers) == 0 {
		return
	}
	cfg := m.cfg.Download
	cfg.First, cfg.Last, cfg.Backward = m.cfg.First+1, m.oldest-1, true
	m.run = download.New(cfg)
	for _, p := range m.peers {
		if m.run == nil {
			return
		}
		m.pass(now, m.run.SetPeer(now, p))
	}
}

// pass hands on the actions of the run, and ends it when it says so.
func (m *Machine) pass(now time.Time, actions []download.Action) {
	for _, a := range actions {
		switch a := a.(type) {
		case download.Done:
			m.run = nil
			// Slots without a block may be all that was left.
			m.oldest = m.cfg.First
		case download.Failed:
			m.run = nil
			if !m.held {
				m.pause = min(longestPause, max(firstPause, 2*m.pause))
				m.resume = now.Add(m.pause)
				m.out = append(m.out, Failed{a.Reason, m.pause})
			}
		case download.Penalise:
			if a.Drop {
				delete(m.peers, a.Peer)
			}
			m.out = append(m.out, a)
		default:
			m.out = append(m.out, a)
		}
	}
}
