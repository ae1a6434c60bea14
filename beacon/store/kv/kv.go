package kv

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"os"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/sstable"
)

// ErrNotFound says that a key has no value.
var ErrNotFound = errors.New("not found")

// Config says where a database is and what it may use.
type Config struct {
	Dir        string // made if it does not exist
	CacheBytes int64  // of blocks read; 0 for 64 MiB
	ReadOnly   bool
	Memory     *Memory // keeps everything in memory instead of in Dir; nil otherwise
	Log        *slog.Logger
}

// DB is an open database.
type DB struct {
	p   *pebble.DB
	log *slog.Logger
}

const (
	defaultCache  = 64 << 20
	memTableBytes = 32 << 20
	tableBytes    = 16 << 20
	bloomBits     = 10
)

// Open opens the database of a directory or makes one. Only one process may have it open, which is for the caller to see to.
func Open(c Config) (*DB, error) {
	if c.CacheBytes == 0 {
		c.CacheBytes = defaultCache
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	o := &pebble.Options{
		CacheSize: c.CacheBytes, ReadOnly: c.ReadOnly, ErrorIfNotExists: c.ReadOnly,
		FormatMajorVersion: pebble.FormatTableFormatV6, MemTableSize: memTableBytes,
		Logger: engineLog{c.Log},
	}
	if c.Memory != nil {
		o.FS = c.Memory.fs
	}
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(bloomBits)
		o.Levels[i].Compression = func() *sstable.CompressionProfile { return sstable.NoCompression }
	}
	o.TargetFileSizes[0] = tableBytes
	o.EnsureDefaults()
	p, err := pebble.Open(c.Dir, o)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	return &DB{p, c.Log}, nil
}

// Close ends all work and closes the files. It fails if an iteration is still under way.
func (db *DB) Close() error {
	if err := db.p.Close(); err != nil {
		return fmt.Errorf("close database: %w", err)
	}
	return nil
}

// View calls read with the value of a key, which is valid only during the call, or gives ErrNotFound.
func (db *DB) View(key []byte, read func(value []byte) error) error {
	value, closer, err := db.p.Get(key)
	if err != nil {
		if errors.Is(err, pebble.ErrNotFound) {
			return ErrNotFound
		}
		return fmt.Errorf("read database: %w", err)
	}
	return errors.Join(read(value), done(closer))
}

func done(c io.Closer) error {
	if err := c.Close(); err != nil {
		return fmt.Errorf("read database: %w", err)
	}
	return nil
}

// Has tells whether a key has a value.
func (db *DB) Has(key []byte) (bool, error) {
	err := db.View(key, func([]byte) error { return nil })
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// Entry is a key with its value. Both are valid until the iteration goes on.
type Entry struct{ Key, Value []byte }

// Range goes over the keys from one up to but without another in ascending order, as they stood at its beginning. An error is the
// last it yields.
func (db *DB) Range(from, to []byte) iter.Seq2[Entry, error] { return db.scan(from, to, false) }

// Backward is Range in descending order.
func (db *DB) Backward(from, to []byte) iter.Seq2[Entry, error] { return db.scan(from, to, true) }

func (db *DB) scan(from, to []byte, backward bool) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		it, err := db.p.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
		if err != nil {
			yield(Entry{}, fmt.Errorf("read database: %w", err))
			return
		}
		start, step := it.First, it.Next
		if backward {
			start, step = it.Last, it.Prev
		}
		goOn := true
		for ok := start(); ok && goOn; ok = step() {
			value, err := it.ValueAndErr()
			if err != nil {
				break // Close gives it too
			}
			goOn = yield(Entry{it.Key(), value}, nil)
		}
		if err := it.Close(); err != nil && goOn {
			yield(Entry{}, fmt.Errorf("read database: %w", err))
		}
	}
}

// DiskBytes estimates what the keys from one up to but without another take on disk.
func (db *DB) DiskBytes(from, to []byte) (uint64, error) {
	n, err := db.p.EstimateDiskUsage(from, to)
	if err != nil {
		return 0, fmt.Errorf("estimate disk usage: %w", err)
	}
	return n, nil
}

// Flush writes what is only in memory and in the log to tables.
func (db *DB) Flush() error {
	if err := db.p.Flush(); err != nil {
		return fmt.Errorf("flush database: %w", err)
	}
	return nil
}

// Stats is what the engine is doing.
type Stats struct {
	DiskBytes          uint64 // all files, the log included
	LogBytes           uint64 // of it not yet in tables
	MemoryBytes        uint64 // tables in memory
	CacheBytes         int64
	CacheHits          int64
	CacheMisses        int64
	CompactionDebt     uint64 // bytes that compactions still have to move
	CompactionsRunning int64
}

// Stats measures the engine.
func (db *DB) Stats() Stats {
	m := db.p.Metrics()
	return Stats{
		DiskBytes: m.DiskSpaceUsage(), LogBytes: m.WAL.Size, MemoryBytes: m.MemTable.Size,
		CacheBytes: m.BlockCache.Size, CacheHits: m.BlockCache.Hits, CacheMisses: m.BlockCache.Misses,
		CompactionDebt: m.Compact.EstimatedDebt, CompactionsRunning: m.Compact.NumInProgress,
	}
}

// Batch is a set of changes that are made together or not at all. Later changes in it go over earlier ones.
type Batch struct{ b *pebble.Batch }

// NewBatch makes an empty batch, which belongs to the caller.
func (db *DB) NewBatch() *Batch { return &Batch{db.p.NewBatch()} }

// Set gives a key a value. Both are copied.
func (b *Batch) Set(key, value []byte) error { return change(b.b.Set(key, value, nil)) }

// Delete removes a key, which need not exist.
func (b *Batch) Delete(key []byte) error { return change(b.b.Delete(key, nil)) }

// DeleteRange removes the keys from one up to but without another.
func (b *Batch) DeleteRange(from, to []byte) error { return change(b.b.DeleteRange(from, to, nil)) }

func change(err error) error {
	if err != nil {
		return fmt.Errorf("add to batch: %w", err)
	}
	return nil
}

// Len is the bytes of the batch.
func (b *Batch) Len() int { return b.b.Len() }

// Commit makes the changes; the batch is used up. With durable they are on disk when it returns.
func (b *Batch) Commit(durable bool) error {
	sync := pebble.NoSync
	if durable {
		sync = pebble.Sync
	}
	if err := b.b.Commit(sync); err != nil {
		return fmt.Errorf("commit batch: %w", errors.Join(err, b.b.Close()))
	}
	if err := b.b.Close(); err != nil {
		return fmt.Errorf("commit batch: %w", err)
	}
	return nil
}

// Discard frees a batch that is not to be committed.
func (b *Batch) Discard() error {
	if err := b.b.Close(); err != nil {
		return fmt.Errorf("discard batch: %w", err)
	}
	return nil
}

// engineLog hands the engine's messages on. What it says of its routine is for debugging.
type engineLog struct{ log *slog.Logger }

func (l engineLog) Infof(format string, args ...any) {
	l.log.Debug("database: " + fmt.Sprintf(format, args...))
}

func (l engineLog) Errorf(format string, args ...any) {
	l.log.Warn("database: "+fmt.Sprintf(format, args...), "action", "look for faults of the disk if this repeats")
}

// Fatalf ends the process: the engine goes on only as if what it could not write had been written.
func (l engineLog) Fatalf(format string, args ...any) {
	l.log.Error("database cannot go on: "+fmt.Sprintf(format, args...), "action", "check that the disk has space and no faults, then start again")
	os.Exit(1)
}
