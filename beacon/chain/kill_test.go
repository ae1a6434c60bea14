package chain

import (
	"bufio"
	"context"
	"encoding/gob"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/clock"
	"github.com/cresset/cresset/beacon/engine"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/simnet"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/store"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// The kill test runs a node in a process of its own, which it kills at random instants and at the points before and after every
// commit. The process reports each block only after its import was acknowledged.

func TestMain(m *testing.M) {
	if dir := os.Getenv("CRESSET_KILL_DIR"); dir != "" {
		if err := killChild(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// script is the chain that the processes import: blocks in the order of their arrival, on two branches that take turns in being
// the head, with what the head is after each.
type script struct {
	Genesis []byte // SSZ
	Blocks  [][]byte
	Slots   []types.Slot
	Heads   []types.Root
	Roots   []types.Root
	// Finalized is the finalized epoch after each block.
	Finalized []types.Epoch
	// Gone is after how many blocks finality has ruled a block out; 0 for never.
	Gone []int
}

// killSpec is the network of the script.
func killSpec() (*params.Spec, error) { return simnet.Spec(params.Fulu) }

// believer is an execution client that believes everything.
type believer struct{}

func (believer) NewPayload(context.Context, params.Fork, *transition.NewPayloadRequest) (engine.PayloadStatus, error) {
	return engine.PayloadStatus{Status: engine.Valid}, nil
}

func (believer) ForkchoiceUpdated(context.Context, params.Fork, engine.ForkchoiceState, *engine.PayloadAttributes) (engine.PayloadStatus, *engine.PayloadID, error) {
	return engine.PayloadStatus{Status: engine.Valid}, nil, nil
}

func (believer) PowBlock(context.Context, types.Hash32) (*engine.PowBlock, error) { return nil, nil }

// killReport is a line that the process writes.
type killReport struct {
	Started bool  // or: a block was acknowledged
	Micros  int64 // that the start took
	Known   int   // blocks of the script that are known
	Head    types.Root
	Final   types.Epoch
	Commits int // hook calls so far
}

// killChild is the process: it opens the chain in a directory, reports, and imports what is left of the script. At commit hook
// number CRESSET_KILL_AT it kills itself.
func killChild(dir string) error {
	spec, err := killSpec()
	if err != nil {
		return err
	}
	var s script
	f, err := os.Open(os.Getenv("CRESSET_KILL_SCRIPT"))
	if err != nil {
		return err
	}
	if err := gob.NewDecoder(bufio.NewReader(f)).Decode(&s); err != nil {
		return err
	}
	at, _ := strconv.Atoi(os.Getenv("CRESSET_KILL_AT"))
	acknowledged, _ := strconv.Atoi(os.Getenv("CRESSET_KILL_ACKED"))
	var commits atomic.Int64
	begin := time.Now()
	disk, err := store.Open(store.Config{Dir: dir, Spec: spec, OnCommit: func(string) {
		if commits.Add(1) == int64(at) {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // until it comes
		}
	}})
	if err != nil {
		return err
	}
	genesis, err := types.DecodeBeaconState(spec, s.Genesis)
	if err != nil {
		return err
	}
	source := clock.NewManual(time.Unix(genesisTime, 0))
	now := clock.New(clock.Config{Spec: spec, GenesisTime: genesisTime, Source: source})
	into := now.SlotDuration() / 10
	if acknowledged > 0 {
		source.Set(now.StartOf(s.Slots[acknowledged-1]).Add(into))
	}
	c, err := New(Config{
		Spec: spec, Store: disk, Engine: believer{}, Clock: now, Anchor: &Anchor{State: genesis}, BaseEpochs: 3,
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	report := func(r killReport) error {
		snapshot := c.Snapshot()
		r.Head, r.Final, r.Commits = snapshot.Head.Root, snapshot.Finalized.Epoch, int(commits.Load())
		return out.Encode(r)
	}
	known := 0
	for i := range s.Roots {
		if c.Knows(s.Roots[i], s.Slots[i]) {
			known = i + 1
		}
	}
	for i := range known {
		if !c.Knows(s.Roots[i], s.Slots[i]) && (s.Gone[i] == 0 || s.Gone[i] > known+1) { // finality may have come with the next slot
			return fmt.Errorf("block %d of slot %d is lost, %d are known", i, s.Slots[i], known)
		}
	}
	if err := report(killReport{Started: true, Micros: time.Since(begin).Microseconds(), Known: known}); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	for i := known; i < len(s.Blocks); i++ {
		source.Set(now.StartOf(s.Slots[i]).Add(into))
		for c.Snapshot().Slot < s.Slots[i] {
			time.Sleep(50 * time.Microsecond)
		}
		block, _, err := types.DecodeSignedBeaconBlock(spec, s.Blocks[i])
		if err != nil {
			return err
		}
		if _, err := c.ImportBlock(ctx, block, Gossip); err != nil {
			return err
		}
		if err := report(killReport{Known: i + 1}); err != nil {
			return err
		}
	}
	cancel()
	if err := <-ended; err != nil {
		return err
	}
	return disk.Close()
}

// makeScript builds the chain and finds out, in a process that nobody kills, what the head is after each block.
func makeScript(t *testing.T, slots types.Slot) *script {
	t.Helper()
	w := newWorld(t, params.Fulu, func(cfg *Config) { cfg.Engine = believer{} })
	s := &script{}
	var err error
	s.Genesis, err = w.net.GenesisState().MarshalSSZ()
	check(t, err)
	main, side := w.net.Genesis(), w.net.Genesis()
	var votes, sideVotes []types.Attestation
	add := func(parent simnet.Tip, slot types.Slot, votes []types.Attestation, graffiti string) simnet.Tip {
		block, tip, err := w.net.Block(parent, slot, votes, graffiti)
		check(t, err)
		w.at(slot, 100)
		if got := w.add(block, Gossip); got != Applied {
			t.Fatalf("block of slot %d was %v", slot, got)
		}
		data, err := ssz.Marshal(w.contextAt(slot), ssz.Container(block))
		check(t, err)
		head := w.Snapshot()
		s.Blocks, s.Slots, s.Roots = append(s.Blocks, data), append(s.Slots, slot), append(s.Roots, tip.Root)
		s.Heads, s.Finalized, s.Gone = append(s.Heads, head.Head.Root), append(s.Finalized, head.Finalized.Epoch), append(s.Gone, 0)
		for i, root := range s.Roots {
			if s.Gone[i] == 0 && !w.Knows(root, s.Slots[i]) {
				w.until("the disk follows finality", func() bool { f, err := w.store.Finalized(); return err == nil && f == head.Finalized })
				if !w.Knows(root, s.Slots[i]) {
					s.Gone[i] = len(s.Roots)
				}
			}
		}
		return tip
	}
	few := func(i types.ValidatorIndex) bool { return i < 12 }
	most := func(i types.ValidatorIndex) bool { return i >= 12 }
	for slot := types.Slot(1); slot <= slots; slot++ {
		if slot%11 == 5 { // every now and then a minority goes its own way for two slots
			side, sideVotes = main, nil
		}
		if slot%11 == 6 || slot%11 == 8 {
			side = add(side, slot, sideVotes, "side")
			sideVotes, err = w.net.Votes(side, slot, few)
			check(t, err)
		}
		main = add(main, slot, votes, "main")
		votes, err = w.net.Votes(main, slot, most)
		check(t, err)
	}
	return s
}

// killRun is one directory with its process.
type killRun struct {
	t          *testing.T
	s          *script
	file, dir  string
	acked      int // blocks acknowledged, in order
	kills      int
	slowest    time.Duration
	lostTail   int // times that the last block had been written without having been acknowledged
	commitsAll int
}

// run starts the process and follows what it says until it ends. With kill it is killed from outside after that time. It checks that
// a start finds what was acknowledged and the right head.
func (k *killRun) run(at int, kill time.Duration) (done bool) {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), "CRESSET_KILL_DIR="+k.dir, "CRESSET_KILL_SCRIPT="+k.file, "CRESSET_KILL_AT="+strconv.Itoa(at), "CRESSET_KILL_ACKED="+strconv.Itoa(k.acked))
	stderr := &limited{}
	cmd.Stderr = stderr
	stdout, err := cmd.StdoutPipe()
	check(k.t, err)
	check(k.t, cmd.Start())
	if kill > 0 {
		timer := time.AfterFunc(kill, func() { _ = cmd.Process.Kill() })
		defer timer.Stop()
	}
	decoder := json.NewDecoder(stdout)
	for {
		var r killReport
		if err := decoder.Decode(&r); err != nil {
			break
		}
		if r.Started {
			k.started(r, stderr)
		}
		k.acked = max(k.acked, r.Known)
		k.commitsAll = max(k.commitsAll, r.Commits)
		k.checkHead(r, stderr)
	}
	_, _ = io.Copy(io.Discard, stdout)
	err = cmd.Wait()
	if err == nil {
		return true
	}
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL || ctx.Err() != nil {
		k.t.Fatalf("process ended by itself: %v\n%s", err, stderr)
	}
	k.kills++
	return false
}

func (k *killRun) started(r killReport, stderr fmt.Stringer) {
	k.t.Helper()
	k.slowest = max(k.slowest, time.Duration(r.Micros)*time.Microsecond)
	if r.Known < k.acked {
		k.t.Fatalf("%d blocks were acknowledged, %d are there after the restart\n%s", k.acked, r.Known, stderr)
	}
	if r.Known > k.acked {
		k.lostTail++
	}
}

// checkHead compares the head with what it is in a process that is not killed. A start may be later than the slot of the last block, when
// its votes for the slot are not in, but no vote travels alone here, so that only the block counts.
func (k *killRun) checkHead(r killReport, stderr fmt.Stringer) {
	k.t.Helper()
	if r.Known == 0 {
		return
	}
	if want := k.s.Heads[r.Known-1]; r.Head != want {
		k.t.Fatalf("head after %d blocks is %v, want %v (started %v)\n%s", r.Known, r.Head, want, r.Started, stderr)
	}
	want := k.s.Finalized[r.Known-1]
	if r.Started && r.Known < len(k.s.Finalized) && r.Final == k.s.Finalized[r.Known] {
		return // the next slot had begun when the process was killed, and with it the finality of an epoch that ended
	}
	if r.Final != want {
		k.t.Fatalf("finalized epoch after %d blocks is %d, want %d (started %v)\n%s", r.Known, r.Final, want, r.Started, stderr)
	}
}

// limited keeps the first part of what a process writes.
type limited struct{ b []byte }

func (l *limited) Write(b []byte) (int, error) {
	if room := 4096 - len(l.b); room > 0 {
		l.b = append(l.b, b[:min(room, len(b))]...)
	}
	return len(b), nil
}

func (l *limited) String() string { return string(l.b) }

// TestKilledAtAnyInstant kills the process over and over: at points before and after commits, spread over all of them, and at random
// instants. Every start finds all that was acknowledged and the right head.
func TestKilledAtAnyInstant(t *testing.T) {
	kills := 60
	if testing.Short() {
		kills = 12
	}
	if n, err := strconv.Atoi(os.Getenv("CRESSET_KILLS")); err == nil {
		kills = n
	}
	s := makeScript(t, 100)
	file := filepath.Join(t.TempDir(), "script")
	f, err := os.Create(file)
	check(t, err)
	check(t, gob.NewEncoder(f).Encode(s))
	check(t, f.Close())

	whole := &killRun{t: t, s: s, file: file, dir: t.TempDir()}
	begin := time.Now()
	if !whole.run(0, 0) {
		t.Fatal("the process did not end")
	}
	length := time.Since(begin)
	random := rand.New(rand.NewPCG(1, 1))
	total := &killRun{}
	collect := func(k *killRun) {
		total.kills += k.kills
		total.lostTail += k.lostTail
		total.slowest = max(total.slowest, k.slowest)
	}
	// Named points: each kill is in a run of its own, at a point of the whole run, and is followed by another soon after the start.
	for n := range kills / 2 {
		k := &killRun{t: t, s: s, file: file, dir: t.TempDir()}
		k.run(1+whole.commitsAll*n/(kills/2), 0)
		for k.kills < 2 && !k.run(1+random.IntN(12), 0) {
		}
		collect(k)
	}
	// Random instants: the same directory over and over, until the chain is whole.
	for total.kills < kills {
		k := &killRun{t: t, s: s, file: file, dir: t.TempDir()}
		for !k.run(0, time.Duration(random.Int64N(int64(length)*2/3))) {
		}
		collect(k)
	}
	t.Logf("%d kills: every start had all acknowledged blocks and the right head; slowest start %v; %d times the last block was there without having been acknowledged; %d commit points in a whole run of %v",
		total.kills, total.slowest.Round(time.Millisecond), total.lostTail, whole.commitsAll, length.Round(time.Millisecond))
	if total.slowest > time.Minute {
		t.Errorf("a start took %v, want at most a minute", total.slowest)
	}
}
