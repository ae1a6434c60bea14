package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/recorded"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// chains are the recorded chains, by archive and the number of their blocks.
var chains = map[string]int{"deneb-to-fulu": 195, "fulu": 156}

// unpackChain unpacks a recorded chain.
func unpackChain(t *testing.T, name string) (dir string, chain *recorded.Chain) {
	t.Helper()
	dir = t.TempDir()
	if err := recorded.Unpack(name, dir); err != nil {
		t.Fatal(err)
	}
	chain, err := recorded.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	return dir, chain
}

// TestRecordedChains replays every recorded chain with all signatures and holds each block, each epoch's checkpoints, each
// recorded state and the validators at the end against what the other client reported.
func TestRecordedChains(t *testing.T) {
	for name, blocks := range chains {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, chain := unpackChain(t, name)
			m := &chain.Manifest
			if len(m.Blocks) != blocks {
				t.Fatalf("manifest has %d blocks, want %d", len(m.Blocks), blocks)
			}
			spec, err := loadSpec(filepath.Join(dir, "config.yaml"), nil, io.Discard)
			if err != nil {
				t.Fatal(err)
			}
			data, err := readInput(filepath.Join(dir, "genesis.ssz_snappy"), nil)
			if err != nil {
				t.Fatal(err)
			}
			genesis, err := types.DecodeBeaconState(spec, data)
			if err != nil {
				t.Fatal(err)
			}
			r, err := newReplay(genesis, true)
			if err != nil {
				t.Fatal(err)
			}
			epochs := 0
			check := func(s *transition.State) {
				found, err := chain.CheckFinality(s)
				if err != nil {
					t.Error(err)
				}
				if found {
					epochs++
				}
			}
			r.beforeEpoch = check
			files, err := blockFiles(filepath.Join(dir, "blocks"), ^types.Slot(0))
			if err != nil {
				t.Fatal(err)
			}
			if len(files) != blocks {
				t.Fatalf("%d block files, want %d", len(files), blocks)
			}
			states := 0
			for i, file := range files {
				block, err := readBlock(spec, file)
				if err != nil {
					t.Fatal(err)
				}
				if err := r.apply(block); err != nil {
					t.Fatalf("slot %d: %v", file.slot, err)
				}
				want := m.Blocks[i]
				s, err := r.summary()
				if err != nil {
					t.Fatal(err)
				}
				if s.HeadRoot != want.BlockRoot || s.StateRoot != want.StateRoot || types.Slot(s.HeadSlot) != want.Slot {
					t.Fatalf("block %d: %+v, want %+v", i, s, want)
				}
				found, err := chain.CheckState(r.state)
				if err != nil {
					t.Fatal(err)
				}
				if found {
					states++
				}
			}
			if err := r.flush(); err != nil {
				t.Fatal(err)
			}
			if r.state.Slot%types.Slot(spec.SlotsPerEpoch) != types.Slot(spec.SlotsPerEpoch)-1 {
				check(r.state) // the last epoch has not ended
			}
			if epochs < len(m.Epochs)-1 || states < 10 {
				t.Errorf("%d of %d epochs and %d states were compared", epochs, len(m.Epochs), states)
			}
			if err := chain.CheckValidators(r.state); err != nil {
				t.Error(err)
			}
		})
	}
}

// command runs the program and gives its exit code and output.
func command(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(context.Background(), args, strings.NewReader(""), &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

func TestReplayCommandEndsWithTheHeadAsJSON(t *testing.T) {
	dir, chain := unpackChain(t, "fulu")
	code, out, errs := command(t, "replay", "--network-config", dir+"/config.yaml", "--genesis", dir+"/genesis.ssz_snappy",
		"--blocks", dir+"/blocks", "--stop-at", "40", "--json")
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	var s replaySummary
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &s); err != nil {
		t.Fatalf("last line: %v", err)
	}
	if want := chain.Manifest.Blocks[39]; s.HeadRoot != want.BlockRoot || s.StateRoot != want.StateRoot || s.HeadSlot != 40 {
		t.Errorf("head is %+v, want %+v", s, want)
	}
	if len(lines) != 6 || !strings.HasPrefix(lines[4], "epoch 5: justified 4 0x") {
		t.Errorf("lines are %q", lines)
	}
}

func TestReplayNamesWhatIsWrong(t *testing.T) {
	dir, _ := unpackChain(t, "fulu")
	args := func(more ...string) []string {
		return append([]string{"replay", "--network-config", dir + "/config.yaml", "--genesis", dir + "/genesis.ssz_snappy", "--blocks", dir + "/blocks", "--stop-at", "12"}, more...)
	}
	rewrite := func(slot int, change func(*types.SignedBeaconBlock)) {
		t.Helper()
		spec, err := loadSpec(dir+"/config.yaml", nil, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		path := fmt.Sprintf("%s/blocks/%08d.ssz_snappy", dir, slot)
		data, err := readInput(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		block, cx, err := types.DecodeSignedBeaconBlock(spec, data)
		if err != nil {
			t.Fatal(err)
		}
		change(block)
		encoded, err := encode(cx, nodeOf(block), "ssz_snappy")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, encoded, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	original := types.BLSSignature{}
	rewrite(10, func(b *types.SignedBeaconBlock) { original = b.Signature; b.Signature = b.Message.Body.RandaoReveal })
	if code, _, errs := command(t, args()...); code != 3 || !strings.Contains(errs, "slot 10: block") {
		t.Errorf("wrong signature: exit code %d: %s", code, errs)
	}
	if code, _, errs := command(t, args("--verify", "none")...); code != 0 {
		t.Errorf("wrong signature, not verified: exit code %d: %s", code, errs)
	}
	var wrong string
	rewrite(10, func(b *types.SignedBeaconBlock) {
		b.Signature = original
		b.Message.StateRoot[0] ^= 1
		wrong = b.Message.StateRoot.String()
	})
	code, _, errs := command(t, args("--verify", "none")...)
	if code != 3 || !strings.Contains(errs, "slot 10") || !strings.Contains(errs, "block.state_root == hash_tree_root(state): have "+wrong) {
		t.Errorf("wrong state root: exit code %d: %s", code, errs)
	}
	if err := os.WriteFile(dir+"/blocks/00000009.ssz_snappy", []byte{1, 2, 3}, 0o644); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := command(t, args()...); code != 3 || !strings.Contains(errs, "slot 9") {
		t.Errorf("no block: exit code %d: %s", code, errs)
	}
}

// TestReplayCanBeStoppedOnTheWayToAFarBlock has a block in so far a future that nobody waits for the slots up to it.
func TestReplayCanBeStoppedOnTheWayToAFarBlock(t *testing.T) {
	dir, _ := unpackChain(t, "fulu")
	spec, err := loadSpec(dir+"/config.yaml", nil, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	const slot = 1 << 40
	block := types.SignedBeaconBlock{Message: types.BeaconBlock{Slot: slot}}
	data, err := encode(ssz.Context{Spec: spec, Fork: spec.ForkAtSlot(slot)}, nodeOf(&block), "ssz")
	if err != nil {
		t.Fatal(err)
	}
	blocks := t.TempDir()
	if err := os.WriteFile(fmt.Sprintf("%s/%d.ssz", blocks, slot), data, 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	var stdout, stderr bytes.Buffer
	code := run(ctx, []string{"replay", "--network-config", dir + "/config.yaml", "--genesis", dir + "/genesis.ssz_snappy", "--blocks", blocks}, nil, &stdout, &stderr)
	if code != 1 || !strings.Contains(stderr.String(), "stopped at slot") {
		t.Errorf("exit code %d: %s", code, stderr.String())
	}
}

func TestWrongUsageExitsWithTwo(t *testing.T) {
	for _, args := range [][]string{
		{"replay"},
		{"replay", "--verify", "some", "--network-config", "x", "--genesis", "x", "--blocks", "x"},
		{"replay", "--network-config", "/nonexistent", "--genesis", "x", "--blocks", "x"},
		{"replay", "--stop-at", "-1"},
		{"unknown"},
		{"ssz", "root", "--type", "Nothing", "--fork", "fulu", "-"},
		{"ssz", "root", "--type", "Checkpoint", "--fork", "atlantis", "-"},
		{"ssz", "root", "--type", "Checkpoint", "--fork", "fulu", "--preset", "none", "-"},
		{"ssz", "root", "--type", "Checkpoint", "--fork", "heze", "-"},
		{"ssz", "prove", "--type", "Checkpoint", "--fork", "fulu", "-"},
		{"ssz", "root", "--fork"},
		{"ssz", "root", "--colour", "blue", "-"},
		{"ssz", "diff", "--type", "Checkpoint", "--fork", "fulu", "-"},
		{"replay", "--network-config", "replay_test.go/x", "--genesis", "x", "--blocks", "x"},
	} {
		if code, _, errs := command(t, args...); code != 2 || errs == "" {
			t.Errorf("%q: exit code %d: %s", args, code, errs)
		}
	}
}
