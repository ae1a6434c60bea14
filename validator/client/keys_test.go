package client

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cresset/cresset/beacon/apiclient"
	"github.com/cresset/cresset/beacon/bls"
	"github.com/cresset/cresset/beacon/clock"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/keystore"
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
	if err := admit(s, store, keys, quiet()); err != nil {
		t.Fatal(err)
	}
	if len(s.Keys()) != 2 || s.Has(keys[2].Pubkey) {
		t.Errorf("%d keys are used, want the 2 that are registered", len(s.Keys()))
	}
	wantOperator(t, admit(s, store, keys[2:], quiet()), "none of 1 keys")
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

// An epoch is summed up by what the chain credited, and what was missed is explained by who missed it.
func TestSummary(t *testing.T) {
	seats := map[types.ValidatorIndex]bool{1: true, 2: true, 3: true, 4: true, 5: true}
	o := summarize(seats, []apiclient.AttestationReward{
		{Validator: 1, Source: 5, Target: 9, Head: 5},
		{Validator: 2, Source: 5, Target: 9, Head: 0},
		{Validator: 3, Source: 5, Target: -9, Head: 0},
		{Validator: 4, Source: -5, Target: -9, Head: 0},
		{Validator: 9, Source: 5, Target: 9, Head: 5}, // not ours
	})
	if o != (outcome{included: 3, target: 2, head: 1}) {
		t.Errorf("the outcome is %+v", o)
	}
	why := explain(o, 6, tally{voted: 4, votesMissed: map[string]int{"no node": 1}, blocks: map[string]int{"no block": 2}})
	for _, part := range []string{"1 votes: no node", "1 votes were not made", "2 blocks: no block", "1 votes were handed in and came into no block", "1 votes had the wrong target", "1 votes had another head"} {
		if !strings.Contains(why, part) {
			t.Errorf("%q does not say %q", why, part)
		}
	}
	if why := explain(outcome{5, 5, 5}, 5, tally{voted: 5}); why != "" {
		t.Errorf("where all is well it is said %q", why)
	}
}
