package light

import (
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// formOf is the fork that gave light-client objects the form they have in a fork: bellatrix has altair's, fulu electra's.
func formOf(fork params.Fork) params.Fork {
	switch {
	case fork >= params.Gloas:
		return params.Gloas
	case fork >= params.Electra:
		return params.Electra
	case fork >= params.Capella:
		return fork
	}
	return params.Altair
}

// GetLCExecutionRoot is what execution_branch proves of a header in the form of cx: the root of the payload's header, from
// Gloas on the hash of the parent's payload; zero before Capella. It fails on a header that does not have that form.
// Spec: get_lc_execution_root (capella; modified deneb, gloas).
func GetLCExecutionRoot(cx ssz.Context, header *types.LightClientHeader) (types.Root, error) {
	fork := executionFork(cx, header)
	switch {
	case fork < params.Capella:
		return types.Root{}, nil
	case cx.Fork < params.Gloas:
		return ssz.HashTreeRoot(ssz.Context{Spec: cx.Spec, Fork: fork}, ssz.Container(&header.Execution))
	case fork >= params.Gloas:
		return types.Root(header.ExecutionBlockHash), nil
	case header.Beacon.Slot == params.GenesisSlot:
		return ssz.HashTreeRoot(ssz.Context{Spec: cx.Spec, Fork: fork}, ssz.Container(new(types.ExecutionPayloadHeader)))
	}
	// The form of Gloas keeps no payload header: its root follows from the hash and the lower part of the branch.
	inner := len(header.ExecutionBranch) - floorlog2(params.ExecutionPayloadGindex)
	gindex := blockHashGindex(fork)
	if inner < floorlog2(gindex) {
		return types.Root{}, broken("len(execution_branch)", len(header.ExecutionBranch), types.ExecutionBranchDepth(cx.Fork))
	}
	branch := header.ExecutionBranch[inner-floorlog2(gindex) : inner]
	return ssz.BranchRoot(types.Bytes32(header.ExecutionBlockHash), branch, GetSubtreeIndex(gindex)), nil
}

// IsValidLightClientHeader tells whether a header in the form of cx proves what it says of its payload, and says nothing
// before Capella. A header of a fork whose form is later than that of cx is not valid: by the rules of cx it could go unchecked.
// Spec: is_valid_light_client_header (altair; modified capella, deneb, gloas).
func IsValidLightClientHeader(cx ssz.Context, header *types.LightClientHeader) bool {
	fork := cx.Spec.ForkAtSlot(header.Beacon.Slot)
	if formOf(fork) > formOf(cx.Fork) || checkForm(cx, header) != nil {
		return false
	}
	if fork < params.Deneb && (header.Execution.BlobGasUsed != 0 || header.Execution.ExcessBlobGas != 0) {
		return false
	}
	switch {
	case fork < params.Capella:
		return isDefault(cx, &header.Execution) && header.ExecutionBlockHash == types.Hash32{} && isZeroBranch(header.ExecutionBranch)
	case cx.Fork >= params.Gloas:
		gindex := types.ExecutionBlockHashGindex(fork)
		return IsValidNormalizedMerkleBranch(types.Bytes32(header.ExecutionBlockHash), header.ExecutionBranch, gindex, header.Beacon.BodyRoot)
	}
	leaf, err := GetLCExecutionRoot(cx, header)
	const gindex = params.ExecutionPayloadGindex
	return err == nil && types.IsValidMerkleBranch(
		leaf, header.ExecutionBranch, uint64(floorlog2(gindex)), GetSubtreeIndex(gindex), header.Beacon.BodyRoot)
}

// executionFork is the fork whose rules say what a header of the form of cx holds of its payload.
func executionFork(cx ssz.Context, header *types.LightClientHeader) params.Fork {
	return min(cx.Fork, cx.Spec.ForkAtSlot(header.Beacon.Slot))
}

// blockHashGindex is block_hash in the payload and in its header, from Capella until Fulu.
func blockHashGindex(fork params.Fork) uint64 {
	inBody := types.ExecutionBlockHashGindex(fork)
	below := uint64(1) << (floorlog2(inBody) - floorlog2(params.ExecutionPayloadGindex))
	return below | inBody&(below-1)
}
