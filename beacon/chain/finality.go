package chain

import (
	"slices"

	"github.com/cresset/cresset/beacon/store"
	"github.com/cresset/cresset/beacon/types"
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
	slot := c.startOf(checkpoint.Epoch)
	key := store.StateKey{Root: checkpoint.Root, Slot: max(slot, block.Slot)}
	frozen := c.states.latest(key.Root, key.Slot) // which the persister may want when it has left memory
	if frozen != nil && frozen.Slot != key.Slot {
		frozen = nil
	}
	optimistic := c.w.fc.IsOptimistic(checkpoint.Root) // from Gloas on that is about a payload that Prune drops
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
	c.deferred.prune(slot)
	c.data.prune(slot)
	c.balances.prune(checkpoint.Epoch)
	job := &finalJob{checkpoint: checkpoint, state: key, frozen: frozen, canonical: canonical, orphans: orphans}
	c.events.publish(FinalizedEvent{checkpoint, block.StateRoot, optimistic})
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
