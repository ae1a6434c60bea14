package das

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cresset/cresset/beacon/kzg"
	"github.com/cresset/cresset/beacon/types"
)

func testMatrix(t *testing.T) (*kzg.Context, []types.MatrixEntry) {
	t.Helper()
	setup, err := kzg.New()
	if err != nil {
		t.Fatal(err)
	}
	var blobs []*kzg.Blob
	for row := range 2 {
		var b kzg.Blob
		for i := 31; i < len(b); i += 32 {
			b[i] = byte(i/32 + row)
		}
		blobs = append(blobs, &b)
	}
	matrix, err := ComputeMatrix(setup, blobs)
	if err != nil {
		t.Fatal(err)
	}
	return setup, matrix
}

func sameMatrix(a, b []types.MatrixEntry) bool {
	return slices.EqualFunc(a, b, func(x, y types.MatrixEntry) bool {
		return bytes.Equal(x.Cell, y.Cell) && x.KZGProof == y.KZGProof && x.ColumnIndex == y.ColumnIndex && x.RowIndex == y.RowIndex
	})
}

func TestMatrixIsRecoveredFromAnyHalf(t *testing.T) {
	setup, matrix := testMatrix(t)
	if len(matrix) != 2*kzg.CellsPerExtBlob {
		t.Fatalf("%d entries", len(matrix))
	}
	for i, e := range matrix {
		if e.RowIndex != uint64(i/kzg.CellsPerExtBlob) || e.ColumnIndex != uint64(i%kzg.CellsPerExtBlob) {
			t.Fatalf("entry %d is for row %d, column %d", i, e.RowIndex, e.ColumnIndex)
		}
	}
	rng := rand.New(rand.NewPCG(3, 4))
	var half []types.MatrixEntry
	for row := range 2 {
		for _, column := range rng.Perm(kzg.CellsPerExtBlob)[:kzg.CellsPerExtBlob/2] {
			half = append(half, matrix[row*kzg.CellsPerExtBlob+column])
		}
	}
	rng.Shuffle(len(half), func(i, j int) { half[i], half[j] = half[j], half[i] })
	got, err := RecoverMatrix(setup, half, 2)
	if err != nil || !sameMatrix(got, matrix) {
		t.Errorf("recovered matrix differs, error %v", err)
	}
	beyond := append(slices.Clone(matrix[:kzg.CellsPerExtBlob]), matrix[kzg.CellsPerExtBlob])
	if got, err := RecoverMatrix(setup, beyond, 1); err != nil || !sameMatrix(got, matrix[:kzg.CellsPerExtBlob]) {
		t.Errorf("with an entry beyond the rows asked for: error %v or differs", err)
	}
	if got, err := RecoverMatrix(setup, nil, 0); err != nil || len(got) != 0 {
		t.Errorf("no rows: %d entries, %v", len(got), err)
	}
}

func TestRecoverMatrixRefuses(t *testing.T) {
	setup, matrix := testMatrix(t)
	row := matrix[:kzg.CellsPerExtBlob]
	with := func(change func(*types.MatrixEntry)) []types.MatrixEntry {
		out := slices.Clone(row)
		change(&out[5])
		return out
	}
	notReduced := bytes.Repeat([]byte{0xff}, kzg.BytesPerCell)
	for name, c := range map[string]struct {
		partial []types.MatrixEntry
		rows    uint64
	}{
		"less than half of a row":    {row[:kzg.CellsPerExtBlob/2-1], 1},
		"a row without cells":        {row, 2},
		"more rows than memory":      {row, 1 << 62},
		"column that repeats":        {with(func(e *types.MatrixEntry) { e.ColumnIndex = 6 }), 1},
		"column that does not exist": {with(func(e *types.MatrixEntry) { e.ColumnIndex = kzg.CellsPerExtBlob }), 1},
		"cell too short":             {with(func(e *types.MatrixEntry) { e.Cell = e.Cell[1:] }), 1},
		"cell out of range":          {with(func(e *types.MatrixEntry) { e.Cell = notReduced }), 1},
	} {
		if _, err := RecoverMatrix(setup, c.partial, c.rows); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestComputeMatrixRefusesABlobOutOfRange(t *testing.T) {
	setup, err := kzg.New()
	if err != nil {
		t.Fatal(err)
	}
	bad := kzg.Blob(bytes.Repeat([]byte{0xff}, kzg.BytesPerBlob))
	if _, err := ComputeMatrix(setup, []*kzg.Blob{&bad}); err == nil {
		t.Error("accepted")
	}
}
