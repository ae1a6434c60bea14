package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/das"
	"github.com/cresset/cresset/beacon/kzg"
	"github.com/cresset/cresset/beacon/p2p"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/simnet"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/gossip"
	"github.com/cresset/cresset/gossip/router"
	"github.com/cresset/cresset/gossip/subnets"
	"github.com/cresset/cresset/sync/driver"
)

// taken is a pool that remembers what it was given.
type taken struct {
	sync.Mutex
	all []gossip.Checked
}

// Insert implements router.Pool.
func (p *taken) Insert(c gossip.Checked) {
	p.Lock()
	defer p.Unlock()
	p.all = append(p.all, c)
}

func (p *taken) count() int {
	p.Lock()
	defer p.Unlock()
	return len(p.all)
}

// publishing is a world whose server publishes with a router of its own, which nobody is connected to.
type publishing struct {
	*world
	pool *taken
	beside
}

type beside struct {
	rules    *gossip.Rules
	progress *standsBeside
	subnets  *subnets.Tracker
}

func newPublishing(t testing.TB, fork params.Fork) *publishing {
	t.Helper()
	w := &publishing{world: newSimnet(t, fork), pool: new(taken)}
	genesis := w.net.GenesisState()
	host, err := p2p.New(p2p.Config{
		Spec: w.spec, Dir: t.TempDir(), Listen: []netip.Addr{netip.MustParseAddr("127.0.0.1")}, Ports: p2p.Ports{Loose: true}, NoDiscovery: true,
	})
	check(t, err)
	w.rules = gossip.New(gossip.Config{
		Spec: w.spec, GenesisTime: genesis.GenesisTime, GenesisValidatorsRoot: genesis.GenesisValidatorsRoot, View: w.chain.View, KZG: w.kzg,
	})
	r, err := router.New(router.Config{
		Spec: w.spec, Chain: w.chain, Rules: w.rules, Network: gossip.NewNetwork(w.spec, genesis.GenesisValidatorsRoot), Host: host.Libp2p(), Peers: host,
		Stored: w.store, KZG: w.kzg, Pool: w.pool,
	})
	check(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		check(t, <-ended)
		check(t, host.Close())
	})
	w.until("the router runs", func() bool {
		err := r.Publish(context.Background(), gossip.VoluntaryExit, 0, &types.SignedVoluntaryExit{})
		return err != router.ErrNotRunning
	})
	w.progress = &standsBeside{usable: true}
	w.progress.progress.Stage = driver.Synced
	w.subnets = subnets.New(w.spec)
	n := *w.server.node.Load()
	n.Publisher, n.Sidecars, n.Sync, n.Witness, n.Duties = r, w.sidecars, w.progress, w.rules.Seen(), w.subnets
	w.server.node.Store(&n)
	return w
}

// with changes what the server was handed.
func (w *world) with(change func(*Node)) {
	n := *w.server.node.Load()
	change(&n)
	w.server.node.Store(&n)
}

// sidecars makes columns and blobs as a producer would.
func (w *world) sidecars(signed *types.SignedBeaconBlock, blobs [][]byte, proofs []types.KZGProof) (router.Data, error) {
	cx := ssz.Context{Spec: w.spec, Fork: w.spec.ForkAtSlot(signed.Message.Slot)}
	list := make([]*kzg.Blob, len(blobs))
	for i, b := range blobs {
		list[i] = (*kzg.Blob)(b)
	}
	if cx.Fork < params.Fulu {
		sidecars, err := w.net.BlobSidecars(w.kzg, signed, list...)
		return router.Data{Blobs: sidecars}, err
	}
	rows := make([]das.CellsAndProofs, len(blobs))
	for i, b := range list {
		cells, err := w.kzg.ComputeCells(b)
		if err != nil {
			return router.Data{}, err
		}
		own := new([kzg.CellsPerExtBlob]kzg.Proof)
		for j := range own {
			own[j] = kzg.Proof(proofs[i*kzg.CellsPerExtBlob+j])
		}
		rows[i] = das.CellsAndProofs{Cells: cells, Proofs: own}
	}
	columns, err := das.GetDataColumnSidecarsFromBlock(cx, signed, rows)
	return router.Data{Columns: columns}, err
}

// post sends something of a fork in JSON or SSZ.
func (w *world) post(path string, fork params.Fork, node ssz.Node, octets bool) *answer {
	w.t.Helper()
	cx := ssz.Context{Spec: w.spec, Fork: fork}
	version := "Eth-Consensus-Version: " + fork.String()
	if octets {
		body, err := ssz.Marshal(cx, node)
		check(w.t, err)
		return w.ask(http.MethodPost, path, string(body), version, "Content-Type: "+mediaSSZ)
	}
	body, err := ssz.MarshalJSON(cx, node)
	check(w.t, err)
	return w.ask(http.MethodPost, path, string(body), version, "Content-Type: "+mediaJSON)
}

// good checks an answer without a body.
func (a *answer) good(status int) {
	a.t.Helper()
	if a.status != status || len(a.body) > 0 {
		a.t.Fatalf("%s: status %d with %.300q, want %d without a body", a.what, a.status, a.body, status)
	}
}

// failures are the items that an answer says failed.
func (a *answer) failures() map[int]string {
	a.t.Helper()
	a.wants(http.StatusBadRequest)
	var e struct {
		Failures []struct {
			Index   int
			Message string
		}
	}
	check(a.t, json.Unmarshal(a.body, &e))
	failed := map[int]string{}
	for _, f := range e.Failures {
		failed[f.Index] = f.Message
	}
	return failed
}

const blocksPath = "/eth/v2/beacon/blocks"

// blobBlock builds a block with a blob on the tip, and what is posted of it.
func (w *world) blobBlock(slot types.Slot) (*types.SignedBlockContents, simnet.Tip) {
	w.t.Helper()
	blob, commitment, err := simnet.Blob(w.kzg, uint64(slot))
	check(w.t, err)
	block, tip, err := w.net.BlockOf(w.tip(), slot, simnet.Content{Commitments: []types.KZGCommitment{commitment}})
	check(w.t, err)
	contents := &types.SignedBlockContents{SignedBlock: *block, Blobs: [][]byte{blob[:]}}
	if w.spec.ForkAtSlot(slot) < params.Fulu {
		proof, err := w.kzg.ComputeBlobKZGProof(blob, kzg.Commitment(commitment))
		check(w.t, err)
		contents.KZGProofs = []types.KZGProof{types.KZGProof(proof)}
		return contents, tip
	}
	_, proofs, err := w.kzg.ComputeCellsAndKZGProofs(blob)
	check(w.t, err)
	for _, p := range proofs {
		contents.KZGProofs = append(contents.KZGProofs, types.KZGProof(p))
	}
	return contents, tip
}

// A block with blobs is published and becomes the head: in JSON and SSZ, on every level, of every fork with blobs. Handed in again it is good still.
func TestPublishingBlocks(t *testing.T) {
	t.Parallel()
	for _, fork := range []params.Fork{params.Deneb, params.Electra, params.Fulu} {
		w := newPublishing(t, fork)
		for i, query := range []string{"", "?broadcast_validation=gossip", "?broadcast_validation=consensus", "?broadcast_validation=consensus_and_equivocation"} {
			slot := types.Slot(i + 1)
			contents, tip := w.blobBlock(slot)
			w.at(slot)
			w.post(blocksPath+query, fork, ssz.Container(contents), i%2 == 0).good(http.StatusOK)
			if w.chain.Snapshot().Head.Root != tip.Root {
				t.Errorf("%v, %q: the block is not the head", fork, query)
			}
			w.post(blocksPath+query, fork, ssz.Container(contents), i%2 == 1).good(http.StatusOK)
			w.tips = append(w.tips, tip)
		}
	}
}

// A block before blobs and one after them has no other form than itself.
func TestPublishingBlocksWithoutBlobs(t *testing.T) {
	t.Parallel()
	for _, fork := range []params.Fork{params.Phase0, params.Capella, params.Gloas} {
		w := newPublishing(t, fork)
		block, tip, err := w.net.BlockOf(w.tip(), 1, simnet.Content{})
		check(t, err)
		w.at(1)
		w.post(blocksPath, fork, ssz.Container(block), false).good(http.StatusOK)
		if w.chain.Snapshot().Head.Root != tip.Root {
			t.Errorf("%v: the block is not the head", fork)
		}
	}
}

// What passes the level that was asked for and breaks a rule of the chain is published and answered with 202; what does not pass it is not published.
func TestABlockThatCannotBeImported(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]int{"": http.StatusAccepted, "?broadcast_validation=consensus": http.StatusBadRequest} {
		w := newPublishing(t, params.Capella)
		block, _, err := w.net.BlockOf(w.tip(), 1, simnet.Content{})
		check(t, err)
		block.Message.StateRoot[1] ^= 1
		root, err := ssz.HashTreeRoot(ssz.Context{Spec: w.spec, Fork: params.Capella}, ssz.Container(&block.Message))
		check(t, err)
		block.Signature = w.net.Sign(w.tip(), block.Message.ProposerIndex, root, params.DomainBeaconProposer(), 0)
		w.at(1)
		if a := w.post(blocksPath+query, params.Capella, ssz.Container(block), true); a.status != want {
			t.Errorf("%q: status %d, want %d: %s", query, a.status, want, a.body)
		}
	}
}

// What is wrong with a block or its blobs is said.
func TestBlocksThatAreNotPublished(t *testing.T) {
	t.Parallel()
	w := newPublishing(t, params.Fulu)
	contents, _ := w.blobBlock(1)
	w.at(1)
	refused := func(what, says string, change func(*types.SignedBlockContents)) {
		t.Helper()
		bad := *contents
		change(&bad)
		w.post(blocksPath, params.Fulu, ssz.Container(&bad), true).wants(http.StatusBadRequest).says(says)
	}
	refused("a blob less", "0 blobs", func(c *types.SignedBlockContents) { c.Blobs, c.KZGProofs = nil, nil })
	refused("a proof less", "127 proofs of 1 blobs, want 128", func(c *types.SignedBlockContents) { c.KZGProofs = c.KZGProofs[1:] })
	refused("a wrong signature", "signature", func(c *types.SignedBlockContents) { c.SignedBlock.Signature[7] ^= 1 })
	w.post(blocksPath, params.Electra, ssz.Container(contents), true).wants(http.StatusBadRequest)
	w.ask(http.MethodPost, blocksPath, "{}", "Eth-Consensus-Version: fulu").wants(http.StatusBadRequest).says("signed_block")
	w.ask(http.MethodPost, blocksPath, "{}").wants(http.StatusBadRequest).says("Eth-Consensus-Version")
	w.ask(http.MethodPost, blocksPath, "{}", "Eth-Consensus-Version: weather").wants(http.StatusBadRequest).says("weather")
	w.ask(http.MethodPost, blocksPath+"?broadcast_validation=all", "{}", "Eth-Consensus-Version: fulu").wants(http.StatusBadRequest).says("broadcast_validation", "all")
	w.ask(http.MethodPost, blocksPath, "{}", "Eth-Consensus-Version: fulu", "Content-Type: text/plain").wants(http.StatusUnsupportedMediaType)
	proofs := contents.KZGProofs
	contents.KZGProofs = append([]types.KZGProof{proofs[1]}, proofs[1:]...)
	w.post(blocksPath, params.Fulu, ssz.Container(contents), true).wants(http.StatusBadRequest).says("proof")
	contents.KZGProofs = proofs
	w.progress.progress.Stage = driver.Head
	w.at(20)
	w.post(blocksPath, params.Fulu, ssz.Container(contents), true).wants(http.StatusServiceUnavailable).says("syncing")
	w.with(func(n *Node) { n.Publisher = nil })
	w.post(blocksPath, params.Fulu, ssz.Container(contents), true).wants(http.StatusServiceUnavailable).says("network")
}

// Equivocations are refused.
func TestASecondBlockOfAProposerIsNotPublished(t *testing.T) {
	t.Parallel()
	w := newPublishing(t, params.Capella)
	first, _, err := w.net.BlockOf(w.tip(), 1, simnet.Content{Graffiti: "first"})
	check(t, err)
	second, _, err := w.net.BlockOf(w.tip(), 1, simnet.Content{Graffiti: "second"})
	check(t, err)
	w.at(1)
	_, err = w.chain.ImportBlock(context.Background(), first, chain.Gossip)
	check(t, err)
	w.post(blocksPath+"?broadcast_validation=consensus_and_equivocation", params.Capella, ssz.Container(second), true).wants(http.StatusBadRequest).says("another block")
}

// singleVotes is the votes of a slot's committees for a tip, in the form that travels.
func (w *world) singleVotes(tip simnet.Tip, slot types.Slot) (votes []types.SingleAttestation) {
	w.t.Helper()
	shuffling, err := tip.State.Copy().Shuffling(types.ComputeEpochAtSlot(w.spec, slot))
	check(w.t, err)
	for i := range shuffling.CommitteesPerSlot {
		for _, member := range shuffling.Committee(slot, types.CommitteeIndex(i)) {
			own, err := w.net.Votes(tip, slot, func(v types.ValidatorIndex) bool { return v == types.ValidatorIndex(member) })
			check(w.t, err)
			votes = append(votes, types.SingleAttestation{
				CommitteeIndex: types.CommitteeIndex(i), AttesterIndex: types.ValidatorIndex(member), Data: own[0].Data, Signature: own[0].Signature,
			})
		}
	}
	return votes
}

// Votes are published one by one: those that fail are named with their reason, the others go to the pool, and twice is no error.
func TestPublishingVotes(t *testing.T) {
	t.Parallel()
	w := newPublishing(t, params.Fulu)
	w.grow(1)
	const path = "/eth/v2/beacon/pool/attestations"
	votes := w.singleVotes(w.tip(), 1)
	list := func(v []types.SingleAttestation) ssz.Node { return ssz.List(&v, ssz.Cap(64, false)) }
	w.post(path, params.Fulu, list(votes[:1]), false).good(http.StatusOK)
	w.post(path, params.Fulu, list(votes[:1]), false).good(http.StatusOK)
	w.post(path, params.Fulu, list(votes[1:2]), true).good(http.StatusOK)
	bad := append([]types.SingleAttestation{}, votes[2:]...)
	bad[0].Signature[9] ^= 1
	bad = append(bad, votes[0], votes[0])
	bad[len(bad)-2].Data.Target.Epoch = 9
	bad[len(bad)-1].CommitteeIndex = 63
	failed := w.post(path, params.Fulu, list(bad), false).failures()
	if len(failed) != 3 || !strings.Contains(failed[0], "signature") || !strings.Contains(failed[len(bad)-2], "target epoch is 9") || !strings.Contains(failed[len(bad)-1], "committee index is 63") {
		t.Errorf("failures are %v", failed)
	}
	if n := w.pool.count(); n != len(votes)-1 {
		t.Errorf("%d votes are pooled, want all but one of %d", n, len(votes))
	}
	unknown := append([]types.SingleAttestation{}, votes[2])
	unknown[0].Data.BeaconBlockRoot = types.Root{7}
	root := types.HashTreeRoot(&unknown[0].Data)
	unknown[0].Signature = w.net.Sign(w.tip(), unknown[0].AttesterIndex, root, params.DomainBeaconAttester(), 0)
	if failed := w.post(path, params.Fulu, list(unknown), false).failures(); !strings.Contains(failed[0], "not known to this node yet") {
		t.Errorf("failures are %v", failed)
	}
	w.ask(http.MethodPost, path, "[]").wants(http.StatusBadRequest).says("Eth-Consensus-Version")
	w.ask(http.MethodPost, path, `[{"slot":"1"}]`, "Eth-Consensus-Version: fulu").wants(http.StatusBadRequest).says("committee_index")
	w.ask(http.MethodPost, path, `[`, "Eth-Consensus-Version: fulu").wants(http.StatusBadRequest)
	w.ask(http.MethodPost, path, `[]`, "Eth-Consensus-Version: fulu").good(http.StatusOK)
	w.with(func(n *Node) { n.Publisher = nil })
	w.post(path, params.Fulu, list(votes[:1]), false).wants(http.StatusServiceUnavailable).says("network")

	// Before Electra a vote travels as an attestation.
	old := newPublishing(t, params.Capella)
	old.grow(1)
	var all []types.Attestation
	for _, v := range old.singleVotes(old.tip(), 1) {
		own, err := old.net.Votes(old.tip(), 1, func(who types.ValidatorIndex) bool { return who == v.AttesterIndex })
		check(t, err)
		all = append(all, own...)
	}
	old.post(path, params.Capella, ssz.List(&all, ssz.Cap(64, false)), true).good(http.StatusOK)
	if n := old.pool.count(); n != len(all) {
		t.Errorf("%d votes are pooled, want %d", n, len(all))
	}
}

// Sync committee messages go out on all subnets of their sender.
func TestPublishingSyncMessages(t *testing.T) {
	t.Parallel()
	w := newPublishing(t, params.Fulu)
	w.grow(1)
	const path = "/eth/v1/beacon/pool/sync_committees"
	var messages []types.SyncCommitteeMessage
	subnetsOf := 0
	committee := w.tip().State.CurrentSyncCommittee.Value.Pubkeys
	for _, v := range []types.ValidatorIndex{0, 1, 2, 3} {
		validator := w.tip().State.Validators.At(v)
		if n := len(types.ComputeSubnetsForSyncCommittee(w.spec, committee, validator.Pubkey)); n > 0 {
			subnetsOf += n
			messages = append(messages, types.SyncCommitteeMessage{
				Slot: 1, BeaconBlockRoot: w.tip().Root, ValidatorIndex: v, Signature: w.net.Sign(w.tip(), v, w.tip().Root, params.DomainSyncCommittee(), 0),
			})
		}
	}
	if len(messages) == 0 {
		t.Fatal("nobody is in the sync committee")
	}
	post := func(m []types.SyncCommitteeMessage) *answer {
		return w.post(path, params.Fulu, ssz.List(&m, ssz.Cap(64, false)), false)
	}
	post(messages).good(http.StatusOK)
	if n := w.pool.count(); n != subnetsOf {
		t.Errorf("%d messages are pooled, want %d", n, subnetsOf)
	}
	messages[0].ValidatorIndex = 1000
	if failed := post(messages).failures(); len(failed) != 1 || !strings.Contains(failed[0], "1000") {
		t.Errorf("failures are %v", failed)
	}
	w.ask(http.MethodPost, path, `{}`).wants(http.StatusBadRequest)
}

// Single operations are published or refused with the rule that they break.
func TestPublishingOperations(t *testing.T) {
	t.Parallel()
	w := newPublishing(t, params.Fulu)
	w.grow(2)
	const pool = "/eth/v1/beacon/pool/"
	tip := w.tip()
	// A proposer that signed two headers for one slot.
	header := func(root byte) types.SignedBeaconBlockHeader {
		h := types.BeaconBlockHeader{Slot: 1, ProposerIndex: 5, BodyRoot: types.Root{root}}
		return types.SignedBeaconBlockHeader{Message: h, Signature: w.net.Sign(tip, 5, types.HashTreeRoot(&h), params.DomainBeaconProposer(), 0)}
	}
	proposer := &types.ProposerSlashing{SignedHeader1: header(1), SignedHeader2: header(2)}
	w.post(pool+"proposer_slashings", params.Fulu, ssz.Container(proposer), false).good(http.StatusOK)
	w.post(pool+"proposer_slashings", params.Fulu, ssz.Container(proposer), false).good(http.StatusOK) // again
	w.post(pool+"proposer_slashings", params.Fulu, ssz.Container(&types.ProposerSlashing{SignedHeader1: header(1), SignedHeader2: header(1)}), false).good(http.StatusOK)
	other := &types.ProposerSlashing{SignedHeader1: header(1), SignedHeader2: header(1)}
	other.SignedHeader1.Message.ProposerIndex, other.SignedHeader2.Message.ProposerIndex = 6, 6
	w.post(pool+"proposer_slashings", params.Fulu, ssz.Container(other), false).wants(http.StatusBadRequest).says("proposer slashing")
	data := types.AttestationData{Slot: 1, Target: types.Checkpoint{Epoch: 0}}
	double := data
	double.BeaconBlockRoot = types.Root{9}
	attester := &types.AttesterSlashing{Attestation1: w.net.Indexed(tip, data, 7, 8), Attestation2: w.net.Indexed(tip, double, 7, 8)}
	w.post("/eth/v2"+strings.TrimPrefix(pool, "/eth/v1")+"attester_slashings", params.Fulu, ssz.Container(attester), false).good(http.StatusOK)
	attester.Attestation2 = attester.Attestation1
	attester.Attestation1.AttestingIndices = []types.ValidatorIndex{9}
	attester.Attestation2.AttestingIndices = []types.ValidatorIndex{9}
	w.post("/eth/v2/beacon/pool/attester_slashings", params.Fulu, ssz.Container(attester), false).wants(http.StatusBadRequest)
	w.ask(http.MethodPost, "/eth/v2/beacon/pool/attester_slashings", "{}").wants(http.StatusBadRequest).says("Eth-Consensus-Version")
	exit := &types.SignedVoluntaryExit{Message: types.VoluntaryExit{ValidatorIndex: 3}}
	w.post(pool+"voluntary_exits", params.Fulu, ssz.Container(exit), false).wants(http.StatusBadRequest).says("active long enough")
	changes := []types.SignedBLSToExecutionChange{{Message: types.BLSToExecutionChange{ValidatorIndex: 3}}}
	failed := w.post(pool+"bls_to_execution_changes", params.Fulu, ssz.List(&changes, ssz.Cap(8, false)), false).failures()
	if len(failed) != 1 {
		t.Errorf("failures are %v", failed)
	}
	if n := w.pool.count(); n != 2 {
		t.Errorf("%d operations are pooled, want 2", n)
	}
	for _, path := range []string{"proposer_slashings", "voluntary_exits", "bls_to_execution_changes"} {
		w.ask(http.MethodPost, pool+path, `"`).wants(http.StatusBadRequest)
	}
	old := newPublishing(t, params.Phase0)
	old.at(1)
	old.ask(http.MethodPost, "/eth/v1/validator/contribution_and_proofs", "[]").wants(http.StatusBadRequest).says("phase0")
	w.ask(http.MethodPost, "/eth/v1/beacon/pool/payload_attestations", "[]", "Eth-Consensus-Version: fulu").wants(http.StatusBadRequest).says("fulu")
}

// Aggregates and contributions are judged like those of peers.
func TestPublishingAggregates(t *testing.T) {
	t.Parallel()
	w := newPublishing(t, params.Fulu)
	w.grow(1)
	tip := w.tip()
	votes := w.singleVotes(tip, 1)
	committee := []types.ValidatorIndex{}
	for _, v := range votes {
		if v.CommitteeIndex == 0 {
			committee = append(committee, v.AttesterIndex)
		}
	}
	own, err := w.net.Votes(tip, 1, func(v types.ValidatorIndex) bool { return fmt.Sprint(v) == fmt.Sprint(committee[0]) })
	check(t, err)
	aggregate := own[0]
	if n := aggregate.AggregationBits.Len(); n != uint64(len(committee)) {
		t.Fatalf("%d bits of %d members", n, len(committee))
	}
	// With so few members everybody is selected.
	slot := types.Root{1}
	proof := types.AggregateAndProof{AggregatorIndex: committee[0], Aggregate: aggregate, SelectionProof: w.net.Sign(tip, committee[0], slot, params.DomainSelectionProof(), 0)}
	root, err := ssz.HashTreeRoot(ssz.Context{Spec: w.spec, Fork: params.Fulu}, ssz.Container(&proof))
	check(t, err)
	signed := []types.SignedAggregateAndProof{{Message: proof, Signature: w.net.Sign(tip, committee[0], root, params.DomainAggregateAndProof(), 0)}}
	const path = "/eth/v2/validator/aggregate_and_proofs"
	signed[0].Message.AggregatorIndex = 1000
	if failed := w.post(path, params.Fulu, ssz.List(&signed, ssz.Cap(8, false)), true).failures(); !strings.Contains(failed[0], "not in committee") {
		t.Errorf("failures are %v", failed)
	}
	signed[0].Message.AggregatorIndex = committee[0]
	w.post(path, params.Fulu, ssz.List(&signed, ssz.Cap(8, false)), false).good(http.StatusOK)
	w.post(path, params.Fulu, ssz.List(&signed, ssz.Cap(8, false)), true).good(http.StatusOK)
	if w.pool.count() != 1 {
		t.Errorf("%d aggregates are pooled", w.pool.count())
	}
	w.ask(http.MethodPost, path, "[]").wants(http.StatusBadRequest).says("Eth-Consensus-Version")
	contributions := []types.SignedContributionAndProof{{Message: types.ContributionAndProof{Contribution: types.SyncCommitteeContribution{
		Slot: 1, AggregationBits: ssz.NewBitvector(w.spec.SyncCommitteeSize / params.SyncCommitteeSubnetCount),
	}}}}
	if failed := w.post("/eth/v1/validator/contribution_and_proofs", params.Fulu, ssz.List(&contributions, ssz.Cap(8, false)), false).failures(); len(failed) != 1 {
		t.Errorf("failures are %v", failed)
	}
}

// Votes on payloads are published in Gloas.
func TestPublishingPayloadVotes(t *testing.T) {
	t.Parallel()
	w := newPublishing(t, params.Gloas)
	w.grow(1)
	const path = "/eth/v1/beacon/pool/payload_attestations"
	committee, err := w.tip().State.Frozen().GetPTC(1)
	check(t, err)
	data := types.PayloadAttestationData{BeaconBlockRoot: w.tip().Root, Slot: 1, PayloadPresent: true, BlobDataAvailable: true}
	votes := []types.PayloadAttestationMessage{*w.net.PayloadVote(w.tip(), committee[0], data)}
	w.post(path, params.Gloas, ssz.List(&votes, ssz.Cap(8, false)), false).good(http.StatusOK)
	if w.pool.count() != 1 {
		t.Errorf("%d votes are pooled", w.pool.count())
	}
	votes[0].ValidatorIndex = 1000
	if failed := w.post(path, params.Gloas, ssz.List(&votes, ssz.Cap(8, false)), true).failures(); len(failed) != 1 {
		t.Errorf("failures are %v", failed)
	}
	w.ask(http.MethodPost, path, "[]").wants(http.StatusBadRequest).says("Eth-Consensus-Version")
}
