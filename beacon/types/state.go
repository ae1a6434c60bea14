package types

import (
	"fmt"
	"slices"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/ssz/plist"
)

// The persistent lists of the state.
type (
	// Eth1DataVotes is the votes of the present voting period.
	Eth1DataVotes = plist.Objects[Eth1Data, *Eth1Data]
	// HistoricalSummaries is one summary a period since Capella.
	HistoricalSummaries = plist.Objects[HistoricalSummary, *HistoricalSummary]
	// PendingDeposits is the queue of deposits.
	PendingDeposits = plist.Objects[PendingDeposit, *PendingDeposit]
	// PendingPartialWithdrawals is the queue of withdrawal requests.
	PendingPartialWithdrawals = plist.Objects[PendingPartialWithdrawal, *PendingPartialWithdrawal]
	// PendingConsolidations is the queue of consolidations.
	PendingConsolidations = plist.Objects[PendingConsolidation, *PendingConsolidation]
	// Builders is the builder registry.
	Builders = plist.Objects[Builder, *Builder]
	// BuilderPendingPayments is the payments of the previous and the current epoch.
	BuilderPendingPayments = plist.Objects[BuilderPendingPayment, *BuilderPendingPayment]
	// BuilderPendingWithdrawals is the queue of payments to proposers.
	BuilderPendingWithdrawals = plist.Objects[BuilderPendingWithdrawal, *BuilderPendingWithdrawal]
	// PTC is a payload timeliness committee.
	PTC = ssz.Shared[[]ValidatorIndex]
)

// BeaconState is the state of the beacon chain, of any fork. Slices inside are never changed in place by this package's
// users but through the methods that say so; lists of package plist are copied on write.
type BeaconState struct {
	// Cx is the spec and the fork of the state. It is not part of the container.
	Cx ssz.Context

	GenesisTime           uint64 // Unix seconds
	GenesisValidatorsRoot Root
	Slot                  Slot
	Fork                  Fork
	LatestBlockHeader     BeaconBlockHeader
	BlockRoots            plist.Packed[Root]
	StateRoots            plist.Packed[Root]
	HistoricalRoots       plist.Packed[Root]
	Eth1Data              Eth1Data
	Eth1DataVotes         Eth1DataVotes
	Eth1DepositIndex      uint64
	Validators            Validators
	Balances              plist.Packed[Gwei]
	RandaoMixes           plist.Packed[Bytes32]
	Slashings             plist.Packed[Gwei]

	PreviousEpochAttestations []PendingAttestation // phase0
	CurrentEpochAttestations  []PendingAttestation // phase0

	PreviousEpochParticipation  plist.Packed[uint8] // since altair
	CurrentEpochParticipation   plist.Packed[uint8] // since altair
	JustificationBits           ssz.Bitvector
	PreviousJustifiedCheckpoint Checkpoint
	CurrentJustifiedCheckpoint  Checkpoint
	FinalizedCheckpoint         Checkpoint
	InactivityScores            plist.Packed[uint64]       // since altair
	CurrentSyncCommittee        *ssz.Shared[SyncCommittee] // since altair
	NextSyncCommittee           *ssz.Shared[SyncCommittee] // since altair

	LatestExecutionPayloadHeader  ExecutionPayloadHeader // since bellatrix, until gloas
	LatestBlockHash               Hash32                 // since gloas
	NextWithdrawalIndex           WithdrawalIndex        // since capella
	NextWithdrawalValidatorIndex  ValidatorIndex         // since capella
	HistoricalSummaries           HistoricalSummaries    // since capella
	DepositRequestsStartIndex     uint64                 // since electra
	DepositBalanceToConsume       Gwei                   // since electra
	ExitBalanceToConsume          Gwei                   // since electra
	EarliestExitEpoch             Epoch                  // since electra
	ConsolidationBalanceToConsume Gwei                   // since electra
	EarliestConsolidationEpoch    Epoch                  // since electra
	PendingDeposits               PendingDeposits        // since electra
	PendingPartialWithdrawals     PendingPartialWithdrawals
	PendingConsolidations         PendingConsolidations
	ProposerLookahead             []ValidatorIndex // since fulu

	Builders                     Builders // this and all below since gloas
	NextWithdrawalBuilderIndex   BuilderIndex
	ExecutionPayloadAvailability ssz.Bitvector
	BuilderPendingPayments       BuilderPendingPayments
	BuilderPendingWithdrawals    BuilderPendingWithdrawals
	LatestExecutionPayloadBid    ExecutionPayloadBid
	PayloadExpectedWithdrawals   []Withdrawal
	PTCWindow                    []*PTC

	frozen bool
	root   Root // once frozen
}

// NewBeaconState makes an empty state for a spec and fork, to be decoded into.
func NewBeaconState(spec *params.Spec, fork params.Fork) *BeaconState {
	return &BeaconState{Cx: ssz.Context{Spec: spec, Fork: fork}}
}

// Since tells whether the state is of the given fork or a later one.
func (x *BeaconState) Since(fork params.Fork) bool { return x.Cx.Fork >= fork }

// Define lists the fields of the container.
func (x *BeaconState) Define(d *ssz.Def) {
	s := d.Spec
	progressive := d.Fork >= params.Gloas
	registry := ssz.Cap(s.ValidatorRegistryLimit, progressive)
	d.Progressive(progressive)
	d.Field("genesis_time", ssz.Uint(&x.GenesisTime))
	d.Field("genesis_validators_root", ssz.Bytes(x.GenesisValidatorsRoot[:]))
	d.Field("slot", ssz.Uint(&x.Slot))
	d.Field("fork", ssz.Container(&x.Fork))
	d.Field("latest_block_header", ssz.Container(&x.LatestBlockHeader))
	d.Field("block_roots", x.BlockRoots.Vector(s.SlotsPerHistoricalRoot))
	d.Field("state_roots", x.StateRoots.Vector(s.SlotsPerHistoricalRoot))
	d.Field("historical_roots", x.HistoricalRoots.List(ssz.Cap(s.HistoricalRootsLimit, false)))
	d.Field("eth1_data", ssz.Container(&x.Eth1Data))
	d.Field("eth1_data_votes", x.Eth1DataVotes.List(ssz.Cap(s.EpochsPerEth1VotingPeriod*s.SlotsPerEpoch, false)))
	d.Field("eth1_deposit_index", ssz.Uint(&x.Eth1DepositIndex))
	d.Field("validators", x.Validators.List(registry))
	d.Field("balances", x.Balances.List(registry))
	d.Field("randao_mixes", x.RandaoMixes.Vector(s.EpochsPerHistoricalVector))
	d.Field("slashings", x.Slashings.Vector(s.EpochsPerSlashingsVector))
	pending := ssz.Cap(s.MaxAttestations*s.SlotsPerEpoch, false)
	d.Field("previous_epoch_attestations", ssz.List(&x.PreviousEpochAttestations, pending)).Until(params.Altair)
	d.Field("current_epoch_attestations", ssz.List(&x.CurrentEpochAttestations, pending)).Until(params.Altair)
	d.Field("previous_epoch_participation", x.PreviousEpochParticipation.List(registry)).Since(params.Altair)
	d.Field("current_epoch_participation", x.CurrentEpochParticipation.List(registry)).Since(params.Altair)
	d.Field("justification_bits", ssz.Bits(&x.JustificationBits, params.JustificationBitsLength))
	d.Field("previous_justified_checkpoint", ssz.Container(&x.PreviousJustifiedCheckpoint))
	d.Field("current_justified_checkpoint", ssz.Container(&x.CurrentJustifiedCheckpoint))
	d.Field("finalized_checkpoint", ssz.Container(&x.FinalizedCheckpoint))
	d.Field("inactivity_scores", x.InactivityScores.List(registry)).Since(params.Altair)
	d.Field("current_sync_committee", sharedCommittee(&x.CurrentSyncCommittee)).Since(params.Altair)
	d.Field("next_sync_committee", sharedCommittee(&x.NextSyncCommittee)).Since(params.Altair)
	x.defineExecution(d)
	x.defineElectra(d, s, progressive)
	d.Field("proposer_lookahead", ssz.UintVector(&x.ProposerLookahead, (uint64(s.MinSeedLookahead)+1)*s.SlotsPerEpoch)).Since(params.Fulu)
	x.defineGloas(d, s)
}

func (x *BeaconState) defineExecution(d *ssz.Def) {
	d.Field("latest_execution_payload_header", ssz.Container(&x.LatestExecutionPayloadHeader)).Since(params.Bellatrix).Until(params.Gloas)
	d.Field("latest_block_hash", ssz.Bytes(x.LatestBlockHash[:])).Since(params.Gloas)
	d.Field("next_withdrawal_index", ssz.Uint(&x.NextWithdrawalIndex)).Since(params.Capella)
	d.Field("next_withdrawal_validator_index", ssz.Uint(&x.NextWithdrawalValidatorIndex)).Since(params.Capella)
	d.Field("historical_summaries", x.HistoricalSummaries.List(ssz.Cap(d.Spec.HistoricalRootsLimit, false))).Since(params.Capella)
}

func (x *BeaconState) defineElectra(d *ssz.Def, s *params.Spec, progressive bool) {
	d.Field("deposit_requests_start_index", ssz.Uint(&x.DepositRequestsStartIndex)).Since(params.Electra)
	d.Field("deposit_balance_to_consume", ssz.Uint(&x.DepositBalanceToConsume)).Since(params.Electra)
	d.Field("exit_balance_to_consume", ssz.Uint(&x.ExitBalanceToConsume)).Since(params.Electra)
	d.Field("earliest_exit_epoch", ssz.Uint(&x.EarliestExitEpoch)).Since(params.Electra)
	d.Field("consolidation_balance_to_consume", ssz.Uint(&x.ConsolidationBalanceToConsume)).Since(params.Electra)
	d.Field("earliest_consolidation_epoch", ssz.Uint(&x.EarliestConsolidationEpoch)).Since(params.Electra)
	d.Field("pending_deposits", x.PendingDeposits.List(ssz.Cap(s.PendingDepositsLimit, progressive))).Since(params.Electra)
	d.Field("pending_partial_withdrawals", x.PendingPartialWithdrawals.List(ssz.Cap(s.PendingPartialWithdrawalsLimit, progressive))).Since(params.Electra)
	d.Field("pending_consolidations", x.PendingConsolidations.List(ssz.Cap(s.PendingConsolidationsLimit, progressive))).Since(params.Electra)
}

func (x *BeaconState) defineGloas(d *ssz.Def, s *params.Spec) {
	list := ssz.Cap(0, true)
	ptc := func(p **PTC) ssz.Node {
		return ssz.SharedNode(p, func(v *[]ValidatorIndex) ssz.Node { return ssz.UintVector(v, s.PTCSize) })
	}
	d.Field("builders", x.Builders.List(list)).Since(params.Gloas)
	d.Field("next_withdrawal_builder_index", ssz.Uint(&x.NextWithdrawalBuilderIndex)).Since(params.Gloas)
	d.Field("execution_payload_availability", ssz.Bits(&x.ExecutionPayloadAvailability, s.SlotsPerHistoricalRoot)).Since(params.Gloas)
	d.Field("builder_pending_payments", x.BuilderPendingPayments.Vector(2*s.SlotsPerEpoch)).Since(params.Gloas)
	d.Field("builder_pending_withdrawals", x.BuilderPendingWithdrawals.List(list)).Since(params.Gloas)
	d.Field("latest_execution_payload_bid", ssz.Container(&x.LatestExecutionPayloadBid)).Since(params.Gloas)
	d.Field("payload_expected_withdrawals", ssz.List(&x.PayloadExpectedWithdrawals, list)).Since(params.Gloas)
	d.Field("ptc_window", ssz.VectorOf(&x.PTCWindow, (2+uint64(s.MinSeedLookahead))*s.SlotsPerEpoch, ptc)).Since(params.Gloas)
}

func sharedCommittee(p **ssz.Shared[SyncCommittee]) ssz.Node {
	return ssz.SharedNode(p, func(c *SyncCommittee) ssz.Node { return ssz.Container(c) })
}

// Node is the state as an SSZ value.
func (x *BeaconState) Node() ssz.Node { return ssz.Container(x) }

// HashTreeRoot brings the caches up to date and gives the root of the state. On a frozen state it only reads.
func (x *BeaconState) HashTreeRoot() (Root, error) {
	if x.frozen {
		return x.root, nil
	}
	return ssz.HashTreeRoot(x.Cx, x.Node())
}

// MarshalSSZ gives the encoding of the state.
func (x *BeaconState) MarshalSSZ() ([]byte, error) { return ssz.Marshal(x.Cx, x.Node()) }

// UnmarshalSSZ decodes a state of the fork that x was made for.
func (x *BeaconState) UnmarshalSSZ(src []byte) error { return ssz.Unmarshal(x.Cx, src, x.Node()) }

// Freeze computes the root and forbids writes from now on, so that the state may be shared.
func (x *BeaconState) Freeze() (Root, error) {
	if x.frozen {
		return x.root, nil
	}
	root, err := x.HashTreeRoot()
	if err != nil {
		return Root{}, fmt.Errorf("freeze: %w", err)
	}
	x.root, x.frozen = root, true
	for _, l := range x.lists() {
		l.Freeze()
	}
	return root, nil
}

// persistent is a persistent list of the state.
type persistent interface {
	Freeze()
	Footprint(plist.Seen) int
}

func (x *BeaconState) lists() []persistent {
	return []persistent{
		&x.BlockRoots, &x.StateRoots, &x.HistoricalRoots, &x.Eth1DataVotes, &x.Validators, &x.Balances, &x.RandaoMixes,
		&x.Slashings, &x.PreviousEpochParticipation, &x.CurrentEpochParticipation, &x.InactivityScores,
		&x.HistoricalSummaries, &x.PendingDeposits, &x.PendingPartialWithdrawals, &x.PendingConsolidations,
		&x.Builders, &x.BuilderPendingPayments, &x.BuilderPendingWithdrawals,
	}
}

// Copy gives a state that may be written to. It shares all pages with x until one of them writes.
func (x *BeaconState) Copy() *BeaconState {
	c := *x
	c.frozen, c.root = false, Root{}
	c.BlockRoots = x.BlockRoots.Copy()
	c.StateRoots = x.StateRoots.Copy()
	c.HistoricalRoots = x.HistoricalRoots.Copy()
	c.Eth1DataVotes = x.Eth1DataVotes.Copy()
	c.Validators = x.Validators.Copy()
	c.Balances = x.Balances.Copy()
	c.RandaoMixes = x.RandaoMixes.Copy()
	c.Slashings = x.Slashings.Copy()
	c.PreviousEpochParticipation = x.PreviousEpochParticipation.Copy()
	c.CurrentEpochParticipation = x.CurrentEpochParticipation.Copy()
	c.InactivityScores = x.InactivityScores.Copy()
	c.HistoricalSummaries = x.HistoricalSummaries.Copy()
	c.PendingDeposits = x.PendingDeposits.Copy()
	c.PendingPartialWithdrawals = x.PendingPartialWithdrawals.Copy()
	c.PendingConsolidations = x.PendingConsolidations.Copy()
	c.Builders = x.Builders.Copy()
	c.BuilderPendingPayments = x.BuilderPendingPayments.Copy()
	c.BuilderPendingWithdrawals = x.BuilderPendingWithdrawals.Copy()
	// These are written in place: a copy each. Pending attestations are only ever appended to.
	c.JustificationBits = slices.Clone(x.JustificationBits)
	c.ProposerLookahead = slices.Clone(x.ProposerLookahead)
	c.ExecutionPayloadAvailability = slices.Clone(x.ExecutionPayloadAvailability)
	c.PTCWindow = slices.Clone(x.PTCWindow)
	c.PreviousEpochAttestations = slices.Clip(x.PreviousEpochAttestations)
	c.CurrentEpochAttestations = slices.Clip(x.CurrentEpochAttestations)
	return &c
}
