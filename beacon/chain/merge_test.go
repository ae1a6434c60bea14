package chain

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/cresset/cresset/beacon/engine/mock"
	"github.com/cresset/cresset/beacon/engine/wire"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/simnet"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/store/kv"
	"github.com/cresset/cresset/beacon/types"
)

// terminalDifficulty is the terminal total difficulty of the networks of these tests.
const terminalDifficulty = 1000

// beforeTheMerge is a world of Bellatrix whose genesis is not merged, changed before it begins.
func beforeTheMerge(t *testing.T, change func(*params.Spec)) *world {
	t.Helper()
	spec, err := simnet.Spec(params.Bellatrix)
	check(t, err)
	merging := *spec
	merging.TerminalTotalDifficulty[30], merging.TerminalTotalDifficulty[31] = terminalDifficulty>>8, terminalDifficulty&0xff
	if change != nil {
		change(&merging)
	}
	return newWorldOf(t, &merging, &world{disk: kv.NewMemory()})
}

// pow tells the execution client of a proof-of-work block.
func (w *world) pow(hash, parent byte, difficulty uint16) types.Hash32 {
	block := wire.PowBlock{BlockHash: types.Hash32{hash}, ParentHash: types.Hash32{parent}}
	block.TotalDifficulty = ssz.Uint256{byte(difficulty), byte(difficulty >> 8)}
	w.mock.AddPowBlock(block)
	return block.BlockHash
}

// merging is a block of slot 2 with the first payload, which builds on a proof-of-work block; that of slot 1 has none.
func (w *world) merging(terminal types.Hash32) (*types.SignedBeaconBlock, simnet.Tip) {
	w.t.Helper()
	tip := w.step(w.net.Genesis(), 1, nil)
	block, next, err := w.net.BlockOf(tip, 2, simnet.Content{Terminal: terminal})
	check(w.t, err)
	if block.Message.Body.ExecutionPayload.ParentHash != terminal {
		w.t.Fatal("the block does not end the proof-of-work chain")
	}
	return block, next
}

func (w *world) asked() int { return w.mock.Calls("eth_getBlockByHash") }

// validate_merge_block (bellatrix): the first payload builds on the first block that reaches the terminal total difficulty.
func TestTheFirstPayloadBuildsOnTheTerminalBlock(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name          string
		parent, block uint16 // total difficulty
		valid         bool
	}{
		{"right", terminalDifficulty - 1, terminalDifficulty, true},
		{"below the terminal difficulty", terminalDifficulty - 2, terminalDifficulty - 1, false},
		{"not the first to reach it", terminalDifficulty, terminalDifficulty + 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := beforeTheMerge(t, nil)
			w.pow(1, 0, c.parent)
			block, tip := w.merging(w.pow(2, 1, c.block))
			w.at(2, 100)
			_, err := w.ImportBlock(context.Background(), block, Gossip)
			if c.valid {
				check(t, err)
				w.wantHead(tip)
				asked := w.asked()
				if asked != 2 {
					t.Errorf("the execution client was asked for %d proof-of-work blocks, want 2", asked)
				}
				w.wantHead(w.step(tip, 3, nil))
				if w.asked() != asked {
					t.Error("it was asked again for a later payload")
				}
				return
			}
			var rejected *RejectedError
			if !errors.As(err, &rejected) || !strings.Contains(err.Error(), "is_valid_terminal_pow_block(pow_block, pow_parent)") {
				t.Fatalf("got %v, want a rejection", err)
			}
			if _, rejected := w.rejected.find(tip.Root); !rejected {
				t.Error("the block is not remembered: whoever signs it, it is wrong")
			}
		})
	}
}

// The same in a segment.
func TestTheFirstPayloadIsCheckedInASegmentToo(t *testing.T) {
	t.Parallel()
	w := beforeTheMerge(t, nil)
	w.pow(1, 0, terminalDifficulty)
	terminal := w.pow(2, 1, terminalDifficulty+1)
	first, tip, err := w.net.Block(w.net.Genesis(), 1, nil, "")
	check(t, err)
	second, _, err := w.net.BlockOf(tip, 2, simnet.Content{Terminal: terminal})
	check(t, err)
	w.at(3, 0)
	n, err := w.ImportSegment(context.Background(), []*types.SignedBeaconBlock{first, second}, RangeSync)
	var rejected *RejectedError
	if n != 1 || !errors.As(err, &rejected) || rejected.Slot != 2 {
		t.Errorf("%d blocks, %v; want 1 and a rejection of slot 2", n, err)
	}
	w.wantHead(tip)
}

// "Unavailable PoW block(s) may later become available, and a client software MAY delay a call to validate_merge_block until the PoW block(s)
// become available."
func TestTheFirstPayloadWaitsForTheTerminalBlock(t *testing.T) {
	t.Parallel()
	for _, missing := range []string{"block", "parent"} {
		t.Run(missing, func(t *testing.T) {
			w := beforeTheMerge(t, nil)
			terminal := types.Hash32{2}
			if missing == "parent" {
				terminal = w.pow(2, 1, terminalDifficulty)
			}
			block, tip := w.merging(terminal)
			w.at(2, 100)
			if _, err := w.ImportBlock(context.Background(), block, RangeSync); !errors.Is(err, ErrEngine) {
				t.Fatalf("range sync got %v, want %v", err, ErrEngine)
			}
			if got := w.add(block, Gossip); got != Deferred {
				t.Fatalf("the block was %v", got)
			}
			if _, rejected := w.rejected.find(tip.Root); rejected {
				t.Fatal("the block is condemned though its proof-of-work block may come")
			}
			w.pow(1, 0, terminalDifficulty-1)
			w.pow(2, 1, terminalDifficulty)
			w.at(3, 0)
			w.until("the block is imported", func() bool { return w.Snapshot().Head.Root == tip.Root })
		})
	}
}

// is_optimistic_candidate_block (sync/optimistic.md): while the execution client syncs, the first payload is taken unseen only when it is old.
func TestAnOldFirstPayloadIsTakenWhileTheExecutionClientSyncs(t *testing.T) {
	t.Parallel()
	w := beforeTheMerge(t, nil)
	block, tip := w.merging(types.Hash32{2})
	w.mock.SetFaults(mock.Faults{Syncing: true})
	w.at(2+defaultSafeSlots-1, 0)
	if _, err := w.ImportBlock(context.Background(), block, RangeSync); !errors.Is(err, ErrEngine) {
		t.Fatalf("127 slots old: %v, want %v", err, ErrEngine)
	}
	w.at(2+defaultSafeSlots, 0)
	if got := w.add(block, RangeSync); got != Applied {
		t.Fatalf("128 slots old the block was %v", got)
	}
	if s := w.Snapshot(); s.Head.Root != tip.Root || !s.Optimistic {
		t.Errorf("head is of slot %d, optimistic %v", s.Head.Slot, s.Optimistic)
	}
}

// TERMINAL_BLOCK_HASH takes the place of the difficulty, from its activation epoch on.
func TestTheTerminalBlockMayBeNamed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, rule string
		hash       types.Hash32
		epoch      types.Epoch
	}{
		{"it", "", types.Hash32{2}, 0},
		{"another", "execution_payload.parent_hash == TERMINAL_BLOCK_HASH", types.Hash32{1}, 0},
		{"too early", "TERMINAL_BLOCK_HASH_ACTIVATION_EPOCH", types.Hash32{2}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := beforeTheMerge(t, func(s *params.Spec) { s.TerminalBlockHash, s.TerminalBlockHashActivationEpoch = c.hash, c.epoch })
			block, tip := w.merging(w.pow(2, 1, 1))
			w.at(2, 100)
			_, err := w.ImportBlock(context.Background(), block, Gossip)
			if c.rule == "" {
				check(t, err)
				w.wantHead(tip)
			} else if !errors.As(err, new(*RejectedError)) || !strings.Contains(err.Error(), c.rule) {
				t.Errorf("got %v, want %q", err, c.rule)
			}
			if w.asked() != 0 {
				t.Error("the execution client was asked for a proof-of-work block")
			}
		})
	}
}

// A network that begins merged has no proof-of-work chain: nothing is asked for.
func TestAMergedGenesisHasNoTerminalBlock(t *testing.T) {
	t.Parallel()
	w := newWorld(t, params.Bellatrix, nil)
	w.wantHead(w.step(w.net.Genesis(), 1, nil))
	if w.asked() != 0 {
		t.Error("the execution client was asked for a proof-of-work block")
	}
}

// With a terminal total difficulty of zero the first payload may build on anything.
func TestATerminalDifficultyOfZeroIsNoCheck(t *testing.T) {
	t.Parallel()
	w := beforeTheMerge(t, nil)
	block, _ := w.merging(w.pow(2, 1, 1))
	none := *w.spec.Spec
	none.TerminalTotalDifficulty = params.Uint256{}
	c := &Chain{cfg: Config{Spec: &none}, spec: forks{&none}} // without an execution client
	in, err := w.newIncoming(block, Gossip)
	check(t, err)
	check(t, c.validateMergeBlock(context.Background(), in, 0))
}

// A chain that begins at a checkpoint after the merge trusts it: the merge itself is not looked at again.
func TestACheckpointAfterTheMergeIsTrusted(t *testing.T) {
	t.Parallel()
	w := beforeTheMerge(t, nil)
	w.pow(1, 0, terminalDifficulty-1)
	block, tip := w.merging(w.pow(2, 1, terminalDifficulty))
	w.at(2, 100)
	w.add(block, Gossip)
	asked := w.asked()
	w.shut()
	w.disk = kv.NewMemory()
	w.change = func(cfg *Config) { cfg.Anchor = &Anchor{State: tip.State.BeaconState.Copy(), Block: block} }
	check(t, w.open())
	w.wantHead(tip)
	w.wantHead(w.step(tip, 3, nil))
	if w.asked() != asked {
		t.Error("the execution client was asked for a proof-of-work block")
	}
}
