package chain

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/simnet"
	"github.com/cresset/cresset/beacon/types"
)

const branches = 16

// schism is a network whose validators are split evenly over branches that none of them leaves: branch b has the validators whose
// index is b modulo the number of branches, and a block in every slot that is b modulo it.
type schism struct {
	*world
	tips   [branches]simnet.Tip
	worst  time.Duration // from a block being handed in to its head being published, of the machine's time
	blocks int
}

// block builds the next block of a branch, with its validators' votes of the last epoch, and imports it at its slot.
func (s *schism) block(branch int, slot types.Slot, who func(types.ValidatorIndex) bool) {
	s.t.Helper()
	tip := s.tips[branch]
	var votes []types.Attestation
	first := max(tip.Slot, slot.SubSaturating(types.Slot(s.net.Spec().SlotsPerEpoch)), 1)
	for at := slot - 1; at >= first; at-- {
		made, err := s.net.Votes(tip, at, who)
		check(s.t, err)
		votes = append(votes, made...)
	}
	block, next, err := s.net.Block(tip, slot, votes, fmt.Sprint("branch ", branch))
	check(s.t, err)
	begin := time.Now()
	outcome, err := s.ImportBlock(context.Background(), block, Gossip)
	check(s.t, err)
	switch outcome {
	case Applied:
	case Deferred: // its state took longer than an item may wait
		s.until("the block's state is computed", func() bool { return s.Block(next.Root) != nil })
	default:
		s.t.Fatalf("block of slot %d on branch %d was %v", slot, branch, outcome)
	}
	if s.worst = max(s.worst, time.Since(begin)); s.Block(next.Root) == nil {
		s.t.Fatalf("block of slot %d is not in the index", slot)
	}
	s.tips[branch], s.blocks = next, s.blocks+1
}

// only tells whether a validator is of a branch.
func only(branch int) func(types.ValidatorIndex) bool {
	return func(i types.ValidatorIndex) bool { return int(i)%branches == branch }
}

// heap is the bytes in use after everything unused was collected.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestWeeksWithoutFinality splits a network into 16 branches, with up to 500 empty slots in the middle, and lets it find together again. Memory
// stays what it was, every head is published within a quarter of its slot, and finality comes back at the epoch that the
// specification says.
func TestWeeksWithoutFinality(t *testing.T) {
	epochs := 200
	if testing.Short() {
		epochs = 70
	}
	if n, err := strconv.Atoi(os.Getenv("CRESSET_EPOCHS")); err == nil {
		epochs = n
	}
	w := newWorldOn(t, t.TempDir(), params.Fulu, func(cfg *Config) { cfg.StateBytes, cfg.ShufflingBytes = 24<<20, 512<<10 })
	s := &schism{world: w}
	for b := range s.tips {
		s.tips[b] = w.net.Genesis()
	}
	perEpoch := types.Slot(w.net.Spec().SlotsPerEpoch)
	quarter := w.clock.SlotDuration() / 4
	var early uint64
	gap, gapSlots := types.Slot(epochs/2)*perEpoch, min(500, types.Slot(epochs)*perEpoch/4)
	measured := min(50*perEpoch, gap-1)
	for slot := types.Slot(1); slot <= types.Slot(epochs)*perEpoch; slot++ {
		w.at(slot, 10)
		if gap <= slot && slot < gap+gapSlots {
			continue
		}
		s.block(int(slot)%branches, slot, only(int(slot)%branches))
		if slot == measured {
			early = heap()
		}
	}
	late := heap()
	if finalized := w.Snapshot().Finalized.Epoch; finalized != 0 {
		t.Fatalf("epoch %d was finalized", finalized)
	}
	ratio := float64(late) / float64(early)
	t.Logf("%d epochs, %d blocks on %d branches: heap %.1f MiB at slot %d, %.1f MiB at the end, %.3f times; slowest head %v of a slot of %v",
		epochs, s.blocks, branches, float64(early)/(1<<20), measured, float64(late)/(1<<20), ratio, s.worst.Round(time.Millisecond), w.clock.SlotDuration())
	if ratio > 1.15 {
		t.Errorf("heap in use grew %.3f times, want at most 1.15", ratio)
	}
	if s.worst > quarter {
		t.Errorf("a head took %v, want at most a quarter of a slot, %v", s.worst, quarter)
	}
	s.reunite(types.Slot(epochs)*perEpoch+1, perEpoch)
}

// reunite has everybody vote for one branch. The first epoch in which all votes are for its blocks is justified at its end, and
// finalized at the end of the next one.
func (s *schism) reunite(from, perEpoch types.Slot) {
	const branch = 3
	t := s.t
	first := from / perEpoch // its earlier slots are voted for in the first block
	for slot := from; slot <= (first+3)*perEpoch; slot++ {
		before, begin := s.Snapshot().Finalized, time.Now()
		s.at(slot, 10) // fork choice takes over what the epoch has come to when its last slot ends, before there is a block
		s.block(branch, slot, simnet.Everyone)
		took := time.Since(begin)
		after := s.Snapshot()
		state := s.tips[branch].State
		if want := state.FinalizedCheckpoint; want.Epoch > 0 && after.Finalized != want {
			t.Fatalf("slot %d: finalized %+v, the state says %+v", slot, after.Finalized, want)
		}
		if after.Finalized == before {
			continue
		}
		s.until("the disk follows", func() bool { return s.stored.count() <= 8 })
		pruned := time.Since(begin)
		t.Logf("slot %d finalized epoch %d; the import took %v, all of it with the disk %v; %d blocks are left in the tree",
			slot, after.Finalized.Epoch, took.Round(time.Millisecond), pruned.Round(time.Millisecond), s.index.count.Load())
		if pruned > s.clock.SlotDuration() {
			t.Errorf("import with pruning took %v, want at most a slot, %v", pruned, s.clock.SlotDuration())
		}
		if want := types.Epoch(first); after.Finalized.Epoch != want || slot != (first+2)*perEpoch {
			t.Errorf("slot %d finalized epoch %d, want slot %d and epoch %d", slot, after.Finalized.Epoch, (first+2)*perEpoch, want)
		}
		if s.index.count.Load() > int64(3*perEpoch) {
			t.Errorf("%d blocks are left in the tree", s.index.count.Load())
		}
		s.wantHead(s.tips[branch])
		return
	}
	t.Errorf("nothing was finalized, justified %+v", s.Snapshot().Justified)
}
