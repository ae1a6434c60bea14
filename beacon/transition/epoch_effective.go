package transition

import (
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// ProcessEffectiveBalanceUpdates lets effective balances follow the balances, with hysteresis.
// Spec: process_effective_balance_updates (phase0; modified electra).
func ProcessEffectiveBalanceUpdates(s *State) {
	spec := s.Spec()
	step := spec.EffectiveBalanceIncrement / types.Gwei(spec.HysteresisQuotient)
	down, up := step*types.Gwei(spec.HysteresisDownwardMultiplier), step*types.Gwei(spec.HysteresisUpwardMultiplier)
	for i := 0; i < s.Validators.Len(); {
		effective, balances := s.Validators.From(i).EffectiveBalance, s.Balances.From(i)
		n := min(len(effective), len(balances))
		for k := range n {
			have, balance := effective[k], balances[k]
			if balance <= have && have-balance <= down || balance > have && balance-have <= up {
				continue
			}
			index := types.ValidatorIndex(i + k)
			to := min(balance-balance%spec.EffectiveBalanceIncrement, GetMaxEffectiveBalance(s, s.Validators.WithdrawalCredentials(index)))
			if to != have {
				s.setEffectiveBalance(index, to)
				effective = s.Validators.From(i).EffectiveBalance
			}
		}
		i += n
	}
	s.total.known = false
}

// setEffectiveBalance changes an effective balance at the end of an epoch, and with it the sums of the current epoch's
// flags, which are the previous epoch's from now on. Those of the epoch before are not asked for again.
func (s *State) setEffectiveBalance(i types.ValidatorIndex, to types.Gwei) {
	if s.Since(params.Altair) && s.participation.known {
		v := s.Validators.At(i)
		if flags := s.CurrentEpochParticipation.At(int(i)); flags != 0 && !v.Slashed && IsActiveValidator(&v, s.GetCurrentEpoch()) {
			remove(&s.participation.current, flags, v.EffectiveBalance)
			add(&s.participation.current, flags, to)
		}
	}
	s.Validators.SetEffectiveBalance(i, to)
}
