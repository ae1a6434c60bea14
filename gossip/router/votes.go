package router

import (
	"context"
	"sync"
)

// votes is accepted votes that wait for the chain's writer. All that came while it was busy are counted together.
type votes[V any] struct {
	drops func()
	wake  chan struct{}

	mu struct {
		sync.Mutex
		waiting []V
	}
}

// votesKept bounds the votes that wait: those of two slots of mainnet.
const votesKept = 1 << 16

func newVotes[V any](drops func()) *votes[V] {
	return &votes[V]{drops: drops, wake: make(chan struct{}, 1)}
}

func (v *votes[V]) add(more ...V) {
	if len(more) == 0 {
		return
	}
	v.mu.Lock()
	for _, one := range more {
		if len(v.mu.waiting) >= votesKept {
			v.drops()
			continue
		}
		v.mu.waiting = append(v.mu.waiting, one)
	}
	v.mu.Unlock()
	select {
	case v.wake <- struct{}{}:
	default:
	}
}

func (v *votes[V]) take() []V {
	v.mu.Lock()
	defer v.mu.Unlock()
	out := v.mu.waiting
	v.mu.waiting = nil
	return out
}

// voteLoop has the chain count attestations, and the votes of payload timeliness committees.
func (r *Router) voteLoop(ctx context.Context) error {
	for {
		var err error
		select {
		case <-r.votes.wake:
			err = r.cfg.Chain.ApplyAttestations(ctx, r.votes.take())
		case <-r.payloadVotes.wake:
			err = r.cfg.Chain.ApplyPayloadAttestations(ctx, r.payloadVotes.take())
		case <-ctx.Done():
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
	}
}
