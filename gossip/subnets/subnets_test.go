package subnets

import (
	"slices"
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/simnet"
	"github.com/cresset/cresset/beacon/types"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func spec(t *testing.T) *params.Spec {
	t.Helper()
	s, err := simnet.Spec(params.Fulu)
	check(t, err)
	return s
}

// wants checks what is wanted in a slot.
func wants(t *testing.T, tr *Tracker, slot types.Slot, join, search, sync []uint64) {
	t.Helper()
	if w := tr.At(slot); !slices.Equal(w.Attestation, join) || !slices.Equal(w.Search, search) || !slices.Equal(w.Sync, sync) {
		t.Errorf("slot %d: wanted is %+v, want %v, %v and %v", slot, w, join, search, sync)
	}
}

func TestAnAggregatorsSubnetIsJoinedAFewSlotsAheadAndLeftAfterItsSlot(t *testing.T) {
	s := spec(t)
	tr := New(s)
	seat := Committee{Validator: 1, Slot: 6, Committee: 1, CommitteesAtSlot: 2, Aggregator: true}
	subnet := []uint64{types.ComputeSubnetForAttestation(s, 2, 6, 1)}
	tr.SubscribeCommittees([]Committee{seat})
	wants(t, tr, 6-ahead-1, nil, subnet, nil)
	wants(t, tr, 6-ahead, subnet, subnet, nil)
	wants(t, tr, 6, subnet, subnet, nil)
	wants(t, tr, 7, nil, nil, nil)
}

func TestWhoOnlyVotesNeedsPeersOnTheSubnetAndNotTheVotes(t *testing.T) {
	s := spec(t)
	tr := New(s)
	seat := Committee{Validator: 1, Slot: 1, Committee: 0, CommitteesAtSlot: 2}
	subnet := []uint64{types.ComputeSubnetForAttestation(s, 2, 1, 0)}
	tr.SubscribeCommittees([]Committee{seat})
	wants(t, tr, 1, nil, subnet, nil)
	seat.Aggregator = true
	other := seat
	other.Aggregator = false
	tr.SubscribeCommittees([]Committee{seat, other}) // one aggregator is enough
	wants(t, tr, 1, subnet, subnet, nil)
}

func TestSeatsOfThePastAndOfAFarFutureAreForgotten(t *testing.T) {
	s := spec(t)
	tr := New(s)
	tr.At(20)
	tr.SubscribeCommittees([]Committee{
		{Slot: 19, CommitteesAtSlot: 1, Aggregator: true}, {Slot: 20 + types.Slot(searchEpochs*s.SlotsPerEpoch), CommitteesAtSlot: 1, Aggregator: true},
	})
	wants(t, tr, 20, nil, nil, nil)
	if n := len(tr.mu.votes); n != 0 {
		t.Errorf("%d slots are remembered", n)
	}
}

func TestSyncSubnetsStayUntilTheirEpoch(t *testing.T) {
	s := spec(t)
	size := s.SyncCommitteeSize / params.SyncCommitteeSubnetCount
	tr := New(s)
	tr.SubscribeSync([]Sync{{Validator: 1, Positions: []uint64{0, 3 * size}, Until: 2}, {Validator: 2, Positions: []uint64{size - 1}, Until: 4}})
	epoch := types.Slot(s.SlotsPerEpoch)
	wants(t, tr, 2*epoch-1, nil, nil, []uint64{0, 3})
	wants(t, tr, 2*epoch, nil, nil, []uint64{0})
	wants(t, tr, 4*epoch, nil, nil, nil)
}

// Spec: get_validators_custody_requirement (fulu).
func TestCustodyGrowsWithBalancesAndNeverShrinks(t *testing.T) {
	s := spec(t)
	net, err := simnet.New(s, 64, 1_700_000_000)
	check(t, err)
	state := net.Genesis().State.Frozen()
	tr := New(s)
	if n := tr.CustodyGroups(state); n != 0 {
		t.Errorf("nobody asks for %d groups", n)
	}
	tr.Attach([]types.ValidatorIndex{0})
	if n := tr.CustodyGroups(state); n != s.ValidatorCustodyRequirement {
		t.Errorf("one validator asks for %d groups, want %d", n, s.ValidatorCustodyRequirement)
	}
	var all []types.ValidatorIndex
	total := uint64(0)
	for i := range types.ValidatorIndex(20) {
		v, _ := state.Validator(i)
		total += uint64(v.EffectiveBalance)
		all = append(all, i)
	}
	want := total / uint64(s.BalancePerAdditionalCustodyGroup)
	if want <= s.ValidatorCustodyRequirement {
		t.Fatalf("20 validators ask for %d groups", want)
	}
	tr.Attach(append(all, 1<<40)) // one that nobody knows counts nothing
	if n := tr.Arrivals(); n != 21 {
		t.Errorf("%d arrivals, want 21: validator 0 was there before", n)
	}
	if n := tr.CustodyGroups(state); n != want {
		t.Errorf("20 validators ask for %d groups, want %d", n, want)
	}
	tr.At(types.Slot((attachedEpochs + 1) * s.SlotsPerEpoch))
	if len(tr.mu.attached) != 0 {
		t.Errorf("%d validators are remembered", len(tr.mu.attached))
	}
	if n := tr.CustodyGroups(state); n != want {
		t.Errorf("%d groups are left of %d", n, want)
	}
}
