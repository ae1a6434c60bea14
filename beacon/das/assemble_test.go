package das_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/das"
	"github.com/cresset/cresset/beacon/kzg"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/recorded"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

func setup(t testing.TB) *kzg.Context {
	t.Helper()
	s, err := kzg.New()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// recordedColumns is the block with the most blobs of a recorded chain, with all its columns.
func recordedColumns(t testing.TB) (ssz.Context, *types.SignedBeaconBlock, []*types.DataColumnSidecar) {
	t.Helper()
	chain, err := recorded.Load("fulu")
	if err != nil {
		t.Fatal(err)
	}
	var best *types.SignedBeaconBlock
	for _, b := range chain.Blocks {
		if best == nil || len(b.Message.Body.BlobKZGCommitments) > len(best.Message.Body.BlobKZGCommitments) {
			best = b
		}
	}
	return ssz.Context{Spec: chain.Spec, Fork: params.Fulu}, best, chain.Columns[best.Message.Slot]
}

// rowsOf turns columns back into rows.
func rowsOf(columns []*types.DataColumnSidecar) []das.CellsAndProofs {
	rows := make([]das.CellsAndProofs, len(columns[0].Column))
	for r := range rows {
		rows[r] = das.CellsAndProofs{Cells: new([kzg.CellsPerExtBlob]kzg.Cell), Proofs: new([kzg.CellsPerExtBlob]kzg.Proof)}
		for _, c := range columns {
			rows[r].Cells[c.Index], rows[r].Proofs[c.Index] = kzg.Cell(c.Column[r]), kzg.Proof(c.KZGProofs[r])
		}
	}
	return rows
}

func TestColumnsOfABlockAreThoseAnotherClientMade(t *testing.T) {
	cx, block, want := recordedColumns(t)
	got, err := das.GetDataColumnSidecarsFromBlock(cx, block, rowsOf(want))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Fatalf("%d columns, want %d", len(got), len(want))
	}
	for i := range got {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Errorf("column %d differs", i)
		}
		if err := das.VerifyDataColumnSidecarInclusionProof(cx, got[i]); err != nil {
			t.Error(err)
		}
	}
}

func TestBlobsExtendToTheRecordedCells(t *testing.T) {
	_, _, columns := recordedColumns(t)
	want := rowsOf(columns)
	blobs := make([]*kzg.Blob, len(want))
	for r := range blobs {
		blobs[r] = new(kzg.Blob)
		for i, cell := range want[r].Cells[:kzg.CellsPerExtBlob/2] { // the first half of the extension is the blob itself
			copy(blobs[r][i*kzg.BytesPerCell:], cell[:])
		}
	}
	got, err := das.ComputeCellsAndProofs(setup(t), blobs)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Error("cells or proofs differ")
	}
}

func TestAnyHalfOfTheColumnsGivesAll(t *testing.T) {
	_, _, want := recordedColumns(t)
	some := slices.Clone(want)
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(some), func(i, j int) { some[i], some[j] = some[j], some[i] })
	s := setup(t)
	for _, n := range []int{kzg.CellsPerExtBlob / 2, kzg.CellsPerExtBlob/2 + 9} {
		got, err := das.RecoverDataColumnSidecars(s, some[:n])
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%d columns do not give the others", n)
		}
	}
	if _, err := das.RecoverDataColumnSidecars(s, some[:kzg.CellsPerExtBlob/2-1]); err == nil {
		t.Error("less than half was accepted")
	}
	short := *some[3]
	short.Column = short.Column[:len(short.Column)-1]
	if _, err := das.RecoverDataColumnSidecars(s, append([]*types.DataColumnSidecar{&short}, some[4:70]...)); err == nil {
		t.Error("a column of fewer blobs was accepted")
	}
}

func TestGloasColumnsNameTheirBlock(t *testing.T) {
	_, _, columns := recordedColumns(t)
	cx := ssz.Context{Spec: params.Minimal(), Fork: params.Gloas}
	block := &types.SignedBeaconBlock{}
	block.Message.Slot = 77
	block.Message.Body.SyncAggregate.SyncCommitteeBits = make([]byte, cx.Spec.SyncCommitteeSize/8)
	block.Message.Body.SignedExecutionPayloadBid.Message.BlobKZGCommitments = columns[0].KZGCommitments
	root, err := ssz.HashTreeRoot(cx, ssz.Container(&block.Message))
	if err != nil {
		t.Fatal(err)
	}
	got, err := das.GetDataColumnSidecarsFromBlock(cx, block, rowsOf(columns))
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range got {
		if s.BeaconBlockRoot != types.Root(root) || s.Slot != 77 || s.Index != uint64(i) || len(s.KZGCommitments) != 0 {
			t.Fatalf("column %d is %d of block %v, slot %d", i, s.Index, s.BeaconBlockRoot, s.Slot)
		}
	}
	if _, err := das.GetDataColumnSidecarsFromBlock(cx, block, rowsOf(columns)[:1]); err == nil {
		t.Error("fewer rows than commitments were accepted")
	}
}

func TestABatchOfColumnsIsRefusedForOneWrongCell(t *testing.T) {
	_, block, columns := recordedColumns(t)
	s, commitments := setup(t), block.Message.Body.BlobKZGCommitments
	if err := das.VerifyDataColumnSidecarsKZGProofs(s, columns, commitments); err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{0, 63, 127} {
		wrong := *columns[at]
		wrong.Column = slices.Clone(wrong.Column)
		wrong.Column[0] = columns[(at+1)%len(columns)].Column[0]
		some := slices.Clone(columns)
		some[at] = &wrong
		if err := das.VerifyDataColumnSidecarsKZGProofs(s, some, commitments); err == nil {
			t.Errorf("a wrong cell in column %d was accepted", at)
		}
		wrong.Column[0] = wrong.Column[0][:100]
		if err := das.VerifyDataColumnSidecarsKZGProofs(s, some, commitments); err == nil {
			t.Errorf("a short cell in column %d was accepted", at)
		}
		wrong.Column = wrong.Column[:len(wrong.Column)-1]
		if err := das.VerifyDataColumnSidecarsKZGProofs(s, some, commitments); err == nil {
			t.Errorf("a column %d of fewer cells was accepted", at)
		}
	}
}

// benchColumns is all columns of a block with a number of blobs, repeated from the recorded ones.
func benchColumns(b *testing.B, blobs int) ([]*types.DataColumnSidecar, []types.KZGCommitment) {
	_, block, columns := recordedColumns(b)
	out, commitments := make([]*types.DataColumnSidecar, len(columns)), make([]types.KZGCommitment, blobs)
	have := block.Message.Body.BlobKZGCommitments
	for i := range commitments {
		commitments[i] = have[i%len(have)]
	}
	for k, c := range columns {
		s := *c
		s.Column, s.KZGProofs = make([][]byte, blobs), make([]types.KZGProof, blobs)
		for i := range blobs {
			s.Column[i], s.KZGProofs[i] = c.Column[i%len(have)], c.KZGProofs[i%len(have)]
		}
		out[k] = &s
	}
	return out, commitments
}

// BenchmarkVerifyColumns verifies columns of one block; the limit is the library's own batch call with all cells, on one core.
func BenchmarkVerifyColumns(b *testing.B) {
	s := setup(b)
	for _, columns := range []int{8, 128} {
		for _, blobs := range []int{12, 21} {
			all, commitments := benchColumns(b, blobs)
			all = all[:columns]
			b.Run(fmt.Sprintf("%d-columns-%d-blobs", columns, blobs), func(b *testing.B) {
				limit := libraryCall(b, s, all, commitments)
				best, bestLimit := time.Hour, time.Hour
				for b.Loop() {
					bestLimit = min(bestLimit, timed(limit))
					best = min(best, timed(func() {
						if err := das.VerifyDataColumnSidecarsKZGProofs(s, all, commitments); err != nil {
							b.Fatal(err)
						}
					}))
				}
				b.ReportMetric(float64(best)/float64(bestLimit), "x-limit")
				b.ReportMetric(float64(best.Microseconds())/float64(columns*blobs), "us/cell")
			})
		}
	}
}

// BenchmarkRecoverColumns computes all columns of a block from half of them; the limit is the library's call for each blob, one
// after the other.
func BenchmarkRecoverColumns(b *testing.B) {
	s := setup(b)
	for _, blobs := range []int{12, 21} {
		all, _ := benchColumns(b, blobs)
		half := all[kzg.CellsPerExtBlob/2:]
		b.Run(fmt.Sprintf("%d-blobs", blobs), func(b *testing.B) {
			best, bestLimit := time.Hour, time.Hour
			for b.Loop() {
				bestLimit = min(bestLimit, timed(func() {
					for row := range blobs {
						indices, cells := make([]uint64, len(half)), make([]kzg.Cell, len(half))
						for i, c := range half {
							indices[i], cells[i] = c.Index, kzg.Cell(c.Column[row])
						}
						if _, _, err := s.RecoverCellsAndKZGProofs(indices, cells); err != nil {
							b.Fatal(err)
						}
					}
				}))
				best = min(best, timed(func() {
					if _, err := das.RecoverDataColumnSidecars(s, half); err != nil {
						b.Fatal(err)
					}
				}))
			}
			b.ReportMetric(float64(best)/float64(bestLimit), "x-limit")
			b.ReportMetric(float64(best.Milliseconds()), "ms")
		})
	}
}

func timed(f func()) time.Duration {
	begin := time.Now()
	f()
	return time.Since(begin)
}

// libraryCall is the library's own call for all cells of columns.
func libraryCall(b *testing.B, s *kzg.Context, columns []*types.DataColumnSidecar, commitments []types.KZGCommitment) func() {
	var points []kzg.Commitment
	var indices []uint64
	var cells []kzg.Cell
	var proofs []kzg.Proof
	for _, c := range columns {
		for i := range c.Column {
			points, indices = append(points, kzg.Commitment(commitments[i])), append(indices, c.Index)
			cells, proofs = append(cells, kzg.Cell(c.Column[i])), append(proofs, kzg.Proof(c.KZGProofs[i]))
		}
	}
	return func() {
		if ok, err := s.VerifyCellKZGProofBatch(points, indices, cells, proofs); err != nil || !ok {
			b.Fatal(ok, err)
		}
	}
}
