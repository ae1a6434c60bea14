package server

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/clock"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/simnet"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/store"
	"github.com/cresset/cresset/beacon/store/kv"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/sync/reqresp"
	"github.com/cresset/cresset/sync/reqresp/reqresptest"
)

const genesisTime = 1_700_000_000

// world is a node's disk and chain, its server, and peers that ask it.
type world struct {
	t       *testing.T
	spec    *params.Spec
	store   *store.Store
	time    *clock.Manual
	clock   *clock.Clock
	memory  []BlockRef // of the chain, from the head back
	blocks  *countedBlocks
	history history
	peers   *peerBook
	table   *reqresp.Table
	digests *reqresp.Digests
	net     *reqresptest.Network
	asked   int // peers that have asked
	mu      sync.Mutex
	faults  []reqresp.Incident
}

// history is a node's.
type history struct{ block, sidecar types.Slot }

func (h *history) EarliestBlock() types.Slot   { return h.block }
func (h *history) EarliestSidecar() types.Slot { return h.sidecar }

// Canonical is the part of the chain in memory.
func (w *world) Canonical() iter.Seq[BlockRef] { return slices.Values(w.memory) }

// countedBlocks counts what is read, and fails if it is told to.
type countedBlocks struct {
	*store.Store
	reads int
	fail  error
}

func (c *countedBlocks) BlockBytes(root types.Root) ([]byte, error) {
	c.reads++
	if c.fail != nil {
		return nil, c.fail
	}
	return c.Store.BlockBytes(root)
}

func newWorld(t *testing.T, fork params.Fork, overrides ...string) *world {
	t.Helper()
	spec, err := simnet.Spec(fork)
	check(t, err)
	if len(overrides) > 0 {
		spec, _, err = spec.Override([]byte("PRESET_BASE: minimal\nCONFIG_NAME: simnet\n" + strings.Join(overrides, "\n") + "\n"))
		check(t, err)
	}
	w := &world{t: t, spec: spec, peers: &peerBook{}, table: reqresp.NewTable(spec), digests: reqresp.NewDigests(spec, types.Root{1})}
	w.store, err = store.Open(store.Config{Memory: kv.NewMemory(), Spec: spec})
	check(t, err)
	t.Cleanup(func() { check(t, w.store.Close()) })
	w.blocks = &countedBlocks{Store: w.store}
	w.time = clock.NewManual(time.Unix(genesisTime, 0))
	w.clock = clock.New(clock.Config{Spec: spec, GenesisTime: genesisTime, Source: w.time})
	w.serve(nil)
	return w
}

// serve makes the server.
func (w *world) serve(l *Light) {
	w.net = &reqresptest.Network{Servers: map[string]*reqresp.Server{"server": reqresp.NewServer(reqresp.ServerConfig{
		Table: w.table, Digests: w.digests, Clock: w.clock,
		Handlers: Handlers(Config{
			Spec: w.spec, Clock: w.clock, Chain: w, Blocks: w.blocks, Data: w.store, History: &w.history, Peers: w.peers, Light: l,
		}),
		Report: func(i reqresp.Incident) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.faults = append(w.faults, i)
		},
	})}}
	w.t.Cleanup(w.net.Wait.Wait)
}

// peer is a peer that has not asked before, so that no quota is used.
func (w *world) peer() *reqresp.Client {
	w.asked++
	opener := w.net.Opener(fmt.Sprint("peer ", w.asked))
	return reqresp.NewClient(reqresp.ClientConfig{Table: w.table, Digests: w.digests, Opener: opener, Clock: w.clock})
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// at sets the time to a slot.
func (w *world) at(slot types.Slot) { w.time.Set(w.clock.StartOf(slot)) }

func (w *world) cx(slot types.Slot) ssz.Context {
	return ssz.Context{Spec: w.spec, Fork: w.spec.ForkAtSlot(slot)}
}

// write commits changes of the disk.
func (w *world) write(f func(b *store.Batch)) {
	w.t.Helper()
	b := w.store.NewBatch()
	f(b)
	check(w.t, b.Commit(false))
}

// block writes a block; a mark tells blocks of a slot apart.
func (w *world) block(slot types.Slot, parent types.Root, mark byte) BlockRef {
	w.t.Helper()
	signed := &types.SignedBeaconBlock{Message: types.BeaconBlock{Slot: slot, ParentRoot: parent, StateRoot: types.Root{mark}}}
	root, err := ssz.HashTreeRoot(w.cx(slot), ssz.Container(&signed.Message))
	check(w.t, err)
	w.write(func(b *store.Batch) { check(w.t, b.PutBlock(root, signed)) })
	return BlockRef{slot, root, parent}
}

// chain writes a chain of blocks at slots, the first up to and with finalized in the index of the finalized chain, that one and later
// ones in memory.
func (w *world) chain(finalized types.Slot, at ...types.Slot) []BlockRef {
	w.t.Helper()
	var refs []BlockRef
	parent := types.Root{0xaa}
	for _, slot := range at {
		ref := w.block(slot, parent, 0)
		refs, parent = append(refs, ref), ref.Root
		if slot <= finalized {
			w.write(func(b *store.Batch) { b.PutCanonical(slot, ref.Root) })
		}
		if slot >= finalized {
			w.memory = append([]BlockRef{ref}, w.memory...)
		}
	}
	return refs
}

// slotsOf collects the slots of an answer.
func slotsOf[T any](t *testing.T, answer iter.Seq2[T, error], slot func(T) types.Slot) []types.Slot {
	t.Helper()
	var slots []types.Slot
	for v, err := range answer {
		check(t, err)
		slots = append(slots, slot(v))
	}
	return slots
}

func slotOfBlock(b reqresp.Block) types.Slot { return b.Signed.Message.Slot }

// wantCode checks that an answer is an error.
func wantCode[T any](t *testing.T, name string, answer iter.Seq2[T, error], code reqresp.Code) {
	t.Helper()
	for _, err := range answer {
		if reqresp.CodeOf(err) != code {
			t.Errorf("%s: %v, want %v", name, err, code)
		}
		return
	}
	t.Errorf("%s: an empty answer, want %v", name, code)
}

func wantSlots(t *testing.T, name string, have, want []types.Slot) {
	t.Helper()
	if !slices.Equal(have, want) {
		t.Errorf("%s: slots %v, want %v", name, have, want)
	}
}

// peerBook notes what peers tell.
type peerBook struct {
	mu       sync.Mutex
	status   types.Status
	metadata types.MetaData
	heard    []string
}

func (p *peerBook) Status() types.Status     { return p.status }
func (p *peerBook) MetaData() types.MetaData { return p.metadata }

func (p *peerBook) hear(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heard = append(p.heard, fmt.Sprintf(format, args...))
}

func (p *peerBook) OnStatus(peer string, s types.Status) {
	p.hear("%s: status %d %d", peer, s.HeadSlot, s.EarliestAvailableSlot)
}
func (p *peerBook) OnGoodbye(peer string, reason uint64) { p.hear("%s: goodbye %d", peer, reason) }
func (p *peerBook) OnPing(peer string, seq uint64)       { p.hear("%s: ping %d", peer, seq) }

var errDisk = errors.New("disk on fire")

func background() context.Context { return context.Background() }
