package ssz

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strconv"
)

// unsigned is any Go type that holds a uintN of at most 64 bits.
type unsigned interface {
	~uint8 | ~uint16 | ~uint32 | ~uint64
}

// uintNode is a basic integer.
type uintNode[T unsigned] struct{ p *T }

// Uint is the node of a uint8, uint16, uint32 or uint64.
func Uint[T unsigned](p *T) Node { return uintNode[T]{p} }

func (u uintNode[T]) basicSize() int { return binary.Size(*u.p) }

func sizeOf[T unsigned]() int {
	switch ^T(0) >> 7 {
	case 1:
		return 1
	}
	switch uint64(^T(0)) {
	case 0xffff:
		return 2
	case 0xffffffff:
		return 4
	}
	return 8
}

func putUint[T unsigned](dst []byte, v T) []byte {
	for i := range sizeOf[T]() {
		dst = append(dst, byte(uint64(v)>>(8*i)))
	}
	return dst
}

func getUint[T unsigned](src []byte) T {
	var v uint64
	for i, b := range src[:sizeOf[T]()] {
		v |= uint64(b) << (8 * i)
	}
	return T(v)
}

func (u uintNode[T]) Size(Context) (int, bool) { return sizeOf[T](), true }

func (u uintNode[T]) Encode(_ Context, dst []byte) ([]byte, error) { return putUint(dst, *u.p), nil }

func (u uintNode[T]) Decode(_ Context, src []byte) error {
	if len(src) != sizeOf[T]() {
		return sizeError(len(src), sizeOf[T]())
	}
	*u.p = getUint[T](src)
	return nil
}

func (u uintNode[T]) Root(_ Context, h *Hasher) { h.PushUint64(uint64(*u.p)) }

func (u uintNode[T]) Prove(cx Context, path Path, p *Proof) error { return proveChunk(cx, u, path, p) }

func (u uintNode[T]) Child(_ Context, step string) (uint64, Node, error) { return noChild(step) }

func (u uintNode[T]) AppendJSON(_ Context, dst []byte) ([]byte, error) {
	dst = append(dst, '"')
	dst = strconv.AppendUint(dst, uint64(*u.p), 10)
	return append(dst, '"'), nil
}

func (u uintNode[T]) DecodeJSON(_ Context, dec *json.Decoder) error {
	s, err := stringToken(dec)
	if err != nil {
		return err
	}
	v, err := strconv.ParseUint(s, 10, 8*sizeOf[T]())
	if err != nil || (s != "0" && s[0] == '0') || s[0] == '+' {
		return fmt.Errorf("%w: %q is not a decimal uint%d", ErrJSON, clip(s), 8*sizeOf[T]())
	}
	*u.p = T(v)
	return nil
}

func (u uintNode[T]) IsZero(Context) bool { return *u.p == 0 }
func (u uintNode[T]) Reset(Context)       { *u.p = 0 }

// boolNode is a boolean.
type boolNode struct{ p *bool }

// Bool is the node of a boolean.
func Bool(p *bool) Node { return boolNode{p} }

func (b boolNode) basicSize() int { return 1 }

func (b boolNode) Size(Context) (int, bool) { return 1, true }

func (b boolNode) Encode(_ Context, dst []byte) ([]byte, error) {
	if *b.p {
		return append(dst, 1), nil
	}
	return append(dst, 0), nil
}

func (b boolNode) Decode(_ Context, src []byte) error {
	if len(src) != 1 {
		return sizeError(len(src), 1)
	}
	if src[0] > 1 {
		return fmt.Errorf("%w: %d", ErrBoolean, src[0])
	}
	*b.p = src[0] == 1
	return nil
}

func (b boolNode) Root(_ Context, h *Hasher) {
	var v uint64
	if *b.p {
		v = 1
	}
	h.PushUint64(v)
}

func (b boolNode) Prove(cx Context, path Path, p *Proof) error { return proveChunk(cx, b, path, p) }

func (b boolNode) Child(_ Context, step string) (uint64, Node, error) { return noChild(step) }

func (b boolNode) AppendJSON(_ Context, dst []byte) ([]byte, error) {
	return strconv.AppendBool(dst, *b.p), nil
}

func (b boolNode) DecodeJSON(_ Context, dec *json.Decoder) error {
	t, err := dec.Token()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrJSON, err)
	}
	v, ok := t.(bool)
	if !ok {
		return fmt.Errorf("%w: want true or false, have %s", ErrJSON, describe(t))
	}
	*b.p = v
	return nil
}

func (b boolNode) IsZero(Context) bool { return !*b.p }
func (b boolNode) Reset(Context)       { *b.p = false }

// Uint256 is a 256-bit unsigned integer in little-endian byte order, as SSZ encodes it.
type Uint256 [32]byte

// Big gives the value as a big integer.
func (u Uint256) Big() *big.Int {
	be := u
	slices.Reverse(be[:])
	return new(big.Int).SetBytes(be[:])
}

// wideNode is a uint128 or uint256, held in little-endian order.
type wideNode struct{ b []byte }

// WideUint is the node of an unsigned integer of len(b) bytes (16 or 32) in little-endian order.
func WideUint(b []byte) Node { return wideNode{b} }

func (w wideNode) basicSize() int { return len(w.b) }

func (w wideNode) Size(Context) (int, bool) { return len(w.b), true }

func (w wideNode) Encode(_ Context, dst []byte) ([]byte, error) { return append(dst, w.b...), nil }

func (w wideNode) Decode(_ Context, src []byte) error { return copyExact(w.b, src) }

func (w wideNode) Root(_ Context, h *Hasher) { h.PushBytes(w.b) }

func (w wideNode) Prove(cx Context, path Path, p *Proof) error { return proveChunk(cx, w, path, p) }

func (w wideNode) Child(_ Context, step string) (uint64, Node, error) { return noChild(step) }

func (w wideNode) AppendJSON(_ Context, dst []byte) ([]byte, error) {
	be := slices.Clone(w.b)
	slices.Reverse(be)
	dst = append(dst, '"')
	dst = new(big.Int).SetBytes(be).Append(dst, 10)
	return append(dst, '"'), nil
}

func (w wideNode) DecodeJSON(_ Context, dec *json.Decoder) error {
	s, err := stringToken(dec)
	if err != nil {
		return err
	}
	// 2**256 has 78 decimal digits; longer text is refused before it is parsed.
	v, ok := new(big.Int), len(s) > 0 && len(s) <= 78 && s[0] != '+' && s[0] != '-' && (s[0] != '0' || s == "0")
	if ok {
		_, ok = v.SetString(s, 10)
	}
	if !ok || v.BitLen() > 8*len(w.b) {
		return fmt.Errorf("%w: %q is not a decimal uint%d", ErrJSON, clip(s), 8*len(w.b))
	}
	v.FillBytes(w.b)
	slices.Reverse(w.b)
	return nil
}

func (w wideNode) IsZero(Context) bool { return allZero(w.b) }
func (w wideNode) Reset(Context)       { clear(w.b) }

// bytesNode is a vector of bytes.
type bytesNode struct{ b []byte }

// Bytes is the node of a byte vector: BytesN of the specification. The slice is the value's own memory (x[:]).
func Bytes(b []byte) Node { return bytesNode{b} }

func (n bytesNode) Size(Context) (int, bool) { return len(n.b), true }

func (n bytesNode) Encode(_ Context, dst []byte) ([]byte, error) { return append(dst, n.b...), nil }

func (n bytesNode) Decode(_ Context, src []byte) error { return copyExact(n.b, src) }

func (n bytesNode) Root(_ Context, h *Hasher) {
	mark := h.Mark()
	h.PushBytes(n.b)
	h.Merkleize(mark, uint64(len(n.b)+31)/32)
}

func (n bytesNode) Prove(cx Context, path Path, p *Proof) error {
	return n.view().Prove(path, p)
}

func (n bytesNode) view() View { return View{Tree: chunksOf(n.b), Limit: uint64(len(n.b)+31) / 32} }

func (n bytesNode) Child(_ Context, step string) (uint64, Node, error) {
	return n.view().child(step, 32, uint64(len(n.b)), nil)
}

func (n bytesNode) AppendJSON(_ Context, dst []byte) ([]byte, error) { return appendHex(dst, n.b), nil }

func (n bytesNode) DecodeJSON(_ Context, dec *json.Decoder) error {
	b, err := hexToken(dec)
	if err != nil {
		return err
	}
	return copyExact(n.b, b)
}

func (n bytesNode) IsZero(Context) bool { return allZero(n.b) }
func (n bytesNode) Reset(Context)       { clear(n.b) }

func copyExact(dst, src []byte) error {
	if len(src) != len(dst) {
		return sizeError(len(src), len(dst))
	}
	copy(dst, src)
	return nil
}

func allZero(b []byte) bool {
	for _, x := range b {
		if x != 0 {
			return false
		}
	}
	return true
}

func chunksOf(b []byte) Chunks {
	var h Hasher
	h.PushBytes(b)
	return h.chunks
}

func appendHex(dst, b []byte) []byte {
	dst = append(dst, `"0x`...)
	dst = hex.AppendEncode(dst, b)
	return append(dst, '"')
}

// proveChunk proves a basic value: it is its own root and nothing lies below.
func proveChunk(cx Context, n Node, path Path, p *Proof) error {
	var h Hasher
	n.Root(cx, &h)
	return path.end(p, h.Pop())
}
