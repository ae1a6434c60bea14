package api

import (
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// counter counts what is written and how much at a time.
type counter struct{ bytes, longest int }

func (c *counter) Write(b []byte) (int, error) {
	c.bytes += len(b)
	c.longest = max(c.longest, len(b))
	return len(b), nil
}

// registry is a state with many validators, and nothing else of interest.
func registry(n int) *types.BeaconState {
	s := types.NewBeaconState(params.Mainnet(), params.Fulu)
	s.Slot = 14_000_000
	for i := range n {
		v := types.Validator{
			EffectiveBalance: 32_000_000_000, ActivationEligibilityEpoch: 100_000, ActivationEpoch: 100_010,
			ExitEpoch: params.FarFutureEpoch, WithdrawableEpoch: params.FarFutureEpoch,
		}
		for k := range v.Pubkey {
			v.Pubkey[k] = byte(i * (k + 7))
		}
		s.Validators.Append(v)
		s.Balances.Append(types.Gwei(32_000_000_000 + i))
	}
	return s
}

// copying is how fast memory is copied in pieces of the same size, in bytes a second: no answer can be faster.
func copying(total int) float64 {
	from, to := make([]byte, 64<<10), make([]byte, 64<<10)
	begin := time.Now()
	for done := 0; done < total; done += len(from) {
		copy(to, from)
	}
	return float64(total) / time.Since(begin).Seconds()
}

// BenchmarkValidators writes all validators of mainnet's registry and more: bytes a second, as a share of copying the same bytes, the bytes that are
// taken from the heap for each validator, and the longest piece.
func BenchmarkValidators(b *testing.B) {
	const n = 2_400_000
	s := registry(n)
	b.ResetTimer()
	for b.Loop() {
		var out counter
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		begin := time.Now()
		stream := ssz.NewStream(&out)
		check(b, writeValidators(stream, s, selection{all: true, n: n}, nil))
		check(b, stream.Flush())
		took := time.Since(begin).Seconds()
		runtime.ReadMemStats(&after)
		speed := float64(out.bytes) / took
		b.ReportMetric(speed/1e6, "MB/s")
		b.ReportMetric(copying(out.bytes)/speed, "x-copying")
		b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/n, "B/validator")
		b.ReportMetric(float64(out.longest)/1024, "KiB-longest")
	}
}

// An answer of any length is written in pieces of a bounded size, and holds no more memory than they take.
func TestLongAnswersAreWrittenInPieces(t *testing.T) {
	const n = 50_000
	s := registry(n)
	var out counter
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	stream := ssz.NewStream(&out)
	check(t, writeValidators(stream, s, selection{all: true, n: n}, nil))
	check(t, stream.Flush())
	runtime.ReadMemStats(&after)
	if out.longest > 128<<10 {
		t.Errorf("%d bytes at a time", out.longest)
	}
	if taken := after.TotalAlloc - before.TotalAlloc; taken > uint64(out.bytes)/4 || out.bytes < 400*n {
		t.Errorf("%d bytes of memory were taken for an answer of %d", taken, out.bytes)
	}
}

var _ io.Writer = (*counter)(nil)
