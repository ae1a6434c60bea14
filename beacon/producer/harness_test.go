package producer

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/clock"
	"github.com/cresset/cresset/beacon/engine"
	"github.com/cresset/cresset/beacon/engine/mock"
	"github.com/cresset/cresset/beacon/kzg"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/pool"
	"github.com/cresset/cresset/beacon/simnet"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/store"
	"github.com/cresset/cresset/beacon/store/kv"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

const genesisTime = 1_700_000_000

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// world is a network and a node of it that makes blocks. Validators have withdrawal keys, which are their own.
type world struct {
	t     testing.TB
	spec  *params.Spec
	net   *simnet.Network
	time  *clock.Manual
	mock  *mock.Engine
	chain *chain.Chain
	pool  *pool.Pool
	kzg   *kzg.Context
	begun chan Begun
	*Producer
}

// fees is who gets them unless a proposer says otherwise.
var fees = types.ExecutionAddress{0xfe}

func newWorld(t testing.TB, fork params.Fork, change func(*mock.Config, *Config)) *world {
	t.Helper()
	spec, err := simnet.Spec(fork)
	check(t, err)
	spec.ShardCommitteePeriod = 0
	spec.ReorgParentWeightThreshold = 50 // the votes of one slot are enough: blocks bring no more in time
	w := &world{t: t, spec: spec, time: clock.NewManual(time.Unix(genesisTime, 0)), begun: make(chan Begun, 1<<12)}
	w.net, err = simnet.NewWith(spec, 64, genesisTime, func(_ int, key types.BLSPubkey) types.Bytes32 {
		hash := types.Bytes32(sha256.Sum256(key[:]))
		hash[0] = params.BLSWithdrawalPrefix
		return hash
	})
	check(t, err)
	w.kzg, err = kzg.New()
	check(t, err)
	secret := make([]byte, 32)
	file := filepath.Join(t.TempDir(), "jwt")
	check(t, os.WriteFile(file, []byte(hex.EncodeToString(secret)), 0o600))
	now := clock.New(clock.Config{Spec: spec, GenesisTime: genesisTime, Source: w.time})
	engineConfig, cfg := w.net.EngineConfig(secret), Config{FeeRecipient: fees, BuildTime: time.Nanosecond, Attributes: func(b Begun) { w.begun <- b }}
	if change != nil {
		change(&engineConfig, &cfg)
	}
	w.mock, err = mock.New(engineConfig)
	check(t, err)
	client, err := engine.New(engine.Config{
		Endpoints: []engine.Endpoint{{URL: "http://mock", JWTSecretFile: file}}, Spec: spec, Clock: now, Transport: w.mock, Interval: 100 * time.Millisecond,
	})
	check(t, err)
	disk, err := store.Open(store.Config{Memory: kv.NewMemory(), Spec: spec})
	check(t, err)
	log := slog.New(slog.NewTextHandler(testLog{t}, &slog.HandlerOptions{Level: slog.LevelWarn}))
	w.chain, err = chain.New(chain.Config{
		Spec: spec, Store: disk, Engine: client, Clock: now, KZG: w.kzg, Anchor: &chain.Anchor{State: w.net.GenesisState()}, Log: log,
	})
	check(t, err)
	w.pool = pool.New(pool.Config{Spec: spec, Log: log})
	cfg.Chain, cfg.Pool, cfg.Payloads, cfg.Log = w.chain, w.pool, client, log
	w.Producer = New(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 3)
	for _, run := range []func(context.Context) error{client.Run, w.chain.Run, w.Run} {
		go func() { ended <- run(ctx) }()
	}
	t.Cleanup(func() {
		cancel()
		for range 3 {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
		check(t, disk.Close())
	})
	w.until("the execution client is ready", func() bool { return client.Health().State() == engine.Ready })
	w.chain.EngineReady()
	return w
}

// nextBegun waits until a payload is begun ahead.
func (w *world) nextBegun() Begun {
	w.t.Helper()
	select {
	case b := <-w.begun:
		return b
	case <-time.After(time.Minute):
		w.t.Fatal("no payload is begun ahead")
		return Begun{}
	}
}

type testLog struct{ t testing.TB }

func (l testLog) Write(b []byte) (int, error) {
	l.t.Log(strings.TrimSuffix(string(b), "\n"))
	return len(b), nil
}

func (w *world) until(what string, met func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(time.Minute); !met(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("waited a minute in vain until %s", what)
		}
	}
}

// at moves the time to a part of a slot, in thousandths, and waits until the node has noticed.
func (w *world) at(slot types.Slot, thousandths int) {
	w.t.Helper()
	c := w.chain.Clock()
	w.time.Set(c.StartOf(slot).Add(c.SlotDuration() * time.Duration(thousandths) / 1000))
	w.until("the slot begins", func() bool { return w.chain.Snapshot().Slot >= slot })
}

// state is the head's state at a slot.
func (w *world) state(slot types.Slot) *transition.State {
	w.t.Helper()
	s, err := w.chain.StateAt(context.Background(), w.chain.Snapshot().Head.Root, slot)
	check(w.t, err)
	return s
}

func signingRoot(s *transition.State, root types.Root, kind types.DomainType) types.Root {
	return types.ComputeSigningRoot(root, s.GetDomain(kind, s.GetCurrentEpoch()))
}

// request is what the proposer of a slot asks for.
func (w *world) request(slot types.Slot) Request {
	w.t.Helper()
	s := w.state(slot)
	proposer, err := s.GetBeaconProposerIndex()
	check(w.t, err)
	var epoch types.Root
	binary.LittleEndian.PutUint64(epoch[:], uint64(s.GetCurrentEpoch()))
	return Request{Slot: slot, RandaoReveal: w.net.SignRoot(signingRoot(s, epoch, params.DomainRandao()), proposer), Graffiti: types.Bytes32{'g'}}
}

// produce makes the block of a slot. Time goes on while it does.
func (w *world) produce(slot types.Slot) *Produced {
	w.t.Helper()
	out, err := w.try(w.request(slot))
	check(w.t, err)
	return out
}

// try is Produce while time goes on, for it waits.
func (w *world) try(r Request) (out *Produced, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		out, err = w.Produce(context.Background(), r)
	}()
	for {
		select {
		case <-done:
			return out, err
		case <-time.After(time.Millisecond):
			w.time.Set(w.chain.Clock().Now().Add(time.Millisecond))
		}
	}
}

// signed is a block with its proposer's signature.
func (w *world) signed(out *Produced) *types.SignedBeaconBlock {
	w.t.Helper()
	s := w.state(out.Block.Slot)
	root, err := ssz.HashTreeRoot(ssz.Context{Spec: w.spec, Fork: out.Fork}, ssz.Container(out.Block))
	check(w.t, err)
	return &types.SignedBeaconBlock{Message: *out.Block, Signature: w.net.SignRoot(signingRoot(s, root, params.DomainBeaconProposer()), out.Block.ProposerIndex)}
}

// add imports a produced block with what belongs to it; it has to become the head.
func (w *world) add(out *Produced) *types.SignedBeaconBlock {
	w.t.Helper()
	ctx, signed := context.Background(), w.signed(out)
	root, err := ssz.HashTreeRoot(ssz.Context{Spec: w.spec, Fork: out.Fork}, ssz.Container(&signed.Message))
	check(w.t, err)
	beside, err := Sidecars(w.kzg, w.spec, signed, out.Blobs, out.Proofs)
	check(w.t, err)
	if len(beside.Blobs) > 0 {
		check(w.t, w.chain.ImportBlobs(ctx, beside.Blobs))
	}
	if len(beside.Columns) > 0 {
		w.chain.HoldColumns(chain.OwnColumns(chain.BlockID{Root: root, Slot: signed.Message.Slot}, beside.Columns))
	}
	outcome, err := w.chain.ImportBlock(ctx, signed, chain.Own)
	check(w.t, err)
	if outcome != chain.Applied || w.chain.Snapshot().Head.Root != root {
		w.t.Fatalf("the block was %v and the head is %v, want %v", outcome, w.chain.Snapshot().Head.Root, root)
	}
	return signed
}

// votes puts the votes of everybody for the head into the pool, as single votes.
func (w *world) votes(slot types.Slot) {
	w.t.Helper()
	head := w.chain.Snapshot().Head
	s := w.state(slot)
	data := types.AttestationData{Slot: slot, BeaconBlockRoot: head.Root, Source: s.CurrentJustifiedCheckpoint, Target: types.Checkpoint{Epoch: s.GetCurrentEpoch(), Root: head.Root}}
	start, err := types.ComputeStartSlotAtEpoch(w.spec, s.GetCurrentEpoch())
	check(w.t, err)
	if b := head.AncestorAt(start); b != nil {
		data.Target.Root = b.Root
	}
	sh, err := s.Shuffling(s.GetCurrentEpoch())
	check(w.t, err)
	for i := range types.CommitteeIndex(sh.CommitteesPerSlot) {
		d := data
		if !s.Since(params.Electra) {
			d.Index = i
		}
		root := signingRoot(s, types.HashTreeRoot(&d), params.DomainBeaconAttester())
		members := sh.Committee(slot, i)
		for k, m := range members {
			v := types.ValidatorIndex(m)
			w.pool.InsertVote(pool.Vote{Data: &d, Committee: i, Position: k, Size: len(members), Attester: v, Signature: w.net.SignRoot(root, v)})
		}
	}
}

// syncMessages puts the sync committee's messages for the head in a slot into the pool.
func (w *world) syncMessages(slot types.Slot) {
	w.t.Helper()
	head := w.chain.Snapshot().Head
	s := w.state(slot)
	root := signingRoot(s, head.Root, params.DomainSyncCommittee())
	size := w.spec.SyncCommitteeSize / params.SyncCommitteeSubnetCount
	for i, key := range s.CurrentSyncCommittee.Value.Pubkeys {
		v, known := s.ValidatorByPubkey(key)
		if !known {
			w.t.Fatal("a member has no index")
		}
		m := &types.SyncCommitteeMessage{Slot: slot, BeaconBlockRoot: head.Root, ValidatorIndex: v, Signature: w.net.SignRoot(root, v)}
		w.pool.InsertSyncMessage(m, uint64(i)/size, []uint64{uint64(i) % size})
	}
}
