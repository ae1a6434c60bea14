package params

// BlobParameters is one entry of BLOB_SCHEDULE: from Epoch on a block carries at most
// MaxBlobsPerBlock blobs.
//
// Spec: BlobParameters (fulu).
type BlobParameters struct {
	Epoch            Epoch
	MaxBlobsPerBlock uint64
}

// Spec holds every preset value and every config value of one chain, phase 0 to Heze. A field is
// the specification's key in Go case; the tag is the key itself, and this struct is the only list
// of the keys. A number may be 0 only where a tag zero:"ok" says so. Units are those of the
// specification: amounts in Gwei, _BPS in basis points of the slot, _MS and
// MAXIMUM_GOSSIP_CLOCK_DISPARITY in milliseconds, _BYTES and _SIZE in bytes, the rest counts.
//
// A Spec is never changed once it is shared. To vary one, use Override, or copy the struct, set
// fields (replacing BlobSchedule as a whole) and call Validate.
type Spec struct {
	// Preset, phase0: misc.
	MaxCommitteesPerSlot         uint64 `yaml:"MAX_COMMITTEES_PER_SLOT"`
	TargetCommitteeSize          uint64 `yaml:"TARGET_COMMITTEE_SIZE"`
	MaxValidatorsPerCommittee    uint64 `yaml:"MAX_VALIDATORS_PER_COMMITTEE"`
	ShuffleRoundCount            uint64 `yaml:"SHUFFLE_ROUND_COUNT"`
	HysteresisQuotient           uint64 `yaml:"HYSTERESIS_QUOTIENT"`
	HysteresisDownwardMultiplier uint64 `yaml:"HYSTERESIS_DOWNWARD_MULTIPLIER" zero:"ok"`
	HysteresisUpwardMultiplier   uint64 `yaml:"HYSTERESIS_UPWARD_MULTIPLIER" zero:"ok"`

	// Preset, phase0: gwei values.
	MinDepositAmount          Gwei `yaml:"MIN_DEPOSIT_AMOUNT"`
	MaxEffectiveBalance       Gwei `yaml:"MAX_EFFECTIVE_BALANCE"`
	EffectiveBalanceIncrement Gwei `yaml:"EFFECTIVE_BALANCE_INCREMENT"`

	// Preset, phase0: time parameters.
	MinAttestationInclusionDelay Slot   `yaml:"MIN_ATTESTATION_INCLUSION_DELAY"`
	SlotsPerEpoch                uint64 `yaml:"SLOTS_PER_EPOCH"`
	MinSeedLookahead             Epoch  `yaml:"MIN_SEED_LOOKAHEAD"`
	MaxSeedLookahead             Epoch  `yaml:"MAX_SEED_LOOKAHEAD"`
	EpochsPerEth1VotingPeriod    uint64 `yaml:"EPOCHS_PER_ETH1_VOTING_PERIOD"`
	SlotsPerHistoricalRoot       uint64 `yaml:"SLOTS_PER_HISTORICAL_ROOT"`
	MinEpochsToInactivityPenalty Epoch  `yaml:"MIN_EPOCHS_TO_INACTIVITY_PENALTY" zero:"ok"`

	// Preset, phase0: state list lengths.
	EpochsPerHistoricalVector uint64 `yaml:"EPOCHS_PER_HISTORICAL_VECTOR"`
	EpochsPerSlashingsVector  uint64 `yaml:"EPOCHS_PER_SLASHINGS_VECTOR"`
	HistoricalRootsLimit      uint64 `yaml:"HISTORICAL_ROOTS_LIMIT"`
	ValidatorRegistryLimit    uint64 `yaml:"VALIDATOR_REGISTRY_LIMIT"`

	// Preset, phase0: rewards and penalties.
	BaseRewardFactor               uint64 `yaml:"BASE_REWARD_FACTOR"`
	WhistleblowerRewardQuotient    uint64 `yaml:"WHISTLEBLOWER_REWARD_QUOTIENT"`
	ProposerRewardQuotient         uint64 `yaml:"PROPOSER_REWARD_QUOTIENT"`
	InactivityPenaltyQuotient      uint64 `yaml:"INACTIVITY_PENALTY_QUOTIENT"`
	MinSlashingPenaltyQuotient     uint64 `yaml:"MIN_SLASHING_PENALTY_QUOTIENT"`
	ProportionalSlashingMultiplier uint64 `yaml:"PROPORTIONAL_SLASHING_MULTIPLIER"`

	// Preset, phase0: max operations per block.
	MaxProposerSlashings uint64 `yaml:"MAX_PROPOSER_SLASHINGS"`
	MaxAttesterSlashings uint64 `yaml:"MAX_ATTESTER_SLASHINGS"`
	MaxAttestations      uint64 `yaml:"MAX_ATTESTATIONS"`
	MaxDeposits          uint64 `yaml:"MAX_DEPOSITS"`
	MaxVoluntaryExits    uint64 `yaml:"MAX_VOLUNTARY_EXITS"`

	// Preset, altair: rewards and penalties.
	InactivityPenaltyQuotientAltair      uint64 `yaml:"INACTIVITY_PENALTY_QUOTIENT_ALTAIR"`
	MinSlashingPenaltyQuotientAltair     uint64 `yaml:"MIN_SLASHING_PENALTY_QUOTIENT_ALTAIR"`
	ProportionalSlashingMultiplierAltair uint64 `yaml:"PROPORTIONAL_SLASHING_MULTIPLIER_ALTAIR"`

	// Preset, altair: sync committee.
	SyncCommitteeSize            uint64 `yaml:"SYNC_COMMITTEE_SIZE"`
	EpochsPerSyncCommitteePeriod uint64 `yaml:"EPOCHS_PER_SYNC_COMMITTEE_PERIOD"`

	// Preset, altair: sync protocol.
	MinSyncCommitteeParticipants uint64 `yaml:"MIN_SYNC_COMMITTEE_PARTICIPANTS"`
	UpdateTimeout                Slot   `yaml:"UPDATE_TIMEOUT"`

	// Preset, bellatrix: rewards and penalties.
	InactivityPenaltyQuotientBellatrix      uint64 `yaml:"INACTIVITY_PENALTY_QUOTIENT_BELLATRIX"`
	MinSlashingPenaltyQuotientBellatrix     uint64 `yaml:"MIN_SLASHING_PENALTY_QUOTIENT_BELLATRIX"`
	ProportionalSlashingMultiplierBellatrix uint64 `yaml:"PROPORTIONAL_SLASHING_MULTIPLIER_BELLATRIX"`

	// Preset, bellatrix: execution.
	MaxBytesPerTransaction    uint64 `yaml:"MAX_BYTES_PER_TRANSACTION"`
	MaxTransactionsPerPayload uint64 `yaml:"MAX_TRANSACTIONS_PER_PAYLOAD"`
	BytesPerLogsBloom         uint64 `yaml:"BYTES_PER_LOGS_BLOOM"`
	MaxExtraDataBytes         uint64 `yaml:"MAX_EXTRA_DATA_BYTES"`

	// Preset, capella: max operations per block.
	MaxBLSToExecutionChanges uint64 `yaml:"MAX_BLS_TO_EXECUTION_CHANGES"`

	// Preset, capella: execution.
	MaxWithdrawalsPerPayload uint64 `yaml:"MAX_WITHDRAWALS_PER_PAYLOAD"`

	// Preset, capella: withdrawals processing.
	MaxValidatorsPerWithdrawalsSweep uint64 `yaml:"MAX_VALIDATORS_PER_WITHDRAWALS_SWEEP"`

	// Preset, deneb: execution.
	MaxBlobCommitmentsPerBlock uint64 `yaml:"MAX_BLOB_COMMITMENTS_PER_BLOCK"`

	// Preset, deneb: networking.
	KZGCommitmentInclusionProofDepth uint64 `yaml:"KZG_COMMITMENT_INCLUSION_PROOF_DEPTH"`

	// Preset, deneb: blob.
	FieldElementsPerBlob uint64 `yaml:"FIELD_ELEMENTS_PER_BLOB"`

	// Preset, electra: gwei values.
	MinActivationBalance       Gwei `yaml:"MIN_ACTIVATION_BALANCE"`
	MaxEffectiveBalanceElectra Gwei `yaml:"MAX_EFFECTIVE_BALANCE_ELECTRA"`

	// Preset, electra: rewards and penalties.
	MinSlashingPenaltyQuotientElectra  uint64 `yaml:"MIN_SLASHING_PENALTY_QUOTIENT_ELECTRA"`
	WhistleblowerRewardQuotientElectra uint64 `yaml:"WHISTLEBLOWER_REWARD_QUOTIENT_ELECTRA"`

	// Preset, electra: state list lengths.
	PendingDepositsLimit           uint64 `yaml:"PENDING_DEPOSITS_LIMIT"`
	PendingPartialWithdrawalsLimit uint64 `yaml:"PENDING_PARTIAL_WITHDRAWALS_LIMIT"`
	PendingConsolidationsLimit     uint64 `yaml:"PENDING_CONSOLIDATIONS_LIMIT"`

	// Preset, electra: max operations per block.
	MaxAttesterSlashingsElectra uint64 `yaml:"MAX_ATTESTER_SLASHINGS_ELECTRA"`
	MaxAttestationsElectra      uint64 `yaml:"MAX_ATTESTATIONS_ELECTRA"`

	// Preset, electra: execution.
	MaxDepositRequestsPerPayload       uint64 `yaml:"MAX_DEPOSIT_REQUESTS_PER_PAYLOAD"`
	MaxWithdrawalRequestsPerPayload    uint64 `yaml:"MAX_WITHDRAWAL_REQUESTS_PER_PAYLOAD"`
	MaxConsolidationRequestsPerPayload uint64 `yaml:"MAX_CONSOLIDATION_REQUESTS_PER_PAYLOAD"`

	// Preset, electra: withdrawals processing.
	MaxPendingPartialsPerWithdrawalsSweep uint64 `yaml:"MAX_PENDING_PARTIALS_PER_WITHDRAWALS_SWEEP"`

	// Preset, electra: pending deposits processing.
	MaxPendingDepositsPerEpoch uint64 `yaml:"MAX_PENDING_DEPOSITS_PER_EPOCH"`

	// Preset, fulu: networking.
	KZGCommitmentsInclusionProofDepth uint64 `yaml:"KZG_COMMITMENTS_INCLUSION_PROOF_DEPTH"`

	// Preset, fulu: blob.
	FieldElementsPerCell    uint64 `yaml:"FIELD_ELEMENTS_PER_CELL"`
	FieldElementsPerExtBlob uint64 `yaml:"FIELD_ELEMENTS_PER_EXT_BLOB"`
	CellsPerExtBlob         uint64 `yaml:"CELLS_PER_EXT_BLOB"`
	NumberOfColumns         uint64 `yaml:"NUMBER_OF_COLUMNS"`

	// Preset, gloas: misc.
	PTCSize uint64 `yaml:"PTC_SIZE"`

	// Preset, gloas: max operations per block.
	MaxPayloadAttestations uint64 `yaml:"MAX_PAYLOAD_ATTESTATIONS"`

	// Preset, gloas: execution.
	MaxBuilderDepositRequestsPerPayload uint64 `yaml:"MAX_BUILDER_DEPOSIT_REQUESTS_PER_PAYLOAD"`
	MaxBuilderExitRequestsPerPayload    uint64 `yaml:"MAX_BUILDER_EXIT_REQUESTS_PER_PAYLOAD"`

	// Preset, gloas: withdrawals processing.
	MaxBuildersPerWithdrawalsSweep uint64 `yaml:"MAX_BUILDERS_PER_WITHDRAWALS_SWEEP"`

	// Preset, gloas: type-specific SSZ bounds.
	MaxSignedAggregateAndProofSize   uint64 `yaml:"MAX_SIGNED_AGGREGATE_AND_PROOF_SIZE"`
	MaxAttesterSlashingSize          uint64 `yaml:"MAX_ATTESTER_SLASHING_SIZE"`
	MaxDataColumnSidecarSize         uint64 `yaml:"MAX_DATA_COLUMN_SIDECAR_SIZE"`
	MaxPartialDataColumnSidecarSize  uint64 `yaml:"MAX_PARTIAL_DATA_COLUMN_SIDECAR_SIZE"`
	MaxSignedExecutionPayloadBidSize uint64 `yaml:"MAX_SIGNED_EXECUTION_PAYLOAD_BID_SIZE"`

	// Preset, heze: inclusion list committee.
	InclusionListCommitteeSize uint64 `yaml:"INCLUSION_LIST_COMMITTEE_SIZE"`

	// Preset, heze: type-specific SSZ bounds.
	MaxSignedExecutionPayloadBidSizeHeze uint64 `yaml:"MAX_SIGNED_EXECUTION_PAYLOAD_BID_SIZE_HEZE"`
	MaxSignedInclusionListSize           uint64 `yaml:"MAX_SIGNED_INCLUSION_LIST_SIZE"`

	// Config: identity.
	PresetBase string `yaml:"PRESET_BASE"`
	ConfigName string `yaml:"CONFIG_NAME"`

	// Config: transition.
	TerminalTotalDifficulty          Uint256 `yaml:"TERMINAL_TOTAL_DIFFICULTY"`
	TerminalBlockHash                Hash32  `yaml:"TERMINAL_BLOCK_HASH"`
	TerminalBlockHashActivationEpoch Epoch   `yaml:"TERMINAL_BLOCK_HASH_ACTIVATION_EPOCH" zero:"ok"`

	// Config: genesis.
	MinGenesisActiveValidatorCount uint64  `yaml:"MIN_GENESIS_ACTIVE_VALIDATOR_COUNT" zero:"ok"`
	MinGenesisTime                 uint64  `yaml:"MIN_GENESIS_TIME" zero:"ok"`
	GenesisForkVersion             Version `yaml:"GENESIS_FORK_VERSION"`
	GenesisDelay                   uint64  `yaml:"GENESIS_DELAY" zero:"ok"`

	// Config: forking.
	AltairForkVersion    Version `yaml:"ALTAIR_FORK_VERSION"`
	AltairForkEpoch      Epoch   `yaml:"ALTAIR_FORK_EPOCH" zero:"ok"`
	BellatrixForkVersion Version `yaml:"BELLATRIX_FORK_VERSION"`
	BellatrixForkEpoch   Epoch   `yaml:"BELLATRIX_FORK_EPOCH" zero:"ok"`
	CapellaForkVersion   Version `yaml:"CAPELLA_FORK_VERSION"`
	CapellaForkEpoch     Epoch   `yaml:"CAPELLA_FORK_EPOCH" zero:"ok"`
	DenebForkVersion     Version `yaml:"DENEB_FORK_VERSION"`
	DenebForkEpoch       Epoch   `yaml:"DENEB_FORK_EPOCH" zero:"ok"`
	ElectraForkVersion   Version `yaml:"ELECTRA_FORK_VERSION"`
	ElectraForkEpoch     Epoch   `yaml:"ELECTRA_FORK_EPOCH" zero:"ok"`
	FuluForkVersion      Version `yaml:"FULU_FORK_VERSION"`
	FuluForkEpoch        Epoch   `yaml:"FULU_FORK_EPOCH" zero:"ok"`
	GloasForkVersion     Version `yaml:"GLOAS_FORK_VERSION"`
	GloasForkEpoch       Epoch   `yaml:"GLOAS_FORK_EPOCH" zero:"ok"`
	HezeForkVersion      Version `yaml:"HEZE_FORK_VERSION"`
	HezeForkEpoch        Epoch   `yaml:"HEZE_FORK_EPOCH" zero:"ok"`

	// Config: time parameters.
	SlotDurationMs                   uint64 `yaml:"SLOT_DURATION_MS"`
	SecondsPerEth1Block              uint64 `yaml:"SECONDS_PER_ETH1_BLOCK" zero:"ok"`
	MinValidatorWithdrawabilityDelay Epoch  `yaml:"MIN_VALIDATOR_WITHDRAWABILITY_DELAY" zero:"ok"`
	ShardCommitteePeriod             Epoch  `yaml:"SHARD_COMMITTEE_PERIOD" zero:"ok"`
	Eth1FollowDistance               uint64 `yaml:"ETH1_FOLLOW_DISTANCE" zero:"ok"`
	ProposerReorgCutoffBPS           uint64 `yaml:"PROPOSER_REORG_CUTOFF_BPS" zero:"ok"`
	AttestationDueBPS                uint64 `yaml:"ATTESTATION_DUE_BPS" zero:"ok"`
	AggregateDueBPS                  uint64 `yaml:"AGGREGATE_DUE_BPS" zero:"ok"`
	SyncMessageDueBPS                uint64 `yaml:"SYNC_MESSAGE_DUE_BPS" zero:"ok"`
	ContributionDueBPS               uint64 `yaml:"CONTRIBUTION_DUE_BPS" zero:"ok"`
	MinBuilderWithdrawabilityDelay   Epoch  `yaml:"MIN_BUILDER_WITHDRAWABILITY_DELAY" zero:"ok"`
	AttestationDueBPSGloas           uint64 `yaml:"ATTESTATION_DUE_BPS_GLOAS" zero:"ok"`
	AggregateDueBPSGloas             uint64 `yaml:"AGGREGATE_DUE_BPS_GLOAS" zero:"ok"`
	SyncMessageDueBPSGloas           uint64 `yaml:"SYNC_MESSAGE_DUE_BPS_GLOAS" zero:"ok"`
	ContributionDueBPSGloas          uint64 `yaml:"CONTRIBUTION_DUE_BPS_GLOAS" zero:"ok"`
	PayloadDueBPS                    uint64 `yaml:"PAYLOAD_DUE_BPS" zero:"ok"`
	PayloadAttestationDueBPS         uint64 `yaml:"PAYLOAD_ATTESTATION_DUE_BPS" zero:"ok"`
	InclusionListDueBPS              uint64 `yaml:"INCLUSION_LIST_DUE_BPS" zero:"ok"`

	// Config: validator cycle.
	InactivityScoreBias                  uint64 `yaml:"INACTIVITY_SCORE_BIAS" zero:"ok"`
	InactivityScoreRecoveryRate          uint64 `yaml:"INACTIVITY_SCORE_RECOVERY_RATE" zero:"ok"`
	EjectionBalance                      Gwei   `yaml:"EJECTION_BALANCE" zero:"ok"`
	MinPerEpochChurnLimit                uint64 `yaml:"MIN_PER_EPOCH_CHURN_LIMIT"`
	ChurnLimitQuotient                   uint64 `yaml:"CHURN_LIMIT_QUOTIENT"`
	MaxPerEpochActivationChurnLimit      uint64 `yaml:"MAX_PER_EPOCH_ACTIVATION_CHURN_LIMIT"`
	MinPerEpochChurnLimitElectra         Gwei   `yaml:"MIN_PER_EPOCH_CHURN_LIMIT_ELECTRA"`
	MaxPerEpochActivationExitChurnLimit  Gwei   `yaml:"MAX_PER_EPOCH_ACTIVATION_EXIT_CHURN_LIMIT"`
	ChurnLimitQuotientGloas              uint64 `yaml:"CHURN_LIMIT_QUOTIENT_GLOAS"`
	ConsolidationChurnLimitQuotient      uint64 `yaml:"CONSOLIDATION_CHURN_LIMIT_QUOTIENT"`
	MaxPerEpochActivationChurnLimitGloas Gwei   `yaml:"MAX_PER_EPOCH_ACTIVATION_CHURN_LIMIT_GLOAS"`

	// Config: fork choice.
	ProposerScoreBoost              uint64 `yaml:"PROPOSER_SCORE_BOOST" zero:"ok"`
	ReorgHeadWeightThreshold        uint64 `yaml:"REORG_HEAD_WEIGHT_THRESHOLD" zero:"ok"`
	ReorgParentWeightThreshold      uint64 `yaml:"REORG_PARENT_WEIGHT_THRESHOLD" zero:"ok"`
	ReorgMaxEpochsSinceFinalization Epoch  `yaml:"REORG_MAX_EPOCHS_SINCE_FINALIZATION" zero:"ok"`

	// Config: deposit contract.
	DepositChainId         uint64           `yaml:"DEPOSIT_CHAIN_ID" zero:"ok"`
	DepositNetworkId       uint64           `yaml:"DEPOSIT_NETWORK_ID" zero:"ok"`
	DepositContractAddress ExecutionAddress `yaml:"DEPOSIT_CONTRACT_ADDRESS"`

	// Config: networking.
	MaxPayloadSize                         uint64     `yaml:"MAX_PAYLOAD_SIZE"`
	MaxRequestBlocks                       uint64     `yaml:"MAX_REQUEST_BLOCKS"`
	EpochsPerSubnetSubscription            uint64     `yaml:"EPOCHS_PER_SUBNET_SUBSCRIPTION"`
	AttestationPropagationSlotRange        Slot       `yaml:"ATTESTATION_PROPAGATION_SLOT_RANGE"`
	MaximumGossipClockDisparity            uint64     `yaml:"MAXIMUM_GOSSIP_CLOCK_DISPARITY" zero:"ok"`
	MessageDomainInvalidSnappy             DomainType `yaml:"MESSAGE_DOMAIN_INVALID_SNAPPY"`
	MessageDomainValidSnappy               DomainType `yaml:"MESSAGE_DOMAIN_VALID_SNAPPY"`
	SubnetsPerNode                         uint64     `yaml:"SUBNETS_PER_NODE" zero:"ok"`
	AttestationSubnetCount                 uint64     `yaml:"ATTESTATION_SUBNET_COUNT"`
	AttestationSubnetExtraBits             uint64     `yaml:"ATTESTATION_SUBNET_EXTRA_BITS" zero:"ok"`
	MaxRequestBlocksDeneb                  uint64     `yaml:"MAX_REQUEST_BLOCKS_DENEB"`
	MinEpochsForBlobSidecarsRequests       Epoch      `yaml:"MIN_EPOCHS_FOR_BLOB_SIDECARS_REQUESTS" zero:"ok"`
	BlobSidecarSubnetCount                 uint64     `yaml:"BLOB_SIDECAR_SUBNET_COUNT"`
	MaxBlobsPerBlock                       uint64     `yaml:"MAX_BLOBS_PER_BLOCK" zero:"ok"`
	BlobSidecarSubnetCountElectra          uint64     `yaml:"BLOB_SIDECAR_SUBNET_COUNT_ELECTRA"`
	MaxBlobsPerBlockElectra                uint64     `yaml:"MAX_BLOBS_PER_BLOCK_ELECTRA" zero:"ok"`
	NumberOfCustodyGroups                  uint64     `yaml:"NUMBER_OF_CUSTODY_GROUPS"`
	DataColumnSidecarSubnetCount           uint64     `yaml:"DATA_COLUMN_SIDECAR_SUBNET_COUNT"`
	SamplesPerSlot                         uint64     `yaml:"SAMPLES_PER_SLOT" zero:"ok"`
	CustodyRequirement                     uint64     `yaml:"CUSTODY_REQUIREMENT" zero:"ok"`
	ValidatorCustodyRequirement            uint64     `yaml:"VALIDATOR_CUSTODY_REQUIREMENT" zero:"ok"`
	BalancePerAdditionalCustodyGroup       Gwei       `yaml:"BALANCE_PER_ADDITIONAL_CUSTODY_GROUP"`
	MinEpochsForDataColumnSidecarsRequests Epoch      `yaml:"MIN_EPOCHS_FOR_DATA_COLUMN_SIDECARS_REQUESTS" zero:"ok"`
	MaxRequestPayloads                     uint64     `yaml:"MAX_REQUEST_PAYLOADS"`
	MaxRequestInclusionList                uint64     `yaml:"MAX_REQUEST_INCLUSION_LIST"`
	MinSlotsForInclusionListsRequests      Slot       `yaml:"MIN_SLOTS_FOR_INCLUSION_LISTS_REQUESTS" zero:"ok"`
	MaxTransactionsBytesPerInclusionList   uint64     `yaml:"MAX_TRANSACTIONS_BYTES_PER_INCLUSION_LIST"`

	// Config: blob Scheduling.
	BlobSchedule []BlobParameters `yaml:"BLOB_SCHEDULE"`

	// Config: fast Confirmation Rule.
	ConfirmationByzantineThreshold uint64 `yaml:"CONFIRMATION_BYZANTINE_THRESHOLD" zero:"ok"`
}
