package store

import (
	"errors"
	"fmt"

	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// maxIndex bounds the index of a column or blob by what a key holds.
const maxIndex = 1<<16 - 1

// PutColumn adds a column of a block.
func (b *Batch) PutColumn(cx ssz.Context, root types.Root, slot types.Slot, column *types.DataColumnSidecar) error {
	if err := b.putData(&kindColumn, cx, slot, root, column.Index, column); err != nil {
		return err
	}
	return b.put(&kindColumnMark, kindColumnMark.byIndex(slot, root, column.Index), nil)
}

// PutBlobSidecar adds a blob of a block (deneb, electra).
func (b *Batch) PutBlobSidecar(cx ssz.Context, root types.Root, slot types.Slot, blob *types.BlobSidecar) error {
	if err := b.putData(&kindBlob, cx, slot, root, blob.Index, blob); err != nil {
		return err
	}
	return b.put(&kindBlobMark, kindBlobMark.byIndex(slot, root, blob.Index), nil)
}

func (b *Batch) putData(k *kind, cx ssz.Context, slot types.Slot, root types.Root, index uint64, o ssz.Object) error {
	if index > maxIndex {
		return b.fail(fmt.Errorf("write %s of block %v: index %d, at most %d is possible", k.name, root, index, maxIndex))
	}
	value, err := ssz.Marshal(cx, ssz.Container(o))
	if err != nil {
		return b.fail(fmt.Errorf("write %s %d of block %v: %w", k.name, index, root, err))
	}
	if err := b.put(k, k.byIndex(slot, root, index), value); err != nil {
		return err
	}
	return b.place(slot, root)
}

// Columns reads columns of a block by their indices. A column that is not stored is left out.
func (s *Store) Columns(root types.Root, indices []uint64) ([]*types.DataColumnSidecar, error) {
	slot, err := s.SlotOf(root)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []*types.DataColumnSidecar
	for _, index := range indices {
		if index > maxIndex {
			continue
		}
		key := kindColumn.byIndex(slot, root, index)
		value, err := s.get(&kindColumn, key)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		column := new(types.DataColumnSidecar)
		if err := ssz.Unmarshal(s.context(slot), value, ssz.Container(column)); err != nil {
			return nil, &DamagedError{describe(key), err}
		}
		if column.Index != index {
			return nil, &DamagedError{describe(key), fmt.Errorf("it is column %d", column.Index)}
		}
		out = append(out, column)
	}
	return out, nil
}

// ColumnBytes is the encoding of the DataColumnSidecar of a block by its index.
func (s *Store) ColumnBytes(root types.Root, index uint64) ([]byte, error) {
	return s.indexedBytes(&kindColumn, root, index)
}

// BlobBytes is the encoding of the BlobSidecar of a block by its index.
func (s *Store) BlobBytes(root types.Root, index uint64) ([]byte, error) {
	return s.indexedBytes(&kindBlob, root, index)
}

func (s *Store) indexedBytes(k *kind, root types.Root, index uint64) ([]byte, error) {
	slot, err := s.SlotOf(root)
	if err != nil {
		return nil, err
	}
	if index > maxIndex {
		return nil, ErrNotFound
	}
	return s.get(k, k.byIndex(slot, root, index))
}

// ColumnIndices lists the columns that are stored of a block, in ascending order, without reading them.
func (s *Store) ColumnIndices(root types.Root) ([]uint64, error) {
	return s.indices(&kindColumnMark, root)
}

// BlobIndices lists the blobs that are stored of a block, in ascending order, without reading them.
func (s *Store) BlobIndices(root types.Root) ([]uint64, error) { return s.indices(&kindBlobMark, root) }

func (s *Store) indices(mark *kind, root types.Root) ([]uint64, error) {
	slot, err := s.SlotOf(root)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []uint64
	from := mark.bySlot(slot, root)
	for e, err := range s.db.Range(from, after(from)) {
		if err == nil {
			_, err = s.entry(mark, e)
		}
		if err != nil {
			return nil, err
		}
		out = append(out, indexOf(e.Key))
	}
	return out, nil
}

// BlobSidecars reads the blobs that are stored of a block, in ascending order of their indices.
func (s *Store) BlobSidecars(root types.Root) ([]*types.BlobSidecar, error) {
	slot, err := s.SlotOf(root)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []*types.BlobSidecar
	from := kindBlob.bySlot(slot, root)
	for e, err := range s.db.Range(from, after(from)) {
		var value []byte
		if err == nil {
			value, err = s.entry(&kindBlob, e)
		}
		if err != nil {
			return nil, err
		}
		blob := new(types.BlobSidecar)
		if err := ssz.Unmarshal(s.context(slot), value, ssz.Container(blob)); err != nil {
			return nil, &DamagedError{describe(e.Key), err}
		}
		if have := indexOf(e.Key); blob.Index != have {
			return nil, &DamagedError{describe(e.Key), fmt.Errorf("it is blob %d", blob.Index)}
		}
		out = append(out, blob)
	}
	return out, nil
}
