package ssz

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strconv"
)

// Path is what remains of a generalized index: the steps from a node down, first step in the highest bit.
type Path struct {
	steps uint64
	n     int
}

// NewPath turns a generalized index (at least 1) into steps from the root.
func NewPath(gindex uint64) (Path, error) {
	if gindex == 0 {
		return Path{}, fmt.Errorf("%w: 0", ErrPath)
	}
	n := bits.Len64(gindex) - 1
	return Path{steps: gindex, n: n}, nil
}

// Done tells that no step remains.
func (p Path) Done() bool { return p.n == 0 }

// Next gives the first step (0 left, 1 right) and the rest.
func (p Path) Next() (right bool, rest Path) {
	return p.steps>>(p.n-1)&1 == 1, Path{p.steps, p.n - 1}
}

// end finishes a proof at a chunk: no step may remain.
func (p Path) end(proof *Proof, leaf [32]byte) error {
	if !p.Done() {
		return fmt.Errorf("%w: %d steps below a chunk", ErrPath, p.n)
	}
	proof.Leaf = leaf
	return nil
}

// Proof is a single Merkle proof: the leaf at a generalized index and the siblings on the way, deepest first.
type Proof struct {
	Leaf   [32]byte
	Branch [][32]byte
}

func (p *Proof) push(sibling [32]byte) { p.Branch = append(p.Branch, sibling) }

// Prove makes the Merkle proof for one generalized index. On lists with cached roots it costs O(depth).
func Prove(cx Context, n Node, gindex uint64) (Proof, error) {
	var p Proof
	path, err := NewPath(gindex)
	if err == nil {
		err = n.Prove(cx, path, &p)
	}
	if err != nil {
		return Proof{}, fmt.Errorf("prove generalized index %d: %w", gindex, err)
	}
	slices.Reverse(p.Branch)
	return p, nil
}

// Multiproof proves several generalized indices at once (merkle-proofs.md, "Merkle multiproofs").
type Multiproof struct {
	Indices []uint64
	Leaves  [][32]byte
	// Helpers are the nodes at HelperIndices(Indices), in that order.
	Helpers [][32]byte
}

// ProveMulti makes a proof for several generalized indices, none of which is given twice or lies below another.
func ProveMulti(cx Context, n Node, gindices []uint64) (Multiproof, error) {
	if !independent(gindices) {
		return Multiproof{}, fmt.Errorf("prove generalized indices %d: %w: one is 0, given twice, or below another", gindices, ErrPath)
	}
	m := Multiproof{Indices: gindices}
	for _, g := range gindices {
		p, err := Prove(cx, n, g)
		if err != nil {
			return Multiproof{}, err
		}
		m.Leaves = append(m.Leaves, p.Leaf)
	}
	for _, g := range HelperIndices(gindices) {
		p, err := Prove(cx, n, g)
		if err != nil {
			return Multiproof{}, err
		}
		m.Helpers = append(m.Helpers, p.Leaf)
	}
	return m, nil
}

// independent tells whether no generalized index is 0, given twice, or below another.
func independent(gindices []uint64) bool {
	given := make(map[uint64]bool, len(gindices))
	for _, g := range gindices {
		if g == 0 || given[g] {
			return false
		}
		given[g] = true
	}
	for _, g := range gindices {
		for above := g / 2; above > 0; above /= 2 {
			if given[above] {
				return false
			}
		}
	}
	return true
}

// HelperIndices lists the nodes that a multiproof needs beside its leaves, in decreasing order (get_helper_indices).
func HelperIndices(gindices []uint64) []uint64 {
	paths, helpers := map[uint64]bool{}, map[uint64]bool{}
	for _, leaf := range gindices {
		for g := leaf; g > 1; g /= 2 {
			paths[g] = true
			helpers[g^1] = true
		}
	}
	var out []uint64
	for g := range helpers {
		if !paths[g] {
			out = append(out, g)
		}
	}
	slices.Sort(out)
	slices.Reverse(out)
	return out
}

// VerifyMultiproof tells whether the proof leads to root (calculate_multi_merkle_root). A proof with an index that is given
// twice or lies below another one is refused: nothing would bind the leaf of the lower one to the root.
func VerifyMultiproof(root [32]byte, m Multiproof) bool {
	helpers := HelperIndices(m.Indices)
	if !independent(m.Indices) || len(m.Leaves) != len(m.Indices) || len(m.Helpers) != len(helpers) {
		return false
	}
	nodes := map[uint64][32]byte{}
	var keys []uint64
	add := func(g uint64, node [32]byte) {
		if _, known := nodes[g]; !known {
			keys = append(keys, g)
		}
		nodes[g] = node
	}
	for i, g := range m.Indices {
		add(g, m.Leaves[i])
	}
	for i, g := range helpers {
		add(g, m.Helpers[i])
	}
	slices.SortFunc(keys, func(a, b uint64) int { return bits.Len64(b) - bits.Len64(a) })
	for i := 0; i < len(keys); i++ {
		g := keys[i]
		node, sibling := nodes[g], [32]byte{}
		_, parentKnown := nodes[g/2]
		sibling, siblingKnown := nodes[g^1]
		if g <= 1 || parentKnown || !siblingKnown {
			continue
		}
		if g&1 == 1 {
			node, sibling = sibling, node
		}
		add(g/2, HashPair(node, sibling))
	}
	have, known := nodes[1]
	return known && have == root
}

// Tree gives the roots of aligned subtrees over the chunks of a list, vector or container. Chunks that are not there
// count as zero.
type Tree interface {
	// Subtree is the root of the 2**level chunks from start on. Start is aligned to the level, counted from the
	// beginning of the binary (sub)tree it lies in.
	Subtree(start uint64, level int) [32]byte
	// Len is the number of chunks.
	Len() uint64
}

// Chunks is the Tree over chunks in memory.
type Chunks [][32]byte

// Len is the number of chunks.
func (c Chunks) Len() uint64 { return uint64(len(c)) }

// Subtree computes the root of the 2**level chunks from start on.
func (c Chunks) Subtree(start uint64, level int) [32]byte {
	if start >= uint64(len(c)) {
		return ZeroHash(level)
	}
	end, limit := uint64(len(c)), uint64(math.MaxUint64) // as deep as a limit of 2**64
	if level < 64 {
		limit = 1 << level
		end = start + min(end-start, limit)
	}
	h := Hasher{chunks: slices.Clone(c[start:end])}
	h.Merkleize(0, limit)
	return h.Pop()
}

// View is a value seen as a Merkle tree: chunks, an optional mix-in to the right of them, and what lies below a chunk.
type View struct {
	Tree
	Limit       uint64    // chunks of a binary tree
	Progressive bool      // or a progressive tree
	MixIn       *[32]byte // length or active fields
	Count       uint64    // elements that exist, when Element is set
	// Element continues a proof inside element i. Without it the chunks are packed and nothing lies below.
	Element func(i uint64, path Path, p *Proof) error
}

// progressiveFrom is the root of the progressive tree whose first binary subtree starts at a chunk.
func (v View) progressiveFrom(start uint64, level int) [32]byte {
	if start >= v.Len() {
		return [32]byte{}
	}
	return HashPair(v.Subtree(start, level), v.progressiveFrom(start+1<<level, level+2))
}

func (v View) root() [32]byte {
	if v.Progressive {
		return v.progressiveFrom(0, 0)
	}
	return v.Subtree(0, Depth(v.Limit))
}

// Root is the root of the whole view.
func (v View) Root() [32]byte {
	if v.MixIn == nil {
		return v.root()
	}
	return HashPair(v.root(), *v.MixIn)
}

// Prove walks path from the root of the view and appends the siblings it passes, top down.
func (v View) Prove(path Path, p *Proof) error {
	if path.Done() {
		return path.end(p, v.Root())
	}
	if v.MixIn != nil {
		right, rest := path.Next()
		if right {
			p.push(v.root())
			return rest.end(p, *v.MixIn)
		}
		p.push(*v.MixIn)
		path = rest
	}
	start, level := uint64(0), Depth(v.Limit)
	if v.Progressive {
		for level = 0; ; level += 2 {
			if path.Done() {
				return path.end(p, v.progressiveFrom(start, level))
			}
			if start >= v.Len() {
				return path.end(p, [32]byte{})
			}
			right, rest := path.Next()
			path = rest
			if !right {
				p.push(v.progressiveFrom(start+1<<level, level+2))
				break
			}
			p.push(v.Subtree(start, level))
			start += 1 << level
		}
	}
	for ; level > 0; level-- {
		if path.Done() {
			return path.end(p, v.Subtree(start, level))
		}
		var right bool
		right, path = path.Next()
		half := uint64(1) << (level - 1)
		if right {
			p.push(v.Subtree(start, level-1))
			start += half
		} else {
			p.push(v.Subtree(start+half, level-1))
		}
	}
	if v.Element != nil && start < v.Count && !path.Done() {
		return v.Element(start, path, p)
	}
	return path.end(p, v.Subtree(start, 0))
}

// gindex is the generalized index of a chunk. It fails where that does not fit 64 bits.
func (v View) gindex(chunk uint64) (uint64, error) {
	g := uint64(1)
	if v.MixIn != nil {
		g = 2
	}
	depth := Depth(v.Limit)
	if v.Progressive {
		for depth = 0; depth < 64 && chunk >= 1<<depth; depth += 2 {
			chunk -= 1 << depth
			g = 2*g + 1
		}
		g *= 2
	}
	if bits.Len64(g)+depth > 64 {
		return 0, fmt.Errorf("%w: the chunk lies deeper than 64 bits tell", ErrPath)
	}
	return g<<depth | chunk, nil
}

// child resolves an element's number, of elements that share a chunk perChunk at a time and lie below bound, or __len__.
func (v View) child(step string, perChunk, bound uint64, element func(uint64) Node) (uint64, Node, error) {
	if step == "__len__" && v.MixIn != nil {
		return 3, nil, nil
	}
	i, err := strconv.ParseUint(step, 10, 64)
	if err != nil || i >= bound {
		return noChild(step)
	}
	gindex, err := v.gindex(i / perChunk)
	if err != nil || element == nil {
		return gindex, nil, err
	}
	return gindex, element(i), nil
}

func noChild(step string) (uint64, Node, error) {
	return 0, nil, fmt.Errorf("%w: %q", ErrPath, clip(step))
}

// GeneralizedIndex resolves a path of field names, element numbers and "__len__" (get_generalized_index).
func GeneralizedIndex(cx Context, n Node, path ...string) (uint64, error) {
	g := uint64(1)
	for k, step := range path {
		if n == nil {
			return 0, fmt.Errorf("%w: %q lies below a chunk", ErrPath, clip(step))
		}
		below, child, err := n.Child(cx, step)
		if err != nil {
			return 0, fmt.Errorf("step %d: %w", k+1, err)
		}
		depth := bits.Len64(below) - 1
		if bits.Len64(g)+depth > 64 {
			return 0, fmt.Errorf("%w: %q lies deeper than 64 bits tell", ErrPath, clip(step))
		}
		g, n = g<<depth|(below^1<<depth), child
	}
	return g, nil
}

// VerifyProof tells whether a proof leads from its leaf at a generalized index to root (verify_merkle_proof).
func VerifyProof(root [32]byte, gindex uint64, p Proof) bool {
	if gindex == 0 || len(p.Branch) != bits.Len64(gindex)-1 {
		return false
	}
	return BranchRoot(p.Leaf, p.Branch, gindex) == root
}

// BranchRoot is the root that a branch, deepest sibling first, leads to from a leaf. Only the low bits of the generalized
// index count, one a sibling: the leaf's position among the nodes of its depth will do (calculate_merkle_root).
func BranchRoot[R ~[32]byte](leaf [32]byte, branch []R, gindex uint64) [32]byte {
	node := leaf
	for _, sibling := range branch {
		if gindex&1 == 1 {
			node = HashPair(sibling, node)
		} else {
			node = HashPair(node, sibling)
		}
		gindex /= 2
	}
	return node
}

// LengthMixIn is the chunk that mix_in_length puts beside a list.
func LengthMixIn(n uint64) *[32]byte {
	var h Hasher
	h.PushUint64(n)
	return &h.chunks[0]
}
