package api

import (
	"context"
	"time"
)

// gate lets a few pieces of heavy work be done at a time. Some more wait; those beyond are told to come again.
type gate struct {
	turns   chan struct{}
	waiting chan struct{}
	wait    time.Duration
}

func newGate(atOnce, queue int, wait time.Duration) *gate {
	return &gate{make(chan struct{}, atOnce), make(chan struct{}, queue), wait}
}

// busyAfter is in how many seconds who was turned away may come again.
const busyAfter = 5

// enter waits for a turn. Who has got one calls leave.
func (g *gate) enter(ctx context.Context) (leave func(), err error) {
	leave = func() { <-g.turns }
	select {
	case g.turns <- struct{}{}:
		return leave, nil
	default:
	}
	select {
	case g.waiting <- struct{}{}:
		defer func() { <-g.waiting }()
	default:
		return nil, busy(busyAfter, "%d requests are at heavy work and %d wait", cap(g.turns), cap(g.waiting))
	}
	timer := time.NewTimer(g.wait)
	defer timer.Stop()
	select {
	case g.turns <- struct{}{}:
		return leave, nil
	case <-timer.C:
		return nil, busy(busyAfter, "%d requests have been at heavy work for %v", cap(g.turns), g.wait)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
