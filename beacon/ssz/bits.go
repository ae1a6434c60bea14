package ssz

import (
	"encoding/json"
	"fmt"
	"math/bits"

	"github.com/prysmaticlabs/go-bitfield"
)

// Bitvector is a bit vector of a length that the preset decides. go-bitfield's vectors have their length in the type.
type Bitvector []byte

// NewBitvector makes a vector of n zero bits.
func NewBitvector(n uint64) Bitvector { return make(Bitvector, (n+7)/8) }

// BitAt tells bit i; bits beyond the end are false.
func (b Bitvector) BitAt(i uint64) bool { return i/8 < uint64(len(b)) && b[i/8]>>(i%8)&1 == 1 }

// SetBitAt sets bit i, which lies inside the vector.
func (b Bitvector) SetBitAt(i uint64, v bool) {
	if v {
		b[i/8] |= 1 << (i % 8)
	} else {
		b[i/8] &^= 1 << (i % 8)
	}
}

// Count is the number of set bits.
func (b Bitvector) Count() (n uint64) {
	for _, x := range b {
		n += uint64(bits.OnesCount8(x))
	}
	return n
}

// bitvectorNode is a BitVector[n].
type bitvectorNode[T ~[]byte] struct {
	p *T
	n uint64
}

// Bits is the node of a BitVector[n]. A nil slice stands for n zero bits.
func Bits[T ~[]byte](p *T, n uint64) Node { return bitvectorNode[T]{p, n} }

func (b bitvectorNode[T]) bytes() int { return int((b.n + 7) / 8) }

func (b bitvectorNode[T]) check(src []byte) error {
	if len(src) != b.bytes() {
		return sizeError(len(src), b.bytes())
	}
	if b.n%8 != 0 && src[len(src)-1]>>(b.n%8) != 0 {
		return fmt.Errorf("%w: last byte 0x%02x of %d bits", ErrPadding, src[len(src)-1], b.n)
	}
	return nil
}

func (b bitvectorNode[T]) value() []byte {
	if *b.p == nil {
		return make([]byte, b.bytes())
	}
	return *b.p
}

func (b bitvectorNode[T]) Size(Context) (int, bool) { return b.bytes(), true }

func (b bitvectorNode[T]) Encode(_ Context, dst []byte) ([]byte, error) {
	return append(dst, b.value()...), b.check(b.value())
}

func (b bitvectorNode[T]) Decode(_ Context, src []byte) error {
	if b.n == 0 {
		return fmt.Errorf("%w: a bit vector without bits", ErrSize)
	}
	if err := b.check(src); err != nil {
		return err
	}
	*b.p = append(make(T, 0, len(src)), src...)
	return nil
}

func (b bitvectorNode[T]) Root(_ Context, h *Hasher) {
	if err := b.check(b.value()); err != nil {
		h.Fail(err)
	}
	mark := h.Mark()
	h.PushBytes(b.value())
	h.Merkleize(mark, chunkCount(b.n, 256))
}

func (b bitvectorNode[T]) Prove(_ Context, path Path, p *Proof) error {
	return b.view().Prove(path, p)
}

func (b bitvectorNode[T]) view() View {
	return View{Tree: chunksOf(b.value()), Limit: chunkCount(b.n, 256)}
}

func (b bitvectorNode[T]) Child(_ Context, step string) (uint64, Node, error) {
	return b.view().child(step, 256, b.n, nil)
}

func (b bitvectorNode[T]) AppendJSON(_ Context, dst []byte) ([]byte, error) {
	return appendHex(dst, b.value()), nil
}

func (b bitvectorNode[T]) DecodeJSON(cx Context, dec *json.Decoder) error {
	src, err := hexToken(dec)
	if err != nil {
		return err
	}
	return b.Decode(cx, src)
}

func (b bitvectorNode[T]) IsZero(Context) bool { return allZero(*b.p) }
func (b bitvectorNode[T]) Reset(Context)       { *b.p = nil }

// byteVectorNode is a ByteVector[n]: the bytes of a bit vector whose elements are numbered by the byte.
type byteVectorNode[T ~[]byte] struct{ bitvectorNode[T] }

// ByteVector is the node of a ByteVector[n] whose length the preset decides. A nil slice stands for n zero bytes.
func ByteVector[T ~[]byte](p *T, n uint64) Node { return byteVectorNode[T]{bitvectorNode[T]{p, 8 * n}} }

func (b byteVectorNode[T]) Child(_ Context, step string) (uint64, Node, error) {
	return b.view().child(step, 32, b.n/8, nil)
}

// bitlistNode is a BitList[N] or ProgressiveBitList.
type bitlistNode struct {
	p     *bitfield.Bitlist
	shape Shape
}

// Bitlist is the node of a BitList[N] or ProgressiveBitList. A nil list stands for the empty one.
func Bitlist(p *bitfield.Bitlist, shape Shape) Node { return bitlistNode{p, shape} }

func (b bitlistNode) value() []byte {
	if len(*b.p) == 0 {
		return []byte{1}
	}
	return *b.p
}

func (b bitlistNode) check(src []byte) error {
	if len(src) == 0 || src[len(src)-1] == 0 {
		return fmt.Errorf("%w: bit list of %d bytes has no delimiting bit", ErrSize, len(src))
	}
	return b.shape.check(bitlistLen(src))
}

// bitlistLen is the number of bits of a well-formed bit list: all below the delimiting one.
func bitlistLen(b []byte) uint64 {
	return uint64(len(b)-1)*8 + uint64(bits.Len8(b[len(b)-1])) - 1
}

// content gives the bits packed without the delimiting bit, and their number.
func (b bitlistNode) content() ([]byte, uint64) {
	v := b.value()
	n := bitlistLen(v)
	packed := append([]byte(nil), v[:(n+7)/8]...)
	if n%8 != 0 {
		packed[n/8] &= 1<<(n%8) - 1
	}
	return packed, n
}

func (b bitlistNode) Size(Context) (int, bool) { return len(b.value()), false }

func (b bitlistNode) Encode(_ Context, dst []byte) ([]byte, error) {
	return append(dst, b.value()...), b.check(b.value())
}

func (b bitlistNode) Decode(_ Context, src []byte) error {
	if err := b.check(src); err != nil {
		return err
	}
	*b.p = append(make(bitfield.Bitlist, 0, len(src)), src...)
	return nil
}

func (b bitlistNode) chunkLimit() uint64 { return chunkCount(b.shape.Limit, 256) }

func (b bitlistNode) Root(_ Context, h *Hasher) {
	if err := b.check(b.value()); err != nil {
		h.Fail(err)
		h.Push([32]byte{})
		return
	}
	packed, n := b.content()
	mark := h.Mark()
	h.PushBytes(packed)
	h.fold(mark, b.chunkLimit(), b.shape.Progressive)
	h.MixIn(n)
}

func (b bitlistNode) Prove(_ Context, path Path, p *Proof) error {
	if err := b.check(b.value()); err != nil {
		return err
	}
	return b.view().Prove(path, p)
}

func (b bitlistNode) view() View {
	packed, n := b.content()
	return View{Tree: chunksOf(packed), Limit: b.chunkLimit(), Progressive: b.shape.Progressive, MixIn: LengthMixIn(n)}
}

func (b bitlistNode) Child(_ Context, step string) (uint64, Node, error) {
	return b.view().child(step, 256, b.shape.bound(), nil)
}

func (b bitlistNode) AppendJSON(_ Context, dst []byte) ([]byte, error) {
	return appendHex(dst, b.value()), nil
}

func (b bitlistNode) DecodeJSON(cx Context, dec *json.Decoder) error {
	src, err := hexToken(dec)
	if err != nil {
		return err
	}
	return b.Decode(cx, src)
}

func (b bitlistNode) IsZero(Context) bool {
	return len(*b.p) == 0 || (len(*b.p) == 1 && (*b.p)[0] == 1)
}
func (b bitlistNode) Reset(Context) { *b.p = nil }
