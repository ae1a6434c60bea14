package node

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// ImportConfig names the files of a recorded chain. Files are <slot>.ssz_snappy or .ssz, of columns, blobs and payload envelopes
// <slot>-<index>; directories that are empty strings are not read.
type ImportConfig struct {
	Blocks  string
	Columns string
	Blobs   string
	// Progress hears of every segment that was imported; it may be nil.
	Progress func(done, all int, slot types.Slot)
}

// segmentBlocks is how many blocks are imported at a time, with their signatures in one batch.
const segmentBlocks = 32

// Summary is what an import ends with.
type Summary struct {
	Blocks    int // imported now
	Known     int // imported before
	Seconds   float64
	Head      types.Root
	HeadSlot  types.Slot
	Justified types.Checkpoint
	Finalized types.Checkpoint
	// Optimistic is whether the execution client has yet to verify the head.
	Optimistic bool
}

// String is the summary in one line.
func (s Summary) String() string {
	status := "verified"
	if s.Optimistic {
		status = "optimistic"
	}
	return fmt.Sprintf("imported %d blocks (%d known before) in %.1f s: head slot %d %v (%s), justified epoch %d, finalized epoch %d",
		s.Blocks, s.Known, s.Seconds, s.HeadSlot, s.Head, status, s.Justified.Epoch, s.Finalized.Epoch)
}

// Import runs a node for as long as it takes to import a recorded chain through the whole pipeline. One that the context ended
// before it was done gives the context's error.
func Import(ctx context.Context, cfg Config, files ImportConfig, log *slog.Logger) (summary Summary, err error) {
	if files.Blocks == "" {
		return summary, usage("blocks is not set, want the directory of the recorded blocks")
	}
	err = run(ctx, cfg, log, func(ctx context.Context, n *node) error {
		i := &importer{node: n, files: files}
		summary, err = i.run(ctx)
		return err
	})
	return summary, err
}

// importer feeds a recorded chain to a node.
type importer struct {
	node           *node
	files          ImportConfig
	columns, blobs map[types.Slot][]string
}

// recordedFile is a file named after a slot.
type recordedFile struct {
	slot types.Slot
	path string
}

// list lists the files of a directory by slot.
func list(dir string) ([]recordedFile, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, &UsageError{err}
	}
	var files []recordedFile
	for _, e := range entries {
		base, found := strings.CutSuffix(e.Name(), ".ssz_snappy")
		if !found {
			if base, found = strings.CutSuffix(e.Name(), ".ssz"); !found {
				continue
			}
		}
		number, _, _ := strings.Cut(base, "-")
		slot, err := strconv.ParseUint(number, 10, 64)
		if err != nil {
			return nil, usage("%s: %q is not the number of a slot", filepath.Join(dir, e.Name()), number)
		}
		files = append(files, recordedFile{types.Slot(slot), filepath.Join(dir, e.Name())})
	}
	slices.SortFunc(files, func(a, b recordedFile) int {
		return cmp.Or(cmp.Compare(a.slot, b.slot), cmp.Compare(a.path, b.path))
	})
	return files, nil
}

func listBySlot(dir string) (map[types.Slot][]string, error) {
	bySlot := map[types.Slot][]string{}
	if dir == "" {
		return bySlot, nil
	}
	files, err := list(dir)
	for _, f := range files {
		bySlot[f.slot] = append(bySlot[f.slot], f.path)
	}
	return bySlot, err
}

func (i *importer) run(ctx context.Context) (Summary, error) {
	begin := time.Now()
	blocks, err := list(i.files.Blocks)
	if err != nil {
		return Summary{}, err
	}
	if len(blocks) == 0 {
		return Summary{}, usage("%s holds no block (<slot>.ssz_snappy)", i.files.Blocks)
	}
	if i.columns, err = listBySlot(i.files.Columns); err != nil {
		return Summary{}, err
	}
	if i.blobs, err = listBySlot(i.files.Blobs); err != nil {
		return Summary{}, err
	}
	imported, known := 0, 0
	for from := 0; from < len(blocks); from += segmentBlocks {
		segment := blocks[from:min(len(blocks), from+segmentBlocks)]
		n, err := i.segment(ctx, segment)
		if err != nil {
			return Summary{}, err
		}
		imported += n
		known += len(segment) - n
		if i.files.Progress != nil {
			i.files.Progress(from+len(segment), len(blocks), segment[len(segment)-1].slot)
		}
	}
	head, err := i.node.settled(ctx)
	if err != nil {
		return Summary{}, err
	}
	return Summary{
		Blocks: imported, Known: known, Seconds: time.Since(begin).Seconds(), Head: head.Head.Root, HeadSlot: head.Head.Slot,
		Justified: head.Justified, Finalized: head.Finalized, Optimistic: head.Optimistic,
	}, nil
}

// settleTime is how long an import waits at its end for the execution client to verify the head.
const settleTime = 30 * time.Second

// settled waits, for a while, until the execution client has verified the head and follows it.
func (n *node) settled(ctx context.Context) (*chain.Snapshot, error) {
	wait, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	for n.chain.Snapshot().Optimistic || !n.chain.EngineFollows() {
		select {
		case <-time.After(100 * time.Millisecond):
		case <-wait.Done():
			return n.chain.Snapshot(), ctx.Err()
		}
	}
	return n.chain.Snapshot(), nil
}

// segment imports some blocks with their data and gives how many are new.
func (i *importer) segment(ctx context.Context, files []recordedFile) (int, error) {
	n := i.node
	var blocks []*types.SignedBeaconBlock
	for _, f := range files {
		data, err := readFile(f.path)
		if err != nil {
			return 0, &UsageError{err}
		}
		block, cx, err := types.DecodeSignedBeaconBlock(n.spec, data)
		if err != nil {
			return 0, usage("%s: %w", f.path, err)
		}
		if block.Message.Slot != f.slot {
			return 0, usage("%s: a block of slot %d, want %d", f.path, block.Message.Slot, f.slot)
		}
		root, err := ssz.HashTreeRoot(cx, ssz.Container(&block.Message))
		if err != nil {
			return 0, err
		}
		if len(blocks) == 0 && n.chain.Knows(root, f.slot) {
			continue
		}
		if err := i.data(ctx, cx, f.slot); err != nil {
			return 0, err
		}
		blocks = append(blocks, block)
	}
	imported, err := n.chain.ImportSegment(ctx, blocks, chain.Replay)
	if err != nil {
		return imported, fmt.Errorf("import slots %d to %d: %w", files[0].slot, files[len(files)-1].slot, err)
	}
	return imported, nil
}

// data imports the columns or blobs of the block of a slot.
func (i *importer) data(ctx context.Context, cx ssz.Context, slot types.Slot) error {
	if cx.Fork >= params.Fulu {
		columns, err := readAll(i.columns[slot], func(data []byte) (*types.DataColumnSidecar, error) {
			s := &types.DataColumnSidecar{}
			return s, ssz.Unmarshal(cx, data, ssz.Container(s))
		})
		if err != nil || len(columns) == 0 {
			return err
		}
		return i.node.chain.ImportColumns(ctx, columns)
	}
	blobs, err := readAll(i.blobs[slot], func(data []byte) (*types.BlobSidecar, error) {
		s := &types.BlobSidecar{}
		return s, ssz.Unmarshal(cx, data, ssz.Container(s))
	})
	if err != nil || len(blobs) == 0 {
		return err
	}
	return i.node.chain.ImportBlobs(ctx, blobs)
}

func readAll[T any](paths []string, decode func([]byte) (T, error)) ([]T, error) {
	var all []T
	for _, path := range paths {
		data, err := readFile(path)
		if err != nil {
			return nil, &UsageError{err}
		}
		v, err := decode(data)
		if err != nil {
			return nil, usage("%s: %w", path, err)
		}
		all = append(all, v)
	}
	return all, nil
}
