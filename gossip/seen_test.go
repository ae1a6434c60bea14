package gossip

import (
	"fmt"
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

func TestAFullWindowForgetsItsOldestSlot(t *testing.T) {
	w := newWindow[int, string]("test", 4, 10)
	for slot := range types.Slot(3) {
		for k := range 2 {
			if !w.put(slot, k, fmt.Sprint(slot, k)) {
				t.Fatalf("slot %d, key %d was there", slot, k)
			}
		}
	}
	if w.put(2, 1, "other") {
		t.Error("a key was put twice")
	}
	if v, ok := w.get(2, 1); !ok || v != "2 1" {
		t.Errorf("value %q, %t", v, ok)
	}
	if w.has(0, 0) || w.has(0, 1) || !w.has(1, 0) {
		t.Error("the oldest slot is not the one that went")
	}
	if v, ok := w.find(1); !ok || v == "" {
		t.Error("a key is not found without its slot")
	}
	if got := w.size(); got != (CacheSize{"test", 4, 40}) {
		t.Errorf("size %+v", got)
	}
	w.prune(2)
	if got := w.size(); got.Entries != 2 || w.has(1, 0) || !w.has(2, 0) {
		t.Errorf("after pruning %+v", got)
	}
}

func TestASetOfBitsIsCoveredByALargerOne(t *testing.T) {
	c := covered[int]{budget: 4 * (coveredBytes + 2), slots: map[types.Slot]map[int][][]byte{}}
	c.add(1, 0, []byte{0b0011, 1})
	for _, k := range []struct {
		slot types.Slot
		key  int
		bits []byte
		want bool
	}{
		{1, 0, []byte{0b0011, 1}, true}, {1, 0, []byte{0b0001, 1}, true}, {1, 0, []byte{0b0101, 1}, false},
		{1, 1, []byte{0b0001, 1}, false}, {2, 0, []byte{0b0001, 1}, false}, {1, 0, []byte{0b0001}, false},
	} {
		if got := c.covers(k.slot, k.key, k.bits); got != k.want {
			t.Errorf("slot %d key %d bits %b: covered %t, want %t", k.slot, k.key, k.bits, got, k.want)
		}
	}
	c.add(1, 0, []byte{0b0111, 1}) // takes the first one's place
	if n := len(c.slots[1][0]); n != 1 || c.bytes != coveredBytes+2 {
		t.Errorf("%d sets with %d bytes", n, c.bytes)
	}
	for slot := range types.Slot(6) {
		c.add(slot+2, 0, []byte{1, 1})
	}
	if c.bytes > c.budget || c.covers(1, 0, []byte{1, 1}) || !c.covers(7, 0, []byte{1, 1}) {
		t.Errorf("%d bytes of %d, slots %v", c.bytes, c.budget, len(c.slots))
	}
	c.prune(7)
	if len(c.slots) != 1 || c.bytes != coveredBytes+2 {
		t.Errorf("after pruning %d slots with %d bytes", len(c.slots), c.bytes)
	}
}

func TestValidatorsAreSeenByTheBit(t *testing.T) {
	var s validatorSet
	if s.has(1000) || !s.put(1000, 3) || s.put(3, 1000) || !s.put(3, 4) || !s.has(3) || s.has(5) {
		t.Error("a set of validators has what was not put into it, or lacks what was")
	}
	if !s.hasAll([]types.ValidatorIndex{3, 1000}) || s.hasAll([]types.ValidatorIndex{3, 5}) {
		t.Error("hasAll")
	}
	if got := s.size().Bytes; got != 8*(1000/64+1) {
		t.Errorf("%d bytes for index 1000", got)
	}
}

// Whatever is put in, all caches stay within what is written of them.
func TestSeenIsBounded(t *testing.T) {
	spec := worldOf(t, params.Gloas).spec
	s := NewSeen(spec)
	const many = 1 << 17
	for i := range uint64(many) {
		slot := types.Slot(i / 64)
		root := types.Root{byte(i), byte(i >> 8), byte(i >> 16)}
		s.blocks.put(slot, proposerKey{types.ValidatorIndex(i)}, types.Root{})
		s.NoteColumn(&types.DataColumnSidecar{Index: i}, root, slot, 0)
		s.NotePayload(types.Hash32(root), i)
		s.bids.put(slot, bidKey{branchKey{parentRoot: root}, 1}, 1)
		s.syncMessages.put(slot, syncMessageKey{types.ValidatorIndex(i), 0}, struct{}{})
		s.preferences.put(slot, root, types.ProposerPreferences{})
		s.aggregates.put(1, slot, types.ValidatorIndex(i), aggregateKey{data: root}, make([]byte, 257))
	}
	total := 0
	for _, c := range s.Sizes() {
		total += c.Bytes
	}
	if most := 60 << 20; total > most {
		t.Errorf("%d bytes: %+v, want at most %d", total, s.Sizes(), most)
	}
	s.Prune(many, many)
	for _, c := range s.Sizes() {
		if c.Entries > 0 && c.Name != "execution_payloads" {
			t.Errorf("%s has %d entries after all slots have passed", c.Name, c.Entries)
		}
	}
}

// What still matters survives pruning: a slot back for the present's messages, two epochs for votes, everything after finality for blocks.
func TestPruningKeepsWhatRulesAskFor(t *testing.T) {
	spec := worldOf(t, params.Gloas).spec // 8 slots an epoch
	s := NewSeen(spec)
	s.attesters.put(3, 1)
	s.attesters.put(2, 1)
	s.aggregates.put(3, 24, 1, aggregateKey{}, []byte{3})
	s.syncMessages.put(39, syncMessageKey{1, 0}, struct{}{})
	s.syncMessages.put(38, syncMessageKey{1, 0}, struct{}{})
	s.blocks.put(16, proposerKey{1}, types.Root{})
	s.blocks.put(15, proposerKey{1}, types.Root{})
	s.contributions.put(39, syncMessageKey{1, 0}, contributionKey{}, []byte{1})
	s.bids.put(39, bidKey{}, 1)
	s.Prune(40, 16)
	if !s.attesters.has(3, 1) || s.attesters.has(2, 1) || !s.syncMessages.has(39, syncMessageKey{1, 0}) || s.syncMessages.has(38, syncMessageKey{1, 0}) ||
		!s.blocks.has(16, proposerKey{1}) || s.blocks.has(15, proposerKey{1}) {
		t.Error("pruning took too much or too little")
	}
	if s.aggregates.look(3, 24, 2, aggregateKey{}, []byte{1}) != sameData || s.contributions.look(39, syncMessageKey{1, 0}, contributionKey{}, []byte{2}) != sameSender {
		t.Error("pruning took what was said")
	}
	if got, _ := s.bids.look(39, bidKey{}, 2); got != sameSender {
		t.Error("pruning took a bid")
	}
}

// Spec: is_future_slot, is_within_slot_range (phase0), is_current_or_previous_epoch (deneb), is_past_slot (gloas).
func TestTimeHasADisparityOnBothEnds(t *testing.T) {
	spec := worldOf(t, params.Phase0).spec // 6 seconds a slot, 8 slots an epoch, 500 ms
	const ms = 6000
	for _, c := range []struct {
		name      string
		got, want bool
	}{
		{"future", isFutureSlot(spec, 10, 10*ms-501), true},
		{"not future", isFutureSlot(spec, 10, 10*ms-500), false},
		{"the last slot of all", isFutureSlot(spec, ^types.Slot(0), 10*ms), true},
		{"range begins", isWithinSlotRange(spec, 10, 2, 10*ms-500), true},
		{"range has not begun", isWithinSlotRange(spec, 10, 2, 10*ms-501), false},
		{"range ends", isWithinSlotRange(spec, 10, 2, 13*ms+500), true},
		{"range has ended", isWithinSlotRange(spec, 10, 2, 13*ms+501), false},
		{"endless range", isWithinSlotRange(spec, 10, ^types.Slot(0), 1<<50), true},
		{"next slot", isCurrentOrNextSlot(spec, 11, 10*ms-500), true},
		{"slot after next", isCurrentOrNextSlot(spec, 12, 10*ms), false},
		{"slot zero", isCurrentOrNextSlot(spec, 0, 0), true},
		{"slot zero is over", isCurrentOrNextSlot(spec, 0, 10*ms), false},
		{"previous epoch", isCurrentOrPreviousEpoch(spec, 1, 24*ms+500), true},
		{"epoch before that", isCurrentOrPreviousEpoch(spec, 1, 24*ms+501), false},
		{"epoch to come", isCurrentOrPreviousEpoch(spec, 1, 8*ms-501), false},
		{"the last epoch of all", isCurrentOrPreviousEpoch(spec, ^types.Epoch(0), 8*ms), false},
		{"past", isPastSlot(spec, 10, 10*ms+501), true},
		{"not past", isPastSlot(spec, 10, 10*ms+500), false},
		{"the last slot is not past", isPastSlot(spec, ^types.Slot(0), 1<<60), false},
	} {
		if c.got != c.want {
			t.Errorf("%s: %t, want %t", c.name, c.got, c.want)
		}
	}
}
