package ssz

import "math"

// Unbounded is the size of a type whose values have no largest encoding.
const Unbounded = math.MaxUint64

// variable is a node whose values differ in size. Lists of the state, which never travel alone, are none.
type variable interface {
	// maxSize is the largest encoding in bytes; Unbounded where the type sets no limit.
	maxSize(cx Context) uint64
}

// MaxSize is the number of bytes of the largest encoding that a type allows, Unbounded for a type with a progressive list or one
// whose limits exceed 64 bits. Limits are those of the type; that a message may carry less is for the caller to know.
func MaxSize(cx Context, n Node) uint64 {
	if v, ok := n.(variable); ok {
		return v.maxSize(cx)
	}
	size, fixed := n.Size(cx)
	if !fixed {
		return Unbounded
	}
	return uint64(size)
}

func (c containerNode) maxSize(cx Context) (total uint64) {
	d := define(cx, c.o)
	defer d.release()
	_ = d.present(func(f *Field) error {
		if _, fixed := f.Size(cx); !fixed {
			total = addSizes(total, bytesPerOffset)
		}
		total = addSizes(total, MaxSize(cx, f.Node))
		return nil
	})
	return total
}

func (s seqNode[T]) maxSize(cx Context) uint64 {
	n := s.vector
	if n == 0 {
		if s.shape.Progressive {
			return Unbounded
		}
		n = s.shape.Limit
	}
	elem := s.elem(new(T))
	each := MaxSize(cx, elem)
	if _, fixed := elem.Size(cx); !fixed {
		each = addSizes(each, bytesPerOffset)
	}
	return mulSizes(each, n)
}

func (n byteListNode[T]) maxSize(Context) uint64 {
	if n.shape.Progressive {
		return Unbounded
	}
	return n.shape.Limit
}

func (b bitlistNode) maxSize(Context) uint64 {
	if b.shape.Progressive {
		return Unbounded
	}
	return b.shape.Limit/8 + 1 // with the bit that marks the end
}

// bytesPerOffset is BYTES_PER_LENGTH_OFFSET.
const bytesPerOffset = 4

func addSizes(a, b uint64) uint64 {
	if a > Unbounded-b {
		return Unbounded
	}
	return a + b
}

func mulSizes(each, n uint64) uint64 {
	if each != 0 && n > Unbounded/each {
		return Unbounded
	}
	return each * n
}

func (s sharedNode[T]) maxSize(cx Context) uint64 { return MaxSize(cx, s.node()) }
