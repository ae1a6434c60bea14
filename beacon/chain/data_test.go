package chain

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cresset/cresset/beacon/kzg"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/simnet"
	"github.com/cresset/cresset/beacon/store/kv"
	"github.com/cresset/cresset/beacon/types"
)

// custody is the columns that the nodes of these tests keep.
var custody = []uint64{3, 70, 127}

func keeping(cfg *Config) { cfg.Custody = custody }

// blobs makes blobs with their commitments.
func (w *world) blobs(n uint64) (blobs []*kzg.Blob, commitments []types.KZGCommitment) {
	w.t.Helper()
	for i := range n {
		blob, commitment, err := simnet.Blob(w.kzg, 1000*i)
		check(w.t, err)
		blobs, commitments = append(blobs, blob), append(commitments, commitment)
	}
	return blobs, commitments
}

// carrier builds the block of a slot with blobs, and its columns.
func (w *world) carrier(parent simnet.Tip, slot types.Slot, n uint64) (*types.SignedBeaconBlock, simnet.Tip, []*types.DataColumnSidecar) {
	w.t.Helper()
	blobs, commitments := w.blobs(n)
	block, tip, err := w.net.BlockOf(parent, slot, simnet.Content{Commitments: commitments})
	check(w.t, err)
	columns, err := w.net.Columns(w.kzg, block, blobs...)
	check(w.t, err)
	return block, tip, columns
}

// pick is the columns with some indices.
func pick(columns []*types.DataColumnSidecar, indices ...uint64) (picked []*types.DataColumnSidecar) {
	for _, i := range indices {
		picked = append(picked, columns[i])
	}
	return picked
}

// wantColumns compares the columns on disk.
func (w *world) wantColumns(root types.Root, want ...uint64) {
	w.t.Helper()
	var have []uint64
	w.until("the columns are on disk", func() bool {
		var err error
		have, err = w.store.ColumnIndices(root)
		check(w.t, err)
		return len(have) >= len(want)
	})
	if !slices.Equal(have, want) {
		w.t.Errorf("columns %d are on disk, want %d", have, want)
	}
}

// bring brings columns.
func (w *world) bring(columns ...*types.DataColumnSidecar) {
	w.t.Helper()
	check(w.t, w.ImportColumns(context.Background(), columns))
}

// is_data_available (fulu): a block is imported when the columns are there that the node keeps.
func TestABlockWaitsForItsColumns(t *testing.T) {
	t.Parallel()
	w := newWorld(t, params.Fulu, keeping)
	block, tip, columns := w.carrier(w.net.Genesis(), 1, 2)
	w.at(1, 100)
	if _, err := w.ImportBlock(context.Background(), block, RangeSync); !errors.Is(err, ErrDataMissing) {
		t.Fatalf("range sync got %v, want %v", err, ErrDataMissing)
	}
	if got := w.add(block, Gossip); got != Deferred {
		t.Fatalf("a block without its columns was %v", got)
	}
	w.bring(pick(columns, 0, 3, 70)...) // 0 is not one that it keeps
	if w.Block(tip.Root) != nil {
		t.Error("the block was imported while a column is missing")
	}
	verified := w.mock.Calls("engine_newPayloadV4")
	w.bring(columns[127])
	w.until("the block is imported", func() bool { return w.Snapshot().Head.Root == tip.Root })
	if verified != 2 || w.mock.Calls("engine_newPayloadV4") != verified { // by range sync and by gossip
		t.Errorf("the block was verified %d times before its columns came, %d times in all; want 2", verified, w.mock.Calls("engine_newPayloadV4"))
	}
	w.wantColumns(tip.Root, custody...)
	got, err := w.store.Columns(tip.Root, custody)
	check(t, err)
	for i, c := range got {
		if want := columns[custody[i]]; !slices.EqualFunc(c.Column, want.Column, bytes.Equal) || c.SignedBlockHeader != want.SignedBlockHeader {
			t.Errorf("column %d on disk is another one", c.Index)
		}
	}
	if len(w.data.mu.blocks) != 0 || w.data.mu.bytes != 0 {
		t.Errorf("data of %d blocks, %d bytes, is still held", len(w.data.mu.blocks), w.data.mu.bytes)
	}
	if items, _ := w.deferred.size(); items != 0 {
		t.Errorf("%d items still wait", items)
	}
}

// Half of all columns suffice, one less does not: the columns that the node keeps are computed.
func TestHalfOfTheColumnsSuffice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, params.Fulu, keeping)
	block, tip, columns := w.carrier(w.net.Genesis(), 1, 1)
	w.at(1, 100)
	var half []*types.DataColumnSidecar // the odd ones, but for one, and that one's neighbour
	for i := 1; i < len(columns); i += 2 {
		half = append(half, columns[i])
	}
	half[1] = columns[2] // instead of 3
	w.bring(half[1:]...)
	if got := w.add(block, Gossip); got != Deferred {
		t.Fatalf("a block with %d columns was %v", len(half)-1, got)
	}
	w.bring(half[0])
	w.until("the block is imported", func() bool { return w.Snapshot().Head.Root == tip.Root })
	w.wantColumns(tip.Root, custody...)
	got, err := w.store.Columns(tip.Root, custody)
	check(t, err)
	for i, c := range got {
		if want := columns[custody[i]]; !slices.EqualFunc(c.Column, want.Column, bytes.Equal) || !slices.Equal(c.KZGProofs, want.KZGProofs) || c.SignedBlockHeader != want.SignedBlockHeader {
			t.Errorf("column %d on disk is another one", c.Index)
		}
	}
}

// Columns that come after their block was imported go to disk at once: more than those asked for, when the node keeps more.
func TestColumnsThatComeLateGoToDisk(t *testing.T) {
	t.Parallel()
	w := newWorld(t, params.Fulu, keeping)
	block, tip, columns := w.carrier(w.net.Genesis(), 1, 1)
	w.at(1, 100)
	w.bring(pick(columns, custody...)...)
	if got := w.add(block, Gossip); got != Applied {
		t.Fatalf("the block was %v", got)
	}
	w.wantColumns(tip.Root, custody...)
	w.SetCustody(append(slices.Clone(custody), 9))
	w.bring(columns[9], columns[10])
	w.wantColumns(tip.Root, 3, 9, 70, 127)
	w.until("nothing is held", func() bool {
		w.data.mu.Lock()
		defer w.data.mu.Unlock()
		return len(w.data.mu.blocks) == 0 && w.data.mu.bytes == 0 && len(w.data.mu.order) == 0
	})
}

// A block is in the index before it is on disk. Columns that come between the two are kept.
func TestColumnsThatComeWhileTheirBlockIsCommittedAreKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t, params.Fulu, keeping)
	w.SetCustody([]uint64{0, 1, 2, 3, 4, 5, 6, 7})
	tip := w.net.Genesis()
	for slot := types.Slot(1); slot <= 20; slot++ {
		block, next, columns := w.carrier(tip, slot, 1)
		w.at(slot, 100)
		w.bring(columns[:8]...)
		var late sync.WaitGroup
		imported := make(chan struct{})
		late.Go(func() {
			for w.Block(next.Root) == nil {
				select {
				case <-imported:
					return
				default:
				}
			}
			w.dataArrived(next.Root) // of a column that is held already
		})
		if got := w.add(block, Gossip); got != Applied {
			t.Fatalf("the block was %v", got)
		}
		close(imported)
		late.Wait()
		w.wantColumns(next.Root, 0, 1, 2, 3, 4, 5, 6, 7)
		tip = next
	}
	// What comes when the commit has taken the rest waits for its end.
	block, next, columns := w.carrier(tip, 21, 1)
	w.at(21, 100)
	w.bring(columns[:8]...)
	if got := w.add(block, Gossip); got != Applied {
		t.Fatalf("the block was %v", got)
	}
	w.uncommitted.set([]*VerifiedBlock{{in: &incomingBlock{root: next.Root, signed: block}}})
	w.SetCustody([]uint64{0, 1, 2, 3, 4, 5, 6, 7, 9})
	w.bring(columns[9])
	check(t, w.persist.writeData(next.Root))
	if !w.data.holds(next.Root) {
		t.Error("a column is gone that came while its block was committed")
	}
	w.uncommitted.set(nil)
	w.dataArrived(next.Root)
	w.wantColumns(next.Root, 0, 1, 2, 3, 4, 5, 6, 7, 9)
}

// Whoever sends a column can put any signature to its header. What this node keeps, and passes on, has the block's.
func TestColumnsAreKeptWithTheSignatureOfTheirBlock(t *testing.T) {
	t.Parallel()
	w := newWorld(t, params.Fulu, keeping)
	block, tip, columns := w.carrier(w.net.Genesis(), 1, 1)
	forged := func(i uint64) *types.DataColumnSidecar {
		s := *columns[i]
		s.SignedBlockHeader.Signature[3] ^= 1
		return &s
	}
	w.at(1, 100)
	for _, i := range custody {
		w.bring(forged(i))
	}
	if got := w.add(block, Gossip); got != Applied {
		t.Fatalf("the block was %v", got)
	}
	w.wantColumns(tip.Root, custody...)
	w.SetCustody(append(slices.Clone(custody), 9))
	w.bring(forged(9))
	w.wantColumns(tip.Root, 3, 9, 70, 127)
	kept, err := w.store.Columns(tip.Root, []uint64{3, 9, 70, 127})
	check(t, err)
	for _, s := range kept {
		if s.SignedBlockHeader.Signature != block.Signature {
			t.Errorf("column %d is kept with another signature than its block's", s.Index)
		}
	}
}

func TestAWrongColumnIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, params.Fulu, keeping)
	_, tip, columns := w.carrier(w.net.Genesis(), 1, 2)
	w.at(1, 100)
	for _, c := range []struct {
		name, rule string
		change     func(*types.DataColumnSidecar)
	}{
		{"a changed cell", "cells do not match", func(s *types.DataColumnSidecar) {
			s.Column = slices.Clone(s.Column)
			s.Column[1] = slices.Clone(s.Column[1])
			s.Column[1][40] ^= 1
		}},
		{"the proofs of another column", "cells do not match", func(s *types.DataColumnSidecar) { s.KZGProofs = columns[4].KZGProofs }},
		{"under another index", "cells do not match", func(s *types.DataColumnSidecar) { s.Index = 5 }},
		{"an index beyond all columns", "NUMBER_OF_COLUMNS", func(s *types.DataColumnSidecar) { s.Index = 128 }},
		{"a wrong inclusion proof", "is not proven to be in the body", func(s *types.DataColumnSidecar) {
			s.KZGCommitmentsInclusionProof = slices.Clone(s.KZGCommitmentsInclusionProof)
			s.KZGCommitmentsInclusionProof[2][0] ^= 1
		}},
		{"other commitments than the block's", "is not proven to be in the body", func(s *types.DataColumnSidecar) {
			s.KZGCommitments = slices.Clone(s.KZGCommitments)
			slices.Reverse(s.KZGCommitments)
		}},
		{"fewer cells than commitments", "want as many as commitments", func(s *types.DataColumnSidecar) { s.Column = s.Column[:1] }},
		{"no blobs at all", "want at least 1", func(s *types.DataColumnSidecar) { s.Column, s.KZGProofs, s.KZGCommitments = nil, nil, nil }},
	} {
		wrong := *columns[3]
		c.change(&wrong)
		if err := w.ImportColumns(context.Background(), []*types.DataColumnSidecar{&wrong}); err == nil || !strings.Contains(err.Error(), c.rule) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.rule)
		}
		// Among right ones it spoils those of its block: nothing says which one is wrong.
		if err := w.ImportColumns(context.Background(), []*types.DataColumnSidecar{columns[70], &wrong}); err == nil {
			t.Errorf("%s, among right ones: no error", c.name)
		}
	}
	if held, _, err := w.data.columns(tip.Root); len(held) != 0 || err != nil {
		t.Errorf("%d wrong columns are held, %v", len(held), err)
	}
}

// From Gloas on a column names its block, which has the commitments: the block comes first, and the payload waits for the columns.
func TestAPayloadWaitsForItsColumns(t *testing.T) {
	t.Parallel()
	w := newWorld(t, params.Gloas, keeping)
	block, tip, columns := w.carrier(w.net.Genesis(), 1, 1)
	w.at(1, 100)
	if err := w.ImportColumns(context.Background(), pick(columns, 3)); !errors.Is(err, ErrUnknownBlock) {
		t.Errorf("columns before their block: %v, want %v", err, ErrUnknownBlock)
	}
	if got := w.add(block, Gossip); got != Applied {
		t.Fatalf("a block, which needs no data itself, was %v", got)
	}
	payload := func(want Outcome) {
		t.Helper()
		outcome, err := w.ImportPayload(context.Background(), tip.Payload, Gossip)
		check(t, err)
		if outcome != want {
			t.Fatalf("the payload was %v, want %v", outcome, want)
		}
	}
	payload(Deferred)
	// A block whose payload is not here lacks nothing: it may never be revealed. Once it is here, what custody has grown by is missing.
	lacks := func(want ...uint64) {
		t.Helper()
		gaps, _, _, err := w.Gaps(2, 1, 8)
		check(t, err)
		var have []uint64
		for _, g := range gaps {
			have = append(have, g.Columns...)
		}
		if !slices.Equal(have, want) {
			t.Errorf("columns %d are missing, want %d", have, want)
		}
	}
	lacks()
	wrong := *columns[3]
	wrong.Slot = 2
	if err := w.ImportColumns(context.Background(), []*types.DataColumnSidecar{&wrong}); err == nil || !strings.Contains(err.Error(), "slot is 2, that of its block 1") {
		t.Errorf("a column of another slot than its block's: %v", err)
	}
	wrong = *columns[3]
	wrong.KZGProofs = columns[4].KZGProofs
	if err := w.ImportColumns(context.Background(), []*types.DataColumnSidecar{&wrong}); err == nil || !strings.Contains(err.Error(), "cells do not match") {
		t.Errorf("the proofs of another column: %v", err)
	}
	w.bring(pick(columns, 3, 70)...)
	if stored, err := w.store.ColumnIndices(tip.Root); len(stored) != 0 || err != nil {
		t.Errorf("columns %d are on disk before their payload, %v", stored, err)
	}
	w.bring(columns[127])
	w.until("the payload is imported", func() bool { return w.Block(tip.Root).PayloadKnown() })
	w.wantColumns(tip.Root, custody...)
	lacks()
	w.SetCustody([]uint64{3, 5, 70, 127})
	lacks(5)
	w.SetCustody(custody)
	// The next block builds on it.
	w.step(tip.WithPayload(), 2, nil)
}

// is_data_available (deneb): all blobs.
func TestABlockWaitsForItsBlobs(t *testing.T) {
	t.Parallel()
	for _, fork := range []params.Fork{params.Deneb, params.Electra} {
		t.Run(fork.String(), func(t *testing.T) {
			w := newWorld(t, fork, nil)
			blobs, commitments := w.blobs(2)
			block, tip, err := w.net.BlockOf(w.net.Genesis(), 1, simnet.Content{Commitments: commitments})
			check(t, err)
			sidecars, err := w.net.BlobSidecars(w.kzg, block, blobs...)
			check(t, err)
			w.at(1, 100)
			if got := w.add(block, Gossip); got != Deferred {
				t.Fatalf("a block without its blobs was %v", got)
			}
			for _, c := range []struct {
				name, rule string
				change     func(*types.BlobSidecar)
			}{
				{"a wrong proof", "verify_blob_kzg_proof_batch", func(s *types.BlobSidecar) { s.KZGProof = sidecars[1].KZGProof }},
				{"a changed blob", "verify_blob_kzg_proof_batch", func(s *types.BlobSidecar) { s.Blob = sidecars[1].Blob }},
				{"a wrong inclusion proof", "is not proven to be in the body", func(s *types.BlobSidecar) {
					s.KZGCommitmentInclusionProof = slices.Clone(s.KZGCommitmentInclusionProof)
					s.KZGCommitmentInclusionProof[0][0] ^= 1
				}},
				{"under another index", "is not proven to be in the body", func(s *types.BlobSidecar) { s.Index = 1 }},
				{"another blob's commitment", "is not proven to be in the body", func(s *types.BlobSidecar) { s.KZGCommitment = sidecars[1].KZGCommitment }},
				{"an index beyond all blobs", "MAX_BLOB_COMMITMENTS_PER_BLOCK", func(s *types.BlobSidecar) { s.Index = 1 << 40 }},
				{"half a blob", "bytes", func(s *types.BlobSidecar) { s.Blob = s.Blob[:1<<16] }},
			} {
				wrong := *sidecars[0]
				c.change(&wrong)
				if err := w.ImportBlobs(context.Background(), []*types.BlobSidecar{&wrong}); err == nil || !strings.Contains(err.Error(), c.rule) {
					t.Errorf("%s: got %v, want %q", c.name, err, c.rule)
				}
			}
			check(t, w.ImportBlobs(context.Background(), sidecars[1:]))
			if w.Block(tip.Root) != nil {
				t.Error("the block was imported while a blob is missing")
			}
			check(t, w.ImportBlobs(context.Background(), sidecars[:1]))
			w.until("the block is imported", func() bool { return w.Snapshot().Head.Root == tip.Root })
			stored, err := w.store.BlobSidecars(tip.Root)
			check(t, err)
			if len(stored) != 2 || !bytes.Equal(stored[0].Blob, sidecars[0].Blob) || !bytes.Equal(stored[1].Blob, sidecars[1].Blob) {
				t.Errorf("%d blobs are on disk, want the two of the block", len(stored))
			}
		})
	}
}

// shortly is a network on which data is kept for two epochs, blocks for three.
func shortly(t *testing.T, fork params.Fork) *params.Spec {
	t.Helper()
	spec, err := simnet.Spec(fork)
	check(t, err)
	short := *spec
	short.MinEpochsForBlobSidecarsRequests, short.MinEpochsForDataColumnSidecarsRequests = 2, 2
	short.MinValidatorWithdrawabilityDelay, short.ChurnLimitQuotient = 2, 2
	if got := short.ComputeMinEpochsForBlockRequests(); got != 3 {
		t.Fatalf("blocks are to be kept for %d epochs", got)
	}
	return &short
}

// MIN_EPOCHS_FOR_DATA_COLUMN_SIDECARS_REQUESTS, MIN_EPOCHS_FOR_BLOB_SIDECARS_REQUESTS: what nobody has to serve any more is not asked for.
func TestDataOlderThanItsRetentionIsNotDemanded(t *testing.T) {
	t.Parallel()
	for _, fork := range []params.Fork{params.Deneb, params.Fulu} {
		t.Run(fork.String(), func(t *testing.T) {
			w := newWorldOf(t, shortly(t, fork), &world{disk: kv.NewMemory(), change: keeping})
			_, commitments := w.blobs(1)
			block, tip, err := w.net.BlockOf(w.net.Genesis(), 7, simnet.Content{Commitments: commitments})
			check(t, err)
			w.at(2*8+7, 999) // the last moment of epoch 2
			if _, err := w.ImportBlock(context.Background(), block, RangeSync); !errors.Is(err, ErrDataMissing) {
				t.Fatalf("two epochs after its own: %v, want %v", err, ErrDataMissing)
			}
			w.at(3*8, 0)
			if got := w.add(block, RangeSync); got != Applied {
				t.Fatalf("three epochs after its own the block was %v", got)
			}
			w.wantHead(tip)
		})
	}
}

// count compares the counter of bytes with what is held.
func (t *dataTracker) count(test *testing.T) {
	test.Helper()
	t.mu.Lock()
	defer t.mu.Unlock()
	sum := 0
	for root, d := range t.mu.blocks {
		of := 0
		for _, c := range d.columns {
			of += columnSize(c)
		}
		if of != d.bytes {
			test.Fatalf("block %v counts %d bytes, its columns have %d", root, d.bytes, of)
		}
		sum += of
	}
	if sum != t.mu.bytes || sum > t.limit || len(t.mu.order) != len(t.mu.blocks) {
		test.Fatalf("the counter is %d, what is held has %d of at most %d; %d blocks, %d in order", t.mu.bytes, sum, t.limit, len(t.mu.blocks), len(t.mu.order))
	}
}

// What waits for its block is bounded by bytes, whatever comes; the blocks whose data came first give way. The same column again is no
// more than one.
func TestDataThatWaitsIsBoundedInBytes(t *testing.T) {
	t.Parallel()
	column := func(index uint64, cells int) *types.DataColumnSidecar {
		return &types.DataColumnSidecar{Index: index, Column: slices.Repeat([][]byte{make([]byte, 2048)}, cells)}
	}
	hold := func(d *dataTracker, root byte, slot types.Slot, c *types.DataColumnSidecar) {
		d.holdColumn(types.Root{root}, slot, c)
	}
	has := func(d *dataTracker, root byte) bool { return d.mu.blocks[types.Root{root}] != nil }
	one := columnSize(column(0, 1))

	d := newDataTracker(nil, 3*one)
	for range 10 {
		hold(d, 1, 1, column(0, 1))
		d.count(t)
	}
	hold(d, 2, 1, column(0, 1))
	hold(d, 3, 1, column(0, 1))
	if !has(d, 1) || !has(d, 2) || !has(d, 3) {
		t.Error("the same column ten times took the place of others")
	}
	hold(d, 4, 1, column(0, 1))
	if has(d, 1) || !has(d, 2) || !has(d, 4) {
		t.Error("it is not the oldest block that gave way")
	}
	hold(d, 2, 1, column(1, 4)) // more than all of it
	d.count(t)
	if !has(d, 2) || !has(d, 3) || !has(d, 4) {
		t.Error("a column that can never fit took the place of others")
	}
	d.take(types.Root{3})
	if d.take(types.Root{3}) != nil {
		t.Error("data was taken twice")
	}
	d.count(t)

	random := rand.New(rand.NewPCG(1, 2))
	d = newDataTracker(nil, 20*one)
	for range 20_000 {
		root := byte(random.IntN(12))
		switch random.IntN(20) {
		case 0:
			d.take(types.Root{root})
		case 1:
			d.prune(types.Slot(random.IntN(12)))
		default:
			hold(d, root, types.Slot(root), column(random.Uint64N(4), 1+random.IntN(4)))
		}
		d.count(t)
	}
}
