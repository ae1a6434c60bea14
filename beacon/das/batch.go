package das

import (
	"fmt"
	"runtime"

	"github.com/cresset/cresset/beacon/kzg"
	"github.com/cresset/cresset/beacon/types"
)

// minCellsPerBatch is how many cells a batch should have at least: it costs as much as some ten cells before the first one.
const minCellsPerBatch = 64

// VerifyDataColumnSidecarsKZGProofs checks that the cells of columns of one block are those of the commitments' blobs, in one
// batch for each core. VerifyDataColumnSidecar is to be called before. The error does not say which column is wrong where there are
// several. Spec: verify_data_column_sidecar_kzg_proofs (fulu; modified gloas).
func VerifyDataColumnSidecarsKZGProofs(setup *kzg.Context, sidecars []*types.DataColumnSidecar, commitments []types.KZGCommitment) error {
	b := &cellBatch{setup: setup}
	for _, s := range sidecars {
		if err := b.add(s, commitments); err != nil {
			return err
		}
	}
	n := len(b.cells)
	parts := max(1, min(runtime.GOMAXPROCS(0), n/minCellsPerBatch))
	return onAllCores(parts, func(i int) error {
		if err := b.verify(n*i/parts, n*(i+1)/parts); err != nil {
			return fmt.Errorf("%d columns of %d blobs: %w", len(sidecars), len(commitments), err)
		}
		return nil
	})
}

// cellBatch is cells with what they are checked against.
type cellBatch struct {
	setup       *kzg.Context
	commitments []kzg.Commitment
	indices     []uint64
	cells       []kzg.Cell
	proofs      []kzg.Proof
}

func (b *cellBatch) add(s *types.DataColumnSidecar, commitments []types.KZGCommitment) error {
	if n := len(commitments); len(s.Column) != n || len(s.KZGProofs) != n {
		return fmt.Errorf("column %d has %d cells and %d proofs, want as many as commitments: %d", s.Index, len(s.Column), len(s.KZGProofs), n)
	}
	for i, cell := range s.Column {
		if len(cell) != kzg.BytesPerCell {
			return fmt.Errorf("column %d: cell %d has %d bytes, want %d", s.Index, i, len(cell), kzg.BytesPerCell)
		}
		b.commitments = append(b.commitments, kzg.Commitment(commitments[i]))
		b.indices = append(b.indices, s.Index)
		b.cells = append(b.cells, kzg.Cell(cell))
		b.proofs = append(b.proofs, kzg.Proof(s.KZGProofs[i]))
	}
	return nil
}

func (b *cellBatch) verify(from, to int) error {
	ok, err := b.setup.VerifyCellKZGProofBatch(b.commitments[from:to], b.indices[from:to], b.cells[from:to], b.proofs[from:to])
	if err != nil {
		return fmt.Errorf("verify cells: %w", err)
	}
	if !ok {
		return fmt.Errorf("%d cells do not match commitments and proofs", to-from)
	}
	return nil
}
