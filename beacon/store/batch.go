package store

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cresset/cresset/beacon/store/kv"
	"github.com/cresset/cresset/beacon/types"
)

// Batch is a set of changes that are made together or not at all. It is used by one goroutine, and up once it was committed. An
// error of one of its methods stays with it: Commit gives it again and changes nothing.
type Batch struct {
	s     *Store
	b     *kv.Batch
	err   error
	kinds []string
	slots map[types.Root]types.Slot // of blocks that the batch speaks of
}

// NewBatch makes an empty batch. It must be committed or discarded.
func (s *Store) NewBatch() *Batch {
	return &Batch{s: s, b: s.db.NewBatch(), slots: map[types.Root]types.Slot{}}
}

// Len is the size of the batch in bytes.
func (b *Batch) Len() int { return b.b.Len() }

// Commit makes the changes. With durable they are on disk when it returns; without, they outlive the end of the process from
// the moment the engine has handed them to the operating system, and are on disk before any that are committed after them.
func (b *Batch) Commit(durable bool) error {
	if b.s.cfg.ReadOnly {
		b.fail(ErrReadOnly)
	}
	if b.err != nil {
		if err := b.b.Discard(); err != nil {
			return fmt.Errorf("%w (%w)", b.err, err)
		}
		return b.err
	}
	b.tell("before")
	if err := b.b.Commit(durable); err != nil {
		return err
	}
	b.tell("after")
	return nil
}

// Discard frees a batch without making its changes.
func (b *Batch) Discard() error { return b.b.Discard() }

// tell calls the hook of the configuration.
func (b *Batch) tell(when string) {
	if hook := b.s.cfg.OnCommit; hook != nil {
		hook(when + " " + strings.Join(b.kinds, "+"))
	}
}

// fail keeps the first error.
func (b *Batch) fail(err error) error {
	if b.err == nil {
		b.err = err
	}
	return err
}

func (b *Batch) names(k *kind) {
	if b.s.cfg.OnCommit != nil && !slices.Contains(b.kinds, k.name) {
		b.kinds = append(b.kinds, k.name)
	}
}

// put adds a record.
func (b *Batch) put(k *kind, key, value []byte) error {
	if err := checkSize(k, key, value); err != nil {
		return b.fail(err)
	}
	return b.set(k, key, seal(key, value))
}

// putPacked adds a record whose value is compressed.
func (b *Batch) putPacked(k *kind, key, value []byte) error {
	if err := checkSize(k, key, value); err != nil {
		return b.fail(err)
	}
	return b.set(k, key, b.s.packer.pack(key, value))
}

// checkSize refuses to write what would be refused when it is read.
func checkSize(k *kind, key, value []byte) error {
	if len(value) > k.limit {
		return fmt.Errorf("write %s: %d bytes, at most %d are allowed", describe(key), len(value), k.limit)
	}
	return nil
}

func (b *Batch) set(k *kind, key, record []byte) error {
	b.names(k)
	if err := b.b.Set(key, record); err != nil {
		return b.fail(fmt.Errorf("write %s: %w", describe(key), err))
	}
	return nil
}

func (b *Batch) delete(k *kind, key []byte) error {
	b.names(k)
	if err := b.b.Delete(key); err != nil {
		return b.fail(fmt.Errorf("delete %s: %w", describe(key), err))
	}
	return nil
}

// deleteRange deletes the records of a kind from one key up to but without another.
func (b *Batch) deleteRange(k *kind, from, to []byte) error {
	b.names(k)
	if err := b.b.DeleteRange(from, to); err != nil {
		return b.fail(fmt.Errorf("delete %ss from %s on: %w", k.name, describe(from), err))
	}
	return nil
}
