package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/node"
	"github.com/cresset/cresset/beacon/recorded"
	"github.com/cresset/cresset/beacon/store"
	"github.com/cresset/cresset/cmd/internal/process"
)

// fateVariable makes the test binary the program itself, with a node that meets a fate; "real" is the real node.
const fateVariable = "BEACON_TEST_FATE"

type fate func(context.Context) error

func ended(err error) fate { return func(context.Context) error { return err } }

// fates are the ways in which a node ends.
func fates() map[string]fate {
	return map[string]fate{
		"orderly": func(ctx context.Context) error {
			<-ctx.Done()
			return nil
		},
		"stopped": func(ctx context.Context) error {
			<-ctx.Done()
			return fmt.Errorf("import slots 1 to 32: %w", ctx.Err())
		},
		"hang":      func(context.Context) error { select {} },
		"silent":    ended(nil),
		"transient": ended(errors.New("port 1 is taken")),
		"joined":    ended(errors.Join(errors.New("one"), errors.New("two"))),
		"usage":     ended(&node.UsageError{Err: errors.New("genesis x: short")}),
		"locked":    ended(fmt.Errorf("open: %w", &store.LockedError{Dir: "d", PID: 7, Program: "p"})),
		"network":   ended(fmt.Errorf("open: %w", &store.NetworkError{What: "genesis", Have: "a", Want: "b"})),
		"schema":    ended(fmt.Errorf("open: %w", &store.VersionError{Have: 2, Want: 1})),
		"operator":  ended(&node.OperatorError{Err: &chain.NeedsOperatorError{Err: errors.New("no state")}}),
		"rejected":  ended(fmt.Errorf("import: %w", &chain.RejectedError{Slot: 7, Err: errors.New("state root")})),
	}
}

func TestMain(m *testing.M) {
	name := os.Getenv(fateVariable)
	switch f, ok := fates()[name]; {
	case name == "":
		os.Exit(m.Run())
	case name == "real":
		main()
	case ok:
		p := &program{
			World:   process.Real(),
			runNode: func(ctx context.Context, _ node.Config, _ *slog.Logger) error { return f(ctx) },
			importAll: func(ctx context.Context, _ node.Config, _ node.ImportConfig, _ *slog.Logger) (node.Summary, error) {
				return node.Summary{}, f(ctx)
			},
		}
		os.Exit(p.execute(os.Args[1:]))
	}
	panic("no fate " + name)
}

// child is a process of the program.
type child struct {
	cmd       *exec.Cmd
	stderr    io.Reader
	out, errs bytes.Buffer
}

func start(t *testing.T, fate string, args ...string) *child {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	c := &child{cmd: exec.CommandContext(ctx, self, args...)}
	c.cmd.Env = []string{fateVariable + "=" + fate}
	// Profiles of covered code go there; without it the run-time complains on standard error.
	if dir := os.Getenv("GOCOVERDIR"); dir != "" {
		c.cmd.Env = append(c.cmd.Env, "GOCOVERDIR="+dir)
	}
	c.cmd.Stdout = &c.out
	pipe, err := c.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.stderr = io.TeeReader(pipe, &c.errs)
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return c
}

// await reads standard error until a line has some text.
func (c *child) await(t *testing.T, text string) {
	t.Helper()
	lines := bufio.NewReader(c.stderr)
	for {
		line, err := lines.ReadString('\n')
		if strings.Contains(line, text) {
			c.stderr = io.MultiReader(lines)
			return
		}
		if err != nil {
			t.Fatalf("%q was not said: %v\n%s", text, err, c.errs.String())
		}
	}
}

func (c *child) signal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := c.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// wait gives the exit code and the last line of standard error.
func (c *child) wait(t *testing.T) (code int, last string) {
	t.Helper()
	if _, err := io.Copy(io.Discard, c.stderr); err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Wait(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(c.errs.String(), "\n"), "\n")
	return c.cmd.ProcessState.ExitCode(), lines[len(lines)-1]
}

func runArgs() []string {
	return []string{"--datadir=d", "--network=hoodi", "--execution-endpoint=http://127.0.0.1:1", "--jwt-secret=j"}
}

// The process ends with the code that fits the error, and one line that says what to do.
func TestExitCodes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fate string
		args []string
		code int
		want string
	}{
		{"orderly", []string{"version"}, 0, ""},
		{"orderly", []string{"--help"}, 0, ""},
		{"orderly", []string{"config"}, 0, ""},
		{"orderly", []string{"--nosuch"}, 2, "unknown flag: --nosuch; see cresset-beacon --help"},
		{"orderly", []string{"--datadir="}, 2, "datadir is not set"},
		{"transient", runArgs(), 1, "cresset-beacon: port 1 is taken; start again"},
		{"joined", runArgs(), 1, "cresset-beacon: one; two; start again"},
		{"silent", runArgs(), 1, "the node ended without being asked to"},
		{"silent", append(runArgs(), "import", "--blocks=b"), 1, "the import ended before it was done"},
		{"locked", runArgs(), 1, "data directory d is in use by process 7 (p); end that process, or give this one another --datadir"},
		{"usage", runArgs(), 2, "genesis x: short; see"},
		{"network", runArgs(), 3, "belongs to another network: its genesis is a, the configured one is b; give this network a --datadir of its own"},
		{"schema", runArgs(), 3, "use a newer program"},
		{"operator", runArgs(), 3, "start with an empty one and a checkpoint"},
		{"rejected", append(runArgs(), "import", "--blocks=b"), 3, "check that it is of this network"},
	} {
		p := start(t, c.fate, c.args...)
		if code, last := p.wait(t); code != c.code || !strings.Contains(last, c.want) || (c.want != "") != strings.HasPrefix(last, "cresset-beacon: ") {
			t.Errorf("%s %q: exit code %d, last line %q; want code %d, %q", c.fate, c.args, code, last, c.code, c.want)
		}
	}
}

// Either signal ends the process in order, with code 0.
func TestSignalEndsInOrder(t *testing.T) {
	t.Parallel()
	for _, s := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		p := start(t, "orderly", runArgs()...)
		p.await(t, "cresset-beacon starts")
		p.signal(t, s)
		if code, last := p.wait(t); code != 0 || !strings.Contains(last, "everything is saved") {
			t.Errorf("%v: exit code %d, last line %q", s, code, last)
		}
	}
}

// A second signal ends a process that hangs at once, with code 1.
func TestSecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	p := start(t, "hang", append(runArgs(), "--log-format=json")...)
	p.await(t, "cresset-beacon starts")
	p.signal(t, syscall.SIGTERM)
	p.await(t, `"msg":"saving and ending`)
	p.signal(t, syscall.SIGTERM)
	if code, last := p.wait(t); code != 1 || !strings.Contains(last, "ended at once by a second signal") {
		t.Errorf("exit code %d, last line %q", code, last)
	}
}

// An import that a signal stops has no summary, and its code says that it is not done.
func TestSignalStopsAnImport(t *testing.T) {
	t.Parallel()
	for _, fate := range []string{"orderly", "stopped"} {
		p := start(t, fate, append(runArgs(), "import", "--blocks=b")...)
		p.await(t, "cresset-beacon imports")
		p.signal(t, syscall.SIGTERM)
		if code, last := p.wait(t); code != 1 || !strings.Contains(last, "stopped by a signal; what was imported is kept, start again to go on") {
			t.Errorf("%s: exit code %d, last line %q", fate, code, last)
		}
		if p.out.Len() != 0 {
			t.Errorf("%s: a summary is printed: %s", fate, p.out.String())
		}
	}
}

// The real program imports a recorded chain and ends with a line about its head. A node that is then run on the same data begins
// there; while it has the directory nobody else gets it, and a signal ends it in order.
func TestImportAndRunOfARecordedChain(t *testing.T) {
	t.Parallel()
	c, err := recorded.Load("fulu")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := recorded.Unpack("fulu", dir); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "beacon.yaml")
	head := c.Head().Message.Slot
	text := fmt.Sprintf("datadir: %s\nnetwork-config: %s\ngenesis: %s\nexecution-endpoint: [%s]\nclock-offset: %v\nlisten-address: [127.0.0.1]\nno-discovery: true\nhttp-address: 127.0.0.1:0\n", filepath.Join(dir, "data"),
		filepath.Join(dir, "config.yaml"), filepath.Join(dir, "genesis.ssz_snappy"), node.EmbeddedEngine, time.Until(c.TimeAt(head+2)))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}

	p := start(t, "real", "import", "--config", file, "--blocks", filepath.Join(dir, "blocks"), "--columns", filepath.Join(dir, "columns"))
	code, last := p.wait(t)
	finality := c.Manifest.Epochs[len(c.Manifest.Epochs)-1].Finality
	pattern := fmt.Sprintf(`^imported %d blocks \(0 known before\) in [0-9.]+ s: head slot %d %s \(verified\), justified epoch %s, finalized epoch %s\n$`,
		len(c.Blocks), head, c.Manifest.Head.Root, finality.Current.Epoch, finality.Finalized.Epoch)
	if code != 0 || !regexp.MustCompile(pattern).MatchString(p.out.String()) {
		t.Fatalf("exit code %d, %s, printed %q, want %s", code, last, p.out.String(), pattern)
	}

	owner := start(t, "real", "--config", file)
	owner.await(t, fmt.Sprintf(" head=%d ", head)) // the line of a slot
	other := start(t, "real", "--config", file)
	want := fmt.Sprintf("is in use by process %d (", owner.cmd.Process.Pid)
	if code, last := other.wait(t); code != process.ExitTransient || !strings.Contains(last, want) {
		t.Errorf("beside another process: exit code %d, last line %q; want code %d, %q", code, last, process.ExitTransient, want)
	}
	owner.signal(t, syscall.SIGTERM)
	if code, last := owner.wait(t); code != 0 || !strings.Contains(last, "everything is saved") {
		t.Errorf("exit code %d, last line %q; want code 0, everything saved", code, last)
	}
}

// The real program refuses what it cannot run with the codes of the documentation.
func TestRealRefusals(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--datadir=" + dir, "--network-config=" + filepath.Join(dir, "nosuch"), "--execution-endpoint=embedded"}, 2, "network-config: open"},
		{[]string{"--datadir=" + dir, "--network=mainnet", "--execution-endpoint=embedded"}, 2, "execution-endpoint is \"embedded\" on mainnet"},
		{[]string{"--datadir=" + dir, "--network=mainnet", "--execution-endpoint=http://127.0.0.1:1", "--jwt-secret=j", "--genesis=" + filepath.Join(dir, "nosuch")}, 2, "genesis: open"},
	} {
		p := start(t, "real", c.args...)
		if code, last := p.wait(t); code != c.code || !strings.Contains(last, c.want) {
			t.Errorf("%q: exit code %d, last line %q; want code %d, %q", c.args, code, last, c.code, c.want)
		}
	}
}
