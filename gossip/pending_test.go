package gossip

import (
	"errors"
	"sync"
	"testing"

	"github.com/cresset/cresset/beacon/bls"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// votesOf makes the votes of the first members of a committee.
func votesOf(s *stage, n int) []*types.SingleAttestation {
	s.in.Subnet = s.subnet()
	out := make([]*types.SingleAttestation, n)
	for i := range out {
		a := &types.SingleAttestation{Data: s.data(), AttesterIndex: types.ValidatorIndex(s.committee()[i])}
		a.Signature = s.signVote(&a.Data, a.AttesterIndex)
		out[i] = a
	}
	return out
}

// Messages of several topics are verified in one batch, and each learns what is wrong with itself alone.
func TestSignaturesOfManyMessagesAreFolded(t *testing.T) {
	s := newStage(t, params.Fulu, 2)
	votes := votesOf(s, 3)
	votes[1].Signature = s.wrong()
	aggregate := makeSummary(s, func(*summary) {})
	forged := makeSummary(s, func(a *summary) { by(2)(s, a) })
	forged.Signature = s.wrong()
	late := *votes[2]
	late.Data.Target.Epoch = 7 // decided without its signature

	candidates := []Candidate{
		s.rules.SingleAttestation(s.in, votes[0]), s.rules.SingleAttestation(s.in, votes[1]), s.rules.AggregateAndProof(s.in, aggregate),
		s.rules.SingleAttestation(s.in, &late), s.rules.AggregateAndProof(s.in, forged), s.rules.SingleAttestation(s.in, votes[2]),
	}
	Verify(candidates...)
	for i, want := range []Decision{
		{Verdict: Accept}, {Rule: "invalid attestation signature"}, {Verdict: Accept}, {Rule: "attestation epoch does not match target epoch"},
		{Rule: "invalid aggregator signature"}, {Verdict: Accept},
	} {
		if candidates[i].open() != nil {
			t.Errorf("message %d has signatures left to verify", i)
		}
		_, d := candidates[i].Conclude()
		if d.Verdict != want.Verdict || d.Rule != want.Rule {
			t.Errorf("message %d: %v, want %v of %q", i, d, want.Verdict, want.Rule)
		}
		if (want.Rule == "invalid attestation signature") != errors.Is(d, bls.ErrSignature) && i == 1 {
			t.Errorf("message %d: %v is not told to be a wrong signature", i, d)
		}
	}
}

// Of two messages that exclude each other and come at once, the first valid one wins, and a wrong one stands in nobody's way.
func TestNothingIsSeenBeforeItsSignaturesAreValid(t *testing.T) {
	s := newStage(t, params.Fulu, 2)
	good := votesOf(s, 1)[0]
	forged := *good
	forged.Data.Source.Root[0]++ // the signature is of other data
	first, second := s.rules.SingleAttestation(s.in, &forged), s.rules.SingleAttestation(s.in, good)
	third := s.rules.SingleAttestation(s.in, good)
	Verify(first, second, third)
	if _, d := first.Finish(); d.Verdict != Reject {
		t.Errorf("a forged vote: %v", d)
	}
	if _, d := second.Finish(); d.Verdict != Accept {
		t.Errorf("the vote: %v", d)
	}
	if _, d := third.Finish(); d.Verdict != Ignore || d.Rule != "already seen attestation for this epoch and validator" {
		t.Errorf("the vote again, begun before the first was finished: %v", d)
	}
}

// Rules may be used by many goroutines: one of all copies of a message is accepted.
func TestOneOfManyCopiesIsAccepted(t *testing.T) {
	s := newStage(t, params.Fulu, 2)
	good := votesOf(s, 1)[0]
	aggregate := makeSummary(s, func(*summary) {})
	var wg sync.WaitGroup
	var mu sync.Mutex
	accepted := map[string]int{}
	for range 8 {
		wg.Go(func() {
			vote, sum := s.rules.SingleAttestation(s.in, good), s.rules.AggregateAndProof(s.in, aggregate)
			Verify(vote, sum)
			for name, c := range map[string]Candidate{"vote": vote, "aggregate": sum} {
				if _, d := c.Conclude(); d.Verdict == Accept {
					mu.Lock()
					accepted[name]++
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	if accepted["vote"] != 1 || accepted["aggregate"] != 1 {
		t.Errorf("accepted: %v, want one of each", accepted)
	}
}

func TestTheZeroDecisionRejects(t *testing.T) {
	var d Decision
	if d.Verdict != Reject || d.ok() {
		t.Errorf("the zero decision is %v", d.Verdict)
	}
	for _, v := range []Verdict{Reject, Ignore, Accept, Defer} {
		if v.String() == "" || v.ok() != (v == Accept) {
			t.Errorf("verdict %v", v)
		}
	}
}

func (v Verdict) ok() bool { return Decision{Verdict: v}.ok() }

// What is of no kind that exists is rejected.
func TestAnObjectOfNoTopicIsRejected(t *testing.T) {
	s := newStage(t, params.Fulu, 2)
	if _, d := s.rules.Check(Topic{Kind: BeaconBlock}, &types.BeaconBlock{}, 0).Conclude(); d.Verdict != Reject || d.Rule != RuleType {
		t.Error(d)
	}
}

// Every kind's container leads to the kind's rules.
func TestEveryKindIsChecked(t *testing.T) {
	for _, fork := range params.Forks()[:params.Gloas+1] {
		for _, kind := range Kinds() {
			if !kind.In(fork) {
				continue
			}
			s := newStage(t, fork, 2)
			_, d := s.rules.Check(Topic{Kind: kind, Fork: fork}, kind.New(fork), s.in.Now).Conclude()
			if d.Rule == "" || d.Rule == RuleType {
				t.Errorf("%v in %v: %v", kind, fork, d)
			}
		}
	}
}

// A validator whom only another branch has is a member of that branch's committees. The head's state does not know the key, and says so.
func TestAValidatorOfAnotherBranchIsNotAtHand(t *testing.T) {
	small, err := makeWorld(worldOf(t, params.Fulu).spec, 16)
	check(t, err)
	s := newStage(t, params.Fulu, 2)
	s.view.headState = small.tips[0].State
	s.in.Subnet = s.subnet()
	deferred := 0
	for position, member := range s.committee() {
		a := &types.SingleAttestation{Data: s.data(), AttesterIndex: types.ValidatorIndex(member)}
		a.Signature = s.signVote(&a.Data, a.AttesterIndex)
		_, d := s.rules.SingleAttestation(s.in, a).Finish()
		if member < 16 {
			if d.Verdict != Accept {
				t.Errorf("member %d: %v", member, d)
			}
			continue
		}
		deferred++
		if d.Verdict != Defer || d.Rule != RuleAtHand || d.Wait.Kind != WaitState {
			t.Errorf("member %d: %v", member, d)
		}
		aggregate := makeSummary(s, func(a *summary) { by(position)(s, a) })
		if _, d := s.rules.AggregateAndProof(s.in, aggregate).Finish(); d.Verdict != Defer {
			t.Errorf("aggregate by %d: %v", member, d)
		}
	}
	if deferred == 0 {
		t.Error("all members are of both branches")
	}
}
