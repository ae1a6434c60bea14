package chain

import (
	"sync"
	"sync/atomic"

	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/forkchoice"
)

// Block is what is known of an imported block. Only its execution status changes after it was made.
type Block struct {
	forkchoice.Block

	parent    atomic.Pointer[Block]
	execution atomic.Uint32 // a forkchoice.Execution
	payload   atomic.Bool   // from gloas on: the payload was imported, and has not turned out to be invalid
	lastChild atomic.Uint64 // slot of the latest block that was imported on it; 0 if there is none
}

// Parent is the block before it, nil for the oldest one that is kept.
func (b *Block) Parent() *Block { return b.parent.Load() }

// ExecutionStatus is what the execution client said of the payload: that in the block, or from Gloas on that of its envelope.
func (b *Block) ExecutionStatus() forkchoice.Execution {
	return forkchoice.Execution(b.execution.Load())
}

// PayloadKnown tells whether the block's envelope was imported and is not known to be invalid (gloas).
func (b *Block) PayloadKnown() bool { return b.payload.Load() }

// AncestorAt is the last block of the chain up to b whose slot is not after slot; nil if that is older than what is kept.
// Spec: get_ancestor (phase0).
func (b *Block) AncestorAt(slot types.Slot) *Block {
	for b != nil && b.Slot > slot {
		b = b.Parent()
	}
	return b
}

// blockIndex is all blocks that descend from the finalized one, with it. The writer adds and removes; anybody reads.
type blockIndex struct {
	blocks sync.Map // types.Root to *Block
	count  atomic.Int64
}

// get finds a block, nil if there is none.
func (x *blockIndex) get(root types.Root) *Block {
	if b, ok := x.blocks.Load(root); ok {
		return b.(*Block)
	}
	return nil
}

func (x *blockIndex) add(b *Block) {
	parent := x.get(b.ParentRoot)
	b.parent.Store(parent)
	if parent != nil {
		parent.lastChild.Store(max(parent.lastChild.Load(), uint64(b.Slot)))
	}
	b.execution.Store(uint32(b.Execution))
	x.blocks.Store(b.Root, b)
	x.count.Add(1)
}

func (x *blockIndex) remove(root types.Root) {
	if _, ok := x.blocks.LoadAndDelete(root); ok {
		x.count.Add(-1)
	}
}
