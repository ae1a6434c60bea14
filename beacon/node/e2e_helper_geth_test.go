//go:build geth

package node

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/engine/gethtest"
	"github.com/cresset/cresset/beacon/recorded"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// totals is what all cases together did; they run one after the other.
type totals struct {
	blocks, states, epochs, gethKills, nodeKills int
	undisturbed                                  int // blocks that were imported while nothing was killed
	importing                                    time.Duration
}

func (s *totals) add(blocks, gethKills, nodeKills int) {
	s.blocks += blocks
	s.gethKills += gethKills
	s.nodeKills += nodeKills
}

func (s *totals) addUndisturbed(blocks, states, epochs int, importing time.Duration) {
	s.blocks += blocks
	s.states += states
	s.epochs += epochs
	s.undisturbed += blocks
	s.importing += importing
}

// stage is a recorded chain, its files, a data directory, and a geth that does not run yet.
type stage struct {
	t     *testing.T
	chain *recorded.Chain
	geth  *gethtest.Geth
	cfg   Config
	files ImportConfig
	dir   string
	log   logBuffer
}

// newStage sets a stage. The clock of the node stands two slots after the chain's head.
func newStage(t *testing.T, name string, gethGenesis []byte) *stage {
	t.Helper()
	c, err := recorded.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{t: t, chain: c, dir: t.TempDir()}
	files := filepath.Join(s.dir, "chain")
	if err := recorded.Unpack(name, files); err != nil {
		t.Fatal(err)
	}
	if gethGenesis == nil {
		gethGenesis = c.GethGenesis
	}
	if s.geth, err = gethtest.New(t.Context(), s.dir, gethGenesis); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.geth.Kill(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the node's log:\n%s\ngeth's:\n%s", s.log.String(), s.geth.Output())
		}
	})
	s.cfg = Config{
		DataDir: filepath.Join(s.dir, "node"), NetworkConfig: filepath.Join(files, "config.yaml"), Genesis: filepath.Join(files, "genesis.ssz_snappy"),
		ExecutionEndpoints: []string{s.geth.URL}, JWTSecret: s.geth.SecretFile,
		ClockOffset: time.Until(c.TimeAt(c.Head().Message.Slot + 2)),
	}
	s.files = ImportConfig{Blocks: filepath.Join(files, "blocks"), Columns: filepath.Join(files, "columns")}
	if len(c.Blobs) > 0 {
		s.files.Blobs = filepath.Join(files, "blobs")
	}
	return s
}

// start runs geth.
func (s *stage) start() {
	s.t.Helper()
	if err := s.geth.Start(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

// kill ends geth as a loss of power would.
func (s *stage) kill() {
	s.t.Helper()
	if err := s.geth.Kill(); err != nil {
		s.t.Fatal(err)
	}
}

// logger writes the node's log to where it is shown if the test fails.
func (s *stage) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(&s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// logBuffer keeps a log.
type logBuffer struct {
	mu struct {
		sync.Mutex
		bytes.Buffer
	}
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.mu.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.mu.String()
}

// epochs groups the files of the blocks by epoch; one without blocks is empty.
func (s *stage) epochs(files []recordedFile) (groups [][]recordedFile) {
	for _, f := range files {
		for epoch := int(types.ComputeEpochAtSlot(s.chain.Spec, f.slot)); epoch >= len(groups); {
			groups = append(groups, nil)
		}
		last := &groups[len(groups)-1]
		*last = append(*last, f)
	}
	return groups
}

// rootAt is the reported block of a slot, or the last one before it.
func (s *stage) rootAt(slot types.Slot) (root types.Root, err error) {
	text := ""
	for _, b := range s.chain.Manifest.Blocks {
		if b.Slot > slot {
			break
		}
		text = b.BlockRoot
	}
	if text == "" {
		return root, fmt.Errorf("no block is reported up to slot %d", slot)
	}
	decoded, err := hex.DecodeString(strings.TrimPrefix(text, "0x"))
	if err != nil || copy(root[:], decoded) != len(root) {
		return root, fmt.Errorf("root of slot %d is %q: %w", slot, text, err)
	}
	return root, nil
}

// stateAt is the state of the chain at a slot, however long it takes to compute.
func (s *stage) stateAt(ctx context.Context, c *chain.Chain, slot types.Slot) (*transition.State, error) {
	root, err := s.rootAt(slot)
	if err != nil {
		return nil, err
	}
	for {
		state, err := c.StateAt(ctx, root, slot)
		if !errors.Is(err, chain.ErrStateBusy) {
			return state, err
		}
	}
}

// compare holds what the node has for some slots against the record: every recorded state, byte for byte, and the checkpoints at
// the end of each epoch. It tells how many of each there were.
func (s *stage) compare(ctx context.Context, c *chain.Chain, from, to types.Slot) (states, epochs int, err error) {
	for slot := max(from, s.chain.Blocks[0].Message.Slot); slot <= to; slot++ {
		state, err := s.stateAt(ctx, c, slot)
		if err != nil {
			return states, epochs, fmt.Errorf("state of slot %d: %w", slot, err)
		}
		found, err := s.chain.CheckState(state)
		if err != nil {
			return states, epochs, err
		}
		if found {
			states++
		}
		if found, err = s.chain.CheckFinality(state); err != nil {
			return states, epochs, err
		}
		if found {
			epochs++
		}
	}
	return states, epochs, nil
}

// checkEnd holds a node that has the whole chain against the record: head, checkpoints, validators, and what geth follows.
func (s *stage) checkEnd(ctx context.Context, n *node) error {
	snapshot, err := n.settled(ctx)
	if err != nil {
		return err
	}
	want := s.chain.Manifest.Head
	if snapshot.Head.Root.String() != want.Root || snapshot.Head.StateRoot.String() != want.StateRoot || snapshot.Head.Slot != want.Slot {
		return fmt.Errorf("head is %v with state %v of slot %d, want %+v", snapshot.Head.Root, snapshot.Head.StateRoot, snapshot.Head.Slot, want)
	}
	if snapshot.Optimistic || !n.chain.EngineFollows() {
		return fmt.Errorf("head is optimistic: %v, geth follows it: %v", snapshot.Optimistic, n.chain.EngineFollows())
	}
	state, err := n.chain.HeadState(ctx, snapshot)
	if err != nil {
		return err
	}
	if err := s.chain.CheckValidators(state); err != nil {
		return err
	}
	if found, err := s.chain.CheckState(state); err != nil || !found {
		return fmt.Errorf("state of the head: recorded %v, %w", found, err)
	}
	// The epoch is over by the clock, so fork choice counts the votes that the state will count at its end.
	if err := transition.ProcessJustificationAndFinalization(state); err != nil {
		return err
	}
	if snapshot.Justified != state.CurrentJustifiedCheckpoint || snapshot.Finalized != state.FinalizedCheckpoint {
		return fmt.Errorf("fork choice has justified %v and finalized %v, want %v and %v", snapshot.Justified, snapshot.Finalized,
			state.CurrentJustifiedCheckpoint, state.FinalizedCheckpoint)
	}
	return s.checkGeth(ctx)
}

// checkGeth holds geth's head against the recorded one.
func (s *stage) checkGeth(ctx context.Context) error {
	number, hash, err := s.geth.Latest(ctx)
	if err != nil {
		return err
	}
	last := s.chain.Head().Message.Body.ExecutionPayload
	if number != uint64(last.BlockNumber) || hash != last.BlockHash.String() {
		return fmt.Errorf("geth's head is %s of number %d, want %v of number %d", hash, number, last.BlockHash, last.BlockNumber)
	}
	return nil
}

// reopen starts the node on its data directory and holds it against the record.
func (s *stage) reopen() {
	s.t.Helper()
	if err := run(s.t.Context(), s.cfg, s.logger(), s.checkEnd); err != nil {
		s.t.Fatalf("after a start: %v", err)
	}
}

// checkSummary holds the end of an import against the record.
func (s *stage) checkSummary(sum Summary) {
	s.t.Helper()
	want := s.chain.Manifest.Head
	if sum.Head.String() != want.Root || sum.HeadSlot != want.Slot || sum.Optimistic || sum.Blocks+sum.Known != len(s.chain.Blocks) {
		s.t.Errorf("%v, want %d blocks and head %+v, verified", sum, len(s.chain.Blocks), want)
	}
	if err := s.checkGeth(s.t.Context()); err != nil {
		s.t.Error(err)
	}
}

// program is a command of the node's program, which CRESSET_BEACON names. It sees none of the variables that are for this test: all
// that begin with CRESSET_ are options to it.
func program(t *testing.T, args []string) *exec.Cmd {
	t.Helper()
	path := os.Getenv("CRESSET_BEACON")
	if path == "" {
		t.Fatal("CRESSET_BEACON is not set, want the path of cresset-beacon (make e2e-geth builds and names it)")
	}
	command := exec.CommandContext(t.Context(), path, args...)
	command.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "CRESSET_") })
	return command
}
