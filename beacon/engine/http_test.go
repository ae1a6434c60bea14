package engine_test

import (
	"encoding/hex"
	"errors"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/cresset/cresset/beacon/clock"
	"github.com/cresset/cresset/beacon/engine"
	"github.com/cresset/cresset/beacon/engine/mock"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/recorded"
	"github.com/cresset/cresset/beacon/types"
)

// chainFork is the fork that the recorded chain ends with.
const chainFork = params.Fulu

// overHTTP is a client of an engine over a real connection, with the genesis of the recorded chain.
func overHTTP(t *testing.T) (*engine.Client, *mock.Engine, *recorded.Chain, *httptest.Server) {
	t.Helper()
	chain, err := recorded.Load("deneb-to-fulu")
	if err != nil {
		t.Fatal(err)
	}
	m, err := mock.New(mock.Config{Spec: chain.Spec, GenesisTime: chain.GenesisTime, Genesis: mock.Genesis{Hash: chain.GenesisPayload.BlockHash}, Secret: secretOf(0)})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(m.Handler())
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "jwt.hex")
	if err := os.WriteFile(file, []byte(hex.EncodeToString(secretOf(0))), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := engine.New(engine.Config{
		Endpoints: []engine.Endpoint{{URL: server.URL, JWTSecretFile: file}},
		Spec:      chain.Spec,
		Clock:     clock.New(clock.Config{Spec: chain.Spec, GenesisTime: chain.GenesisTime}),
	})
	if err != nil {
		t.Fatal(err)
	}
	return c, m, chain, server
}

// The recorded chain goes through the client over a real connection, every payload valid.
func TestRecordedChainOverHTTP(t *testing.T) {
	c, m, chain, _ := overHTTP(t)
	for _, b := range chain.Payloads {
		if status, err := c.NewPayload(t.Context(), b.Fork, b.Request); err != nil || status.Status != engine.Valid {
			t.Fatalf("slot %d: %+v, %v", b.Slot, status, err)
		}
		head := engine.ForkchoiceState{Head: b.Request.ExecutionPayload.BlockHash, Finalized: chain.GenesisPayload.BlockHash}
		if status, _, err := c.ForkchoiceUpdated(t.Context(), b.Fork, head, nil); err != nil || status.Status != engine.Valid {
			t.Fatalf("slot %d: %+v, %v", b.Slot, status, err)
		}
	}
	if got := m.Head(); got != chain.HeadHash() {
		t.Errorf("head %v, recorded %v", got, chain.HeadHash())
	}
}

// Faults look the same over a real connection; when the server is gone, connections are refused.
func TestFaultsOverHTTP(t *testing.T) {
	for wrong, kind := range map[mock.Wrong]error{
		mock.Garbage: engine.ErrMalformed, mock.Oversized: engine.ErrMalformed, mock.Deep: engine.ErrMalformed, mock.Stalled: engine.ErrOffline,
		mock.Refused: engine.ErrAuth, mock.Broken: engine.ErrOffline, mock.Closed: engine.ErrOffline, mock.Silent: engine.ErrOffline,
	} {
		t.Run(kind.Error(), func(t *testing.T) {
			t.Parallel()
			c, m, _, server := overHTTP(t)
			m.SetFaults(mock.Faults{Wrong: wrong})
			_, err := c.ClientVersion(t.Context()) // A method whose time is short and whose answer is small.
			var call *engine.CallError
			if !errors.Is(err, kind) || !errors.As(err, &call) || call.Method != "engine_getClientVersionV1" {
				t.Errorf("fault %d: %v, want %v", wrong, err, kind)
			}
			m.SetFaults(mock.Faults{})
			if got, err := c.ClientVersion(t.Context()); err != nil || len(got) != 1 {
				t.Errorf("afterwards: %+v, %v", got, err)
			}
			server.Close()
			var refused *net.OpError
			if _, err := c.PowBlock(t.Context(), types.Hash32{1}); !errors.Is(err, engine.ErrOffline) || !errors.As(err, &refused) {
				t.Errorf("without server: %v", err)
			}
		})
	}
}

// A config that cannot work is refused, with what is wrong.
func TestConfigIsChecked(t *testing.T) {
	good := func() engine.Config {
		spec := specFrom(t, chainFork, 0, 0)
		return engine.Config{Spec: spec, Clock: clock.New(clock.Config{Spec: spec}), Endpoints: []engine.Endpoint{{URL: "http://localhost:8551", JWTSecretFile: "jwt.hex"}}}
	}
	if _, err := engine.New(good()); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*engine.Config){
		"no endpoints": func(c *engine.Config) { c.Endpoints = nil },
		"no spec":      func(c *engine.Config) { c.Spec = nil },
		"no clock":     func(c *engine.Config) { c.Clock = nil },
		"no secret":    func(c *engine.Config) { c.Endpoints[0].JWTSecretFile = "" },
		"scheme":       func(c *engine.Config) { c.Endpoints[0].URL = "ws://localhost:8551" },
		"no scheme":    func(c *engine.Config) { c.Endpoints[0].URL = "localhost:8551" },
		"no URL":       func(c *engine.Config) { c.Endpoints[0].URL = "http://a b" },
		"same name":    func(c *engine.Config) { c.Endpoints = append(c.Endpoints, c.Endpoints[0]) },
		"hold-down":    func(c *engine.Config) { c.HoldDown = -1 },
	} {
		cfg := good()
		change(&cfg)
		if _, err := engine.New(cfg); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
