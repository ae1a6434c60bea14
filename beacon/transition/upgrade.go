package transition

import (
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// Upgrade turns a state into one of the next fork, in place. It is called at the first slot of the fork's epoch, after the
// epoch before has been processed.
// Spec: <fork>/fork.md.
func Upgrade(s *State, fork params.Fork) error {
	if fork != s.Cx.Fork+1 {
		return broken("upgrade goes to the next fork", fork, s.Cx.Fork+1)
	}
	body := map[params.Fork]func(*State) error{
		params.Altair:    upgradeToAltair,
		params.Bellatrix: upgradeToBellatrix,
		params.Capella:   upgradeToCapella,
		params.Deneb:     upgradeToDeneb,
		params.Electra:   upgradeToElectra,
		params.Fulu:      upgradeToFulu,
		params.Gloas:     upgradeToGloas,
	}[fork]
	if body == nil {
		return broken("fork has an upgrade", fork, params.Gloas)
	}
	s.BeaconState.Fork = types.Fork{
		PreviousVersion: s.BeaconState.Fork.CurrentVersion,
		CurrentVersion:  s.Spec().ForkVersion(fork),
		Epoch:           s.GetCurrentEpoch(),
	}
	// Derived values can depend on the fork's rules.
	s.total.known, s.proposer.known = false, false
	s.participation, s.exits, s.increments = participation{}, exitQueue{}, nil
	return body(s)
}

// upgradeToBellatrix only adds the header of a payload that does not exist yet. Spec: upgrade_to_bellatrix.
func upgradeToBellatrix(s *State) error {
	s.Cx.Fork = params.Bellatrix
	s.LatestExecutionPayloadHeader = types.ExecutionPayloadHeader{}
	return nil
}

// upgradeToCapella adds withdrawals and historical summaries, all of them empty. Spec: upgrade_to_capella.
func upgradeToCapella(s *State) error {
	s.Cx.Fork = params.Capella
	s.NextWithdrawalIndex, s.NextWithdrawalValidatorIndex = 0, 0
	s.HistoricalSummaries = types.HistoricalSummaries{}
	return nil
}

// upgradeToDeneb only adds two numbers to the payload header, both zero. Spec: upgrade_to_deneb.
func upgradeToDeneb(s *State) error {
	s.Cx.Fork = params.Deneb
	return nil
}

// upgradeToFulu fills the proposer lookahead. Spec: upgrade_to_fulu.
func upgradeToFulu(s *State) error {
	// The lookahead is drawn by the rules before the fork.
	lookahead, err := InitializeProposerLookahead(s)
	if err != nil {
		return err
	}
	s.Cx.Fork = params.Fulu
	s.ProposerLookahead = lookahead
	return nil
}

// InitializeProposerLookahead draws the proposers of the current epoch and those that follow within the lookahead.
// Spec: initialize_proposer_lookahead (fulu).
func InitializeProposerLookahead(s *State) ([]types.ValidatorIndex, error) {
	var lookahead []types.ValidatorIndex
	for i := types.Epoch(0); i <= s.Spec().MinSeedLookahead; i++ {
		proposers, err := s.GetBeaconProposerIndices(s.GetCurrentEpoch() + i)
		if err != nil {
			return nil, within("proposer lookahead", err)
		}
		lookahead = append(lookahead, proposers...)
	}
	return lookahead, nil
}
