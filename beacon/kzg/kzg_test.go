package kzg

import (
	"runtime"
	"slices"
	"sync"
	"testing"
)

// testBlob is a blob whose field elements are all small.
func testBlob(seed byte) *Blob {
	var b Blob
	for i := 31; i < len(b); i += 32 {
		b[i], b[i-1] = byte(i/32)+seed, seed
	}
	return &b
}

func TestNewAgain(t *testing.T) {
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if _, err := New(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestCellsOfABlob(t *testing.T) {
	c := newContext(t)
	blob := testBlob(3)
	commitment, err := c.BlobToKZGCommitment(blob)
	if err != nil {
		t.Fatal(err)
	}
	cells, proofs, err := c.ComputeCellsAndKZGProofs(blob)
	if err != nil {
		t.Fatal(err)
	}
	for i, cell := range cells[:CellsPerExtBlob/2] {
		if !slices.Equal(cell[:], blob[i*BytesPerCell:(i+1)*BytesPerCell]) {
			t.Errorf("cell %d is not its part of the blob", i)
		}
	}
	var indices []uint64
	var half []Cell
	var commitments []Commitment
	var halfProofs []Proof
	for i := 1; i < CellsPerExtBlob; i += 2 {
		indices, half = append(indices, uint64(i)), append(half, cells[i])
		commitments, halfProofs = append(commitments, commitment), append(halfProofs, proofs[i])
	}
	if ok, err := c.VerifyCellKZGProofBatch(commitments, indices, half, halfProofs); err != nil || !ok {
		t.Errorf("valid cells: %v, %v", ok, err)
	}
	recovered, recoveredProofs, err := c.RecoverCellsAndKZGProofs(indices, half)
	if err != nil || *recovered != *cells || *recoveredProofs != *proofs {
		t.Errorf("recovering from every second cell: %v, or cells or proofs differ", err)
	}
	if _, _, err := c.RecoverCellsAndKZGProofs(indices[1:], half[1:]); err == nil {
		t.Error("recovers from less than half of the cells")
	}
	halfProofs[5], halfProofs[6] = halfProofs[6], halfProofs[5]
	if ok, err := c.VerifyCellKZGProofBatch(commitments, indices, half, halfProofs); err != nil || ok {
		t.Errorf("swapped proofs: %v, %v", ok, err)
	}
}

func TestCountsThatDiffer(t *testing.T) {
	c := newContext(t)
	blob := testBlob(1)
	if _, err := c.VerifyBlobKZGProofBatch([]Blob{*blob}, nil, make([]Proof, 1)); err == nil {
		t.Error("blob without commitment")
	}
	for i := range 4 {
		n := []int{1, 1, 1, 1}
		n[i] = 0
		if _, err := c.VerifyCellKZGProofBatch(make([]Commitment, n[0]), make([]uint64, n[1]), make([]Cell, n[2]), make([]Proof, n[3])); err == nil {
			t.Errorf("counts %v accepted", n)
		}
	}
	if _, _, err := c.RecoverCellsAndKZGProofs(make([]uint64, 64), make([]Cell, 65)); err == nil {
		t.Error("cell without index")
	}
}

func TestNothingVerifies(t *testing.T) {
	c := newContext(t)
	if ok, err := c.VerifyBlobKZGProofBatch(nil, nil, nil); err != nil || !ok {
		t.Errorf("no blobs: %v, %v", ok, err)
	}
	if ok, err := c.VerifyCellKZGProofBatch(nil, nil, nil, nil); err != nil || !ok {
		t.Errorf("no cells: %v, %v", ok, err)
	}
}

// Inputs that live inside a struct with pointers, as those of callers do: cgo checks pointers at run time.
func TestInputsInsideOtherStructs(t *testing.T) {
	c := newContext(t)
	type holder struct {
		next *holder
		blob Blob
	}
	h := &holder{next: &holder{}, blob: *testBlob(2)}
	if _, err := c.BlobToKZGCommitment(&h.blob); err != nil {
		t.Error(err)
	}
	runtime.KeepAlive(h.next)
}

func TestConcurrentUse(t *testing.T) {
	c := newContext(t)
	want, err := c.BlobToKZGCommitment(testBlob(9))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if got, err := c.BlobToKZGCommitment(testBlob(9)); err != nil || got != want {
				t.Errorf("%x, %v, want %x", got, err, want)
			}
		})
	}
	wg.Wait()
}

// A column of 72 blobs against the cost of verifying a single cell: "single-x" is the cost of a cell in the batch.
func BenchmarkVerifyColumn(b *testing.B) {
	const rows = 72
	c := newContext(b)
	blob := testBlob(1)
	commitment, err := c.BlobToKZGCommitment(blob)
	if err != nil {
		b.Fatal(err)
	}
	cells, proofs, err := c.ComputeCellsAndKZGProofs(blob)
	if err != nil {
		b.Fatal(err)
	}
	const index = 17
	column := slices.Repeat(cells[index:index+1], rows)
	for b.Loop() {
		ok, err := c.VerifyCellKZGProofBatch(slices.Repeat([]Commitment{commitment}, rows), slices.Repeat([]uint64{index}, rows), column, slices.Repeat(proofs[index:index+1], rows))
		if err != nil || !ok {
			b.Fatal(ok, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*rows), "µs/cell")
}

func BenchmarkRecover(b *testing.B) {
	c := newContext(b)
	cells, err := c.ComputeCells(testBlob(1))
	if err != nil {
		b.Fatal(err)
	}
	indices := make([]uint64, CellsPerExtBlob/2)
	for i := range indices {
		indices[i] = uint64(i)
	}
	for b.Loop() {
		if _, _, err := c.RecoverCellsAndKZGProofs(indices, cells[:len(indices)]); err != nil {
			b.Fatal(err)
		}
	}
}
