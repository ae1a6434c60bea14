package producer

import (
	"encoding/binary"
	"testing"

	"github.com/prysmaticlabs/go-bitfield"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/simnet"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/gossip"
)

// Whatever gossip's rules accept, of every kind that a block carries, is in the block that is made next.
func TestWhatGossipAcceptsGetsIntoABlock(t *testing.T) {
	t.Parallel()
	w := newWorld(t, params.Electra, nil)
	w.at(1, 50)
	w.add(w.produce(1))
	w.at(1, 700)
	head, s := w.chain.Snapshot().Head, w.state(1)
	rules := gossip.New(gossip.Config{
		Spec: w.spec, GenesisTime: genesisTime, GenesisValidatorsRoot: s.GenesisValidatorsRoot, View: w.chain.View, KZG: w.kzg,
	})
	in := gossip.Arrival{Now: w.chain.Clock().MillisecondsSinceGenesis(), Fork: params.Electra}
	accept := func(what string, c gossip.Candidate) {
		t.Helper()
		gossip.Verify(c)
		checked, d := c.Conclude()
		if d.Verdict != gossip.Accept {
			t.Fatalf("%s: %v", what, d)
		}
		Intake{w.pool}.Insert(checked)
	}
	sign := func(object ssz.Object, kind types.DomainType, who types.ValidatorIndex) types.BLSSignature {
		t.Helper()
		root, err := ssz.HashTreeRoot(ssz.Context{Spec: w.spec, Fork: params.Electra}, ssz.Container(object))
		check(t, err)
		return w.net.SignRoot(signingRoot(s, root, kind), who)
	}
	var slotRoot types.Root
	binary.LittleEndian.PutUint64(slotRoot[:], 1)

	data := types.AttestationData{Slot: 1, BeaconBlockRoot: head.Root, Target: types.Checkpoint{Root: head.ParentRoot}}
	sh, err := s.Shuffling(0)
	check(t, err)
	one, many := sh.Committee(1, 0), sh.Committee(1, 1)
	voter := types.ValidatorIndex(one[1])
	in.Subnet = types.ComputeSubnetForAttestation(w.spec, sh.CommitteesPerSlot, 1, 0)
	accept("vote", rules.SingleAttestation(in, &types.SingleAttestation{
		CommitteeIndex: 0, AttesterIndex: voter, Data: data, Signature: sign(&data, params.DomainBeaconAttester(), voter),
	}))
	aggregator := types.ValidatorIndex(many[0])
	aggregate := &types.SignedAggregateAndProof{Message: types.AggregateAndProof{
		AggregatorIndex: aggregator, SelectionProof: w.net.SignRoot(signingRoot(s, slotRoot, params.DomainSelectionProof()), aggregator),
		Aggregate: types.Attestation{Data: data, CommitteeBits: ssz.Bitvector{2}, AggregationBits: make(bitfield.Bitlist, 1)},
	}}
	a := &aggregate.Message.Aggregate
	a.AggregationBits[0] = 1<<len(many) | 0b101
	a.Signature = w.net.SignRoot(signingRoot(s, types.HashTreeRoot(&data), params.DomainBeaconAttester()), aggregator, types.ValidatorIndex(many[2]))
	aggregate.Signature = sign(&aggregate.Message, params.DomainAggregateAndProof(), aggregator)
	accept("aggregate", rules.AggregateAndProof(in, aggregate))

	size := w.spec.SyncCommitteeSize / params.SyncCommitteeSubnetCount
	member, _ := s.ValidatorByPubkey(s.CurrentSyncCommittee.Value.Pubkeys[0])
	headSigned := func(who ...types.ValidatorIndex) types.BLSSignature {
		return w.net.SignRoot(signingRoot(s, head.Root, params.DomainSyncCommittee()), who...)
	}
	in.Subnet = 0
	accept("sync message", rules.SyncCommitteeMessage(in, &types.SyncCommitteeMessage{Slot: 1, BeaconBlockRoot: head.Root, ValidatorIndex: member, Signature: headSigned(member)}))
	member, _ = s.ValidatorByPubkey(s.CurrentSyncCommittee.Value.Pubkeys[size])
	contribution := &types.SignedContributionAndProof{Message: types.ContributionAndProof{
		AggregatorIndex: member,
		Contribution:    types.SyncCommitteeContribution{Slot: 1, BeaconBlockRoot: head.Root, SubcommitteeIndex: 1, AggregationBits: ssz.NewBitvector(size), Signature: headSigned(member)},
	}}
	contribution.Message.Contribution.AggregationBits.SetBitAt(0, true)
	contribution.Message.SelectionProof = sign(&types.SyncAggregatorSelectionData{Slot: 1, SubcommitteeIndex: 1}, params.DomainSyncCommitteeSelectionProof(), member)
	contribution.Signature = sign(&contribution.Message, params.DomainContributionAndProof(), member)
	accept("contribution", rules.ContributionAndProof(in, contribution))

	next, err := w.state(2).GetBeaconProposerIndex()
	check(t, err)
	var who []types.ValidatorIndex
	for v := types.ValidatorIndex(20); len(who) < 4; v++ {
		if v != next {
			who = append(who, v)
		}
	}
	slashing := &types.ProposerSlashing{}
	for i, h := range []*types.SignedBeaconBlockHeader{&slashing.SignedHeader1, &slashing.SignedHeader2} {
		h.Message = types.BeaconBlockHeader{Slot: 1, ProposerIndex: who[0], BodyRoot: types.Root{byte(i)}}
		h.Signature = sign(&h.Message, params.DomainBeaconProposer(), who[0])
	}
	accept("proposer slashing", rules.ProposerSlashing(in, slashing))
	tip := simnet.Tip{State: s}
	accept("attester slashing", rules.AttesterSlashing(in, &types.AttesterSlashing{
		Attestation1: w.net.Indexed(tip, types.AttestationData{Slot: 1, BeaconBlockRoot: types.Root{1}}, who[1]),
		Attestation2: w.net.Indexed(tip, types.AttestationData{Slot: 1, BeaconBlockRoot: types.Root{2}}, who[1]),
	}))
	exit := &types.SignedVoluntaryExit{Message: types.VoluntaryExit{ValidatorIndex: who[2]}}
	exit.Signature = w.net.SignRoot(types.ComputeSigningRoot(types.HashTreeRoot(&exit.Message),
		types.ComputeDomain(params.DomainVoluntaryExit(), w.spec.CapellaForkVersion, s.GenesisValidatorsRoot)), who[2])
	accept("exit", rules.VoluntaryExit(in, exit))
	change := &types.SignedBLSToExecutionChange{Message: types.BLSToExecutionChange{ValidatorIndex: who[3], FromBLSPubkey: s.Validators.Pubkey(who[3])}}
	change.Signature = w.net.SignRoot(types.ComputeSigningRoot(types.HashTreeRoot(&change.Message),
		types.ComputeDomain(params.DomainBLSToExecutionChange(), w.spec.GenesisForkVersion, s.GenesisValidatorsRoot)), who[3])
	accept("change", rules.BLSToExecutionChange(in, change))

	w.at(2, 50)
	out := w.produce(2)
	body := &out.Block.Body
	for what, have := range map[string]uint64{
		"attestations": uint64(len(body.Attestations)), "proposer slashings": uint64(len(body.ProposerSlashings)), "attester slashings": uint64(len(body.AttesterSlashings)),
		"exits": uint64(len(body.VoluntaryExits)), "changes": uint64(len(body.BLSToExecutionChanges)),
	} {
		if have != 1 {
			t.Errorf("%d %s, want 1", have, what)
		}
	}
	if voters := body.Attestations[0].AggregationBits.Count(); voters != 3 {
		t.Errorf("%d voters, want 3", voters)
	}
	if members := body.SyncAggregate.SyncCommitteeBits.Count(); members < 2 {
		t.Errorf("%d sync committee members, want those of the message and of the contribution", members)
	}
	w.add(out)
}
