package types

import (
	"math/bits"

	"github.com/cresset/cresset/beacon/params"
)

// Generalized indices that the light-client protocol names. They follow from the field lists, and a test derives them.
//
// Spec: light-client/sync-protocol.md, "Constants" (altair; modified electra, gloas).

// FinalizedRootGindex is finalized_checkpoint.root in the state.
func FinalizedRootGindex(fork params.Fork) uint64 {
	switch {
	case fork >= params.Gloas:
		return params.FinalizedRootGindexGloas
	case fork >= params.Electra:
		return params.FinalizedRootGindexElectra
	}
	return params.FinalizedRootGindex
}

// CurrentSyncCommitteeGindex is current_sync_committee in the state.
func CurrentSyncCommitteeGindex(fork params.Fork) uint64 {
	switch {
	case fork >= params.Gloas:
		return params.CurrentSyncCommitteeGindexGloas
	case fork >= params.Electra:
		return params.CurrentSyncCommitteeGindexElectra
	}
	return params.CurrentSyncCommitteeGindex
}

// NextSyncCommitteeGindex is next_sync_committee in the state.
func NextSyncCommitteeGindex(fork params.Fork) uint64 { return CurrentSyncCommitteeGindex(fork) + 1 }

// ExecutionBlockHashGindex is the hash of the payload that a block body commits to: of its own payload until Fulu, of the
// parent's from Gloas on.
func ExecutionBlockHashGindex(fork params.Fork) uint64 {
	switch {
	case fork >= params.Gloas:
		return params.ExecutionBlockHashGindexGloas
	case fork >= params.Deneb:
		return params.ExecutionBlockHashGindexDeneb
	}
	return params.ExecutionBlockHashGindex
}

func depth(gindex uint64) uint64 { return uint64(bits.Len64(gindex) - 1) }

// FinalityBranchDepth is the length of FinalityBranch.
func FinalityBranchDepth(fork params.Fork) uint64 { return depth(FinalizedRootGindex(fork)) }

// CurrentSyncCommitteeBranchDepth is the length of CurrentSyncCommitteeBranch.
func CurrentSyncCommitteeBranchDepth(fork params.Fork) uint64 {
	return depth(CurrentSyncCommitteeGindex(fork))
}

// NextSyncCommitteeBranchDepth is the length of NextSyncCommitteeBranch.
func NextSyncCommitteeBranchDepth(fork params.Fork) uint64 {
	return depth(NextSyncCommitteeGindex(fork))
}

// ExecutionBranchDepth is the length of ExecutionBranch in a light-client header.
func ExecutionBranchDepth(fork params.Fork) uint64 {
	if fork >= params.Gloas {
		return depth(ExecutionBlockHashGindex(fork))
	}
	return depth(params.ExecutionPayloadGindex)
}
