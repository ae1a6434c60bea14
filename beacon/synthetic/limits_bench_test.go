package synthetic_test

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/bls"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/synthetic"
	"github.com/cresset/cresset/beacon/transition"
)

// Benchmarks print their cost beside a limit that the same run calibrates: metrics that end in "x-limit" are ratios of the
// fastest pass to it. Nothing here fails for being slow.

// size is a registry.
type size struct {
	name               string
	validators, active int
}

// sizes are mainnet's registry, and one whose validators are all active.
func sizes() []size { return []size{{"2.4M", 2_400_000, 950_000}, {"1M", 1 << 20, 1 << 20}} }

// eachState runs f as a sub-benchmark for both forks and sizes.
func eachState(b *testing.B, f func(b *testing.B, c synthetic.Config)) {
	for _, fork := range []params.Fork{params.Fulu, params.Gloas} {
		for _, size := range sizes() {
			b.Run(fmt.Sprintf("%v-%s", fork, size.name), func(b *testing.B) {
				c := synthetic.Default(params.Mainnet(), fork, size.validators, size.active)
				path, err := synthetic.KeyFile(c.Seed)
				check(b, err)
				c.KeyFile = path
				f(b, c)
			})
		}
	}
}

func check(b testing.TB, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// lastSlot is the config of a state at the end of an epoch whose votes are all in blocks but for those of its slot.
func lastSlot(c synthetic.Config) synthetic.Config {
	c.SlotInEpoch, c.Backlog = c.Spec.SlotsPerEpoch-1, 1
	return c
}

// fastest runs the benchmark's loop and gives the time of its fastest pass. What prepare does is not timed.
func fastest(b *testing.B, prepare, f func()) time.Duration {
	best := time.Hour
	for b.Loop() {
		b.StopTimer()
		prepare()
		runtime.GC() // of what prepare has left
		b.StartTimer()
		start := time.Now()
		f()
		best = min(best, time.Since(start))
	}
	return best
}

func nothing() {}

// report prints the fastest pass and its ratio to a limit.
func report(b *testing.B, took, limit time.Duration) {
	b.ReportMetric(took.Seconds()*1000, "ms")
	b.ReportMetric(limit.Seconds()*1000, "limit-ms")
	b.ReportMetric(float64(took)/float64(limit), "x-limit")
}

// measure is the fastest of 15 runs of n calls, per call: as many as it takes to find the machine idle.
func measure(n int, f func()) time.Duration {
	best := time.Hour
	for range 15 {
		start := time.Now()
		for range n {
			f()
		}
		best = min(best, time.Since(start))
	}
	return best / time.Duration(n)
}

// scaled is n times a cost that is known per many.
func scaled(n uint64, cost time.Duration, per uint64) time.Duration {
	return time.Duration(float64(n) * float64(cost) / float64(per))
}

// hashing is the cost of inner nodes on one core: the wide hasher over 64 MiB of chunks.
func hashing(nodes uint64) time.Duration {
	chunks := make([][32]byte, 1<<21)
	for i := range chunks {
		chunks[i][0] = byte(i)
	}
	out := make([][32]byte, len(chunks)/2)
	return scaled(nodes, measure(1, func() { ssz.HashPairs(out, chunks) }), uint64(len(out)))
}

// copying is the cost of copying bytes between two buffers of 256 MiB, on one core.
func copying(bytes uint64) time.Duration {
	from, to := make([]byte, 256<<20), make([]byte, 256<<20)
	for i := 0; i < len(from); i += 4096 {
		from[i], to[i] = 1, 1
	}
	return scaled(bytes, measure(1, func() { copy(to, from) }), uint64(len(from)))
}

// verifying is the cost of signature sets with distinct keys and messages, on all cores, out of a batch of 512.
func verifying(b testing.TB, sets int) time.Duration {
	keys, err := synthetic.NewKeys(7)
	check(b, err)
	batch := make([]bls.Set, 512)
	for i := range batch {
		key := keys.Secret(uint64(i))
		s := &batch[i]
		binary.LittleEndian.PutUint64(s.Message[:], uint64(i))
		s.Keys, s.Signature = []*bls.PublicKey{key.PublicKey()}, key.Sign(s.Message[:]).Bytes()
	}
	return scaled(uint64(sets), measure(1, func() { check(b, bls.VerifyBatch(batch)) }), uint64(len(batch)))
}

// adding is the cost of adding up known keys that lie side by side, on one core.
func adding(b testing.TB, n int) time.Duration {
	keys, err := synthetic.NewKeys(7)
	check(b, err)
	points := bls.KeyProgression(keys.Secret(0).PublicKey(), keys.Secret(0).PublicKey(), 4096)
	refs := make([]*bls.PublicKey, len(points))
	for i := range points {
		refs[i] = &points[i]
	}
	return scaled(uint64(n), measure(5, func() { bls.SumPublicKeys(refs) }), uint64(len(refs)))
}

// fresh is a copy of a state whose caches of shufflings and deposits are empty; keys stay known.
func fresh(b testing.TB, s *transition.State) *transition.State {
	out, err := transition.NewState(s.BeaconState.Copy(), transition.NewEnv(s.Env().Keys))
	check(b, err)
	return out
}

// running is a state with what a node has derived from it while it processed the epoch's earlier blocks: total balances, and
// what use asks for. Use is called on a copy.
func running(b testing.TB, s *transition.State, use func(*transition.State)) *transition.State {
	known := s.Copy()
	use(known)
	known.BeaconState = s.BeaconState.Copy()
	check(b, transition.ProcessJustificationAndFinalization(known))
	known.BeaconState = s.BeaconState.Copy()
	return known
}
