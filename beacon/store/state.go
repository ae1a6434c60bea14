package store

import (
	"iter"

	"github.com/cresset/cresset/beacon/types"
)

// StateKey names a hot state: the state after a block, advanced to a slot, which is the block's or a later one.
type StateKey struct {
	Root types.Root // of the block
	Slot types.Slot
}

// PutState adds a hot state in full. The state is frozen or belongs to the caller.
func (b *Batch) PutState(key StateKey, st *types.BeaconState) error {
	return b.putWhole(hotPlace(key), st)
}

// PutStateDiff adds a hot state as a difference to another that is stored, in full or as a difference itself. Both states are
// frozen or belong to the caller. A base with which st shares memory makes it fast.
func (b *Batch) PutStateDiff(key StateKey, st *types.BeaconState, baseKey StateKey, base *types.BeaconState) error {
	return b.putDiff(hotPlace(key), st, baseKey, base)
}

// DeleteState deletes a hot state. What is stored as a difference to it cannot be read any more.
func (b *Batch) DeleteState(key StateKey) {
	_ = b.deleteState(hotPlace(key)) // Commit gives the error
}

// State reads a hot state. It belongs to the caller and its roots are computed.
func (s *Store) State(key StateKey) (*types.BeaconState, error) { return s.StateOn(key, nil) }

// StateOn is State with the states that are in memory: base gives the one of a key, frozen, or nil. A state that is stored as a
// difference to such a one shares all with it in which they do not differ, and nothing below it is read.
func (s *Store) StateOn(key StateKey, base func(StateKey) *types.BeaconState) (*types.BeaconState, error) {
	return s.resolve(hotPlace(key), hotPlace, base)
}

// StateBase tells what a hot state is stored as a difference to; diff is false for one in full.
func (s *Store) StateBase(key StateKey) (base StateKey, diff bool, err error) {
	h, err := s.readHead(hotPlace(key))
	return h.base, h.diff, err
}

// StateKeys goes over the hot states in ascending order of their slots. An error is the last it yields. A state whose head is damaged
// is listed; reading it says so.
func (s *Store) StateKeys() iter.Seq2[StateKey, error] {
	return func(yield func(StateKey, error) bool) {
		want, _ := kindState.size()
		for e, err := range s.db.Range(kindState.all()) {
			var key StateKey
			if err == nil {
				if len(e.Key) != want {
					continue
				}
				key = StateKey{Root: rootOf(e.Key), Slot: slotOf(e.Key)}
			}
			if !yield(key, err) || err != nil {
				return
			}
		}
	}
}
