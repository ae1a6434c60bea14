package transition

import (
	"fmt"

	"github.com/cresset/cresset/beacon/bls"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// Frozen reads a state that nobody writes to any more. Unlike a State it may be used by many goroutines: it asks for nothing that
// a state would have to derive and remember.
type Frozen struct{ s *State }

// Frozen gives a reader of the state. The state must not be written to any more.
func (s *State) Frozen() Frozen { return Frozen{s} }

// Slot is the slot of the state.
func (f Frozen) Slot() types.Slot { return f.s.Slot }

// Epoch is the epoch of the state.
func (f Frozen) Epoch() types.Epoch { return f.s.GetCurrentEpoch() }

// BlockRoot is the root of the last block up to a recent slot before the state's. Spec: get_block_root_at_slot (phase0).
func (f Frozen) BlockRoot(slot types.Slot) (types.Root, error) { return f.s.GetBlockRootAtSlot(slot) }

// Fork is the fork of the state.
func (f Frozen) Fork() params.Fork { return f.s.Cx.Fork }

// Validators is the number of validators in the registry.
func (f Frozen) Validators() int { return f.s.Validators.Len() }

// Validator is a validator of the registry; false beyond its end.
func (f Frozen) Validator(i types.ValidatorIndex) (types.Validator, bool) {
	if uint64(i) >= uint64(f.s.Validators.Len()) {
		return types.Validator{}, false
	}
	return f.s.Validators.At(i), true
}

// PublicKey is the decompressed key of a validator of the registry.
func (f Frozen) PublicKey(i types.ValidatorIndex) (*bls.PublicKey, error) {
	if err := f.s.checkValidator(i); err != nil {
		return nil, err
	}
	return f.s.publicKey(i)
}

// KeyOf is the decompressed key of anybody.
func (f Frozen) KeyOf(key types.BLSPubkey) (*bls.PublicKey, error) {
	return f.s.env.Keys.PublicKeyOf(key)
}

// SumKeys is the sum of the keys of validators of the registry.
func (f Frozen) SumKeys(members []types.ValidatorIndex) (*bls.PublicKey, error) {
	indices := make([]uint64, len(members))
	for i, m := range members {
		indices[i] = uint64(m)
	}
	return f.s.env.Keys.SumKeys(indices, f.s.keyAt)
}

// AttestersKey is the sum of the keys of those members of a committee whose bit is set. Bits has as many as the committee members,
// with or without a delimiting one; the committee's index is below CommitteesPerSlot.
func (f Frozen) AttestersKey(sh *Shuffling, slot types.Slot, index types.CommitteeIndex, bits []byte) (*bls.PublicKey, error) {
	part := attesters{committee: index, members: sh.Committee(slot, index), bits: bits}
	if have := len(bits) * 8; have < len(part.members) {
		return nil, broken("len(aggregation_bits) == len(committee)", have, len(part.members))
	}
	for k := range part.members {
		if part.attested(k) {
			part.count++
		}
	}
	return f.s.attestersKey(sh, slot, []attesters{part})
}

// GetDomain is the signature domain of a message of an epoch. Spec: get_domain (phase0).
func (f Frozen) GetDomain(kind types.DomainType, epoch types.Epoch) types.Domain {
	return f.s.GetDomain(kind, epoch)
}

// SyncCommittee is the keys of the sync committee that signs in an epoch: the state's current one or the next; false for any other
// epoch. It is not to be written to.
func (f Frozen) SyncCommittee(epoch types.Epoch) ([]types.BLSPubkey, bool) {
	if !f.s.Since(params.Altair) {
		return nil, false
	}
	committee := f.s.CurrentSyncCommittee
	switch have, want := types.ComputeSyncCommitteePeriod(f.s.Spec(), f.Epoch()), types.ComputeSyncCommitteePeriod(f.s.Spec(), epoch); {
	case want == have+1:
		committee = f.s.NextSyncCommittee
	case want != have:
		return nil, false
	}
	if committee == nil {
		return nil, false
	}
	return committee.Value.Pubkeys, true
}

// MergeTransitionComplete tells whether the state has seen a payload. Spec: is_merge_transition_complete (bellatrix).
func (f Frozen) MergeTransitionComplete() bool { return IsMergeTransitionComplete(f.s) }

// ProposerAt is the proposer of a slot of the state's epoch or, by its lookahead, of the epoch after it (fulu); false for any other.
func (f Frozen) ProposerAt(slot types.Slot) (types.ValidatorIndex, bool) {
	start := uint64(f.Epoch()) * f.s.Spec().SlotsPerEpoch
	if !f.s.Since(params.Fulu) || uint64(slot) < start || uint64(slot)-start >= uint64(len(f.s.ProposerLookahead)) {
		return 0, false
	}
	return f.s.ProposerLookahead[uint64(slot)-start], true
}

// GetPTC is the payload timeliness committee of a slot. It is not to be written to. Spec: get_ptc (gloas).
func (f Frozen) GetPTC(slot types.Slot) ([]types.ValidatorIndex, error) {
	if !f.s.Since(params.Gloas) {
		return nil, broken("the state has payload timeliness committees", f.s.Cx.Fork, params.Gloas)
	}
	return f.s.GetPTC(slot)
}

// Bid is the bid of the state's latest block (gloas). It is not to be written to.
func (f Frozen) Bid() *types.ExecutionPayloadBid { return &f.s.LatestExecutionPayloadBid }

// GetRandaoMix is the mix of a recent epoch. Spec: get_randao_mix (phase0).
func (f Frozen) GetRandaoMix(epoch types.Epoch) types.Bytes32 { return f.s.GetRandaoMix(epoch) }

// Builder is a builder of the registry; false beyond its end (gloas).
func (f Frozen) Builder(i types.BuilderIndex) (types.Builder, bool) {
	if !f.s.Since(params.Gloas) || f.s.checkBuilder(i) != nil {
		return types.Builder{}, false
	}
	return *f.s.Builders.At(int(i)), true
}

// IsActiveBuilder tells whether a builder of the registry may bid. Spec: is_active_builder (gloas).
func (f Frozen) IsActiveBuilder(i types.BuilderIndex) bool { return IsActiveBuilder(f.s, i) }

// CanBuilderCoverBid tells whether a builder of the registry has an amount to spare. Spec: can_builder_cover_bid (gloas).
func (f Frozen) CanBuilderCoverBid(i types.BuilderIndex, amount types.Gwei) (bool, error) {
	return CanBuilderCoverBid(f.s, i, amount)
}

// BidSignature is the statement that a bid is signed by its builder. Spec: verify_execution_payload_bid_signature (gloas).
func (f Frozen) BidSignature(signed *types.SignedExecutionPayloadBid) (bls.Set, error) {
	return single(func(h Hooks) error { return VerifyExecutionPayloadBidSignature(f.s, signed, h) })
}

// EnvelopeSignature is the statement that an envelope is signed by the builder of the state's latest block.
// Spec: verify_execution_payload_envelope_signature (gloas).
func (f Frozen) EnvelopeSignature(signed *types.SignedExecutionPayloadEnvelope) (bls.Set, error) {
	return single(func(h Hooks) error { return VerifyExecutionPayloadEnvelopeSignature(f.s, signed, h) })
}

// single gives the one statement that a function collects.
func single(collect func(Hooks) error) (bls.Set, error) {
	h := Hooks{Signatures: &SignatureBatch{}}
	if err := collect(h); err != nil {
		return bls.Set{}, err
	}
	sets := h.Signatures.Take()
	if len(sets) != 1 {
		return bls.Set{}, fmt.Errorf("%d statements collected, want 1", len(sets))
	}
	return sets[0], nil
}

// CurrentJustified is the checkpoint that votes of the state's epoch have as their source.
func (f Frozen) CurrentJustified() types.Checkpoint { return f.s.CurrentJustifiedCheckpoint }

// Participated tells whether a block of the state's chain has a vote of a validator for the state's epoch or the one before that earned it a
// flag (altair); false for any other epoch.
func (f Frozen) Participated(epoch types.Epoch, i types.ValidatorIndex) bool {
	if !f.s.Since(params.Altair) || uint64(i) >= uint64(f.s.Validators.Len()) {
		return false
	}
	switch epoch {
	case f.s.GetCurrentEpoch():
		return f.s.CurrentEpochParticipation.At(int(i)) != 0
	case f.s.GetPreviousEpoch():
		return f.s.PreviousEpochParticipation.At(int(i)) != 0
	}
	return false
}
