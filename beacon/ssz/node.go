package ssz

import (
	"encoding/json"
	"math"

	"github.com/cresset/cresset/beacon/params"
)

// Context selects the schema of a value: limits come from the spec, fields and Merkle shapes from the fork. Containers
// that no preset and no fork changes accept the zero Context.
type Context struct {
	Spec *params.Spec
	Fork params.Fork
}

// Node is one value together with its SSZ type. Implementations hold a pointer to the value, so that decoding writes
// through. The parts are separate interfaces because the visitors use them separately.
type Node interface {
	Wire
	Merkle
	Text
	Blank
}

// Wire is the serialization of a value (simple-serialize.md, "Serialization").
type Wire interface {
	// Size gives the number of bytes of the encoding, and whether every value of the type has that many.
	Size(cx Context) (n int, fixed bool)
	// Encode appends the encoding to dst. It fails on a value that its type does not allow.
	Encode(cx Context, dst []byte) ([]byte, error)
	// Decode reads the value from exactly src. It keeps no reference to src.
	Decode(cx Context, src []byte) error
}

// Merkle is the Merkleization of a value (simple-serialize.md, "Merkleization").
type Merkle interface {
	// Root appends the hash tree root to the hasher's buffer.
	Root(cx Context, h *Hasher)
	// Prove appends to p the sibling of every step of path, top down, and sets the leaf the path ends at.
	Prove(cx Context, path Path, p *Proof) error
	// Child gives the generalized index, relative to this value, of the chunk that a field's name, an element's number or
	// "__len__" leads to, and the node there, nil where nothing lies below the chunk.
	Child(cx Context, step string) (gindex uint64, child Node, err error)
}

// Text is the JSON mapping of a value (simple-serialize.md, "JSON mapping").
type Text interface {
	AppendJSON(cx Context, dst []byte) ([]byte, error)
	DecodeJSON(cx Context, dec *json.Decoder) error
}

// Blank tells and makes the default value of a type (simple-serialize.md, "Default values").
type Blank interface {
	IsZero(cx Context) bool
	Reset(cx Context)
}

// basic marks nodes of basic types: several of them share a chunk when packed into a list or vector.
type basic interface {
	Node
	basicSize() int
}

// Shape is the capacity of a list and its Merkle shape. A progressive list has no capacity of its own; its length is
// bounded by the bytes that hold it.
type Shape struct {
	Limit       uint64
	Progressive bool
}

// Cap is a list of at most limit elements, or a progressive list.
func Cap(limit uint64, progressive bool) Shape { return Shape{Limit: limit, Progressive: progressive} }

// bound is the first element number that the type has no place for.
func (s Shape) bound() uint64 {
	if s.Progressive {
		return math.MaxUint64
	}
	return s.Limit
}

func (s Shape) check(n uint64) error {
	if !s.Progressive && n > s.Limit {
		return &LimitError{Have: n, Limit: s.Limit}
	}
	return nil
}
