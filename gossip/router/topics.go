package router

import (
	"context"
	"fmt"
	"slices"

	pubsub "github.com/libp2p/go-libp2p-pubsub"

	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/gossip"
)

// joined is a topic that the node publishes on or is subscribed to.
type joined struct {
	topic  gossip.Topic
	handle *pubsub.Topic
	leave  pubsub.RelayCancelFunc // nil unless subscribed
}

// SetInterests says what the node wants to hear besides the global topics.
func (r *Router) SetInterests(want gossip.Interests) {
	r.mu.Lock()
	r.mu.interests = gossip.Interests{
		AttestationSubnets: slices.Clone(want.AttestationSubnets), SyncCommitteeSubnets: slices.Clone(want.SyncCommitteeSubnets),
		ColumnSubnets: slices.Clone(want.ColumnSubnets), LightClient: want.LightClient,
	}
	r.mu.Unlock()
	r.kick()
}

// SetSynced says whether the node is near enough to the present to judge messages. Before, it is subscribed to nothing.
func (r *Router) SetSynced(synced bool) {
	r.mu.Lock()
	r.mu.synced = synced
	r.mu.Unlock()
	r.kick()
}

// kick has the subscriptions looked at.
func (r *Router) kick() {
	select {
	case r.resub <- struct{}{}:
	default:
	}
}

func (r *Router) topicLoop(ctx context.Context) error {
	for {
		select {
		case <-r.resub:
			if err := r.resubscribe(); err != nil && ctx.Err() == nil {
				r.log.Error("a gossip topic cannot be subscribed to; restart the node if this goes on", "error", err)
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// resubscribe makes the subscriptions those of the present epoch, and scores those of the present number of validators. Gossipsub
// answers from its own loop; nothing of it is I/O.
func (r *Router) resubscribe() error {
	epoch := r.clock.CurrentEpoch()
	validators := r.activeValidators()
	r.mu.Lock()
	defer r.mu.Unlock()
	want := map[string]gossip.Topic{}
	if r.mu.synced {
		for _, t := range r.cfg.Network.Topics(epoch, r.mu.interests) {
			want[t.String()] = t
		}
	}
	eras := r.cfg.Network.Eras(epoch)
	for name, j := range r.mu.joined {
		if _, ok := want[name]; ok {
			continue
		}
		if j.leave != nil {
			j.leave()
			j.leave = nil
			continue // it is closed the next time, when gossipsub has left it
		}
		if !slices.ContainsFunc(eras, func(e gossip.Era) bool { return e.Digest == j.topic.Digest }) && j.handle.Close() == nil {
			delete(r.mu.joined, name)
		}
	}
	subscribed := 0
	for name, t := range want {
		j, err := r.joinLocked(name, t)
		if err != nil {
			return err
		}
		if err := j.handle.SetScoreParams(topicScore(t.Kind.Score(r.cfg.Spec, t.Fork, validators))); err != nil {
			return fmt.Errorf("score topic %s: %w", name, err)
		}
		if j.leave == nil {
			if j.leave, err = j.handle.Relay(); err != nil {
				return fmt.Errorf("subscribe to topic %s: %w", name, err)
			}
		}
		subscribed++
	}
	r.metrics.Topics.Set(float64(subscribed))
	return nil
}

// joinLocked makes a topic one that the node can publish on.
func (r *Router) joinLocked(name string, t gossip.Topic) (*joined, error) {
	if j := r.mu.joined[name]; j != nil {
		return j, nil
	}
	mesh := r.mesh.Load()
	if mesh == nil {
		return nil, ErrNotRunning
	}
	handle, err := mesh.Join(name)
	if err != nil {
		return nil, fmt.Errorf("join topic %s: %w", name, err)
	}
	j := &joined{topic: t, handle: handle}
	r.mu.joined[name] = j
	return j, nil
}

// subscribedTo tells whether the node is subscribed to a topic.
func (r *Router) subscribedTo(name string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	j := r.mu.joined[name]
	return j != nil && j.leave != nil
}

// activeValidators is the number of active validators; 0 if it is not at hand.
func (r *Router) activeValidators() uint64 {
	view := r.cfg.Chain.View()
	head := view.Head()
	epoch := max(r.clock.CurrentEpoch(), types.ComputeEpochAtSlot(r.cfg.Spec, head.Slot))
	if shuffling, ok := view.Shuffling(head.Root, epoch); ok {
		return uint64(shuffling.Active)
	}
	if state, ok := view.HeadState(); ok {
		return uint64(state.Validators())
	}
	return 0
}
