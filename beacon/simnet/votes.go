package simnet

import (
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// Everyone votes.
func Everyone(types.ValidatorIndex) bool { return true }

// Votes is the votes of a slot's committees for a tip as the head, of those members that who tells: from Electra on one attestation
// of all committees, before one for each.
func (n *Network) Votes(tip Tip, slot types.Slot, who func(types.ValidatorIndex) bool) ([]types.Attestation, error) {
	s := tip.State.Copy()
	if s.Slot < slot {
		if err := transition.ProcessSlots(s, slot); err != nil {
			return nil, err
		}
	}
	epoch := s.GetCurrentEpoch()
	data := types.AttestationData{Slot: slot, BeaconBlockRoot: tip.Root, Source: s.CurrentJustifiedCheckpoint, Target: types.Checkpoint{Epoch: epoch, Root: tip.Root}}
	start, err := types.ComputeStartSlotAtEpoch(n.spec, epoch)
	if err != nil {
		return nil, err
	}
	if start < tip.Slot {
		if data.Target.Root, err = s.GetBlockRootAtSlot(start); err != nil {
			return nil, err
		}
	}
	if s.Since(params.Gloas) && tip.Full && tip.Slot < slot {
		data.Index = 1
	}
	shuffling, err := s.Shuffling(epoch)
	if err != nil {
		return nil, err
	}
	if !s.Since(params.Electra) {
		var all []types.Attestation
		for i := range shuffling.CommitteesPerSlot {
			data.Index = types.CommitteeIndex(i)
			a := types.Attestation{Data: data}
			if n.sign(s, &a, shuffling.Committee(slot, types.CommitteeIndex(i)), who) {
				all = append(all, a)
			}
		}
		return all, nil
	}
	a := types.Attestation{Data: data, CommitteeBits: ssz.NewBitvector(n.spec.MaxCommitteesPerSlot)}
	var members []uint32
	for i := range shuffling.CommitteesPerSlot {
		committee := shuffling.Committee(slot, types.CommitteeIndex(i))
		for _, m := range committee {
			if who(types.ValidatorIndex(m)) {
				a.CommitteeBits.SetBitAt(i, true)
				members = append(members, committee...)
				break
			}
		}
	}
	if !n.sign(s, &a, members, who) {
		return nil, nil
	}
	return []types.Attestation{a}, nil
}

// sign sets bits and signature of an attestation by members; false if none of them votes.
func (n *Network) sign(s *transition.State, a *types.Attestation, members []uint32, who func(types.ValidatorIndex) bool) bool {
	a.AggregationBits = make([]byte, len(members)/8+1)
	a.AggregationBits[len(members)/8] |= 1 << (len(members) % 8)
	var signers []uint64
	for k, m := range members {
		if who(types.ValidatorIndex(m)) {
			a.AggregationBits.SetBitAt(uint64(k), true)
			signers = append(signers, uint64(m))
		}
	}
	if len(signers) == 0 {
		return false
	}
	a.Signature = n.keys.SignAll(signers, signingRoot(s, types.HashTreeRoot(&a.Data), params.DomainBeaconAttester(), a.Data.Target.Epoch))
	return true
}

// SignRoot is the aggregate signature of a signing root by validators.
func (n *Network) SignRoot(root types.Root, validators ...types.ValidatorIndex) types.BLSSignature {
	return n.keys.SignAll(numbers(validators), root)
}

// Indexed is an attestation of some validators, ascending, in the form of a slashing.
func (n *Network) Indexed(tip Tip, data types.AttestationData, validators ...types.ValidatorIndex) types.IndexedAttestation {
	root := signingRoot(tip.State, types.HashTreeRoot(&data), params.DomainBeaconAttester(), data.Target.Epoch)
	return types.IndexedAttestation{AttestingIndices: validators, Data: data, Signature: n.keys.SignAll(numbers(validators), root)}
}

// PayloadVote is a validator's word on the payload of a tip (gloas).
func (n *Network) PayloadVote(tip Tip, validator types.ValidatorIndex, data types.PayloadAttestationData) *types.PayloadAttestationMessage {
	root := signingRoot(tip.State, types.HashTreeRoot(&data), params.DomainPTCAttester(), types.ComputeEpochAtSlot(n.spec, data.Slot))
	return &types.PayloadAttestationMessage{ValidatorIndex: validator, Data: data, Signature: n.keys.SignAll(numbers([]types.ValidatorIndex{validator}), root)}
}

func numbers(validators []types.ValidatorIndex) []uint64 {
	out := make([]uint64, len(validators))
	for i, v := range validators {
		out[i] = uint64(v)
	}
	return out
}

// Sign is a validator's signature of anything, in a domain of the tip's chain.
func (n *Network) Sign(tip Tip, validator types.ValidatorIndex, object types.Root, kind types.DomainType, epoch types.Epoch) types.BLSSignature {
	return n.SignRoot(signingRoot(tip.State, object, kind, epoch), validator)
}
