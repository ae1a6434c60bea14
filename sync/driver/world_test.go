package driver

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/clock"
	"github.com/cresset/cresset/beacon/engine"
	"github.com/cresset/cresset/beacon/kzg"
	"github.com/cresset/cresset/beacon/p2p/peers"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/recorded"
	"github.com/cresset/cresset/beacon/store"
	"github.com/cresset/cresset/beacon/store/kv"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/sync/reqresp"
	"github.com/cresset/cresset/sync/reqresp/reqresptest"
	"github.com/cresset/cresset/sync/server"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// believer is an execution client that believes everything.
type believer struct{}

func (believer) NewPayload(context.Context, params.Fork, *transition.NewPayloadRequest) (engine.PayloadStatus, error) {
	return engine.PayloadStatus{Status: engine.Valid}, nil
}

func (believer) ForkchoiceUpdated(context.Context, params.Fork, engine.ForkchoiceState, *engine.PayloadAttributes) (engine.PayloadStatus, *engine.PayloadID, error) {
	return engine.PayloadStatus{Status: engine.Valid}, nil, nil
}

func (believer) PowBlock(context.Context, types.Hash32) (*engine.PowBlock, error) { return nil, nil }

// network is nodes of a recorded chain, connected in memory, at the time two slots after its head.
type network struct {
	t       *testing.T
	r       *recorded.Chain
	clock   *clock.Clock
	kzg     *kzg.Context
	table   *reqresp.Table
	digests *reqresp.Digests
	streams *reqresptest.Network
	engine  chain.Engine // of nodes that are made from now on
}

func newNetwork(t *testing.T, name string) *network {
	t.Helper()
	r, err := recorded.Load(name)
	check(t, err)
	return networkOf(t, r)
}

// networkOf is a network of a chain.
func networkOf(t *testing.T, r *recorded.Chain) *network {
	t.Helper()
	n := &network{t: t, r: r, table: reqresp.NewTable(r.Spec), engine: believer{}}
	n.clock = clock.New(clock.Config{Spec: r.Spec, GenesisTime: r.GenesisTime, Offset: time.Until(r.TimeAt(r.Head().Message.Slot + 2))})
	var err error
	n.kzg, err = kzg.New()
	check(t, err)
	genesis, err := r.GenesisState()
	check(t, err)
	n.digests = reqresp.NewDigests(r.Spec, genesis.GenesisValidatorsRoot)
	n.streams = &reqresptest.Network{Servers: map[string]*reqresp.Server{}, Scripts: map[string]func(string, *reqresptest.Stream){}}
	t.Cleanup(n.streams.Wait.Wait)
	return n
}

// node is a chain with its disk.
type node struct {
	*chain.Chain
	name  string
	store *store.Store
}

// columns is all columns.
func (n *network) columns() []uint64 {
	out := make([]uint64, n.r.Spec.NumberOfColumns)
	for i := range out {
		out[i] = uint64(i)
	}
	return out
}

// node starts a chain at an anchor, nil for genesis.
func (n *network) node(name string, anchor *chain.Anchor) *node {
	n.t.Helper()
	if anchor == nil {
		genesis, err := n.r.GenesisState()
		check(n.t, err)
		anchor = &chain.Anchor{State: genesis}
	}
	db, err := store.Open(store.Config{Memory: kv.NewMemory(), Spec: n.r.Spec})
	check(n.t, err)
	c, err := chain.New(chain.Config{Spec: n.r.Spec, Store: db, Engine: n.engine, Clock: n.clock, KZG: n.kzg, Anchor: anchor, Custody: n.columns()})
	check(n.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	n.t.Cleanup(func() {
		cancel()
		check(n.t, <-ended)
		check(n.t, db.Close())
	})
	return &node{c, name, db}
}

// whole starts a node that has the recorded chain and serves it.
func (n *network) whole(name string) *node {
	n.t.Helper()
	of := n.node(name, nil)
	n.grow(of)
	n.serve(of, nil)
	return of
}

// grow imports the recorded chain.
func (n *network) grow(to *node) {
	n.t.Helper()
	n.growTo(to, len(n.r.Blocks))
}

// growTo imports the first blocks of the recorded chain.
func (n *network) growTo(to *node, blocks int) {
	n.t.Helper()
	for i, signed := range n.r.Blocks[:blocks] {
		if columns := n.r.Columns[signed.Message.Slot]; len(columns) > 0 {
			check(n.t, to.ImportColumns(context.Background(), columns))
		}
		if blobs := n.r.Blobs[signed.Message.Slot]; len(blobs) > 0 {
			check(n.t, to.ImportBlobs(context.Background(), blobs))
		}
		if i%16 == 15 || i == blocks-1 {
			_, err := to.ImportSegment(context.Background(), n.r.Blocks[i-i%16:i+1], chain.Replay)
			check(n.t, err)
		}
	}
}

// history is how far back a node serves.
type history struct{ *node }

func (h history) EarliestBlock() types.Slot {
	oldest, _, err := h.History()
	if err != nil {
		panic(err)
	}
	return oldest
}

func (h history) EarliestSidecar() types.Slot { return h.EarliestBlock() }

// serve has a node answer requests under its name. Change may put other handlers in.
func (n *network) serve(of *node, change func(map[reqresp.Method]reqresp.Handler)) {
	handlers := server.Handlers(server.Config{
		Spec: n.r.Spec, Clock: n.clock, Chain: server.FromChain(of.Chain), Blocks: of.store, Data: of.store, History: history{of}, Peers: nobody{},
	})
	if change != nil {
		change(handlers)
	}
	n.streams.Servers[of.name] = reqresp.NewServer(reqresp.ServerConfig{Table: n.table, Digests: n.digests, Clock: n.clock, Handlers: handlers, Lifetime: 15 * time.Second})
}

// nobody deals with what peers tell of themselves.
type nobody struct{}

func (nobody) Status() types.Status          { return types.Status{} }
func (nobody) MetaData() types.MetaData      { return types.MetaData{} }
func (nobody) OnStatus(string, types.Status) {}
func (nobody) OnGoodbye(string, uint64)      {}
func (nobody) OnPing(string, uint64)         {}

// book is what a driver said of peers.
type book struct {
	d *Driver

	mu struct {
		sync.Mutex
		said    map[string][]string
		dropped map[string]string
	}
}

func (b *book) Report(peer string, o peers.Offence, reason string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.said[peer] = append(b.mu.said[peer], reason)
	if o == peers.Fatal {
		b.mu.dropped[peer] = reason
		go b.d.RemovePeer(peer)
	}
}

// drive runs sync of a node. Client may change how it asks.
func (n *network) drive(of *node, change func(*Config)) (*Driver, *book) {
	n.t.Helper()
	b := &book{}
	b.mu.said, b.mu.dropped = map[string][]string{}, map[string]string{}
	cfg := Config{
		Spec: n.r.Spec, Chain: of.Chain, Clock: n.clock, Peers: b, Log: slog.New(slog.NewTextHandler(testLog{n.t}, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Client: reqresp.NewClient(reqresp.ClientConfig{Table: n.table, Digests: n.digests, Opener: n.streams.Opener(of.name), Clock: n.clock}),
	}
	if change != nil {
		change(&cfg)
	}
	d, err := New(cfg)
	check(n.t, err)
	b.d = d
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	n.t.Cleanup(func() { cancel(); check(n.t, <-ended) })
	return d, b
}

type testLog struct{ t *testing.T }

func (l testLog) Write(b []byte) (int, error) {
	l.t.Log(strings.TrimSuffix(string(b), "\n"))
	return len(b), nil
}

// status is where a node stands.
func (n *network) status(of *node) PeerStatus {
	s := of.Snapshot()
	return PeerStatus{types.Status{
		FinalizedRoot: s.Finalized.Root, FinalizedEpoch: s.Finalized.Epoch, HeadRoot: s.Head.Root, HeadSlot: s.Head.Slot,
		EarliestAvailableSlot: history{of}.EarliestBlock(),
	}, n.columns()}
}

// until waits for a condition.
func (n *network) until(what string, met func() bool) {
	n.t.Helper()
	for deadline := time.Now().Add(60 * time.Second); !met(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			n.t.Fatalf("waited in vain until %s", what)
		}
	}
}

// wantHead waits until a node has the recorded head with its finality and validators.
func (n *network) wantHead(of *node) {
	n.t.Helper()
	n.until("the head is there", func() bool { return of.Snapshot().Head.Root.String() == n.r.Manifest.Head.Root })
	s, err := of.HeadState(context.Background(), of.Snapshot())
	check(n.t, err)
	check(n.t, n.r.CheckValidators(s))
	last := n.r.Manifest.Epochs[len(n.r.Manifest.Epochs)-1].Finality
	if have := of.Snapshot().Finalized; !last.Finalized.Is(have) {
		n.t.Errorf("finalized is %v, want %+v", have, last.Finalized)
	}
}

// wantDropped checks who was dropped.
func (n *network) wantDropped(b *book, want ...string) {
	n.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, id := range want {
		if b.mu.dropped[id] == "" {
			n.t.Errorf("%s was not dropped", id)
		}
	}
	if len(b.mu.dropped) != len(want) {
		n.t.Errorf("dropped are %v, want %v", b.mu.dropped, want)
	}
}

// wantBlameless checks that nothing is said of peers but that they were slow, as everybody is on a machine with much else to do.
func (n *network) wantBlameless(b *book, ids ...string) {
	n.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, id := range ids {
		for _, reason := range b.mu.said[id] {
			if !strings.Contains(reason, ": no answer in ") {
				n.t.Errorf("of %s it is said %q", id, reason)
			}
		}
	}
}

func (b *book) saidOf(peer string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return fmt.Sprint(b.mu.said[peer])
}
