package engine_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cresset/cresset/beacon/clock"
	"github.com/cresset/cresset/beacon/engine"
	"github.com/cresset/cresset/beacon/engine/mock"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// specFrom is the minimal preset's spec with one fork from genesis on, and perhaps another later.
func specFrom(t testing.TB, fork params.Fork, next params.Fork, epoch types.Epoch) *params.Spec {
	t.Helper()
	config := "PRESET_BASE: minimal\nMIN_GENESIS_ACTIVE_VALIDATOR_COUNT: 64\n"
	for f := params.Altair; f <= params.Gloas; f++ {
		at := uint64(types.Epoch(1<<64 - 1))
		if f <= fork {
			at = 0
		} else if f == next {
			at = uint64(epoch)
		}
		config += fmt.Sprintf("%s_FORK_EPOCH: %d\n", bytes.ToUpper([]byte(f.String())), at)
	}
	spec, _, err := params.Load([]byte(config))
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

// router is a transport to several engines by the host of the URL.
type router map[string]http.RoundTripper

func (r router) RoundTrip(q *http.Request) (*http.Response, error) { return r[q.URL.Host].RoundTrip(q) }

// bench is a client with the engines behind it.
type bench struct {
	*engine.Client
	t       *testing.T
	spec    *params.Spec
	fork    params.Fork
	engines []*mock.Engine
	secrets []string // files
	log     *logBuffer
	genesis types.Hash32
	time    uint64 // genesis time
}

// logBuffer keeps a log.
type logBuffer struct {
	mu struct {
		sync.Mutex
		bytes.Buffer
	}
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.mu.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.mu.String()
}

// secretOf is the key of an engine's JWT.
func secretOf(i int) []byte { return bytes.Repeat([]byte{byte(i + 1)}, 32) }

// setup is what newBench is told; the zero value is one engine of Fulu.
type setup struct {
	engines int
	fork    params.Fork
	next    params.Fork
	epoch   types.Epoch
	// alter changes the client's config.
	alter func(*engine.Config)
}

// newBench makes engines and a client of them that does not run yet. Inside of a synctest bubble all times are made up.
func newBench(t *testing.T, s setup) *bench {
	t.Helper()
	if s.engines == 0 {
		s.engines = 1
	}
	if s.fork == 0 {
		s.fork = params.Fulu
	}
	b := &bench{t: t, fork: s.fork, spec: specFrom(t, s.fork, s.next, s.epoch), log: &logBuffer{}, genesis: types.Hash32{0xee}, time: uint64(time.Now().Unix())}
	routes := router{}
	cfg := engine.Config{
		Spec:      b.spec,
		Clock:     clock.New(clock.Config{Spec: b.spec, GenesisTime: b.time}),
		Log:       slog.New(slog.NewTextHandler(b.log, nil)),
		Transport: routes,
		Version:   engine.ClientVersion{Code: "CR", Name: "Cresset", Version: "test"},
		Random:    func(n int64) int64 { return n - 1 },
	}
	for i := range s.engines {
		m, err := mock.New(mock.Config{Spec: b.spec, GenesisTime: b.time, Genesis: mock.Genesis{Hash: b.genesis}, Secret: secretOf(i)})
		if err != nil {
			t.Fatal(err)
		}
		host := fmt.Sprintf("el%d:8551", i)
		routes[host] = m
		b.engines = append(b.engines, m)
		file := filepath.Join(t.TempDir(), fmt.Sprintf("jwt%d.hex", i))
		b.secrets = append(b.secrets, file)
		b.writeSecret(i, "0x"+hex.EncodeToString(secretOf(i))+"\n")
		cfg.Endpoints = append(cfg.Endpoints, engine.Endpoint{Name: fmt.Sprintf("el%d", i), URL: "http://" + host, JWTSecretFile: file})
	}
	if s.alter != nil {
		s.alter(&cfg)
	}
	c, err := engine.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	b.Client = c
	return b
}

func (b *bench) writeSecret(i int, text string) {
	b.t.Helper()
	if err := os.WriteFile(b.secrets[i], []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// run has the client watch over its engines until the test ends.
func (b *bench) run() {
	ctx, cancel := context.WithCancel(b.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	b.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			b.t.Errorf("run: %v", err)
		}
	})
	synctest.Wait()
}

// in runs a story in a bubble of made-up time.
func in(t *testing.T, s setup, story func(t *testing.T, b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, s)
		story(t, b)
	})
}

// pass lets time pass.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// expect compares the state of an engine, and demands that what is wrong is said.
func (b *bench) expect(i int, want engine.State) engine.EndpointHealth {
	b.t.Helper()
	h := b.Health().Endpoints[i]
	if h.State != want || h.Reason == "" {
		b.t.Fatalf("engine %d is %v (%s), want %v", i, h.State, h.Reason, want)
	}
	return h
}

func (b *bench) expectActive(want int) {
	b.t.Helper()
	if h := b.Health(); h.Active != want {
		b.t.Fatalf("engine %d is active, want %d: %+v", h.Active, want, h)
	}
}

// attributes ask for the payload of a slot.
func (b *bench) attributes(slot uint64) *engine.PayloadAttributes {
	a := &engine.PayloadAttributes{Timestamp: b.time + slot*b.spec.SlotDurationMs/1000, PrevRandao: types.Bytes32{byte(slot)}, SuggestedFeeRecipient: types.ExecutionAddress{0xfe}}
	if b.fork >= params.Capella {
		a.Withdrawals = []types.Withdrawal{{Index: types.WithdrawalIndex(slot), Amount: 9}}
	}
	if b.fork >= params.Deneb {
		a.ParentBeaconBlockRoot = types.Root{byte(slot)}
	}
	if b.fork >= params.Gloas {
		a.SlotNumber, a.TargetGasLimit = slot, 30_000_000
	}
	return a
}

// request is the new payload that a built one is sent back as.
func (b *bench) request(built *engine.BuiltPayload, a *engine.PayloadAttributes) *transition.NewPayloadRequest {
	return &transition.NewPayloadRequest{ExecutionPayload: built.Payload, ParentBeaconBlockRoot: a.ParentBeaconBlockRoot, ExecutionRequests: built.Requests}
}

// head makes a hash the head.
func (b *bench) head(hash types.Hash32) engine.PayloadStatus {
	b.t.Helper()
	status, _, err := b.ForkchoiceUpdated(b.t.Context(), b.fork, engine.ForkchoiceState{Head: hash}, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return status
}

// grow builds payloads on a head with a separate engine, so that none of the client's knows them.
func (b *bench) grow(n int) []*transition.NewPayloadRequest {
	b.t.Helper()
	m, err := mock.New(mock.Config{Spec: b.spec, GenesisTime: b.time, Genesis: mock.Genesis{Hash: b.genesis}})
	if err != nil {
		b.t.Fatal(err)
	}
	c, err := engine.New(engine.Config{Spec: b.spec, Clock: clock.New(clock.Config{Spec: b.spec, GenesisTime: b.time}), Transport: m,
		Endpoints: []engine.Endpoint{{URL: "http://builder", JWTSecretFile: b.secrets[0]}}})
	if err != nil {
		b.t.Fatal(err)
	}
	parent := b.genesis
	var out []*transition.NewPayloadRequest
	for slot := 1; slot <= n; slot++ {
		a := b.attributes(uint64(slot))
		_, id, err := c.ForkchoiceUpdated(b.t.Context(), b.fork, engine.ForkchoiceState{Head: parent}, a)
		if err != nil || id == nil {
			b.t.Fatalf("slot %d: %v, %v", slot, id, err)
		}
		built, err := c.GetPayload(b.t.Context(), b.fork, *id)
		if err != nil {
			b.t.Fatal(err)
		}
		out = append(out, b.request(built, a))
		parent = built.Payload.BlockHash
	}
	return out
}
