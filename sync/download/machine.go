package download

import (
	"fmt"
	"time"

	"github.com/cresset/cresset/beacon/types"
)

// Part is a kind of data of a batch.
type Part uint8

// The parts.
const (
	Blocks   Part = iota
	Payloads      // envelopes, from gloas on
	Blobs         // deneb and electra
	Columns       // from fulu on
)

func (p Part) String() string { return [...]string{"blocks", "payloads", "blobs", "columns"}[p] }

// Block is what the machine knows of a block.
type Block struct {
	Slot         types.Slot
	Root, Parent types.Root
}

// Needs is what a batch needs besides its blocks.
type Needs struct {
	Payloads, Blobs bool
	Columns         []uint64 // ascending
}

// Config is what a Machine is made of.
type Config struct {
	// First and Last are the slots of the run, both included.
	First, Last types.Slot
	// End is the root that the run has to end with: that of its last block, or going backwards the parent of its first. Zero for one that is
	// not known: then two peers have to agree that there is none after the last that came, if there are two.
	End types.Root
	// Backward has batches handed out from the last slot to the first.
	Backward bool
	// Size is the slots of a batch.
	Size uint64
	// Needs tells what else a batch needs, by its number and the blocks that came. Where that is payloads it is asked again when they have come: which columns are needed
	// follows from them. Of columns it names those that are not here.
	Needs func(batch uint64, blocks []Block) Needs
	// Ahead bounds the batches under way or waiting for their turn, AheadBytes what came of them and what is asked for, as far as that can be estimated; the first one is always let through.
	// Defaults 16 and 256 MiB.
	Ahead      int
	AheadBytes int
	// PerPeer bounds the requests under way at one peer. Default 4.
	PerPeer int
	// Timeout is the longest that an answer may take. Default 30 s; a peer of known speed has less.
	Timeout time.Duration
	// Attempts is how many peers a batch is tried from. Default 5.
	Attempts int
	// Numbers gives requests and batches their numbers. Machines that share it have no number in common. Nil for one of its own.
	Numbers *Numbers
}

// Numbers gives numbers away, each once, beginning with 1. It belongs to the goroutine of the machines that share it.
type Numbers struct{ last uint64 }

// Next is the next number.
func (n *Numbers) Next() uint64 {
	n.last++
	return n.last
}

func (cfg *Config) setDefaults() {
	def := func(p *int, v int) {
		if *p == 0 {
			*p = v
		}
	}
	def(&cfg.Ahead, 16)
	def(&cfg.AheadBytes, 256<<20)
	def(&cfg.PerPeer, 4)
	def(&cfg.Attempts, 5)
	if cfg.Numbers == nil {
		cfg.Numbers = &Numbers{}
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 30 * time.Second
	}
}

// Action is something to be done: one of the types below.
type Action interface{ action() }

// Request is a request to be sent to a peer. The answer comes back with its ID; one that comes after it was cancelled is not of use.
type Request struct {
	ID      uint64
	Peer    string
	Batch   uint64 // 0 for none: what comes need not be kept
	Part    Part
	Start   types.Slot
	Count   uint64
	Columns []uint64 // for Columns, ascending
	First   bool     // all else waits for it: it is to be let through whatever it takes
}

// Cancel gives a request up.
type Cancel struct{ ID uint64 }

// Import asks for a batch to be imported. No other is handed out until its result is here.
type Import struct {
	Batch uint64
	Start types.Slot
	Count uint64
}

// Discard drops what came of a batch: it was imported, or is asked for again.
type Discard struct{ Batch uint64 }

// Penalise says what a peer did wrong. With Drop it is not to be connected any more; otherwise Slow says that it was late, and no more.
type Penalise struct {
	Peer   string
	Reason string
	Slow   bool
	Drop   bool
}

// Done says that all of the run is imported.
type Done struct{}

// Failed says that the run cannot go on: no peer has what a batch needs, or nothing that peers sent could be imported. Peers are those
// that sent it.
type Failed struct {
	Reason string
	Peers  []string
}

func (Request) action()  {}
func (Cancel) action()   {}
func (Import) action()   {}
func (Discard) action()  {}
func (Penalise) action() {}
func (Done) action()     {}
func (Failed) action()   {}

// batch is a run of slots under way.
type batch struct {
	id    uint64
	start types.Slot
	count uint64

	// what came
	got    bool // the blocks are here
	blocks []Block
	from   map[Part][]string // who sent what
	needs  Needs             // what is not here yet
	bytes  int

	// what is under way
	asked        map[Part]bool
	askedColumns map[uint64]bool

	// what went wrong
	tried     map[attempt]bool // what a peer is not asked for again
	waits     int              // imports that waited for the payload of the block before
	wrong     []content        // what came before and could not be imported
	fails     int              // contents that could not be imported
	rounds    int              // times that all peers had been tried
	disputes  []dispute        // about blocks that are being asked for again
	conflicts int              // disputes in all
}

// dispute is a peer's claim that the blocks of a batch are wrong.
type dispute struct {
	by     attempt
	blocks []Block
	reason string
}

// attempt is a peer that was asked for a part.
type attempt struct {
	peer string
	part Part
}

// content is the blocks that a peer sent for a batch.
type content struct {
	peer   string
	blocks []Block
}

func (b *batch) complete() bool {
	return b.got && !b.needs.Payloads && !b.needs.Blobs && len(b.needs.Columns) == 0
}

func (b *batch) String() string {
	return fmt.Sprintf("slots %d to %d", b.start, uint64(b.start)+b.count-1)
}

// flight is a request under way.
type flight struct {
	Request
	sent, due time.Time
}

// Machine downloads a run of slots.
type Machine struct {
	cfg Config

	// loop state
	peers   map[string]*peer
	shunned map[string]bool // peers that have no part in the run
	typical int             // bytes that a batch takes, as batches did so far
	row     []*batch        // in the order of import; the first may be at import
	flights map[uint64]*flight
	next    types.Slot // the first slot of the next batch; going backwards, the one after its last
	made    bool       // all batches of the run are made
	at      bool       // the first batch is at import
	retry   time.Time  // when an import that failed through no fault of a peer is tried again
	pause   time.Duration
	// gap is the batches without a block that were imported since the last block, in order: a peer may have withheld some.
	gap      []*batch
	paid     []string   // who sent the payloads of the batch that was imported last
	tip      types.Root // what the imported blocks end with
	imported uint64     // slots
	ended    bool
	out      []Action
}

// firstBatches is how many batches are asked for before it is known what one takes: enough that peers who do not answer do not hold all up.
const firstBatches = 8

// New makes a machine. It does nothing until it has peers.
func New(cfg Config) *Machine {
	cfg.setDefaults()
	m := &Machine{cfg: cfg, peers: map[string]*peer{}, shunned: map[string]bool{}, flights: map[uint64]*flight{}, typical: cfg.AheadBytes / firstBatches}
	m.next = cfg.First
	if cfg.Backward {
		m.next = cfg.Last + 1
	}
	return m
}

// Progress is the slots of the run that are imported, and all.
func (m *Machine) Progress() (done, all uint64) {
	if m.cfg.Last < m.cfg.First {
		return 0, 0
	}
	return m.imported, uint64(m.cfg.Last-m.cfg.First) + 1
}

// Busy is the number of peers that are being asked, and the time since the oldest request was sent.
func (m *Machine) Busy(now time.Time) (peers int, oldest time.Duration) {
	asked := map[string]bool{}
	for _, f := range m.flights {
		asked[f.Peer] = true
		oldest = max(oldest, now.Sub(f.sent))
	}
	return len(asked), oldest
}

// Importing tells whether a batch is at import.
func (m *Machine) Importing() bool { return m.at }

// Tick lets time pass: requests that are late are given up, and whoever is idle is asked. It is called about once a second, and
// after every other event the machine asks by itself.
func (m *Machine) Tick(now time.Time) []Action {
	m.expire(now)
	return m.step(now)
}

// step does what can be done now and gives the actions that have come together.
func (m *Machine) step(now time.Time) []Action {
	if !m.ended {
		m.fill()
		m.assign(now)
		m.handOut(now)
	}
	if !m.ended && m.made && len(m.row) == 0 {
		m.end(now)
	}
	out := m.out
	m.out = nil
	return out
}

func (m *Machine) do(a Action) { m.out = append(m.out, a) }

// fill makes batches as far as the bounds allow.
func (m *Machine) fill() {
	for !m.made && len(m.row) < m.cfg.Ahead {
		b := m.newBatch()
		if b == nil {
			m.made = true
			break
		}
		m.row = append(m.row, b)
	}
}

func (m *Machine) newBatch() *batch {
	start, count := m.next, m.cfg.Size
	if m.cfg.Backward {
		if m.next <= m.cfg.First {
			return nil
		}
		count = min(count, uint64(m.next-m.cfg.First))
		start = m.next - types.Slot(count)
		m.next = start
	} else {
		if m.next > m.cfg.Last {
			return nil
		}
		count = min(count, uint64(m.cfg.Last-m.next)+1)
		m.next += types.Slot(count)
	}
	b := &batch{id: m.cfg.Numbers.Next(), start: start, count: count, tried: map[attempt]bool{}}
	b.reset()
	return b
}

// reset forgets what came of a batch.
func (b *batch) reset() {
	b.got, b.blocks, b.bytes, b.needs = false, nil, 0, Needs{}
	b.from, b.asked, b.askedColumns = map[Part][]string{}, map[Part]bool{}, map[uint64]bool{}
}
