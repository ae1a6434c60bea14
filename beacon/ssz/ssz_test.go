package ssz_test

import (
	"errors"
	"runtime"
	"strings"
	"testing"

	fastssz "github.com/ferranbt/fastssz"
	"github.com/prysmaticlabs/go-bitfield"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
)

// inner and outer are a versioned container with one of everything that can go wrong.
type inner struct {
	A uint64
	B []byte
}

func (x *inner) Define(d *ssz.Def) {
	d.Field("a", ssz.Uint(&x.A))
	d.Field("b", ssz.ByteList(&x.B, ssz.Cap(4, false)))
}

type outer struct {
	Flag  bool
	Items []inner
	Bits  []byte
	List  bitfield.Bitlist
	New   uint64
	Old   uint64
}

func (x *outer) Define(d *ssz.Def) {
	d.Field("flag", ssz.Bool(&x.Flag))
	d.Field("items", ssz.List(&x.Items, ssz.Cap(3, false)))
	d.Field("bits", ssz.Bits(&x.Bits, 10))
	d.Field("list", ssz.Bitlist(&x.List, ssz.Cap(9, false)))
	d.Field("new", ssz.Uint(&x.New)).Since(params.Altair)
	d.Field("old", ssz.Uint(&x.Old)).Until(params.Altair)
}

var (
	before = ssz.Context{Fork: params.Phase0}
	after  = ssz.Context{Fork: params.Altair}
)

func example() *outer {
	return &outer{
		Flag: true, Items: []inner{{A: 1, B: []byte{1, 2}}, {A: 2}}, Bits: []byte{0xff, 0x03},
		List: bitfield.Bitlist{0x15}, Old: 7,
	}
}

func encode(t testing.TB, cx ssz.Context, o ssz.Object) []byte {
	t.Helper()
	out, err := ssz.Marshal(cx, ssz.Container(o))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestWrongEncodingsNameContainerAndField(t *testing.T) {
	good := encode(t, before, example())
	change := func(at int, to byte) []byte {
		bad := append([]byte(nil), good...)
		bad[at] = to
		return bad
	}
	// flag 1, items offset 4, bits 2, list offset 4, old 8: the fixed part has 19 bytes.
	for name, c := range map[string]struct {
		src  []byte
		want error
		path string
	}{
		"boolean of 2":               {change(0, 2), ssz.ErrBoolean, "outer.flag"},
		"first offset too large":     {change(1, 20), ssz.ErrOffset, "outer.items"},
		"offset behind the end":      {change(8, 1), ssz.ErrOffset, "outer.items"},
		"padding bits":               {change(6, 0x07), ssz.ErrPadding, "outer.bits"},
		"too short":                  {good[:18], ssz.ErrSize, "outer"},
		"bit list without delimiter": {change(len(good)-1, 0), ssz.ErrSize, "outer.list"},
		"bit list too long":          {append(change(len(good)-1, 0xff), 0x0f), nil, "outer.list"},
		"element's offset":           {change(19, 9), ssz.ErrOffset, "outer.items"},
		"element's byte list":        {change(27+8, 13), ssz.ErrOffset, "outer.items[0].b"},
	} {
		err := ssz.Unmarshal(before, c.src, ssz.Container(new(outer)))
		if err == nil || (c.want != nil && !errors.Is(err, c.want)) || !strings.Contains(err.Error(), c.path+":") {
			t.Errorf("%s: error is %v, want %v at %s", name, err, c.want, c.path)
		}
	}
	var limit *ssz.LimitError
	if err := ssz.Unmarshal(before, append(change(len(good)-1, 0xff), 0x0f), ssz.Container(new(outer))); !errors.As(err, &limit) || limit.Have != 11 || limit.Limit != 9 {
		t.Errorf("over-long bit list: %v", err)
	}
}

func TestFieldOfAnotherForkIsRefusedAndCleared(t *testing.T) {
	_, err := ssz.Marshal(after, ssz.Container(example()))
	if !errors.Is(err, ssz.ErrAbsent) || !strings.Contains(err.Error(), "outer.old") {
		t.Fatalf("encoding old in altair: %v", err)
	}
	if _, err := ssz.HashTreeRoot(after, ssz.Container(example())); !errors.Is(err, ssz.ErrAbsent) {
		t.Fatalf("root with old in altair: %v", err)
	}
	o := example()
	o.Old, o.New = 0, 9
	src := encode(t, after, o)
	got := example()
	if err := ssz.Unmarshal(after, src, ssz.Container(got)); err != nil {
		t.Fatal(err)
	}
	if got.Old != 0 || got.New != 9 {
		t.Fatalf("decoded old %d, new %d", got.Old, got.New)
	}
}

func TestJSONFollowsTheFieldList(t *testing.T) {
	want := `{"flag":true,"items":[{"a":"1","b":"0x0102"},{"a":"2","b":"0x"}],"bits":"0xff03","list":"0x15","old":"7"}`
	got, err := ssz.MarshalJSON(before, ssz.Container(example()))
	if err != nil || string(got) != want {
		t.Fatalf("JSON is %s (%v)", got, err)
	}
	var back outer
	if err := ssz.UnmarshalJSON(before, []byte(strings.Replace(want, `"flag"`, `"extra":[{}],"flag"`, 1)), ssz.Container(&back)); err != nil {
		t.Fatalf("an additional field: %v", err)
	}
	for _, c := range []struct{ old, new, path string }{
		{`"a":"2",`, ``, "outer.items[1].a"},
		{`"a":"2"`, `"a":"02"`, "outer.items[1].a"},
		{`"a":"2"`, `"a":2`, "outer.items[1].a"},
		{`"old":"7"`, `"old":"7","old":"8"`, "outer.old"},
		{`"0xff03"`, `"0xff07"`, "outer.bits"},
		{`"0xff03"`, `"ff03"`, "outer.bits"},
		{`true`, `1`, "outer.flag"},
		{`}`, `} 1`, "outer"},
	} {
		text := strings.Replace(want, c.old, c.new, 1)
		if c.path == "outer" {
			text = want + " 1"
		}
		err := ssz.UnmarshalJSON(before, []byte(text), ssz.Container(new(outer)))
		if err == nil || !strings.Contains(err.Error(), c.path+":") {
			t.Errorf("%s: error is %v, want it at %s", text, err, c.path)
		}
	}
}

func TestProofsVerifyWithTheEcosystemsVerifier(t *testing.T) {
	o := example()
	root, err := ssz.HashTreeRoot(before, ssz.Container(o))
	if err != nil {
		t.Fatal(err)
	}
	// Five fields in phase0: depth 3, indices 8 to 12; items has length at 19 and elements from 2*2*9*... on.
	indices := []uint64{8, 10, 12, 19, 18 * 4 * 2, 18*4*2 + 1}
	for _, g := range indices {
		p, err := ssz.Prove(before, ssz.Container(o), g)
		if err != nil {
			t.Fatal(err)
		}
		proof := &fastssz.Proof{Index: int(g), Leaf: p.Leaf[:]}
		for i := range p.Branch {
			proof.Hashes = append(proof.Hashes, p.Branch[i][:])
		}
		if ok, err := fastssz.VerifyProof(root[:], proof); !ok || err != nil {
			t.Errorf("proof of %d: %v %v", g, ok, err)
		}
	}
	m, err := ssz.ProveMulti(before, ssz.Container(o), indices)
	if err != nil {
		t.Fatal(err)
	}
	if !ssz.VerifyMultiproof(root, m) {
		t.Fatal("multiproof does not verify")
	}
	var leaves, helpers [][]byte
	var ints []int
	for i := range m.Leaves {
		leaves, ints = append(leaves, m.Leaves[i][:]), append(ints, int(m.Indices[i]))
	}
	for i := range m.Helpers {
		helpers = append(helpers, m.Helpers[i][:])
	}
	if ok, err := fastssz.VerifyMultiproof(root[:], helpers, leaves, ints); !ok || err != nil {
		t.Fatalf("multiproof by the other verifier: %v %v", ok, err)
	}
	m.Leaves[1][0] ^= 1
	if ssz.VerifyMultiproof(root, m) {
		t.Fatal("a changed leaf verifies")
	}
	if _, err := ssz.Prove(before, ssz.Container(o), 8*2); !errors.Is(err, ssz.ErrPath) {
		t.Fatalf("below a chunk: %v", err)
	}
}

func TestSharedRootIsComputedOnce(t *testing.T) {
	shared := ssz.Share(inner{A: 5})
	elem := func(v *inner) ssz.Node { return ssz.Container(v) }
	first, err := ssz.HashTreeRoot(ssz.Context{}, ssz.SharedNode(&shared, elem))
	if err != nil {
		t.Fatal(err)
	}
	want, _ := ssz.HashTreeRoot(ssz.Context{}, ssz.Container(&inner{A: 5}))
	if first != want {
		t.Fatalf("root is %x, want %x", first, want)
	}
	if n := testing.AllocsPerRun(10, func() { _, _ = ssz.HashTreeRoot(ssz.Context{}, ssz.SharedNode(&shared, elem)) }); n > 2 {
		t.Fatalf("a second root takes %v allocations", n)
	}
}

// allocated runs f and gives the bytes it allocated.
func allocated(f func()) uint64 {
	var a, b runtime.MemStats
	runtime.ReadMemStats(&a)
	f()
	runtime.ReadMemStats(&b)
	return b.TotalAlloc - a.TotalAlloc
}

func TestLyingOffsetsTakeNoMemory(t *testing.T) {
	// The first offset says there are 2**20 elements in a list that holds as many, and nothing follows.
	src := []byte{0, 0, 64, 0}
	list := ssz.ListOf(new([]inner), ssz.Cap(1<<40, false), func(v *inner) ssz.Node { return ssz.Container(v) })
	n := allocated(func() {
		if err := ssz.Unmarshal(ssz.Context{}, src, list); err == nil {
			t.Error("decodes")
		}
	})
	if n > 1<<16 {
		t.Fatalf("%d bytes allocated for an input of %d", n, len(src))
	}
}

func TestBoundValueIsAnObjectOfTheEcosystem(t *testing.T) {
	o := example()
	b := ssz.Bind(before, o)
	var _ interface {
		fastssz.Marshaler
		fastssz.Unmarshaler
		fastssz.HashRoot
	} = b
	want, err := b.HashTreeRoot()
	if err != nil {
		t.Fatal(err)
	}
	tree, err := b.GetTree()
	if err != nil {
		t.Fatal(err)
	}
	if have := tree.Hash(); string(have) != string(want[:]) {
		t.Fatalf("tree hashes to %x, want %x", have, want)
	}
	theirs, err := tree.Prove(19)
	if err != nil {
		t.Fatal(err)
	}
	ours, err := ssz.Prove(before, ssz.Container(o), 19)
	if err != nil || string(theirs.Leaf) != string(ours.Leaf[:]) || len(theirs.Hashes) != len(ours.Branch) {
		t.Fatalf("proofs differ: %x %x (%v)", theirs.Leaf, ours.Leaf, err)
	}
	hh := fastssz.NewHasher()
	if err := b.HashTreeRootWith(hh); err != nil {
		t.Fatal(err)
	}
	if root, err := hh.HashRoot(); err != nil || root != want {
		t.Fatalf("walk gives %x (%v), want %x", root, err, want)
	}
	huge := make([]byte, ssz.MaxTreeSize+1)
	if _, err := (ssz.Bound{Node: ssz.Bytes(huge)}).GetTree(); err == nil {
		t.Fatal("a tree of a huge value")
	}
}

// TestEndsOfTheLargestTypesAreReached goes where 64 bits end: lists of up to 2**64-1 elements, and elements of progressive
// lists whose generalized index would not fit.
func TestEndsOfTheLargestTypesAreReached(t *testing.T) {
	const most = 1<<64 - 1
	bits, bytes, items, numbers := bitfield.Bitlist{0x0d}, []byte{1, 2, 3}, []inner{{A: 1}}, []uint64{1, 2}
	for name, n := range map[string]ssz.Node{
		"bits":    ssz.Bitlist(&bits, ssz.Cap(most, false)),
		"bytes":   ssz.ByteList(&bytes, ssz.Cap(most, false)),
		"items":   ssz.List(&items, ssz.Cap(most, false)),
		"numbers": ssz.Uints(&numbers, ssz.Cap(most, false)),
	} {
		root, err := ssz.HashTreeRoot(ssz.Context{}, n)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, gindex := range []uint64{1, 2, 3, 4, 5} {
			p, err := ssz.Prove(ssz.Context{}, n, gindex)
			if err != nil || !ssz.VerifyProof(root, gindex, p) {
				t.Errorf("%s: proof of %d does not lead to the root (%v)", name, gindex, err)
			}
		}
	}
	progressive := ssz.List(&items, ssz.Cap(0, true))
	for _, step := range []string{"0", "1", "4", "5", "21", "1000000"} {
		if _, err := ssz.GeneralizedIndex(ssz.Context{}, progressive, step); err != nil {
			t.Errorf("element %s: %v", step, err)
		}
	}
	for _, step := range []string{"9223372036854775807", "18446744073709551614"} {
		if g, err := ssz.GeneralizedIndex(ssz.Context{}, progressive, step); !errors.Is(err, ssz.ErrPath) {
			t.Errorf("element %s is at %d (%v)", step, g, err)
		}
	}
	if g, err := ssz.GeneralizedIndex(ssz.Context{}, ssz.List(&items, ssz.Cap(most, false)), "7"); !errors.Is(err, ssz.ErrPath) {
		t.Errorf("element 7 of 2**64-1 is at %d (%v)", g, err)
	}
}

// TestByteVectorIsNumberedByTheByte finds byte 40 in the second chunk, while bit 40 is in the first.
func TestByteVectorIsNumberedByTheByte(t *testing.T) {
	var b []byte
	for step, want := range map[string]uint64{"0": 8, "31": 8, "32": 9, "40": 9, "255": 15} {
		if g, err := ssz.GeneralizedIndex(ssz.Context{}, ssz.ByteVector(&b, 256), step); err != nil || g != want {
			t.Errorf("byte %s is at %d, want %d (%v)", step, g, want, err)
		}
	}
	if g, err := ssz.GeneralizedIndex(ssz.Context{}, ssz.ByteVector(&b, 256), "256"); err == nil {
		t.Errorf("byte 256 of 256 is at %d", g)
	}
	if g, err := ssz.GeneralizedIndex(ssz.Context{}, ssz.Bits(&b, 1024), "300"); err != nil || g != 5 {
		t.Errorf("bit 300 is at %d (%v)", g, err)
	}
}

// TestMultiproofsBindEveryLeaf refuses multiproofs in which a leaf could be anything.
func TestMultiproofsBindEveryLeaf(t *testing.T) {
	o := example()
	root, err := ssz.HashTreeRoot(before, ssz.Container(o))
	if err != nil {
		t.Fatal(err)
	}
	good, err := ssz.ProveMulti(before, ssz.Container(o), []uint64{8, 10})
	if err != nil || !ssz.VerifyMultiproof(root, good) {
		t.Fatalf("a multiproof does not verify (%v)", err)
	}
	leaf := func(g uint64) [32]byte {
		p, err := ssz.Prove(before, ssz.Container(o), g)
		if err != nil {
			t.Fatal(err)
		}
		return p.Leaf
	}
	forged := [32]byte{0xbb}
	for name, m := range map[string]ssz.Multiproof{
		"below another": {Indices: []uint64{2, 4}, Leaves: [][32]byte{leaf(2), forged}, Helpers: [][32]byte{leaf(5), leaf(3)}},
		"given twice":   {Indices: []uint64{2, 2}, Leaves: [][32]byte{forged, leaf(2)}, Helpers: [][32]byte{leaf(3)}},
		"zero":          {Indices: []uint64{0, 1}, Leaves: [][32]byte{forged, root}},
	} {
		if ssz.VerifyMultiproof(root, m) {
			t.Errorf("%s: a forged leaf verifies", name)
		}
		if _, err := ssz.ProveMulti(before, ssz.Container(o), m.Indices); !errors.Is(err, ssz.ErrPath) {
			t.Errorf("%s: is proved (%v)", name, err)
		}
	}
}

// TestProofOfAFieldOfAnotherForkIsRefused holds proofs to what roots are held to.
func TestProofOfAFieldOfAnotherForkIsRefused(t *testing.T) {
	if _, err := ssz.Prove(after, ssz.Container(example()), 8); !errors.Is(err, ssz.ErrAbsent) {
		t.Errorf("error is %v", err)
	}
}
