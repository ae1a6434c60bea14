package plist

import (
	"encoding/json"
	"fmt"
	"math/bits"
	"unsafe"

	"github.com/cresset/cresset/beacon/ssz"
)

// Object is what an Objects list holds: pointers to containers of fixed size without pointers inside.
type Object[T any] interface {
	*T
	ssz.Object
}

// block is the values of one page.
type block[T any] [pageChunks]T

// Objects is a persistent list or vector of small containers. The zero value is an empty list of binary shape.
type Objects[T any, P Object[T]] struct {
	t Tree[block[T]]
	n int
}

// Len is the number of elements.
func (l *Objects[T, P]) Len() int { return l.n }

// At is element i, for reading.
func (l *Objects[T, P]) At(i int) P { return P(&l.From(i)[0]) }

// From gives the elements from i to the end of their page, for reading. It is never empty; i lies inside the list.
func (l *Objects[T, P]) From(i int) []T {
	if uint(i) >= uint(l.n) {
		panic(fmt.Sprintf("plist: index %d of a list of %d", i, l.n))
	}
	page, c := l.t.Page(i)
	return page.Values[c:min(pageChunks, c+l.n-i)]
}

// Mutable is element i for writing.
func (l *Objects[T, P]) Mutable(i int) P {
	if uint(i) >= uint(l.n) {
		panic(fmt.Sprintf("plist: index %d of a list of %d", i, l.n))
	}
	page, c := l.t.Write(i, 1)
	return P(&page.Values[c])
}

// Set writes element i.
func (l *Objects[T, P]) Set(i int, v T) { *l.Mutable(i) = v }

// Append adds an element at the end.
func (l *Objects[T, P]) Append(v T) {
	l.n++
	l.Set(l.n-1, v)
}

// Fill makes the list n default values.
func (l *Objects[T, P]) Fill(n int) {
	out := Objects[T, P]{t: l.t.Empty()}
	for range n {
		var zero T
		out.Append(zero)
	}
	*l = out
}

// DropFront removes the first n elements. Values move with their roots, so that only inner nodes are hashed anew.
func (l *Objects[T, P]) DropFront(n int) {
	if n == 0 {
		return
	}
	out := Objects[T, P]{t: l.t.Empty()}
	out.appendAll(l, n)
	*l = out
}

// appendAll copies the elements of src from first on, together with the roots that are up to date.
func (l *Objects[T, P]) appendAll(src *Objects[T, P], first int) {
	for i := first; i < src.n; i++ {
		from, c := src.t.Page(i)
		l.n++
		to, d := l.t.Write(l.n-1, 1)
		to.Values[d] = from.Values[c]
		if root, ok := from.Known(c); ok {
			to.Chunks[d] = root
			to.known |= 1 << d
		}
	}
}

// Copy gives a list that shares memory with l until one of them is written to.
func (l *Objects[T, P]) Copy() Objects[T, P] { return Objects[T, P]{t: l.t.Copy(), n: l.n} }

// Freeze forbids writes.
func (l *Objects[T, P]) Freeze() { l.t.Freeze() }

// Reshape lays the elements out for the other Merkle shape.
func (l *Objects[T, P]) Reshape(progressive bool) {
	if l.t.Progressive() == progressive {
		return
	}
	out := Objects[T, P]{t: l.t.EmptyOf(progressive)}
	out.appendAll(l, 0)
	*l = out
}

// Rehash brings the cached nodes up to date under the schema cx selects.
func (l *Objects[T, P]) Rehash(cx ssz.Context) {
	l.t.Rehash(func(page *Page[block[T]], stale uint64, s *Scratch) {
		var h ssz.Hasher
		for m := stale; m != 0; m &= m - 1 {
			c := bits.TrailingZeros64(m)
			ssz.Container(P(&page.Values[c])).Root(cx, &h)
			page.Chunks[c] = h.Pop()
		}
	})
}

// List is the node of the list with a limit in elements.
func (l *Objects[T, P]) List(shape ssz.Shape) ssz.Node {
	return objectsNode[T, P]{l, schema{shape: shape}}
}

// Vector is the node of the list as a vector of n elements.
func (l *Objects[T, P]) Vector(n uint64) ssz.Node { return objectsNode[T, P]{l, schema{vector: n}} }

// objectsNode is an Objects list under a schema.
type objectsNode[T any, P Object[T]] struct {
	l *Objects[T, P]
	schema
}

// elementSize is the encoded size of an element, and whether Go lays it out exactly so: then the sum of its field
// sizes leaves no room for padding, and on a little-endian machine memory is the encoding.
func (p objectsNode[T, P]) elementSize(cx ssz.Context) (size int, plain bool) {
	var zero T
	size, _ = ssz.Container(P(&zero)).Size(cx)
	return size, uintptr(size) == unsafe.Sizeof(zero)
}

// sized makes a vector that was never set n default values.
func (p objectsNode[T, P]) sized() {
	if p.vector > 0 && p.l.n == 0 {
		p.l.Fill(int(p.vector))
	}
}

func (p objectsNode[T, P]) Size(cx ssz.Context) (int, bool) {
	size, _ := p.elementSize(cx)
	if p.vector > 0 {
		return size * int(p.vector), true
	}
	return size * p.l.n, false
}

func objectBytes[T any](v []T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(&v[0])), len(v)*int(unsafe.Sizeof(v[0])))
}

func (p objectsNode[T, P]) Encode(cx ssz.Context, dst []byte) ([]byte, error) {
	p.sized()
	if err := p.check(p.l.n); err != nil {
		return dst, err
	}
	_, plain := p.elementSize(cx)
	for i := 0; i < p.l.n; {
		run := p.l.From(i)
		i += len(run)
		if plain {
			dst = append(dst, objectBytes(run)...)
			continue
		}
		for k := range run {
			var err error
			if dst, err = ssz.Container(P(&run[k])).Encode(cx, dst); err != nil {
				return dst, err
			}
		}
	}
	return dst, nil
}

func (p objectsNode[T, P]) Decode(cx ssz.Context, src []byte) error {
	size, plain := p.elementSize(cx)
	if len(src)%size != 0 {
		return fmt.Errorf("%w: %d bytes are not a multiple of the element's %d", ssz.ErrSize, len(src), size)
	}
	n := len(src) / size
	if err := p.check(n); err != nil {
		return err
	}
	*p.l = Objects[T, P]{t: p.l.t.EmptyOf(p.shape.Progressive), n: n}
	for i := 0; i < n; {
		count := min(p.l.t.PageLeft(i), n-i)
		page, c := p.l.t.Write(i, count)
		run := page.Values[c : c+count]
		if plain {
			copy(objectBytes(run), src[i*size:])
		} else {
			for k := range run {
				if err := ssz.Container(P(&run[k])).Decode(cx, src[(i+k)*size:(i+k+1)*size]); err != nil {
					return fmt.Errorf("element %d: %w", i+k, err)
				}
			}
		}
		i += count
	}
	return nil
}

func (p objectsNode[T, P]) view(cx ssz.Context) (ssz.View, error) {
	p.sized()
	if err := p.check(p.l.n); err != nil {
		return ssz.View{}, err
	}
	p.l.Rehash(cx)
	shape := p.shape
	if p.vector > 0 {
		shape.Limit = p.vector
	}
	v, err := p.l.t.View(p.l.n, shape)
	if p.vector == 0 {
		v.MixIn = ssz.LengthMixIn(uint64(p.l.n))
	}
	v.Element = func(i uint64, path ssz.Path, proof *ssz.Proof) error {
		return ssz.Container(p.l.At(int(i))).Prove(cx, path, proof)
	}
	return v, err
}

func (p objectsNode[T, P]) Root(cx ssz.Context, h *ssz.Hasher) {
	v, err := p.view(cx)
	if err != nil {
		h.Fail(err)
		h.Push([32]byte{})
		return
	}
	h.Push(v.Root())
}

func (p objectsNode[T, P]) Child(cx ssz.Context, step string) (uint64, ssz.Node, error) {
	return p.slice(new([]T)).Child(cx, step)
}

func (p objectsNode[T, P]) Prove(cx ssz.Context, path ssz.Path, proof *ssz.Proof) error {
	v, err := p.view(cx)
	if err != nil {
		return err
	}
	return v.Prove(path, proof)
}

// slice is the same schema over values in an ordinary slice.
func (p objectsNode[T, P]) slice(values *[]T) ssz.Node {
	if p.vector > 0 {
		return ssz.Vector[T, P](values, p.vector)
	}
	return ssz.List[T, P](values, p.shape)
}

func (p objectsNode[T, P]) AppendJSON(cx ssz.Context, dst []byte) ([]byte, error) {
	p.sized()
	values := make([]T, 0, p.l.n)
	for len(values) < p.l.n {
		values = append(values, p.l.From(len(values))...)
	}
	return p.slice(&values).AppendJSON(cx, dst)
}

func (p objectsNode[T, P]) DecodeJSON(cx ssz.Context, dec *json.Decoder) error {
	var values []T
	if err := p.slice(&values).DecodeJSON(cx, dec); err != nil {
		return err
	}
	*p.l = Objects[T, P]{t: p.l.t.EmptyOf(p.shape.Progressive)}
	for _, v := range values {
		p.l.Append(v)
	}
	return nil
}

func (p objectsNode[T, P]) IsZero(cx ssz.Context) bool {
	if p.vector == 0 || p.l.n == 0 {
		return p.l.n == 0
	}
	for i := range p.l.n {
		if !ssz.Container(p.l.At(i)).IsZero(cx) {
			return false
		}
	}
	return true
}

func (p objectsNode[T, P]) Reset(ssz.Context) { *p.l = Objects[T, P]{t: p.l.t.EmptyOf(false)} }
