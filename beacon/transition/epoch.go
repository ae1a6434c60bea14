package transition

import (
	"github.com/cresset/cresset/beacon/params"
)

// ProcessEpoch applies the end of the epoch that the state is in the last slot of. Rewards may be nil.
//
// What the steps do to single validators is done in two passes over the registry's columns (pass.go): inactivity, rewards
// and the search for what registry updates and slashings concern in one, effective balances in the other, after the queues.
// The exported steps below are the same bodies, one at a time.
//
// Spec: process_epoch (phase0; modified altair, capella, electra, fulu, gloas).
func ProcessEpoch(s *State, rewards RewardReporter) error {
	if err := ProcessJustificationAndFinalization(s); err != nil {
		return within("justification and finalization", err)
	}
	var found candidates
	if s.Since(params.Altair) {
		var err error
		duties := s.hasPreviousEpoch()
		if found, err = runPass(s, passSteps{inactivity: duties, rewards: duties, candidates: true}, rewards); err != nil {
			return within("rewards and penalties", err)
		}
	} else {
		if err := ProcessRewardsAndPenalties(s, rewards); err != nil {
			return within("rewards and penalties", err)
		}
		found = findCandidates(s)
	}
	if err := applyRegistryUpdates(s, found); err != nil {
		return within("registry updates", err)
	}
	applySlashings(s, found.slashed)
	ProcessEth1DataReset(s)
	if s.Since(params.Electra) {
		if err := ProcessPendingDeposits(s); err != nil {
			return within("pending deposits", err)
		}
		if err := ProcessPendingConsolidations(s); err != nil {
			return within("pending consolidations", err)
		}
	}
	if s.Since(params.Gloas) {
		ProcessBuilderPendingPayments(s)
	}
	ProcessEffectiveBalanceUpdates(s)
	ProcessSlashingsReset(s)
	ProcessRandaoMixesReset(s)
	if s.Since(params.Capella) {
		if err := ProcessHistoricalSummariesUpdate(s); err != nil {
			return within("historical summaries update", err)
		}
	} else if err := ProcessHistoricalRootsUpdate(s); err != nil {
		return within("historical roots update", err)
	}
	if s.Since(params.Altair) {
		ProcessParticipationFlagUpdates(s)
		if err := ProcessSyncCommitteeUpdates(s); err != nil {
			return within("sync committee updates", err)
		}
	} else {
		ProcessParticipationRecordUpdates(s)
	}
	if s.Since(params.Fulu) {
		if err := ProcessProposerLookahead(s); err != nil {
			return within("proposer lookahead", err)
		}
	}
	if s.Since(params.Gloas) {
		if err := ProcessPTCWindow(s); err != nil {
			return within("payload timeliness window", err)
		}
	}
	return nil
}
