package wire_test

import (
	"encoding/hex"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/engine/wire"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// largeBuilt is a payload of 1,000 transactions, 1 MB in all, with 21 blobs and their cell proofs: 3.8 MB of data.
func largeBuilt(spec *params.Spec) *wire.BuiltPayload {
	source := rand.NewChaCha8([32]byte{1})
	fill := func(n int) []byte {
		b := make([]byte, n)
		source.Read(b)
		return b
	}
	b := &wire.BuiltPayload{Payload: fullPayload(params.Fulu), RequestsList: [][]byte{}}
	b.Payload.Transactions = nil
	for range 1000 {
		b.Payload.Transactions = append(b.Payload.Transactions, fill(1000))
	}
	for range 21 {
		b.Blobs.Blobs = append(b.Blobs.Blobs, fill(131072))
	}
	b.Blobs.Commitments = make([]types.KZGCommitment, 21)
	b.Blobs.Proofs = make([]types.KZGProof, 21*spec.CellsPerExtBlob)
	return b
}

// perOp is the time of one of n runs, in nanoseconds; it is measured at the end of a benchmark for the ratio.
func perOp(n int, f func()) float64 {
	start := time.Now()
	for range n {
		f()
	}
	return float64(time.Since(start).Nanoseconds()) / float64(n)
}

// BenchmarkWriteBuiltPayload writes a payload with 21 blobs; the limit is the hex of the same bytes into memory that is there.
func BenchmarkWriteBuiltPayload(b *testing.B) {
	spec := mainnet(b)
	cx, built := wire.Context{Spec: spec, Fork: params.Fulu}, largeBuilt(spec)
	text := wire.Write(nil, cx.BuiltPayload(built))
	dst := text
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		dst = wire.Write(dst[:0], cx.BuiltPayload(built))
	}
	b.StopTimer()
	data, digits := make([]byte, len(text)/2), make([]byte, len(text))
	limit := perOp(20, func() { hex.Encode(digits, data) })
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/limit, "x_hex")
}

// BenchmarkReadBuiltPayload reads it; the limit is the decoding of as much hex into memory that is there.
func BenchmarkReadBuiltPayload(b *testing.B) {
	spec := mainnet(b)
	cx := wire.Context{Spec: spec, Fork: params.Fulu}
	text := wire.Write(nil, cx.BuiltPayload(largeBuilt(spec)))
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		if err := wire.Read(text, cx.BuiltPayload(new(wire.BuiltPayload))); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	data, digits := make([]byte, len(text)/2), make([]byte, len(text)/2*2)
	hex.Encode(digits, data)
	limit := perOp(20, func() {
		if _, err := hex.Decode(data, digits); err != nil {
			b.Fatal(err)
		}
	})
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/limit, "x_hex")
}
