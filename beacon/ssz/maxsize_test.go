package ssz

import "testing"

// sized is a container with one field of a kind, and what its largest encoding has.
type sized struct {
	field func(d *Def) Node
}

func (s *sized) Define(d *Def) { d.Field("field", s.field(d)) }

type pair struct{ a, b uint64 }

func (p *pair) Define(d *Def) {
	d.Field("a", Uint(&p.a))
	d.Field("b", Uint(&p.b))
}

type holder struct{ bytes []byte }

func (h *holder) Define(d *Def) { d.Field("bytes", ByteList(&h.bytes, Cap(10, false))) }

func TestMaxSize(t *testing.T) {
	var pairs []pair
	var numbers []uint16
	var bytes []byte
	var holders []holder
	for _, c := range []struct {
		name string
		node Node
		want uint64
	}{
		{"a fixed container", Container(&pair{}), 16},
		{"a list of fixed containers", List(&pairs, Cap(3, false)), 48},
		{"a vector", Vector(&pairs, 5), 80},
		{"a progressive list", List(&pairs, Cap(3, true)), Unbounded},
		{"a list of numbers", Uints(&numbers, Cap(7, false)), 14},
		{"a list of bytes", ByteList(&bytes, Cap(7, false)), 7},
		{"progressive bytes", ByteList(&bytes, Cap(7, true)), Unbounded},
		{"a list of variable containers", List(&holders, Cap(2, false)), 2 * (4 + 4 + 10)},
		{"a vector of variable containers", Vector(&holders, 2), 2 * (4 + 4 + 10)},
		{"a container with a list", Container(&sized{func(*Def) Node { return List(&pairs, Cap(3, false)) }}), 4 + 48},
		{"a container with a progressive list", Container(&sized{func(*Def) Node { return List(&pairs, Cap(3, true)) }}), Unbounded},
		{"a list that is too large to count", List(&pairs, Cap(1<<61, false)), Unbounded},
	} {
		if got := MaxSize(Context{}, c.node); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}
