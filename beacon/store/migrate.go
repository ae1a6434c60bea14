package store

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// migration is a step from one schema version to the next.
type migration struct {
	from uint64
	what string
	// step adds a bounded part of the work to a batch. Cursor is what the call before gave, nil at first. With the last part it
	// gives nil. The batch and the cursor are committed together, so that work goes on where it stood when the process ended.
	step func(s *Store, b *Batch, cursor []byte) (next []byte, err error)
}

// migrations lists the steps, oldest first. There has been one version so far.
func migrations() []migration { return nil }

// migrate brings the directory to a schema version.
func (s *Store) migrate(version uint64, steps []migration) error {
	have, err := s.metaNumber(metaVersion)
	if errors.Is(err, ErrNotFound) {
		return s.begin(version)
	}
	if err != nil {
		return fmt.Errorf("read schema version: %w", err)
	}
	if have > version || have < version && s.cfg.ReadOnly {
		return &VersionError{have, version}
	}
	for have < version {
		if have, err = s.migrateOnce(have, steps); err != nil {
			return err
		}
	}
	return nil
}

// begin gives a new directory its version. One that holds something and has none is not one of ours, or has lost it.
func (s *Store) begin(version uint64) error {
	for e, err := range s.db.Range([]byte{0}, []byte{0xff}) {
		if err != nil {
			return err
		}
		return &DamagedError{describe(kindMeta.byName(metaVersion)), fmt.Errorf("it is missing, but there is a %s", describe(e.Key))}
	}
	if s.cfg.ReadOnly {
		return fmt.Errorf("store is empty: %w", ErrReadOnly)
	}
	b := s.NewBatch()
	b.putMetaNumber(metaVersion, version)
	return b.Commit(true)
}

// migrateOnce makes the step from a version and gives the version after it.
func (s *Store) migrateOnce(have uint64, steps []migration) (uint64, error) {
	for _, m := range steps {
		if m.from != have {
			continue
		}
		s.cfg.Log.Info("migrating the data directory", "from", have, "to", have+1, "change", m.what)
		if err := s.runMigration(m); err != nil {
			return 0, fmt.Errorf("migrate from schema version %d: %w", have, err)
		}
		return have + 1, nil
	}
	return 0, fmt.Errorf("migrate: no step from schema version %d", have)
}

func (s *Store) runMigration(m migration) error {
	cursor, err := s.cursor(m.from)
	if err != nil {
		return err
	}
	for {
		b := s.NewBatch()
		next, err := m.step(s, b, cursor)
		if err != nil {
			return errors.Join(err, b.Discard())
		}
		if next == nil {
			b.putMetaNumber(metaVersion, m.from+1)
			_ = b.delete(&kindMeta, kindMeta.byName(metaMigration)) // Commit gives the error
			return b.Commit(true)
		}
		b.putMeta(metaMigration, append(binary.BigEndian.AppendUint64(nil, m.from), next...))
		if err := b.Commit(true); err != nil {
			return err
		}
		cursor = next
	}
}

// cursor reads where the step from a version stands.
func (s *Store) cursor(from uint64) ([]byte, error) {
	value, err := s.meta(metaMigration)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if len(value) < 8 || binary.BigEndian.Uint64(value) != from {
		return nil, &DamagedError{describe(kindMeta.byName(metaMigration)), fmt.Errorf("%#x is not of the step from version %d", value, from)}
	}
	return value[8:], nil
}
