package light

import (
	"fmt"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// BlockToLightClientHeader gives the header of a block in the form of cx, which is that of the block's fork or a later one.
// Spec: block_to_light_client_header (altair; modified capella, deneb, gloas).
func BlockToLightClientHeader(cx ssz.Context, block *types.SignedBeaconBlock) (types.LightClientHeader, error) {
	message := &block.Message
	own := ssz.Context{Spec: cx.Spec, Fork: cx.Spec.ForkAtSlot(message.Slot)}
	if own.Fork < params.Altair || formOf(cx.Fork) < formOf(own.Fork) {
		return types.LightClientHeader{}, broken("altair <= fork of the block <= form of the header", own.Fork, cx.Fork)
	}
	beacon, err := message.Header(own)
	if err != nil {
		return types.LightClientHeader{}, fmt.Errorf("block of slot %d: %w", message.Slot, err)
	}
	header := types.LightClientHeader{Beacon: beacon}
	// Payloads of Bellatrix are left out: headers upgraded from Altair's form have none either.
	if own.Fork >= params.Capella {
		if err := addExecution(cx.Fork, own, &message.Body, &header); err != nil {
			return types.LightClientHeader{}, fmt.Errorf("block of slot %d: %w", message.Slot, err)
		}
	}
	return header, nil
}

// addExecution puts into a header of the form of a fork what it says of the payload, with the proof. The body is read under own.
func addExecution(form params.Fork, own ssz.Context, body *types.BeaconBlockBody, header *types.LightClientHeader) (err error) {
	if form < params.Gloas {
		header.ExecutionBranch, err = prove(own, body, params.ExecutionPayloadGindex)
		if err != nil {
			return err
		}
		header.Execution, err = body.ExecutionPayload.Header(own)
		return err
	}
	header.ExecutionBlockHash = body.ExecutionPayload.BlockHash
	if own.Fork >= params.Gloas {
		header.ExecutionBlockHash = body.SignedExecutionPayloadBid.Message.ParentBlockHash
	}
	branch, err := prove(own, body, types.ExecutionBlockHashGindex(own.Fork))
	if err != nil {
		return err
	}
	header.ExecutionBranch, err = NormalizeMerkleBranch(branch, types.ExecutionBlockHashGindex(form))
	return err
}

// CreateLightClientBootstrap derives a bootstrap, in the form of the state's fork, from a block and its post state, to which
// no empty slot has been applied. Spec: create_light_client_bootstrap (altair).
func CreateLightClientBootstrap(state *types.BeaconState, block *types.SignedBeaconBlock) (*types.LightClientBootstrap, error) {
	if _, err := checkPostState(state, block); err != nil {
		return nil, fmt.Errorf("create bootstrap: %w", err)
	}
	header, err := BlockToLightClientHeader(state.Cx, block)
	if err != nil {
		return nil, fmt.Errorf("create bootstrap: %w", err)
	}
	branch, err := prove(state.Cx, state, types.CurrentSyncCommitteeGindex(state.Cx.Fork))
	if err != nil {
		return nil, fmt.Errorf("create bootstrap: %w", err)
	}
	return &types.LightClientBootstrap{
		Header:                     header,
		CurrentSyncCommittee:       committee(state.CurrentSyncCommittee),
		CurrentSyncCommitteeBranch: branch,
	}, nil
}

// CreateLightClientUpdate derives an update, in the form of the attested state's fork, from a block that carries a sync
// aggregate, its parent (the attested block), the post states of both, to which no empty slot has been applied, and the
// block that the attested state calls finalized, nil if it is not at hand. Spec: create_light_client_update (altair).
func CreateLightClientUpdate(
	state *types.BeaconState, block *types.SignedBeaconBlock,
	attestedState *types.BeaconState, attestedBlock, finalizedBlock *types.SignedBeaconBlock,
) (*types.LightClientUpdate, error) {
	update, err := createUpdate(state, block, attestedState, attestedBlock)
	if err == nil && finalizedBlock != nil {
		err = addFinality(update, attestedState, finalizedBlock)
	}
	if err != nil {
		return nil, fmt.Errorf("create update: %w", err)
	}
	return update, nil
}

// createUpdate makes an update without finality.
func createUpdate(
	state *types.BeaconState, block *types.SignedBeaconBlock,
	attestedState *types.BeaconState, attestedBlock *types.SignedBeaconBlock,
) (*types.LightClientUpdate, error) {
	spec := state.Cx.Spec
	participants := block.Message.Body.SyncAggregate.SyncCommitteeBits.Count()
	if participants < spec.MinSyncCommitteeParticipants {
		return nil, broken("sum(sync_committee_bits) >= MIN_SYNC_COMMITTEE_PARTICIPANTS", participants, spec.MinSyncCommitteeParticipants)
	}
	if _, err := checkPostState(state, block); err != nil {
		return nil, err
	}
	attestedRoot, err := checkPostState(attestedState, attestedBlock)
	if err != nil {
		return nil, fmt.Errorf("attested: %w", err)
	}
	if attestedRoot != block.Message.ParentRoot {
		return nil, broken("hash_tree_root(attested_header) == block.message.parent_root", attestedRoot, block.Message.ParentRoot)
	}
	update := &types.LightClientUpdate{SyncAggregate: block.Message.Body.SyncAggregate, SignatureSlot: block.Message.Slot}
	if update.AttestedHeader, err = BlockToLightClientHeader(attestedState.Cx, attestedBlock); err != nil {
		return nil, err
	}
	// The next sync committee is only of use if the current one signs.
	attestedPeriod := types.ComputeSyncCommitteePeriodAtSlot(spec, attestedBlock.Message.Slot)
	if attestedPeriod == types.ComputeSyncCommitteePeriodAtSlot(spec, block.Message.Slot) {
		update.NextSyncCommittee = committee(attestedState.NextSyncCommittee)
		update.NextSyncCommitteeBranch, err = prove(attestedState.Cx, attestedState, types.NextSyncCommitteeGindex(attestedState.Cx.Fork))
	}
	return update, err
}

// addFinality proves the attested state's finalized block.
func addFinality(update *types.LightClientUpdate, attestedState *types.BeaconState, finalizedBlock *types.SignedBeaconBlock) (err error) {
	finalizedRoot := attestedState.FinalizedCheckpoint.Root
	if finalizedBlock.Message.Slot != params.GenesisSlot {
		if update.FinalizedHeader, err = BlockToLightClientHeader(attestedState.Cx, finalizedBlock); err != nil {
			return err
		}
		if root := types.HashTreeRoot(&update.FinalizedHeader.Beacon); root != finalizedRoot {
			return broken("hash_tree_root(finalized_header.beacon) == attested_state.finalized_checkpoint.root", root, finalizedRoot)
		}
	} else if finalizedRoot != (types.Root{}) {
		return broken("with the genesis block attested_state.finalized_checkpoint.root == Bytes32()", finalizedRoot, types.Root{})
	}
	update.FinalityBranch, err = prove(attestedState.Cx, attestedState, types.FinalizedRootGindex(attestedState.Cx.Fork))
	return err
}

// CreateLightClientFinalityUpdate is the part of an update that proves the finalized header.
// Spec: create_light_client_finality_update (altair).
func CreateLightClientFinalityUpdate(update *types.LightClientUpdate) *types.LightClientFinalityUpdate {
	return &types.LightClientFinalityUpdate{
		AttestedHeader:  update.AttestedHeader,
		FinalizedHeader: update.FinalizedHeader,
		FinalityBranch:  update.FinalityBranch,
		SyncAggregate:   update.SyncAggregate,
		SignatureSlot:   update.SignatureSlot,
	}
}

// CreateLightClientOptimisticUpdate is the part of an update that shows the newest header.
// Spec: create_light_client_optimistic_update (altair).
func CreateLightClientOptimisticUpdate(update *types.LightClientUpdate) *types.LightClientOptimisticUpdate {
	return &types.LightClientOptimisticUpdate{
		AttestedHeader: update.AttestedHeader,
		SyncAggregate:  update.SyncAggregate,
		SignatureSlot:  update.SignatureSlot,
	}
}

// checkPostState checks that a state of Altair or later is the immediate post state of a block, and gives the block's root.
func checkPostState(state *types.BeaconState, block *types.SignedBeaconBlock) (types.Root, error) {
	if !state.Since(params.Altair) {
		return types.Root{}, broken("compute_epoch_at_slot(state.slot) >= ALTAIR_FORK_EPOCH", state.Cx.Fork, params.Altair)
	}
	if state.Slot != state.LatestBlockHeader.Slot {
		return types.Root{}, broken("state.slot == state.latest_block_header.slot", state.Slot, state.LatestBlockHeader.Slot)
	}
	header := state.LatestBlockHeader
	var err error
	if header.StateRoot, err = state.HashTreeRoot(); err != nil {
		return types.Root{}, err
	}
	beacon, err := block.Message.Header(state.Cx)
	if err != nil {
		return types.Root{}, fmt.Errorf("block of slot %d: %w", block.Message.Slot, err)
	}
	if header != beacon {
		return types.Root{}, broken("hash_tree_root(header) == hash_tree_root(block.message)", types.HashTreeRoot(&header), types.HashTreeRoot(&beacon))
	}
	return types.HashTreeRoot(&header), nil
}

// committee is a sync committee of a state.
func committee(shared *ssz.Shared[types.SyncCommittee]) types.SyncCommittee {
	if shared == nil {
		return types.SyncCommittee{}
	}
	return shared.Value
}
