package ssz

import (
	"fmt"

	fastssz "github.com/ferranbt/fastssz"
)

// MaxTreeSize is the largest encoding, in bytes, of which [Bound.GetTree] makes a tree of nodes. A node takes some 150
// bytes; larger values are proved by [Prove], which needs no such tree.
const MaxTreeSize = 1 << 16

// Bound is a value together with its schema. It is what the ecosystem's SSZ library knows as an object: it satisfies
// fastssz.Marshaler, Unmarshaler and HashRoot.
type Bound struct {
	Cx   Context
	Node Node
}

// Bind joins a container with the context its schema needs.
func Bind(cx Context, o Object) Bound { return Bound{cx, Container(o)} }

// SizeSSZ is the length of the encoding in bytes.
func (b Bound) SizeSSZ() int { return Size(b.Cx, b.Node) }

// MarshalSSZ gives the encoding.
func (b Bound) MarshalSSZ() ([]byte, error) { return Marshal(b.Cx, b.Node) }

// MarshalSSZTo appends the encoding to dst.
func (b Bound) MarshalSSZTo(dst []byte) ([]byte, error) {
	out, err := b.Node.Encode(b.Cx, dst)
	if err != nil {
		return dst, fmt.Errorf("encode: %w", named(b.Node, err))
	}
	return out, nil
}

// UnmarshalSSZ reads the value from exactly src.
func (b Bound) UnmarshalSSZ(src []byte) error { return Unmarshal(b.Cx, src, b.Node) }

// MarshalJSON gives the Beacon API's JSON.
func (b Bound) MarshalJSON() ([]byte, error) { return MarshalJSON(b.Cx, b.Node) }

// UnmarshalJSON reads the Beacon API's JSON.
func (b Bound) UnmarshalJSON(src []byte) error { return UnmarshalJSON(b.Cx, src, b.Node) }

// HashTreeRoot gives the hash tree root.
func (b Bound) HashTreeRoot() ([32]byte, error) { return HashTreeRoot(b.Cx, b.Node) }

// HashTreeRootWith adds the hash tree root to a walk of the other library's hasher.
func (b Bound) HashTreeRootWith(hh fastssz.HashWalker) error {
	root, err := b.HashTreeRoot()
	if err != nil {
		return err
	}
	hh.AppendBytes32(root[:])
	return nil
}

// GetTree gives the value as a tree of nodes, if its encoding has at most [MaxTreeSize] bytes. Subtrees of zeros are one node.
func (b Bound) GetTree() (*fastssz.Node, error) {
	if size := b.SizeSSZ(); size > MaxTreeSize {
		return nil, fmt.Errorf("tree of a value of %d bytes, the limit is %d", size, MaxTreeSize)
	}
	return b.tree(1)
}

func (b Bound) tree(gindex uint64) (*fastssz.Node, error) {
	p, err := Prove(b.Cx, b.Node, gindex)
	if err != nil {
		return nil, err
	}
	if isZeroHash(p.Leaf) {
		return fastssz.NewEmptyNode(p.Leaf[:]), nil
	}
	if _, err := Prove(b.Cx, b.Node, 2*gindex); err != nil {
		return fastssz.NewNodeWithValue(p.Leaf[:]), nil // no children: a chunk
	}
	left, err := b.tree(2 * gindex)
	if err != nil {
		return nil, err
	}
	right, err := b.tree(2*gindex + 1)
	if err != nil {
		return nil, err
	}
	return fastssz.NewNodeWithLR(left, right), nil
}

func isZeroHash(node [32]byte) bool {
	for _, zero := range zeroHashes {
		if node == zero {
			return true
		}
	}
	return false
}
