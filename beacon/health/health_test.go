package health

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/clock"
	"github.com/cresset/cresset/beacon/engine"
	"github.com/cresset/cresset/beacon/kzg"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/simnet"
	"github.com/cresset/cresset/beacon/store"
	"github.com/cresset/cresset/beacon/store/kv"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/sync/driver"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// node is a chain of simnet's, with everything beside it as the test wants.
type node struct {
	net      *simnet.Network
	chain    *chain.Chain
	time     *clock.Manual
	progress driver.Progress
	usable   bool
	syncing  atomic.Bool // the execution client
}

func (n *node) Progress() driver.Progress { return n.progress }

func (n *node) Health() engine.Health {
	return engine.Health{Endpoints: []engine.EndpointHealth{{Usable: n.usable}}}
}

func (n *node) status() engine.PayloadStatus {
	if n.syncing.Load() {
		return engine.PayloadStatus{Status: engine.Syncing}
	}
	return engine.PayloadStatus{Status: engine.Valid}
}

func (n *node) NewPayload(context.Context, params.Fork, *transition.NewPayloadRequest) (engine.PayloadStatus, error) {
	return n.status(), nil
}

func (n *node) ForkchoiceUpdated(context.Context, params.Fork, engine.ForkchoiceState, *engine.PayloadAttributes) (engine.PayloadStatus, *engine.PayloadID, error) {
	return n.status(), nil, nil
}

func (n *node) PowBlock(context.Context, types.Hash32) (*engine.PowBlock, error) { return nil, nil }

func newNode(t *testing.T) (*node, Parts) {
	t.Helper()
	spec, err := simnet.Spec(params.Capella)
	check(t, err)
	n := &node{time: clock.NewManual(time.Unix(1_700_000_000, 0)), usable: true}
	n.net, err = simnet.New(spec, 64, 1_700_000_000)
	check(t, err)
	db, err := store.Open(store.Config{Memory: kv.NewMemory(), Spec: spec})
	check(t, err)
	setup, err := kzg.New()
	check(t, err)
	c := clock.New(clock.Config{Spec: spec, GenesisTime: 1_700_000_000, Source: n.time})
	n.chain, err = chain.New(chain.Config{Spec: spec, Store: db, Engine: n, Clock: c, KZG: setup, Anchor: &chain.Anchor{State: n.net.GenesisState()}})
	check(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.chain.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		check(t, <-ended)
		check(t, db.Close())
	})
	n.progress = driver.Progress{Stage: driver.Synced, Peers: 3}
	return n, Parts{Spec: spec, Chain: n.chain, Sync: n, Engine: n}
}

// at moves the clock into a slot.
func (n *node) at(slot types.Slot) { n.time.Set(n.chain.Clock().StartOf(slot).Add(time.Second)) }

// Each reason has its cause; the grave ones keep validators from being served.
func TestEveryReasonHasACause(t *testing.T) {
	n, parts := newNode(t)
	wants := func(what, want string, ready bool) {
		t.Helper()
		s := Judge(parts)
		if s.String() != want || s.Ready() != ready {
			t.Errorf("%s: %q, ready %t; want %q, %t", what, s.String(), s.Ready(), want, ready)
		}
	}
	n.at(1)
	wants("all is well", "ready", true)
	n.progress.Peers = 0
	wants("nobody is there", "ready, no peers", true)
	n.progress.Peers, n.usable = 3, false
	wants("the execution client is away", "execution client down", false)
	n.usable = true
	n.syncing.Store(true)
	block, _, err := n.net.Block(n.net.Genesis(), 1, nil, "")
	check(t, err)
	_, err = n.chain.ImportBlock(context.Background(), block, chain.Own)
	check(t, err)
	wants("the execution client has not verified the head", "optimistic", false)
	n.at(30)
	wants("nobody has newer blocks", "optimistic, stalled", false)
	n.progress.Stage = driver.Head
	wants("others have newer blocks", "syncing, optimistic", false)
	if s := Judge(parts); s.Distance != 29 || s.Head != 1 || s.Progress.Stage != driver.Head {
		t.Errorf("status is %+v", s)
	}
	n.progress = driver.Progress{Stage: driver.Waiting}
	wants("nobody can say", "syncing, optimistic, no peers", false)
	parts.Sync, parts.Engine = nil, nil
	wants("a node by itself", "syncing, optimistic", false)
}

// A change is logged once, with what to do.
func TestChangesAreLogged(t *testing.T) {
	n, parts := newNode(t)
	var log bytes.Buffer
	m := NewMonitor(parts, slog.New(slog.NewTextHandler(&log, nil)), nil)
	said := func(want ...string) {
		t.Helper()
		m.look()
		m.look()
		lines := strings.Split(strings.TrimSuffix(log.String(), "\n"), "\n")
		log.Reset()
		if len(lines) != 1 {
			t.Fatalf("%d lines: %q", len(lines), lines)
		}
		for _, w := range want {
			if !strings.Contains(lines[0], w) {
				t.Errorf("%q does not say %q", lines[0], w)
			}
		}
	}
	n.at(1)
	said("INFO", "the node is ready")
	n.usable = false
	said("WARN", "execution client down", "JWT", "synced, ")
	n.usable = true
	said("INFO", "the node is ready")
	n.progress.Stage = driver.Head
	n.at(9)
	said("INFO", "not ready", "syncing", "/eth/v1/node/syncing")
	for _, r := range Reasons() {
		if r.action() == "" {
			t.Errorf("nothing can be done when the node is %s", r)
		}
	}
}

var _ fmt.Stringer = (*Status)(nil)
