package types

import (
	"fmt"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
)

// ComputeEpochAtSlot is the epoch that a slot lies in. Spec: compute_epoch_at_slot (phase0).
func ComputeEpochAtSlot(s *params.Spec, slot Slot) Epoch {
	return Epoch(uint64(slot) / s.SlotsPerEpoch)
}

// ComputeStartSlotAtEpoch is the first slot of an epoch; it fails where that does not fit 64 bits.
// Spec: compute_start_slot_at_epoch (phase0).
func ComputeStartSlotAtEpoch(s *params.Spec, epoch Epoch) (Slot, error) {
	slot := uint64(epoch) * s.SlotsPerEpoch
	if epoch != 0 && slot/uint64(epoch) != s.SlotsPerEpoch {
		return 0, &params.OverflowError{Op: "Slot *", Left: uint64(epoch), Right: s.SlotsPerEpoch}
	}
	return Slot(slot), nil
}

// ComputeSyncCommitteePeriod is the sync committee period of an epoch. Spec: compute_sync_committee_period (altair).
func ComputeSyncCommitteePeriod(s *params.Spec, epoch Epoch) uint64 {
	return uint64(epoch) / s.EpochsPerSyncCommitteePeriod
}

// ComputeSyncCommitteePeriodAtSlot is the sync committee period of a slot.
// Spec: compute_sync_committee_period_at_slot (altair).
func ComputeSyncCommitteePeriodAtSlot(s *params.Spec, slot Slot) uint64 {
	return ComputeSyncCommitteePeriod(s, ComputeEpochAtSlot(s, slot))
}

// ComputeActivationExitEpoch is the epoch at which an activation or exit asked for in epoch takes effect.
// Spec: compute_activation_exit_epoch (phase0).
func ComputeActivationExitEpoch(s *params.Spec, epoch Epoch) Epoch {
	return epoch + 1 + s.MaxSeedLookahead
}

// ComputeDomain is the signature domain of a type under a fork. Spec: compute_domain (phase0).
func ComputeDomain(kind DomainType, version Version, genesisValidatorsRoot Root) (domain Domain) {
	root := params.ComputeForkDataRoot(version, genesisValidatorsRoot)
	copy(domain[:4], kind[:])
	copy(domain[4:], root[:28])
	return domain
}

// ComputeSigningRoot is what is signed for an object's root under a domain. Spec: compute_signing_root (phase0).
func ComputeSigningRoot(objectRoot Root, domain Domain) Root {
	return ssz.HashPair(objectRoot, domain)
}

// HashTreeRoot is the root of a container that no fork and no preset changes. It panics on any other.
func HashTreeRoot(o ssz.Object) Root {
	root, err := ssz.HashTreeRoot(ssz.Context{}, ssz.Container(o))
	if err != nil {
		panic(fmt.Sprintf("types: root of an unversioned container: %v", err))
	}
	return root
}

// IsValidMerkleBranch tells whether branch leads from leaf at index to root.
// Spec: is_valid_merkle_branch, compute_merkle_branch_root (phase0).
func IsValidMerkleBranch(leaf Bytes32, branch []Bytes32, depth, index uint64, root Root) bool {
	return uint64(len(branch)) == depth && ssz.BranchRoot(leaf, branch, index) == root
}

// Header is the block with its body replaced by the body's root.
func (x *BeaconBlock) Header(cx ssz.Context) (BeaconBlockHeader, error) {
	body, err := ssz.HashTreeRoot(cx, ssz.Container(&x.Body))
	return BeaconBlockHeader{
		Slot: x.Slot, ProposerIndex: x.ProposerIndex, ParentRoot: x.ParentRoot, StateRoot: x.StateRoot, BodyRoot: body,
	}, err
}
