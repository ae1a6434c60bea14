package bls

import (
	"fmt"
	"hash/maphash"
	"sync"
)

// KeyCache keeps validators' public keys: which index a key has, and the keys decompressed, since decompressing and
// validating one costs as much as two hundred additions. It holds 96 bytes a key and about 30 bytes of tables, in a
// handful of large allocations; it never forgets a key, for only keys of validators are remembered, and those are paid
// for. With a file it survives restarts (keyfile.go).
//
// Locking: all methods may be called concurrently. Readers share an RWMutex; a key's first use and Add take it for
// writing for a moment, never while decompressing. Flush holds a second mutex, over the file only. The order is disk,
// then mu. Functions handed in (at) are called under the read lock and must not call the cache. Keys handed out are
// immutable and stay valid.
type KeyCache struct {
	seed maphash.Seed // keeps an attacker from choosing keys that collide in the tables

	mu struct {
		sync.RWMutex
		points  pointStore
		bySlot  table    // key to slot in points
		byIndex table    // key to validator index
		hints   []uint32 // by validator index: 1 + the slot of the key last used there, zero if none was
		settled uint64   // the first so many indices have the same key on all branches
	}
	disk keyFile
}

// NewKeyCache makes an empty cache without a file.
func NewKeyCache() *KeyCache { return &KeyCache{seed: maphash.MakeSeed()} }

// KeyAt gives the public key of the validator at an index in some state; false if there is none.
type KeyAt func(index uint64) ([48]byte, bool)

// Lookup finds the validator index of a key in the state that at reads. A registered index only counts if that state's
// validator has the key: branches may give one key different indices.
func (c *KeyCache) Lookup(key [48]byte, at KeyAt) (index uint64, ok bool) {
	hash := c.hash(&key)
	c.mu.RLock()
	defer c.mu.RUnlock()
	v, ok := c.mu.byIndex.find(hash, func(v uint32) bool {
		k, ok := at(uint64(v))
		return ok && k == key
	})
	return uint64(v), ok
}

// Add registers the index of a key in some state. The key is not decompressed. Adding a pair again changes nothing.
// The cache allocates 4 bytes times the index: it must be one of the caller's registry. An index beyond 2^32-2 is an
// error.
func (c *KeyCache) Add(index uint64, key [48]byte) error {
	if index > maxTableValue {
		return fmt.Errorf("validator index %d exceeds %d, the most a key cache holds", index, uint64(maxTableValue))
	}
	hash := c.hash(&key)
	c.mu.Lock()
	defer c.mu.Unlock()
	// Two keys with one hash at one index share the entry: Lookup compares the state's key anyway.
	if _, ok := c.mu.byIndex.find(hash, func(v uint32) bool { return uint64(v) == index }); !ok {
		c.mu.byIndex.insert(hash, uint32(index))
	}
	if missing := int(index) + 1 - len(c.mu.hints); missing > 0 {
		c.mu.hints = append(c.mu.hints, make([]uint32, missing)...)
	}
	if slot, ok := c.findLocked(hash, &key); ok {
		c.mu.hints[index] = slot + 1
	}
	return nil
}

// Settle says that the first n validators are the same in every state that this cache will be asked for from now on, as those of a
// finalized state are. What is known of them is used without asking a state again, which costs more than the use.
func (c *KeyCache) Settle(n uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.settled = max(c.mu.settled, n)
}

// PublicKey is the decompressed key of the validator at an index; its first use decompresses, validates and remembers
// it. The index only speeds the search up.
func (c *KeyCache) PublicKey(index uint64, key [48]byte) (*PublicKey, error) {
	c.mu.RLock()
	slot, hinted, ok := c.slotLocked(index, &key)
	pk := c.mu.points.at(slot, ok)
	c.mu.RUnlock()
	if hinted {
		return pk, nil
	}
	if !ok {
		decoded, err := PublicKeyFromBytes(key[:])
		if err != nil {
			return nil, err
		}
		pk = decoded
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	slot = c.rememberLocked(&key, pk)
	c.hintLocked(index, slot)
	return c.mu.points.at(slot, true), nil
}

// PublicKeyOf is the decompressed key of whoever has no validator index (a deposit, a builder): a remembered one, or
// one decompressed, validated and not remembered, because such keys cost their sender nothing.
func (c *KeyCache) PublicKeyOf(key [48]byte) (*PublicKey, error) {
	hash := c.hash(&key)
	c.mu.RLock()
	slot, ok := c.findLocked(hash, &key)
	pk := c.mu.points.at(slot, ok)
	c.mu.RUnlock()
	if ok {
		return pk, nil
	}
	return PublicKeyFromBytes(key[:])
}

// SumKeys adds up the keys of validators, which at reads from a state: the aggregate key of a committee. Keys not yet
// known are decompressed on all cores and remembered. No indices sum up to infinity; an index without a key and an
// invalid key are errors.
func (c *KeyCache) SumKeys(indices []uint64, at KeyAt) (*PublicKey, error) {
	var s summer
	tile := make([]PublicKey, 0, min(len(indices), summerTile))
	for start := 0; start < len(indices); start += summerTile {
		part := indices[start:min(start+summerTile, len(indices))]
		tile = tile[:0]
		missing, err := c.gather(part, at, &tile)
		if err == nil && len(missing) > 0 {
			if err = c.Build(missing); err == nil {
				tile = tile[:0]
				_, err = c.gather(part, at, &tile)
			}
		}
		if err != nil {
			return nil, err
		}
		s.partial = append(s.partial, sumPoints(tile))
	}
	return s.sum(), nil
}

// gather appends the known keys of validators to out and returns those not known.
func (c *KeyCache) gather(indices []uint64, at KeyAt, out *[]PublicKey) (missing [][48]byte, err error) {
	type hint struct {
		index uint64
		slot  uint32
	}
	var hints []hint
	c.mu.RLock()
	for _, index := range indices {
		if index < c.mu.settled && index < uint64(len(c.mu.hints)) {
			if h := c.mu.hints[index]; h != 0 {
				*out = append(*out, *c.mu.points.at(h-1, true))
				continue
			}
		}
		key, ok := at(index)
		if !ok {
			err = fmt.Errorf("no validator %d to take a public key from", index)
			break
		}
		slot, hinted, ok := c.slotLocked(index, &key)
		if !ok {
			missing = append(missing, key)
			continue
		}
		if !hinted {
			hints = append(hints, hint{index, slot})
		}
		*out = append(*out, *c.mu.points.at(slot, true))
	}
	c.mu.RUnlock()
	if len(hints) > 0 {
		c.mu.Lock()
		for _, h := range hints {
			c.hintLocked(h.index, h.slot)
		}
		c.mu.Unlock()
	}
	return missing, err
}

// Build decompresses, validates and remembers keys on all cores: a whole registry before its first use. An invalid key
// is an error that names its position; the valid ones before it are kept.
func (c *KeyCache) Build(keys [][48]byte) error {
	const wave = 1 << 13 // keys between two updates of the tables
	for start := 0; start < len(keys); start += wave {
		part := keys[start:min(start+wave, len(keys))]
		decoded, errs := make([]*PublicKey, len(part)), make([]error, len(part))
		parallel(len(part), func(i int) { decoded[i], errs[i] = c.PublicKeyOf(part[i]) })
		c.mu.Lock()
		for i := range part {
			if errs[i] != nil {
				c.mu.Unlock()
				return fmt.Errorf("key %d of %d: %w", start+i, len(keys), errs[i])
			}
			c.rememberLocked(&part[i], decoded[i])
		}
		c.mu.Unlock()
	}
	return nil
}

// Len is the number of decompressed keys.
func (c *KeyCache) Len() int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.mu.points.count
}

func (c *KeyCache) hash(key *[48]byte) uint32 { return uint32(maphash.Bytes(c.seed, key[:]) >> 32) }

// slotLocked finds a key's slot, through the hint of the index if that holds.
func (c *KeyCache) slotLocked(index uint64, key *[48]byte) (slot uint32, hinted, ok bool) {
	if index < uint64(len(c.mu.hints)) {
		if h := c.mu.hints[index]; h != 0 && c.mu.points.is(h-1, key) {
			return h - 1, true, true
		}
	}
	slot, ok = c.findLocked(c.hash(key), key)
	return slot, false, ok
}

func (c *KeyCache) findLocked(hash uint32, key *[48]byte) (slot uint32, ok bool) {
	return c.mu.bySlot.find(hash, func(slot uint32) bool { return c.mu.points.is(slot, key) })
}

// rememberLocked gives a decompressed key its slot, unless it has one.
func (c *KeyCache) rememberLocked(key *[48]byte, pk *PublicKey) uint32 {
	hash := c.hash(key)
	slot, ok := c.findLocked(hash, key)
	if !ok {
		slot = c.mu.points.append(pk, key[0]&flagSign != 0)
		c.mu.bySlot.insert(hash, slot)
	}
	return slot
}

func (c *KeyCache) hintLocked(index uint64, slot uint32) {
	if index < uint64(len(c.mu.hints)) {
		c.mu.hints[index] = slot + 1
	}
}

// pointStore is an append-only array of keys in chunks that never move.
type pointStore struct {
	chunks []*pointChunk
	count  int
}

const chunkKeys = 1 << 14

type pointChunk struct {
	keys [chunkKeys]PublicKey
	odd  [chunkKeys / 64]uint64 // bits: y is the larger root
}

func (s *pointStore) append(pk *PublicKey, odd bool) uint32 {
	if s.count > maxTableValue {
		panic(fmt.Sprintf("bls: more than %d keys in a cache", uint64(maxTableValue)))
	}
	at := s.count % chunkKeys
	if at == 0 {
		s.chunks = append(s.chunks, new(pointChunk))
	}
	c := s.chunks[s.count/chunkKeys]
	c.keys[at] = *pk
	if odd {
		c.odd[at/64] |= 1 << (at % 64)
	}
	s.count++
	return uint32(s.count - 1)
}

// at is the key in a slot, nil if there is no slot.
func (s *pointStore) at(slot uint32, ok bool) *PublicKey {
	if !ok {
		return nil
	}
	return &s.chunks[slot/chunkKeys].keys[slot%chunkKeys]
}

// is compares a slot with an encoding, exactly.
func (s *pointStore) is(slot uint32, key *[48]byte) bool {
	c, at := s.chunks[slot/chunkKeys], slot%chunkKeys
	if key[0]&(flagCompressed|flagInfinity) != flagCompressed || (key[0]&flagSign != 0) != (c.odd[at/64]>>(at%64)&1 == 1) {
		return false
	}
	var x element
	x.setBigEndian(key[:])
	x[5] &= 1<<61 - 1 // without flags
	return c.keys[at].x.canonical() == x
}
