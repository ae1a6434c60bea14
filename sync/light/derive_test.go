package light

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// Data is derived from blocks with their own post states, and from nothing else.
func TestDerivationRefuses(t *testing.T) {
	c := newChain(t)
	a := c.add(41, nil, nil, 0)
	b := c.add(42, a, a, everybody)
	d := c.add(43, b, a, everybody)
	quiet := c.add(43, b, a, 0)
	advanced := *d
	advanced.state = d.state.Copy()
	advanced.state.Slot++
	genesis := &types.SignedBeaconBlock{}
	for name, s := range map[string]struct {
		n, attested *node
		finalized   *types.SignedBeaconBlock
		rule        string
	}{
		"nobody signed":          {quiet, b, a.block, "MIN_SYNC_COMMITTEE_PARTICIPANTS"},
		"state of another block": {&node{d.block, b.state, d.root}, b, a.block, "hash_tree_root(header) == hash_tree_root(block.message)"},
		"state of an empty slot": {&advanced, b, a.block, "state.slot == state.latest_block_header.slot"},
		"attested is no parent":  {d, a, a.block, "block.message.parent_root"},
		"another finalized":      {d, b, b.block, "finalized_checkpoint.root"},
		"genesis not finalized":  {d, b, genesis, "with the genesis block"},
	} {
		if _, err := CreateLightClientUpdate(s.n.state, s.n.block, s.attested.state, s.attested.block, s.finalized); err == nil || !strings.Contains(err.Error(), s.rule) {
			t.Errorf("%s: error %v, want one about %q", name, err, s.rule)
		}
	}
	if _, err := CreateLightClientBootstrap(advanced.state, d.block); err == nil {
		t.Error("a bootstrap of a state that is past its block")
	}
	if _, err := BlockToLightClientHeader(ssz.Context{Spec: c.spec, Fork: params.Electra}, d.block); err == nil {
		t.Error("a header of a gloas block in the form of electra")
	}
}

// "Indicate finality whenever possible": without the finalized block there is none; genesis is proved as a zero root.
func TestDerivedFinality(t *testing.T) {
	c := newChain(t)
	a := c.add(1, nil, nil, 0)
	b := c.add(2, a, nil, everybody)
	d := c.add(3, b, nil, everybody)
	if update := c.update(d, b, nil); IsFinalityUpdate(update) || !IsSyncCommitteeUpdate(update) {
		t.Error("finality without the finalized block, or no committee")
	}
	store := c.store(a, params.Altair)
	update := c.update(d, b, &types.SignedBeaconBlock{})
	if !IsFinalityUpdate(update) || !isDefault(store.Cx, &update.FinalizedHeader) {
		t.Error("genesis is not indicated as finalized")
	}
	c.must(c.process(store, update))
	if store.FinalizedHeader.Beacon.Slot != 1 || !IsNextSyncCommitteeKnown(store) {
		t.Errorf("finalized slot %d, want 1, with the next committee", store.FinalizedHeader.Beacon.Slot)
	}
}

// Upgrades go forward only, and leave a header that stands for none as it is.
func TestUpgradeRefuses(t *testing.T) {
	c := newChain(t)
	electra, gloas := ssz.Context{Spec: c.spec, Fork: params.Electra}, ssz.Context{Spec: c.spec, Fork: params.Gloas}
	empty := new(types.LightClientHeader)
	if _, err := UpgradeLCHeader(gloas, params.Electra, empty); err == nil {
		t.Error("a header went from gloas to electra")
	}
	if post, err := UpgradeLCHeader(electra, params.Gloas, empty); err != nil || !isDefault(gloas, &post) {
		t.Errorf("the default header becomes %+v (%v)", post, err)
	}
	long := &types.LightClientBootstrap{CurrentSyncCommitteeBranch: make([]types.Bytes32, 20)}
	if _, err := UpgradeLCBootstrap(electra, params.Gloas, long); err == nil {
		t.Error("a bootstrap with a branch of 20 nodes was upgraded")
	}
	store := &LightClientStore{Cx: electra, BestValidUpdate: &types.LightClientUpdate{FinalityBranch: make([]types.Bytes32, 1)}}
	if _, err := UpgradeLCStore(store, params.Gloas); err == nil || store.Cx.Fork != params.Electra {
		t.Errorf("a store with a malformed update was upgraded: %v", err)
	}
	for _, to := range []params.Fork{params.Fulu, params.Gloas} {
		finality, err := UpgradeLCFinalityUpdate(electra, to, new(types.LightClientFinalityUpdate))
		c.must(err)
		if have, want := uint64(len(finality.FinalityBranch)), types.FinalityBranchDepth(to); have != want {
			t.Errorf("finality branch of %v has %d nodes, want %d", to, have, want)
		}
		if _, err := UpgradeLCOptimisticUpdate(electra, to, new(types.LightClientOptimisticUpdate)); err != nil {
			t.Error(err)
		}
	}
}

// A chain that begins with Deneb finalizes the default header first, whose execution root upgrades keep, too.
func TestExecutionRootOfGenesis(t *testing.T) {
	for _, config := range []string{"CAPELLA_FORK_EPOCH: 0", "CAPELLA_FORK_EPOCH: 0\nDENEB_FORK_EPOCH: 0"} {
		spec, _, err := testSpec(t).Override([]byte(config))
		if err != nil {
			t.Fatal(err)
		}
		electra, gloas := ssz.Context{Spec: spec, Fork: params.Electra}, ssz.Context{Spec: spec, Fork: params.Gloas}
		pre := new(types.LightClientHeader)
		post, err := UpgradeLCHeader(electra, params.Gloas, pre)
		if err != nil || !isDefault(gloas, &post) {
			t.Errorf("%s: the default header becomes %+v (%v)", config, post, err)
		}
		before, err1 := GetLCExecutionRoot(electra, pre)
		after, err2 := GetLCExecutionRoot(gloas, &post)
		if err1 != nil || err2 != nil || before != after || before == (types.Root{}) {
			t.Errorf("%s: execution root %v, upgraded %v (%v, %v)", config, before, after, err1, err2)
		}
	}
}

// The execution root of a header that is too short for its slot is an error, not a panic.
func TestExecutionRootOfShortBranch(t *testing.T) {
	c := newChain(t)
	cx := ssz.Context{Spec: c.spec, Fork: params.Gloas}
	for n := range 9 {
		header := &types.LightClientHeader{Beacon: types.BeaconBlockHeader{Slot: 17}, ExecutionBranch: make([]types.Bytes32, n)}
		if root, err := GetLCExecutionRoot(cx, header); err == nil {
			t.Errorf("branch of %d nodes: root %v", n, root)
		}
	}
}

// A branch is valid with any number of zeros in front that normalization gives it, and in no other length.
func TestNormalizedBranches(t *testing.T) {
	node := rapid.Custom(func(t *rapid.T) types.Bytes32 {
		return types.Bytes32(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "node"))
	})
	rapid.Check(t, func(t *rapid.T) {
		gindex := rapid.Uint64Range(2, 1<<20).Draw(t, "gindex")
		depth := floorlog2(gindex)
		branch := rapid.SliceOfN(node, depth, depth).Draw(t, "branch")
		leaf := node.Draw(t, "leaf")
		root := ssz.BranchRoot(leaf, branch, GetSubtreeIndex(gindex))
		longer := rapid.Uint64Range(gindex, 1<<24).Draw(t, "longer gindex")
		normalized, err := NormalizeMerkleBranch(branch, longer)
		if err != nil || len(normalized) != floorlog2(longer) {
			t.Fatalf("%d nodes (%v), want %d", len(normalized), err, floorlog2(longer))
		}
		if !IsValidNormalizedMerkleBranch(leaf, normalized, gindex, root) {
			t.Fatal("the branch is not valid")
		}
		if IsValidNormalizedMerkleBranch(leaf, branch[1:], gindex, root) {
			t.Fatal("a shorter branch is valid")
		}
		front := append([]types.Bytes32{{1}}, normalized...)
		if IsValidNormalizedMerkleBranch(leaf, front, gindex, root) {
			t.Fatal("a branch is valid with something else than zeros in front")
		}
		if _, err := NormalizeMerkleBranch(front, longer); err == nil {
			t.Fatal("a branch was cut")
		}
	})
}
