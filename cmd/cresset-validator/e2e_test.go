//go:build e2e

package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/apiclient"
	"github.com/cresset/cresset/beacon/node"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/recorded"
	"github.com/cresset/cresset/beacon/simnet"
	"github.com/cresset/cresset/beacon/synthetic"
	"github.com/cresset/cresset/keystore"
	"github.com/cresset/cresset/validator/client"
)

// stage is a network that begins in a moment, whose validators all belong to the test.
type stage struct {
	spec      *params.Spec
	config    string // files
	genesis   string
	keystores string
	password  string
}

const validators = 16

func newStage(t *testing.T, fork string, slot time.Duration) *stage {
	t.Helper()
	dir := t.TempDir()
	s := &stage{
		config: filepath.Join(dir, "config.yaml"), genesis: filepath.Join(dir, "genesis.ssz"),
		keystores: filepath.Join(dir, "keystores"), password: filepath.Join(dir, "password.txt"),
	}
	// Keystores first: they take their time.
	if err := keystore.MakeDir(s.keystores); err != nil {
		t.Fatal(err)
	}
	if err := keystore.WriteSecretFile(s.password, []byte("correct horse")); err != nil {
		t.Fatal(err)
	}
	password, err := keystore.ReadPasswordFile(s.password)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := synthetic.NewKeys(1) // those of simnet
	if err != nil {
		t.Fatal(err)
	}
	var writers sync.WaitGroup
	for i := range validators {
		writers.Go(func() {
			k, err := keystore.Encrypt(keys.Secret(uint64(i)), password, keystore.PBKDF2, "")
			if err != nil {
				t.Error(err)
				return
			}
			text, err := k.Marshal()
			if err != nil {
				t.Error(err)
				return
			}
			if err := keystore.WriteSecretFile(filepath.Join(s.keystores, fmt.Sprintf("keystore-%d.json", i)), text); err != nil {
				t.Error(err)
			}
		})
	}
	writers.Wait()
	r, err := recorded.Load(fork)
	if err != nil {
		t.Fatal(err)
	}
	ms := slot.Milliseconds()
	text := strings.NewReplacer("SLOT_DURATION_MS: 4000", fmt.Sprint("SLOT_DURATION_MS: ", ms), "SECONDS_PER_SLOT: 4", fmt.Sprint("SECONDS_PER_SLOT: ", ms/1000),
		"ELECTRA_FORK_EPOCH: 4", "ELECTRA_FORK_EPOCH: 1", "FULU_FORK_EPOCH: 8", "FULU_FORK_EPOCH: 2").Replace(string(r.Config))
	if s.spec, _, err = params.Load([]byte(text)); err != nil {
		t.Fatal(err)
	}
	net, err := simnet.New(s.spec, validators, uint64(time.Now().Add(12*time.Second).Unix()))
	if err != nil {
		t.Fatal(err)
	}
	state, err := net.GenesisState().MarshalSSZ()
	if err != nil {
		t.Fatal(err)
	}
	for path, content := range map[string][]byte{s.config: []byte(text), s.genesis: state} {
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// freeAddress is an address that nobody listened on a moment ago.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// lines is a log that may be read while it is written.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// start runs something until the test ends, and gives its log.
func start(t *testing.T, name string, run func(context.Context, *slog.Logger) error) *lines {
	t.Helper()
	out := new(lines)
	log := slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, log) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("%s ended: %v", name, err)
			}
		case <-time.After(30 * time.Second):
			t.Errorf("%s does not end", name)
		}
		if t.Failed() {
			text := out.String()
			t.Logf("the log of %s:\n%s", name, text[max(0, len(text)-30000):])
		}
	})
	return out
}

func (s *stage) node(t *testing.T, change func(*node.Config)) (url string, log *lines) {
	t.Helper()
	address, peers := freeAddress(t), netip.MustParseAddrPort(freeAddress(t)).Port() // in the hope that it is free for UDP too
	cfg := node.Config{
		DataDir: t.TempDir(), NetworkConfig: s.config, Genesis: s.genesis, ExecutionEndpoints: []string{node.EmbeddedEngine}, HTTPAddress: address,
		Networking: &node.Networking{Listen: []string{"127.0.0.1"}, Port: peers, QUICPort: peers, NoDiscovery: true, Local: true, Peers: 8},
	}
	change(&cfg)
	return "http://" + address, start(t, "node", func(ctx context.Context, log *slog.Logger) error { return node.Run(ctx, cfg, log) })
}

func (s *stage) client(urls ...string) client.Config {
	return client.Config{
		Spec: s.spec, KeystoreDir: s.keystores, PasswordFile: s.password, BeaconNodes: urls, Init: true,
		FeeRecipient: [20]byte{0xfe, 0xe0}, Graffiti: [32]byte{'h', 'i'},
	}
}

// TestE2EFinalizes has one process with all keys and one beacon node, which make a chain that finalizes without a slot missed, in one fork and across three.
func TestE2EFinalizes(t *testing.T) {
	for _, fork := range []string{"fulu", "deneb-to-fulu"} {
		t.Run(fork, func(t *testing.T) {
			s := newStage(t, fork, 2*time.Second)
			url, _ := s.node(t, func(*node.Config) {})
			cfg := s.client(url)
			log := start(t, "validator client", func(ctx context.Context, log *slog.Logger) error { return client.Run(ctx, cfg, log) })
			api, err := apiclient.New(apiclient.Config{URL: url})
			if err != nil {
				t.Fatal(err)
			}
			deadline := time.Now().Add(12*time.Second + time.Duration(6*s.spec.SlotsPerEpoch)*s.spec.SlotDuration())
			for {
				f, err := api.FinalityCheckpoints(t.Context(), "head")
				if err == nil && f.Finalized.Epoch >= 3 {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("finalized is %+v (%v), want epoch 3", f, err)
				}
				time.Sleep(200 * time.Millisecond)
			}
			t.Log(log)
			for _, bad := range []string{"level=ERROR", "block missed", "votes missed"} {
				if strings.Contains(log.String(), bad) {
					t.Errorf("the log says %s", bad)
				}
			}
			for _, good := range []string{"msg=proposed", "msg=voted", "msg=aggregated", "signed for the sync committee", "contributed for the sync committee", "msg=epoch"} {
				if !strings.Contains(log.String(), good) {
					t.Errorf("the log does not say %s", good)
				}
			}
		})
	}
}

// TestE2EDoppelganger has a second process with the same keys, which watches first: it hears the first one and never signs anything.
func TestE2EDoppelganger(t *testing.T) {
	s := newStage(t, "fulu", 2*time.Second)
	url, _ := s.node(t, func(*node.Config) {})
	copied := filepath.Join(t.TempDir(), "keystores")
	if err := keystore.MakeDir(copied); err != nil {
		t.Fatal(err)
	}
	for i := range validators {
		name := fmt.Sprintf("keystore-%d.json", i)
		text, err := os.ReadFile(filepath.Join(s.keystores, name))
		if err == nil {
			err = keystore.WriteSecretFile(filepath.Join(copied, name), text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	cfg := s.client(url)
	first := start(t, "first validator client", func(ctx context.Context, log *slog.Logger) error { return client.Run(ctx, cfg, log) })
	await := func(out *lines, text string, most time.Duration) {
		t.Helper()
		for deadline := time.Now().Add(most); !strings.Contains(out.String(), text); time.Sleep(200 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%q is not said within %v", text, most)
			}
		}
	}
	await(first, "msg=voted slot=1", time.Minute)
	other := s.client(url)
	other.KeystoreDir, other.WatchFirst = copied, true
	second := start(t, "second validator client", func(ctx context.Context, log *slog.Logger) error { return client.Run(ctx, other, log) })
	await(second, "another process uses a key of ours", time.Duration(4*s.spec.SlotsPerEpoch)*s.spec.SlotDuration())
	time.Sleep(time.Duration(2*s.spec.SlotsPerEpoch) * s.spec.SlotDuration())
	for _, bad := range []string{"msg=voted", "msg=proposed", "msg=aggregated", "for the sync committee", "do their duties from now on"} {
		if strings.Contains(second.String(), bad) {
			t.Errorf("the second process says %s", bad)
		}
	}
	if n := strings.Count(second.String(), "another process uses a key of ours"); n < validators {
		t.Errorf("%d keys are told of, want all %d", n, validators)
	}
}
