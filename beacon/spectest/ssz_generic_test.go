package spectest

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/prysmaticlabs/go-bitfield"

	"github.com/cresset/cresset/beacon/ssz"
)

// runSSZGeneric runs a case of ssz_generic: its name begins with the declaration of the type.
func runSSZGeneric(t *testing.T, c *Case) {
	fresh, err := genericType(c.Handler, c.Name)
	if c.Suite == "invalid" {
		encoded := c.MustSSZ("serialized")
		if err != nil {
			if !errors.Is(err, errIllegalType) {
				t.Fatal(err)
			}
			return // The type itself is not legal, so nothing can be decoded as it.
		}
		if err := ssz.Unmarshal(ssz.Context{}, encoded, fresh()); err == nil {
			t.Fatalf("%x decodes, though it is no valid encoding", encoded)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	var meta struct {
		Root string `yaml:"root"`
	}
	c.MustYAML("meta", &meta)
	value, _ := c.Raw("value.yaml")
	checkValid(t, ssz.Context{}, fresh, c.MustSSZ("serialized"), value, meta.Root)
}

var (
	errIllegalType = errors.New("type is not legal")
	declaration    = regexp.MustCompile(`^(vec|bitvec|bitlist|proglist|uint)_([a-z0-9]+)(?:_([0-9]+))?`)
)

// genericType makes empty values of the type that a case's name declares.
func genericType(handler, name string) (func() ssz.Node, error) {
	switch handler {
	case "boolean":
		return func() ssz.Node { return ssz.Bool(new(bool)) }, nil
	case "progressive_bitlist":
		return func() ssz.Node { return ssz.Bitlist(new(bitfield.Bitlist), ssz.Cap(0, true)) }, nil
	case "containers", "progressive_containers", "compatible_unions":
		return genericContainer(strings.SplitN(name, "_", 2)[0])
	}
	m := declaration.FindStringSubmatch(name)
	if m == nil {
		return nil, fmt.Errorf("no type in the name %q", name)
	}
	number := m[2]
	if m[1] == "vec" {
		number = m[3]
	}
	n, _ := strconv.ParseUint(number, 10, 64) // no number stands for lists, and 0 is refused where one is needed
	switch m[1] {
	case "uint":
		return basicType("uint" + number), nil
	case "bitlist":
		if number == "no" { // bitlist_no_delimiter_...: any limit will do
			n = 256
		}
		return func() ssz.Node { return ssz.Bitlist(new(bitfield.Bitlist), ssz.Cap(n, false)) }, nil
	case "bitvec":
		if n == 0 {
			return nil, errIllegalType
		}
		return func() ssz.Node { return ssz.Bits(new([]byte), n) }, nil
	case "proglist":
		return sequenceType(m[2], 0), nil
	default:
		if n == 0 {
			return nil, errIllegalType
		}
		return sequenceType(m[2], n), nil
	}
}

// basicType makes empty values of a basic type.
func basicType(kind string) func() ssz.Node {
	return map[string]func() ssz.Node{
		"bool":    func() ssz.Node { return ssz.Bool(new(bool)) },
		"uint8":   func() ssz.Node { return ssz.Uint(new(uint8)) },
		"uint16":  func() ssz.Node { return ssz.Uint(new(uint16)) },
		"uint32":  func() ssz.Node { return ssz.Uint(new(uint32)) },
		"uint64":  func() ssz.Node { return ssz.Uint(new(uint64)) },
		"uint128": func() ssz.Node { return ssz.WideUint(make([]byte, 16)) },
		"uint256": func() ssz.Node { return ssz.WideUint(make([]byte, 32)) },
	}[kind]
}

// sequenceType makes empty vectors of n elements, or progressive lists for n = 0.
func sequenceType(kind string, n uint64) func() ssz.Node {
	switch kind {
	case "bool":
		return sequence(n, ssz.Bool)
	case "uint8":
		return sequence(n, ssz.Uint[uint8])
	case "uint16":
		return sequence(n, ssz.Uint[uint16])
	case "uint32":
		return sequence(n, ssz.Uint[uint32])
	case "uint64":
		return sequence(n, ssz.Uint[uint64])
	case "uint128":
		return sequence(n, func(v *[16]byte) ssz.Node { return ssz.WideUint(v[:]) })
	}
	return sequence(n, func(v *[32]byte) ssz.Node { return ssz.WideUint(v[:]) })
}

func sequence[T any](n uint64, elem func(*T) ssz.Node) func() ssz.Node {
	if n == 0 {
		return func() ssz.Node { return ssz.ListOf(new([]T), ssz.Cap(0, true), elem) }
	}
	return func() ssz.Node { return ssz.VectorOf(new([]T), n, elem) }
}

// The containers that tests/formats/ssz_generic declares. A Byte stands as a number in their YAML values.
type (
	singleField struct{ A byte }
	small       struct{ A, B uint16 }
	fixed       struct {
		A uint8
		B uint64
		C uint32
	}
	variable struct {
		A uint16
		B []uint16
		C uint8
	}
	complexStruct struct {
		A uint16
		B []uint16
		C uint8
		D []byte
		E variable
		F []fixed
		G []variable
	}
	progressive struct {
		A []byte
		B []uint64
		C []small
		D [][]variable
	}
	bitsStruct struct {
		A, D    bitfield.Bitlist
		B, C, E []byte
	}
	progressiveBits struct {
		A, D, G, J             []byte
		B, C, E, F, H, I, K, L bitfield.Bitlist
	}
	progressiveSingleField struct{ A byte }
	progressiveSingleList  struct{ C bitfield.Bitlist }
	progressiveVar         struct {
		A byte
		B []uint16
		C bitfield.Bitlist
	}
	progressiveComplex struct {
		A byte
		B []uint16
		C bitfield.Bitlist
		D []uint64
		E []small
		F [][]variable
		G []progressiveSingleField
		H []progressiveVar
	}
)

var unlimited = ssz.Cap(0, true)

func variableLists(p *[]variable) ssz.Node { return ssz.List(p, unlimited) }

func (x *singleField) Define(d *ssz.Def) { d.Field("A", ssz.Uint(&x.A)) }
func (x *small) Define(d *ssz.Def) {
	d.Field("A", ssz.Uint(&x.A))
	d.Field("B", ssz.Uint(&x.B))
}
func (x *fixed) Define(d *ssz.Def) {
	d.Field("A", ssz.Uint(&x.A))
	d.Field("B", ssz.Uint(&x.B))
	d.Field("C", ssz.Uint(&x.C))
}
func (x *variable) Define(d *ssz.Def) {
	d.Field("A", ssz.Uint(&x.A))
	d.Field("B", ssz.Uints(&x.B, ssz.Cap(1024, false)))
	d.Field("C", ssz.Uint(&x.C))
}
func (x *complexStruct) Define(d *ssz.Def) {
	d.Field("A", ssz.Uint(&x.A))
	d.Field("B", ssz.Uints(&x.B, ssz.Cap(128, false)))
	d.Field("C", ssz.Uint(&x.C))
	d.Field("D", ssz.ByteList(&x.D, ssz.Cap(256, false)))
	d.Field("E", ssz.Container(&x.E))
	d.Field("F", ssz.Vector(&x.F, 4))
	d.Field("G", ssz.Vector(&x.G, 2))
}
func (x *progressive) Define(d *ssz.Def) {
	d.Field("A", ssz.ByteList(&x.A, unlimited))
	d.Field("B", ssz.Uints(&x.B, unlimited))
	d.Field("C", ssz.List(&x.C, unlimited))
	d.Field("D", ssz.ListOf(&x.D, unlimited, variableLists))
}
func (x *bitsStruct) Define(d *ssz.Def) {
	d.Field("A", ssz.Bitlist(&x.A, ssz.Cap(5, false)))
	d.Field("B", ssz.Bits(&x.B, 2))
	d.Field("C", ssz.Bits(&x.C, 1))
	d.Field("D", ssz.Bitlist(&x.D, ssz.Cap(6, false)))
	d.Field("E", ssz.Bits(&x.E, 8))
}
func (x *progressiveBits) Define(d *ssz.Def) {
	d.Field("A", ssz.Bits(&x.A, 256))
	d.Field("B", ssz.Bitlist(&x.B, ssz.Cap(256, false)))
	d.Field("C", ssz.Bitlist(&x.C, unlimited))
	d.Field("D", ssz.Bits(&x.D, 257))
	d.Field("E", ssz.Bitlist(&x.E, ssz.Cap(257, false)))
	d.Field("F", ssz.Bitlist(&x.F, unlimited))
	d.Field("G", ssz.Bits(&x.G, 1280))
	d.Field("H", ssz.Bitlist(&x.H, ssz.Cap(1280, false)))
	d.Field("I", ssz.Bitlist(&x.I, unlimited))
	d.Field("J", ssz.Bits(&x.J, 1281))
	d.Field("K", ssz.Bitlist(&x.K, ssz.Cap(1281, false)))
	d.Field("L", ssz.Bitlist(&x.L, unlimited))
}
func (x *progressiveSingleField) Define(d *ssz.Def) {
	d.Progressive(true)
	d.Field("A", ssz.Uint(&x.A))
}
func (x *progressiveSingleList) Define(d *ssz.Def) {
	d.Progressive(true)
	d.Field("C", ssz.Bitlist(&x.C, unlimited)).After(4)
}
func (x *progressiveVar) Define(d *ssz.Def) {
	d.Progressive(true)
	d.Field("A", ssz.Uint(&x.A))
	d.Field("B", ssz.Uints(&x.B, ssz.Cap(123, false))).After(1)
	d.Field("C", ssz.Bitlist(&x.C, unlimited)).After(1)
}
func (x *progressiveComplex) Define(d *ssz.Def) {
	d.Progressive(true)
	d.Field("A", ssz.Uint(&x.A))
	d.Field("B", ssz.Uints(&x.B, ssz.Cap(123, false))).After(1)
	d.Field("C", ssz.Bitlist(&x.C, unlimited)).After(1)
	d.Field("D", ssz.Uints(&x.D, unlimited)).After(3)
	d.Field("E", ssz.List(&x.E, unlimited)).After(3)
	d.Field("F", ssz.ListOf(&x.F, unlimited, variableLists))
	d.Field("G", ssz.List(&x.G, ssz.Cap(10, false))).After(6)
	d.Field("H", ssz.List(&x.H, unlimited))
}

// genericContainer makes empty containers and unions by name.
func genericContainer(name string) (func() ssz.Node, error) {
	objects := map[string]func() ssz.Object{
		"SingleFieldTestStruct":                     func() ssz.Object { return new(singleField) },
		"SmallTestStruct":                           func() ssz.Object { return new(small) },
		"FixedTestStruct":                           func() ssz.Object { return new(fixed) },
		"VarTestStruct":                             func() ssz.Object { return new(variable) },
		"ComplexTestStruct":                         func() ssz.Object { return new(complexStruct) },
		"ProgressiveTestStruct":                     func() ssz.Object { return new(progressive) },
		"BitsStruct":                                func() ssz.Object { return new(bitsStruct) },
		"ProgressiveBitsStruct":                     func() ssz.Object { return new(progressiveBits) },
		"ProgressiveSingleFieldContainerTestStruct": func() ssz.Object { return new(progressiveSingleField) },
		"ProgressiveSingleListContainerTestStruct":  func() ssz.Object { return new(progressiveSingleList) },
		"ProgressiveVarTestStruct":                  func() ssz.Object { return new(progressiveVar) },
		"ProgressiveComplexTestStruct":              func() ssz.Object { return new(progressiveComplex) },
	}
	if object := objects[name]; object != nil {
		return func() ssz.Node { return ssz.Container(object()) }, nil
	}
	single := objects["ProgressiveSingleFieldContainerTestStruct"]
	list := objects["ProgressiveSingleListContainerTestStruct"]
	vari := objects["ProgressiveVarTestStruct"]
	options := map[string]map[uint8]func() ssz.Object{
		"CompatibleUnionA":    {1: single},
		"CompatibleUnionBC":   {2: list, 3: vari},
		"CompatibleUnionABCA": {1: single, 2: list, 3: vari, 4: single},
	}[name]
	if options == nil {
		return nil, fmt.Errorf("unknown container %q", name)
	}
	return func() ssz.Node { return &union{options: options} }, nil
}

// union is a CompatibleUnion. No fork uses one yet, so it lives here; it shows that the schema takes kinds from outside.
type union struct {
	options  map[uint8]func() ssz.Object
	selector uint8
	data     ssz.Node
}

func (u *union) choose(selector uint8) error {
	option := u.options[selector]
	if option == nil {
		return fmt.Errorf("no option %d", selector)
	}
	u.selector, u.data = selector, ssz.Container(option())
	return nil
}

func (u *union) Size(cx ssz.Context) (int, bool) {
	n, _ := u.data.Size(cx)
	return 1 + n, false
}

func (u *union) Encode(cx ssz.Context, dst []byte) ([]byte, error) {
	return u.data.Encode(cx, append(dst, u.selector))
}

func (u *union) Decode(cx ssz.Context, src []byte) error {
	if len(src) == 0 {
		return fmt.Errorf("%w: no selector", ssz.ErrSize)
	}
	if err := u.choose(src[0]); err != nil {
		return err
	}
	return u.data.Decode(cx, src[1:])
}

func (u *union) Root(cx ssz.Context, h *ssz.Hasher) {
	u.data.Root(cx, h)
	h.MixIn(uint64(u.selector))
}

func (u *union) Prove(ssz.Context, ssz.Path, *ssz.Proof) error {
	return errors.New("proofs into unions are not made")
}

func (u *union) Child(ssz.Context, string) (uint64, ssz.Node, error) {
	return 0, nil, errors.New("paths into unions are not resolved")
}

func (u *union) AppendJSON(cx ssz.Context, dst []byte) ([]byte, error) {
	return u.envelope().AppendJSON(cx, dst)
}

func (u *union) DecodeJSON(cx ssz.Context, dec *json.Decoder) error {
	var parts struct {
		Selector string          `json:"selector"`
		Data     json.RawMessage `json:"data"`
	}
	if err := dec.Decode(&parts); err != nil {
		return err
	}
	n, err := strconv.ParseUint(parts.Selector, 10, 8)
	if err != nil {
		return err
	}
	if err := u.choose(uint8(n)); err != nil {
		return err
	}
	return ssz.UnmarshalJSON(cx, parts.Data, u.data)
}

// envelope is the selector-object that a union is in JSON.
func (u *union) envelope() ssz.Node { return ssz.Container(&selected{u}) }

type selected struct{ u *union }

func (x *selected) Define(d *ssz.Def) {
	d.Field("selector", ssz.Uint(&x.u.selector))
	d.Field("data", x.u.data)
}

func (u *union) IsZero(ssz.Context) bool { return u.data == nil }
func (u *union) Reset(ssz.Context)       { u.data = nil }
