package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sync/errgroup"
)

// A value too large for one record is cut into chunks of 1 MiB, each a record of its own, compressed by itself so that several cores
// work on them. The head record has the number of bytes and a checksum over the checksums of the chunks; a chunk is bound to its place by
// its key.
const chunkBytes = 1 << 20

// series is where a chunked value lies.
type series struct {
	chunks *kind
	rest   []byte // of the keys, between prefix and chunk number
	owner  string // in words
}

func (c series) key(n int) []byte { return c.chunks.chunk(c.rest, n) }

// bounds is the range of all chunks' keys.
func (c series) bounds() (from, to []byte) {
	prefix := append(c.chunks.at(), c.rest...)
	return prefix, after(prefix)
}

// lengths is what a head has to say of the chunks.
type lengths struct {
	bytes uint64 // of the value
	sum   uint32 // over the chunks' checksums
}

const lengthsBytes = 12

func (l lengths) append(dst []byte) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64(dst, l.bytes), l.sum)
}

func lengthsOf(b []byte) lengths {
	return lengths{binary.BigEndian.Uint64(b), binary.BigEndian.Uint32(b[8:])}
}

func (l lengths) chunks() int { return int((l.bytes + chunkBytes - 1) / chunkBytes) }

// putChunks replaces a chunked value.
func (b *Batch) putChunks(c series, value []byte) (lengths, error) {
	from, to := c.bounds()
	if err := b.deleteRange(c.chunks, from, to); err != nil {
		return lengths{}, err
	}
	l := lengths{bytes: uint64(len(value))}
	records := make([][]byte, l.chunks())
	var work errgroup.Group
	work.SetLimit(runtime.GOMAXPROCS(0))
	for i := range records {
		work.Go(func() error {
			records[i] = b.s.packer.pack(c.key(i), value[i*chunkBytes:min((i+1)*chunkBytes, len(value))])
			return nil
		})
	}
	_ = work.Wait() // none fails
	for i, record := range records {
		if err := b.set(c.chunks, c.key(i), record); err != nil {
			return lengths{}, err
		}
		l.sum = checksum(binary.BigEndian.AppendUint32(nil, l.sum), record[len(record)-sumBytes:])
	}
	return l, nil
}

// readChunks reads a chunked value of at most limit bytes.
func (s *Store) readChunks(c series, l lengths, limit uint64) ([]byte, error) {
	if l.bytes > limit {
		return nil, &DamagedError{c.owner, fmt.Errorf("%d bytes, at most %d are allowed", l.bytes, limit)}
	}
	// The chunks are looked for before memory is taken for all of them.
	if err := s.countChunks(c, l); err != nil {
		return nil, err
	}
	value, sums := make([]byte, l.bytes), make([]byte, sumBytes*l.chunks())
	var work errgroup.Group
	work.SetLimit(runtime.GOMAXPROCS(0))
	for i := range l.chunks() {
		work.Go(func() error {
			return s.readChunk(c, i, value[i*chunkBytes:min((i+1)*chunkBytes, len(value))], sums[i*sumBytes:][:sumBytes])
		})
	}
	if err := work.Wait(); err != nil {
		return nil, err
	}
	var sum uint32
	for i := range l.chunks() {
		sum = checksum(binary.BigEndian.AppendUint32(nil, sum), sums[i*sumBytes:][:sumBytes])
	}
	if sum != l.sum {
		return nil, &DamagedError{c.owner, fmt.Errorf("chunks do not belong together: %w: %#08x, head says %#08x", errChecksum, sum, l.sum)}
	}
	return value, nil
}

func (s *Store) countChunks(c series, l lengths) error {
	if n := l.chunks(); n > 0 {
		ok, err := s.db.Has(c.key(n - 1))
		if err != nil {
			return err
		}
		if !ok {
			return &DamagedError{c.owner, fmt.Errorf("%s is missing", describe(c.key(n-1)))}
		}
	}
	return nil
}

// readChunk reads a chunk into its place, and its checksum.
func (s *Store) readChunk(c series, i int, dst, sum []byte) error {
	key := c.key(i)
	err := s.db.View(key, func(record []byte) error {
		out, err := s.packer.openTo(dst[:0:len(dst)], key, record, chunkBytes)
		if err == nil && len(out) != len(dst) {
			err = fmt.Errorf("%d bytes, want %d", len(out), len(dst))
		}
		if err != nil {
			return &DamagedError{describe(key), err}
		}
		copy(sum, record[len(record)-sumBytes:])
		return nil
	})
	if errors.Is(err, ErrNotFound) {
		return &DamagedError{c.owner, fmt.Errorf("%s is missing", describe(key))}
	}
	return err
}
