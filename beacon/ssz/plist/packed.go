package plist

import (
	"encoding/json"
	"fmt"
	"unsafe"

	"github.com/cresset/cresset/beacon/ssz"
)

// Element is what a Packed list holds: basic values, several to a chunk, or 32-byte values, one a chunk.
type Element interface {
	~uint8 | ~uint64 | ~[32]byte
}

// none is the value part of pages whose chunks are the values.
type none struct{}

// Packed is a persistent list or vector of basic values or roots. Pages are memory in SSZ's own little-endian layout.
// The zero value is an empty list of binary shape.
type Packed[E Element] struct {
	t Tree[none]
	n int
}

func (l *Packed[E]) perChunk() int {
	var e E
	return 32 / int(unsafe.Sizeof(e))
}

// elements views a page's chunks as values.
func elements[E Element](page *Page[none]) []E {
	var e E
	return unsafe.Slice((*E)(unsafe.Pointer(&page.Chunks)), pageChunks*32/int(unsafe.Sizeof(e)))
}

// zeroPage is what reading a page that was never written gives. Nothing writes to it.
var zeroPage Page[none]

// Len is the number of elements.
func (l *Packed[E]) Len() int { return l.n }

// At is element i. It panics when i is outside of the list.
func (l *Packed[E]) At(i int) E { return l.From(i)[0] }

// From gives the elements from i to the end of their page, for reading. It is never empty; i lies inside the list.
func (l *Packed[E]) From(i int) []E {
	if uint(i) >= uint(l.n) {
		panic(fmt.Sprintf("plist: index %d of a list of %d", i, l.n))
	}
	k := l.perChunk()
	page, c := l.t.Page(i / k)
	if page == nil {
		page = &zeroPage
	}
	first := c*k + i%k
	all := elements[E](page)
	return all[first:min(len(all), first+l.n-i)]
}

// MutableFrom is From for writing: every element in the slice counts as changed.
func (l *Packed[E]) MutableFrom(i int) []E { return l.MutableRange(i, len(l.From(i))) }

// MutableRange gives n elements from i on for writing, which lie in one page; each counts as changed.
func (l *Packed[E]) MutableRange(i, n int) []E {
	k := l.perChunk()
	page, c := l.t.Write(i/k, (i%k+n+k-1)/k)
	return elements[E](page)[c*k+i%k:][:n]
}

// Set writes element i.
func (l *Packed[E]) Set(i int, v E) {
	if uint(i) >= uint(l.n) {
		panic(fmt.Sprintf("plist: index %d of a list of %d", i, l.n))
	}
	k := l.perChunk()
	page, c := l.t.Write(i/k, 1)
	elements[E](page)[c*k+i%k] = v
}

// Append adds an element at the end.
func (l *Packed[E]) Append(v E) {
	l.n++
	l.Set(l.n-1, v)
}

// Zero makes the list n zeros, in time independent of n.
func (l *Packed[E]) Zero(n int) {
	l.t, l.n = l.t.Empty(), n
}

// Copy gives a list that shares memory with l until one of them is written to.
func (l *Packed[E]) Copy() Packed[E] { return Packed[E]{t: l.t.Copy(), n: l.n} }

// Freeze forbids writes.
func (l *Packed[E]) Freeze() { l.t.Freeze() }

// Reshape lays the elements out for the other Merkle shape.
func (l *Packed[E]) Reshape(progressive bool) {
	if l.t.Progressive() == progressive {
		return
	}
	out := Packed[E]{t: l.t.EmptyOf(progressive), n: l.n}
	for i := 0; i < l.n; {
		src := l.From(i)
		i += copy(out.MutableFrom(i), src)
	}
	*l = out
}

// Rehash brings the cached nodes up to date.
func (l *Packed[E]) Rehash() { l.t.Rehash(nil) }

// List is the node of the list with a limit in elements.
func (l *Packed[E]) List(shape ssz.Shape) ssz.Node { return packedNode[E]{l, schema{shape: shape}} }

// Vector is the node of the list as a vector of n elements.
func (l *Packed[E]) Vector(n uint64) ssz.Node { return packedNode[E]{l, schema{vector: n}} }

// packedNode is a Packed list under a schema.
type packedNode[E Element] struct {
	l *Packed[E]
	schema
}

func (p packedNode[E]) elementSize() int { return 32 / p.l.perChunk() }

// sized makes a vector that was never set n zeros.
func (p packedNode[E]) sized() {
	if p.vector > 0 && p.l.n == 0 {
		p.l.Zero(int(p.vector))
	}
}

func (p packedNode[E]) Size(ssz.Context) (int, bool) {
	if p.vector > 0 {
		return p.elementSize() * int(p.vector), true
	}
	return p.elementSize() * p.l.n, false
}

// bytesOf views elements as their encoding.
func bytesOf[E Element](v []E) []byte {
	if len(v) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&v[0])), len(v)*int(unsafe.Sizeof(v[0])))
}

func (p packedNode[E]) Encode(_ ssz.Context, dst []byte) ([]byte, error) {
	if p.vector > 0 && p.l.n == 0 {
		return append(dst, make([]byte, p.elementSize()*int(p.vector))...), nil
	}
	if err := p.check(p.l.n); err != nil {
		return dst, err
	}
	for i := 0; i < p.l.n; {
		run := p.l.From(i)
		dst = append(dst, bytesOf(run)...)
		i += len(run)
	}
	return dst, nil
}

func (p packedNode[E]) Decode(_ ssz.Context, src []byte) error {
	size := p.elementSize()
	if len(src)%size != 0 {
		return fmt.Errorf("%w: %d bytes are not a multiple of the element's %d", ssz.ErrSize, len(src), size)
	}
	n := len(src) / size
	if err := p.check(n); err != nil {
		return err
	}
	p.l.t, p.l.n = p.l.t.EmptyOf(p.shape.Progressive), n
	for i := 0; i < n; {
		run := p.l.MutableFrom(i)
		copy(bytesOf(run), src[i*size:])
		i += len(run)
	}
	return nil
}

// view is the list as a Merkle tree with its nodes up to date.
func (p packedNode[E]) view() (ssz.View, error) {
	p.sized()
	if err := p.check(p.l.n); err != nil {
		return ssz.View{}, err
	}
	p.l.Rehash()
	per := uint64(p.l.perChunk())
	shape := p.shape
	if p.vector > 0 {
		shape.Limit = p.vector
	}
	shape.Limit = shape.Limit/per + (shape.Limit%per+per-1)/per
	v, err := p.l.t.View((p.l.n+int(per)-1)/int(per), shape)
	if p.vector == 0 {
		v.MixIn = ssz.LengthMixIn(uint64(p.l.n))
	}
	return v, err
}

func (p packedNode[E]) Root(_ ssz.Context, h *ssz.Hasher) {
	v, err := p.view()
	if err != nil {
		h.Fail(err)
		h.Push([32]byte{})
		return
	}
	h.Push(v.Root())
}

func (p packedNode[E]) Child(cx ssz.Context, step string) (uint64, ssz.Node, error) {
	return p.slice(new([]E)).Child(cx, step)
}

func (p packedNode[E]) Prove(_ ssz.Context, path ssz.Path, proof *ssz.Proof) error {
	v, err := p.view()
	if err != nil {
		return err
	}
	return v.Prove(path, proof)
}

// element is the node of one value in an ordinary slice.
func element[E Element](e *E) ssz.Node {
	b := bytesOf(unsafe.Slice(e, 1))
	switch len(b) {
	case 32:
		return ssz.Bytes(b)
	case 1:
		return ssz.Uint(&b[0])
	}
	return ssz.Uint((*uint64)(unsafe.Pointer(e)))
}

func (p packedNode[E]) AppendJSON(cx ssz.Context, dst []byte) ([]byte, error) {
	p.sized()
	values := make([]E, 0, p.l.n)
	for i := 0; i < p.l.n; i += len(p.l.From(i)) {
		values = append(values, p.l.From(i)...)
	}
	return p.slice(&values).AppendJSON(cx, dst)
}

// slice is the same schema over values in an ordinary slice.
func (p packedNode[E]) slice(values *[]E) ssz.Node {
	if p.vector > 0 {
		return ssz.VectorOf(values, p.vector, element[E])
	}
	return ssz.ListOf(values, p.shape, element[E])
}

func (p packedNode[E]) DecodeJSON(cx ssz.Context, dec *json.Decoder) error {
	var values []E
	if err := p.slice(&values).DecodeJSON(cx, dec); err != nil {
		return err
	}
	return p.Decode(cx, bytesOf(values))
}

func (p packedNode[E]) IsZero(ssz.Context) bool {
	if p.vector == 0 {
		return p.l.n == 0
	}
	for i := 0; i < p.l.n; {
		run := bytesOf(p.l.From(i))
		for _, b := range run {
			if b != 0 {
				return false
			}
		}
		i += len(run) / p.elementSize()
	}
	return true
}

func (p packedNode[E]) Reset(ssz.Context) { *p.l = Packed[E]{t: p.l.t.EmptyOf(false)} }
