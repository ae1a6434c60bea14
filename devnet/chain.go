package devnet

import (
	"fmt"
	"strings"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// seenBlock is a block that some node had.
type seenBlock struct {
	root     types.Root
	slot     types.Slot
	parent   types.Root
	proposer types.ValidatorIndex
	did      string // its operations, in words
	done     []operation
}

// seen is all that was seen of the chain. It belongs to the goroutine that watches.
type seen struct {
	spec      *params.Spec
	genesis   types.Root
	blocks    map[types.Root]*seenBlock
	head      *transition.State // after the newest block
	headRoot  types.Root
	took      map[types.Epoch]float64 // share of the balance that voted for the right target, as the newest block knows it
	justified struct{ epoch, in types.Epoch }
	finalized struct{ epoch, in types.Epoch }
	final     types.Checkpoint
}

func newSeen(spec *params.Spec, genesis types.Root) *seen {
	return &seen{spec: spec, genesis: genesis, blocks: map[types.Root]*seenBlock{}, took: map[types.Epoch]float64{}}
}

// add takes a block with the state after it.
func (s *seen) add(root types.Root, block *types.BeaconBlock, state *transition.State) *seenBlock {
	b := &seenBlock{root: root, slot: block.Slot, parent: block.ParentRoot, proposer: block.ProposerIndex, did: inWords(&block.Body), done: operationsOf(&block.Body)}
	s.blocks[root] = b
	if s.head != nil && state.Slot < s.head.Slot {
		return b
	}
	s.head, s.headRoot = state, root
	epoch := state.GetCurrentEpoch()
	if epoch > 0 {
		s.took[epoch-1] = targetShare(state)
	}
	if s.justified.epoch == 0 && state.CurrentJustifiedCheckpoint.Epoch > 0 {
		s.justified.epoch, s.justified.in = state.CurrentJustifiedCheckpoint.Epoch, epoch-1
	}
	if s.finalized.epoch == 0 && state.FinalizedCheckpoint.Epoch > 0 {
		s.finalized.epoch, s.finalized.in = state.FinalizedCheckpoint.Epoch, epoch-1
	}
	s.final = state.FinalizedCheckpoint
	return b
}

// targetShare is the share of the balance of the previous epoch's validators, without slashed ones, that voted for the right target.
func targetShare(s *transition.State) float64 {
	epoch, all, voted := s.GetPreviousEpoch(), uint64(0), uint64(0)
	for i := range s.Validators.Len() {
		v := s.Validators.At(types.ValidatorIndex(i))
		if v.Slashed || !transition.IsActiveValidator(&v, epoch) {
			continue
		}
		all += uint64(v.EffectiveBalance)
		if transition.HasFlag(s.PreviousEpochParticipation.At(i), params.TimelyTargetFlagIndex) {
			voted += uint64(v.EffectiveBalance)
		}
	}
	if all == 0 {
		return 0
	}
	return float64(voted) / float64(all)
}

// ancestors are the blocks from a root down to genesis, by their slot.
func (s *seen) ancestors(root types.Root) map[types.Slot]*seenBlock {
	found := map[types.Slot]*seenBlock{}
	for b := s.blocks[root]; b != nil; b = s.blocks[b.parent] {
		found[b.slot] = b
	}
	return found
}

// leastShare is the lowest participation of an epoch after the first, of those that are over, and of which.
func (s *seen) leastShare() (share float64, epoch types.Epoch, found bool) {
	if s.head == nil {
		return 0, 0, false
	}
	for e, took := range s.took {
		if e >= 1 && e+1 < s.head.GetCurrentEpoch() && (!found || took < share || took == share && e < epoch) {
			share, epoch, found = took, e, true
		}
	}
	return share, epoch, found
}

// inWords is what a block did, short.
func inWords(body *types.BeaconBlockBody) string {
	var words []string
	for _, w := range []struct {
		n    int
		name string
	}{
		{len(body.Attestations), "att"}, {len(body.ExecutionPayload.Transactions), "tx"}, {len(body.BlobKZGCommitments), "blobs"},
		{len(body.Deposits) + len(body.ExecutionRequests.Deposits), "deposits"}, {len(body.VoluntaryExits), "exits"},
		{len(body.ExecutionRequests.Withdrawals), "withdrawal requests"}, {len(body.ExecutionRequests.Consolidations), "consolidations"},
		{len(body.BLSToExecutionChanges), "BLS changes"}, {len(body.ProposerSlashings), "proposer slashings"}, {len(body.AttesterSlashings), "attester slashings"},
		{len(body.ExecutionPayload.Withdrawals), "withdrawals"},
	} {
		if w.n > 0 {
			words = append(words, fmt.Sprintf("%d %s", w.n, w.name))
		}
	}
	return strings.Join(words, ", ")
}
