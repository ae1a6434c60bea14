package gossip

import (
	"slices"
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/forkchoice"
)

type envelope = types.SignedExecutionPayloadEnvelope

func TestRulesOfEnvelopes(t *testing.T) {
	payload := func(change func(*types.ExecutionPayload)) func(*stage, *envelope) {
		return func(_ *stage, e *envelope) { change(&e.Message.Payload) }
	}
	// requests makes an envelope with requests, and the bid that it was promised by.
	requests := func(change func(*params.Spec, *types.ExecutionRequests)) func(*stage, *envelope) {
		return func(s *stage, e *envelope) {
			change(s.spec, &e.Message.ExecutionRequests)
			bid := *s.view.bids[s.head().Root]
			bid.ExecutionRequestsRoot = s.root(&e.Message.ExecutionRequests)
			s.view.bids[s.head().Root] = &bid
		}
	}
	topicTest[envelope]{
		fork: params.Gloas, slot: 2,
		make: func(s *stage, change func(*envelope)) *envelope {
			e := *s.head().Payload
			change(&e)
			e.Signature = s.sign(params.DomainBeaconBuilder(), 0, s.root(&e.Message), s.head().State.LatestBlockHeader.ProposerIndex)
			return &e
		},
		check: func(s *stage, e *envelope) Candidate { return s.rules.ExecutionPayloadEnvelope(s.in, e) },
	}.tell(t,
		story[envelope]{name: "valid", want: Accept},
		story[envelope]{name: "unknown block", when: forgetting(2), want: Defer, rule: "envelope's block has not been seen", wait: WaitBlock},
		story[envelope]{name: "failed block", when: failing(2), want: Reject, rule: "envelope's block failed validation"},
		story[envelope]{name: "second of its builder", first: true, change: payload(func(p *types.ExecutionPayload) { p.GasUsed++ }),
			want: Ignore, rule: "already seen envelope for this block root from this builder"},
		story[envelope]{name: "finalized", when: finalizing(1, types.Root{1}), want: Ignore, rule: "envelope is from a slot before the latest finalized slot"},
		story[envelope]{name: "another slot", change: payload(func(p *types.ExecutionPayload) { p.SlotNumber++ }),
			want: Reject, rule: "block's slot does not match payload's slot number"},
		story[envelope]{name: "of another fork", when: func(s *stage) {
			spec := *s.spec
			spec.GloasForkEpoch = 1
			s.rules.spec = &spec
		}, want: Reject, rule: RuleForkOfTopic},
		story[envelope]{name: "bid not at hand", when: lacking("Bid"), want: Defer, rule: RuleAtHand, wait: WaitState},
		story[envelope]{name: "another builder", change: func(_ *stage, e *envelope) { e.Message.BuilderIndex = 1 },
			want: Reject, rule: "envelope's builder index does not match the bid's builder index"},
		story[envelope]{name: "another payload", change: payload(func(p *types.ExecutionPayload) { p.BlockHash[0]++ }),
			want: Reject, rule: "payload's block hash does not match the bid's block hash"},
		story[envelope]{name: "other requests", change: func(_ *stage, e *envelope) {
			e.Message.ExecutionRequests.Withdrawals = make([]types.WithdrawalRequest, 1)
		}, want: Reject, rule: "envelope's execution requests root does not match the bid's"},
		story[envelope]{name: "promised requests", change: requests(func(_ *params.Spec, r *types.ExecutionRequests) {
			r.Withdrawals = make([]types.WithdrawalRequest, 1)
		}), want: Accept},
		story[envelope]{name: "too many requests", change: requests(func(s *params.Spec, r *types.ExecutionRequests) {
			r.Withdrawals = make([]types.WithdrawalRequest, s.MaxWithdrawalRequestsPerPayload+1)
		}), want: Reject, rule: "too many withdrawal requests"},
		story[envelope]{name: "too many withdrawals", change: func(s *stage, e *envelope) {
			e.Message.Payload.Withdrawals = make([]types.Withdrawal, s.spec.MaxWithdrawalsPerPayload+1)
		}, want: Reject, rule: "too many withdrawals"},
		story[envelope]{name: "state not at hand", when: lacking("State"), want: Defer, rule: RuleAtHand, wait: WaitState},
		story[envelope]{name: "wrong signature", spoil: func(s *stage, e *envelope) { e.Signature = s.wrong() }, want: Reject, rule: "invalid envelope signature"},
	)
}

type timely = types.PayloadAttestationMessage

func TestRulesOfPayloadAttestations(t *testing.T) {
	topicTest[timely]{
		fork: params.Gloas, slot: 2,
		make: func(s *stage, change func(*timely)) *timely {
			committee, err := s.head().State.GetPTC(2)
			check(s.t, err)
			m := &timely{ValidatorIndex: committee[0], Data: types.PayloadAttestationData{BeaconBlockRoot: s.head().Root, Slot: 2, PayloadPresent: true}}
			change(m)
			m.Signature = s.sign(params.DomainPTCAttester(), 0, types.HashTreeRoot(&m.Data), m.ValidatorIndex)
			return m
		},
		check: func(s *stage, m *timely) Candidate { return s.rules.PayloadAttestationMessage(s.in, m) },
	}.tell(t,
		story[timely]{name: "valid", want: Accept},
		story[timely]{name: "late", when: inSlot(3, 501), want: Ignore, rule: "payload attestation's slot is not the current slot"},
		story[timely]{name: "second of its validator", first: true, change: func(_ *stage, m *timely) { m.Data.PayloadPresent = false },
			want: Ignore, rule: "already seen payload attestation from this validator"},
		story[timely]{name: "unknown block", when: forgetting(2), want: Defer, rule: "payload attestation's block has not been seen", wait: WaitBlock},
		story[timely]{name: "failed block", when: failing(2), want: Reject, rule: "payload attestation's block failed validation"},
		story[timely]{name: "block of another slot", change: func(s *stage, m *timely) { m.Data.BeaconBlockRoot = s.tips[1].Root },
			want: Ignore, rule: "payload attestation's block is not at the assigned slot"},
		story[timely]{name: "state not at hand", when: lacking("State"), want: Defer, rule: RuleAtHand, wait: WaitState},
		story[timely]{name: "no such validator", change: func(_ *stage, m *timely) { m.ValidatorIndex = 64 }, want: Reject, rule: "validator index out of range"},
		story[timely]{name: "not a member", when: func(s *stage) {
			s.changeHead(func(st *transition.State) {
				for i, ptc := range st.PTCWindow {
					members := make([]types.ValidatorIndex, len(ptc.Value))
					for k := range members {
						members[k] = 63
					}
					st.PTCWindow[i] = &types.PTC{Value: members}
				}
			})
		}, change: func(_ *stage, m *timely) { m.ValidatorIndex = 62 }, want: Reject, rule: "validator is not in the payload timeliness committee"},
		story[timely]{name: "wrong signature", spoil: func(s *stage, m *timely) { m.Signature = s.wrong() },
			want: Reject, rule: "invalid payload attestation signature"},
	)
}

// wish makes the proposer of slot 3 want a recipient and a gas limit, and the parent's payload known.
func wish(s *stage) {
	s.rules.seen.preferences.put(3, s.tips[0].Root, types.ProposerPreferences{FeeRecipient: types.ExecutionAddress{1}, TargetGasLimit: 60_000_000})
	s.rules.Seen().NotePayload(s.view.head.ExecutionBlockHash, 60_000_000)
}

// builders gives the head's state two builders with the keys of validators.
func builders(change func(*types.Builder)) func(*stage) {
	return func(s *stage) {
		s.changeHead(func(st *transition.State) {
			st.FinalizedCheckpoint.Epoch = 1
			for i := range uint64(2) {
				b := types.Builder{
					Pubkey: s.keys.Pubkeys(i, 1)[0], Version: params.PayloadBuilderVersion, Balance: 1000 * params.EthToGwei,
					WithdrawableEpoch: params.FarFutureEpoch,
				}
				change(&b)
				st.Builders.Append(b)
			}
		})
	}
}

func able(*types.Builder) {}

type bid = types.SignedExecutionPayloadBid

func TestRulesOfBids(t *testing.T) {
	ready := then(builders(able), wish)
	message := func(change func(*types.ExecutionPayloadBid)) func(*stage, *bid) {
		return func(_ *stage, b *bid) { change(&b.Message) }
	}
	topicTest[bid]{
		fork: params.Gloas, slot: 2,
		make: func(s *stage, change func(*bid)) *bid {
			b := &bid{Message: types.ExecutionPayloadBid{
				ParentBlockHash: s.view.head.ExecutionBlockHash, ParentBlockRoot: s.head().Root, BlockHash: types.Hash32{9},
				PrevRandao: s.head().State.GetRandaoMix(0), FeeRecipient: types.ExecutionAddress{1}, GasLimit: 60_000_000,
				BuilderIndex: 1, Slot: 3, Value: 5,
			}}
			change(b)
			b.Signature = s.sign(params.DomainBeaconBuilder(), 0, s.root(&b.Message), types.ValidatorIndex(b.Message.BuilderIndex))
			return b
		},
		check: func(s *stage, b *bid) Candidate { return s.rules.ExecutionPayloadBid(s.in, b) },
	}.tell(t,
		story[bid]{name: "valid", when: ready, want: Accept},
		story[bid]{name: "in its own slot", when: then(ready, inSlot(3, 100)), want: Accept},
		story[bid]{name: "late", when: then(ready, inSlot(4, 501)), want: Ignore, rule: "bid's slot is not the current or next slot"},
		story[bid]{name: "early", when: then(ready, inSlot(1, 3000)), want: Ignore, rule: "bid's slot is not the current or next slot"},
		story[bid]{name: "of another fork", when: then(ready, func(s *stage) { s.in.Fork = params.Heze }), want: Reject, rule: RuleForkOfTopic},
		story[bid]{name: "second of its builder", when: ready, first: true, change: message(func(b *types.ExecutionPayloadBid) { b.Value = 6 }),
			want: Ignore, rule: "already seen valid bid for this slot, parent, and builder"},
		story[bid]{name: "not the highest", when: ready, firstChange: message(func(b *types.ExecutionPayloadBid) { b.BuilderIndex = 0 }),
			want: Ignore, rule: "bid is not the highest value bid seen for this slot and parent"},
		story[bid]{name: "higher", when: ready, firstChange: message(func(b *types.ExecutionPayloadBid) { b.BuilderIndex, b.Value = 0, 4 }), want: Accept},
		story[bid]{name: "unknown parent", when: then(ready, forgetting(2)), want: Defer, rule: "bid's parent block root is not a known beacon block", wait: WaitBlock},
		story[bid]{name: "failed parent", when: then(ready, failing(2)), want: Ignore, rule: "bid's parent block root is not a known beacon block"},
		story[bid]{name: "not after its parent", when: ready, change: message(func(b *types.ExecutionPayloadBid) { b.Slot = 2 }),
			want: Reject, rule: "bid's slot is not higher than its parent's slot"},
		story[bid]{name: "pays by itself", when: ready, change: message(func(b *types.ExecutionPayloadBid) { b.ExecutionPayment = 1 }),
			want: Reject, rule: "bid's execution payment must be zero"},
		story[bid]{name: "too many blobs", when: ready, change: func(s *stage, b *bid) {
			b.Message.BlobKZGCommitments = make([]types.KZGCommitment, s.spec.GetBlobParameters(0).MaxBlobsPerBlock+1)
		}, want: Reject, rule: "too many blob kzg commitments"},
		story[bid]{name: "past the lookahead", when: then(ready, inSlot(16, 100)), change: message(func(b *types.ExecutionPayloadBid) { b.Slot = 16 }),
			want: Ignore, rule: "bid's slot is past the parent's proposer lookahead"},
		story[bid]{name: "no preferences", when: builders(able), want: Ignore, rule: "matching proposer preferences have not been seen"},
		story[bid]{name: "another recipient", when: ready, change: message(func(b *types.ExecutionPayloadBid) { b.FeeRecipient[0] = 2 }),
			want: Ignore, rule: "bid's fee recipient does not match the proposer's preference"},
		story[bid]{name: "unknown payload", when: ready, change: message(func(b *types.ExecutionPayloadBid) { b.ParentBlockHash[0]++ }),
			want: Ignore, rule: "bid's parent block hash is not a known execution payload"},
		story[bid]{name: "another gas limit", when: ready, change: message(func(b *types.ExecutionPayloadBid) { b.GasLimit++ }),
			want: Ignore, rule: "bid's gas limit is not compatible with the proposer's target"},
		story[bid]{name: "beside the head", when: then(ready, func(s *stage) { s.view.head.Root = types.Root{1} }),
			want: Ignore, rule: "bid is not compatible with the current head branch"},
		story[bid]{name: "state not at hand", when: then(ready, lacking("State")), want: Defer, rule: RuleAtHand, wait: WaitState},
		story[bid]{name: "another randao", when: ready, change: message(func(b *types.ExecutionPayloadBid) { b.PrevRandao[0]++ }),
			want: Reject, rule: "bid's previous randao is incorrect"},
		story[bid]{name: "no such builder", when: ready, change: message(func(b *types.ExecutionPayloadBid) { b.BuilderIndex = 2 }),
			want: Reject, rule: "builder index out of range"},
		story[bid]{name: "too poor", when: ready, change: message(func(b *types.ExecutionPayloadBid) { b.Value = 1000 * params.EthToGwei }),
			want: Ignore, rule: "builder cannot cover bid value"},
		story[bid]{name: "gone", when: then(builders(func(b *types.Builder) { b.WithdrawableEpoch = 5 }), wish), want: Reject, rule: "builder is not active"},
		story[bid]{name: "of another kind", when: then(builders(func(b *types.Builder) { b.Version = 1 }), wish), want: Reject, rule: "builder is not a payload builder"},
		story[bid]{name: "wrong signature", when: ready, spoil: func(s *stage, b *bid) { b.Signature = s.wrong() }, want: Reject, rule: "invalid bid signature"},
	)
}

// Spec: is_gas_limit_target_compatible (gloas).
func TestGasLimitsComeAsNearToTheTargetAsABlockCan(t *testing.T) {
	for _, c := range []struct {
		parent, limit, target uint64
		want                  bool
	}{
		{1024000, 1024000, 1024000, true},
		{1024000, 1024999, 1024999, true},
		{1024000, 1024999, 2048000, true},
		{1024000, 1025000, 2048000, false},
		{1024000, 1024500, 2048000, false},
		{1024000, 1023001, 1, true},
		{1024000, 1023000, 1, false},
		{1024000, 1024001, 1024000, false},
		{100, 100, 200, true}, // a step of nothing
		{^uint64(0), ^uint64(0), ^uint64(0), true},
	} {
		if got := isGasLimitTargetCompatible(c.parent, c.limit, c.target); got != c.want {
			t.Errorf("from %d to %d with target %d: %t, want %t", c.parent, c.limit, c.target, got, c.want)
		}
	}
}

// Spec: is_bid_compatible_with_head, should_build_on_full (gloas).
func TestBidsFitTheHead(t *testing.T) {
	root, parent := types.Root{1}, types.Root{2}
	own, below := types.Hash32{3}, types.Hash32{4}
	head := func(status forkchoice.PayloadStatus, build bool) Head {
		return Head{
			Root: root, Block: Block{Slot: 5, ParentRoot: parent, ExecutionBlockHash: own, ExecutionParentHash: below},
			PayloadStatus: status, BuildOnFull: build,
		}
	}
	for _, c := range []struct {
		name   string
		head   Head
		parent types.Root
		hash   types.Hash32
		slot   types.Slot
		want   bool
	}{
		{"full, on its payload", head(forkchoice.Full, true), root, own, 6, true},
		{"full, on the payload before", head(forkchoice.Full, true), root, below, 6, false},
		{"full but not to be built on, on its payload", head(forkchoice.Full, false), root, own, 6, false},
		{"full but not to be built on, on the payload before", head(forkchoice.Full, false), root, below, 6, true},
		{"full, a slot later", head(forkchoice.Full, false), root, own, 7, true},
		{"empty, on its payload", head(forkchoice.Empty, false), root, own, 7, false},
		{"empty, on the payload before", head(forkchoice.Empty, false), root, below, 7, true},
		{"beside the head", head(forkchoice.Full, true), parent, below, 6, true},
		{"beside the head on its payload", head(forkchoice.Full, true), parent, own, 6, false},
		{"anywhere else", head(forkchoice.Full, true), types.Root{9}, own, 6, false},
		{"from before gloas", head(forkchoice.Pending, false), root, own, 6, true},
	} {
		if got := isBidCompatibleWithHead(&c.head, &types.ExecutionPayloadBid{ParentBlockRoot: c.parent, ParentBlockHash: c.hash, Slot: c.slot}); got != c.want {
			t.Errorf("%s: %t, want %t", c.name, got, c.want)
		}
	}
}

type preference = types.SignedProposerPreferences

func TestRulesOfProposerPreferences(t *testing.T) {
	topicTest[preference]{
		fork: params.Gloas, slot: 8,
		make: func(s *stage, change func(*preference)) *preference {
			// The proposer of slot 17 is decided by what comes before slot 8: the block of slot 2.
			s.view.proposers[17] = 11
			p := &preference{Message: types.ProposerPreferences{DependentRoot: s.head().Root, ProposalSlot: 17, ValidatorIndex: 11, TargetGasLimit: 1}}
			change(p)
			p.Signature = s.sign(params.DomainProposerPreferences(), 2, types.HashTreeRoot(&p.Message), p.Message.ValidatorIndex)
			return p
		},
		check: func(s *stage, p *preference) Candidate { return s.rules.ProposerPreferences(s.in, p) },
	}.tell(t,
		story[preference]{name: "valid", want: Accept},
		story[preference]{name: "too late", when: inSlot(17, 501), want: Ignore, rule: "proposal slot has already started"},
		story[preference]{name: "just in time", when: inSlot(17, 500), want: Accept},
		story[preference]{name: "too early", when: inSlot(8, -501), want: Ignore, rule: "proposer for the proposal slot is not yet known"},
		story[preference]{name: "for the last slot of all", change: func(_ *stage, p *preference) { p.Message.ProposalSlot = ^types.Slot(0) },
			want: Ignore, rule: "proposer for the proposal slot is not yet known"},
		story[preference]{name: "unknown block", when: forgetting(2), want: Defer, rule: "dependent block has not been seen", wait: WaitBlock},
		story[preference]{name: "second for the slot", first: true, change: func(_ *stage, p *preference) { p.Message.TargetGasLimit = 2 },
			want: Ignore, rule: "already seen preferences for this dependent root and proposal slot"},
		story[preference]{name: "failed block", when: failing(2), want: Ignore, rule: "dependent block failed validation"},
		story[preference]{name: "not a dependent block", when: func(s *stage) {
			s.view.alter(s.head().Root, func(b *Block) { b.Slot = 8 })
		}, want: Reject, rule: "dependent root is not before the proposer lookahead epoch"},
		story[preference]{name: "not the last block", when: func(s *stage) { s.view.dependent = false },
			want: Ignore, rule: "dependent root is not a possible dependent block"},
		story[preference]{name: "proposer not at hand", when: lacking("Proposer"), want: Defer, rule: RuleAtHand, wait: WaitState},
		story[preference]{name: "another validator", change: func(_ *stage, p *preference) { p.Message.ValidatorIndex = 12 },
			want: Reject, rule: "validator is not the proposer for the given slot"},
		story[preference]{name: "no state at hand", when: lacking("HeadState"), want: Defer, rule: RuleAtHand, wait: WaitState},
		story[preference]{name: "wrong signature", spoil: func(s *stage, p *preference) { p.Signature = s.wrong() },
			want: Reject, rule: "invalid proposer preferences signature"},
	)
}

// A vote on a payload says where its sender sits in the committee: at every place that has the sender's index.
func TestAVoteOnAPayloadKnowsItsPlaces(t *testing.T) {
	s := newStage(t, params.Gloas, 2)
	committee, err := s.head().State.GetPTC(2)
	check(t, err)
	m := &timely{ValidatorIndex: committee[len(committee)-1], Data: types.PayloadAttestationData{BeaconBlockRoot: s.head().Root, Slot: 2, PayloadPresent: true}}
	m.Signature = s.sign(params.DomainPTCAttester(), 0, types.HashTreeRoot(&m.Data), m.ValidatorIndex)
	pending := s.rules.PayloadAttestationMessage(s.in, m)
	Verify(pending)
	checked, d := pending.Finish()
	if d.Verdict != Accept {
		t.Fatal(d)
	}
	var want []uint64
	for place, member := range committee {
		if member == m.ValidatorIndex {
			want = append(want, uint64(place))
		}
	}
	if !slices.Equal(checked.Positions(), want) || len(want) == 0 {
		t.Errorf("places %v, want %v", checked.Positions(), want)
	}
}
