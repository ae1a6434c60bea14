package synthetic

import (
	"slices"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

const (
	gasLimit     = 60_000_000
	transactions = 250
	blobs        = 6
)

// executionPayload is the payload of the state's slot but for what binds it to its parent.
func (c *Chain) executionPayload(s *transition.State, withdrawals []types.Withdrawal) (types.ExecutionPayload, error) {
	r := newRandom(c.config.Seed, 2<<40+uint64(s.Slot))
	p := types.ExecutionPayload{
		StateRoot: r.root(), ReceiptsRoot: r.root(), LogsBloom: r.bytes(int(c.spec.BytesPerLogsBloom)),
		PrevRandao: s.GetRandaoMix(s.GetCurrentEpoch()), BlockNumber: 24_000_000 + uint64(s.Slot), GasLimit: gasLimit,
		GasUsed: gasLimit / 2, ExtraData: r.bytes(20), BlockHash: types.Hash32(r.root()), Withdrawals: withdrawals,
		BlobGasUsed: blobs << 17,
	}
	r.fill(p.FeeRecipient[:])
	r.fill(p.BaseFeePerGas[:4])
	for range transactions {
		// Transfers have about 110 bytes, calls of contracts several hundred.
		p.Transactions = append(p.Transactions, r.bytes(110+int(r.Uint64N(600))))
	}
	var err error
	p.Timestamp, err = s.ComputeTimeAtSlot(s.Slot)
	return p, err
}

// commitments stand for the blobs of a payload. That they are points is checked with the blobs, not by the transition.
func (c *Chain) commitments(r random) []types.KZGCommitment {
	out := make([]types.KZGCommitment, blobs)
	for i := range out {
		r.fill(out[i][:])
	}
	return out
}

// payload adds the payload that blocks carry until Gloas.
func (c *Chain) payload(s *transition.State, body *types.BeaconBlockBody) error {
	expected, err := transition.GetExpectedWithdrawals(s)
	if err != nil {
		return err
	}
	if body.ExecutionPayload, err = c.executionPayload(s, expected.Withdrawals); err != nil {
		return err
	}
	body.ExecutionPayload.ParentHash = s.LatestExecutionPayloadHeader.BlockHash
	body.BlobKZGCommitments = c.commitments(newRandom(c.config.Seed, 3<<40+uint64(s.Slot)))
	body.ExecutionRequests = c.requests(s, s.Slot)
	return nil
}

// bidAndVotes adds what blocks carry from Gloas on. All payloads are delivered.
func (c *Chain) bidAndVotes(s *transition.State, body *types.BeaconBlockBody, parentSlot types.Slot) error {
	parent := &s.LatestExecutionPayloadBid
	body.ParentExecutionRequests = c.requests(s, parent.Slot)
	promised := c.requests(s, s.Slot)
	root, err := ssz.HashTreeRoot(s.Cx, ssz.Container(&promised))
	if err != nil {
		return err
	}
	bid := c.bid(s.Slot)
	bid.ParentBlockHash, bid.ParentBlockRoot = parent.BlockHash, types.HashTreeRoot(&s.LatestBlockHeader)
	bid.PrevRandao = s.GetRandaoMix(s.GetCurrentEpoch())
	bid.BlobKZGCommitments = c.commitments(newRandom(c.config.Seed, 3<<40+uint64(s.Slot)))
	bid.ExecutionRequestsRoot = root
	body.SignedExecutionPayloadBid.Message = bid
	if body.SignedExecutionPayloadBid.Signature, err = c.signBuilder(s, bid.BuilderIndex, &bid); err != nil {
		return err
	}
	return c.payloadVotes(s, body, parentSlot)
}

// signBuilder signs a bid or an envelope.
func (c *Chain) signBuilder(s *transition.State, builder types.BuilderIndex, message ssz.Object) (types.BLSSignature, error) {
	root, err := ssz.HashTreeRoot(s.Cx, ssz.Container(message))
	return c.keys.signOne(builderKeys+uint64(builder), c.signingRoot(s, root, params.DomainBeaconBuilder(), s.GetCurrentEpoch())), err
}

// payloadVotes adds the votes for the parent's payload: of those present, all say that it came.
func (c *Chain) payloadVotes(s *transition.State, body *types.BeaconBlockBody, slot types.Slot) error {
	committee, err := s.GetPTC(slot)
	if err != nil {
		return err
	}
	a := types.PayloadAttestation{
		AggregationBits: ssz.NewBitvector(c.spec.PTCSize),
		Data: types.PayloadAttestationData{
			BeaconBlockRoot: types.HashTreeRoot(&s.LatestBlockHeader), Slot: slot, PayloadPresent: true, BlobDataAvailable: true,
		},
	}
	e := types.ComputeEpochAtSlot(c.spec, slot)
	var signers sum
	for i, member := range committee {
		if !c.absent(uint32(member), e) {
			a.AggregationBits.SetBitAt(uint64(i), true)
			signers.add(uint64(member))
		}
	}
	a.Signature = c.keys.sign(signers, c.signingRoot(s, types.HashTreeRoot(&a.Data), params.DomainPTCAttester(), e))
	body.PayloadAttestations = []types.PayloadAttestation{a}
	return nil
}

// Envelope builds the payload that the bid in the state's latest block has promised. The state is the one right after the
// block; it is not changed but for its cached roots. Gloas only.
func (c *Chain) Envelope(s *transition.State) (*types.SignedExecutionPayloadEnvelope, error) {
	bid := &s.LatestExecutionPayloadBid
	payload, err := c.executionPayload(s, slices.Clone(s.PayloadExpectedWithdrawals))
	if err != nil {
		return nil, err
	}
	payload.BlockHash, payload.PrevRandao, payload.ParentHash = bid.BlockHash, bid.PrevRandao, s.LatestBlockHash
	payload.SlotNumber, payload.BlockAccessList = uint64(s.Slot), newRandom(c.config.Seed, 4<<40+uint64(s.Slot)).bytes(40_000)
	header := s.LatestBlockHeader
	if header.StateRoot, err = s.HashTreeRoot(); err != nil {
		return nil, err
	}
	signed := &types.SignedExecutionPayloadEnvelope{Message: types.ExecutionPayloadEnvelope{
		Payload: payload, ExecutionRequests: c.requests(s, s.Slot), BuilderIndex: bid.BuilderIndex,
		BeaconBlockRoot: types.HashTreeRoot(&header), ParentBeaconBlockRoot: header.ParentRoot,
	}}
	signed.Signature, err = c.signBuilder(s, bid.BuilderIndex, &signed.Message)
	return signed, err
}
