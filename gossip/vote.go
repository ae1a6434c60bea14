package gossip

import (
	"encoding/binary"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/forkchoice"
)

// voteRules names the rules that attestations and aggregates share but for their names.
type voteRules struct {
	indexNotZero, indexTooHigh Rule
	future, epoch              Rule
}

// voteCheck is the rules that attestations and aggregates have in common.
type voteCheck struct {
	*Rules
	in    Arrival
	v     View
	names *voteRules
	data  *types.AttestationData

	state    transition.Frozen // of the head
	shuffled *transition.Shuffling
	// assumed says that the committees are those of the head's chain, as nothing is known of the vote's own.
	assumed bool
}

// dataIndex is the rules about data.index.
func (c *voteCheck) dataIndex() Decision {
	switch {
	case c.in.Fork >= params.Gloas:
		// [REJECT] The attestation's data index is 0 or 1 (gloas)
		if c.data.Index > 1 {
			return reject(c.names.indexTooHigh, c.data.Index, "0 or 1")
		}
	case c.in.Fork >= params.Electra:
		// [REJECT] The attestation's data index is zero (electra)
		if c.data.Index != 0 {
			return reject(c.names.indexNotZero, c.data.Index, 0)
		}
	}
	return accepted
}

// time is the rules about the vote's slot and epoch. They come before those about committees, as there are committees at hand only of
// epochs that count.
func (c *voteCheck) time() Decision {
	slot, epoch := c.data.Slot, c.epochOf(c.data.Slot)
	if c.in.Fork >= params.Deneb {
		// [IGNORE] The attestation's slot is not from a future slot (MAY be queued for processing at the appropriate slot) (deneb)
		if isFutureSlot(c.spec, slot, c.in.Now) {
			return c.future(c.names.future, slot, c.in.Now)
		}
		// [IGNORE] The attestation's epoch is either the current or previous epoch (deneb)
		if !isCurrentOrPreviousEpoch(c.spec, epoch, c.in.Now) {
			return ignore(c.names.epoch, epoch, c.epochOf(currentSlot(c.spec, c.in.Now)))
		}
	} else if !isWithinSlotRange(c.spec, slot, c.spec.AttestationPropagationSlotRange, c.in.Now) {
		// [IGNORE] The attestation slot is within the propagation range (MAY be queued for processing at the appropriate slot)
		const rule = "attestation slot not within propagation range"
		if isFutureSlot(c.spec, slot, c.in.Now) {
			return c.future(rule, slot, c.in.Now)
		}
		return ignore(rule, slot, currentSlot(c.spec, c.in.Now))
	}
	// [REJECT] The attestation's epoch matches its target
	if c.data.Target.Epoch != epoch {
		return reject("attestation epoch does not match target epoch", c.data.Target.Epoch, epoch)
	}
	return accepted
}

// committees finds the committees of the vote's epoch: in the chain of the block that it is for, if that is not known in the chain of
// its target, and else in the head's.
func (c *voteCheck) committees() Decision {
	var ok bool
	head := c.v.Head().Root
	if c.state, ok = c.v.HeadState(); !ok {
		return notAtHand(head)
	}
	root := head
	c.assumed = true
	for _, known := range []types.Root{c.data.BeaconBlockRoot, c.data.Target.Root} {
		if block, ok := c.v.Block(known); ok && !block.Failed {
			root, c.assumed = known, false
			break
		}
	}
	if c.shuffled, ok = c.v.Shuffling(root, c.data.Target.Epoch); !ok {
		return notAtHand(root)
	}
	return accepted
}

// rejectMember is a rule about committees that does not hold. With committees that are only assumed it proves nothing.
func (c *voteCheck) rejectMember(rule Rule, have, want any) Decision {
	if c.assumed {
		return ignore(rule, have, want)
	}
	return reject(rule, have, want)
}

// committeeIndex checks the index of the committee.
func (c *voteCheck) committeeIndex(index types.CommitteeIndex) Decision {
	// [REJECT] The committee index is within the expected range
	if uint64(index) >= c.shuffled.CommitteesPerSlot {
		return c.rejectMember("committee index out of range", index, c.shuffled.CommitteesPerSlot)
	}
	return accepted
}

// signingRoot is what the attesters sign.
func (c *voteCheck) signingRoot() types.Root {
	return types.ComputeSigningRoot(types.HashTreeRoot(c.data), c.domain(params.DomainBeaconAttester(), c.data.Target.Epoch))
}

// place is the rules about the blocks that the vote names.
func (c *voteCheck) place() Decision {
	// [IGNORE] The block being voted for has been seen (MAY be queued until block is retrieved)
	root := c.data.BeaconBlockRoot
	block, ok := c.v.Block(root)
	if !ok {
		return deferred("block being voted for has not been seen", WaitBlock, root)
	}
	// [REJECT] The block being voted for passes validation
	if block.Failed {
		return reject("block being voted for failed validation", root, "a valid block")
	}
	// [REJECT] The attestation's target block is an ancestor of the LMD vote block
	// Spec: get_checkpoint_block (phase0)
	if target, ok := c.v.Ancestor(root, c.startOf(c.data.Target.Epoch)); !ok || target != c.data.Target.Root {
		return reject("target block is not an ancestor of LMD vote block", c.data.Target.Root, target)
	}
	// [IGNORE] The current finalized checkpoint is an ancestor of the block
	if ancestor, ok := c.finalizedDescends(c.v, root); !ok {
		return ignore("finalized checkpoint is not an ancestor of block", ancestor, c.v.Finalized().Root)
	}
	if c.in.Fork >= params.Gloas {
		return c.verifyAttestationPayloadStatus(&block)
	}
	return accepted
}

// verifyAttestationPayloadStatus checks what a vote says of the payload of the block that it is for.
// Spec: verify_attestation_payload_status (gloas).
func (c *voteCheck) verifyAttestationPayloadStatus(block *Block) Decision {
	data := c.data
	// [REJECT] For same-slot attestations, the payload cannot yet be present
	if block.Slot == data.Slot && data.Index != 0 {
		return reject("same-slot attestation must attest with index 0", data.Index, 0)
	}
	if data.Index != 1 {
		return accepted
	}
	// [IGNORE] The corresponding execution payload envelope has been seen and verified (MAY queue attestations for processing once the
	// payload is retrieved and SHOULD request the payload envelope)
	if !block.PayloadVerified {
		d := deferred("execution payload envelope has not been seen", WaitPayload, data.BeaconBlockRoot)
		if c.spec.ForkAtSlot(block.Slot) < params.Gloas {
			d.Verdict, d.Wait = Ignore, Wait{} // the block has its payload inside, and no envelope will ever come
		}
		return d
	}
	switch block.Execution {
	case forkchoice.Valid:
		return accepted
	case forkchoice.Invalid:
		// [REJECT] The attested execution payload is processed and invalid
		return reject("attested payload is invalid", block.Execution, forkchoice.Valid)
	}
	// [IGNORE] The attested execution payload is optimistic
	return ignore("attested payload is optimistic", block.Execution, forkchoice.Valid)
}

// slotRoot is the hash tree root of a slot.
func slotRoot(slot types.Slot) (root types.Root) {
	binary.LittleEndian.PutUint64(root[:], uint64(slot))
	return root
}
