package chain

import (
	"slices"

	"github.com/cresset/cresset/beacon/store"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/forkchoice"
)

// finalize drops all branches that a newly finalized checkpoint rules out. What goes from the disk goes later, off the writer's
// path. Only the writer calls it.
func (c *Chain) finalize(checkpoint types.Checkpoint) *finalJob {
	c.w.finalized = checkpoint
	block := c.index.get(checkpoint.Root)
	if block == nil {
		return nil // a checkpoint of before the anchor
	}
	var canonical []slotRoot
	for b := block; b != nil; b = b.Parent() {
		canonical = append(canonical, slotRoot{b.Slot, b.Root})
	}
	slices.Reverse(canonical)
	kept := map[types.Root]bool{}
	for _, k := range canonical {
		kept[k.root] = true
	}
	var orphans []slotRoot
	for _, root := range c.w.fc.Prune() {
		b := c.index.get(root)
		if b == nil {
			continue
		}
		if !kept[root] {
			orphans = append(orphans, slotRoot{b.Slot, root})
		}
		c.index.remove(root)
		c.states.remove(root)
	}
	block.parent.Store(nil)
	slot := c.startOf(checkpoint.Epoch)
	c.deferred.prune(slot)
	c.data.prune(slot)
	c.balances.prune(checkpoint.Epoch)
	job := &finalJob{
		checkpoint: checkpoint, state: store.StateKey{Root: checkpoint.Root, Slot: max(slot, block.Slot)}, canonical: canonical, orphans: orphans,
	}
	c.events.publish(FinalizedEvent{checkpoint, block.StateRoot, block.ExecutionStatus() == forkchoice.Optimistic})
	c.log.Debug("finalized", "epoch", checkpoint.Epoch, "root", checkpoint.Root, "blocks", len(canonical), "orphans", len(orphans))
	return job
}

// saveForkChoice hands fork choice to the persister, whole, with what a newly finalized checkpoint leaves to do. Only the writer
// calls it.
func (c *Chain) saveForkChoice(final *finalJob) {
	c.persist.forkChoice(forkChoiceJob{data: c.w.fc.Encode(), journal: c.w.journal, final: final})
}

// slotRoot names a block.
type slotRoot struct {
	slot types.Slot
	root types.Root
}
