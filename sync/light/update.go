package light

import (
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// IsSyncCommitteeUpdate tells whether an update proves the next sync committee. Spec: is_sync_committee_update (altair).
func IsSyncCommitteeUpdate(update *types.LightClientUpdate) bool {
	return !isZeroBranch(update.NextSyncCommitteeBranch)
}

// IsFinalityUpdate tells whether an update proves a finalized header. Spec: is_finality_update (altair).
func IsFinalityUpdate(update *types.LightClientUpdate) bool {
	return !isZeroBranch(update.FinalityBranch)
}

// ranking is what IsBetterUpdate compares of one update.
type ranking struct {
	participants      uint64
	supermajority     bool // two thirds or more
	relevantCommittee bool // proves the next committee of the period that signed
	finality          bool
	committeeFinality bool // finalized in the period of the attested header
}

func rank(spec *params.Spec, update *types.LightClientUpdate) ranking {
	participants := update.SyncAggregate.SyncCommitteeBits.Count()
	attested := types.ComputeSyncCommitteePeriodAtSlot(spec, update.AttestedHeader.Beacon.Slot)
	signature := types.ComputeSyncCommitteePeriodAtSlot(spec, update.SignatureSlot)
	finalized := types.ComputeSyncCommitteePeriodAtSlot(spec, update.FinalizedHeader.Beacon.Slot)
	return ranking{
		participants:      participants,
		supermajority:     hasSupermajority(spec, participants),
		relevantCommittee: IsSyncCommitteeUpdate(update) && attested == signature,
		finality:          IsFinalityUpdate(update),
		committeeFinality: finalized == attested,
	}
}

// hasSupermajority tells whether two thirds of the sync committee took part.
func hasSupermajority(spec *params.Spec, participants uint64) bool {
	return participants*3 >= spec.SyncCommitteeSize*2
}

// IsBetterUpdate tells whether to keep update rather than old of the same sync committee period. Both have the form of the
// same fork. Spec: is_better_update (altair).
func IsBetterUpdate(spec *params.Spec, update, old *types.LightClientUpdate) bool {
	a, b := rank(spec, update), rank(spec, old)
	switch {
	case a.supermajority != b.supermajority:
		return a.supermajority
	case !a.supermajority && a.participants != b.participants:
		return a.participants > b.participants
	case a.relevantCommittee != b.relevantCommittee:
		return a.relevantCommittee
	case a.finality != b.finality:
		return a.finality
	case a.finality && a.committeeFinality != b.committeeFinality:
		return a.committeeFinality
	// Tie-breakers: more participants, then older data, so that the best changes less often.
	case a.participants != b.participants:
		return a.participants > b.participants
	case update.AttestedHeader.Beacon.Slot != old.AttestedHeader.Beacon.Slot:
		return update.AttestedHeader.Beacon.Slot < old.AttestedHeader.Beacon.Slot
	}
	return update.SignatureSlot < old.SignatureSlot
}
