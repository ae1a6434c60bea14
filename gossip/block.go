package gossip

import (
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/forkchoice"
)

// CheckedBlock is a block that may be passed on.
type CheckedBlock struct {
	signed *types.SignedBeaconBlock
	root   types.Root
}

func (*CheckedBlock) checked() {}

// Signed is the block. It is not to be written to.
func (c *CheckedBlock) Signed() *types.SignedBeaconBlock { return c.signed }

// Root is the root of the block.
func (c *CheckedBlock) Root() types.Root { return c.root }

// BeaconBlock begins the check of a block.
//
// Spec: validate_beacon_block_gossip (phase0; modified bellatrix, capella, deneb, electra, fulu, gloas).
func (r *Rules) BeaconBlock(in Arrival, signed *types.SignedBeaconBlock) *Pending[*CheckedBlock] {
	return begin(&blockCheck{Rules: r, in: in, v: r.view(), signed: signed})
}

type blockCheck struct {
	*Rules
	in     Arrival
	v      View
	signed *types.SignedBeaconBlock
	root   types.Root
	state  transition.Frozen // of the head
}

func (c *blockCheck) before(sigs *statements) Decision {
	block := &c.signed.Message
	// [IGNORE] The block is not from a future slot (MAY be queued for processing at the appropriate slot)
	if isFutureSlot(c.spec, block.Slot, c.in.Now) {
		return c.future("block is from a future slot", block.Slot, c.in.Now)
	}
	// "Clients MUST reject messages containing an incorrect type"
	if d := c.checkFork(block.Slot, c.in); !d.ok() {
		return d
	}
	// [IGNORE] The block is from a slot greater than the latest finalized slot
	if finalized := c.startOf(c.v.Finalized().Epoch); block.Slot <= finalized {
		return ignore("block is not from a slot greater than the latest finalized slot", block.Slot, finalized)
	}
	// [IGNORE] The block is the first block with valid signature received for the slot and proposer
	if c.seen.blocks.has(block.Slot, proposerKey{block.ProposerIndex}) {
		return seenBlock(block)
	}
	if c.in.Fork >= params.Gloas {
		// [REJECT] The block body operation counts are within their limits
		if d := verifyBlockBodyOperationLimits(c.spec, &block.Body); !d.ok() {
			return d
		}
		// [REJECT] The parent execution request counts are within their limits
		if d := verifyExecutionRequestsLimits(c.spec, &block.Body.ParentExecutionRequests); !d.ok() {
			return d
		}
	}
	state, ok := c.v.HeadState()
	if !ok {
		return notAtHand(c.v.Head().Root)
	}
	c.state = state
	root, err := ssz.HashTreeRoot(c.cx(c.in.Fork), ssz.Container(block))
	if err != nil {
		return rejectFor(RuleType, err)
	}
	c.root = root
	return c.proposed(sigs, state, &proposal{
		slot: block.Slot, proposer: block.ProposerIndex, root: root, signature: c.signed.Signature,
		rules: proposalRules{index: "proposer index out of range", signature: "invalid proposer signature"},
	})
}

func seenBlock(block *types.BeaconBlock) Decision {
	return seenBefore("block is not the first valid block for this slot and proposer", block.Slot, "another slot")
}

func (c *blockCheck) after() (*CheckedBlock, Decision) {
	block := &c.signed.Message
	// [IGNORE] The block's parent has been seen (MAY be queued until parent is retrieved)
	parent, ok := c.v.Block(block.ParentRoot)
	if !ok {
		return nil, deferred("block's parent has not been seen", WaitBlock, block.ParentRoot)
	}
	d := c.checkPayload(&parent)
	if d.ok() {
		d = c.checkPlace(&parent)
	}
	if !d.ok() {
		return nil, d
	}
	// Mark this block as seen
	if !c.seen.blocks.put(block.Slot, proposerKey{block.ProposerIndex}, c.root) {
		return nil, seenBlock(block)
	}
	return &CheckedBlock{c.signed, c.root}, accepted
}

// checkPayload is the rules about the block's payload and its parent's, and about the parent's own validity.
func (c *blockCheck) checkPayload(parent *Block) Decision {
	block := &c.signed.Message
	switch {
	case c.in.Fork >= params.Gloas:
		// [IGNORE] If the parent block is full, the parent payload is valid (MAY be queued until the parent payload is verified)
		if c.buildsOnPayload(parent) && !parent.PayloadVerified {
			return deferred("parent payload is not verified", WaitPayload, block.ParentRoot)
		}
		return accepted // that the parent passes validation is asked later
	case c.in.Fork >= params.Capella, c.in.Fork == params.Bellatrix && c.executionEnabled():
		return c.checkPayloadInside(parent)
	}
	// [REJECT] The block's parent passes validation
	if parent.Failed {
		if c.in.Fork == params.Bellatrix {
			return reject("block's parent is invalid and execution is not enabled", block.ParentRoot, "a valid block")
		}
		return reject("block's parent is invalid", block.ParentRoot, "a valid block")
	}
	return accepted
}

// executionEnabled tells whether a Bellatrix block has a payload to process. Spec: is_execution_enabled (bellatrix).
func (c *blockCheck) executionEnabled() bool {
	payload := ssz.Container(&c.signed.Message.Body.ExecutionPayload)
	return c.state.MergeTransitionComplete() || !payload.IsZero(c.cx(c.in.Fork))
}

// checkPayloadInside is the rules of blocks with a payload inside.
func (c *blockCheck) checkPayloadInside(parent *Block) Decision {
	block := &c.signed.Message
	// [REJECT] The block's execution payload timestamp is correct with respect to the slot
	// Spec: compute_time_at_slot (phase0). The slot is not in the future, so that nothing overflows.
	want := c.genesisTime + uint64(block.Slot)*c.spec.SlotDurationMs/1000
	if have := block.Body.ExecutionPayload.Timestamp; have != want {
		return reject("incorrect execution payload timestamp", have, want)
	}
	if parent.Failed {
		if parent.Execution != forkchoice.Valid && parent.Execution != forkchoice.Invalid {
			// [REJECT] The block's parent failed validation and its execution payload is optimistic
			return reject("block's parent is invalid and its payload is optimistic", parent.Execution, forkchoice.Valid)
		}
		// [IGNORE] The block's parent failed validation and its execution payload is processed
		return ignore("block's parent is invalid and its payload is processed", parent.Execution, "a valid block")
	}
	// [IGNORE] The block's parent passed validation but its execution payload is invalid
	if parent.Execution == forkchoice.Invalid {
		return ignore("block's parent is valid and its payload is invalid", parent.Execution, forkchoice.Valid)
	}
	return accepted
}

// buildsOnPayload tells whether the block says that its parent's payload was revealed. Spec: is_parent_node_full (gloas).
func (c *blockCheck) buildsOnPayload(parent *Block) bool {
	return c.spec.ForkAtSlot(parent.Slot) >= params.Gloas && !parent.Failed &&
		c.signed.Message.Body.SignedExecutionPayloadBid.Message.ParentBlockHash == parent.ExecutionBlockHash
}

// checkPlace is the rules about the block's place in the chain.
func (c *blockCheck) checkPlace(parent *Block) Decision {
	block := &c.signed.Message
	gloas := c.in.Fork >= params.Gloas
	bid := &block.Body.SignedExecutionPayloadBid.Message
	if gloas && parent.Failed {
		// Nothing else is known of a parent that failed; all rules from here to the one that says so reject.
		return reject("block's parent is invalid", block.ParentRoot, "a valid block")
	}
	// [REJECT] The block is from a higher slot than its parent
	if block.Slot <= parent.Slot {
		return reject("block is not from a higher slot than its parent", block.Slot, parent.Slot)
	}
	// [REJECT] The current finalized checkpoint is an ancestor of the block
	if ancestor, ok := c.finalizedDescends(c.v, block.ParentRoot); !ok {
		return reject("finalized checkpoint is not an ancestor of block", ancestor, c.v.Finalized().Root)
	}
	// [REJECT] The length of KZG commitments is less than or equal to the limit (deneb; modified electra, fulu, gloas)
	commitments := len(block.Body.BlobKZGCommitments)
	if gloas {
		commitments = len(bid.BlobKZGCommitments)
	}
	if most := c.spec.MaxBlobsPerBlockAt(c.epochOf(block.Slot)); uint64(commitments) > most {
		return reject("too many blob kzg commitments", commitments, most)
	}
	// [REJECT] The bid's parent equals the block's parent
	if gloas && bid.ParentBlockRoot != block.ParentRoot {
		return reject("bid's parent does not equal block's parent", bid.ParentBlockRoot, block.ParentRoot)
	}
	// [REJECT] The block is proposed by the expected proposer for the slot
	// (if shuffling is not available, IGNORE instead and MAY be queued for later)
	if d := c.expectProposer(c.v, "block proposer_index does not match expected proposer", block.ParentRoot, block.Slot, block.ProposerIndex); !d.ok() {
		return d
	}
	// [REJECT] If the parent is not full, the bid builds on the parent's execution head
	if gloas && !c.buildsOnPayload(parent) {
		if head := c.executionHead(parent); bid.ParentBlockHash != head {
			return reject("bid does not build on the parent's execution head", bid.ParentBlockHash, head)
		}
	}
	return accepted
}

// executionHead is latest_block_hash of the state after a block whose own payload is left out: what its bid builds on, as the transition
// has checked. A block from before Gloas has its payload inside.
func (c *blockCheck) executionHead(parent *Block) types.Hash32 {
	if c.spec.ForkAtSlot(parent.Slot) >= params.Gloas {
		return parent.ExecutionParentHash
	}
	return parent.ExecutionBlockHash
}

// limit is a rule about the length of a list.
type limit struct {
	rule Rule
	have int
	most uint64
}

func checkLimits(limits ...limit) Decision {
	for _, l := range limits {
		if uint64(l.have) > l.most {
			return reject(l.rule, l.have, l.most)
		}
	}
	return accepted
}

// verifyBlockBodyOperationLimits checks the lists of a body that have no limit in their type.
// Spec: verify_block_body_operation_limits (gloas).
func verifyBlockBodyOperationLimits(spec *params.Spec, body *types.BeaconBlockBody) Decision {
	return checkLimits(
		// [REJECT] The proposer slashing count is within the limit
		limit{"too many proposer slashings", len(body.ProposerSlashings), spec.MaxProposerSlashings},
		// [REJECT] The attester slashing count is within the limit
		limit{"too many attester slashings", len(body.AttesterSlashings), spec.MaxAttesterSlashingsElectra},
		// [REJECT] The attestation count is within the limit
		limit{"too many attestations", len(body.Attestations), spec.MaxAttestationsElectra},
		// [REJECT] The block contains no deposits
		limit{"block must not contain deposits", len(body.Deposits), 0},
		// [REJECT] The voluntary exit count is within the limit
		limit{"too many voluntary exits", len(body.VoluntaryExits), spec.MaxVoluntaryExits},
		// [REJECT] The BLS to execution change count is within the limit
		limit{"too many bls to execution changes", len(body.BLSToExecutionChanges), spec.MaxBLSToExecutionChanges},
		// [REJECT] The payload attestation count is within the limit
		limit{"too many payload attestations", len(body.PayloadAttestations), spec.MaxPayloadAttestations},
	)
}

// verifyExecutionRequestsLimits checks the lists of requests that have no limit in their type.
// Spec: verify_execution_requests_limits (gloas).
func verifyExecutionRequestsLimits(spec *params.Spec, requests *types.ExecutionRequests) Decision {
	return checkLimits(
		// [REJECT] The withdrawal request count is within the limit
		limit{"too many withdrawal requests", len(requests.Withdrawals), spec.MaxWithdrawalRequestsPerPayload},
		// [REJECT] The consolidation request count is within the limit
		limit{"too many consolidation requests", len(requests.Consolidations), spec.MaxConsolidationRequestsPerPayload},
		// [REJECT] The builder deposit request count is within the limit
		limit{"too many builder deposit requests", len(requests.BuilderDeposits), spec.MaxBuilderDepositRequestsPerPayload},
		// [REJECT] The builder exit request count is within the limit
		limit{"too many builder exit requests", len(requests.BuilderExits), spec.MaxBuilderExitRequestsPerPayload},
	)
}
