package server

import (
	"context"

	"github.com/cresset/cresset/beacon/types"
)

// LightItem is what a light client is given: an encoding in the form of the fork of a slot.
type LightItem struct {
	Slot types.Slot // of the header that gives the context
	SSZ  []byte     // not to be written to
}

// Bootstrap is the LightClientBootstrap of a block: what was derived, or it is derived if the block is not older than the finalized one. False if it
// cannot be given.
func (l *Light) Bootstrap(ctx context.Context, root types.Root) (LightItem, bool) {
	return read(l.bootstrapOf(root, l.stateOf(ctx)))
}

// Updates is the best LightClientUpdates of count periods from one on: from the first that is known up to the first that is not.
func (l *Light) Updates(start, count uint64) (items []LightItem) {
	for _, item := range l.updatesOf(start, count) {
		items = append(items, LightItem{item.slot, item.ssz})
	}
	return items
}

// FinalityUpdate is the newest LightClientFinalityUpdate; false if there is none.
func (l *Light) FinalityUpdate() (LightItem, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return read(l.mu.finality)
}

// OptimisticUpdate is the newest LightClientOptimisticUpdate; false if there is none.
func (l *Light) OptimisticUpdate() (LightItem, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return read(l.mu.optimistic)
}

func read(item *lightItem) (LightItem, bool) {
	if item == nil {
		return LightItem{}, false
	}
	return LightItem{item.slot, item.ssz}, true
}
