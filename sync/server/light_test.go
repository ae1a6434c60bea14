package server

import (
	"bytes"
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/engine"
	"github.com/cresset/cresset/beacon/kzg"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/simnet"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/sync/light"
	"github.com/cresset/cresset/sync/reqresp"
)

// yesEngine finds every payload valid.
type yesEngine struct{}

func (yesEngine) NewPayload(context.Context, params.Fork, *transition.NewPayloadRequest) (engine.PayloadStatus, error) {
	return engine.PayloadStatus{Status: engine.Valid}, nil
}

func (yesEngine) ForkchoiceUpdated(context.Context, params.Fork, engine.ForkchoiceState, *engine.PayloadAttributes) (engine.PayloadStatus, *engine.PayloadID, error) {
	return engine.PayloadStatus{Status: engine.Valid}, nil, nil
}

func (yesEngine) PowBlock(context.Context, types.Hash32) (*engine.PowBlock, error) { return nil, nil }

// lightWorld is a world with a running chain of its own, and what light clients are given of it.
type lightWorld struct {
	*world
	simnet *simnet.Network
	chain  *chain.Chain
	light  *Light
}

func newLightWorld(t *testing.T, fork params.Fork, change ...func(*Light)) *lightWorld {
	t.Helper()
	w := newWorld(t, fork)
	n, err := simnet.New(w.spec, 64, genesisTime)
	check(t, err)
	setup, err := kzg.New()
	check(t, err)
	genesis := n.GenesisState()
	w.digests = reqresp.NewDigests(w.spec, genesis.GenesisValidatorsRoot)
	c, err := chain.New(chain.Config{Spec: w.spec, Store: w.store, Engine: yesEngine{}, Clock: w.clock, KZG: setup, Anchor: &chain.Anchor{State: genesis}})
	check(t, err)
	l := &lightWorld{w, n, c, NewLight(LightConfig{Spec: w.spec, Chain: c, Blocks: w.store})}
	for _, f := range change {
		f(l.light)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	go func() { ended <- c.Run(ctx) }()
	go func() { ended <- l.light.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		for range 2 {
			check(t, <-ended)
		}
	})
	w.serve(l.light)
	return l
}

// until waits for a condition.
func (l *lightWorld) until(what string, met func() bool) {
	l.t.Helper()
	for deadline := time.Now().Add(time.Minute); !met(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			l.t.Fatalf("waited a minute in vain until %s", what)
		}
	}
}

// grow imports blocks with everybody's votes, and waits after each until light clients are given it.
func (l *lightWorld) grow(tip simnet.Tip, from, to types.Slot) simnet.Tip {
	l.t.Helper()
	ctx := context.Background()
	var votes []types.Attestation
	for slot := from; slot <= to; slot++ {
		block, next, err := l.simnet.Block(tip, slot, votes, "")
		check(l.t, err)
		l.time.Set(l.clock.StartOf(slot).Add(time.Second))
		l.until("the slot begins", func() bool { return l.chain.Snapshot().Slot >= slot })
		_, err = l.chain.ImportBlock(ctx, block, chain.Gossip)
		check(l.t, err)
		tip = next
		if tip.Payload != nil {
			_, err := l.chain.ImportPayload(ctx, tip.Payload, chain.Gossip)
			check(l.t, err)
			tip = tip.WithPayload()
		}
		votes, err = l.simnet.Votes(tip, slot, simnet.Everyone)
		check(l.t, err)
		if slot > 1 {
			l.until("the head's parent is attested", func() bool {
				l.light.mu.Lock()
				defer l.light.mu.Unlock()
				return l.light.mu.optimistic != nil && l.light.mu.optimistic.slot == slot-1
			})
		}
	}
	return tip
}

// Whoever wants to know hears of each optimistic update, and of each finality update, as they are served: one with each head that says something new.
func TestUpdatesAreToldAsTheyAreServed(t *testing.T) {
	type told struct {
		slot types.Slot
		ssz  []byte
	}
	var mu sync.Mutex
	optimistic, finality := []told{}, []told{}
	var cx ssz.Context
	l := newLightWorld(t, params.Fulu, func(l *Light) {
		cx = ssz.Context{Spec: l.cfg.Spec, Fork: params.Fulu}
		l.cfg.Updated = func(slot types.Slot, update ssz.Object) {
			encoded, err := ssz.Marshal(cx, ssz.Container(update))
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			switch update.(type) {
			case *types.LightClientOptimisticUpdate:
				optimistic = append(optimistic, told{slot, encoded})
			case *types.LightClientFinalityUpdate:
				finality = append(finality, told{slot, encoded})
			}
		}
	})
	l.grow(l.simnet.Genesis(), 1, 5*8)
	l.until("the last ones are told", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(optimistic) == 39 && len(finality) > 0 && finality[len(finality)-1].slot == 39
	})
	mu.Lock()
	defer mu.Unlock()
	for i, u := range optimistic {
		if u.slot != types.Slot(i+1) {
			t.Errorf("optimistic update %d is of slot %d", i, u.slot)
		}
	}
	if served, ok := l.light.OptimisticUpdate(); !ok || !bytes.Equal(served.SSZ, optimistic[38].ssz) {
		t.Error("another optimistic update is served than was told")
	}
	if served, ok := l.light.FinalityUpdate(); !ok || !bytes.Equal(served.SSZ, finality[len(finality)-1].ssz) {
		t.Error("another finality update is served than was told")
	}
	if first := finality[0].slot; first < 3*8 {
		t.Errorf("a finality update of slot %d, when nothing was finalized", first)
	}
}

// A light client follows the chain from nothing but the server's answers: bootstrap, updates, finality and optimistic updates.
func TestALightClientFollowsTheServer(t *testing.T) {
	for _, fork := range []params.Fork{params.Altair, params.Fulu, params.Gloas} {
		t.Run(fork.String(), func(t *testing.T) {
			l := newLightWorld(t, fork)
			ctx := background()
			_, _, err := l.peer().LightClientFinalityUpdate(ctx, "server")
			if reqresp.CodeOf(err) != reqresp.ResourceUnavailable {
				t.Errorf("a finality update of nothing: %v", err)
			}
			_, _, err = l.peer().LightClientBootstrap(ctx, "server", types.Root{0x99})
			if reqresp.CodeOf(err) != reqresp.ResourceUnavailable {
				t.Errorf("a bootstrap of an unknown block: %v", err)
			}
			tip := l.grow(l.simnet.Genesis(), 1, 5*8+2)
			trusted := l.chain.Snapshot().Finalized.Root

			b, cx, err := l.peer().LightClientBootstrap(ctx, "server", trusted)
			check(t, err)
			client, err := light.InitializeLightClientStore(cx, trusted, b)
			check(t, err)
			root := tip.State.GenesisValidatorsRoot
			updates := 0
			for u, err := range l.peer().LightClientUpdates(ctx, "server", 0, 5) {
				check(t, err)
				check(t, light.ProcessLightClientUpdate(client, u.Update, tip.Slot+1, root))
				updates++
			}
			if updates != 1 {
				t.Errorf("%d updates, want that of period 0", updates)
			}
			finality, _, err := l.peer().LightClientFinalityUpdate(ctx, "server")
			check(t, err)
			check(t, light.ProcessLightClientFinalityUpdate(client, finality, tip.Slot+1, root))
			optimistic, _, err := l.peer().LightClientOptimisticUpdate(ctx, "server")
			check(t, err)
			check(t, light.ProcessLightClientOptimisticUpdate(client, optimistic, tip.Slot+1, root))
			if have, want := client.OptimisticHeader.Beacon.Slot, tip.Slot-1; have != want {
				t.Errorf("the optimistic header is of slot %d, want %d", have, want)
			}
			if have := types.HashTreeRoot(&client.FinalizedHeader.Beacon); have != trusted {
				t.Errorf("the finalized header is %v, want %v", have, trusted)
			}
			// A block that is no boundary is derived as it is asked for.
			if _, _, err := l.peer().LightClientBootstrap(ctx, "server", tip.Root); err != nil {
				t.Errorf("a bootstrap of the head: %v", err)
			}
		})
	}
}

// Spec: "LightClientUpdate referring to orphaned blocks SHOULD NOT be provided."
func TestUpdatesOfOrphansAreDropped(t *testing.T) {
	l := newLightWorld(t, params.Altair)
	tip := l.grow(l.simnet.Genesis(), 1, 3)
	kept := func() *lightUpdate {
		l.light.mu.Lock()
		defer l.light.mu.Unlock()
		return l.light.mu.updates[0]
	}
	u := kept()
	if u == nil {
		t.Fatal("no update of period 0")
	}
	head := l.chain.Snapshot().Head
	l.light.dropOrphans(head)
	if kept() == nil {
		t.Error("an update of the canonical chain was dropped")
	}
	// Seen from a branch without the block that signed it, it is gone.
	side, _, err := l.simnet.Block(l.simnet.Genesis(), u.update.SignatureSlot, nil, "side")
	check(t, err)
	_, err = l.chain.ImportBlock(background(), side, chain.Gossip)
	check(t, err)
	root, err := ssz.HashTreeRoot(l.cx(side.Message.Slot), ssz.Container(&side.Message))
	check(t, err)
	l.light.dropOrphans(l.chain.Block(root))
	if kept() != nil {
		t.Errorf("the update signed in slot %d of the chain of %v is still there", u.update.SignatureSlot, tip.Root)
	}
}

// Spec: "results in consecutive order (by period)": a range begins with the first that is known and ends before the first that is not.
func TestUpdatesOfPeriodsAreConsecutive(t *testing.T) {
	l := NewLight(LightConfig{Spec: params.Minimal()})
	for _, period := range []uint64{3, 4, 6, 7} {
		l.mu.updates[period] = &lightUpdate{lightItem: lightItem{slot: types.Slot(period)}}
	}
	for _, c := range []struct{ start, count, first, n uint64 }{
		{0, 100, 3, 2}, {4, 1, 4, 1}, {5, 10, 6, 2}, {6, ^uint64(0) - 6, 6, 2}, {8, 10, 0, 0}, {3, 0, 0, 0},
	} {
		items := l.updatesOf(c.start, c.count)
		if uint64(len(items)) != c.n || c.n > 0 && uint64(items[0].slot) != c.first {
			t.Errorf("[%d, +%d): %v, want %d from %d on", c.start, c.count, items, c.n, c.first)
		}
	}
}

// What is kept is bounded: bootstraps of the newest epochs, updates of the newest periods.
func TestWhatLightClientsAreGivenIsBounded(t *testing.T) {
	l := newLightWorld(t, params.Altair, func(l *Light) { l.cfg.Bootstraps, l.periods = 2, 1 })
	l.grow(l.simnet.Genesis(), 1, 5*8+1)
	l.light.mu.Lock()
	defer l.light.mu.Unlock()
	if len(l.light.mu.bootstraps) != 2 || len(l.light.mu.order) != 2 || len(l.light.mu.updates) != 1 {
		t.Errorf("%d bootstraps, %d in order, %d updates, want 2, 2 and 1", len(l.light.mu.bootstraps), len(l.light.mu.order), len(l.light.mu.updates))
	}
}

// The chain of the node's snapshot is the canonical one.
func TestTheCanonicalChainOfASnapshot(t *testing.T) {
	l := newLightWorld(t, params.Altair)
	tip := l.grow(l.simnet.Genesis(), 1, 3)
	var have []types.Slot
	for b := range FromChain(l.chain).Canonical() {
		have = append(have, b.Slot)
	}
	wantSlots(t, "canonical", have, []types.Slot{3, 2, 1, 0})
	for b := range FromChain(l.chain).Canonical() {
		if b.Root != tip.Root {
			t.Errorf("the head is %v, want %v", b.Root, tip.Root)
		}
		break
	}
}

// forgetful is a chain that forgets the states in memory, and counts those that are computed of a block from then on.
type forgetful struct {
	*chain.Chain
	of       types.Root
	forgets  atomic.Bool
	computed atomic.Int64
}

func (f *forgetful) CachedState(root types.Root, slot types.Slot) (*transition.State, bool) {
	if f.forgets.Load() {
		return nil, false
	}
	return f.Chain.CachedState(root, slot)
}

func (f *forgetful) StateAt(ctx context.Context, root types.Root, slot types.Slot) (*transition.State, error) {
	if f.forgets.Load() && root == f.of {
		f.computed.Add(1)
	}
	return f.Chain.StateAt(ctx, root, slot)
}

// A bootstrap that a peer asks for has no state computed: of a block whose state is not in memory there is none.
func TestABootstrapThatAPeerAsksForStartsNoReplay(t *testing.T) {
	f := &forgetful{}
	l := newLightWorld(t, params.Fulu, func(l *Light) {
		f.Chain = l.cfg.Chain.(*chain.Chain)
		l.cfg.Chain = f
	})
	tip := l.grow(l.simnet.Genesis(), 1, 10)
	f.of = tip.Root // neither the head nor an epoch's first, which are derived anyway
	l.grow(tip, 11, 13)
	if _, _, err := l.peer().LightClientBootstrap(background(), "server", tip.Root); err != nil {
		t.Errorf("a bootstrap of a block whose state is in memory: %v", err)
	}
	f.forgets.Store(true)
	if _, _, err := l.peer().LightClientBootstrap(background(), "server", tip.Root); reqresp.CodeOf(err) != reqresp.ResourceUnavailable {
		t.Errorf("a bootstrap of a block whose state is not in memory: %v", err)
	}
	if n := f.computed.Load(); n != 0 {
		t.Errorf("%d states were computed", n)
	}
	if _, ok := l.light.Bootstrap(background(), tip.Root); !ok {
		t.Error("the node's own user gets none")
	}
}
