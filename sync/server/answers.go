package server

import (
	"context"

	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/sync/reqresp"
)

// bootstrap answers with what was derived, or derives it of a block whose state is in memory: what a peer asks for starts no replay.
//
// Spec: "When a LightClientBootstrap instance cannot be produced for a given block root, peers SHOULD respond with error code
// 3: ResourceUnavailable."
func (l *Light) bootstrap(ctx context.Context, call *reqresp.Call, request *reqresp.Root) error {
	item := l.bootstrapOf(request.Root, func(b *chain.Block) (*transition.State, error) {
		if state, ok := l.cfg.Chain.CachedState(b.Root, b.Slot); ok {
			return state, nil
		}
		return nil, chain.ErrStateBusy
	})
	if item == nil {
		return reqresp.Unavailable("no bootstrap of block %v", request.Root)
	}
	return call.SendSSZ(ctx, item.slot, item.ssz)
}

// bootstrapOf is nil where there is no bootstrap of a block. State gives that after a block.
func (l *Light) bootstrapOf(root types.Root, state func(*chain.Block) (*transition.State, error)) *lightItem {
	l.mu.Lock()
	item := l.mu.bootstraps[root]
	l.mu.Unlock()
	if item != nil {
		return item
	}
	b := l.cfg.Chain.Block(root)
	if b == nil {
		return nil
	}
	item, err := l.derive(b, state)
	if err != nil {
		l.cfg.Log.Debug("no light client bootstrap of a block", "slot", b.Slot, "root", root, "reason", err)
		return nil
	}
	return item
}

// updatesByRange answers with the updates from the first known period of the range on, up to the first that is not known.
//
// Spec: "They MUST respond with at least the earliest known result within the requested range, and MUST send results in consecutive order
// (by period)."
func (l *Light) updatesByRange(ctx context.Context, call *reqresp.Call, request *reqresp.UpdatesByRange) error {
	for _, item := range l.updatesOf(request.StartPeriod, request.Count) {
		if call.Left() == 0 {
			return nil
		}
		if err := call.SendSSZ(ctx, item.slot, item.ssz); err != nil {
			return err
		}
	}
	return nil
}

func (l *Light) updatesOf(start, count uint64) (items []lightItem) {
	l.mu.Lock()
	defer l.mu.Unlock()
	next := start
	for _, period := range l.periodsLocked() {
		if period < start || period-start >= count {
			continue
		}
		if len(items) > 0 && period != next {
			break
		}
		items = append(items, l.mu.updates[period].lightItem)
		next = period + 1
	}
	return items
}

// finalityUpdate answers with the newest one. Spec: "When no LightClientFinalityUpdate is available, peers SHOULD respond with error code
// 3: ResourceUnavailable."
func (l *Light) finalityUpdate(ctx context.Context, call *reqresp.Call) error {
	l.mu.Lock()
	item := l.mu.finality
	l.mu.Unlock()
	return sendLatest(ctx, call, item)
}

// optimisticUpdate answers with the newest one, like finalityUpdate.
func (l *Light) optimisticUpdate(ctx context.Context, call *reqresp.Call) error {
	l.mu.Lock()
	item := l.mu.optimistic
	l.mu.Unlock()
	return sendLatest(ctx, call, item)
}

func sendLatest(ctx context.Context, call *reqresp.Call, item *lightItem) error {
	if item == nil {
		return reqresp.Unavailable("no update is known yet")
	}
	return call.SendSSZ(ctx, item.slot, item.ssz)
}
