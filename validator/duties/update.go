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
		next, stop := t.cfg.Clock.After(t.cfg.Clock.StartOf(t.cfg.Clock.CurrentSlot() + 1).Sub(t.cfg.Clock.Now()))
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

// follow marks the duties that depend on a block that the head does not build on, for being fetched anew.
func (t *Tracker) follow(head apiclient.HeadEvent) {
	if head.Block == (types.Root{}) {
		return
	}
	now := t.epoch(head.Slot)
	t.mu.Lock()
	defer t.mu.Unlock()
	for epoch, root := range map[types.Epoch]types.Root{now: head.PreviousDependent, now + 1: head.CurrentDependent} {
		e := t.mu.epochs[epoch]
		if e == nil || root == (types.Root{}) || e.root == root {
			continue
		}
		t.cfg.Log.Info("duties have changed with the chain", "epoch", epoch, "depended", e.root, "depends", root)
		next := *e // the old duties stand until there are others
		next.root, next.members, next.proposedAt = root, nil, params.FarFutureEpoch
		t.mu.epochs[epoch] = &next
	}
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
	indices := t.Active()
	t.forget(now)
	if len(indices) == 0 {
		return first
	}
	for _, epoch := range []types.Epoch{now, now + 1} {
		keep(t.fetchEpoch(ctx, now, epoch, indices))
	}
	// The committee of the next period is fetched once the period begins soon.
	for _, epoch := range []types.Epoch{now, now + 2} {
		keep(t.fetchPeriod(ctx, epoch, indices))
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
		if !t.cfg.Signer.Has(v.Pubkey) {
			continue // not asked for
		}
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
			made.proposers, made.proposedAt = e.proposers, e.proposedAt
		}
		e = made
		t.put(epoch, e)
	}
	if e.proposers == nil || e.proposedAt != now {
		duties, err := nodes.Read(ctx, t.cfg.Nodes, func(ctx context.Context, c *apiclient.Client) ([]apiclient.ProposerDuty, error) {
			_, list, err := c.ProposerDuties(ctx, epoch)
			return list, err
		})
		if err != nil {
			return fmt.Errorf("proposer duties of epoch %d: %w", epoch, err)
		}
		next := *e
		next.proposers, next.proposedAt = map[types.Slot]apiclient.ProposerDuty{}, now
		for _, d := range duties {
			if t.epoch(d.Slot) == epoch && t.cfg.Signer.Has(d.Pubkey) {
				next.proposers[d.Slot] = d
			}
		}
		e = &next
		t.put(epoch, e)
	}
	if !e.subscribed {
		if err := t.subscribe(ctx, e); err != nil {
			return fmt.Errorf("subscribe to the subnets of epoch %d: %w", epoch, err)
		}
		next := *e
		next.subscribed = true
		t.put(epoch, &next)
	}
	return nil
}

func (t *Tracker) put(epoch types.Epoch, e *epochDuties) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mu.epochs[epoch] = e
}

func (t *Tracker) fetchAttesters(ctx context.Context, epoch types.Epoch, indices []types.ValidatorIndex) (*epochDuties, error) {
	type answer struct {
		root types.Root
		list []apiclient.AttesterDuty
	}
	got, err := nodes.Read(ctx, t.cfg.Nodes, func(ctx context.Context, c *apiclient.Client) (a answer, err error) {
		a.root, a.list, err = c.AttesterDuties(ctx, epoch, indices)
		return a, err
	})
	if err != nil {
		return nil, err
	}
	for _, d := range got.list {
		switch {
		case t.epoch(d.Slot) != epoch:
			return nil, fmt.Errorf("a duty is of slot %d, which is not of epoch %d", d.Slot, epoch)
		case d.CommitteesAtSlot == 0 || d.CommitteesAtSlot > t.cfg.Spec.MaxCommitteesPerSlot || uint64(d.Committee) >= d.CommitteesAtSlot:
			return nil, fmt.Errorf("committee %d of %d, at most %d", d.Committee, d.CommitteesAtSlot, t.cfg.Spec.MaxCommitteesPerSlot)
		case d.CommitteeLength > t.cfg.Spec.MaxValidatorsPerCommittee || d.Position >= d.CommitteeLength:
			return nil, fmt.Errorf("position %d in a committee of %d", d.Position, d.CommitteeLength)
		}
	}
	return &epochDuties{root: got.root, attesters: t.prove(got.list), members: indices}, nil
}

// fetchPeriod fetches the sync committee of an epoch's period.
func (t *Tracker) fetchPeriod(ctx context.Context, epoch types.Epoch, indices []types.ValidatorIndex) error {
	spec := t.cfg.Spec
	if spec.ForkAtEpoch(t.cfg.Clock.CurrentEpoch()) < params.Altair {
		return nil
	}
	number := types.ComputeSyncCommitteePeriod(spec, epoch)
	t.mu.Lock()
	p := t.mu.periods[number]
	t.mu.Unlock()
	if p == nil || !slices.Equal(p.members, indices) {
		seats, err := nodes.Read(ctx, t.cfg.Nodes, func(ctx context.Context, c *apiclient.Client) ([]apiclient.SyncDuty, error) {
			return c.SyncDuties(ctx, epoch, indices)
		})
		if err != nil {
			return fmt.Errorf("sync committee of epoch %d: %w", epoch, err)
		}
		p = &period{members: indices}
		for _, s := range seats {
			if t.cfg.Signer.Has(s.Pubkey) {
				p.seats = append(p.seats, s)
			}
		}
		t.mu.Lock()
		t.mu.periods[number] = p
		t.mu.Unlock()
		if len(p.seats) > 0 {
			t.cfg.Log.Info("validators are in the sync committee", "period", number, "validators", len(p.seats))
		}
	}
	if p.subscribed || len(p.seats) == 0 {
		return nil
	}
	until := types.Epoch((number + 1) * uint64(spec.EpochsPerSyncCommitteePeriod))
	err := t.cfg.Nodes.Broadcast(ctx, func(ctx context.Context, c *apiclient.Client) error { return c.SubscribeSync(ctx, p.seats, until) })
	if err != nil {
		return fmt.Errorf("subscribe to the subnets of sync committee %d: %w", number, err)
	}
	p.subscribed = true // only this goroutine reads it
	return nil
}
