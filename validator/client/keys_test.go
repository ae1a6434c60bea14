package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/apiclient"
	"github.com/cresset/cresset/beacon/bls"
	"github.com/cresset/cresset/beacon/clock"
	"github.com/cresset/cresset/beacon/metrics"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/keystore"
	"github.com/cresset/cresset/validator/duties"
	"github.com/cresset/cresset/validator/nodes"
	"github.com/cresset/cresset/validator/nodes/nodestest"
	"github.com/cresset/cresset/validator/protection"
	"github.com/cresset/cresset/validator/signer"
)

// secrets is keys as they come out of keystores.
func secrets(t *testing.T, count int) (out []keystore.Result) {
	t.Helper()
	for i := range count {
		key, err := bls.SecretKeyFromUint64(uint64(i + 1))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, keystore.Result{Path: fmt.Sprintf("keystore-%d.json", i), Pubkey: key.PublicKey().Bytes(), Key: key})
	}
	return out
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func place(t *testing.T) *Config {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "keystores")
	if err := keystore.MakeDir(dir); err != nil {
		t.Fatal(err)
	}
	return &Config{Spec: params.Minimal(), KeystoreDir: dir}
}

// wantOperator checks that somebody has to look, and is told what to do.
func wantOperator(t *testing.T, err error, parts ...string) {
	t.Helper()
	var operator *OperatorError
	if !errors.As(err, &operator) {
		t.Fatalf("the error is %v, want one for the operator", err)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error is %v, want it to say %q", err, part)
		}
	}
}

// Without a database nothing is signed, and the way to one is said; --init makes it, once, with all keys registered.
func TestInit(t *testing.T) {
	cfg, keys := place(t), secrets(t, 2)
	_, err := openProtection(cfg, types.Root{7}, keys, quiet())
	wantOperator(t, err, "--init", "cresset protection import")

	cfg.Init = true
	store, err := openProtection(cfg, types.Root{7}, keys, quiet())
	if err != nil {
		t.Fatal(err)
	}
	marks, err := store.Marks()
	if err != nil || len(marks) != 2 {
		t.Fatalf("%d keys are registered (%v), want 2", len(marks), err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}

	// The next start, with one key more: it is not registered by --init, and not used.
	keys = secrets(t, 3)
	if store, err = openProtection(cfg, types.Root{7}, keys, quiet()); err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	s := signer.New(signer.Config{Spec: cfg.Spec, GenesisValidatorsRoot: types.Root{7}, Clock: clock.New(clock.Config{Spec: cfg.Spec})})
	before, err := admit(s, store, keys, quiet())
	if err != nil || len(before) != 2 {
		t.Fatalf("marks of %d keys (%v), want of the 2 that are registered", len(before), err)
	}
	if len(s.Keys()) != 2 || s.Has(keys[2].Pubkey) {
		t.Errorf("%d keys are used, want the 2 that are registered", len(s.Keys()))
	}
	_, err = admit(s, store, keys[2:], quiet())
	wantOperator(t, err, "none of 1 keys", "cresset protection register")
}

// A process that ends while it makes slashing protection leaves nothing that the next start with --init cannot finish: neither a database without its marker, nor
// one without keys.
func TestInitIsFinished(t *testing.T) {
	for _, marker := range []bool{false, true} {
		cfg, keys := place(t), secrets(t, 2)
		cfg.Init = true
		where := protection.Config{
			Path: filepath.Join(cfg.KeystoreDir, databaseName), Marker: filepath.Join(cfg.KeystoreDir, protection.MarkerName), GenesisValidatorsRoot: types.Root{7},
		}
		if err := protection.Create(where); err != nil {
			t.Fatal(err)
		}
		if !marker {
			if err := os.Remove(where.Marker); err != nil {
				t.Fatal(err)
			}
		}
		store, err := openProtection(cfg, types.Root{7}, keys, quiet())
		if err != nil {
			t.Fatalf("marker %t: %v", marker, err)
		}
		if marks, err := store.Marks(); err != nil || len(marks) != 2 {
			t.Errorf("marker %t: %d keys are registered (%v), want 2", marker, len(marks), err)
		}
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A database that was lost is not made anew: its marker says that there was one.
func TestLostDatabase(t *testing.T) {
	for _, lost := range []string{databaseName, protection.MarkerName} {
		cfg, keys := place(t), secrets(t, 1)
		cfg.Init = true
		store, err := openProtection(cfg, types.Root{7}, keys, quiet())
		if err != nil {
			t.Fatal(err)
		}
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(cfg.KeystoreDir, lost)); err != nil {
			t.Fatal(err)
		}
		_, err = openProtection(cfg, types.Root{7}, keys, quiet())
		wantOperator(t, err, lost)
		cfg.Init = false
		if _, err = openProtection(cfg, types.Root{7}, keys, quiet()); err == nil {
			t.Errorf("without %s slashing protection is opened", lost)
		}
	}
}

// A database of another chain is refused.
func TestOtherChainsDatabase(t *testing.T) {
	cfg, keys := place(t), secrets(t, 1)
	cfg.Init = true
	store, err := openProtection(cfg, types.Root{7}, keys, quiet())
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = openProtection(cfg, types.Root{8}, keys, quiet())
	wantOperator(t, err, types.Root{7}.String())
}

// What is wrong with a configuration is said before anything is touched.
func TestValidate(t *testing.T) {
	good := Config{Spec: params.Minimal(), DataDir: "d", PasswordFile: "p", BeaconNodes: []string{"http://a:1"}}
	if c := good; c.Validate() != nil || c.KeystoreDir != filepath.Join("d", "keystores") {
		t.Errorf("a good configuration: %v, keystores in %q", c.Validate(), c.KeystoreDir)
	}
	for name, change := range map[string]func(*Config){
		"network-config": func(c *Config) { c.Spec = nil },
		"datadir":        func(c *Config) { c.DataDir = "" },
		"password-file":  func(c *Config) { c.PasswordDir = "x" },
		"passwords":      func(c *Config) { c.PasswordFile = "" },
		"beacon-nodes":   func(c *Config) { c.BeaconNodes = nil },
		"http":           func(c *Config) { c.BeaconNodes = []string{"ftp://a"} },
		"twice":          func(c *Config) { c.BeaconNodes = []string{"http://a:1", "http://a:1"} },
	} {
		c := good
		change(&c)
		var usage *UsageError
		if err := c.Validate(); !errors.As(err, &usage) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: the error is %v", name, err)
		}
	}
}

// A key's own settings count before those of all keys, each by itself; settings of a key that is not there are told of.
func TestKeySettings(t *testing.T) {
	own := types.Bytes32{'o'}
	here, there, gone := types.BLSPubkey{1}, types.BLSPubkey{2}, types.BLSPubkey{3}
	cfg := &Config{Spec: params.Minimal(), Graffiti: types.Bytes32{'a'}, FeeRecipient: types.ExecutionAddress{1}, ByKey: map[types.BLSPubkey]KeySettings{
		here: {Graffiti: &own}, there: {FeeRecipient: types.ExecutionAddress{2}}, gone: {Graffiti: new(types.Bytes32)},
	}}
	for key, want := range map[types.BLSPubkey]types.Bytes32{here: own, there: {'a'}, gone: {}, {9}: {'a'}} {
		if got := cfg.graffiti(key); got != want {
			t.Errorf("the graffiti of %v is %q, want %q", key, got, want)
		}
	}
	if got := cfg.recipients(); len(got) != 1 || got[there] != (types.ExecutionAddress{2}) {
		t.Errorf("recipients of single keys are %v", got)
	}
	var out bytes.Buffer
	s := signer.New(signer.Config{Spec: cfg.Spec, Clock: clock.New(clock.Config{Spec: cfg.Spec})})
	cfg.warnUnused(s, slog.New(slog.NewTextHandler(&out, nil)))
	if text := out.String(); !strings.Contains(text, "level=WARN") || !strings.Contains(text, "keys=3 first="+here.String()) {
		t.Errorf("the log is %s", text)
	}
}

// After an error of the database nothing can be signed: all ends with that error, which is none that only a person can do something about.
func TestTheDatabaseFails(t *testing.T) {
	cfg := place(t)
	cfg.Spec = nodestest.SpecOf(params.Minimal(), params.Fulu)
	begin := time.Now()
	beacon := nodes.New(nodes.Config{Spec: cfg.Spec, Log: quiet(), Clients: []*apiclient.Client{nodestest.New(cfg.Spec, begin, types.Root{7}).Client("node")}})
	if _, err := beacon.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	now := clock.New(clock.Config{Spec: cfg.Spec, GenesisTime: uint64(begin.Unix())})
	tools := duties.Tools{
		Spec: cfg.Spec, Clock: now, Nodes: beacon, Log: quiet(), Metrics: metrics.NewValidator(metrics.New()),
		Signer: signer.New(signer.Config{Spec: cfg.Spec, GenesisValidatorsRoot: types.Root{7}, Clock: now}),
	}
	err := perform(t.Context(), cfg, tools, failed{}, nil)
	var operator *OperatorError
	if !errors.Is(err, protection.ErrUnusable) || errors.As(err, &operator) {
		t.Errorf("all ended with %v", err)
	}
}

// failed is a database with an error.
type failed struct{ *protection.Store }

func (failed) Wait(context.Context) error { return protection.ErrUnusable }

// A keystore that another process has keeps all from being used, and is nothing to repair: once that process has ended the next start has all keys.
func TestTakenKeystore(t *testing.T) {
	cfg := place(t)
	text := []byte("a password")
	cfg.PasswordFile = filepath.Join(t.TempDir(), "password")
	if err := keystore.WriteSecretFile(cfg.PasswordFile, text); err != nil {
		t.Fatal(err)
	}
	password, err := keystore.NewPassword(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range secrets(t, 2) {
		file, err := keystore.EncryptCheaply(k.Key, password, 1, "")
		if err != nil {
			t.Fatal(err)
		}
		data, err := file.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if err := keystore.WriteSecretFile(filepath.Join(cfg.KeystoreDir, k.Path), data); err != nil {
			t.Fatal(err)
		}
	}
	other, err := keystore.Acquire(filepath.Join(cfg.KeystoreDir, "keystore-1.json"))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	_, err = loadKeys(t.Context(), cfg, slog.New(slog.NewTextHandler(&out, nil)))
	var operator *OperatorError
	if !errors.Is(err, keystore.ErrLocked) || errors.As(err, &operator) || !strings.Contains(err.Error(), "keystore-1.json") || strings.Contains(out.String(), "repair") {
		t.Errorf("the error is %v, the log %s", err, out.String())
	}
	if err := other.Release(); err != nil {
		t.Fatal(err)
	}
	keys, err := loadKeys(t.Context(), cfg, quiet())
	if err != nil || len(keys) != 2 {
		t.Errorf("%d keys once the other process has ended, want 2 (%v)", len(keys), err)
	}
	release(keys)
}
