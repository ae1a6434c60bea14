package chain

import (
	"context"
	"errors"
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/simnet"
	"github.com/cresset/cresset/beacon/store"
	"github.com/cresset/cresset/beacon/store/kv"
	"github.com/cresset/cresset/beacon/types"
)

// retained is a chain whose blocks of some slots have blobs.
type retained struct {
	*world
	tip   simnet.Tip
	votes []types.Attestation
	roots map[types.Slot]types.Root
}

// grow imports a block in every slot, with everybody's votes or with nobody's.
func (r *retained) grow(from, to types.Slot, blobs map[types.Slot]bool, finalize bool) {
	r.t.Helper()
	for slot := from; slot <= to; slot++ {
		content := simnet.Content{}
		if finalize {
			content.Votes = r.votes
		}
		all, commitments := r.blobs(1)
		if blobs[slot] {
			content.Commitments = commitments
		}
		block, tip, err := r.net.BlockOf(r.tip, slot, content)
		check(r.t, err)
		r.at(slot, 100)
		if blobs[slot] && r.net.Spec().ForkAtSlot(slot) >= params.Fulu {
			columns, err := r.net.Columns(r.kzg, block, all...)
			check(r.t, err)
			r.bring(pick(columns, custody...)...)
		} else if blobs[slot] {
			sidecars, err := r.net.BlobSidecars(r.kzg, block, all...)
			check(r.t, err)
			check(r.t, r.ImportBlobs(context.Background(), sidecars))
		}
		if got := r.add(block, Gossip); got != Applied {
			r.t.Fatalf("block of slot %d was %v", slot, got)
		}
		r.tip, r.roots[slot] = tip, tip.Root
		r.votes, err = r.net.Votes(tip, slot, simnet.Everyone)
		check(r.t, err)
	}
}

func newRetained(t *testing.T, fork params.Fork) *retained {
	t.Helper()
	w := newWorldOf(t, shortly(t, fork), &world{disk: kv.NewMemory(), change: func(cfg *Config) { keeping(cfg); cfg.BaseEpochs = 1 }})
	return &retained{world: w, tip: w.net.Genesis(), roots: map[types.Slot]types.Root{}}
}

// data is how many columns and blobs are on disk of the block of a slot.
func (r *retained) data(slot types.Slot) int {
	r.t.Helper()
	columns, err := r.store.ColumnIndices(r.roots[slot])
	check(r.t, err)
	blobs, err := r.store.BlobSidecars(r.roots[slot])
	check(r.t, err)
	return len(columns) + len(blobs)
}

// MIN_EPOCHS_FOR_BLOCK_REQUESTS is 3 on this network, MIN_EPOCHS_FOR_BLOB_SIDECARS_REQUESTS and MIN_EPOCHS_FOR_DATA_COLUMN_SIDECARS_REQUESTS are 2.
// What is older goes from the disk, and nothing else.
func TestWhatNobodyHasToServeGoesFromDisk(t *testing.T) {
	t.Parallel()
	for fork, perBlock := range map[params.Fork]int{params.Electra: 1, params.Fulu: len(custody)} {
		t.Run(fork.String(), func(t *testing.T) {
			r := newRetained(t, fork)
			blobs := map[types.Slot]bool{3: true, 44: true, 47: true, 48: true, 60: true}
			r.grow(1, 8*8-1, blobs, true)
			if has, err := r.store.HasBlock(r.roots[8*4]); !has || err != nil {
				t.Fatalf("the first block of epoch 4 is gone in epoch 7, %v", err)
			}
			if r.data(8*5+4) != perBlock || r.data(8*5+7) != perBlock {
				t.Fatal("data of epoch 5 is gone in epoch 7")
			}
			r.grow(8*8, 8*8+2, blobs, true)
			// Epoch 8: blocks from epoch 5 on are kept, data from epoch 6 on.
			r.until("the last block of epoch 4 is gone", func() bool {
				has, err := r.store.HasBlock(r.roots[8*5-1])
				check(t, err)
				return !has
			})
			for slot := types.Slot(1); slot <= 8*8+2; slot++ {
				has, err := r.store.HasBlock(r.roots[slot])
				check(t, err)
				if want := slot >= 8*5; has != want {
					t.Errorf("block of slot %d is on disk: %v, want %v", slot, has, want)
				}
				want := 0
				if blobs[slot] && slot >= 8*6 {
					want = perBlock
				}
				if got := r.data(slot); got != want {
					t.Errorf("%d columns and blobs of slot %d are on disk, want %d", got, slot, want)
				}
			}
			// Nobody is told that older ones are here.
			if oldest, parent, err := r.History(); err != nil || oldest != 8*5 || parent != r.roots[8*5-1] {
				t.Errorf("blocks are here from slot %d on, after %v, %v; want slot %d, after %v", oldest, parent, err, 8*5, r.roots[8*5-1])
			}
			if r.Snapshot().Finalized.Epoch != 6 {
				t.Fatalf("finalized epoch %d, want 6", r.Snapshot().Finalized.Epoch)
			}
			r.wantStates()
			r.shut()
			check(t, r.open())
			r.wantHead(r.tip)
		})
	}
}

// wantStates checks that hot states below the finalized one are gone, and that what the hierarchy has is kept for good.
func (r *retained) wantStates() {
	t := r.t
	finalized := r.startOf(r.Snapshot().Finalized.Epoch)
	r.until("old states go", func() bool {
		old := r.stored.before(finalized)
		return len(old) == 0 || len(old) == 1 && old[0] == r.persist.base.Load().key
	})
	for key, err := range r.store.StateKeys() {
		check(t, err)
		if key.Slot < finalized && key != r.persist.base.Load().key {
			t.Errorf("the hot state of slot %d is still on disk", key.Slot)
		}
	}
	for _, slot := range []types.Slot{0, 32} {
		s, err := r.store.ColdState(slot)
		check(t, err)
		if s.Slot != slot {
			t.Errorf("the cold state of slot %d is of slot %d", slot, s.Slot)
		}
	}
	if s, err := r.store.ColdState(finalized); err != nil || s.Slot != 32 {
		t.Errorf("the last cold state before slot %d is another one than that of 32, %v", finalized, err)
	}
}

// Without finality no block is too old: all since the finalized one are needed.
func TestNoBlockGoesWithoutFinality(t *testing.T) {
	t.Parallel()
	r := newRetained(t, params.Fulu)
	r.grow(1, 7*8, map[types.Slot]bool{4: true}, false)
	r.until("old data goes", func() bool { return r.data(4) == 0 })
	for slot := types.Slot(1); slot <= 7*8; slot++ {
		if _, err := r.store.Block(r.roots[slot]); err != nil {
			t.Errorf("block of slot %d: %v", slot, err)
		}
	}
	if _, err := r.store.ColdState(^types.Slot(0)); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a state was kept for good: %v", err)
	}
	r.crash()
	f := &fixture{world: r.world}
	f.hurt(injury{prefix: 'f', change: flipped})
	check(t, r.open())
	r.wantHead(r.tip)
}

// What lost is gone from the disk, with its states, when finality has ruled it out.
func TestABranchThatLostGoesFromDisk(t *testing.T) {
	t.Parallel()
	w := newWorld(t, params.Fulu, nil)
	tip, votes := w.grow(w.net.Genesis(), nil, 1, 7)
	block, lost, err := w.net.Block(tip, 9, nil, "lost") // over the start of an epoch: a state of its parent is written for it
	check(t, err)
	w.at(9, 100)
	w.add(block, Gossip)
	tip, _ = w.grow(tip, votes, 10, 5*8)
	w.wantHead(tip)
	if w.Snapshot().Finalized.Epoch < 2 {
		t.Fatalf("finalized epoch %d", w.Snapshot().Finalized.Epoch)
	}
	if w.Block(lost.Root) != nil || w.Knows(lost.Root, 9) {
		t.Error("the lost block is still known")
	}
	w.until("it is gone from disk", func() bool {
		has, err := w.store.HasBlock(lost.Root)
		check(t, err)
		return !has
	})
	if _, err := w.ImportBlock(context.Background(), block, Gossip); !errors.As(err, new(*RejectedError)) {
		t.Errorf("it comes again: %v, want a rejection", err)
	}
}
