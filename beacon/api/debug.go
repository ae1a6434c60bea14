package api

import (
	"encoding/json"

	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/forkchoice"
)

// debugHeads answers with the blocks that no other builds on. Spec: getDebugChainHeadsV2.
func (c *call) debugHeads() error {
	tree, err := c.n.Chain.Tree(c.r.Context())
	if err != nil {
		return err
	}
	parents := map[types.Root]bool{}
	for i := range tree.Blocks {
		parents[tree.Blocks[i].ParentRoot] = true
	}
	type head struct {
		Root       string `json:"root"`
		Slot       string `json:"slot"`
		Optimistic bool   `json:"execution_optimistic"`
	}
	heads, s := []head{}, c.n.Chain.Snapshot()
	for i := range tree.Blocks {
		b := &tree.Blocks[i]
		if parents[b.Root] {
			continue
		}
		known := c.n.Chain.Block(b.Root)
		heads = append(heads, head{b.Root.String(), decimal(b.Slot), known != nil && c.optimistic(s, known)})
	}
	return c.data(meta{}, heads)
}

// treeNode is a block of fork choice. Spec: Node (types/fork_choice.yaml).
type treeNode struct {
	Slot          string            `json:"slot"`
	BlockRoot     string            `json:"block_root"`
	ParentRoot    string            `json:"parent_root"`
	Justified     string            `json:"justified_epoch"`
	Finalized     string            `json:"finalized_epoch"`
	Weight        string            `json:"weight"`
	Validity      string            `json:"validity"`
	ExecutionHash string            `json:"execution_block_hash"`
	Extra         map[string]string `json:"extra_data"`
}

func nodeOf(b *chain.TreeBlock) treeNode {
	n := treeNode{
		Slot: decimal(b.Slot), BlockRoot: b.Root.String(), ParentRoot: b.ParentRoot.String(), Justified: decimal(b.JustifiedCheckpoint.Epoch),
		Finalized: decimal(b.FinalizedCheckpoint.Epoch), Validity: "valid", ExecutionHash: b.ExecutionBlockHash.String(), Extra: map[string]string{},
	}
	for _, node := range b.Nodes {
		if node.PayloadStatus != forkchoice.Pending { // gloas: the two ways that a block can be built on
			n.Extra["weight_"+node.PayloadStatus.String()] = decimal(node.Weight)
			continue
		}
		n.Weight = decimal(node.Weight)
		switch node.Execution {
		case forkchoice.Optimistic:
			n.Validity = "optimistic"
		case forkchoice.Invalid:
			n.Validity = "invalid"
		}
	}
	return n
}

// debugForkChoice answers with all of fork choice. Spec: getDebugForkChoice.
func (c *call) debugForkChoice() error {
	tree, err := c.n.Chain.Tree(c.r.Context())
	if err != nil {
		return err
	}
	nodes := make([]treeNode, len(tree.Blocks))
	for i := range tree.Blocks {
		nodes[i] = nodeOf(&tree.Blocks[i])
	}
	text, err := json.Marshal(struct {
		Justified ssz.Bound         `json:"justified_checkpoint"`
		Finalized ssz.Bound         `json:"finalized_checkpoint"`
		Nodes     []treeNode        `json:"fork_choice_nodes"`
		Extra     map[string]string `json:"extra_data"`
	}{ssz.Bind(ssz.Context{}, &tree.Justified), ssz.Bind(ssz.Context{}, &tree.Finalized), nodes, map[string]string{}})
	if err != nil {
		return err
	}
	return c.whole(text)
}
