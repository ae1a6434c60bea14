package rangesync

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"
	"time"

	"github.com/cresset/cresset/beacon/types"
)

// Status is what a peer says of itself.
type Status struct {
	FinalizedEpoch types.Epoch
	FinalizedRoot  types.Root
	HeadSlot       types.Slot
	HeadRoot       types.Root
	Earliest       types.Slot // it serves nothing before
	Columns        []uint64   // that it has custody of
}

// Local is where this node is.
type Local struct {
	FinalizedEpoch types.Epoch
	FinalizedRoot  types.Root
	FinalizedSlot  types.Slot // of the finalized block
	HeadSlot       types.Slot
}

// Target is the end of a run.
type Target struct {
	Finalized bool
	Epoch     types.Epoch // the finalized one
	Slot      types.Slot  // the last that is downloaded
	Root      types.Root
}

func (t Target) String() string {
	if t.Finalized {
		return fmt.Sprintf("finalized epoch %d, block %v", t.Epoch, t.Root)
	}
	return fmt.Sprintf("head %v of slot %d", t.Root, t.Slot)
}

// targetOf is where a peer's chain leads that this node does not have; false if it is not ahead.
func (m *Machine) targetOf(s Status) (Target, bool) {
	over, start := bits.Mul64(uint64(s.FinalizedEpoch), m.cfg.SlotsPerEpoch)
	switch {
	case over != 0:
		return Target{}, false
	case s.FinalizedEpoch > m.local.FinalizedEpoch && !m.cfg.Chain.Knows(s.FinalizedRoot):
		return Target{true, s.FinalizedEpoch, types.Slot(start), s.FinalizedRoot}, true
	case s.HeadSlot > m.local.HeadSlot+m.cfg.Tolerance && !m.cfg.Chain.Knows(s.HeadRoot):
		return Target{Slot: s.HeadSlot, Root: s.HeadRoot}, true
	}
	return Target{}, false
}

// choose gives the target that most peers share, and who they are; finalized ones go before heads, and among equals the one that is further.
func (m *Machine) choose(now time.Time) (best Target, by []string) {
	votes := map[Target][]string{}
	for id, s := range m.peers {
		if t, ahead := m.targetOf(s); ahead && !m.avoided(now, t.Root) {
			votes[t] = append(votes[t], id)
		}
	}
	targets := make([]Target, 0, len(votes))
	for t := range votes {
		targets = append(targets, t)
	}
	if len(targets) == 0 {
		return Target{}, nil
	}
	best = slices.MaxFunc(targets, func(a, b Target) int {
		if a.Finalized != b.Finalized {
			return cmp.Compare(flag(a.Finalized), flag(b.Finalized))
		}
		return cmp.Or(cmp.Compare(len(votes[a]), len(votes[b])), cmp.Compare(a.Slot, b.Slot), slices.Compare(a.Root[:], b.Root[:]))
	})
	slices.Sort(votes[best])
	return best, votes[best]
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

// claims tells whether a peer says that it has a target: the same one, or a chain that is further. That the further one leads over the
// target is not known; a peer for which it does not is found out by its blocks.
func (t Target) claims(s Status) bool {
	if t.Finalized {
		return s.FinalizedEpoch > t.Epoch || s.FinalizedEpoch == t.Epoch && s.FinalizedRoot == t.Root
	}
	return s.HeadSlot > t.Slot || s.HeadRoot == t.Root
}

// avoided tells whether a run to a block has failed a short time ago.
func (m *Machine) avoided(now time.Time, root types.Root) bool {
	until, failed := m.failed[root]
	return failed && now.Before(until)
}
