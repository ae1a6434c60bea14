package types

import "github.com/cresset/cresset/beacon/ssz"

// New makes an empty container by its name in the specification; nil for a name that is not one.
func New(name string) ssz.Object {
	if makeIt, ok := containers()[name]; ok {
		return makeIt()
	}
	return nil
}

// Names lists all containers.
func Names() []string {
	var names []string
	for name := range containers() {
		names = append(names, name)
	}
	return names
}

func of[T any, P interface {
	*T
	ssz.Object
}]() func() ssz.Object {
	return func() ssz.Object { return P(new(T)) }
}

func containers() map[string]func() ssz.Object {
	return map[string]func() ssz.Object{
		"AggregateAndProof":              of[AggregateAndProof](),
		"Attestation":                    of[Attestation](),
		"AttestationData":                of[AttestationData](),
		"AttesterSlashing":               of[AttesterSlashing](),
		"BLSToExecutionChange":           of[BLSToExecutionChange](),
		"BeaconBlock":                    of[BeaconBlock](),
		"BeaconBlockBody":                of[BeaconBlockBody](),
		"BeaconBlockHeader":              of[BeaconBlockHeader](),
		"BeaconState":                    of[BeaconState](),
		"BlobIdentifier":                 of[BlobIdentifier](),
		"BlobSidecar":                    of[BlobSidecar](),
		"Builder":                        of[Builder](),
		"BuilderDepositRequest":          of[BuilderDepositRequest](),
		"BuilderExitRequest":             of[BuilderExitRequest](),
		"BuilderPendingPayment":          of[BuilderPendingPayment](),
		"BuilderPendingWithdrawal":       of[BuilderPendingWithdrawal](),
		"Checkpoint":                     of[Checkpoint](),
		"ConsolidationRequest":           of[ConsolidationRequest](),
		"ContributionAndProof":           of[ContributionAndProof](),
		"DataColumnSidecar":              of[DataColumnSidecar](),
		"DataColumnsByRootIdentifier":    of[DataColumnsByRootIdentifier](),
		"Deposit":                        of[Deposit](),
		"DepositData":                    of[DepositData](),
		"DepositMessage":                 of[DepositMessage](),
		"DepositRequest":                 of[DepositRequest](),
		"Eth1Block":                      of[Eth1Block](),
		"Eth1Data":                       of[Eth1Data](),
		"ExecutionPayload":               of[ExecutionPayload](),
		"ExecutionPayloadBid":            of[ExecutionPayloadBid](),
		"ExecutionPayloadEnvelope":       of[ExecutionPayloadEnvelope](),
		"ExecutionPayloadHeader":         of[ExecutionPayloadHeader](),
		"ExecutionRequests":              of[ExecutionRequests](),
		"Fork":                           of[Fork](),
		"ForkData":                       of[ForkData](),
		"HistoricalBatch":                of[HistoricalBatch](),
		"HistoricalSummary":              of[HistoricalSummary](),
		"IndexedAttestation":             of[IndexedAttestation](),
		"IndexedPayloadAttestation":      of[IndexedPayloadAttestation](),
		"LightClientBootstrap":           of[LightClientBootstrap](),
		"LightClientFinalityUpdate":      of[LightClientFinalityUpdate](),
		"LightClientHeader":              of[LightClientHeader](),
		"LightClientOptimisticUpdate":    of[LightClientOptimisticUpdate](),
		"LightClientUpdate":              of[LightClientUpdate](),
		"MatrixEntry":                    of[MatrixEntry](),
		"PartialDataColumnGroupID":       of[PartialDataColumnGroupID](),
		"PartialDataColumnHeader":        of[PartialDataColumnHeader](),
		"PartialDataColumnPartsMetadata": of[PartialDataColumnPartsMetadata](),
		"PartialDataColumnSidecar":       of[PartialDataColumnSidecar](),
		"PayloadAttestation":             of[PayloadAttestation](),
		"PayloadAttestationData":         of[PayloadAttestationData](),
		"PayloadAttestationMessage":      of[PayloadAttestationMessage](),
		"PendingAttestation":             of[PendingAttestation](),
		"PendingConsolidation":           of[PendingConsolidation](),
		"PendingDeposit":                 of[PendingDeposit](),
		"PendingPartialWithdrawal":       of[PendingPartialWithdrawal](),
		"PowBlock":                       of[PowBlock](),
		"ProposerPreferences":            of[ProposerPreferences](),
		"ProposerSlashing":               of[ProposerSlashing](),
		"SignedAggregateAndProof":        of[SignedAggregateAndProof](),
		"SignedBLSToExecutionChange":     of[SignedBLSToExecutionChange](),
		"SignedBeaconBlock":              of[SignedBeaconBlock](),
		"SignedBeaconBlockHeader":        of[SignedBeaconBlockHeader](),
		"SignedContributionAndProof":     of[SignedContributionAndProof](),
		"SignedExecutionPayloadBid":      of[SignedExecutionPayloadBid](),
		"SignedExecutionPayloadEnvelope": of[SignedExecutionPayloadEnvelope](),
		"SignedProposerPreferences":      of[SignedProposerPreferences](),
		"SignedVoluntaryExit":            of[SignedVoluntaryExit](),
		"SigningData":                    of[SigningData](),
		"SingleAttestation":              of[SingleAttestation](),
		"SyncAggregate":                  of[SyncAggregate](),
		"SyncAggregatorSelectionData":    of[SyncAggregatorSelectionData](),
		"SyncCommittee":                  of[SyncCommittee](),
		"SyncCommitteeContribution":      of[SyncCommitteeContribution](),
		"SyncCommitteeMessage":           of[SyncCommitteeMessage](),
		"Validator":                      of[Validator](),
		"VoluntaryExit":                  of[VoluntaryExit](),
		"Withdrawal":                     of[Withdrawal](),
		"WithdrawalRequest":              of[WithdrawalRequest](),
	}
}
