package bls

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// registry is a state's list of keys.
type registry [][48]byte

func (r registry) at(index uint64) ([48]byte, bool) {
	if index >= uint64(len(r)) {
		return [48]byte{}, false
	}
	return r[index], true
}

// encoded are the encodings of 1*G, 2*G, ...
func encoded(t testing.TB, n int) registry {
	keys := progression(t, n)
	out := make(registry, n)
	for i := range keys {
		out[i] = keys[i].Bytes()
	}
	return out
}

func addAll(t testing.TB, c *KeyCache, r registry) {
	t.Helper()
	for i, k := range r {
		if err := c.Add(uint64(i), k); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLookupFindsEveryIndex(t *testing.T) {
	r := encoded(t, 3000)
	c := NewKeyCache()
	if _, ok := c.Lookup(r[0], r.at); ok {
		t.Error("the empty cache finds a key")
	}
	addAll(t, c, r[:2000])
	addAll(t, c, r[:2000]) // again: changes nothing
	if c.mu.byIndex.used != 2000 {
		t.Errorf("%d entries for 2000 keys", c.mu.byIndex.used)
	}
	for i, k := range r {
		index, ok := c.Lookup(k, r.at)
		if ok != (i < 2000) || ok && index != uint64(i) {
			t.Errorf("key %d: %d, %v", i, index, ok)
		}
	}
}

func TestLookupCountsOnlyWhatTheStateHas(t *testing.T) {
	r := encoded(t, 10)
	fork := append(registry{}, r...)
	fork[8], fork[9] = r[9], r[8] // deposits in another order on another branch
	c := NewKeyCache()
	addAll(t, c, r)
	if _, ok := c.Lookup(r[9], fork.at); ok {
		t.Error("a key is found where the state has another")
	}
	if _, ok := c.Lookup(r[9], r[:9].at); ok {
		t.Error("a key is found beyond the end of the state's registry")
	}
	addAll(t, c, fork)
	for i := range r {
		for name, state := range map[string]registry{"one branch": r, "the other": fork} {
			if got, ok := c.Lookup(state[i], state.at); !ok || got != uint64(i) {
				t.Errorf("%s: key %d found at %d, %v", name, i, got, ok)
			}
		}
	}
}

func TestAddRefusesAnIndexBeyondItsRange(t *testing.T) {
	if err := NewKeyCache().Add(maxTableValue+1, encoded(t, 1)[0]); err == nil {
		t.Error("accepted")
	}
}

func TestPublicKeyIsDecompressedOnce(t *testing.T) {
	r, points := encoded(t, 3), progression(t, 3)
	c := NewKeyCache()
	addAll(t, c, r)
	first, err := c.PublicKey(1, r[1])
	if err != nil || *first != points[1] {
		t.Fatalf("key 1: %v, %v", first, err)
	}
	for _, index := range []uint64{1, 0, 2, 1 << 40} { // the index is a hint, no more
		again, err := c.PublicKey(index, r[1])
		if err != nil || again != first {
			t.Errorf("key 1 asked for with index %d: %p, %v, want %p", index, again, err, first)
		}
	}
	if again, err := c.PublicKeyOf(r[1]); err != nil || again != first {
		t.Errorf("key 1 without index: %p, %v, want %p", again, err, first)
	}
	if c.Len() != 1 {
		t.Errorf("%d keys remembered, want 1", c.Len())
	}
}

func TestPublicKeyOfForgets(t *testing.T) {
	r, points := encoded(t, 1), progression(t, 1)
	c := NewKeyCache()
	if pk, err := c.PublicKeyOf(r[0]); err != nil || *pk != points[0] || c.Len() != 0 {
		t.Errorf("%v, %v, %d remembered", pk, err, c.Len())
	}
}

// The opposite of a key has the same x: only the sign in the encoding tells them apart.
func TestCacheTellsOppositeKeysApart(t *testing.T) {
	r, points := encoded(t, 1), progression(t, 1)
	opposite := points[0].negated()
	c := NewKeyCache()
	for range 2 {
		for _, want := range []*PublicKey{&points[0], &opposite} {
			if pk, err := c.PublicKey(0, want.Bytes()); err != nil || *pk != *want {
				t.Errorf("asked for %x, got %x, %v", want.Bytes(), pk.Bytes(), err)
			}
		}
	}
	for _, flags := range []byte{0x00, 0x40, 0xc0} {
		key := r[0]
		key[0] = key[0]&0x1f | flags
		if pk, err := c.PublicKey(0, key); err == nil {
			t.Errorf("flags %#x: accepted as %x", flags, pk.Bytes())
		}
	}
}

func TestCacheRefusesInvalidKeys(t *testing.T) {
	c := NewKeyCache()
	if _, err := c.PublicKey(0, infinityKey()); !errors.Is(err, ErrInfinity) {
		t.Errorf("infinity: %v", err)
	}
	r := encoded(t, 3)
	r = append(r, infinityKey())
	if err := c.Build(r); !errors.Is(err, ErrInfinity) {
		t.Errorf("build: %v", err)
	}
	if _, err := c.SumKeys([]uint64{0, 3}, r.at); !errors.Is(err, ErrInfinity) {
		t.Errorf("sum with an infinite key: %v", err)
	}
	if _, err := c.SumKeys([]uint64{0, 4}, r.at); err == nil {
		t.Error("sum over an index that the registry lacks")
	}
	if c.Len() != 3 {
		t.Errorf("%d keys remembered, want the 3 valid ones", c.Len())
	}
}

func TestSumKeysOfACommittee(t *testing.T) {
	const n = 2*summerTile + 100
	r := encoded(t, n)
	indices := make([]uint64, n)
	for i := range indices {
		indices[i] = uint64((i * 37) % n)
	}
	c := NewKeyCache()
	addAll(t, c, r)
	half := indices[:summerTile]
	var sum uint64
	for _, i := range half {
		sum += i + 1
	}
	for _, pass := range []string{"cold", "warm"} {
		if got, err := c.SumKeys(half, r.at); err != nil || *got != *secret(t, sum).PublicKey() {
			t.Errorf("%s: %v, %v", pass, got, err)
		}
	}
	if err := c.Build(r); err != nil {
		t.Fatal(err)
	}
	if got, err := c.SumKeys(indices, r.at); err != nil || *got != *secret(t, n*(n+1)/2).PublicKey() {
		t.Errorf("all: %v, %v", got, err)
	}
	if got, err := c.SumKeys(nil, r.at); err != nil || !got.IsInfinity() {
		t.Errorf("none: %v, %v", got, err)
	}
}

// What is known of validators that are the same in all states is used without asking a state; the others are asked for.
func TestSumKeysOfSettledValidators(t *testing.T) {
	r := encoded(t, 10)
	c := NewKeyCache()
	addAll(t, c, r)
	indices := []uint64{0, 3, 7, 9}
	var asked []uint64
	at := func(i uint64) ([48]byte, bool) {
		asked = append(asked, i)
		return r.at(i)
	}
	want := secret(t, 1+4+8+10).PublicKey()
	c.Settle(8)
	c.Settle(5) // never less again
	for _, pass := range []struct {
		name  string
		asked []uint64
	}{{"keys not known", []uint64{0, 3, 7, 9, 0, 3, 7, 9}}, {"keys known", []uint64{9}}} {
		asked = nil
		if got, err := c.SumKeys(indices, at); err != nil || *got != *want {
			t.Errorf("%s: %v, %v", pass.name, got, err)
		}
		if !slices.Equal(asked, pass.asked) {
			t.Errorf("%s: the state was asked for %v, want %v", pass.name, asked, pass.asked)
		}
	}
}

func TestBuildKeepsOrderAndRepeats(t *testing.T) {
	r := encoded(t, 100)
	c := NewKeyCache()
	if err := c.Build(append(append(registry{}, r...), r...)); err != nil {
		t.Fatal(err)
	}
	if c.Len() != len(r) {
		t.Errorf("%d keys, want %d", c.Len(), len(r))
	}
}

func TestTable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Few hashes at both ends of the range: long runs that wrap around.
		hashes := rapid.SliceOf(rapid.SampledFrom([]uint32{0, 1, 2, 1<<32 - 1, 1<<32 - 2, 1 << 31, 12345})).Draw(t, "hashes")
		var tab table
		for i, h := range hashes {
			tab.insert(h, uint32(i))
		}
		for i, h := range hashes {
			if v, ok := tab.find(h, func(v uint32) bool { return v == uint32(i) }); !ok || v != uint32(i) {
				t.Fatalf("value %d under %#x is lost", i, h)
			}
			if _, ok := tab.find(h, func(v uint32) bool { return hashes[v] != h }); ok {
				t.Fatalf("a value under %#x has another hash", h)
			}
		}
		if _, ok := tab.find(777, func(uint32) bool { return true }); ok {
			t.Fatal("a hash never inserted is found")
		}
	})
}

func TestTableGrows(t *testing.T) {
	var tab table
	const n = 100_000
	hash := func(i uint32) uint32 { return i * 2654435761 }
	for i := range uint32(n) {
		tab.insert(hash(i), i)
	}
	for i := range uint32(n) {
		if _, ok := tab.find(hash(i), func(v uint32) bool { return v == i }); !ok {
			t.Fatalf("value %d is lost", i)
		}
	}
	if load := float64(tab.used) / float64(len(tab.entries)); load > 0.75 || load < 0.3 {
		t.Errorf("load %.2f", load)
	}
}

// Readers, first uses, registrations and flushes at once, for the race detector.
func TestCacheIsConcurrent(t *testing.T) {
	const n = 400
	r, points := encoded(t, n), progression(t, n)
	c, err := LoadKeyCache(t.TempDir() + "/keys")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	fail := make(chan error, 100)
	for w := range 4 {
		wg.Go(func() {
			for i := range n {
				i = (i*7 + w*100) % n
				if pk, err := c.PublicKey(uint64(i), r[i]); err != nil || *pk != points[i] {
					fail <- fmt.Errorf("key %d: %v, %v", i, pk, err)
					return
				}
				if index, ok := c.Lookup(r[i], r.at); ok && index != uint64(i) {
					fail <- fmt.Errorf("key %d found at %d", i, index)
					return
				}
				if i%50 == 0 {
					if _, err := c.SumKeys([]uint64{uint64(i), 0, 1}, r.at); err != nil {
						fail <- err
						return
					}
				}
			}
		})
	}
	wg.Go(func() {
		for i, k := range r {
			if err := c.Add(uint64(i), k); err != nil {
				fail <- err
			}
			if i%100 == 0 {
				if err := c.Flush(); err != nil {
					fail <- err
				}
			}
		}
	})
	wg.Wait()
	close(fail)
	for err := range fail {
		t.Error(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if c.Len() != n {
		t.Errorf("%d keys, want %d", c.Len(), n)
	}
}
