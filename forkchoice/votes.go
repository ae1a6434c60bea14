package forkchoice

import (
	"github.com/cresset/cresset/beacon/types"
)

// target is what a vote is for: the position of a block, times four, plus one plus the status; 0 is nothing.
type target uint32

// maxBlocks is how many blocks targets can tell apart.
const maxBlocks = 1 << 30

func targetOf(i uint32, status PayloadStatus) target { return target(i<<2 | uint32(status) + 1) }

func (t target) block() uint32         { return uint32(t >> 2) }
func (t target) status() PayloadStatus { return PayloadStatus(t&3) - 1 }

// vote is the latest message of a validator, with its balance: one stretch of memory to be fetched when it changes.
// Spec: LatestMessage (phase0; modified gloas).
type vote struct {
	counted target // where it is counted in node.direct
	next    target // where it is to be counted
	seen    uint32 // slot of the message plus 1; 0: no message yet; equivocating: there will be none any more
	balance uint16 // in increments, 0 for one that does not count; of the justified balances
}

const equivocating = ^uint32(0)

// votes is the latest messages of all validators.
type votes struct {
	all     []vote
	changed []uint32 // validators with next != counted; some may be there twice
	// of is the checkpoint whose balances are counted, from balances; nil before any.
	of       types.Checkpoint
	balances *Balances
	// equivocators counts those marked so.
	equivocators int
}

// grow makes room for a validator.
func (v *votes) grow(validators int) {
	if n := validators - len(v.all); n > 0 {
		v.all = append(v.all, make([]vote, n)...)
	}
}

// set changes what a validator votes for.
func (v *votes) set(i uint32, next target) {
	x := &v.all[i]
	if x.counted == x.next && next != x.counted {
		v.changed = append(v.changed, i)
	}
	x.next = next
}

// flush counts the changed votes.
func (v *votes) flush(nodes []node) {
	for _, i := range v.changed {
		x := &v.all[i]
		if x.counted == x.next {
			continue
		}
		if x.counted != 0 {
			nodes[x.counted.block()].direct[x.counted.status()] -= uint64(x.balance)
		}
		if x.next != 0 {
			nodes[x.next.block()].direct[x.next.status()] += uint64(x.balance)
		}
		x.counted = x.next
	}
	v.changed = v.changed[:0]
}

// recount counts all votes with other balances: one pass over the validators.
func (v *votes) recount(nodes []node, of types.Checkpoint, b *Balances) {
	v.grow(b.Len())
	for i := range nodes {
		nodes[i].direct = [statuses]uint64{}
	}
	known := v.all[:b.Len()]
	for i, value := range b.values {
		x := &known[i]
		x.balance = weightOf(value)
		x.counted = x.next
		if x.next != 0 {
			nodes[x.next.block()].direct[x.next.status()] += uint64(x.balance)
		}
	}
	for i := b.Len(); i < len(v.all); i++ {
		x := &v.all[i]
		x.balance, x.counted = 0, x.next
	}
	v.changed = v.changed[:0]
	v.of, v.balances = of, b
}

// move gives votes the new places of their blocks; those whose block is gone are for nothing from now on.
func (v *votes) move(moved []uint32) {
	renamed := func(t target) target {
		if t == 0 || moved[t.block()] == none {
			return 0
		}
		return targetOf(moved[t.block()], t.status())
	}
	for i := range v.all {
		x := &v.all[i]
		x.counted, x.next = renamed(x.counted), renamed(x.next)
	}
}

// isEquivocating tells whether a validator is known to have equivocated.
func (v *votes) isEquivocating(i uint32) bool {
	return uint64(i) < uint64(len(v.all)) && v.all[i].seen == equivocating
}
