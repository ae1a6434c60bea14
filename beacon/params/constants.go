package params

import "math"

// Constants of the specification that no preset or config changes. Numbers are untyped where the
// specification has Uint64, so that they go with any integer type.

// Misc. Spec: beacon-chain.md (phase0).
const (
	GenesisSlot    Slot  = 0
	GenesisEpoch   Epoch = 0
	FarFutureEpoch Epoch = math.MaxUint64

	Uint64MaxSqrt            = 4294967295
	BaseRewardsPerEpoch      = 4
	JustificationBitsLength  = 4
	DepositContractTreeDepth = 32
	EthToGwei                = 1_000_000_000
)

// First bytes of withdrawal credentials. Spec: beacon-chain.md (phase0, electra, gloas).
const (
	BLSWithdrawalPrefix         byte = 0x00
	Eth1AddressWithdrawalPrefix byte = 0x01
	CompoundingWithdrawalPrefix byte = 0x02
	BuilderWithdrawalPrefix     byte = 0xB0
)

// Participation flags and the shares of a reward. Spec: beacon-chain.md (altair).
const (
	TimelySourceFlagIndex = 0
	TimelyTargetFlagIndex = 1
	TimelyHeadFlagIndex   = 2

	TimelySourceWeight = 14
	TimelyTargetWeight = 26
	TimelyHeadWeight   = 14
	SyncRewardWeight   = 2
	ProposerWeight     = 8
	WeightDenominator  = 64
)

// ParticipationFlagWeights returns the weights by flag index.
//
// Spec: PARTICIPATION_FLAG_WEIGHTS (altair).
func ParticipationFlagWeights() [3]uint64 {
	return [3]uint64{TimelySourceWeight, TimelyTargetWeight, TimelyHeadWeight}
}

// G2PointAtInfinity returns the compressed point at infinity, the aggregate of no signatures.
//
// Spec: G2_POINT_AT_INFINITY (altair).
func G2PointAtInfinity() BLSSignature { return BLSSignature{0xc0} }

// Blobs. Spec: beacon-chain.md (deneb).
const (
	BytesPerFieldElement = 32

	VersionedHashVersionKZG byte = 0x01
)

// Execution layer requests. Spec: beacon-chain.md (electra, gloas).
const (
	UnsetDepositRequestsStartIndex uint64 = math.MaxUint64
	FullExitRequestAmount          Gwei   = 0

	DepositRequestType        byte = 0x00
	WithdrawalRequestType     byte = 0x01
	ConsolidationRequestType  byte = 0x02
	BuilderDepositRequestType byte = 0x03
	BuilderExitRequestType    byte = 0x04
)

// Builders. Spec: beacon-chain.md (gloas).
const (
	BuilderIndexFlag                                = 1 << 40
	BuilderIndexSelfBuild              BuilderIndex = math.MaxUint64
	BuilderPaymentThresholdNumerator                = 6
	BuilderPaymentThresholdDenominator              = 10
	PayloadBuilderVersion              byte         = 0
)

// Honest validators. Spec: validator.md (phase0, altair).
const (
	TargetAggregatorsPerCommittee        = 16
	TargetAggregatorsPerSyncSubcommittee = 16
	SyncCommitteeSubnetCount             = 4
)

// Networking. Spec: p2p-interface.md (phase0), light-client/p2p-interface.md (altair).
const (
	NodeIdBits                   = 256
	MaxConcurrentRequests        = 2
	MaxRequestLightClientUpdates = 128
)

// Fork choice, weak subjectivity and fast confirmation.
// Spec: fork-choice.md (phase0, gloas), weak-subjectivity.md, fast-confirmation.md (phase0).
const (
	BasisPoints                               = 10_000
	SafetyDecay                               = 10
	CommitteeWeightEstimationAdjustmentFactor = 5
	AttestationTimelinessIndex                = 0
	PTCTimelinessIndex                        = 1
	NumBlockTimelinessDeadlines               = 2
)

// Generalized indices of the light client's proofs.
// Spec: light-client/sync-protocol.md (altair, capella, electra, gloas).
const (
	FinalizedRootGindex               = 105
	CurrentSyncCommitteeGindex        = 54
	NextSyncCommitteeGindex           = 55
	ExecutionPayloadGindex            = 25
	FinalizedRootGindexElectra        = 169
	CurrentSyncCommitteeGindexElectra = 86
	NextSyncCommitteeGindexElectra    = 87
	FinalizedRootGindexGloas          = 735
	CurrentSyncCommitteeGindexGloas   = 2945
	NextSyncCommitteeGindexGloas      = 2946
	ExecutionBlockHashGindex          = 412
	ExecutionBlockHashGindexDeneb     = 812
	ExecutionBlockHashGindexGloas     = 2856
)

// DomainBeaconProposer is DOMAIN_BEACON_PROPOSER (phase0).
func DomainBeaconProposer() DomainType { return DomainType{0x00} }

// DomainBeaconAttester is DOMAIN_BEACON_ATTESTER (phase0).
func DomainBeaconAttester() DomainType { return DomainType{0x01} }

// DomainRandao is DOMAIN_RANDAO (phase0).
func DomainRandao() DomainType { return DomainType{0x02} }

// DomainDeposit is DOMAIN_DEPOSIT (phase0).
func DomainDeposit() DomainType { return DomainType{0x03} }

// DomainVoluntaryExit is DOMAIN_VOLUNTARY_EXIT (phase0).
func DomainVoluntaryExit() DomainType { return DomainType{0x04} }

// DomainSelectionProof is DOMAIN_SELECTION_PROOF (phase0).
func DomainSelectionProof() DomainType { return DomainType{0x05} }

// DomainAggregateAndProof is DOMAIN_AGGREGATE_AND_PROOF (phase0).
func DomainAggregateAndProof() DomainType { return DomainType{0x06} }

// DomainApplicationMask is DOMAIN_APPLICATION_MASK (phase0).
func DomainApplicationMask() DomainType { return DomainType{0x00, 0x00, 0x00, 0x01} }

// DomainSyncCommittee is DOMAIN_SYNC_COMMITTEE (altair).
func DomainSyncCommittee() DomainType { return DomainType{0x07} }

// DomainSyncCommitteeSelectionProof is DOMAIN_SYNC_COMMITTEE_SELECTION_PROOF (altair).
func DomainSyncCommitteeSelectionProof() DomainType { return DomainType{0x08} }

// DomainContributionAndProof is DOMAIN_CONTRIBUTION_AND_PROOF (altair).
func DomainContributionAndProof() DomainType { return DomainType{0x09} }

// DomainBLSToExecutionChange is DOMAIN_BLS_TO_EXECUTION_CHANGE (capella).
func DomainBLSToExecutionChange() DomainType { return DomainType{0x0A} }

// DomainBeaconBuilder is DOMAIN_BEACON_BUILDER (gloas).
func DomainBeaconBuilder() DomainType { return DomainType{0x0B} }

// DomainPTCAttester is DOMAIN_PTC_ATTESTER (gloas).
func DomainPTCAttester() DomainType { return DomainType{0x0C} }

// DomainProposerPreferences is DOMAIN_PROPOSER_PREFERENCES (gloas).
func DomainProposerPreferences() DomainType { return DomainType{0x0D} }

// DomainBuilderDeposit is DOMAIN_BUILDER_DEPOSIT (gloas).
func DomainBuilderDeposit() DomainType { return DomainType{0x0E} }

// DomainInclusionListCommittee is DOMAIN_INCLUSION_LIST_COMMITTEE (heze).
func DomainInclusionListCommittee() DomainType { return DomainType{0x10} }
