package duties

import (
	"context"
	"fmt"
	"slices"

	"github.com/cresset/cresset/beacon/apiclient"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/validator/nodes"
)

// Run keeps the duties up to date until the context ends.
func (t *Tracker) Run(ctx context.Context) error {
	told := ""
	for {
		head, changed := t.cfg.Nodes.Head()
		t.follow(head)
		err := t.update(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && err.Error() != told:
			t.cfg.Log.Warn("duties could not be fetched, this is tried again; look at the beacon nodes if it goes on", "error", err)
			told = err.Error()
		case err == nil:
			told = ""
		}
		// Before genesis the next slot may be far away, and the clock be set meanwhile.
		next, stop := t.cfg.Clock.After(min(t.cfg.Clock.StartOf(t.cfg.Clock.CurrentSlot()+1).Sub(t.cfg.Clock.Now()), t.cfg.Clock.SlotDuration()))
		if err != nil {
			stop()
			next, stop = t.cfg.Clock.After(t.cfg.Clock.SlotDuration() / 4)
		}
		select {
		case <-next:
		case <-changed:
		case <-ctx.Done():
		}
		stop()
	}
}

// follow marks the duties that depend on a block that the head does not build on, for being fetched anew. The old ones stand until there are others.
func (t *Tracker) follow(head apiclient.HeadEvent) {
	if head.Block == (types.Root{}) {
		return
	}
	of, now := t.epoch(head.Slot), t.cfg.Clock.CurrentEpoch()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.dependLocked(of, head.PreviousDependent, head.CurrentDependent)
	var last types.Root // not known while the head's epoch goes on
	if of < now {
		last = head.Block
	}
	t.dependLocked(of+1, head.CurrentDependent, last)
}

// dependLocked marks the duties of an epoch whose committees depend on a block that is not this one, or whose proposers depend on a last block before the epoch that
// is not this one; zero for a block that is not known. From Fulu on proposers depend on what committees do.
func (t *Tracker) dependLocked(epoch types.Epoch, committees, last types.Root) {
	e := t.mu.epochs[epoch]
	if e == nil {
		return
	}
	next := *e
	switch {
	case committees != (types.Root{}) && e.root != committees:
		next.root, next.members, next.proposedAt = committees, nil, params.FarFutureEpoch
		t.cfg.Log.Info("duties have changed with the chain", "epoch", epoch, "depended", e.root, "depends", committees)
	case last != (types.Root{}) && e.proposedOn != (types.Root{}) && e.proposedOn != last && t.cfg.Spec.ForkAtEpoch(epoch) < params.Fulu:
		next.proposedOn, next.proposedAt = last, params.FarFutureEpoch
		t.cfg.Log.Info("proposers may have changed with the chain", "epoch", epoch, "depended", e.proposedOn, "depend", last)
	default:
		return
	}
	t.mu.epochs[epoch] = &next
}

// update fetches what is missing or old. It goes as far as it can, and gives the first error.
func (t *Tracker) update(ctx context.Context) error {
	now := t.cfg.Clock.CurrentEpoch()
	first := t.lookUp(ctx, now)
	keep := func(err error) {
		if first == nil {
			first = err
		}
	}
	t.forget(now)
	if indices := t.Active(); len(indices) > 0 {
		for _, epoch := range []types.Epoch{now, now + 1} {
			keep(t.fetchEpoch(ctx, now, epoch, indices))
		}
	}
	// The committee of the next period is fetched once the period begins soon. A validator that has exited stays a member
	// to the end of the period, and pays for what it leaves out. Spec: process_sync_aggregate (altair).
	if indices := t.indices(func(types.ValidatorStatus) bool { return true }); len(indices) > 0 {
		for _, epoch := range []types.Epoch{now, now + 2} {
			keep(t.fetchPeriod(ctx, now, epoch, indices))
		}
	}
	return first
}

// lookUp looks all keys up, once an epoch.
func (t *Tracker) lookUp(ctx context.Context, now types.Epoch) error {
	t.mu.Lock()
	known := t.mu.looked == now+1
	t.mu.Unlock()
	if known {
		return nil
	}
	keys := t.cfg.Signer.Keys()
	found, err := nodes.Read(ctx, t.cfg.Nodes, func(ctx context.Context, c *apiclient.Client) ([]apiclient.ValidatorOf, error) {
		return c.Validators(ctx, "head", keys)
	})
	if err != nil {
		return fmt.Errorf("look up validators: %w", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, v := range found {
		before, there := t.mu.validators[v.Pubkey]
		if !there || before.Status != v.Status {
			t.cfg.Log.Info("validator", "index", v.Index, "status", v.Status, "key", v.Pubkey)
		}
		t.mu.validators[v.Pubkey] = v
	}
	if t.mu.looked == 0 && len(found) < len(keys) {
		t.cfg.Log.Info("some keys are no validators yet, they are looked up every epoch", "keys", len(keys), "validators", len(found))
	}
	t.mu.looked = now + 1
	return nil
}

// forget drops what is over.
func (t *Tracker) forget(now types.Epoch) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for epoch := range t.mu.epochs {
		if epoch+2 < now {
			delete(t.mu.epochs, epoch)
		}
	}
	current := types.ComputeSyncCommitteePeriod(t.cfg.Spec, now)
	for p := range t.mu.periods {
		if p < current {
			delete(t.mu.periods, p)
		}
	}
}

// telling is what nodes are told now.
func (t *Tracker) telling(now types.Epoch) telling {
	return telling{now, t.cfg.Nodes.Returns(), true}
}

// fetchEpoch fetches the duties of an epoch, and subscribes to its subnets.
func (t *Tracker) fetchEpoch(ctx context.Context, now, epoch types.Epoch, indices []types.ValidatorIndex) error {
	t.mu.Lock()
	e := t.mu.epochs[epoch]
	t.mu.Unlock()
	if e == nil || !slices.Equal(e.members, indices) {
		made, err := t.fetchAttesters(ctx, epoch, indices)
		if err != nil {
			return fmt.Errorf("attester duties of epoch %d: %w", epoch, err)
		}
		if e != nil {
			made.proposers, made.proposedAt, made.proposedOn = e.proposers, e.proposedAt, e.proposedOn
		}
		e = made
		t.put(epoch, e)
	}
	if e.proposers == nil || e.proposedAt != now {
		got, err := nodes.Read(ctx, t.cfg.Nodes, func(ctx context.Context, c *apiclient.Client) (a answer[apiclient.ProposerDuty], err error) {
			if a.root, a.list, err = c.ProposerDuties(ctx, t.cfg.Spec, epoch); err == nil {
				err = t.checkProposers(a.list)
			}
			return a, err
		})
		if err != nil {
			return fmt.Errorf("proposer duties of epoch %d: %w", epoch, err)
		}
		next := *e
		next.proposers, next.proposedAt, next.proposedOn = map[types.Slot]apiclient.ProposerDuty{}, now, got.root
		for _, d := range got.list {
			if t.cfg.Signer.Has(d.Pubkey) {
				next.proposers[d.Slot] = d
			}
		}
		e = &next
		t.put(epoch, e)
	}
	if present := t.telling(now); e.told != present {
		if err := t.subscribe(ctx, e); err != nil {
			return fmt.Errorf("subscribe to the subnets of epoch %d: %w", epoch, err)
		}
		next := *e
		next.told = present
		t.put(epoch, &next)
	}
	return nil
}

func (t *Tracker) put(epoch types.Epoch, e *epochDuties) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mu.epochs[epoch] = e
	t.tellLocked()
}

// tellLocked wakes those that wait for duties.
func (t *Tracker) tellLocked() {
	close(t.mu.fetched)
	t.mu.fetched = make(chan struct{})
}

// answer is duties and the block that they depend on.
type answer[T any] struct {
	root types.Root
	list []T
}

func (t *Tracker) fetchAttesters(ctx context.Context, epoch types.Epoch, indices []types.ValidatorIndex) (*epochDuties, error) {
	got, err := nodes.Read(ctx, t.cfg.Nodes, func(ctx context.Context, c *apiclient.Client) (a answer[apiclient.AttesterDuty], err error) {
		if a.root, a.list, err = c.AttesterDuties(ctx, epoch, indices); err == nil {
			err = t.checkAttesters(epoch, a.list)
		}
		return a, err
	})
	if err != nil {
		return nil, err
	}
	return &epochDuties{root: got.root, attesters: t.prove(got.list), members: indices}, nil
}

// fetchPeriod fetches the sync committee of an epoch's period.
func (t *Tracker) fetchPeriod(ctx context.Context, now, epoch types.Epoch, indices []types.ValidatorIndex) error {
	spec := t.cfg.Spec
	if spec.ForkAtEpoch(now) < params.Altair {
		return nil
	}
	number := types.ComputeSyncCommitteePeriod(spec, epoch)
	t.mu.Lock()
	p := t.mu.periods[number]
	t.mu.Unlock()
	if p == nil || !slices.Equal(p.members, indices) {
		seats, err := nodes.Read(ctx, t.cfg.Nodes, func(ctx context.Context, c *apiclient.Client) ([]apiclient.SyncDuty, error) {
			seats, err := c.SyncDuties(ctx, epoch, indices)
			if err == nil {
				err = t.checkSync(seats)
			}
			return seats, err
		})
		if err != nil {
			return fmt.Errorf("sync committee of epoch %d: %w", epoch, err)
		}
		p = &period{members: indices}
		for _, s := range seats {
			if t.cfg.Signer.Has(s.Pubkey) { // not removed since
				p.seats = append(p.seats, s)
			}
		}
		t.mu.Lock()
		t.mu.periods[number] = p
		t.tellLocked()
		t.mu.Unlock()
		if len(p.seats) > 0 {
			t.cfg.Log.Info("validators are in the sync committee", "period", number, "validators", len(p.seats))
		}
	}
	present := t.telling(now)
	if p.told == present || len(p.seats) == 0 {
		return nil
	}
	until := types.Epoch((number + 1) * uint64(spec.EpochsPerSyncCommitteePeriod))
	err := t.cfg.Nodes.Broadcast(ctx, func(ctx context.Context, c *apiclient.Client) error { return c.SubscribeSync(ctx, p.seats, until) })
	if err != nil {
		return fmt.Errorf("subscribe to the subnets of sync committee %d: %w", number, err)
	}
	p.told = present // only this goroutine reads it
	return nil
}
