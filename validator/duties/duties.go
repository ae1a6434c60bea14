package duties

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/cresset/cresset/beacon/apiclient"
	"github.com/cresset/cresset/beacon/types"
)

// Attester is a seat in a committee.
type Attester struct {
	apiclient.AttesterDuty
	// Selection is the proof with which the validator may have to aggregate, Aggregator whether it has to.
	Selection  types.BLSSignature
	Aggregator bool
}

// epochDuties is the duties of an epoch.
type epochDuties struct {
	root       types.Root // of the block that the committees depend on
	attesters  map[types.Slot][]Attester
	proposers  map[types.Slot]apiclient.ProposerDuty
	proposedAt types.Epoch            // when proposers were fetched; far in the future for those that have to be fetched anew
	proposedOn types.Root             // the block that they depend on
	members    []types.ValidatorIndex // that were asked for; nil for duties that have to be fetched anew
	told       telling                // when nodes were told of the subnets
}

// telling is when nodes were told of subnets, which is done again when it is another one: a node may have been restarted, or have been away.
type telling struct {
	epoch   types.Epoch
	returns int // of nodes
	done    bool
}

func (e *epochDuties) proposer(slot types.Slot) *apiclient.ProposerDuty {
	if d, ok := e.proposers[slot]; ok {
		return &d
	}
	return nil
}

// period is a sync committee.
type period struct {
	seats   []apiclient.SyncDuty
	members []types.ValidatorIndex
	told    telling
}

// Tracker knows the duties. It may be used by many goroutines.
type Tracker struct {
	cfg Tools

	mu struct {
		sync.Mutex
		validators map[types.BLSPubkey]apiclient.ValidatorOf
		looked     types.Epoch // when validators were last looked up, plus 1
		epochs     map[types.Epoch]*epochDuties
		periods    map[uint64]*period
		fetched    chan struct{} // closed when there are other duties than before
	}
}

// New makes a tracker that knows nothing yet.
func New(cfg Tools) *Tracker {
	t := &Tracker{cfg: cfg}
	t.mu.validators = map[types.BLSPubkey]apiclient.ValidatorOf{}
	t.mu.epochs, t.mu.periods = map[types.Epoch]*epochDuties{}, map[uint64]*period{}
	t.mu.fetched = make(chan struct{})
	return t
}

// Attesters is our seats in the committees of a slot. It waits until they are known, or until the context ends.
func (t *Tracker) Attesters(ctx context.Context, slot types.Slot) ([]Attester, error) {
	return await(ctx, t, func() ([]Attester, bool) {
		e := t.mu.epochs[t.epoch(slot)]
		if e == nil {
			return nil, false
		}
		return e.attesters[slot], true
	})
}

// Proposer is the proposer of a slot if it is one of ours, else nil. It waits until it is known, or until the context ends.
func (t *Tracker) Proposer(ctx context.Context, slot types.Slot) (*apiclient.ProposerDuty, error) {
	return await(ctx, t, func() (*apiclient.ProposerDuty, bool) {
		e := t.mu.epochs[t.epoch(slot)]
		if e == nil || e.proposers == nil {
			return nil, false
		}
		return e.proposer(slot), true
	})
}

// SyncCommittee is our seats in the sync committee that signs in a slot: that of the slot after it. It waits until they are known, or until the context ends.
// Spec: altair/validator.md.
func (t *Tracker) SyncCommittee(ctx context.Context, slot types.Slot) ([]apiclient.SyncDuty, error) {
	seats, err := await(ctx, t, func() ([]apiclient.SyncDuty, bool) {
		p := t.mu.periods[types.ComputeSyncCommitteePeriodAtSlot(t.cfg.Spec, slot+1)]
		if p == nil {
			return nil, false
		}
		return p.seats, true
	})
	if err != nil && t.concerned(func(types.ValidatorStatus) bool { return true }) > 0 {
		err = fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	return seats, err
}

// ErrUnknown is what errors.Is finds where some of our keys may have a duty, and no beacon node said so in time.
var ErrUnknown = errors.New("no beacon node said who has the duty")

// Unknown is how many of ours should have voted in an epoch of whose committees nothing is known; 0 where they are known.
func (t *Tracker) Unknown(epoch types.Epoch) int {
	t.mu.Lock()
	known := t.mu.epochs[epoch] != nil
	t.mu.Unlock()
	if known {
		return 0
	}
	return t.concerned(active)
}

// concerned is how many of ours have some statuses: all keys until they were looked up.
func (t *Tracker) concerned(of func(types.ValidatorStatus) bool) int {
	t.mu.Lock()
	looked := t.mu.looked != 0
	t.mu.Unlock()
	if !looked {
		return len(t.cfg.Signer.Keys())
	}
	return len(t.indices(of))
}

// await waits until something is known; known is called under the lock.
func await[T any](ctx context.Context, t *Tracker, known func() (T, bool)) (T, error) {
	for {
		t.mu.Lock()
		value, ok := known()
		fetched := t.mu.fetched
		t.mu.Unlock()
		if ok {
			return value, nil
		}
		select {
		case <-fetched:
		case <-ctx.Done():
			return value, ctx.Err()
		}
	}
}

// Seats is our seats in an epoch's committees, as far as they are known.
func (t *Tracker) Seats(epoch types.Epoch) (seats []Attester) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.mu.epochs[epoch]; e != nil {
		for _, slot := range slices.Sorted(maps.Keys(e.attesters)) {
			seats = append(seats, e.attesters[slot]...)
		}
	}
	return seats
}

// Proposes tells whether one of ours proposes in a slot, as far as that is known.
func (t *Tracker) Proposes(slot types.Slot) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.mu.epochs[t.epoch(slot)]
	return e != nil && e.proposer(slot) != nil
}

// Validators is those of our keys that are validators, active or not, by index.
func (t *Tracker) Validators() []apiclient.ValidatorOf {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.SortedFunc(maps.Values(t.mu.validators), func(a, b apiclient.ValidatorOf) int { return int(a.Index) - int(b.Index) })
}

// Active is the indices of our validators that have duties now or soon.
func (t *Tracker) Active() []types.ValidatorIndex { return t.indices(active) }

// indices is those of our validators of some statuses.
func (t *Tracker) indices(of func(types.ValidatorStatus) bool) (indices []types.ValidatorIndex) {
	for _, v := range t.Validators() {
		if of(v.Status) {
			indices = append(indices, v.Index)
		}
	}
	return indices
}

func active(s types.ValidatorStatus) bool {
	switch s {
	case types.StatusActiveOngoing, types.StatusActiveExiting, types.StatusActiveSlashed, types.StatusPendingQueued:
		return true
	}
	return false
}

func (t *Tracker) epoch(slot types.Slot) types.Epoch {
	return types.ComputeEpochAtSlot(t.cfg.Spec, slot)
}
