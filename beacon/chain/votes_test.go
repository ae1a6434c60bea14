package chain

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/simnet"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/forkchoice"
)

// fork is a world with two blocks on one parent, of two slots: the later one was built by who had not seen the earlier one.
func forked(t *testing.T, fork params.Fork) (w *world, a, b simnet.Tip) {
	t.Helper()
	w = newWorld(t, fork, nil)
	base := w.step(w.net.Genesis(), 1, nil)
	a = w.step(base, 2, nil)
	b = w.step(base, 3, nil)
	w.at(4, 0)
	return w, a, b
}

// vote brings the votes of some validators for a tip as the network does.
func (w *world) vote(tip simnet.Tip, slot types.Slot, who func(types.ValidatorIndex) bool) {
	w.t.Helper()
	made, err := w.net.Votes(tip, slot, who)
	check(w.t, err)
	var verified []*VerifiedAttestation
	for i := range made {
		v, err := w.VerifyAttestation(context.Background(), &made[i])
		check(w.t, err)
		verified = append(verified, v)
	}
	check(w.t, w.ApplyAttestations(context.Background(), verified))
}

// held is the votes that wait, and their bytes.
func (w *world) held() (votes, bytes int) {
	w.t.Helper()
	check(w.t, w.do(context.Background(), w.inbox.urgent, func() { votes, bytes = len(w.w.held), w.w.heldBytes }))
	return votes, bytes
}

// Who proposes asks at the start of its slot, and may be before the tick that counts the votes of the slot before.
func TestAProposalCountsTheVotesOfTheSlotBefore(t *testing.T) {
	t.Parallel()
	w, a, b := forked(t, params.Fulu)
	loser := a
	if w.Snapshot().Head.Root == a.Root {
		loser = b
	}
	w.vote(loser, 4, simnet.Everyone)
	begun, release := make(chan struct{}), make(chan struct{})
	var busy sync.WaitGroup
	var blocked, asked error
	busy.Go(func() { blocked = w.do(context.Background(), w.inbox.urgent, func() { close(begun); <-release }) })
	<-begun
	var node forkchoice.Node
	busy.Go(func() { node, asked = w.ProposerHead(context.Background(), 5) })
	w.until("the question waits", func() bool { return len(w.inbox.urgent) == 1 })
	w.time.Set(w.clock.StartOf(5)) // the tick comes after it
	close(release)
	busy.Wait()
	check(t, errors.Join(blocked, asked))
	if node.Root != loser.Root {
		t.Errorf("the proposer builds on %v, want the block that all have voted for, %v", node.Root, loser.Root)
	}
}

// "Attestations can only affect the fork choice of subsequent slots." (on_attestation)
func TestAVoteMovesTheHeadInTheSlotAfterItsOwn(t *testing.T) {
	t.Parallel()
	for _, fork := range []params.Fork{params.Phase0, params.Electra, params.Gloas} {
		t.Run(fork.String(), func(t *testing.T) {
			w, a, b := forked(t, fork)
			loser := a
			if w.Snapshot().Head.Root == a.Root {
				loser = b
			}
			w.vote(loser, 4, simnet.Everyone)
			if votes, bytes := w.held(); votes == 0 || bytes == 0 {
				t.Errorf("%d votes of %d bytes wait for the slot of theirs to be over", votes, bytes)
			}
			if s := w.Snapshot(); s.Head.Root == loser.Root {
				t.Error("a vote of the present slot has moved the head")
			}
			w.at(5, 0)
			w.wantHead(loser)
			if votes, bytes := w.held(); votes != 0 || bytes != 0 {
				t.Errorf("%d votes of %d bytes still wait", votes, bytes)
			}
		})
	}
}

func TestAVoteThatBreaksARuleIsRefused(t *testing.T) {
	t.Parallel()
	for _, fork := range []params.Fork{params.Deneb, params.Fulu} {
		t.Run(fork.String(), func(t *testing.T) {
			w := newWorld(t, fork, nil)
			tip, _ := w.grow(w.net.Genesis(), nil, 1, 9)
			w.at(10, 0)
			made, err := w.net.Votes(tip, 9, simnet.Everyone)
			check(t, err)
			other, err := w.net.Votes(tip, 10, simnet.Everyone)
			check(t, err)
			if _, err := w.VerifyAttestation(context.Background(), &made[0]); err != nil {
				t.Fatalf("the right vote: %v", err)
			}
			for _, c := range []struct {
				name, rule string
				is         error
				change     func(*types.Attestation)
			}{
				{"a target of another epoch than the slot's", "target.epoch == compute_epoch_at_slot(attestation.data.slot)", nil,
					func(a *types.Attestation) { a.Data.Target.Epoch = 0 }},
				{"an epoch that has not begun", "target.epoch in [current_epoch, previous_epoch]", nil,
					func(a *types.Attestation) { a.Data.Slot, a.Data.Target.Epoch = 16, 2 }},
				{"an unknown block", "", ErrUnknownBlock, func(a *types.Attestation) { a.Data.BeaconBlockRoot[0] ^= 1 }},
				{"an unknown target", "", ErrUnknownBlock, func(a *types.Attestation) { a.Data.Target.Root[0] ^= 1 }},
				{"bits of a smaller committee", "aggregation_bits", nil,
					func(a *types.Attestation) { a.AggregationBits = a.AggregationBits[:1]; a.AggregationBits[0] = 1 }},
				{"a committee that there is not", "committee", nil, func(a *types.Attestation) {
					if fork < params.Electra {
						a.Data.Index = 63
						return
					}
					a.CommitteeBits.SetBitAt(w.net.Spec().MaxCommitteesPerSlot-1, true)
				}},
				{"the signature of another vote", "signature", nil, func(a *types.Attestation) { a.Signature = other[0].Signature }},
				{"no signature", "signature", nil, func(a *types.Attestation) { a.Signature = types.BLSSignature{} }},
			} {
				wrong := made[0]
				wrong.AggregationBits, wrong.CommitteeBits = slices.Clone(wrong.AggregationBits), slices.Clone(wrong.CommitteeBits)
				c.change(&wrong)
				_, err := w.VerifyAttestation(context.Background(), &wrong)
				if err == nil || !strings.Contains(err.Error(), c.rule) || c.is != nil && !errors.Is(err, c.is) {
					t.Errorf("%s: got %v, want %q %v", c.name, err, c.rule, c.is)
				}
			}
			// A vote of the epoch before the last comes too late.
			w.at(24, 0)
			if _, err := w.VerifyAttestation(context.Background(), &made[0]); err == nil || !strings.Contains(err.Error(), "target.epoch in [current_epoch, previous_epoch]") {
				t.Errorf("a vote of epoch 1 in epoch 3: %v", err)
			}
		})
	}
}

// "LMD vote must be consistent with FFG vote target" (validate_on_attestation), "block_slot <= attestation.data.slot": the signature of such a
// vote may be right; it does not count.
func TestAVoteThatContradictsItselfDoesNotCount(t *testing.T) {
	t.Parallel()
	w, a, b := forked(t, params.Fulu)
	loser := a
	if w.Snapshot().Head.Root == a.Root {
		loser = b
	}
	members, err := loser.State.Copy().Shuffling(0)
	check(t, err)
	vote := func(data types.AttestationData) {
		v := &VerifiedAttestation{forkchoice.Attestation{Slot: data.Slot, BlockRoot: data.BeaconBlockRoot, Target: data.Target}}
		for _, m := range members.SlotCommittees(data.Slot) {
			v.vote.Attesting = append(v.vote.Attesting, types.ValidatorIndex(m))
		}
		check(t, w.ApplyAttestations(context.Background(), []*VerifiedAttestation{v}))
	}
	w.at(5, 0)
	right := types.Checkpoint{Root: w.net.Genesis().Root}
	vote(types.AttestationData{Slot: 4, BeaconBlockRoot: loser.Root, Target: types.Checkpoint{Root: a.Root}}) // not the first block of the epoch
	vote(types.AttestationData{Slot: loser.Slot - 1, BeaconBlockRoot: loser.Root, Target: right})             // before the block
	w.at(6, 0)
	if w.Snapshot().Head.Root == loser.Root {
		t.Fatal("votes that contradict themselves moved the head")
	}
	vote(types.AttestationData{Slot: 4, BeaconBlockRoot: loser.Root, Target: right})
	w.wantHead(loser) // at once: their slot is over
}

func TestVotesThatWaitAreBoundedInBytes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, params.Fulu, nil)
	tip := w.step(w.net.Genesis(), 1, nil)
	many := make([]types.ValidatorIndex, 1<<20)
	big := &VerifiedAttestation{forkchoice.Attestation{Slot: 1, BlockRoot: tip.Root, Target: types.Checkpoint{Root: w.net.Genesis().Root}, Attesting: many}}
	for range 12 {
		check(t, w.ApplyAttestations(context.Background(), []*VerifiedAttestation{big}))
	}
	votes, bytes := w.held()
	if size := voteSize(&big.vote); bytes > votesHeld || bytes+size <= votesHeld || bytes != votes*size {
		t.Errorf("%d votes of %d bytes wait, one has %d; want as many as fit into %d", votes, bytes, size, votesHeld)
	}
	w.at(2, 0)
	if votes, bytes := w.held(); votes != 0 || bytes != 0 {
		t.Errorf("%d votes of %d bytes wait after their slot", votes, bytes)
	}
}

// slashing is two votes of validators for the same target epoch.
func (w *world) slashing(tip simnet.Tip, first, second []types.ValidatorIndex) *types.AttesterSlashing {
	data := types.AttestationData{Slot: 4, BeaconBlockRoot: tip.Root, Target: types.Checkpoint{Root: w.net.Genesis().Root}}
	another := data
	another.BeaconBlockRoot[0] ^= 1
	return &types.AttesterSlashing{Attestation1: w.net.Indexed(tip, data, first...), Attestation2: w.net.Indexed(tip, another, second...)}
}

// on_attester_slashing takes the weight from those who made both votes, and from nobody else.
func TestASlashingTakesTheWeightFromWhoMadeBothVotes(t *testing.T) {
	t.Parallel()
	w, a, b := forked(t, params.Fulu)
	everyone := make([]types.ValidatorIndex, 64)
	for i := range everyone {
		everyone[i] = types.ValidatorIndex(i)
	}
	shuffling, err := a.State.Copy().Shuffling(0)
	check(t, err)
	committee := shuffling.SlotCommittees(4)
	ofB := map[types.ValidatorIndex]bool{}
	for _, m := range committee[:len(committee)/2-1] {
		ofB[types.ValidatorIndex(m)] = true
	}
	w.vote(a, 4, func(i types.ValidatorIndex) bool { return !ofB[i] })
	w.vote(b, 4, func(i types.ValidatorIndex) bool { return ofB[i] })
	w.at(5, 0)
	w.wantHead(a)

	var before, guilty, all []types.ValidatorIndex
	for _, i := range everyone {
		if !ofB[i] {
			guilty = append(guilty, i)
		}
		all = append(all, i)
	}
	before = guilty[:1]
	check(t, w.ImportAttesterSlashing(context.Background(), w.slashing(a, before, all)))
	w.wantHead(a) // one of them alone does not turn it
	wrong := w.slashing(a, guilty, all)
	wrong.Attestation2.Signature = wrong.Attestation1.Signature
	if err := w.ImportAttesterSlashing(context.Background(), wrong); err == nil || !strings.Contains(err.Error(), "signature") {
		t.Errorf("a wrong signature: %v", err)
	}
	same := w.slashing(a, guilty, all)
	same.Attestation2 = same.Attestation1
	if err := w.ImportAttesterSlashing(context.Background(), same); err == nil || !strings.Contains(err.Error(), "is_slashable_attestation_data") {
		t.Errorf("the same vote twice: %v", err)
	}
	stranger := w.slashing(a, guilty, all)
	stranger.Attestation1.AttestingIndices = append(slices.Clone(guilty), 1<<40)
	if err := w.ImportAttesterSlashing(context.Background(), stranger); err == nil {
		t.Error("a validator that there is not was slashed")
	}
	w.wantHead(a)
	check(t, w.ImportAttesterSlashing(context.Background(), w.slashing(a, guilty, all)))
	w.wantHead(b)
	// What they say from now on does not count either.
	w.vote(a, 5, func(i types.ValidatorIndex) bool { return !ofB[i] })
	w.at(6, 0)
	w.wantHead(b)
}

// payloadWorld is a world with a block of slot 1 whose payload is there, at that slot, and its payload timeliness committee.
func payloadWorld(t *testing.T) (*world, simnet.Tip, []types.ValidatorIndex) {
	t.Helper()
	w := newWorld(t, params.Gloas, nil)
	tip := w.step(w.net.Genesis(), 1, nil)
	committee, err := tip.State.Copy().GetPTC(1)
	check(t, err)
	return w, tip, committee
}

func TestAPayloadVoteThatBreaksARuleIsRefused(t *testing.T) {
	t.Parallel()
	w, tip, committee := payloadWorld(t)
	data := types.PayloadAttestationData{BeaconBlockRoot: tip.Root, Slot: 1, PayloadPresent: true, BlobDataAvailable: true}
	vote := func(who types.ValidatorIndex, change func(*types.PayloadAttestationData)) *types.PayloadAttestationMessage {
		changed := data
		if change != nil {
			change(&changed)
		}
		return w.net.PayloadVote(tip, who, changed)
	}
	if err := w.ImportPayloadAttestation(context.Background(), vote(committee[0], nil)); err != nil {
		t.Fatalf("a member's vote: %v", err)
	}
	stranger := types.ValidatorIndex(0)
	for slices.Contains(committee, stranger) {
		stranger++
	}
	refused := func(name, rule string, m *types.PayloadAttestationMessage) {
		t.Helper()
		if err := w.ImportPayloadAttestation(context.Background(), m); err == nil || !strings.Contains(err.Error(), rule) {
			t.Errorf("%s: got %v, want %q", name, err, rule)
		}
	}
	refused("not a member", "len(ptc_indices) > 0", vote(stranger, nil))
	refused("no validator", "validator", func() *types.PayloadAttestationMessage {
		m := vote(committee[0], nil)
		m.ValidatorIndex = 1 << 40
		return m
	}())
	refused("another slot than the block's", "data.slot == block.slot", vote(committee[0], func(d *types.PayloadAttestationData) { d.Slot = 2 }))
	refused("an unknown block", ErrUnknownBlock.Error(), vote(committee[0], func(d *types.PayloadAttestationData) { d.BeaconBlockRoot[0] ^= 1 }))
	wrong := vote(committee[0], nil)
	wrong.Data.PayloadPresent = false
	refused("the signature of another vote", "signature", wrong)
	w.at(2, 0)
	refused("a slot that is over", "data.slot == get_current_slot(store)", vote(committee[0], nil))
}

// The committee's word decides whether who proposes next extends the payload (should_build_on_full, should_extend_payload).
func TestPayloadVotesAreCounted(t *testing.T) {
	t.Parallel()
	for _, present := range []bool{true, false} {
		w, tip, committee := payloadWorld(t)
		data := types.PayloadAttestationData{BeaconBlockRoot: tip.Root, Slot: 1, PayloadPresent: present, BlobDataAvailable: present}
		seen := map[types.ValidatorIndex]bool{}
		for _, who := range committee {
			if !seen[who] {
				check(t, w.ImportPayloadAttestation(context.Background(), w.net.PayloadVote(tip, who, data)))
			}
			seen[who] = true
		}
		w.at(2, 0)
		var build bool
		var err error
		check(t, w.do(context.Background(), w.inbox.urgent, func() {
			build, err = w.w.fc.ShouldBuildOnFull(forkchoice.Node{Root: tip.Root, PayloadStatus: forkchoice.Full}, 2)
		}))
		check(t, err)
		if build != present {
			t.Errorf("all of the committee say present: %v; the next proposer builds on the payload: %v", present, build)
		}
	}
}
