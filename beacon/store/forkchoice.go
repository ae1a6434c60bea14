package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
)

// maxForkChoice bounds fork choice as it is written, in bytes.
const maxForkChoice = 1 << 30

func forkChunks() series { return series{&kindForkChunk, nil, kindForkChoice.name} }

// PutForkChoice replaces fork choice as it was written out.
func (b *Batch) PutForkChoice(data []byte) error {
	if len(data) > maxForkChoice {
		return b.fail(fmt.Errorf("write fork choice: %d bytes, at most %d are allowed", len(data), maxForkChoice))
	}
	l, err := b.putChunks(forkChunks(), data)
	if err != nil {
		return err
	}
	return b.put(&kindForkChoice, kindForkChoice.at(), l.append(nil))
}

// ForkChoice is fork choice as it was written out last.
func (s *Store) ForkChoice() ([]byte, error) {
	head, err := s.get(&kindForkChoice, kindForkChoice.at())
	if err != nil {
		return nil, err
	}
	if len(head) != lengthsBytes {
		return nil, &DamagedError{kindForkChoice.name, fmt.Errorf("head of %d bytes, want %d", len(head), lengthsBytes)}
	}
	return s.readChunks(forkChunks(), lengthsOf(head), maxForkChoice)
}

// JournalRecord is a record of the journal, or the error of reading it.
type JournalRecord struct {
	Data []byte
	Err  error
}

// errGap says that the numbers of the journal do not follow each other.
var errGap = errors.New("a record is missing before it")

// AppendJournal adds a record under its number, which is one more than the last record's.
func (b *Batch) AppendJournal(number uint64, record []byte) {
	_ = b.put(&kindJournal, kindJournal.byNumber(number), record) // Commit gives the error
}

// Journal goes over the journal from a number on. A record with an error is the last it yields; one that is missing between two others
// is such an error.
func (s *Store) Journal(from uint64) iter.Seq2[uint64, JournalRecord] {
	return func(yield func(uint64, JournalRecord) bool) {
		_, to := kindJournal.all()
		next, first := from, true
		for e, err := range s.db.Range(kindJournal.byNumber(from), to) {
			var value []byte
			if err == nil {
				value, err = s.entry(&kindJournal, e)
			}
			number := next
			if err == nil {
				number = binary.BigEndian.Uint64(e.Key[1:])
				if !first && number != next {
					err = &DamagedError{describe(e.Key), fmt.Errorf("%w: its number is %d, %d is next", errGap, number, next)}
				}
			}
			if !yield(number, JournalRecord{value, err}) || err != nil {
				return
			}
			next, first = number+1, false
		}
	}
}

// DropJournal deletes the records up to but without a number.
func (b *Batch) DropJournal(to uint64) error {
	from, _ := kindJournal.all()
	return b.deleteRange(&kindJournal, from, kindJournal.byNumber(to))
}
