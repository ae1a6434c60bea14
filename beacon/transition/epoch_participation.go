package transition

import (
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// flagCount is the number of participation flags.
const flagCount = 3

// participation is the effective balance of the active validators that are not slashed, by flag, for the previous and the
// current epoch. It is kept while blocks are processed, so that the end of an epoch need not scan for it; a state that was
// just decoded scans once.
type participation struct {
	known             bool
	previous, current [flagCount]types.Gwei
}

// HasFlag tells whether a participation flag is set. Spec: has_flag (altair).
func HasFlag(flags uint8, index int) bool { return flags>>index&1 == 1 }

// AddFlag sets a participation flag. Spec: add_flag (altair).
func AddFlag(flags uint8, index int) uint8 { return flags | 1<<index }

// add counts a validator's effective balance for each of its flags.
func add(sums *[flagCount]types.Gwei, flags uint8, balance types.Gwei) {
	for f := range sums {
		if HasFlag(flags, f) {
			sums[f] += balance
		}
	}
}

// remove takes it out again.
func remove(sums *[flagCount]types.Gwei, flags uint8, balance types.Gwei) {
	for f := range sums {
		if HasFlag(flags, f) {
			sums[f] -= balance
		}
	}
}

// noteFlags counts flags that an attestation gives to validators, active in its epoch and not slashed, of the given effective
// balance in all.
func (s *State) noteFlags(current bool, added uint8, balance types.Gwei) {
	if !s.participation.known {
		return
	}
	sums := &s.participation.previous
	if current {
		sums = &s.participation.current
	}
	add(sums, added, balance)
}

// noteSlashed takes out a validator that is about to be marked as slashed.
func (s *State) noteSlashed(i types.ValidatorIndex) {
	if !s.Since(params.Altair) || !s.participation.known || s.Validators.Slashed(i) {
		return
	}
	v := s.Validators.At(i)
	if IsActiveValidator(&v, s.GetPreviousEpoch()) {
		remove(&s.participation.previous, s.PreviousEpochParticipation.At(int(i)), v.EffectiveBalance)
	}
	if IsActiveValidator(&v, s.GetCurrentEpoch()) {
		remove(&s.participation.current, s.CurrentEpochParticipation.At(int(i)), v.EffectiveBalance)
	}
}

// participationTotals gives the sums, from a scan if they are not known. Altair and later.
// Spec: get_unslashed_participating_indices (altair), with get_total_balance.
func (s *State) participationTotals() *participation {
	if !s.participation.known {
		s.participation = s.scanParticipation()
	}
	return &s.participation
}

func (s *State) scanParticipation() participation {
	p := participation{known: true}
	previous, current := s.GetPreviousEpoch(), s.GetCurrentEpoch()
	n := s.Validators.Len()
	for i := 0; i < n; {
		v := s.Validators.From(i)
		before, now := s.PreviousEpochParticipation.From(i), s.CurrentEpochParticipation.From(i)
		run := min(len(v.Slashed), len(before), len(now))
		for k := range run {
			if before[k]|now[k] == 0 || v.Slashed[k] {
				continue
			}
			if v.ActivationEpoch[k] <= previous && previous < v.ExitEpoch[k] {
				add(&p.previous, before[k], v.EffectiveBalance[k])
			}
			if v.ActivationEpoch[k] <= current && current < v.ExitEpoch[k] {
				add(&p.current, now[k], v.EffectiveBalance[k])
			}
		}
		i += run
	}
	return p
}

// ProcessParticipationFlagUpdates makes the current epoch's flags the previous one's.
// Spec: process_participation_flag_updates (altair).
func ProcessParticipationFlagUpdates(s *State) {
	s.PreviousEpochParticipation, s.CurrentEpochParticipation = s.CurrentEpochParticipation, s.PreviousEpochParticipation
	s.CurrentEpochParticipation.Zero(s.Validators.Len())
	s.participation.previous, s.participation.current = s.participation.current, [flagCount]types.Gwei{}
}

// ProcessParticipationRecordUpdates makes the current epoch's attestations the previous one's.
// Spec: process_participation_record_updates (phase0).
func ProcessParticipationRecordUpdates(s *State) {
	s.PreviousEpochAttestations, s.CurrentEpochAttestations = s.CurrentEpochAttestations, nil
}
