package ssz

import (
	"encoding/json"
	"sync"
)

// Shared is a value that many containers point to and nobody changes, with its root computed once.
type Shared[T any] struct {
	Value T
	once  sync.Once
	root  [32]byte
	err   error
}

// Share makes a Shared of a value. The value must not be changed any more.
func Share[T any](v T) *Shared[T] { return &Shared[T]{Value: v} }

// sharedNode is a field that points to a Shared. A nil pointer stands for the default value.
type sharedNode[T any] struct {
	p    **Shared[T]
	elem func(*T) Node
}

// SharedNode is the node of a field that points to a Shared; elem describes the value. All fields that point to one value
// must have one schema.
func SharedNode[T any](p **Shared[T], elem func(*T) Node) Node { return sharedNode[T]{p, elem} }

func (s sharedNode[T]) get() *Shared[T] {
	if *s.p == nil {
		return new(Shared[T])
	}
	return *s.p
}

func (s sharedNode[T]) node() Node { return s.elem(&s.get().Value) }

func (s sharedNode[T]) Size(cx Context) (int, bool) { return s.node().Size(cx) }

func (s sharedNode[T]) Encode(cx Context, dst []byte) ([]byte, error) {
	return s.node().Encode(cx, dst)
}

func (s sharedNode[T]) Decode(cx Context, src []byte) error {
	fresh := new(Shared[T])
	*s.p = fresh
	return s.elem(&fresh.Value).Decode(cx, src)
}

func (s sharedNode[T]) Root(cx Context, h *Hasher) {
	v := s.get()
	v.once.Do(func() { v.root, v.err = HashTreeRoot(cx, s.elem(&v.Value)) })
	if v.err != nil {
		h.Fail(v.err)
	}
	h.Push(v.root)
}

func (s sharedNode[T]) Prove(cx Context, path Path, p *Proof) error {
	if path.Done() {
		var h Hasher
		s.Root(cx, &h)
		return path.end(p, h.Pop())
	}
	return s.node().Prove(cx, path, p)
}

func (s sharedNode[T]) Child(cx Context, step string) (uint64, Node, error) {
	return s.node().Child(cx, step)
}

func (s sharedNode[T]) AppendJSON(cx Context, dst []byte) ([]byte, error) {
	return s.node().AppendJSON(cx, dst)
}

func (s sharedNode[T]) DecodeJSON(cx Context, dec *json.Decoder) error {
	fresh := new(Shared[T])
	*s.p = fresh
	return s.elem(&fresh.Value).DecodeJSON(cx, dec)
}

func (s sharedNode[T]) IsZero(cx Context) bool { return *s.p == nil || s.node().IsZero(cx) }
func (s sharedNode[T]) Reset(Context)          { *s.p = nil }
