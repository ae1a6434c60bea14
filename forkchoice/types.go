package forkchoice

import (
	"fmt"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// PayloadStatus tells which of a block's nodes is meant. Spec: PayloadStatus (gloas).
type PayloadStatus uint8

// The nodes of a block. Blocks from before Gloas have the pending one only.
const (
	Empty   PayloadStatus = 0 // the block without its payload
	Full    PayloadStatus = 1 // the block with its payload
	Pending PayloadStatus = 2 // the block, whatever becomes of its payload

	statuses = 3
)

func (p PayloadStatus) String() string {
	switch p {
	case Empty:
		return "empty"
	case Full:
		return "full"
	case Pending:
		return "pending"
	}
	return fmt.Sprintf("PayloadStatus(%d)", uint8(p))
}

// Node is a node of the tree. Spec: ForkChoiceNode (phase0; modified gloas).
type Node struct {
	Root          types.Root
	PayloadStatus PayloadStatus
}

// Execution is what is known of a payload. Spec: sync/optimistic.md.
type Execution uint8

// What is known of a payload.
const (
	Irrelevant Execution = iota // there is no payload; from Gloas on: none is known yet
	Optimistic                  // NOT_VALIDATED
	Valid                       // VALID
	Invalid                     // INVALIDATED
)

func (e Execution) String() string {
	switch e {
	case Irrelevant:
		return "irrelevant"
	case Optimistic:
		return "optimistic"
	case Valid:
		return "valid"
	case Invalid:
		return "invalid"
	}
	return fmt.Sprintf("Execution(%d)", uint8(e))
}

// Block is all that fork choice needs of a block and of its post-state.
type Block struct {
	Slot          types.Slot
	Root          types.Root
	ParentRoot    types.Root
	StateRoot     types.Root
	ProposerIndex types.ValidatorIndex

	// The hashes of the payload inside the block, zero where it has none; from Gloas on those of the bid.
	ExecutionParentHash types.Hash32
	ExecutionBlockHash  types.Hash32
	// Execution is what is known of the payload inside the block. From Gloas on it is Irrelevant in OnBlock, and what is known of
	// the payload that came on its own is kept here.
	Execution Execution

	// The checkpoints of the post-state.
	JustifiedCheckpoint types.Checkpoint
	FinalizedCheckpoint types.Checkpoint
	// The same after process_justification_and_finalization on a copy of it.
	UnrealizedJustified types.Checkpoint
	UnrealizedFinalized types.Checkpoint

	// Arrived is when the block arrived, in milliseconds since genesis. Timeliness and boost are judged by it. It may be
	// earlier than the store's time, never later.
	Arrived uint64
}

// Attestation is a vote of validators of one slot. The caller has verified signature and membership in the committees.
type Attestation struct {
	Slot      types.Slot
	Index     types.CommitteeIndex // data.index: from Gloas on 1 for a full block, else 0; it does not count before
	BlockRoot types.Root
	Target    types.Checkpoint
	Attesting []types.ValidatorIndex
}

// PayloadVote is the vote of a member of a payload timeliness committee. The caller has verified its signature.
// Spec: PayloadAttestationMessage (gloas).
type PayloadVote struct {
	Root          types.Root
	Slot          types.Slot
	Validator     types.ValidatorIndex
	Present       bool
	DataAvailable bool
}

// States answers what only states can tell. What it returns is not changed by the store, nor may anyone else.
type States interface {
	// Balances is of the state of the checkpoint's block, advanced to the start of the checkpoint's epoch if it is before.
	Balances(checkpoint types.Checkpoint) (*Balances, error)
	// Committee is the members of all committees of a slot, in the chain of a block, in any order.
	Committee(root types.Root, slot types.Slot) ([]uint32, error)
	// PayloadCommittee is the payload timeliness committee of a slot in the state after a block, in order, with repetitions.
	PayloadCommittee(root types.Root, slot types.Slot) ([]types.ValidatorIndex, error)
}

// Config is what a Store is made of.
type Config struct {
	Spec *params.Spec
	// GenesisTime is in Unix seconds.
	GenesisTime uint64
	// Anchor is the trusted block to begin with. Its Execution is Valid, or Irrelevant where it has no payload inside. Of its
	// checkpoints only JustifiedCheckpoint is used.
	Anchor Block
	// AnchorEpoch is the epoch of the trusted state: that of the anchor block, which is meant by 0, or a later one if the state was
	// advanced to the start of its checkpoint's epoch.
	AnchorEpoch types.Epoch
	States      States
}

// maxValidators bounds the memory that votes can take to 4 GiB: more than any registry will have.
const maxValidators = 1 << 28
