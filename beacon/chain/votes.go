package chain

import (
	"context"
	"fmt"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/forkchoice"
)

// blockVotes is what a block says to fork choice besides its own existence. All of it was verified with the block.
type blockVotes struct {
	attestations []forkchoice.Attestation
	slashed      []types.ValidatorIndex
	payload      []forkchoice.PayloadVote
}

// votesOf collects the votes in a block from its post-state.
func (c *Chain) votesOf(in *incomingBlock, post *transition.State) (votes blockVotes, err error) {
	body := &in.signed.Message.Body
	for i := range body.Attestations {
		a := &body.Attestations[i]
		attesting, err := post.Attesting(a)
		if err != nil {
			return votes, fmt.Errorf("attestation %d of block %v: %w", i, in.root, err)
		}
		votes.attestations = append(votes.attestations, forkchoice.Attestation{
			Slot: a.Data.Slot, Index: a.Data.Index, BlockRoot: a.Data.BeaconBlockRoot, Target: a.Data.Target, Attesting: attesting,
		})
	}
	for i := range body.AttesterSlashings {
		votes.slashed = append(votes.slashed, bothAttested(&body.AttesterSlashings[i])...)
	}
	for i := range body.PayloadAttestations {
		a := &body.PayloadAttestations[i]
		indexed, err := post.GetIndexedPayloadAttestation(a)
		if err != nil {
			return votes, fmt.Errorf("payload attestation %d of block %v: %w", i, in.root, err)
		}
		for _, validator := range indexed.AttestingIndices {
			votes.payload = append(votes.payload, payloadVote(&a.Data, validator))
		}
	}
	return votes, nil
}

func payloadVote(data *types.PayloadAttestationData, validator types.ValidatorIndex) forkchoice.PayloadVote {
	return forkchoice.PayloadVote{
		Root: data.BeaconBlockRoot, Slot: data.Slot, Validator: validator, Present: data.PayloadPresent, DataAvailable: data.BlobDataAvailable,
	}
}

// sameCommittees tells whether the committees of a vote, which a block included under its own chain's shuffling, are those of the
// vote's target too. Fork choice goes by the target; where the two differ the signature is not one of the target's committee.
// Spec: on_attestation (phase0), which takes the committee from the target's state.
func (c *Chain) sameCommittees(b *Block, vote types.Checkpoint) bool {
	target := c.index.get(vote.Root)
	if target == nil {
		return false // a vote for what is not known does not count
	}
	slot, ok := c.decisionSlot(vote.Epoch)
	if !ok {
		return true
	}
	ours, theirs := b.AncestorAt(slot), target.AncestorAt(slot)
	return ours == theirs // nil for both: the decision is older than the finalized block, which they share
}

// decisionSlot is the last slot whose block can change the committees of an epoch; false if genesis decides.
// Spec: compute_shuffling_dependent_slot (phase0).
func (c *Chain) decisionSlot(epoch types.Epoch) (types.Slot, bool) {
	if epoch <= c.cfg.Spec.MinSeedLookahead {
		return 0, false
	}
	return c.startOf(epoch-c.cfg.Spec.MinSeedLookahead) - 1, true
}

// bothAttested is the validators that made both votes of a slashing. Spec: on_attester_slashing (phase0).
func bothAttested(s *types.AttesterSlashing) (both []types.ValidatorIndex) {
	first := make(map[types.ValidatorIndex]bool, len(s.Attestation1.AttestingIndices))
	for _, i := range s.Attestation1.AttestingIndices {
		first[i] = true
	}
	for _, i := range s.Attestation2.AttestingIndices {
		if first[i] {
			both = append(both, i)
		}
	}
	return both
}

// VerifiedAttestation is a vote whose signature and committees were checked.
type VerifiedAttestation struct {
	vote forkchoice.Attestation
}

// VerifyAttestation checks an attestation that came on its own against the state of its target.
// Spec: on_attestation (phase0; modified gloas).
func (c *Chain) VerifyAttestation(ctx context.Context, a *types.Attestation) (*VerifiedAttestation, error) {
	data := &a.Data
	if epoch := c.epochOf(data.Slot); data.Target.Epoch != epoch {
		return nil, fmt.Errorf("target.epoch == compute_epoch_at_slot(attestation.data.slot): have %d, want %d", data.Target.Epoch, epoch)
	}
	if now := c.clock.CurrentEpoch(); data.Target.Epoch > now || data.Target.Epoch+1 < now {
		return nil, fmt.Errorf("target.epoch in [current_epoch, previous_epoch]: have %d, want %d or the one before", data.Target.Epoch, now)
	}
	if c.index.get(data.Target.Root) == nil || c.index.get(data.BeaconBlockRoot) == nil {
		return nil, fmt.Errorf("attestation to %v with target %v: %w", data.BeaconBlockRoot, data.Target.Root, ErrUnknownBlock)
	}
	state, err := c.stateAt(ctx, data.Target.Root, max(c.startOf(data.Target.Epoch), c.index.get(data.Target.Root).Slot), false)
	if err != nil {
		return nil, err
	}
	indexed, err := state.GetIndexedAttestation(a)
	if err != nil {
		return nil, err
	}
	hooks := transition.Hooks{Signatures: &transition.SignatureBatch{}}
	if err := transition.IsValidIndexedAttestation(state, indexed, hooks); err != nil {
		return nil, err
	}
	if err := hooks.Signatures.Verify(); err != nil {
		return nil, err
	}
	return &VerifiedAttestation{forkchoice.Attestation{
		Slot: data.Slot, Index: data.Index, BlockRoot: data.BeaconBlockRoot, Target: data.Target, Attesting: indexed.AttestingIndices,
	}}, nil
}

// ApplyAttestations counts votes, which may move the head. Those of the present slot wait for the next one, as the specification wants.
func (c *Chain) ApplyAttestations(ctx context.Context, votes []*VerifiedAttestation) error {
	return c.do(ctx, c.inbox.votes, func() {
		c.w.fc.OnTick(c.clock.MillisecondsSinceGenesis())
		late := false
		for _, v := range votes {
			late = c.applyVote(v.vote) || late
		}
		if late {
			c.updateHead("late votes")
		}
	})
}

// ImportAttesterSlashing checks a slashing and takes the weight from those it proves guilty.
// Spec: on_attester_slashing (phase0).
func (c *Chain) ImportAttesterSlashing(ctx context.Context, s *types.AttesterSlashing) error {
	if !transition.IsSlashableAttestationData(&s.Attestation1.Data, &s.Attestation2.Data) {
		return fmt.Errorf("is_slashable_attestation_data: have votes of %d->%d and %d->%d", s.Attestation1.Data.Source.Epoch,
			s.Attestation1.Data.Target.Epoch, s.Attestation2.Data.Source.Epoch, s.Attestation2.Data.Target.Epoch)
	}
	justified := c.Snapshot().Justified
	block := c.index.get(justified.Root)
	if block == nil {
		return fmt.Errorf("justified block %v: %w", justified.Root, ErrUnknownBlock)
	}
	state, err := c.stateAt(ctx, justified.Root, block.Slot, false)
	if err != nil {
		return err
	}
	hooks := transition.Hooks{Signatures: &transition.SignatureBatch{}}
	for _, a := range []*types.IndexedAttestation{&s.Attestation1, &s.Attestation2} {
		if err := transition.IsValidIndexedAttestation(state, a, hooks); err != nil {
			return err
		}
	}
	if err := hooks.Signatures.Verify(); err != nil {
		return err
	}
	return c.applySlashed(ctx, bothAttested(s))
}

// ImportPayloadAttestation checks the vote of a member of a payload timeliness committee and counts it.
// Spec: on_payload_attestation_message (gloas).
func (c *Chain) ImportPayloadAttestation(ctx context.Context, m *types.PayloadAttestationMessage) error {
	if c.contextAt(m.Data.Slot).Fork < params.Gloas {
		return fmt.Errorf("payload attestation of slot %d, want one from gloas on", m.Data.Slot)
	}
	block := c.index.get(m.Data.BeaconBlockRoot)
	if block == nil {
		return fmt.Errorf("payload attestation to %v: %w", m.Data.BeaconBlockRoot, ErrUnknownBlock)
	}
	if block.Slot != m.Data.Slot {
		return fmt.Errorf("data.slot == block.slot: have %d, want %d", m.Data.Slot, block.Slot)
	}
	state, err := c.stateAt(ctx, block.Root, block.Slot, false)
	if err != nil {
		return err
	}
	indexed := &types.IndexedPayloadAttestation{AttestingIndices: []types.ValidatorIndex{m.ValidatorIndex}, Data: m.Data, Signature: m.Signature}
	hooks := transition.Hooks{Signatures: &transition.SignatureBatch{}}
	if err := transition.IsValidIndexedPayloadAttestation(state, indexed, hooks); err != nil {
		return err
	}
	if err := hooks.Signatures.Verify(); err != nil {
		return err
	}
	refused, err := c.applyPayloadVotes(ctx, m)
	if err != nil {
		return err
	}
	return refused
}

// votesHeld bounds the votes that wait for their slot to be over, in bytes.
const votesHeld = 64 << 20

// applyVote counts a vote, which it tells, or keeps it until its slot is over. Only the writer calls it.
func (c *Chain) applyVote(v forkchoice.Attestation) (counted bool) {
	if v.Slot >= c.clock.CurrentSlot() {
		if size := voteSize(&v); c.w.heldBytes+size <= votesHeld {
			c.w.heldBytes += size
			c.w.held = append(c.w.held, v)
		}
		return false
	}
	if err := c.w.fc.OnAttestation(&v, false); err != nil {
		c.log.Debug("a vote does not count", "slot", v.Slot, "block", v.BlockRoot, "error", err)
		return false
	}
	return true
}

func voteSize(v *forkchoice.Attestation) int { return 160 + 8*len(v.Attesting) }

// releaseVotes counts the votes whose slot is over.
func (c *Chain) releaseVotes() {
	held := c.w.held
	c.w.held, c.w.heldBytes = nil, 0
	for i := range held {
		c.applyVote(held[i])
	}
}
