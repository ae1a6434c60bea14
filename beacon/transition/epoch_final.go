package transition

import (
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// ProcessEth1DataReset ends a voting period. Spec: process_eth1_data_reset (phase0).
func ProcessEth1DataReset(s *State) {
	if (uint64(s.GetCurrentEpoch())+1)%s.Spec().EpochsPerEth1VotingPeriod == 0 {
		s.Eth1DataVotes = types.Eth1DataVotes{}
	}
}

// ProcessSlashingsReset makes room for the next epoch's slashings. Spec: process_slashings_reset (phase0).
func ProcessSlashingsReset(s *State) {
	i := int((uint64(s.GetCurrentEpoch()) + 1) % s.Spec().EpochsPerSlashingsVector)
	if s.Slashings.At(i) != 0 {
		s.Slashings.Set(i, 0)
	}
}

// ProcessRandaoMixesReset starts the next epoch's mix from the current one. Spec: process_randao_mixes_reset (phase0).
func ProcessRandaoMixesReset(s *State) {
	i := (uint64(s.GetCurrentEpoch()) + 1) % s.Spec().EpochsPerHistoricalVector
	s.RandaoMixes.Set(int(i), s.GetRandaoMix(s.GetCurrentEpoch()))
}

// historyEnds tells whether block_roots and state_roots begin anew with the next epoch.
func historyEnds(s *State) bool {
	return (uint64(s.GetCurrentEpoch())+1)%(s.Spec().SlotsPerHistoricalRoot/s.Spec().SlotsPerEpoch) == 0
}

// historySummary is the roots of block_roots and of state_roots.
func historySummary(s *State) (types.HistoricalSummary, error) {
	n := s.Spec().SlotsPerHistoricalRoot
	blocks, err := ssz.HashTreeRoot(s.Cx, s.BlockRoots.Vector(n))
	if err != nil {
		return types.HistoricalSummary{}, err
	}
	states, err := ssz.HashTreeRoot(s.Cx, s.StateRoots.Vector(n))
	return types.HistoricalSummary{BlockSummaryRoot: blocks, StateSummaryRoot: states}, err
}

// ProcessHistoricalRootsUpdate records the root of a period's history. Spec: process_historical_roots_update (phase0).
func ProcessHistoricalRootsUpdate(s *State) error {
	if !historyEnds(s) {
		return nil
	}
	summary, err := historySummary(s)
	if err != nil {
		return err
	}
	// A HistoricalBatch has the same root as the summary of its two fields.
	s.HistoricalRoots.Append(types.HashTreeRoot(&summary))
	return nil
}

// ProcessHistoricalSummariesUpdate records the summary of a period's history.
// Spec: process_historical_summaries_update (capella).
func ProcessHistoricalSummariesUpdate(s *State) error {
	if !historyEnds(s) {
		return nil
	}
	summary, err := historySummary(s)
	if err != nil {
		return err
	}
	s.HistoricalSummaries.Append(summary)
	return nil
}

// ProcessSyncCommitteeUpdates changes the sync committees at the end of a period.
// Spec: process_sync_committee_updates (altair).
func ProcessSyncCommitteeUpdates(s *State) error {
	if (uint64(s.GetCurrentEpoch())+1)%s.Spec().EpochsPerSyncCommitteePeriod != 0 {
		return nil
	}
	next, err := s.GetNextSyncCommittee()
	if err != nil {
		return err
	}
	s.CurrentSyncCommittee, s.NextSyncCommittee = s.NextSyncCommittee, next
	return nil
}

// ProcessProposerLookahead draws the proposers of one more epoch. Spec: process_proposer_lookahead (fulu).
func ProcessProposerLookahead(s *State) error {
	proposers, err := s.GetBeaconProposerIndices(s.GetCurrentEpoch() + s.Spec().MinSeedLookahead + 1)
	if err != nil {
		return err
	}
	last := len(s.ProposerLookahead) - len(proposers)
	copy(s.ProposerLookahead[:last], s.ProposerLookahead[len(proposers):])
	copy(s.ProposerLookahead[last:], proposers)
	return nil
}

// ProcessPTCWindow draws the payload timeliness committees of one more epoch. Spec: process_ptc_window (gloas).
func ProcessPTCWindow(s *State) error {
	epoch := s.GetCurrentEpoch() + s.Spec().MinSeedLookahead + 1
	committees, err := epochPTCs(s, epoch)
	if err != nil {
		return err
	}
	last := len(s.PTCWindow) - len(committees)
	copy(s.PTCWindow[:last], s.PTCWindow[len(committees):])
	copy(s.PTCWindow[last:], committees)
	return nil
}
