package synthetic_test

import (
	"crypto/sha256"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/synthetic"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// shuffling is the least that a shuffling of n validators costs on one core: in each round one hash for the pivot and one
// for 256 of the n/2 positions that decide, and one pass over all pairs from both ends.
func shuffling(spec *params.Spec, n int) time.Duration {
	hashes := 1 + (uint64(n)/2+255)/256
	var input [37]byte
	hash := measure(10_000, func() {
		digest := sha256.Sum256(input[:])
		input[0] = digest[0]
	})
	list := make([]uint32, n)
	for i := range list {
		list[i] = uint32(i)
	}
	decisions := make([]uint64, n/128+1) // bit k of the whole says whether pair k changes places
	r := uint64(1)
	for i := range decisions {
		r = r*6364136223846793005 + 1442695040888963407
		decisions[i] = r ^ r>>29
	}
	return time.Duration(spec.ShuffleRoundCount) * (measure(1, func() { pairs(list, decisions) }) + time.Duration(hashes)*hash)
}

// pairs exchanges the two ends of a list, the next two, and so on, where a bit says so, without a branch.
func pairs(list []uint32, decisions []uint64) {
	for i, j := 0, len(list)-1; i < j; i, j = i+1, j-1 {
		swap := -uint32(decisions[i>>6]>>(i&63)&1) & (list[i] ^ list[j])
		list[i] ^= swap
		list[j] ^= swap
	}
}

// The shuffling of an epoch's active validators.
func BenchmarkShuffling(b *testing.B) {
	spec := params.Mainnet()
	for _, n := range []int{950_000, 1 << 20} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			limit := shuffling(spec, n)
			list := make([]uint32, n)
			var seed types.Bytes32
			took := fastest(b, nothing, func() {
				seed[0]++
				transition.ShuffleList(list, seed, spec.ShuffleRoundCount)
			})
			report(b, took, limit)
		})
	}
}

// The committees of one epoch out of a state: who is active, and the shuffling.
func BenchmarkCommittees(b *testing.B) {
	eachState(b, func(b *testing.B, c synthetic.Config) {
		s, chain, err := synthetic.State(c)
		check(b, err)
		limit := shuffling(chain.Spec(), c.Active)
		took := fastest(b, nothing, func() {
			e := s.GetCurrentEpoch()
			runtime.KeepAlive(transition.ComputeShuffling(chain.Spec(), e, s.GetSeed(e, params.DomainBeaconAttester()), s.GetActiveValidatorIndices(e)))
		})
		report(b, took, limit)
	})
}
