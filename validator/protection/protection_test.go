package protection

import (
	"bufio"
	"context"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/keystore"
)

const (
	wantVectors  = 38
	wantSteps    = 49
	wantMessages = 150
)

var genesis = types.Root{0xab, 0xcd}

func key(n uint64) (k types.BLSPubkey) {
	binary.BigEndian.PutUint64(k[40:], n)
	return k
}

func config(t testing.TB) Config {
	dir := t.TempDir()
	return Config{Path: filepath.Join(dir, "protection.sqlite"), Marker: filepath.Join(dir, MarkerName), GenesisValidatorsRoot: genesis}
}

// create makes and opens a database.
func create(t testing.TB, cfg Config) *Store {
	t.Helper()
	if err := Create(cfg); err != nil {
		t.Fatal(err)
	}
	return open(t, cfg)
}

func open(t testing.TB, cfg Config) *Store {
	t.Helper()
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func registered(t testing.TB, n uint64) (*Store, Config) {
	t.Helper()
	cfg := config(t)
	s := create(t, cfg)
	keys := make([]types.BLSPubkey, n)
	for i := range keys {
		keys[i] = key(uint64(i))
	}
	if err := s.Register(keys...); err != nil {
		t.Fatal(err)
	}
	return s, cfg
}

// TestMain is also the process that has a database open until it is killed.
func TestMain(m *testing.M) {
	if path := os.Getenv("CRESSET_TEST_HOLD_DATABASE"); path != "" {
		if _, err := Open(Config{path, filepath.Join(filepath.Dir(path), MarkerName), genesis}); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("open")
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestBlocksAreSignedUpwardsOnly(t *testing.T) {
	s, _ := registered(t, 1)
	for _, c := range []struct {
		slot types.Slot
		root byte
		ok   bool
	}{{0, 1, true}, {0, 1, true}, {0, 2, false}, {5, 1, true}, {4, 1, false}, {5, 2, false}, {5, 1, true}, {0, 1, false}, {6, 1, true}, {1<<64 - 1, 1, true}, {1 << 63, 1, false}} {
		p, err := s.Block(Block{key(0), c.slot, types.Root{c.root}})
		if (err == nil) != c.ok || (p != nil) != c.ok || err != nil && !errors.Is(err, ErrSlashable) {
			t.Errorf("slot %d, root %d: %v", c.slot, c.root, err)
		}
	}
}

func TestAttestationsNeitherDoubleNorSurround(t *testing.T) {
	s, _ := registered(t, 1)
	for _, c := range []struct {
		source, target types.Epoch
		root           byte
		ok             bool
	}{
		{0, 0, 1, true}, {0, 0, 2, false}, {3, 2, 1, false}, {2, 5, 1, true},
		{2, 5, 1, true},  // again
		{2, 5, 2, false}, // double
		{1, 6, 1, false}, // surrounds
		{3, 4, 1, false}, // surrounded
		{2, 6, 1, true},
		{5, 7, 1, true},
		{6, 6, 1, false},
		{1 << 63, 1<<64 - 1, 1, true},
		{1<<63 - 1, 1 << 63, 1, false},
	} {
		p, err := s.Attestation(Attestation{key(0), c.source, c.target, types.Root{c.root}})
		if (err == nil) != c.ok || (p != nil) != c.ok || err != nil && !errors.Is(err, ErrSlashable) {
			t.Errorf("%d to %d, root %d: %v", c.source, c.target, c.root, err)
		}
	}
}

func TestNothingIsSignedForKeysThatAreNotRegistered(t *testing.T) {
	s, _ := registered(t, 1)
	if _, err := s.Block(Block{Key: key(7)}); !errors.Is(err, ErrNotRegistered) {
		t.Errorf("block: %v", err)
	}
	if _, err := s.Attestation(Attestation{Key: key(7), Target: 1}); !errors.Is(err, ErrNotRegistered) {
		t.Errorf("attestation: %v", err)
	}
	if err := s.Register(key(7), key(7), key(0)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Block(Block{Key: key(7)}); err != nil {
		t.Error(err)
	}
	if marks, err := s.Marks(); err != nil || len(marks) != 2 {
		t.Errorf("%d keys, %v", len(marks), err)
	}
}

func TestRegisteringAgainForgetsNothing(t *testing.T) {
	s, cfg := registered(t, 1)
	if _, err := s.Block(Block{key(0), 10, types.Root{1}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Register(key(0)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, cfg)
	if _, err := s.Block(Block{key(0), 10, types.Root{2}}); !errors.Is(err, ErrSlashable) {
		t.Errorf("error is %v", err)
	}
	if _, err := s.Block(Block{key(0), 10, types.Root{1}}); err != nil {
		t.Errorf("the same block again: %v", err)
	}
}

func TestABatchHasAVerdictForEach(t *testing.T) {
	s, _ := registered(t, 3)
	verdicts, err := s.Attestations([]Attestation{
		{key(0), 1, 2, types.Root{1}}, {key(9), 1, 2, types.Root{1}}, {key(1), 2, 1, types.Root{1}},
		{key(2), 1, 2, types.Root{1}}, {key(2), 1, 2, types.Root{2}}, {key(2), 1, 3, types.Root{3}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []error{nil, ErrNotRegistered, ErrSlashable, nil, ErrSlashable, nil} {
		if v := verdicts[i]; !errors.Is(v.Err, want) || (v.Permit != nil) != (want == nil) {
			t.Errorf("request %d: %v, want %v", i, v.Err, want)
		}
	}
	if verdicts, err := s.Attestations(nil); err != nil || len(verdicts) != 0 {
		t.Errorf("empty batch: %v, %v", verdicts, err)
	}
}

func TestAPermitIsForOneSignatureOfOneMessage(t *testing.T) {
	s, _ := registered(t, 1)
	p, err := s.Block(Block{key(0), 1, types.Root{1}})
	if err != nil {
		t.Fatal(err)
	}
	for name, use := range map[string]func() error{
		"kind":    func() error { return p.Use(KindAttestation, key(0), types.Root{1}) },
		"key":     func() error { return p.Use(KindBlock, key(1), types.Root{1}) },
		"root":    func() error { return p.Use(KindBlock, key(0), types.Root{2}) },
		"none":    func() error { return (*Permit)(nil).Use(KindBlock, key(0), types.Root{1}) },
		"made up": func() error { return new(Permit).Use(0, types.BLSPubkey{}, types.Root{}) },
	} {
		if use() == nil {
			t.Errorf("used with another %s", name)
		}
	}
	if err := p.Use(KindBlock, key(0), types.Root{1}); err != nil {
		t.Error(err)
	}
	if p.Use(KindBlock, key(0), types.Root{1}) == nil {
		t.Error("used twice")
	}
}

// All goroutines want the same heights with messages of their own: of each height one gets its permit.
func TestSixtyFourGoroutinesOnOneKey(t *testing.T) {
	s, _ := registered(t, 1)
	const goroutines, heights = 64, 20
	var mu sync.Mutex
	blocks, targets := map[types.Slot]int{}, map[types.Epoch]int{}
	var sources []Attestation
	var wg sync.WaitGroup
	for g := range goroutines {
		wg.Go(func() {
			for h := range heights {
				_, err := s.Block(Block{key(0), types.Slot(h), types.Root{1, byte(g)}})
				a := Attestation{key(0), types.Epoch(h / 2), types.Epoch(h), types.Root{2, byte(g)}}
				_, err2 := s.Attestation(a)
				mu.Lock()
				if err == nil {
					blocks[types.Slot(h)]++
				}
				if err2 == nil {
					targets[types.Epoch(h)]++
					sources = append(sources, a)
				}
				for _, err := range []error{err, err2} {
					if err != nil && !errors.Is(err, ErrSlashable) {
						t.Error(err)
					}
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for h := range heights {
		if blocks[types.Slot(h)] > 1 || targets[types.Epoch(h)] > 1 {
			t.Errorf("height %d: %d blocks, %d attestations", h, blocks[types.Slot(h)], targets[types.Epoch(h)])
		}
	}
	if blocks[heights-1] != 1 || targets[heights-1] != 1 {
		t.Errorf("highest: %d blocks, %d attestations, want 1 each", blocks[heights-1], targets[heights-1])
	}
	for _, a := range sources {
		for _, b := range sources {
			if a.Source < b.Source && b.Target < a.Target {
				t.Errorf("%v surrounds %v", a, b)
			}
		}
	}
}

func TestTheSecondProcessEndsAtOnce(t *testing.T) {
	cfg := config(t)
	if err := Create(cfg); err != nil {
		t.Fatal(err)
	}
	second := func() (*exec.Cmd, string) {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "CRESSET_TEST_HOLD_DATABASE="+cfg.Path)
		stdin, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { stdin.Close() })
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(stdout).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		return cmd, strings.TrimSpace(line)
	}
	first, line := second()
	if line != "open" {
		t.Fatalf("the first process says %q", line)
	}
	begin := time.Now()
	other, line := second()
	if err := other.Wait(); err == nil || !strings.Contains(line, "in use by another process") || !strings.Contains(line, fmt.Sprint(first.Process.Pid)) {
		t.Errorf("the second process says %q and ends with %v", line, err)
	}
	t.Logf("the second process ended after %v", time.Since(begin))
	if _, err := Open(cfg); !errors.Is(err, keystore.ErrLocked) {
		t.Errorf("the test itself: %v", err)
	}
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait() // its error is that it was killed
	open(t, cfg)
}

// SQLite's own lock keeps those off that do not know of ours, such as its command line.
func TestSQLiteItselfIsKeptOff(t *testing.T) {
	s, cfg := registered(t, 1)
	other := &Store{cfg: cfg}
	if err := other.connect(cfg.Path); err == nil || !strings.Contains(err.Error(), "locked") {
		t.Errorf("error is %v", err)
	}
	if _, err := s.Block(Block{Key: key(0), Slot: 1}); err != nil {
		t.Error(err)
	}
}

func TestAfterCloseNothingIsPermitted(t *testing.T) {
	s, _ := registered(t, 1)
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Block(Block{Key: key(0)}); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("block: %v", err)
	}
	if _, err := s.Attestations([]Attestation{{Key: key(0)}}); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("attestations: %v", err)
	}
	if _, err := s.Marks(); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("marks: %v", err)
	}
}

func TestAfterAnErrorOfTheDatabaseNothingIsPermittedUntilItIsOpenedAgain(t *testing.T) {
	s, cfg := registered(t, 1)
	if err := s.exec("PRAGMA query_only = ON"); err != nil { // like a disk that takes nothing
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("before the error: %v", err)
	}
	if p, err := s.Block(Block{key(0), 5, types.Root{1}}); !errors.Is(err, ErrUnusable) || p != nil || errors.Is(err, ErrSlashable) {
		t.Fatalf("permitted without a record, or not said that nothing is permitted any more: %v", err)
	}
	if err := s.Wait(t.Context()); !errors.Is(err, ErrUnusable) {
		t.Errorf("whoever waits for an error hears of %v", err)
	}
	if err := s.exec("PRAGMA query_only = OFF"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Attestations([]Attestation{{key(0), 1, 2, types.Root{1}}}); !errors.Is(err, ErrUnusable) {
		t.Errorf("after the error: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, cfg)
	if marks, err := s.Marks(); err != nil || marks[0].HasBlock {
		t.Errorf("recorded: %+v, %v", marks, err)
	}
	if _, err := s.Block(Block{key(0), 5, types.Root{2}}); err != nil {
		t.Error(err)
	}
}

func TestWhatMarksGiveCanBeChangedByWhoeverAsked(t *testing.T) {
	s, _ := registered(t, 1)
	if _, err := s.Block(Block{key(0), 5, types.Root{1}}); err != nil {
		t.Fatal(err)
	}
	marks, err := s.Marks(key(0))
	if err != nil {
		t.Fatal(err)
	}
	*marks[0].BlockRoot = types.Root{2}
	if _, err := s.Block(Block{key(0), 5, types.Root{2}}); !errors.Is(err, ErrSlashable) {
		t.Errorf("error is %v", err)
	}
}

// filled makes a database with a history and gives its bytes.
func filled(t *testing.T) (Config, []byte) {
	t.Helper()
	s, cfg := registered(t, 40)
	for i := range uint64(40) {
		if _, err := s.Block(Block{key(i), types.Slot(i + 5), types.Root{1}}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Attestation(Attestation{key(i), 3, 4, types.Root{2}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(cfg.Path)
	if err != nil {
		t.Fatal(err)
	}
	return cfg, data
}

func refused(t *testing.T, cfg Config, name string, want ...string) {
	t.Helper()
	s, err := Open(cfg)
	if err == nil {
		s.Close()
	}
	if !errors.Is(err, ErrUnusable) {
		t.Errorf("%s: %v", name, err)
		return
	}
	for _, w := range want {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%s: the error does not say %q: %v", name, w, err)
		}
	}
}

func TestEmptyCutOffAndForeignDatabasesAreLocked(t *testing.T) {
	cfg, data := filled(t)
	put := func(data []byte) {
		if err := os.WriteFile(cfg.Path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(nil)
	refused(t, cfg, "empty", "0 bytes")
	for _, n := range []int{1, 99, 100, 4095, 4096, 8192, len(data) / 2, len(data) - 4096, len(data) - 1} {
		put(data[:n])
		refused(t, cfg, fmt.Sprintf("cut off after %d bytes", n))
	}
	foreign := slices.Clone(data)
	binary.BigEndian.PutUint32(foreign[68:], 0x12345678)
	put(foreign)
	refused(t, cfg, "foreign", "another program", "0x12345678")
	put([]byte(strings.Repeat("not a database ", 1000)))
	refused(t, cfg, "text", "not an SQLite database")
	version := slices.Clone(data)
	binary.BigEndian.PutUint32(version[60:], 2)
	put(version)
	refused(t, cfg, "later schema", "version 2")
	put(data)
	other := cfg
	other.GenesisValidatorsRoot = types.Root{9}
	refused(t, other, "other chain", "another chain", types.Root{9}.String(), genesis.String()[2:])
	open(t, cfg)
}

// Where a byte is changed either the database is refused or it says exactly what it said before (the byte was in free space).
func TestDamageIsFoundOrDoesNotMatter(t *testing.T) {
	cfg, data := filled(t)
	s := open(t, cfg)
	want, err := s.Marks()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	found := 0
	tries := 2000
	if testing.Short() {
		tries = 200
	}
	for range tries {
		damaged := slices.Clone(data)
		at := random.IntN(len(data))
		damaged[at] ^= byte(1 + random.IntN(255))
		if err := os.WriteFile(cfg.Path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(cfg)
		if err != nil {
			found++
			if !errors.Is(err, ErrUnusable) {
				t.Errorf("byte %d: %v", at, err)
			}
			continue
		}
		marks, err := s.Marks()
		if err != nil || !slices.EqualFunc(marks, want, func(a, b Mark) bool {
			return a.Key == b.Key && a.Slot == b.Slot && a.Source == b.Source && a.Target == b.Target && same(a.BlockRoot, b.BlockRoot) && same(a.AttestationRoot, b.AttestationRoot)
		}) {
			t.Errorf("byte %d: damage is not found, %v", at, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if found < tries/4 {
		t.Errorf("damage was found %d times of %d", found, tries)
	}
	t.Logf("damage was found %d times of %d, the rest was in free space", found, tries)
}

func TestADatabaseThatIsLostIsMissedAndNotMadeAnew(t *testing.T) {
	cfg, data := filled(t)
	if err := os.Remove(cfg.Path); err != nil {
		t.Fatal(err)
	}
	refused(t, cfg, "lost", "is missing", cfg.Marker)
	if err := Create(cfg); err == nil || !strings.Contains(err.Error(), cfg.Marker) {
		t.Errorf("made anew: %v", err)
	}
	if there, err := exists(cfg.Path); err != nil || there {
		t.Errorf("there is a file: %v", err)
	}
	// Another database in its place.
	other := config(t)
	create(t, other).Close()
	if err := os.Rename(other.Path, cfg.Path); err != nil {
		t.Fatal(err)
	}
	refused(t, cfg, "another one", "put that one back")
	// The right one, but nobody says that it is.
	if err := os.WriteFile(cfg.Path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(cfg.Marker); err != nil {
		t.Fatal(err)
	}
	refused(t, cfg, "without a marker", "cresset protection create")
	if err := Create(cfg); err != nil {
		t.Fatal(err)
	}
	s := open(t, cfg)
	if marks, err := s.Marks(); err != nil || len(marks) != 40 || marks[3].Slot != 8 {
		t.Errorf("%d keys, %v", len(marks), err)
	}
}

func TestWithoutADatabaseOpenSaysHowToMakeOne(t *testing.T) {
	cfg := config(t)
	refused(t, cfg, "missing", "cresset protection create")
}

func TestADatabaseThatOthersMayReadIsRefused(t *testing.T) {
	cfg, _ := filled(t)
	if err := os.Chmod(cfg.Path, 0o640); err != nil {
		t.Fatal(err)
	}
	var permission *keystore.PermissionError
	if _, err := Open(cfg); !errors.As(err, &permission) {
		t.Errorf("error is %v", err)
	}
}

// What is durable and what is not depends on these, so a test says what SQLite made of them.
func TestCommitsAreSynchronous(t *testing.T) {
	s, _ := registered(t, 1)
	for pragma, want := range map[string]driver.Value{"synchronous": int64(3), "journal_mode": "truncate", "locking_mode": "exclusive"} {
		err := s.query(func(v []driver.Value) error {
			if v[0] != want {
				t.Errorf("%s is %v, want %v", pragma, v[0], want)
			}
			return nil
		}, "PRAGMA "+pragma)
		if err != nil {
			t.Error(err)
		}
	}
}

// BenchmarkCommit measures a durable commit of one row, and of a batch of 1,000 keys, and prints their ratio (goal: at most 3).
func BenchmarkCommit(b *testing.B) {
	s, _ := registered(b, 1000)
	batch := make([]Attestation, 1000)
	epoch := types.Epoch(0)
	commit := func(n int) time.Duration {
		epoch++
		for i := range batch {
			batch[i] = Attestation{key(uint64(i)), epoch - 1, epoch, types.Root{byte(epoch), byte(epoch >> 8)}}
		}
		begin := time.Now()
		verdicts, err := s.Attestations(batch[:n])
		took := time.Since(begin)
		if err != nil || verdicts[n-1].Err != nil {
			b.Fatal(err, verdicts[n-1].Err)
		}
		return took
	}
	var one, thousand time.Duration
	for b.Loop() {
		one += commit(1)
		thousand += commit(1000)
	}
	b.ReportMetric(float64(one.Microseconds())/float64(b.N), "µs/row")
	b.ReportMetric(float64(thousand.Microseconds())/float64(b.N), "µs/1000")
	b.ReportMetric(float64(thousand)/float64(one), "ratio")
}

// A row that a mark is read from may be anything whose digest is right. What is taken for a mark is kept as it is by the next commit.
func FuzzMark(f *testing.F) {
	root := types.Root{1}
	for _, m := range []Mark{
		{Key: key(1)},
		{Key: key(2), HasBlock: true, Slot: 3, BlockRoot: &root},
		{Key: key(3), HasAttestation: true, Source: 4, Target: 5},
		{Key: key(4), HasBlock: true, Slot: 6, HasAttestation: true, Source: 7, Target: 8, AttestationRoot: &root},
	} {
		f.Add(m.append(nil))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) != markSize {
			return
		}
		m, err := parseMark(data)
		if err != nil {
			return
		}
		again, err := parseMark(m.append(nil))
		if err != nil {
			t.Fatalf("%+v was read and is refused when it is written: %v", m, err)
		}
		if !reflect.DeepEqual(again, m) {
			t.Fatalf("%+v was read, it is written as %+v", m, again)
		}
		if m.BlockRoot != nil && !m.HasBlock || m.AttestationRoot != nil && !m.HasAttestation {
			t.Fatalf("%+v has the root of what it has not", m)
		}
	})
}
