package transition

import (
	"cmp"
	"slices"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// findRun looks through n validators from i on for those that registry updates and slashings concern.
// Spec: is_eligible_for_activation_queue (phase0; modified electra), is_eligible_for_activation (phase0).
func (p *pass) findRun(i, n int, v types.ValidatorColumns) {
	spec, finalized := p.s.Spec(), p.s.FinalizedCheckpoint.Epoch
	electra := p.s.Since(params.Electra)
	for k := range n {
		index, balance := types.ValidatorIndex(i+k), v.EffectiveBalance[k]
		waits := bit(v.ActivationEpoch[k] == params.FarFutureEpoch) | bit(v.ActivationEligibilityEpoch[k] == params.FarFutureEpoch)
		if waits|bit(v.Slashed[k])|bit(balance <= spec.EjectionBalance)&bit(v.ExitEpoch[k] == params.FarFutureEpoch) == 0 {
			continue // as nearly all
		}
		if v.Slashed[k] {
			p.found.slashed = append(p.found.slashed, index)
		}
		queued := v.ActivationEligibilityEpoch[k]
		switch {
		case queued == params.FarFutureEpoch:
			if electra && balance >= spec.MinActivationBalance || !electra && balance == spec.MaxEffectiveBalance {
				p.found.queue = append(p.found.queue, index)
			}
		case queued <= finalized && v.ActivationEpoch[k] == params.FarFutureEpoch:
			p.found.activate = append(p.found.activate, index)
		}
		if balance <= spec.EjectionBalance && v.ExitEpoch[k] == params.FarFutureEpoch && v.ActivationEpoch[k] <= p.current {
			p.found.eject = append(p.found.eject, index)
		}
	}
}

// findCandidates looks through the whole registry.
func findCandidates(s *State) candidates {
	p := pass{s: s, current: s.GetCurrentEpoch()}
	for i := 0; i < s.Validators.Len(); {
		run := s.Validators.From(i)
		p.findRun(i, len(run.Slashed), run)
		i += len(run.Slashed)
	}
	return p.found
}

// ProcessRegistryUpdates moves validators into the queue, out of it, and out of the registry's active part.
// Spec: process_registry_updates (phase0; modified deneb, electra).
func ProcessRegistryUpdates(s *State) error { return applyRegistryUpdates(s, findCandidates(s)) }

// applyRegistryUpdates moves the candidates. None of the moves makes or unmakes a candidate of another kind, but that from
// Electra on a validator that enters the queue is not ejected in the same epoch.
func applyRegistryUpdates(s *State, found candidates) error {
	activation := types.ComputeActivationExitEpoch(s.Spec(), s.GetCurrentEpoch())
	for _, i := range found.queue {
		s.Validators.SetActivationEligibilityEpoch(i, s.GetCurrentEpoch()+1)
	}
	for _, i := range found.eject {
		if _, entersQueue := slices.BinarySearch(found.queue, i); entersQueue && s.Since(params.Electra) {
			continue
		}
		if err := InitiateValidatorExit(s, i); err != nil {
			return err
		}
	}
	activate := found.activate
	if !s.Since(params.Electra) {
		// Before Electra the churn counts validators, the oldest in the queue first.
		slices.SortStableFunc(activate, func(a, b types.ValidatorIndex) int {
			va, vb := s.Validators.At(a), s.Validators.At(b)
			return cmp.Compare(va.ActivationEligibilityEpoch, vb.ActivationEligibilityEpoch)
		})
		activate = activate[:min(uint64(len(activate)), s.GetValidatorActivationChurnLimit())]
	}
	for _, i := range activate {
		s.Validators.SetActivationEpoch(i, activation)
	}
	return nil
}

// ProcessSlashings takes the second penalty from the validators slashed half a slashings vector ago.
// Spec: process_slashings (phase0; modified altair, bellatrix, electra).
func ProcessSlashings(s *State) { applySlashings(s, findCandidates(s).slashed) }

func applySlashings(s *State, slashed []types.ValidatorIndex) {
	spec := s.Spec()
	due := s.GetCurrentEpoch() + types.Epoch(spec.EpochsPerSlashingsVector/2)
	var penalty func(types.Gwei) types.Gwei
	for _, i := range slashed {
		if s.Validators.WithdrawableEpoch(i) != due {
			continue
		}
		if penalty == nil {
			penalty = slashingPenalty(s)
		}
		s.DecreaseBalance(i, penalty(s.Validators.EffectiveBalance(i)))
	}
}

// slashingPenalty is the second penalty by effective balance: the share of all stake that was slashed around the same
// time, several times over.
func slashingPenalty(s *State) func(types.Gwei) types.Gwei {
	spec, total := s.Spec(), s.GetTotalActiveBalance()
	multiplier := spec.ProportionalSlashingMultiplier
	switch {
	case s.Since(params.Bellatrix):
		multiplier = spec.ProportionalSlashingMultiplierBellatrix
	case s.Since(params.Altair):
		multiplier = spec.ProportionalSlashingMultiplierAltair
	}
	sum := types.Gwei(0)
	for i := 0; i < s.Slashings.Len(); {
		run := s.Slashings.From(i)
		for _, slashed := range run {
			sum += slashed
		}
		i += len(run)
	}
	adjusted, increment := min(sum*types.Gwei(multiplier), total), spec.EffectiveBalanceIncrement
	if s.Since(params.Electra) {
		perIncrement := adjusted / (total / increment)
		return func(effective types.Gwei) types.Gwei { return perIncrement * (effective / increment) }
	}
	return func(effective types.Gwei) types.Gwei { return effective / increment * adjusted / total * increment }
}
