package spectest

import (
	"slices"
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/sync/light"
)

// Spec: tests/formats/merkle_proof and tests/formats/light_client/single_merkle_proof.md.

// runSingleMerkleProof checks the proof of a leaf, and that we make the same.
func runSingleMerkleProof(t *testing.T, c *Case) {
	var v struct {
		Leaf      hexBytes   `yaml:"leaf"`
		LeafIndex uint64     `yaml:"leaf_index"`
		Branch    []hexBytes `yaml:"branch"`
	}
	c.MustYAML("proof", &v)
	object := types.New(c.Suite)
	if object == nil {
		t.Fatalf("unknown container %s", c.Suite)
	}
	cx := ssz.Context{Spec: c.Spec(), Fork: c.Fork}
	if err := ssz.Unmarshal(cx, c.MustSSZ("object"), ssz.Container(object)); err != nil {
		t.Fatal(err)
	}
	root, err := ssz.HashTreeRoot(cx, ssz.Container(object))
	if err != nil {
		t.Fatal(err)
	}
	leaf := array[[32]byte](t, v.Leaf)
	branch := make([]types.Bytes32, len(v.Branch))
	for i, node := range v.Branch {
		branch[i] = array[[32]byte](t, node)
	}
	depth, index := uint64(len(branch)), light.GetSubtreeIndex(v.LeafIndex)
	if !types.IsValidMerkleBranch(leaf, branch, depth, index, root) || !light.IsValidNormalizedMerkleBranch(leaf, branch, v.LeafIndex, root) {
		t.Errorf("the branch does not lead from the leaf at %d to the root %x", v.LeafIndex, root)
	}
	proof, err := ssz.Prove(cx, ssz.Container(object), v.LeafIndex)
	if err != nil {
		t.Fatal(err)
	}
	own := func(a types.Bytes32, b [32]byte) bool { return a == b }
	if proof.Leaf != leaf || !slices.EqualFunc(branch, proof.Branch, own) {
		t.Errorf("our proof at %d is %x %x, want %x %x", v.LeafIndex, proof.Leaf, proof.Branch, leaf, branch)
	}
	if want, ok := lightGindex(c); ok && want != v.LeafIndex {
		t.Errorf("leaf index is %d, ours is %d", v.LeafIndex, want)
	}
}

// lightGindex is the generalized index that a case of the light client's is about.
func lightGindex(c *Case) (uint64, bool) {
	switch {
	case c.Runner != "light_client":
		return 0, false
	case c.Name == "current_sync_committee_merkle_proof":
		return types.CurrentSyncCommitteeGindex(c.Fork), true
	case c.Name == "next_sync_committee_merkle_proof":
		return types.NextSyncCommitteeGindex(c.Fork), true
	case c.Name == "finality_root_merkle_proof":
		return types.FinalizedRootGindex(c.Fork), true
	case c.Name == "execution_merkle_proof":
		return params.ExecutionPayloadGindex, true
	case c.Name == "execution_block_hash_merkle_proof":
		return types.ExecutionBlockHashGindex(c.Fork), true
	}
	return 0, false
}
