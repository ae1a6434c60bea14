package synthetic_test

import (
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/bls"
	"github.com/cresset/cresset/beacon/synthetic"
)

// The cache of decompressed keys: loaded from its file, and built without one.
func BenchmarkKeys(b *testing.B) {
	keys, err := synthetic.NewKeys(1)
	check(b, err)
	pubkeys := keys.Pubkeys(0, sizes()[0].validators)
	path, err := synthetic.KeyFile(1)
	check(b, err)
	cache, err := synthetic.LoadKeys(path, pubkeys)
	check(b, err)
	b.Run("Load", func(b *testing.B) {
		info, err := os.Stat(path)
		check(b, err)
		limit := copying(uint64(info.Size()))
		took := fastest(b, func() { cache = nil }, func() {
			cache, err = bls.LoadKeyCache(path)
			check(b, err)
		})
		check(b, cache.Close())
		b.ReportMetric(float64(cache.Len()), "keys")
		report(b, took, limit)
	})
	b.Run("Register", func(b *testing.B) {
		var empty *bls.KeyCache
		took := fastest(b, func() { empty = bls.NewKeyCache() }, func() {
			for i, key := range pubkeys {
				check(b, empty.Add(uint64(i), key))
			}
		})
		b.ReportMetric(took.Seconds()*1000, "ms")
	})
	b.Run("Build", func(b *testing.B) {
		const n = 1 << 15
		plain := make([][48]byte, n)
		for i := range plain {
			plain[i] = pubkeys[i]
		}
		one := measure(200, func() {
			_, err := bls.PublicKeyFromBytes(plain[0][:])
			check(b, err)
		})
		took := fastest(b, nothing, func() { check(b, bls.NewKeyCache().Build(plain)) })
		b.ReportMetric(n, "keys")
		b.ReportMetric(took.Seconds()*1000/n*2.4e6/1000, "s/2.4M-keys")
		report(b, took, n*one/time.Duration(runtime.GOMAXPROCS(0)))
	})
	b.Run("Progression", func(b *testing.B) {
		for b.Loop() {
			keys.Pubkeys(0, 1<<16)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(1<<16), "ns/key")
	})
}
