package transition

import (
	"fmt"
	"slices"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// ProcessPayloadAttestation checks the votes of a payload timeliness committee for the parent block's payload. They
// change nothing in the state. Spec: process_payload_attestation (gloas).
func ProcessPayloadAttestation(s *State, op *types.PayloadAttestation, h Hooks) error {
	data := &op.Data
	if data.BeaconBlockRoot != s.LatestBlockHeader.ParentRoot {
		return broken("data.beacon_block_root == state.latest_block_header.parent_root", data.BeaconBlockRoot, s.LatestBlockHeader.ParentRoot)
	}
	if data.Slot >= s.Slot || s.Slot-data.Slot != 1 {
		return broken("data.slot + 1 == state.slot", data.Slot, fmt.Sprintf("1 before %d", s.Slot))
	}
	indexed, err := s.GetIndexedPayloadAttestation(op)
	if err != nil {
		return err
	}
	return IsValidIndexedPayloadAttestation(s, indexed, h)
}

// GetPTC is the payload timeliness committee of a slot of the previous, the current or a following epoch within the
// lookahead. A validator can be in it more than once. Spec: get_ptc (gloas).
func (s *State) GetPTC(slot types.Slot) ([]types.ValidatorIndex, error) {
	spec, current := s.Spec(), s.GetCurrentEpoch()
	epoch := types.ComputeEpochAtSlot(spec, slot)
	at := uint64(slot) % spec.SlotsPerEpoch
	switch {
	case epoch < current && current-epoch != 1:
		return nil, broken("epoch + 1 == state_epoch", epoch, fmt.Sprintf("1 before %d", current))
	case epoch < current:
	case epoch-current > spec.MinSeedLookahead:
		return nil, broken("epoch <= state_epoch + MIN_SEED_LOOKAHEAD", epoch, fmt.Sprintf("at most %d after %d", spec.MinSeedLookahead, current))
	default:
		at += uint64(epoch-current+1) * spec.SlotsPerEpoch
	}
	if at >= uint64(len(s.PTCWindow)) || s.PTCWindow[at] == nil {
		return nil, broken("state.ptc_window has the slot's committee", at, len(s.PTCWindow))
	}
	return s.PTCWindow[at].Value, nil
}

// GetIndexedPayloadAttestation is a payload attestation with its voters by index, ascending.
// Spec: get_indexed_payload_attestation (gloas).
func (s *State) GetIndexedPayloadAttestation(op *types.PayloadAttestation) (*types.IndexedPayloadAttestation, error) {
	committee, err := s.GetPTC(op.Data.Slot)
	if err != nil {
		return nil, err
	}
	var indices []types.ValidatorIndex
	for i, member := range committee {
		if op.AggregationBits.BitAt(uint64(i)) {
			indices = append(indices, member)
		}
	}
	slices.Sort(indices)
	return &types.IndexedPayloadAttestation{AttestingIndices: indices, Data: op.Data, Signature: op.Signature}, nil
}

// IsValidIndexedPayloadAttestation checks an indexed payload attestation: voters of the registry in order, each as often
// as it is in the committee, and their signature. Spec: is_valid_indexed_payload_attestation (gloas).
func IsValidIndexedPayloadAttestation(s *State, a *types.IndexedPayloadAttestation, h Hooks) error {
	if len(a.AttestingIndices) == 0 {
		return broken("len(indices) > 0", 0, "at least 1")
	}
	members := make([]uint32, len(a.AttestingIndices))
	for k, i := range a.AttestingIndices {
		if k > 0 && i < a.AttestingIndices[k-1] {
			return broken("indices == sorted(indices)", i, fmt.Sprintf("at least %d", a.AttestingIndices[k-1]))
		}
		if err := s.checkValidator(i); err != nil {
			return err
		}
		members[k] = uint32(i)
	}
	domain := s.GetDomain(params.DomainPTCAttester(), types.ComputeEpochAtSlot(s.Spec(), a.Data.Slot))
	root := types.ComputeSigningRoot(types.HashTreeRoot(&a.Data), domain)
	return h.signedByMembers(s, members, root, a.Signature, "payload attestation")
}
