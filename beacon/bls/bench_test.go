package bls

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	herumi "github.com/herumi/bls-eth-go-binary/bls"
)

// Benchmarks print their cost beside a limit calibrated in the same run, never to a fixed time: the metrics that end
// in "x" are ratios.

// measure times one call of f: the fastest of several runs of n calls.
func measure(n int, f func()) time.Duration {
	best := time.Hour
	for range 5 {
		start := time.Now()
		for range n {
			f()
		}
		best = min(best, time.Since(start)/time.Duration(n))
	}
	return best
}

func pairingCost() time.Duration {
	p, h := library().negGenerator, hashToG2([]byte("calibration"), SignatureDomain)
	var e herumi.GT
	return measure(20, func() { herumi.Pairing(&e, &p, &h) })
}

func keyDecodeCost(t testing.TB) time.Duration {
	b := secret(t, 5).PublicKey().Bytes()
	return measure(100, func() { _, _ = PublicKeyFromBytes(b[:]) })
}

func signatureDecodeCost(t testing.TB) time.Duration {
	b := secret(t, 5).Sign([]byte("calibration")).Bytes()
	return measure(100, func() { _, _ = SignatureFromBytes(b[:]) })
}

// multiVerifyCost is the cost of a set in the library's own batch, with signatures decoded before.
func multiVerifyCost(t testing.TB, sets []Set) time.Duration {
	sigs, keys := make([]herumi.Sign, len(sets)), make([]herumi.PublicKey, len(sets))
	var messages []byte
	for i := range sets {
		s, err := SignatureFromBytes(sets[i].Signature[:])
		if err != nil {
			t.Fatal(err)
		}
		key := sets[i].Keys[0].g1()
		sigs[i], keys[i] = *herumi.CastToSign(&s.p), *herumi.CastToPublicKey(&key)
		messages = append(messages, sets[i].Message[:]...)
	}
	return measure(1, func() {
		if !herumi.MultiVerify(sigs, keys, messages) {
			t.Fatal("the library refuses valid sets")
		}
	}) / time.Duration(len(sets))
}

func distinctSets(t testing.TB, n int) []Set {
	sets := make([]Set, n)
	for i := range sets {
		sets[i] = signedSet(t, root(i), uint64(i+1))
	}
	return sets
}

// fastest runs the benchmark's loop and returns the time of its fastest pass: what ratios to measure are taken of.
func fastest(b *testing.B, f func()) time.Duration {
	best := time.Hour
	for b.Loop() {
		start := time.Now()
		f()
		best = min(best, time.Since(start))
	}
	return best
}

func verifyAll(b *testing.B, sets []Set) time.Duration {
	return fastest(b, func() {
		if err := VerifyBatch(sets); err != nil {
			b.Fatal(err)
		}
	})
}

// Sets with different messages and one key each. "library-x" is against MultiVerify on the same sets plus decoding the
// signatures, both on all cores; "pairing-x" against one pairing on one core.
func BenchmarkBatch(b *testing.B) {
	for _, n := range []int{1, 8, 64, 512} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			sets := distinctSets(b, n)
			cores := time.Duration(min(n, runtime.GOMAXPROCS(0)))
			limit := multiVerifyCost(b, sets) + signatureDecodeCost(b)/cores
			pairing := pairingCost()
			set := verifyAll(b, sets) / time.Duration(n)
			b.ReportMetric(float64(set.Microseconds()), "µs/set")
			b.ReportMetric(float64(set)/float64(limit), "library-x")
			b.ReportMetric(float64(set)/float64(pairing), "pairing-x")
		})
	}
}

// Sets that share one message, as sync committee messages of a slot do.
func BenchmarkBatchOneMessage(b *testing.B) {
	const n = 512
	sets := make([]Set, n)
	for i := range sets {
		sets[i] = signedSet(b, root(0), uint64(i+1))
	}
	pairing := pairingCost()
	set := verifyAll(b, sets) / n
	b.ReportMetric(float64(set.Microseconds()), "µs/set")
	b.ReportMetric(float64(set)/float64(pairing), "pairing-x")
}

// One culprit of 128 sets: "valid-x" is against the same batch without one.
func BenchmarkBatchCulprit(b *testing.B) {
	const n = 128
	sets := distinctSets(b, n)
	valid := measure(1, func() {
		if err := VerifyBatch(sets); err != nil {
			b.Fatal(err)
		}
	})
	sets[77].Signature = sets[78].Signature
	found := fastest(b, func() {
		if err := VerifyBatch(sets); err == nil {
			b.Fatal("not found")
		}
	})
	b.ReportMetric(float64(found)/float64(valid), "valid-x")
}

func BenchmarkDecode(b *testing.B) {
	pk, sig := secret(b, 5).PublicKey().Bytes(), secret(b, 5).Sign([]byte("calibration")).Bytes()
	pairing := pairingCost()
	b.Run("key", func(b *testing.B) {
		decode := fastest(b, func() {
			if _, err := PublicKeyFromBytes(pk[:]); err != nil {
				b.Fatal(err)
			}
		})
		b.ReportMetric(float64(decode)/float64(pairing), "pairing-x")
	})
	b.Run("signature", func(b *testing.B) {
		decode := fastest(b, func() {
			if _, err := SignatureFromBytes(sig[:]); err != nil {
				b.Fatal(err)
			}
		})
		b.ReportMetric(float64(decode)/float64(pairing), "pairing-x")
	})
}

// Sums of keys. "single-x" is against the library's addition, one by one.
func BenchmarkSum(b *testing.B) {
	all := progression(b, 30_000)
	for _, n := range []int{2, 64, 512, 30_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			keys := make([]*PublicKey, n)
			for i := range keys {
				keys[i] = &all[i]
			}
			p, q := all[100].g1(), all[200].g1()
			herumi.G1Add(&p, &p, &p) // no longer affine, as a running sum is not
			single := measure(1000, func() { herumi.G1Add(&p, &p, &q) })
			key := fastest(b, func() { SumPublicKeys(keys) }) / time.Duration(n)
			b.ReportMetric(float64(key.Nanoseconds()), "ns/key")
			b.ReportMetric(float64(key)/float64(single), "single-x")
		})
	}
}

const benchRegistry = 2_400_000 // mainnet's registry

// warmCache is a cache of n keys with indices, without having decompressed them.
func warmCache(b *testing.B, c *KeyCache, n int) registry {
	b.Helper()
	keys := progression(b, n)
	r := make(registry, n)
	for i := range keys {
		r[i] = keys[i].Bytes()
		c.mu.Lock()
		c.rememberLocked(&r[i], &keys[i])
		c.mu.Unlock()
	}
	addAll(b, c, r)
	return r
}

// Work on a warm cache of mainnet's size; SumKeys is over a random 512th part, a slot's committees being twice as much.
func BenchmarkKeyCacheUse(b *testing.B) {
	c := NewKeyCache()
	r := warmCache(b, c, benchRegistry)
	rng := rand.New(rand.NewPCG(1, 2))
	indices := make([]uint64, benchRegistry/512)
	for i := range indices {
		indices[i] = rng.Uint64N(benchRegistry)
	}
	next := func(i *int) uint64 { *i++; return indices[*i%len(indices)] }
	b.Run("SumKeys", func(b *testing.B) {
		keys := make([]*PublicKey, len(indices))
		for i, index := range indices {
			keys[i], _ = c.PublicKey(index, r[index])
		}
		bare := measure(3, func() { SumPublicKeys(keys) })
		sum := fastest(b, func() {
			if _, err := c.SumKeys(indices, r.at); err != nil {
				b.Fatal(err)
			}
		})
		b.ReportMetric(float64(sum.Nanoseconds())/float64(len(indices)), "ns/key")
		b.ReportMetric(float64(sum)/float64(bare), "bare-sum-x")
	})
	b.Run("PublicKey", func(b *testing.B) {
		i := 0
		for b.Loop() {
			index := next(&i)
			if _, err := c.PublicKey(index, r[index]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("PublicKeyOf", func(b *testing.B) {
		i := 0
		for b.Loop() {
			if _, err := c.PublicKeyOf(r[next(&i)]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Lookup", func(b *testing.B) {
		i := 0
		for b.Loop() {
			if _, ok := c.Lookup(r[next(&i)], r.at); !ok {
				b.Fatal("lost")
			}
		}
	})
}

// Loading the file of mainnet's registry, its pages in the operating system's cache. "copy-x" is against copying as
// many bytes.
func BenchmarkKeyCacheLoad(b *testing.B) {
	path := b.TempDir() + "/keys"
	c, err := LoadKeyCache(path)
	if err != nil {
		b.Fatal(err)
	}
	r := warmCache(b, c, benchRegistry)
	start := time.Now()
	if err := c.Close(); err != nil {
		b.Fatal(err)
	}
	written := time.Since(start)
	from, to := make([]byte, benchRegistry*pointSize), make([]byte, benchRegistry*pointSize)
	bare := measure(1, func() { copy(to, from) })
	var before, after runtime.MemStats
	c, from, to = nil, nil, nil
	runtime.GC()
	runtime.ReadMemStats(&before)
	load := fastest(b, func() {
		c = nil
		if c, err = LoadKeyCache(path); err != nil || c.Len() != benchRegistry {
			b.Fatal(err)
		}
	})
	b.ReportMetric(load.Seconds(), "s/load")
	b.ReportMetric(float64(load)/float64(bare), "copy-x")
	b.ReportMetric(written.Seconds(), "s/write")
	start = time.Now()
	addAll(b, c, r)
	b.ReportMetric(time.Since(start).Seconds(), "s/add-all")
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(r)
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/benchRegistry, "B/key")
	b.ReportMetric(float64(after.HeapObjects-before.HeapObjects), "objects")
	if err := c.Close(); err != nil {
		b.Fatal(err)
	}
}

// Decompressing a registry for the first time. "limit-x" is against keys x cost of one / cores.
func BenchmarkKeyCacheBuild(b *testing.B) {
	const n = 8192
	r := encoded(b, n)
	limit := n * keyDecodeCost(b) / time.Duration(runtime.GOMAXPROCS(0))
	build := fastest(b, func() {
		if err := NewKeyCache().Build(r); err != nil {
			b.Fatal(err)
		}
	})
	b.ReportMetric(float64((build / n).Microseconds()), "µs/key")
	b.ReportMetric(float64(build)/float64(limit), "limit-x")
}
