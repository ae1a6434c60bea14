package chain

import (
	"context"

	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/forkchoice"
)

// Snapshot is the chain at one moment. It is never changed.
type Snapshot struct {
	// Slot is the slot by the clock when the snapshot was made.
	Slot types.Slot
	Head *Block
	// HeadPayload tells whether the head is the block with its payload or without (gloas; Pending before).
	HeadPayload forkchoice.PayloadStatus
	// BuildOnFull tells whether the proposer of the slot after the head's builds on the head's payload.
	// Spec: should_build_on_full (gloas).
	BuildOnFull bool
	// Optimistic means that the execution client has not verified the head, or that no branch is left that it did not refuse.
	Optimistic bool

	Justified, Finalized types.Checkpoint // by fork choice
	// PreviousJustified is by the head's state.
	PreviousJustified types.Checkpoint
	// FinalizedSlot is the first slot of the finalized epoch. Nothing up to it can be imported.
	FinalizedSlot types.Slot
	// Safe is the block that the fast confirmation rule confirms.
	Safe types.Root
	// Boosted is the block with the proposer boost, zero if there is none.
	Boosted types.Root

	state *transition.State // of the head; nil while it is being computed again
}

// Snapshot is the chain as it was last published. It never waits.
func (c *Chain) Snapshot() *Snapshot { return c.snapshot.Load() }

// HeadState gives the state after the head block of a snapshot, for the caller alone. It waits only if the head has just moved to
// a branch whose state is not in memory.
func (c *Chain) HeadState(ctx context.Context, s *Snapshot) (*transition.State, error) {
	if s.state != nil {
		return s.state.Copy(), nil
	}
	return c.stateAt(ctx, s.Head.Root, s.Head.Slot, true)
}

// Canonical finds the block of the snapshot's chain at a slot, nil if it has none or it is older than the finalized one.
func (s *Snapshot) Canonical(slot types.Slot) *Block {
	if b := s.Head.AncestorAt(slot); b != nil && b.Slot == slot {
		return b
	}
	return nil
}
