package plist_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/ssz/plist"
	"pgregory.net/rapid"
)

// family is lists that were copied from each other, each with what it should hold.
type family[L any, V any] []*member[L, V]

type member[L any, V any] struct {
	list  L
	model []V
	shape ssz.Shape
	froze bool
}

// checkSame holds root and encoding of a list against those of a slice.
func checkSame(t *rapid.T, list, model ssz.Node) {
	have, err := ssz.HashTreeRoot(ssz.Context{}, list)
	want, _ := ssz.HashTreeRoot(ssz.Context{}, model)
	if err != nil || have != want {
		t.Fatalf("root is %x (%v), want %x", have, err, want)
	}
	encoded, err := ssz.Marshal(ssz.Context{}, list)
	wanted, _ := ssz.Marshal(ssz.Context{}, model)
	if err != nil || !bytes.Equal(encoded, wanted) {
		t.Fatalf("a list differs from its model (%v)", err)
	}
}

// boundaries are lengths at which pages, branches and progressive subtrees end, and those beside them.
func boundaries(t *rapid.T, perChunk int) int {
	chunks := rapid.SampledFrom([]int{0, 1, 5, 21, 64, 85, 128, 341, 1365, 4096, 5461}).Draw(t, "chunks")
	return max(0, chunks*perChunk+rapid.IntRange(-2, 2).Draw(t, "beside"))
}

// TestHistoryOfObjects plays all that a list of containers can be asked to do on a family of copies, in both shapes.
func TestHistoryOfObjects(t *testing.T) {
	type list = plist.Objects[pair, *pair]
	rapid.Check(t, func(t *rapid.T) {
		shape := rapid.SampledFrom(shapes).Draw(t, "shape")
		first := &member[list, pair]{shape: shape}
		first.list.Reshape(shape.Progressive)
		n := boundaries(t, 1)
		first.list.Fill(n)
		first.model = make([]pair, n)
		all := family[list, pair]{first}
		check := func(m *member[list, pair]) {
			checkSame(t, m.list.List(m.shape), ssz.List(&m.model, m.shape))
		}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			m := rapid.SampledFrom(all).Draw(t, "member")
			action := rapid.IntRange(0, 6).Draw(t, "action")
			if m.froze && action != 0 && action != 1 {
				continue
			}
			switch action {
			case 0:
				check(m)
			case 1:
				if len(all) < 5 {
					all = append(all, &member[list, pair]{m.list.Copy(), slices.Clone(m.model), m.shape, false})
				}
			case 2:
				v := pair{Right: rapid.Uint64().Draw(t, "v")}
				m.list.Append(v)
				m.model = append(m.model, v)
			case 3:
				if len(m.model) > 0 {
					i := rapid.IntRange(0, len(m.model)-1).Draw(t, "i")
					m.list.Mutable(i).Right++
					m.model[i].Right++
				}
			case 4:
				k := rapid.IntRange(0, len(m.model)).Draw(t, "dropped")
				m.list.DropFront(k)
				m.model = slices.Clone(m.model[k:])
			case 5:
				m.shape = rapid.SampledFrom(shapes).Draw(t, "new shape")
				m.list.Reshape(m.shape.Progressive)
			case 6:
				check(m)
				m.list.Freeze()
				m.froze = true
			}
		}
		for _, m := range all {
			check(m)
		}
	})
}

// TestHistoryOfBytes plays zeroing and reshaping, too, on lists of which 32 elements share a chunk.
func TestHistoryOfBytes(t *testing.T) {
	type list = plist.Packed[uint8]
	rapid.Check(t, func(t *rapid.T) {
		shape := rapid.SampledFrom(shapes).Draw(t, "shape")
		first := &member[list, uint8]{shape: shape}
		first.list.Reshape(shape.Progressive)
		all := family[list, uint8]{first}
		check := func(m *member[list, uint8]) {
			checkSame(t, m.list.List(m.shape), ssz.Uints(&m.model, m.shape))
		}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			m := rapid.SampledFrom(all).Draw(t, "member")
			switch rapid.IntRange(0, 5).Draw(t, "action") {
			case 0:
				check(m)
			case 1:
				if len(all) < 5 {
					all = append(all, &member[list, uint8]{m.list.Copy(), slices.Clone(m.model), m.shape, false})
				}
			case 2:
				n := boundaries(t, 32)
				m.list.Zero(n)
				m.model = make([]uint8, n)
			case 3:
				for range rapid.IntRange(1, 70).Draw(t, "appended") {
					m.list.Append(9)
					m.model = append(m.model, 9)
				}
			case 4:
				if len(m.model) > 0 {
					i := rapid.IntRange(0, len(m.model)-1).Draw(t, "from")
					run := m.list.MutableRange(i, rapid.IntRange(1, len(m.list.From(i))).Draw(t, "count"))
					for k := range run {
						run[k] += 3
						m.model[i+k] += 3
					}
				}
			case 5:
				m.shape = rapid.SampledFrom(shapes).Draw(t, "new shape")
				m.list.Reshape(m.shape.Progressive)
			}
		}
		for _, m := range all {
			check(m)
		}
	})
}

// TestFrozenListKeepsItsElements tries all that would give a frozen list other elements or another shape.
func TestFrozenListKeepsItsElements(t *testing.T) {
	var packed plist.Packed[uint64]
	var objects plist.Objects[pair, *pair]
	packed.Zero(3)
	objects.Fill(3)
	root(t, packed.List(shapes[0]))
	root(t, objects.List(shapes[0]))
	packed.Freeze()
	objects.Freeze()
	for name, write := range map[string]func(){
		"Packed.Zero":       func() { packed.Zero(2) },
		"Packed.Reshape":    func() { packed.Reshape(true) },
		"Packed.Decode":     func() { _ = packed.List(shapes[0]).Decode(ssz.Context{}, make([]byte, 8)) },
		"Packed.Reset":      func() { packed.List(shapes[0]).Reset(ssz.Context{}) },
		"Objects.Fill":      func() { objects.Fill(2) },
		"Objects.DropFront": func() { objects.DropFront(1) },
		"Objects.Reshape":   func() { objects.Reshape(true) },
		"Objects.Decode":    func() { _ = objects.List(shapes[0]).Decode(ssz.Context{}, make([]byte, 40)) },
		"Objects.Reset":     func() { objects.List(shapes[0]).Reset(ssz.Context{}) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s writes to a frozen list", name)
				}
			}()
			write()
		}()
	}
	if packed.Len() != 3 || objects.Len() != 3 {
		t.Errorf("lengths are %d and %d, want 3", packed.Len(), objects.Len())
	}
}
