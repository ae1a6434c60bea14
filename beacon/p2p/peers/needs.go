package peers

import "maps"

// Kind is what peers are needed for.
type Kind uint8

// The kinds of needs.
const (
	Attestation Kind = iota // a subnet of attestations
	SyncCommittee
	Column // a data column in custody
)

// String is the kind's name in logs and metrics.
func (k Kind) String() string {
	switch k {
	case Attestation:
		return "attestation subnet"
	case SyncCommittee:
		return "sync committee subnet"
	}
	return "column"
}

// Kinds lists the kinds.
func Kinds() []Kind { return []Kind{Attestation, SyncCommittee, Column} }

// Need is one subnet or column.
type Need struct {
	Kind  Kind
	Index uint64
}

// Bits is a bitfield, bit i in byte i/8 from the lowest.
type Bits []byte

// Has tells whether a bit is set. Bits beyond the end are not.
func (b Bits) Has(i uint64) bool { return i/8 < uint64(len(b)) && b[i/8]>>(i%8)&1 == 1 }

// Set returns the bits with one more of them set; i is below 2^16.
func (b Bits) Set(i uint64) Bits {
	for uint64(len(b)) <= i/8 {
		b = append(b, 0)
	}
	b[i/8] |= 1 << (i % 8)
	return b
}

// Offers is what a peer says that it has. It is not changed once it was handed in.
type Offers struct {
	Attnets, Syncnets Bits
	Columns           Bits // that follow from its id and its custody group count
}

// Has tells whether a need is among what is offered.
func (o *Offers) Has(n Need) bool {
	switch n.Kind {
	case Attestation:
		return o.Attnets.Has(n.Index)
	case SyncCommittee:
		return o.Syncnets.Has(n.Index)
	}
	return o.Columns.Has(n.Index)
}

// SetNeeds says how many peers there are to be for each subnet and column. It replaces what was said before.
func (m *Manager) SetNeeds(needs map[Need]int) { m.needs = maps.Clone(needs) }

// Have counts the connected peers that offer each need.
func (m *Manager) Have() map[Need]int {
	have := make(map[Need]int, len(m.needs))
	for n := range m.needs {
		have[n] = 0
		for _, p := range m.connected {
			if !p.leaving && p.offers.Has(n) {
				have[n]++
			}
		}
	}
	return have
}

// Unmet is the needs for which peers are missing, and how many.
func (m *Manager) Unmet() map[Need]int {
	unmet := map[Need]int{}
	for n, have := range m.Have() {
		if have < m.needs[n] {
			unmet[n] = m.needs[n] - have
		}
	}
	return unmet
}
