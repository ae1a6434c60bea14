package transition

import (
	"runtime"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz/plist"
	"github.com/cresset/cresset/beacon/types"
)

// ProcessEffectiveBalanceUpdates lets effective balances follow the balances, with hysteresis.
// Spec: process_effective_balance_updates (phase0; modified electra).
func ProcessEffectiveBalanceUpdates(s *State) {
	increment, n := s.Spec().EffectiveBalanceIncrement, s.Validators.Len()
	shares := make([][]types.ValidatorIndex, runtime.GOMAXPROCS(0))
	// Few validators are written to, afterwards.
	_ = plist.Parallel(n, anywhere, func(share, from, to int) error {
		shares[share] = s.outgrown(from, to)
		return nil
	})
	for _, share := range shares {
		for _, i := range share {
			balance := s.Balances.At(int(i))
			to := min(balance-balance%increment, GetMaxEffectiveBalance(s, s.Validators.WithdrawalCredentials(i)))
			if to != s.Validators.EffectiveBalance(i) {
				s.setEffectiveBalance(i, to)
			}
		}
	}
	s.total.known = false
}

// outgrown lists the validators from one to before another whose balance is too far from what is in effect.
func (s *State) outgrown(from, to int) (found []types.ValidatorIndex) {
	spec := s.Spec()
	step := spec.EffectiveBalanceIncrement / types.Gwei(spec.HysteresisQuotient)
	down, up := step*types.Gwei(spec.HysteresisDownwardMultiplier), step*types.Gwei(spec.HysteresisUpwardMultiplier)
	for i := from; i < to; {
		effective, balances := s.Validators.From(i).EffectiveBalance, s.Balances.From(i)
		n := min(len(effective), len(balances), to-i)
		for k, have := range effective[:n] {
			// A balance so large that the sum wraps is too far as well.
			balance := balances[k]
			if bit(balance+down < have)|bit(have+up < balance) != 0 {
				found = append(found, types.ValidatorIndex(i+k))
			}
		}
		i += n
	}
	return found
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
