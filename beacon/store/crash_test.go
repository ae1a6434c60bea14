package store

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/store/kv"
	"github.com/cresset/cresset/beacon/types"
)

// Whenever the power goes, what was committed durably is there, of the rest a beginning, and of each batch all or nothing.
func TestPowerLoss(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	disk := kv.NewMemory()
	durable := -1 // the last batch that was
	c := Config{Spec: params.Minimal(), Memory: disk}
	n := 0
	c.OnCommit = func(stage string) {
		before := strings.HasPrefix(stage, "before")
		for _, percent := range []int{0, 50, 100} {
			most := n
			if before {
				most--
			}
			afterPowerLoss(t, disk.LosePower(percent, rng.Uint64()), durable, most)
		}
	}
	quiet := c
	quiet.OnCommit = nil
	s, err := Open(quiet)
	check(t, err)
	s.cfg.OnCommit = c.OnCommit
	for ; n < 60; n++ {
		b := s.NewBatch()
		b.AppendJournal(uint64(n), binary.BigEndian.AppendUint64(nil, uint64(n)))
		b.PutSplit(types.Slot(n))
		b.PutCanonical(types.Slot(n), types.Root{byte(n)})
		if n%10 == 3 {
			check(t, b.PutForkChoice(slices.Repeat([]byte{byte(n)}, 2<<20+n)))
		}
		sync := rng.IntN(3) == 0
		check(t, b.Commit(sync))
		if sync {
			durable = n
		}
	}
	s.cfg.OnCommit = nil
	check(t, s.Close())
	afterPowerLoss(t, disk.LosePower(0, 0), durable, n-1)
}

// afterPowerLoss checks a disk: the batches from 0 to some number are there, from least to most, and nothing else.
func afterPowerLoss(t *testing.T, disk *kv.Memory, least, most int) {
	t.Helper()
	s, err := Open(Config{Spec: params.Minimal(), Memory: disk})
	check(t, err)
	defer func() { check(t, s.Close()) }()
	last := -1
	for number, record := range s.Journal(0) {
		check(t, record.Err)
		if last++; number != uint64(last) {
			t.Fatalf("record %d follows %d", number, last-1)
		}
	}
	if last < least || last > most {
		t.Fatalf("batches up to %d are there, want at least %d and at most %d", last, least, most)
	}
	roots := collect(t, s.CanonicalRoots(0, ^types.Slot(0)))
	if len(roots) != last+1 {
		t.Fatalf("%d canonical blocks with %d batches", len(roots), last+1)
	}
	if last < 0 {
		return
	}
	if split, err := s.Split(); err != nil || int(split) != last {
		t.Fatalf("split is %d (%v), want %d", split, err, last)
	}
	if fc := (last+7)/10*10 - 7; fc >= 3 && last >= 3 {
		data, err := s.ForkChoice()
		check(t, err)
		if len(data) != 2<<20+fc || data[0] != byte(fc) || data[len(data)-1] != byte(fc) {
			t.Fatalf("fork choice of batch %d, want of %d", data[0], fc)
		}
	}
}
