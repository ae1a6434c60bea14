package mock

import (
	"fmt"

	"github.com/cresset/cresset/beacon/engine/wire"
	"github.com/cresset/cresset/beacon/types"
)

// judgement is what the engine holds of a payload.
type judgement uint8

const (
	pending judgement = iota // well-formed, but an ancestor is missing
	valid
	invalid
)

// node is a payload in the tree.
type node struct {
	hash, parent types.Hash32
	number       uint64
	timestamp    uint64
	gasLimit     uint64
	verdict      judgement
	why          string // why it is invalid
	payload      *types.ExecutionPayload
}

// tree is all payloads. The Engine's mutex guards it.
type tree struct {
	most     int
	nodes    map[types.Hash32]*node
	children map[types.Hash32][]types.Hash32
	head     types.Hash32
}

func newTree(g Genesis, most int) tree {
	t := tree{most: most, nodes: map[types.Hash32]*node{}, children: map[types.Hash32][]types.Hash32{}, head: g.Hash}
	t.addLocked(&node{hash: g.Hash, number: g.Number, timestamp: g.Timestamp, gasLimit: g.GasLimit, verdict: valid})
	return t
}

// addLocked puts a payload into the tree; where there is no room, the lowest of the others goes.
func (t *tree) addLocked(n *node) {
	if len(t.nodes) >= t.most {
		var lowest *node
		for _, x := range t.nodes {
			if x.hash != t.head && (lowest == nil || x.number < lowest.number) {
				lowest = x
			}
		}
		if lowest != nil {
			delete(t.nodes, lowest.hash)
			delete(t.children, lowest.hash)
			if t.nodes[lowest.parent] == nil {
				delete(t.children, lowest.parent)
			}
		}
	}
	t.nodes[n.hash] = n
	t.children[n.parent] = append(t.children[n.parent], n.hash)
}

// settleLocked judges a pending payload by its parent, and those that waited for it by it.
func (t *tree) settleLocked(hash types.Hash32) {
	for work := []types.Hash32{hash}; len(work) > 0; {
		n := t.nodes[work[0]]
		work = work[1:]
		if n == nil || n.verdict != pending {
			continue
		}
		parent := t.nodes[n.parent]
		if parent == nil || parent.verdict == pending {
			continue
		}
		t.judgeLocked(n, parent)
		work = append(work, t.children[n.hash]...)
	}
}

func (t *tree) judgeLocked(n, parent *node) {
	n.verdict = valid
	switch {
	case parent.verdict == invalid:
		n.verdict, n.why = invalid, fmt.Sprintf("its parent %v is invalid", parent.hash)
	case parent.payload != nil && n.number != parent.number+1:
		n.verdict, n.why = invalid, fmt.Sprintf("block number %d on top of %d", n.number, parent.number)
	case n.timestamp <= parent.timestamp:
		n.verdict, n.why = invalid, fmt.Sprintf("timestamp %d, that of the parent is %d", n.timestamp, parent.timestamp)
	}
}

// adoptLocked makes all that is pending in the branch of a payload valid, as if what is missing had come from peers.
func (t *tree) adoptLocked(hash types.Hash32) {
	var branch []*node
	for n := t.nodes[hash]; n != nil && n.verdict == pending; n = t.nodes[n.parent] {
		branch = append(branch, n)
	}
	if len(branch) == 0 {
		return
	}
	if last := branch[len(branch)-1]; t.nodes[last.parent] == nil {
		last.verdict = valid
		branch = branch[:len(branch)-1]
		for _, child := range t.children[last.hash] {
			t.settleLocked(child)
		}
	}
	for i := len(branch) - 1; i >= 0; i-- {
		t.settleLocked(branch[i].hash)
	}
}

// condemnLocked makes a payload and all above it invalid.
func (t *tree) condemnLocked(hash types.Hash32, why string) {
	for work := []types.Hash32{hash}; len(work) > 0; work = work[1:] {
		if n := t.nodes[work[0]]; n != nil {
			n.verdict, n.why = invalid, why
			work = append(work, t.children[n.hash]...)
		}
	}
}

// latestValidLocked is the newest valid payload in a branch; nil if none is known.
func (t *tree) latestValidLocked(hash types.Hash32) *types.Bytes32 {
	for n := t.nodes[hash]; n != nil; n = t.nodes[n.parent] {
		if n.verdict == valid {
			found := types.Bytes32(n.hash)
			return &found
		}
	}
	return nil
}

// statusLocked is what is answered about a payload.
func (t *tree) statusLocked(hash types.Hash32) wire.PayloadStatus {
	n := t.nodes[hash]
	switch {
	case n == nil || n.verdict == pending:
		return wire.PayloadStatus{Status: wire.Syncing}
	case n.verdict == invalid:
		return wire.PayloadStatus{Status: wire.Invalid, LatestValidHash: t.latestValidLocked(hash), ValidationError: n.why}
	}
	return wire.PayloadStatus{Status: wire.Valid, LatestValidHash: t.latestValidLocked(hash)}
}

// inBranchLocked tells whether a payload is head or an ancestor of it, as far as is known; zero is in every branch.
func (t *tree) inBranchLocked(hash, head types.Hash32) bool {
	if hash == (types.Hash32{}) || hash == head {
		return true
	}
	target := t.nodes[hash]
	for n := t.nodes[head]; target != nil && n != nil && n.number > target.number; {
		if n.parent == hash {
			return true
		}
		n = t.nodes[n.parent]
	}
	return false
}

// canonicalLocked is the payload of the head's branch with a number; nil if there is none.
func (t *tree) canonicalLocked(number uint64) *node {
	for n := t.nodes[t.head]; n != nil && n.number >= number; n = t.nodes[n.parent] {
		if n.number == number {
			return n
		}
	}
	return nil
}
