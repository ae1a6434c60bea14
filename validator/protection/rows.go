package protection

import (
	"bytes"
	"crypto/sha256"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

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

	// A row of marks has the marks of several keys, of fixed size, behind a digest. With a row a key a batch of 1,000 costs nearly twice the processor time.
	schema = `
CREATE TABLE meta (
	id                      INTEGER PRIMARY KEY CHECK (id = 1),
	database_id             BLOB NOT NULL,
	genesis_validators_root BLOB NOT NULL,
	digest                  BLOB NOT NULL
);
CREATE TABLE marks (
	id   INTEGER PRIMARY KEY,
	data BLOB NOT NULL
);`

	perRow     = 29 // the most for which a row fits into a page of 4 KiB
	digestSize = 8
	markSize   = 48 + 1 + 8 + 32 + 8 + 8 + 32
)

// The bits of a mark's byte of flags.
const (
	flagBlock = 1 << iota
	flagBlockRoot
	flagAttestation
	flagAttestationRoot
	flagsEnd
)

// append appends the mark's bytes: key, flags, slot, root, source, target, root; zero where there is nothing.
func (m *Mark) append(b []byte) []byte {
	var flags byte
	var blockRoot, attestationRoot types.Root
	if m.HasBlock {
		flags |= flagBlock
	}
	if m.BlockRoot != nil {
		flags, blockRoot = flags|flagBlockRoot, *m.BlockRoot
	}
	if m.HasAttestation {
		flags |= flagAttestation
	}
	if m.AttestationRoot != nil {
		flags, attestationRoot = flags|flagAttestationRoot, *m.AttestationRoot
	}
	b = append(append(b, m.Key[:]...), flags)
	b = append(binary.BigEndian.AppendUint64(b, uint64(m.Slot)), blockRoot[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(m.Source))
	return append(binary.BigEndian.AppendUint64(b, uint64(m.Target)), attestationRoot[:]...)
}

// parseMark reads markSize bytes.
func parseMark(b []byte) (m Mark, err error) {
	next := func(n int) []byte {
		part := b[:n]
		b = b[n:]
		return part
	}
	copy(m.Key[:], next(48))
	flags := next(1)[0]
	if flags >= flagsEnd || flags&flagBlockRoot != 0 && flags&flagBlock == 0 || flags&flagAttestationRoot != 0 && flags&flagAttestation == 0 {
		return m, fmt.Errorf("key %v has the flags 0x%02x", m.Key, flags)
	}
	m.HasBlock, m.HasAttestation = flags&flagBlock != 0, flags&flagAttestation != 0
	root := func(flag byte) *types.Root {
		r := types.Root(next(32))
		if flags&flag == 0 {
			return nil
		}
		return &r
	}
	m.Slot = types.Slot(binary.BigEndian.Uint64(next(8)))
	m.BlockRoot = root(flagBlockRoot)
	m.Source = types.Epoch(binary.BigEndian.Uint64(next(8)))
	m.Target = types.Epoch(binary.BigEndian.Uint64(next(8)))
	m.AttestationRoot = root(flagAttestationRoot)
	return m, nil
}

// digest is that of a row: of its number and its marks.
func digest(row int64, marks []byte) []byte {
	h := sha256.New()
	var number [8]byte
	binary.BigEndian.PutUint64(number[:], uint64(row))
	h.Write(number[:])
	h.Write(marks)
	return h.Sum(nil)[:digestSize]
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

// read gives all marks, in order. Rows are 0, 1, 2, ... and full but for the last, so that one that is lost is missed.
func (s *Store) read() (marks []Mark, err error) {
	seen := map[types.BLSPubkey]bool{}
	err = s.query(func(v []driver.Value) error {
		row, ok := v[0].(int64)
		data, isBlob := v[1].([]byte)
		if !ok || !isBlob || row*perRow != int64(len(marks)) {
			return fmt.Errorf("row %v stands behind %d marks of %d a row", v[0], len(marks), perRow)
		}
		if n := len(data) - digestSize; n <= 0 || n%markSize != 0 || n > perRow*markSize {
			return fmt.Errorf("row %d has %d bytes", row, len(data))
		}
		if got, want := data[:digestSize], digest(row, data[digestSize:]); !bytes.Equal(got, want) {
			return fmt.Errorf("row %d: digest is 0x%x, want 0x%x", row, got, want)
		}
		for b := data[digestSize:]; len(b) > 0; b = b[markSize:] {
			m, err := parseMark(b[:markSize])
			if err != nil {
				return fmt.Errorf("row %d: %w", row, err)
			}
			if seen[m.Key] {
				return fmt.Errorf("row %d: key %v is there twice", row, m.Key)
			}
			seen[m.Key] = true
			marks = append(marks, m)
		}
		return nil
	}, "SELECT id, data FROM marks ORDER BY id")
	return marks, err
}

// write writes the rows of marks that changed, some of which are new. places are ascending; marks has all of them, changed and not.
func (s *Store) write(places []int, mark func(place int) *Mark, total int) error {
	last := -1
	for _, place := range places {
		row := place / perRow
		if row == last {
			continue
		}
		last = row
		data := make([]byte, digestSize, digestSize+perRow*markSize)
		for i := row * perRow; i < min((row+1)*perRow, total); i++ {
			data = mark(i).append(data)
		}
		copy(data, digest(int64(row), data[digestSize:]))
		if err := s.exec("INSERT INTO marks VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET data = excluded.data", int64(row), data); err != nil {
			return err
		}
	}
	return nil
}
