package ssz

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"sync"

	"github.com/prysmaticlabs/gohashtree"
)

// MaxDepth is the depth of the deepest tree a type can ask for: a list of 2**40 basic values, and room above.
const MaxDepth = 64

// zeroHashes[d] is the root of a binary tree of depth d with zero leaves.
var zeroHashes = func() (z [MaxDepth + 1][32]byte) {
	for d := range MaxDepth {
		z[d+1] = HashPair(z[d], z[d])
	}
	return z
}()

// ZeroHash is the root of a binary tree of the given depth whose leaves are all zero. Depth is at most [MaxDepth].
func ZeroHash(depth int) [32]byte { return zeroHashes[depth] }

// HashPair is the hash of an inner node.
func HashPair(left, right [32]byte) (out [32]byte) {
	pair := [2][32]byte{left, right}
	gohashtree.HashChunks(pair[:1], pair[:])
	return pair[0]
}

// HashPairs writes the hash of each two neighbours of chunks to dst, many at a time. dst may be the front of chunks.
// len(chunks) is even and len(dst) at least half of it.
func HashPairs(dst, chunks [][32]byte) {
	if len(chunks) == 0 {
		return
	}
	_ = dst[len(chunks)/2-1]
	gohashtree.HashChunks(dst, chunks[:len(chunks)&^1])
}

// Depth is the depth of the smallest binary tree with at least limit leaves.
func Depth(limit uint64) int {
	if limit <= 1 {
		return 0
	}
	return bits.Len64(limit - 1)
}

// chunkCount is how many chunks hold n elements of which perChunk share one.
func chunkCount(n, perChunk uint64) uint64 { return n/perChunk + (n%perChunk+perChunk-1)/perChunk }

// Hasher is a stack of chunks. A node's Root appends one chunk; containers and lists fold what their elements appended.
type Hasher struct {
	chunks [][32]byte
	err    error
}

var hashers = sync.Pool{New: func() any { return new(Hasher) }}

// Mark gives the present height of the stack, to be folded down to later.
func (h *Hasher) Mark() int { return len(h.chunks) }

// Push appends one chunk.
func (h *Hasher) Push(chunk [32]byte) { h.chunks = append(h.chunks, chunk) }

// PushUint64 appends a chunk that starts with v in little-endian order.
func (h *Hasher) PushUint64(v uint64) {
	var chunk [32]byte
	binary.LittleEndian.PutUint64(chunk[:], v)
	h.chunks = append(h.chunks, chunk)
}

// PushBytes appends b cut into chunks, the last one padded with zeros.
func (h *Hasher) PushBytes(b []byte) {
	for len(b) > 0 {
		var chunk [32]byte
		b = b[copy(chunk[:], b):]
		h.chunks = append(h.chunks, chunk)
	}
}

// Pop removes the topmost chunk and returns it.
func (h *Hasher) Pop() [32]byte {
	top := h.chunks[len(h.chunks)-1]
	h.chunks = h.chunks[:len(h.chunks)-1]
	return top
}

// Fail records the first error; the root that comes out is then not returned.
func (h *Hasher) Fail(err error) {
	if h.err == nil {
		h.err = err
	}
}

// Merkleize replaces all chunks from mark on by the root of the binary tree with limit leaves that starts with them.
func (h *Hasher) Merkleize(mark int, limit uint64) {
	level := h.chunks[mark:]
	if uint64(len(level)) > limit {
		h.Fail(&LimitError{Have: uint64(len(level)), Limit: limit})
		level = level[:limit]
	}
	depth := Depth(limit)
	if len(level) == 0 {
		h.chunks = append(h.chunks[:mark], zeroHashes[depth])
		return
	}
	for d := range depth {
		if len(level)%2 == 1 {
			h.chunks = append(h.chunks[:mark+len(level)], zeroHashes[d])
			level = h.chunks[mark:]
		}
		HashPairs(level, level)
		level = level[:len(level)/2]
	}
	h.chunks = h.chunks[:mark+1]
}

// MerkleizeProgressive replaces all chunks from mark on by the root of the progressive tree over them
// (merkleize_progressive).
func (h *Hasher) MerkleizeProgressive(mark int) {
	var roots [MaxDepth / 2][32]byte
	total, n := len(h.chunks), 0
	for start, size := mark, 1; start < total; start, size = start+size, size*4 {
		// Each subtree is folded on top of the stack, so that the chunks below stay as they are.
		h.chunks = append(h.chunks, h.chunks[start:min(start+size, total)]...)
		h.Merkleize(total, uint64(size))
		roots[n] = h.Pop()
		n++
	}
	h.chunks = append(h.chunks[:mark], ProgressiveRoot(roots[:n]))
}

// ProgressiveRoot joins the roots of the binary subtrees of a progressive tree, smallest first.
func ProgressiveRoot(subtrees [][32]byte) (root [32]byte) {
	for i := len(subtrees) - 1; i >= 0; i-- {
		root = HashPair(subtrees[i], root)
	}
	return root
}

// MixIn replaces the topmost chunk by its hash with a length or selector (mix_in_length, mix_in_selector).
func (h *Hasher) MixIn(n uint64) {
	h.PushUint64(n)
	right := h.Pop()
	left := h.Pop()
	h.Push(HashPair(left, right))
}

// fold Merkleizes the chunks from mark on as the elements of a list of the given chunk limit, without its length.
func (h *Hasher) fold(mark int, limit uint64, progressive bool) {
	if progressive {
		h.MerkleizeProgressive(mark)
	} else {
		h.Merkleize(mark, limit)
	}
}

// HashTreeRoot is the hash tree root of a value (hash_tree_root).
func HashTreeRoot(cx Context, n Node) ([32]byte, error) {
	h := hashers.Get().(*Hasher)
	defer hashers.Put(h)
	h.chunks, h.err = h.chunks[:0], nil
	n.Root(cx, h)
	if h.err != nil {
		return [32]byte{}, fmt.Errorf("hash tree root: %w", h.err)
	}
	return h.chunks[0], nil
}
