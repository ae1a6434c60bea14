package server

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/store"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/sync/reqresp"
)

// slots is a range of slots, without its end.
type slots struct{ from, end types.Slot }

func (r slots) empty() bool { return r.from >= r.end }

// rangeOf is the slots asked for, no more than a request may ask blocks of.
func (s *server) rangeOf(r reqresp.Range) slots {
	count := min(r.Count, s.Spec.MaxRequestBlocks)
	return slots{r.StartSlot, r.StartSlot + types.Slot(min(count, math.MaxUint64-uint64(r.StartSlot)))}
}

// canonical is the canonical chain in a range of slots as of one moment, ascending and without a gap. It comes from memory as far as the
// chain is not finalized, and from disk below.
//
// Spec: "Clients MUST respond with blocks from their view of the current fork choice -- that is, blocks from the single chain defined by the
// current head. Of note, blocks from slots before the finalization MUST lead to the finalized block reported in the Status handshake."
func (s *server) canonical(r slots) ([]store.SlotRoot, error) {
	var recent []store.SlotRoot // descending
	oldest := BlockRef{Slot: math.MaxUint64}
	for b := range s.Chain.Canonical() {
		oldest = b
		if b.Slot < r.from {
			break
		}
		if b.Slot < r.end {
			recent = append(recent, store.SlotRoot{Slot: b.Slot, Root: b.Root})
		}
	}
	if oldest.Slot > r.from {
		// A checkpoint is taken out of memory before the index on disk has the chain up to it.
		between, below, err := s.walk(oldest, r)
		if err != nil {
			return nil, err
		}
		recent = append(recent, between...)
		slices.Reverse(recent)
		finalized, err := s.finalized(slots{r.from, min(r.end, below)})
		return append(finalized, recent...), err
	}
	slices.Reverse(recent)
	return recent, nil
}

// maxWalk bounds the blocks between memory and the index of the finalized chain.
const maxWalk = 4096

// walk goes back from the oldest block in memory to the first that is in the index of the finalized chain. It gives those of a range on the
// way, descending, and the slot below which the index has all.
func (s *server) walk(oldest BlockRef, r slots) (between []store.SlotRoot, below types.Slot, err error) {
	below = oldest.Slot
	for root := oldest.Parent; below > r.from; {
		slot, err := s.Blocks.SlotOf(root)
		if errors.Is(err, store.ErrNotFound) {
			return between, below, nil // the chain begins here
		}
		if err != nil {
			return nil, 0, err
		}
		have, err := s.Blocks.CanonicalRoot(slot)
		if err == nil && have == root {
			return between, below, nil
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, 0, err
		}
		if len(between) >= maxWalk {
			return nil, 0, fmt.Errorf("blocks between memory and the index of the finalized chain: more than %d", maxWalk)
		}
		if slot < r.end && slot >= r.from {
			between = append(between, store.SlotRoot{Slot: slot, Root: root})
		}
		if root, err = s.parent(root); err != nil {
			return nil, 0, err
		}
		below = slot
	}
	return between, below, nil
}

func (s *server) parent(root types.Root) (types.Root, error) {
	encoded, err := s.Blocks.BlockBytes(root)
	if err != nil {
		return types.Root{}, fmt.Errorf("read block %v: %w", root, err)
	}
	_, parent, err := types.PeekBlock(encoded)
	return parent, err
}

// finalized is the finalized chain in a range of slots.
func (s *server) finalized(r slots) (out []store.SlotRoot, err error) {
	if r.empty() {
		return nil, nil
	}
	for at, err := range s.Blocks.CanonicalRoots(r.from, r.end-1) {
		if err != nil {
			return nil, fmt.Errorf("read the finalized chain: %w", err)
		}
		out = append(out, at)
	}
	return out, nil
}

// window is the first slot of the epochs that have to be served: those of the last so many epochs, but not from before a fork.
//
// Spec: "[max(current_epoch - MIN_EPOCHS_FOR_DATA_COLUMN_SIDECARS_REQUESTS, FULU_FORK_EPOCH), current_epoch]" and alike.
func (s *server) window(epochs types.Epoch, fork params.Fork) types.Slot {
	return s.startOf(max(s.Clock.CurrentEpoch().SubSaturating(epochs), s.Spec.ForkEpoch(fork)))
}

// startOf is the first slot of an epoch; one beyond the end of all slots gives the last slot.
func (s *server) startOf(epoch types.Epoch) types.Slot {
	slot, err := types.ComputeStartSlotAtEpoch(s.Spec, epoch)
	if err != nil {
		return math.MaxUint64
	}
	return slot
}
