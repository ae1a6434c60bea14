package chain

import (
	"errors"
	"fmt"

	"github.com/cresset/cresset/beacon/store"
	"github.com/cresset/cresset/beacon/types"
)

// Gap is a block that lacks columns which this node has custody of.
type Gap struct {
	Block   BlockID
	Signed  *types.SignedBeaconBlock
	Columns []uint64 // ascending
}

// mostLooked bounds the blocks that one call of Gaps looks at.
const mostLooked = 256

// Gaps looks backwards, from before a slot down to another one, for blocks of the snapshot's chain that lack columns: blocks that were here before custody grew. It gives at
// most so many, the newest first, the slot down to which it has looked, the lower one if that was all, and the slot from which on no other block lacks any.
// What is too old to be served, and what is older than the oldest block, lacks nothing.
func (c *Chain) Gaps(before, down types.Slot, most int) (gaps []Gap, reached, whole types.Slot, err error) {
	s := c.Snapshot()
	whole = before
	for range mostLooked {
		if len(gaps) == most {
			break
		}
		at, err := c.CanonicalAt(s, before.SubSaturating(1))
		if errors.Is(err, ErrUnknownBlock) {
			var oldest types.Slot
			if oldest, _, err = c.History(); err == nil && oldest < before {
				err = fmt.Errorf("%w: the last one before slot %d, though blocks are here from slot %d on", ErrUnknownBlock, before, oldest)
			}
			at.Slot = 0
		}
		if err != nil {
			return nil, before, whole, err
		}
		if at.Slot < down || c.DataExpired(at.Slot) {
			if before = down; len(gaps) == 0 {
				whole = down
			}
			break
		}
		gap, err := c.gapAt(at)
		if err != nil {
			return nil, before, whole, err
		}
		if before = at.Slot; len(gap.Columns) > 0 {
			gaps = append(gaps, gap)
		}
		if len(gaps) == 0 {
			whole = before
		}
	}
	return gaps, before, whole, nil
}

// gapAt is what a block lacks. From Gloas on columns come with the payload: a block whose payload was not revealed has none.
func (c *Chain) gapAt(at store.SlotRoot) (Gap, error) {
	signed, err := c.store.Block(at.Root)
	if err != nil {
		return Gap{}, fmt.Errorf("read block %v of slot %d: %w", at.Root, at.Slot, err)
	}
	g := Gap{Block: BlockID{at.Slot, at.Root}, Signed: signed}
	if len(commitmentsOf(c.contextAt(at.Slot), &signed.Message)) == 0 {
		return g, nil
	}
	if c.spec.gloasAt(at.Slot) {
		switch _, err := c.store.Payload(at.Root); {
		case errors.Is(err, store.ErrNotFound):
			return g, nil
		case err != nil:
			return Gap{}, fmt.Errorf("read payload of block %v of slot %d: %w", at.Root, at.Slot, err)
		}
	}
	g.Columns, err = c.MissingColumns(at.Root)
	return g, err
}

// FillGap keeps columns of a block that was imported without them.
func (c *Chain) FillGap(g Gap, v *VerifiedColumns) error {
	if v.of != g.Block {
		return fmt.Errorf("columns of block %v, want %v", v.of.Root, g.Block.Root)
	}
	batch := c.store.NewBatch()
	for _, column := range v.columns {
		if err := putColumn(batch, c.contextAt(g.Block.Slot), g.Block, g.Signed.Signature, column); err != nil {
			return err
		}
	}
	return batch.Commit(false)
}
