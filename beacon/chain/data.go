package chain

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/cresset/cresset/beacon/das"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/store"
	"github.com/cresset/cresset/beacon/types"
)

// dataTracker holds verified columns and blobs of blocks that are not imported yet, bounded by bytes: the blocks whose data came
// first give way. With the block they go to disk.
type dataTracker struct {
	chain *Chain
	limit int

	mu struct {
		sync.Mutex
		bytes  int
		blocks map[types.Root]*blockData
		order  []types.Root // oldest first
	}
}

// blockData is the data of one block.
type blockData struct {
	slot    types.Slot
	bytes   int
	columns map[uint64]*types.DataColumnSidecar
	blobs   map[uint64]*types.BlobSidecar
}

func newDataTracker(c *Chain, limit int) *dataTracker {
	t := &dataTracker{chain: c, limit: limit}
	t.mu.blocks = map[types.Root]*blockData{}
	return t
}

// holdColumn keeps a column of a block.
func (t *dataTracker) holdColumn(root types.Root, slot types.Slot, s *types.DataColumnSidecar) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if d := t.mu.blocks[root]; d != nil && d.columns[s.Index] != nil {
		return // it was proven to be the block's, so this is the same one
	}
	if d := t.roomLocked(root, slot, columnSize(s)); d != nil {
		d.columns[s.Index] = s
	}
}

// holdBlob keeps a blob of a block.
func (t *dataTracker) holdBlob(root types.Root, slot types.Slot, s *types.BlobSidecar) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if d := t.mu.blocks[root]; d != nil && d.blobs[s.Index] != nil {
		return
	}
	if d := t.roomLocked(root, slot, len(s.Blob)+2048); d != nil {
		d.blobs[s.Index] = s
	}
}

// roomLocked makes room for data of a block and gives the record that it belongs in; nil if it can never fit.
func (t *dataTracker) roomLocked(root types.Root, slot types.Slot, bytes int) *blockData {
	if bytes > t.limit {
		return nil
	}
	for t.mu.bytes+bytes > t.limit {
		t.dropLocked(t.mu.order[0])
	}
	d := t.mu.blocks[root]
	if d == nil {
		d = &blockData{slot: slot, columns: map[uint64]*types.DataColumnSidecar{}, blobs: map[uint64]*types.BlobSidecar{}}
		t.mu.blocks[root] = d
		t.mu.order = append(t.mu.order, root)
	}
	d.bytes += bytes
	t.mu.bytes += bytes
	return d
}

func (t *dataTracker) dropLocked(root types.Root) *blockData {
	d := t.mu.blocks[root]
	if d == nil {
		return nil
	}
	t.mu.bytes -= d.bytes
	delete(t.mu.blocks, root)
	if i := slices.Index(t.mu.order, root); i >= 0 {
		t.mu.order = slices.Delete(t.mu.order, i, i+1)
	}
	return d
}

// holds tells whether something is held of a block.
func (t *dataTracker) holds(root types.Root) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.mu.blocks[root] != nil
}

// take removes what is held of a block; it may be nil.
func (t *dataTracker) take(root types.Root) *blockData {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.dropLocked(root)
}

// MissingColumns is the columns that this node keeps and that are not at hand of a block.
func (c *Chain) MissingColumns(root types.Root) (missing []uint64, err error) {
	held, stored, err := c.data.columns(root)
	for _, i := range c.Custody() {
		if held[i] == nil && !slices.Contains(stored, i) {
			missing = append(missing, i)
		}
	}
	return missing, err
}

// prune drops the data of slots up to the finalized one.
func (t *dataTracker) prune(finalized types.Slot) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for root, d := range t.mu.blocks {
		if d.slot <= finalized {
			t.dropLocked(root)
		}
	}
}

// columns is the columns that are at hand of a block, in memory or on disk.
func (t *dataTracker) columns(root types.Root) (held map[uint64]*types.DataColumnSidecar, stored []uint64, err error) {
	t.mu.Lock()
	if d := t.mu.blocks[root]; d != nil {
		held = maps.Clone(d.columns)
	}
	t.mu.Unlock()
	stored, err = t.chain.store.ColumnIndices(root)
	return held, stored, err
}

// blobs is the commitments of the blobs that are at hand of a block.
func (t *dataTracker) blobs(root types.Root) (map[uint64]types.KZGCommitment, error) {
	at := map[uint64]types.KZGCommitment{}
	t.mu.Lock()
	if d := t.mu.blocks[root]; d != nil {
		for i, b := range d.blobs {
			at[i] = b.KZGCommitment
		}
	}
	t.mu.Unlock()
	stored, err := t.chain.store.BlobSidecars(root)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	for _, b := range stored {
		at[b.Index] = b.KZGCommitment
	}
	return at, nil
}

// requireData checks that the data of the payload inside a block was seen.
func (c *Chain) requireData(in *incomingBlock) error {
	if in.cx.Fork < params.Deneb || in.cx.Fork >= params.Gloas {
		return nil
	}
	return c.data.require(in.root, in.signed.Message.Slot, in.signed.Message.Body.BlobKZGCommitments)
}

// require checks that what this node keeps of a block's blobs is at hand: all blobs until Electra, its columns from Fulu on. Data
// so old that nobody has to serve it is not asked for. Half of the columns suffice: the others are computed.
// Spec: is_data_available (deneb; modified fulu, gloas).
func (t *dataTracker) require(root types.Root, slot types.Slot, commitments []types.KZGCommitment) error {
	c := t.chain
	if len(commitments) == 0 || c.DataExpired(slot) {
		return nil
	}
	if c.cfg.Spec.ForkAtSlot(slot) < params.Fulu {
		return t.requireBlobs(root, slot, commitments)
	}
	held, stored, err := t.columns(root)
	if err != nil {
		return err
	}
	missing, have := 0, len(held)
	for _, i := range stored {
		if held[i] == nil {
			have++
		}
	}
	for _, i := range c.Custody() {
		if held[i] == nil && !slices.Contains(stored, i) {
			missing++
		}
	}
	switch {
	case missing == 0:
		return nil
	case 2*uint64(have) < c.cfg.Spec.NumberOfColumns:
		return fmt.Errorf("block %v of slot %d: %w: %d of %d columns to keep, %d columns in all", root, slot, ErrDataMissing, missing, len(c.Custody()), have)
	}
	return t.reconstruct(root, slot, held, stored)
}

func (t *dataTracker) requireBlobs(root types.Root, slot types.Slot, commitments []types.KZGCommitment) error {
	at, err := t.blobs(root)
	if err != nil {
		return err
	}
	for i, commitment := range commitments {
		if have, ok := at[uint64(i)]; !ok || have != commitment {
			return fmt.Errorf("block %v of slot %d: %w: %d of %d", root, slot, ErrBlobsMissing, i, len(commitments))
		}
	}
	return nil
}

// reconstruct computes the columns that are missing from those at hand.
func (t *dataTracker) reconstruct(root types.Root, slot types.Slot, held map[uint64]*types.DataColumnSidecar, stored []uint64) error {
	c := t.chain
	if len(stored) > 0 {
		fromDisk, err := c.store.Columns(root, stored)
		if err != nil {
			return fmt.Errorf("read columns of block %v: %w", root, err)
		}
		if held == nil {
			held = map[uint64]*types.DataColumnSidecar{}
		}
		for _, column := range fromDisk {
			held[column.Index] = column
		}
	}
	all, err := das.RecoverDataColumnSidecars(c.kzg, slices.Collect(maps.Values(held)))
	if err != nil {
		return fmt.Errorf("reconstruct columns of block %v: %w", root, err)
	}
	for _, column := range all {
		if held[column.Index] == nil && slices.Contains(c.Custody(), column.Index) {
			t.holdColumn(root, slot, column)
		}
	}
	return nil
}

// DataExpired tells whether data of a slot is too old for anybody to have to serve it.
// Spec: MIN_EPOCHS_FOR_BLOB_SIDECARS_REQUESTS (deneb), MIN_EPOCHS_FOR_DATA_COLUMN_SIDECARS_REQUESTS (fulu).
func (c *Chain) DataExpired(slot types.Slot) bool {
	keep := c.cfg.Spec.MinEpochsForBlobSidecarsRequests
	if c.cfg.Spec.ForkAtSlot(slot) >= params.Fulu {
		keep = c.cfg.Spec.MinEpochsForDataColumnSidecarsRequests
	}
	return c.epochOf(slot)+types.Epoch(keep) < c.clock.CurrentEpoch()
}

func columnSize(s *types.DataColumnSidecar) int {
	size := 512 + 48*(len(s.KZGCommitments)+len(s.KZGProofs))
	for _, cell := range s.Column {
		size += len(cell)
	}
	return size
}

// ImportColumns checks columns of blocks and keeps those that this node has custody of; a block or payload that waits for them
// goes on. Columns of one block are best handed in together: their proofs are checked in one batch. From Gloas on the block has to
// be known before its columns.
func (c *Chain) ImportColumns(_ context.Context, columns []*types.DataColumnSidecar) error {
	byBlock := map[types.Root][]*types.DataColumnSidecar{}
	var order []types.Root
	for _, s := range columns {
		root := blockOfColumn(s)
		if byBlock[root] == nil {
			order = append(order, root)
		}
		byBlock[root] = append(byBlock[root], s)
	}
	for _, root := range order {
		if err := c.importColumns(root, byBlock[root]); err != nil {
			return fmt.Errorf("columns of block %v: %w", root, err)
		}
	}
	return nil
}

// blockOfColumn is the root of the block that a column is of.
func blockOfColumn(s *types.DataColumnSidecar) types.Root {
	if s.BeaconBlockRoot != (types.Root{}) { // gloas
		return s.BeaconBlockRoot
	}
	return types.HashTreeRoot(&s.SignedBlockHeader.Message)
}

func (c *Chain) importColumns(root types.Root, columns []*types.DataColumnSidecar) error {
	slot := columns[0].SignedBlockHeader.Message.Slot
	if columns[0].BeaconBlockRoot != (types.Root{}) {
		slot = columns[0].Slot
	}
	cx := c.contextAt(slot)
	if cx.Fork < params.Fulu {
		return fmt.Errorf("column of slot %d, want one from fulu on", slot)
	}
	commitments := columns[0].KZGCommitments
	if cx.Fork >= params.Gloas {
		signed, err := c.readBlock(root)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrUnknownBlock, err)
		}
		slot, commitments = signed.Message.Slot, signed.Message.Body.SignedExecutionPayloadBid.Message.BlobKZGCommitments
	}
	v, err := c.verifyColumns(cx, BlockID{slot, root}, columns, commitments)
	if err != nil {
		return err
	}
	c.HoldColumns(v)
	return nil
}

// HoldColumns keeps verified columns; a block or payload that waits for them goes on.
func (c *Chain) HoldColumns(v *VerifiedColumns) {
	for _, s := range v.columns {
		c.data.holdColumn(v.of.Root, v.of.Slot, s)
	}
	c.dataArrived(v.of.Root)
}

// ImportBlobs checks blobs of blocks before Fulu and keeps them; a block that waits for them goes on.
func (c *Chain) ImportBlobs(_ context.Context, sidecars []*types.BlobSidecar) error {
	if err := c.checkBlobs(sidecars); err != nil {
		return err
	}
	for _, s := range sidecars {
		root := types.HashTreeRoot(&s.SignedBlockHeader.Message)
		c.data.holdBlob(root, s.SignedBlockHeader.Message.Slot, s)
		c.dataArrived(root)
	}
	return nil
}

// dataArrived goes on with what waited for data of a block. Data of a block that is imported already goes to disk at once.
func (c *Chain) dataArrived(root types.Root) {
	if b := c.index.get(root); b != nil {
		c.persist.data(root)
	}
	c.retry(c.deferred.take(condition{kind: waitData, root: root}))
}

// putData adds the data that is held of a block to a batch. From Gloas on it comes with the payload.
//
// Before Gloas data names its block by a signed header. Its root is what was checked; the signature that it came with is replaced by the
// block's, or this node would pass on what others call wrong.
func (c *Chain) putData(batch *store.Batch, cx ssz.Context, block BlockID, signature types.BLSSignature, d *blockData) error {
	if d == nil {
		return nil
	}
	for _, i := range slices.Sorted(maps.Keys(d.columns)) {
		if !slices.Contains(c.Custody(), i) {
			continue
		}
		if err := putColumn(batch, cx, block, signature, d.columns[i]); err != nil {
			return err
		}
	}
	for _, i := range slices.Sorted(maps.Keys(d.blobs)) {
		if err := putBlob(batch, cx, block, signature, d.blobs[i]); err != nil {
			return err
		}
	}
	return nil
}

func putColumn(batch *store.Batch, cx ssz.Context, block BlockID, signature types.BLSSignature, column *types.DataColumnSidecar) error {
	if cx.Fork < params.Gloas && column.SignedBlockHeader.Signature != signature {
		own := *column
		own.SignedBlockHeader.Signature = signature
		column = &own
	}
	return batch.PutColumn(cx, block.Root, block.Slot, column)
}

func putBlob(batch *store.Batch, cx ssz.Context, block BlockID, signature types.BLSSignature, blob *types.BlobSidecar) error {
	if blob.SignedBlockHeader.Signature != signature {
		own := *blob
		own.SignedBlockHeader.Signature = signature
		blob = &own
	}
	return batch.PutBlobSidecar(cx, block.Root, block.Slot, blob)
}
