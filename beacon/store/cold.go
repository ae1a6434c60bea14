package store

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"

	"github.com/cresset/cresset/beacon/types"
)

// Cold states are those of the finalized chain that are kept for good. They form layers. Layer i holds the slots that are multiples
// of 2**exponent[i]; a state of the highest layer is stored in full, any other as a difference to the nearest earlier state of a
// higher layer than its own. So a state takes as many differences as there are layers, and a fine layer's differences are small because
// their base is near.

// DefaultColdExponents are the layers of a store that is not told otherwise: in slots 32, 512, 2048, 8192, 65536, 262144 and 2097152.
func DefaultColdExponents() []uint8 { return []uint8{5, 9, 11, 13, 16, 18, 21} }

// checkExponents refuses layers that are none.
func checkExponents(exponents []uint8) error {
	if len(exponents) == 0 || len(exponents) > maxDiffs {
		return fmt.Errorf("cold states have %d layers, 1 to %d are possible", len(exponents), maxDiffs)
	}
	for i, e := range exponents {
		if e > 63 || i > 0 && e <= exponents[i-1] {
			return fmt.Errorf("cold states: exponent %d of layer %d is not between the one before and 63", e, i)
		}
	}
	return nil
}

// coldLayer is the highest layer a slot belongs to; ok is false for a slot of none.
func coldLayer(exponents []uint8, slot types.Slot) (layer int, ok bool) {
	for i, e := range slices.Backward(exponents) {
		if uint64(slot)&(1<<e-1) == 0 {
			return i, true
		}
	}
	return 0, false
}

// coldBases are the slots whose states the one of a slot may be stored as a difference to, best first: for each layer above its own
// the nearest slot of it. The chain does not begin before start, whose state stands in for those before it. There is none for a slot of
// the highest layer and for start.
func coldBases(exponents []uint8, start, slot types.Slot) (bases []types.Slot) {
	layer, ok := coldLayer(exponents, slot)
	if !ok || slot <= start {
		return nil
	}
	for _, e := range exponents[layer+1:] {
		base := max(start, slot>>e<<e)
		if len(bases) == 0 || bases[len(bases)-1] != base {
			bases = append(bases, base)
		}
	}
	return bases
}

// coldCache keeps the state that the finest layer is being measured against: the next cold state is very likely a difference to it,
// and was computed from it, so that they share memory.
type coldCache struct {
	mu struct {
		sync.Mutex
		slot  types.Slot
		state *types.BeaconState // frozen; nil at first
	}
}

func (c *coldCache) put(slot types.Slot, st *types.BeaconState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.slot, c.mu.state = slot, st
}

// get is the state of a slot, or nil.
func (c *coldCache) get(slot types.Slot) *types.BeaconState {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.slot != slot {
		return nil
	}
	return c.mu.state
}

// IsColdSlot tells whether a slot belongs to a layer of the cold states.
func (s *Store) IsColdSlot(slot types.Slot) bool {
	_, ok := coldLayer(s.cfg.ColdExponents, slot)
	return ok
}

// PutColdState stores the state of a slot of the finalized chain for good, durably. A slot that belongs to no layer is refused, but for
// the first, which is where the chain was started. The state is frozen or belongs to the caller; the store may keep it to measure
// others against it, so it is frozen here. One goroutine at a time.
func (s *Store) PutColdState(slot types.Slot, st *types.BeaconState) error {
	if st.Slot != slot {
		return fmt.Errorf("write cold state of slot %d: the state is of slot %d", slot, st.Slot)
	}
	if _, err := st.Freeze(); err != nil {
		return fmt.Errorf("write cold state of slot %d: %w", slot, err)
	}
	start, err := s.coldStart()
	if errors.Is(err, ErrNotFound) {
		return s.putFirstCold(slot, st)
	}
	if err != nil {
		return err
	}
	layer, ok := coldLayer(s.cfg.ColdExponents, slot)
	if !ok || slot < start {
		return fmt.Errorf("write cold state of slot %d: the slot is of no layer, or before the first at %d", slot, start)
	}
	b := s.NewBatch()
	if err := s.putCold(b, start, slot, st); err != nil {
		return errors.Join(err, b.Discard())
	}
	if err := b.Commit(true); err != nil {
		return err
	}
	if layer > 0 {
		s.cold.put(slot, st)
	}
	return nil
}

// coldStart is the slot of the first cold state. Where the record of it is damaged the states themselves tell.
func (s *Store) coldStart() (types.Slot, error) {
	start, err := s.metaNumber(metaColdStart)
	if !errors.As(err, new(*DamagedError)) {
		return types.Slot(start), err
	}
	for slot, err := range s.ColdSlots() {
		return slot, err
	}
	return 0, ErrNotFound
}

func (s *Store) putFirstCold(slot types.Slot, st *types.BeaconState) error {
	b := s.NewBatch()
	b.putMetaNumber(metaColdStart, uint64(slot))
	_ = b.putWhole(coldPlace(slot), st) // Commit gives the error
	if err := b.Commit(true); err != nil {
		return err
	}
	s.cold.put(slot, st)
	return nil
}

// putCold adds a cold state in the form that is right for its slot: as a difference to the best base that is stored and can be
// read, in full if there is none.
func (s *Store) putCold(b *Batch, start, slot types.Slot, st *types.BeaconState) error {
	for _, at := range coldBases(s.cfg.ColdExponents, start, slot) {
		base, err := s.coldBase(at)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		var damaged *DamagedError
		if errors.As(err, &damaged) {
			s.cfg.Log.Error("a cold state is not used as base", "slot", at, "error", err, "action", "none, the next better one is used")
			continue
		}
		if err != nil {
			return err
		}
		return b.putDiff(coldPlace(slot), st, StateKey{Slot: at}, base)
	}
	return b.putWhole(coldPlace(slot), st)
}

func (s *Store) coldBase(slot types.Slot) (*types.BeaconState, error) {
	if st := s.cold.get(slot); st != nil {
		return st, nil
	}
	st, err := s.coldAt(slot)
	if err != nil {
		return nil, err
	}
	if _, err := st.Freeze(); err != nil {
		return nil, err
	}
	s.cold.put(slot, st)
	return st, nil
}

func (s *Store) coldAt(slot types.Slot) (*types.BeaconState, error) {
	return s.resolve(coldPlace(slot), func(key StateKey) place { return coldPlace(key.Slot) }, nil)
}

// ColdSlots lists the slots that there are cold states of, in ascending order, without reading the states.
func (s *Store) ColdSlots() iter.Seq2[types.Slot, error] {
	return func(yield func(types.Slot, error) bool) {
		for e, err := range s.db.Range(kindCold.all()) {
			if err != nil {
				yield(0, err)
				return
			}
			if want, _ := kindCold.size(); len(e.Key) != want {
				continue
			}
			if !yield(slotOf(e.Key), nil) {
				return
			}
		}
	}
}

// ColdState reads the last cold state at or before a slot. It belongs to the caller. It gives ErrNotFound where there is none.
func (s *Store) ColdState(slot types.Slot) (*types.BeaconState, error) {
	for e, err := range s.db.Backward(kindCold.slots(0, slot)) {
		if err != nil {
			return nil, err
		}
		if _, err := s.entry(&kindCold, e); err != nil {
			return nil, err
		}
		return s.coldAt(slotOf(e.Key))
	}
	return nil, ErrNotFound
}
