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

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/cmd/internal/doclines"
	"github.com/cresset/cresset/cmd/internal/process"
	"github.com/cresset/cresset/keystore"
	"github.com/cresset/cresset/validator/client"
)

// call runs the program with a validator client that ends with an error.
func call(end error, args ...string) (code int, cfg *client.Config, said string) {
	return callIn(nil, end, args...)
}

// callIn is call in an environment.
func callIn(environ []string, end error, args ...string) (code int, cfg *client.Config, said string) {
	var out bytes.Buffer
	p := &program{World: process.World{Environ: environ, Out: &out, Errs: &out}, run: func(_ context.Context, c client.Config, _ *slog.Logger) error {
		cfg = &c
		return end
	}}
	code = p.execute(args)
	return code, cfg, out.String()
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// good is a command line that lacks nothing.
func good(more ...string) []string {
	return append([]string{"--datadir=d", "--password-file=p", "--network=hoodi"}, more...)
}

// Every option reaches the validator client, under its flag, its variable and its key alike.
func TestEveryOptionReachesTheClient(t *testing.T) {
	network := write(t, "config.yaml", "PRESET_BASE: minimal\nSLOT_DURATION_MS: 3000\n")
	own := write(t, "validators.yaml", "validators: {}\n")
	values := map[string]string{
		"datadir": "d", "keystores": "k", "password-file": "", "passwords": "p", "init": "true", "doppelganger-detection": "true", "beacon-nodes": "http://a:1,http://b:2", "network": "",
		"network-config": network, "suggested-fee-recipient": "0x00000000000000000000000000000000000000Ab", "graffiti": "hello", "validator-settings": own,
		"config": "", "metrics-address": ":1", "log-level": "error", "log-format": "json",
	}
	want := client.Config{
		DataDir: "d", KeystoreDir: "k", PasswordDir: "p", BeaconNodes: []string{"http://a:1", "http://b:2"}, MetricsAddress: ":1",
		FeeRecipient: types.ExecutionAddress{19: 0xab}, Graffiti: types.Bytes32{'h', 'e', 'l', 'l', 'o'}, Init: true, WatchFirst: true, ByKey: map[types.BLSPubkey]client.KeySettings{},
	}
	var flags, environ []string
	var file strings.Builder
	for _, o := range table().Options {
		value, ok := values[o.Name]
		if !ok {
			t.Errorf("the test gives no value to %s", o.Name)
		}
		if value == "" {
			continue
		}
		flags = append(flags, "--"+o.Name+"="+value)
		environ = append(environ, table().Variable(&o)+"="+value)
		file.WriteString(o.Name + ": \"" + value + "\"\n")
	}
	for place, run := range map[string]func() (int, *client.Config, string){
		"flags":       func() (int, *client.Config, string) { return call(os.ErrDeadlineExceeded, flags...) },
		"environment": func() (int, *client.Config, string) { return callIn(environ, os.ErrDeadlineExceeded) },
		"file": func() (int, *client.Config, string) {
			return call(os.ErrDeadlineExceeded, "--config", write(t, "all.yaml", file.String()))
		},
	} {
		_, cfg, said := run()
		if cfg == nil {
			t.Errorf("by %s: %s", place, said)
			continue
		}
		if cfg.Spec.SlotDurationMs != 3000 {
			t.Errorf("by %s slots of %d ms, want those of the file of the network", place, cfg.Spec.SlotDurationMs)
		}
		if cfg.Spec = nil; !reflect.DeepEqual(*cfg, want) {
			t.Errorf("by %s started with %+v, want %+v", place, *cfg, want)
		}
	}
	_, cfg, said := call(os.ErrDeadlineExceeded, good("--beacon-nodes", "http://a:1", "--beacon-nodes", "http://b:2,http://c:3")...)
	if cfg == nil || !slices.Equal(cfg.BeaconNodes, []string{"http://a:1", "http://b:2", "http://c:3"}) {
		t.Errorf("beacon nodes of several flags: %+v (%s)", cfg, said)
	}
	_, cfg, said = call(os.ErrDeadlineExceeded, good()...)
	if cfg == nil || cfg.KeystoreDir != filepath.Join("d", "keystores") || cfg.MetricsAddress != "127.0.0.1:5064" || !slices.Equal(cfg.BeaconNodes, []string{"http://127.0.0.1:5052"}) {
		t.Errorf("the defaults are %+v (%s)", cfg, said)
	}
	hoodi, _, _, err := params.Network("hoodi")
	if cfg.Genesis == nil || cfg.Genesis.Time != 1742213400 {
		t.Errorf("genesis is %+v, want that of hoodi", cfg.Genesis)
	}
	if err != nil || cfg.Spec.GenesisForkVersion != hoodi.GenesisForkVersion {
		t.Errorf("the network is not hoodi (%v)", err)
	}
}

// A flag overrides the environment, which overrides the file; the beacon node's variables mean nothing here.
func TestPrecedence(t *testing.T) {
	file := write(t, "validator.yaml", "graffiti: file\nlog-level: error\n")
	for _, c := range []struct {
		environ []string
		args    []string
		want    string
	}{
		{nil, nil, ""},
		{[]string{"CRESSET_GRAFFITI=beacon", "CRESSET_NOSUCH=x"}, nil, ""},
		{nil, []string{"--config", file}, "file"},
		{[]string{"CRESSET_VALIDATOR_CONFIG=" + file}, nil, "file"},
		{[]string{"CRESSET_VALIDATOR_GRAFFITI=variable"}, []string{"--config", file}, "variable"},
		{[]string{"CRESSET_VALIDATOR_GRAFFITI=variable"}, []string{"--config", file, "--graffiti=flag"}, "flag"},
	} {
		_, cfg, said := callIn(c.environ, os.ErrDeadlineExceeded, good(c.args...)...)
		if cfg == nil || strings.TrimRight(string(cfg.Graffiti[:]), "\x00") != c.want {
			t.Errorf("%v %v: started with %+v (%s), want the graffiti %q", c.environ, c.args, cfg, said, c.want)
		}
	}
}

const (
	keyA = "0xaa00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000aa"
	keyB = "0xbb00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000bb"
)

// A file has what is different for single validators, and the default of the others, in YAML and in JSON.
func TestValidatorSettings(t *testing.T) {
	for _, text := range []string{
		"# all of it\ndefault:\n  fee_recipient: 0x00000000000000000000000000000000000000Ab\nvalidators:\n  " + keyA + ":\n    graffiti: 007\n  " + strings.ToUpper(keyB[2:4]) +
			":\n    fee_recipient: 0x0000000000000000000000000000000000000001\n",
		`{"default": {"fee_recipient": "0x00000000000000000000000000000000000000ab"}, "validators": {"` + keyA + `": {"graffiti": "007"}, "BB": {"fee_recipient": "0x0000000000000000000000000000000000000001"}}}`,
	} {
		text = strings.ReplaceAll(text, "  BB:", "  "+keyB+":")
		text = strings.ReplaceAll(text, `"BB"`, `"`+keyB+`"`)
		_, cfg, said := call(os.ErrDeadlineExceeded, good("--graffiti=all", "--validator-settings="+write(t, "validators.yaml", text))...)
		if cfg == nil {
			t.Fatal(said)
		}
		graffiti := types.Bytes32{'0', '0', '7'}
		want := map[types.BLSPubkey]client.KeySettings{
			{0: 0xaa, 47: 0xaa}: {Graffiti: &graffiti},
			{0: 0xbb, 47: 0xbb}: {FeeRecipient: types.ExecutionAddress{19: 1}},
		}
		if !reflect.DeepEqual(cfg.ByKey, want) || cfg.FeeRecipient != (types.ExecutionAddress{19: 0xab}) || cfg.Graffiti != (types.Bytes32{'a', 'l', 'l'}) {
			t.Errorf("started with %+v, recipient %v, graffiti %q", cfg.ByKey, cfg.FeeRecipient, cfg.Graffiti)
		}
	}
}

// What a file of single validators says that has no effect, or that is wrong, is refused with the line.
func TestWrongValidatorSettings(t *testing.T) {
	for text, want := range map[string]string{
		"defualt: {}":                                                 `validators.yaml:1: unknown key "defualt", did you mean "default"?`,
		"default:\n  fee-recipient: x":                                `validators.yaml:2: unknown key "fee-recipient", did you mean "fee_recipient"?`,
		"default:\n  fee_recipient: 0x12":                             `validators.yaml:2: fee_recipient is "0x12", want 0x and 40 hexadecimal digits`,
		"default:\n  fee_recipient: ''":                               `fee_recipient is ""`,
		"default:\n  graffiti:":                                       "validators.yaml:2: graffiti is empty, want one value",
		"default:\n  graffiti: " + strings.Repeat("x", 33):            "want text of at most 32 bytes",
		"default: x":                                                  `validators.yaml:1: "x", want lines of`,
		"validators: []":                                              "validators.yaml:1: a list, want lines of",
		"validators:\n  0x12: {}":                                     `validators.yaml:2: validator is "0x12", want its public key`,
		"validators:\n  " + keyA + ": {}\n  " + keyA + ": {}":         "is set a second time, first at",
		"validators:\n  " + keyA + ": {}\n  0xAA" + keyA[4:] + ": {}": "is there a second time",
		"validators:\n  " + keyA + ":\n    password: x":               `validators.yaml:3: unknown key "password"`,
		"default: [":                                                  "validators.yaml: yaml:",
		"{}\n---\n{}":                                                 "more than one document",
		"default:\n  fee_recipient: 0x00000000000000000000000000000000000000Ab\n": "suggested-fee-recipient is set, and so is fee_recipient of default",
		"default:\n  graffiti: x\n": "graffiti is set, and so is graffiti of default in validator-settings; want only one of the two (graffiti is set by flag --graffiti",
	} {
		args := good("--suggested-fee-recipient=0x00000000000000000000000000000000000000Ab", "--graffiti=", "--validator-settings="+write(t, "validators.yaml", text))
		if code, cfg, said := call(nil, args...); code != process.ExitUsage || cfg != nil || !strings.Contains(said, want) {
			t.Errorf("%q: code %d, started %t, %q; want 2 and %q", text, code, cfg != nil, said, want)
		}
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
		{[]string{"--datadir=d", "--password-file=p"}, "want one of the two"},
		{good("--network-config=x"), "want one of the two (network is set by flag --network, network-config is set by flag --network-config)"},
		{[]string{"--datadir=d", "--password-file=p", "--network=nosuch"}, `network is "nosuch", want one of mainnet`},
		{[]string{"--datadir=d", "--password-file=p", "--network-config=nosuch.yaml"}, "network-config: open nosuch.yaml"},
		{good("--log-level=loud"), `log-level is "loud", want one of debug, info, warn, error`},
		{good("--log-format=xml"), `log-format is "xml"`},
		{good("--graffiti=" + strings.Repeat("x", 33)), "want text of at most 32 bytes"},
		{good("--suggested-fee-recipient=0x12"), `suggested-fee-recipient is "0x12"`},
		{good("--suggested-fee-recipient=0x" + strings.Repeat("0", 40)), "not all of them 0"},
		{good("--beacon-nodes=ftp://x"), `"ftp://x"`},
		{good("--passwords=x"), "want one of password-file and passwords (password-file is set by flag --password-file, passwords is set by flag --passwords)"},
		{good("--graffiti=a", "--graffiti=b"), "given a second time"},
		{good("--validator-settings=nosuch"), "validator-settings: open nosuch"},
		{good("--beacon-nodes=http://a:1,http://a:1"), "http://a:1 is there twice"},
		{good("--config=nosuch"), "config: open nosuch"},
	} {
		code, cfg, said := call(nil, c.args...)
		if code != process.ExitUsage || cfg != nil || !strings.Contains(said, c.want) || !strings.Contains(said, "see cresset-validator --help") {
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
		{&client.UsageError{Err: errors.New("bad")}, process.ExitUsage, "see cresset-validator --help"},
		{fmt.Errorf("x: %w", &client.OperatorError{Err: errors.New("bad")}), process.ExitOperator, "x: bad"},
		{fmt.Errorf("x: %w", keystore.ErrLocked), process.ExitTransient, "must never be used by two"},
		{errors.New("several\nlines"), process.ExitTransient, "several; lines; start again"},
		{nil, process.ExitTransient, "ended without being asked to"},
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
	p := &program{World: process.World{Out: &out, Errs: &out, Signals: signals}, run: func(ctx context.Context, _ client.Config, _ *slog.Logger) error {
		signals <- syscall.SIGTERM
		<-ctx.Done()
		return nil
	}}
	if code := p.execute(good()); code != 0 {
		t.Errorf("code %d: %s", code, out.String())
	}
}

// docs/validator.md has the table of options as it is.
func TestDocumentationHasTheTable(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "validator.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(page), "## Options\n")
	if want := table().Documentation(); !found || !strings.HasPrefix(after, want) {
		t.Errorf("the tables below \"## Options\" in docs/validator.md differ from the table of options; they should read\n%s", want)
	}
}

// The configuration that operators begin with is one.
func TestSampleConfiguration(t *testing.T) {
	_, cfg, said := call(os.ErrDeadlineExceeded, "--config", filepath.Join("..", "..", "deploy", "validator.yaml"))
	if cfg == nil || cfg.DataDir != "/var/lib/cresset-validator" || len(cfg.BeaconNodes) != 1 {
		t.Errorf("started with %+v (%s)", cfg, said)
	}
}

// Rows of the table have what flags, file, help and documentation need.
func TestTableIsSound(t *testing.T) {
	if err := table().Check(); err != nil {
		t.Error(err)
	}
}

// Every command line of the documentation is one that starts a validator client.
func TestCommandLinesOfTheDocumentation(t *testing.T) {
	lines, err := doclines.Of(filepath.Join("..", ".."), "cresset-validator")
	if err != nil {
		t.Fatal(err)
	}
	if len(lines) < 4 {
		t.Fatalf("%d command lines were found, want more", len(lines))
	}
	for _, l := range lines {
		args := doclines.Fill(l.Args, map[string]string{
			"--suggested-fee-recipient": "0x00000000000000000000000000000000000000Ab", "/etc/cresset/validator.yaml": filepath.Join("..", "..", "deploy", "validator.yaml"),
		})
		code, cfg, said := call(os.ErrDeadlineExceeded, args...)
		if code == process.ExitUsage || cfg == nil && args[0] != "config" {
			t.Errorf("%s: cresset-validator %s: code %d, started %t: %s", l.Place, strings.Join(l.Args, " "), code, cfg != nil, said)
		}
	}
}
