package chain

import (
	"encoding/binary"
	"fmt"

	"github.com/cresset/cresset/beacon/store"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/forkchoice"
)

// The journal is what fork choice was told since it was last written out whole. It holds names only: blocks and payloads are
// records of their own, in the same batch. That a payload is INVALID is not in it: no start believes that.

type journalKind uint8

const (
	journalBlock   journalKind = 1
	journalPayload journalKind = 2
	journalValid   journalKind = 3
)

type journalRecord struct {
	kind      journalKind
	root      types.Root
	execution forkchoice.Execution
	arrived   uint64
}

const journalSize = 1 + 32 + 1 + 8

func (r journalRecord) encode() []byte {
	b := make([]byte, 0, journalSize)
	b = append(b, byte(r.kind))
	b = append(b, r.root[:]...)
	b = append(b, byte(r.execution))
	return binary.LittleEndian.AppendUint64(b, r.arrived)
}

func decodeJournal(b []byte) (r journalRecord, err error) {
	if len(b) != journalSize {
		return r, fmt.Errorf("journal record of %d bytes, want %d", len(b), journalSize)
	}
	r.kind, r.root, r.execution = journalKind(b[0]), types.Root(b[1:33]), forkchoice.Execution(b[33])
	r.arrived = binary.LittleEndian.Uint64(b[34:])
	if r.kind < journalBlock || r.kind > journalValid {
		return r, fmt.Errorf("journal record of kind %d, want %d to %d", r.kind, journalBlock, journalValid)
	}
	if r.execution > forkchoice.Valid {
		return r, fmt.Errorf("journal record with execution status %d, want at most %d", r.execution, forkchoice.Valid)
	}
	return r, nil
}

// putJournal adds the next record to a batch. Only the writer calls it.
func (c *Chain) putJournal(batch *store.Batch, r journalRecord) {
	batch.AppendJournal(c.w.journal, r.encode())
	c.w.journal++
}
