package rangesync

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/sync/download"
)

const perEpoch = 8

// world is this node, its peers, and the time. Chains are named by a byte; all of them have a block in each slot and part from
// chain 0 somewhere.
type world struct {
	t     *testing.T
	m     *Machine
	now   time.Time
	local Local
	own   []download.Block // the node's chain from genesis on
	known map[types.Root]bool
	peers map[string]*server
	queue []func() []Action
	held  map[uint64][]download.Block

	log       []string // Started, Done, Failed
	penalised map[string]string
	probes    int
}

// server is a peer: it serves a chain, which is claimed to be finalized up to an epoch, and may lie about it.
type server struct {
	status Status
	chain  []download.Block
	lie    func(download.Request) ([]download.Block, bool)
}

// chain is a chain up to a slot that parts from chain 0 after another slot.
func chain(name byte, parts, last types.Slot) (out []download.Block) {
	root := func(slot types.Slot) types.Root {
		if slot <= parts {
			return types.Root{1, byte(slot), byte(slot >> 8)}
		}
		return types.Root{1 + name, byte(slot), byte(slot >> 8)}
	}
	for slot := types.Slot(1); slot <= last; slot++ {
		out = append(out, download.Block{Slot: slot, Root: root(slot), Parent: root(slot - 1)})
	}
	return out
}

func newWorld(t *testing.T, own []download.Block, finalized types.Epoch) *world {
	w := &world{
		t: t, now: time.Unix(1_700_000_000, 0), known: map[types.Root]bool{}, peers: map[string]*server{}, held: map[uint64][]download.Block{},
		penalised: map[string]string{},
	}
	for _, b := range own {
		w.known[b.Root] = true
	}
	w.own = own
	w.m = New(Config{SlotsPerEpoch: perEpoch, Chain: w, Download: download.Config{Needs: func(uint64, []download.Block) download.Needs { return download.Needs{} }}})
	w.local = Local{FinalizedEpoch: finalized, FinalizedSlot: types.Slot(finalized) * perEpoch}
	if finalized > 0 {
		w.local.FinalizedRoot = own[w.local.FinalizedSlot-1].Root
	}
	w.settle()
	return w
}

func (w *world) Canonical(slot types.Slot) (Block, bool) {
	if slot == 0 || len(w.own) == 0 {
		return Block{}, false
	}
	b := w.own[min(int(slot), len(w.own))-1]
	return Block{b.Slot, b.Root}, b.Slot >= w.local.FinalizedSlot
}

func (w *world) Knows(root types.Root) bool { return w.known[root] }

// settle tells the machine where the node is.
func (w *world) settle() {
	w.local.HeadSlot = types.Slot(len(w.own))
	w.act(w.m.SetLocal(w.now, w.local))
}

// add adds a peer whose chain is finalized up to an epoch.
func (w *world) add(id string, c []download.Block, finalized types.Epoch) *server {
	last := c[len(c)-1]
	s := &server{chain: c, status: Status{FinalizedEpoch: finalized, HeadSlot: last.Slot, HeadRoot: last.Root}}
	if finalized > 0 {
		s.status.FinalizedRoot = c[finalized*perEpoch-1].Root
	}
	w.peers[id] = s
	return s
}

// meet has the peers say what they have.
func (w *world) meet() {
	ids := make([]string, 0, len(w.peers))
	for id := range w.peers {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		w.act(w.m.SetPeer(w.now, id, w.peers[id].status))
	}
}

func (w *world) act(actions []Action) {
	for _, a := range actions {
		switch a := a.(type) {
		case download.Request:
			w.request(a)
		case download.Import:
			w.queue = append(w.queue, func() []Action { return w.importBatch(a) })
		case download.Discard:
			delete(w.held, a.Batch)
		case download.Penalise:
			w.penalised[a.Peer] = a.Reason
		case Started:
			w.log = append(w.log, fmt.Sprintf("started at %d to %d", a.First, a.Target.Slot))
		case Done:
			w.log = append(w.log, fmt.Sprintf("done to %d", a.Target.Slot))
		case Failed:
			w.log = append(w.log, fmt.Sprintf("failed to %d", a.Target.Slot))
		}
	}
}

func (w *world) request(r download.Request) {
	s := w.peers[r.Peer]
	if r.Count == 1 && r.Batch == 0 {
		w.probes++
	}
	blocks, answers := []download.Block(nil), true
	if s.lie != nil {
		blocks, answers = s.lie(r)
	} else {
		blocks = s.serve(r)
	}
	if !answers {
		return
	}
	w.queue = append(w.queue, func() []Action {
		w.held[r.Batch] = blocks
		return w.m.Received(w.now, r.ID, download.Answer{Blocks: blocks, FirstByte: time.Millisecond})
	})
}

func (s *server) serve(r download.Request) (out []download.Block) {
	for _, b := range s.chain {
		if b.Slot >= r.Start && uint64(b.Slot-r.Start) < r.Count {
			out = append(out, b)
		}
	}
	return out
}

func (w *world) importBatch(i download.Import) []Action {
	blocks := w.held[i.Batch]
	parent := blocks[0].Parent
	if !w.known[parent] && blocks[0].Slot > 1 {
		return w.m.Imported(w.now, i.Batch, download.Unlinked, download.Blocks, "")
	}
	for _, b := range blocks {
		if b.Root[0] == 9 { // chain 8 breaks a rule
			return w.m.Imported(w.now, i.Batch, download.Wrong, download.Blocks, "is wrong")
		}
		w.known[b.Root] = true
		w.own = append(w.own[:b.Slot-1:b.Slot-1], b)
	}
	w.local.HeadSlot = types.Slot(len(w.own))
	return append(w.m.SetLocal(w.now, w.local), w.m.Imported(w.now, i.Batch, download.Imported, download.Blocks, "")...)
}

// run lets some minutes pass.
func (w *world) run(minutes int) {
	for end := w.now.Add(time.Duration(minutes) * time.Minute); w.now.Before(end); {
		for len(w.queue) > 0 {
			w.now = w.now.Add(5 * time.Millisecond)
			f := w.queue[0]
			w.queue = w.queue[1:]
			w.act(f())
		}
		w.now = w.now.Add(time.Second)
		w.act(w.m.Tick(w.now))
	}
}

func (w *world) want(log ...string) {
	w.t.Helper()
	if !slices.Equal(w.log, log) {
		w.t.Errorf("runs were %q, want %q; penalised %v", w.log, log, w.penalised)
	}
}

func (w *world) wantHead(c []download.Block) {
	w.t.Helper()
	if !slices.Equal(w.own, c) {
		w.t.Errorf("head is %+v, want %+v", w.own[len(w.own)-1], c[len(c)-1])
	}
}

func TestAnEmptyNodeGoesToTheFinalizedBlockAndThenToTheHead(t *testing.T) {
	w := newWorld(t, nil, 0)
	c := chain(0, 100, 100)
	w.add("a", c, 9)
	w.add("b", c, 9)
	w.meet()
	w.run(1)
	w.want("started at 1 to 72", "done to 72", "started at 73 to 100", "done to 100")
	w.wantHead(c)
	if len(w.penalised) > 0 {
		t.Errorf("penalised are %v", w.penalised)
	}
}

func TestTheLargestGroupIsBelieved(t *testing.T) {
	w := newWorld(t, nil, 0)
	c, other := chain(0, 100, 100), chain(2, 0, 120)
	w.add("a", c, 9)
	w.add("b", c, 9)
	w.add("far ahead", other, 12)
	w.meet()
	w.run(1)
	if w.log[0] != "started at 1 to 72" || w.log[1] != "done to 72" {
		t.Errorf("runs were %q", w.log)
	}
	if w.own[71] != c[71] {
		t.Errorf("block of slot 72 is %v, want %v", w.own[71], c[71])
	}
}

func TestAFinalizedCheckpointGoesBeforeHeads(t *testing.T) {
	w := newWorld(t, chain(0, 100, 40), 4)
	c, other := chain(0, 100, 100), chain(2, 40, 110)
	w.add("a", c, 9)
	for i := range 3 {
		w.add(fmt.Sprint("head", i), other, 4)
	}
	w.meet()
	if len(w.log) > 0 {
		t.Fatalf("began without a survey: %q", w.log)
	}
	w.run(1)
	if w.log[0] != "started at 41 to 72" || w.log[1] != "done to 72" {
		t.Errorf("runs were %q", w.log)
	}
}

func TestNothingBeginsWhereNobodyIsAhead(t *testing.T) {
	w := newWorld(t, chain(0, 100, 95), 9)
	w.add("a", chain(0, 100, 100), 9) // within the tolerance
	w.add("b", chain(0, 100, 40), 3)
	w.meet()
	w.run(1)
	w.want()
}

func TestARunBeginsAtTheLastBlockInCommon(t *testing.T) {
	w := newWorld(t, chain(3, 70, 90), 2) // long without finality, and on a branch of its own since slot 70
	c := chain(0, 200, 200)
	w.add("a", c, 2)
	w.add("b", c, 2)
	w.meet()
	w.run(1)
	// 90 is not in common, nor 74; 42 is.
	w.want("started at 43 to 200", "done to 200")
	w.wantHead(c)
	if w.probes != 6 {
		t.Errorf("%d probes, want 3 of 2 peers", w.probes)
	}
}

func TestALieAboutTheCommonBlockCostsOneRun(t *testing.T) {
	own := chain(3, 20, 90)
	w := newWorld(t, own, 2)
	c := chain(0, 200, 200)
	lie := func(s *server) {
		s.lie = func(r download.Request) ([]download.Block, bool) {
			if r.Batch == 0 {
				return own[r.Start-1 : r.Start], true
			}
			return s.serve(r), true
		}
	}
	lie(w.add("a", c, 2))
	lie(w.add("b", c, 2))
	w.meet()
	w.run(3)
	w.want("started at 91 to 200", "failed to 200", "started at 17 to 200", "done to 200")
	w.wantHead(c)
}

func TestPeersThatDoNotAnswerTheSurveyDoNotStopIt(t *testing.T) {
	w := newWorld(t, chain(0, 300, 90), 2)
	c := chain(0, 300, 200)
	for _, id := range []string{"a", "b"} {
		w.add(id, c, 2).lie = func(download.Request) ([]download.Block, bool) { return nil, false }
	}
	w.add("c", c, 2)
	w.meet()
	w.run(3)
	w.want("started at 91 to 200", "done to 200")
}

func TestATargetThatCannotBeImportedIsLeftAloneForAWhile(t *testing.T) {
	w := newWorld(t, nil, 0)
	wrong, c := chain(8, 10, 100), chain(0, 100, 100)
	for i := range 7 {
		w.add(fmt.Sprint("wrong", i), wrong, 9)
	}
	w.add("right", c, 9)
	w.meet()
	w.run(1)
	if !slices.Contains(w.log, "failed to 72") || w.log[len(w.log)-1] != "done to 100" {
		t.Errorf("runs were %q", w.log)
	}
	w.wantHead(c)
	if w.penalised["right"] != "" {
		t.Errorf("penalised are %v", w.penalised)
	}
}

func TestAPeerThatLeavesDuringTheSurveyIsNotWaitedFor(t *testing.T) {
	w := newWorld(t, chain(0, 300, 90), 2)
	c := chain(0, 300, 200)
	w.add("a", c, 2)
	w.add("b", c, 2).lie = func(download.Request) ([]download.Block, bool) { return nil, false }
	w.meet()
	w.now = w.now.Add(3 * time.Second)
	w.act(w.m.Tick(w.now))
	for _, f := range w.queue {
		w.act(f())
	}
	w.queue = nil
	w.act(w.m.RemovePeer(w.now, "b"))
	if len(w.log) != 1 || w.log[0] != "started at 91 to 200" {
		t.Errorf("runs were %q", w.log)
	}
}

func TestProgressIsTold(t *testing.T) {
	w := newWorld(t, nil, 0)
	w.add("a", chain(0, 100, 100), 9)
	w.meet()
	w.now = w.now.Add(3 * time.Second)
	w.act(w.m.Tick(w.now))
	if p := w.m.Progress(w.now.Add(time.Second)); !p.Running || p.Done != 0 || p.All != 72 || p.Peers != 1 || p.Oldest != time.Second ||
		!strings.HasPrefix(p.Target.String(), "finalized epoch 9") {
		t.Errorf("progress is %+v", p)
	}
	w.run(1)
	if p := w.m.Progress(w.now); p.Running || p.Surveying {
		t.Errorf("progress is %+v", p)
	}
}

// A peer that names a finalized block far ahead and answers with nothing breaks no rule of an answer. It costs one run, and is not asked again for what it names.
func TestATargetThatARunStoodStillForIsLeftAloneForAWhile(t *testing.T) {
	w := newWorld(t, chain(0, 300, 90), 2)
	c := chain(0, 300, 200)
	w.add("a", c, 2)
	liar := w.add("liar", c, 2)
	liar.status = Status{FinalizedEpoch: 20, FinalizedRoot: types.Root{66}, HeadSlot: 170, HeadRoot: types.Root{67}}
	liar.lie = func(r download.Request) ([]download.Block, bool) { return nil, r.Batch == 0 }
	w.meet()
	w.now = w.now.Add(3 * time.Second)
	w.act(w.m.Tick(w.now))
	for len(w.queue) > 0 {
		f := w.queue[0]
		w.queue = w.queue[1:]
		w.act(f())
	}
	w.want("started at 17 to 160")
	w.act(w.m.Reset(w.now, "nothing came"))
	w.run(1)
	w.want("started at 17 to 160", "failed to 160", "started at 91 to 200", "done to 200")
	w.wantHead(c)
	if w.penalised["liar"] == "" || w.penalised["a"] != "" {
		t.Errorf("penalised are %v", w.penalised)
	}
}

func TestAnEpochWhoseSlotsCannotBeCountedIsNoTarget(t *testing.T) {
	w := newWorld(t, nil, 0)
	liar := w.add("liar", chain(0, 3, 3), 0)
	liar.status.FinalizedEpoch, liar.status.FinalizedRoot = 1<<61+9, types.Root{66} // slot 72, if it wrapped
	c := chain(0, 100, 100)
	w.add("a", c, 9)
	w.meet()
	w.run(1)
	w.want("started at 1 to 72", "done to 72", "started at 73 to 100", "done to 100")
}
