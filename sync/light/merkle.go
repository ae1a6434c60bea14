package light

import (
	"math/bits"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// floorlog2 is the depth of a generalized index, which is at least 1.
func floorlog2(gindex uint64) int { return bits.Len64(gindex) - 1 }

// GetSubtreeIndex is the position of a generalized index (at least 1) among the nodes of its depth.
// Spec: get_subtree_index (altair).
func GetSubtreeIndex(gindex uint64) uint64 { return gindex - 1<<floorlog2(gindex) }

// IsValidNormalizedMerkleBranch tells whether branch leads from leaf at gindex to root. A branch longer than the index is
// deep begins with that many zeros; a shorter one is not valid. Spec: is_valid_normalized_merkle_branch (altair).
func IsValidNormalizedMerkleBranch(leaf types.Bytes32, branch []types.Bytes32, gindex uint64, root types.Root) bool {
	depth := floorlog2(gindex)
	extra := len(branch) - depth
	if extra < 0 || !isZeroBranch(branch[:extra]) {
		return false
	}
	return types.IsValidMerkleBranch(leaf, branch[extra:], uint64(depth), GetSubtreeIndex(gindex), root)
}

// NormalizeMerkleBranch puts zeros in front of a branch until it is as long as gindex is deep. It fails on a branch that
// is longer already. Spec: normalize_merkle_branch (electra).
func NormalizeMerkleBranch(branch []types.Bytes32, gindex uint64) ([]types.Bytes32, error) {
	depth := floorlog2(gindex)
	if len(branch) > depth {
		return nil, broken("len(branch) <= floorlog2(gindex)", len(branch), depth)
	}
	out := make([]types.Bytes32, depth)
	copy(out[depth-len(branch):], branch)
	return out, nil
}

// isZeroBranch tells whether a branch is its type's default value; none at all stands for that too.
func isZeroBranch(branch []types.Bytes32) bool {
	for _, node := range branch {
		if node != (types.Bytes32{}) {
			return false
		}
	}
	return true
}

// prove is the branch from the node of an object at a generalized index up to its root. Spec: compute_merkle_proof (altair).
func prove(cx ssz.Context, o ssz.Object, gindex uint64) ([]types.Bytes32, error) {
	proof, err := ssz.Prove(cx, ssz.Container(o), gindex)
	if err != nil {
		return nil, err
	}
	branch := make([]types.Bytes32, len(proof.Branch))
	for i, node := range proof.Branch {
		branch[i] = node
	}
	return branch, nil
}

// FinalizedRootGindexAtSlot is the generalized index of finalized_checkpoint.root in the state of a slot.
// Spec: finalized_root_gindex_at_slot (altair; modified electra, gloas).
func FinalizedRootGindexAtSlot(spec *params.Spec, slot types.Slot) uint64 {
	return types.FinalizedRootGindex(spec.ForkAtSlot(slot))
}

// CurrentSyncCommitteeGindexAtSlot is the generalized index of current_sync_committee in the state of a slot.
// Spec: current_sync_committee_gindex_at_slot (altair; modified electra, gloas).
func CurrentSyncCommitteeGindexAtSlot(spec *params.Spec, slot types.Slot) uint64 {
	return types.CurrentSyncCommitteeGindex(spec.ForkAtSlot(slot))
}

// NextSyncCommitteeGindexAtSlot is the generalized index of next_sync_committee in the state of a slot.
// Spec: next_sync_committee_gindex_at_slot (altair; modified electra, gloas).
func NextSyncCommitteeGindexAtSlot(spec *params.Spec, slot types.Slot) uint64 {
	return types.NextSyncCommitteeGindex(spec.ForkAtSlot(slot))
}
