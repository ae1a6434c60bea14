package plist

import "testing"

func TestSharedMemoryCountsOnce(t *testing.T) {
	var a Packed[uint64]
	for i := range 3 * branchChunks * 4 {
		a.Append(uint64(i))
	}
	a.Rehash()
	alone := a.Footprint(Seen{})
	if values := a.Len() * 8; alone < values || alone > 2*values {
		t.Fatalf("%d bytes for %d bytes of values", alone, values)
	}
	b := a.Copy()
	seen := Seen{}
	if got := a.Footprint(seen); got != alone {
		t.Errorf("counted again: %d bytes, before %d", got, alone)
	}
	if got := b.Footprint(seen); got > 100 {
		t.Errorf("a copy adds %d bytes, want only its table", got)
	}
	b.Set(5, 7)
	changed := b.Footprint(Seen{})
	seen = Seen{}
	a.Footprint(seen)
	if got := b.Footprint(seen); got < pageChunks*32 || got > 10_000 {
		t.Errorf("one changed element adds %d bytes, want a page and a branch", got)
	}
	if changed != alone {
		t.Errorf("alone the changed copy has %d bytes, want %d", changed, alone)
	}
}
