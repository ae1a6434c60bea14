package transition

import (
	"encoding/binary"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// ProcessBlock applies a block to a state at the block's slot. It returns the payload that the execution client has to
// check, nil if the block brings none (before the merge, and from Gloas on).
// Spec: process_block (phase0; modified altair, bellatrix, capella, gloas).
func ProcessBlock(s *State, block *types.BeaconBlock, h Hooks) (*NewPayloadRequest, error) {
	var (
		payload    *NewPayloadRequest
		parentSlot types.Slot
		err        error
	)
	body := &block.Body
	if s.Since(params.Gloas) {
		if err = ProcessParentExecutionPayload(s, block); err != nil {
			return nil, within("parent execution payload", err)
		}
	}
	if err = ProcessBlockHeader(s, block); err != nil {
		return nil, within("block header", err)
	}
	switch {
	case s.Since(params.Gloas):
		if err = ProcessWithdrawals(s, nil); err != nil {
			return nil, within("withdrawals", err)
		}
		if parentSlot, err = ProcessExecutionPayloadBid(s, &body.SignedExecutionPayloadBid, h); err != nil {
			return nil, within("execution payload bid", err)
		}
	case s.Since(params.Capella) || s.Since(params.Bellatrix) && IsExecutionEnabled(s, body):
		if s.Since(params.Capella) {
			if err = ProcessWithdrawals(s, &body.ExecutionPayload); err != nil {
				return nil, within("withdrawals", err)
			}
		}
		if payload, err = ProcessExecutionPayload(s, body); err != nil {
			return nil, within("execution payload", err)
		}
	}
	if err = ProcessRandao(s, body, h); err != nil {
		return nil, within("randao", err)
	}
	ProcessEth1Data(s, body)
	if err = ProcessOperations(s, body, parentSlot, h); err != nil {
		return nil, err
	}
	if s.Since(params.Altair) {
		if err = ProcessSyncAggregate(s, &body.SyncAggregate, h); err != nil {
			return nil, within("sync aggregate", err)
		}
	}
	return payload, nil
}

// ProcessBlockHeader checks the block's place in the chain. Spec: process_block_header (phase0).
func ProcessBlockHeader(s *State, block *types.BeaconBlock) error {
	if block.Slot != s.Slot {
		return broken("block.slot == state.slot", block.Slot, s.Slot)
	}
	if block.Slot <= s.LatestBlockHeader.Slot {
		return broken("block.slot > state.latest_block_header.slot", block.Slot, s.LatestBlockHeader.Slot)
	}
	proposer, err := s.GetBeaconProposerIndex()
	if err != nil {
		return err
	}
	if block.ProposerIndex != proposer {
		return broken("block.proposer_index == get_beacon_proposer_index(state)", block.ProposerIndex, proposer)
	}
	if parent := types.HashTreeRoot(&s.LatestBlockHeader); block.ParentRoot != parent {
		return broken("block.parent_root == hash_tree_root(state.latest_block_header)", block.ParentRoot, parent)
	}
	header, err := block.Header(s.Cx)
	if err != nil {
		return err
	}
	header.StateRoot = types.Root{} // known, and filled in, when the next slot is processed
	s.LatestBlockHeader = header
	if s.Validators.Slashed(proposer) {
		return broken("not proposer.slashed", proposer, "a validator that is not slashed")
	}
	return nil
}

// ProcessRandao checks and mixes in the proposer's reveal. Spec: process_randao (phase0).
func ProcessRandao(s *State, body *types.BeaconBlockBody, h Hooks) error {
	epoch := s.GetCurrentEpoch()
	proposer, err := s.GetBeaconProposerIndex()
	if err != nil {
		return err
	}
	var epochRoot types.Root
	binary.LittleEndian.PutUint64(epochRoot[:], uint64(epoch))
	root := types.ComputeSigningRoot(epochRoot, s.GetDomain(params.DomainRandao(), epoch))
	if err := h.signedByValidator(s, proposer, root, body.RandaoReveal, "randao reveal"); err != nil {
		return err
	}
	s.RandaoMixes.Set(int(uint64(epoch)%s.Spec().EpochsPerHistoricalVector), mixIn(s.GetRandaoMix(epoch), body.RandaoReveal))
	return nil
}

// ProcessEth1Data counts the block's vote for a state of the deposit contract. Spec: process_eth1_data (phase0).
func ProcessEth1Data(s *State, body *types.BeaconBlockBody) {
	s.Eth1DataVotes.Append(body.Eth1Data)
	votes := uint64(0)
	for i := range s.Eth1DataVotes.Len() {
		if *s.Eth1DataVotes.At(i) == body.Eth1Data {
			votes++
		}
	}
	if votes*2 > s.Spec().EpochsPerEth1VotingPeriod*s.Spec().SlotsPerEpoch {
		s.Eth1Data = body.Eth1Data
	}
}
