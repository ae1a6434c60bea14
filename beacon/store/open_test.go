package store

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/store/kv"
	"github.com/cresset/cresset/beacon/types"
)

// holderDir is the variable that makes the test binary a process that holds a store.
const holderDir = "CRESSET_TEST_HOLD_STORE"

func TestMain(m *testing.M) {
	if dir := os.Getenv(holderDir); dir != "" {
		os.Exit(hold(dir))
	}
	os.Exit(m.Run())
}

// hold opens a store, says so, and holds it until its input ends.
func hold(dir string) int {
	s, err := Open(Config{Dir: dir, Spec: params.Minimal()})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("open")
	_, _ = io.Copy(io.Discard, os.Stdin)
	if err := s.Close(); err != nil {
		return 1
	}
	return 0
}

// A directory that another process has is refused, and the refusal says who has it. A process that was killed has none.
func TestLock(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), holderDir+"="+dir)
	in, err := child.StdinPipe()
	check(t, err)
	defer in.Close()
	out, err := child.StdoutPipe()
	check(t, err)
	check(t, child.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	if line != "open\n" {
		t.Fatalf("the other process says %q (%v)", line, err)
	}
	var locked *LockedError
	_, err = Open(Config{Dir: dir, Spec: params.Minimal()})
	if !errors.As(err, &locked) {
		t.Fatalf("second process: %v", err)
	}
	if locked.PID != child.Process.Pid || locked.Dir != dir || filepath.Base(locked.Program) != filepath.Base(os.Args[0]) {
		t.Errorf("held by %+v, want process %d", locked, child.Process.Pid)
	}
	if !strings.Contains(err.Error(), fmt.Sprint(child.Process.Pid)) {
		t.Errorf("%q does not name process %d", err, child.Process.Pid)
	}
	check(t, child.Process.Kill())
	_ = child.Wait() // it was killed
	s, err := Open(Config{Dir: dir, Spec: params.Minimal()})
	check(t, err)
	if _, err := Open(Config{Dir: dir, Spec: params.Minimal()}); !errors.As(err, &locked) || locked.PID != os.Getpid() {
		t.Errorf("opened twice by one process: %v", err)
	}
	if s.KeyCachePath() != filepath.Join(dir, "keys") {
		t.Errorf("key cache is kept at %s", s.KeyCachePath())
	}
	check(t, s.Close())
	info, err := os.Stat(dir)
	check(t, err)
	if info.Mode().Perm() != 0o700 {
		t.Errorf("data directory has mode %v", info.Mode())
	}
}

// A lock file whose text makes no sense still locks; the refusal then names nobody.
func TestLockWithoutName(t *testing.T) {
	e := holder("data", strings.NewReader("what"))
	var locked *LockedError
	if !errors.As(e, &locked) || locked.PID != 0 || !strings.Contains(e.Error(), "another process") {
		t.Errorf("lock without a name: %v", e)
	}
}

// A store that is open for reading reads and changes nothing; an empty directory has nothing to read.
func TestReadOnly(t *testing.T) {
	memory := kv.NewMemory()
	s, err := Open(Config{Spec: params.Minimal(), Memory: memory})
	check(t, err)
	commit(t, s, func(b *Batch) { b.PutSplit(5) })
	check(t, s.Close())
	s, err = Open(Config{Spec: params.Minimal(), Memory: memory, ReadOnly: true})
	check(t, err)
	b := s.NewBatch()
	b.PutSplit(6)
	if err := b.Commit(true); !errors.Is(err, ErrReadOnly) {
		t.Errorf("a write to a store for reading: %v", err)
	}
	if split, err := s.Split(); err != nil || split != 5 {
		t.Errorf("split is %d, %v", split, err)
	}
	check(t, s.Close())
	if _, err := Open(Config{Spec: params.Minimal(), Dir: filepath.Join(t.TempDir(), "none"), ReadOnly: true}); err == nil {
		t.Error("a directory that does not exist is read")
	}
	if _, err := Open(Config{Spec: params.Minimal(), Memory: kv.NewMemory(), ReadOnly: true}); err == nil {
		t.Error("an empty directory is read")
	}
	if _, err := Open(Config{Memory: kv.NewMemory()}); err == nil {
		t.Error("a store without a spec is opened")
	}
	if _, err := Open(Config{Spec: params.Minimal(), Memory: kv.NewMemory(), ColdExponents: []uint8{9, 3}}); err == nil {
		t.Error("cold layers out of order are taken")
	}
}

// steps are migrations of a made-up history: each version adds its number to the journal, in three parts.
func steps(ran *[]string) []migration {
	step := func(from uint64) migration {
		return migration{from, fmt.Sprintf("journal gets %d", from), func(_ *Store, b *Batch, cursor []byte) ([]byte, error) {
			part := uint64(0)
			if cursor != nil {
				part = binary.BigEndian.Uint64(cursor)
			}
			*ran = append(*ran, fmt.Sprintf("%d/%d", from, part))
			b.AppendJournal(10*from+part, nil)
			if part == 2 {
				return nil, nil
			}
			return binary.BigEndian.AppendUint64(nil, part+1), nil
		}}
	}
	return []migration{step(1), step(2), step(3)}
}

// The steps from an old version run in order, each part once, also if the power goes between any two of them.
func TestMigrations(t *testing.T) {
	old := kv.NewMemory()
	s, err := open(Config{Spec: params.Minimal(), Memory: old}, 1, nil)
	check(t, err)
	check(t, s.Close())
	want := "[1/0 1/1 1/2 2/0 2/1 2/2 3/0 3/1 3/2]"
	for stop := range 10 {
		disk := old.LosePower(100, 0)
		after := disk
		commits := 0
		var ran []string
		c := Config{Spec: params.Minimal(), Memory: disk, OnCommit: func(stage string) {
			if strings.HasPrefix(stage, "after") {
				if commits++; commits == stop {
					after = disk.LosePower(0, 0)
					ran = append(ran[:len(ran):len(ran)], "off")
				}
			}
		}}
		s, err := open(c, 4, steps(&ran))
		check(t, err)
		check(t, s.Close())
		first := ran
		for i, r := range ran {
			if r == "off" {
				first = ran[:i]
			}
		}
		if stop == 0 {
			first, after = nil, old.LosePower(100, 0)
		}
		var rest []string
		s, err = open(Config{Spec: params.Minimal(), Memory: after}, 4, steps(&rest))
		check(t, err)
		if have := fmt.Sprint(append(first[:len(first):len(first)], rest...)); have != want {
			t.Errorf("off after %d commits: steps %s, want %s", stop, have, want)
		}
		n := 0
		for e, err := range s.db.Range(kindJournal.all()) {
			check(t, err)
			_, err := s.entry(&kindJournal, e)
			check(t, err)
			n++
		}
		if n != 9 {
			t.Errorf("off after %d commits: %d records, want 9", stop, n)
		}
		check(t, s.Close())
	}
}

// A newer schema is refused with both versions, an older one for reading too, and one to which no step leads.
func TestVersions(t *testing.T) {
	memory := kv.NewMemory()
	s, err := open(Config{Spec: params.Minimal(), Memory: memory}, 7, nil)
	check(t, err)
	check(t, s.Close())
	var version *VersionError
	if _, err := Open(Config{Spec: params.Minimal(), Memory: memory}); !errors.As(err, &version) || *version != (VersionError{7, schemaVersion}) {
		t.Errorf("newer schema: %v", err)
	}
	if _, err := open(Config{Spec: params.Minimal(), Memory: memory, ReadOnly: true}, 8, nil); !errors.As(err, &version) || *version != (VersionError{7, 8}) {
		t.Errorf("older schema for reading: %v", err)
	}
	if _, err := open(Config{Spec: params.Minimal(), Memory: memory}, 9, []migration{}); err == nil || !strings.Contains(err.Error(), "no step from schema version 7") {
		t.Errorf("older schema without a step: %v", err)
	}
	broken := []migration{{7, "breaks", func(*Store, *Batch, []byte) ([]byte, error) { return nil, errGap }}}
	if _, err := open(Config{Spec: params.Minimal(), Memory: memory}, 8, broken); !errors.Is(err, errGap) {
		t.Errorf("step that fails: %v", err)
	}
}

// A directory that holds something and has lost its version is damaged, not new.
func TestLostVersion(t *testing.T) {
	memory := kv.NewMemory()
	s, err := Open(Config{Spec: params.Minimal(), Memory: memory})
	check(t, err)
	damage(t, s, kindMeta.byName(metaVersion), func([]byte) []byte { return nil })
	check(t, s.Close())
	var damaged *DamagedError
	if _, err := Open(Config{Spec: params.Minimal(), Memory: memory}); !errors.As(err, &damaged) {
		t.Errorf("version lost: %v", err)
	}
}

// A directory of another network is refused with both names; one whose forks to come are scheduled anew is not.
func TestNetwork(t *testing.T) {
	memory := kv.NewMemory()
	spec := *params.Minimal()
	spec.AltairForkEpoch, spec.BellatrixForkEpoch = 10, 20
	spec.ConfigName = "ours"
	s, err := Open(Config{Spec: &spec, Memory: memory})
	check(t, err)
	commit(t, s, func(b *Batch) {
		b.PutBegun(1, types.Root{7})
		b.PutFinalized(types.Checkpoint{Epoch: 15})
	})
	check(t, s.Close())
	for name, c := range map[string]struct {
		change func(*params.Spec)
		gvr    types.Root
		words  []string
	}{
		"the same":           {func(*params.Spec) {}, types.Root{7}, nil},
		"genesis not known":  {func(*params.Spec) {}, types.Root{}, nil},
		"fork to come moved": {func(s *params.Spec) { s.BellatrixForkEpoch = 30 }, types.Root{}, nil},
		"name":               {func(s *params.Spec) { s.ConfigName = "theirs" }, types.Root{}, []string{"ours", "theirs"}},
		"preset":             {func(s *params.Spec) { s.PresetBase = "other" }, types.Root{}, []string{"minimal", "other"}},
		"genesis version":    {func(s *params.Spec) { s.GenesisForkVersion = params.Version{9, 9} }, types.Root{}, []string{"0x09090000"}},
		"past fork moved":    {func(s *params.Spec) { s.AltairForkEpoch = 11 }, types.Root{}, []string{"epoch 10", "epoch 11"}},
		"genesis root":       {func(*params.Spec) {}, types.Root{8}, []string{"0x07", "0x08"}},
	} {
		now := spec
		c.change(&now)
		s, err := Open(Config{Spec: &now, Memory: memory.LosePower(100, 0), GenesisValidatorsRoot: c.gvr})
		if c.words == nil {
			check(t, err)
			if have, err := s.readNetwork(); err != nil || fmt.Sprint(have) != fmt.Sprint(networkOf(&now)) {
				t.Errorf("%s: recorded is %v (%v)", name, have, err)
			}
			check(t, s.Close())
			continue
		}
		var network *NetworkError
		if !errors.As(err, &network) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, word := range c.words {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("%s: %q does not say %q", name, err, word)
			}
		}
	}
}
