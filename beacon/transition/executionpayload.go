package transition

import (
	"crypto/sha256"
	"fmt"
	"math/bits"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// NewPayloadRequest is what the execution client is asked to check. It shares memory with the block or envelope.
// Spec: NewPayloadRequest (bellatrix; modified deneb, electra).
type NewPayloadRequest struct {
	ExecutionPayload      *types.ExecutionPayload
	VersionedHashes       []types.Bytes32          // since deneb
	ParentBeaconBlockRoot types.Root               // since deneb
	ExecutionRequests     *types.ExecutionRequests // since electra
}

// GetNewPayloadRequest is what a block asks of the execution client, nil if it brings no payload: before the merge and from
// Gloas on. Processing the block gives the same; this is for whoever wants to ask before.
func GetNewPayloadRequest(cx ssz.Context, block *types.BeaconBlock) *NewPayloadRequest {
	if cx.Fork < params.Bellatrix || cx.Fork >= params.Gloas || ssz.Container(&block.Body.ExecutionPayload).IsZero(cx) {
		return nil
	}
	return newPayloadRequest(cx.Fork, &block.Body, block.ParentRoot)
}

func newPayloadRequest(fork params.Fork, body *types.BeaconBlockBody, parent types.Root) *NewPayloadRequest {
	request := &NewPayloadRequest{ExecutionPayload: &body.ExecutionPayload}
	if fork >= params.Deneb {
		request.VersionedHashes = versionedHashes(body.BlobKZGCommitments)
		request.ParentBeaconBlockRoot = parent
	}
	if fork >= params.Electra {
		request.ExecutionRequests = &body.ExecutionRequests
	}
	return request
}

// Check is the part of verify_and_notify_new_payload that needs no execution client: no transaction is empty. A request
// that fails it is invalid, whatever the execution client says. Spec: verify_and_notify_new_payload (bellatrix).
func (r *NewPayloadRequest) Check() error {
	for i, transaction := range r.ExecutionPayload.Transactions {
		if len(transaction) == 0 {
			return broken("no transaction is empty", fmt.Sprintf("transaction %d of 0 bytes", i), "at least 1 byte")
		}
	}
	return nil
}

// KZGCommitmentToVersionedHash is the name that the execution layer gives a blob.
// Spec: kzg_commitment_to_versioned_hash (deneb).
func KZGCommitmentToVersionedHash(c types.KZGCommitment) types.Bytes32 {
	hash := types.Bytes32(sha256.Sum256(c[:]))
	hash[0] = params.VersionedHashVersionKZG
	return hash
}

func versionedHashes(commitments []types.KZGCommitment) []types.Bytes32 {
	hashes := make([]types.Bytes32, len(commitments))
	for i, c := range commitments {
		hashes[i] = KZGCommitmentToVersionedHash(c)
	}
	return hashes
}

// GetExecutionRequestsList encodes requests for the execution client: those of a kind behind the byte that names the kind,
// without the kinds of which there is none. Spec: get_execution_requests_list (electra; modified gloas).
func GetExecutionRequestsList(cx ssz.Context, r *types.ExecutionRequests) ([][]byte, error) {
	unbounded := ssz.Cap(0, true) // lengths have been checked where the requests come from
	kinds := []struct {
		kind  byte
		count int
		list  ssz.Node
	}{
		{params.DepositRequestType, len(r.Deposits), ssz.List(&r.Deposits, unbounded)},
		{params.WithdrawalRequestType, len(r.Withdrawals), ssz.List(&r.Withdrawals, unbounded)},
		{params.ConsolidationRequestType, len(r.Consolidations), ssz.List(&r.Consolidations, unbounded)},
		{params.BuilderDepositRequestType, len(r.BuilderDeposits), ssz.List(&r.BuilderDeposits, unbounded)},
		{params.BuilderExitRequestType, len(r.BuilderExits), ssz.List(&r.BuilderExits, unbounded)},
	}
	var out [][]byte
	for _, k := range kinds {
		if k.count == 0 {
			continue
		}
		encoded, err := k.list.Encode(cx, []byte{k.kind})
		if err != nil {
			return nil, fmt.Errorf("encode execution requests of type %d: %w", k.kind, err)
		}
		out = append(out, encoded)
	}
	return out, nil
}

// IsMergeTransitionComplete tells whether the state has seen a payload. Spec: is_merge_transition_complete (bellatrix).
func IsMergeTransitionComplete(s *State) bool {
	return !ssz.Container(&s.LatestExecutionPayloadHeader).IsZero(s.Cx)
}

// IsExecutionEnabled tells whether a Bellatrix block has a payload to process: from the first block with a payload on.
// Spec: is_execution_enabled, is_merge_transition_block (bellatrix).
func IsExecutionEnabled(s *State, body *types.BeaconBlockBody) bool {
	return IsMergeTransitionComplete(s) || !ssz.Container(&body.ExecutionPayload).IsZero(s.Cx)
}

// ComputeTimeAtSlot is when a slot begins, in Unix seconds. Spec: compute_time_at_slot (phase0).
func (s *State) ComputeTimeAtSlot(slot types.Slot) (uint64, error) {
	overflow, ms := bits.Mul64(uint64(slot), s.Spec().SlotDurationMs)
	time, carry := bits.Add64(s.GenesisTime, ms/1000, 0)
	if overflow != 0 || carry != 0 {
		return 0, broken("genesis_time + slot * SLOT_DURATION_MS / 1000 fits 64 bits", slot, s.GenesisTime)
	}
	return time, nil
}

// maxBlobs is how many blobs a block of the state's epoch may have.
func (s *State) maxBlobs() uint64 {
	switch {
	case s.Since(params.Fulu):
		return s.Spec().GetBlobParameters(s.GetCurrentEpoch()).MaxBlobsPerBlock
	case s.Since(params.Electra):
		return s.Spec().MaxBlobsPerBlockElectra
	}
	return s.Spec().MaxBlobsPerBlock
}

// checkBlobCount checks the number of a block's commitments.
func (s *State) checkBlobCount(commitments []types.KZGCommitment) error {
	if most := s.maxBlobs(); uint64(len(commitments)) > most {
		return broken("len(blob_kzg_commitments) <= max_blobs_per_block", len(commitments), most)
	}
	return nil
}

// checkPayloadTime checks that a payload is for the state's slot.
func (s *State) checkPayloadTime(payload *types.ExecutionPayload) error {
	time, err := s.ComputeTimeAtSlot(s.Slot)
	if err != nil {
		return err
	}
	if payload.Timestamp != time {
		return broken("payload.timestamp == compute_time_at_slot(state, state.slot)", payload.Timestamp, time)
	}
	return nil
}

// ProcessExecutionPayload checks the payload of a block against the state and keeps its header. It returns what is left to
// the execution client. Spec: process_execution_payload (bellatrix; modified capella, deneb, electra, fulu; removed gloas).
func ProcessExecutionPayload(s *State, body *types.BeaconBlockBody) (*NewPayloadRequest, error) {
	payload := &body.ExecutionPayload
	if parent := s.LatestExecutionPayloadHeader.BlockHash; payload.ParentHash != parent && (s.Since(params.Capella) || IsMergeTransitionComplete(s)) {
		return nil, broken("payload.parent_hash == state.latest_execution_payload_header.block_hash", payload.ParentHash, parent)
	}
	if mix := s.GetRandaoMix(s.GetCurrentEpoch()); payload.PrevRandao != mix {
		return nil, broken("payload.prev_randao == get_randao_mix(state, get_current_epoch(state))", payload.PrevRandao, mix)
	}
	if err := s.checkPayloadTime(payload); err != nil {
		return nil, err
	}
	if s.Since(params.Deneb) {
		if err := s.checkBlobCount(body.BlobKZGCommitments); err != nil {
			return nil, err
		}
	}
	header, err := payload.Header(s.Cx)
	if err != nil {
		return nil, err
	}
	s.LatestExecutionPayloadHeader = header
	return newPayloadRequest(s.Cx.Fork, body, s.LatestBlockHeader.ParentRoot), nil
}
