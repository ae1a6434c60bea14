package params

import (
	"fmt"
	"reflect"
	"strings"
)

// forkKeys returns the keys of a fork's epoch and version, Altair or later.
func forkKeys(f Fork) (epoch, version string) {
	name := strings.ToUpper(f.String())
	return name + "_FORK_EPOCH", name + "_FORK_VERSION"
}

// Validate checks that the values fit together: forks in order and told apart, nothing that is
// divided by or sizes a container is zero, limits small enough that products of them do not
// overflow, and the relations between keys that the specification states. The error names the keys
// and their values.
func (s *Spec) Validate() error {
	for _, check := range []func() error{
		s.checkNotZero, s.checkBounds, s.checkRelations, s.checkForks, s.checkBlobSchedule,
	} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (s *Spec) checkNotZero() error {
	v := reflect.ValueOf(s).Elem()
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if field.Tag.Get("zero") == "ok" || !v.Field(i).CanUint() {
			continue
		}
		if v.Field(i).Uint() == 0 {
			return fmt.Errorf("%s: 0, must be positive", field.Tag.Get("yaml"))
		}
	}
	return nil
}

// checkBounds keeps every count that sizes memory or enters a product far from 64 bits. The bounds
// are generous powers of two, not values of the specification, save for SHUFFLE_ROUND_COUNT, which
// is hashed as one byte, and VALIDATOR_REGISTRY_LIMIT, above which indices collide with
// BUILDER_INDEX_FLAG.
func (s *Spec) checkBounds() error {
	const dayMs = 86_400_000
	for _, b := range []struct {
		key   string
		value uint64
		max   uint64
	}{
		{"SHUFFLE_ROUND_COUNT", s.ShuffleRoundCount, 255},
		{"VALIDATOR_REGISTRY_LIMIT", s.ValidatorRegistryLimit, BuilderIndexFlag},
		{"SLOT_DURATION_MS", s.SlotDurationMs, dayMs},
		{"SLOTS_PER_EPOCH", s.SlotsPerEpoch, 1 << 16},
		{"EPOCHS_PER_ETH1_VOTING_PERIOD", s.EpochsPerEth1VotingPeriod, 1 << 16},
		{"EPOCHS_PER_SYNC_COMMITTEE_PERIOD", s.EpochsPerSyncCommitteePeriod, 1 << 32},
		{"MIN_SEED_LOOKAHEAD", uint64(s.MinSeedLookahead), 1 << 8},
		{"MAX_SEED_LOOKAHEAD", uint64(s.MaxSeedLookahead), 1 << 32},
		{"MIN_VALIDATOR_WITHDRAWABILITY_DELAY", uint64(s.MinValidatorWithdrawabilityDelay), 1 << 32},
		{"MIN_BUILDER_WITHDRAWABILITY_DELAY", uint64(s.MinBuilderWithdrawabilityDelay), 1 << 32},
		{"SHARD_COMMITTEE_PERIOD", uint64(s.ShardCommitteePeriod), 1 << 32},
		{"SLOTS_PER_HISTORICAL_ROOT", s.SlotsPerHistoricalRoot, 1 << 24},
		{"EPOCHS_PER_HISTORICAL_VECTOR", s.EpochsPerHistoricalVector, 1 << 24},
		{"EPOCHS_PER_SLASHINGS_VECTOR", s.EpochsPerSlashingsVector, 1 << 24},
		{"HISTORICAL_ROOTS_LIMIT", s.HistoricalRootsLimit, 1 << 40},
		{"MAX_COMMITTEES_PER_SLOT", s.MaxCommitteesPerSlot, 1 << 16},
		{"MAX_VALIDATORS_PER_COMMITTEE", s.MaxValidatorsPerCommittee, 1 << 24},
		{"MAX_PROPOSER_SLASHINGS", s.MaxProposerSlashings, 1 << 16},
		{"MAX_ATTESTER_SLASHINGS", s.MaxAttesterSlashings, 1 << 16},
		{"MAX_ATTESTATIONS", s.MaxAttestations, 1 << 16},
		{"MAX_DEPOSITS", s.MaxDeposits, 1 << 16},
		{"MAX_VOLUNTARY_EXITS", s.MaxVoluntaryExits, 1 << 16},
		{"SYNC_COMMITTEE_SIZE", s.SyncCommitteeSize, 1 << 16},
		{"MAX_BYTES_PER_TRANSACTION", s.MaxBytesPerTransaction, 1 << 40},
		{"MAX_TRANSACTIONS_PER_PAYLOAD", s.MaxTransactionsPerPayload, 1 << 40},
		{"BYTES_PER_LOGS_BLOOM", s.BytesPerLogsBloom, 1 << 16},
		{"MAX_EXTRA_DATA_BYTES", s.MaxExtraDataBytes, 1 << 16},
		{"MAX_BLS_TO_EXECUTION_CHANGES", s.MaxBLSToExecutionChanges, 1 << 16},
		{"MAX_WITHDRAWALS_PER_PAYLOAD", s.MaxWithdrawalsPerPayload, 1 << 16},
		{"MAX_BLOB_COMMITMENTS_PER_BLOCK", s.MaxBlobCommitmentsPerBlock, 1 << 24},
		{"FIELD_ELEMENTS_PER_BLOB", s.FieldElementsPerBlob, 1 << 24},
		{"KZG_COMMITMENT_INCLUSION_PROOF_DEPTH", s.KZGCommitmentInclusionProofDepth, 64},
		{"KZG_COMMITMENTS_INCLUSION_PROOF_DEPTH", s.KZGCommitmentsInclusionProofDepth, 64},
		{"PENDING_DEPOSITS_LIMIT", s.PendingDepositsLimit, 1 << 40},
		{"PENDING_PARTIAL_WITHDRAWALS_LIMIT", s.PendingPartialWithdrawalsLimit, 1 << 40},
		{"PENDING_CONSOLIDATIONS_LIMIT", s.PendingConsolidationsLimit, 1 << 40},
		{"MAX_ATTESTER_SLASHINGS_ELECTRA", s.MaxAttesterSlashingsElectra, 1 << 16},
		{"MAX_ATTESTATIONS_ELECTRA", s.MaxAttestationsElectra, 1 << 16},
		{"MAX_DEPOSIT_REQUESTS_PER_PAYLOAD", s.MaxDepositRequestsPerPayload, 1 << 24},
		{"MAX_WITHDRAWAL_REQUESTS_PER_PAYLOAD", s.MaxWithdrawalRequestsPerPayload, 1 << 24},
		{"MAX_CONSOLIDATION_REQUESTS_PER_PAYLOAD", s.MaxConsolidationRequestsPerPayload, 1 << 24},
		{"NUMBER_OF_COLUMNS", s.NumberOfColumns, 1 << 16},
		{"PTC_SIZE", s.PTCSize, 1 << 16},
		{"MAX_PAYLOAD_ATTESTATIONS", s.MaxPayloadAttestations, 1 << 16},
		{"MAX_BUILDER_DEPOSIT_REQUESTS_PER_PAYLOAD", s.MaxBuilderDepositRequestsPerPayload, 1 << 24},
		{"MAX_BUILDER_EXIT_REQUESTS_PER_PAYLOAD", s.MaxBuilderExitRequestsPerPayload, 1 << 24},
		{"INCLUSION_LIST_COMMITTEE_SIZE", s.InclusionListCommitteeSize, 1 << 16},
		{"CHURN_LIMIT_QUOTIENT", s.ChurnLimitQuotient, 1 << 32},
		{"ATTESTATION_SUBNET_COUNT", s.AttestationSubnetCount, 1 << 16},
		{"ATTESTATION_SUBNET_EXTRA_BITS", s.AttestationSubnetExtraBits, 64},
		{"MAX_REQUEST_BLOCKS", s.MaxRequestBlocks, 1 << 24},
		{"MAX_REQUEST_BLOCKS_DENEB", s.MaxRequestBlocksDeneb, 1 << 24},
		{"MAX_REQUEST_PAYLOADS", s.MaxRequestPayloads, 1 << 24},
		{"MAX_PAYLOAD_SIZE", s.MaxPayloadSize, 1 << 32},
		{"MAXIMUM_GOSSIP_CLOCK_DISPARITY", s.MaximumGossipClockDisparity, dayMs},
		{"MAX_BLOBS_PER_BLOCK", s.MaxBlobsPerBlock, s.MaxBlobCommitmentsPerBlock},
		{"MAX_BLOBS_PER_BLOCK_ELECTRA", s.MaxBlobsPerBlockElectra, s.MaxBlobCommitmentsPerBlock},
		{"NUMBER_OF_CUSTODY_GROUPS", s.NumberOfCustodyGroups, s.NumberOfColumns},
		{"CUSTODY_REQUIREMENT", s.CustodyRequirement, s.NumberOfCustodyGroups},
		{"PROPOSER_REORG_CUTOFF_BPS", s.ProposerReorgCutoffBPS, BasisPoints},
		{"ATTESTATION_DUE_BPS", s.AttestationDueBPS, BasisPoints},
		{"AGGREGATE_DUE_BPS", s.AggregateDueBPS, BasisPoints},
		{"SYNC_MESSAGE_DUE_BPS", s.SyncMessageDueBPS, BasisPoints},
		{"CONTRIBUTION_DUE_BPS", s.ContributionDueBPS, BasisPoints},
		{"ATTESTATION_DUE_BPS_GLOAS", s.AttestationDueBPSGloas, BasisPoints},
		{"AGGREGATE_DUE_BPS_GLOAS", s.AggregateDueBPSGloas, BasisPoints},
		{"SYNC_MESSAGE_DUE_BPS_GLOAS", s.SyncMessageDueBPSGloas, BasisPoints},
		{"CONTRIBUTION_DUE_BPS_GLOAS", s.ContributionDueBPSGloas, BasisPoints},
		{"PAYLOAD_DUE_BPS", s.PayloadDueBPS, BasisPoints},
		{"PAYLOAD_ATTESTATION_DUE_BPS", s.PayloadAttestationDueBPS, BasisPoints},
		{"INCLUSION_LIST_DUE_BPS", s.InclusionListDueBPS, BasisPoints},
	} {
		if b.value > b.max {
			return fmt.Errorf("%s: %d, must be at most %d", b.key, b.value, b.max)
		}
	}
	return nil
}

// checkRelations checks what the specification says or takes for granted about two keys.
func (s *Spec) checkRelations() error {
	for _, r := range []struct {
		ok   bool
		rule string
		a, b uint64
	}{
		{s.SlotsPerHistoricalRoot%s.SlotsPerEpoch == 0, "SLOTS_PER_HISTORICAL_ROOT must be a multiple of SLOTS_PER_EPOCH", s.SlotsPerHistoricalRoot, s.SlotsPerEpoch},
		{s.MaxSeedLookahead >= s.MinSeedLookahead, "MAX_SEED_LOOKAHEAD must not be below MIN_SEED_LOOKAHEAD", uint64(s.MaxSeedLookahead), uint64(s.MinSeedLookahead)},
		{s.EpochsPerHistoricalVector > uint64(s.MinSeedLookahead)+1, "EPOCHS_PER_HISTORICAL_VECTOR must exceed MIN_SEED_LOOKAHEAD + 1", s.EpochsPerHistoricalVector, uint64(s.MinSeedLookahead) + 1},
		{s.SyncCommitteeSize%SyncCommitteeSubnetCount == 0, "SYNC_COMMITTEE_SIZE must be a multiple of SYNC_COMMITTEE_SUBNET_COUNT", s.SyncCommitteeSize, SyncCommitteeSubnetCount},
		{s.MinSyncCommitteeParticipants <= s.SyncCommitteeSize, "MIN_SYNC_COMMITTEE_PARTICIPANTS must not exceed SYNC_COMMITTEE_SIZE", s.MinSyncCommitteeParticipants, s.SyncCommitteeSize},
		{s.MaxEffectiveBalance >= s.EffectiveBalanceIncrement, "MAX_EFFECTIVE_BALANCE must not be below EFFECTIVE_BALANCE_INCREMENT", uint64(s.MaxEffectiveBalance), uint64(s.EffectiveBalanceIncrement)},
		{s.MaxEffectiveBalanceElectra >= s.MinActivationBalance, "MAX_EFFECTIVE_BALANCE_ELECTRA must not be below MIN_ACTIVATION_BALANCE", uint64(s.MaxEffectiveBalanceElectra), uint64(s.MinActivationBalance)},
		{s.EffectiveBalanceIncrement >= Gwei(s.HysteresisQuotient), "EFFECTIVE_BALANCE_INCREMENT must not be below HYSTERESIS_QUOTIENT", uint64(s.EffectiveBalanceIncrement), s.HysteresisQuotient},
		{s.FieldElementsPerExtBlob == 2*s.FieldElementsPerBlob, "FIELD_ELEMENTS_PER_EXT_BLOB must be twice FIELD_ELEMENTS_PER_BLOB", s.FieldElementsPerExtBlob, s.FieldElementsPerBlob},
		{s.FieldElementsPerExtBlob%s.FieldElementsPerCell == 0, "FIELD_ELEMENTS_PER_EXT_BLOB must be a multiple of FIELD_ELEMENTS_PER_CELL", s.FieldElementsPerExtBlob, s.FieldElementsPerCell},
		{s.CellsPerExtBlob == s.FieldElementsPerExtBlob/s.FieldElementsPerCell, "CELLS_PER_EXT_BLOB must be FIELD_ELEMENTS_PER_EXT_BLOB / FIELD_ELEMENTS_PER_CELL", s.CellsPerExtBlob, s.FieldElementsPerExtBlob / s.FieldElementsPerCell},
		{s.NumberOfColumns == s.CellsPerExtBlob, "NUMBER_OF_COLUMNS must be CELLS_PER_EXT_BLOB", s.NumberOfColumns, s.CellsPerExtBlob},
		{s.NumberOfColumns%s.NumberOfCustodyGroups == 0, "NUMBER_OF_COLUMNS must be a multiple of NUMBER_OF_CUSTODY_GROUPS", s.NumberOfColumns, s.NumberOfCustodyGroups},
	} {
		if !r.ok {
			return fmt.Errorf("%s: %d and %d", r.rule, r.a, r.b)
		}
	}
	return nil
}

// checkForks checks that no fork begins before the one that it builds on, and that no two forks that
// will be have the same version.
func (s *Spec) checkForks() error {
	for f := Altair; f < forkCount; f++ {
		key, versionKey := forkKeys(f)
		if before := s.ForkEpoch(f - 1); s.ForkEpoch(f) < before {
			return fmt.Errorf("%s: %d, before %v at epoch %d", key, s.ForkEpoch(f), f-1, before)
		}
		if s.ForkEpoch(f) == FarFutureEpoch {
			continue
		}
		for other := Phase0; other < f; other++ {
			if s.ForkVersion(other) == s.ForkVersion(f) {
				return fmt.Errorf("%s: %v, which is the version of %v", versionKey, s.ForkVersion(f), other)
			}
		}
	}
	return nil
}

// checkBlobSchedule checks the rules under "Blob schedule" (fulu, beacon-chain.md), and the order
// that GetBlobParameters relies on. A schedule in a config that does not schedule Fulu has no effect
// and may name any epochs: it is usually the default's.
func (s *Spec) checkBlobSchedule() error {
	for i, entry := range s.BlobSchedule {
		if i > 0 && entry.Epoch <= s.BlobSchedule[i-1].Epoch {
			return fmt.Errorf("BLOB_SCHEDULE: epoch %d follows epoch %d, must be larger", entry.Epoch, s.BlobSchedule[i-1].Epoch)
		}
		if s.FuluForkEpoch != FarFutureEpoch && entry.Epoch < s.FuluForkEpoch {
			return fmt.Errorf("BLOB_SCHEDULE: epoch %d, before FULU_FORK_EPOCH %d", entry.Epoch, s.FuluForkEpoch)
		}
		if entry.MaxBlobsPerBlock > s.MaxBlobCommitmentsPerBlock {
			return fmt.Errorf("BLOB_SCHEDULE: %d blobs from epoch %d on, above MAX_BLOB_COMMITMENTS_PER_BLOCK %d",
				entry.MaxBlobsPerBlock, entry.Epoch, s.MaxBlobCommitmentsPerBlock)
		}
	}
	return nil
}
