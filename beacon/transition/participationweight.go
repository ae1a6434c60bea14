package transition

import (
	"math"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// increments is the effective balances of an epoch in increments, by validator, so that attestations, whose members lie all
// over the registry, find them in a few megabytes. Copies of a state share it.
type increments struct {
	epoch types.Epoch
	of    []uint16 // lookUp where a validator is slashed or its balance is no such number of increments
}

const lookUp = math.MaxUint16

// incrementTable brings the table up to date. Until the epoch ends it can only change by a slashing, which drops it; a
// validator that is new in the registry does not attest in the same epoch.
func (s *State) incrementTable() []uint16 {
	epoch := s.GetCurrentEpoch()
	if s.increments != nil && s.increments.epoch == epoch {
		return s.increments.of
	}
	t := &increments{epoch: epoch, of: make([]uint16, s.Validators.Len())}
	unit := s.Spec().EffectiveBalanceIncrement
	last, number := types.Gwei(0), uint16(0) // most are equal
	for i := 0; i < len(t.of); {
		run := s.Validators.From(i)
		for k, balance := range run.EffectiveBalance {
			if balance != last {
				last, number = balance, lookUp
				if balance%unit == 0 && balance/unit < lookUp {
					number = uint16(balance / unit)
				}
			}
			if t.of[i+k] = number; run.Slashed[k] {
				t.of[i+k] = lookUp
			}
		}
		i += len(run.EffectiveBalance)
	}
	s.increments = t
	return t.of
}

// addedFlags adds up what validators weigh that an attestation gives new flags.
type addedFlags struct {
	increments [1 << flagCount]uint64 // by the set of flags that are new
	numerator  uint64                 // of the proposer's reward, without the base reward of an increment
	balance    types.Gwei
}

// flagWeights is the sum of the weights of a set of flags.
func flagWeights(set int) (sum uint64) {
	for i, weight := range params.ParticipationFlagWeights() {
		sum += uint64(set) >> i & 1 * weight
	}
	return sum
}

// lookUp adds a validator that the table does not have.
func (a *addedFlags) lookUp(s *State, i types.ValidatorIndex, set uint8, current bool) {
	balance := s.Validators.EffectiveBalance(i)
	a.numerator += uint64(balance/s.Spec().EffectiveBalanceIncrement) * flagWeights(int(set))
	a.balance += balance
	if !s.Validators.Slashed(i) {
		s.noteFlags(current, set, balance)
	}
}

// sum adds those that the table has.
func (a *addedFlags) sum(s *State, current bool) {
	for set, n := range a.increments {
		balance := types.Gwei(n) * s.Spec().EffectiveBalanceIncrement
		a.numerator += n * flagWeights(set)
		a.balance += balance
		s.noteFlags(current, uint8(set), balance)
	}
}
