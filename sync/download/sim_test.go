package download

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/types"
)

// world is a chain, peers that serve it in their own ways, and the time.
type world struct {
	t     *testing.T
	m     *Machine
	cfg   Config
	chain []Block // by slot
	peers map[string]*server
	now   time.Time
	queue []event // by time

	held     map[uint64][]Block // what came of batches
	tip      types.Root         // of what is imported: the last block, or going backwards the parent of the first
	imported []Block
	later    int // imports that fail through no fault of a peer
	// judge says what becomes of an import before the blocks are looked at; Imported to have them looked at. Nil for none.
	judge func(i Import, blocks []Block) (Result, Part)
	// received hears of answers that are of use. Nil for nobody.
	received func(Request, Answer)
	dropped  map[string]string
	blamed   map[string]int
	result   Action // Done or Failed
	requests int
	most     map[string]int // requests under way at a peer, at most
	under    map[string]int
}

type event struct {
	at time.Time
	do func() []Action
}

// server is a peer.
type server struct {
	Peer
	rtt, perSlot time.Duration
	answer       func(w *world, r Request) (Answer, *failure) // nil for an honest one
}

type failure struct {
	class  Class
	reason string
}

var silent = &failure{reason: "silent"}

// newWorld makes a chain of slots with some gaps. Every third block has blobs.
func newWorld(t *testing.T, slots int, cfg Config) *world {
	w := &world{
		t: t, peers: map[string]*server{}, now: time.Unix(1_700_000_000, 0), held: map[uint64][]Block{}, dropped: map[string]string{},
		blamed: map[string]int{}, most: map[string]int{}, under: map[string]int{},
	}
	random := rand.New(rand.NewPCG(1, uint64(slots)))
	parent := root(1, 0)
	w.tip = parent
	for slot := types.Slot(1); slot <= types.Slot(slots); slot++ {
		if random.IntN(5) == 0 || slot > 40 && slot < 75 {
			continue
		}
		b := Block{Slot: slot, Root: root(1, slot), Parent: parent}
		w.chain = append(w.chain, b)
		parent = b.Root
	}
	cfg.First, cfg.Last = 1, types.Slot(slots)
	if cfg.Size == 0 {
		cfg.Size = 16
	}
	if cfg.Needs == nil {
		cfg.Needs = func(uint64, []Block) Needs { return Needs{} }
	}
	cfg.End = parent
	if cfg.Backward {
		w.tip, cfg.End = parent, root(1, 0)
	}
	w.cfg = cfg
	w.m = New(cfg)
	return w
}

func root(chain byte, slot types.Slot) types.Root {
	return types.Root{chain, byte(slot), byte(slot >> 8), byte(slot >> 16)}
}

// in is the blocks of a chain in a range.
func in(chain []Block, start types.Slot, count uint64) (out []Block) {
	for _, b := range chain {
		if b.Slot >= start && uint64(b.Slot) < uint64(start)+count {
			out = append(out, b)
		}
	}
	return out
}

func (w *world) add(s *server) {
	if s.Last == 0 {
		s.Last = w.cfg.Last
	}
	if s.rtt == 0 {
		s.rtt, s.perSlot = 50*time.Millisecond, 5*time.Millisecond
	}
	w.peers[s.ID] = s
	w.act(w.m.SetPeer(w.now, s.Peer))
}

func (w *world) after(d time.Duration, do func() []Action) {
	e := event{w.now.Add(d), do}
	at, _ := slices.BinarySearchFunc(w.queue, e, func(a, b event) int { return cmp.Or(a.at.Compare(b.at), -1) })
	w.queue = slices.Insert(w.queue, at, e)
}

// act does what the machine asks for.
func (w *world) act(actions []Action) {
	for _, a := range actions {
		switch a := a.(type) {
		case Request:
			w.request(a)
		case Cancel:
		case Import:
			w.after(10*time.Millisecond, func() []Action { return w.importBatch(a) })
		case Discard:
			delete(w.held, a.Batch)
		case Penalise:
			w.blamed[a.Peer]++
			if a.Drop {
				w.dropped[a.Peer] = a.Reason
			}
		default:
			if w.result != nil {
				w.t.Fatalf("the run ended twice: %+v, %+v", w.result, a)
			}
			w.result = a
		}
	}
}

func (w *world) request(r Request) {
	w.requests++
	s := w.peers[r.Peer]
	if s == nil {
		w.t.Fatalf("request to %s, who is not there: %+v", r.Peer, r)
	}
	w.under[r.Peer]++
	w.most[r.Peer] = max(w.most[r.Peer], w.under[r.Peer])
	a, failed := s.serve(w, r)
	took := s.rtt + s.perSlot*time.Duration(r.Count)
	a.FirstByte = s.rtt
	switch failed {
	case nil:
		w.after(took, func() []Action {
			w.under[r.Peer]--
			if r.Part == Blocks && w.m.flights[r.ID] != nil {
				w.held[r.Batch] = a.Blocks
			}
			if w.received != nil && w.m.flights[r.ID] != nil {
				w.received(r, a)
			}
			return w.m.Received(w.now, r.ID, a)
		})
	case silent:
	default:
		w.after(took, func() []Action {
			w.under[r.Peer]--
			return w.m.Failed(w.now, r.ID, failed.class, failed.reason)
		})
	}
}

func (s *server) serve(w *world, r Request) (Answer, *failure) {
	if s.answer != nil {
		return s.answer(w, r)
	}
	return honest(w, r)
}

func honest(w *world, r Request) (Answer, *failure) {
	a := Answer{Columns: r.Columns, Bytes: 1000 * int(r.Count)}
	if r.Part == Blocks {
		a.Blocks = in(w.chain, r.Start, r.Count)
	}
	return a, nil
}

// importBatch imports what is held of a batch.
func (w *world) importBatch(i Import) []Action {
	blocks := w.held[i.Batch]
	if w.later > 0 {
		w.later--
		return w.m.Imported(w.now, i.Batch, Later, Blocks, "the disk is busy")
	}
	if w.judge != nil {
		if result, part := w.judge(i, blocks); result != Imported {
			return w.m.Imported(w.now, i.Batch, result, part, "so it was judged")
		}
	}
	if w.cfg.Backward {
		if blocks[len(blocks)-1].Root != w.tip {
			return w.m.Imported(w.now, i.Batch, Unlinked, Blocks, "")
		}
		w.imported = append(slices.Clone(blocks), w.imported...)
		w.tip = blocks[0].Parent
		return w.m.Imported(w.now, i.Batch, Imported, Blocks, "")
	}
	if blocks[0].Parent != w.tip {
		return w.m.Imported(w.now, i.Batch, Unlinked, Blocks, "")
	}
	for _, b := range blocks {
		if b.Root[0] != 1 {
			return w.m.Imported(w.now, i.Batch, Wrong, Blocks, fmt.Sprintf("block of slot %d is wrong", b.Slot))
		}
	}
	w.imported = append(w.imported, blocks...)
	w.tip = blocks[len(blocks)-1].Root
	return w.m.Imported(w.now, i.Batch, Imported, Blocks, "")
}

// run lets time pass until the run ends.
func (w *world) run() {
	w.t.Helper()
	end := w.now.Add(time.Hour)
	var tick func() []Action
	tick = func() []Action {
		w.after(time.Second, tick)
		return w.m.Tick(w.now)
	}
	w.after(time.Second, tick)
	for w.result == nil {
		e := w.queue[0]
		w.queue = w.queue[1:]
		if w.now = e.at; w.now.After(end) {
			w.t.Fatalf("the run does not end; %d slots are imported, %d requests are under way, blamed %v, first is %+v of %d, at import %v", w.m.imported, len(w.m.flights), w.blamed, w.m.row, len(w.m.row), w.m.at)
		}
		w.act(e.do())
	}
}

// wantAll checks that the run ended with all blocks imported.
func (w *world) wantAll() {
	w.t.Helper()
	w.run()
	if _, done := w.result.(Done); !done {
		w.t.Fatalf("ended with %+v, blamed %v, dropped %v", w.result, w.blamed, w.dropped)
	}
	if !slices.Equal(w.imported, w.chain) {
		w.t.Fatalf("%d blocks are imported, want %d", len(w.imported), len(w.chain))
	}
	if done, all := w.m.Progress(); done != all {
		w.t.Errorf("progress is %d of %d", done, all)
	}
	if len(w.held) != 0 {
		w.t.Errorf("%d batches were not discarded", len(w.held))
	}
}

// wantDropped checks who was dropped.
func (w *world) wantDropped(want ...string) {
	w.t.Helper()
	var have []string
	for id := range w.dropped {
		have = append(have, id)
	}
	slices.Sort(have)
	if !slices.Equal(have, want) {
		w.t.Errorf("dropped are %v, want %v", w.dropped, want)
	}
}
