package recorded

import (
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// BenchmarkBlocks encodes, decodes and sizes all blocks of a recorded chain. "x-root" is the fastest pass as a multiple of that of computing their
// roots, which no way of a block can do without.
func BenchmarkBlocks(b *testing.B) {
	c, err := Load("deneb-to-fulu")
	check(b, err)
	type encoded struct {
		cx     ssz.Context
		signed *types.SignedBeaconBlock
		bytes  []byte
	}
	blocks, size := make([]encoded, len(c.Blocks)), 0
	for i, signed := range c.Blocks {
		cx := ssz.Context{Spec: c.Spec, Fork: c.Spec.ForkAtSlot(signed.Message.Slot)}
		bytes, err := ssz.Marshal(cx, ssz.Container(signed))
		check(b, err)
		blocks[i], size = encoded{cx, signed, bytes}, size+len(bytes)
	}
	pass := func(f func(encoded) error) time.Duration {
		start := time.Now()
		for _, e := range blocks {
			check(b, f(e))
		}
		return time.Since(start)
	}
	for _, run := range []struct {
		name string
		f    func(encoded) error
	}{
		{"Encode", func(e encoded) error { _, err := ssz.Marshal(e.cx, ssz.Container(e.signed)); return err }},
		{"Decode", func(e encoded) error {
			return ssz.Unmarshal(e.cx, e.bytes, ssz.Container(new(types.SignedBeaconBlock)))
		}},
		{"Size", func(e encoded) error { ssz.Size(e.cx, ssz.Container(e.signed)); return nil }},
	} {
		b.Run(run.name, func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			took, limit := time.Hour, time.Hour
			for b.Loop() {
				took = min(took, pass(run.f))
				limit = min(limit, pass(func(e encoded) error { _, err := ssz.HashTreeRoot(e.cx, ssz.Container(&e.signed.Message)); return err }))
			}
			b.ReportMetric(float64(took)/float64(limit), "x-root")
			b.ReportMetric(float64(took.Nanoseconds())/float64(len(blocks)), "ns/block")
		})
	}
}

func check(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
