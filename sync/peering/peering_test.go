package peering

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/clock"
	"github.com/cresset/cresset/beacon/engine"
	"github.com/cresset/cresset/beacon/kzg"
	"github.com/cresset/cresset/beacon/p2p/peers"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/simnet"
	"github.com/cresset/cresset/beacon/store"
	"github.com/cresset/cresset/beacon/store/kv"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/sync/driver"
	"github.com/cresset/cresset/sync/reqresp"
)

const genesisTime = 1_700_000_000

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// nothing is an execution client that is never asked.
type nothing struct{}

func (nothing) NewPayload(context.Context, params.Fork, *transition.NewPayloadRequest) (engine.PayloadStatus, error) {
	return engine.PayloadStatus{}, errors.New("not asked")
}

func (nothing) ForkchoiceUpdated(context.Context, params.Fork, engine.ForkchoiceState, *engine.PayloadAttributes) (engine.PayloadStatus, *engine.PayloadID, error) {
	return engine.PayloadStatus{}, nil, errors.New("not asked")
}

func (nothing) PowBlock(context.Context, types.Hash32) (*engine.PowBlock, error) { return nil, nil }

// world is a Peering at the genesis of a chain, and everything around it, which keeps a log of what it is told.
type world struct {
	t    *testing.T
	p    *Peering
	time *clock.Manual

	mu       sync.Mutex
	log      []string
	status   types.Status // what peers answer
	metadata types.MetaData
	silent   bool // peers do not answer pings
}

func newWorld(t *testing.T) *world {
	t.Helper()
	spec, err := simnet.Spec(params.Fulu)
	check(t, err)
	net, err := simnet.New(spec, 64, genesisTime)
	check(t, err)
	w := &world{t: t, time: clock.NewManual(time.Unix(genesisTime+20, 0))}
	c := clock.New(clock.Config{Spec: spec, GenesisTime: genesisTime, Source: w.time})
	db, err := store.Open(store.Config{Memory: kv.NewMemory(), Spec: spec})
	check(t, err)
	setup, err := kzg.New()
	check(t, err)
	genesis := net.GenesisState()
	ch, err := chain.New(chain.Config{Spec: spec, Store: db, Engine: nothing{}, Clock: c, KZG: setup, Anchor: &chain.Anchor{State: genesis}})
	check(t, err)
	digests := reqresp.NewDigests(spec, genesis.GenesisValidatorsRoot)
	w.p = New(Config{Spec: spec, Clock: c, MetaData: types.MetaData{SeqNumber: 7}})
	w.p.Attach(Parts{Chain: ch, Digests: digests, Client: w, Host: (*host)(w), Sync: (*syncer)(w)})
	w.status = types.Status{ForkDigest: digests.At(c.CurrentSlot()), HeadRoot: types.Root{1}, HeadSlot: 3}
	w.metadata = types.MetaData{SeqNumber: 1, CustodyGroupCount: 4}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.p.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		check(t, <-ended)
		check(t, db.Close())
	})
	return w
}

func (w *world) say(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log = append(w.log, fmt.Sprintf(format, args...))
}

// Status implements Client.
func (w *world) Status(_ context.Context, peer string, own types.Status) (types.Status, error) {
	w.say("asked %s for its status as one at slot %d", peer, own.HeadSlot)
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.status, nil
}

// MetaData implements Client.
func (w *world) MetaData(_ context.Context, peer string) (types.MetaData, error) {
	w.say("asked %s for its metadata", peer)
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.metadata, nil
}

// Ping implements Client.
func (w *world) Ping(_ context.Context, peer string, seq uint64) (uint64, error) {
	w.say("pinged %s with %d", peer, seq)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.silent {
		return 0, &reqresp.Error{Class: reqresp.TimedOut, Peer: peer, Err: errors.New("no answer")}
	}
	return w.metadata.SeqNumber, nil
}

// Goodbye implements Client.
func (w *world) Goodbye(_ context.Context, peer string, reason uint64) error {
	w.say("said goodbye %d to %s", reason, peer)
	return nil
}

// host is the world as the peer manager.
type host world

func (h *host) SetMeta(peer string, groups uint64, _, _ []byte) {
	(*world)(h).say("%s has %d custody groups", peer, groups)
}

func (h *host) Columns(_ string, groups uint64) ([]uint64, error) { return make([]uint64, groups), nil }

func (h *host) Disconnect(peer string, reason uint64, why string) {
	(*world)(h).say("left %s for %d: %s", peer, reason, why)
}

func (h *host) HeardGoodbye(peer string, reason uint64) {
	(*world)(h).say("heard goodbye %d of %s", reason, peer)
}

func (h *host) Report(peer string, o peers.Offence, _ string) {
	(*world)(h).say("reported %s, %v", peer, o)
}

// syncer is the world as sync.
type syncer world

func (s *syncer) SetPeer(peer string, status driver.PeerStatus) {
	(*world)(s).say("%s is at slot %d with %d columns", peer, status.HeadSlot, len(status.Columns))
}

func (s *syncer) RemovePeer(peer string) { (*world)(s).say("%s is gone", peer) }

// want waits until the log is as it should be.
func (w *world) want(lines ...string) {
	w.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		w.mu.Lock()
		have := fmt.Sprintf("%q", w.log)
		w.mu.Unlock()
		if have == fmt.Sprintf("%q", lines) {
			return
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("log is %s\nwant %q", have, lines)
		}
	}
}

// pass lets time pass when somebody waits for it.
func (w *world) pass(d time.Duration) {
	time.Sleep(20 * time.Millisecond) // until whoever talks waits for the time
	w.time.Set(w.p.Clock.Now().Add(d))
}

// greeted is the log of the first exchange with a peer that this node dialled.
func greeted(peer string) []string {
	return []string{
		"asked " + peer + " for its status as one at slot 0", "asked " + peer + " for its metadata", peer + " has 4 custody groups", peer + " is at slot 3 with 4 columns",
	}
}

func TestWhoeverDialsAsksFirst(t *testing.T) {
	w := newWorld(t)
	w.p.Connected("a", true)
	w.want(greeted("a")...)
	w.p.Disconnected("a")
	w.want(append(greeted("a"), "a is gone")...)
}

func TestAPeerThatDialledUsSpeaksFirst(t *testing.T) {
	w := newWorld(t)
	w.p.Connected("a", false)
	w.p.OnStatus("a", w.status)
	w.want(greeted("a")[1:]...)
}

func TestASilentPeerThatDialledUsIsAsked(t *testing.T) {
	w := newWorld(t)
	w.p.Connected("a", false)
	w.pass(firstStatus)
	w.want(greeted("a")...)
}

func TestAPeerOfAnotherForkIsLeft(t *testing.T) {
	w := newWorld(t)
	own := w.status.ForkDigest
	w.status.ForkDigest = types.ForkDigest{1, 2, 3, 4}
	w.p.Connected("a", true)
	w.want("asked a for its status as one at slot 0", fmt.Sprintf("left a for 2: fork digest is %v, want %v", w.status.ForkDigest, own))
}

// Sync goes by what peers say of themselves: who says what cannot be would lead it.
func TestAPeerWhoseStatusCannotBeIsLeft(t *testing.T) {
	for why, change := range map[string]func(*types.Status){
		"head slot is 5 at slot 3":                           func(s *types.Status) { s.HeadSlot = 5 },
		"finalized epoch is 1 in epoch 0":                    func(s *types.Status) { s.FinalizedEpoch = 1 },
		"finalized epoch is 18446744073709551615 in epoch 0": func(s *types.Status) { s.FinalizedEpoch = ^types.Epoch(0) },
		"head slot is 18446744073709551615 at slot 3":        func(s *types.Status) { s.HeadSlot = ^types.Slot(0) },
	} {
		w := newWorld(t)
		change(&w.status)
		w.p.Connected("a", true)
		w.want("asked a for its status as one at slot 0", "left a for 2: "+why)
	}
	w := newWorld(t)
	w.status.HeadSlot = 4 // of one whose clock is a little ahead
	w.p.Connected("a", true)
	w.want(append(greeted("a")[:3], "a is at slot 4 with 4 columns")...)
}

func TestANewStatusOfAPeerIsToldAndChecked(t *testing.T) {
	w := newWorld(t)
	w.p.Connected("a", true)
	w.want(greeted("a")...)
	later := w.status
	later.HeadSlot = 4
	w.p.OnStatus("a", later)
	w.want(append(greeted("a"), "a is at slot 4 with 4 columns")...)
	later.ForkDigest = types.ForkDigest{}
	w.p.OnStatus("a", later)
	w.want(append(greeted("a"), "a is at slot 4 with 4 columns", fmt.Sprintf("left a for 2: fork digest is %v, want %v", later.ForkDigest, w.status.ForkDigest), "a is gone")...)
}

func TestMetadataIsAskedForWhenItsNumberGrows(t *testing.T) {
	w := newWorld(t)
	w.p.Connected("a", true)
	w.want(greeted("a")...)
	w.p.OnPing("a", 1)
	w.p.OnPing("b", 9) // not connected
	w.mu.Lock()
	w.metadata = types.MetaData{SeqNumber: 2, CustodyGroupCount: 8}
	w.mu.Unlock()
	w.pass(pingEvery)
	w.want(append(greeted("a"), "pinged a with 7", "asked a for its metadata", "a has 8 custody groups", "a is at slot 3 with 8 columns")...)
}

func TestAPeerThatDoesNotAnswerPingsIsLeft(t *testing.T) {
	w := newWorld(t)
	w.p.Connected("a", true)
	w.want(greeted("a")...)
	w.mu.Lock()
	w.silent = true
	w.mu.Unlock()
	log := greeted("a")
	for range pingsMissed {
		w.pass(pingEvery)
		log = append(log, "pinged a with 7")
		if len(log) < len(greeted("a"))+pingsMissed {
			w.want(log...)
		}
	}
	w.want(append(log, "left a for 3: ping 3: : timed out: no answer", "a is gone")...)
}

func TestStatusIsAskedForOnceAnEpoch(t *testing.T) {
	w := newWorld(t)
	w.p.Connected("a", true)
	w.want(greeted("a")...)
	w.pass(time.Duration(w.p.Spec.SlotsPerEpoch) * w.p.Clock.SlotDuration())
	w.want(append(greeted("a"), "pinged a with 7", "asked a for its status as one at slot 0", "a is at slot 3 with 4 columns")...)
}

func TestWhatThisNodeSaysOfItself(t *testing.T) {
	w := newWorld(t)
	s := w.p.Status()
	if s.ForkDigest != w.status.ForkDigest || s.FinalizedEpoch != 0 || s.FinalizedRoot != (types.Root{}) || s.HeadSlot != 0 || s.EarliestAvailableSlot != 0 ||
		s.HeadRoot != w.p.parts.Chain.Snapshot().Head.Root {
		t.Errorf("status is %+v", s)
	}
	w.p.SetMetaData(func(m *types.MetaData) { m.CustodyGroupCount = 128 })
	if m := w.p.MetaData(); m.SeqNumber != 8 || m.CustodyGroupCount != 128 {
		t.Errorf("metadata is %+v", m)
	}
	w.p.OnGoodbye("a", 1)
	w.p.Goodbye(context.Background(), "a", 3)
	w.want("heard goodbye 1 of a", "said goodbye 3 to a")
}
