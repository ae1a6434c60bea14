package wire

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/cresset/cresset/beacon/ssz"
)

// Value is a value together with its form in JSON. It holds a pointer, so that reading writes through.
type Value interface {
	write(dst []byte) []byte
	read(r *reader) error
}

// Write appends the JSON of a value.
func Write(dst []byte, v Value) []byte { return v.write(dst) }

// fixed is DATA of a known length.
type fixed struct{ b []byte }

// Fixed is DATA of len(b) bytes; b is the value's own memory.
func Fixed(b []byte) Value { return fixed{b} }

func writeData(dst, b []byte) []byte {
	dst = slices.Grow(dst, 2*len(b)+4)
	dst = append(dst, '"', '0', 'x')
	dst = hex.AppendEncode(dst, b)
	return append(dst, '"')
}

func (v fixed) write(dst []byte) []byte { return writeData(dst, v.b) }
func (v fixed) read(r *reader) error {
	return r.data(len(v.b), len(v.b), func(int) []byte { return v.b })
}

// data is DATA of a length within bounds.
type data struct {
	p           *[]byte
	least, most int
}

// Data is DATA of least to most bytes. When least equals most, nil is written as zero bytes.
func Data(p *[]byte, least, most int) Value { return data{p, least, most} }

func (v data) write(dst []byte) []byte {
	if *v.p == nil && v.least == v.most {
		return writeData(dst, make([]byte, v.least))
	}
	return writeData(dst, *v.p)
}

func (v data) read(r *reader) error {
	return r.data(v.least, v.most, func(n int) []byte {
		*v.p = make([]byte, n)
		return *v.p
	})
}

// quantity is a QUANTITY of 64 bits.
type quantity[T ~uint64] struct{ p *T }

// Quantity is a QUANTITY of 64 bits.
func Quantity[T ~uint64](p *T) Value { return quantity[T]{p} }

func (v quantity[T]) write(dst []byte) []byte {
	dst = append(dst, '"', '0', 'x')
	dst = strconv.AppendUint(dst, uint64(*v.p), 16)
	return append(dst, '"')
}

func (v quantity[T]) read(r *reader) error {
	digits, err := r.hexDigits()
	if err != nil {
		return err
	}
	if len(digits) == 0 || digits[0] == '0' && len(digits) > 1 {
		return bad("QUANTITY %q, want digits without leading zeros", digits[:min(len(digits), 24)])
	}
	if len(digits) > 16 {
		return bad("QUANTITY of %d digits, want at most 16", len(digits))
	}
	n, err := strconv.ParseUint(string(digits), 16, 64)
	if err != nil {
		return bad("QUANTITY %q is no number", digits)
	}
	*v.p = T(n)
	return nil
}

// wide is a QUANTITY of 256 bits.
type wide struct{ p *ssz.Uint256 }

// Wide is a QUANTITY of 256 bits.
func Wide(p *ssz.Uint256) Value { return wide{p} }

func (v wide) write(dst []byte) []byte {
	return append(append(append(dst, `"0x`...), v.p.Big().Text(16)...), '"')
}

func (v wide) read(r *reader) error {
	if err := r.quantity(v.p[:]); err != nil {
		return err
	}
	slices.Reverse(v.p[:])
	return nil
}

// number is a whole JSON number of 64 bits.
type number struct{ p *int64 }

// Number is a whole JSON number, as JSON-RPC has them for identifiers and error codes.
func Number(p *int64) Value { return number{p} }

func (v number) write(dst []byte) []byte { return strconv.AppendInt(dst, *v.p, 10) }
func (v number) read(r *reader) error {
	digits, err := r.number()
	if err != nil {
		return err
	}
	n, err := strconv.ParseInt(string(digits), 10, 64)
	if err != nil {
		return bad("number %q, want one of 64 bits", digits)
	}
	*v.p = n
	return nil
}

type boolean struct{ p *bool }

// Bool is a BOOLEAN.
func Bool(p *bool) Value { return boolean{p} }

func (v boolean) write(dst []byte) []byte { return strconv.AppendBool(dst, *v.p) }
func (v boolean) read(r *reader) error {
	switch {
	case r.literal("true"):
		*v.p = true
	case r.literal("false"):
		*v.p = false
	default:
		return bad("found %s, want true or false", r.shown())
	}
	return nil
}

type text struct {
	p    *string
	most int
}

// Text is a string of at most most bytes.
func Text(p *string, most int) Value { return text{p, most} }

func (v text) write(dst []byte) []byte {
	quoted, err := json.Marshal(*v.p)
	if err != nil {
		panic(fmt.Sprintf("a string has JSON: %v", err))
	}
	return append(dst, quoted...)
}

func (v text) read(r *reader) (err error) {
	*v.p, err = r.text(v.most)
	return err
}

// clipped is a message for people: a longer one is cut, not refused.
type clipped struct {
	p    *string
	most int
}

func (v clipped) write(dst []byte) []byte { return text(v).write(dst) }
func (v clipped) read(r *reader) error {
	s, err := r.text(math.MaxInt / 6)
	if err != nil {
		return err
	}
	if len(s) > v.most {
		s = s[:v.most]
	}
	*v.p = s
	return nil
}

type list[T any] struct {
	p    *[]T
	most int
	of   func(*T) Value
}

// List is an array of at most most elements.
func List[T any](p *[]T, most uint64, of func(*T) Value) Value {
	return list[T]{p, int(min(most, math.MaxInt)), of}
}

func (v list[T]) write(dst []byte) []byte {
	dst = append(dst, '[')
	for i := range *v.p {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = v.of(&(*v.p)[i]).write(dst)
	}
	return append(dst, ']')
}

func (v list[T]) read(r *reader) error {
	*v.p = []T{}
	return r.array(func(i int) error {
		if i >= v.most {
			return bad("more than %d elements", v.most)
		}
		*v.p = append(*v.p, *new(T))
		if err := v.of(&(*v.p)[i]).read(r); err != nil {
			return at(fmt.Sprintf("[%d]", i), err)
		}
		return nil
	})
}

type tuple struct{ of []Value }

// Tuple is an array with one element for each of the values, as the parameters of a call are.
func Tuple(of ...Value) Value { return tuple{of} }

func (v tuple) write(dst []byte) []byte {
	dst = append(dst, '[')
	for i, x := range v.of {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = x.write(dst)
	}
	return append(dst, ']')
}

func (v tuple) read(r *reader) error {
	seen := 0
	err := r.array(func(i int) error {
		if i >= len(v.of) {
			return bad("more than %d elements", len(v.of))
		}
		seen++
		if err := v.of[i].read(r); err != nil {
			return at(fmt.Sprintf("[%d]", i), err)
		}
		return nil
	})
	if err == nil && seen < len(v.of) {
		return bad("%d elements, want %d", seen, len(v.of))
	}
	return err
}

// Field is a member of an object.
type Field struct {
	name    string
	value   Value
	missing bool // may be missing
	null    bool // may be null
}

// Need is a member that has to be there.
func Need(name string, v Value) Field { return Field{name, v, false, false} }

// May is a member that may be missing or null; the value then stays what it is. It is always written.
func May(name string, v Value) Field { return Field{name, v, true, true} }

type object struct{ fields []Field }

// Object is an object with at most 64 members that are known; others are skipped.
func Object(fields ...Field) Value { return object{fields} }

func (v object) write(dst []byte) []byte {
	dst = append(dst, '{')
	for i, f := range v.fields {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(append(dst, '"'), f.name...), '"', ':')
		dst = f.value.write(dst)
	}
	return append(dst, '}')
}

func (v object) read(r *reader) error {
	var seen uint64
	err := r.object(func(key []byte) error {
		i := slices.IndexFunc(v.fields, func(f Field) bool { return f.name == string(key) })
		if i < 0 {
			_, err := r.skip()
			return err
		}
		f := v.fields[i]
		if seen>>i&1 == 1 {
			return at(f.name, bad("given twice"))
		}
		seen |= 1 << i
		if f.null && r.literal("null") {
			return nil
		}
		if err := f.value.read(r); err != nil {
			return at(f.name, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i, f := range v.fields {
		if !f.missing && seen>>i&1 == 0 {
			return at(f.name, bad("missing"))
		}
	}
	return nil
}

type nullable[T any] struct {
	p  **T
	of func(*T) Value
}

// Nullable is null for a nil pointer, else what of gives.
func Nullable[T any](p **T, of func(*T) Value) Value { return nullable[T]{p, of} }

func (v nullable[T]) write(dst []byte) []byte {
	if *v.p == nil {
		return append(dst, "null"...)
	}
	return v.of(*v.p).write(dst)
}

func (v nullable[T]) read(r *reader) error {
	if *v.p = nil; r.literal("null") {
		return nil
	}
	*v.p = new(T)
	return v.of(*v.p).read(r)
}

type raw struct{ p *[]byte }

// Raw is any value, as its text. What is read is a part of the source.
func Raw(p *[]byte) Value { return raw{p} }

func (v raw) write(dst []byte) []byte { return append(dst, *v.p...) }
func (v raw) read(r *reader) (err error) {
	*v.p, err = r.skip()
	return err
}
