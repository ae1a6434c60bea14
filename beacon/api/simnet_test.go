package api

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/simnet"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/forkchoice"
)

const states = "/eth/v1/beacon/states/"

// unknownRoot is a root that nothing has.
var unknownRoot = "0x" + strings.Repeat("ab", 32)

// wrongInput is a request with something wrong in it, and what the answer has to say.
type wrongInput struct {
	method, path, body string
	status             int
	says               []string
	headers            []string
}

func (w *world) refuses(inputs []wrongInput) {
	w.t.Helper()
	for _, in := range inputs {
		if in.method == "" {
			in.method = http.MethodGet
		}
		w.ask(in.method, in.path, in.body, in.headers...).wants(in.status).says(in.says...)
	}
}

// A Gloas chain that has finalized, with a slot without a block and a branch that lost, answers on every route.
func TestEveryRouteHasAGoodAnswer(t *testing.T) {
	t.Parallel()
	w := newSimnet(t, params.Gloas)
	w.grow(34, 9, 20)
	for _, r := range routes() {
		path, body := filled(r.pattern), ""
		switch r.group {
		case "publishing", "validator":
			continue // they have to be asked in the right slot, with what was signed for it
		}
		switch r.pattern {
		case "/eth/v1/events":
			continue // TestEvents
		case "/eth/v1/beacon/blinded_blocks/{block_id}":
			w.get(path).wants(http.StatusBadRequest).says("gloas") // TestBlindedBlocks has good ones
			continue
		case "/eth/v1/beacon/light_client/bootstrap/{block_root}":
			w.until("light clients can be served", func() bool { _, ok := w.light.FinalityUpdate(); return ok })
			w.get("/eth/v1/beacon/light_client/bootstrap/" + w.chain.Snapshot().Head.Root.String()).wants(http.StatusOK)
			path = "/eth/v1/beacon/light_client/bootstrap/" + w.chain.Snapshot().Justified.Root.String()
		case "/eth/v1/beacon/light_client/updates":
			path += "?start_period=0&count=2"
		case states + "{state_id}/validators":
			if r.method == http.MethodPost {
				body = "{}"
			}
		}
		a := w.ask(r.method, path, body)
		if a.wants(http.StatusOK); r.formats != statusOnly && !json.Valid(a.body) {
			t.Errorf("%s %s: no JSON: %.200s", r.method, path, a.body)
		}
		if r.formats == jsonOrSSZ {
			if a := w.ask(r.method, path, body, "Accept: application/octet-stream").wants(http.StatusOK); a.header.Get("Content-Type") != mediaSSZ {
				t.Errorf("%s: type %s", path, a.header.Get("Content-Type"))
			}
		}
		if r.formats == jsonOnly {
			w.ask(r.method, path, body, "Accept: application/octet-stream").wants(http.StatusNotAcceptable)
		}
		if r.formats != statusOnly {
			w.ask(r.method, path, body, "Accept: image/png").wants(http.StatusNotAcceptable).says("image/png")
		}
		if a := w.ask(http.MethodHead, path, ""); r.method == http.MethodGet && (a.status != http.StatusOK || len(a.body) > 0) {
			t.Errorf("HEAD %s: status %d with %d bytes", path, a.status, len(a.body))
		}
		// Fields that are not known are passed over.
		if !strings.Contains(path, "?") {
			w.ask(r.method, path+"?weather=fine", body).wants(http.StatusOK)
		}
	}
}

// Every form of a state_id and a block_id finds what it names, and says whether that is final.
func TestIdsOfStatesAndBlocks(t *testing.T) {
	t.Parallel()
	w := newSimnet(t, params.Fulu)
	w.grow(43, 9, 20)
	s := w.chain.Snapshot()
	if s.Finalized.Epoch < 3 || s.Justified.Epoch <= s.Finalized.Epoch {
		t.Fatalf("finalized %v, justified %v", s.Finalized, s.Justified)
	}
	tipAt := map[types.Slot]simnet.Tip{}
	for _, tip := range w.tips {
		tipAt[tip.Slot] = tip
	}
	rootOf := func(tip simnet.Tip) string {
		root, err := tip.State.HashTreeRoot()
		check(t, err)
		return root.String()
	}
	block := func(root types.Root) simnet.Tip {
		for _, tip := range w.tips {
			if tip.Root == root {
				return tip
			}
		}
		t.Fatalf("no block %v", root)
		return simnet.Tip{}
	}
	for _, c := range []struct {
		id    string
		tip   simnet.Tip
		final bool
	}{
		{"head", w.tip(), false},
		{"genesis", w.tips[0], true},
		{"0", w.tips[0], true},
		{"finalized", block(s.Finalized.Root), true},
		{"justified", block(s.Justified.Root), false},
		{"3", tipAt[3], true},
		{"19", tipAt[19], true},
		{"42", tipAt[42], false},
	} {
		if have := w.get(states+c.id+"/root").flagged(false, c.final).field(t, "root"); have != rootOf(c.tip) {
			t.Errorf("state %s has root %s, want %s", c.id, have, rootOf(c.tip))
		}
		if have := w.get(states+rootOf(c.tip)+"/root").flagged(false, c.final).field(t, "root"); have != rootOf(c.tip) {
			t.Errorf("the state of slot %d by its root has root %s", c.tip.Slot, have)
		}
		if c.id != "justified" {
			final := c.tip.Slot <= finalizedBlock(w)
			for _, id := range []string{c.id, c.tip.Root.String()} {
				if have := w.get("/eth/v1/beacon/blocks/"+id+"/root").flagged(false, final).field(t, "root"); have != c.tip.Root.String() {
					t.Errorf("block %s has root %s, want %v", id, have, c.tip.Root)
				}
			}
		}
	}
	// A slot without a block has a state, and no block.
	for _, slot := range []types.Slot{9, 20} {
		later := tipAt[slot+1].State
		want := later.StateRoots.At(int(uint64(slot) % w.spec.SlotsPerHistoricalRoot)).String()
		if have := w.get(fmt.Sprint(states, slot, "/root")).flagged(false, true).field(t, "root"); have != want {
			t.Errorf("the state of slot %d has root %s, want %s", slot, have, want)
		}
		w.get(fmt.Sprint("/eth/v1/beacon/blocks/", slot, "/root")).wants(http.StatusNotFound).says(fmt.Sprint(slot))
	}
	// The genesis block was never sent by anybody, and its header is known.
	genesis := object[types.SignedBeaconBlock](w, "/eth/v2/beacon/blocks/genesis", params.Fulu)
	root, err := ssz.HashTreeRoot(ssz.Context{Spec: w.spec, Fork: params.Fulu}, ssz.Container(&genesis.Message))
	if check(t, err); types.Root(root) != w.tips[0].Root {
		t.Errorf("the genesis block has root %v, want %v", types.Root(root), w.tips[0].Root)
	}
	// By the clock a slot may have begun without a block.
	w.at(45)
	w.get(states+"45/fork").flagged(false, false)
	w.refuses([]wrongInput{
		{path: states + "46/fork", status: 404, says: []string{"slot 46 has not begun"}},
		{path: states + "18446744073709551615/fork", status: 404},
		{path: states + "18446744073709551616/fork", status: 400, says: []string{"state ID", "18446744073709551616"}},
		{path: states + "-1/fork", status: 400},
		{path: states + "+1/fork", status: 400},
		{path: states + "current/fork", status: 400, says: []string{"Invalid state ID", "current"}},
		{path: states + "0x12/fork", status: 400, says: []string{"0x12"}},
		{path: states + unknownRoot + "/fork", status: 404, says: []string{unknownRoot}},
		{path: "/eth/v1/beacon/headers/justified", status: 400, says: []string{"Invalid block ID", "justified"}},
		{path: "/eth/v2/beacon/blocks/0x" + strings.Repeat("z", 64), status: 400},
		{path: "/eth/v2/beacon/blocks/" + unknownRoot, status: 404},
		{path: "/eth/v2/beacon/blocks/45", status: 404},
		{path: states + "head/fork?a=%zz", status: 400, says: []string{"query"}},
	})
}

// A branch that lost is still found by its root, and is not canonical; headers are found by slot and by parent.
func TestHeadersOfBranches(t *testing.T) {
	t.Parallel()
	w := newSimnet(t, params.Fulu)
	w.grow(43)
	parent := w.tips[42]
	w.votes = nil
	lost := w.step(parent, 43, simnet.Content{Graffiti: "lost"})
	type header struct {
		Root      string
		Canonical bool
	}
	var one struct{ Data header }
	w.get("/eth/v1/beacon/headers/" + lost.Root.String()).into(&one)
	if one.Data.Canonical || one.Data.Root != lost.Root.String() {
		t.Errorf("the lost block is %+v", one.Data)
	}
	var all struct {
		Finalized bool
		Data      []header
	}
	for query, want := range map[string]int{
		"": 2, "?slot=43": 2, "?slot=42": 1, "?slot=44": 0, "?slot=3": 1, "?parent_root=" + parent.Root.String(): 2,
		"?parent_root=" + w.tips[3].Root.String(): 1, "?parent_root=" + w.tips[3].Root.String() + "&slot=5": 0,
		"?parent_root=" + w.tips[3].Root.String() + "&slot=4": 1, "?parent_root=" + unknownRoot: 0, "?parent_root=" + lost.Root.String(): 0,
	} {
		w.get("/eth/v1/beacon/headers" + query).into(&all)
		if len(all.Data) != want {
			t.Errorf("%q gives %d headers, want %d", query, len(all.Data), want)
		}
	}
	w.get("/eth/v1/beacon/headers?slot=3").into(&all)
	if !all.Finalized || all.Data[0].Root != w.tips[3].Root.String() || !all.Data[0].Canonical {
		t.Errorf("the header of slot 3 is %+v", all)
	}
	var heads struct{ Data []struct{ Root, Slot string } }
	w.get("/eth/v2/debug/beacon/heads").into(&heads)
	if len(heads.Data) != 2 || heads.Data[0].Slot != "43" {
		t.Errorf("heads are %+v", heads)
	}
	w.refuses([]wrongInput{
		{path: "/eth/v1/beacon/headers?slot=x", status: 400, says: []string{"slot", `\"x\"`}},
		{path: "/eth/v1/beacon/headers?slot=1&slot=2", status: 400, says: []string{"2 times"}},
		{path: "/eth/v1/beacon/headers?parent_root=0x1", status: 400, says: []string{"parent_root"}},
	})
}

// While the execution client has not verified the payloads, answers about them say so; what is before them does not.
func TestOptimisticAnswersSaySo(t *testing.T) {
	t.Parallel()
	for _, fork := range []params.Fork{params.Fulu, params.Gloas} {
		w := newSimnet(t, fork)
		w.grow(3)
		w.engine.syncing.Store(true)
		w.grow(5)
		w.get(states+"head/fork").flagged(true, false)
		w.get(states+"4/fork").flagged(true, false)
		w.get(states+"2/fork").flagged(false, false)
		w.get("/eth/v1/beacon/headers/5").flagged(true, false)
		w.get("/eth/v1/beacon/headers/3").flagged(false, false)
		var v struct {
			Data struct {
				IsOptimistic bool `json:"is_optimistic"`
			}
		}
		if w.get("/eth/v1/node/syncing").into(&v); !v.Data.IsOptimistic {
			t.Errorf("%v: the node does not call itself optimistic", fork)
		}
		if a := w.get("/eth/v1/node/health"); a.status != http.StatusPartialContent {
			t.Errorf("%v: health is %d", fork, a.status)
		}
		var tree struct {
			Nodes []struct {
				Slot, Validity string
			} `json:"fork_choice_nodes"`
		}
		w.get("/eth/v1/debug/fork_choice").into(&tree)
		for _, n := range tree.Nodes {
			if want := map[bool]string{true: "optimistic", false: "valid"}[n.Slot == "4" || n.Slot == "5"]; fork == params.Fulu && n.Validity != want {
				t.Errorf("node of slot %s is %s", n.Slot, n.Validity)
			}
		}
		if len(tree.Nodes) != 6 {
			t.Errorf("%d nodes, want 6", len(tree.Nodes))
		}
	}
}

// A block whose own payload is invalid rests on the one that it builds on, and is as optimistic as that.
func TestABlockWithoutItsInvalidPayloadIsAsOptimisticAsItsParent(t *testing.T) {
	t.Parallel()
	for _, verified := range []bool{true, false} {
		w := newSimnet(t, params.Gloas)
		w.grow(3)
		w.engine.syncing.Store(!verified)
		w.grow(5)
		_, empty, err := w.net.BlockOf(w.tip(), 6, simnet.Content{Votes: w.votes})
		check(t, err)
		w.engine.syncing.Store(true)
		w.engine.invalid.Store(&empty.Payload.Message.Payload.BlockHash)
		w.step(w.tip(), 6, simnet.Content{})
		w.until("the payload is left", func() bool { return w.chain.Snapshot().HeadPayload == forkchoice.Empty })
		w.step(empty, 7, simnet.Content{})
		w.get("/eth/v1/beacon/headers/7").flagged(true, false)
		w.get("/eth/v1/beacon/headers/6").flagged(!verified, false)
		w.get("/eth/v1/beacon/headers/5").flagged(!verified, false)
	}
}

// Committees, sync committees, mixes and lookahead are those of the state; what the state does not decide is refused.
func TestDutiesOfStates(t *testing.T) {
	t.Parallel()
	w := newSimnet(t, params.Fulu)
	w.grow(18)
	s := w.tip().State.Copy()
	type committee struct {
		Index, Slot string
		Validators  []string
	}
	var all struct{ Data []committee }
	for query, epoch := range map[string]types.Epoch{"": 2, "?epoch=1": 1, "?epoch=2": 2, "?epoch=3": 3} {
		w.get(states + "head/committees" + query).into(&all)
		shuffling, err := s.Shuffling(epoch)
		check(t, err)
		var want []committee
		for slot := types.Slot(8 * epoch); slot < types.Slot(8*epoch+8); slot++ {
			for i := range shuffling.CommitteesPerSlot {
				var members []string
				for _, m := range shuffling.Committee(slot, types.CommitteeIndex(i)) {
					members = append(members, fmt.Sprint(m))
				}
				want = append(want, committee{fmt.Sprint(i), fmt.Sprint(uint64(slot)), members})
			}
		}
		if !reflect.DeepEqual(all.Data, want) {
			t.Errorf("%q: %d committees, want %d, or others", query, len(all.Data), len(want))
		}
	}
	w.get(states + "head/committees?slot=17&index=0").into(&all)
	if len(all.Data) != 1 || all.Data[0].Slot != "17" {
		t.Errorf("committees of one slot are %+v", all.Data)
	}
	var sync struct {
		Data struct {
			Validators []string
			Aggregates [][]string `json:"validator_aggregates"`
		}
	}
	w.get(states + "head/sync_committees").into(&sync)
	for i, key := range s.CurrentSyncCommittee.Value.Pubkeys {
		index, _ := s.ValidatorByPubkey(key)
		size := len(sync.Data.Validators) / 4
		if want := fmt.Sprint(uint64(index)); sync.Data.Validators[i] != want || sync.Data.Aggregates[i/size][i%size] != want {
			t.Fatalf("member %d is %s, want %s", i, sync.Data.Validators[i], want)
		}
	}
	w.get(states + "head/sync_committees?epoch=9").wants(http.StatusOK) // the next period
	if have := w.get(states+"head/randao?epoch=1").flagged(false, false).field(t, "randao"); have != s.GetRandaoMix(1).String() {
		t.Errorf("the mix of epoch 1 is %s", have)
	}
	var lookahead whole
	w.get(states + "head/proposer_lookahead").into(&lookahead)
	var proposers []string
	check(t, json.Unmarshal(lookahead.Data, &proposers))
	octets := w.get(states+"head/proposer_lookahead", "Accept: application/octet-stream").wants(http.StatusOK).body
	for i, want := range s.ProposerLookahead {
		if proposers[i] != fmt.Sprint(uint64(want)) || binary.LittleEndian.Uint64(octets[8*i:]) != uint64(want) {
			t.Errorf("proposer %d is %s, want %d", i, proposers[i], want)
		}
	}
	if lookahead.Version != "fulu" || len(octets) != 8*len(s.ProposerLookahead) {
		t.Errorf("lookahead of %s with %d bytes", lookahead.Version, len(octets))
	}
	w.refuses([]wrongInput{
		{path: states + "head/committees?epoch=0", status: 400, says: []string{"epoch", "not of 0"}},
		{path: states + "head/committees?epoch=4", status: 400},
		{path: states + "head/committees?epoch=x", status: 400, says: []string{"epoch"}},
		{path: states + "head/committees?slot=3", status: 400, says: []string{"slot 3 does not belong in epoch 2"}},
		{path: states + "head/committees?index=64", status: 400, says: []string{"index", "64"}},
		{path: states + "head/committees?index=", status: 400, says: []string{"index"}},
		{path: states + "head/sync_committees?epoch=16", status: 400, says: []string{"epoch 16"}},
		{path: states + "head/sync_committees?epoch=x", status: 400},
		{path: states + "head/randao?epoch=3", status: 400, says: []string{"epoch", "randao_mixes"}},
		{path: states + "head/randao?epoch=x", status: 400},
		{path: states + "99/committees", status: 404},
	})
}

// What a fork does not have yet, or no more, is refused with 400 and names the fork.
func TestForksThatLackSomething(t *testing.T) {
	t.Parallel()
	w := newSimnet(t, params.Phase0)
	w.grow(2)
	for _, r := range routes() {
		if r.since > params.Phase0 {
			a := w.ask(r.method, filled(r.pattern), "").wants(http.StatusBadRequest)
			a.says(r.since.String(), "phase0")
		}
	}
	w.get("/eth/v1/beacon/blobs/head").flagged(false, false)
	w.get("/eth/v1/beacon/execution_payload_envelopes/head").wants(http.StatusNotFound)
	// Before there are payloads a blinded block is the block.
	if a, b := object[types.SignedBeaconBlock](w, "/eth/v1/beacon/blinded_blocks/head", params.Phase0), object[types.SignedBeaconBlock](w, "/eth/v2/beacon/blocks/head", params.Phase0); !reflect.DeepEqual(a, b) {
		t.Error("the blinded block is another one")
	}
}

// Blinded blocks have the root of the block.
func TestBlindedBlocks(t *testing.T) {
	t.Parallel()
	w := newSimnet(t, params.Electra)
	w.grow(2)
	cx := ssz.Context{Spec: w.spec, Fork: params.Electra}
	for _, headers := range [][]string{nil, {"Accept: application/octet-stream"}} {
		a := w.get("/eth/v1/beacon/blinded_blocks/head", headers...).wants(http.StatusOK)
		blinded := &types.SignedBlindedBeaconBlock{Block: new(types.SignedBeaconBlock)}
		if headers == nil {
			var v whole
			a.into(&v)
			check(t, ssz.UnmarshalJSON(cx, v.Data, ssz.Container(blinded)))
		} else {
			check(t, ssz.Unmarshal(cx, a.body, ssz.Container(blinded)))
		}
		block := object[types.SignedBeaconBlock](w, "/eth/v2/beacon/blocks/head", params.Electra)
		want, err := ssz.HashTreeRoot(cx, ssz.Container(block))
		check(t, err)
		if have, err := ssz.HashTreeRoot(cx, ssz.Container(blinded)); err != nil || have != want {
			t.Errorf("root %x, want %x: %v", have, want, err)
		}
	}
}

// Payloads of Gloas travel in envelopes, and are found by their blocks.
func TestEnvelopes(t *testing.T) {
	t.Parallel()
	w := newSimnet(t, params.Gloas)
	w.grow(3)
	have := object[types.SignedExecutionPayloadEnvelope](w, "/eth/v1/beacon/execution_payload_envelopes/2", params.Gloas)
	if have.Message.BeaconBlockRoot != w.tips[2].Root || have.Message.Payload.BlockHash != w.tips[2].Payload.Message.Payload.BlockHash {
		t.Errorf("the envelope is of block %v", have.Message.BeaconBlockRoot)
	}
	w.get("/eth/v1/beacon/execution_payload_envelopes/genesis").wants(http.StatusNotFound).says("envelope not found")
	var v whole
	w.get("/eth/v2/beacon/blocks/3/attestations").into(&v)
	var votes []types.Attestation
	check(t, ssz.UnmarshalJSON(ssz.Context{Spec: w.spec, Fork: params.Gloas}, v.Data, ssz.List(&votes, ssz.Cap(64, true))))
	if len(votes) != 1 || votes[0].Data.Slot != 2 || v.Version != "gloas" {
		t.Errorf("%d attestations of %s", len(votes), v.Version)
	}
	var builders struct{ Data []any }
	w.ask(http.MethodPost, states+"head/builders", `{"ids":["0"],"statuses":["active"]}`).into(&builders)
	if len(builders.Data) != 0 {
		t.Errorf("builders are %v", builders.Data)
	}
	w.refuses([]wrongInput{
		{method: "POST", path: states + "head/builders", body: `{"statuses":["rich"]}`, status: 400, says: []string{"statuses", "rich"}},
		{method: "POST", path: states + "head/builders", body: `[]`, status: 400},
	})
}

// Light clients are served what was derived for them, with the forks of the updates.
func TestLightClientsAreServed(t *testing.T) {
	t.Parallel()
	w := newSimnet(t, params.Fulu)
	const base = "/eth/v1/beacon/light_client/"
	w.get(base + "finality_update").wants(http.StatusNotFound)
	w.get(base + "optimistic_update").wants(http.StatusNotFound)
	w.grow(34)
	w.until("light clients can be served", func() bool {
		item, ok := w.light.OptimisticUpdate()
		return ok && item.Slot == 33
	})
	if u := object[types.LightClientOptimisticUpdate](w, base+"optimistic_update", params.Fulu); u.AttestedHeader.Beacon.Slot != 33 {
		t.Errorf("the optimistic update is of slot %d", u.AttestedHeader.Beacon.Slot)
	}
	object[types.LightClientFinalityUpdate](w, base+"finality_update", params.Fulu)
	if b := object[types.LightClientBootstrap](w, base+"bootstrap/"+w.tip().Root.String(), params.Fulu); b.Header.Beacon.Slot != 34 {
		t.Errorf("the bootstrap is of slot %d", b.Header.Beacon.Slot)
	}
	var updates []whole
	w.get(base + "updates?start_period=0&count=5").into(&updates)
	chunks := w.get(base+"updates?start_period=0&count=5", "Accept: application/octet-stream").wants(http.StatusOK).body
	size := binary.LittleEndian.Uint64(chunks)
	cx := ssz.Context{Spec: w.spec, Fork: params.Fulu}
	fromJSON, fromSSZ := new(types.LightClientUpdate), new(types.LightClientUpdate)
	check(t, ssz.UnmarshalJSON(cx, updates[0].Data, ssz.Container(fromJSON)))
	check(t, ssz.Unmarshal(cx, chunks[12:8+size], ssz.Container(fromSSZ)))
	digest := w.spec.ComputeForkDigest(w.net.GenesisState().GenesisValidatorsRoot, 0)
	if len(updates) != 1 || updates[0].Version != "fulu" || !bytes.Equal(chunks[8:12], digest[:]) || uint64(len(chunks)) != 8+size || !reflect.DeepEqual(fromJSON, fromSSZ) {
		t.Errorf("%d updates, chunk of %d in %d bytes with digest %x", len(updates), size, len(chunks), chunks[8:12])
	}
	w.get(base + "updates?start_period=7&count=5").into(&updates)
	if len(updates) != 0 {
		t.Errorf("%d updates of the future", len(updates))
	}
	w.refuses([]wrongInput{
		{path: base + "bootstrap/head", status: 400, says: []string{"block root", "head"}},
		{path: base + "bootstrap/" + unknownRoot, status: 404},
		{path: base + "updates?count=1", status: 400, says: []string{"start_period"}},
		{path: base + "updates?start_period=1", status: 400, says: []string{"Missing `count` value"}},
		{path: base + "updates?start_period=1&count=0", status: 400, says: []string{"count"}},
		{path: base + "updates?start_period=x&count=1", status: 400, says: []string{"start_period"}},
		{path: base + "updates?start_period=18446744073709551615&count=2", status: 400},
	})
}
