package chain

import (
	"context"
	"encoding/hex"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/clock"
	"github.com/cresset/cresset/beacon/engine"
	"github.com/cresset/cresset/beacon/engine/mock"
	"github.com/cresset/cresset/beacon/kzg"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/simnet"
	"github.com/cresset/cresset/beacon/store"
	"github.com/cresset/cresset/beacon/store/kv"
	"github.com/cresset/cresset/beacon/types"
)

const genesisTime = 1_700_000_000

// world is a network, a node's disk and execution client, and the node's chain, which can be restarted.
type world struct {
	t      *testing.T
	net    *simnet.Network
	time   *clock.Manual
	disk   *kv.Memory // or
	dir    string
	mock   *mock.Engine
	engine *engine.Client
	change func(*Config)

	mu sync.Mutex // guards Chain against watchEngine
	*Chain
	store *store.Store
	stop  func() error
}

func newWorld(t *testing.T, fork params.Fork, change func(*Config)) *world {
	t.Helper()
	spec, err := simnet.Spec(fork)
	check(t, err)
	return newWorldOf(t, spec, &world{disk: kv.NewMemory(), change: change})
}

// newWorldOn is newWorld with a disk that is a directory.
func newWorldOn(t *testing.T, dir string, fork params.Fork, change func(*Config)) *world {
	t.Helper()
	spec, err := simnet.Spec(fork)
	check(t, err)
	return newWorldOf(t, spec, &world{dir: dir, change: change})
}

func newWorldOf(t *testing.T, spec *params.Spec, w *world) *world {
	t.Helper()
	net, err := simnet.New(spec, 64, genesisTime)
	check(t, err)
	w.t, w.net, w.time = t, net, clock.NewManual(time.Unix(genesisTime, 0))
	secret := make([]byte, 32)
	w.mock, err = net.Engine(secret)
	check(t, err)
	file := filepath.Join(t.TempDir(), "jwt")
	check(t, os.WriteFile(file, []byte(hex.EncodeToString(secret)), 0o600))
	w.engine, err = engine.New(engine.Config{
		Endpoints: []engine.Endpoint{{URL: "http://mock", JWTSecretFile: file}}, Spec: spec, Clock: w.newClock(), Transport: w.mock,
		Interval: 200 * time.Millisecond,
	})
	check(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.engine.Run(ctx) }()
	check(t, w.open())
	watching := make(chan struct{})
	go func() {
		defer close(watching)
		w.watchEngine(ctx)
	}()
	t.Cleanup(func() { cancel(); <-ended; <-watching })
	t.Cleanup(func() {
		if w.stop != nil {
			w.shut()
		}
	})
	return w
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) newClock() *clock.Clock {
	return clock.New(clock.Config{Spec: w.net.Spec(), GenesisTime: genesisTime, Source: w.time})
}

// open starts the node on its disk.
func (w *world) open() error {
	var err error
	if w.store, err = store.Open(store.Config{Dir: w.dir, Memory: w.disk, Spec: w.net.Spec()}); err != nil {
		return err
	}
	setup, err := kzg.New()
	check(w.t, err)
	cfg := Config{
		Spec: w.net.Spec(), Store: w.store, Engine: w.engine, Clock: w.newClock(), KZG: setup,
		Anchor: &Anchor{State: w.net.GenesisState()}, Log: slog.New(slog.NewTextHandler(testLog{w.t}, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
	if w.change != nil {
		w.change(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		return errors.Join(err, w.store.Close())
	}
	w.mu.Lock()
	w.Chain = c
	w.mu.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	w.stop = func() error { cancel(); return <-ended }
	return nil
}

// watchEngine does what the node does: it tells the chain whenever the execution client becomes usable.
func (w *world) watchEngine(ctx context.Context) {
	for usable := false; ; {
		changed := w.engine.Changed()
		health := w.engine.Health()
		if now := health.Endpoints[health.Active].Usable; now != usable {
			if usable = now; usable {
				w.chain().EngineReady()
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// chain is the chain of the moment.
func (w *world) chain() *Chain {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.Chain
}

// shut ends the node in order.
func (w *world) shut() {
	w.t.Helper()
	err := w.stop()
	w.stop = nil
	check(w.t, errors.Join(err, w.store.Close()))
}

// testLog writes to the test's log.
type testLog struct{ t *testing.T }

func (l testLog) Write(b []byte) (int, error) {
	l.t.Log(strings.TrimSuffix(string(b), "\n"))
	return len(b), nil
}

// at moves the time to a part of a slot, in thousandths, and waits until the node has noticed.
func (w *world) at(slot types.Slot, thousandths int) {
	w.t.Helper()
	d := w.clock.SlotDuration()
	w.time.Set(w.clock.StartOf(slot).Add(d * time.Duration(thousandths) / 1000))
	w.until("the slot begins", func() bool { return w.Snapshot().Slot >= slot })
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

// add imports a block.
func (w *world) add(block *types.SignedBeaconBlock, origin Origin) Outcome {
	w.t.Helper()
	outcome, err := w.ImportBlock(context.Background(), block, origin)
	check(w.t, err)
	return outcome
}

// step builds a block on a tip at a slot, imports it at its time, and its payload where that is apart.
func (w *world) step(parent simnet.Tip, slot types.Slot, votes []types.Attestation) simnet.Tip {
	w.t.Helper()
	block, tip, err := w.net.Block(parent, slot, votes, "")
	check(w.t, err)
	w.at(slot, 100)
	if got := w.add(block, Gossip); got != Applied {
		w.t.Fatalf("block of slot %d was %v", slot, got)
	}
	if tip.Payload == nil {
		return tip
	}
	outcome, err := w.ImportPayload(context.Background(), tip.Payload, Gossip)
	check(w.t, err)
	if outcome != Applied {
		w.t.Fatalf("payload of slot %d was %v", slot, outcome)
	}
	return tip.WithPayload()
}

// grow steps over slots with everybody's votes for the tip of each.
func (w *world) grow(tip simnet.Tip, votes []types.Attestation, from, to types.Slot) (simnet.Tip, []types.Attestation) {
	w.t.Helper()
	for slot := from; slot <= to; slot++ {
		tip = w.step(tip, slot, votes)
		var err error
		votes, err = w.net.Votes(tip, slot, simnet.Everyone)
		check(w.t, err)
	}
	return tip, votes
}

func (w *world) wantHead(tip simnet.Tip) {
	w.t.Helper()
	if s := w.Snapshot(); s.Head.Root != tip.Root {
		w.t.Fatalf("head is %v of slot %d, want %v of slot %d", s.Head.Root, s.Head.Slot, tip.Root, tip.Slot)
	}
}
