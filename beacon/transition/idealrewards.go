package transition

import (
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// IdealReward is what a validator of an effective balance gets for a previous epoch in which it did all of its duties in time.
type IdealReward struct {
	EffectiveBalance types.Gwei
	Rewards          [flagCount]types.Gwei // by DutySource, DutyTarget, DutyHead
}

// IdealRewards lists the ideal rewards for the previous epoch, of every effective balance that a validator can have but zero, ascending. The state is
// the one that ProcessRewardsAndPenalties pays on. Spec: get_flag_index_deltas (altair).
func IdealRewards(s *State) ([]IdealReward, error) {
	if !s.Since(params.Altair) {
		return nil, broken("the state has participation flags", s.Cx.Fork, params.Altair)
	}
	var t deltaTable
	if err := t.init(s); err != nil {
		return nil, err
	}
	out := make([]IdealReward, 0, len(t.table))
	for increments, d := range t.table[1:] {
		effective, err := t.increment.Mul(uint64(increments) + 1)
		if err != nil {
			return nil, err
		}
		if effective > s.maxEffectiveBalance() {
			break
		}
		out = append(out, IdealReward{effective, d.reward})
	}
	return out, nil
}

// maxEffectiveBalance is the largest effective balance of the state's fork.
func (s *State) maxEffectiveBalance() types.Gwei {
	if s.Since(params.Electra) {
		return s.Spec().MaxEffectiveBalanceElectra
	}
	return s.Spec().MaxEffectiveBalance
}
