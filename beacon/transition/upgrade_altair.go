package transition

import (
	"fmt"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// upgradeToAltair turns pending attestations into participation flags and draws the first sync committees.
// Spec: upgrade_to_altair.
func upgradeToAltair(s *State) error {
	pending := s.PreviousEpochAttestations
	s.PreviousEpochAttestations, s.CurrentEpochAttestations = nil, nil
	s.Cx.Fork = params.Altair
	n := s.Validators.Len()
	s.PreviousEpochParticipation.Zero(n)
	s.CurrentEpochParticipation.Zero(n)
	s.InactivityScores.Zero(n)
	if err := TranslateParticipation(s, pending); err != nil {
		return err
	}
	// The same committee serves as the current and the next one.
	committee, err := s.GetNextSyncCommittee()
	if err != nil {
		return err
	}
	s.CurrentSyncCommittee, s.NextSyncCommittee = committee, committee
	return nil
}

// TranslateParticipation gives the flags of the previous epoch to the voters of its pending attestations.
// Spec: translate_participation (altair).
func TranslateParticipation(s *State, pending []types.PendingAttestation) error {
	for n := range pending {
		a := &pending[n]
		flags, err := s.GetAttestationParticipationFlagIndices(&a.Data, a.InclusionDelay, 0)
		if err != nil {
			return fmt.Errorf("pending attestation %d: %w", n, err)
		}
		members, err := s.pendingAttesters(a)
		if err != nil {
			return fmt.Errorf("pending attestation %d: %w", n, err)
		}
		for _, i := range members {
			have := s.PreviousEpochParticipation.At(int(i))
			s.PreviousEpochParticipation.Set(int(i), have|flags)
		}
	}
	return nil
}
