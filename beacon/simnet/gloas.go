package simnet

import (
	"slices"

	"github.com/cresset/cresset/beacon/engine/mock"
	"github.com/cresset/cresset/beacon/engine/wire"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// WithPayload is the tip with its payload revealed: blocks on it build on the payload.
func (t Tip) WithPayload() Tip {
	t.Full = true
	return t
}

// bid adds the proposer's own bid for the payload of its block (gloas). The payload itself follows from the state after the block,
// but for its withdrawals: those are expected already before.
func (n *Network) bid(parent Tip, s *transition.State, body *types.BeaconBlockBody, content *Content) error {
	before := &s.LatestExecutionPayloadBid
	parentHash := before.ParentBlockHash
	if parent.Full {
		parentHash = before.BlockHash
	}
	root, err := ssz.HashTreeRoot(s.Cx, ssz.Container(&types.ExecutionRequests{}))
	if err != nil {
		return err
	}
	// A trial run of the block's other parts tells the withdrawals that the payload has to pay.
	body.SignedExecutionPayloadBid = types.SignedExecutionPayloadBid{Signature: params.G2PointAtInfinity()}
	bid := &body.SignedExecutionPayloadBid.Message
	*bid = types.ExecutionPayloadBid{
		ParentBlockHash: parentHash, ParentBlockRoot: parent.Root, PrevRandao: s.GetRandaoMix(s.GetCurrentEpoch()), GasLimit: gasLimit,
		BuilderIndex: params.BuilderIndexSelfBuild, Slot: s.Slot, ExecutionRequestsRoot: root,
		BlobKZGCommitments: content.Commitments,
	}
	trial := s.Copy()
	block := &types.BeaconBlock{Slot: s.Slot, ParentRoot: parent.Root, Body: *body}
	if block.ProposerIndex, err = trial.GetBeaconProposerIndex(); err != nil {
		return err
	}
	if _, err := transition.ProcessBlock(trial, block, transition.Hooks{}); err != nil {
		return err
	}
	p, err := n.promised(trial, parent.Root, parent.next())
	if err != nil {
		return err
	}
	bid.BlockHash = p.BlockHash
	return nil
}

// promised is the payload of a block, from the state after it. The randao mix is that before the block, as the bid has it.
func (n *Network) promised(s *transition.State, parentRoot types.Root, number uint64) (types.ExecutionPayload, error) {
	bid := &s.LatestExecutionPayloadBid
	p, err := n.executionPayload(s, s.LatestBlockHash, number, slices.Clone(s.PayloadExpectedWithdrawals), bid.BlobKZGCommitments)
	if err != nil {
		return p, err
	}
	p.PrevRandao, p.SlotNumber, p.BlockAccessList = bid.PrevRandao, uint64(s.Slot), []byte{0xc0}
	p.BlockHash = mock.BlockHash(s.Cx.Fork, &wire.NewPayload{Payload: &p, ParentBeaconBlockRoot: parentRoot})
	return p, nil
}

// envelope is the payload that a block has promised, signed by its proposer.
func (n *Network) envelope(tip Tip) (*types.SignedExecutionPayloadEnvelope, error) {
	s := tip.State.Copy()
	parentRoot := s.LatestBlockHeader.ParentRoot
	p, err := n.promised(s, parentRoot, tip.number)
	if err != nil {
		return nil, err
	}
	signed := &types.SignedExecutionPayloadEnvelope{Message: types.ExecutionPayloadEnvelope{
		Payload: p, BuilderIndex: params.BuilderIndexSelfBuild, BeaconBlockRoot: tip.Root, ParentBeaconBlockRoot: parentRoot,
	}}
	root, err := ssz.HashTreeRoot(s.Cx, ssz.Container(&signed.Message))
	if err != nil {
		return nil, err
	}
	signed.Signature = n.keys.SignAll([]uint64{uint64(s.LatestBlockHeader.ProposerIndex)}, signingRoot(s, root, params.DomainBeaconBuilder(), s.GetCurrentEpoch()))
	return signed, nil
}
