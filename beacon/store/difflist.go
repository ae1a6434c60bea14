package store

import (
	"encoding/binary"
	"fmt"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/ssz/plist"
	"github.com/cresset/cresset/beacon/types"
)

// The difference of a list begins with
//
//	length   varint, of the result
//	against  varint, 1 if the list is the base's, changed; 0 if it is made from nothing: zeros, or no elements
//	drop     varint, elements that the base loses at its front; lists of containers only
//	runs     with its length in front: pairs of varints, elements that stay and elements behind them that change
//
// and goes on with what changes: numbers as what is added to them (zigzag varints), others by their new values.

const (
	fromNothing = 0
	fromBase    = 1
)

// runs collects which elements change. Two runs become one where fewer than merge elements stay between them: that is shorter, and they lie
// in one chunk anyway.
type runs struct {
	out         []byte
	merge       int
	done        int // elements up to here are written
	first, last int // the run that is open; none if they are equal
}

// add tells that element i changes. Elements come in ascending order. It gives the first element from which on values are to be written:
// i, or earlier ones, not before floor, that stay and are merged into the run.
func (r *runs) add(i, floor int) int {
	if r.first != r.last && (i == r.last || i-r.last < r.merge && r.last >= floor) {
		from := r.last
		r.last = i + 1
		return from
	}
	r.flush()
	r.first, r.last = i, i+1
	return i
}

func (r *runs) flush() {
	if r.first == r.last {
		return
	}
	r.out = binary.AppendUvarint(r.out, uint64(r.first-r.done))
	r.out = binary.AppendUvarint(r.out, uint64(r.last-r.first))
	r.done, r.first, r.last = r.last, 0, 0
}

// section gives the runs with their length in front.
func (r *runs) section() []byte {
	r.flush()
	return append(binary.AppendUvarint(nil, uint64(len(r.out))), r.out...)
}

// nextRun reads a run behind element at; ok is false at the end. It ends at most at element n.
func nextRun(r *reader, at, n int) (from, to int, ok bool) {
	if len(r.b) == 0 {
		return 0, 0, false
	}
	from = at + int(r.number(uint64(n-at)))
	to = from + int(r.number(uint64(n-from)))
	return from, to, r.err == nil
}

// values is how the elements of a list are written.
type values[E plist.Element] struct {
	merge int
	// put appends what makes old out of a value; old is the zero value behind the base's end.
	put func(dst []byte, old, value E) []byte
	// get changes a run of elements by what r has for them.
	get func(r *reader, run []E)
}

func rootValues() values[types.Root] {
	return values[types.Root]{
		merge: 1,
		put:   func(dst []byte, _, value types.Root) []byte { return append(dst, value[:]...) },
		get: func(r *reader, run []types.Root) {
			for i := range run {
				copy(run[i][:], r.bytes(len(run[i])))
			}
		},
	}
}

func byteValues() values[uint8] {
	return values[uint8]{
		merge: 16,
		put:   func(dst []byte, _, value uint8) []byte { return append(dst, value) },
		get:   func(r *reader, run []uint8) { copy(run, r.bytes(len(run))) },
	}
}

func numberValues[E ~uint64]() values[E] {
	return values[E]{
		merge: 4,
		put:   func(dst []byte, old, value E) []byte { return appendChange(dst, uint64(old), uint64(value)) },
		get: func(r *reader, run []E) {
			for i := range run {
				run[i] = E(r.change(uint64(run[i])))
			}
		},
	}
}

// appendChange appends what has to be added to a number, modulo 2**64, to make another of it.
func appendChange(dst []byte, old, value uint64) []byte {
	change := int64(value - old)
	zigzag := uint64(change)<<1 ^ uint64(change>>63)
	if zigzag < 0x80 {
		return append(dst, byte(zigzag))
	}
	return binary.AppendUvarint(dst, zigzag)
}

// change reads what appendChange wrote and gives the new number.
func (r *reader) change(old uint64) uint64 {
	zigzag, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail("no number in %d bytes", len(r.b))
		return 0
	}
	r.b = r.b[n:]
	return old + (zigzag>>1 ^ -(zigzag & 1))
}

// packed is a list of basic values or roots.
type packed[E plist.Element] struct {
	list func(*types.BeaconState) *plist.Packed[E]
	// from is the base's list that is most like the list of st.
	from func(base, st *types.BeaconState) *plist.Packed[E]
	// progressive tells that the list is progressive from Gloas on.
	progressive bool
	values      values[E]
}

func packedList(list func(*types.BeaconState) *plist.Packed[types.Root]) diffList {
	p := packed[types.Root]{list: list, values: rootValues()}
	p.from = func(base, _ *types.BeaconState) *plist.Packed[types.Root] { return list(base) }
	return p.diffList()
}

func numberList[E ~uint64](list func(*types.BeaconState) *plist.Packed[E], progressive bool) diffList {
	p := packed[E]{list: list, progressive: progressive, values: numberValues[E]()}
	p.from = func(base, _ *types.BeaconState) *plist.Packed[E] { return list(base) }
	return p.diffList()
}

func participationList(list func(*types.BeaconState) *plist.Packed[uint8], from func(base, st *types.BeaconState) *plist.Packed[uint8]) diffList {
	return packed[uint8]{list, from, true, byteValues()}.diffList()
}

func (p packed[E]) diffList() diffList {
	return diffList{
		diff:  func(dst []byte, base, st *types.BeaconState) ([]byte, error) { return p.diff(dst, base, st), nil },
		apply: p.apply,
		clear: func(st *types.BeaconState) { *p.list(st) = plist.Packed[E]{} },
	}
}

func (p packed[E]) diff(dst []byte, base, st *types.BeaconState) []byte {
	list, from, against := p.list(st), p.from(base, st), fromBase
	if from.Len() > list.Len() {
		from, against = new(plist.Packed[E]), fromNothing
	}
	dst = binary.AppendUvarint(dst, uint64(list.Len()))
	dst = binary.AppendUvarint(dst, uint64(against))
	r, data := runs{merge: p.values.merge}, []byte(nil)
	var zeros [2048]E // a page holds at most as many
	for i := 0; i < list.Len(); {
		now, old := list.From(i), zeros[:]
		if i < from.Len() {
			old = from.From(i)
		}
		now = now[:min(len(now), len(old))]
		old = old[:len(now)]
		if &now[0] != &old[0] {
			data = p.diffRun(&r, data, i, old, now)
		}
		i += len(now)
	}
	return append(append(dst, r.section()...), data...)
}

// diffRun compares elements from i on that lie together on both sides.
func (p packed[E]) diffRun(r *runs, data []byte, i int, old, now []E) []byte {
	for k := range now {
		if now[k] == old[k] {
			continue
		}
		first := r.add(i+k, i) - i
		for ; first <= k; first++ {
			data = p.values.put(data, old[first], now[first])
		}
	}
	return data
}

func (p packed[E]) apply(r *reader, base, out *types.BeaconState) error {
	list, from := p.list(out), p.from(base, out)
	// A list without an element of its own for each validator grows only by what is written.
	most := max(out.Validators.Len(), from.Len()+len(r.b))
	n := int(r.number(uint64(most)))
	if r.number(1) == fromBase {
		if n < from.Len() {
			return fmt.Errorf("%w: %d elements, the base has %d", errDiff, n, from.Len())
		}
		*list = from.Copy()
		list.Reshape(p.progressive && out.Since(params.Gloas))
		for list.Len() < n {
			var zero E
			list.Append(zero)
		}
	} else {
		list.Zero(n)
	}
	ranges := &reader{b: r.section()}
	for at := 0; ; {
		first, last, ok := nextRun(ranges, at, n)
		if !ok {
			break
		}
		for first < last && r.err == nil {
			run := list.MutableRange(first, min(last-first, len(list.From(first))))
			p.values.get(r, run)
			first += len(run)
		}
		at = last
	}
	if err := ranges.end(); err != nil {
		return err
	}
	return r.err
}

// objects is a list of containers.
type objects[T comparable, P plist.Object[T]] struct {
	list        func(*types.BeaconState) *plist.Objects[T, P]
	progressive bool
}

func objectList[T comparable, P plist.Object[T]](list func(*types.BeaconState) *plist.Objects[T, P], progressive bool) diffList {
	o := objects[T, P]{list, progressive}
	return diffList{diff: o.diff, apply: o.apply, clear: func(st *types.BeaconState) { *list(st) = plist.Objects[T, P]{} }}
}

// dropped is how many elements at its front a queue has lost since base: as many as stand there before what is first now.
func (o objects[T, P]) dropped(base, list *plist.Objects[T, P]) int {
	if base.Len() == 0 || list.Len() == 0 {
		return 0
	}
	first := *list.At(0)
	for i := 0; i < base.Len(); {
		run := base.From(i)
		for k := range run {
			if run[k] == first {
				return i + k
			}
		}
		i += len(run)
	}
	return 0
}

func (o objects[T, P]) diff(dst []byte, baseState, st *types.BeaconState) (_ []byte, err error) {
	base, list, against := o.list(baseState), o.list(st), fromBase
	drop := o.dropped(base, list)
	if base.Len()-drop > list.Len() {
		base, drop, against = new(plist.Objects[T, P]), 0, fromNothing
	}
	for _, v := range []int{list.Len(), against, drop} {
		dst = binary.AppendUvarint(dst, uint64(v))
	}
	r, data := runs{merge: 1}, []byte(nil)
	for i := 0; i < list.Len(); {
		now := list.From(i)
		var old []T
		if i+drop < base.Len() {
			old = base.From(i + drop)
			now = now[:min(len(now), len(old))]
		}
		for k := range now {
			if old != nil && (&now[0] == &old[0] || now[k] == old[k]) {
				continue
			}
			if old != nil {
				r.add(i+k, i+k)
			}
			if data, err = ssz.Container(P(&now[k])).Encode(st.Cx, data); err != nil {
				return nil, err
			}
		}
		i += len(now)
	}
	return append(append(dst, r.section()...), data...), nil
}

func (o objects[T, P]) apply(r *reader, baseState, out *types.BeaconState) error {
	base := o.list(baseState)
	n := int(r.number(uint64(base.Len() + len(r.b))))
	var list plist.Objects[T, P]
	against, drop := r.number(1), int(r.number(uint64(base.Len())))
	progressive := o.progressive && out.Since(params.Gloas)
	if against == fromBase {
		list = base.Copy()
		list.Reshape(progressive)
		list.DropFront(drop)
	} else {
		list.Reshape(progressive)
	}
	if n < list.Len() {
		return fmt.Errorf("%w: %d elements, the base has %d", errDiff, n, list.Len())
	}
	var blank T
	size := ssz.Size(out.Cx, ssz.Container(P(&blank)))
	element := func() (v T) {
		if b := r.bytes(size); b != nil {
			if err := ssz.Unmarshal(out.Cx, b, ssz.Container(P(&v))); err != nil {
				r.fail("%v", err)
			}
		}
		return v
	}
	ranges := &reader{b: r.section()}
	for at := 0; ; {
		first, last, ok := nextRun(ranges, at, list.Len())
		if !ok {
			break
		}
		for ; first < last && r.err == nil; first++ {
			list.Set(first, element())
		}
		at = last
	}
	for list.Len() < n && r.err == nil && ranges.err == nil {
		list.Append(element())
	}
	*o.list(out) = list
	if err := ranges.end(); err != nil {
		return err
	}
	return r.err
}
