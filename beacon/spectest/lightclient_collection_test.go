package spectest

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/sync/light"
)

// Spec: tests/formats/light_client/data_collection.md.

// lightObject is a light-client object that a step expects.
type lightObject struct {
	ForkDigest hexBytes `yaml:"fork_digest"`
	Data       string   `yaml:"data"`
}

type lightDataChecks struct {
	LatestFinalizedCheckpoint struct {
		Epoch types.Epoch `yaml:"epoch"`
		Root  hexBytes    `yaml:"root"`
	} `yaml:"latest_finalized_checkpoint"`
	Bootstraps []struct {
		BlockRoot hexBytes     `yaml:"block_root"`
		Bootstrap *lightObject `yaml:"bootstrap"`
	} `yaml:"bootstraps"`
	BestUpdates []struct {
		Period uint64       `yaml:"period"`
		Update *lightObject `yaml:"update"`
	} `yaml:"best_updates"`
	LatestFinalityUpdate   *lightObject `yaml:"latest_finality_update"`
	LatestOptimisticUpdate *lightObject `yaml:"latest_optimistic_update"`
}

type lightDataStep struct {
	NewBlock *lightObject `yaml:"new_block"`
	NewHead  *struct {
		HeadBlockRoot hexBytes        `yaml:"head_block_root"`
		Checks        lightDataChecks `yaml:"checks"`
	} `yaml:"new_head"`
}

// lightBlock is an imported block with its post state and the update that it carries the signature for.
type lightBlock struct {
	root   types.Root
	block  *types.SignedBeaconBlock
	state  *transition.State
	parent *lightBlock
	update *types.LightClientUpdate // nil if nobody signed
}

// lightCollector is a full node that keeps all blocks and derives what it serves from them.
type lightCollector struct {
	lightChain
	blocks     map[types.Root]*lightBlock
	genesis    *lightBlock
	finalized  types.Checkpoint
	bootstraps map[types.Root]*types.LightClientBootstrap
}

func runLightClientDataCollection(t *testing.T, c *Case) {
	spec := c.Spec()
	state := decodeState(t, c, spec, c.Fork, "initial_state")
	collector, err := newLightCollector(lightChain{c, spec, state.GenesisValidatorsRoot}, state)
	if err != nil {
		t.Fatal(err)
	}
	var steps []lightDataStep
	c.MustYAML("steps", &steps)
	for i, step := range steps {
		switch {
		case step.NewBlock != nil:
			block := new(types.SignedBeaconBlock)
			collector.read(t, step.NewBlock.Data, step.NewBlock.ForkDigest, block)
			err = collector.add(block)
		case step.NewHead != nil:
			root := types.Root(array[[32]byte](t, step.NewHead.HeadBlockRoot))
			if collector.blocks[root] == nil {
				t.Fatalf("step %d: head %v was not imported", i, root)
			}
			collector.check(t, fmt.Sprintf("step %d", i), collector.blocks[root], step.NewHead.Checks)
		default:
			t.Fatalf("step %d is of no known kind", i)
		}
		if err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
}

// newLightCollector begins a chain with a genesis state.
func newLightCollector(chain lightChain, state *transition.State) (*lightCollector, error) {
	if state.Slot != params.GenesisSlot {
		return nil, fmt.Errorf("initial state is of slot %d, not of genesis", state.Slot)
	}
	root, err := state.HashTreeRoot()
	if err != nil {
		return nil, err
	}
	// The body of a genesis block is empty but for the bid that the state begins with. Deriving the bootstrap checks that.
	block := &types.SignedBeaconBlock{Message: types.BeaconBlock{StateRoot: root}}
	block.Message.Body.SignedExecutionPayloadBid.Message = state.LatestExecutionPayloadBid
	header, err := block.Message.Header(state.Cx)
	if err != nil {
		return nil, err
	}
	genesis := &lightBlock{root: types.HashTreeRoot(&header), block: block, state: state}
	l := &lightCollector{
		lightChain: chain, genesis: genesis,
		blocks:     map[types.Root]*lightBlock{genesis.root: genesis},
		bootstraps: map[types.Root]*types.LightClientBootstrap{},
	}
	return l, l.addBootstrap(genesis)
}

// add imports a block.
func (l *lightCollector) add(block *types.SignedBeaconBlock) error {
	parent := l.blocks[block.Message.ParentRoot]
	if parent == nil {
		return fmt.Errorf("block of slot %d: parent %v was not imported", block.Message.Slot, block.Message.ParentRoot)
	}
	added := &lightBlock{block: block, state: parent.state.Copy(), parent: parent}
	if err := applyBlock(added.state, block, meta{}); err != nil {
		return err
	}
	header, err := block.Message.Header(added.state.Cx)
	if err != nil {
		return err
	}
	added.root = types.HashTreeRoot(&header)
	if block.Message.Body.SyncAggregate.SyncCommitteeBits.Count() >= l.spec.MinSyncCommitteeParticipants {
		var finalized *types.SignedBeaconBlock
		if root := parent.state.FinalizedCheckpoint.Root; root == (types.Root{}) {
			finalized = l.genesis.block
		} else if l.blocks[root] != nil {
			finalized = l.blocks[root].block
		}
		added.update, err = light.CreateLightClientUpdate(
			added.state.BeaconState, block, parent.state.BeaconState, parent.block, finalized)
		if err != nil {
			return err
		}
	}
	l.blocks[added.root] = added
	return l.finalize(added.state.FinalizedCheckpoint)
}

// finalize adds the bootstraps of the checkpoints up to a new finalized one.
func (l *lightCollector) finalize(checkpoint types.Checkpoint) error {
	if checkpoint.Epoch <= l.finalized.Epoch {
		return nil
	}
	block := l.blocks[checkpoint.Root]
	if block == nil {
		return errors.New("finalized block was not imported")
	}
	for epoch := checkpoint.Epoch; epoch > l.finalized.Epoch; epoch-- {
		start, err := types.ComputeStartSlotAtEpoch(l.spec, epoch)
		if err != nil {
			return err
		}
		for block.block.Message.Slot > start {
			block = block.parent
		}
		if err := l.addBootstrap(block); err != nil {
			return err
		}
	}
	l.finalized = checkpoint
	return nil
}

func (l *lightCollector) addBootstrap(block *lightBlock) (err error) {
	l.bootstraps[block.root], err = light.CreateLightClientBootstrap(block.state.BeaconState, block.block)
	return err
}

// check compares what the node would serve, with the given head, with what it should.
func (l *lightCollector) check(t *testing.T, what string, head *lightBlock, want lightDataChecks) {
	t.Helper()
	if root := types.Root(array[[32]byte](t, want.LatestFinalizedCheckpoint.Root)); l.finalized != (types.Checkpoint{Epoch: want.LatestFinalizedCheckpoint.Epoch, Root: root}) {
		t.Errorf("%s: finalized %v, want %v %v", what, l.finalized, want.LatestFinalizedCheckpoint.Epoch, root)
	}
	l.checkBootstraps(t, what, want)

	best := map[uint64]*types.LightClientUpdate{}
	var latest, latestFinal *types.LightClientUpdate
	for _, update := range updatesUpTo(head) {
		period := types.ComputeSyncCommitteePeriodAtSlot(l.spec, update.AttestedHeader.Beacon.Slot)
		if types.ComputeSyncCommitteePeriodAtSlot(l.spec, update.SignatureSlot) == period &&
			(best[period] == nil || light.IsBetterUpdate(l.spec, update, best[period])) {
			best[period] = update
		}
		latest = update // in order of attested and signature slots
		if light.IsFinalityUpdate(update) {
			latestFinal = update
		}
	}
	for _, entry := range want.BestUpdates {
		update := best[entry.Period]
		delete(best, entry.Period)
		if l.presence(t, fmt.Sprintf("%s: best update of period %d", what, entry.Period), update != nil, entry.Update) {
			l.same(t, what, *entry.Update, update.AttestedHeader.Beacon.Slot, update)
		}
	}
	if len(best) > 0 {
		t.Errorf("%s: best updates of periods %v that nobody expects", what, slices.Collect(maps.Keys(best)))
	}
	if l.presence(t, what+": latest finality update", latestFinal != nil, want.LatestFinalityUpdate) {
		l.same(t, what, *want.LatestFinalityUpdate, latestFinal.AttestedHeader.Beacon.Slot, light.CreateLightClientFinalityUpdate(latestFinal))
	}
	if l.presence(t, what+": latest optimistic update", latest != nil, want.LatestOptimisticUpdate) {
		l.same(t, what, *want.LatestOptimisticUpdate, latest.AttestedHeader.Beacon.Slot, light.CreateLightClientOptimisticUpdate(latest))
	}
}

func (l *lightCollector) checkBootstraps(t *testing.T, what string, want lightDataChecks) {
	t.Helper()
	expected := map[types.Root]bool{}
	for _, entry := range want.Bootstraps {
		root := types.Root(array[[32]byte](t, entry.BlockRoot))
		bootstrap := l.bootstraps[root]
		expected[root] = true
		if l.presence(t, fmt.Sprintf("%s: bootstrap of %v", what, root), bootstrap != nil, entry.Bootstrap) {
			l.same(t, what, *entry.Bootstrap, bootstrap.Header.Beacon.Slot, bootstrap)
		}
	}
	for root := range l.bootstraps {
		if !expected[root] {
			t.Errorf("%s: bootstrap of %v that nobody expects", what, root)
		}
	}
}

// updatesUpTo lists the updates of the chain that ends with a head, oldest first.
func updatesUpTo(head *lightBlock) []*types.LightClientUpdate {
	var updates []*types.LightClientUpdate
	for block := head; block != nil; block = block.parent {
		if block.update != nil {
			updates = append(updates, block.update)
		}
	}
	slices.Reverse(updates)
	return updates
}

// presence checks that an object exists if and only if it is expected, and tells whether it does.
func (l *lightCollector) presence(t *testing.T, what string, have bool, want *lightObject) bool {
	t.Helper()
	if have != (want != nil) {
		t.Errorf("%s: available %t, want %t", what, have, want != nil)
		return false
	}
	return have
}

// same compares an object, whose fork is that of a slot, with a file.
func (l *lightCollector) same(t *testing.T, what string, want lightObject, slot types.Slot, have ssz.Object) {
	t.Helper()
	epoch := types.ComputeEpochAtSlot(l.spec, slot)
	if digest := l.spec.ComputeForkDigest(l.genesisValidatorsRoot, epoch); digest != params.ForkDigest(array[[4]byte](t, want.ForkDigest)) {
		t.Errorf("%s: %s has the fork digest %v, want %x", what, want.Data, digest, want.ForkDigest)
	}
	encoded, err := ssz.Marshal(ssz.Context{Spec: l.spec, Fork: l.spec.ForkAtEpoch(epoch)}, ssz.Container(have))
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if !bytes.Equal(encoded, l.c.MustSSZ(want.Data)) {
		t.Errorf("%s: differs from %s", what, want.Data)
	}
}
