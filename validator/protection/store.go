package protection

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/mattn/go-sqlite3"

	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/keystore"
)

// Config says which database is meant. All of it is needed.
type Config struct {
	// Path is the database's file.
	Path string
	// Marker is the file beside the keystores that says that this database belongs to them; see MarkerName.
	Marker string
	// GenesisValidatorsRoot is that of the chain.
	GenesisValidatorsRoot types.Root
}

// ErrUnusable is what errors.Is finds where nothing may be signed with a database: it is missing, damaged, or another one.
var ErrUnusable = errors.New("slashing protection is locked")

// Store is an open database.
type Store struct {
	cfg  Config
	lock *keystore.Lock

	mu   sync.Mutex
	conn *sqlite3.SQLiteConn // nil once closed
	// marks is what the table has, and places where in it a key stands; keys are never removed. Nobody else can write the table while it is open, and both
	// change after a commit only.
	marks  []Mark
	places map[types.BLSPubkey]int
	// failed is the first error of the database. What is on the disk after one is not known (a second sync may succeed without the first one's data), so
	// that nothing is permitted until the database was opened, that is read, again.
	failed error
	ended  chan struct{} // closed with the first error
}

// Create makes a new database and its marker. Where there is a database already and no marker, it is checked like in Open and only the marker is
// made: whoever calls says that it belongs to the keystores. Where there is a marker Create fails. The result is opened with Open.
func Create(cfg Config) (err error) {
	if there, err := exists(cfg.Marker); err != nil {
		return err
	} else if there {
		return fmt.Errorf("the keystores beside %s have a database of slashing protection already: put it back if it was lost, or, after making "+
			"sure that their signatures are in an interchange file, remove the marker and import that", cfg.Marker)
	}
	lock, err := keystore.Acquire(cfg.Path)
	if err != nil {
		return fmt.Errorf("slashing protection: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	there, err := exists(cfg.Path)
	if err != nil {
		return err
	}
	if !there {
		if err := makeFile(cfg); err != nil {
			return fmt.Errorf("create slashing protection %s: %w", cfg.Path, err)
		}
	}
	s := &Store{cfg: cfg}
	id, err := s.open()
	if err != nil {
		return err
	}
	if err := s.conn.Close(); err != nil {
		return err
	}
	return newMarker(cfg, id).write(cfg.Marker)
}

// Unmarked checks a database that has no marker yet like Open, and gives what it has.
func Unmarked(cfg Config) (marks []Mark, err error) {
	if there, err := exists(cfg.Marker); err != nil {
		return nil, err
	} else if there {
		return nil, fmt.Errorf("marker %s is there", cfg.Marker)
	}
	lock, err := keystore.Acquire(cfg.Path)
	if err != nil {
		return nil, fmt.Errorf("slashing protection: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	s := &Store{cfg: cfg}
	if _, err := s.open(); err != nil {
		return nil, err
	}
	return s.marks, s.conn.Close()
}

// makeFile makes the file under another name and moves it when it is whole.
func makeFile(cfg Config) (err error) {
	dir := filepath.Dir(cfg.Path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(cfg.Path)+".new-*") // with permissions 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if err := f.Close(); err != nil {
		return err
	}
	s := &Store{cfg: cfg}
	if err := s.connect(f.Name()); err != nil {
		return err
	}
	var id [16]byte
	_, _ = rand.Read(id[:]) // it never fails
	err = s.transaction(func() error {
		if err := s.exec(fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d;", applicationID, schemaVersion) + schema); err != nil {
			return err
		}
		root := cfg.GenesisValidatorsRoot
		return s.exec("INSERT INTO meta VALUES (1, ?, ?, ?)", id[:], root[:], metaDigest(id[:], root[:]))
	})
	if err := errors.Join(err, s.conn.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), cfg.Path); err != nil { // unlike a rename it does not replace
		return err
	}
	return keystore.SyncDir(dir)
}

func metaDigest(id, root []byte) []byte {
	sum := sha256.Sum256(slices.Concat([]byte("meta"), id, root))
	return sum[:8]
}

// Open opens a database and checks all of it. What is not this chain's whole and undamaged database is ErrUnusable, one that is in use
// keystore.ErrLocked; both at once, without waiting.
func Open(cfg Config) (*Store, error) {
	if there, err := exists(cfg.Path); err != nil {
		return nil, err
	} else if !there {
		return nil, missing(cfg)
	}
	lock, err := keystore.Acquire(cfg.Path)
	if err != nil {
		return nil, fmt.Errorf("slashing protection: %w", err)
	}
	s := &Store{cfg: cfg, lock: lock, ended: make(chan struct{})}
	id, err := s.open()
	if err == nil {
		if err = checkMarker(cfg, id, cfg.GenesisValidatorsRoot); err != nil {
			err = errors.Join(err, s.conn.Close())
		}
	}
	if err != nil {
		return nil, errors.Join(err, lock.Release())
	}
	return s, nil
}

func missing(cfg Config) error {
	if marked, err := exists(cfg.Marker); err == nil && marked {
		return fmt.Errorf("%w: %s is missing, and %s says that the keystores have signed with it: put it back, or, after making sure that their "+
			"signatures are in an interchange file, remove the marker and import that", ErrUnusable, cfg.Path, cfg.Marker)
	}
	return fmt.Errorf("%w: %s is missing: make it with  cresset protection create", ErrUnusable, cfg.Path)
}

// open connects and checks everything but the marker. On an error nothing stays open.
func (s *Store) open() (id [16]byte, err error) {
	if err := checkHeader(s.cfg.Path); err != nil {
		return id, err
	}
	if err := s.connect(s.cfg.Path); err != nil {
		return id, unusable(s.cfg.Path, err)
	}
	if id, err = s.check(); err != nil {
		return id, errors.Join(unusable(s.cfg.Path, err), s.conn.Close())
	}
	return id, nil
}

func unusable(path string, err error) error {
	return fmt.Errorf("%w: %s: %w: put back an undamaged copy that has all signatures", ErrUnusable, path, err)
}

// checkHeader refuses what is not a database of ours. It runs before SQLite has the file open: closing the file again would give up SQLite's locks.
func checkHeader(path string) error {
	const size, pageSizeAt, pagesAt, idAt = 100, 16, 28, 68
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return &keystore.PermissionError{Path: path, Mode: info.Mode().Perm(), Want: 0o600}
	}
	header := make([]byte, size)
	if n, err := io.ReadFull(f, header); err != nil {
		return unusable(path, fmt.Errorf("it has %d bytes, a database has more than %d", n, size))
	}
	if !bytes.HasPrefix(header, []byte("SQLite format 3\x00")) {
		return unusable(path, errors.New("it is not an SQLite database"))
	}
	if got := binary.BigEndian.Uint32(header[idAt:]); got != applicationID {
		return unusable(path, fmt.Errorf("it is a database of another program: application id is 0x%08x, want 0x%08x", got, applicationID))
	}
	// A process that was killed may have left the file in the middle of a change and the journal with which SQLite takes it back. Otherwise the size is exact;
	// SQLite itself would read what is missing of the last page as zeros.
	if journal, err := os.Stat(path + "-journal"); err == nil && journal.Size() > 0 {
		return nil
	}
	want := int64(binary.BigEndian.Uint16(header[pageSizeAt:])) * int64(binary.BigEndian.Uint32(header[pagesAt:]))
	if info.Size() != want {
		return unusable(path, fmt.Errorf("it has %d bytes, want %d", info.Size(), want))
	}
	return nil
}

// connect opens the file, which exists, for this connection alone.
//
// The journal is a rollback journal: after a commit the one file is the whole truth, while a write-ahead log that is lost or left out of
// a copy takes the last signatures with it and nobody can tell. It costs more syncs a commit, of which there is one a slot.
func (s *Store) connect(path string) error {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	name := url.URL{Scheme: "file", Path: absolute, RawQuery: "mode=rw&_busy_timeout=0&_stmt_cache_size=16"}
	c, err := new(sqlite3.SQLiteDriver).Open(name.String())
	if err != nil {
		return err
	}
	s.conn = c.(*sqlite3.SQLiteConn)
	err = s.exec(`
		PRAGMA busy_timeout = 0;
		PRAGMA locking_mode = EXCLUSIVE;
		PRAGMA journal_mode = TRUNCATE;
		PRAGMA synchronous = EXTRA;
		PRAGMA fullfsync = ON;
		PRAGMA cell_size_check = ON;
		PRAGMA trusted_schema = OFF;
		BEGIN EXCLUSIVE;
		COMMIT;`)
	if err != nil {
		return errors.Join(err, s.conn.Close())
	}
	return nil
}

// check reads the whole database.
func (s *Store) check() (id [16]byte, err error) {
	err = s.query(func(v []driver.Value) error {
		if text, _ := v[0].(string); text != "ok" {
			return fmt.Errorf("it is damaged: %.200v", v[0])
		}
		return nil
	}, "PRAGMA integrity_check(1)")
	if err != nil {
		return id, err
	}
	err = s.query(func(v []driver.Value) error {
		if v[0] != int64(schemaVersion) {
			return fmt.Errorf("its schema has version %v, want %d", v[0], schemaVersion)
		}
		return nil
	}, "PRAGMA user_version")
	if err != nil {
		return id, err
	}
	found := false
	err = s.query(func(v []driver.Value) error {
		found = true
		name, _ := v[0].([]byte)
		root, _ := v[1].([]byte)
		digest, _ := v[2].([]byte)
		switch {
		case len(name) != len(id) || !bytes.Equal(digest, metaDigest(name, root)):
			return errors.New("it is damaged: digest of its description is wrong")
		case !bytes.Equal(root, s.cfg.GenesisValidatorsRoot[:]):
			return fmt.Errorf("it is of another chain: genesis validators root is 0x%x, want %v", root, s.cfg.GenesisValidatorsRoot)
		}
		copy(id[:], name)
		return nil
	}, "SELECT database_id, genesis_validators_root, digest FROM meta")
	if err == nil && !found {
		err = errors.New("it is damaged: it does not say what it is")
	}
	if err != nil {
		return id, err
	}
	if s.marks, err = s.read(); err != nil {
		return id, fmt.Errorf("it is damaged: %w", err)
	}
	s.places = make(map[types.BLSPubkey]int, len(s.marks))
	for i := range s.marks {
		s.places[s.marks[i].Key] = i
	}
	return id, nil
}

// Close closes the database. Whatever comes after it fails.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil {
		return nil
	}
	err := s.conn.Close()
	s.conn = nil
	return errors.Join(err, s.lock.Release())
}

// transaction runs f in a transaction that is durable when it returns without an error, and has no effect when it returns one.
func (s *Store) transaction(f func() error) error {
	if s.conn == nil {
		return fmt.Errorf("slashing protection: %w", fs.ErrClosed)
	}
	if s.failed != nil {
		return fmt.Errorf("after an error: %w", s.failed)
	}
	err := s.exec("BEGIN IMMEDIATE")
	if err == nil {
		err = f()
	}
	if err == nil {
		err = s.exec("COMMIT")
	}
	if err == nil {
		return nil
	}
	if !s.conn.AutoCommit() { // some failures roll back by themselves, and one to begin has nothing to
		err = errors.Join(err, s.exec("ROLLBACK"))
	}
	s.failed = fmt.Errorf("%w until it is opened again: %s: %w", ErrUnusable, s.cfg.Path, err)
	if s.ended != nil {
		close(s.ended)
	}
	return s.failed
}

// Wait returns the first error of the database, after which nothing is permitted until it is opened again, or the context's if that ends before.
func (s *Store) Wait(ctx context.Context) error {
	select {
	case <-s.ended:
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.failed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Register adds keys, which have signed nothing yet as far as this database knows. Those that are there stay as they are.
func (s *Store) Register(keys ...types.BLSPubkey) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.updateLocked(keys, true, func(func(types.BLSPubkey) *Mark) {})
}

// updateLocked has f change the marks of keys, and writes those that changed, in one transaction. f asks for marks by key; with add all of the keys have one,
// without it there is nil for those that are not registered.
func (s *Store) updateLocked(keys []types.BLSPubkey, add bool, f func(func(types.BLSPubkey) *Mark)) error {
	drafts := make(map[int]*Mark, len(keys))
	fresh := map[types.BLSPubkey]int{}
	var changed []int
	err := s.transaction(func() error {
		for _, key := range keys {
			place, there := s.places[key]
			if there {
				if drafts[place] == nil {
					m := s.marks[place]
					drafts[place] = &m
				}
			} else if _, twice := fresh[key]; add && !twice {
				place = len(s.marks) + len(fresh)
				fresh[key], drafts[place] = place, &Mark{Key: key}
			}
		}
		f(func(key types.BLSPubkey) *Mark {
			if place, there := s.places[key]; there {
				return drafts[place]
			}
			if place, there := fresh[key]; there {
				return drafts[place]
			}
			return nil
		})
		for place, m := range drafts {
			if place >= len(s.marks) || s.marks[place] != *m {
				changed = append(changed, place)
			}
		}
		slices.Sort(changed)
		return s.write(changed, func(place int) *Mark {
			if m := drafts[place]; m != nil {
				return m
			}
			return &s.marks[place]
		}, len(s.marks)+len(fresh))
	})
	if err != nil {
		return err
	}
	s.marks = append(s.marks, make([]Mark, len(fresh))...)
	for _, place := range changed {
		s.marks[place] = *drafts[place]
	}
	for key, place := range fresh {
		s.places[key] = place
	}
	return nil
}

// Block checks a block and records it durably. What is refused is ErrSlashable or ErrNotRegistered; any other error is the database's.
func (s *Store) Block(b Block) (*Permit, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var refused error
	err := s.updateLocked([]types.BLSPubkey{b.Key}, false, func(mark func(types.BLSPubkey) *Mark) {
		if m := mark(b.Key); m != nil {
			refused = m.block(b)
		} else {
			refused = fmt.Errorf("%w: %v", ErrNotRegistered, b.Key)
		}
	})
	if err := errors.Join(err, refused); err != nil {
		return nil, err
	}
	return &Permit{kind: KindBlock, key: b.Key, signingRoot: b.SigningRoot}, nil
}

// Attestation is Attestations for one.
func (s *Store) Attestation(a Attestation) (*Permit, error) {
	verdicts, err := s.Attestations([]Attestation{a})
	if err != nil {
		return nil, err
	}
	return verdicts[0].Permit, verdicts[0].Err
}

// Attestations checks a batch and records what passes in one durable commit, each request after those before it. There is a verdict for each, in order:
// a permit, ErrSlashable or ErrNotRegistered. An error is the database's: then nothing was recorded and there is no permit.
func (s *Store) Attestations(batch []Attestation) ([]Verdict, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	keys := make([]types.BLSPubkey, len(batch))
	for i := range batch {
		keys[i] = batch[i].Key
	}
	verdicts := make([]Verdict, len(batch))
	err := s.updateLocked(keys, false, func(mark func(types.BLSPubkey) *Mark) {
		for i, a := range batch {
			if m := mark(a.Key); m != nil {
				verdicts[i].Err = m.attestation(a)
			} else {
				verdicts[i].Err = fmt.Errorf("%w: %v", ErrNotRegistered, a.Key)
			}
		}
	})
	if err != nil {
		return nil, err
	}
	for i, a := range batch {
		if verdicts[i].Err == nil {
			verdicts[i].Permit = &Permit{kind: KindAttestation, key: a.Key, signingRoot: a.SigningRoot}
		}
	}
	return verdicts, nil
}

// Marks gives what is known of keys, of all where none are named, in order of registration. Keys that are not registered are left out.
func (s *Store) Marks(keys ...types.BLSPubkey) ([]Mark, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil {
		return nil, fmt.Errorf("slashing protection: %w", fs.ErrClosed)
	}
	marks := make([]Mark, 0, len(s.marks))
	for _, m := range s.marks {
		if len(keys) == 0 || slices.Contains(keys, m.Key) {
			m.BlockRoot, m.AttestationRoot = clone(m.BlockRoot), clone(m.AttestationRoot)
			marks = append(marks, m)
		}
	}
	return marks, nil
}

func clone(root *types.Root) *types.Root {
	if root == nil {
		return nil
	}
	c := *root
	return &c
}
