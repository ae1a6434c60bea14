package synthetic_test

import (
	"bytes"
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// field is a list of the state whose nodes are counted.
type field struct {
	name  string
	node  ssz.Node
	unit  int // bytes of its encoding that make one chunk: 32, or an element that has a root of its own
	shape ssz.Shape
	list  bool // its length is mixed in
	// inside counts the nodes of an element of which the bytes of before have become those of after; before is nil for a
	// new element. Nil stands for elements that are chunks themselves.
	inside func(before, after []byte) uint64
}

// fields are the long lists and vectors of a state. Its other fields have together less than two thousand nodes and are
// not counted, so that limits are rather too low.
func fields(s *types.BeaconState) []field {
	spec, gloas := s.Cx.Spec, s.Cx.Fork >= params.Gloas
	registry := func(perChunk uint64) ssz.Shape {
		return ssz.Cap((spec.ValidatorRegistryLimit+perChunk-1)/perChunk, gloas)
	}
	elements := ssz.Cap(spec.ValidatorRegistryLimit, gloas)
	bound := func(n uint64) ssz.Shape { return ssz.Cap(n, false) }
	return []field{
		{"block_roots", s.BlockRoots.Vector(spec.SlotsPerHistoricalRoot), 32, bound(spec.SlotsPerHistoricalRoot), false, nil},
		{"state_roots", s.StateRoots.Vector(spec.SlotsPerHistoricalRoot), 32, bound(spec.SlotsPerHistoricalRoot), false, nil},
		{"historical_roots", s.HistoricalRoots.List(bound(spec.HistoricalRootsLimit)), 32, bound(spec.HistoricalRootsLimit), true, nil},
		{"eth1_data_votes", s.Eth1DataVotes.List(bound(1 << 20)), 72, bound(spec.EpochsPerEth1VotingPeriod * spec.SlotsPerEpoch), true, constant(3)},
		{"validators", s.Validators.List(elements), 121, elements, true, validatorNodes},
		{"balances", s.Balances.List(elements), 32, registry(4), true, nil},
		{"randao_mixes", s.RandaoMixes.Vector(spec.EpochsPerHistoricalVector), 32, bound(spec.EpochsPerHistoricalVector), false, nil},
		{"slashings", s.Slashings.Vector(spec.EpochsPerSlashingsVector), 32, bound(spec.EpochsPerSlashingsVector / 4), false, nil},
		{"previous_epoch_participation", s.PreviousEpochParticipation.List(elements), 32, registry(32), true, nil},
		{"current_epoch_participation", s.CurrentEpochParticipation.List(elements), 32, registry(32), true, nil},
		{"inactivity_scores", s.InactivityScores.List(elements), 32, registry(4), true, nil},
		{"historical_summaries", s.HistoricalSummaries.List(bound(spec.HistoricalRootsLimit)), 64, bound(spec.HistoricalRootsLimit), true, constant(1)},
		{"pending_deposits", s.PendingDeposits.List(ssz.Cap(spec.PendingDepositsLimit, gloas)), 192, ssz.Cap(spec.PendingDepositsLimit, gloas), true, constant(11)},
	}
}

// constant is for elements that are new whenever they have changed.
func constant(n uint64) func(before, after []byte) uint64 {
	return func(before, _ []byte) uint64 {
		if before == nil {
			return n
		}
		return 0 // Lists of these lose elements at the front and gain some at the end; those between keep their roots.
	}
}

// validatorNodes counts the nodes above the changed fields of a validator.
func validatorNodes(before, after []byte) (nodes uint64) {
	if before == nil {
		return 8
	}
	ends := []int{48, 80, 88, 89, 97, 105, 113, 121}
	changed, start := make([]bool, len(ends)), 0
	for i, end := range ends {
		changed[i] = !bytes.Equal(before[start:end], after[start:end])
		start = end
	}
	if changed[0] {
		nodes++ // the public key's own
	}
	return nodes + above(changed, 3)
}

// above counts the inner nodes of a binary tree of a depth that have a changed leaf below.
func above(changed []bool, depth int) (nodes uint64) {
	for range depth {
		parents := make([]bool, (len(changed)+1)/2)
		for i, c := range changed {
			parents[i/2] = parents[i/2] || c
		}
		for _, p := range parents {
			if p {
				nodes++
			}
		}
		changed = parents
	}
	return nodes
}

// aboveProgressive is above for a progressive tree: its binary subtrees of 1, 4, 16 ... chunks, and the spine.
func aboveProgressive(changed []bool) (nodes uint64) {
	spine := uint64(0)
	for size, depth := 1, 0; len(changed) > 0; size, depth = 4*size, depth+2 {
		n := min(size, len(changed))
		if inner := above(append([]bool{}, changed[:n]...), depth); inner > 0 || changed[0] {
			nodes += inner
			spine = uint64(depth/2) + 1
		}
		changed = changed[n:]
	}
	return nodes + spine
}

// encoded is a state's long fields, kept to be compared.
type encoded map[string][]byte

func encode(b testing.TB, s *types.BeaconState) encoded {
	out := encoded{}
	for _, f := range fields(s) {
		raw, err := ssz.Marshal(s.Cx, f.node)
		check(b, err)
		out[f.name] = raw
	}
	return out
}

// allNodes is the number of inner nodes of a state.
func allNodes(b testing.TB, s *types.BeaconState) (nodes uint64) {
	all := encode(b, s)
	for _, f := range fields(s) {
		nodes += f.nodes(nil, all[f.name])
	}
	return nodes
}

// dirtyNodes is the number of inner nodes above what has changed from before to the state. Lists that have become all
// zero count nothing, and the previous epoch's participation counts what has changed since it was the current one's if
// that is less: their nodes need not be hashed.
func dirtyNodes(b testing.TB, before encoded, s *types.BeaconState) (nodes uint64) {
	after := encode(b, s)
	for _, f := range fields(s) {
		now := after[f.name]
		if len(bytes.Trim(now, "\x00")) == 0 {
			continue
		}
		n := f.nodes(before[f.name], now)
		if f.name == "previous_epoch_participation" {
			n = min(n, f.nodes(before["current_epoch_participation"], now))
		}
		nodes += n
	}
	return nodes
}

// nodes counts the inner nodes above the differences of two encodings.
func (f field) nodes(before, after []byte) (nodes uint64) {
	changed := make([]bool, (len(after)+f.unit-1)/f.unit)
	some := len(before) != len(after)
	for i := range changed {
		start, end := i*f.unit, min((i+1)*f.unit, len(after))
		var old []byte
		if end <= len(before) {
			old = before[start:end]
		}
		if changed[i] = !bytes.Equal(old, after[start:end]); changed[i] {
			some = true
			if f.inside != nil {
				nodes += f.inside(old, after[start:end])
			}
		}
	}
	if !some {
		return 0
	}
	if f.list {
		nodes++ // the length
	}
	if f.shape.Progressive {
		return nodes + aboveProgressive(changed)
	}
	return nodes + above(changed, ssz.Depth(f.shape.Limit))
}

// Counting agrees with trees that are counted by hand.
func TestNodesAreCounted(t *testing.T) {
	at := func(n int, set ...int) []bool {
		out := make([]bool, n)
		for _, i := range set {
			out[i] = true
		}
		return out
	}
	for _, c := range []struct {
		name      string
		got, want uint64
	}{
		{"one leaf of eight", above(at(8, 5), 3), 3},
		{"two leaves below one node", above(at(8, 4, 5), 3), 3},
		{"two leaves of two halves", above(at(8, 0, 7), 3), 5},
		{"all of five leaves under a limit of 16", above(at(5, 0, 1, 2, 3, 4), 4), 3 + 2 + 1 + 1},
		{"none", above(at(8), 3), 0},
		{"first chunk of a progressive tree", aboveProgressive(at(6, 0)), 1},
		{"second subtree", aboveProgressive(at(6, 2)), 2 + 2},
		{"third subtree", aboveProgressive(at(6, 5)), 4 + 3},
		{"a validator's balance", validatorNodes(make([]byte, 121), append(make([]byte, 80), append([]byte{1}, make([]byte, 40)...)...)), 3},
	} {
		if c.got != c.want {
			t.Errorf("%s: %d nodes, want %d", c.name, c.got, c.want)
		}
	}
}
