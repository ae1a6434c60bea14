package transition

import (
	"slices"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// VerifyExecutionPayloadEnvelope checks a revealed payload against the state after its block. It changes nothing; it
// returns what is left to the execution client.
// Spec: verify_execution_payload_envelope (gloas/fork-choice.md).
func VerifyExecutionPayloadEnvelope(s *State, signed *types.SignedExecutionPayloadEnvelope, h Hooks) (*NewPayloadRequest, error) {
	envelope := &signed.Message
	if err := VerifyExecutionPayloadEnvelopeSignature(s, signed, h); err != nil {
		return nil, err
	}
	root, err := s.HashTreeRoot()
	if err != nil {
		return nil, err
	}
	header := s.LatestBlockHeader
	header.StateRoot = root
	if block := types.HashTreeRoot(&header); envelope.BeaconBlockRoot != block {
		return nil, broken("envelope.beacon_block_root == hash_tree_root(header)", envelope.BeaconBlockRoot, block)
	}
	if envelope.ParentBeaconBlockRoot != header.ParentRoot {
		return nil, broken("envelope.parent_beacon_block_root == state.latest_block_header.parent_root", envelope.ParentBeaconBlockRoot, header.ParentRoot)
	}
	if err := checkPromisedPayload(s, envelope); err != nil {
		return nil, err
	}
	return EnvelopeRequest(envelope, s.LatestExecutionPayloadBid.BlobKZGCommitments), nil
}

// EnvelopeRequest is what a revealed payload asks of the execution client, with the commitments of its block's bid.
func EnvelopeRequest(envelope *types.ExecutionPayloadEnvelope, commitments []types.KZGCommitment) *NewPayloadRequest {
	return &NewPayloadRequest{
		ExecutionPayload:      &envelope.Payload,
		VersionedHashes:       versionedHashes(commitments),
		ParentBeaconBlockRoot: envelope.ParentBeaconBlockRoot,
		ExecutionRequests:     &envelope.ExecutionRequests,
	}
}

// VerifyExecutionPayloadEnvelopeSignature collects the signature of an envelope: that of its builder, or of the block's
// proposer if it is its own. Spec: verify_execution_payload_envelope_signature (gloas).
func VerifyExecutionPayloadEnvelopeSignature(s *State, signed *types.SignedExecutionPayloadEnvelope, h Hooks) error {
	var key types.BLSPubkey
	if builder := signed.Message.BuilderIndex; builder == params.BuilderIndexSelfBuild {
		proposer := s.LatestBlockHeader.ProposerIndex
		if err := s.checkValidator(proposer); err != nil {
			return err
		}
		key = s.Validators.Pubkey(proposer)
	} else {
		if err := s.checkBuilder(builder); err != nil {
			return err
		}
		key = s.Builders.At(int(builder)).Pubkey
	}
	return signedByBuilder(s, key, &signed.Message, signed.Signature, h)
}

// checkPromisedPayload checks that an envelope brings what the bid promised and the state expects.
func checkPromisedPayload(s *State, envelope *types.ExecutionPayloadEnvelope) error {
	bid, payload := &s.LatestExecutionPayloadBid, &envelope.Payload
	if envelope.BuilderIndex != bid.BuilderIndex {
		return broken("envelope.builder_index == bid.builder_index", envelope.BuilderIndex, bid.BuilderIndex)
	}
	if payload.PrevRandao != bid.PrevRandao {
		return broken("payload.prev_randao == bid.prev_randao", payload.PrevRandao, bid.PrevRandao)
	}
	if payload.GasLimit != bid.GasLimit {
		return broken("payload.gas_limit == bid.gas_limit", payload.GasLimit, bid.GasLimit)
	}
	if payload.BlockHash != bid.BlockHash {
		return broken("payload.block_hash == bid.block_hash", payload.BlockHash, bid.BlockHash)
	}
	root, err := ssz.HashTreeRoot(s.Cx, ssz.Container(&envelope.ExecutionRequests))
	if err != nil {
		return err
	}
	if root != bid.ExecutionRequestsRoot {
		return broken("hash_tree_root(envelope.execution_requests) == bid.execution_requests_root", types.Root(root), bid.ExecutionRequestsRoot)
	}
	if payload.SlotNumber != uint64(s.Slot) {
		return broken("payload.slot_number == state.slot", payload.SlotNumber, s.Slot)
	}
	if payload.ParentHash != s.LatestBlockHash {
		return broken("payload.parent_hash == state.latest_block_hash", payload.ParentHash, s.LatestBlockHash)
	}
	if err := s.checkPayloadTime(payload); err != nil {
		return err
	}
	if !slices.Equal(payload.Withdrawals, s.PayloadExpectedWithdrawals) {
		return broken("payload.withdrawals == state.payload_expected_withdrawals", payload.Withdrawals, s.PayloadExpectedWithdrawals)
	}
	return nil
}
