package chain

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

const (
	// regenerations is how many states are computed again at a time.
	regenerations = 2
	// regenDeadline is how long whoever is not patient waits for one. The work goes on: who asks again finds it done.
	regenDeadline = time.Second
	// regenWaiting is how many regenerations may wait for their turn before those are refused for which nobody is patient.
	regenWaiting = 64
)

// gate is the one way to a state that is not in memory. It lets two computations run at a time and one for each block and epoch;
// who asks for the same shares the result.
type gate struct {
	turns chan struct{}

	closed  atomic.Bool
	running sync.WaitGroup

	mu struct {
		sync.Mutex
		flights map[flightKey]*flight
	}
}

type flightKey struct {
	root  types.Root
	epoch types.Epoch
}

// flight is a computation under way. Its fields are set when done is closed.
type flight struct {
	done  chan struct{}
	state *transition.State
	err   error
}

func newGate() *gate {
	g := &gate{turns: make(chan struct{}, regenerations)}
	g.mu.flights = map[flightKey]*flight{}
	return g
}

// do computes a state or joins the computation of the same one. It waits until the context ends; the computation does not, as
// its result is of use to whoever asks again. Who is patient is this node itself, and never refused.
func (g *gate) do(ctx context.Context, key flightKey, patient bool, compute func() (*transition.State, error)) (*transition.State, error) {
	g.mu.Lock()
	f := g.mu.flights[key]
	if f == nil {
		if !patient && len(g.mu.flights) >= regenWaiting {
			g.mu.Unlock()
			return nil, ErrStateBusy
		}
		if g.closed.Load() {
			g.mu.Unlock()
			return nil, ErrStopped
		}
		f = &flight{done: make(chan struct{})}
		g.mu.flights[key] = f
		g.running.Go(func() { g.run(key, f, compute) })
	}
	g.mu.Unlock()
	select {
	case <-f.done:
		return f.state, f.err
	case <-ctx.Done():
		if context.Cause(ctx) == errDeadline {
			return nil, ErrStateBusy
		}
		return nil, ctx.Err()
	}
}

func (g *gate) run(key flightKey, f *flight, compute func() (*transition.State, error)) {
	g.turns <- struct{}{}
	if f.err = ErrStopped; !g.closed.Load() {
		f.state, f.err = compute()
	}
	<-g.turns
	g.mu.Lock()
	delete(g.mu.flights, key)
	g.mu.Unlock()
	close(f.done)
}

// close refuses what has not begun and waits for what has: the disk that it reads from may be closed after that. A long computation
// looks at closed now and then.
func (g *gate) close() {
	g.mu.Lock()
	g.closed.Store(true) // under the lock, so that nothing is added to running after that
	g.mu.Unlock()
	g.running.Wait()
}
