package params

import "math"

// GetSlotComponentDurationMs is the length of a part of a slot, given in basis points, in milliseconds.
//
// Spec: get_slot_component_duration_ms (phase0).
func (s *Spec) GetSlotComponentDurationMs(basisPoints uint64) uint64 {
	return basisPoints * s.SlotDurationMs / BasisPoints
}

// GetAttestationDueMs is when in a slot attestations are due, in milliseconds.
//
// Spec: get_attestation_due_ms (phase0; modified gloas).
func (s *Spec) GetAttestationDueMs(f Fork) uint64 {
	return s.due(f, s.AttestationDueBPS, s.AttestationDueBPSGloas)
}

// GetAggregateDueMs is when in a slot aggregates are due, in milliseconds.
//
// Spec: get_aggregate_due_ms (phase0; modified gloas).
func (s *Spec) GetAggregateDueMs(f Fork) uint64 {
	return s.due(f, s.AggregateDueBPS, s.AggregateDueBPSGloas)
}

// GetSyncMessageDueMs is when in a slot sync committee messages are due, in milliseconds.
//
// Spec: get_sync_message_due_ms (altair; modified gloas).
func (s *Spec) GetSyncMessageDueMs(f Fork) uint64 {
	return s.due(f, s.SyncMessageDueBPS, s.SyncMessageDueBPSGloas)
}

// GetContributionDueMs is when in a slot sync committee contributions are due, in milliseconds.
//
// Spec: get_contribution_due_ms (altair; modified gloas).
func (s *Spec) GetContributionDueMs(f Fork) uint64 {
	return s.due(f, s.ContributionDueBPS, s.ContributionDueBPSGloas)
}

// GetProposerReorgCutoffMs is until when in its slot a proposer may re-org its predecessor, in milliseconds.
//
// Spec: get_proposer_reorg_cutoff_ms (phase0).
func (s *Spec) GetProposerReorgCutoffMs() uint64 {
	return s.GetSlotComponentDurationMs(s.ProposerReorgCutoffBPS)
}

// GetPayloadDueMs is when in a slot the builder's payload is due, in milliseconds.
//
// Spec: get_payload_due_ms (gloas).
func (s *Spec) GetPayloadDueMs() uint64 { return s.GetSlotComponentDurationMs(s.PayloadDueBPS) }

// GetPayloadAttestationDueMs is when in a slot votes of the payload committee are due, in milliseconds.
//
// Spec: get_payload_attestation_due_ms (gloas).
func (s *Spec) GetPayloadAttestationDueMs() uint64 {
	return s.GetSlotComponentDurationMs(s.PayloadAttestationDueBPS)
}

func (s *Spec) due(f Fork, before, gloas uint64) uint64 {
	if f >= Gloas {
		before = gloas
	}
	return s.GetSlotComponentDurationMs(before)
}

// SecondsToMilliseconds converts seconds; what does not fit becomes the largest number.
//
// Spec: seconds_to_milliseconds (phase0).
func SecondsToMilliseconds(seconds uint64) uint64 {
	if seconds > math.MaxUint64/1000 {
		return math.MaxUint64
	}
	return seconds * 1000
}
