package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/pool"
	"github.com/cresset/cresset/beacon/producer"
	"github.com/cresset/cresset/beacon/simnet"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/sync/driver"
)

const validatorPath = "/eth/v1/validator/"

// dutyAnswer is an answer with duties.
type dutyAnswer struct {
	Root       string `json:"dependent_root"`
	Optimistic *bool  `json:"execution_optimistic"`
	Data       []struct {
		Pubkey     string
		Validator  string   `json:"validator_index"`
		Committee  string   `json:"committee_index"`
		Length     string   `json:"committee_length"`
		Committees string   `json:"committees_at_slot"`
		Position   string   `json:"validator_committee_index"`
		Positions  []string `json:"validator_sync_committee_indices"`
		Slot       string
	}
}

// indexBody is a body that is a list of validators.
func indexBody(indices ...types.ValidatorIndex) string {
	texts := make([]string, len(indices))
	for i, v := range indices {
		texts[i] = strconv.Quote(decimal(v))
	}
	return "[" + strings.Join(texts, ",") + "]"
}

// stateAt is the state of the tip's chain at a slot.
func (w *world) stateAt(slot types.Slot) *transition.State {
	w.t.Helper()
	for _, tip := range slices.Backward(w.tips) {
		if tip.Slot <= slot {
			s := tip.State.Copy()
			if s.Slot < slot {
				check(w.t, transition.ProcessSlots(s, slot))
			}
			return s
		}
	}
	w.t.Fatalf("no state of slot %d", slot)
	return nil
}

// rootBefore is the root of the last block before a slot.
func (w *world) rootBefore(slot types.Slot) types.Root {
	for _, tip := range slices.Backward(w.tips) {
		if tip.Slot < slot {
			return tip.Root
		}
	}
	return w.tips[0].Root
}

// Attester duties are the committees of the epoch, of those who are asked for, with the block that decides them; of the past, the present and the next epoch.
func TestAttesterDuties(t *testing.T) {
	t.Parallel()
	w := newSimnet(t, params.Fulu)
	w.grow(35, 9, 20)
	asked := []types.ValidatorIndex{0, 5, 17, 63}
	for epoch := types.Epoch(0); epoch <= 5; epoch++ {
		var have dutyAnswer
		w.ask(http.MethodPost, fmt.Sprint(validatorPath, "duties/attester/", epoch), indexBody(append(asked, 64, 1<<40)...)).into(&have)
		start := types.Slot(uint64(epoch) * w.spec.SlotsPerEpoch)
		s := w.stateAt(min(start, 35))
		shuffling, err := s.Shuffling(epoch)
		check(t, err)
		want := 0
		for slot := start; slot < start+types.Slot(w.spec.SlotsPerEpoch); slot++ {
			for i := range shuffling.CommitteesPerSlot {
				committee := shuffling.Committee(slot, types.CommitteeIndex(i))
				for position, member := range committee {
					if !slices.Contains(asked, types.ValidatorIndex(member)) {
						continue
					}
					d := have.Data[want]
					want++
					if d.Validator != fmt.Sprint(member) || d.Slot != fmt.Sprint(slot) || d.Committee != fmt.Sprint(i) || d.Position != fmt.Sprint(position) ||
						d.Length != fmt.Sprint(len(committee)) || d.Committees != fmt.Sprint(shuffling.CommitteesPerSlot) || d.Pubkey != s.Validators.At(types.ValidatorIndex(member)).Pubkey.String() {
						t.Errorf("epoch %d: duty %+v, want validator %d in slot %d", epoch, d, member, slot)
					}
				}
			}
		}
		if len(have.Data) != want || want != len(asked) {
			t.Errorf("epoch %d: %d duties, want %d", epoch, len(have.Data), want)
		}
		if root := w.rootBefore(start.SubSaturating(types.Slot(w.spec.SlotsPerEpoch))); have.Root != root.String() || have.Optimistic == nil || *have.Optimistic {
			t.Errorf("epoch %d: dependent root %v, want %v; optimistic %v", epoch, have.Root, root, have.Optimistic)
		}
	}
	const path = validatorPath + "duties/attester/"
	w.refuses([]wrongInput{
		{method: http.MethodPost, path: path + "6", body: `["1"]`, status: 400, says: []string{"epoch", "6", "next epoch, 5"}},
		{method: http.MethodPost, path: path + "18446744073709551615", body: `["1"]`, status: 400},
		{method: http.MethodPost, path: path + "x", body: `["1"]`, status: 400, says: []string{"epoch", "x"}},
		{method: http.MethodPost, path: path + "4", body: `[]`, status: 400, says: []string{"empty"}},
		{method: http.MethodPost, path: path + "4", body: ``, status: 400, says: []string{"empty"}},
		{method: http.MethodPost, path: path + "4", body: `["-1"]`, status: 400, says: []string{"validator index", "-1"}},
		{method: http.MethodPost, path: path + "4", body: `[1]`, status: 400},
		{method: http.MethodPost, path: path + "4", body: `["1"] x`, status: 400},
	})
	w.at(60) // nobody to ask, and the head is far behind
	w.ask(http.MethodPost, path+"7", `["1"]`).wants(http.StatusServiceUnavailable).says("syncing")
}

// Proposer duties are those of the state, with the dependent root of each version: before Fulu the next epoch's are drawn ahead, too.
func TestProposerDuties(t *testing.T) {
	t.Parallel()
	for _, fork := range []params.Fork{params.Capella, params.Fulu} {
		w := newSimnet(t, fork)
		w.grow(18, 9)
		for epoch := types.Epoch(0); epoch <= 3; epoch++ {
			start := types.Slot(uint64(epoch) * w.spec.SlotsPerEpoch)
			s := w.stateAt(start)
			want, err := s.GetBeaconProposerIndices(epoch)
			if fork < params.Fulu {
				want = nil
				for i := range types.Slot(w.spec.SlotsPerEpoch) {
					s.Slot = start + i
					proposer, err := s.GetBeaconProposerIndex()
					check(t, err)
					want = append(want, proposer)
				}
			}
			check(t, err)
			if fork >= params.Fulu {
				want = s.ProposerLookahead[:w.spec.SlotsPerEpoch]
			}
			for version, before := range map[string]types.Slot{"v1": start, "v2": start.SubSaturating(types.Slot(w.spec.SlotsPerEpoch))} {
				var have dutyAnswer
				w.get(fmt.Sprint("/eth/", version, "/validator/duties/proposer/", epoch)).into(&have)
				if len(have.Data) != len(want) {
					t.Fatalf("%v, epoch %d: %d duties", fork, epoch, len(have.Data))
				}
				for i, d := range have.Data {
					if d.Validator != fmt.Sprint(want[i]) || d.Slot != fmt.Sprint(start+types.Slot(i)) || d.Pubkey != s.Validators.At(want[i]).Pubkey.String() {
						t.Errorf("%v, epoch %d: duty %+v, want %d", fork, epoch, d, want[i])
					}
				}
				if root := w.rootBefore(before); have.Root != root.String() {
					t.Errorf("%v, %s, epoch %d: dependent root %v, want %v", fork, version, epoch, have.Root, root)
				}
			}
		}
		w.refuses([]wrongInput{
			{path: validatorPath + "duties/proposer/4", status: 400, says: []string{"epoch", "4"}},
			{path: "/eth/v2/validator/duties/proposer/y", status: 400, says: []string{"epoch", "y"}},
		})
		w.at(60)
		w.get(validatorPath + "duties/proposer/7").wants(http.StatusServiceUnavailable)
	}
}

// Sync duties are the seats of the committee of the period, present or next.
func TestSyncDuties(t *testing.T) {
	t.Parallel()
	w := newSimnet(t, params.Fulu)
	w.grow(3)
	s := w.tip().State
	for epoch, committee := range map[types.Epoch][]types.BLSPubkey{
		0: s.CurrentSyncCommittee.Value.Pubkeys, types.Epoch(w.spec.EpochsPerSyncCommitteePeriod): s.NextSyncCommittee.Value.Pubkeys,
	} {
		var have dutyAnswer
		w.ask(http.MethodPost, fmt.Sprint(validatorPath, "duties/sync/", epoch), indexBody(0, 1, 2, 3, 900)).into(&have)
		got := map[string][]string{}
		for _, d := range have.Data {
			got[d.Validator] = d.Positions
		}
		for _, v := range []types.ValidatorIndex{0, 1, 2, 3, 900} {
			var want []string
			for position, key := range committee {
				if v < 64 && key == s.Validators.At(v).Pubkey {
					want = append(want, fmt.Sprint(position))
				}
			}
			if !slices.Equal(got[decimal(v)], want) {
				t.Errorf("epoch %d: validator %d has %v, want %v", epoch, v, got[decimal(v)], want)
			}
		}
	}
	past := 2 * w.spec.EpochsPerSyncCommitteePeriod
	w.refuses([]wrongInput{
		{method: http.MethodPost, path: fmt.Sprint(validatorPath, "duties/sync/", past), body: `["1"]`, status: 400, says: []string{"period 2"}},
		{method: http.MethodPost, path: validatorPath + "duties/sync/0", body: `[]`, status: 400},
	})
	w.at(40)
	w.ask(http.MethodPost, validatorPath+"duties/sync/0", `["1"]`).wants(http.StatusServiceUnavailable)
	old := newSimnet(t, params.Phase0)
	old.ask(http.MethodPost, validatorPath+"duties/sync/0", `["1"]`).wants(http.StatusBadRequest).says("phase0")
}

// The vote for a slot is for the head, with the target and source of the head's chain: in the middle of an epoch, in its first slot with and without a
// block, and for a slot before the head's.
func TestAttestationData(t *testing.T) {
	t.Parallel()
	for _, fork := range []params.Fork{params.Capella, params.Fulu} {
		w := newSimnet(t, fork)
		ask := func(slot types.Slot) *types.AttestationData {
			t.Helper()
			path := fmt.Sprintf("%sattestation_data?slot=%d&committee_index=0", validatorPath, slot)
			var text whole
			w.get(path).into(&text)
			fromJSON, fromSSZ, cx := new(types.AttestationData), new(types.AttestationData), ssz.Context{Spec: w.spec, Fork: fork}
			check(t, ssz.UnmarshalJSON(cx, text.Data, ssz.Container(fromJSON)))
			check(t, ssz.Unmarshal(cx, w.get(path, "Accept: application/octet-stream").wants(http.StatusOK).body, ssz.Container(fromSSZ)))
			if *fromJSON != *fromSSZ {
				t.Errorf("JSON and SSZ differ")
			}
			return fromJSON
		}
		wants := func(slot types.Slot, tip simnet.Tip) {
			t.Helper()
			votes, err := w.net.Votes(tip, slot, simnet.Everyone)
			check(t, err)
			want := votes[0].Data
			if want.Index = 0; *ask(slot) != want {
				t.Errorf("%v, slot %d: %+v, want %+v", fork, slot, *ask(slot), want)
			}
		}
		w.grow(35, 9, 20, 32)
		wants(35, w.tip())
		wants(34, w.tips[len(w.tips)-2])
		wants(32, w.tips[len(w.tips)-4]) // that had no block
		w.at(36)
		wants(36, w.tip())
		w.at(40) // an epoch begins without a block
		wants(40, w.tip())
		w.grow(40)
		wants(40, w.tip())
		w.refuses([]wrongInput{
			{path: validatorPath + "attestation_data?committee_index=0", status: 400, says: []string{"slot"}},
			{path: validatorPath + "attestation_data?slot=x", status: 400, says: []string{"slot", "x"}},
			{path: validatorPath + "attestation_data?slot=42&committee_index=0", status: 400, says: []string{"42", "slot 40"}},
			{path: validatorPath + "attestation_data?slot=39&committee_index=0", status: 400, says: []string{"39", "over"}},
		})
		if fork < params.Electra {
			w.get(validatorPath + "attestation_data?slot=40").wants(http.StatusBadRequest).says("committee_index")
			w.get(validatorPath+"attestation_data?slot=40&committee_index=64").wants(http.StatusBadRequest).says("committee_index", "64")
		} else {
			w.get(validatorPath + "attestation_data?slot=40").wants(http.StatusOK)
		}
		w.engine.syncing.Store(true)
		w.grow(41)
		w.get(validatorPath + "attestation_data?slot=41&committee_index=0").wants(http.StatusServiceUnavailable).says("not verified")
		w.at(90)
		w.get(validatorPath + "attestation_data?slot=90&committee_index=0").wants(http.StatusServiceUnavailable).says("syncing")
	}
}

// While the execution client is away votes go to the last verified block for a few slots, but never with a target that the blocks that wait would change. Without such
// blocks there is nothing better to vote for.
func TestAttestationDataWhileTheExecutionClientIsAway(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		last           types.Slot // that is verified
		served, behind types.Slot // the last slots that votes are and are not answered for
	}{{33, 38, 40}, {36, 39, 41}, {38, 39, 42}} {
		w := newSimnet(t, params.Fulu)
		w.grow(c.last)
		verified := w.tip()
		data := func(slot types.Slot) *answer { return w.get(fmt.Sprint(validatorPath, "attestation_data?slot=", slot)) }
		w.engine.away.Store(true)
		w.at(c.last + 1)
		data(c.last + 1).wants(http.StatusOK) // no block has come
		for slot := c.last + 1; slot <= c.behind; slot++ {
			if w.grow(slot); slot <= c.served {
				var text whole
				data(slot).into(&text)
				if have := text.field(t, "beacon_block_root"); have != verified.Root.String() {
					t.Errorf("slot %d: the vote is for %s, want %v", slot, have, verified.Root)
				}
				continue
			}
			data(slot).wants(http.StatusServiceUnavailable).says("execution client", fmt.Sprint("slot ", c.last), fmt.Sprint("slot ", c.last+1))
		}
		w.engine.away.Store(false)
		w.chain.EngineReady()
		w.until("what waited is imported", func() bool { return w.chain.Snapshot().Head.Root == w.tip().Root })
		data(c.behind).wants(http.StatusOK)
	}
}

// In Gloas the index says that the payload of an earlier block is there.
func TestAttestationDataSaysWhetherThePayloadIsThere(t *testing.T) {
	t.Parallel()
	w := newSimnet(t, params.Gloas)
	w.grow(3)
	for slot, want := range map[types.Slot]string{3: "0", 4: "1"} {
		w.at(max(4, slot))
		var text whole
		w.get(fmt.Sprintf("%sattestation_data?slot=%d", validatorPath, slot)).into(&text)
		if have := text.field(t, "index"); have != want {
			t.Errorf("slot %d: index %s, want %s", slot, have, want)
		}
	}
}

// sums is a pool that has one aggregate and one contribution.
type sums struct {
	aggregate    *types.Attestation
	contribution *types.SyncCommitteeContribution
}

func (s *sums) AggregateAttestation(slot types.Slot, data types.Root, committee types.CommitteeIndex) (*types.Attestation, error) {
	if data == types.HashTreeRoot(&s.aggregate.Data) && slot == s.aggregate.Data.Slot && s.aggregate.CommitteeBits.BitAt(uint64(committee)) {
		return s.aggregate, nil
	}
	return nil, pool.ErrNone
}

func (s *sums) SyncContribution(slot types.Slot, block types.Root, subcommittee uint64) (*types.SyncCommitteeContribution, error) {
	if c := s.contribution; slot == c.Slot && block == c.BeaconBlockRoot && subcommittee == c.SubcommitteeIndex {
		return c, nil
	}
	return nil, pool.ErrNone
}

// Aggregates and contributions come from the pool, but not those for a block that is not verified.
func TestAggregatesAndContributions(t *testing.T) {
	t.Parallel()
	w := newSimnet(t, params.Fulu)
	w.grow(3)
	aggregate := w.votes[0]
	aggregate.CommitteeBits = ssz.NewBitvector(w.spec.MaxCommitteesPerSlot)
	aggregate.CommitteeBits.SetBitAt(1, true)
	contribution := &types.SyncCommitteeContribution{Slot: 3, BeaconBlockRoot: w.tip().Root, SubcommitteeIndex: 2, AggregationBits: ssz.NewBitvector(w.spec.SyncCommitteeSize / 4)}
	paths := func() (string, string) {
		root := types.HashTreeRoot(&aggregate.Data)
		return fmt.Sprintf("/eth/v2/validator/aggregate_attestation?attestation_data_root=%v&slot=%d&committee_index=1", root, aggregate.Data.Slot),
			fmt.Sprintf("%ssync_committee_contribution?slot=3&subcommittee_index=2&beacon_block_root=%v", validatorPath, contribution.BeaconBlockRoot)
	}
	votes, messages := paths()
	w.get(votes).wants(http.StatusServiceUnavailable).says("pools no votes")
	w.get(messages).wants(http.StatusServiceUnavailable)
	w.with(func(n *Node) { n.Aggregates = &sums{&aggregate, contribution} })
	if have := object[types.Attestation](w, votes, params.Fulu); have.Data != aggregate.Data {
		t.Errorf("aggregate is %+v", have)
	}
	var text whole
	if w.get(messages).into(&text); text.field(t, "subcommittee_index") != "2" {
		t.Errorf("contribution is %s", text.Data)
	}
	w.refuses([]wrongInput{
		{path: strings.Replace(votes, "committee_index=1", "committee_index=0", 1), status: 404, says: []string{"committee 0"}},
		{path: strings.Replace(votes, "slot=3", "slot=2", 1), status: 404},
		{path: strings.Replace(votes, "slot=3", "slot=", 1), status: 400, says: []string{"slot"}},
		{path: "/eth/v2/validator/aggregate_attestation?slot=3&committee_index=1", status: 400, says: []string{"attestation_data_root"}},
		{path: "/eth/v2/validator/aggregate_attestation?slot=3&attestation_data_root=" + unknownRoot, status: 400, says: []string{"committee_index"}},
		{path: strings.Replace(messages, "index=2", "index=1", 1), status: 404, says: []string{"subcommittee 1"}},
		{path: strings.Replace(messages, "index=2", "index=4", 1), status: 400, says: []string{"subcommittee_index", "4"}},
		{path: validatorPath + "sync_committee_contribution?slot=3&subcommittee_index=2", status: 400, says: []string{"beacon_block_root"}},
	})
	w.engine.syncing.Store(true)
	w.grow(4)
	aggregate.Data.BeaconBlockRoot, contribution.BeaconBlockRoot = w.tip().Root, w.tip().Root
	votes, messages = paths()
	w.get(votes).wants(http.StatusServiceUnavailable).says("not verified")
	w.get(messages).wants(http.StatusServiceUnavailable).says("not verified")
}

// witness has heard one validator.
type witness struct{}

func (witness) Attested(epoch types.Epoch, v types.ValidatorIndex) bool {
	return epoch == 1 && v == 500
}

// A validator is live in an epoch if a block has its vote, or gossip heard it.
func TestLiveness(t *testing.T) {
	t.Parallel()
	w := newSimnet(t, params.Fulu)
	w.grow(10)
	w.with(func(n *Node) { n.Witness = witness{} })
	var have struct {
		Data []struct {
			Index string
			Live  bool `json:"is_live"`
		}
	}
	w.ask(http.MethodPost, validatorPath+"liveness/0", indexBody(0, 63, 64)).into(&have)
	if fmt.Sprint(have.Data) != "[{0 true} {63 true} {64 false}]" {
		t.Errorf("epoch 0: %v", have.Data)
	}
	voted := map[types.ValidatorIndex]bool{}
	shuffling, err := w.tip().State.Copy().Shuffling(1)
	check(t, err)
	for slot := types.Slot(8); slot < 10; slot++ { // the votes of slot 10 are in no block yet
		for i := range shuffling.CommitteesPerSlot {
			for _, member := range shuffling.Committee(slot, types.CommitteeIndex(i)) {
				voted[types.ValidatorIndex(member)] = true
			}
		}
	}
	all := make([]types.ValidatorIndex, 64)
	for i := range all {
		all[i] = types.ValidatorIndex(i)
	}
	have.Data = nil
	w.ask(http.MethodPost, validatorPath+"liveness/1", indexBody(append(all, 500)...)).into(&have)
	for i, d := range have.Data {
		if d.Live != (i == 64 || voted[types.ValidatorIndex(i)]) {
			t.Errorf("epoch 1: validator %s is live: %t", d.Index, d.Live)
		}
	}
	w.refuses([]wrongInput{
		{method: http.MethodPost, path: validatorPath + "liveness/2", body: `["1"]`, status: 400, says: []string{"epoch", "2"}},
		{method: http.MethodPost, path: validatorPath + "liveness/1", body: `[]`, status: 400},
		{method: http.MethodPost, path: validatorPath + "liveness/z", body: `["1"]`, status: 400},
	})
	w.at(80)
	w.ask(http.MethodPost, validatorPath+"liveness/10", `["1"]`).wants(http.StatusServiceUnavailable)
}

// maker makes one block, and remembers what it was asked for and told.
type maker struct {
	made       *producer.Produced
	err        error
	asked      producer.Request
	recipients []producer.Preparation
}

func (m *maker) Produce(_ context.Context, r producer.Request) (*producer.Produced, error) {
	m.asked = r
	return m.made, m.err
}

func (m *maker) Prepare(_ context.Context, all []producer.Preparation) error {
	m.recipients = all
	return nil
}

// A block is produced with its values in the header and beside the data, with its blobs from Deneb on, in both formats.
func TestProducingBlocks(t *testing.T) {
	t.Parallel()
	for _, fork := range []params.Fork{params.Capella, params.Deneb, params.Fulu} {
		w := newSimnet(t, fork)
		w.at(1)
		reveal := "0x" + strings.Repeat("ab", 96)
		path := "/eth/v3/validator/blocks/1?randao_reveal=" + reveal + "&graffiti=0x" + strings.Repeat("cd", 32) + "&builder_boost_factor=18446744073709551615"
		w.get(path).wants(http.StatusServiceUnavailable).says("makes no blocks")
		block, _, err := w.net.BlockOf(w.tip(), 1, simnet.Content{})
		check(t, err)
		m := &maker{made: &producer.Produced{Fork: fork, Block: &block.Message, ExecutionValue: ssz.Uint256{0: 1, 1: 1}, ConsensusValue: ssz.Uint256{8: 1}}}
		if fork >= params.Deneb {
			m.made.Blobs, m.made.Proofs = [][]byte{make([]byte, 131072)}, []types.KZGProof{{1}}
		}
		w.with(func(n *Node) { n.Producer = m })
		var have struct {
			Version   string
			Blinded   *bool  `json:"execution_payload_blinded"`
			Payload   string `json:"execution_payload_value"`
			Consensus string `json:"consensus_block_value"`
			Data      json.RawMessage
		}
		a := w.get(path).into(&have)
		if have.Version != fork.String() || have.Blinded == nil || *have.Blinded || have.Payload != "257" || have.Consensus != "18446744073709551616" {
			t.Errorf("%v: answer is %s %v %s %s", fork, have.Version, have.Blinded, have.Payload, have.Consensus)
		}
		b := w.get(path, "Accept: application/octet-stream").wants(http.StatusOK)
		for name, want := range map[string]string{
			"Eth-Consensus-Version": fork.String(), "Eth-Execution-Payload-Blinded": "false", "Eth-Execution-Payload-Value": "257", "Eth-Consensus-Block-Value": "18446744073709551616",
		} {
			if a.header.Get(name) != want || b.header.Get(name) != want {
				t.Errorf("%v: header %s is %q and %q, want %q", fork, name, a.header.Get(name), b.header.Get(name), want)
			}
		}
		cx := ssz.Context{Spec: w.spec, Fork: fork}
		var fromJSON, fromSSZ types.BlockContents
		if fork >= params.Deneb {
			check(t, ssz.UnmarshalJSON(cx, have.Data, ssz.Container(&fromJSON)))
			check(t, ssz.Unmarshal(cx, b.body, ssz.Container(&fromSSZ)))
		} else {
			check(t, ssz.UnmarshalJSON(cx, have.Data, ssz.Container(&fromJSON.Block)))
			check(t, ssz.Unmarshal(cx, b.body, ssz.Container(&fromSSZ.Block)))
		}
		for _, got := range []types.BlockContents{fromJSON, fromSSZ} {
			if got.Block.StateRoot != block.Message.StateRoot || len(got.Blobs) != len(m.made.Blobs) || len(got.KZGProofs) != len(m.made.Proofs) {
				t.Errorf("%v: another block came", fork)
			}
		}
		if m.asked.Slot != 1 || m.asked.SkipRandao || m.asked.RandaoReveal[95] != 0xab || m.asked.Graffiti[0] != 0xcd {
			t.Errorf("asked for %+v", m.asked)
		}
		infinity := "0xc0" + strings.Repeat("00", 95)
		w.get("/eth/v3/validator/blocks/1?skip_randao_verification&randao_reveal=" + infinity).wants(http.StatusOK)
		if !m.asked.SkipRandao {
			t.Error("the reveal was to be verified")
		}
		w.refuses([]wrongInput{
			{path: "/eth/v3/validator/blocks/1", status: 400, says: []string{"randao_reveal"}},
			{path: "/eth/v3/validator/blocks/x?randao_reveal=" + reveal, status: 400, says: []string{"slot"}},
			{path: "/eth/v3/validator/blocks/3?randao_reveal=" + reveal, status: 400, says: []string{"3", "next slot, 2"}},
			{path: "/eth/v3/validator/blocks/0?randao_reveal=" + reveal, status: 400},
			{path: "/eth/v3/validator/blocks/1?graffiti=0x12&randao_reveal=" + reveal, status: 400, says: []string{"graffiti"}},
			{path: "/eth/v3/validator/blocks/1?skip_randao_verification&randao_reveal=" + reveal, status: 400, says: []string{"infinity"}},
			{path: "/eth/v3/validator/blocks/1?skip_randao_verification=true&randao_reveal=" + infinity, status: 400, says: []string{"no value"}},
			{path: "/eth/v3/validator/blocks/1?builder_boost_factor=18446744073709551616&randao_reveal=" + reveal, status: 400, says: []string{"builder_boost_factor"}},
		})
		m.err = errors.New("no payload")
		w.get(path).wants(http.StatusInternalServerError).says("no payload")
		w.at(60)
		w.get("/eth/v3/validator/blocks/60?randao_reveal=" + reveal).wants(http.StatusServiceUnavailable)
	}
	gloas := newSimnet(t, params.Gloas)
	gloas.get("/eth/v3/validator/blocks/1?randao_reveal=0x" + strings.Repeat("00", 96)).wants(http.StatusBadRequest).says("gloas")
}

// Preparations reach the producer, and what validators subscribe to is wanted of the network.
func TestPreparationsAndSubscriptions(t *testing.T) {
	t.Parallel()
	w := newPublishing(t, params.Fulu)
	w.at(1)
	const prepare, committees, sync = validatorPath + "prepare_beacon_proposer", validatorPath + "beacon_committee_subscriptions", validatorPath + "sync_committee_subscriptions"
	address := "0x" + strings.Repeat("ab", 20)
	body := `[{"validator_index":"7","fee_recipient":"` + address + `","other":1}]`
	w.ask(http.MethodPost, prepare, body).wants(http.StatusServiceUnavailable)
	m := &maker{}
	w.with(func(n *Node) { n.Producer = m })
	w.ask(http.MethodPost, prepare, body).good(http.StatusOK)
	if len(m.recipients) != 1 || m.recipients[0].Validator != 7 || m.recipients[0].FeeRecipient[19] != 0xab {
		t.Errorf("recipients are %v", m.recipients)
	}
	if groups := w.subnets.CustodyGroups(w.tips[0].State.Frozen()); groups != w.spec.ValidatorCustodyRequirement {
		t.Errorf("%d custody groups are wanted", groups)
	}
	seat := `[{"validator_index":"7","committee_index":"1","committees_at_slot":"2","slot":"2","is_aggregator":true}]`
	w.ask(http.MethodPost, committees, seat).good(http.StatusOK)
	w.ask(http.MethodPost, sync, `[{"validator_index":"7","sync_committee_indices":["0","31"],"until_epoch":"5"}]`).good(http.StatusOK)
	want := w.subnets.At(1)
	subnet := types.ComputeSubnetForAttestation(w.spec, 2, 2, 1)
	if !slices.Equal(want.Attestation, []uint64{subnet}) || !slices.Equal(want.Search, []uint64{subnet}) || !slices.Equal(want.Sync, []uint64{0, 3}) {
		t.Errorf("wanted is %+v", want)
	}
	post := func(path, body string, says ...string) wrongInput {
		return wrongInput{method: http.MethodPost, path: path, body: body, status: 400, says: says}
	}
	w.refuses([]wrongInput{
		post(prepare, `{}`), post(prepare, ``), post(prepare, `[{"validator_index":"7"}]`, "fee_recipient"), post(prepare, `[{"fee_recipient":"`+address+`"}]`, "validator_index is missing"),
		post(prepare, `[{"validator_index":7,"fee_recipient":"`+address+`"}]`), post(prepare, body+"x"), post(prepare, `[`),
		post(committees, strings.Replace(seat, `"slot":"2",`, "", 1), "slot is missing"), post(committees, strings.Replace(seat, `,"is_aggregator":true`, "", 1), "is_aggregator is missing"),
		post(committees, strings.Replace(seat, `index":"1"`, `index":"2"`, 1), "committee_index is 2 of 2"), post(committees, strings.Replace(seat, `slot":"2",`, `slot":"65",`, 1), "committees_at_slot"),
		post(committees, strings.Replace(seat, `committees_at_slot":"2"`, `committees_at_slot":"0"`, 1), "committees_at_slot"),
		post(sync, `[{"validator_index":"7","sync_committee_indices":["32"],"until_epoch":"5"}]`, "32"), post(sync, `[{"validator_index":"7","until_epoch":"5"}]`, "sync_committee_indices"),
		post(sync, `[{"validator_index":"7","sync_committee_indices":["3"]}]`, "until_epoch is missing"),
	})
	w.with(func(n *Node) { n.Duties = nil })
	w.ask(http.MethodPost, committees, seat).wants(http.StatusServiceUnavailable)
	w.ask(http.MethodPost, sync, `[]`).wants(http.StatusServiceUnavailable)
	w.progress.progress.Stage = driver.Head
	w.at(30)
	w.ask(http.MethodPost, committees, seat).wants(http.StatusServiceUnavailable).says("syncing")
}
