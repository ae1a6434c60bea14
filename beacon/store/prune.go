package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cresset/cresset/beacon/types"
)

// Retention says what of the past is kept. The zero value keeps everything. How far back the specification wants it:
// MIN_EPOCHS_FOR_BLOCK_REQUESTS, MIN_EPOCHS_FOR_BLOB_SIDECARS_REQUESTS, MIN_EPOCHS_FOR_DATA_COLUMN_SIDECARS_REQUESTS
// (p2p-interface.md of phase0, deneb and fulu).
type Retention struct {
	Blocks  types.Slot // blocks and payloads of earlier slots go, with their columns and blobs
	Columns types.Slot // columns of earlier slots go
	Blobs   types.Slot // blobs of earlier slots go
	// Orphans is the first slot that the index of the finalized chain does not cover; blocks of earlier slots that are not in it go.
	// The index must have every block between its
	// first slot and this one.
	Orphans types.Slot
	// States is the slot before which hot states go, but for those of Keep and the base of differences.
	States types.Slot
	Keep   []StateKey
	// MaxSteps bounds the steps of one call; 0 is until nothing is left. A step is one batch.
	MaxSteps int
}

// stepRecords bounds the small records that a step of pruning goes over. What it deletes of the larger ones, it deletes by ranges.
const stepRecords = 512

// Prune deletes what is not to be kept, in small durable steps between which nothing is held. It tells how many kinds of records have
// more to delete: more than 0 only if MaxSteps or the context ended it. Where it stops, the next call goes on. Two calls do not run at
// the same time.
func (s *Store) Prune(ctx context.Context, r Retention) (left int, err error) {
	work := []func() (progress, error){
		func() (progress, error) { return s.pruneData(r.Columns, &kindColumnMark, &kindColumn) },
		func() (progress, error) { return s.pruneData(r.Blobs, &kindBlobMark, &kindBlob) },
		func() (progress, error) { return s.pruneOrphans(r.Orphans) },
		func() (progress, error) { return s.pruneBlocks(r.Blocks) },
		func() (progress, error) { return s.pruneStates(r) },
	}
	for steps := 0; len(work) > 0; {
		if err := ctx.Err(); err != nil {
			return len(work), err
		}
		if r.MaxSteps > 0 && steps >= r.MaxSteps {
			return len(work), nil
		}
		p, err := work[0]()
		if err != nil {
			return len(work), fmt.Errorf("prune: %w", err)
		}
		if p != idle {
			steps++
		}
		if p != more {
			work = work[1:]
		}
	}
	return 0, nil
}

// progress is what a step has come to.
type progress int

const (
	idle progress = iota // there was nothing to do
	last                 // it was the last step
	more                 // there is more to do
)

// committed commits a step.
func (b *Batch) committed(isMore bool) (progress, error) {
	if err := b.Commit(true); err != nil {
		return idle, err
	}
	if isMore {
		return more, nil
	}
	return last, nil
}

// scan goes over the keys of a kind from one slot up to but without another, at most stepRecords of them but always whole slots. It gives
// where it stopped and whether there is more.
func (s *Store) scan(k *kind, from, before types.Slot, see func(SlotRoot) error) (next types.Slot, more bool, err error) {
	n, last := 0, types.Slot(0)
	want, _ := k.size()
	for e, err := range s.db.Range(k.bySlot(from), k.bySlot(before)) {
		if err != nil {
			return 0, false, err
		}
		if len(e.Key) != want {
			continue // deleted with its range; reading it tells that it is damaged
		}
		at := SlotRoot{slotOf(e.Key), rootOf(e.Key)}
		if n >= stepRecords && at.Slot != last {
			return at.Slot, true, nil
		}
		n, last = n+1, at.Slot
		if err := see(at); err != nil {
			return 0, false, err
		}
	}
	return before, false, nil
}

// pruneData deletes columns or blobs of slots before one. The first kind lists what the others hold.
func (s *Store) pruneData(before types.Slot, list *kind, others ...*kind) (progress, error) {
	if before == 0 {
		return idle, nil
	}
	b := s.NewBatch()
	var block SlotRoot
	seen := false
	next, rest, err := s.scan(list, 0, before, func(at SlotRoot) error {
		if seen && at == block {
			return nil
		}
		block, seen = at, true
		return s.forgetSlot(b, at)
	})
	if err != nil || !seen {
		return idle, errors.Join(err, b.Discard())
	}
	for _, k := range append(others, list) {
		from, to := k.slots(0, next-1)
		_ = b.deleteRange(k, from, to) // Commit gives the error
	}
	return b.committed(rest)
}

// forgetSlot deletes the slot of a block that is not stored itself, nor its payload, so that it does not outlive its columns.
func (s *Store) forgetSlot(b *Batch, at SlotRoot) error {
	for _, k := range []*kind{&kindBlockIndex, &kindPayloadMark} {
		if held, err := s.db.Has(k.bySlot(at.Slot, at.Root)); err != nil || held {
			return err
		}
	}
	return b.delete(&kindSlot, kindSlot.byRoot(at.Root))
}

// pruneBlocks deletes the blocks of slots before one with all that hangs on them, and moves the oldest slot from which on all blocks are here.
func (s *Store) pruneBlocks(before types.Slot) (progress, error) {
	if before == 0 {
		return idle, nil
	}
	b := s.NewBatch()
	seen := false
	next, rest, err := s.scan(&kindBlockIndex, 0, before, func(at SlotRoot) error {
		seen = true
		return b.delete(&kindSlot, kindSlot.byRoot(at.Root))
	})
	if err != nil || !seen {
		return idle, errors.Join(err, b.Discard())
	}
	if err := s.moveOldest(b, next); err != nil {
		return idle, errors.Join(err, b.Discard())
	}
	for _, k := range []*kind{
		&kindBlock, &kindBlockIndex, &kindCanonical, &kindPayload, &kindPayloadMark, &kindColumn, &kindColumnMark, &kindBlob, &kindBlobMark,
	} {
		from, to := k.slots(0, next-1)
		_ = b.deleteRange(k, from, to) // Commit gives the error
	}
	return b.committed(rest)
}

// moveOldest notes that no block of a slot before one is here any more.
func (s *Store) moveOldest(b *Batch, next types.Slot) error {
	oldest, _, err := s.Oldest()
	if errors.Is(err, ErrNotFound) || err == nil && oldest >= next {
		return nil
	}
	if err != nil {
		return err
	}
	before, err := s.LastCanonical(next - 1)
	if errors.Is(err, ErrNotFound) {
		return nil // what goes is of branches that lost
	}
	if err != nil {
		return err
	}
	b.PutOldest(next, before.Root)
	return nil
}

// pruneOrphans deletes the blocks before a slot that are not on the finalized chain, from the first slot on that the index of it has. How
// far that was done is noted.
func (s *Store) pruneOrphans(before types.Slot) (progress, error) {
	done, err := s.metaNumber(metaOrphans)
	if err != nil && !errors.Is(err, ErrNotFound) && !errors.As(err, new(*DamagedError)) { // how far it was done is worth no more than doing it again
		return idle, err
	}
	from := max(before, types.Slot(done))
	for e, err := range s.db.Range(kindCanonical.all()) {
		if err != nil {
			return idle, err
		}
		from = max(slotOf(e.Key), types.Slot(done))
		break
	}
	if from >= before {
		return idle, nil
	}
	b := s.NewBatch()
	next, rest, err := s.scan(&kindBlockIndex, from, before, func(at SlotRoot) error { return s.pruneOrphan(b, at) })
	if err != nil {
		return idle, errors.Join(err, b.Discard())
	}
	b.putMetaNumber(metaOrphans, uint64(next))
	return b.committed(rest)
}

func (s *Store) pruneOrphan(b *Batch, at SlotRoot) error {
	root, err := s.CanonicalRoot(at.Slot)
	if err == nil && root == at.Root {
		return nil
	}
	if errors.As(err, new(*DamagedError)) {
		return nil // it may be the one
	}
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	return b.DeleteBlock(at.Slot, at.Root)
}

// pruneStates deletes hot states of slots before one.
func (s *Store) pruneStates(r Retention) (progress, error) {
	keep := r.Keep
	if r.States == 0 {
		return idle, nil
	}
	if base, err := s.Base(); err == nil {
		keep = append(slices.Clone(keep), base)
	} else if !errors.Is(err, ErrNotFound) {
		return idle, err
	}
	b := s.NewBatch()
	n, rest := 0, false
	for key, err := range s.StateKeys() {
		if err != nil {
			return idle, errors.Join(err, b.Discard())
		}
		if key.Slot >= r.States || n >= stepRecords {
			rest = n >= stepRecords && key.Slot < r.States
			break
		}
		if !slices.Contains(keep, key) {
			b.DeleteState(key)
			n++
		}
	}
	if n == 0 {
		return idle, b.Discard()
	}
	return b.committed(rest)
}
