package gossip

import (
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/bls"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// BenchmarkVotes checks 64 votes of one slot with one signing root, all rules and signatures in one batch. "x-signatures" is its cost as
// a multiple of that of verifying the same statements and nothing else, measured in the same run.
func BenchmarkVotes(b *testing.B) {
	w, err := makeWorld(worldOf(b, params.Fulu).spec, 1024)
	check(b, err)
	s := stageOf(b, w, params.Fulu, 2)
	sh, err := s.head().State.Copy().Shuffling(0)
	check(b, err)
	var votes []*types.SingleAttestation
	var subnets []uint64
	for i := range types.CommitteeIndex(sh.CommitteesPerSlot) {
		for _, member := range sh.Committee(2, i) {
			if len(votes) == 64 {
				break
			}
			a := &types.SingleAttestation{CommitteeIndex: i, AttesterIndex: types.ValidatorIndex(member), Data: s.data()}
			a.Signature = s.signVote(&a.Data, a.AttesterIndex)
			votes = append(votes, a)
			subnets = append(subnets, types.ComputeSubnetForAttestation(s.spec, sh.CommitteesPerSlot, 2, i))
		}
	}
	s.view.shuffled = sh
	round := func(rules *Rules) []bls.Set { // gives all statements
		candidates, sets := make([]Candidate, len(votes)), []bls.Set(nil)
		for i, a := range votes {
			in := s.in
			in.Subnet = subnets[i]
			candidates[i] = rules.SingleAttestation(in, a)
			sets = append(sets, candidates[i].open().sets...)
		}
		Verify(candidates...)
		for _, c := range candidates {
			if _, d := c.Conclude(); d.Verdict != Accept {
				b.Fatal(d)
			}
		}
		return sets
	}
	sets := round(s.rules)
	alone := time.Hour
	for range 5 {
		start := time.Now()
		check(b, bls.VerifyBatch(sets))
		alone = min(alone, time.Since(start))
	}
	b.ResetTimer()
	for b.Loop() {
		s.rules.seen = NewSeen(w.spec)
		round(s.rules)
	}
	each := b.Elapsed() / time.Duration(b.N)
	b.ReportMetric(float64(each)/float64(alone), "x-signatures")
	b.ReportMetric(float64(each.Nanoseconds())/float64(len(votes)), "ns/vote")
}
