package forkchoice

import (
	"fmt"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// Store is the fork choice's view of the chain. Spec: Store (phase0; modified gloas).
type Store struct {
	spec        *params.Spec
	states      States
	genesisTime uint64 // Unix seconds

	now uint64 // milliseconds since genesis

	justified           types.Checkpoint
	finalized           types.Checkpoint
	unrealizedJustified types.Checkpoint
	unrealizedFinalized types.Checkpoint
	boostRoot           types.Root

	tree  tree
	votes votes
	fcr   FastConfirmation

	// What follows from all of the above, as long as fresh is set.
	fresh       bool
	head        Node
	boostGwei   types.Gwei // what the proposer boost counts at present, 0 if it does not apply
	ptc         committeeMemo
	equivocated equivocatorMemo
}

// New makes a store that knows the anchor only. Time begins with the anchor's slot.
// Spec: get_forkchoice_store (phase0; modified gloas).
func New(cfg Config) (*Store, error) {
	b := cfg.Anchor
	if b.Execution != Valid && b.Execution != Irrelevant {
		return nil, broken(ErrInvalid, "the anchor's payload is valid", b.Execution, Valid)
	}
	if uint64(b.Slot) > maxSlot {
		return nil, broken(ErrInvalid, "the anchor's slot fits", b.Slot, maxSlot)
	}
	anchor := types.Checkpoint{Epoch: max(cfg.AnchorEpoch, types.ComputeEpochAtSlot(cfg.Spec, b.Slot)), Root: b.Root}
	b.UnrealizedJustified, b.UnrealizedFinalized = anchor, anchor
	s := &Store{
		spec: cfg.Spec, states: cfg.States, genesisTime: cfg.GenesisTime,
		now:       uint64(b.Slot) * cfg.Spec.SlotDurationMs,
		justified: anchor, finalized: anchor, unrealizedJustified: anchor, unrealizedFinalized: anchor,
		tree: newTree(cfg.Spec),
		fcr:  getFastConfirmationStore(anchor),
	}
	if s.tree.isGloas(b.Slot) && b.Execution != Irrelevant {
		return nil, broken(ErrInvalid, "from gloas on the anchor's payload comes on its own", b.Execution, Irrelevant)
	}
	s.tree.add(&b, timeliness{true, true})
	return s, nil
}

// maxSlot is the largest slot that a vote can be for: it is kept in 32 bits, two values of which mean something else.
const maxSlot = 1<<32 - 3

// Spec is the spec of the chain.
func (s *Store) Spec() *params.Spec { return s.spec }

// GenesisTime is in Unix seconds.
func (s *Store) GenesisTime() uint64 { return s.genesisTime }

// Time is the store's time in milliseconds since genesis.
func (s *Store) Time() uint64 { return s.now }

// GetCurrentSlot is the slot of the store's time. Spec: get_current_slot, get_slots_since_genesis (phase0).
func (s *Store) GetCurrentSlot() types.Slot { return types.Slot(s.now / s.spec.SlotDurationMs) }

// GetCurrentStoreEpoch is the epoch of the store's time. Spec: get_current_store_epoch (phase0).
func (s *Store) GetCurrentStoreEpoch() types.Epoch { return s.epochOf(s.GetCurrentSlot()) }

// JustifiedCheckpoint is where the search for the head begins.
func (s *Store) JustifiedCheckpoint() types.Checkpoint { return s.justified }

// FinalizedCheckpoint is what no head conflicts with.
func (s *Store) FinalizedCheckpoint() types.Checkpoint { return s.finalized }

// UnrealizedJustifiedCheckpoint is the highest that a block of the tree justifies, be it at its epoch's end.
func (s *Store) UnrealizedJustifiedCheckpoint() types.Checkpoint { return s.unrealizedJustified }

// UnrealizedFinalizedCheckpoint is the highest that a block of the tree finalizes, be it at its epoch's end.
func (s *Store) UnrealizedFinalizedCheckpoint() types.Checkpoint { return s.unrealizedFinalized }

// ProposerBoostRoot is the block that has the proposer boost in this slot, or zero.
func (s *Store) ProposerBoostRoot() types.Root { return s.boostRoot }

func (s *Store) epochOf(slot types.Slot) types.Epoch { return types.ComputeEpochAtSlot(s.spec, slot) }

// startOf is the first slot of an epoch, the largest slot where that is beyond all slots.
func (s *Store) startOf(epoch types.Epoch) types.Slot {
	slot, err := types.ComputeStartSlotAtEpoch(s.spec, epoch)
	if err != nil {
		return ^types.Slot(0)
	}
	return slot
}

// computeSlotsSinceEpochStart is the position of a slot in its epoch. Spec: compute_slots_since_epoch_start (phase0).
func (s *Store) computeSlotsSinceEpochStart(slot types.Slot) types.Slot {
	return slot % types.Slot(s.spec.SlotsPerEpoch)
}

// OnTick moves the time, in milliseconds since genesis. A time that is not later does nothing: see SetBack.
// Spec: on_tick, on_tick_per_slot (phase0).
func (s *Store) OnTick(ms uint64) {
	if ms <= s.now {
		return
	}
	before := s.GetCurrentSlot()
	s.now = ms
	current := s.GetCurrentSlot()
	if current == before {
		return
	}
	s.fresh = false
	// "If this is a new slot, reset store.proposer_boost_root"
	s.boostRoot = types.Root{}
	// "If a new epoch, pull-up justification and finalization from previous epoch". Doing so at each of several epoch starts on
	// the way comes to the same, as nothing happens between them.
	if s.epochOf(current) > s.epochOf(before) {
		s.updateCheckpoints(s.unrealizedJustified, s.unrealizedFinalized)
	}
}

// SetBack moves the time back to what a clock says that was ahead and has been put right, and tells whether it did: not before the slot of
// the newest block, which has come. Votes of slots that are not over are forgotten, as if they came now. There is no boost, and the fast
// confirmation rule begins anew with the finalized block: what it confirmed rests on the time. Checkpoints stay, which blocks have brought
// about, if an epoch early.
func (s *Store) SetBack(ms uint64) bool {
	for i := range s.tree.nodes {
		ms = max(ms, uint64(s.tree.nodes[i].slot)*s.spec.SlotDurationMs)
	}
	if ms >= s.now {
		return false
	}
	s.now, s.fresh = ms, false
	s.boostRoot = types.Root{}
	s.fcr = getFastConfirmationStore(s.finalized)
	for i := range s.tree.entries {
		s.tree.entries[i].Arrived = min(s.tree.entries[i].Arrived, ms)
	}
	current := uint64(s.GetCurrentSlot())
	for i := range s.votes.all {
		if v := &s.votes.all[i]; v.seen != equivocating && uint64(v.seen) > current {
			v.seen = 0
			s.votes.set(uint32(i), 0)
		}
	}
	return true
}

// updateCheckpoints moves the checkpoints forward. Spec: update_checkpoints (phase0).
func (s *Store) updateCheckpoints(justified, finalized types.Checkpoint) {
	if justified.Epoch > s.justified.Epoch {
		s.justified, s.fresh = justified, false
	}
	if finalized.Epoch > s.finalized.Epoch {
		s.finalized, s.fresh = finalized, false
	}
}

// updateUnrealizedCheckpoints moves the unrealized checkpoints forward. Spec: update_unrealized_checkpoints (phase0).
func (s *Store) updateUnrealizedCheckpoints(justified, finalized types.Checkpoint) {
	if justified.Epoch > s.unrealizedJustified.Epoch {
		s.unrealizedJustified = justified
	}
	if finalized.Epoch > s.unrealizedFinalized.Epoch {
		s.unrealizedFinalized = finalized
	}
}

// index finds a block that no rule regards as removed.
func (s *Store) index(rule string, root types.Root) (uint32, error) {
	i, ok := s.tree.find(root)
	if !ok {
		return 0, unknown(rule, root)
	}
	if s.tree.nodes[i].invalid {
		return 0, broken(ErrInvalidPayload, rule, root, "a block with valid payloads")
	}
	return i, nil
}

// balancesOf asks for balances and checks that there are any.
func (s *Store) balancesOf(c types.Checkpoint) (*Balances, error) {
	b, err := s.states.Balances(c)
	if err != nil {
		return nil, fmt.Errorf("balances of checkpoint %d, %v: %w", c.Epoch, c.Root, err)
	}
	if b.Len() > maxValidators {
		return nil, broken(ErrInvalid, "the registry fits", b.Len(), maxValidators)
	}
	return b, nil
}
