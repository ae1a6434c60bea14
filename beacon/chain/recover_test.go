package chain

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/store"
	"github.com/cresset/cresset/beacon/store/kv"
	"github.com/cresset/cresset/beacon/types"
)

// spoil damages one byte in the middle of every record whose key begins with a prefix, or deletes them.
func (w *world) spoil(prefix byte, remove bool) int {
	w.t.Helper()
	db, err := kv.Open(kv.Config{Dir: filepath.Join(w.dir, "db"), Memory: w.disk})
	check(w.t, err)
	batch, n := db.NewBatch(), 0
	for entry, err := range db.Range([]byte{prefix}, []byte{prefix + 1}) {
		check(w.t, err)
		n++
		if remove {
			check(w.t, batch.Delete(entry.Key))
			continue
		}
		value := append([]byte(nil), entry.Value...)
		if len(value) > 0 {
			value[len(value)/2] ^= 0x10
		}
		check(w.t, batch.Set(entry.Key, value))
	}
	check(w.t, batch.Commit(true))
	check(w.t, db.Close())
	return n
}

// TestADamagedDiskIsRecoveredFrom damages kinds of records between two runs. The node starts by itself with what can be read, at the head if the
// blocks can, takes blocks again, and its next start finds nothing wrong.
func TestADamagedDiskIsRecoveredFrom(t *testing.T) {
	for _, c := range []struct {
		name   string
		prefix byte
		remove bool
	}{
		{"fork choice damaged", 'F', false},
		{"fork choice missing", 'f', true},
		{"fork choice's chunks missing", 'F', true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, params.Fulu, nil)
			tip, votes := w.grow(w.net.Genesis(), nil, 1, 5*8+3)
			before := w.Snapshot()
			w.shut()
			if n := w.spoil(c.prefix, c.remove); n == 0 {
				t.Fatal("there is no such record")
			}
			check(t, w.open())
			w.wantHead(tip)
			if got := w.Snapshot().Finalized; got.Epoch < before.Finalized.Epoch {
				t.Errorf("finalized epoch %d after the recovery, before %d", got.Epoch, before.Finalized.Epoch)
			}
			tip, _ = w.grow(tip, votes, 5*8+4, 6*8)
			w.shut()
			check(t, w.open())
			w.wantHead(tip)
		})
	}
}

// TestADiskWithoutAStateNeedsAnOperator takes fork choice and all states away: there is nothing to start from.
func TestADiskWithoutAStateNeedsAnOperator(t *testing.T) {
	w := newWorld(t, params.Fulu, nil)
	w.grow(w.net.Genesis(), nil, 1, 3*8)
	w.shut()
	for _, prefix := range []byte{'f', 'F', 'h', 'H'} {
		w.spoil(prefix, true)
	}
	if err := w.open(); !errors.As(err, new(*NeedsOperatorError)) {
		t.Fatalf("got %v, want that an operator is needed", err)
	}
}

// A finalized state that has left memory before it is written is computed from what is on disk: it becomes the base of others in its turn, and the chain goes on.
func TestTheFinalizedStateIsWrittenWhenItHasLeftMemory(t *testing.T) {
	t.Parallel()
	w := newWorld(t, params.Fulu, func(cfg *Config) { cfg.StateBytes, cfg.BaseEpochs = 1, 1 })
	tip, votes := w.net.Genesis(), []types.Attestation(nil)
	for slot := types.Slot(1); slot <= 56; slot++ {
		// Nothing but the disk knows of the states of before.
		tip, votes = w.grow(tip, votes, slot, slot)
		for b := range w.Blocks() {
			if b.Root != tip.Root {
				w.states.remove(b.Root)
			}
		}
	}
	finalized := w.Snapshot().Finalized
	if finalized.Epoch < 4 {
		t.Fatalf("epoch %d is finalized", finalized.Epoch)
	}
	w.until("the base follows", func() bool { return w.persist.base.Load().key.Root == finalized.Root })
	// Blocks between the finalized one and the next epoch have their states too.
	for b := w.Snapshot().Head; b != nil; b = b.Parent() {
		w.states.remove(b.Root)
		if _, err := w.StateAt(context.Background(), b.Root, b.Slot); err != nil {
			t.Errorf("state of slot %d: %v", b.Slot, err)
		}
	}
}

// Finality may overtake a checkpoint before its state was written: then a later one becomes the base, and the chain goes on.
func TestABaseThatIsGoneIsLeftOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, params.Fulu, func(cfg *Config) { cfg.BaseEpochs = 1 })
	tip, votes := w.grow(w.net.Genesis(), nil, 1, 40)
	w.until("the base follows", func() bool { return w.persist.base.Load().key.Root == w.Snapshot().Finalized.Root }) // or the persister would be at it beside this
	base := w.persist.base.Load().key
	gone := &finalJob{state: store.StateKey{Root: types.Root{1}, Slot: base.Slot + 16}, canonical: []slotRoot{{base.Slot, base.Root}}}
	check(t, w.persist.followFinality(gone))
	w.grow(tip, votes, 41, 64)
	w.until("the base follows", func() bool { return w.persist.base.Load().key.Root == w.Snapshot().Finalized.Root })
}
