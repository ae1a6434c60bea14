package light

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

const everybody = 32 // the size of the minimal preset's sync committee

// A store in the form of any fork follows the data of all forks up to its own, whose headers prove the payload.
func TestStoreOfEveryFormFollowsTheChain(t *testing.T) {
	c := newChain(t)
	var nodes []*node
	for slot := types.Slot(4); slot <= 48; slot += 4 {
		var parent, finalized *node
		if len(nodes) > 0 {
			parent, finalized = nodes[len(nodes)-1], nodes[max(len(nodes)-3, 0)]
		}
		nodes = append(nodes, c.add(slot, parent, finalized, everybody))
	}
	for _, form := range []params.Fork{params.Altair, params.Capella, params.Deneb, params.Electra, params.Fulu, params.Gloas} {
		t.Run(form.String(), func(t *testing.T) {
			store, fork := c.store(nodes[0], form), form
			for i := 2; i < len(nodes); i++ {
				attested := nodes[i-1]
				if formOf(attested.state.Cx.Fork) > formOf(fork) {
					upgraded, err := UpgradeLCStore(store, attested.state.Cx.Fork)
					if err != nil {
						t.Fatal(err)
					}
					store, fork = upgraded, upgraded.Cx.Fork
				}
				finalized := nodes[max(i-4, 0)]
				if err := c.process(store, c.update(nodes[i], attested, finalized.block)); err != nil {
					t.Fatalf("attested slot %d: %v", attested.state.Slot, err)
				}
				if have := types.HashTreeRoot(&store.OptimisticHeader.Beacon); have != attested.root {
					t.Errorf("attested slot %d: optimistic header %v, want %v", attested.state.Slot, have, attested.root)
				}
				if have := types.HashTreeRoot(&store.FinalizedHeader.Beacon); have != finalized.root {
					t.Errorf("attested slot %d: finalized header %v, want %v", attested.state.Slot, have, finalized.root)
				}
				if !IsValidLightClientHeader(store.Cx, &store.OptimisticHeader) {
					t.Errorf("attested slot %d: optimistic header is not valid in the form of %v", attested.state.Slot, store.Cx.Fork)
				}
			}
			if store.Cx.Fork != params.Gloas || store.OptimisticHeader.ExecutionBlockHash != (types.Hash32{44, 0xee}) {
				t.Errorf("ends in the form of %v with hash %v", store.Cx.Fork, store.OptimisticHeader.ExecutionBlockHash)
			}
		})
	}
}

// The root that the execution branch proves stays the same when a header is brought to the form of Gloas.
func TestUpgradeKeepsExecutionRoot(t *testing.T) {
	c := newChain(t)
	for slot := types.Slot(1); slot < 44; slot += 4 {
		n := c.add(slot, nil, nil, 0)
		gloas := ssz.Context{Spec: c.spec, Fork: params.Gloas}
		header, err := BlockToLightClientHeader(n.state.Cx, n.block)
		c.must(err)
		upgraded, err := UpgradeLCHeader(n.state.Cx, params.Gloas, &header)
		c.must(err)
		direct, err := BlockToLightClientHeader(gloas, n.block)
		c.must(err)
		before, err := GetLCExecutionRoot(n.state.Cx, &header)
		c.must(err)
		after, err := GetLCExecutionRoot(gloas, &upgraded)
		c.must(err)
		if before != after || (before == types.Root{}) != (n.state.Cx.Fork < params.Capella) {
			t.Errorf("slot %d: execution root %v, upgraded %v", slot, before, after)
		}
		if have, want := encoded(t, gloas, &upgraded), encoded(t, gloas, &direct); have != want {
			t.Errorf("slot %d: upgraded header\n%s, derived in the form of gloas\n%s", slot, have, want)
		}
	}
}

func encoded(t *testing.T, cx ssz.Context, o ssz.Object) string {
	t.Helper()
	b, err := ssz.Marshal(cx, ssz.Container(o))
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", b)
}

// Finality and optimistic updates move the same headers as the update they are parts of, and bring no committee.
func TestPartialUpdates(t *testing.T) {
	c := newChain(t)
	a := c.add(41, nil, nil, 0)
	b := c.add(42, a, nil, everybody)
	d := c.add(43, b, b, everybody)
	e := c.add(44, d, b, everybody)
	update := c.update(e, d, b.block)

	store := c.store(a, params.Gloas)
	c.must(ProcessLightClientOptimisticUpdate(store, CreateLightClientOptimisticUpdate(update), 44, c.genesisValidatorsRoot))
	if store.OptimisticHeader.Beacon.Slot != 43 || store.FinalizedHeader.Beacon.Slot != 41 {
		t.Errorf("optimistic slot %d, finalized %d, want 43 and 41", store.OptimisticHeader.Beacon.Slot, store.FinalizedHeader.Beacon.Slot)
	}
	c.must(ProcessLightClientFinalityUpdate(store, CreateLightClientFinalityUpdate(update), 44, c.genesisValidatorsRoot))
	if store.OptimisticHeader.Beacon.Slot != 43 || store.FinalizedHeader.Beacon.Slot != 42 || IsNextSyncCommitteeKnown(store) {
		t.Errorf("optimistic slot %d, finalized %d, want 43 and 42", store.OptimisticHeader.Beacon.Slot, store.FinalizedHeader.Beacon.Slot)
	}
}

// "Normal update through 2/3 threshold": 22 of 32 signers finalize, 21 do not.
func TestTwoThirdsFinalize(t *testing.T) {
	c := newChain(t)
	a := c.add(41, nil, nil, 0)
	b := c.add(42, a, nil, everybody)
	d := c.add(43, b, b, everybody)
	for members, want := range map[uint64]types.Slot{21: 41, 22: 42} {
		store := c.store(a, params.Gloas)
		c.must(c.process(store, c.update(c.add(44, d, b, members), d, b.block)))
		if have := store.FinalizedHeader.Beacon.Slot; have != want {
			t.Errorf("%d signers: finalized slot %d, want %d", members, have, want)
		}
		if kept := store.BestValidUpdate != nil; kept != (want == 41) {
			t.Errorf("%d signers: best valid update kept %t", members, kept)
		}
	}
}

// The optimistic header needs more signers than half the most that were seen in this or the last period.
func TestSafetyThreshold(t *testing.T) {
	c := newChain(t)
	a := c.add(41, nil, nil, 0)
	b := c.add(42, a, nil, everybody)
	d := c.add(43, b, nil, everybody)
	for _, previous := range []bool{false, true} {
		for members, want := range map[uint64]types.Slot{10: 41, 11: 42} {
			store := c.store(a, params.Gloas)
			if previous {
				store.PreviousMaxActiveParticipants = 20
			} else {
				store.CurrentMaxActiveParticipants = 20
			}
			c.must(c.process(store, c.update(c.add(43, b, nil, members), b, nil)))
			if have := store.OptimisticHeader.Beacon.Slot; have != want {
				t.Errorf("%d signers after 20: optimistic slot %d, want %d", members, have, want)
			}
		}
	}
	store := c.store(a, params.Gloas)
	c.must(c.process(store, c.update(c.add(44, d, nil, 1), d, nil)))
	c.must(c.process(store, c.update(c.add(44, b, nil, 1), b, nil)))
	if have := store.OptimisticHeader.Beacon.Slot; have != 43 {
		t.Errorf("an older header became the optimistic one: slot %d, want 43", have)
	}
}

// A store walks from period to period: the next committee becomes the current one with the first finalized header of the
// next period, and the count of signers begins anew.
func TestCommitteesRotate(t *testing.T) {
	c := newChain(t)
	a := c.add(50, nil, nil, 0)
	b := c.add(60, a, a, everybody)
	d := c.add(62, b, b, everybody)
	store := c.store(a, params.Gloas)
	c.must(c.process(store, c.update(d, b, a.block)))
	if !IsNextSyncCommitteeKnown(store) || store.NextSyncCommittee.AggregatePubkey != c.committee(1).Value.AggregatePubkey {
		t.Fatal("the next sync committee is not that of period 1")
	}
	e := c.add(66, d, b, everybody) // signed by the committee of period 1, attested in period 0
	if update := c.update(e, d, b.block); IsSyncCommitteeUpdate(update) {
		t.Error("an update that the next committee signed proves a committee")
	} else {
		c.must(c.process(store, update))
	}
	f := c.add(68, e, e, everybody)
	c.must(c.process(store, c.update(c.add(70, f, e, 30), f, e.block)))
	if store.CurrentSyncCommittee.AggregatePubkey != c.committee(1).Value.AggregatePubkey ||
		store.NextSyncCommittee.AggregatePubkey != c.committee(2).Value.AggregatePubkey {
		t.Error("committees are not those of periods 1 and 2")
	}
	if store.PreviousMaxActiveParticipants != everybody || store.CurrentMaxActiveParticipants != 0 {
		t.Errorf("signers %d and %d, want %d and 0", store.PreviousMaxActiveParticipants, store.CurrentMaxActiveParticipants, everybody)
	}
}

// "supply sync committee from past update": one that attests nothing new is taken if it brings the missing committee.
func TestPastUpdateBringsCommittee(t *testing.T) {
	c := newChain(t)
	a := c.add(41, nil, nil, 0)
	b := c.add(42, a, a, everybody)
	d := c.add(43, b, a, everybody)
	past := c.update(d, b, a.block)
	head := c.add(50, d, a, everybody)
	store := c.store(head, params.Gloas)
	c.must(c.process(store, past))
	if !IsNextSyncCommitteeKnown(store) || store.FinalizedHeader.Beacon.Slot != 50 {
		t.Errorf("next committee known %t, finalized slot %d", IsNextSyncCommitteeKnown(store), store.FinalizedHeader.Beacon.Slot)
	}
	if err := c.process(store, past); err == nil {
		t.Error("the past update is taken again, when it brings nothing new")
	}
}

// After UPDATE_TIMEOUT without finality, and not before, the best update's attested header counts as finalized. The update
// itself stays as its sender made it.
func TestForceUpdate(t *testing.T) {
	c := newChain(t)
	a := c.add(41, nil, nil, 0)
	b := c.add(42, a, nil, everybody)
	update := c.update(c.add(43, b, nil, everybody), b, nil)
	store := c.store(a, params.Gloas)
	c.must(ProcessLightClientStoreForceUpdate(store, 1000)) // there is nothing to force
	c.must(c.process(store, update))
	before := *store.BestValidUpdate
	timeout := 41 + c.spec.UpdateTimeout
	c.must(ProcessLightClientStoreForceUpdate(store, timeout))
	if store.FinalizedHeader.Beacon.Slot != 41 {
		t.Fatalf("forced at slot %d: finalized slot %d", timeout, store.FinalizedHeader.Beacon.Slot)
	}
	best := store.BestValidUpdate
	c.must(ProcessLightClientStoreForceUpdate(store, timeout+1))
	if store.FinalizedHeader.Beacon.Slot != 42 || store.BestValidUpdate != nil || !IsNextSyncCommitteeKnown(store) {
		t.Errorf("after the timeout: finalized slot %d, best update %v", store.FinalizedHeader.Beacon.Slot, store.BestValidUpdate)
	}
	if !reflect.DeepEqual(*best, before) || update.FinalizedHeader.Beacon.Slot != 0 {
		t.Error("forcing changed the update")
	}

	// The optimistic header is never behind the finalized one, though too few signed for it to move by itself.
	store = c.store(a, params.Gloas)
	store.CurrentMaxActiveParticipants = everybody
	c.must(c.process(store, c.update(c.add(43, b, nil, 3), b, nil)))
	if store.OptimisticHeader.Beacon.Slot != 41 {
		t.Errorf("3 signers moved the optimistic header to slot %d", store.OptimisticHeader.Beacon.Slot)
	}
	c.must(ProcessLightClientStoreForceUpdate(store, timeout+1))
	if store.FinalizedHeader.Beacon.Slot != 42 || store.OptimisticHeader.Beacon.Slot != 42 {
		t.Errorf("forced: finalized slot %d, optimistic %d, want 42", store.FinalizedHeader.Beacon.Slot, store.OptimisticHeader.Beacon.Slot)
	}

	store.FinalizedHeader.Beacon.Slot = ^types.Slot(0)
	if err := ProcessLightClientStoreForceUpdate(store, ^types.Slot(0)); err == nil {
		t.Error("a timeout beyond the last slot is no error")
	}
}

// An unknown next committee is only taken once it is finalized: by a finalized header of the attested header's period.
func TestCommitteeOfAnUnfinalizedPeriodWaits(t *testing.T) {
	c := newChain(t)
	old := c.add(60, nil, nil, 0)
	a := c.add(70, nil, nil, 0)
	b := c.add(72, a, old, everybody)
	store := c.store(a, params.Gloas)
	c.must(c.process(store, c.update(c.add(73, b, old, everybody), b, old.block)))
	if IsNextSyncCommitteeKnown(store) || store.BestValidUpdate == nil || store.OptimisticHeader.Beacon.Slot != 72 {
		t.Errorf("next committee known %t, optimistic slot %d", IsNextSyncCommitteeKnown(store), store.OptimisticHeader.Beacon.Slot)
	}
}

// A committee that was attested before the period that signs is of no use, and ranks as none.
func TestRankingOfIrrelevantCommittees(t *testing.T) {
	spec := testSpec(t)
	ranked := func(attested, signature types.Slot, proof byte) *types.LightClientUpdate {
		u := &types.LightClientUpdate{SignatureSlot: signature, NextSyncCommitteeBranch: []types.Bytes32{{proof}}}
		u.SyncAggregate.SyncCommitteeBits = ssz.Bitvector{0xff, 0xff, 0xff, 0xff}
		u.AttestedHeader.Beacon.Slot = attested
		return u
	}
	relevant, irrelevant, none := ranked(65, 66, 1), ranked(63, 64, 1), ranked(62, 63, 0)
	if !IsBetterUpdate(spec, relevant, irrelevant) || IsBetterUpdate(spec, irrelevant, relevant) {
		t.Error("an update with a relevant committee is not the better one")
	}
	if !IsBetterUpdate(spec, none, irrelevant) { // the older of two that bring nothing
		t.Error("an irrelevant committee counts")
	}
}
