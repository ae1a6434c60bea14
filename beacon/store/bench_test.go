package store

import (
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/klauspost/compress/zstd"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/ssz/plist"
	"github.com/cresset/cresset/beacon/store/kv"
	"github.com/cresset/cresset/beacon/synthetic"
	"github.com/cresset/cresset/beacon/types"
)

// Benchmarks print their cost beside a limit that the same run calibrates: metrics that end in "x-limit" are ratios of the fastest pass
// to it. Nothing here fails for being slow.

// oneEpoch is a state of mainnet's size and the one an epoch of full blocks later. Both are frozen.
func oneEpoch(b *testing.B, fork params.Fork) (base, st *types.BeaconState) {
	c := synthetic.Default(params.Mainnet(), fork, 2_400_000, 950_000)
	path, err := synthetic.KeyFile(c.Seed)
	check(b, err)
	c.KeyFile = path
	first, chain, err := synthetic.State(c)
	check(b, err)
	_, err = first.HashTreeRoot() // else its descendants have every page for themselves
	check(b, err)
	last := first
	for range c.Spec.SlotsPerEpoch {
		_, last, err = chain.NextBlock(last)
		check(b, err)
	}
	for _, s := range []*types.BeaconState{first.BeaconState, last.BeaconState} {
		_, err := s.Freeze()
		check(b, err)
	}
	return first.BeaconState, last.BeaconState
}

// copying is how long it takes to copy so many bytes.
func copying(n int) time.Duration {
	src, dst := make([]byte, 256<<20), make([]byte, 256<<20)
	best := time.Hour
	for range 8 {
		start := time.Now()
		copy(dst, src)
		best = min(best, time.Since(start))
	}
	return time.Duration(float64(best) * float64(n) / float64(len(src)))
}

// fastest runs the benchmark's loop and gives the time of its fastest pass.
func fastest(b *testing.B, f func()) time.Duration {
	best := time.Hour
	for b.Loop() {
		b.StopTimer()
		runtime.GC()
		b.StartTimer()
		start := time.Now()
		f()
		best = min(best, time.Since(start))
	}
	return best
}

func report(b *testing.B, took, limit time.Duration) {
	b.ReportMetric(took.Seconds()*1000, "ms")
	b.ReportMetric(limit.Seconds()*1000, "limit-ms")
	b.ReportMetric(float64(took)/float64(limit), "x-limit")
}

// The difference of one epoch on a state of mainnet's size. Its limit is to copy the memory that the later state has for itself; an encoding
// of the whole state stands beside it.
func BenchmarkDiff(b *testing.B) {
	for _, fork := range []params.Fork{params.Fulu, params.Gloas} {
		b.Run(fork.String(), func(b *testing.B) { benchmarkDiff(b, fork) })
	}
}

func benchmarkDiff(b *testing.B, fork params.Fork) {
	base, st := oneEpoch(b, fork)
	seen := plist.Seen{}
	whole := base.Footprint(seen)
	own := st.Footprint(seen)
	limit := copying(own)
	diff, err := diffStates(base, st)
	check(b, err)
	raw, err := st.MarshalSSZ()
	check(b, err)
	b.Run("Compute", func(b *testing.B) {
		report(b, fastest(b, func() { _, err = diffStates(base, st); check(b, err) }), limit)
		b.ReportMetric(float64(own)/1e6, "own-MB")
		b.ReportMetric(float64(whole)/1e6, "state-MB")
		b.ReportMetric(float64(len(diff))/1e6, "diff-MB")
	})
	b.Run("Apply", func(b *testing.B) {
		report(b, fastest(b, func() { _, err = applyDiff(base, st.Cx, diff); check(b, err) }), limit)
	})
	b.Run("ApplyWithRoot", func(b *testing.B) {
		report(b, fastest(b, func() {
			got, err := applyDiff(base, st.Cx, diff)
			check(b, err)
			_, err = got.HashTreeRoot()
			check(b, err)
		}), limit)
	})
	b.Run("Sharing", func(b *testing.B) {
		for b.Loop() {
			got, err := applyDiff(base, st.Cx, diff)
			check(b, err)
			_, err = got.Freeze()
			check(b, err)
			seen := plist.Seen{}
			base.Footprint(seen)
			b.ReportMetric(float64(got.Footprint(seen))/1e6, "own-MB")
		}
	})
	b.Run("WholeEncode", func(b *testing.B) {
		report(b, fastest(b, func() { _, err = st.MarshalSSZ(); check(b, err) }), copying(len(raw)))
	})
	b.Run("Store", func(b *testing.B) { benchmarkStored(b, base, st) })
	b.Run("Codecs", func(b *testing.B) { benchmarkCodecs(b, raw) })
	b.Run("CodecsOfDiff", func(b *testing.B) { benchmarkCodecs(b, diff) })
}

// benchmarkStored measures writing and reading through the store, on disk.
func benchmarkStored(b *testing.B, base, st *types.BeaconState) {
	s, err := Open(Config{Dir: b.TempDir(), Spec: st.Cx.Spec})
	check(b, err)
	defer func() { check(b, s.Close()) }()
	baseKey, key := StateKey{types.Root{1}, base.Slot}, StateKey{types.Root{2}, st.Slot}
	measured := func(name string, f func()) {
		b.Run(name, func(b *testing.B) {
			took := fastest(b, f)
			b.ReportMetric(took.Seconds()*1000, "ms")
		})
	}
	size := 0
	measured("WriteWhole", func() {
		batch := s.NewBatch()
		check(b, batch.PutState(baseKey, base))
		size = batch.Len()
		check(b, batch.Commit(true))
	})
	whole := size
	measured("WriteDiff", func() {
		batch := s.NewBatch()
		check(b, batch.PutStateDiff(key, st, baseKey, base))
		size = batch.Len()
		check(b, batch.Commit(true))
	})
	measured("ReadWhole", func() { _, err := s.State(baseKey); check(b, err) })
	measured("ReadDiffOnBase", func() {
		_, err := s.StateOn(key, func(StateKey) *types.BeaconState { return base })
		check(b, err)
	})
	measured("ReadDiff", func() { _, err := s.State(key); check(b, err) })
	b.Run("Size", func(b *testing.B) {
		for b.Loop() {
			b.ReportMetric(float64(whole)/1e6, "whole-MB")
			b.ReportMetric(float64(size)/1e6, "diff-MB")
		}
	})
}

// benchmarkCodecs compares ways to compress a state or a difference, in chunks, on one core.
func benchmarkCodecs(b *testing.B, raw []byte) {
	type codec struct {
		name         string
		pack, unpack func(dst, src []byte) []byte
	}
	codecs := []codec{{"snappy",
		func(dst, src []byte) []byte { return snappy.Encode(dst[:cap(dst)], src) },
		func(dst, src []byte) []byte {
			out, err := snappy.Decode(dst[:cap(dst)], src)
			check(b, err)
			return out
		},
	}}
	for _, level := range []zstd.EncoderLevel{zstd.SpeedFastest, zstd.SpeedDefault} {
		enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(level), zstd.WithEncoderCRC(false), zstd.WithWindowSize(chunkBytes))
		check(b, err)
		dec, err := zstd.NewReader(nil)
		check(b, err)
		codecs = append(codecs, codec{"zstd-" + level.String(),
			func(dst, src []byte) []byte { return enc.EncodeAll(src, dst[:0]) },
			func(dst, src []byte) []byte { out, err := dec.DecodeAll(src, dst[:0]); check(b, err); return out },
		})
	}
	for _, c := range codecs {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				var packed [][]byte
				start, size := time.Now(), 0
				for i := 0; i < len(raw); i += chunkBytes {
					p := c.pack(make([]byte, 0, 2*chunkBytes), raw[i:min(len(raw), i+chunkBytes)])
					packed, size = append(packed, p), size+len(p)
				}
				took := time.Since(start)
				b.ReportMetric(float64(len(raw))/1e6/took.Seconds(), "pack-MB/s")
				dst := make([]byte, 0, chunkBytes)
				start = time.Now()
				for _, p := range packed {
					c.unpack(dst, p)
				}
				b.ReportMetric(float64(len(raw))/1e6/time.Since(start).Seconds(), "unpack-MB/s")
				b.ReportMetric(float64(size)/float64(len(raw)), "of-raw")
			}
		})
	}
}

// One import of a recorded chain's blocks, with all columns, as one batch to disk.
func BenchmarkImport(b *testing.B) {
	c := load(b, "fulu")
	for _, durable := range []bool{false, true} {
		name := map[bool]string{false: "NotDurable", true: "Durable"}[durable]
		b.Run(name, func(b *testing.B) {
			s, err := Open(Config{Dir: filepath.Join(b.TempDir(), "data"), Spec: c.Spec})
			check(b, err)
			defer func() { check(b, s.Close()) }()
			n := 0
			for b.Loop() {
				signed := c.Blocks[n%len(c.Blocks)]
				root := types.Root{byte(n), byte(n >> 8), byte(n >> 16)}
				batch := s.NewBatch()
				check(b, batch.PutBlock(root, signed))
				for _, column := range c.Columns[signed.Message.Slot] {
					check(b, batch.PutColumn(s.context(signed.Message.Slot), root, signed.Message.Slot, column))
				}
				batch.AppendJournal(uint64(n), make([]byte, 80))
				check(b, batch.Commit(durable))
				n++
			}
			check(b, s.db.Flush())
			b.ReportMetric(float64(s.Size())/float64(n)/1e3, "kB/import")
		})
	}
}

// Blocks of a recorded chain by the ways to compress them.
func BenchmarkBlockCodecs(b *testing.B) {
	for _, name := range []string{"deneb-to-fulu", "fulu"} {
		c := load(b, name)
		s := openMemory(b, c.Spec, kv.NewMemory())
		var raw []byte
		for _, signed := range c.Blocks {
			one, err := ssz.Marshal(s.context(signed.Message.Slot), ssz.Container(signed))
			check(b, err)
			raw = append(raw, one...)
		}
		b.Run(name, func(b *testing.B) { benchmarkCodecs(b, raw) })
	}
}
