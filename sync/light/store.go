package light

import (
	"fmt"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// LightClientStore is the state of a light client (altair; modified capella, gloas).
type LightClientStore struct {
	// Cx is the chain, and the fork in whose form the headers and updates are.
	Cx ssz.Context

	// FinalizedHeader is finalized.
	FinalizedHeader types.LightClientHeader
	// CurrentSyncCommittee and NextSyncCommittee are those of the finalized header. The next one is the default value while
	// it is not known.
	CurrentSyncCommittee, NextSyncCommittee types.SyncCommittee
	// BestValidUpdate is what to switch to if nothing is finalized for too long; nil if there is none.
	BestValidUpdate *types.LightClientUpdate
	// OptimisticHeader is the most recent header that is reasonably safe.
	OptimisticHeader types.LightClientHeader
	// PreviousMaxActiveParticipants and CurrentMaxActiveParticipants are the most signers seen in a sync committee period.
	PreviousMaxActiveParticipants, CurrentMaxActiveParticipants uint64
}

// InitializeLightClientStore makes a store from a bootstrap in the form of cx, whose block the caller trusts. The store has
// the fork of cx. It fails on a bootstrap of another block or one that does not prove its sync committee.
// Spec: initialize_light_client_store (altair).
func InitializeLightClientStore(cx ssz.Context, trustedBlockRoot types.Root, bootstrap *types.LightClientBootstrap) (*LightClientStore, error) {
	if cx.Fork < params.Altair {
		return nil, broken("light clients begin with altair", cx.Fork, params.Altair)
	}
	if err := checkForm(cx, bootstrap); err != nil {
		return nil, fmt.Errorf("bootstrap: %w", err)
	}
	header := &bootstrap.Header
	if !IsValidLightClientHeader(cx, header) {
		return nil, broken("is_valid_light_client_header(bootstrap.header)", headerText(header), "a proved payload")
	}
	if root := types.HashTreeRoot(&header.Beacon); root != trustedBlockRoot {
		return nil, broken("hash_tree_root(bootstrap.header.beacon) == trusted_block_root", root, trustedBlockRoot)
	}
	leaf, err := ssz.HashTreeRoot(cx, ssz.Container(&bootstrap.CurrentSyncCommittee))
	if err != nil {
		return nil, fmt.Errorf("bootstrap: %w", err)
	}
	gindex := CurrentSyncCommitteeGindexAtSlot(cx.Spec, header.Beacon.Slot)
	if !IsValidNormalizedMerkleBranch(leaf, bootstrap.CurrentSyncCommitteeBranch, gindex, header.Beacon.StateRoot) {
		return nil, broken("current_sync_committee_branch leads to the state root", types.Root(leaf), header.Beacon.StateRoot)
	}
	return &LightClientStore{
		Cx:                   cx,
		FinalizedHeader:      *header,
		CurrentSyncCommittee: bootstrap.CurrentSyncCommittee,
		OptimisticHeader:     *header,
	}, nil
}

// IsNextSyncCommitteeKnown tells whether the store can follow the chain into the next sync committee period.
// Spec: is_next_sync_committee_known (altair).
func IsNextSyncCommitteeKnown(store *LightClientStore) bool {
	return !isDefault(store.Cx, &store.NextSyncCommittee)
}

// GetSafetyThreshold is the number of signers that an update must exceed for its header to become the optimistic one.
// Spec: get_safety_threshold (altair).
func GetSafetyThreshold(store *LightClientStore) uint64 {
	return max(store.PreviousMaxActiveParticipants, store.CurrentMaxActiveParticipants) / 2
}

// ApplyLightClientUpdate takes over the committees and the finalized header of a validated update.
// Spec: apply_light_client_update (altair).
func ApplyLightClientUpdate(store *LightClientStore, update *types.LightClientUpdate) error {
	storePeriod := types.ComputeSyncCommitteePeriodAtSlot(store.Cx.Spec, store.FinalizedHeader.Beacon.Slot)
	finalizedPeriod := types.ComputeSyncCommitteePeriodAtSlot(store.Cx.Spec, update.FinalizedHeader.Beacon.Slot)
	switch {
	case !IsNextSyncCommitteeKnown(store):
		if finalizedPeriod != storePeriod {
			return broken("update_finalized_period == store_period", finalizedPeriod, storePeriod)
		}
		store.NextSyncCommittee = update.NextSyncCommittee
	case finalizedPeriod == storePeriod+1:
		store.CurrentSyncCommittee = store.NextSyncCommittee
		store.NextSyncCommittee = update.NextSyncCommittee
		store.PreviousMaxActiveParticipants = store.CurrentMaxActiveParticipants
		store.CurrentMaxActiveParticipants = 0
	}
	if update.FinalizedHeader.Beacon.Slot > store.FinalizedHeader.Beacon.Slot {
		store.FinalizedHeader = update.FinalizedHeader
		if store.FinalizedHeader.Beacon.Slot > store.OptimisticHeader.Beacon.Slot {
			store.OptimisticHeader = store.FinalizedHeader
		}
	}
	return nil
}

// ProcessLightClientStoreForceUpdate switches to the best valid update when nothing was finalized for UPDATE_TIMEOUT, and
// does nothing before. Spec: process_light_client_store_force_update (altair).
func ProcessLightClientStoreForceUpdate(store *LightClientStore, currentSlot types.Slot) error {
	timeout, err := store.FinalizedHeader.Beacon.Slot.Add(store.Cx.Spec.UpdateTimeout)
	if err != nil {
		return fmt.Errorf("update timeout: %w", err)
	}
	if currentSlot <= timeout || store.BestValidUpdate == nil {
		return nil
	}
	// While nothing is finalized the attested header counts as finalized, so that the store gets into later periods.
	forced := *store.BestValidUpdate
	if forced.FinalizedHeader.Beacon.Slot <= store.FinalizedHeader.Beacon.Slot {
		forced.FinalizedHeader = forced.AttestedHeader
	}
	if err := ApplyLightClientUpdate(store, &forced); err != nil {
		return fmt.Errorf("force update: %w", err)
	}
	store.BestValidUpdate = nil
	return nil
}

// ProcessLightClientUpdate checks an update in the form of the store's fork and takes over what it brings. The current slot
// is the local clock's. An error leaves the store as it was. Spec: process_light_client_update (altair).
func ProcessLightClientUpdate(store *LightClientStore, update *types.LightClientUpdate, currentSlot types.Slot, genesisValidatorsRoot types.Root) error {
	if err := ValidateLightClientUpdate(store, update, currentSlot, genesisValidatorsRoot); err != nil {
		return err
	}
	next, spec := *store, store.Cx.Spec
	if next.BestValidUpdate == nil || IsBetterUpdate(spec, update, next.BestValidUpdate) {
		next.BestValidUpdate = update
	}
	participants := update.SyncAggregate.SyncCommitteeBits.Count()
	next.CurrentMaxActiveParticipants = max(next.CurrentMaxActiveParticipants, participants)
	if participants > GetSafetyThreshold(&next) && update.AttestedHeader.Beacon.Slot > next.OptimisticHeader.Beacon.Slot {
		next.OptimisticHeader = update.AttestedHeader
	}
	attestedPeriod := types.ComputeSyncCommitteePeriodAtSlot(spec, update.AttestedHeader.Beacon.Slot)
	finalizedPeriod := types.ComputeSyncCommitteePeriodAtSlot(spec, update.FinalizedHeader.Beacon.Slot)
	hasFinalizedNextSyncCommittee := !IsNextSyncCommitteeKnown(&next) &&
		IsSyncCommitteeUpdate(update) && IsFinalityUpdate(update) && finalizedPeriod == attestedPeriod
	finalizes := update.FinalizedHeader.Beacon.Slot > next.FinalizedHeader.Beacon.Slot
	if hasSupermajority(spec, participants) && (finalizes || hasFinalizedNextSyncCommittee) {
		if err := ApplyLightClientUpdate(&next, update); err != nil {
			return err
		}
		next.BestValidUpdate = nil
	}
	*store = next
	return nil
}

// ProcessLightClientFinalityUpdate is ProcessLightClientUpdate for an update without a sync committee.
// Spec: process_light_client_finality_update (altair).
func ProcessLightClientFinalityUpdate(store *LightClientStore, finality *types.LightClientFinalityUpdate, currentSlot types.Slot, genesisValidatorsRoot types.Root) error {
	return ProcessLightClientUpdate(store, &types.LightClientUpdate{
		AttestedHeader:  finality.AttestedHeader,
		FinalizedHeader: finality.FinalizedHeader,
		FinalityBranch:  finality.FinalityBranch,
		SyncAggregate:   finality.SyncAggregate,
		SignatureSlot:   finality.SignatureSlot,
	}, currentSlot, genesisValidatorsRoot)
}

// ProcessLightClientOptimisticUpdate is ProcessLightClientUpdate for an update with an attested header only.
// Spec: process_light_client_optimistic_update (altair).
func ProcessLightClientOptimisticUpdate(store *LightClientStore, optimistic *types.LightClientOptimisticUpdate, currentSlot types.Slot, genesisValidatorsRoot types.Root) error {
	return ProcessLightClientUpdate(store, &types.LightClientUpdate{
		AttestedHeader: optimistic.AttestedHeader,
		SyncAggregate:  optimistic.SyncAggregate,
		SignatureSlot:  optimistic.SignatureSlot,
	}, currentSlot, genesisValidatorsRoot)
}

// headerText names a header in errors.
func headerText(header *types.LightClientHeader) string {
	return fmt.Sprintf("header of slot %d with body %v", header.Beacon.Slot, header.Beacon.BodyRoot)
}
