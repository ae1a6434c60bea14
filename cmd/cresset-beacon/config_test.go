package main

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/node"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/cmd/internal/process"
)

// called is what the command line made of its arguments.
type called struct {
	code      int
	out, errs string
	cfg       *node.Config // what the node was started with, nil if it was not
	files     node.ImportConfig
}

// call runs the program with a node that ends at once.
func call(environ []string, args ...string) called {
	var c called
	var out, errs bytes.Buffer
	p := &program{
		World: process.World{Environ: environ, Out: &out, Errs: &errs},
		runNode: func(_ context.Context, cfg node.Config, _ *slog.Logger) error {
			c.cfg = &cfg
			return os.ErrDeadlineExceeded
		},
		importAll: func(_ context.Context, cfg node.Config, files node.ImportConfig, _ *slog.Logger) (node.Summary, error) {
			c.cfg, c.files = &cfg, files
			return node.Summary{Blocks: 3, Seconds: 1.5, HeadSlot: 7}, nil
		},
	}
	c.code = p.execute(args)
	c.out, c.errs = out.String(), errs.String()
	return c
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// printed runs "config print --json" and gives its rows by name.
func printed(t *testing.T, environ []string, args ...string) map[string]map[string]any {
	t.Helper()
	c := call(environ, append([]string{"config", "print", "--json"}, args...)...)
	if c.code != 0 {
		t.Fatalf("exit code %d: %s", c.code, c.errs)
	}
	var rows []map[string]any
	if err := json.Unmarshal([]byte(c.out), &rows); err != nil {
		t.Fatal(err)
	}
	byName := map[string]map[string]any{}
	for _, row := range rows {
		byName[row["name"].(string)] = row
	}
	if len(byName) != len(table().Options) {
		t.Errorf("%d options are printed, want %d", len(byName), len(table().Options))
	}
	return byName
}

// A flag overrides the environment, which overrides the file, which overrides the default.
func TestPrecedence(t *testing.T) {
	file := write(t, "beacon.yaml", "# all of it\nlog-level: warn\n\nstate-cache: 1GiB\nexecution-endpoint:\n  - http://file:1\n  - http://file:2\n")
	environ := []string{"CRESSET_LOG_LEVEL=error", "CRESSET_EXECUTION_ENDPOINT=http://one:1, http://two:2", "HOME=x"}
	for _, c := range []struct {
		name    string
		option  string
		environ []string
		args    []string
		value   any
		source  string
		place   string
	}{
		{"default", "log-level", nil, nil, "info", "default", ""},
		{"file over default", "log-level", nil, []string{"--config", file}, "warn", "file", file + ":2"},
		{"environment over default", "log-level", environ, nil, "error", "environment", "CRESSET_LOG_LEVEL"},
		{"environment over file", "log-level", environ, []string{"--config", file}, "error", "environment", "CRESSET_LOG_LEVEL"},
		{"flag over default", "log-level", nil, []string{"--log-level", "debug"}, "debug", "flag", "--log-level"},
		{"flag over file", "log-level", nil, []string{"--config", file, "--log-level", "debug"}, "debug", "flag", "--log-level"},
		{"flag over all", "log-level", environ, []string{"--config", file, "--log-level=debug"}, "debug", "flag", "--log-level"},
		{"another option of the same file", "state-cache", environ, []string{"--config", file}, "1GiB", "file", file + ":4"},
		{"file named by the environment", "state-cache", []string{"CRESSET_CONFIG=" + file}, nil, "1GiB", "file", file + ":4"},
		{"file's name by flag, not by environment", "state-cache", []string{"CRESSET_CONFIG=nosuch"}, []string{"--config", file}, "1GiB", "file", file + ":4"},
		{"no file by an empty flag", "state-cache", []string{"CRESSET_CONFIG=nosuch"}, []string{"--config="}, "0B", "default", ""},
		{"list of the file", "execution-endpoint", nil, []string{"--config", file}, []any{"http://file:1", "http://file:2"}, "file", file + ":5"},
		{"list of the environment", "execution-endpoint", environ, []string{"--config", file}, []any{"http://one:1", "http://two:2"}, "environment", "CRESSET_EXECUTION_ENDPOINT"},
		{"list of flags, as a whole", "execution-endpoint", environ, []string{"--config", file, "--execution-endpoint", "http://flag:1"}, []any{"http://flag:1"}, "flag", "--execution-endpoint"},
		{"list emptied", "execution-endpoint", []string{"CRESSET_EXECUTION_ENDPOINT="}, []string{"--config", file}, []any{}, "environment", "CRESSET_EXECUTION_ENDPOINT"},
		{"boolean flag alone", "allow-genesis-sync", nil, []string{"--allow-genesis-sync"}, true, "flag", "--allow-genesis-sync"},
		{"boolean flag taken back", "allow-genesis-sync", []string{"CRESSET_ALLOW_GENESIS_SYNC=true"}, []string{"--allow-genesis-sync=false"}, false, "flag", "--allow-genesis-sync"},
		{"number", "safe-slots-to-import-optimistically", nil, nil, 128.0, "default", ""},
		{"negative duration", "clock-offset", nil, []string{"--clock-offset", "-3h2m"}, "-3h2m0s", "flag", "--clock-offset"},
	} {
		row := printed(t, c.environ, c.args...)[c.option]
		place, _ := row["place"].(string)
		if !reflect.DeepEqual(row["value"], c.value) || row["source"] != c.source || place != c.place {
			t.Errorf("%s: %s is %v from %v %s, want %v from %s %s", c.name, c.option, row["value"], row["source"], place, c.value, c.source, c.place)
		}
	}
}

// Every option reaches the node, under its flag, its variable and its key alike.
func TestEveryOptionReachesTheNode(t *testing.T) {
	values := map[string]string{
		"datadir": "d", "network": "", "network-config": "n", "genesis": "g", "checkpoint-state": "s", "checkpoint-block": "b",
		"allow-genesis-sync": "true", "clock-offset": "-3h2m", "execution-endpoint": "http://x:1", "jwt-secret": "j",
		"safe-slots-to-import-optimistically": "9", "metrics-address": ":1", "log-level": "error", "log-format": "json",
		"state-cache": "1MiB", "deferred-cache": "2MiB", "data-cache": "3MiB", "database-cache": "4MiB", "config": "",
		"checkpoint-sync-url": "", "checkpoint-root": "", // not beside a checkpoint's files
		"listen-address": "::", "port": "1", "quic-port": "2", "discovery-port": "3", "announce-address": "1.2.3.4", "upnp": "true", "target-peers": "5",
		"static-peer": "p", "trusted-peer": "q", "boot-node": "r", "no-discovery": "true", "local-peers": "true", "supernode": "true", "no-backfill": "true",
		"suggested-fee-recipient": "0x00000000000000000000000000000000000000Ab", "graffiti": "hello",
		"http-address": ":2", "http-host": "h", "http-origin": "o",
	}
	want := node.Config{
		DataDir: "d", NetworkConfig: "n", Genesis: "g", CheckpointState: "s", CheckpointBlock: "b", AllowStale: true,
		ClockOffset: -3*time.Hour - 2*time.Minute, ExecutionEndpoints: []string{"http://x:1"}, JWTSecret: "j", SafeSlots: 9,
		FeeRecipient: types.ExecutionAddress{19: 0xab}, Graffiti: types.Bytes32{'h', 'e', 'l', 'l', 'o'},
		Networking: &node.Networking{
			Listen: []string{"::"}, Port: 1, QUICPort: 2, DiscoveryPort: 3, Announce: []string{"1.2.3.4"}, UPnP: true, Peers: 5,
			Static: []string{"p"}, Trusted: []string{"q"}, Boot: []string{"r"}, NoDiscovery: true, Local: true, Supernode: true, NoBackfill: true,
		},
		HTTPAddress: ":2", HTTPHosts: []string{"h"}, HTTPOrigins: []string{"o"},
		MetricsAddress: ":1", StateCache: 1 << 20, DeferredCache: 2 << 20, DataCache: 3 << 20, DatabaseCache: 4 << 20,
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
	for place, got := range map[string]called{
		"flags":       call(nil, flags...),
		"environment": call(environ),
		"file":        call(nil, "--config", write(t, "all.yaml", file.String())),
	} {
		if got.cfg == nil || !reflect.DeepEqual(*got.cfg, want) {
			t.Errorf("by %s the node is started with\n%+v, want\n%+v (%s)", place, got.cfg, want, got.errs)
		}
	}
	if got := call(nil, "--datadir=d", "--network=hoodi", "--execution-endpoint=http://x:1", "--jwt-secret=j", "--checkpoint-sync-url=http://a,http://b",
		"--checkpoint-root=0x1"); got.cfg == nil || len(got.cfg.CheckpointURLs) != 1 || got.cfg.CheckpointRoot != "0x1" {
		t.Errorf("started with %+v, want the sources of a checkpoint (%s)", got.cfg, got.errs)
	}
	if got := call(nil, "--datadir=d", "--network=hoodi", "--execution-endpoint=http://x:1", "--jwt-secret=j"); got.cfg == nil || got.cfg.Network != "hoodi" {
		t.Errorf("started with %+v, want the network hoodi (%s)", got.cfg, got.errs)
	}
}

// What is wrong is refused with the option, where it was set, the value, and what is allowed. Nothing is started.
func TestWrongConfiguration(t *testing.T) {
	for _, c := range []struct {
		name    string
		file    string
		environ string
		args    []string
		want    []string
	}{
		{"unknown key", "log-levle: info", "", nil, []string{"beacon.yaml:1: unknown key \"log-levle\"", "did you mean \"log-level\"?"}},
		{"unknown key like none", "colour: red", "", nil, []string{"beacon.yaml:1: unknown key \"colour\";"}},
		{"unknown variable", "", "CRESSET_DATADIRR=x", nil, []string{"unknown variable \"CRESSET_DATADIRR\"", "did you mean \"CRESSET_DATADIR\"?"}},
		{"unknown variable like none", "", "CRESSET_VECTORS=x", nil, []string{"unknown variable \"CRESSET_VECTORS\";"}},
		{"unknown variable that only begins like the validator client's", "", "CRESSET_VALIDATOR=x", nil, []string{"unknown variable \"CRESSET_VALIDATOR\""}},
		{"unknown flag", "", "", []string{"--jwt-secert=x"}, []string{"unknown flag: --jwt-secert", "did you mean \"--jwt-secret\"?"}},
		{"unknown flag like none", "", "", []string{"--colour"}, []string{"unknown flag: --colour;"}},
		{"unknown command", "", "", []string{"imprt"}, []string{"unknown command \"imprt\"", "did you mean \"import\"?"}},
		{"argument", "", "", []string{"config", "print", "x"}, []string{"cresset-beacon config print takes no arguments, but got \"x\""}},
		{"flag twice", "", "", []string{"--datadir=a", "--datadir=b"}, []string{"--datadir", "given a second time, first as \"a\""}},
		{"flag without value", "", "", []string{"--datadir"}, []string{"--datadir"}},
		{"key twice", "datadir: a\n\ndatadir: b", "", nil, []string{"beacon.yaml:3: datadir is set a second time, first at", "beacon.yaml:1"}},
		{"key without value", "datadir:", "", nil, []string{"beacon.yaml:1: datadir is empty, want one value"}},
		{"list where none goes", "datadir: [a, b]", "", nil, []string{"beacon.yaml:1: datadir is a list, want one value"}},
		{"mapping", "datadir: {a: b}", "", nil, []string{"beacon.yaml:1: datadir is a mapping, want one value"}},
		{"list in a list", "execution-endpoint: [[a]]", "", nil, []string{"execution-endpoint is a list, want a value or a list"}},
		{"alias", "datadir: &x a\ngenesis: *x", "", nil, []string{"beacon.yaml:2: genesis is an alias"}},
		{"file of a list", "- datadir", "", nil, []string{"beacon.yaml:1: a list, want lines of"}},
		{"file of a word", "datadir", "", nil, []string{"beacon.yaml:1: \"datadir\", want lines of"}},
		{"two documents", "datadir: a\n---\ndatadir: b", "", nil, []string{"more than one document"}},
		{"no YAML", "datadir: [", "", nil, []string{"beacon.yaml: yaml:"}},
		{"file in the file", "config: x", "", nil, []string{"beacon.yaml:1: config cannot be set in the file itself"}},
		{"no file", "", "", []string{"--config=nosuch.yaml"}, []string{"config: open nosuch.yaml"}},
		{"large file", strings.Repeat("#", 1<<20+1), "", nil, []string{"beacon.yaml has more than 1048576 bytes"}},
		{"size without unit", "state-cache: 512", "", nil, []string{"beacon.yaml:1: state-cache is \"512\", want a size from 1MiB to 1TiB such as 512MiB"}},
		{"size of another unit", "", "CRESSET_STATE_CACHE=512MB", nil, []string{"environment CRESSET_STATE_CACHE: state-cache is \"512MB\", want a size"}},
		{"size too small", "", "", []string{"--state-cache=1023KiB"}, []string{"flag --state-cache: state-cache is \"1023KiB\", want a size"}},
		{"size too large", "", "", []string{"--state-cache=1025GiB"}, []string{"\"1025GiB\", want a size"}},
		{"size beyond all bounds", "", "", []string{"--state-cache=16777217TiB"}, []string{"\"16777217TiB\", want a size"}},
		{"duration", "", "", []string{"--clock-offset=3"}, []string{"flag --clock-offset: clock-offset is \"3\", want a duration such as 90s or -3h2m"}},
		{"account", "", "", []string{"--suggested-fee-recipient=0x0000000000000000000000000000000000000000"}, []string{"want 0x and 40 hexadecimal digits, not all of them 0"}},
		{"short account", "", "", []string{"--suggested-fee-recipient=0x01"}, []string{"want 0x and 40 hexadecimal digits"}},
		{"long graffiti", "", "", []string{"--graffiti=" + strings.Repeat("x", 33)}, []string{"want text of at most 32 bytes"}},
		{"number", "", "", []string{"--safe-slots-to-import-optimistically=0"}, []string{"is \"0\", want a whole number from 1 to 4294967296"}},
		{"boolean", "allow-genesis-sync: yes", "", nil, []string{"allow-genesis-sync is \"yes\", want true or false"}},
		{"choice", "", "CRESSET_LOG_FORMAT=xml", nil, []string{"environment CRESSET_LOG_FORMAT: log-format is \"xml\", want one of auto, text, json"}},
		{"network", "", "", []string{"--network=hoody"}, []string{"network is \"hoody\", want one of mainnet"}},
		{"address", "", "", []string{"--metrics-address=8008"}, []string{"metrics-address is \"8008\", want host:port"}},
		{"port", "", "", []string{"--metrics-address=:70000"}, []string{"metrics-address is \":70000\", want host:port"}},
		{"endpoint", "", "", []string{"--execution-endpoint=127.0.0.1:8551"}, []string{"execution-endpoint is \"127.0.0.1:8551\", want a URL such as http://127.0.0.1:8551, or embedded"}},
		{"endpoints", "", "", strings.Split(strings.Repeat("--execution-endpoint=http://x ", 17)[:17*30-1], " "), []string{"execution-endpoint has 17 values, want at most 16"}},
		{"path", "", "", []string{"--datadir=a\nb"}, []string{"datadir is \"a\\nb\", want text without line breaks"}},
		{"nothing", "", "", nil, []string{"datadir is not set, want a directory"}},
		{"what does not fit together", "network: hoodi", "CRESSET_DATADIR=d", []string{"--network-config=n"},
			[]string{"network is \"hoodi\" and network-config \"n\", want only one of the two", "network is set by ", "beacon.yaml:1, network-config is set by flag --network-config"}},
		{"clock of a named network", "", "", []string{"--datadir=d", "--network=hoodi", "--clock-offset=1s"}, []string{"clock-offset is 1s on hoodi", "clock-offset is set by flag --clock-offset"}},
		{"import of nothing", "", "", []string{"import"}, []string{"--blocks is missing"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := c.args
			if c.file != "" {
				args = append(args, "--config", write(t, "beacon.yaml", c.file))
			}
			got := call([]string{c.environ}, args...)
			if got.code != process.ExitUsage || got.cfg != nil || strings.Count(got.errs, "\n") != 1 {
				t.Errorf("exit code %d, started with %+v: %s; want code %d, no start, one line", got.code, got.cfg, got.errs, process.ExitUsage)
			}
			for _, want := range c.want {
				if !strings.Contains(got.errs, want) {
					t.Errorf("error %q does not say %q", got.errs, want)
				}
			}
		})
	}
}

// Variables of the validator client are none of the node's.
func TestTheValidatorsVariables(t *testing.T) {
	if got := call([]string{"CRESSET_VALIDATOR_DATADIR=x"}, "config", "print"); got.code != 0 || !strings.Contains(got.out, "# datadir: not set") {
		t.Errorf("exit code %d: %s%s", got.code, got.out, got.errs)
	}
}

// The configuration that operators begin with is one.
func TestSampleConfiguration(t *testing.T) {
	if got := call(nil, "--config", filepath.Join("..", "..", "deploy", "beacon.yaml")); got.cfg == nil || got.cfg.Network != "hoodi" {
		t.Errorf("started with %+v (%s)", got.cfg, got.errs)
	}
}

// A file that says nothing is no mistake.
func TestEmptyFile(t *testing.T) {
	for _, text := range []string{"", "# datadir: x\n", "---\n", "{}\n"} {
		if got := call(nil, "config", "print", "--config", write(t, "empty.yaml", text)); got.code != 0 {
			t.Errorf("%q: exit code %d: %s", text, got.code, got.errs)
		}
	}
}

// What "config print" prints is a file of options that says the same.
func TestPrintIsAFile(t *testing.T) {
	args := []string{"--datadir", "a # b: \"c\"", "--network-config=null", "--execution-endpoint=http://x:1", "--execution-endpoint=embedded",
		"--clock-offset=-3h2m", "--allow-genesis-sync", "--state-cache=2048MiB", "--jwt-secret=007", "--genesis="}
	first := call(nil, append(args, "config", "print")...)
	if first.code != 0 {
		t.Fatal(first.errs)
	}
	for _, want := range []string{"# chain\n", "state-cache: 2GiB", "# flag --state-cache", "# network: not set", "log-level: info", "# default"} {
		if !strings.Contains(first.out, want) {
			t.Errorf("%q is not in\n%s", want, first.out)
		}
	}
	want := printed(t, nil, args...)
	for name, row := range printed(t, nil, "--config", write(t, "again.yaml", first.out)) {
		if name != "config" && !reflect.DeepEqual(row["value"], want[name]["value"]) {
			t.Errorf("%s is %v, want %v, from\n%s", name, row["value"], want[name]["value"], first.out)
		}
	}
}

// Credentials are shown neither in what is printed nor in an error.
func TestCredentialsAreHidden(t *testing.T) {
	for value, want := range map[string]string{
		"http://user:s3cret@host:1/path":         "http://hidden@host:1/path",
		"http://host:1/?token=s3cret":            "http://host:1/?hidden",
		"http://user:s3cret@more@host?s3cret=@@": "http://hidden@", // up to the last @: too much rather than too little
		"http://host:1":                          "http://host:1",
		"embedded":                               "embedded",
		"user:s3cret@host:1":                     "hidden@host:1",
		"ftp://user:s3cret@host":                 "ftp://hidden@host",
	} {
		for _, args := range [][]string{{"config", "print"}, {"config", "print", "--json"}} {
			got := call(nil, append(args, "--execution-endpoint", value)...)
			if strings.Contains(got.out+got.errs, "s3cret") || !strings.Contains(got.out+got.errs, want) {
				t.Errorf("%s: printed %s%s, want %s", value, got.out, got.errs, want)
			}
		}
	}
}
