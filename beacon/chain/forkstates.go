package chain

import (
	"context"
	"fmt"
	"sync"

	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/forkchoice"
)

// forkStates answers fork choice from states. What it is asked for was got ready before, as a rule; if not it is computed on the
// spot.
type forkStates struct{ chain *Chain }

// Balances is of the state of a checkpoint.
func (f *forkStates) Balances(checkpoint types.Checkpoint) (*forkchoice.Balances, error) {
	return f.chain.balances.get(checkpoint)
}

// Committee is the members of all committees of a slot, in the chain of a block.
func (f *forkStates) Committee(root types.Root, slot types.Slot) ([]uint32, error) {
	s, err := f.ofBlock(root)
	if err != nil {
		return nil, err
	}
	shuffling, err := s.Shuffling(f.chain.epochOf(slot))
	if err != nil {
		return nil, err
	}
	return shuffling.SlotCommittees(slot), nil
}

// PayloadCommittee is the payload timeliness committee of a slot in the state after a block.
func (f *forkStates) PayloadCommittee(root types.Root, slot types.Slot) ([]types.ValidatorIndex, error) {
	s, err := f.ofBlock(root)
	if err != nil {
		return nil, err
	}
	return s.GetPTC(slot)
}

func (f *forkStates) ofBlock(root types.Root) (*transition.State, error) {
	b := f.chain.index.get(root)
	if b == nil {
		return nil, fmt.Errorf("state of block %v: %w", root, ErrUnknownBlock)
	}
	return f.chain.stateAt(context.Background(), root, b.Slot, true)
}

// balanceCache holds the balances of checkpoints, 2 bytes a validator each, the latest ones.
type balanceCache struct {
	chain *Chain

	mu struct {
		sync.Mutex
		of    map[types.Checkpoint]*forkchoice.Balances
		order []types.Checkpoint // oldest first
	}
}

// balancesKept is enough for what is justified, what may be next on some branches, and what fast confirmation looks at.
const balancesKept = 12

func newBalanceCache(c *Chain) *balanceCache {
	b := &balanceCache{chain: c}
	b.mu.of = map[types.Checkpoint]*forkchoice.Balances{}
	return b
}

func (b *balanceCache) find(checkpoint types.Checkpoint) *forkchoice.Balances {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.mu.of[checkpoint]
}

// prepare gets the balances of a checkpoint ready. A checkpoint whose block is not known any more needs none.
func (b *balanceCache) prepare(checkpoint types.Checkpoint) {
	if b.chain.index.get(checkpoint.Root) == nil {
		return
	}
	if _, err := b.get(checkpoint); err != nil {
		b.chain.log.Warn("the balances of a checkpoint are not at hand", "epoch", checkpoint.Epoch, "root", checkpoint.Root, "error", err)
	}
}

func (b *balanceCache) get(checkpoint types.Checkpoint) (*forkchoice.Balances, error) {
	if found := b.find(checkpoint); found != nil {
		return found, nil
	}
	block := b.chain.index.get(checkpoint.Root)
	if block == nil {
		return nil, fmt.Errorf("balances of epoch %d, block %v: %w", checkpoint.Epoch, checkpoint.Root, ErrUnknownBlock)
	}
	s, err := b.chain.stateAt(context.Background(), checkpoint.Root, max(b.chain.startOf(checkpoint.Epoch), block.Slot), true)
	if err != nil {
		return nil, err
	}
	made, err := balancesOf(s)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.mu.order) == balancesKept {
		delete(b.mu.of, b.mu.order[0])
		b.mu.order = b.mu.order[1:]
	}
	if b.mu.of[checkpoint] == nil {
		b.mu.order = append(b.mu.order, checkpoint)
	}
	b.mu.of[checkpoint] = made
	return made, nil
}

// prune drops the balances of epochs before the finalized one.
func (b *balanceCache) prune(finalized types.Epoch) {
	b.mu.Lock()
	defer b.mu.Unlock()
	left := b.mu.order[:0]
	for _, checkpoint := range b.mu.order {
		if checkpoint.Epoch < finalized {
			delete(b.mu.of, checkpoint)
			continue
		}
		left = append(left, checkpoint)
	}
	b.mu.order = left
}

// balancesOf reads the balances of a state's epoch.
func balancesOf(s *transition.State) (*forkchoice.Balances, error) {
	epoch := s.GetCurrentEpoch()
	out := forkchoice.NewBalances(s.Spec(), s.Validators.Len())
	for i := 0; i < s.Validators.Len(); {
		run := s.Validators.From(i)
		for k, effective := range run.EffectiveBalance {
			active := run.ActivationEpoch[k] <= epoch && epoch < run.ExitEpoch[k]
			if err := out.Append(effective, active, run.Slashed[k]); err != nil {
				return nil, err
			}
		}
		i += len(run.EffectiveBalance)
	}
	return out, nil
}
