package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/pflag"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/keystore"
	"github.com/cresset/cresset/validator/client"
)

// call runs the program with a validator client that ends with an error.
func call(end error, args ...string) (code int, cfg *client.Config, said string) {
	var out bytes.Buffer
	p := &program{out: &out, errs: &out, run: func(_ context.Context, c client.Config, _ *slog.Logger) error {
		cfg = &c
		return end
	}}
	code = p.execute(args)
	return code, cfg, out.String()
}

// good is a command line that lacks nothing.
func good(more ...string) []string {
	return append([]string{"--datadir=d", "--password-file=p", "--network=hoodi"}, more...)
}

// Every flag reaches the validator client.
func TestFlags(t *testing.T) {
	_, cfg, said := call(os.ErrDeadlineExceeded, good("--keystores=k", "--beacon-nodes=http://a:1,http://b:2", "--beacon-nodes", "http://c:3",
		"--suggested-fee-recipient=0x00000000000000000000000000000000000000Ab", "--graffiti=hello", "--metrics-address=", "--init", "--log-level=error", "--log-format=json")...)
	if cfg == nil {
		t.Fatal(said)
	}
	spec := cfg.Spec
	cfg.Spec = nil
	want := client.Config{
		DataDir: "d", KeystoreDir: "k", PasswordFile: "p", BeaconNodes: []string{"http://a:1", "http://b:2", "http://c:3"},
		FeeRecipient: types.ExecutionAddress{19: 0xab}, Graffiti: types.Bytes32{'h', 'e', 'l', 'l', 'o'}, Init: true,
	}
	if !reflect.DeepEqual(*cfg, want) {
		t.Errorf("started with %+v, want %+v", *cfg, want)
	}
	hoodi, _, _, err := params.Network("hoodi")
	if err != nil || spec.GenesisForkVersion != hoodi.GenesisForkVersion {
		t.Errorf("the network is not hoodi (%v)", err)
	}
	_, cfg, said = call(os.ErrDeadlineExceeded, good()...)
	if cfg == nil || cfg.KeystoreDir != filepath.Join("d", "keystores") || cfg.MetricsAddress != "127.0.0.1:5064" || !slices.Equal(cfg.BeaconNodes, []string{"http://127.0.0.1:5052"}) {
		t.Errorf("the defaults are %+v (%s)", cfg, said)
	}
}

// A network's own configuration is read from its file.
func TestNetworkConfig(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte("PRESET_BASE: minimal\nSLOT_DURATION_MS: 3000\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, cfg, said := call(os.ErrDeadlineExceeded, "--datadir=d", "--passwords=p", "--network-config="+path)
	if cfg == nil || cfg.Spec.SlotDurationMs != 3000 || cfg.PasswordDir != "p" {
		t.Errorf("started with %+v (%s)", cfg, said)
	}
}

// What is wrong is refused with the flag and the value, and nothing is started.
func TestWrongUsage(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--nosuch"}, "unknown flag: --nosuch"},
		{[]string{"nosuch"}, `unknown command "nosuch"`},
		{[]string{"--datadir=d", "--password-file=p"}, "want one of --network and --network-config"},
		{good("--network-config=x"), "want one of --network and --network-config"},
		{[]string{"--datadir=d", "--password-file=p", "--network=nosuch"}, "--network: "},
		{[]string{"--datadir=d", "--password-file=p", "--network-config=nosuch.yaml"}, "--network-config: open nosuch.yaml"},
		{good("--log-level=loud"), `--log-level is "loud", want one of debug, info, warn, error`},
		{good("--log-format=xml"), `--log-format is "xml"`},
		{good("--graffiti=" + strings.Repeat("x", 33)), "want text of at most 32 bytes"},
		{good("--suggested-fee-recipient=0x12"), `--suggested-fee-recipient is "0x12"`},
		{good("--suggested-fee-recipient=0x" + strings.Repeat("0", 40)), "not all of them 0"},
		{good("--beacon-nodes=ftp://x"), `"ftp://x"`},
		{good("--passwords=x"), "want one of password-file and passwords"},
	} {
		code, cfg, said := call(nil, c.args...)
		if code != exitUsage || cfg != nil || !strings.Contains(said, c.want) || !strings.Contains(said, "see cresset-validator --help") {
			t.Errorf("%v: code %d, started %t, %q; want 2 and %q", c.args, code, cfg != nil, said, c.want)
		}
	}
}

// The exit code says what has to be done.
func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		err  error
		code int
		say  string
	}{
		{&client.UsageError{Err: errors.New("bad")}, exitUsage, "see cresset-validator --help"},
		{fmt.Errorf("x: %w", &client.OperatorError{Err: errors.New("bad")}), exitOperator, "x: bad"},
		{fmt.Errorf("x: %w", keystore.ErrLocked), exitTransient, "must never be used by two"},
		{errors.New("several\nlines"), exitTransient, "several; lines; start again"},
		{nil, exitTransient, "ended without being asked to"},
	} {
		if code, _, said := call(c.err, good()...); code != c.code || !strings.Contains(said, c.say) {
			t.Errorf("%v: code %d, %q; want %d and %q", c.err, code, said, c.code, c.say)
		}
	}
}

// A signal asks the validator client to end, which is a success.
func TestSignal(t *testing.T) {
	signals := make(chan os.Signal, 1)
	var out bytes.Buffer
	p := &program{out: &out, errs: &out, signals: signals, run: func(ctx context.Context, _ client.Config, _ *slog.Logger) error {
		signals <- syscall.SIGTERM
		<-ctx.Done()
		return nil
	}}
	if code := p.execute(good()); code != 0 {
		t.Errorf("code %d: %s", code, out.String())
	}
}

// The page for operators has every flag with its default.
func TestDocumentation(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "validator.md"))
	if err != nil {
		t.Fatal(err)
	}
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	addFlags(flags, &settings{})
	flags.VisitAll(func(f *pflag.Flag) {
		fallback := strings.Trim(f.DefValue, "[]")
		for line := range strings.Lines(string(page)) {
			cells := strings.Split(line, "|")
			if len(cells) > 2 && (strings.HasPrefix(cells[1], " `--"+f.Name+"`") || strings.HasPrefix(cells[1], " `--"+f.Name+" ")) {
				if !strings.Contains(cells[2], fallback) {
					t.Errorf("the default of --%s is %s in the page, %q in the program", f.Name, cells[2], fallback)
				}
				return
			}
		}
		t.Errorf("the page has no row for --%s", f.Name)
	})
}
