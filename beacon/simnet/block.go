package simnet

import (
	"encoding/binary"
	"fmt"

	"github.com/cresset/cresset/beacon/engine/mock"
	"github.com/cresset/cresset/beacon/engine/wire"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// Content is what a block says. The zero value is an empty block.
type Content struct {
	Votes []types.Attestation
	// Graffiti tells blocks apart that differ in nothing else.
	Graffiti string
	// Commitments are those of the blobs of the block's payload, which has a transaction for them (from Deneb on).
	Commitments []types.KZGCommitment
	// Terminal is the proof-of-work block that the first payload builds on (Bellatrix). Until a block has one there are no payloads
	// on a network with a terminal total difficulty.
	Terminal types.Hash32
}

// Block builds the block of a slot on a tip, with votes, and the tip that it becomes. Blocks that differ in nothing else are told
// apart by their graffiti.
func (n *Network) Block(parent Tip, slot types.Slot, votes []types.Attestation, graffiti string) (*types.SignedBeaconBlock, Tip, error) {
	return n.BlockOf(parent, slot, Content{Votes: votes, Graffiti: graffiti})
}

// BlockOf is Block with all that a block may say.
func (n *Network) BlockOf(parent Tip, slot types.Slot, content Content) (*types.SignedBeaconBlock, Tip, error) {
	s := parent.State.Copy()
	if err := transition.ProcessSlots(s, slot); err != nil {
		return nil, Tip{}, err
	}
	signed, err := n.block(parent, s, &content)
	if err != nil {
		return nil, Tip{}, fmt.Errorf("block of slot %d: %w", slot, err)
	}
	proposer := uint64(signed.Message.ProposerIndex)
	if _, err := transition.ProcessBlock(s, &signed.Message, transition.Hooks{}); err != nil {
		return nil, Tip{}, fmt.Errorf("block of slot %d: %w", slot, err)
	}
	if signed.Message.StateRoot, err = s.HashTreeRoot(); err != nil {
		return nil, Tip{}, err
	}
	root, err := ssz.HashTreeRoot(s.Cx, ssz.Container(&signed.Message))
	if err != nil {
		return nil, Tip{}, err
	}
	signed.Signature = n.keys.SignAll([]uint64{proposer}, signingRoot(s, root, params.DomainBeaconProposer(), s.GetCurrentEpoch()))
	tip, err := tipOf(s)
	tip.number, tip.below = parent.next(), parent.next()-1
	if err == nil && s.Since(params.Gloas) {
		tip.Payload, err = n.envelope(tip)
	}
	return signed, tip, err
}

func signingRoot(s *transition.State, root types.Root, kind types.DomainType, e types.Epoch) types.Root {
	return types.ComputeSigningRoot(root, s.GetDomain(kind, e))
}

func (n *Network) block(parent Tip, s *transition.State, content *Content) (*types.SignedBeaconBlock, error) {
	proposer, err := s.GetBeaconProposerIndex()
	if err != nil {
		return nil, err
	}
	signed := &types.SignedBeaconBlock{Message: types.BeaconBlock{Slot: s.Slot, ProposerIndex: proposer, ParentRoot: parent.Root}}
	body := &signed.Message.Body
	body.Eth1Data = s.Eth1Data
	copy(body.Graffiti[:], content.Graffiti)
	var epochRoot types.Root
	binary.LittleEndian.PutUint64(epochRoot[:], uint64(s.GetCurrentEpoch()))
	body.RandaoReveal = n.keys.SignAll([]uint64{uint64(proposer)}, signingRoot(s, epochRoot, params.DomainRandao(), s.GetCurrentEpoch()))
	body.Attestations = content.Votes
	if s.Since(params.Altair) {
		if body.SyncAggregate, err = n.syncAggregate(s); err != nil {
			return nil, err
		}
	}
	switch {
	case s.Since(params.Gloas):
		return signed, n.bid(parent, s, body, content)
	case s.Since(params.Bellatrix):
		return signed, n.payload(parent, s, body, content)
	}
	return signed, nil
}

// syncAggregate is the whole sync committee's signature of the parent.
func (n *Network) syncAggregate(s *transition.State) (types.SyncAggregate, error) {
	a := types.SyncAggregate{SyncCommitteeBits: ssz.NewBitvector(n.spec.SyncCommitteeSize)}
	var signers []uint64
	for i, key := range s.CurrentSyncCommittee.Value.Pubkeys {
		member, known := s.ValidatorByPubkey(key)
		if !known {
			return a, fmt.Errorf("sync committee member %v has no index", key)
		}
		a.SyncCommitteeBits.SetBitAt(uint64(i), true)
		signers = append(signers, uint64(member))
	}
	root, err := s.GetBlockRootAtSlot(s.Slot - 1)
	if err != nil {
		return a, err
	}
	e := types.ComputeEpochAtSlot(n.spec, s.Slot-1)
	a.SyncCommitteeSignature = n.keys.SignAll(signers, signingRoot(s, root, params.DomainSyncCommittee(), e))
	return a, nil
}

// executionPayload is a payload of the state's slot: with one transaction for the blobs if there are any, else empty.
func (n *Network) executionPayload(s *transition.State, parent types.Hash32, number uint64, withdrawals []types.Withdrawal, blobs []types.KZGCommitment) (types.ExecutionPayload, error) {
	time, err := s.ComputeTimeAtSlot(s.Slot)
	p := types.ExecutionPayload{
		ParentHash: parent, LogsBloom: make([]byte, n.spec.BytesPerLogsBloom), PrevRandao: s.GetRandaoMix(s.GetCurrentEpoch()),
		BlockNumber: number, GasLimit: gasLimit, Timestamp: time, ExtraData: []byte("simnet"), Withdrawals: withdrawals,
	}
	p.BaseFeePerGas[len(p.BaseFeePerGas)-1] = 0
	p.BaseFeePerGas[0] = 7
	if len(blobs) > 0 {
		p.Transactions, p.BlobGasUsed = [][]byte{BlobTransaction(blobs)}, gasPerBlob*uint64(len(blobs))
	}
	return p, err
}

// payload adds the payload that blocks carry until Gloas.
func (n *Network) payload(parent Tip, s *transition.State, body *types.BeaconBlockBody, content *Content) error {
	before := s.LatestExecutionPayloadHeader.BlockHash
	if s.Cx.Fork == params.Bellatrix && before == (types.Hash32{}) {
		if before = content.Terminal; before == (types.Hash32{}) {
			body.ExecutionPayload = types.ExecutionPayload{LogsBloom: make([]byte, n.spec.BytesPerLogsBloom)}
			return nil
		}
	}
	var withdrawals []types.Withdrawal
	if s.Since(params.Capella) {
		expected, err := transition.GetExpectedWithdrawals(s)
		if err != nil {
			return err
		}
		withdrawals = expected.Withdrawals
	}
	p, err := n.executionPayload(s, before, parent.next(), withdrawals, content.Commitments)
	if err != nil {
		return err
	}
	p.BlockHash = mock.BlockHash(s.Cx.Fork, &wire.NewPayload{Payload: &p, ParentBeaconBlockRoot: parent.Root})
	body.ExecutionPayload, body.BlobKZGCommitments = p, content.Commitments
	return nil
}
