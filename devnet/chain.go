package devnet

import (
	"fmt"
	"strings"
	"time"

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
	after    time.Duration // from the start of its slot until it was seen
	did      string        // its operations, in words
	done     []operation
	voters   map[types.ValidatorIndex]bool // whose votes are in it
	before   turnout                       // in the epoch before its own, as its state knows it
	final    types.Epoch                   // finalized in its state
}

// seen is all that was seen of the chain. It belongs to the goroutine that watches.
type seen struct {
	spec      *params.Spec
	genesis   types.Root
	blocks    map[types.Root]*seenBlock
	head      *transition.State // after the newest block
	headRoot  types.Root
	justified struct{ epoch, in types.Epoch }
	finalized struct{ epoch, in types.Epoch }
	final     types.Checkpoint
}

func newSeen(spec *params.Spec, genesis types.Root) *seen {
	return &seen{spec: spec, genesis: genesis, blocks: map[types.Root]*seenBlock{}}
}

// add takes a block with the state after it, who votes in it, and how long after the start of its slot it came.
func (s *seen) add(root types.Root, block *types.BeaconBlock, state *transition.State, voters map[types.ValidatorIndex]bool, after time.Duration) error {
	b := &seenBlock{
		after: after, root: root, slot: block.Slot, parent: block.ParentRoot, proposer: block.ProposerIndex, did: inWords(&block.Body), done: operationsOf(&block.Body),
		voters: voters, final: state.FinalizedCheckpoint.Epoch,
	}
	epoch := state.GetCurrentEpoch()
	if epoch > 0 {
		var err error
		if b.before, err = turnoutBefore(state); err != nil {
			return fmt.Errorf("votes of epoch %d: %w", epoch-1, err)
		}
	}
	s.blocks[root] = b
	if s.head != nil && state.Slot < s.head.Slot {
		return nil
	}
	s.head, s.headRoot = state, root
	if s.justified.epoch == 0 && state.CurrentJustifiedCheckpoint.Epoch > 0 {
		s.justified.epoch, s.justified.in = state.CurrentJustifiedCheckpoint.Epoch, epoch-1
	}
	if s.finalized.epoch == 0 && state.FinalizedCheckpoint.Epoch > 0 {
		s.finalized.epoch, s.finalized.in = state.FinalizedCheckpoint.Epoch, epoch-1
	}
	s.final = state.FinalizedCheckpoint
	return nil
}

// turnout is how the validators of an epoch, without slashed ones, voted for its right target.
type turnout struct {
	share      float64 // of the balance
	validators int
	missing    []duty // who did not
}

// duty is a validator's vote in a slot.
type duty struct {
	validator types.ValidatorIndex
	slot      types.Slot
}

// turnoutBefore is that of a state's previous epoch.
func turnoutBefore(s *transition.State) (t turnout, err error) {
	epoch, all, voted := s.GetPreviousEpoch(), uint64(0), uint64(0)
	missing := map[types.ValidatorIndex]bool{}
	for i := range s.Validators.Len() {
		v := s.Validators.At(types.ValidatorIndex(i))
		if v.Slashed || !transition.IsActiveValidator(&v, epoch) {
			continue
		}
		t.validators++
		all += uint64(v.EffectiveBalance)
		if transition.HasFlag(s.PreviousEpochParticipation.At(i), params.TimelyTargetFlagIndex) {
			voted += uint64(v.EffectiveBalance)
		} else {
			missing[types.ValidatorIndex(i)] = true
		}
	}
	if all > 0 {
		t.share = float64(voted) / float64(all)
	}
	if len(missing) == 0 {
		return t, nil
	}
	count, err := s.GetCommitteeCountPerSlot(epoch)
	if err != nil {
		return t, err
	}
	first := types.Slot(uint64(epoch) * s.Cx.Spec.SlotsPerEpoch)
	for slot := first; slot < first+types.Slot(s.Cx.Spec.SlotsPerEpoch); slot++ {
		for index := range count {
			committee, err := s.GetBeaconCommittee(slot, types.CommitteeIndex(index))
			if err != nil {
				return t, err
			}
			for _, member := range committee {
				if v := types.ValidatorIndex(member); missing[v] {
					t.missing = append(t.missing, duty{v, slot})
				}
			}
		}
	}
	return t, nil
}

// ancestors are the blocks from a root down to genesis, by their slot.
func (s *seen) ancestors(root types.Root) map[types.Slot]*seenBlock {
	found := map[types.Slot]*seenBlock{}
	for b := s.blocks[root]; b != nil; b = s.blocks[b.parent] {
		found[b.slot] = b
	}
	return found
}

// turnouts are those of the epochs after the first that are over, as the chain of the head knows them.
func (s *seen) turnouts() map[types.Epoch]turnout {
	found := map[types.Epoch]turnout{}
	if s.head == nil {
		return found
	}
	last := map[types.Epoch]*seenBlock{}
	for _, b := range s.ancestors(s.headRoot) {
		epoch := types.ComputeEpochAtSlot(s.spec, b.slot)
		if known := last[epoch]; known == nil || known.slot < b.slot {
			last[epoch] = b
		}
	}
	for epoch, b := range last {
		if epoch >= 2 && epoch < s.head.GetCurrentEpoch() {
			found[epoch-1] = b.before
		}
	}
	return found
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
