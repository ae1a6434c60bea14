package gossip

import (
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

func finalityUpdate(s *stage, slot types.Slot, signers uint64) *types.LightClientFinalityUpdate {
	u := &types.LightClientFinalityUpdate{SignatureSlot: 3}
	u.FinalizedHeader.Beacon.Slot = slot
	u.SyncAggregate.SyncCommitteeBits = ssz.NewBitvector(s.spec.SyncCommitteeSize)
	for i := range signers {
		u.SyncAggregate.SyncCommitteeBits.SetBitAt(i, true)
	}
	return u
}

func TestRulesOfFinalityUpdates(t *testing.T) {
	s := newStage(t, params.Altair, 3)
	for _, c := range []struct {
		name    string
		slot    types.Slot
		signers uint64
		own     bool
		now     int // after the start of slot 3, in milliseconds
		want    Verdict
		rule    Rule
	}{
		{"none was computed here", 8, 20, false, 2000, Ignore, ruleOwnUpdate},
		{"before the message is due", 8, 20, true, 1498, Ignore, ruleEarlyUpdate},
		{"as soon as it may be", 8, 20, true, 1499, Accept, ""},
		{"again", 8, 20, true, 2000, Ignore, ruleOldUpdate},
		{"with a supermajority", 8, 22, true, 2000, Accept, ""},
		{"again with a supermajority", 8, 32, true, 2000, Ignore, ruleOldUpdate},
		{"of an earlier slot", 7, 32, true, 2000, Ignore, ruleOldUpdate},
		{"of a later slot", 16, 1, true, 2000, Accept, ""},
	} {
		inSlot(3, c.now)(s)
		s.own.finality = nil
		if c.own {
			s.own.finality = finalityUpdate(s, c.slot, c.signers)
		}
		u, d := s.rules.LightClientFinalityUpdate(s.in, finalityUpdate(s, c.slot, c.signers)).Finish()
		if d.Verdict != c.want || d.Rule != c.rule || (u != nil) != (c.want == Accept) {
			t.Errorf("%s: %v, want %v of %q", c.name, d, c.want, c.rule)
		}
	}
	s.own.finality = finalityUpdate(s, 24, 30)
	if _, d := s.rules.LightClientFinalityUpdate(s.in, finalityUpdate(s, 24, 31)).Finish(); d.Verdict != Ignore || d.Rule != ruleOwnUpdate {
		t.Errorf("another update than the own: %v", d)
	}
}

func TestRulesOfOptimisticUpdates(t *testing.T) {
	s := newStage(t, params.Altair, 3)
	update := func(slot types.Slot, root byte) *types.LightClientOptimisticUpdate {
		u := &types.LightClientOptimisticUpdate{SignatureSlot: 3}
		u.AttestedHeader.Beacon.Slot, u.AttestedHeader.Beacon.StateRoot[0] = slot, root
		return u
	}
	for _, c := range []struct {
		name string
		slot types.Slot
		own  byte
		now  int
		want Verdict
		rule Rule
	}{
		{"before the message is due", 2, 1, 1498, Ignore, ruleEarlyUpdate},
		{"another than the own", 2, 2, 1499, Ignore, ruleOwnUpdate},
		{"as soon as it may be", 2, 1, 1499, Accept, ""},
		{"again", 2, 1, 2000, Ignore, ruleOldUpdate},
		{"of a later slot", 3, 1, 2000, Accept, ""},
	} {
		inSlot(3, c.now)(s)
		s.own.optimistic = update(c.slot, c.own)
		u, d := s.rules.LightClientOptimisticUpdate(s.in, update(c.slot, 1)).Finish()
		if d.Verdict != c.want || d.Rule != c.rule || (u != nil) != (c.want == Accept) {
			t.Errorf("%s: %v, want %v of %q", c.name, d, c.want, c.rule)
		}
	}
	s.own.optimistic = nil
	if _, d := s.rules.LightClientOptimisticUpdate(s.in, update(4, 1)).Finish(); d.Rule != ruleOwnUpdate {
		t.Errorf("without an own update: %v", d)
	}
}
