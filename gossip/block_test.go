package gossip

import (
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/forkchoice"
)

type block = types.SignedBeaconBlock

func blockTopic(fork params.Fork) topicTest[block] {
	return topicTest[block]{
		fork: fork, slot: 3,
		make: func(s *stage, change func(*block)) *block {
			b := *s.block
			change(&b)
			m := &b.Message
			b.Signature = s.sign(params.DomainBeaconProposer(), types.ComputeEpochAtSlot(s.spec, m.Slot), s.root(m), m.ProposerIndex)
			return &b
		},
		check: func(s *stage, b *block) Candidate { return s.rules.BeaconBlock(s.in, b) },
	}
}

func TestABlockOfEveryForkIsAccepted(t *testing.T) {
	for _, fork := range params.Forks()[:params.Gloas+1] {
		blockTopic(fork).tell(t,
			story[block]{name: "valid", want: Accept},
			story[block]{name: "its root is known, its payload's status not", when: func(s *stage) {
				s.view.alter(s.head().Root, func(b *Block) { b.Execution = forkchoice.Optimistic })
			}, want: Accept},
		)
	}
}

func TestRulesOfBlocks(t *testing.T) {
	for _, fork := range []params.Fork{params.Phase0, params.Fulu, params.Gloas} {
		failed := map[params.Fork]Rule{
			params.Phase0: "block's parent is invalid", params.Gloas: "block's parent is invalid",
			params.Fulu: "block's parent is invalid and its payload is optimistic",
		}[fork]
		early := func(s *stage, b *block) {
			b.Message.Slot = 2
			if fork == params.Fulu {
				b.Message.Body.ExecutionPayload.Timestamp -= s.spec.SlotDurationMs / 1000
			}
		}
		blockTopic(fork).tell(t,
			story[block]{name: "a slot early", when: inSlot(2, 3000), want: Defer, rule: "block is from a future slot", wait: WaitSlot},
			story[block]{name: "a little early", when: inSlot(3, -500), want: Accept},
			story[block]{name: "a little too early", when: inSlot(3, -501), want: Defer, rule: "block is from a future slot", wait: WaitSlot},
			story[block]{name: "of a far future", change: func(_ *stage, b *block) { b.Message.Slot = 1 << 62 }, want: Ignore, rule: "block is from a future slot"},
			story[block]{name: "of another fork", when: func(s *stage) { s.in.Fork-- }, want: Reject, rule: RuleForkOfTopic},
			story[block]{name: "finalized", when: finalizing(1, types.Root{1}), want: Ignore, rule: "block is not from a slot greater than the latest finalized slot"},
			story[block]{name: "second of its proposer", first: true, change: func(_ *stage, b *block) { b.Message.StateRoot[0]++ },
				want: Ignore, rule: "block is not the first valid block for this slot and proposer"},
			story[block]{name: "no state at hand", when: lacking("HeadState"), want: Defer, rule: RuleAtHand, wait: WaitState},
			story[block]{name: "no such proposer", change: func(_ *stage, b *block) { b.Message.ProposerIndex = 64 }, want: Reject, rule: "proposer index out of range"},
			story[block]{name: "wrong signature", spoil: func(s *stage, b *block) { b.Signature = s.wrong() }, want: Reject, rule: "invalid proposer signature"},
			story[block]{name: "no signature", spoil: func(_ *stage, b *block) { b.Signature = types.BLSSignature{} }, want: Reject, rule: "invalid proposer signature"},
			story[block]{name: "unknown parent", when: forgetting(2), want: Defer, rule: "block's parent has not been seen", wait: WaitBlock},
			story[block]{name: "failed parent", when: func(s *stage) {
				s.view.alter(s.head().Root, func(b *Block) { b.Failed, b.Execution = true, forkchoice.Optimistic })
			}, want: Reject, rule: failed},
			story[block]{name: "not after its parent", change: early, want: Reject, rule: "block is not from a higher slot than its parent"},
			story[block]{name: "beside the finalized block", when: finalizing(0, types.Root{1}), want: Reject, rule: "finalized checkpoint is not an ancestor of block"},
			story[block]{name: "proposer not at hand", when: lacking("Proposer"), want: Defer, rule: RuleAtHand, wait: WaitState},
			story[block]{name: "of another proposer", change: func(s *stage, b *block) { b.Message.ProposerIndex = (b.Message.ProposerIndex + 1) % 64 },
				want: Reject, rule: "block proposer_index does not match expected proposer"},
		)
	}
}

func TestRulesOfPayloadsInsideBlocks(t *testing.T) {
	for _, fork := range []params.Fork{params.Bellatrix, params.Capella, params.Electra} {
		blockTopic(fork).tell(t,
			story[block]{name: "wrong time", change: func(_ *stage, b *block) { b.Message.Body.ExecutionPayload.Timestamp++ },
				want: Reject, rule: "incorrect execution payload timestamp"},
			story[block]{name: "failed parent with a valid payload", when: failing(2),
				want: Ignore, rule: "block's parent is invalid and its payload is processed"},
			story[block]{name: "parent with an invalid payload", when: func(s *stage) {
				s.view.alter(s.head().Root, func(b *Block) { b.Execution = forkchoice.Invalid })
			}, want: Ignore, rule: "block's parent is valid and its payload is invalid"},
		)
	}
	noMerge := func(s *stage) {
		s.changeHead(func(st *transition.State) { st.LatestExecutionPayloadHeader = types.ExecutionPayloadHeader{} })
		s.view.fail(s.head().Root)
	}
	blockTopic(params.Bellatrix).tell(t, story[block]{
		name: "failed parent before the merge", when: noMerge,
		change: func(_ *stage, b *block) { b.Message.Body.ExecutionPayload = types.ExecutionPayload{} },
		want:   Reject, rule: "block's parent is invalid and execution is not enabled",
	})
}

func TestBlocksHaveNoMoreBlobsThanAllowed(t *testing.T) {
	for _, fork := range []params.Fork{params.Deneb, params.Electra, params.Fulu} {
		with := func(more int) func(*stage, *block) {
			return func(s *stage, b *block) {
				b.Message.Body.BlobKZGCommitments = make([]types.KZGCommitment, int(s.spec.MaxBlobsPerBlockAt(0))+more)
			}
		}
		blockTopic(fork).tell(t,
			story[block]{name: "as many as allowed", change: with(0), want: Accept},
			story[block]{name: "one too many", change: with(1), want: Reject, rule: "too many blob kzg commitments"},
		)
	}
}

func TestRulesOfBlocksWithBids(t *testing.T) {
	bid := func(b *block) *types.ExecutionPayloadBid {
		return &b.Message.Body.SignedExecutionPayloadBid.Message
	}
	stories := []story[block]{
		{name: "parent's payload not verified", when: func(s *stage) {
			s.view.alter(s.head().Root, func(b *Block) { b.PayloadVerified = false })
		}, want: Defer, rule: "parent payload is not verified", wait: WaitPayload},
		{name: "builds on an empty parent", change: func(s *stage, b *block) {
			bid(b).ParentBlockHash = s.view.blocks[s.head().Root].ExecutionParentHash
		}, want: Accept},
		{name: "builds on neither", change: func(_ *stage, b *block) { bid(b).ParentBlockHash[0]++ },
			want: Reject, rule: "bid does not build on the parent's execution head"},
		{name: "bid has another parent", change: func(_ *stage, b *block) { bid(b).ParentBlockRoot[0]++ },
			want: Reject, rule: "bid's parent does not equal block's parent"},
		{name: "too many blobs", change: func(s *stage, b *block) {
			bid(b).BlobKZGCommitments = make([]types.KZGCommitment, s.spec.GetBlobParameters(0).MaxBlobsPerBlock+1)
		}, want: Reject, rule: "too many blob kzg commitments"},
	}
	over := func(name string, rule Rule, add func(*params.Spec, *types.BeaconBlockBody)) {
		stories = append(stories, story[block]{
			name: name, change: func(s *stage, b *block) { add(s.spec, &b.Message.Body) }, want: Reject, rule: rule,
		})
	}
	over("proposer slashings", "too many proposer slashings", func(s *params.Spec, b *types.BeaconBlockBody) {
		b.ProposerSlashings = make([]types.ProposerSlashing, s.MaxProposerSlashings+1)
	})
	over("attester slashings", "too many attester slashings", func(s *params.Spec, b *types.BeaconBlockBody) {
		b.AttesterSlashings = make([]types.AttesterSlashing, s.MaxAttesterSlashingsElectra+1)
	})
	over("attestations", "too many attestations", func(s *params.Spec, b *types.BeaconBlockBody) {
		b.Attestations = make([]types.Attestation, s.MaxAttestationsElectra+1)
	})
	over("deposits", "block must not contain deposits", func(_ *params.Spec, b *types.BeaconBlockBody) { b.Deposits = make([]types.Deposit, 1) })
	over("exits", "too many voluntary exits", func(s *params.Spec, b *types.BeaconBlockBody) {
		b.VoluntaryExits = make([]types.SignedVoluntaryExit, s.MaxVoluntaryExits+1)
	})
	over("changes", "too many bls to execution changes", func(s *params.Spec, b *types.BeaconBlockBody) {
		b.BLSToExecutionChanges = make([]types.SignedBLSToExecutionChange, s.MaxBLSToExecutionChanges+1)
	})
	over("payload attestations", "too many payload attestations", func(s *params.Spec, b *types.BeaconBlockBody) {
		b.PayloadAttestations = make([]types.PayloadAttestation, s.MaxPayloadAttestations+1)
	})
	over("withdrawal requests", "too many withdrawal requests", func(s *params.Spec, b *types.BeaconBlockBody) {
		b.ParentExecutionRequests.Withdrawals = make([]types.WithdrawalRequest, s.MaxWithdrawalRequestsPerPayload+1)
	})
	over("consolidation requests", "too many consolidation requests", func(s *params.Spec, b *types.BeaconBlockBody) {
		b.ParentExecutionRequests.Consolidations = make([]types.ConsolidationRequest, s.MaxConsolidationRequestsPerPayload+1)
	})
	over("builder deposits", "too many builder deposit requests", func(s *params.Spec, b *types.BeaconBlockBody) {
		b.ParentExecutionRequests.BuilderDeposits = make([]types.BuilderDepositRequest, s.MaxBuilderDepositRequestsPerPayload+1)
	})
	over("builder exits", "too many builder exit requests", func(s *params.Spec, b *types.BeaconBlockBody) {
		b.ParentExecutionRequests.BuilderExits = make([]types.BuilderExitRequest, s.MaxBuilderExitRequestsPerPayload+1)
	})
	blockTopic(params.Gloas).tell(t, stories...)
}
