package store

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/store/kv"
	"github.com/cresset/cresset/beacon/types"
)

// Columns and blobs go when they are old, blocks later, and nothing that is to be kept.
func TestPrune(t *testing.T) {
	c := load(t, "deneb-to-fulu")
	s := openMemory(t, c.Spec, kv.NewMemory())
	roots := fill(t, s, c)
	blobs, columns := slices.Sorted(maps.Keys(c.Blobs)), slices.Sorted(maps.Keys(c.Columns))
	r := Retention{Blobs: blobs[3], Columns: columns[5], Blocks: roots[20].Slot}
	left, err := s.Prune(t.Context(), r)
	check(t, err)
	if left != 0 {
		t.Errorf("%d kinds are left", left)
	}
	for _, at := range roots {
		if at.Slot < r.Blocks {
			gone(t, s, at)
			if _, err := s.CanonicalRoot(at.Slot); !errors.Is(err, ErrNotFound) {
				t.Errorf("canonical block of slot %d: %v", at.Slot, err)
			}
			continue
		}
		if at.Slot < r.Columns {
			c.Columns[at.Slot] = nil
		}
		if at.Slot < r.Blobs {
			c.Blobs[at.Slot] = nil
		}
		compareData(t, s, c, at)
		if _, err := s.Block(at.Root); err != nil {
			t.Errorf("block of slot %d: %v", at.Slot, err)
		}
	}
	left, err = s.Prune(t.Context(), r)
	check(t, err)
	if left != 0 {
		t.Errorf("%d kinds are left of nothing", left)
	}
}

// Blocks that finality has ruled out go; those before the index of the finalized chain begins, and after it ends, stay.
func TestPruneOrphans(t *testing.T) {
	spec := params.Minimal()
	s := openMemory(t, spec, kv.NewMemory())
	root := func(slot, branch int) types.Root { return types.Root{byte(slot), byte(slot >> 8), byte(branch)} }
	put := func(b *Batch, slot, branch int) {
		check(t, b.place(types.Slot(slot), root(slot, branch)))
		check(t, b.put(&kindBlockIndex, kindBlockIndex.bySlot(types.Slot(slot), root(slot, branch)), nil))
	}
	commit(t, s, func(b *Batch) {
		for slot := range 3000 {
			put(b, slot, 0)
			put(b, slot, 1)
			if slot >= 10 && slot < 2000 && slot%7 != 0 {
				b.PutCanonical(types.Slot(slot), root(slot, 0))
			}
		}
	})
	r := Retention{Orphans: 2000, MaxSteps: 1}
	for calls := 1; ; calls++ {
		left, err := s.Prune(t.Context(), r)
		check(t, err)
		if left == 0 {
			if calls < 5 {
				t.Errorf("all is done in %d steps", calls)
			}
			break
		}
	}
	have := map[SlotRoot]bool{}
	for _, at := range collect(t, s.BlockRoots(0, ^types.Slot(0))) {
		have[at] = true
	}
	for slot := range 3000 {
		for branch := range 2 {
			at := SlotRoot{types.Slot(slot), root(slot, branch)}
			want := slot < 10 || slot >= 2000 || branch == 0 && slot%7 != 0
			if have[at] != want {
				t.Fatalf("slot %d, branch %d: stored %t, want %t", slot, branch, have[at], want)
			}
		}
	}
}

// A store of many slots is pruned in many steps; each leaves it whole, and one that is interrupted goes on.
func TestPruneInSteps(t *testing.T) {
	spec := params.Minimal()
	s := openMemory(t, spec, kv.NewMemory())
	commit(t, s, func(b *Batch) {
		for slot := range types.Slot(2000) {
			root := types.Root{byte(slot), byte(slot >> 8)}
			check(t, b.place(slot, root))
			for index := range uint64(3) {
				check(t, b.put(&kindColumn, kindColumn.byIndex(slot, root, index), []byte("column")))
				check(t, b.put(&kindColumnMark, kindColumnMark.byIndex(slot, root, index), nil))
			}
		}
	})
	steps := 0
	for first := types.Slot(0); ; steps++ {
		left, err := s.Prune(t.Context(), Retention{Columns: 1900, MaxSteps: 1})
		check(t, err)
		var slots []types.Slot
		for e, err := range s.db.Range(kindColumn.all()) {
			check(t, err)
			slots = append(slots, slotOf(e.Key))
		}
		marks := 0
		for _, err := range s.db.Range(kindColumnMark.all()) {
			check(t, err)
			marks++
		}
		if marks != len(slots) || slots[0] < first || len(slots)%3 != 0 {
			t.Fatalf("step %d: %d columns from slot %d on, %d in the index", steps, len(slots), slots[0], marks)
		}
		first = slots[0]
		if left == 0 {
			break
		}
	}
	if steps < 8 {
		t.Errorf("11 thousand records go in %d steps", steps)
	}
	if n := countKind(t, s, &kindSlot); n != 100 {
		t.Errorf("the slots of %d blocks are left, want 100", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if left, err := s.Prune(ctx, Retention{Columns: 1950}); left == 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("pruning goes on after it was cancelled: %d, %v", left, err)
	}
}

func countKind(t testing.TB, s *Store, k *kind) (n int) {
	t.Helper()
	for _, err := range s.db.Range(k.all()) {
		check(t, err)
		n++
	}
	return n
}

// Old hot states go but for the base and those that are to be kept.
func TestPruneStates(t *testing.T) {
	c := load(t, "fulu")
	s := openMemory(t, c.Spec, kv.NewMemory())
	states := recordedStates(t, c)[:6]
	chained(t, s, states)
	commit(t, s, func(b *Batch) { b.PutBase(keyOf(states[0])) })
	left, err := s.Prune(t.Context(), Retention{States: states[5].Slot, Keep: []StateKey{keyOf(states[1])}})
	check(t, err)
	var keys []StateKey
	for key, err := range s.StateKeys() {
		check(t, err)
		keys = append(keys, key)
	}
	if want := []StateKey{keyOf(states[0]), keyOf(states[1]), keyOf(states[5])}; left != 0 || !slices.Equal(keys, want) {
		t.Errorf("left are %v, want %v", keys, want)
	}
}

// The sizes that are reported add up to something once tables are written.
func TestStats(t *testing.T) {
	c := load(t, "fulu")
	s := openMemory(t, c.Spec, kv.NewMemory())
	fill(t, s, c)
	check(t, s.db.Flush())
	stats, err := s.Stats()
	check(t, err)
	if stats.Kinds["block"] == 0 || stats.Kinds["column"] == 0 || stats.Kinds["cold state"] > stats.Kinds["column"] || s.Size() == 0 {
		t.Errorf("%+v, %d bytes", stats, s.Size())
	}
}
