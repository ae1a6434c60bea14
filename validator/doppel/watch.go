package doppel

import (
	"context"
	"errors"
	"time"

	"github.com/cresset/cresset/beacon/apiclient"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/validator/nodes"
)

// silentEpochs is how many whole epochs nobody may be heard before a key is used.
const silentEpochs = 2

// Run watches until the context ends: in the middle of every epoch, when votes of the epoch before it are in blocks, it asks about that one.
func (g *Gate) Run(ctx context.Context) error {
	if g.beforeGenesis() {
		<-ctx.Done()
		return ctx.Err()
	}
	g.cfg.Log.Info("keys are watched before they are used: nothing is signed for some three epochs")
	for epoch := g.cfg.Clock.CurrentEpoch(); ; epoch = max(epoch+1, g.cfg.Clock.CurrentEpoch()) {
		err := g.cfg.Clock.WaitFor(ctx, func() time.Time {
			epoch = min(epoch, g.cfg.Clock.CurrentEpoch()+1) // less than before once the clock was set back
			return g.cfg.Clock.StartOf(types.Slot(uint64(epoch)*g.cfg.Spec.SlotsPerEpoch + g.cfg.Spec.SlotsPerEpoch/2))
		})
		if err != nil {
			return err
		}
		if err := g.look(ctx, epoch); err != nil {
			return err
		}
	}
}

func (g *Gate) beforeGenesis() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.mu.before
}

var errNoHealthy = errors.New("no healthy beacon node has answered")

// look asks all nodes about the epoch before the present one, again and again until a healthy one answers or the present one is over. It fails when the context
// ends.
func (g *Gate) look(ctx context.Context, now types.Epoch) error {
	asked := g.watched(now)
	if now == 0 || len(asked) == 0 {
		return ctx.Err()
	}
	var indices []types.ValidatorIndex
	for _, v := range asked {
		indices = append(indices, v.Index)
	}
	looking, cancel := g.cfg.Clock.Until(ctx, g.cfg.Clock.StartOf(types.Slot(uint64(now+1)*g.cfg.Spec.SlotsPerEpoch)))
	defer cancel()
	healthy, live := false, map[types.ValidatorIndex]bool{}
	err := g.cfg.Retry(looking, func() error {
		var failures []error
		for _, a := range nodes.Poll(looking, g.cfg.Nodes, func(ctx context.Context, c *apiclient.Client) (map[types.ValidatorIndex]bool, error) {
			return c.Liveness(ctx, now-1, indices)
		}) {
			if a.Err != nil {
				failures = append(failures, a.Err)
			}
			healthy = healthy || a.Tier == nodes.Healthy && a.Err == nil
			// Who heard of a validator is believed; who did not may have had nothing to hear.
			for v, heard := range a.Value {
				if heard || a.Tier == nodes.Healthy {
					live[v] = live[v] || heard
				}
			}
		}
		if !healthy {
			return errors.Join(append(failures, errNoHealthy)...)
		}
		return nil
	})
	if err != nil && ctx.Err() == nil {
		g.cfg.Log.Warn("keys are watched longer, as no beacon node that is healthy says whether their validators were heard; look at the beacon nodes", "epoch", now-1, "error", err)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	g.judge(now-1, asked, live)
	return nil
}

// watched is the validators whose keys are not let through yet and of which the epoch before the present one counts. It begins to watch those that are new;
// the present epoch does not count for them, as a process before this one may be heard in it.
func (g *Gate) watched(now types.Epoch) (asked []apiclient.ValidatorOf) {
	all := g.cfg.Validators()
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, v := range all {
		w := g.mu.keys[v.Pubkey]
		if w == nil {
			w = &watch{since: now + 1}
			g.mu.keys[v.Pubkey] = w
		}
		if !w.open() && w.since > now+1 { // the clock was set back, and what was heard of its epochs is nothing
			*w = watch{since: now + 1, heard: w.heard}
		}
		if !w.open() && w.since < now {
			asked = append(asked, v)
		}
	}
	return asked
}

// judge takes note of who was heard in an epoch. Validators that the answer leaves out are as they were.
func (g *Gate) judge(epoch types.Epoch, asked []apiclient.ValidatorOf, live map[types.ValidatorIndex]bool) {
	opened := 0
	var heard []apiclient.ValidatorOf
	g.mu.Lock()
	for _, v := range asked {
		w := g.mu.keys[v.Pubkey]
		switch is, told := live[v.Index]; {
		case is:
			w.heard = true
		case told:
			w.silent++
		}
		if w.heard {
			heard = append(heard, v)
		} else if w.open() {
			opened++
		}
	}
	g.mu.Unlock()
	for _, v := range heard {
		g.cfg.Log.Error("another process uses a key of ours, which is not used here until a restart; find that process and end it or this one, before both sign",
			"validator", v.Index, "key", v.Pubkey, "epoch", epoch)
	}
	if opened > 0 {
		g.cfg.Log.Info("nobody else was heard to use keys, they do their duties from now on", "keys", opened, "silent epochs", silentEpochs)
	}
}
