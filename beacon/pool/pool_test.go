package pool

import (
	"crypto/sha256"
	"errors"
	"sync"
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/simnet"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

const genesisTime = 1_700_000_000

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// world is a network and a pool. Every validator has a withdrawal key, which is its own.
type world struct {
	t    testing.TB
	spec *params.Spec
	net  *simnet.Network
	*Pool
}

func newWorld(t testing.TB, fork params.Fork, validators int) *world {
	t.Helper()
	spec, err := simnet.Spec(fork)
	check(t, err)
	net, err := simnet.NewWith(spec, validators, genesisTime, func(_ int, key types.BLSPubkey) types.Bytes32 {
		hash := types.Bytes32(sha256.Sum256(key[:]))
		hash[0] = params.BLSWithdrawalPrefix
		return hash
	})
	check(t, err)
	return &world{t, spec, net, New(Config{Spec: spec})}
}

// grow makes blocks without votes.
func (w *world) grow(tip simnet.Tip, to types.Slot) simnet.Tip {
	w.t.Helper()
	for slot := tip.Slot + 1; slot <= to; slot++ {
		var err error
		_, tip, err = w.net.Block(tip, slot, nil, "")
		check(w.t, err)
	}
	return tip
}

// at is the state of a tip at a slot.
func (w *world) at(tip simnet.Tip, slot types.Slot) *transition.State {
	w.t.Helper()
	s := tip.State.Copy()
	check(w.t, transition.ProcessSlots(s, slot))
	return s
}

// sitting is a committee's members.
func (w *world) sitting(s *transition.State, slot types.Slot, i types.CommitteeIndex) []uint32 {
	w.t.Helper()
	c, err := s.GetBeaconCommittee(slot, i)
	check(w.t, err)
	return c
}

// data is what an honest member of a committee votes for.
func (w *world) data(tip simnet.Tip, slot types.Slot, committee types.CommitteeIndex) types.AttestationData {
	w.t.Helper()
	votes, err := w.net.Votes(tip, slot, simnet.Everyone)
	check(w.t, err)
	data := votes[0].Data
	if w.spec.ForkAtSlot(slot) < params.Electra {
		data.Index = committee
	}
	return data
}

func (w *world) sign(s *transition.State, data *types.AttestationData, who ...types.ValidatorIndex) types.BLSSignature {
	domain := s.GetDomain(params.DomainBeaconAttester(), data.Target.Epoch)
	return w.net.SignRoot(types.ComputeSigningRoot(types.HashTreeRoot(data), domain), who...)
}

// vote puts the votes of single seats into the pool, aggregate those of all of them in one.
func (w *world) vote(s *transition.State, data *types.AttestationData, committee types.CommitteeIndex, places ...int) {
	w.t.Helper()
	members := w.sitting(s, data.Slot, committee)
	for _, i := range places {
		v := types.ValidatorIndex(members[i])
		w.InsertVote(Vote{Data: data, Committee: committee, Position: i, Size: len(members), Attester: v, Signature: w.sign(s, data, v)})
	}
}

func (w *world) aggregate(s *transition.State, data *types.AttestationData, committee types.CommitteeIndex, places ...int) {
	w.t.Helper()
	members := w.sitting(s, data.Slot, committee)
	a := Aggregate{Data: data, Committee: committee, Bits: newBitlist(len(members))}
	for _, i := range places {
		a.Bits.SetBitAt(uint64(i), true)
		a.Attesting = append(a.Attesting, types.ValidatorIndex(members[i]))
	}
	a.Signature = w.sign(s, data, a.Attesting...)
	w.InsertAggregate(a)
}

// apply processes attestations on a state, signatures and all.
func (w *world) apply(s *transition.State, all []types.Attestation) {
	w.t.Helper()
	batch := &transition.SignatureBatch{}
	for i := range all {
		check(w.t, transition.ProcessAttestation(s, &all[i], 0, transition.Hooks{Signatures: batch}))
	}
	check(w.t, batch.Verify())
}

func eachFork(t *testing.T, f func(t *testing.T, fork params.Fork)) {
	for fork := params.Phase0; fork <= params.Fulu; fork++ {
		t.Run(fork.String(), func(t *testing.T) { t.Parallel(); f(t, fork) })
	}
}

func TestTheAggregateOfACommitteeHasSingleVotesAndAggregatesThatAreDisjoint(t *testing.T) {
	t.Parallel()
	eachFork(t, func(t *testing.T, fork params.Fork) {
		w := newWorld(t, fork, 128) // 4 committees of 4
		tip := w.grow(w.net.Genesis(), 1)
		data := w.data(tip, 1, 1)
		w.aggregate(tip.State, &data, 1, 0, 1)
		w.aggregate(tip.State, &data, 1, 1, 2) // shares a voter with the first
		w.vote(tip.State, &data, 1, 2, 3)
		got, err := w.AggregateAttestation(1, types.HashTreeRoot(&data), 1)
		check(t, err)
		if got.AggregationBits.Count() != 4 {
			t.Errorf("%d of 4 voters are in the aggregate", got.AggregationBits.Count())
		}
		w.apply(w.at(tip, 2), []types.Attestation{*got})
		if _, err := w.AggregateAttestation(1, types.HashTreeRoot(&data), 0); !errors.Is(err, ErrNone) {
			t.Errorf("a committee without votes gives %v, want ErrNone", err)
		}
		if _, err := w.AggregateAttestation(1, types.Root{1}, 1); !errors.Is(err, ErrNone) {
			t.Errorf("data that nobody votes for gives %v, want ErrNone", err)
		}
	})
}

func TestWhatIsPackedIsValidAndHasAllVotersOnce(t *testing.T) {
	t.Parallel()
	eachFork(t, func(t *testing.T, fork params.Fork) {
		w := newWorld(t, fork, 128)
		tip := w.grow(w.net.Genesis(), 2)
		for slot := types.Slot(1); slot <= 2; slot++ {
			for c := range types.CommitteeIndex(4) {
				data := w.data(tip, slot, c)
				w.aggregate(tip.State, &data, c, 0, 1)
				w.aggregate(tip.State, &data, c, 0, 1) // the same again
				w.aggregate(tip.State, &data, c, 1, 2)
				w.vote(tip.State, &data, c, 2, 2, 3)
			}
		}
		s := w.at(tip, 3)
		packed, err := w.PackAttestations(s)
		check(t, err)
		want := 8
		if fork >= params.Electra {
			want = 2
		}
		if len(packed) != want {
			t.Fatalf("%d attestations are packed, want %d", len(packed), want)
		}
		voters := uint64(0)
		for i := range packed {
			voters += packed[i].AggregationBits.Count()
		}
		if voters != 32 {
			t.Errorf("%d voters are packed, want 32", voters)
		}
		w.apply(s, packed)
		again, err := w.PackAttestations(s)
		check(t, err)
		if len(again) != 0 {
			t.Errorf("%d attestations are packed again, want none: all are in the state", len(again))
		}
	})
}

func TestVotesThatShareVotersGoIntoABlockWhereBothPay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, params.Fulu, 128)
	tip := w.grow(w.net.Genesis(), 1)
	data := w.data(tip, 1, 0)
	w.aggregate(tip.State, &data, 0, 0, 1, 2)
	w.aggregate(tip.State, &data, 0, 2, 3)
	s := w.at(tip, 2)
	packed, err := w.PackAttestations(s)
	check(t, err)
	if len(packed) != 2 || packed[0].AggregationBits.Count() != 3 || packed[1].AggregationBits.Count() != 2 {
		t.Fatalf("packed are %v", packed)
	}
	w.apply(s, packed)
}

func TestVotesOfACommitteeThatTheStateDoesNotHaveAreLeftOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, params.Fulu, 128)
	tip := w.grow(w.net.Genesis(), 1)
	data := w.data(tip, 1, 0)
	members := w.sitting(tip.State, 1, 0)
	stranger := types.ValidatorIndex(members[0]) + 1
	w.InsertVote(Vote{Data: &data, Position: 0, Size: len(members), Attester: stranger, Signature: w.sign(tip.State, &data, stranger)})
	w.aggregate(tip.State, &data, 1, 0, 1)
	s := w.at(tip, 2)
	packed, err := w.PackAttestations(s)
	check(t, err)
	if len(packed) != 1 || packed[0].AggregationBits.Count() != 2 {
		t.Fatalf("packed are %v, want the aggregate of two", packed)
	}
	w.apply(s, packed)
	// And one for a source that is not the state's.
	data.Source.Root = types.Root{1}
	w.aggregate(tip.State, &data, 2, 0, 1)
	packed, err = w.PackAttestations(s)
	check(t, err)
	if len(packed) != 0 {
		t.Errorf("a vote for another source is packed")
	}
}

func TestOldVotesGiveWayWhereThereIsNoRoom(t *testing.T) {
	t.Parallel()
	w := newWorld(t, params.Fulu, 128)
	w.Pool = New(Config{Spec: w.spec, VoteBytes: 4 * partBytes})
	tip := w.grow(w.net.Genesis(), 3)
	of := func(slot types.Slot) *types.AttestationData { d := w.data(tip, slot, 0); return &d }
	count := func(slot types.Slot) (n int) {
		for _, a := range w.Attestations(allVotes) {
			if a.Data.Slot == slot {
				n++
			}
		}
		return n
	}
	w.vote(tip.State, of(1), 0, 0, 1)
	w.aggregate(tip.State, of(1), 0, 2, 3)
	w.vote(tip.State, of(2), 0, 0, 1, 2) // the single votes of slot 1 go
	if one, two := count(1), count(2); one != 1 || two != 3 {
		t.Fatalf("%d votes of slot 1 and %d of slot 2, want 1 and 3", one, two)
	}
	w.aggregate(tip.State, of(3), 0, 0, 1) // those of slot 2
	if two, three := count(2), count(3); two != 0 || three != 1 {
		t.Fatalf("%d votes of slot 2 and %d of slot 3, want 0 and 1", two, three)
	}
	w.vote(tip.State, of(3), 0, 1, 2, 3) // the aggregate of slot 1, and then there is room for no more
	if one, three := count(1), count(3); one != 0 || three != 3 {
		t.Fatalf("%d votes of slot 1 and %d of slot 3, want 0 and 3", one, three)
	}
	w.vote(tip.State, of(3), 0, 0)
	w.vote(tip.State, of(1), 0, 1) // there is no older one to give way
	if one := count(1); one != 0 {
		t.Errorf("%d votes of slot 1, want 0", one)
	}
	w.Prune(2 * types.Slot(w.spec.SlotsPerEpoch))
	if left := len(w.Attestations(allVotes)); left != 0 || w.votes.mu.bytes != 0 {
		t.Errorf("%d votes of %d bytes are left of an epoch that is past", left, w.votes.mu.bytes)
	}
}

func TestACommitteesAggregatesAreFewAndTheLargestStay(t *testing.T) {
	t.Parallel()
	tl := newTally(100)
	for i := range 3 * aggregatesKept {
		p := &part{seats: newSeats(100), count: 2 + i%3}
		for k := range p.count {
			p.seats.add((7*i + 31*k) % 100)
		}
		tl.aggregate(p)
	}
	if len(tl.aggregates) != aggregatesKept || tl.aggregates[0].count != 4 || tl.aggregates[aggregatesKept-1].count != 4 {
		t.Errorf("%d aggregates are kept, of %d to %d voters", len(tl.aggregates), tl.aggregates[0].count, tl.aggregates[len(tl.aggregates)-1].count)
	}
}

func TestMessagesAndContributionsOfASyncCommitteeBecomeTheAggregateOfABlock(t *testing.T) {
	t.Parallel()
	w := newWorld(t, params.Electra, 16) // fewer than the committee has seats: members sit in several
	tip := w.grow(w.net.Genesis(), 1)
	s := w.at(tip, 2)
	size := w.spec.SyncCommitteeSize / params.SyncCommitteeSubnetCount
	root := types.ComputeSigningRoot(tip.Root, s.GetDomain(params.DomainSyncCommittee(), 0))
	member := func(seat uint64) types.ValidatorIndex {
		i, ok := s.ValidatorByPubkey(s.CurrentSyncCommittee.Value.Pubkeys[seat])
		if !ok {
			t.Fatal("a member has no index")
		}
		return i
	}
	for sub := range uint64(3) { // nobody of the fourth
		c := &types.SyncCommitteeContribution{Slot: 1, BeaconBlockRoot: tip.Root, SubcommitteeIndex: sub, AggregationBits: ssz.NewBitvector(size)}
		var who []types.ValidatorIndex
		for i := range size / 2 {
			c.AggregationBits.SetBitAt(i, true)
			who = append(who, member(sub*size+i))
		}
		c.Signature = w.net.SignRoot(root, who...)
		w.InsertContribution(c)
		for i := range size {
			v := member(sub*size + i)
			m := &types.SyncCommitteeMessage{Slot: 1, BeaconBlockRoot: tip.Root, ValidatorIndex: v, Signature: w.net.SignRoot(root, v)}
			w.InsertSyncMessage(m, sub, []uint64{i})
		}
		got, err := w.SyncContribution(1, tip.Root, sub)
		check(t, err)
		if got.AggregationBits.Count() != size {
			t.Errorf("subcommittee %d: %d of %d members", sub, got.AggregationBits.Count(), size)
		}
	}
	a, err := w.SyncAggregate(1, tip.Root)
	check(t, err)
	if a.SyncCommitteeBits.Count() != 3*size {
		t.Errorf("%d members, want %d", a.SyncCommitteeBits.Count(), 3*size)
	}
	batch := &transition.SignatureBatch{}
	check(t, transition.ProcessSyncAggregate(s, &a, transition.Hooks{Signatures: batch}))
	check(t, batch.Verify())
	if _, err := w.SyncContribution(1, tip.Root, 3); !errors.Is(err, ErrNone) {
		t.Errorf("a subcommittee that is silent gives %v", err)
	}
	w.Prune(1 + syncSlotsKept)
	a, err = w.SyncAggregate(1, tip.Root)
	check(t, err)
	if a.SyncCommitteeBits.Count() != 0 || len(w.sync.mu.tallies) != 0 {
		t.Error("messages of long ago are kept")
	}
	batch = &transition.SignatureBatch{}
	check(t, transition.ProcessSyncAggregate(w.at(tip, 2), &a, transition.Hooks{Signatures: batch}))
	check(t, batch.Verify()) // of nobody at all
}

func TestVotesOnPayloadsAreSummedUpByWhatTheySay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, params.Gloas, 64)
	data := types.PayloadAttestationData{Slot: 1, PayloadPresent: true}
	root := types.ComputeSigningRoot(types.HashTreeRoot(&data), types.Domain{})
	for i := range types.ValidatorIndex(2) {
		m := &types.PayloadAttestationMessage{ValidatorIndex: i, Data: data, Signature: w.net.SignRoot(root, i)}
		w.InsertPayloadVote(m, []uint64{uint64(i), 7 + uint64(i)})
	}
	w.InsertPayloadVote(&types.PayloadAttestationMessage{Data: types.PayloadAttestationData{Slot: 1}, Signature: w.net.SignRoot(root, 2)}, []uint64{3})
	got := w.PayloadAttestations()
	if len(got) != 2 {
		t.Fatalf("%d payload attestations, want 2", len(got))
	}
	for _, a := range got {
		if a.Data.PayloadPresent && (a.AggregationBits.Count() != 4 || a.Signature != w.net.SignRoot(root, 0, 0, 1, 1)) {
			t.Error("a member with two places is not counted twice")
		}
	}
	w.Prune(1 + syncSlotsKept)
	if len(w.PayloadAttestations()) != 0 {
		t.Error("votes of long ago are kept")
	}
}

func TestThePoolIsUsedByManyAtATime(t *testing.T) {
	t.Parallel()
	w := newWorld(t, params.Fulu, 128)
	tip := w.grow(w.net.Genesis(), 1)
	data := w.data(tip, 1, 0)
	members := w.sitting(tip.State, 1, 0)
	var done sync.WaitGroup
	for i := range members {
		sig := w.sign(tip.State, &data, types.ValidatorIndex(members[i]))
		done.Go(func() {
			w.InsertVote(Vote{Data: &data, Position: i, Size: len(members), Attester: types.ValidatorIndex(members[i]), Signature: sig})
			w.Attestations(allVotes)
		})
		s := w.at(tip, 2)
		done.Go(func() {
			if _, err := w.PackAttestations(s); err != nil {
				t.Error(err)
			}
			if _, err := w.AggregateAttestation(1, types.HashTreeRoot(&data), 0); err != nil && !errors.Is(err, ErrNone) {
				t.Error(err)
			}
			w.Prune(1)
		})
	}
	done.Wait()
	got, err := w.AggregateAttestation(1, types.HashTreeRoot(&data), 0)
	check(t, err)
	if int(got.AggregationBits.Count()) != len(members) {
		t.Errorf("%d voters, want %d", got.AggregationBits.Count(), len(members))
	}
}
