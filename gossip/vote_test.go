package gossip

import (
	"slices"
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/simnet"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/forkchoice"
)

type (
	oldVote = types.Attestation
	vote    = types.SingleAttestation
	summary = types.SignedAggregateAndProof
)

// committee is the first committee of slot 2.
func (s *stage) committee() []uint32 {
	sh, err := s.head().State.Copy().Shuffling(0)
	check(s.t, err)
	return sh.Committee(2, 0)
}

// data is a vote of slot 2 for the head, its own slot's block.
func (s *stage) data() types.AttestationData {
	return types.AttestationData{Slot: 2, BeaconBlockRoot: s.head().Root, Target: types.Checkpoint{Root: s.tips[0].Root}}
}

func (s *stage) signVote(data *types.AttestationData, signers ...types.ValidatorIndex) types.BLSSignature {
	return s.sign(params.DomainBeaconAttester(), data.Target.Epoch, types.HashTreeRoot(data), signers...)
}

// bitsOf is a bit list of n bits of which some are set.
func bitsOf(n int, set ...int) []byte {
	bits := make([]byte, n/8+1)
	for _, i := range append(set, n) {
		bits[i/8] |= 1 << (i % 8)
	}
	return bits
}

// subnet is that of the votes of the first committee of slot 2.
func (s *stage) subnet() uint64 {
	sh, err := s.head().State.Copy().Shuffling(0)
	check(s.t, err)
	return types.ComputeSubnetForAttestation(s.spec, sh.CommitteesPerSlot, 2, 0)
}

func oldVoteTopic(fork params.Fork) topicTest[oldVote] {
	return topicTest[oldVote]{
		fork: fork, slot: 2,
		make: func(s *stage, change func(*oldVote)) *oldVote {
			a := &oldVote{Data: s.data(), AggregationBits: bitsOf(len(s.committee()), 1)}
			change(a)
			a.Signature = s.signVote(&a.Data, types.ValidatorIndex(s.committee()[1]))
			return a
		},
		check: func(s *stage, a *oldVote) Candidate {
			if s.in.Subnet == 0 {
				s.in.Subnet = s.subnet()
			}
			return s.rules.Attestation(s.in, a)
		},
	}
}

func voteTopic(fork params.Fork) topicTest[vote] {
	return topicTest[vote]{
		fork: fork, slot: 2,
		make: func(s *stage, change func(*vote)) *vote {
			a := &vote{Data: s.data(), AttesterIndex: types.ValidatorIndex(s.committee()[1])}
			change(a)
			a.Signature = s.signVote(&a.Data, a.AttesterIndex)
			return a
		},
		check: func(s *stage, a *vote) Candidate {
			if s.in.Subnet == 0 {
				s.in.Subnet = s.subnet()
			}
			return s.rules.SingleAttestation(s.in, a)
		},
	}
}

func TestRulesOfVotesUntilElectra(t *testing.T) {
	for _, fork := range []params.Fork{params.Phase0, params.Altair, params.Deneb} {
		late, lateRule := inSlot(2+32+1, 501), Rule("attestation slot not within propagation range")
		early := lateRule
		if fork == params.Deneb {
			late, lateRule = inSlot(16, 501), "attestation epoch is not current or previous epoch"
			early = "attestation slot is from a future slot"
		}
		oldVoteTopic(fork).tell(t,
			story[oldVote]{name: "valid", want: Accept},
			story[oldVote]{name: "early", when: inSlot(1, 3000), want: Defer, rule: early, wait: WaitSlot},
			story[oldVote]{name: "late", when: late, want: Ignore, rule: lateRule},
			story[oldVote]{name: "of the type that comes later", when: func(s *stage) { s.in.Fork = params.Electra }, want: Reject, rule: RuleType},
			story[oldVote]{name: "target of another epoch", change: func(_ *stage, a *oldVote) { a.Data.Target.Epoch = 1 },
				want: Reject, rule: "attestation epoch does not match target epoch"},
			story[oldVote]{name: "no such committee", change: func(_ *stage, a *oldVote) { a.Data.Index = 4 }, want: Reject, rule: "committee index out of range"},
			story[oldVote]{name: "wrong subnet", when: func(s *stage) { s.in.Subnet = s.subnet() + 1 }, want: Reject, rule: "attestation is for wrong subnet"},
			story[oldVote]{name: "nobody", change: func(s *stage, a *oldVote) { a.AggregationBits = bitsOf(len(s.committee())) },
				want: Reject, rule: "attestation is not unaggregated"},
			story[oldVote]{name: "two", change: func(s *stage, a *oldVote) { a.AggregationBits = bitsOf(len(s.committee()), 0, 1) },
				want: Reject, rule: "attestation is not unaggregated"},
			story[oldVote]{name: "too many bits", change: func(s *stage, a *oldVote) { a.AggregationBits = bitsOf(len(s.committee())+1, 1) },
				want: Reject, rule: "aggregation bits length does not match committee size"},
			story[oldVote]{name: "second of its validator", first: true, change: func(_ *stage, a *oldVote) { a.Data.Source.Root[0]++ },
				want: Ignore, rule: "already seen attestation for this epoch and validator"},
			story[oldVote]{name: "wrong signature", spoil: func(s *stage, a *oldVote) { a.Signature = s.wrong() }, want: Reject, rule: "invalid attestation signature"},
			story[oldVote]{name: "unknown block", when: forgetting(2), want: Defer, rule: "block being voted for has not been seen", wait: WaitBlock},
		)
	}
}

func TestRulesOfVotes(t *testing.T) {
	for _, fork := range []params.Fork{params.Electra, params.Gloas} {
		index := Rule("attestation data index is non-zero")
		if fork == params.Gloas {
			index = "attestation data index must be 0 or 1"
		}
		nobody := func(s *stage, a *vote) {
			for v := range types.ValidatorIndex(64) {
				if !slices.Contains(s.committee(), uint32(v)) {
					a.AttesterIndex = v
					return
				}
			}
		}
		voteTopic(fork).tell(t,
			story[vote]{name: "valid", want: Accept},
			story[vote]{name: "of the type that came before", when: func(s *stage) { s.in.Fork = params.Deneb }, want: Reject, rule: RuleType},
			story[vote]{name: "data index", change: func(_ *stage, a *vote) { a.Data.Index = 2 }, want: Reject, rule: index},
			story[vote]{name: "early", when: inSlot(1, 3000), want: Defer, rule: "attestation slot is from a future slot", wait: WaitSlot},
			story[vote]{name: "late", when: inSlot(16, 501), want: Ignore, rule: "attestation epoch is not current or previous epoch"},
			story[vote]{name: "of the last slot of all", change: func(_ *stage, a *vote) { a.Data.Slot = ^types.Slot(0) },
				want: Ignore, rule: "attestation slot is from a future slot"},
			story[vote]{name: "target of another epoch", change: func(_ *stage, a *vote) { a.Data.Target.Epoch = ^types.Epoch(0) },
				want: Reject, rule: "attestation epoch does not match target epoch"},
			story[vote]{name: "no state at hand", when: lacking("HeadState"), want: Defer, rule: RuleAtHand, wait: WaitState},
			story[vote]{name: "no committees at hand", when: lacking("Shuffling"), want: Defer, rule: RuleAtHand, wait: WaitState},
			story[vote]{name: "no such committee", change: func(_ *stage, a *vote) { a.CommitteeIndex = 1 << 40 }, want: Reject, rule: "committee index out of range"},
			story[vote]{name: "wrong subnet", when: func(s *stage) { s.in.Subnet = s.subnet() + 1 }, want: Reject, rule: "attestation is for wrong subnet"},
			story[vote]{name: "not a member", change: nobody, want: Reject, rule: "attester is not a member of the committee"},
			story[vote]{name: "not a member as far as the head's committees tell", change: nobody, when: func(s *stage) {
				forgetting(2)(s)
				forgetting(0)(s)
			}, want: Ignore, rule: "attester is not a member of the committee"},
			story[vote]{name: "second of its validator", first: true, change: func(_ *stage, a *vote) { a.Data.Source.Root[0]++ },
				want: Ignore, rule: "already seen attestation for this epoch and validator"},
			story[vote]{name: "wrong signature", spoil: func(s *stage, a *vote) { a.Signature = s.wrong() }, want: Reject, rule: "invalid attestation signature"},
			story[vote]{name: "wrong signature for an unknown block", when: forgetting(2), spoil: func(s *stage, a *vote) { a.Signature = s.wrong() },
				want: Reject, rule: "invalid attestation signature"},
			story[vote]{name: "unknown block", when: forgetting(2), want: Defer, rule: "block being voted for has not been seen", wait: WaitBlock},
			story[vote]{name: "failed block", when: failing(2), want: Reject, rule: "block being voted for failed validation"},
			story[vote]{name: "another target", change: func(s *stage, a *vote) { a.Data.Target.Root = s.tips[1].Root },
				want: Reject, rule: "target block is not an ancestor of LMD vote block"},
			story[vote]{name: "beside the finalized block", when: finalizing(0, types.Root{1}),
				want: Ignore, rule: "finalized checkpoint is not an ancestor of block"},
		)
	}
}

func TestVotesForPayloads(t *testing.T) {
	full := func(s *stage, a *vote) {
		a.Data.BeaconBlockRoot, a.Data.Index = s.tips[1].Root, 1
	}
	payload := func(change func(*Block)) func(*stage) {
		return func(s *stage) { s.view.alter(s.tips[1].Root, change) }
	}
	voteTopic(params.Gloas).tell(t,
		story[vote]{name: "of an earlier block, valid", change: full, want: Accept},
		story[vote]{name: "of the block of its own slot", change: func(_ *stage, a *vote) { a.Data.Index = 1 },
			want: Reject, rule: "same-slot attestation must attest with index 0"},
		story[vote]{name: "not seen", change: full, when: payload(func(b *Block) { b.PayloadVerified = false }),
			want: Defer, rule: "execution payload envelope has not been seen", wait: WaitPayload},
		story[vote]{name: "of a block from before gloas", change: full, when: func(s *stage) {
			spec := *s.spec
			spec.GloasForkEpoch = 1
			w := *s.world
			w.spec, s.rules.spec, s.world = &spec, &spec, &w
			s.view.alter(s.tips[1].Root, func(b *Block) { b.PayloadVerified = false })
		}, want: Ignore, rule: "execution payload envelope has not been seen"},
		story[vote]{name: "optimistic", change: full, when: payload(func(b *Block) { b.Execution = forkchoice.Optimistic }),
			want: Ignore, rule: "attested payload is optimistic"},
		story[vote]{name: "invalid", change: full, when: payload(func(b *Block) { b.Execution = forkchoice.Invalid }),
			want: Reject, rule: "attested payload is invalid"},
	)
}

func summaryTopic(fork params.Fork) topicTest[summary] {
	return topicTest[summary]{
		fork: fork, slot: 2,
		make: makeSummary,
		check: func(s *stage, a *summary) Candidate {
			return s.rules.AggregateAndProof(s.in, a)
		},
	}
}

// makeSummary is an aggregate of all but the last member of a committee, made by its second member.
func makeSummary(s *stage, change func(*summary)) *summary {
	committee := s.committee()
	n := len(committee)
	a := &summary{}
	m := &a.Message
	m.AggregatorIndex = types.ValidatorIndex(committee[1])
	m.Aggregate.Data = s.data()
	m.Aggregate.AggregationBits = bitsOf(n)
	for i := range n - 1 {
		m.Aggregate.AggregationBits.SetBitAt(uint64(i), true)
	}
	if s.fork >= params.Electra {
		m.Aggregate.CommitteeBits = ssz.NewBitvector(s.spec.MaxCommitteesPerSlot)
		m.Aggregate.CommitteeBits.SetBitAt(0, true)
	}
	m.SelectionProof = s.sign(params.DomainSelectionProof(), 0, slotRoot(m.Aggregate.Data.Slot), m.AggregatorIndex)
	change(a)
	var signers []types.ValidatorIndex
	for i, member := range committee {
		if m.Aggregate.AggregationBits.BitAt(uint64(i)) {
			signers = append(signers, types.ValidatorIndex(member))
		}
	}
	if m.Aggregate.Signature == (types.BLSSignature{}) && len(signers) > 0 {
		m.Aggregate.Signature = s.signVote(&m.Aggregate.Data, signers...)
	}
	a.Signature = s.sign(params.DomainAggregateAndProof(), 0, s.root(m), m.AggregatorIndex)
	return a
}

// by makes another member the aggregator.
func by(position int) func(*stage, *summary) {
	return func(s *stage, a *summary) {
		a.Message.AggregatorIndex = types.ValidatorIndex(s.committee()[position])
		a.Message.SelectionProof = s.sign(params.DomainSelectionProof(), 0, slotRoot(2), a.Message.AggregatorIndex)
	}
}

func of(set ...int) func(*stage, *summary) {
	return func(s *stage, a *summary) { a.Message.Aggregate.AggregationBits = bitsOf(len(s.committee()), set...) }
}

func both(changes ...func(*stage, *summary)) func(*stage, *summary) {
	return func(s *stage, a *summary) {
		for _, change := range changes {
			change(s, a)
		}
	}
}

func TestRulesOfAggregates(t *testing.T) {
	for _, fork := range []params.Fork{params.Phase0, params.Deneb, params.Electra, params.Gloas} {
		early, late, lateRule := Rule("aggregate slot is from a future slot"), inSlot(16, 501), Rule("aggregate epoch is not current or previous epoch")
		if fork == params.Phase0 {
			early, late, lateRule = "attestation slot not within propagation range", inSlot(35, 501), "attestation slot not within propagation range"
		}
		summaryTopic(fork).tell(t,
			story[summary]{name: "valid", want: Accept},
			story[summary]{name: "early", when: inSlot(1, 3000), want: Defer, rule: early, wait: WaitSlot},
			story[summary]{name: "late", when: late, want: Ignore, rule: lateRule},
			story[summary]{name: "target of another epoch", change: func(_ *stage, a *summary) { a.Message.Aggregate.Data.Target.Epoch = 1 },
				want: Reject, rule: "attestation epoch does not match target epoch"},
			story[summary]{name: "too many bits", change: func(s *stage, a *summary) { a.Message.Aggregate.AggregationBits = bitsOf(len(s.committee())+1, 1) },
				want: Reject, rule: "aggregation bits length does not match committee size"},
			story[summary]{name: "nobody", change: of(), want: Reject, rule: "aggregate has no participants"},
			story[summary]{name: "nothing new", first: true, change: both(by(2), of(1)), want: Ignore, rule: "already seen aggregate for this data"},
			story[summary]{name: "somebody new", firstChange: of(0), change: both(by(2), of(0, 1)), want: Accept},
			story[summary]{name: "second of its aggregator", firstChange: of(0), change: of(0, 1),
				want: Ignore, rule: "already seen aggregate for this epoch and aggregator"},
			story[summary]{name: "aggregator of another committee", change: func(s *stage, a *summary) {
				for v := range types.ValidatorIndex(64) {
					if !slices.Contains(s.committee(), uint32(v)) {
						a.Message.AggregatorIndex = v
					}
				}
			}, want: Reject, rule: "aggregator index not in committee"},
			story[summary]{name: "no such aggregator", change: func(_ *stage, a *summary) { a.Message.AggregatorIndex = 1 << 40 },
				want: Reject, rule: "aggregator index not in committee"},
			story[summary]{name: "wrong selection proof", change: func(s *stage, a *summary) { a.Message.SelectionProof = s.wrong() },
				want: Reject, rule: "invalid selection proof signature"},
			story[summary]{name: "wrong signature of the aggregator", spoil: func(s *stage, a *summary) { a.Signature = s.wrong() },
				want: Reject, rule: "invalid aggregator signature"},
			story[summary]{name: "wrong aggregate signature", change: func(s *stage, a *summary) { a.Message.Aggregate.Signature = s.wrong() },
				want: Reject, rule: "invalid aggregate signature"},
			story[summary]{name: "unknown block", when: forgetting(2), want: Defer, rule: "block being voted for has not been seen", wait: WaitBlock},
			story[summary]{name: "failed block", when: failing(2), want: Reject, rule: "block being voted for failed validation"},
			story[summary]{name: "another target", change: func(s *stage, a *summary) { a.Message.Aggregate.Data.Target.Root = s.tips[1].Root },
				want: Reject, rule: "target block is not an ancestor of LMD vote block"},
			story[summary]{name: "beside the finalized block", when: finalizing(0, types.Root{1}),
				want: Ignore, rule: "finalized checkpoint is not an ancestor of block"},
		)
	}
	committees := func(set ...uint64) func(*stage, *summary) {
		return func(s *stage, a *summary) {
			a.Message.Aggregate.CommitteeBits = ssz.NewBitvector(s.spec.MaxCommitteesPerSlot)
			for _, i := range set {
				a.Message.Aggregate.CommitteeBits.SetBitAt(i, true)
			}
		}
	}
	for _, fork := range []params.Fork{params.Electra, params.Gloas} {
		index := Rule("aggregate data index is non-zero")
		if fork == params.Gloas {
			index = "aggregate data index must be 0 or 1"
		}
		summaryTopic(fork).tell(t,
			story[summary]{name: "data index", change: func(_ *stage, a *summary) { a.Message.Aggregate.Data.Index = 2 }, want: Reject, rule: index},
			story[summary]{name: "of no committee", change: committees(), want: Reject, rule: "aggregate committee bits must specify exactly one committee"},
			story[summary]{name: "of two committees", change: committees(0, 1), want: Reject, rule: "aggregate committee bits must specify exactly one committee"},
			story[summary]{name: "of no such committee", change: committees(3), want: Reject, rule: "committee index out of range"},
		)
	}
	summaryTopic(params.Phase0).tell(t, story[summary]{name: "of no such committee",
		change: func(_ *stage, a *summary) { a.Message.Aggregate.Data.Index = 3 }, want: Reject, rule: "committee index out of range"})
	summaryTopic(params.Gloas).tell(t, story[summary]{name: "for the payload of the block of its slot",
		change: func(_ *stage, a *summary) { a.Message.Aggregate.Data.Index = 1 }, want: Reject, rule: "same-slot attestation must attest with index 0"})
}

// In a large committee only some members aggregate.
func TestAnAggregatorIsSelected(t *testing.T) {
	spec, err := simnet.Spec(params.Fulu)
	check(t, err)
	spec, _, err = spec.Override([]byte("PRESET_BASE: minimal\nTARGET_COMMITTEE_SIZE: 32\n"))
	check(t, err)
	w, err := makeWorld(spec, 256)
	check(t, err)
	verdicts := map[Verdict]int{}
	for position := range 8 {
		s := stageOf(t, w, params.Fulu, 2)
		a := makeSummary(s, func(a *summary) { by(position)(s, a) })
		_, d := s.rules.AggregateAndProof(s.in, a).Finish()
		verdicts[d.Verdict]++
		selected := types.IsAggregator(len(s.committee()), a.Message.SelectionProof)
		if selected != (d.Verdict == Accept) || !selected && d.Rule != "validator is not selected as aggregator" {
			t.Errorf("member %d, selected %t: %v", position, selected, d)
		}
	}
	if verdicts[Accept] == 0 || verdicts[Reject] == 0 {
		t.Errorf("of 8 members %d are accepted and %d rejected, want some of both", verdicts[Accept], verdicts[Reject])
	}
}

// What a vote brings to fork choice and pools.
func TestWhatIsKnownOfCheckedVotes(t *testing.T) {
	s := newStage(t, params.Fulu, 2)
	a := voteTopic(params.Fulu).make(s, func(*vote) {})
	s.in.Subnet = s.subnet()
	c, d := s.rules.SingleAttestation(s.in, a).Finish()
	if d.Verdict != Accept {
		t.Fatal(d)
	}
	if want := (Seat{Committee: 0, Position: 1, Size: len(s.committee())}); c.Seat() != want {
		t.Errorf("seat %+v, want %+v", c.Seat(), want)
	}
	v := c.Vote()
	if c.Attester() != a.AttesterIndex || c.Signature() != a.Signature || *c.Data() != a.Data || v.BlockRoot != a.Data.BeaconBlockRoot ||
		v.Target != a.Data.Target || !slices.Equal(v.Attesting, []types.ValidatorIndex{a.AttesterIndex}) {
		t.Errorf("checked vote %+v of %+v", v, a)
	}
	summed, d := s.rules.AggregateAndProof(s.in, makeSummary(s, func(*summary) {})).Finish()
	if d.Verdict != Accept {
		t.Fatal(d)
	}
	want := make([]types.ValidatorIndex, len(s.committee())-1)
	for i := range want {
		want[i] = types.ValidatorIndex(s.committee()[i])
	}
	if !slices.Equal(summed.Attesting(), want) || !slices.Equal(summed.Vote().Attesting, want) || summed.Committee() != 0 {
		t.Errorf("attesting %v of committee %d, want %v of 0", summed.Attesting(), summed.Committee(), want)
	}
}
