package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// batchBlocks is how many blocks' signatures are verified in one batch.
const batchBlocks = 32

// replayFlags is what "cresset replay" is told.
type replayFlags struct {
	config, genesis, blocks string
	verify                  string
	stopAt                  uint64
	json                    bool
}

func replayCommand() *cobra.Command {
	var f replayFlags
	cmd := &cobra.Command{
		Use:   "replay --network-config FILE --genesis FILE --blocks DIR",
		Short: "Apply a recorded chain from its genesis, with every signature and every state root checked",
		Long: "Apply a recorded chain from its genesis, with every signature and every state root checked.\n\n" +
			"Blocks are files <slot>.ssz_snappy (raw snappy) in one directory. At the end of each epoch the justified and\n" +
			"the finalized checkpoint are printed.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.run(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().StringVar(&f.config, "network-config", "", "the chain's configuration, YAML")
	cmd.Flags().StringVar(&f.genesis, "genesis", "", "the state to start from, .ssz or .ssz_snappy")
	cmd.Flags().StringVar(&f.blocks, "blocks", "", "directory of blocks, <slot>.ssz_snappy or <slot>.ssz")
	cmd.Flags().StringVar(&f.verify, "verify", "all", "signatures to verify: all or none (state roots are always checked)")
	cmd.Flags().Uint64Var(&f.stopAt, "stop-at", ^uint64(0), "the last slot to apply a block of")
	cmd.Flags().BoolVar(&f.json, "json", false, "end with one line of JSON that describes the head")
	return cmd
}

func (f *replayFlags) run(ctx context.Context, in io.Reader, out, errs io.Writer) error {
	for _, required := range [][2]string{{"network-config", f.config}, {"genesis", f.genesis}, {"blocks", f.blocks}} {
		if required[1] == "" {
			return usageError(fmt.Errorf("--%s is missing", required[0]))
		}
	}
	if f.verify != "all" && f.verify != "none" {
		return usageError(fmt.Errorf("--verify is %q, want all or none", f.verify))
	}
	spec, err := loadSpec(f.config, in, errs)
	if err != nil {
		return err
	}
	data, err := readInput(f.genesis, in)
	if err != nil {
		return err
	}
	genesis, err := types.DecodeBeaconState(spec, data)
	if err != nil {
		return inputError(fmt.Errorf("genesis %s: %w", f.genesis, err))
	}
	files, err := blockFiles(f.blocks, types.Slot(f.stopAt))
	if err != nil {
		return err
	}
	r, err := newReplay(genesis, f.verify == "all")
	if err != nil {
		return inputError(fmt.Errorf("genesis %s: %w", f.genesis, err))
	}
	bar := newProgress(errs, len(files))
	r.onEpoch = func(line string) error {
		bar.clear()
		fmt.Fprintln(out, line)
		return ctx.Err()
	}
	for i, file := range files {
		block, err := readBlock(spec, file)
		if err == nil {
			err = r.apply(block)
		}
		if stopped := ctx.Err(); stopped != nil {
			bar.clear()
			return &exitError{exitFailed, fmt.Errorf("stopped at slot %d: %w", r.state.Slot, stopped)}
		}
		if err != nil {
			bar.clear()
			return inputError(fmt.Errorf("slot %d (%s): %w", file.slot, file.path, err))
		}
		bar.show(i+1, uint64(file.slot))
	}
	err = r.flush()
	bar.clear()
	if err != nil {
		return inputError(err)
	}
	summary, err := r.summary()
	if err != nil {
		return err
	}
	return summary.print(out, f.json)
}

// blockFile is a recorded block.
type blockFile struct {
	slot types.Slot
	path string
}

// blockFiles lists the blocks of a directory by slot, up to a last one.
func blockFiles(dir string, last types.Slot) ([]blockFile, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, usageError(err)
	}
	var files []blockFile
	for _, e := range entries {
		base, found := strings.CutSuffix(e.Name(), ".ssz_snappy")
		if !found {
			if base, found = strings.CutSuffix(e.Name(), ".ssz"); !found {
				continue
			}
		}
		slot, err := strconv.ParseUint(base, 10, 64)
		if err != nil {
			return nil, inputError(fmt.Errorf("%s: %q is not the number of a slot", filepath.Join(dir, e.Name()), base))
		}
		if types.Slot(slot) <= last {
			files = append(files, blockFile{types.Slot(slot), filepath.Join(dir, e.Name())})
		}
	}
	slices.SortFunc(files, func(a, b blockFile) int { return cmp.Compare(a.slot, b.slot) })
	if len(files) == 0 {
		return nil, usageError(fmt.Errorf("%s holds no block (<slot>.ssz_snappy)", dir))
	}
	return files, nil
}

func readBlock(spec *params.Spec, file blockFile) (*types.SignedBeaconBlock, error) {
	data, err := readInput(file.path, nil)
	if err != nil {
		return nil, err
	}
	block, _, err := types.DecodeSignedBeaconBlock(spec, data)
	if err == nil && block.Message.Slot != file.slot {
		err = fmt.Errorf("file's slot == block.slot: have %d, want %d", file.slot, block.Message.Slot)
	}
	return block, err
}

// replay applies blocks one after the other.
type replay struct {
	state   *transition.State
	hooks   transition.Hooks
	pending int // blocks whose signatures wait to be verified
	// onEpoch, if set, hears of the end of each epoch. An error of it stops the replay.
	onEpoch func(line string) error
	// beforeEpoch, if set, sees the state at the end of each epoch, before the next one begins.
	beforeEpoch func(*transition.State)
	first, last types.Slot // of the blocks whose signatures wait
}

func newReplay(genesis *types.BeaconState, verify bool) (*replay, error) {
	state, err := transition.NewState(genesis, transition.NewEnv(nil))
	if err != nil {
		return nil, err
	}
	r := &replay{state: state}
	if verify {
		r.hooks.Signatures = &transition.SignatureBatch{}
	}
	return r, nil
}

// apply applies a block. Its signatures are verified together with those of the blocks around it.
func (r *replay) apply(block *types.SignedBeaconBlock) error {
	slot := block.Message.Slot
	if err := r.advance(slot); err != nil {
		return err
	}
	if r.hooks.Signatures != nil {
		r.hooks.Signatures.Of = fmt.Sprintf("slot %d", slot)
		if r.pending == 0 {
			r.first = slot
		}
		r.last = slot
		r.pending++
	}
	if _, err := transition.ApplyBlock(r.state, block, r.hooks); err != nil {
		return err
	}
	if r.pending == batchBlocks {
		return r.flush()
	}
	return nil
}

// advance brings the state to a slot and reports every epoch that ends on the way.
func (r *replay) advance(slot types.Slot) error {
	perEpoch := types.Slot(r.state.Spec().SlotsPerEpoch)
	for r.state.Slot < slot {
		next := min(slot, r.state.Slot-r.state.Slot%perEpoch+perEpoch)
		if next%perEpoch == 0 && r.beforeEpoch != nil {
			if next-1 > r.state.Slot {
				if err := transition.ProcessSlots(r.state, next-1); err != nil {
					return err
				}
			}
			r.beforeEpoch(r.state)
		}
		if err := transition.ProcessSlots(r.state, next); err != nil {
			return err
		}
		if next%perEpoch == 0 && r.onEpoch != nil {
			s := r.state
			line := fmt.Sprintf("epoch %d: justified %s, finalized %s", s.GetCurrentEpoch(), checkpoint(s.CurrentJustifiedCheckpoint), checkpoint(s.FinalizedCheckpoint))
			if err := r.onEpoch(line); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkpoint(c types.Checkpoint) string { return fmt.Sprintf("%d %v", c.Epoch, c.Root) }

// flush verifies the signatures that wait.
func (r *replay) flush() error {
	if r.pending == 0 {
		return nil
	}
	r.pending = 0
	if err := r.hooks.Signatures.Verify(); err != nil {
		return fmt.Errorf("slots %d to %d: %w", r.first, r.last, err)
	}
	return nil
}

// jsonCheckpoint is a checkpoint in the summary.
type jsonCheckpoint struct {
	Epoch uint64 `json:"epoch"`
	Root  string `json:"root"`
}

// replaySummary describes the head.
type replaySummary struct {
	HeadSlot         uint64         `json:"head_slot"`
	HeadRoot         string         `json:"head_root"`
	StateRoot        string         `json:"state_root"`
	Justified        jsonCheckpoint `json:"justified"`
	Finalized        jsonCheckpoint `json:"finalized"`
	ActiveValidators int            `json:"active_validators"`
	TotalBalance     uint64         `json:"total_balance"` // Gwei, of all validators
}

func (r *replay) summary() (replaySummary, error) {
	s := r.state
	root, err := s.HashTreeRoot()
	if err != nil {
		return replaySummary{}, err
	}
	header := s.LatestBlockHeader
	if header.StateRoot == (types.Root{}) {
		header.StateRoot = root
	}
	out := replaySummary{
		HeadSlot:         uint64(header.Slot),
		HeadRoot:         types.HashTreeRoot(&header).String(),
		StateRoot:        root.String(),
		Justified:        jsonCheckpoint{uint64(s.CurrentJustifiedCheckpoint.Epoch), s.CurrentJustifiedCheckpoint.Root.String()},
		Finalized:        jsonCheckpoint{uint64(s.FinalizedCheckpoint.Epoch), s.FinalizedCheckpoint.Root.String()},
		ActiveValidators: len(s.GetActiveValidatorIndices(s.GetCurrentEpoch())),
	}
	for i := range s.Balances.Len() {
		out.TotalBalance += uint64(s.Balances.At(i))
	}
	return out, nil
}

func (s replaySummary) print(out io.Writer, asJSON bool) error {
	if asJSON {
		line, err := json.Marshal(s)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(out, "%s\n", line)
		return err
	}
	_, err := fmt.Fprintf(out, "head: slot %d, block %s, state %s\njustified %d %s, finalized %d %s\n%d active validators, %d Gwei in all\n",
		s.HeadSlot, s.HeadRoot, s.StateRoot, s.Justified.Epoch, s.Justified.Root, s.Finalized.Epoch, s.Finalized.Root, s.ActiveValidators, s.TotalBalance)
	return err
}
