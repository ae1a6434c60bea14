package router

import (
	"context"
	"encoding/hex"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/net/connmgr"

	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/clock"
	"github.com/cresset/cresset/beacon/engine"
	"github.com/cresset/cresset/beacon/engine/mock"
	"github.com/cresset/cresset/beacon/kzg"
	"github.com/cresset/cresset/beacon/p2p/peers"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/simnet"
	"github.com/cresset/cresset/beacon/store"
	"github.com/cresset/cresset/beacon/store/kv"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/gossip"
)

const genesisTime = 1_700_000_000

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// trustedSetup is loaded once.
var trustedSetup = sync.OnceValues(kzg.New)

// world is a network with a clock that all its nodes share.
type world struct {
	t    *testing.T
	net  *simnet.Network
	time *clock.Manual
	of   *gossip.Network
	all  []*node
}

func newWorld(t *testing.T, spec *params.Spec) *world {
	t.Helper()
	net, err := simnet.New(spec, 64, genesisTime)
	check(t, err)
	return &world{
		t: t, net: net, time: clock.NewManual(time.Unix(genesisTime, 0)),
		of: gossip.NewNetwork(spec, net.GenesisState().GenesisValidatorsRoot),
	}
}

func specOf(t *testing.T, fork params.Fork) *params.Spec {
	t.Helper()
	spec, err := simnet.Spec(fork)
	check(t, err)
	return spec
}

// node is a node of the network: chain, host and router.
type node struct {
	t      *testing.T
	world  *world
	chain  *chain.Chain
	store  *store.Store
	host   host.Host
	rules  *gossip.Rules
	router *Router
	engine *mock.Engine

	mu struct {
		sync.Mutex
		penalties map[string][]string // by peer
		scores    map[string]float64  // of peers, as told last
		wanted    []types.Root
		pooled    []gossip.Checked
	}
}

// Report implements Peers.
func (n *node) Report(peer string, _ peers.Offence, reason string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mu.penalties[peer] = append(n.mu.penalties[peer], reason)
}

// SetGossipScores implements Peers.
func (n *node) SetGossipScores(scores map[string]float64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mu.scores = scores
}

// score is what was told last of a peer.
func (n *node) score(of *node) float64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.mu.scores[of.host.ID().String()]
}

func (n *node) penalties(of *node) []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.mu.penalties[of.host.ID().String()]
}

// Insert implements Pool.
func (n *node) Insert(c gossip.Checked) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mu.pooled = append(n.mu.pooled, c)
}

func (n *node) pooled() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.mu.pooled)
}

func (n *node) find(root types.Root, _ string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mu.wanted = append(n.mu.wanted, root)
}

func (n *node) wanted() []types.Root {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.mu.wanted
}

// node adds a node that keeps some columns.
func (w *world) node(custody ...uint64) *node {
	t := w.t
	t.Helper()
	n := &node{t: t, world: w}
	n.mu.penalties = map[string][]string{}
	spec := w.net.Spec()
	secret := make([]byte, 32)
	var err error
	n.engine, err = w.net.Engine(secret)
	check(t, err)
	file := filepath.Join(t.TempDir(), "jwt")
	check(t, os.WriteFile(file, []byte(hex.EncodeToString(secret)), 0o600))
	newClock := func() *clock.Clock {
		return clock.New(clock.Config{Spec: spec, GenesisTime: genesisTime, Source: w.time})
	}
	client, err := engine.New(engine.Config{
		Endpoints: []engine.Endpoint{{URL: "http://mock", JWTSecretFile: file}}, Spec: spec, Clock: newClock(), Transport: n.engine, Interval: time.Hour,
	})
	check(t, err)
	n.store, err = store.Open(store.Config{Memory: kv.NewMemory(), Spec: spec})
	check(t, err)
	setup, err := trustedSetup()
	check(t, err)
	log := slog.New(slog.NewTextHandler(testLog{t}, &slog.HandlerOptions{Level: slog.LevelWarn}))
	n.chain, err = chain.New(chain.Config{
		Spec: spec, Store: n.store, Engine: client, Clock: newClock(), KZG: setup, Anchor: &chain.Anchor{State: w.net.GenesisState()}, Log: log,
		Custody: custody,
	})
	check(t, err)
	manager, err := connmgr.NewConnManager(16, 32)
	check(t, err)
	n.host, err = libp2p.New(libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.DisableRelay(), libp2p.ConnectionManager(manager))
	check(t, err)
	n.rules = gossip.New(gossip.Config{
		Spec: spec, GenesisTime: genesisTime, GenesisValidatorsRoot: w.net.GenesisState().GenesisValidatorsRoot, View: n.chain.View, KZG: setup,
	})
	n.router, err = New(Config{
		Spec: spec, Chain: n.chain, Rules: n.rules, Network: w.of, Host: n.host, Peers: n, Stored: n.store, KZG: setup, Pool: n, Blobs: client,
		FindBlock: n.find, FindPayload: n.find, Log: log,
	})
	check(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	run := func(f func(context.Context) error) {
		running.Go(func() {
			if err := f(ctx); err != nil && ctx.Err() == nil {
				t.Error(err)
			}
		})
	}
	run(client.Run)
	run(n.chain.Run)
	run(n.router.Run)
	t.Cleanup(func() {
		cancel()
		running.Wait()
		check(t, n.host.Close())
		check(t, n.store.Close())
	})
	w.until("the router runs", func() bool { return n.router.mesh.Load() != nil })
	n.router.SetInterests(gossip.Interests{AttestationSubnets: count(spec.AttestationSubnetCount), SyncCommitteeSubnets: count(4), ColumnSubnets: custody})
	n.router.SetSynced(true)
	w.all = append(w.all, n)
	return n
}

func count(n uint64) []uint64 {
	out := make([]uint64, n)
	for i := range out {
		out[i] = uint64(i)
	}
	return out
}

// testLog writes to the test's log.
type testLog struct{ t *testing.T }

func (l testLog) Write(b []byte) (int, error) {
	l.t.Log(strings.TrimSuffix(string(b), "\n"))
	return len(b), nil
}

// join connects two nodes and waits until they are in each other's meshes of blocks.
func (w *world) join(a, b *node) {
	w.t.Helper()
	check(w.t, a.host.Connect(context.Background(), peer.AddrInfo{ID: b.host.ID(), Addrs: b.host.Addrs()}))
	for _, n := range []*node{a, b} {
		other := a
		if n == a {
			other = b
		}
		w.until("the peers are in each other's meshes", func() bool {
			return n.sees(other, gossip.BeaconBlock, 0) && n.sees(other, gossip.BeaconAttestation, 0) && n.sees(other, gossip.BeaconAttestation, 1)
		})
	}
}

// sees tells whether a node has another one in its mesh of a topic of the present epoch.
func (n *node) sees(other *node, kind gossip.Kind, subnet uint64) bool {
	t, err := n.world.of.Topic(kind, subnet, n.chain.Clock().CurrentEpoch())
	check(n.t, err)
	return n.host.ConnManager().IsProtected(other.host.ID(), "pubsub:"+t.String())
}

// at moves the time to a part of a slot, in thousandths, and waits until all nodes have noticed.
func (w *world) at(slot types.Slot, thousandths int) {
	w.t.Helper()
	d := w.net.Spec().SlotDuration()
	start := time.Unix(genesisTime, 0).Add(d * time.Duration(slot))
	w.time.Set(start.Add(d * time.Duration(thousandths) / 1000))
	for _, n := range w.all {
		w.until("the slot begins", func() bool { return n.chain.Snapshot().Slot >= slot })
	}
}

// until waits for a condition.
func (w *world) until(what string, met func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(time.Minute); !met(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("waited a minute in vain until %s", what)
		}
	}
}

// block builds a block.
func (w *world) block(parent simnet.Tip, slot types.Slot, content simnet.Content) (*types.SignedBeaconBlock, simnet.Tip) {
	w.t.Helper()
	block, tip, err := w.net.BlockOf(parent, slot, content)
	check(w.t, err)
	return block, tip
}

// add imports a block, as this node's own.
func (n *node) add(block *types.SignedBeaconBlock) {
	n.t.Helper()
	outcome, err := n.chain.ImportBlock(context.Background(), block, chain.Own)
	check(n.t, err)
	if outcome != chain.Applied {
		n.t.Fatalf("block of slot %d was %v", block.Message.Slot, outcome)
	}
}

// vote is one validator's vote for a tip in a slot, in the form that travels from Electra on, with its subnet.
func (w *world) vote(tip simnet.Tip, slot types.Slot, who types.ValidatorIndex) (*types.SingleAttestation, uint64) {
	w.t.Helper()
	votes, err := w.net.Votes(tip, slot, func(v types.ValidatorIndex) bool { return v == who })
	check(w.t, err)
	if len(votes) != 1 {
		w.t.Fatalf("validator %d has no vote in slot %d", who, slot)
	}
	v := &types.SingleAttestation{AttesterIndex: who, Data: votes[0].Data, Signature: votes[0].Signature}
	for i := range w.net.Spec().MaxCommitteesPerSlot {
		if votes[0].CommitteeBits.BitAt(i) {
			v.CommitteeIndex = types.CommitteeIndex(i)
		}
	}
	shuffling, err := tip.State.Copy().Shuffling(types.ComputeEpochAtSlot(w.net.Spec(), slot))
	check(w.t, err)
	return v, types.ComputeSubnetForAttestation(w.net.Spec(), shuffling.CommitteesPerSlot, slot, v.CommitteeIndex)
}

// voters lists the validators of a slot's committees.
func (w *world) voters(tip simnet.Tip, slot types.Slot) (all []types.ValidatorIndex) {
	w.t.Helper()
	shuffling, err := tip.State.Copy().Shuffling(types.ComputeEpochAtSlot(w.net.Spec(), slot))
	check(w.t, err)
	for i := range shuffling.CommitteesPerSlot {
		for _, m := range shuffling.Committee(slot, types.CommitteeIndex(i)) {
			all = append(all, types.ValidatorIndex(m))
		}
	}
	return all
}
