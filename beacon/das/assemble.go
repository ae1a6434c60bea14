package das

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/cresset/cresset/beacon/kzg"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// CellsAndProofs is an extended blob: one row of the matrix.
type CellsAndProofs struct {
	Cells  *[kzg.CellsPerExtBlob]kzg.Cell
	Proofs *[kzg.CellsPerExtBlob]kzg.Proof
}

// ComputeCellsAndProofs extends blobs, on all cores.
func ComputeCellsAndProofs(setup *kzg.Context, blobs []*kzg.Blob) ([]CellsAndProofs, error) {
	rows := make([]CellsAndProofs, len(blobs))
	err := onAllCores(len(blobs), func(i int) (err error) {
		if rows[i].Cells, rows[i].Proofs, err = setup.ComputeCellsAndKZGProofs(blobs[i]); err != nil {
			return fmt.Errorf("blob %d: %w", i, err)
		}
		return nil
	})
	return rows, err
}

// onAllCores calls f for 0 to n-1 and gives the first error.
func onAllCores(n int, f func(i int) error) error {
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range n {
		g.Go(func() error { return f(i) })
	}
	return g.Wait()
}

// GetDataColumnSidecarsFromBlock assembles all columns of a block from its extended blobs, one for each commitment. They share
// memory with the rows. Spec: get_data_column_sidecars_from_block (fulu; modified gloas).
func GetDataColumnSidecarsFromBlock(cx ssz.Context, signed *types.SignedBeaconBlock, rows []CellsAndProofs) ([]*types.DataColumnSidecar, error) {
	body := &signed.Message.Body
	if cx.Fork >= params.Gloas {
		root, err := ssz.HashTreeRoot(cx, ssz.Container(&signed.Message))
		if err != nil {
			return nil, err
		}
		commitments := body.SignedExecutionPayloadBid.Message.BlobKZGCommitments
		return getDataColumnSidecars(&types.DataColumnSidecar{Slot: signed.Message.Slot, BeaconBlockRoot: root}, rows, len(commitments))
	}
	header, err := signed.Message.Header(cx)
	if err != nil {
		return nil, err
	}
	gindex, err := ssz.GeneralizedIndex(cx, ssz.Container(body), "blob_kzg_commitments")
	if err != nil {
		return nil, err
	}
	proof, err := ssz.Prove(cx, ssz.Container(body), gindex)
	if err != nil {
		return nil, fmt.Errorf("prove blob_kzg_commitments: %w", err)
	}
	branch := make([]types.Bytes32, len(proof.Branch))
	for i, node := range proof.Branch {
		branch[i] = node
	}
	common := &types.DataColumnSidecar{
		KZGCommitments: body.BlobKZGCommitments, KZGCommitmentsInclusionProof: branch,
		SignedBlockHeader: types.SignedBeaconBlockHeader{Message: header, Signature: signed.Signature},
	}
	return getDataColumnSidecars(common, rows, len(body.BlobKZGCommitments))
}

// GetDataColumnSidecarsFromColumnSidecar assembles all columns from the extended blobs and what one column says of the block. The
// number of blobs is that of the column's cells.
// Spec: get_data_column_sidecars_from_column_sidecar (fulu; modified gloas).
func GetDataColumnSidecarsFromColumnSidecar(sidecar *types.DataColumnSidecar, rows []CellsAndProofs) ([]*types.DataColumnSidecar, error) {
	return getDataColumnSidecars(sidecar, rows, len(sidecar.Column))
}

// getDataColumnSidecars turns rows into columns. What all columns of a block have in common is taken from one.
// Spec: get_data_column_sidecars (fulu; modified gloas).
func getDataColumnSidecars(common *types.DataColumnSidecar, rows []CellsAndProofs, blobs int) ([]*types.DataColumnSidecar, error) {
	if len(rows) != blobs {
		return nil, fmt.Errorf("len(cells_and_kzg_proofs) == len(kzg_commitments): have %d, want %d", len(rows), blobs)
	}
	sidecars := make([]*types.DataColumnSidecar, kzg.CellsPerExtBlob)
	for column := range sidecars {
		s := *common
		s.Index = uint64(column)
		s.Column, s.KZGProofs = make([][]byte, blobs), make([]types.KZGProof, blobs)
		for row := range rows {
			s.Column[row], s.KZGProofs[row] = rows[row].Cells[column][:], types.KZGProof(rows[row].Proofs[column])
		}
		sidecars[column] = &s
	}
	return sidecars, nil
}

// RecoverDataColumnSidecars computes all columns of a block from at least half of them, which are verified and each of another
// index, on all cores. Spec: recover_matrix (fulu), get_data_column_sidecars_from_column_sidecar (fulu; modified gloas).
func RecoverDataColumnSidecars(setup *kzg.Context, some []*types.DataColumnSidecar) ([]*types.DataColumnSidecar, error) {
	if 2*len(some) < kzg.CellsPerExtBlob {
		return nil, fmt.Errorf("%d columns are less than half of %d", len(some), kzg.CellsPerExtBlob)
	}
	some = slices.Clone(some)
	slices.SortFunc(some, func(a, b *types.DataColumnSidecar) int { return cmp.Compare(a.Index, b.Index) })
	// Half suffices, and more make it slower.
	some = some[:kzg.CellsPerExtBlob/2]
	blobs, indices := len(some[0].Column), make([]uint64, len(some))
	for i, s := range some {
		if len(s.Column) != blobs {
			return nil, fmt.Errorf("column %d is of %d blobs, column %d of %d", s.Index, len(s.Column), some[0].Index, blobs)
		}
		indices[i] = s.Index
	}
	rows := make([]CellsAndProofs, blobs)
	err := onAllCores(blobs, func(row int) (err error) {
		cells := make([]kzg.Cell, len(some))
		for i, s := range some {
			if len(s.Column[row]) != kzg.BytesPerCell {
				return fmt.Errorf("column %d: cell %d has %d bytes, want %d", s.Index, row, len(s.Column[row]), kzg.BytesPerCell)
			}
			cells[i] = kzg.Cell(s.Column[row])
		}
		if rows[row].Cells, rows[row].Proofs, err = setup.RecoverCellsAndKZGProofs(indices, cells); err != nil {
			return fmt.Errorf("row %d: %w", row, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return GetDataColumnSidecarsFromColumnSidecar(some[0], rows)
}
