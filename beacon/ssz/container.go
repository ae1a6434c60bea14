package ssz

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"sync"

	"github.com/cresset/cresset/beacon/params"
)

// Object is a container: Define lists its fields in the specification's order, those of all forks together.
type Object interface {
	Define(d *Def)
}

// Def collects the field list of one container for one Context.
type Def struct {
	Context
	fields      []Field
	progressive bool
}

// Field is one named field of a container.
type Field struct {
	Name string
	Node
	since, until params.Fork
	bounded      bool
	gaps         int

	// what measure found
	size  int
	fixed bool
}

// Since limits the field to forks from f on ("New in").
func (f *Field) Since(fork params.Fork) *Field {
	f.since = fork
	return f
}

// Until limits the field to forks before f ("Removed in").
func (f *Field) Until(fork params.Fork) *Field {
	f.until, f.bounded = fork, true
	return f
}

// After leaves n inactive positions before the field in a progressive container (zeros of active_fields).
func (f *Field) After(n int) *Field {
	f.gaps = n
	return f
}

func (f *Field) in(fork params.Fork) bool {
	return fork >= f.since && (!f.bounded || fork < f.until)
}

// Field adds a field to the container. The result may be narrowed to some forks.
func (d *Def) Field(name string, n Node) *Field {
	d.fields = append(d.fields, Field{Name: name, Node: n})
	return &d.fields[len(d.fields)-1]
}

// Progressive says whether the container is a ProgressiveContainer.
func (d *Def) Progressive(yes bool) { d.progressive = yes }

var defs = sync.Pool{New: func() any { return new(Def) }}

// define lists the fields that exist in cx.
func define(cx Context, o Object) *Def {
	d := defs.Get().(*Def)
	d.Context, d.fields, d.progressive = cx, d.fields[:0], false
	o.Define(d)
	return d
}

func (d *Def) release() {
	clear(d.fields)
	d.Context = Context{}
	defs.Put(d)
}

// present calls f for each field of this fork.
func (d *Def) present(f func(*Field) error) error {
	for i := range d.fields {
		if field := &d.fields[i]; field.in(d.Fork) {
			if err := f(field); err != nil {
				return at(field.Name, err)
			}
		}
	}
	return nil
}

// absentIsZero fails on a value in a field that this fork does not have.
func (d *Def) absentIsZero() error {
	for i := range d.fields {
		if field := &d.fields[i]; !field.in(d.Fork) && !field.IsZero(d.Context) {
			return at(field.Name, fmt.Errorf("%w: %v", ErrAbsent, d.Fork))
		}
	}
	return nil
}

// measure asks each field for its size, and gives the length of the part that holds fixed-size fields and offsets. A field
// that is asked asks its own, so no visitor asks twice.
func (d *Def) measure() (fixedPart int, variable bool) {
	_ = d.present(func(f *Field) error {
		if f.size, f.fixed = f.Size(d.Context); f.fixed {
			fixedPart += f.size
		} else {
			fixedPart, variable = fixedPart+bytesPerOffset, true
		}
		return nil
	})
	return fixedPart, variable
}

// activeFields is the mix-in of a progressive container: one bit a position.
func (d *Def) activeFields() (bits [32]byte) {
	i := 0
	_ = d.present(func(f *Field) error {
		i += f.gaps
		bits[i/8] |= 1 << (i % 8)
		i++
		return nil
	})
	return bits
}

// containerNode is a Container or ProgressiveContainer.
type containerNode struct{ o Object }

// Container is the node of a container. It is a pointer to the value.
func Container(o Object) Node { return containerNode{o} }

// name is the container's type, for errors.
func (c containerNode) name() string {
	s := fmt.Sprintf("%T", c.o)
	return s[strings.LastIndexByte(s, '.')+1:]
}

func (c containerNode) Size(cx Context) (int, bool) {
	d := define(cx, c.o)
	defer d.release()
	total, variable := d.measure()
	_ = d.present(func(f *Field) error {
		if !f.fixed {
			total += f.size
		}
		return nil
	})
	return total, !variable
}

func (c containerNode) Encode(cx Context, dst []byte) ([]byte, error) {
	d := define(cx, c.o)
	defer d.release()
	if err := d.absentIsZero(); err != nil {
		return dst, err
	}
	base := len(dst)
	_, variable := d.measure()
	err := d.present(func(f *Field) (err error) {
		if f.fixed {
			dst, err = f.Encode(cx, dst)
		} else {
			dst = append(dst, 0, 0, 0, 0)
		}
		return err
	})
	if err != nil || !variable {
		return dst, err
	}
	offset := base
	err = d.present(func(f *Field) (err error) {
		if f.fixed {
			offset += f.size
			return nil
		}
		if dst, err = putOffset(dst, offset, base); err != nil {
			return err
		}
		offset += bytesPerOffset
		dst, err = f.Encode(cx, dst)
		return err
	})
	return dst, err
}

// putOffset writes at pos that the next variable part starts at the end of dst, counted from base.
func putOffset(dst []byte, pos, base int) ([]byte, error) {
	n := len(dst) - base
	if n > math.MaxUint32 {
		return dst, fmt.Errorf("%w: offset %d does not fit 32 bits", ErrOffset, n)
	}
	binary.LittleEndian.PutUint32(dst[pos:], uint32(n))
	return dst, nil
}

// appendOffset appends an offset.
func appendOffset(dst []byte, offset int) ([]byte, error) {
	if offset > math.MaxUint32 {
		return dst, fmt.Errorf("%w: offset %d does not fit 32 bits", ErrOffset, offset)
	}
	return binary.LittleEndian.AppendUint32(dst, uint32(offset)), nil
}

func (c containerNode) Decode(cx Context, src []byte) error {
	d := define(cx, c.o)
	defer d.release()
	for i := range d.fields {
		if f := &d.fields[i]; !f.in(d.Fork) {
			f.Reset(cx)
		}
	}
	fixedLen, variable := d.measure()
	if len(src) < fixedLen || (!variable && len(src) != fixedLen) {
		return sizeError(len(src), fixedLen)
	}
	pos := 0
	var parts []variablePart
	err := d.present(func(f *Field) error {
		if f.fixed {
			pos += f.size
			return f.Decode(cx, src[pos-f.size:pos])
		}
		parts = append(parts, variablePart{f, int(binary.LittleEndian.Uint32(src[pos:]))})
		pos += bytesPerOffset
		return nil
	})
	if err != nil {
		return err
	}
	for i, part := range parts {
		end := len(src)
		if i+1 < len(parts) {
			end = parts[i+1].start
		}
		if i == 0 && part.start != fixedLen {
			return at(part.Name, fmt.Errorf("%w: the first offset is %d, the fixed part has %d bytes", ErrOffset, part.start, fixedLen))
		}
		if end < part.start || end > len(src) {
			return at(part.Name, fmt.Errorf("%w: starts at %d, ends at %d of %d bytes", ErrOffset, part.start, end, len(src)))
		}
		if err := part.Decode(cx, src[part.start:end]); err != nil {
			return at(part.Name, err)
		}
	}
	return nil
}

// variablePart is a variable-size field and where its encoding starts.
type variablePart struct {
	*Field
	start int
}

// leaves pushes the roots of the fields in their positions.
func (d *Def) leaves(h *Hasher) (limit uint64) {
	_ = d.present(func(f *Field) error {
		for range f.gaps {
			h.Push([32]byte{})
			limit++
		}
		f.Root(d.Context, h)
		limit++
		return nil
	})
	return limit
}

func (c containerNode) Root(cx Context, h *Hasher) {
	d := define(cx, c.o)
	defer d.release()
	if err := d.absentIsZero(); err != nil {
		h.Fail(err)
	}
	mark := h.Mark()
	limit := d.leaves(h)
	h.fold(mark, limit, d.progressive)
	if d.progressive {
		h.Push(HashPair(h.Pop(), d.activeFields()))
	}
}

func (c containerNode) Prove(cx Context, path Path, p *Proof) error {
	d := define(cx, c.o)
	defer d.release()
	if err := d.absentIsZero(); err != nil {
		return err
	}
	var h Hasher
	limit := d.leaves(&h)
	if h.err != nil {
		return h.err
	}
	view := View{Tree: Chunks(h.chunks), Limit: limit, Progressive: d.progressive, Count: limit}
	if d.progressive {
		view.MixIn = new([32]byte)
		*view.MixIn = d.activeFields()
	}
	view.Element = func(i uint64, path Path, p *Proof) error {
		position := uint64(0)
		for k := range d.fields {
			f := &d.fields[k]
			if !f.in(d.Fork) {
				continue
			}
			position += uint64(f.gaps)
			if position == i {
				return at(f.Name, f.Prove(cx, path, p))
			}
			position++
		}
		return path.end(p, [32]byte{})
	}
	return view.Prove(path, p)
}

func (c containerNode) Child(cx Context, step string) (uint64, Node, error) {
	d := define(cx, c.o)
	defer d.release()
	position, found, child := uint64(0), uint64(0), Node(nil)
	_ = d.present(func(f *Field) error {
		position += uint64(f.gaps)
		if f.Name == step {
			found, child = position, f.Node
		}
		position++
		return nil
	})
	if child == nil {
		return noChild(step)
	}
	view := View{Limit: position, Progressive: d.progressive}
	if d.progressive {
		view.MixIn = new([32]byte)
	}
	gindex, err := view.gindex(found)
	return gindex, child, err
}

func (c containerNode) AppendJSON(cx Context, dst []byte) ([]byte, error) {
	d := define(cx, c.o)
	defer d.release()
	if err := d.absentIsZero(); err != nil {
		return dst, err
	}
	separator := byte('{')
	err := d.present(func(f *Field) (err error) {
		dst = append(dst, separator, '"')
		dst = append(dst, f.Name...)
		dst = append(dst, '"', ':')
		separator = ','
		dst, err = f.AppendJSON(cx, dst)
		return err
	})
	return append(dst, '}'), err
}

func (c containerNode) DecodeJSON(cx Context, dec *json.Decoder) error {
	d := define(cx, c.o)
	defer d.release()
	if err := delim(dec, '{'); err != nil {
		return err
	}
	var seen [256]bool
	for dec.More() {
		key, err := stringToken(dec)
		if err != nil {
			return err
		}
		i := d.index(key)
		if i < 0 {
			// Spec: "Parsers may ignore additional JSON fields."
			if err := skipValue(dec); err != nil {
				return at(clip(key), err)
			}
			continue
		}
		if seen[i] {
			return at(key, fmt.Errorf("%w: given twice", ErrJSON))
		}
		seen[i] = true
		if err := d.fields[i].DecodeJSON(cx, dec); err != nil {
			return at(key, err)
		}
	}
	for i := range d.fields {
		f := &d.fields[i]
		if !f.in(d.Fork) {
			f.Reset(cx)
		} else if !seen[i] {
			return at(f.Name, fmt.Errorf("%w: missing", ErrJSON))
		}
	}
	return delim(dec, '}')
}

// index finds the field of this fork with the given name.
func (d *Def) index(name string) int {
	for i := range d.fields {
		if d.fields[i].Name == name && d.fields[i].in(d.Fork) {
			return i
		}
	}
	return -1
}

func (c containerNode) IsZero(cx Context) bool {
	d := define(cx, c.o)
	defer d.release()
	for i := range d.fields {
		if !d.fields[i].IsZero(cx) {
			return false
		}
	}
	return true
}

func (c containerNode) Reset(cx Context) {
	d := define(cx, c.o)
	defer d.release()
	for i := range d.fields {
		d.fields[i].Reset(cx)
	}
}
