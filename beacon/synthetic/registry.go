package synthetic

import (
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz/plist"
	"github.com/cresset/cresset/beacon/types"
)

const eth types.Gwei = 1e9

// registry makes validators and their balances one after the other.
type registry struct {
	spec *params.Spec
	r    random
	n    uint64
	// left validators are still to be made active, and weights sums the chances of all that are still to come.
	left, weights uint64
	balances      []types.Gwei

	// Validators that the queues are made of.
	compounding []types.ValidatorIndex // active, above the minimum
	leaving     []types.ValidatorIndex // not withdrawable for some time, oldest first
	slashed     types.Gwei             // sum of what was slashed lately
}

// weight is the chance of validator i to be active: at the end seven times that of the beginning.
func (g *registry) weight(i uint64) uint64 { return g.n + 6*i }

// fillRegistry makes the validators, and their balances.
func fillRegistry(s *types.BeaconState, c *Config, pubkeys []types.BLSPubkey) *registry {
	g := &registry{spec: s.Cx.Spec, r: newRandom(c.Seed, 1), n: uint64(c.Validators), left: uint64(c.Active)}
	g.balances = make([]types.Gwei, g.n)
	for i := range g.n {
		g.weights += g.weight(i)
	}
	for i := range g.n {
		active := g.left == g.n-i || g.left > 0 && g.r.Uint64N(g.weights) < g.left*g.weight(i)
		g.weights -= g.weight(i)
		v := types.Validator{Pubkey: pubkeys[i], WithdrawalCredentials: g.credentials(params.Eth1AddressWithdrawalPrefix)}
		if active {
			g.left--
			g.active(i, &v)
		} else {
			g.inactive(i, &v)
		}
		s.Validators.Append(v)
	}
	fill(&s.Balances, c.Validators, func(i int) types.Gwei { return g.balances[i] })
	return g
}

// fill makes a list n values.
func fill[E plist.Element](l *plist.Packed[E], n int, value func(i int) E) {
	l.Zero(n)
	for i := 0; i < n; {
		run := l.MutableFrom(i)
		for k := range run {
			run[k] = value(i + k)
		}
		i += len(run)
	}
}

func (g *registry) credentials(kind byte) (out types.Bytes32) {
	g.r.fill(out[12:])
	out[0] = kind
	return out
}

// active makes a validator that has duties: five in a hundred compound, a few are on their way out.
func (g *registry) active(i uint64, v *types.Validator) {
	v.ActivationEpoch = types.Epoch(i * uint64(settled) / g.n)
	v.ActivationEligibilityEpoch = v.ActivationEpoch.SubSaturating(5)
	v.ExitEpoch, v.WithdrawableEpoch = params.FarFutureEpoch, params.FarFutureEpoch
	v.EffectiveBalance = g.spec.MinActivationBalance
	g.balances[i] = v.EffectiveBalance + g.r.gwei(0, eth/50) // since the last sweep of withdrawals
	kind := g.r.Uint64N(10_000)
	switch {
	case kind < 500:
		v.WithdrawalCredentials[0] = params.CompoundingWithdrawalPrefix
		v.EffectiveBalance = g.compoundingBalance()
		g.balances[i] = v.EffectiveBalance + g.r.gwei(0, eth)
		if v.EffectiveBalance > g.spec.MinActivationBalance {
			g.compounding = append(g.compounding, types.ValidatorIndex(i))
		}
	case kind < 550: // was offline
		v.EffectiveBalance -= eth
		g.balances[i] = v.EffectiveBalance + g.r.gwei(eth/2, eth)
	case kind < 570:
		g.exit(i, v, epoch+1+types.Epoch(g.r.Uint64N(200)))
	case kind < 580:
		v.WithdrawalCredentials[0] = params.BLSWithdrawalPrefix
	}
}

// compoundingBalance is an effective balance between the minimum and the maximum, often one of the two.
func (g *registry) compoundingBalance() types.Gwei {
	low, high := g.spec.MinActivationBalance, g.spec.MaxEffectiveBalanceElectra
	switch kind := g.r.Uint64N(10); {
	case kind == 0:
		return high
	case kind < 4:
		return low
	}
	balance := g.r.gwei(low, high/2)
	return balance - balance%g.spec.EffectiveBalanceIncrement
}

// inactive makes a validator that has left, or, at the end of the registry, one that has just come.
func (g *registry) inactive(i uint64, v *types.Validator) {
	if i >= g.n-g.n/1000 {
		v.ActivationEligibilityEpoch = params.FarFutureEpoch
		if g.r.Uint64N(2) == 0 {
			v.ActivationEligibilityEpoch = epoch - 1
		}
		v.ActivationEpoch, v.ExitEpoch, v.WithdrawableEpoch = params.FarFutureEpoch, params.FarFutureEpoch, params.FarFutureEpoch
		v.EffectiveBalance, g.balances[i] = g.spec.MinActivationBalance, g.spec.MinActivationBalance
		return
	}
	v.ActivationEpoch = types.Epoch(i * uint64(settled) / g.n)
	v.ActivationEligibilityEpoch = v.ActivationEpoch.SubSaturating(5)
	switch kind := g.r.Uint64N(10_000); {
	case kind < 50:
		g.exit(i, v, epoch-types.Epoch(g.r.Uint64N(uint64(g.spec.MinValidatorWithdrawabilityDelay))))
		v.EffectiveBalance = g.spec.MinActivationBalance
		g.balances[i] = v.EffectiveBalance + g.r.gwei(0, eth/50)
	case kind < 60:
		v.Slashed = true
		v.ExitEpoch = epoch - types.Epoch(g.r.Uint64N(200))
		v.WithdrawableEpoch = epoch + 1 + types.Epoch(g.r.Uint64N(g.spec.EpochsPerSlashingsVector))
		v.EffectiveBalance = g.spec.MinActivationBalance - eth
		g.balances[i] = v.EffectiveBalance + g.r.gwei(0, eth/2)
		g.slashed += v.EffectiveBalance
	default: // paid out
		v.ExitEpoch = v.ActivationEpoch + 1 + types.Epoch(g.r.Uint64N(uint64(settled-v.ActivationEpoch)))
		v.WithdrawableEpoch = v.ExitEpoch + g.spec.MinValidatorWithdrawabilityDelay
		if g.r.Uint64N(100) == 0 {
			v.WithdrawalCredentials[0] = params.BLSWithdrawalPrefix
		}
	}
}

// exit gives a validator its way out. The balance of one that has left is paid out when it becomes withdrawable.
func (g *registry) exit(i uint64, v *types.Validator, at types.Epoch) {
	v.ExitEpoch, v.WithdrawableEpoch = at, at+g.spec.MinValidatorWithdrawabilityDelay
	g.leaving = append(g.leaving, types.ValidatorIndex(i))
}
