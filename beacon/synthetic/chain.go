package synthetic

import (
	"encoding/binary"
	"fmt"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// Chain builds blocks on a synthetic state and its descendants. It belongs to one goroutine.
type Chain struct {
	config      Config
	spec        *params.Spec
	keys        Keys
	first       types.Slot             // of the state that the chain began with
	compounding []types.ValidatorIndex // active, above the minimum
}

// Spec is the spec of the chain, with its forks where the config wanted them.
func (c *Chain) Spec() *params.Spec { return c.spec }

// Keys are the chain's keys.
func (c *Chain) Keys() Keys { return c.keys }

// NextBlock builds the full block of the slot after parent, and the state after it: a vote of each of the latest slots,
// up to the limit of attestations, each by all committees of its slot; a sync aggregate; and, until Gloas, a payload of
// 100 kilobytes with its requests. From Gloas on there are a bid, the requests of the parent's payload and the votes of
// its payload timeliness committee. One in a hundred members of a committee is absent. Parent is not changed.
func (c *Chain) NextBlock(parent *transition.State) (*types.SignedBeaconBlock, *transition.State, error) {
	s := parent.Copy()
	if err := transition.ProcessSlots(s, parent.Slot+1); err != nil {
		return nil, nil, err
	}
	signed, err := c.block(s, parent.Slot)
	if err != nil {
		return nil, nil, fmt.Errorf("block of slot %d: %w", s.Slot, err)
	}
	if _, err := transition.ProcessBlock(s, &signed.Message, transition.Hooks{}); err != nil {
		return nil, nil, fmt.Errorf("block of slot %d: %w", s.Slot, err)
	}
	if signed.Message.StateRoot, err = s.HashTreeRoot(); err != nil {
		return nil, nil, err
	}
	root, err := ssz.HashTreeRoot(s.Cx, ssz.Container(&signed.Message))
	if err != nil {
		return nil, nil, err
	}
	signed.Signature = c.keys.signOne(uint64(signed.Message.ProposerIndex), c.signingRoot(s, root, params.DomainBeaconProposer(), s.GetCurrentEpoch()))
	return signed, s, nil
}

// signingRoot is what is signed for an object of an epoch.
func (c *Chain) signingRoot(s *transition.State, root types.Root, kind types.DomainType, e types.Epoch) types.Root {
	return types.ComputeSigningRoot(root, s.GetDomain(kind, e))
}

// block is the block for the slot that s was just advanced to, without state root and signature.
func (c *Chain) block(s *transition.State, parentSlot types.Slot) (*types.SignedBeaconBlock, error) {
	proposer, err := s.GetBeaconProposerIndex()
	if err != nil {
		return nil, err
	}
	signed := &types.SignedBeaconBlock{Message: types.BeaconBlock{
		Slot: s.Slot, ProposerIndex: proposer, ParentRoot: types.HashTreeRoot(&s.LatestBlockHeader),
	}}
	body := &signed.Message.Body
	body.Eth1Data = s.Eth1Data
	copy(body.Graffiti[:], "synthetic")
	var epochRoot types.Root
	binary.LittleEndian.PutUint64(epochRoot[:], uint64(s.GetCurrentEpoch()))
	body.RandaoReveal = c.keys.signOne(uint64(proposer), c.signingRoot(s, epochRoot, params.DomainRandao(), s.GetCurrentEpoch()))
	if body.Attestations, err = c.attestations(s); err != nil {
		return nil, err
	}
	if body.SyncAggregate, err = c.syncAggregate(s); err != nil {
		return nil, err
	}
	if c.config.Fork < params.Gloas {
		return signed, c.payload(s, body)
	}
	return signed, c.bidAndVotes(s, body, parentSlot)
}

// attestations is the votes of the latest slots, the newest first.
func (c *Chain) attestations(s *transition.State) ([]types.Attestation, error) {
	var out []types.Attestation
	for delay := types.Slot(1); uint64(delay) <= c.spec.MaxAttestationsElectra; delay++ {
		slot := s.Slot - delay
		target := types.ComputeEpochAtSlot(c.spec, slot)
		a := types.Attestation{CommitteeBits: ssz.NewBitvector(c.spec.MaxCommitteesPerSlot)}
		a.Data = types.AttestationData{Slot: slot, Source: s.CurrentJustifiedCheckpoint}
		if target != s.GetCurrentEpoch() {
			a.Data.Source = s.PreviousJustifiedCheckpoint
		}
		var err error
		if a.Data.BeaconBlockRoot, err = s.GetBlockRootAtSlot(slot); err != nil {
			return nil, err
		}
		root, err := s.GetBlockRoot(target)
		if err != nil {
			return nil, err
		}
		a.Data.Target = types.Checkpoint{Epoch: target, Root: root}
		sh, err := s.Shuffling(target)
		if err != nil {
			return nil, err
		}
		for i := range sh.CommitteesPerSlot {
			a.CommitteeBits.SetBitAt(i, true)
		}
		var signers sum
		members := sh.SlotCommittees(slot)
		a.AggregationBits = make([]byte, len(members)/8+1)
		a.AggregationBits[len(members)/8] |= 1 << (len(members) % 8)
		for k, member := range members {
			if !c.absent(member, target) {
				a.AggregationBits.SetBitAt(uint64(k), true)
				signers.add(uint64(member))
			}
		}
		a.Signature = c.keys.sign(signers, c.signingRoot(s, types.HashTreeRoot(&a.Data), params.DomainBeaconAttester(), target))
		out = append(out, a)
	}
	return out, nil
}

// syncAggregate is the sync committee's signature of the parent block.
func (c *Chain) syncAggregate(s *transition.State) (types.SyncAggregate, error) {
	a := types.SyncAggregate{SyncCommitteeBits: ssz.NewBitvector(c.spec.SyncCommitteeSize)}
	var signers sum
	for i, key := range s.CurrentSyncCommittee.Value.Pubkeys {
		member, known := s.ValidatorByPubkey(key)
		if !known {
			return a, fmt.Errorf("sync committee member %v has no index", key)
		}
		if !c.absent(uint32(member), s.GetCurrentEpoch()) {
			a.SyncCommitteeBits.SetBitAt(uint64(i), true)
			signers.add(uint64(member))
		}
	}
	root, err := s.GetBlockRootAtSlot(s.Slot - 1)
	if err != nil {
		return a, err
	}
	e := types.ComputeEpochAtSlot(c.spec, s.Slot-1)
	a.SyncCommitteeSignature = c.keys.sign(signers, c.signingRoot(s, root, params.DomainSyncCommittee(), e))
	return a, nil
}
