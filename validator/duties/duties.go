package duties

import (
	"log/slog"
	"maps"
	"slices"
	"sync"

	"github.com/cresset/cresset/beacon/apiclient"
	"github.com/cresset/cresset/beacon/clock"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/validator/nodes"
	"github.com/cresset/cresset/validator/signer"
)

// Config is what a Tracker is made of. All of it is needed.
type Config struct {
	Spec   *params.Spec
	Clock  *clock.Clock
	Nodes  *nodes.Nodes
	Signer *signer.Signer
	Log    *slog.Logger
}

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
	proposedAt types.Epoch            // when proposers were fetched
	members    []types.ValidatorIndex // that were asked for; nil for duties that have to be fetched anew
	subscribed bool
}

// period is a sync committee.
type period struct {
	seats      []apiclient.SyncDuty
	members    []types.ValidatorIndex
	subscribed bool
}

// Tracker knows the duties. It may be used by many goroutines.
type Tracker struct {
	cfg Config

	mu struct {
		sync.Mutex
		validators map[types.BLSPubkey]apiclient.ValidatorOf
		looked     types.Epoch // when validators were last looked up, plus 1
		epochs     map[types.Epoch]*epochDuties
		periods    map[uint64]*period
	}
}

// New makes a tracker that knows nothing yet.
func New(cfg Config) *Tracker {
	t := &Tracker{cfg: cfg}
	t.mu.validators = map[types.BLSPubkey]apiclient.ValidatorOf{}
	t.mu.epochs, t.mu.periods = map[types.Epoch]*epochDuties{}, map[uint64]*period{}
	return t
}

// ForkInfo is what the nodes say of the fork of an epoch.
func (t *Tracker) ForkInfo(epoch types.Epoch) signer.ForkInfo {
	chain := t.cfg.Nodes.Chain()
	return signer.ForkInfo{Fork: chain.Fork(epoch), GenesisValidatorsRoot: chain.GenesisValidatorsRoot}
}

// Attesters is our seats in the committees of a slot.
func (t *Tracker) Attesters(slot types.Slot) []Attester {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.mu.epochs[t.epoch(slot)]; e != nil {
		return e.attesters[slot]
	}
	return nil
}

// Proposer is the proposer of a slot, if it is one of ours.
func (t *Tracker) Proposer(slot types.Slot) (apiclient.ProposerDuty, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.mu.epochs[t.epoch(slot)]; e != nil {
		d, ok := e.proposers[slot]
		return d, ok
	}
	return apiclient.ProposerDuty{}, false
}

// SyncCommittee is our seats in the sync committee that signs in a slot: that of the slot after it. Spec: altair/validator.md.
func (t *Tracker) SyncCommittee(slot types.Slot) []apiclient.SyncDuty {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p := t.mu.periods[types.ComputeSyncCommitteePeriodAtSlot(t.cfg.Spec, slot+1)]; p != nil {
		return p.seats
	}
	return nil
}

// Validators is those of our keys that are validators, active or not, by index.
func (t *Tracker) Validators() []apiclient.ValidatorOf {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.SortedFunc(maps.Values(t.mu.validators), func(a, b apiclient.ValidatorOf) int { return int(a.Index) - int(b.Index) })
}

// Active is the indices of our validators that have duties now or soon.
func (t *Tracker) Active() (indices []types.ValidatorIndex) {
	for _, v := range t.Validators() {
		if active(v.Status) {
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
