//go:build e2e

package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/recorded"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/sync/reqresp"
)

// TestE2ESync has nodes sync both recorded chains over libp2p on the loopback interface: over TCP and over QUIC, from genesis and from a
// checkpoint, and from four peers that are all bad in their own ways. Head, finality, statuses and balances are those that the other client
// reported.
func TestE2ESync(t *testing.T) {
	begin := time.Now()
	var total tally
	for _, name := range recorded.Names() {
		t.Run(name, func(t *testing.T) {
			s := newSyncStage(t, name)
			source := s.source()
			t.Run("over TCP", func(t *testing.T) {
				s.sync(t, &total, source.address(t, "tcp"), nil)
			})
			t.Run("over QUIC", func(t *testing.T) {
				s.sync(t, &total, source.address(t, "quic"), nil)
			})
			t.Run("from a checkpoint with backfill", func(t *testing.T) {
				s.checkpoint(t, &total, source)
			})
			t.Run("from four bad peers", func(t *testing.T) {
				s.badPeers(t, &total, source)
			})
		})
	}
	line := fmt.Sprintf("e2e-sync: %d chains, %d syncs of %d blocks over libp2p: %d over TCP, %d over QUIC, %d from a checkpoint with %d blocks backfilled, %d from four bad peers; %d heads, finalities, validator sets and answers of the Beacon API as recorded, %.0f s: %s",
		len(recorded.Names()), total.syncs, total.blocks, total.tcp, total.quic, total.checkpoints, total.backfilled, total.bad, total.compared, time.Since(begin).Seconds(),
		map[bool]string{false: "ok", true: "failed"}[t.Failed()])
	t.Log(line)
	if path := os.Getenv("CRESSET_SUMMARY"); path != "" {
		if err := os.WriteFile(path, []byte(line+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// tally is what all cases did.
type tally struct {
	syncs, blocks, tcp, quic, checkpoints, backfilled, bad, compared int
}

// sync syncs an empty node from peers and compares what it has then.
func (s *syncStage) sync(t *testing.T, total *tally, peers []string, change func(*Config)) {
	n := s.start(t, "empty", func(cfg *Config) {
		cfg.Networking.Static = peers
		if change != nil {
			change(cfg)
		}
	})
	s.wantRecorded(t, n, total)
	total.syncs++
	total.blocks += len(s.chain.Blocks)
	for _, p := range peers {
		if strings.Contains(p, "/tcp/") {
			total.tcp++
			break
		}
		total.quic++
		break
	}
}

// checkpoint begins at a finalized state in the middle of the chain, and gets what lies before it too.
func (s *syncStage) checkpoint(t *testing.T, total *tally, source *runningNode) {
	state, block := s.checkpointFiles(t)
	n := s.start(t, "fresh", func(cfg *Config) {
		cfg.Networking.Static = source.address(t, "tcp")
		cfg.CheckpointState, cfg.CheckpointBlock = state, block
	})
	s.wantRecorded(t, n, total)
	total.syncs++
	total.checkpoints++
	backfilled := 0
	until(t, "history is complete", 2*time.Minute, func() bool {
		oldest, _, err := n.chain.History()
		if err != nil {
			t.Fatal(err)
		}
		return oldest <= n.historyEnd()
	})
	for i, signed := range s.chain.Blocks[:len(s.chain.Blocks)-1] {
		if signed.Message.Slot < n.historyEnd() || signed.Message.Slot >= s.checkpointSlot {
			continue
		}
		root := s.chain.Blocks[i+1].Message.ParentRoot
		if ok, err := n.store.HasBlock(root); err != nil || !ok {
			t.Errorf("block of slot %d was not backfilled: %v", signed.Message.Slot, err)
		}
		columns, err := n.store.ColumnIndices(root)
		if err != nil {
			t.Fatal(err)
		}
		if len(s.chain.Columns[signed.Message.Slot]) > 0 && len(columns) != len(n.chain.Custody()) {
			t.Errorf("slot %d: %d columns were backfilled, want %d", signed.Message.Slot, len(columns), len(n.chain.Custody()))
		}
		backfilled++
	}
	if backfilled == 0 {
		t.Error("nothing was backfilled")
	}
	total.blocks += len(s.chain.Blocks)
	total.backfilled += backfilled
}

// badPeers syncs from four peers: one stalls every fifth time, one sends wrong blocks, one answers late, and with what was not asked for, and one
// leaves half-way.
func (s *syncStage) badPeers(t *testing.T, total *tally, source *runningNode) {
	blocks := s.chain.Blocks
	stalls := s.badPeer(t, source, func(h map[reqresp.Method]reqresp.Handler, _ func()) {
		right, asked := h[reqresp.BlocksByRangeV2], new(atomic.Int64)
		h[reqresp.BlocksByRangeV2] = func(ctx context.Context, call *reqresp.Call) error {
			if asked.Add(1)%5 == 0 {
				select {
				case <-time.After(15 * time.Second):
				case <-ctx.Done():
				}
				return errors.New("stalled")
			}
			return right(ctx, call)
		}
	})
	wrong := s.badPeer(t, source, func(h map[reqresp.Method]reqresp.Handler, _ func()) {
		h[reqresp.BlocksByRangeV2] = reqresp.On(func(ctx context.Context, call *reqresp.Call, r *reqresp.BlocksByRange) error {
			for _, signed := range blocks {
				if slot := signed.Message.Slot; slot >= r.StartSlot && uint64(slot-r.StartSlot) < r.Count {
					bad := *signed
					bad.Message.StateRoot[0] ^= 1
					return call.Send(ctx, slot, ssz.Container(&bad))
				}
			}
			return nil
		})
	})
	late := s.badPeer(t, source, func(h map[reqresp.Method]reqresp.Handler, _ func()) {
		h[reqresp.BlocksByRangeV2] = reqresp.On(func(ctx context.Context, call *reqresp.Call, _ *reqresp.BlocksByRange) error {
			select {
			case <-time.After(3 * time.Second):
			case <-ctx.Done():
				return ctx.Err()
			}
			signed := blocks[len(blocks)-1]
			return call.Send(ctx, signed.Message.Slot, ssz.Container(signed))
		})
	})
	leaves := s.badPeer(t, source, func(h map[reqresp.Method]reqresp.Handler, leave func()) {
		right, asked := h[reqresp.BlocksByRangeV2], new(atomic.Int64)
		h[reqresp.BlocksByRangeV2] = func(ctx context.Context, call *reqresp.Call) error {
			if asked.Add(1) > 4 {
				go leave()
			}
			return right(ctx, call)
		}
	})
	n := s.start(t, "empty", func(cfg *Config) {
		cfg.Networking.Static = []string{stalls, wrong, late, leaves}
	})
	s.wantRecorded(t, n, total)
	total.syncs++
	total.bad++
	total.blocks += len(blocks)
}

// checkpointFiles writes a recorded state of the first slot of an epoch that was finalized, and its block.
func (s *syncStage) checkpointFiles(t *testing.T) (state, block string) {
	t.Helper()
	spec := s.chain.Spec
	head := s.chain.Head().Message.Slot
	for _, signed := range s.chain.Blocks {
		slot := signed.Message.Slot
		if uint64(slot)%spec.SlotsPerEpoch != 0 || slot < head/2 {
			continue
		}
		encoded, ok := s.chain.States[slot]
		if !ok {
			continue
		}
		cx := ssz.Context{Spec: spec, Fork: spec.ForkAtSlot(slot)}
		data, err := ssz.Marshal(cx, ssz.Container(signed))
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		state, block = filepath.Join(dir, "state.ssz"), filepath.Join(dir, "block.ssz")
		for path, content := range map[string][]byte{state: encoded, block: data} {
			if err := os.WriteFile(path, content, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		s.checkpointSlot = slot
		return state, block
	}
	t.Fatal("no recorded state of an epoch's first slot in the second half of the chain")
	return "", ""
}
