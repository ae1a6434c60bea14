package store

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/store/kv"
	"github.com/cresset/cresset/beacon/types"
)

// Config says where a store is, whose chain it holds and what it may use.
type Config struct {
	Dir  string // made with mode 0700 if it does not exist
	Spec *params.Spec
	// GenesisValidatorsRoot is the network's, zero if it is not known yet.
	GenesisValidatorsRoot types.Root
	CacheBytes            int64 // of the engine; 0 for its default
	// ReadOnly opens without changing anything. The directory must exist and have the present schema version.
	ReadOnly bool
	// ColdExponents are the layers of cold states, smallest first; nil for DefaultColdExponents. Changing them keeps what is stored
	// readable.
	ColdExponents []uint8
	// Memory keeps everything in memory instead of in Dir and takes no lock. It is for tests.
	Memory *kv.Memory
	// OnCommit is called before and after each commit of a batch with "before" or "after" and the kinds of records in it, as
	// in "before block+journal record". It is for tests that end the process there. Nil otherwise.
	OnCommit func(stage string)
	Log      *slog.Logger
}

// Store is an open store. It may be used by many goroutines.
type Store struct {
	// static
	cfg    Config
	db     *kv.DB
	packer *packer
	lock   *lock // nil in memory

	cold coldCache
}

// Open opens the store of a directory, or makes one. It fails with a *LockedError if another process has it, with a *VersionError if
// its schema is newer than this program, with a *NetworkError if it holds another network's chain.
func Open(c Config) (*Store, error) { return open(c, schemaVersion, migrations()) }

// open is Open with a schema version and the steps to it.
func open(c Config, version uint64, steps []migration) (s *Store, err error) {
	if c.Spec == nil {
		return nil, errors.New("open store: no spec")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.ColdExponents == nil {
		c.ColdExponents = DefaultColdExponents()
	}
	if err := checkExponents(c.ColdExponents); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	c.ColdExponents = slices.Clone(c.ColdExponents)
	s = &Store{cfg: c}
	if s.packer, err = newPacker(); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if err := s.openFiles(); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if err = s.migrate(version, steps); err == nil {
		err = s.checkNetwork()
	}
	if err != nil {
		return nil, fmt.Errorf("open store: %w", errors.Join(err, s.Close()))
	}
	return s, nil
}

func (s *Store) openFiles() (err error) {
	c := &s.cfg
	if c.Memory == nil {
		if !c.ReadOnly {
			if err := os.MkdirAll(c.Dir, 0o700); err != nil {
				return fmt.Errorf("make data directory: %w", err)
			}
		}
		if s.lock, err = lockDir(c.Dir); err != nil {
			return err
		}
	}
	s.db, err = kv.Open(kv.Config{Dir: filepath.Join(c.Dir, "db"), CacheBytes: c.CacheBytes, ReadOnly: c.ReadOnly, Memory: c.Memory, Log: c.Log})
	if err != nil {
		return errors.Join(err, s.lock.release())
	}
	return nil
}

// Close ends all use of the store. Batches must have been committed or discarded and iterations have ended.
func (s *Store) Close() error {
	err := s.db.Close()
	s.packer.close()
	return errors.Join(err, s.lock.release())
}

// KeyCachePath is where the file of the cache of decompressed keys is kept: see bls.LoadKeyCache.
func (s *Store) KeyCachePath() string { return filepath.Join(s.cfg.Dir, "keys") }
