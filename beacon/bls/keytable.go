package bls

// table is an open-addressed hash table from 32-bit hashes to 32-bit values, all in one slice. One hash can have
// several values; which one is meant, the caller decides by comparing what the values stand for. Entries are never
// removed.
type table struct {
	entries []uint64 // hash in the upper half, value+1 in the lower; zero is free; the length is zero or a power of two
	used    int
	shift   uint // a hash's place is hash >> shift
}

const tableSmallest = 1 << 8

// maxTableValue is the largest value that a table holds.
const maxTableValue = 1<<32 - 2

// find returns the first value under the hash that match accepts.
func (t *table) find(hash uint32, match func(value uint32) bool) (uint32, bool) {
	if t.used == 0 {
		return 0, false
	}
	mask := uint32(len(t.entries) - 1)
	for i := hash >> t.shift; ; i = (i + 1) & mask {
		e := t.entries[i]
		if e == 0 {
			return 0, false
		}
		if uint32(e>>32) == hash && match(uint32(e)-1) {
			return uint32(e) - 1, true
		}
	}
}

// insert adds a value, at most maxTableValue, under a hash.
func (t *table) insert(hash, value uint32) {
	t.reserve(t.used + 1)
	t.place(uint64(hash)<<32 | uint64(value+1))
	t.used++
}

// reserve makes room for n entries at a load of at most three quarters.
func (t *table) reserve(n int) {
	if 4*n <= 3*len(t.entries) {
		return
	}
	size := max(tableSmallest, len(t.entries))
	for 4*n > 3*size {
		size *= 2
	}
	old := t.entries
	t.entries, t.shift = make([]uint64, size), 32
	for s := size; s > 1; s /= 2 {
		t.shift--
	}
	for _, e := range old {
		if e != 0 {
			t.place(e)
		}
	}
}

func (t *table) place(e uint64) {
	mask := uint32(len(t.entries) - 1)
	i := uint32(e>>32) >> t.shift
	for t.entries[i] != 0 {
		i = (i + 1) & mask
	}
	t.entries[i] = e
}
