//go:build geth

package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/recorded"
	"github.com/cresset/cresset/beacon/types"
)

// TestE2EGeth imports the recorded chains with a real geth behind the Engine API. Where CRESSET_SUMMARY names a file, the summary
// is written there too.
func TestE2EGeth(t *testing.T) {
	begin := time.Now()
	all := &totals{}
	passed := true
	for _, name := range recorded.Names() {
		passed = t.Run(name, func(t *testing.T) {
			t.Run("as reported at every epoch", func(t *testing.T) { testEveryEpoch(t, name, all) })
			t.Run("geth comes late and is killed", func(t *testing.T) { testGethKilled(t, name, all) })
			t.Run("node is killed", func(t *testing.T) { testNodeKilled(t, name, all) })
		}) && passed
	}
	passed = t.Run("geth of another chain", testWrongChain) && passed
	if !passed {
		return
	}
	sum, seconds := all, time.Since(begin).Seconds()
	line := fmt.Sprintf("e2e-geth: %d chains, %d blocks imported with geth, %d states and %d epochs as recorded, geth killed %d times, node killed %d times, %.0f s, %.0f blocks/s with nothing killed: ok",
		len(recorded.Names()), sum.blocks, sum.states, sum.epochs, sum.gethKills, sum.nodeKills, seconds,
		float64(sum.undisturbed)/sum.importing.Seconds())
	t.Log(line)
	if file := os.Getenv("CRESSET_SUMMARY"); file != "" {
		if err := os.WriteFile(file, []byte(line+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// After each epoch head, checkpoints and states are the reported ones; at the end all validators are, and geth has the head.
func testEveryEpoch(t *testing.T, name string, all *totals) {
	s := newStage(t, name, nil)
	s.start()
	states, epochs := 0, 0
	var importing time.Duration
	err := run(t.Context(), s.cfg, s.logger(), func(ctx context.Context, n *node) (err error) {
		i := &importer{node: n, files: s.files}
		if i.columns, err = listBySlot(s.files.Columns); err != nil {
			return err
		}
		if i.blobs, err = listBySlot(s.files.Blobs); err != nil {
			return err
		}
		blocks, err := list(s.files.Blocks)
		if err != nil {
			return err
		}
		from := types.Slot(0)
		for _, group := range s.epochs(blocks) {
			if len(group) == 0 {
				continue
			}
			begin := time.Now()
			imported, err := i.segment(ctx, group)
			importing += time.Since(begin)
			if err != nil || imported != len(group) {
				return fmt.Errorf("%d of %d blocks imported: %w", imported, len(group), err)
			}
			last := group[len(group)-1].slot
			root, err := s.rootAt(last)
			if err != nil {
				return err
			}
			if head := n.chain.Snapshot().Head; head.Root != root {
				return fmt.Errorf("after slot %d the head is %v of slot %d, want %v", last, head.Root, head.Slot, root)
			}
			// Up to the end of the epoch, or the head where the record ends within it.
			to := last - last%types.Slot(s.chain.Spec.SlotsPerEpoch) + types.Slot(s.chain.Spec.SlotsPerEpoch) - 1
			to = min(to, s.chain.Manifest.Head.Slot)
			moreStates, moreEpochs, err := s.compare(ctx, n.chain, from, to)
			if err != nil {
				return err
			}
			states, epochs, from = states+moreStates, epochs+moreEpochs, to+1
			if err := s.tryOrphan(ctx, n.chain, to); err != nil {
				return err
			}
		}
		return s.checkEnd(ctx, n)
	})
	if err != nil {
		t.Fatal(err)
	}
	// The state of genesis is recorded too; nothing is imported for it.
	if states != len(s.chain.States)-1 || epochs != len(s.chain.Manifest.Epochs) {
		t.Errorf("%d states and %d epochs were compared, want %d and %d", states, epochs, len(s.chain.States)-1, len(s.chain.Manifest.Epochs))
	}
	t.Logf("%d blocks in %.1f s (%.0f a second), %d states and %d epochs as recorded", len(s.chain.Blocks), importing.Seconds(),
		float64(len(s.chain.Blocks))/importing.Seconds(), states, epochs)
	s.reopen()
	all.addUndisturbed(len(s.chain.Blocks), states, epochs, importing)
}

// tryOrphan brings the blocks of an epoch that the recorded chain went on without. Their columns were not recorded, so that they
// are refused though geth calls their payloads valid, and the head stays.
func (s *stage) tryOrphan(ctx context.Context, c *chain.Chain, last types.Slot) error {
	head := c.Snapshot().Head.Root
	for _, b := range s.chain.Orphans {
		if types.ComputeEpochAtSlot(s.chain.Spec, b.Message.Slot) != types.ComputeEpochAtSlot(s.chain.Spec, last) {
			continue
		}
		if outcome, err := c.ImportBlock(ctx, b, chain.Replay); !errors.Is(err, chain.ErrDataMissing) {
			return fmt.Errorf("orphan of slot %d: %v, %v, want %w", b.Message.Slot, outcome, err, chain.ErrDataMissing)
		}
		if now := c.Snapshot().Head; now.Root != head {
			return fmt.Errorf("the orphan of slot %d made %v the head, want %v", b.Message.Slot, now.Root, head)
		}
	}
	return nil
}

// outage is how long geth is away.
const outage = 2 * time.Second

// geth does not run when the import begins, and is killed in the middle; the import waits both times, goes on by itself, and ends
// as without that.
func testGethKilled(t *testing.T, name string, all *totals) {
	s := newStage(t, name, nil)
	ctx, cancel := context.WithCancel(t.Context())
	type result struct {
		Summary
		err error
	}
	ended, halfWay := make(chan result, 1), make(chan struct{})
	s.files.Progress = func(done, all int, _ types.Slot) {
		if before := done - segmentBlocks; 2*(done+segmentBlocks) > all && 2*(before+segmentBlocks) <= all {
			close(halfWay) // the next segment has the middle in it
		}
	}
	go func() {
		summary, err := Import(ctx, s.cfg, s.files, s.logger())
		ended <- result{summary, err}
	}()
	joined := false
	t.Cleanup(func() {
		cancel()
		if !joined {
			<-ended
		}
	})
	wait := func(what <-chan struct{}, d time.Duration) {
		t.Helper()
		select {
		case <-what:
		case r := <-ended:
			joined = true
			t.Fatalf("the import ended before its time: %v, %v", r.Summary, r.err)
		case <-time.After(d):
			if what != nil {
				t.Fatalf("the import is not half-way after %v", d)
			}
		}
	}
	wait(nil, outage)
	s.start()
	wait(halfWay, time.Minute)
	wait(nil, 50*time.Millisecond)
	s.kill()
	wait(nil, outage)
	s.start()
	if number, _, err := s.geth.Latest(ctx); err != nil || number >= uint64(s.chain.Head().Message.Body.ExecutionPayload.BlockNumber) {
		t.Errorf("geth's head after the kill is %d, %v, want one before the last: the kill came too late", number, err)
	}
	again := time.Now()
	r := <-ended
	joined = true
	if r.err != nil {
		t.Fatal(r.err)
	}
	s.checkSummary(r.Summary)
	if r.Known != 0 {
		t.Errorf("%d blocks were known before the import", r.Known)
	}
	t.Logf("%v; %.1f s of it after geth ran again", r.Summary, time.Since(again).Seconds())
	s.reopen()
	all.add(r.Blocks, 1, 0)
}

// summaryLine is what an import ends with, as Summary writes it.
var summaryLine = regexp.MustCompile(`imported (\d+) blocks \((\d+) known before\).*: head slot (\d+) (0x[0-9a-f]{64}) \((\w+)\)`)

// The node is killed when a third and when two thirds of the chain are in, and the same command started again each time. Nothing
// that geth was told of is imported again, and the end is the recorded one.
func testNodeKilled(t *testing.T, name string, all *totals) {
	s := newStage(t, name, nil)
	s.start()
	args := []string{"import", "--datadir", s.cfg.DataDir, "--network-config", s.cfg.NetworkConfig, "--genesis", s.cfg.Genesis,
		"--execution-endpoint", s.cfg.ExecutionEndpoints[0], "--jwt-secret", s.cfg.JWTSecret, "--clock-offset", s.cfg.ClockOffset.String(),
		"--blocks", s.files.Blocks, "--columns", s.files.Columns}
	if s.files.Blobs != "" {
		args = append(args, "--blobs", s.files.Blobs)
	}
	told := uint64(0)
	for part := uint64(1); part <= 2; part++ {
		limit := uint64(s.chain.Head().Message.Body.ExecutionPayload.BlockNumber) * part / 3
		told = s.killAt(args, limit)
		t.Logf("killed after geth was told of block %d", told)
	}
	var out, log bytes.Buffer
	command := program(t, args)
	command.Stdout, command.Stderr = &out, &log
	if err := command.Run(); err != nil {
		t.Fatalf("after the kills: %v\n%s%s", err, out.String(), log.String())
	}
	found := summaryLine.FindStringSubmatch(out.String())
	if found == nil {
		t.Fatalf("output has no summary: %s", out.String())
	}
	number := func(i int) int {
		n, err := strconv.Atoi(found[i])
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	imported, known := number(1), number(2)
	want := s.chain.Manifest.Head
	if imported+known != len(s.chain.Blocks) || uint64(number(3)) != uint64(want.Slot) || found[4] != want.Root || found[5] != "verified" {
		t.Errorf("%s, want %d blocks and head %+v, verified", found[0], len(s.chain.Blocks), want)
	}
	before := 0
	for _, b := range s.chain.Blocks {
		if uint64(b.Message.Body.ExecutionPayload.BlockNumber) <= told {
			before++
		}
	}
	if known < before {
		t.Errorf("%d blocks were known after the kill, want at least the %d that geth was told of", known, before)
	}
	if err := s.checkGeth(t.Context()); err != nil {
		t.Error(err)
	}
	t.Log(found[0])
	s.reopen()
	all.add(len(s.chain.Blocks), 0, 2)
}

// killAt runs the node until geth has a head of at least some number, kills it, and gives the number of geth's head.
func (s *stage) killAt(args []string, number uint64) (told uint64) {
	s.t.Helper()
	var out bytes.Buffer
	command := program(s.t, args)
	command.Stdout, command.Stderr = &out, &out
	if err := command.Start(); err != nil {
		s.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	limit := time.After(time.Minute)
	for {
		var err error
		if told, _, err = s.geth.Latest(s.t.Context()); err != nil {
			s.t.Error(err)
		}
		if told >= number || err != nil {
			break
		}
		select {
		case err := <-ended:
			s.t.Fatalf("the node ended by itself: %v\n%s", err, out.String())
		case <-limit:
			s.t.Errorf("geth's head is %d after a minute, want at least %d", told, number)
			number = 0
		case <-time.After(5 * time.Millisecond):
		}
	}
	if err := command.Process.Kill(); err != nil {
		s.t.Fatalf("kill the node: %v\n%s", err, out.String())
	}
	if err := <-ended; command.ProcessState.Success() {
		s.t.Fatalf("the node had ended before it was killed: %v\n%s", err, out.String())
	}
	if s.t.Failed() {
		s.t.Fatalf("the node wrote:\n%s", out.String())
	}
	return told
}

// A geth that has another genesis is named as such, with both, and is given nothing.
func testWrongChain(t *testing.T) {
	other, err := recorded.Load("fulu")
	if err != nil {
		t.Fatal(err)
	}
	s := newStage(t, "deneb-to-fulu", other.GethGenesis)
	s.start()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := Import(ctx, s.cfg, s.files, s.logger())
		ended <- err
	}()
	said := func() bool {
		log := s.log.String()
		return strings.Contains(log, "wrong chain") && strings.Contains(log, other.GenesisPayload.BlockHash.String()) &&
			strings.Contains(log, s.chain.GenesisPayload.BlockHash.String()) && strings.Contains(log, "the import waits for the execution client")
	}
	for !said() {
		select {
		case err := <-ended:
			t.Fatalf("the import ended before it was said what is wrong: %v", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the import that was stopped ended with %v, want %v", err, context.Canceled)
	}
	if number, hash, err := s.geth.Latest(t.Context()); err != nil || number != 0 || hash != other.GenesisPayload.BlockHash.String() {
		t.Errorf("geth's head is %d, %s, %v, want its genesis", number, hash, err)
	}
}
