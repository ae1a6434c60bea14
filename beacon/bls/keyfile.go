package bls

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// The file of a KeyCache: keyFileMagic, then blocks of
//
//	count    4 bytes, little-endian, 1 to blockKeys
//	keys     count x 96 bytes: x and y, big-endian
//	digest   32 bytes: SHA-256 of the digest before (zeros at first), count and keys
//
// Blocks are only ever appended. A digest covers all blocks before it, so a block that is lost, moved or damaged ends
// the trusted part of the file; what follows is cut off when the file is opened, and its keys are decompressed anew
// when they are needed.
const (
	keyFileMagic = "cresset keys v1\n"
	blockKeys    = 4096
	blockExtra   = 4 + sha256.Size
)

// keyFile is the state of the open file.
type keyFile struct {
	sync.Mutex
	file    *os.File // nil without a file
	size    int64    // of the trusted part
	written int      // keys in it
	dropped int64    // bytes cut off at opening
	digest  [sha256.Size]byte
}

// LoadKeyCache opens the file of a cache, or creates it, and loads its keys without validating them again: what was
// written was valid, and the digests say that it is unchanged. A torn or damaged tail is cut off (Dropped). A file
// that is something else is an error and is left alone. One process may have a file open.
func LoadKeyCache(path string) (*KeyCache, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open key cache: %w", err)
	}
	c := NewKeyCache()
	c.disk.file = file
	if err := c.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("load key cache %s: %w", path, err), file.Close())
	}
	return c, nil
}

// Dropped is the number of bytes cut off when the file was opened: not zero after a crash during Flush, or damage.
func (c *KeyCache) Dropped() int64 { return c.disk.dropped }

func (c *KeyCache) load() error {
	d := &c.disk
	info, err := d.file.Stat()
	if err != nil {
		return err
	}
	head := make([]byte, min(info.Size(), int64(len(keyFileMagic))))
	if _, err := io.ReadFull(d.file, head); err != nil {
		return err
	}
	if !bytes.HasPrefix([]byte(keyFileMagic), head) {
		return fmt.Errorf("it starts with %q, not %q", head, keyFileMagic)
	}
	d.size = int64(len(keyFileMagic))
	if len(head) < len(keyFileMagic) {
		d.dropped = info.Size()
		_, err := d.file.WriteAt([]byte(keyFileMagic), 0)
		return err
	}
	c.mu.bySlot.reserve(int((info.Size() - d.size) / pointSize))
	const wave = 64 // blocks decoded side by side
	for more := true; more; {
		var blocks [][]byte
		for more && len(blocks) < wave {
			block, err := d.readBlock(info.Size())
			if err != nil {
				return err
			}
			if more = block != nil; more {
				blocks = append(blocks, block)
			}
		}
		if err := c.loadBlocks(blocks); err != nil {
			return err
		}
	}
	d.written = c.mu.points.count
	d.dropped = info.Size() - d.size
	if d.dropped > 0 {
		return d.file.Truncate(d.size)
	}
	return nil
}

// readBlock reads the keys of the next block and moves size and digest past it. It returns nil at the end of what can
// be trusted.
func (d *keyFile) readBlock(fileSize int64) ([]byte, error) {
	var count [4]byte
	if fileSize-d.size < blockExtra {
		return nil, nil
	}
	if _, err := io.ReadFull(d.file, count[:]); err != nil {
		return nil, err
	}
	n := int64(binary.LittleEndian.Uint32(count[:]))
	if n == 0 || n > blockKeys || fileSize-d.size < blockExtra+n*pointSize {
		return nil, nil
	}
	block := make([]byte, n*pointSize+sha256.Size)
	if _, err := io.ReadFull(d.file, block); err != nil {
		return nil, err
	}
	keys := block[:n*pointSize]
	digest := d.next(count[:], keys)
	if !bytes.Equal(digest[:], block[len(keys):]) {
		return nil, nil
	}
	d.digest = digest
	d.size += blockExtra + int64(len(keys))
	return keys, nil
}

// next is the digest of a block after those written or read so far.
func (d *keyFile) next(count, keys []byte) (digest [sha256.Size]byte) {
	h := sha256.New()
	h.Write(d.digest[:])
	h.Write(count)
	h.Write(keys)
	h.Sum(digest[:0])
	return digest
}

// loadBlocks decodes blocks on all cores and remembers their keys in order.
func (c *KeyCache) loadBlocks(blocks [][]byte) error {
	type loaded struct {
		err    error
		points []PublicKey
		odd    []bool
		hashes []uint32
	}
	out := make([]loaded, len(blocks))
	parallel(len(blocks), func(i int) {
		n := len(blocks[i]) / pointSize
		l := loaded{points: make([]PublicKey, n), odd: make([]bool, n), hashes: make([]uint32, n)}
		if got := decodePoints(l.points, blocks[i]); got != n {
			l.err = fmt.Errorf("key %d of a block with a valid digest has a coordinate that is not below the modulus", got)
		}
		for k := range n {
			record := blocks[i][k*pointSize:]
			var y element
			y.setBigEndian(record[48:96])
			l.odd[k] = halfModulus.less(&y)
			key := [48]byte(record)
			key[0] |= flagCompressed
			if l.odd[k] {
				key[0] |= flagSign
			}
			l.hashes[k] = c.hash(&key)
		}
		out[i] = l
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range out {
		if l.err != nil {
			return l.err
		}
		for k := range l.points {
			c.mu.bySlot.insert(l.hashes[k], c.mu.points.append(&l.points[k], l.odd[k]))
		}
	}
	return nil
}

// Flush appends the keys remembered since the last one to the file and syncs it. Without a file it does nothing. After
// an error the file is as before, and the next Flush tries again.
func (c *KeyCache) Flush() error {
	d := &c.disk
	d.Lock()
	defer d.Unlock()
	if d.file == nil || d.written == c.Len() {
		return nil
	}
	for d.written < c.Len() {
		block := c.encodeBlock(d.written)
		n := len(block) / pointSize
		digest := d.next(block[:4], block[4:])
		block = append(block, digest[:]...)
		if _, err := d.file.WriteAt(block, d.size); err != nil {
			return errors.Join(fmt.Errorf("append to key cache: %w", err), d.file.Truncate(d.size))
		}
		d.size += int64(len(block))
		d.digest = digest
		d.written += n
	}
	if err := d.file.Sync(); err != nil {
		return fmt.Errorf("sync key cache: %w", err)
	}
	return nil
}

// encodeBlock is count and keys of the block that starts with the key in a slot.
func (c *KeyCache) encodeBlock(slot int) []byte {
	c.mu.RLock()
	defer c.mu.RUnlock()
	n := min(c.mu.points.count-slot, blockKeys)
	block := make([]byte, 4+n*pointSize, blockExtra+n*pointSize)
	binary.LittleEndian.PutUint32(block, uint32(n))
	for k := range n {
		pk := c.mu.points.at(uint32(slot+k), true)
		x, y := pk.x.canonical(), pk.y.canonical()
		x.putBigEndian(block[4+k*pointSize:])
		y.putBigEndian(block[4+k*pointSize+48:])
	}
	return block
}

// Close flushes and closes the file. The cache can still be read afterwards.
func (c *KeyCache) Close() error {
	err := c.Flush()
	c.disk.Lock()
	defer c.disk.Unlock()
	if c.disk.file == nil {
		return err
	}
	err = errors.Join(err, c.disk.file.Close())
	c.disk.file = nil
	return err
}
