package api

import (
	"errors"
	"io"
	"net/http"
	"runtime"
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/synthetic"
	"github.com/cresset/cresset/beacon/transition"
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

// BenchmarkAttesterDuties writes the duties of 1,000 validators of mainnet's size: the time as a share of one walk over the epoch's committees that does nothing
// but look at each member, and what is taken from the heap for each duty.
func BenchmarkAttesterDuties(b *testing.B) {
	const validators, keys = 2_400_000, 1000
	s, _, err := synthetic.State(synthetic.Default(params.Mainnet(), params.Fulu, validators, 1_000_000))
	check(b, err)
	epoch := s.GetCurrentEpoch()
	shuffling, err := s.Shuffling(epoch)
	check(b, err)
	start, err := types.ComputeStartSlotAtEpoch(s.Spec(), epoch)
	check(b, err)
	var wanted []types.ValidatorIndex
	for i := range keys {
		wanted = append(wanted, types.ValidatorIndex(validators-1-i*7))
	}
	walk := func() (sum uint64) {
		for slot := start; slot < start+types.Slot(shuffling.Slots()); slot++ {
			for _, member := range shuffling.SlotCommittees(slot) {
				sum += uint64(member)
			}
		}
		return sum
	}
	b.ResetTimer()
	for b.Loop() {
		var out counter
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		begin := time.Now()
		stream := ssz.NewStream(&out)
		check(b, writeAttesterDuties(stream, s.Frozen(), shuffling, start, newMembers(wanted, validators)))
		check(b, stream.Flush())
		took := time.Since(begin)
		runtime.ReadMemStats(&after)
		begin = time.Now()
		if walk() == 0 {
			b.Fatal("no committees")
		}
		b.ReportMetric(took.Seconds()*1e3, "ms")
		b.ReportMetric(took.Seconds()/time.Since(begin).Seconds(), "x-walk")
		b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/keys, "B/duty")
	}
}

// BenchmarkAttestationData answers the vote of a slot, from request to answer, against hashing what is voted for twice, as its signer does.
func BenchmarkAttestationData(b *testing.B) {
	w := newSimnet(b, params.Fulu)
	w.grow(12)
	const path = "/eth/v1/validator/attestation_data?slot=12"
	data := &w.votes[0].Data
	b.ResetTimer()
	for b.Loop() {
		const times = 100
		begin := time.Now()
		for range times {
			w.get(path).wants(http.StatusOK)
		}
		took := time.Since(begin)
		begin = time.Now()
		for range times {
			_ = types.ComputeSigningRoot(types.HashTreeRoot(data), types.Domain{})
		}
		b.ReportMetric(took.Seconds()/times*1e6, "us")
		b.ReportMetric(took.Seconds()/time.Since(begin).Seconds(), "x-hashing")
	}
}

// Rewards of all validators are written while they are paid. Beside what paying takes, which copies the pages of balances, an answer takes nothing for each of them.
func TestRewardsOfAllAreWrittenAsTheyArePaid(t *testing.T) {
	const n = 50_000
	state, _, err := synthetic.State(synthetic.Default(params.Mainnet(), params.Fulu, n, n))
	check(t, err)
	taken := func(pay func(s *transition.State)) uint64 {
		s := state.Copy()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		pay(s)
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	ideal, err := transition.IdealRewards(state)
	check(t, err)
	var out counter
	answer := taken(func(s *transition.State) {
		stream := ssz.NewStream(&out)
		check(t, writeAttestationRewards(stream, s, ideal, new(attesterReports)))
		check(t, stream.Flush())
	})
	payment := taken(func(s *transition.State) { check(t, transition.ProcessRewardsAndPenalties(s, nil)) })
	if out.bytes < 80*n || out.longest > 128<<10 {
		t.Errorf("%d bytes, at most %d at a time", out.bytes, out.longest)
	}
	if answer > payment+400<<10 {
		t.Errorf("an answer for %d validators took %d bytes, paying them takes %d", n, answer, payment)
	}
}

// A client that goes away ends the answer: what comes after it is not written.
func TestRewardsEndWithTheClient(t *testing.T) {
	t.Parallel()
	writes := 0
	gone := errors.New("gone")
	r := &attesterReports{write: func(*attesterReward) error { writes++; return gone }}
	for i := range types.ValidatorIndex(5) {
		r.AttestationReward(i, transition.DutyHead, 7, 3)
	}
	if r.flush(); writes != 1 || !errors.Is(r.failed, gone) {
		t.Errorf("%d writes, error %v", writes, r.failed)
	}
}
