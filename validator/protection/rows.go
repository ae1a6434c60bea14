package protection

import (
	"bytes"
	"crypto/sha256"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/cresset/cresset/beacon/types"
)

// Mark is the highest of what a key signed.
type Mark struct {
	Key types.BLSPubkey

	HasBlock  bool
	Slot      types.Slot
	BlockRoot *types.Root // nil where it is not known

	HasAttestation  bool
	Source          types.Epoch // of all attestations, not only the one to Target
	Target          types.Epoch
	AttestationRoot *types.Root // of the one to Target; nil where it is not known
}

const (
	// applicationID is what SQLite's field of that name says: "Crst".
	applicationID = 0x43727374
	schemaVersion = 1

	schema = `
CREATE TABLE meta (
	id                      INTEGER PRIMARY KEY CHECK (id = 1),
	database_id             BLOB NOT NULL,
	genesis_validators_root BLOB NOT NULL,
	digest                  BLOB NOT NULL
);
CREATE TABLE marks (
	id               INTEGER PRIMARY KEY,
	pubkey           BLOB NOT NULL,
	slot             INTEGER,
	block_root       BLOB,
	source           INTEGER,
	target           INTEGER,
	attestation_root BLOB,
	digest           BLOB NOT NULL
);`

	columns = 8
	// chunk is how many rows one statement writes.
	chunk = 100
)

// row is a mark with its place in the table.
type row struct {
	id int64
	Mark
}

func (r *row) digest() []byte {
	h := sha256.New()
	var b [8]byte
	number := func(present bool, n uint64) {
		if !present {
			h.Write([]byte{0})
			return
		}
		binary.BigEndian.PutUint64(b[:], n)
		h.Write(append([]byte{1}, b[:]...))
	}
	root := func(r *types.Root) {
		if r == nil {
			h.Write([]byte{0})
			return
		}
		h.Write(append([]byte{1}, r[:]...))
	}
	number(true, uint64(r.id))
	h.Write(r.Key[:])
	number(r.HasBlock, uint64(r.Slot))
	root(r.BlockRoot)
	number(r.HasAttestation, uint64(r.Source))
	number(r.HasAttestation, uint64(r.Target))
	root(r.AttestationRoot)
	return h.Sum(nil)[:8]
}

// values are the row's columns. Numbers are kept bit by bit: SQLite's are signed, and only this package compares them.
func (r *row) values() []driver.Value {
	number := func(present bool, n uint64) driver.Value {
		if !present {
			return nil
		}
		return int64(n)
	}
	root := func(r *types.Root) driver.Value {
		if r == nil {
			return nil
		}
		return r[:]
	}
	return []driver.Value{
		r.id, r.Key[:], number(r.HasBlock, uint64(r.Slot)), root(r.BlockRoot),
		number(r.HasAttestation, uint64(r.Source)), number(r.HasAttestation, uint64(r.Target)), root(r.AttestationRoot), r.digest(),
	}
}

// scan reads a row's columns; what was not written by values is an error.
func scan(v []driver.Value) (*row, error) {
	var r row
	var problems []string
	number := func(i int) (bool, uint64) {
		n, ok := v[i].(int64)
		if !ok && v[i] != nil {
			problems = append(problems, fmt.Sprintf("column %d is no number", i))
		}
		return ok, uint64(n)
	}
	root := func(i int) *types.Root {
		if v[i] == nil {
			return nil
		}
		b, ok := v[i].([]byte)
		if !ok || len(b) != 32 {
			problems = append(problems, fmt.Sprintf("column %d is no root", i))
			return nil
		}
		return (*types.Root)(bytes.Clone(b))
	}
	_, id := number(0)
	r.id = int64(id)
	key, ok := v[1].([]byte)
	if !ok || len(key) != len(r.Key) {
		return nil, fmt.Errorf("row %d: public key has %d bytes, want %d", r.id, len(key), len(r.Key))
	}
	copy(r.Key[:], key)
	has, slot := number(2)
	r.HasBlock, r.Slot, r.BlockRoot = has, types.Slot(slot), root(3)
	has, source := number(4)
	hasTarget, target := number(5)
	r.HasAttestation, r.Source, r.Target, r.AttestationRoot = has, types.Epoch(source), types.Epoch(target), root(6)
	digest, _ := v[7].([]byte)
	switch {
	case len(problems) > 0:
		return nil, fmt.Errorf("row %d: %s", r.id, strings.Join(problems, ", "))
	case has != hasTarget:
		return nil, fmt.Errorf("row %d: of source and target only one is there", r.id)
	case !bytes.Equal(digest, r.digest()):
		return nil, fmt.Errorf("row %d (%v): digest is 0x%x, want 0x%x", r.id, r.Key, digest, r.digest())
	}
	return &r, nil
}

// exec runs a statement, or several, that give nothing.
func (s *Store) exec(query string, args ...driver.Value) error {
	_, err := s.conn.Exec(query, args)
	return err
}

// query runs a statement and calls f with every row; the values are only good during the call.
func (s *Store) query(f func([]driver.Value) error, query string, args ...driver.Value) (err error) {
	rows, err := s.conn.Query(query, args)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	values := make([]driver.Value, len(rows.Columns()))
	for {
		if err := rows.Next(values); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if err := f(values); err != nil {
			return err
		}
	}
}

const selectRows = "SELECT id, pubkey, slot, block_root, source, target, attestation_root, digest FROM marks ORDER BY id"

// read gives all rows. Their places are 0, 1, 2, ..., so that one that is lost is missed.
func (s *Store) read() (map[types.BLSPubkey]row, error) {
	rows := map[types.BLSPubkey]row{}
	err := s.query(func(v []driver.Value) error {
		r, err := scan(v)
		if err != nil {
			return err
		}
		if _, twice := rows[r.Key]; twice || r.id != int64(len(rows)) {
			return fmt.Errorf("row %d (%v) stands in place %d or is there twice", r.id, r.Key, len(rows))
		}
		rows[r.Key] = *r
		return nil
	}, selectRows)
	return rows, err
}

// write puts rows in their places, new ones or in place of those that are there.
func (s *Store) write(rows []*row) error {
	const tuple = "(?,?,?,?,?,?,?,?)"
	for len(rows) > 0 {
		part := rows[:min(chunk, len(rows))]
		rows = rows[len(part):]
		args := make([]driver.Value, 0, columns*len(part))
		for _, r := range part {
			args = append(args, r.values()...)
		}
		const head = "INSERT INTO marks (id, pubkey, slot, block_root, source, target, attestation_root, digest) VALUES "
		const tail = ` ON CONFLICT (id) DO UPDATE SET slot = excluded.slot, block_root = excluded.block_root, source = excluded.source,
			target = excluded.target, attestation_root = excluded.attestation_root, digest = excluded.digest`
		if err := s.exec(head+strings.Repeat(tuple+",", len(part)-1)+tuple+tail, args...); err != nil {
			return err
		}
	}
	return nil
}
