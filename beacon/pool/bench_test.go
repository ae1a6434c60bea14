package pool

import (
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/bls"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/synthetic"
	"github.com/cresset/cresset/beacon/types"
)

// addition is what one addition of points of G2 takes in this run, and decompression what making a point of a signature's bytes takes.
func addition(b *testing.B, signature types.BLSSignature) (add, decompression time.Duration) {
	point, err := bls.SignatureFromBytes(signature[:])
	check(b, err)
	sum := func(n int) time.Duration {
		points := make([]*bls.Signature, n)
		for i := range points {
			points[i] = point
		}
		best := time.Hour
		for range 20 {
			start := time.Now()
			_, err := bls.AggregateSignatures(points)
			check(b, err)
			best = min(best, time.Since(start))
		}
		return best
	}
	add = (sum(1025) - sum(1)) / 1024
	decompression = time.Hour
	for range 100 {
		start := time.Now()
		_, err := bls.SignatureFromBytes(signature[:])
		check(b, err)
		decompression = min(decompression, time.Since(start))
	}
	return add, decompression
}

// BenchmarkInsert puts the single votes of a slot of mainnet into the pool: 64 committees of 464 members. "x-addition" is an insert as a
// multiple of one addition in G2, measured in the same run.
func BenchmarkInsert(b *testing.B) {
	const committees, size = 64, 464
	keys, err := synthetic.NewKeys(1)
	check(b, err)
	signature := keys.SignAll([]uint64{1}, types.Root{})
	add, decompression := addition(b, signature)
	spec, data := params.Mainnet(), &types.AttestationData{Slot: 1}
	best := time.Hour
	for b.Loop() {
		p := New(Config{Spec: spec})
		start := time.Now()
		for i := range committees * size {
			p.InsertVote(Vote{Data: data, Committee: types.CommitteeIndex(i / size), Position: i % size, Size: size, Attester: types.ValidatorIndex(i), Signature: signature})
		}
		best = min(best, time.Since(start))
	}
	b.ReportMetric(float64(best.Nanoseconds())/(committees*size), "ns/insert")
	b.ReportMetric(best.Seconds()*1000, "ms/slot")
	b.ReportMetric(float64(add.Nanoseconds()), "ns/addition")
	b.ReportMetric(float64(best)/(committees*size)/float64(add), "x-addition")
	b.ReportMetric(float64(decompression.Microseconds()), "us/decompression")
}
