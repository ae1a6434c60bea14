package das

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/cresset/cresset/beacon/kzg"
	"github.com/cresset/cresset/beacon/types"
)

// ComputeMatrix extends blobs to the full matrix of cells and proofs, row by row: 128 entries of 2 KiB a blob. A blob
// with a field element out of range is an error. Spec: compute_matrix (fulu).
func ComputeMatrix(setup *kzg.Context, blobs []*kzg.Blob) ([]types.MatrixEntry, error) {
	matrix := make([]types.MatrixEntry, 0, len(blobs)*kzg.CellsPerExtBlob)
	for row, blob := range blobs {
		cells, proofs, err := setup.ComputeCellsAndKZGProofs(blob)
		if err != nil {
			return nil, fmt.Errorf("row %d: %w", row, err)
		}
		matrix = appendRow(matrix, uint64(row), cells, proofs)
	}
	return matrix, nil
}

// RecoverMatrix computes the full matrix of blobCount rows from a part of it, in any order, with at least half of the
// cells of each row. Entries of rows beyond blobCount are ignored. Cells given are not verified. Too few cells in a
// row, a column that repeats or does not exist and a malformed cell are errors. Spec: recover_matrix (fulu).
func RecoverMatrix(setup *kzg.Context, partial []types.MatrixEntry, blobCount uint64) ([]types.MatrixEntry, error) {
	if blobCount > uint64(len(partial))/(kzg.CellsPerExtBlob/2) {
		return nil, fmt.Errorf("%d cells are less than half of %d rows of %d", len(partial), blobCount, kzg.CellsPerExtBlob)
	}
	rows := make([][]*types.MatrixEntry, blobCount)
	for i := range partial {
		if row := partial[i].RowIndex; row < blobCount {
			rows[row] = append(rows[row], &partial[i])
		}
	}
	matrix := make([]types.MatrixEntry, 0, blobCount*kzg.CellsPerExtBlob)
	for row, entries := range rows {
		slices.SortFunc(entries, func(a, b *types.MatrixEntry) int { return cmp.Compare(a.ColumnIndex, b.ColumnIndex) })
		indices, cells := make([]uint64, len(entries)), make([]kzg.Cell, len(entries))
		for i, e := range entries {
			if len(e.Cell) != kzg.BytesPerCell {
				return nil, fmt.Errorf("row %d, column %d: cell has %d bytes, not %d", row, e.ColumnIndex, len(e.Cell), kzg.BytesPerCell)
			}
			indices[i], cells[i] = e.ColumnIndex, kzg.Cell(e.Cell)
		}
		recovered, proofs, err := setup.RecoverCellsAndKZGProofs(indices, cells)
		if err != nil {
			return nil, fmt.Errorf("row %d: %w", row, err)
		}
		matrix = appendRow(matrix, uint64(row), recovered, proofs)
	}
	return matrix, nil
}

func appendRow(
	matrix []types.MatrixEntry, row uint64, cells *[kzg.CellsPerExtBlob]kzg.Cell, proofs *[kzg.CellsPerExtBlob]kzg.Proof,
) []types.MatrixEntry {
	for column := range cells {
		matrix = append(matrix, types.MatrixEntry{
			Cell:        cells[column][:],
			KZGProof:    types.KZGProof(proofs[column]),
			ColumnIndex: uint64(column),
			RowIndex:    row,
		})
	}
	return matrix
}
