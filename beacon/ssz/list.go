package ssz

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
)

// seqNode is a list or vector whose elements are nodes themselves.
type seqNode[T any] struct {
	p     *[]T
	shape Shape
	elem  func(*T) Node
	// vector is the length of a vector; 0 marks a list.
	vector uint64
}

// ListOf is the node of a list whose elements elem describes.
func ListOf[T any](p *[]T, shape Shape, elem func(*T) Node) Node {
	return seqNode[T]{p: p, shape: shape, elem: elem}
}

// VectorOf is the node of a vector of n elements. A nil slice stands for n default values.
func VectorOf[T any](p *[]T, n uint64, elem func(*T) Node) Node {
	return seqNode[T]{p: p, elem: elem, vector: n}
}

// List is the node of a list of containers.
func List[T any, P interface {
	*T
	Object
}](p *[]T, shape Shape) Node {
	return ListOf(p, shape, func(v *T) Node { return Container(P(v)) })
}

// Vector is the node of a vector of n containers.
func Vector[T any, P interface {
	*T
	Object
}](p *[]T, n uint64) Node {
	return VectorOf(p, n, func(v *T) Node { return Container(P(v)) })
}

// Uints is the node of a list of small integers.
func Uints[T unsigned](p *[]T, shape Shape) Node { return ListOf(p, shape, Uint[T]) }

// UintVector is the node of a vector of n small integers.
func UintVector[T unsigned](p *[]T, n uint64) Node { return VectorOf(p, n, Uint[T]) }

// element is the size of the zero element, and whether all have it. It is worth avoiding for an empty list.
func (s seqNode[T]) element(cx Context) (size int, fixed bool) { return s.elem(new(T)).Size(cx) }

// perChunk is how many elements share a chunk, 0 if each has a root of its own.
func (s seqNode[T]) perChunk() uint64 {
	if b, ok := s.elem(new(T)).(basic); ok {
		return uint64(32 / b.basicSize())
	}
	return 0
}

// values gives the elements, the defaults for a vector that was never set.
func (s seqNode[T]) values() []T {
	if s.vector > 0 && *s.p == nil {
		return make([]T, s.vector)
	}
	return *s.p
}

func (s seqNode[T]) check(n uint64) error {
	if s.vector == 0 {
		return s.shape.check(n)
	}
	if n != s.vector {
		return fmt.Errorf("%w: vector has %d elements, its length is %d", ErrSize, n, s.vector)
	}
	return nil
}

func (s seqNode[T]) Size(cx Context) (int, bool) {
	if s.vector == 0 && len(*s.p) == 0 {
		return 0, false
	}
	size, fixed := s.element(cx)
	if fixed {
		if s.vector > 0 {
			return size * int(s.vector), true
		}
		return size * len(*s.p), false
	}
	values := s.values()
	total := 4 * len(values)
	for i := range values {
		n, _ := s.elem(&values[i]).Size(cx)
		total += n
	}
	return total, false
}

func (s seqNode[T]) Encode(cx Context, dst []byte) ([]byte, error) {
	values := s.values()
	if err := s.check(uint64(len(values))); err != nil {
		return dst, err
	}
	if len(values) == 0 {
		return dst, nil
	}
	_, fixed := s.element(cx)
	base := len(dst)
	if !fixed {
		dst = append(dst, make([]byte, 4*len(values))...)
	}
	for i := range values {
		var err error
		if !fixed {
			if dst, err = putOffset(dst, base+4*i, base); err != nil {
				return dst, atIndex(i, err)
			}
		}
		if dst, err = s.elem(&values[i]).Encode(cx, dst); err != nil {
			return dst, atIndex(i, err)
		}
	}
	return dst, nil
}

func (s seqNode[T]) Decode(cx Context, src []byte) error {
	*s.p = nil
	if len(src) == 0 {
		return s.check(0)
	}
	size, fixed := s.element(cx)
	if fixed {
		return s.decodeFixed(cx, src, size)
	}
	offsets, err := s.offsets(src, size)
	if err != nil {
		return err
	}
	values := make([]T, len(offsets)-1)
	for i := range values {
		if err := s.elem(&values[i]).Decode(cx, src[offsets[i]:offsets[i+1]]); err != nil {
			return atIndex(i, err)
		}
	}
	*s.p = values
	return nil
}

func (s seqNode[T]) decodeFixed(cx Context, src []byte, size int) error {
	if len(src)%size != 0 {
		return fmt.Errorf("%w: %d bytes are not a multiple of the element's %d", ErrSize, len(src), size)
	}
	n := len(src) / size
	if err := s.check(uint64(n)); err != nil {
		return err
	}
	values := make([]T, n)
	for i := range values {
		if err := s.elem(&values[i]).Decode(cx, src[i*size:(i+1)*size]); err != nil {
			return atIndex(i, err)
		}
	}
	*s.p = values
	return nil
}

// offsets reads where the elements of variable size start, with the end of the last one behind them. All are checked
// before any memory for elements is taken: each element has room for at least least bytes.
func (s seqNode[T]) offsets(src []byte, least int) ([]uint32, error) {
	if len(src) < 4 {
		return nil, fmt.Errorf("%w: %d bytes hold no offset", ErrOffset, len(src))
	}
	first := binary.LittleEndian.Uint32(src)
	if first == 0 || first%4 != 0 || uint64(first) > uint64(len(src)) {
		return nil, fmt.Errorf("%w: the first offset is %d in %d bytes", ErrOffset, first, len(src))
	}
	n := uint64(first / 4)
	if err := s.check(n); err != nil {
		return nil, err
	}
	if uint64(len(src)) < n*uint64(4+least) {
		return nil, fmt.Errorf("%w: %d elements of at least %d bytes do not fit %d", ErrSize, n, least, len(src))
	}
	out := make([]uint32, n+1)
	out[n] = uint32(len(src))
	for i := range n {
		out[i] = binary.LittleEndian.Uint32(src[4*i:])
		if i > 0 && out[i] < out[i-1] || uint64(out[i]) > uint64(len(src)) {
			return nil, atIndex(int(i), fmt.Errorf("%w: %d after %d in %d bytes", ErrOffset, out[i], out[max(i, 1)-1], len(src)))
		}
	}
	return out, nil
}

// leaves pushes the chunks of the elements and returns how many the type has room for.
func (s seqNode[T]) leaves(cx Context, h *Hasher) (limit uint64) {
	values := s.values()
	if err := s.check(uint64(len(values))); err != nil {
		h.Fail(err)
	}
	limit = s.shape.Limit
	if s.vector > 0 {
		limit = s.vector
	}
	if perChunk := s.perChunk(); perChunk > 0 {
		s.packInto(cx, h, values)
		return chunkCount(limit, perChunk)
	}
	for i := range values {
		s.elem(&values[i]).Root(cx, h)
	}
	return limit
}

// packInto pushes basic values, several to a chunk.
func (s seqNode[T]) packInto(cx Context, h *Hasher, values []T) {
	buf := make([]byte, 0, 64)
	for i := range values {
		// A basic value always encodes.
		buf, _ = s.elem(&values[i]).Encode(cx, buf)
		if len(buf) >= 32 {
			h.PushBytes(buf[:32])
			buf = append(buf[:0], buf[32:]...)
		}
	}
	h.PushBytes(buf)
}

func (s seqNode[T]) Root(cx Context, h *Hasher) {
	mark := h.Mark()
	limit := s.leaves(cx, h)
	h.fold(mark, limit, s.shape.Progressive)
	if s.vector == 0 {
		h.MixIn(uint64(len(*s.p)))
	}
}

func (s seqNode[T]) Prove(cx Context, path Path, p *Proof) error {
	var h Hasher
	limit := s.leaves(cx, &h)
	if h.err != nil {
		return h.err
	}
	values := s.values()
	view := View{Tree: Chunks(h.chunks), Limit: limit, Progressive: s.shape.Progressive, Count: uint64(len(values))}
	if s.vector == 0 {
		view.MixIn = LengthMixIn(uint64(len(values)))
	}
	if s.perChunk() == 0 {
		view.Element = func(i uint64, path Path, p *Proof) error {
			return atIndex(int(i), s.elem(&values[i]).Prove(cx, path, p))
		}
	}
	return view.Prove(path, p)
}

func (s seqNode[T]) Child(cx Context, step string) (uint64, Node, error) {
	view, bound := View{Limit: s.shape.Limit, Progressive: s.shape.Progressive, MixIn: new([32]byte)}, s.shape.bound()
	if s.vector > 0 {
		view, bound = View{Limit: s.vector}, s.vector
	}
	if perChunk := s.perChunk(); perChunk > 0 {
		view.Limit = chunkCount(view.Limit, perChunk)
		return view.child(step, perChunk, bound, nil)
	}
	return view.child(step, 1, bound, func(i uint64) Node {
		if i < uint64(len(*s.p)) {
			return s.elem(&(*s.p)[i])
		}
		return s.elem(new(T))
	})
}

func (s seqNode[T]) AppendJSON(cx Context, dst []byte) ([]byte, error) {
	values := s.values()
	if err := s.check(uint64(len(values))); err != nil {
		return dst, err
	}
	dst = append(dst, '[')
	for i := range values {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = s.elem(&values[i]).AppendJSON(cx, dst); err != nil {
			return dst, atIndex(i, err)
		}
	}
	return append(dst, ']'), nil
}

func (s seqNode[T]) DecodeJSON(cx Context, dec *json.Decoder) error {
	if err := delim(dec, '['); err != nil {
		return err
	}
	var values []T
	for i := 0; dec.More(); i++ {
		if s.vector == 0 || uint64(i) >= s.vector {
			if err := s.check(uint64(i) + 1); err != nil {
				return err
			}
		}
		var v T
		if err := s.elem(&v).DecodeJSON(cx, dec); err != nil {
			return atIndex(i, err)
		}
		values = append(values, v)
	}
	if err := s.check(uint64(len(values))); err != nil {
		return err
	}
	*s.p = values
	return delim(dec, ']')
}

func (s seqNode[T]) IsZero(cx Context) bool {
	if s.vector == 0 {
		return len(*s.p) == 0
	}
	for i := range *s.p {
		if !s.elem(&(*s.p)[i]).IsZero(cx) {
			return false
		}
	}
	return true
}

func (s seqNode[T]) Reset(Context) { *s.p = nil }
