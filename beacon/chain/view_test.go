package chain

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/simnet"
	"github.com/cresset/cresset/beacon/synthetic"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/forkchoice"
	"github.com/cresset/cresset/gossip"
)

func (w *world) rules() *gossip.Rules {
	state := w.net.Genesis().State
	return gossip.New(gossip.Config{
		Spec: w.net.Spec(), GenesisTime: state.GenesisTime, GenesisValidatorsRoot: state.GenesisValidatorsRoot, View: w.View, KZG: w.kzg,
	})
}

func (w *world) arrival() gossip.Arrival {
	return gossip.Arrival{Now: w.clock.MillisecondsSinceGenesis(), Fork: w.net.Spec().ForkAtSlot(w.clock.CurrentSlot())}
}

// advanced is a tip's state at a later slot.
func (w *world) advanced(tip simnet.Tip, slot types.Slot) *transition.State {
	w.t.Helper()
	s := tip.State.Copy()
	if s.Slot < slot {
		check(w.t, transition.ProcessSlots(s, slot))
	}
	return s
}

// What the view says of committees and proposers is what the states say, for the epochs that gossip asks for.
func TestTheViewAgreesWithTheStates(t *testing.T) {
	for _, fork := range []params.Fork{params.Altair, params.Deneb, params.Fulu, params.Gloas} {
		t.Run(fork.String(), func(t *testing.T) {
			w := newWorld(t, fork, nil)
			tip, votes := w.net.Genesis(), []types.Attestation(nil)
			for _, until := range []types.Slot{3, 8, 21, 40} {
				tip, votes = w.grow(tip, votes, tip.Slot+1, until)
				v, epoch := w.View(), w.epochOf(until)
				for e := epoch - min(epoch, 1); e <= epoch+1; e++ {
					want, err := w.advanced(tip, w.startOf(e-min(e, 1))).Shuffling(e)
					check(t, err)
					got, ok := v.Shuffling(tip.Root, e)
					if !ok || got.Epoch != e || !slices.Equal(got.SlotCommittees(w.startOf(e)), want.SlotCommittees(w.startOf(e))) {
						t.Errorf("slot %d: committees of epoch %d: at hand %t, %v, want %v", until, e, ok, got, want)
					}
				}
				last := w.startOf(epoch + 1)
				if fork < params.Fulu {
					last = w.startOf(epoch+1) - 1 // the next epoch's proposers are not drawn yet
				}
				for slot := until + 1; slot <= last; slot++ {
					want, err := w.advanced(tip, slot).GetBeaconProposerIndex()
					check(t, err)
					for range 2 { // found, and remembered
						if got, ok := v.Proposer(tip.Root, slot); !ok || got != want {
							t.Errorf("slot %d: proposer of slot %d is %d, %t; want %d", until, slot, got, ok, want)
						}
					}
				}
			}
			finalized := w.View().Finalized()
			if finalized.Epoch == 0 {
				t.Error("nothing is finalized after 40 slots: no committees were older than the finalized block")
			}
			if root, ok := w.View().Ancestor(tip.Root, w.startOf(finalized.Epoch)); !ok || root != finalized.Root {
				t.Errorf("the ancestor at the finalized slot is %v, %t; want %v", root, ok, finalized.Root)
			}
			if root, ok := w.View().Ancestor(tip.Root, w.startOf(finalized.Epoch)-1); ok {
				t.Errorf("an ancestor before the finalized block is at hand: %v", root)
			}
			if root, ok := w.View().Ancestor(tip.Root, 39); !ok || root == tip.Root {
				t.Errorf("the ancestor at slot 39 is %v, %t", root, ok)
			}
		})
	}
}

func TestWhatTheViewKnowsOfBlocks(t *testing.T) {
	w := newWorld(t, params.Gloas, nil)
	tip, _ := w.grow(w.net.Genesis(), nil, 1, 4)
	side, sideTip, err := w.net.Block(w.net.Genesis(), 5, nil, "side")
	check(t, err)
	w.at(5, 100)
	w.add(side, Gossip)
	w.rejected.add(types.Root{1}, forkchoice.Invalid)
	v := w.View()
	b, ok := v.Block(tip.Root)
	bid := tip.State.LatestExecutionPayloadBid
	if !ok || b.Slot != 4 || b.Failed || !b.PayloadVerified || b.Execution != forkchoice.Valid || b.ExecutionBlockHash != bid.BlockHash || b.ExecutionParentHash != bid.ParentBlockHash {
		t.Errorf("the head: %+v, %t", b, ok)
	}
	if b, ok := v.Block(types.Root{1}); !ok || !b.Failed || b.Execution != forkchoice.Invalid {
		t.Errorf("a rejected block: %+v, %t", b, ok)
	}
	if b, ok := v.Block(types.Root{2}); ok {
		t.Errorf("an unknown block: %+v", b)
	}
	if b, _ := v.Block(sideTip.Root); b.PayloadVerified {
		t.Error("a payload that did not come is verified")
	}
	if root, ok := v.Ancestor(tip.Root, 0); !ok || root != w.net.Genesis().Root {
		t.Errorf("ancestor at genesis is %v, %t", root, ok)
	}
	if _, ok := v.Ancestor(types.Root{2}, 0); ok {
		t.Error("an unknown block has an ancestor")
	}
	if got, ok := v.Bid(tip.Root); !ok || got.BlockHash != bid.BlockHash {
		t.Errorf("bid of the head: %v, %t", got, ok)
	}
	head := v.Head()
	if head.Root != tip.Root || head.PayloadStatus != forkchoice.Full || !head.BuildOnFull {
		t.Errorf("head %+v", head)
	}
	for _, c := range []struct {
		root types.Root
		slot types.Slot
		want bool
	}{
		{tip.Root, 100, true}, {w.net.Genesis().Root, 5, true}, {w.net.Genesis().Root, 6, false}, {sideTip.Root, 1, false}, {types.Root{2}, 0, false},
	} {
		if got := v.IsDependent(c.root, c.slot); got != c.want {
			t.Errorf("%v before slot %d: %t, want %t", c.root, c.slot, got, c.want)
		}
	}
}

// When most of the payload committee say that the payload is not there, nobody is to build on it, and bids that do are not for the head:
// the view knows as soon as the votes are counted.
func TestTheViewFollowsThePayloadCommittee(t *testing.T) {
	w := newWorld(t, params.Gloas, nil)
	tip, _ := w.grow(w.net.Genesis(), nil, 1, 4)
	if !w.View().Head().BuildOnFull {
		t.Fatal("a payload that nobody has voted on is not to be built on")
	}
	keys, err := synthetic.NewKeys(1) // those of the network
	check(t, err)
	committee, err := tip.State.GetPTC(4)
	check(t, err)
	rules := w.rules()
	data := types.PayloadAttestationData{BeaconBlockRoot: tip.Root, Slot: 4}
	root := types.ComputeSigningRoot(types.HashTreeRoot(&data), tip.State.GetDomain(params.DomainPTCAttester(), 0))
	var votes []*gossip.CheckedPayloadAttestation
	for _, member := range slices.Compact(slices.Sorted(slices.Values(committee))) {
		m := &types.PayloadAttestationMessage{ValidatorIndex: member, Data: data, Signature: keys.SignAll([]uint64{uint64(member)}, root)}
		checked, d := rules.PayloadAttestationMessage(w.arrival(), m).Finish()
		if d.Verdict != gossip.Accept {
			t.Fatal(d)
		}
		votes = append(votes, checked)
	}
	check(t, w.ApplyPayloadAttestations(context.Background(), votes))
	if w.View().Head().BuildOnFull {
		t.Error("a payload that most have not seen is to be built on")
	}
}

// The view computes no state: what is not in memory is not at hand, and nothing is started to get it.
func TestTheViewStartsNoRegeneration(t *testing.T) {
	w := newWorld(t, params.Gloas, nil)
	tip, votes := w.grow(w.net.Genesis(), nil, 1, 7)
	_, _ = w.grow(tip, votes, 8, 12)
	w.states.remove(tip.Root)
	v := w.View()
	if _, ok := v.State(tip.Root, 0); ok {
		t.Error("a state that was removed is at hand")
	}
	if _, ok := v.Bid(tip.Root); ok {
		t.Error("a bid whose state was removed is at hand")
	}
	// Committees and proposers are those of the head's chain.
	if _, ok := v.Shuffling(tip.Root, 1); !ok {
		t.Error("committees that the head's state knows are not at hand")
	}
	if _, ok := v.Shuffling(tip.Root, 9); ok {
		t.Error("committees of a far epoch are at hand")
	}
	if _, ok := v.Proposer(tip.Root, 1000); ok {
		t.Error("the proposer of a far slot is at hand")
	}
	w.gate.mu.Lock()
	defer w.gate.mu.Unlock()
	if n := len(w.gate.mu.flights); n != 0 {
		t.Errorf("%d regenerations under way", n)
	}
}

// While one goroutine works a fact out, it is not at hand for others, who do not wait.
func TestFactsAreWorkedOutOneAtATime(t *testing.T) {
	f := newBranchFacts()
	inside, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		if p, ok := f.draw(drawKey{slot: 1}, func() (types.ValidatorIndex, bool) {
			inside <- struct{}{}
			<-inside
			return 7, true
		}); !ok || p != 7 {
			t.Errorf("drawn %d, %t", p, ok)
		}
	}()
	<-inside
	if _, ok := f.draw(drawKey{slot: 2}, func() (types.ValidatorIndex, bool) { return 8, true }); ok {
		t.Error("two proposers are drawn at a time")
	}
	if _, ok := f.shuffling(factKey{epoch: 1}, func() (*transition.Shuffling, bool) { return nil, true }); ok {
		t.Error("committees are shuffled beside a draw")
	}
	inside <- struct{}{}
	<-done
	if p, ok := f.draw(drawKey{slot: 1}, func() (types.ValidatorIndex, bool) { return 9, true }); !ok || p != 7 {
		t.Errorf("drawn again: %d, %t", p, ok)
	}
}

// A chain and the rules of gossip together: each slot's block and votes are accepted before they are imported, once.
func TestRulesOnALivingChain(t *testing.T) {
	for _, fork := range []params.Fork{params.Deneb, params.Fulu, params.Gloas} {
		t.Run(fork.String(), func(t *testing.T) {
			w := newWorld(t, fork, nil)
			rules := w.rules()
			tip, votes := w.net.Genesis(), []types.Attestation(nil)
			for slot := types.Slot(1); slot <= 20; slot++ {
				block, next, err := w.net.Block(tip, slot, votes, "")
				check(t, err)
				w.at(slot, 100)
				var checked *gossip.CheckedBlock
				var d gossip.Decision
				// Before Fulu the first proposer of an epoch is known when the head's state is brought there.
				w.until("the block's proposer is known", func() bool {
					checked, d = rules.BeaconBlock(w.arrival(), block).Finish()
					return d.Verdict != gossip.Defer
				})
				if d.Verdict != gossip.Accept {
					t.Fatalf("block of slot %d: %v", slot, d)
				}
				if _, d := rules.BeaconBlock(w.arrival(), block).Finish(); d.Verdict != gossip.Ignore {
					t.Fatalf("block of slot %d again: %v", slot, d)
				}
				w.add(checked.Signed(), Gossip)
				tip = next
				if tip.Payload != nil {
					envelope, d := rules.ExecutionPayloadEnvelope(w.arrival(), tip.Payload).Finish()
					if d.Verdict != gossip.Accept {
						t.Fatalf("payload of slot %d: %v", slot, d)
					}
					_, err := w.ImportPayload(context.Background(), envelope.Signed(), Gossip)
					check(t, err)
					tip = tip.WithPayload()
				}
				votes, err = w.net.Votes(tip, slot, simnet.Everyone)
				check(t, err)
				w.voteOnGossip(rules, tip, slot)
				rules.Seen().Prune(slot, w.Snapshot().FinalizedSlot)
			}
		})
	}
}

// voteOnGossip sends the vote of one member of the slot's first committee.
func (w *world) voteOnGossip(rules *gossip.Rules, tip simnet.Tip, slot types.Slot) {
	w.t.Helper()
	sh, err := w.advanced(tip, slot).Shuffling(w.epochOf(slot))
	check(w.t, err)
	member := types.ValidatorIndex(sh.Committee(slot, 0)[0])
	signed, err := w.net.Votes(tip, slot, func(v types.ValidatorIndex) bool { return v == member })
	check(w.t, err)
	in := w.arrival()
	in.Subnet = types.ComputeSubnetForAttestation(w.net.Spec(), sh.CommitteesPerSlot, slot, 0)
	var p *gossip.Pending[*gossip.CheckedAttestation]
	if in.Fork < params.Electra {
		p = rules.Attestation(in, &signed[0])
	} else {
		p = rules.SingleAttestation(in, &types.SingleAttestation{AttesterIndex: member, Data: signed[0].Data, Signature: signed[0].Signature})
	}
	gossip.Verify(p)
	checked, d := p.Finish()
	if d.Verdict != gossip.Accept || checked.Attester() != member {
		w.t.Fatalf("vote of slot %d by %d: %v", slot, member, d)
	}
}

// Descendants of a block with an invalid payload fail for the same reason, and honest peers that follow optimistically are not blamed.
func TestAnInvalidPayloadIsNobodysFaultOnGossip(t *testing.T) {
	w := newWorld(t, params.Fulu, nil)
	_, tip, err := w.net.Block(w.net.Genesis(), 1, nil, "")
	check(t, err)
	child, childTip, err := w.net.Block(tip, 2, nil, "")
	check(t, err)
	grandchild, _, err := w.net.Block(childTip, 3, nil, "")
	check(t, err)
	w.at(3, 100)
	w.rejected.add(tip.Root, forkchoice.Invalid)
	if _, err := w.ImportBlock(context.Background(), child, Gossip); !errors.As(err, new(*RejectedError)) {
		t.Fatalf("got %v, want a rejection", err)
	}
	for _, block := range []*types.SignedBeaconBlock{child, grandchild} {
		if _, d := w.rules().BeaconBlock(w.arrival(), block).Finish(); d.Verdict != gossip.Ignore || d.Rule != "block's parent is invalid and its payload is processed" {
			t.Errorf("block of slot %d: %v", block.Message.Slot, d)
		}
	}
}

// Where the first slot of a finalized epoch has no block, a block in it, or before it, on the checkpoint's one is ruled out: gossip is not told of it any more.
func TestABlockThatTheFinalizedCheckpointExcludesIsForgotten(t *testing.T) {
	w := newWorld(t, params.Fulu, nil)
	tip, votes := w.grow(w.net.Genesis(), nil, 1, 14)
	excluded := w.step(tip, 16, nil)
	if w.Block(excluded.Root) == nil {
		t.Fatal("the block is not known")
	}
	tip, _ = w.grow(tip, votes, 17, 4*8)
	if got, want := w.Snapshot().Finalized.Epoch, types.Epoch(2); got != want {
		t.Fatalf("finalized epoch %d, want %d", got, want)
	}
	w.wantHead(tip)
	if _, known := w.View().Block(excluded.Root); known || w.Block(excluded.Root) != nil {
		t.Error("gossip knows a block that the finalized checkpoint excludes")
	}
	w.until("it is deleted", func() bool { stored, err := w.store.HasBlock(excluded.Root); check(t, err); return !stored })
	w.shut()
	check(t, w.open())
	w.wantHead(tip)
}
