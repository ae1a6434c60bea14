package transition

import (
	"fmt"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// ProcessExecutionPayloadBid checks the bid in a block and makes it the state's. It returns the slot of the block's parent,
// which the state's former bid was for. Spec: process_execution_payload_bid (gloas).
func ProcessExecutionPayloadBid(s *State, signed *types.SignedExecutionPayloadBid, h Hooks) (types.Slot, error) {
	bid := &signed.Message
	if err := checkBidder(s, signed, h); err != nil {
		return 0, err
	}
	if err := s.checkBlobCount(bid.BlobKZGCommitments); err != nil {
		return 0, err
	}
	if bid.Slot != s.Slot {
		return 0, broken("bid.slot == state.slot", bid.Slot, s.Slot)
	}
	if s.Slot <= params.GenesisSlot {
		return 0, broken("state.slot > GENESIS_SLOT", s.Slot, params.GenesisSlot)
	}
	if bid.ParentBlockHash != s.LatestBlockHash {
		return 0, broken("bid.parent_block_hash == state.latest_block_hash", bid.ParentBlockHash, s.LatestBlockHash)
	}
	parent, err := s.GetBlockRootAtSlot(s.Slot - 1)
	if err != nil {
		return 0, err
	}
	if bid.ParentBlockRoot != parent {
		return 0, broken("bid.parent_block_root == get_block_root_at_slot(state, state.slot - 1)", bid.ParentBlockRoot, parent)
	}
	if mix := s.GetRandaoMix(s.GetCurrentEpoch()); bid.PrevRandao != mix {
		return 0, broken("bid.prev_randao == get_randao_mix(state, get_current_epoch(state))", bid.PrevRandao, mix)
	}
	if bid.Value > 0 {
		proposer, err := s.GetBeaconProposerIndex()
		if err != nil {
			return 0, err
		}
		slots := s.Spec().SlotsPerEpoch
		s.BuilderPendingPayments.Set(int(slots+uint64(bid.Slot)%slots), types.BuilderPendingPayment{
			Withdrawal:    types.BuilderPendingWithdrawal{FeeRecipient: bid.FeeRecipient, Amount: bid.Value, BuilderIndex: bid.BuilderIndex},
			ProposerIndex: proposer,
		})
	}
	parentSlot := s.LatestExecutionPayloadBid.Slot
	s.LatestExecutionPayloadBid = *bid
	return parentSlot, nil
}

// checkBidder checks that the builder of a bid may make it and can pay, and collects its signature.
// Spec: process_execution_payload_bid (gloas).
func checkBidder(s *State, signed *types.SignedExecutionPayloadBid, h Hooks) error {
	bid := &signed.Message
	if bid.BuilderIndex == params.BuilderIndexSelfBuild {
		if bid.Value != 0 {
			return broken("bid.value == 0 of a self-build", bid.Value, 0)
		}
		if want := params.G2PointAtInfinity(); signed.Signature != want {
			return broken("the signature of a self-build's bid is G2_POINT_AT_INFINITY", signed.Signature, want)
		}
		return nil
	}
	if err := s.checkBuilder(bid.BuilderIndex); err != nil {
		return err
	}
	if !IsActiveBuilder(s, bid.BuilderIndex) {
		return broken("is_active_builder(state, builder_index)", bid.BuilderIndex, "an active builder")
	}
	builder := s.Builders.At(int(bid.BuilderIndex))
	if builder.Version != params.PayloadBuilderVersion {
		return broken("state.builders[builder_index].version == PAYLOAD_BUILDER_VERSION", builder.Version, params.PayloadBuilderVersion)
	}
	covered, err := CanBuilderCoverBid(s, bid.BuilderIndex, bid.Value)
	if err != nil {
		return err
	}
	if !covered {
		return broken("can_builder_cover_bid(state, builder_index, amount)", bid.Value, fmt.Sprintf("what builder %d can spare of %d", bid.BuilderIndex, builder.Balance))
	}
	return VerifyExecutionPayloadBidSignature(s, signed, h)
}

// VerifyExecutionPayloadBidSignature collects the signature of a bid of a builder.
// Spec: verify_execution_payload_bid_signature (gloas).
func VerifyExecutionPayloadBidSignature(s *State, signed *types.SignedExecutionPayloadBid, h Hooks) error {
	if err := s.checkBuilder(signed.Message.BuilderIndex); err != nil {
		return err
	}
	key := s.Builders.At(int(signed.Message.BuilderIndex)).Pubkey
	return signedByBuilder(s, key, &signed.Message, signed.Signature, h)
}

// signedByBuilder collects a signature in the domain of builders.
func signedByBuilder(s *State, key types.BLSPubkey, message ssz.Object, signature types.BLSSignature, h Hooks) error {
	if h.Signatures == nil {
		return nil
	}
	root, err := ssz.HashTreeRoot(s.Cx, ssz.Container(message))
	if err != nil {
		return err
	}
	domain := s.GetDomain(params.DomainBeaconBuilder(), s.GetCurrentEpoch())
	return h.signedByKey(s, key, types.ComputeSigningRoot(root, domain), signature, "builder")
}

// ProcessParentExecutionPayload applies what the parent block's payload asks for, if a block builds on that payload.
// Spec: process_parent_execution_payload (gloas).
func ProcessParentExecutionPayload(s *State, block *types.BeaconBlock) error {
	bid, parent := &block.Body.SignedExecutionPayloadBid.Message, &s.LatestExecutionPayloadBid
	requests := &block.Body.ParentExecutionRequests
	if bid.ParentBlockHash != parent.BlockHash {
		if !ssz.Container(requests).IsZero(s.Cx) {
			return broken("requests == ExecutionRequests() of a parent without payload", "some requests", "none")
		}
		return nil
	}
	root, err := ssz.HashTreeRoot(s.Cx, ssz.Container(requests))
	if err != nil {
		return err
	}
	if root != parent.ExecutionRequestsRoot {
		return broken("hash_tree_root(requests) == parent_bid.execution_requests_root", types.Root(root), parent.ExecutionRequestsRoot)
	}
	return ApplyParentExecutionPayload(s, requests)
}

// ApplyParentExecutionPayload applies the requests of the payload that the state's bid promised, and pays its builder. A
// proposer calls it, too, before it computes withdrawals. Spec: apply_parent_execution_payload (gloas).
func ApplyParentExecutionPayload(s *State, requests *types.ExecutionRequests) error {
	spec, bid := s.Spec(), s.LatestExecutionPayloadBid
	if err := checkLimits([]listLimit{
		{"len(requests.withdrawals) <= MAX_WITHDRAWAL_REQUESTS_PER_PAYLOAD", len(requests.Withdrawals), spec.MaxWithdrawalRequestsPerPayload},
		{"len(requests.consolidations) <= MAX_CONSOLIDATION_REQUESTS_PER_PAYLOAD", len(requests.Consolidations), spec.MaxConsolidationRequestsPerPayload},
		{"len(requests.builder_deposits) <= MAX_BUILDER_DEPOSIT_REQUESTS_PER_PAYLOAD", len(requests.BuilderDeposits), spec.MaxBuilderDepositRequestsPerPayload},
		{"len(requests.builder_exits) <= MAX_BUILDER_EXIT_REQUESTS_PER_PAYLOAD", len(requests.BuilderExits), spec.MaxBuilderExitRequestsPerPayload},
	}); err != nil {
		return err
	}
	if err := processRequests(s, requests); err != nil {
		return err
	}
	slots := spec.SlotsPerEpoch
	payment := uint64(bid.Slot) % slots
	switch epoch := types.ComputeEpochAtSlot(spec, bid.Slot); {
	case epoch == s.GetCurrentEpoch():
		if err := SettleBuilderPayment(s, slots+payment); err != nil {
			return err
		}
	case epoch == s.GetPreviousEpoch():
		if err := SettleBuilderPayment(s, payment); err != nil {
			return err
		}
	case bid.Value > 0: // older: the payment is no longer among those that wait
		s.BuilderPendingWithdrawals.Append(types.BuilderPendingWithdrawal{
			FeeRecipient: bid.FeeRecipient, Amount: bid.Value, BuilderIndex: bid.BuilderIndex,
		})
	}
	s.ExecutionPayloadAvailability.SetBitAt(uint64(bid.Slot)%spec.SlotsPerHistoricalRoot, true)
	s.LatestBlockHash = bid.BlockHash
	return nil
}
