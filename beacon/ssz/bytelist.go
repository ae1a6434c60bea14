package ssz

import "encoding/json"

// byteListNode is a list of opaque bytes.
type byteListNode[T ~[]byte] struct {
	p     *T
	shape Shape
}

// ByteList is the node of a ByteList[N] or ProgressiveByteList.
func ByteList[T ~[]byte](p *T, shape Shape) Node { return byteListNode[T]{p, shape} }

func (n byteListNode[T]) Size(Context) (int, bool) { return len(*n.p), false }

func (n byteListNode[T]) Encode(_ Context, dst []byte) ([]byte, error) {
	return append(dst, *n.p...), n.shape.check(uint64(len(*n.p)))
}

func (n byteListNode[T]) Decode(_ Context, src []byte) error {
	if err := n.shape.check(uint64(len(src))); err != nil {
		return err
	}
	*n.p = nil
	if len(src) > 0 {
		*n.p = append(make(T, 0, len(src)), src...)
	}
	return nil
}

func (n byteListNode[T]) chunkLimit() uint64 { return chunkCount(n.shape.Limit, 32) }

func (n byteListNode[T]) Root(_ Context, h *Hasher) {
	mark := h.Mark()
	h.PushBytes(*n.p)
	h.fold(mark, n.chunkLimit(), n.shape.Progressive)
	h.MixIn(uint64(len(*n.p)))
}

func (n byteListNode[T]) Prove(_ Context, path Path, p *Proof) error {
	return n.view().Prove(path, p)
}

func (n byteListNode[T]) view() View {
	view := View{Tree: chunksOf(*n.p), Limit: n.chunkLimit(), Progressive: n.shape.Progressive}
	view.MixIn = LengthMixIn(uint64(len(*n.p)))
	return view
}

func (n byteListNode[T]) Child(_ Context, step string) (uint64, Node, error) {
	return n.view().child(step, 32, n.shape.bound(), nil)
}

func (n byteListNode[T]) AppendJSON(_ Context, dst []byte) ([]byte, error) {
	return appendHex(dst, *n.p), nil
}

func (n byteListNode[T]) DecodeJSON(cx Context, dec *json.Decoder) error {
	b, err := hexToken(dec)
	if err != nil {
		return err
	}
	return n.Decode(cx, b)
}

func (n byteListNode[T]) IsZero(Context) bool { return len(*n.p) == 0 }
func (n byteListNode[T]) Reset(Context)       { *n.p = nil }
