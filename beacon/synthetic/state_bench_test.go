package synthetic_test

import (
	"runtime"
	"testing"

	"github.com/cresset/cresset/beacon/synthetic"
	"github.com/cresset/cresset/beacon/types"
)

// What is done to a state as a whole: its root without any cache, its encoding, its copy.
func BenchmarkState(b *testing.B) {
	eachState(b, func(b *testing.B, c synthetic.Config) {
		s, chain, err := synthetic.State(c)
		check(b, err)
		raw, err := s.MarshalSSZ()
		check(b, err)
		want, err := s.HashTreeRoot()
		check(b, err)
		decode := func() *types.BeaconState {
			d := types.NewBeaconState(chain.Spec(), c.Fork)
			check(b, d.UnmarshalSSZ(raw))
			return d
		}
		var cold *types.BeaconState
		coldRoot := func(b *testing.B) {
			nodes := allNodes(b, s.BeaconState)
			limit := hashing(nodes)
			took := fastest(b, func() { cold = nil; cold = decode() }, func() {
				got, err := cold.HashTreeRoot()
				check(b, err)
				if got != want {
					b.Fatalf("root of the decoded state is %v, want %v", got, want)
				}
			})
			cold = nil
			b.ReportMetric(float64(nodes), "nodes")
			report(b, took, limit)
		}
		b.Run("ColdRoot", coldRoot)
		b.Run("ColdRootOneCore", func(b *testing.B) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
			coldRoot(b)
		})
		b.Run("Decode", func(b *testing.B) {
			took := fastest(b, func() { cold = nil }, func() { cold = decode() })
			cold = nil
			report(b, took, copying(uint64(len(raw))))
			b.SetBytes(int64(len(raw)))
		})
		b.Run("Encode", func(b *testing.B) { // into memory that is used again
			out := make([]byte, 0, len(raw))
			took := fastest(b, nothing, func() {
				_, err := s.Node().Encode(s.Cx, out)
				check(b, err)
			})
			report(b, took, copying(uint64(len(raw))))
			b.SetBytes(int64(len(raw)))
		})
		b.Run("Copy", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				runtime.KeepAlive(s.Copy())
			}
		})
	})
}
