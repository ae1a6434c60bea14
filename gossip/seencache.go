package gossip

import (
	"sync"

	"github.com/cresset/cresset/beacon/types"
)

// window is a set of keys with values, by the slot that they are of. It holds so many at most; when it is full the oldest slot goes, and
// what was of it counts as never seen.
type window[K comparable, V any] struct {
	name  string
	most  int // entries
	bytes int // about, of an entry

	mu struct {
		sync.Mutex
		slots map[types.Slot]map[K]V
		count int
	}
}

func newWindow[K comparable, V any](name string, most, bytes int) *window[K, V] {
	w := &window[K, V]{name: name, most: most, bytes: bytes}
	w.mu.slots = map[types.Slot]map[K]V{}
	return w
}

func (w *window[K, V]) get(slot types.Slot, k K) (V, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	v, ok := w.mu.slots[slot][k]
	return v, ok
}

func (w *window[K, V]) has(slot types.Slot, k K) bool {
	_, ok := w.get(slot, k)
	return ok
}

// find is get of a key whose slot is not known.
func (w *window[K, V]) find(k K) (V, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, keys := range w.mu.slots {
		if v, ok := keys[k]; ok {
			return v, true
		}
	}
	var none V
	return none, false
}

// put adds a key, unless it is there: false then.
func (w *window[K, V]) put(slot types.Slot, k K, v V) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, ok := w.mu.slots[slot][k]; ok {
		return false
	}
	for w.mu.count >= w.most {
		w.dropOldestLocked()
	}
	if w.mu.slots[slot] == nil {
		w.mu.slots[slot] = map[K]V{}
	}
	w.mu.slots[slot][k] = v
	w.mu.count++
	return true
}

func (w *window[K, V]) dropOldestLocked() {
	oldest, first := types.Slot(0), true
	for slot := range w.mu.slots {
		if first || slot < oldest {
			oldest, first = slot, false
		}
	}
	w.mu.count -= len(w.mu.slots[oldest])
	delete(w.mu.slots, oldest)
}

// prune forgets all slots before one.
func (w *window[K, V]) prune(before types.Slot) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for slot, keys := range w.mu.slots {
		if slot < before {
			w.mu.count -= len(keys)
			delete(w.mu.slots, slot)
		}
	}
}

func (w *window[K, V]) size() CacheSize {
	w.mu.Lock()
	defer w.mu.Unlock()
	return CacheSize{w.name, w.mu.count, w.mu.count * w.bytes}
}

// bitset is a set of validators. It grows to the largest index put into it, which is one of the registry.
type bitset []uint64

func (b bitset) has(i types.ValidatorIndex) bool {
	return uint64(i)/64 < uint64(len(b)) && b[i/64]>>(i%64)&1 == 1
}

func (b *bitset) add(i types.ValidatorIndex) {
	if missing := int(i/64) + 1 - len(*b); missing > 0 {
		*b = append(*b, make(bitset, missing)...)
	}
	(*b)[i/64] |= 1 << (i % 64)
}

// validatorSet is the validators of which an operation was seen, a bit each. It is never pruned: once an operation is in the chain a
// late copy breaks other rules, and would be held against honest peers.
type validatorSet struct {
	name string

	mu struct {
		sync.Mutex
		bits bitset
	}
}

func (s *validatorSet) has(i types.ValidatorIndex) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.bits.has(i)
}

// hasAll tells whether all of them are in the set.
func (s *validatorSet) hasAll(all []types.ValidatorIndex) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range all {
		if !s.mu.bits.has(i) {
			return false
		}
	}
	return true
}

// put adds validators; false if all of them are there already.
func (s *validatorSet) put(all ...types.ValidatorIndex) (added bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range all {
		if !s.mu.bits.has(i) {
			s.mu.bits.add(i)
			added = true
		}
	}
	return added
}

func (s *validatorSet) size() CacheSize {
	s.mu.Lock()
	defer s.mu.Unlock()
	return CacheSize{s.name, len(s.mu.bits) * 64, len(s.mu.bits) * 8}
}

// epochVoters is the validators that did something in an epoch, a bit each.
type epochVoters map[types.Epoch]*bitset

func (e epochVoters) has(epoch types.Epoch, i types.ValidatorIndex) bool {
	return e[epoch] != nil && e[epoch].has(i)
}

func (e epochVoters) add(epoch types.Epoch, i types.ValidatorIndex) {
	if e[epoch] == nil {
		e[epoch] = new(bitset)
	}
	e[epoch].add(i)
}

func (e epochVoters) prune(before types.Epoch) {
	for epoch := range e {
		if epoch < before {
			delete(e, epoch)
		}
	}
}

func (e epochVoters) bytes() (n int) {
	for _, bits := range e {
		n += 8 * len(*bits)
	}
	return n
}

// covered is which members of a committee are known to have said a thing: for each key the bit sets that no other one of the key
// contains. It holds so many bytes at most; when it is full the oldest slot goes. Whoever holds it locks it.
type covered[K comparable] struct {
	budget int
	bytes  int
	slots  map[types.Slot]map[K][][]byte
}

// coveredBytes is about what a bit set costs besides its bits.
const coveredBytes = 96

// covers tells whether a bit set of the key has all those bits. Spec: is_non_strict_superset (phase0).
func (c *covered[K]) covers(slot types.Slot, k K, bits []byte) bool {
	for _, prior := range c.slots[slot][k] {
		if contains(prior, bits) {
			return true
		}
	}
	return false
}

// contains tells whether every bit of the second set is in the first; sets of different committees are not comparable.
func contains(prior, bits []byte) bool {
	if len(prior) != len(bits) {
		return false
	}
	for i := range bits {
		if bits[i]&^prior[i] != 0 {
			return false
		}
	}
	return true
}

func (c *covered[K]) add(slot types.Slot, k K, bits []byte) {
	kept := c.slots[slot][k][:0:0]
	for _, prior := range c.slots[slot][k] {
		if contains(bits, prior) {
			c.bytes -= coveredBytes + len(prior)
			continue
		}
		kept = append(kept, prior)
	}
	c.bytes += coveredBytes + len(bits)
	if c.slots[slot] == nil {
		c.slots[slot] = map[K][][]byte{}
	}
	c.slots[slot][k] = append(kept, bits)
	for c.bytes > c.budget {
		oldest := slot
		for s := range c.slots {
			oldest = min(oldest, s)
		}
		c.drop(oldest)
	}
}

func (c *covered[K]) drop(slot types.Slot) {
	for _, sets := range c.slots[slot] {
		for _, bits := range sets {
			c.bytes -= coveredBytes + len(bits)
		}
	}
	delete(c.slots, slot)
}

func (c *covered[K]) prune(before types.Slot) {
	for slot := range c.slots {
		if slot < before {
			c.drop(slot)
		}
	}
}
