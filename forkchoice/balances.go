package forkchoice

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// Two flags above 14 bits of effective balance, counted in increments.
const (
	activeFlag   uint16 = 1 << 15
	votesFlag    uint16 = 1 << 14 // active and not slashed
	balanceMask  uint16 = votesFlag - 1
	maxIncrement        = types.Gwei(balanceMask)
)

// Balances is what fork choice knows of a state's registry: two bytes a validator. It is filled by Append and not changed after
// it was handed out.
type Balances struct {
	values    []uint16
	active    types.Gwei
	increment types.Gwei
}

// NewBalances makes an empty one, with room for a number of validators.
func NewBalances(spec *params.Spec, validators int) *Balances {
	return &Balances{values: make([]uint16, 0, validators), increment: spec.EffectiveBalanceIncrement}
}

// Append adds the next validator of the registry. Active is meant at the state's epoch. It fails on an effective balance that is
// not a number of increments below 2**14, and when the sum of active balances leaves 64 bits.
func (b *Balances) Append(effective types.Gwei, active, slashed bool) error {
	n := effective / b.increment
	if n > maxIncrement || n*b.increment != effective {
		return fmt.Errorf("effective balance of validator %d is %d Gwei, want at most %d increments of %d Gwei", len(b.values), effective, maxIncrement, b.increment)
	}
	value := uint16(n)
	if active {
		sum, err := b.active.Add(effective)
		if err != nil {
			return fmt.Errorf("active balance with validator %d: %w", len(b.values), err)
		}
		b.active, value = sum, value|activeFlag
		if !slashed {
			value |= votesFlag
		}
	}
	b.values = append(b.values, value)
	return nil
}

// Len is the number of validators.
func (b *Balances) Len() int { return len(b.values) }

// TotalActiveBalance is in Gwei and at least one increment. Spec: get_total_active_balance (phase0).
func (b *Balances) TotalActiveBalance() types.Gwei { return max(b.active, b.increment) }

// effective is the effective balance of a validator in increments, 0 for one that the registry does not have yet.
func (b *Balances) effective(i uint32) uint64 {
	if uint64(i) >= uint64(len(b.values)) {
		return 0
	}
	return uint64(b.values[i] & balanceMask)
}

// voting is the effective balance in increments of a validator that is active and not slashed, else 0.
func (b *Balances) voting(i uint32) uint64 {
	if uint64(i) >= uint64(len(b.values)) {
		return 0
	}
	return uint64(weightOf(b.values[i]))
}

// isActive tells whether a validator is active.
func (b *Balances) isActive(i uint32) bool {
	return uint64(i) < uint64(len(b.values)) && b.values[i]&activeFlag != 0
}

// gwei converts increments.
func (b *Balances) gwei(increments uint64) types.Gwei { return types.Gwei(increments) * b.increment }

// weightOf is what a vote with a value counts, without a branch: votes of all kinds stand side by side.
func weightOf(value uint16) uint16 {
	return value & balanceMask & -(value >> 14 & 1)
}

// CalculateCommitteeFraction is a percentage of the balance of one slot's committees.
// Spec: calculate_committee_fraction (phase0).
func (b *Balances) CalculateCommitteeFraction(spec *params.Spec, percent uint64) types.Gwei {
	high, low := bits.Mul64(uint64(b.TotalActiveBalance())/spec.SlotsPerEpoch, percent)
	if high >= 100 {
		return math.MaxUint64 // A config may hold any percentage; no weight comes near.
	}
	fraction, _ := bits.Div64(high, low, 100)
	return types.Gwei(fraction)
}

// ComputeProposerScore is what the proposer boost counts, in Gwei. Spec: compute_proposer_score (phase0).
func (b *Balances) ComputeProposerScore(spec *params.Spec) types.Gwei {
	return b.CalculateCommitteeFraction(spec, spec.ProposerScoreBoost)
}
