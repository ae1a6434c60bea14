package ssz

import (
	"math"
	"math/bits"
)

// Bounds gives the fewest and the most bytes that an encoding of a node's type has under a context; most is math.MaxUint64 for a
// type that is not limited. The node has to hold its default value. Source: p2p-interface.md (phase0), "What are SSZ type size bounds?".
func Bounds(cx Context, n Node) (least, most uint64) {
	size, fixed := n.Size(cx)
	if limited, ok := n.(limited); ok && !fixed {
		most = limited.most(cx)
	} else if most = uint64(size); !fixed {
		most = math.MaxUint64
	}
	return uint64(size), most
}

// limited is a node of variable size that knows how large its encoding can become.
type limited interface {
	most(cx Context) uint64
}

func most(cx Context, n Node) uint64 {
	_, most := Bounds(cx, n)
	return most
}

// plus and times end at math.MaxUint64.
func plus(a, b uint64) uint64 {
	if sum, carry := bits.Add64(a, b, 0); carry == 0 {
		return sum
	}
	return math.MaxUint64
}

func times(a, b uint64) uint64 {
	if hi, lo := bits.Mul64(a, b); hi == 0 {
		return lo
	}
	return math.MaxUint64
}

// atMost is the size of a list of so many elements of a size.
func (s Shape) atMost(size uint64) uint64 {
	if s.Progressive {
		return math.MaxUint64
	}
	return times(s.Limit, size)
}

func (c containerNode) most(cx Context) (sum uint64) {
	d := define(cx, c.o)
	defer d.release()
	_ = d.present(func(f *Field) error {
		if _, fixed := f.Size(cx); !fixed {
			sum = plus(sum, 4)
		}
		sum = plus(sum, most(cx, f.Node))
		return nil
	})
	return sum
}

func (s seqNode[T]) most(cx Context) uint64 {
	zero := s.elem(new(T))
	size := most(cx, zero)
	if _, fixed := zero.Size(cx); !fixed {
		size = plus(size, 4)
	}
	if s.vector > 0 {
		return times(s.vector, size)
	}
	return s.shape.atMost(size)
}

func (n byteListNode[T]) most(Context) uint64 { return n.shape.atMost(1) }

func (b bitlistNode) most(Context) uint64 {
	if b.shape.Progressive {
		return math.MaxUint64
	}
	return b.shape.Limit/8 + 1
}

func (s sharedNode[T]) most(cx Context) uint64 { return most(cx, s.node()) }
