package transition

import (
	"fmt"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// upgradeToGloas makes the state's lists progressive and starts the builder registry. Spec: upgrade_to_gloas.
func upgradeToGloas(s *State) error {
	// The committees are drawn by the rules before the fork.
	window, err := InitializePTCWindow(s)
	if err != nil {
		return err
	}
	s.Cx.Fork = params.Gloas
	noRequests, err := ssz.HashTreeRoot(s.Cx, ssz.Container(&types.ExecutionRequests{}))
	if err != nil {
		return err
	}
	for _, list := range []interface{ Reshape(progressive bool) }{
		&s.Validators, &s.Balances, &s.PreviousEpochParticipation, &s.CurrentEpochParticipation, &s.InactivityScores,
		&s.PendingDeposits, &s.PendingPartialWithdrawals, &s.PendingConsolidations,
	} {
		list.Reshape(true)
	}
	header := s.LatestExecutionPayloadHeader
	s.LatestExecutionPayloadHeader = types.ExecutionPayloadHeader{}
	s.LatestBlockHash = header.BlockHash
	s.LatestExecutionPayloadBid = types.ExecutionPayloadBid{
		BlockHash: header.BlockHash, GasLimit: header.GasLimit, ExecutionRequestsRoot: noRequests,
	}
	s.Builders, s.BuilderPendingWithdrawals = types.Builders{}, types.BuilderPendingWithdrawals{}
	s.Builders.Reshape(true)
	s.BuilderPendingWithdrawals.Reshape(true)
	s.NextWithdrawalBuilderIndex = 0
	s.ExecutionPayloadAvailability = ssz.NewBitvector(s.Spec().SlotsPerHistoricalRoot)
	for slot := range s.Spec().SlotsPerHistoricalRoot {
		s.ExecutionPayloadAvailability.SetBitAt(slot, true)
	}
	s.BuilderPendingPayments = types.BuilderPendingPayments{}
	s.BuilderPendingPayments.Fill(int(2 * s.Spec().SlotsPerEpoch))
	s.PayloadExpectedWithdrawals = nil
	s.PTCWindow = window
	return OnboardBuildersFromPendingDeposits(s)
}

// InitializePTCWindow draws the committees of the current epoch and those within the lookahead; those of the previous
// epoch are empty. Spec: initialize_ptc_window (gloas).
func InitializePTCWindow(s *State) ([]*types.PTC, error) {
	var window []*types.PTC
	empty := ssz.Share(make([]types.ValidatorIndex, s.Spec().PTCSize))
	for range s.Spec().SlotsPerEpoch {
		window = append(window, empty)
	}
	for e := types.Epoch(0); e <= s.Spec().MinSeedLookahead; e++ {
		committees, err := epochPTCs(s, s.GetCurrentEpoch()+e)
		if err != nil {
			return nil, err
		}
		window = append(window, committees...)
	}
	return window, nil
}

// epochPTCs draws the payload timeliness committees of an epoch, several slots at a time.
func epochPTCs(s *State, epoch types.Epoch) ([]*types.PTC, error) {
	start, err := types.ComputeStartSlotAtEpoch(s.Spec(), epoch)
	if err != nil {
		return nil, err
	}
	if _, err := s.shuffling(epoch); err != nil { // from here on the state is only read
		return nil, within("payload timeliness committee", err)
	}
	out := make([]*types.PTC, s.Spec().SlotsPerEpoch)
	err = onAllCores(len(out), func(i int) (err error) {
		out[i], err = s.ComputePTC(start + types.Slot(i))
		return err
	})
	return out, err
}

// PrefetchBuilderDeposits verifies the signatures that the upgrade to Gloas will ask for, into the Env's cache. A node
// calls it in the slots before the fork, so that the upgrade itself finds every answer ready.
func PrefetchBuilderDeposits(s *State) { builderDepositVerdicts(s) }

// builderDepositVerdicts tells which pending deposits bear a valid signature, as far as onboarding can ask: those of keys
// without a validator for which some deposit names builder credentials. Each is verified once, in batches.
func builderDepositVerdicts(s *State) map[int]bool {
	asked := map[types.BLSPubkey]bool{}
	for i := range s.PendingDeposits.Len() {
		d := s.PendingDeposits.At(i)
		if _, isValidator := s.ValidatorByPubkey(d.Pubkey); !isValidator && IsBuilderWithdrawalCredential(d.WithdrawalCredentials) {
			asked[d.Pubkey] = true
		}
	}
	var positions []int
	var deposits []types.DepositData
	for i := range s.PendingDeposits.Len() {
		if d := s.PendingDeposits.At(i); asked[d.Pubkey] {
			positions = append(positions, i)
			deposits = append(deposits, depositDataOf(d))
		}
	}
	verdicts := make(map[int]bool, len(positions))
	for k, valid := range VerifyDepositSignatures(s.Spec(), s.env, params.DomainDeposit(), deposits) {
		verdicts[positions[k]] = valid
	}
	return verdicts
}

// OnboardBuildersFromPendingDeposits applies the pending deposits of builders. Deposits of validators, and of keys for
// which a valid deposit of a validator waits in front, stay in the queue.
// Spec: onboard_builders_from_pending_deposits, is_pending_validator (gloas).
func OnboardBuildersFromPendingDeposits(s *State) error {
	valid := builderDepositVerdicts(s)
	builders := map[types.BLSPubkey]int{}
	waiting := map[types.BLSPubkey]bool{} // keys with a valid deposit that stays
	var kept types.PendingDeposits
	kept.Reshape(true)
	for i := range s.PendingDeposits.Len() {
		d := *s.PendingDeposits.At(i)
		builder, isBuilder := builders[d.Pubkey]
		_, isValidator := s.ValidatorByPubkey(d.Pubkey)
		switch {
		case isValidator:
			kept.Append(d)
		case isBuilder:
			b := s.Builders.Mutable(builder)
			sum, err := b.Balance.Add(d.Amount)
			if err != nil {
				return fmt.Errorf("balance of builder %d: %w", builder, err)
			}
			b.Balance = sum
		case !IsBuilderWithdrawalCredential(d.WithdrawalCredentials) || waiting[d.Pubkey]:
			kept.Append(d)
			waiting[d.Pubkey] = waiting[d.Pubkey] || valid[i]
		case valid[i]:
			// No builder has left yet, so none leaves an index to be used again (get_index_for_new_builder).
			builders[d.Pubkey] = s.Builders.Len()
			s.Builders.Append(types.Builder{
				Pubkey:            d.Pubkey,
				Version:           params.PayloadBuilderVersion,
				ExecutionAddress:  accountOf(d.WithdrawalCredentials),
				Balance:           d.Amount,
				DepositEpoch:      types.ComputeEpochAtSlot(s.Spec(), d.Slot),
				WithdrawableEpoch: params.FarFutureEpoch,
			})
		}
	}
	s.PendingDeposits = kept
	return nil
}
