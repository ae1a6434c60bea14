package store

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/recorded"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/store/kv"
	"github.com/cresset/cresset/beacon/types"
)

// openMemory opens a store in memory.
func openMemory(t testing.TB, spec *params.Spec, memory *kv.Memory) *Store {
	t.Helper()
	s, err := Open(Config{Spec: spec, Memory: memory})
	check(t, err)
	t.Cleanup(func() { check(t, s.Close()) })
	return s
}

// commit makes a batch and commits it.
func commit(t testing.TB, s *Store, fill func(*Batch)) {
	t.Helper()
	b := s.NewBatch()
	fill(b)
	check(t, b.Commit(true))
}

func load(t testing.TB, name string) *recorded.Chain {
	t.Helper()
	c, err := recorded.Load(name)
	check(t, err)
	return c
}

func blockRoot(t testing.TB, s *Store, signed *types.SignedBeaconBlock) types.Root {
	t.Helper()
	root, err := ssz.HashTreeRoot(s.context(signed.Message.Slot), ssz.Container(&signed.Message))
	check(t, err)
	return root
}

// fill writes a recorded chain: blocks, columns, blobs, canonical index.
func fill(t testing.TB, s *Store, c *recorded.Chain) (roots []SlotRoot) {
	t.Helper()
	for _, signed := range c.Blocks {
		slot, root := signed.Message.Slot, blockRoot(t, s, signed)
		roots = append(roots, SlotRoot{slot, root})
		commit(t, s, func(b *Batch) {
			check(t, b.PutBlock(root, signed))
			for _, column := range c.Columns[slot] {
				check(t, b.PutColumn(s.context(slot), root, slot, column))
			}
			for _, blob := range c.Blobs[slot] {
				check(t, b.PutBlobSidecar(s.context(slot), root, slot, blob))
			}
			b.PutCanonical(slot, root)
		})
	}
	return roots
}

// A chain that is written comes back as it was: blocks, their order, columns, blobs.
func TestChain(t *testing.T) {
	for _, name := range recorded.Names() {
		c := load(t, name)
		s := openMemory(t, c.Spec, kv.NewMemory())
		roots := fill(t, s, c)
		for i, at := range roots {
			signed, err := s.Block(at.Root)
			check(t, err)
			if root := blockRoot(t, s, signed); root != at.Root || signed.Signature != c.Blocks[i].Signature {
				t.Errorf("block of slot %d is %v, want %v", at.Slot, root, at.Root)
			}
			raw, err := s.BlockBytes(at.Root)
			check(t, err)
			want, err := ssz.Marshal(s.context(at.Slot), ssz.Container(c.Blocks[i]))
			check(t, err)
			if !bytes.Equal(raw, want) {
				t.Errorf("bytes of the block of slot %d differ", at.Slot)
			}
			root, err := s.CanonicalRoot(at.Slot)
			check(t, err)
			if root != at.Root {
				t.Errorf("canonical block of slot %d is %v, want %v", at.Slot, root, at.Root)
			}
			compareData(t, s, c, at)
		}
		if have := collect(t, s.BlockRoots(0, ^types.Slot(0))); !slices.Equal(have, roots) {
			t.Errorf("%d blocks are listed, want %d", len(have), len(roots))
		}
		from, to := roots[3].Slot, roots[7].Slot
		if have := collect(t, s.CanonicalRoots(from, to)); !slices.Equal(have, roots[3:8]) {
			t.Errorf("canonical blocks from %d to %d are %v, want %v", from, to, have, roots[3:8])
		}
	}
}

func collect(t testing.TB, seq func(func(SlotRoot, error) bool)) (out []SlotRoot) {
	t.Helper()
	for at, err := range seq {
		check(t, err)
		out = append(out, at)
	}
	return out
}

func compareData(t testing.TB, s *Store, c *recorded.Chain, at SlotRoot) {
	t.Helper()
	var want []uint64
	for _, column := range c.Columns[at.Slot] {
		want = append(want, column.Index)
	}
	slices.Sort(want)
	indices, err := s.ColumnIndices(at.Root)
	check(t, err)
	if !slices.Equal(indices, want) {
		t.Fatalf("slot %d has columns %v, want %v", at.Slot, indices, want)
	}
	columns, err := s.Columns(at.Root, append(indices, 9999, 1<<40)) // those are not there
	check(t, err)
	if len(columns) != len(want) {
		t.Fatalf("slot %d has %d columns, want %d", at.Slot, len(columns), len(want))
	}
	for _, column := range columns {
		i := slices.IndexFunc(c.Columns[at.Slot], func(w *types.DataColumnSidecar) bool { return w.Index == column.Index })
		sameObject(t, s.context(at.Slot), column, c.Columns[at.Slot][i])
	}
	blobs, err := s.BlobSidecars(at.Root)
	check(t, err)
	if len(blobs) != len(c.Blobs[at.Slot]) {
		t.Fatalf("slot %d has %d blobs, want %d", at.Slot, len(blobs), len(c.Blobs[at.Slot]))
	}
	compareDataBytes(t, s, c, at)
	for i, blob := range blobs {
		sameObject(t, s.context(at.Slot), blob, c.Blobs[at.Slot][i])
	}
}

func sameObject(t testing.TB, cx ssz.Context, have, want ssz.Object) {
	t.Helper()
	a, err := ssz.Marshal(cx, ssz.Container(have))
	check(t, err)
	b, err := ssz.Marshal(cx, ssz.Container(want))
	check(t, err)
	if !bytes.Equal(a, b) {
		t.Errorf("%T differs", have)
	}
}

// gloasSpec is the minimal preset with all forks up to Gloas from genesis on.
func gloasSpec() *params.Spec {
	spec := *params.Minimal()
	for _, epoch := range []*params.Epoch{
		&spec.AltairForkEpoch, &spec.BellatrixForkEpoch, &spec.CapellaForkEpoch, &spec.DenebForkEpoch,
		&spec.ElectraForkEpoch, &spec.FuluForkEpoch, &spec.GloasForkEpoch,
	} {
		*epoch = 0
	}
	return &spec
}

func envelope(slot types.Slot, root types.Root) *types.SignedExecutionPayloadEnvelope {
	e := &types.SignedExecutionPayloadEnvelope{Signature: types.BLSSignature{1, 2, 3}}
	e.Message.BeaconBlockRoot = root
	e.Message.Payload.SlotNumber = uint64(slot)
	e.Message.Payload.Transactions = [][]byte{bytes.Repeat([]byte{7}, 5000), {1}}
	return e
}

// A payload is a record of its own: it comes back whether its block is stored or not.
func TestPayload(t *testing.T) {
	s := openMemory(t, gloasSpec(), kv.NewMemory())
	root := types.Root{5}
	if has, err := s.HasPayload(root); has || err != nil {
		t.Fatalf("payload is there before it was written: %t, %v", has, err)
	}
	want := envelope(9, root)
	commit(t, s, func(b *Batch) { check(t, b.PutPayload(root, want)) })
	have, err := s.Payload(root)
	check(t, err)
	sameObject(t, s.context(9), have, want)
	if has, err := s.HasPayload(root); !has || err != nil {
		t.Errorf("payload is not there: %v", err)
	}
	if has, err := s.HasBlock(root); has || err != nil {
		t.Errorf("a payload passes for its block: %t, %v", has, err)
	}
	if _, err := s.Block(root); !errors.Is(err, ErrNotFound) {
		t.Errorf("block of a payload alone: %v", err)
	}
	raw, err := s.PayloadBytes(root)
	check(t, err)
	if encoded, _ := ssz.Marshal(s.context(9), ssz.Container(want)); !bytes.Equal(raw, encoded) {
		t.Error("bytes of the payload differ")
	}
}

// A deleted block takes all with it that hangs on it, and nothing else.
func TestDeleteBlock(t *testing.T) {
	c := load(t, "deneb-to-fulu")
	s := openMemory(t, c.Spec, kv.NewMemory())
	roots := fill(t, s, c)
	for _, slot := range []types.Slot{slices.Sorted(maps.Keys(c.Columns))[0], slices.Sorted(maps.Keys(c.Blobs))[0]} {
		i := slices.IndexFunc(roots, func(at SlotRoot) bool { return at.Slot == slot })
		commit(t, s, func(b *Batch) { check(t, b.DeleteBlock(slot, roots[i].Root)) })
		gone(t, s, roots[i])
		if has, err := s.HasBlock(roots[i+1].Root); !has || err != nil {
			t.Errorf("the next block is gone too: %v", err)
		}
		compareData(t, s, c, roots[i+1])
	}
}

// gone checks that nothing is stored of a block.
func gone(t testing.TB, s *Store, at SlotRoot) {
	t.Helper()
	if has, err := s.HasBlock(at.Root); has || err != nil {
		t.Errorf("block of slot %d is still there: %t, %v", at.Slot, has, err)
	}
	if _, err := s.SlotOf(at.Root); !errors.Is(err, ErrNotFound) {
		t.Errorf("slot of the block of slot %d: %v", at.Slot, err)
	}
	for _, k := range kinds() {
		if len(k.key) < 2 || k.key[0].name != "slot" || k.key[1].name != "block root" {
			continue
		}
		from := k.bySlot(at.Slot, at.Root)
		for e, err := range s.db.Range(from, after(from)) {
			t.Errorf("%s is still there (%v)", describe(e.Key), err)
		}
	}
}

// Fork choice is replaced as a whole; the journal keeps its order and is dropped from the front.
func TestForkChoiceAndJournal(t *testing.T) {
	s := openMemory(t, params.Minimal(), kv.NewMemory())
	if _, err := s.ForkChoice(); !errors.Is(err, ErrNotFound) {
		t.Fatalf("fork choice of an empty store: %v", err)
	}
	for _, size := range []int{3<<20 + 17, 1 << 20, 0, 5} {
		want := bytes.Repeat([]byte{1, 2, 3, byte(size)}, size/4+1)[:size]
		commit(t, s, func(b *Batch) { check(t, b.PutForkChoice(want)) })
		have, err := s.ForkChoice()
		check(t, err)
		if !bytes.Equal(have, want) {
			t.Errorf("fork choice of %d bytes comes back with %d", size, len(have))
		}
	}
	for n := range uint64(10) {
		commit(t, s, func(b *Batch) { b.AppendJournal(n, []byte{byte(n)}) })
	}
	commit(t, s, func(b *Batch) { check(t, b.DropJournal(4)) })
	next := uint64(4)
	for number, record := range s.Journal(0) {
		check(t, record.Err)
		if number != next || record.Data[0] != byte(next) {
			t.Errorf("record %d holds %v, want %d", number, record.Data, next)
		}
		next++
	}
	if next != 10 {
		t.Errorf("journal ends before %d, want 10", next)
	}
}

// A journal in which a record is missing says so where it is.
func TestJournalWithGap(t *testing.T) {
	s := openMemory(t, params.Minimal(), kv.NewMemory())
	commit(t, s, func(b *Batch) {
		b.AppendJournal(1, []byte("a"))
		b.AppendJournal(2, []byte("b"))
		b.AppendJournal(4, []byte("d"))
	})
	var numbers []uint64
	var last error
	for number, record := range s.Journal(0) {
		numbers, last = append(numbers, number), record.Err
	}
	if !slices.Equal(numbers, []uint64{1, 2, 4}) || !errors.Is(last, errGap) {
		t.Errorf("journal gives %v and ends with %v", numbers, last)
	}
}

// What a start goes by comes back, and a store that has none of it says so.
func TestMetadata(t *testing.T) {
	s := openMemory(t, params.Minimal(), kv.NewMemory())
	_, _, genesisErr := s.Genesis()
	_, baseErr := s.Base()
	_, finalizedErr := s.Finalized()
	_, splitErr := s.Split()
	_, anchorErr := s.Anchor()
	for _, err := range []error{genesisErr, baseErr, finalizedErr, splitErr, anchorErr} {
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("empty store: %v", err)
		}
	}
	for _, tell := range []func() (bool, error){s.Begun, s.Clean} {
		if yes, err := tell(); yes || err != nil {
			t.Errorf("empty store: %t, %v", yes, err)
		}
	}
	root, key, at := types.Root{1}, StateKey{types.Root{2}, 8}, SlotRoot{7, types.Root{3}}
	commit(t, s, func(b *Batch) {
		b.PutBegun(1234, root)
		b.PutBase(key)
		b.PutFinalized(types.Checkpoint{Epoch: 5, Root: root})
		b.PutSplit(99)
		b.PutAnchor(at)
		b.PutClean(true)
	})
	begun, err := s.Begun()
	check(t, err)
	clean, err := s.Clean()
	check(t, err)
	time, genesis, err := s.Genesis()
	check(t, err)
	base, err := s.Base()
	check(t, err)
	finalized, err := s.Finalized()
	check(t, err)
	split, err := s.Split()
	check(t, err)
	anchor, err := s.Anchor()
	check(t, err)
	if !begun || !clean || time != 1234 || genesis != root || base != key || finalized != (types.Checkpoint{Epoch: 5, Root: root}) || split != 99 || anchor != at {
		t.Error("metadata came back otherwise than it was written", begun, clean, time, genesis, base, finalized, split, anchor)
	}
	commit(t, s, func(b *Batch) { b.PutClean(false) })
	if clean, err := s.Clean(); clean || err != nil {
		t.Errorf("shutdown is clean after it was noted not to be: %v", err)
	}
}

// An error in a batch stays: nothing of it is committed.
func TestBatchWithError(t *testing.T) {
	s := openMemory(t, params.Minimal(), kv.NewMemory())
	b := s.NewBatch()
	b.PutSplit(1)
	bad := b.PutColumn(s.context(0), types.Root{}, 0, &types.DataColumnSidecar{Index: maxIndex + 1})
	if bad == nil {
		t.Fatal("a column with an index beyond a key's is taken")
	}
	if err := b.Commit(true); !errors.Is(err, bad) {
		t.Errorf("commit gives %v, want %v", err, bad)
	}
	if _, err := s.Split(); !errors.Is(err, ErrNotFound) {
		t.Errorf("a part of the batch was committed: %v", err)
	}
}

// The hook learns of a commit before and after it, with the kinds of records.
func TestOnCommit(t *testing.T) {
	var stages []string
	s, err := Open(Config{Spec: params.Minimal(), Memory: kv.NewMemory(), OnCommit: func(stage string) { stages = append(stages, stage) }})
	check(t, err)
	defer func() { check(t, s.Close()) }()
	stages = nil
	commit(t, s, func(b *Batch) {
		b.AppendJournal(0, []byte("x"))
		b.PutSplit(3)
	})
	if want := []string{"before journal record+metadata", "after journal record+metadata"}; !slices.Equal(stages, want) {
		t.Errorf("stages are %q, want %q", stages, want)
	}
	b := s.NewBatch()
	b.PutSplit(4)
	if b.Len() == 0 {
		t.Error("a batch with a record has no size")
	}
	check(t, b.Discard())
	if split, err := s.Split(); err != nil || split != 3 {
		t.Errorf("a discarded batch was committed: split %d, %v", split, err)
	}
}

// compareDataBytes compares the encodings of columns and blobs, which are read without being decoded.
func compareDataBytes(t testing.TB, s *Store, c *recorded.Chain, at SlotRoot) {
	t.Helper()
	same := func(what string, index uint64, read func(types.Root, uint64) ([]byte, error), o ssz.Object) {
		have, err := read(at.Root, index)
		check(t, err)
		want, err := ssz.Marshal(s.context(at.Slot), ssz.Container(o))
		check(t, err)
		if !bytes.Equal(have, want) {
			t.Errorf("bytes of %s %d of slot %d differ", what, index, at.Slot)
		}
	}
	for _, column := range c.Columns[at.Slot] {
		same("column", column.Index, s.ColumnBytes, column)
	}
	for _, blob := range c.Blobs[at.Slot] {
		same("blob", blob.Index, s.BlobBytes, blob)
	}
	for _, index := range []uint64{9999, 1 << 40} {
		if _, err := s.ColumnBytes(at.Root, index); !errors.Is(err, ErrNotFound) {
			t.Errorf("column %d: %v", index, err)
		}
	}
	indices, err := s.BlobIndices(at.Root)
	check(t, err)
	if len(indices) != len(c.Blobs[at.Slot]) {
		t.Errorf("slot %d has blobs %v, want %d", at.Slot, indices, len(c.Blobs[at.Slot]))
	}
}

// The last block of the finalized chain up to a slot is found across slots without one, and there is none before the first.
func TestLastCanonical(t *testing.T) {
	c := load(t, "fulu")
	s := openMemory(t, c.Spec, kv.NewMemory())
	first, second := SlotRoot{3, types.Root{3}}, SlotRoot{300, types.Root{30}}
	commit(t, s, func(b *Batch) {
		b.PutCanonical(first.Slot, first.Root)
		b.PutCanonical(second.Slot, second.Root)
	})
	for slot, want := range map[types.Slot]SlotRoot{3: first, 4: first, 299: first, 300: second, ^types.Slot(0): second} {
		if have, err := s.LastCanonical(slot); err != nil || have != want {
			t.Errorf("up to slot %d: %v, %v; want %v", slot, have, err, want)
		}
	}
	if have, err := s.LastCanonical(2); !errors.Is(err, ErrNotFound) {
		t.Errorf("before the first: %v, %v", have, err)
	}
}
