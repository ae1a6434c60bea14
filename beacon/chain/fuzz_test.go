package chain

import (
	"bytes"
	"testing"

	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/forkchoice"
)

// No bytes make a record of the journal panic; one that is read is written as the same bytes.
func FuzzJournal(f *testing.F) {
	f.Add(journalRecord{kind: journalBlock, root: types.Root{1}, execution: forkchoice.Valid, arrived: 7}.encode())
	f.Add(journalRecord{kind: journalPayload, root: types.Root{1}, execution: forkchoice.Optimistic}.encode())
	f.Add(bytes.Repeat([]byte{2}, journalSize))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := decodeJournal(b); err == nil && !bytes.Equal(r.encode(), b) {
			t.Fatalf("%x is written as %x", b, r.encode())
		}
	})
}
