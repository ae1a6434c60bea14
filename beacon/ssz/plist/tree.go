package plist

import (
	"fmt"
	"sync/atomic"

	"github.com/cresset/cresset/beacon/ssz"
)

const (
	pageChunks   = 64 // chunks in a page; one bit each in a dirty mask
	branchPages  = 64 // pages in a branch
	branchChunks = pageChunks * branchPages
	pageDepth    = 6  // log2(pageChunks)
	branchDepth  = 12 // log2(branchChunks)

	// ProgressivePad is where the first chunk of a progressive list lies. The subtrees of 1, 4, ..., 4**5 chunks
	// then end exactly with the first branch, each aligned to its size, and all larger ones are whole branches.
	ProgressivePad = branchChunks - (branchChunks-1)/3
)

// Page is 64 chunks with the inner nodes above them and the values P that the chunks are the roots of. For basic values
// the chunks are the values and P is empty.
type Page[P any] struct {
	Values P
	stamp  uint64
	// stale has a bit for each chunk whose path of nodes is out of date; where P holds the values the chunk is too.
	stale uint64
	// known has a bit for each stale chunk that is right itself: its value moved here together with its root.
	known uint64
	// nodes are the levels from 2 (16 nodes) to 6 (the root, last). Level 1 is not kept: it costs half of all
	// nodes' memory and saves one hash of seven on a path.
	nodes  [31][32]byte
	Chunks [pageChunks][32]byte
}

// nodeBase[l] is where level l starts in Page.nodes.
var nodeBase = [pageDepth + 1]int{2: 0, 3: 16, 4: 24, 5: 28, 6: 30}

func (p *Page[P]) root() [32]byte { return p.nodes[30] }

// Stamp is the mark of the list that made the page and may write to it.
func (p *Page[P]) Stamp() uint64 { return p.stamp }

// Known gives chunk c if it is the root of its value as that stands.
func (p *Page[P]) Known(c int) (root [32]byte, ok bool) {
	return p.Chunks[c], p.stale>>c&1 == 0 || p.known>>c&1 == 1
}

// branch is 64 pages with the nodes above their roots. A nil page is one of zero chunks.
type branch[P any] struct {
	pages [branchPages]*Page[P]
	stamp uint64
	stale uint64 // pages whose root is out of date or new
	// nodes are the levels from 7 (32 nodes) to 12 (the root, last).
	nodes [63][32]byte
}

var branchBase = [branchDepth + 1]int{7: 0, 8: 32, 9: 48, 10: 56, 11: 60, 12: 62}

func (b *branch[P]) root() [32]byte { return b.nodes[62] }

// Tree is a persistent array of chunks with cached Merkle nodes. The zero Tree is empty and of binary shape.
type Tree[P any] struct {
	top []*branch[P]
	// pad is how far chunks are shifted: 0, or ProgressivePad.
	pad    int
	stamp  uint64
	stamps *atomic.Uint64 // source of stamps for this tree and all its copies
	frozen bool
	stale  bool // some branch is stale
}

// Progressive tells the shape of the tree.
func (t *Tree[P]) Progressive() bool { return t.pad != 0 }

// Empty gives a tree of the same shape without chunks, to take the place of t, which must not be frozen.
func (t *Tree[P]) Empty() Tree[P] { return t.EmptyOf(t.Progressive()) }

// EmptyOf is Empty with a shape of its own.
func (t *Tree[P]) EmptyOf(progressive bool) (out Tree[P]) {
	t.mustBeWritable()
	if progressive {
		out.pad = ProgressivePad
	}
	return out
}

func (t *Tree[P]) mustBeWritable() {
	if t.frozen {
		panic("plist: write to a frozen list")
	}
}

// Copy gives a tree that shares everything with t until one of them is written to.
func (t *Tree[P]) Copy() Tree[P] {
	c := *t
	c.frozen = false
	c.top = append([]*branch[P](nil), t.top...)
	if t.stamps != nil {
		if !t.frozen {
			t.stamp = t.stamps.Add(1)
		}
		c.stamp = t.stamps.Add(1)
	}
	return c
}

// Freeze forbids writes, so that the tree may be shared. Its roots must be up to date.
func (t *Tree[P]) Freeze() {
	if t.stale {
		panic("plist: frozen before its root was computed")
	}
	t.frozen = true
}

// locate gives branch, page and chunk number of the chunk at position i.
func (t *Tree[P]) locate(i int) (b, p, c int) {
	v := i + t.pad
	return v >> branchDepth, v >> pageDepth & (branchPages - 1), v & (pageChunks - 1)
}

// Page gives the page that holds chunk i for reading, and the chunk's number in it. It is nil if the page has never been
// written: all its chunks are zero.
func (t *Tree[P]) Page(i int) (page *Page[P], chunk int) {
	b, p, c := t.locate(i)
	if b >= len(t.top) || t.top[b] == nil {
		return nil, c
	}
	return t.top[b].pages[p], c
}

// PageLeft is the number of chunks from chunk i to the end of its page.
func (t *Tree[P]) PageLeft(i int) int { return pageChunks - (i+t.pad)&(pageChunks-1) }

// Write gives the page that holds chunk i for writing and marks count chunks from i on as changed; they lie in one page.
func (t *Tree[P]) Write(i, count int) (page *Page[P], chunk int) {
	t.mustBeWritable()
	t.stamped()
	b, p, c := t.locate(i)
	br := t.ownBranch(b)
	page = ownPage(br, p, t.stamp)
	mask := (^uint64(0) >> (pageChunks - count)) << c
	page.stale |= mask
	page.known &^= mask
	br.stale |= 1 << p
	if !t.stale { // an open tree has it set, so that its writers only read it
		t.stale = true
	}
	return page, c
}

// stamped gives a new tree its stamp.
func (t *Tree[P]) stamped() {
	if t.stamps == nil {
		t.stamps = new(atomic.Uint64)
		t.stamp = t.stamps.Add(1)
	}
}

func (t *Tree[P]) ownBranch(b int) *branch[P] {
	for b >= len(t.top) {
		t.top = append(t.top, nil)
	}
	switch br := t.top[b]; {
	case br == nil:
		t.top[b] = newBranch[P](t.stamp)
	case br.stamp != t.stamp:
		clone := *br
		clone.stamp = t.stamp
		t.top[b] = &clone
	}
	return t.top[b]
}

// newBranch is a branch of zero chunks with its nodes up to date.
func newBranch[P any](stamp uint64) *branch[P] {
	br := &branch[P]{stamp: stamp}
	for level := pageDepth + 1; level <= branchDepth; level++ {
		zero := ssz.ZeroHash(level)
		for k := range 1 << (branchDepth - level) {
			br.nodes[branchBase[level]+k] = zero
		}
	}
	return br
}

func ownPage[P any](br *branch[P], p int, stamp uint64) *Page[P] {
	switch page := br.pages[p]; {
	case page == nil:
		// All nodes of a new page are made when its root is computed.
		// Its chunks are zero, which is what they are to be behind the end of the list.
		br.pages[p] = &Page[P]{stamp: stamp, stale: ^uint64(0), known: ^uint64(0)}
	case page.stamp != stamp:
		clone := *page
		clone.stamp = stamp
		br.pages[p] = &clone
	}
	return br.pages[p]
}

// Subtree is the root of the 2**level chunks from start on, which is aligned as ssz.Tree says. Roots are up to date.
func (t *Tree[P]) Subtree(start uint64, level int) [32]byte {
	if t.stale {
		panic("plist: node of a tree whose root was not computed")
	}
	return t.node(start+uint64(t.pad), level)
}

// node is the root of the 2**level chunks from the shifted position v on.
func (t *Tree[P]) node(v uint64, level int) [32]byte {
	b := v >> branchDepth
	if b >= uint64(len(t.top)) {
		return ssz.ZeroHash(level)
	}
	if level > branchDepth {
		return t.above(b, level-branchDepth)
	}
	br := t.top[b]
	if br == nil {
		return ssz.ZeroHash(level)
	}
	inBranch := int(v & (branchChunks - 1))
	if level > pageDepth {
		return br.nodes[branchBase[level]+inBranch>>level]
	}
	page := br.pages[inBranch>>pageDepth]
	if page == nil {
		return ssz.ZeroHash(level)
	}
	c := inBranch & (pageChunks - 1)
	switch level {
	case 0:
		return page.Chunks[c]
	case 1:
		return ssz.HashPair(page.Chunks[c], page.Chunks[c+1])
	}
	return page.nodes[nodeBase[level]+c>>level]
}

// above computes the root of 2**height branches from b on; these few nodes are not kept.
func (t *Tree[P]) above(b uint64, height int) [32]byte {
	width := uint64(len(t.top)) - b
	if height < 32 {
		width = min(width, 1<<height)
	}
	roots := make([][32]byte, width, width+1)
	for k := range roots {
		if br := t.top[b+uint64(k)]; br != nil {
			roots[k] = br.root()
		} else {
			roots[k] = ssz.ZeroHash(branchDepth)
		}
	}
	for h := range height {
		if len(roots)%2 == 1 {
			roots = append(roots, ssz.ZeroHash(branchDepth+h))
		}
		ssz.HashPairs(roots, roots)
		roots = roots[:len(roots)/2]
	}
	return roots[0]
}

// SetKnown gives the root of the value at chunk i, which was just written, so that it need not be computed.
func (t *Tree[P]) SetKnown(i int, root [32]byte) {
	page, c := t.Write(i, 1)
	page.Chunks[c] = root
	page.known |= 1 << c
}

// View shows the first n chunks as a Merkle tree of the given shape, its limit counted in chunks. The nodes are up to
// date. A tree that is laid out for the other shape must be rebuilt first.
func (t *Tree[P]) View(n int, shape ssz.Shape) (ssz.View, error) {
	if len(t.top) > 0 && t.Progressive() != shape.Progressive {
		return ssz.View{}, fmt.Errorf("plist: list is laid out progressive: %t, its schema says %t", t.Progressive(), shape.Progressive)
	}
	return ssz.View{Tree: counted[P]{t, n}, Limit: shape.Limit, Progressive: shape.Progressive, Count: uint64(n)}, nil
}

// counted is a Tree together with the number of its chunks.
type counted[P any] struct {
	*Tree[P]
	n int
}

func (c counted[P]) Len() uint64 { return uint64(c.n) }
