package router

import (
	"context"
	"sync"

	"github.com/cresset/cresset/beacon/chain"
)

// votes is accepted votes that wait for the chain's writer. All that came while it was busy are counted together.
type votes struct {
	drops func()
	wake  chan struct{}

	mu struct {
		sync.Mutex
		waiting []*chain.VerifiedAttestation
	}
}

// votesKept bounds the votes that wait: those of two slots of mainnet.
const votesKept = 1 << 16

func newVotes(drops func()) *votes { return &votes{drops: drops, wake: make(chan struct{}, 1)} }

func (v *votes) add(more []*chain.VerifiedAttestation) {
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

func (v *votes) take() []*chain.VerifiedAttestation {
	v.mu.Lock()
	defer v.mu.Unlock()
	out := v.mu.waiting
	v.mu.waiting = nil
	return out
}

func (r *Router) voteLoop(ctx context.Context) error {
	for {
		select {
		case <-r.votes.wake:
			if err := r.cfg.Chain.ApplyAttestations(ctx, r.votes.take()); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
