package gossip

import (
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/forkchoice"
)

// View is the chain at one moment, as the rules see it. All methods answer from memory and may be called by many goroutines. What is
// not at hand is said to be so: nothing that a peer sends makes the chain compute a state.
type View interface {
	Blocks
	Branches
	Heads
}

// Block is what the rules ask of a block that has been seen.
type Block struct {
	Slot       types.Slot
	ParentRoot types.Root
	// Failed says that the block broke a rule of the transition. Slot and all else may be zero then, but Execution.
	Failed bool
	// Execution is what the execution client said of the payload: that in the block or, from Gloas on, that which came on its own.
	Execution forkchoice.Execution
	// PayloadVerified tells whether a payload that came on its own was verified (gloas). Spec: is_payload_verified (gloas).
	PayloadVerified bool
	// The hashes of the payload inside the block, from Gloas on those of its bid.
	ExecutionParentHash types.Hash32
	ExecutionBlockHash  types.Hash32
}

// Blocks is the blocks that have been seen.
type Blocks interface {
	// Block finds a block that was imported or failed to be; false for any other, such as one that waits for something.
	Block(root types.Root) (Block, bool)
	// Ancestor is the last block of the chain up to an imported block that is not after a slot; false if it is older than what is
	// kept. Spec: get_ancestor (phase0).
	Ancestor(root types.Root, slot types.Slot) (types.Root, bool)
	// Finalized is the finalized checkpoint by fork choice.
	Finalized() types.Checkpoint
}

// Branches is what the chain up to an imported block decides.
type Branches interface {
	// Shuffling is the committees of an epoch.
	Shuffling(root types.Root, epoch types.Epoch) (*transition.Shuffling, bool)
	// Proposer is the proposer of a slot after the block.
	Proposer(root types.Root, slot types.Slot) (types.ValidatorIndex, bool)
	// State is the state after the block, advanced to some slot of an epoch that is not before the block's: what does not change
	// within an epoch is right in it.
	State(root types.Root, epoch types.Epoch) (transition.Frozen, bool)
	// Bid is the bid in the block (gloas). It is not to be written to.
	Bid(root types.Root) (*types.ExecutionPayloadBid, bool)
}

// Head is the head of the chain.
type Head struct {
	Root types.Root
	Block
	// PayloadStatus tells whether the head is the block with its payload or without (gloas).
	PayloadStatus forkchoice.PayloadStatus
	// BuildOnFull is should_build_on_full for the slot after the head's.
	BuildOnFull bool
}

// Heads is the chain's head.
type Heads interface {
	Head() Head
	// HeadState is the state of the head, in the present epoch where that is at hand.
	HeadState() (transition.Frozen, bool)
	// IsDependent tells whether a block is the head, or has a child that is not before a slot.
	// Spec: is_valid_dependent_root (gloas).
	IsDependent(root types.Root, slot types.Slot) bool
}

// LightClient is the light client updates that the node computed itself.
type LightClient interface {
	// FinalityUpdate is the latest one; nil if there is none. It is not to be written to.
	FinalityUpdate() *types.LightClientFinalityUpdate
	// OptimisticUpdate is the latest one; nil if there is none. It is not to be written to.
	OptimisticUpdate() *types.LightClientOptimisticUpdate
}
