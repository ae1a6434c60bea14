package gossip

import (
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/simnet"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// member is the validator at a place of the sync committee.
func (s *stage) member(place int) types.ValidatorIndex {
	state := s.head().State
	index, ok := state.ValidatorByPubkey(state.CurrentSyncCommittee.Value.Pubkeys[place])
	if !ok {
		s.t.Fatalf("place %d of the sync committee is nobody's", place)
	}
	return index
}

type syncMessage = types.SyncCommitteeMessage

func TestRulesOfSyncCommitteeMessages(t *testing.T) {
	for _, fork := range []params.Fork{params.Altair, params.Gloas} {
		topicTest[syncMessage]{
			fork: fork, slot: 2,
			make: func(s *stage, change func(*syncMessage)) *syncMessage {
				m := &syncMessage{Slot: 2, BeaconBlockRoot: s.head().Root, ValidatorIndex: s.member(0)}
				change(m)
				m.Signature = s.sign(params.DomainSyncCommittee(), 0, m.BeaconBlockRoot, m.ValidatorIndex)
				return m
			},
			check: func(s *stage, m *syncMessage) Candidate { return s.rules.SyncCommitteeMessage(s.in, m) },
		}.tell(t,
			story[syncMessage]{name: "valid", want: Accept},
			story[syncMessage]{name: "a little late", when: inSlot(3, 500), want: Accept},
			story[syncMessage]{name: "late", when: inSlot(3, 501), want: Ignore, rule: "message is not for the current slot"},
			story[syncMessage]{name: "early", when: inSlot(2, -501), want: Ignore, rule: "message is not for the current slot"},
			story[syncMessage]{name: "no state at hand", when: lacking("HeadState"), want: Defer, rule: RuleAtHand, wait: WaitState},
			story[syncMessage]{name: "state of another period", when: func(s *stage) {
				s.changeHead(func(st *transition.State) { st.Slot = 1 << 20 })
			}, want: Defer, rule: RuleAtHand, wait: WaitState},
			story[syncMessage]{name: "no such validator", change: func(_ *stage, m *syncMessage) { m.ValidatorIndex = 64 },
				want: Reject, rule: "validator index out of range"},
			story[syncMessage]{name: "another subnet", when: func(s *stage) { s.in.Subnet = 1 << 40 }, want: Reject, rule: "subnet_id is not valid for the validator"},
			story[syncMessage]{name: "second of its validator", first: true, change: func(_ *stage, m *syncMessage) { m.BeaconBlockRoot[0]++ },
				want: Ignore, rule: "already seen message from this validator for this slot and subnet"},
			story[syncMessage]{name: "wrong signature", spoil: func(s *stage, m *syncMessage) { m.Signature = s.wrong() },
				want: Reject, rule: "invalid sync committee message signature"},
		)
	}
}

// A member with several places sets several bits, and may send the message on each of its subnets.
func TestPlacesInASyncCommittee(t *testing.T) {
	s := newStage(t, params.Fulu, 2)
	committee := s.head().State.CurrentSyncCommittee.Value.Pubkeys
	size := len(committee) / params.SyncCommitteeSubnetCount
	sent := 0
	for subnet := range params.SyncCommitteeSubnetCount {
		var want []uint64
		for i := range size {
			if committee[subnet*size+i] == committee[0] {
				want = append(want, uint64(i))
			}
		}
		m := &syncMessage{Slot: 2, BeaconBlockRoot: s.head().Root, ValidatorIndex: s.member(0)}
		m.Signature = s.sign(params.DomainSyncCommittee(), 0, m.BeaconBlockRoot, m.ValidatorIndex)
		s.in.Subnet = uint64(subnet)
		c, d := s.rules.SyncCommitteeMessage(s.in, m).Finish()
		if (d.Verdict == Accept) != (len(want) > 0) {
			t.Fatalf("subnet %d: %v, places %v", subnet, d, want)
		}
		if d.Verdict != Accept {
			continue
		}
		sent++
		if len(c.Positions()) != len(want) || c.Positions()[0] != want[0] || c.Subnet() != uint64(subnet) {
			t.Errorf("places %v of subnet %d, want %v of %d", c.Positions(), c.Subnet(), want, subnet)
		}
	}
	if sent == 0 {
		t.Error("nothing was accepted")
	}
}

type contribution = types.SignedContributionAndProof

// makeContribution is that of the first subcommittee by the member at a place, of all places set.
func makeContribution(s *stage, place int, change func(*contribution), set ...int) *contribution {
	c := &contribution{}
	m := &c.Message
	m.AggregatorIndex = s.member(place)
	m.Contribution = types.SyncCommitteeContribution{Slot: 2, BeaconBlockRoot: s.head().Root}
	m.Contribution.AggregationBits = ssz.NewBitvector(s.spec.SyncCommitteeSize / params.SyncCommitteeSubnetCount)
	var signers []types.ValidatorIndex
	for _, i := range set {
		m.Contribution.AggregationBits.SetBitAt(uint64(i), true)
		signers = append(signers, s.member(i))
	}
	change(c)
	selection := types.SyncAggregatorSelectionData{Slot: m.Contribution.Slot, SubcommitteeIndex: m.Contribution.SubcommitteeIndex}
	if m.SelectionProof == (types.BLSSignature{}) {
		m.SelectionProof = s.sign(params.DomainSyncCommitteeSelectionProof(), 0, types.HashTreeRoot(&selection), m.AggregatorIndex)
	}
	if m.Contribution.Signature == (types.BLSSignature{}) {
		m.Contribution.Signature = s.sign(params.DomainSyncCommittee(), 0, m.Contribution.BeaconBlockRoot, signers...)
	}
	c.Signature = s.sign(params.DomainContributionAndProof(), 0, s.root(m), m.AggregatorIndex)
	return c
}

func TestRulesOfContributions(t *testing.T) {
	topicTest[contribution]{
		fork: params.Altair, slot: 2,
		make:  func(s *stage, change func(*contribution)) *contribution { return makeContribution(s, 0, change, 0, 1) },
		check: func(s *stage, c *contribution) Candidate { return s.rules.ContributionAndProof(s.in, c) },
	}.tell(t,
		story[contribution]{name: "valid", want: Accept},
		story[contribution]{name: "late", when: inSlot(3, 501), want: Ignore, rule: "contribution is not for the current slot"},
		story[contribution]{name: "no such subcommittee", change: func(_ *stage, c *contribution) { c.Message.Contribution.SubcommitteeIndex = 4 },
			want: Reject, rule: "subcommittee index out of range"},
		story[contribution]{name: "of nobody", change: func(_ *stage, c *contribution) { clear(c.Message.Contribution.AggregationBits) },
			want: Reject, rule: "contribution has no participants"},
		story[contribution]{name: "no state at hand", when: lacking("HeadState"), want: Defer, rule: RuleAtHand, wait: WaitState},
		story[contribution]{name: "no such aggregator", change: func(_ *stage, c *contribution) { c.Message.AggregatorIndex = 64 },
			want: Reject, rule: "aggregator index out of range"},
		story[contribution]{name: "of another committee", when: func(s *stage) {
			s.changeHead(func(st *transition.State) { st.Slot = 1 << 20 })
		}, want: Defer, rule: RuleAtHand, wait: WaitState},
		story[contribution]{name: "wrong selection proof", change: func(s *stage, c *contribution) { c.Message.SelectionProof = s.wrong() },
			want: Reject, rule: "invalid selection proof signature"},
		story[contribution]{name: "wrong signature of the aggregator", spoil: func(s *stage, c *contribution) { c.Signature = s.wrong() },
			want: Reject, rule: "invalid aggregator signature"},
		story[contribution]{name: "wrong aggregate signature", change: func(s *stage, c *contribution) { c.Message.Contribution.Signature = s.wrong() },
			want: Reject, rule: "invalid aggregate signature"},
	)
	s := newStage(t, params.Altair, 2)
	for _, step := range []struct {
		place int
		set   []int
		want  Verdict
		rule  Rule
	}{
		{0, []int{0, 1}, Accept, ""},
		{1, []int{1}, Ignore, "already seen contribution for this data"},
		{0, []int{0, 1, 2}, Ignore, "already seen contribution from this aggregator"},
		{1, []int{1, 2}, Accept, ""},
	} {
		if s.member(0) == s.member(1) {
			t.Fatal("the first two places are one member's")
		}
		_, d := s.rules.ContributionAndProof(s.in, makeContribution(s, step.place, func(*contribution) {}, step.set...)).Finish()
		if d.Verdict != step.want || d.Rule != step.rule {
			t.Errorf("member %d of %v: %v, want %v %q", step.place, step.set, d, step.want, step.rule)
		}
	}
}

// In a large sync committee only some members aggregate.
func TestASyncAggregatorIsSelected(t *testing.T) {
	spec, err := simnet.Spec(params.Fulu)
	check(t, err)
	spec, _, err = spec.Override([]byte("PRESET_BASE: minimal\nSYNC_COMMITTEE_SIZE: 512\n"))
	check(t, err)
	w, err := makeWorld(spec, 64)
	check(t, err)
	s := stageOf(t, w, params.Fulu, 2)
	verdicts := map[Verdict]int{}
	for place := range 32 {
		c := makeContribution(s, place, func(*contribution) {}, place)
		_, d := s.rules.ContributionAndProof(s.in, c).Finish()
		if d.Verdict == Ignore {
			continue // a member with several places
		}
		verdicts[d.Verdict]++
		selected := types.IsSyncCommitteeAggregator(spec, c.Message.SelectionProof)
		if selected != (d.Verdict == Accept) || !selected && d.Rule != "validator is not selected as aggregator" {
			t.Errorf("place %d, selected %t: %v", place, selected, d)
		}
	}
	if verdicts[Accept] == 0 || verdicts[Reject] == 0 {
		t.Errorf("verdicts %v, want some accepted and some rejected", verdicts)
	}
}
