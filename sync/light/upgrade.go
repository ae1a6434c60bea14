package light

import (
	"fmt"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// The functions of this file bring an object from the form of cx to that of a later fork. They skip over forks in between.
// They fail on a fork with an earlier form and on an object that is not of the form of cx.

// UpgradeLCHeader upgrades a header.
// Spec: upgrade_lc_header_to_capella, upgrade_lc_header_to_deneb, upgrade_lc_header_to_electra, upgrade_lc_header_to_gloas.
func UpgradeLCHeader(cx ssz.Context, to params.Fork, pre *types.LightClientHeader) (types.LightClientHeader, error) {
	if err := checkUpgrade(cx, to, pre); err != nil {
		return types.LightClientHeader{}, err
	}
	// Until Gloas upgrades only add fields, with their default values.
	if to < params.Gloas || cx.Fork >= params.Gloas {
		return *pre, nil
	}
	fork := executionFork(cx, pre)
	if fork < params.Capella || isDefault(cx, pre) {
		return types.LightClientHeader{Beacon: pre.Beacon}, nil
	}
	branch, err := prove(ssz.Context{Spec: cx.Spec, Fork: fork}, &pre.Execution, blockHashGindex(fork))
	if err != nil {
		return types.LightClientHeader{}, fmt.Errorf("upgrade header to %v: %w", to, err)
	}
	upper, err := NormalizeMerkleBranch(pre.ExecutionBranch, params.ExecutionPayloadGindex) // nil stands for zeros
	if err != nil {
		return types.LightClientHeader{}, fmt.Errorf("upgrade header to %v: %w", to, err)
	}
	branch, err = NormalizeMerkleBranch(append(branch, upper...), types.ExecutionBlockHashGindex(to))
	if err != nil {
		return types.LightClientHeader{}, fmt.Errorf("upgrade header to %v: %w", to, err)
	}
	return types.LightClientHeader{
		Beacon:             pre.Beacon,
		ExecutionBlockHash: pre.Execution.BlockHash,
		ExecutionBranch:    branch,
	}, nil
}

// UpgradeLCBootstrap upgrades a bootstrap.
// Spec: upgrade_lc_bootstrap_to_capella, upgrade_lc_bootstrap_to_deneb, upgrade_lc_bootstrap_to_electra,
// upgrade_lc_bootstrap_to_gloas.
func UpgradeLCBootstrap(cx ssz.Context, to params.Fork, pre *types.LightClientBootstrap) (*types.LightClientBootstrap, error) {
	if err := checkUpgrade(cx, to, pre); err != nil {
		return nil, err
	}
	post := *pre
	u := upgrade{cx: cx, to: to}
	u.header(&post.Header)
	u.branch(&post.CurrentSyncCommitteeBranch, types.CurrentSyncCommitteeGindex(to))
	return &post, u.err
}

// UpgradeLCUpdate upgrades an update.
// Spec: upgrade_lc_update_to_capella, upgrade_lc_update_to_deneb, upgrade_lc_update_to_electra, upgrade_lc_update_to_gloas.
func UpgradeLCUpdate(cx ssz.Context, to params.Fork, pre *types.LightClientUpdate) (*types.LightClientUpdate, error) {
	if err := checkUpgrade(cx, to, pre); err != nil {
		return nil, err
	}
	post := *pre
	u := upgrade{cx: cx, to: to}
	u.header(&post.AttestedHeader)
	u.branch(&post.NextSyncCommitteeBranch, types.NextSyncCommitteeGindex(to))
	u.header(&post.FinalizedHeader)
	u.branch(&post.FinalityBranch, types.FinalizedRootGindex(to))
	return &post, u.err
}

// UpgradeLCFinalityUpdate upgrades a finality update.
// Spec: upgrade_lc_finality_update_to_capella, upgrade_lc_finality_update_to_deneb, upgrade_lc_finality_update_to_electra,
// upgrade_lc_finality_update_to_gloas.
func UpgradeLCFinalityUpdate(cx ssz.Context, to params.Fork, pre *types.LightClientFinalityUpdate) (*types.LightClientFinalityUpdate, error) {
	if err := checkUpgrade(cx, to, pre); err != nil {
		return nil, err
	}
	post := *pre
	u := upgrade{cx: cx, to: to}
	u.header(&post.AttestedHeader)
	u.header(&post.FinalizedHeader)
	u.branch(&post.FinalityBranch, types.FinalizedRootGindex(to))
	return &post, u.err
}

// UpgradeLCOptimisticUpdate upgrades an optimistic update.
// Spec: upgrade_lc_optimistic_update_to_capella, upgrade_lc_optimistic_update_to_deneb,
// upgrade_lc_optimistic_update_to_electra, upgrade_lc_optimistic_update_to_gloas.
func UpgradeLCOptimisticUpdate(cx ssz.Context, to params.Fork, pre *types.LightClientOptimisticUpdate) (*types.LightClientOptimisticUpdate, error) {
	if err := checkUpgrade(cx, to, pre); err != nil {
		return nil, err
	}
	post := *pre
	u := upgrade{cx: cx, to: to}
	u.header(&post.AttestedHeader)
	return &post, u.err
}

// UpgradeLCStore gives the store in the form of a later fork; it may be made before the fork begins. The old one stays valid.
// Spec: upgrade_lc_store_to_capella, upgrade_lc_store_to_deneb, upgrade_lc_store_to_electra, upgrade_lc_store_to_gloas.
func UpgradeLCStore(pre *LightClientStore, to params.Fork) (*LightClientStore, error) {
	post := *pre
	u := upgrade{cx: pre.Cx, to: to}
	post.Cx.Fork = to
	u.header(&post.FinalizedHeader)
	u.header(&post.OptimisticHeader)
	if u.err == nil && pre.BestValidUpdate != nil {
		post.BestValidUpdate, u.err = UpgradeLCUpdate(pre.Cx, to, pre.BestValidUpdate)
	}
	if u.err != nil {
		return nil, fmt.Errorf("upgrade store: %w", u.err)
	}
	return &post, nil
}

func checkUpgrade(cx ssz.Context, to params.Fork, pre ssz.Object) error {
	if cx.Fork < params.Altair || formOf(to) < formOf(cx.Fork) {
		return broken("upgrade goes from altair or later to a later form", to, cx.Fork)
	}
	if err := checkForm(cx, pre); err != nil {
		return fmt.Errorf("upgrade to %v: %w", to, err)
	}
	return nil
}

// upgrade upgrades the parts of an object in place and keeps the first error.
type upgrade struct {
	cx  ssz.Context
	to  params.Fork
	err error
}

func (u *upgrade) header(header *types.LightClientHeader) {
	if u.err == nil {
		*header, u.err = UpgradeLCHeader(u.cx, u.to, header)
	}
}

func (u *upgrade) branch(branch *[]types.Bytes32, gindex uint64) {
	if u.err == nil {
		*branch, u.err = NormalizeMerkleBranch(*branch, gindex)
	}
}
