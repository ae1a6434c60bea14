package synthetic_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/synthetic"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// A full block on a state that has just processed others: with votes of the latest 8 slots, by all committees of each, that
// are new to the state (Full), and the block after it, whose votes are new for one slot only (Next).
func BenchmarkBlock(b *testing.B) {
	eachState(b, func(b *testing.B, c synthetic.Config) {
		parent, chain, err := synthetic.State(c)
		check(b, err)
		_, err = parent.HashTreeRoot()
		check(b, err)
		full, after, err := chain.NextBlock(parent)
		check(b, err)
		b.Run("Full", func(b *testing.B) { benchmarkBlock(b, parent, full) })
		next, _, err := chain.NextBlock(after)
		check(b, err)
		b.Run("Next", func(b *testing.B) { benchmarkBlock(b, after, next) })
	})
}

func benchmarkBlock(b *testing.B, parent *transition.State, block *types.SignedBeaconBlock) {
	process := func(s *transition.State, h transition.Hooks) {
		check(b, transition.VerifyBlockSignature(s, block, h))
		_, err := transition.ProcessBlock(s, &block.Message, h)
		check(b, err)
	}
	before := parent.Copy()
	check(b, transition.ProcessSlots(before, block.Message.Slot))
	_, err := before.HashTreeRoot()
	check(b, err)
	// Committees have their sums of keys from now on.
	before = running(b, before, func(s *transition.State) { process(s, transition.Hooks{Signatures: new(transition.SignatureBatch)}) })
	b.Run("Process", func(b *testing.B) {
		plain, signed, sets := interleaved(b, func() *transition.State { return before.Copy() }, process)
		keys := additions(b, before, block, true)
		b.ReportMetric(plain.Seconds()*1000, "without-signatures-ms")
		b.ReportMetric(float64(plain)/float64(signed-plain), "of-signatures")
		reportSignatures(b, signed-plain, sets, keys)
	})
	b.Run("NewCommittees", func(b *testing.B) {
		plain, signed, sets := interleaved(b, func() *transition.State {
			s := fresh(b, before)
			for _, a := range block.Message.Body.Attestations {
				_, err := s.Shuffling(a.Data.Target.Epoch)
				check(b, err)
			}
			return running(b, s, func(s *transition.State) { process(s, transition.Hooks{}) })
		}, process)
		reportSignatures(b, signed-plain, sets, additions(b, before, block, false))
	})
	b.Run("Root", func(b *testing.B) {
		s := before.Copy()
		old := encode(b, s.BeaconState)
		process(s, transition.Hooks{})
		dirty := dirtyNodes(b, old, s.BeaconState)
		limit := hashing(dirty)
		took := fastest(b, func() {
			s = before.Copy()
			process(s, transition.Hooks{})
		}, func() {
			_, err := s.HashTreeRoot()
			check(b, err)
		})
		b.ReportMetric(float64(dirty), "nodes")
		report(b, took, limit)
	})
}

// interleaved processes a block in turns without and with its signatures, and gives the fastest pass of each.
func interleaved(b *testing.B, prepare func() *transition.State, process func(*transition.State, transition.Hooks)) (plain, signed time.Duration, sets int) {
	var s *transition.State
	plain, signed = time.Hour, time.Hour
	lap := func(best *time.Duration, f func()) {
		s = nil
		s = prepare()
		runtime.GC()
		start := time.Now()
		f()
		*best = min(*best, time.Since(start))
	}
	for b.Loop() {
		lap(&plain, func() { process(s, transition.Hooks{}) })
		lap(&signed, func() {
			batch := new(transition.SignatureBatch)
			process(s, transition.Hooks{Signatures: batch})
			sets = batch.Len()
			check(b, batch.Verify())
		})
	}
	return plain, signed, sets
}

func reportSignatures(b *testing.B, took time.Duration, sets, keys int) {
	b.ReportMetric(float64(sets), "sets")
	b.ReportMetric(float64(keys), "additions")
	report(b, took, verifying(b, sets)+adding(b, keys))
}

// additions is how many keys have to be added up for a block's signatures: those of the absent, and the sums of the
// committees. Where these sums are not known yet it is all members, too.
func additions(b *testing.B, s *transition.State, block *types.SignedBeaconBlock, known bool) (keys int) {
	body := &block.Message.Body
	for i := range body.Attestations {
		a := &body.Attestations[i]
		sh, err := s.Shuffling(a.Data.Target.Epoch)
		check(b, err)
		members := int(a.AggregationBits.Len())
		keys += members - int(a.AggregationBits.Count()) + int(sh.CommitteesPerSlot)
		if !known {
			keys += members
		}
	}
	keys += int(s.Spec().SyncCommitteeSize - body.SyncAggregate.SyncCommitteeBits.Count())
	for i := range body.PayloadAttestations {
		keys += int(body.PayloadAttestations[i].AggregationBits.Count())
	}
	return keys
}

// The upgrade to Gloas with 40,000 pending deposits, a quarter of them of builders, and with all of them of builders: cold,
// and after their signatures were verified ahead of time.
func BenchmarkUpgrade(b *testing.B) {
	const deposits = 40_000
	for _, of := range []struct {
		name     string
		builders int
	}{{"quarter", deposits / 4}, {"all", deposits}} {
		b.Run(of.name, func(b *testing.B) {
			size := sizes()[0]
			c := lastSlot(synthetic.Default(params.Mainnet(), params.Fulu, size.validators, size.active))
			path, err := synthetic.KeyFile(c.Seed)
			check(b, err)
			c.KeyFile, c.UpgradeNext, c.PendingDeposits, c.BuilderDeposits = path, true, deposits, of.builders
			last, _, err := synthetic.State(c)
			check(b, err)
			check(b, transition.ProcessSlot(last))
			check(b, transition.ProcessEpoch(last, nil))
			last.Slot++
			// A node knows the committees of this epoch and the next.
			start := func() *transition.State {
				s := fresh(b, last)
				for e := range types.Epoch(2) {
					_, err := s.Shuffling(s.GetCurrentEpoch() + e)
					check(b, err)
				}
				return s
			}
			var s *transition.State
			upgrade := func() { check(b, transition.Upgrade(s, params.Gloas)) }
			b.Run("Cold", func(b *testing.B) {
				limit := verifying(b, deposits)
				report(b, fastest(b, func() { s = start() }, upgrade), limit)
				b.ReportMetric(float64(s.Builders.Len()), "builders")
			})
			b.Run("Warm", func(b *testing.B) {
				ready := start()
				transition.PrefetchBuilderDeposits(ready)
				took := fastest(b, func() { s = ready.Copy() }, upgrade)
				b.ReportMetric(took.Seconds()*1000, "ms")
			})
			b.Run("Root", func(b *testing.B) {
				ready := start()
				transition.PrefetchBuilderDeposits(ready)
				took := fastest(b, func() {
					s = ready.Copy()
					upgrade()
				}, func() {
					_, err := s.HashTreeRoot()
					check(b, err)
				})
				b.ReportMetric(took.Seconds()*1000, "ms")
			})
		})
	}
}
