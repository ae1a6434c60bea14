package spectest

import (
	"testing"

	"github.com/cresset/cresset/beacon/transition"
)

// epochSteps are the steps of an epoch by the name of their handler.
func epochSteps() map[string]func(*transition.State) error {
	always := func(f func(*transition.State)) func(*transition.State) error {
		return func(s *transition.State) error {
			f(s)
			return nil
		}
	}
	return map[string]func(*transition.State) error{
		"builder_pending_payments":       always(transition.ProcessBuilderPendingPayments),
		"effective_balance_updates":      always(transition.ProcessEffectiveBalanceUpdates),
		"eth1_data_reset":                always(transition.ProcessEth1DataReset),
		"historical_roots_update":        transition.ProcessHistoricalRootsUpdate,
		"historical_summaries_update":    transition.ProcessHistoricalSummariesUpdate,
		"inactivity_updates":             transition.ProcessInactivityUpdates,
		"justification_and_finalization": transition.ProcessJustificationAndFinalization,
		"participation_flag_updates":     always(transition.ProcessParticipationFlagUpdates),
		"participation_record_updates":   always(transition.ProcessParticipationRecordUpdates),
		"pending_consolidations":         transition.ProcessPendingConsolidations,
		"pending_deposits":               transition.ProcessPendingDeposits,
		"pending_deposits_churn":         transition.ProcessPendingDeposits,
		"proposer_lookahead":             transition.ProcessProposerLookahead,
		"ptc_window":                     transition.ProcessPTCWindow,
		"randao_mixes_reset":             always(transition.ProcessRandaoMixesReset),
		"registry_updates":               transition.ProcessRegistryUpdates,
		"rewards_and_penalties":          func(s *transition.State) error { return transition.ProcessRewardsAndPenalties(s, nil) },
		"slashings":                      always(transition.ProcessSlashings),
		"slashings_reset":                always(transition.ProcessSlashingsReset),
		"sync_committee_updates":         transition.ProcessSyncCommitteeUpdates,
	}
}

// runEpochProcessing runs the step alone, and the whole epoch where its states are given.
func runEpochProcessing(t *testing.T, c *Case) {
	step := epochSteps()[c.Handler]
	if step == nil {
		t.Fatalf("unknown step %s", c.Handler)
	}
	readMeta(c)
	s := readState(t, c, "pre")
	checkPost(t, c, s, step(s))
	if c.Has("pre_epoch") {
		whole := readState(t, c, "pre_epoch")
		checkOutcome(t, c, whole, "post_epoch", transition.ProcessEpoch(whole, nil))
	}
}
