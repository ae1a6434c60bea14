package api

import (
	"context"
	"sync"

	"github.com/cresset/cresset/beacon/types"
)

// advanceKey is a step of a block's state into an epoch.
type advanceKey struct {
	block types.Root
	epoch types.Epoch
}

// advances lets one request at a time take a step; those after it find it done.
type advances struct {
	mu struct {
		sync.Mutex
		under map[advanceKey]chan struct{} // closed when it is done
	}
}

func newAdvances() *advances {
	a := &advances{}
	a.mu.under = map[advanceKey]chan struct{}{}
	return a
}

// enter waits until nobody takes the step. Who enters calls leave.
func (a *advances) enter(ctx context.Context, key advanceKey) (leave func(), err error) {
	for {
		a.mu.Lock()
		under, ok := a.mu.under[key]
		if !ok {
			done := make(chan struct{})
			a.mu.under[key] = done
			a.mu.Unlock()
			return func() {
				a.mu.Lock()
				delete(a.mu.under, key)
				a.mu.Unlock()
				close(done)
			}, nil
		}
		a.mu.Unlock()
		select {
		case <-under:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
