package plist_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/ssz/plist"
	"pgregory.net/rapid"
)

// pair is a small container.
type pair struct {
	Left  [32]byte
	Right uint64
}

func (p *pair) Define(d *ssz.Def) {
	d.Field("left", ssz.Bytes(p.Left[:]))
	d.Field("right", ssz.Uint(&p.Right))
}

func root(t testing.TB, n ssz.Node) [32]byte {
	t.Helper()
	r, err := ssz.HashTreeRoot(ssz.Context{}, n)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// shapes are a list with room and a progressive one.
var shapes = []ssz.Shape{ssz.Cap(1<<40, false), ssz.Cap(0, true)}

// TestRootsEqualThoseOfSlices holds cached roots against plain hashing, at lengths around every boundary of the layout.
func TestRootsEqualThoseOfSlices(t *testing.T) {
	for _, shape := range shapes {
		for _, n := range []int{0, 1, 3, 4, 5, 20, 21, 22, 83, 84, 85, 86, 255, 256, 257, 341, 342, 1364, 1365, 1366, 5460, 5461, 5464, 16384, 16385, 22000} {
			values := make([]uint64, n)
			var packed plist.Packed[uint64]
			packed.Reshape(shape.Progressive)
			for i := range values {
				values[i] = uint64(i)*0x9e3779b97f4a7c15 + 1
				packed.Append(values[i])
			}
			if have, want := root(t, packed.List(shape)), root(t, ssz.Uints(&values, shape)); have != want {
				t.Fatalf("shape %+v, %d numbers: root is %x, want %x", shape, n, have, want)
			}
		}
		for _, n := range []int{0, 1, 2, 20, 21, 22, 63, 64, 65, 85, 86, 4095, 4096, 4097, 5000} {
			values := make([]pair, n)
			var objects plist.Objects[pair, *pair]
			objects.Reshape(shape.Progressive)
			for i := range values {
				values[i].Right = uint64(i) * 3
				values[i].Left[i%32] = byte(i)
				objects.Append(values[i])
			}
			if have, want := root(t, objects.List(shape)), root(t, ssz.List(&values, shape)); have != want {
				t.Fatalf("shape %+v, %d objects: root is %x, want %x", shape, n, have, want)
			}
		}
	}
}

// TestHistoryOfCopiesAndWrites plays random writes, appends, copies and roots on a family of lists against slices.
func TestHistoryOfCopiesAndWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shape := rapid.SampledFrom(shapes).Draw(t, "shape")
		type member struct {
			list  plist.Packed[uint64]
			model []uint64
		}
		first := &member{}
		first.list.Reshape(shape.Progressive)
		n := rapid.IntRange(0, 9000).Draw(t, "n")
		first.list.Zero(n)
		first.model = make([]uint64, n)
		family := []*member{first}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			m := rapid.SampledFrom(family).Draw(t, "member")
			switch rapid.IntRange(0, 4).Draw(t, "action") {
			case 0:
				if len(m.model) > 0 {
					i := rapid.IntRange(0, len(m.model)-1).Draw(t, "i")
					v := rapid.Uint64().Draw(t, "v")
					m.list.Set(i, v)
					m.model[i] = v
				}
			case 1:
				v := rapid.Uint64().Draw(t, "v")
				m.list.Append(v)
				m.model = append(slices.Clip(m.model), v)
			case 2:
				if len(family) < 6 {
					family = append(family, &member{m.list.Copy(), slices.Clone(m.model)})
				}
			case 3:
				if len(m.model) > 0 {
					i := rapid.IntRange(0, len(m.model)-1).Draw(t, "from")
					run := m.list.MutableFrom(i)
					for k := range run {
						run[k] += 7
						m.model[i+k] += 7
					}
				}
			case 4:
				have, err := ssz.HashTreeRoot(ssz.Context{}, m.list.List(shape))
				want, _ := ssz.HashTreeRoot(ssz.Context{}, ssz.Uints(&m.model, shape))
				if err != nil || have != want {
					t.Fatalf("root is %x (%v), want %x", have, err, want)
				}
			}
		}
		for _, m := range family {
			have, _ := ssz.Marshal(ssz.Context{}, m.list.List(shape))
			want, _ := ssz.Marshal(ssz.Context{}, ssz.Uints(&m.model, shape))
			if !bytes.Equal(have, want) {
				t.Fatal("a list differs from its model")
			}
			root1, err := ssz.HashTreeRoot(ssz.Context{}, m.list.List(shape))
			root2, _ := ssz.HashTreeRoot(ssz.Context{}, ssz.Uints(&m.model, shape))
			if err != nil || root1 != root2 {
				t.Fatalf("root is %x (%v), want %x", root1, err, root2)
			}
		}
	})
}

// TestQueueLosesItsFront drops elements from the front, changes some and reshapes; known roots must move rightly.
func TestQueueLosesItsFront(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shape := rapid.SampledFrom(shapes).Draw(t, "shape")
		var list plist.Objects[pair, *pair]
		list.Reshape(shape.Progressive)
		var model []pair
		for range rapid.IntRange(1, 300).Draw(t, "n") {
			v := pair{Right: rapid.Uint64().Draw(t, "v")}
			list.Append(v)
			model = append(model, v)
		}
		check := func() {
			have, err := ssz.HashTreeRoot(ssz.Context{}, list.List(shape))
			want, _ := ssz.HashTreeRoot(ssz.Context{}, ssz.List(&model, shape))
			if err != nil || have != want {
				t.Fatalf("root is %x (%v), want %x", have, err, want)
			}
		}
		if rapid.Bool().Draw(t, "hash first") {
			check()
		}
		i := rapid.IntRange(0, len(model)-1).Draw(t, "changed")
		list.Mutable(i).Right++
		model[i].Right++
		n := rapid.IntRange(0, len(model)).Draw(t, "dropped")
		list.DropFront(n)
		model = model[n:]
		if rapid.Bool().Draw(t, "hash between") {
			check()
		}
		shape = shapes[rapid.IntRange(0, 1).Draw(t, "new shape")]
		list.Reshape(shape.Progressive)
		check()
	})
}

// TestProofsOfListsFollowTheSchema checks a proof of every chunk and of the length against the root.
func TestProofsOfListsFollowTheSchema(t *testing.T) {
	for _, shape := range []ssz.Shape{ssz.Cap(1000, false), ssz.Cap(0, true)} {
		var list plist.Objects[pair, *pair]
		list.Reshape(shape.Progressive)
		for i := range 90 {
			list.Append(pair{Right: uint64(i)})
		}
		want := root(t, list.List(shape))
		checked := 0
		for gindex := uint64(1); gindex < 1<<13; gindex++ {
			p, err := ssz.Prove(ssz.Context{}, list.List(shape), gindex)
			if err != nil {
				continue // no such node
			}
			node := p.Leaf
			for g, k := gindex, 0; g > 1; g, k = g/2, k+1 {
				if g%2 == 0 {
					node = ssz.HashPair(node, p.Branch[k])
				} else {
					node = ssz.HashPair(p.Branch[k], node)
				}
			}
			if node != want {
				t.Fatalf("shape %+v: proof of %d leads to %x, want %x", shape, gindex, node, want)
			}
			checked++
		}
		if checked < 100 {
			t.Fatalf("shape %+v: only %d indices lead somewhere", shape, checked)
		}
	}
}

// TestFrozenListRefusesWrites checks that what is shared cannot be written to, while a copy can.
func TestFrozenListRefusesWrites(t *testing.T) {
	var list plist.Packed[uint64]
	list.Zero(100)
	list.Set(3, 1)
	root(t, list.List(shapes[0]))
	list.Freeze()
	other := list.Copy()
	other.Set(3, 2)
	if list.At(3) != 1 {
		t.Fatal("a write to a copy shows in the original")
	}
	defer func() {
		if recover() == nil {
			t.Fatal("a frozen list was written to")
		}
	}()
	list.Set(3, 4)
}

// TestOverlongListIsRefused names both values.
func TestOverlongListIsRefused(t *testing.T) {
	var list plist.Packed[uint8]
	err := ssz.Unmarshal(ssz.Context{}, make([]byte, 9), list.List(ssz.Cap(8, false)))
	if err == nil || !bytes.Contains([]byte(err.Error()), []byte("9")) || !bytes.Contains([]byte(err.Error()), []byte("8")) {
		t.Fatalf("error is %v", err)
	}
}

func BenchmarkRehash(b *testing.B) {
	for _, dirty := range []int{1, 1000, 100_000} {
		b.Run(fmt.Sprintf("dirty=%d", dirty), func(b *testing.B) {
			const n = 2_400_000
			var list plist.Packed[uint64]
			list.Zero(n)
			for i := range n {
				list.Set(i, uint64(i))
			}
			list.Rehash()
			x := uint64(1)
			b.ResetTimer()
			for range b.N {
				for range dirty {
					x = x*6364136223846793005 + 1442695040888963407
					list.Set(int(x>>33)%n, x)
				}
				list.Rehash()
			}
		})
	}
}
