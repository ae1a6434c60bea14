package synthetic_test

import (
	"sync"
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/synthetic"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// hotBytes is what process_epoch has to look at of a validator: effective balance 8, eligibility, activation, exit and
// withdrawable epoch 8 each, slashed 1, balance 8, inactivity score 8, participation 1 each for two epochs.
const hotBytes = 8 + 4*8 + 1 + 8 + 8 + 2

// The end of an epoch, alone and with all that a node does between two slots.
func BenchmarkEpoch(b *testing.B) {
	eachState(b, func(b *testing.B, c synthetic.Config) {
		// The state after a full block in the last slot, with its root known, as after the block's import.
		parent, chain, err := synthetic.State(secondToLast(c))
		check(b, err)
		_, last, err := chain.NextBlock(parent)
		check(b, err)
		last = running(b, last, func(s *transition.State) {})
		spec := chain.Spec()
		table := uint64(c.Validators * hotBytes)
		before := encode(b, last.BeaconState)
		var s *transition.State
		process := func() {
			check(b, transition.ProcessEpoch(s, nil))
			s.Slot++
		}
		prepare := func() {
			s = last.Copy()
			check(b, transition.ProcessSlot(s))
		}
		prepare()
		process() // From now on the Env knows the next shuffling and the signatures of deposits.
		dirty := dirtyNodes(b, before, s.BeaconState)
		b.Run("ProcessEpoch", func(b *testing.B) {
			limit := copying(table)
			report(b, fastest(b, prepare, process), limit)
		})
		b.Run("Root", func(b *testing.B) {
			limit := hashing(dirty)
			took := fastest(b, func() { prepare(); process() }, func() {
				_, err := s.HashTreeRoot()
				check(b, err)
			})
			b.ReportMetric(float64(dirty), "nodes")
			report(b, took, limit)
		})
		b.Run("Boundary", func(b *testing.B) {
			limit := copying(table) + hashing(dirty) + shuffling(spec, c.Active)
			report(b, fastest(b, func() { s = running(b, fresh(b, last), func(*transition.State) {}) }, func() { boundary(b, s) }), limit)
		})
	})
}

// secondToLast is the config of a state one slot before the last one of an epoch.
func secondToLast(c synthetic.Config) synthetic.Config {
	c = lastSlot(c)
	c.SlotInEpoch--
	return c
}

// boundary is what a node does when an epoch ends: the slot with the epoch, then the root, and beside it on the other
// core the shuffling of the epoch after the next. From Gloas on the epoch itself asks for that shuffling.
func boundary(b *testing.B, s *transition.State) {
	check(b, transition.ProcessSlots(s, s.Slot+1))
	var wg sync.WaitGroup
	if s.Cx.Fork < params.Gloas {
		next := s.GetCurrentEpoch() + 1
		active, seed := s.GetActiveValidatorIndices(next), s.GetSeed(next, params.DomainBeaconAttester())
		wg.Go(func() { transition.ComputeShuffling(s.Spec(), next, seed, active) })
	}
	_, err := s.HashTreeRoot()
	check(b, err)
	wg.Wait()
}

// Every step of the epoch by itself, in the order of the whole: what dominates it. Steps without a row take next to nothing.
func BenchmarkEpochSteps(b *testing.B) {
	eachState(b, func(b *testing.B, c synthetic.Config) {
		base, _, err := synthetic.State(lastSlot(c))
		check(b, err)
		_, err = base.HashTreeRoot()
		check(b, err)
		steps := []struct {
			name string
			do   func(*transition.State) error
		}{
			{"JustificationAndFinalization", transition.ProcessJustificationAndFinalization},
			{"InactivityUpdates", transition.ProcessInactivityUpdates},
			{"RewardsAndPenalties", func(s *transition.State) error { return transition.ProcessRewardsAndPenalties(s, nil) }},
			{"RegistryUpdates", transition.ProcessRegistryUpdates},
			{"Slashings", func(s *transition.State) error { transition.ProcessSlashings(s); return nil }},
			{"PendingDeposits", transition.ProcessPendingDeposits},
			{"PendingConsolidations", transition.ProcessPendingConsolidations},
			{"EffectiveBalanceUpdates", func(s *transition.State) error { transition.ProcessEffectiveBalanceUpdates(s); return nil }},
			{"ParticipationFlagUpdates", func(s *transition.State) error { transition.ProcessParticipationFlagUpdates(s); return nil }},
			{"ProposerLookahead", transition.ProcessProposerLookahead},
		}
		if c.Fork >= params.Gloas {
			steps = append(steps, struct {
				name string
				do   func(*transition.State) error
			}{"PTCWindow", transition.ProcessPTCWindow})
		}
		best := make([]time.Duration, len(steps))
		for b.Loop() {
			s := base.Copy()
			for i, step := range steps {
				start := time.Now()
				check(b, step.do(s))
				if took := time.Since(start); best[i] == 0 || took < best[i] {
					best[i] = took
				}
			}
		}
		for i, step := range steps {
			b.ReportMetric(best[i].Seconds()*1000, step.name+"-ms")
		}
	})
}

// How long it takes to draw a sync committee, once in 256 epochs.
func BenchmarkSyncCommittee(b *testing.B) {
	eachState(b, func(b *testing.B, c synthetic.Config) {
		s, _, err := synthetic.State(c)
		check(b, err)
		var members []types.ValidatorIndex
		for b.Loop() {
			members, err = s.GetNextSyncCommitteeIndices()
			check(b, err)
		}
		b.ReportMetric(float64(len(members)), "members")
	})
}
