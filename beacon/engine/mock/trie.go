package mock

import (
	"slices"

	"golang.org/x/crypto/sha3"
)

// keccak is Keccak-256, the hash of the execution layer.
func keccak(b []byte) (out [32]byte) {
	h := sha3.NewLegacyKeccak256()
	h.Write(b)
	h.Sum(out[:0])
	return out
}

// leaf is an entry of a trie: the nibbles of its key, and its value.
type leaf struct {
	path  []byte
	value []byte
}

// listRoot is the root of the Merkle-Patricia trie from RLP(index) to item, as transactions and withdrawals are committed to.
func listRoot(items [][]byte) [32]byte {
	leaves := make([]leaf, len(items))
	for i, item := range items {
		key := rlpUint(nil, uint64(i))
		path := make([]byte, 0, 2*len(key))
		for _, b := range key {
			path = append(path, b>>4, b&15)
		}
		leaves[i] = leaf{path, item}
	}
	slices.SortFunc(leaves, func(a, b leaf) int { return slices.Compare(a.path, b.path) })
	return keccak(trieNode(leaves, 0))
}

// trieNode is the RLP of the node above leaves that share the first depth nibbles. No key is the beginning of another.
func trieNode(leaves []leaf, depth int) []byte {
	switch len(leaves) {
	case 0:
		return rlpString(nil, nil)
	case 1:
		return rlpList(nil, rlpString(rlpString(nil, compact(leaves[0].path[depth:], true)), leaves[0].value))
	}
	first, last := leaves[0].path, leaves[len(leaves)-1].path
	shared := depth
	for first[shared] == last[shared] {
		shared++
	}
	if shared > depth {
		return rlpList(nil, append(rlpString(nil, compact(first[depth:shared], false)), reference(trieNode(leaves, shared))...))
	}
	var items []byte
	for nibble := byte(0); nibble < 16; nibble++ {
		n := 0
		for n < len(leaves) && leaves[n].path[depth] == nibble {
			n++
		}
		if n == 0 {
			items = rlpString(items, nil)
			continue
		}
		items = append(items, reference(trieNode(leaves[:n], depth+1))...)
		leaves = leaves[n:]
	}
	return rlpList(nil, rlpString(items, nil)) // A branch has no value of its own.
}

// reference is how a node stands in its parent: itself if it is shorter than a hash, else its hash.
func reference(node []byte) []byte {
	if len(node) < 32 {
		return node
	}
	hash := keccak(node)
	return rlpString(nil, hash[:])
}

// compact packs nibbles behind a flag for leaves and for odd lengths.
func compact(nibbles []byte, isLeaf bool) []byte {
	flag := byte(0)
	if isLeaf {
		flag = 2
	}
	if len(nibbles)%2 == 1 {
		nibbles = append([]byte{flag + 1}, nibbles...)
	} else {
		nibbles = append([]byte{flag, 0}, nibbles...)
	}
	out := make([]byte, len(nibbles)/2)
	for i := range out {
		out[i] = nibbles[2*i]<<4 | nibbles[2*i+1]
	}
	return out
}
