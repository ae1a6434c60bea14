package light

import (
	"fmt"
	"slices"

	"github.com/cresset/cresset/beacon/bls"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// ValidateLightClientUpdate checks an update in the form of the store's fork against the store. The signature, by far the
// most expensive check (it decompresses the key of every participant), comes last.
// Spec: validate_light_client_update (altair).
func ValidateLightClientUpdate(store *LightClientStore, update *types.LightClientUpdate, currentSlot types.Slot, genesisValidatorsRoot types.Root) error {
	if err := checkForm(store.Cx, update); err != nil {
		return fmt.Errorf("update: %w", err)
	}
	spec := store.Cx.Spec
	participants := update.SyncAggregate.SyncCommitteeBits.Count()
	if participants < spec.MinSyncCommitteeParticipants {
		return broken("sum(sync_committee_bits) >= MIN_SYNC_COMMITTEE_PARTICIPANTS", participants, spec.MinSyncCommitteeParticipants)
	}
	if err := validatePeriods(store, update, currentSlot); err != nil {
		return err
	}
	if err := validateFinality(store.Cx, update); err != nil {
		return err
	}
	if err := validateNextSyncCommittee(store, update); err != nil {
		return err
	}
	return validateSignature(store, update, genesisValidatorsRoot)
}

// validatePeriods checks that the update does not skip a sync committee period and brings something new.
func validatePeriods(store *LightClientStore, update *types.LightClientUpdate, currentSlot types.Slot) error {
	if !IsValidLightClientHeader(store.Cx, &update.AttestedHeader) {
		return broken("is_valid_light_client_header(attested_header)", headerText(&update.AttestedHeader), "a proved payload")
	}
	spec := store.Cx.Spec
	attestedSlot, finalizedSlot := update.AttestedHeader.Beacon.Slot, update.FinalizedHeader.Beacon.Slot
	switch {
	case currentSlot < update.SignatureSlot:
		return broken("current_slot >= update.signature_slot", currentSlot, update.SignatureSlot)
	case update.SignatureSlot <= attestedSlot:
		return broken("update.signature_slot > update_attested_slot", update.SignatureSlot, attestedSlot)
	case attestedSlot < finalizedSlot:
		return broken("update_attested_slot >= update_finalized_slot", attestedSlot, finalizedSlot)
	}
	known := IsNextSyncCommitteeKnown(store)
	storePeriod := types.ComputeSyncCommitteePeriodAtSlot(spec, store.FinalizedHeader.Beacon.Slot)
	signaturePeriod := types.ComputeSyncCommitteePeriodAtSlot(spec, update.SignatureSlot)
	switch {
	case known && signaturePeriod != storePeriod && signaturePeriod != storePeriod+1:
		return broken("update_signature_period in (store_period, store_period + 1)", signaturePeriod, storePeriod)
	case !known && signaturePeriod != storePeriod:
		return broken("update_signature_period == store_period", signaturePeriod, storePeriod)
	}
	attestedPeriod := types.ComputeSyncCommitteePeriodAtSlot(spec, attestedSlot)
	hasNextSyncCommittee := !known && IsSyncCommitteeUpdate(update) && attestedPeriod == storePeriod
	if attestedSlot <= store.FinalizedHeader.Beacon.Slot && !hasNextSyncCommittee {
		return broken("update_attested_slot > store.finalized_header.beacon.slot", attestedSlot, store.FinalizedHeader.Beacon.Slot)
	}
	return nil
}

// validateFinality checks that the finality branch, if there is one, leads from the finalized header to the attested state.
func validateFinality(cx ssz.Context, update *types.LightClientUpdate) error {
	header := &update.FinalizedHeader
	if !IsFinalityUpdate(update) {
		if !isDefault(cx, header) {
			return broken("without finality_branch update.finalized_header == LightClientHeader()", headerText(header), "the default value")
		}
		return nil
	}
	var finalizedRoot types.Root // of the genesis checkpoint: zero
	if header.Beacon.Slot == params.GenesisSlot {
		if !isDefault(cx, header) {
			return broken("at GENESIS_SLOT update.finalized_header == LightClientHeader()", headerText(header), "the default value")
		}
	} else {
		if !IsValidLightClientHeader(cx, header) {
			return broken("is_valid_light_client_header(finalized_header)", headerText(header), "a proved payload")
		}
		finalizedRoot = types.HashTreeRoot(&header.Beacon)
	}
	attested := &update.AttestedHeader.Beacon
	if !IsValidNormalizedMerkleBranch(finalizedRoot, update.FinalityBranch, FinalizedRootGindexAtSlot(cx.Spec, attested.Slot), attested.StateRoot) {
		return broken("finality_branch leads to the state root", finalizedRoot, attested.StateRoot)
	}
	return nil
}

// validateNextSyncCommittee checks that the next sync committee, if there is one, is that of the attested state.
func validateNextSyncCommittee(store *LightClientStore, update *types.LightClientUpdate) error {
	cx := store.Cx
	if !IsSyncCommitteeUpdate(update) {
		if !isDefault(cx, &update.NextSyncCommittee) {
			return broken("without next_sync_committee_branch update.next_sync_committee == SyncCommittee()",
				update.NextSyncCommittee.AggregatePubkey, "the default value")
		}
		return nil
	}
	attested := &update.AttestedHeader.Beacon
	attestedPeriod := types.ComputeSyncCommitteePeriodAtSlot(cx.Spec, attested.Slot)
	storePeriod := types.ComputeSyncCommitteePeriodAtSlot(cx.Spec, store.FinalizedHeader.Beacon.Slot)
	if attestedPeriod == storePeriod && IsNextSyncCommitteeKnown(store) && !sameCommittee(&update.NextSyncCommittee, &store.NextSyncCommittee) {
		return broken("update.next_sync_committee == store.next_sync_committee",
			update.NextSyncCommittee.AggregatePubkey, store.NextSyncCommittee.AggregatePubkey)
	}
	leaf, err := ssz.HashTreeRoot(cx, ssz.Container(&update.NextSyncCommittee))
	if err != nil {
		return fmt.Errorf("next sync committee: %w", err)
	}
	if !IsValidNormalizedMerkleBranch(leaf, update.NextSyncCommitteeBranch, NextSyncCommitteeGindexAtSlot(cx.Spec, attested.Slot), attested.StateRoot) {
		return broken("next_sync_committee_branch leads to the state root", types.Root(leaf), attested.StateRoot)
	}
	return nil
}

func sameCommittee(a, b *types.SyncCommittee) bool {
	return a.AggregatePubkey == b.AggregatePubkey && slices.Equal(a.Pubkeys, b.Pubkeys)
}

// validateSignature checks the sync committee's signature of the attested header.
func validateSignature(store *LightClientStore, update *types.LightClientUpdate, genesisValidatorsRoot types.Root) error {
	spec := store.Cx.Spec
	storePeriod := types.ComputeSyncCommitteePeriodAtSlot(spec, store.FinalizedHeader.Beacon.Slot)
	committee := &store.NextSyncCommittee
	if types.ComputeSyncCommitteePeriodAtSlot(spec, update.SignatureSlot) == storePeriod {
		committee = &store.CurrentSyncCommittee
	}
	// A slice that was never set stands for zeros, which are no keys.
	if uint64(len(committee.Pubkeys)) != spec.SyncCommitteeSize {
		return broken("size of the sync committee", len(committee.Pubkeys), spec.SyncCommitteeSize)
	}
	var keys []*bls.PublicKey
	for i, pubkey := range committee.Pubkeys {
		if !update.SyncAggregate.SyncCommitteeBits.BitAt(uint64(i)) {
			continue
		}
		key, err := bls.PublicKeyFromBytes(pubkey[:])
		if err != nil {
			return fmt.Errorf("member %d of the sync committee: %w", i, err)
		}
		keys = append(keys, key)
	}
	signature, err := bls.SignatureFromBytes(update.SyncAggregate.SyncCommitteeSignature[:])
	if err != nil {
		return fmt.Errorf("sync committee signature: %w", err)
	}
	// The committee signs at the end of the slot before the block that carries its signature.
	forkVersionSlot := max(update.SignatureSlot, 1) - 1
	forkVersion := spec.ComputeForkVersion(types.ComputeEpochAtSlot(spec, forkVersionSlot))
	domain := types.ComputeDomain(params.DomainSyncCommittee(), forkVersion, genesisValidatorsRoot)
	signingRoot := types.ComputeSigningRoot(types.HashTreeRoot(&update.AttestedHeader.Beacon), domain)
	if !bls.FastAggregateVerify(keys, signingRoot[:], signature) {
		return broken("bls.FastAggregateVerify(participant_pubkeys, signing_root, sync_committee_signature)", update.SyncAggregate.SyncCommitteeSignature, "a valid signature")
	}
	return nil
}
