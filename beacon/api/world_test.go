package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/clock"
	"github.com/cresset/cresset/beacon/engine"
	"github.com/cresset/cresset/beacon/kzg"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/recorded"
	"github.com/cresset/cresset/beacon/simnet"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/store"
	"github.com/cresset/cresset/beacon/store/kv"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/sync/server"
)

const genesisTime = 1_700_000_000

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// believer is an execution client that finds every payload valid, or has seen none yet, or is away. It may have one head that it calls invalid.
type believer struct {
	syncing, away atomic.Bool
	invalid       atomic.Pointer[types.Hash32]
}

func (b *believer) status() engine.PayloadStatus {
	if b.syncing.Load() {
		return engine.PayloadStatus{Status: engine.Syncing}
	}
	return engine.PayloadStatus{Status: engine.Valid}
}

func (b *believer) NewPayload(context.Context, params.Fork, *transition.NewPayloadRequest) (engine.PayloadStatus, error) {
	if b.away.Load() {
		return engine.PayloadStatus{}, engine.ErrOffline
	}
	return b.status(), nil
}

func (b *believer) ForkchoiceUpdated(_ context.Context, _ params.Fork, s engine.ForkchoiceState, _ *engine.PayloadAttributes) (engine.PayloadStatus, *engine.PayloadID, error) {
	if invalid := b.invalid.Load(); invalid != nil && *invalid == s.Head {
		return engine.PayloadStatus{Status: engine.Invalid}, nil, nil
	}
	return b.status(), nil, nil
}

func (b *believer) PowBlock(context.Context, types.Hash32) (*engine.PowBlock, error) { return nil, nil }

// world is a running chain and a server of it.
type world struct {
	t      testing.TB
	spec   *params.Spec
	net    *simnet.Network // of a simnet
	engine *believer
	chain  *chain.Chain
	store  *store.Store
	time   *clock.Manual
	clock  *clock.Clock
	light  *server.Light
	kzg    *kzg.Context
	server *Server
	tips   []simnet.Tip // of a simnet, by number of the block; the first is genesis
	votes  []types.Attestation
}

// newWorld starts a chain at a genesis state, and a server that was handed it.
func newWorld(t testing.TB, spec *params.Spec, genesis *types.BeaconState, change ...func(*Config)) *world {
	t.Helper()
	custody := make([]uint64, spec.NumberOfColumns)
	for i := range custody {
		custody[i] = uint64(i)
	}
	return newWorldKeeping(t, spec, genesis, custody, change...)
}

// newWorldKeeping is newWorld of a node that keeps some columns.
func newWorldKeeping(t testing.TB, spec *params.Spec, genesis *types.BeaconState, custody []uint64, change ...func(*Config)) *world {
	t.Helper()
	w := &world{t: t, spec: spec, engine: new(believer), time: clock.NewManual(time.Unix(int64(genesis.GenesisTime), 0))}
	w.clock = clock.New(clock.Config{Spec: spec, GenesisTime: genesis.GenesisTime, Source: w.time})
	var err error
	w.kzg, err = kzg.New()
	check(t, err)
	w.store, err = store.Open(store.Config{Memory: kv.NewMemory(), Spec: spec})
	check(t, err)
	w.chain, err = chain.New(chain.Config{
		Spec: spec, Store: w.store, Engine: w.engine, Clock: w.clock, KZG: w.kzg, Anchor: &chain.Anchor{State: genesis}, Custody: custody,
	})
	check(t, err)
	w.light = server.NewLight(server.LightConfig{Spec: spec, Chain: w.chain, Blocks: w.store})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	go func() { ended <- w.chain.Run(ctx) }()
	go func() { ended <- w.light.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		for range 2 {
			check(t, <-ended)
		}
		check(t, w.store.Close())
	})
	cfg := Config{Spec: spec, Version: engine.ClientVersion{Code: "CR", Name: "Cresset", Version: "v1", Commit: [4]byte{1, 2, 3, 4}}, AllowedHosts: []string{"example.com"}}
	for _, f := range change {
		f(&cfg)
	}
	w.server, err = New(cfg)
	check(t, err)
	check(t, w.server.SetChain(Node{
		Chain: w.chain, Store: w.store, KZG: w.kzg, Light: w.light, Network: network{}, Pool: onePool{}, Topics: []string{"block_gossip", "proposer_preferences"},
	}))
	return w
}

// newSimnet starts a chain of a fork of which the test has all keys.
func newSimnet(t testing.TB, fork params.Fork, change ...func(*Config)) *world {
	t.Helper()
	spec, err := simnet.Spec(fork)
	check(t, err)
	net, err := simnet.New(spec, 64, genesisTime)
	check(t, err)
	w := newWorld(t, spec, net.GenesisState(), change...)
	w.net, w.tips = net, []simnet.Tip{net.Genesis()}
	return w
}

func (w *world) until(what string, met func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(time.Minute); !met(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("waited a minute in vain until %s", what)
		}
	}
}

// at moves the clock into a slot.
func (w *world) at(slot types.Slot) {
	w.t.Helper()
	w.time.Set(w.clock.StartOf(slot).Add(time.Second / 10))
	w.until("the slot begins", func() bool { return w.chain.Snapshot().Slot >= slot })
}

func (w *world) tip() simnet.Tip { return w.tips[len(w.tips)-1] }

// step imports a block on a tip, with the votes of the slot before and its payload.
func (w *world) step(parent simnet.Tip, slot types.Slot, content simnet.Content) simnet.Tip {
	w.t.Helper()
	content.Votes = w.votes
	block, tip, err := w.net.BlockOf(parent, slot, content)
	check(w.t, err)
	w.at(slot)
	_, err = w.chain.ImportBlock(context.Background(), block, chain.Gossip)
	check(w.t, err)
	if tip.Payload != nil {
		_, err := w.chain.ImportPayload(context.Background(), tip.Payload, chain.Gossip)
		check(w.t, err)
		tip = tip.WithPayload()
	}
	return tip
}

// grow imports a block a slot up to one, with everybody's votes. Slots that are left out stay empty.
func (w *world) grow(to types.Slot, empty ...types.Slot) {
	w.t.Helper()
	for slot := w.tip().Slot + 1; slot <= to; slot++ {
		skip := false
		for _, e := range empty {
			skip = skip || e == slot
		}
		if skip {
			continue
		}
		tip := w.step(w.tip(), slot, simnet.Content{})
		var err error
		w.votes, err = w.net.Votes(tip, slot, simnet.Everyone)
		check(w.t, err)
		w.tips = append(w.tips, tip)
	}
	w.until("finality is on disk", func() bool {
		on, err := w.store.Finalized()
		return w.chain.Snapshot().Finalized.Epoch == 0 || err == nil && on == w.chain.Snapshot().Finalized
	})
}

// newRecorded imports a recorded chain.
func newRecorded(t testing.TB, name string) (*world, *recorded.Chain) {
	t.Helper()
	r, err := recorded.Load(name)
	check(t, err)
	genesis, err := r.GenesisState()
	check(t, err)
	w := newWorld(t, r.Spec, genesis)
	w.at(r.Head().Message.Slot + 2)
	ctx := context.Background()
	for i, signed := range r.Blocks {
		if columns := r.Columns[signed.Message.Slot]; len(columns) > 0 {
			check(t, w.chain.ImportColumns(ctx, columns))
		}
		if blobs := r.Blobs[signed.Message.Slot]; len(blobs) > 0 {
			check(t, w.chain.ImportBlobs(ctx, blobs))
		}
		if i%16 == 15 || i == len(r.Blocks)-1 {
			_, err := w.chain.ImportSegment(ctx, r.Blocks[i-i%16:i+1], chain.Replay)
			check(t, err)
		}
	}
	w.until("finality is on disk", func() bool {
		on, err := w.store.Finalized()
		return err == nil && on == w.chain.Snapshot().Finalized
	})
	return w, r
}

// answer is what a client got.
type answer struct {
	t      testing.TB
	what   string
	status int
	header http.Header
	body   []byte
}

// ask sends a request. Headers are given as "Name: value".
func (w *world) ask(method, path, body string, headers ...string) *answer {
	w.t.Helper()
	return ask(w.t, w.server.Handler(), method, path, body, headers...)
}

func ask(t testing.TB, h http.Handler, method, path, body string, headers ...string) *answer {
	t.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, path, reader)
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		if name == "Host" {
			r.Host = value
			continue
		}
		r.Header.Add(name, value)
	}
	recorder := httptest.NewRecorder()
	h.ServeHTTP(recorder, r)
	return &answer{t, method + " " + path, recorder.Code, recorder.Header(), recorder.Body.Bytes()}
}

func (w *world) get(path string, headers ...string) *answer {
	w.t.Helper()
	return w.ask(http.MethodGet, path, "", headers...)
}

// wants checks the status, and that an error says so in its body.
func (a *answer) wants(status int) *answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("%s: status %d, want %d: %.300s", a.what, a.status, status, a.body)
	}
	if status >= 400 {
		var e struct {
			Code    int
			Message string
		}
		if err := json.Unmarshal(a.body, &e); err != nil || e.Code != status || e.Message == "" || a.header.Get("Content-Type") != mediaJSON {
			a.t.Fatalf("%s: error body %s of type %s: %v", a.what, a.body, a.header.Get("Content-Type"), err)
		}
	}
	return a
}

// says checks that an error names what is wrong.
func (a *answer) says(parts ...string) {
	a.t.Helper()
	for _, part := range parts {
		if !bytes.Contains(a.body, []byte(part)) {
			a.t.Errorf("%s: %s does not say %q", a.what, a.body, part)
		}
	}
}

// into decodes the JSON of a good answer.
func (a *answer) into(v any) *answer {
	a.t.Helper()
	a.wants(http.StatusOK)
	if have := a.header.Get("Content-Type"); have != mediaJSON {
		a.t.Fatalf("%s: type %s", a.what, have)
	}
	dec := json.NewDecoder(bytes.NewReader(a.body))
	if err := dec.Decode(v); err != nil {
		a.t.Fatalf("%s: %v: %.300s", a.what, err, a.body)
	}
	return a
}

// whole is an answer with what may stand beside the data.
type whole struct {
	Version    string          `json:"version"`
	Optimistic *bool           `json:"execution_optimistic"`
	Finalized  *bool           `json:"finalized"`
	Data       json.RawMessage `json:"data"`
}

// flagged decodes an answer and checks its flags.
func (a *answer) flagged(optimistic, finalized bool) whole {
	a.t.Helper()
	var v whole
	a.into(&v)
	if v.Optimistic == nil || v.Finalized == nil || *v.Optimistic != optimistic || *v.Finalized != finalized {
		a.t.Errorf("%s: optimistic %s, finalized %s, want %t and %t", a.what, show(v.Optimistic), show(v.Finalized), optimistic, finalized)
	}
	return v
}

func show(b *bool) string {
	if b == nil {
		return "not said"
	}
	return fmt.Sprint(*b)
}

// field gives a field of the data as text.
func (v whole) field(t testing.TB, name string) string {
	t.Helper()
	var fields map[string]json.RawMessage
	check(t, json.Unmarshal(v.Data, &fields))
	return strings.Trim(string(fields[name]), `"`)
}

// object decodes an answer in both formats and gives the value; the two must agree.
func object[T any, P interface {
	*T
	ssz.Object
}](w *world, path string, fork params.Fork) P {
	w.t.Helper()
	cx := ssz.Context{Spec: w.spec, Fork: fork}
	octets := w.get(path, "Accept: application/octet-stream").wants(http.StatusOK)
	if octets.header.Get("Content-Type") != mediaSSZ || octets.header.Get("Eth-Consensus-Version") != fork.String() {
		w.t.Errorf("%s: header %v, want %s and fork %v", path, octets.header, mediaSSZ, fork)
	}
	fromSSZ := P(new(T))
	check(w.t, ssz.Unmarshal(cx, octets.body, ssz.Container(fromSSZ)))
	var text whole
	a := w.get(path).into(&text)
	if text.Version != fork.String() || a.header.Get("Eth-Consensus-Version") != fork.String() {
		w.t.Errorf("%s: version %q, header %q, want %v", path, text.Version, a.header.Get("Eth-Consensus-Version"), fork)
	}
	fromJSON := P(new(T))
	check(w.t, ssz.UnmarshalJSON(cx, text.Data, ssz.Container(fromJSON)))
	again, err := ssz.Marshal(cx, ssz.Container(fromJSON))
	check(w.t, err)
	if !bytes.Equal(again, octets.body) {
		w.t.Errorf("%s: JSON and SSZ differ", path)
	}
	return fromSSZ
}

// network is a node with three peers.
type network struct{}

func (network) Identity() Identity {
	return Identity{
		PeerID: "16Uiu2self", ENR: "enr:-self", P2PAddresses: []string{"/ip4/7.7.7.7/tcp/4242/p2p/16Uiu2self"},
		MetaData: types.MetaData{SeqNumber: 3, Attnets: ssz.NewBitvector(64), Syncnets: ssz.NewBitvector(4), CustodyGroupCount: 4},
	}
}

func (network) Peers() []Peer {
	return []Peer{
		{"16Uiu2one", "enr:-one", "/ip4/1.1.1.1/tcp/9000", Connected, Inbound},
		{"16Uiu2two", "", "/ip4/2.2.2.2/tcp/9000", Connected, Outbound},
		{"16Uiu2three", "", "/ip4/3.3.3.3/tcp/9000", Disconnected, Outbound},
	}
}

func (network) CheckPeerID(id string) error {
	if !strings.HasPrefix(id, "16Uiu2") {
		return fmt.Errorf("no multihash")
	}
	return nil
}

// onePool has one operation of each kind.
type onePool struct{}

func (onePool) Attestations(fits func(*types.AttestationData, types.CommitteeIndex) bool) (out []*types.Attestation) {
	for _, a := range []*types.Attestation{
		{AggregationBits: []byte{3}, Data: types.AttestationData{Slot: 7}},
		{AggregationBits: []byte{1}, Data: types.AttestationData{Slot: 8}},
	} {
		committee := types.CommitteeIndex(8 - a.Data.Slot)
		a.CommitteeBits = ssz.NewBitvector(4)
		a.CommitteeBits.SetBitAt(uint64(committee), true)
		if fits(&a.Data, committee) {
			out = append(out, a)
		}
	}
	return out
}

func (onePool) AttesterSlashings() []*types.AttesterSlashing {
	return []*types.AttesterSlashing{{Attestation1: types.IndexedAttestation{AttestingIndices: []types.ValidatorIndex{1}}}}
}

func (onePool) ProposerSlashings() []*types.ProposerSlashing { return []*types.ProposerSlashing{{}} }

func (onePool) VoluntaryExits() []*types.SignedVoluntaryExit {
	return []*types.SignedVoluntaryExit{{Message: types.VoluntaryExit{Epoch: 1, ValidatorIndex: 2}}, {}}
}

func (onePool) BLSToExecutionChanges() []*types.SignedBLSToExecutionChange {
	return []*types.SignedBLSToExecutionChange{{}}
}

func (onePool) PayloadAttestations() []*types.PayloadAttestation {
	return []*types.PayloadAttestation{{Data: types.PayloadAttestationData{Slot: 5}}, {Data: types.PayloadAttestationData{Slot: 6}}}
}

func readFile(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	check(t, err)
	return string(text)
}
