package bls

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
)

// keyFileOf writes the file of a cache, one block for each part.
func keyFileOf(t testing.TB, parts ...registry) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keys")
	c, err := LoadKeyCache(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range parts {
		if err := c.Build(p); err != nil {
			t.Fatal(err)
		}
		if err := c.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// blockStarts are the offsets of the blocks of a key cache file.
func blockStarts(file []byte) (starts []int) {
	for at := len(keyFileMagic); at < len(file); {
		starts = append(starts, at)
		at += blockExtra + pointSize*int(binary.LittleEndian.Uint32(file[at:]))
	}
	return starts
}

func openKeys(t testing.TB, path string) *KeyCache {
	t.Helper()
	c, err := LoadKeyCache(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// holds checks that a cache holds exactly the given keys, in this order and with the right points.
func holds(t testing.TB, c *KeyCache, want registry) {
	t.Helper()
	if c.Len() != len(want) {
		t.Errorf("cache holds %d keys, want %d", c.Len(), len(want))
		return
	}
	for i, k := range want {
		pk := c.mu.points.at(uint32(i), true)
		if pk.Bytes() != k {
			t.Errorf("slot %d holds %x, want %x", i, pk.Bytes(), k)
		}
		if found, err := c.PublicKeyOf(k); err != nil || found != pk {
			t.Errorf("key %x: found %p, %v, want %p", k, found, err, pk)
		}
	}
}

func TestKeysSurviveARestart(t *testing.T) {
	r := encoded(t, 300)
	path := keyFileOf(t, r[:100], r[100:101], r[101:250])
	c := openKeys(t, path)
	holds(t, c, r[:250])
	if c.Dropped() != 0 {
		t.Errorf("%d bytes dropped of an intact file", c.Dropped())
	}
	if err := c.Build(r); err != nil {
		t.Fatal(err)
	}
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	holds(t, openKeys(t, path), r)
}

func TestLoadingFillsWholeBlocksAndChunks(t *testing.T) {
	keys := progression(t, chunkKeys+blockKeys+10)
	path := filepath.Join(t.TempDir(), "keys")
	c, err := LoadKeyCache(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range keys { // as Build would, without decompressing
		k := keys[i].Bytes()
		c.rememberLocked(&k, &keys[i])
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	back := openKeys(t, path)
	if back.Len() != len(keys) {
		t.Fatalf("%d keys, want %d", back.Len(), len(keys))
	}
	for i := range keys {
		if pk := back.mu.points.at(uint32(i), true); *pk != keys[i] {
			t.Fatalf("key %d differs", i)
		}
	}
}

func TestTornTailIsCutOff(t *testing.T) {
	r := encoded(t, 30)
	path := keyFileOf(t, r[:10], r[10:20], r[20:30])
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	starts := blockStarts(whole)
	for size := range len(whole) {
		if err := os.WriteFile(path, whole[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		kept, trusted := 0, len(keyFileMagic)
		for i, at := range append(starts[1:], len(whole)) {
			if size >= at {
				kept, trusted = 10*(i+1), at
			}
		}
		c, err := LoadKeyCache(path)
		if err != nil {
			t.Fatalf("cut to %d bytes: %v", size, err)
		}
		if c.Len() != kept {
			t.Fatalf("cut to %d bytes: %d keys, want %d", size, c.Len(), kept)
		}
		if want := int64(max(0, size-trusted)); size >= len(keyFileMagic) && c.Dropped() != want {
			t.Fatalf("cut to %d bytes: %d dropped, want %d", size, c.Dropped(), want)
		}
		if size%97 == 0 { // what is missing is rebuilt, and the file is whole again
			if err := c.Build(r); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if size%97 == 0 {
			again := openKeys(t, path)
			holds(t, again, r)
			if again.Dropped() != 0 {
				t.Errorf("cut to %d bytes and rebuilt: still %d bytes dropped", size, again.Dropped())
			}
		}
	}
}

func TestDamageEndsTheTrustedPart(t *testing.T) {
	r := encoded(t, 30)
	path := keyFileOf(t, r[:10], r[10:20], r[20:30])
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	starts := blockStarts(whole)
	for at := starts[0]; at < len(whole); at += 13 {
		for _, flip := range []byte{0x01, 0x80, 0xff} {
			bad := bytes.Clone(whole)
			bad[at] ^= flip
			if err := os.WriteFile(path, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			block := 0
			for block+1 < len(starts) && at >= starts[block+1] {
				block++
			}
			c, err := LoadKeyCache(path)
			if err != nil {
				t.Fatal(err)
			}
			holds(t, c, r[:10*block])
			if want := int64(len(whole) - starts[block]); c.Dropped() != want {
				t.Errorf("byte %d: %d bytes dropped, want %d", at, c.Dropped(), want)
			}
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
			if info, err := os.Stat(path); err != nil || info.Size() != int64(starts[block]) {
				t.Errorf("byte %d: file has %d bytes after opening, want %d", at, info.Size(), starts[block])
			}
		}
	}
}

// Each block is intact by itself: only the chain of digests shows that one is lost or moved.
func TestLostAndMovedBlocksAreNoticed(t *testing.T) {
	r := encoded(t, 30)
	path := keyFileOf(t, r[:10], r[10:20], r[20:30])
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s := append(blockStarts(whole), len(whole))
	part := func(i int) []byte { return whole[s[i]:s[i+1]] }
	for name, c := range map[string]struct {
		file []byte
		kept int
	}{
		"second lost":               {bytes.Join([][]byte{whole[:s[1]], part(2)}, nil), 10},
		"first lost":                {bytes.Join([][]byte{whole[:s[0]], part(1), part(2)}, nil), 0},
		"second and third swapped":  {bytes.Join([][]byte{whole[:s[1]], part(2), part(1)}, nil), 10},
		"second twice":              {bytes.Join([][]byte{whole[:s[2]], part(1)}, nil), 20},
		"zeros after the last":      {append(bytes.Clone(whole), make([]byte, 4096)...), 30},
		"huge count after the last": {append(bytes.Clone(whole), bytes.Repeat([]byte{0xff}, 40)...), 30},
	} {
		if err := os.WriteFile(path, c.file, 0o600); err != nil {
			t.Fatal(err)
		}
		cache, err := LoadKeyCache(path)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if cache.Len() != c.kept {
			t.Errorf("%s: %d keys, want %d", name, cache.Len(), c.kept)
		}
		if err := cache.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestAForeignFileIsLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	foreign := []byte("somebody's thesis, the only copy of it")
	if err := os.WriteFile(path, foreign, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadKeyCache(path); err == nil {
		t.Error("accepted")
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, foreign) {
		t.Errorf("changed to %q, %v", after, err)
	}
}

func TestFlushFailureKeepsTheKeysForTheNext(t *testing.T) {
	r := encoded(t, 20)
	path := keyFileOf(t, r[:10])
	c, err := LoadKeyCache(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Build(r); err != nil {
		t.Fatal(err)
	}
	writable := c.disk.file
	readOnly, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	c.disk.file = readOnly
	if err := c.Flush(); err == nil {
		t.Error("flush to a file that cannot be written succeeds")
	}
	if err := readOnly.Close(); err != nil {
		t.Fatal(err)
	}
	c.disk.file = writable
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.Flush(); err != nil {
		t.Errorf("flush after close: %v", err)
	}
	holds(t, openKeys(t, path), r)
}

func TestCacheWithoutAFile(t *testing.T) {
	c := NewKeyCache()
	if err := c.Build(encoded(t, 2)); err != nil {
		t.Fatal(err)
	}
	if err := c.Flush(); err != nil {
		t.Error(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

func FuzzKeyFile(f *testing.F) {
	whole, err := os.ReadFile(keyFileOf(f, encoded(f, 5), encoded(f, 9)))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)-1])
	f.Add([]byte(keyFileMagic))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, file []byte) {
		path := filepath.Join(t.TempDir(), "keys")
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := LoadKeyCache(path)
		if err != nil {
			return
		}
		n := c.Len()
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		again, err := LoadKeyCache(path)
		if err != nil || again.Len() != n || again.Dropped() != 0 {
			t.Fatalf("opened again: %d keys (%d before), %d dropped, %v", again.Len(), n, again.Dropped(), err)
		}
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
	})
}
