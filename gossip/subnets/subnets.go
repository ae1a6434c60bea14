package subnets

import (
	"maps"
	"slices"
	"sync"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// Committee is a validator's seat in a committee of a slot.
type Committee struct {
	Validator        types.ValidatorIndex
	Slot             types.Slot
	Committee        types.CommitteeIndex
	CommitteesAtSlot uint64
	// Aggregator tells whether the validator sums up the votes of the committee, for which the node has to hear them.
	Aggregator bool
}

// Sync is a validator's seats in a sync committee.
type Sync struct {
	Validator types.ValidatorIndex
	Positions []uint64 // in the committee, below SYNC_COMMITTEE_SIZE
	// Until is the first epoch in which the seats are not needed any more.
	Until types.Epoch
}

// The bounds of a Tracker's memory.
const (
	// ahead is how many slots before its own a subnet is joined, so that the mesh is there when the votes come.
	ahead = 2
	// searchEpochs is for how many epochs seats are remembered; validators ask for those of the present epoch and the next one.
	searchEpochs = 2
	// attachedEpochs is for how many epochs after the present one a validator that was not heard of again counts.
	// Spec: "persist through the epoch in which the call is submitted and for a further two epochs after that" (prepareBeaconProposer).
	attachedEpochs = 2
	// mostAttached bounds the validators that are remembered.
	mostAttached = 1 << 18
)

// Tracker remembers what the validators that use this node asked for.
type Tracker struct {
	spec *params.Spec

	mu struct {
		sync.Mutex
		now      types.Slot
		votes    map[types.Slot]map[uint64]bool // subnets by slot; true to aggregate on
		sync     map[uint64]types.Epoch         // subnets with the epoch from which on they are not needed
		attached map[types.ValidatorIndex]types.Epoch
		arrivals uint64 // of attached ones
		groups   uint64 // the most custody groups that were ever asked for
	}
}

// New makes a tracker that nothing was asked of.
func New(spec *params.Spec) *Tracker {
	t := &Tracker{spec: spec}
	t.mu.votes, t.mu.sync, t.mu.attached = map[types.Slot]map[uint64]bool{}, map[uint64]types.Epoch{}, map[types.ValidatorIndex]types.Epoch{}
	return t
}

// Attach says that validators use this node. Those beyond a bound are passed over.
func (t *Tracker) Attach(validators []types.ValidatorIndex) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, v := range validators {
		t.attachLocked(v)
	}
}

func (t *Tracker) attachLocked(v types.ValidatorIndex) {
	_, known := t.mu.attached[v]
	if !known && len(t.mu.attached) < mostAttached {
		t.mu.arrivals++
		known = true
	}
	if known {
		t.mu.attached[v] = types.ComputeEpochAtSlot(t.spec, t.mu.now) + attachedEpochs
	}
}

// SubscribeCommittees notes seats in committees. Those of slots that are over, or too far away, are passed over.
func (t *Tracker) SubscribeCommittees(seats []Committee) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range seats {
		t.attachLocked(s.Validator)
		if s.Slot < t.mu.now || s.Slot >= t.mu.now+types.Slot(searchEpochs*t.spec.SlotsPerEpoch) {
			continue
		}
		if t.mu.votes[s.Slot] == nil {
			t.mu.votes[s.Slot] = map[uint64]bool{}
		}
		subnet := types.ComputeSubnetForAttestation(t.spec, s.CommitteesAtSlot, s.Slot, s.Committee)
		t.mu.votes[s.Slot][subnet] = t.mu.votes[s.Slot][subnet] || s.Aggregator
	}
}

// SubscribeSync notes seats in sync committees. A subnet is needed as long as the last of those on it.
func (t *Tracker) SubscribeSync(seats []Sync) {
	t.mu.Lock()
	defer t.mu.Unlock()
	size := t.spec.SyncCommitteeSize / params.SyncCommitteeSubnetCount
	for _, s := range seats {
		t.attachLocked(s.Validator)
		for _, position := range s.Positions {
			if subnet := position / size; subnet < params.SyncCommitteeSubnetCount {
				t.mu.sync[subnet] = max(t.mu.sync[subnet], s.Until)
			}
		}
	}
}

// Wanted is what the node should be on and have peers on, ascending.
type Wanted struct {
	// Attestation is the attestation subnets to be subscribed to, besides those that the node is on for good.
	Attestation []uint64
	// Search is the attestation subnets to have peers on: those above, those that this node's validators vote on, and those of the slots to come.
	Search []uint64
	// Sync is the sync committee subnets to be subscribed to and announced.
	Sync []uint64
}

// At tells what is wanted in a slot, and forgets what is over. Slots are asked for in order.
func (t *Tracker) At(slot types.Slot) Wanted {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mu.now = max(t.mu.now, slot)
	epoch := types.ComputeEpochAtSlot(t.spec, slot)
	join, search := map[uint64]bool{}, map[uint64]bool{}
	for at, subnets := range t.mu.votes {
		if at < slot {
			delete(t.mu.votes, at)
			continue
		}
		for subnet, aggregate := range subnets {
			if search[subnet] = true; aggregate && at <= slot+ahead {
				join[subnet] = true
			}
		}
	}
	maps.DeleteFunc(t.mu.sync, func(_ uint64, until types.Epoch) bool { return until <= epoch })
	maps.DeleteFunc(t.mu.attached, func(_ types.ValidatorIndex, until types.Epoch) bool { return until < epoch })
	return Wanted{
		Attestation: slices.Sorted(maps.Keys(join)), Search: slices.Sorted(maps.Keys(search)), Sync: slices.Sorted(maps.Keys(t.mu.sync)),
	}
}

// Arrivals counts the validators that came to use this node: CustodyGroups says the same of a state as long as it does not change.
func (t *Tracker) Arrivals() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.mu.arrivals
}

// CustodyGroups tells how many custody groups the validators that use this node ask for by their balances in a state; 0 if none ever did.
//
// Spec: "If a node's custody requirements decrease, it SHOULD NOT update the custody_group_count to reflect this reduction" (fulu).
func (t *Tracker) CustodyGroups(s transition.Frozen) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.mu.attached) > 0 {
		t.mu.groups = max(t.mu.groups, GetValidatorsCustodyRequirement(t.spec, s, maps.Keys(t.mu.attached)))
	}
	return t.mu.groups
}
