package params

import "strconv"

// Value is a key of the specification with its value: text as the Beacon API writes it, or a schedule.
type Value struct {
	Key  string
	Text string
	// Schedule is the value of BLOB_SCHEDULE, which has no text.
	Schedule []BlobParameters
}

// Values lists all keys of presets, config and constants, those that files once had to give and that now follow from others included, in
// no order. Source: Beacon API, getSpec.
func (s *Spec) Values() []Value {
	var out []Value
	for key, field := range s.fieldsByKey() {
		v := Value{Key: key, Text: textOf(field)}
		if schedule, ok := field.(*[]BlobParameters); ok {
			v.Schedule = *schedule
		}
		out = append(out, v)
	}
	for _, d := range derivedKeys() {
		out = append(out, number(d.key, d.value(s)))
	}
	if s.SlotDurationMs%1000 == 0 {
		out = append(out, number("SECONDS_PER_SLOT", s.SlotDurationMs/1000))
	}
	return append(out, constants()...)
}

func number(key string, n uint64) Value { return Value{Key: key, Text: strconv.FormatUint(n, 10)} }

// textOf writes the value that a pointer to a field of Spec points to: numbers in decimal, bytes in hex with 0x.
func textOf(field any) string {
	switch p := field.(type) {
	case *uint64:
		return strconv.FormatUint(*p, 10)
	case *Slot:
		return strconv.FormatUint(uint64(*p), 10)
	case *Epoch:
		return strconv.FormatUint(uint64(*p), 10)
	case *Gwei:
		return strconv.FormatUint(uint64(*p), 10)
	case interface{ String() string }:
		return p.String()
	case *string:
		return *p
	}
	return ""
}

// constants lists the constants by their keys.
func constants() []Value {
	out := []Value{
		number("GENESIS_SLOT", uint64(GenesisSlot)), number("GENESIS_EPOCH", uint64(GenesisEpoch)), number("FAR_FUTURE_EPOCH", uint64(FarFutureEpoch)),
		number("BASE_REWARDS_PER_EPOCH", BaseRewardsPerEpoch), number("JUSTIFICATION_BITS_LENGTH", JustificationBitsLength),
		number("DEPOSIT_CONTRACT_TREE_DEPTH", DepositContractTreeDepth),
		number("TIMELY_SOURCE_FLAG_INDEX", TimelySourceFlagIndex), number("TIMELY_TARGET_FLAG_INDEX", TimelyTargetFlagIndex),
		number("TIMELY_HEAD_FLAG_INDEX", TimelyHeadFlagIndex), number("TIMELY_SOURCE_WEIGHT", TimelySourceWeight),
		number("TIMELY_TARGET_WEIGHT", TimelyTargetWeight), number("TIMELY_HEAD_WEIGHT", TimelyHeadWeight),
		number("SYNC_REWARD_WEIGHT", SyncRewardWeight), number("PROPOSER_WEIGHT", ProposerWeight), number("WEIGHT_DENOMINATOR", WeightDenominator),
		number("UNSET_DEPOSIT_REQUESTS_START_INDEX", UnsetDepositRequestsStartIndex), number("FULL_EXIT_REQUEST_AMOUNT", uint64(FullExitRequestAmount)),
		number("BUILDER_INDEX_FLAG", BuilderIndexFlag), number("BUILDER_INDEX_SELF_BUILD", uint64(BuilderIndexSelfBuild)),
		number("BUILDER_PAYMENT_THRESHOLD_NUMERATOR", BuilderPaymentThresholdNumerator),
		number("BUILDER_PAYMENT_THRESHOLD_DENOMINATOR", BuilderPaymentThresholdDenominator),
		number("TARGET_AGGREGATORS_PER_COMMITTEE", TargetAggregatorsPerCommittee),
		number("TARGET_AGGREGATORS_PER_SYNC_SUBCOMMITTEE", TargetAggregatorsPerSyncSubcommittee),
		number("SYNC_COMMITTEE_SUBNET_COUNT", SyncCommitteeSubnetCount), number("BYTES_PER_FIELD_ELEMENT", BytesPerFieldElement),
		number("NODE_ID_BITS", NodeIdBits), number("MAX_CONCURRENT_REQUESTS", MaxConcurrentRequests),
		number("MAX_REQUEST_LIGHT_CLIENT_UPDATES", MaxRequestLightClientUpdates), number("BASIS_POINTS", BasisPoints),
	}
	for _, b := range []struct {
		key   string
		value byte
	}{
		{"BLS_WITHDRAWAL_PREFIX", BLSWithdrawalPrefix}, {"ETH1_ADDRESS_WITHDRAWAL_PREFIX", Eth1AddressWithdrawalPrefix},
		{"COMPOUNDING_WITHDRAWAL_PREFIX", CompoundingWithdrawalPrefix}, {"BUILDER_WITHDRAWAL_PREFIX", BuilderWithdrawalPrefix},
		{"VERSIONED_HASH_VERSION_KZG", VersionedHashVersionKZG}, {"DEPOSIT_REQUEST_TYPE", DepositRequestType},
		{"WITHDRAWAL_REQUEST_TYPE", WithdrawalRequestType}, {"CONSOLIDATION_REQUEST_TYPE", ConsolidationRequestType},
		{"BUILDER_DEPOSIT_REQUEST_TYPE", BuilderDepositRequestType}, {"BUILDER_EXIT_REQUEST_TYPE", BuilderExitRequestType},
	} {
		out = append(out, Value{Key: b.key, Text: hex0x([]byte{b.value})})
	}
	for _, d := range []struct {
		key   string
		value DomainType
	}{
		{"DOMAIN_BEACON_PROPOSER", DomainBeaconProposer()}, {"DOMAIN_BEACON_ATTESTER", DomainBeaconAttester()}, {"DOMAIN_RANDAO", DomainRandao()},
		{"DOMAIN_DEPOSIT", DomainDeposit()}, {"DOMAIN_VOLUNTARY_EXIT", DomainVoluntaryExit()}, {"DOMAIN_SELECTION_PROOF", DomainSelectionProof()},
		{"DOMAIN_AGGREGATE_AND_PROOF", DomainAggregateAndProof()}, {"DOMAIN_APPLICATION_MASK", DomainApplicationMask()},
		{"DOMAIN_SYNC_COMMITTEE", DomainSyncCommittee()}, {"DOMAIN_SYNC_COMMITTEE_SELECTION_PROOF", DomainSyncCommitteeSelectionProof()},
		{"DOMAIN_CONTRIBUTION_AND_PROOF", DomainContributionAndProof()}, {"DOMAIN_BLS_TO_EXECUTION_CHANGE", DomainBLSToExecutionChange()},
		{"DOMAIN_BEACON_BUILDER", DomainBeaconBuilder()}, {"DOMAIN_PTC_ATTESTER", DomainPTCAttester()},
		{"DOMAIN_PROPOSER_PREFERENCES", DomainProposerPreferences()}, {"DOMAIN_BUILDER_DEPOSIT", DomainBuilderDeposit()},
		{"DOMAIN_INCLUSION_LIST_COMMITTEE", DomainInclusionListCommittee()},
	} {
		out = append(out, Value{Key: d.key, Text: d.value.String()})
	}
	return out
}
