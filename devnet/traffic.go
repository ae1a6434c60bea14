package devnet

import (
	"context"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// traffic sends one operation of each kind. It belongs to the goroutine that watches.
type traffic struct {
	*network
}

func newTraffic(n *network) *traffic { return &traffic{network: n} }

func (t *traffic) send(ctx context.Context, slot types.Slot, s *seen) error { return nil }

// possible are the kinds that the network can have at all.
func (t *traffic) possible() (kinds []operation) {
	for o := range operations {
		if t.spec.ForkEpoch(o.since()) != params.FarFutureEpoch && (t.cfg.Execution == Geth || !o.onExecution()) {
			kinds = append(kinds, o)
		}
	}
	return kinds
}

// final are the kinds that are in a finalized block.
func (t *traffic) final(s *seen) map[operation]types.Slot {
	found := map[operation]types.Slot{}
	for _, b := range s.ancestors(s.final.Root) {
		for _, o := range b.done {
			if at, known := found[o]; !known || b.slot < at {
				found[o] = b.slot
			}
		}
	}
	return found
}

func (t *traffic) allFinal(s *seen) bool {
	final := t.final(s)
	for _, o := range t.possible() {
		if _, ok := final[o]; !ok {
			return false
		}
	}
	return true
}
