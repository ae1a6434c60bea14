package devnet

import (
	"fmt"

	"github.com/cresset/cresset/beacon/types"
)

// oracle keeps every vote and every proposal that was seen signed, and finds what nobody may sign.
type oracle struct {
	votes     map[types.ValidatorIndex]map[types.Root]types.AttestationData
	proposals map[types.ValidatorIndex]map[types.Slot]types.Root
	exempt    map[types.ValidatorIndex]bool // whose slashable messages are our own
	counted   struct{ votes, blocks int }
	pairs     []string // of slashable messages, in words
}

func newOracle(exempt ...types.ValidatorIndex) *oracle {
	o := &oracle{
		votes:     map[types.ValidatorIndex]map[types.Root]types.AttestationData{},
		proposals: map[types.ValidatorIndex]map[types.Slot]types.Root{},
		exempt:    map[types.ValidatorIndex]bool{},
	}
	for _, v := range exempt {
		o.exempt[v] = true
	}
	return o
}

// vote takes a vote of a validator. The same vote again is none. Spec: is_slashable_attestation_data (phase0).
func (o *oracle) vote(v types.ValidatorIndex, data types.AttestationData) {
	root := types.HashTreeRoot(&data)
	mine := o.votes[v]
	if mine == nil {
		mine = map[types.Root]types.AttestationData{}
		o.votes[v] = mine
	}
	if _, known := mine[root]; known {
		return
	}
	for _, other := range mine {
		if o.exempt[v] {
			break
		}
		switch {
		case other.Target.Epoch == data.Target.Epoch:
			o.found("validator %d voted twice for target epoch %d, in slots %d and %d", v, data.Target.Epoch, other.Slot, data.Slot)
		case surrounds(other, data) || surrounds(data, other):
			o.found("validator %d voted for %d to %d and for %d to %d: one surrounds the other",
				v, other.Source.Epoch, other.Target.Epoch, data.Source.Epoch, data.Target.Epoch)
		}
	}
	mine[root] = data
	o.counted.votes++
}

func surrounds(a, b types.AttestationData) bool {
	return a.Source.Epoch < b.Source.Epoch && b.Target.Epoch < a.Target.Epoch
}

// block takes a proposal.
func (o *oracle) block(proposer types.ValidatorIndex, slot types.Slot, root types.Root) {
	mine := o.proposals[proposer]
	if mine == nil {
		mine = map[types.Slot]types.Root{}
		o.proposals[proposer] = mine
	}
	other, known := mine[slot]
	switch {
	case !known:
		mine[slot] = root
		o.counted.blocks++
	case other != root:
		o.counted.blocks++
		if !o.exempt[proposer] {
			o.found("validator %d proposed two blocks in slot %d: %v and %v", proposer, slot, other, root)
		}
	}
}

func (o *oracle) found(format string, args ...any) {
	o.pairs = append(o.pairs, fmt.Sprintf(format, args...))
}

// String is what the summary says.
func (o *oracle) String() string {
	among := fmt.Sprintf("among %d votes, %d blocks", o.counted.votes, o.counted.blocks)
	if len(o.pairs) == 0 {
		return "no slashable pair " + among
	}
	return fmt.Sprintf("%d slashable pairs %s, the first: %s", len(o.pairs), among, o.pairs[0])
}
