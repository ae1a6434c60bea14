package transition

import (
	"slices"
	"sync"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// DefaultShufflingBytes is what a cache of shufflings may take: one of 1 million validators has 4 MB, so that 16 epochs and branches
// fit.
const DefaultShufflingBytes = 64 << 20

// ShufflingCache holds shufflings by what decides them. It may be used by many goroutines.
type ShufflingCache struct {
	budget int // bytes; the one put last is kept in any case

	mu struct {
		sync.Mutex
		entries map[shufflingKey]*Shuffling
		order   []shufflingKey // oldest first
		bytes   int
	}
}

// shufflingKey is the epoch and the root of the last block that can change its committees.
type shufflingKey struct {
	epoch    types.Epoch
	decision types.Root
}

// NewShufflingCache makes an empty cache with a budget in bytes.
func NewShufflingCache(budget int) *ShufflingCache {
	c := &ShufflingCache{budget: budget}
	c.mu.entries = map[shufflingKey]*Shuffling{}
	return c
}

func (c *ShufflingCache) get(key shufflingKey) *Shuffling {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.entries[key]
}

// Find gives the committees of an epoch by the root of the last block that can change them, if they are kept.
func (c *ShufflingCache) Find(epoch types.Epoch, decision types.Root) (*Shuffling, bool) {
	sh := c.get(shufflingKey{epoch, decision})
	return sh, sh != nil
}

// put keeps a shuffling and returns the one to use: the first that was put for the key.
func (c *ShufflingCache) put(key shufflingKey, sh *Shuffling) *Shuffling {
	c.mu.Lock()
	defer c.mu.Unlock()
	if first := c.mu.entries[key]; first != nil {
		return first
	}
	for len(c.mu.order) > 0 && c.mu.bytes+sh.bytes() > c.budget {
		c.mu.bytes -= c.mu.entries[c.mu.order[0]].bytes()
		delete(c.mu.entries, c.mu.order[0])
		c.mu.order = c.mu.order[1:]
	}
	c.mu.bytes += sh.bytes()
	c.mu.entries[key] = sh
	c.mu.order = append(c.mu.order, key)
	return sh
}

// committeeSumBytes is about what one committee costs besides its members: the sum of its keys and what guards it.
const committeeSumBytes = 256

// bytes is about what the shuffling takes.
func (sh *Shuffling) bytes() int { return 4*len(sh.indices) + committeeSumBytes*len(sh.sums) }

// decisionKey is the key of an epoch's shuffling, if the state still has the root of the block that decides it.
func (s *State) decisionKey(epoch types.Epoch) (shufflingKey, bool) {
	lookahead := s.Spec().MinSeedLookahead
	if epoch <= lookahead {
		return shufflingKey{}, false
	}
	start, err := types.ComputeStartSlotAtEpoch(s.Spec(), epoch-lookahead)
	if err != nil || start == 0 {
		return shufflingKey{}, false
	}
	if start-1 == s.Slot {
		// At the end of an epoch, after process_slot has recorded the root of the latest block.
		return shufflingKey{epoch, types.HashTreeRoot(&s.LatestBlockHeader)}, s.LatestBlockHeader.StateRoot != types.Root{}
	}
	root, err := s.GetBlockRootAtSlot(start - 1)
	return shufflingKey{epoch, root}, err == nil
}

// Shuffling is the committees of an epoch, at most MIN_SEED_LOOKAHEAD after the current one.
func (s *State) Shuffling(epoch types.Epoch) (*Shuffling, error) {
	if epoch > s.GetCurrentEpoch()+s.Spec().MinSeedLookahead {
		return nil, broken("epoch <= current epoch + MIN_SEED_LOOKAHEAD", epoch, s.GetCurrentEpoch()+s.Spec().MinSeedLookahead)
	}
	return s.shuffling(epoch)
}

// shuffling is Shuffling, and at the end of an epoch reaches one epoch further: everything is decided then.
func (s *State) shuffling(epoch types.Epoch) (*Shuffling, error) {
	for _, sh := range s.shufflings {
		if sh != nil && sh.Epoch == epoch {
			return sh, nil
		}
	}
	key, shared := s.decisionKey(epoch)
	var sh *Shuffling
	if shared {
		sh = s.env.Shufflings.get(key)
	}
	if sh == nil {
		active := slices.Clone(s.activeAhead(epoch))
		if len(active) == 0 {
			return nil, broken("some validator is active", 0, "at least 1")
		}
		sh = ComputeShuffling(s.Spec(), epoch, s.GetSeed(epoch, params.DomainBeaconAttester()), active)
		if shared {
			sh = s.env.Shufflings.put(key, sh)
		}
	}
	oldest := 0
	for i, have := range s.shufflings {
		if have == nil {
			oldest = i
			break
		}
		if have.Epoch < s.shufflings[oldest].Epoch {
			oldest = i
		}
	}
	s.shufflings[oldest] = sh
	return sh, nil
}

// activeSet is the active validators of one epoch. It is not written to, and copies of a state share it.
type activeSet struct {
	epoch   types.Epoch
	indices []uint32
}

// activeAhead is the active validators of an epoch, of which the last one asked for is kept: the end of an epoch draws the
// proposers of the epoch after the next one from them, and that epoch's shuffling starts from them. No validator becomes
// active or inactive so soon after it was asked for: MAX_SEED_LOOKAHEAD is not less than MIN_SEED_LOOKAHEAD.
func (s *State) activeAhead(epoch types.Epoch) []uint32 {
	if s.active == nil || s.active.epoch != epoch {
		s.active = &activeSet{epoch, s.GetActiveValidatorIndices(epoch)}
	}
	return s.active.indices
}

// GetBeaconCommittee is the members of a committee. Spec: get_beacon_committee (phase0).
func (s *State) GetBeaconCommittee(slot types.Slot, index types.CommitteeIndex) ([]uint32, error) {
	sh, err := s.Shuffling(types.ComputeEpochAtSlot(s.Spec(), slot))
	if err != nil {
		return nil, err
	}
	if uint64(index) >= sh.CommitteesPerSlot {
		return nil, broken("committee index < get_committee_count_per_slot", index, sh.CommitteesPerSlot)
	}
	return sh.Committee(slot, index), nil
}

// GetCommitteeCountPerSlot is the number of committees in each slot of an epoch.
// Spec: get_committee_count_per_slot (phase0).
func (s *State) GetCommitteeCountPerSlot(epoch types.Epoch) (uint64, error) {
	sh, err := s.Shuffling(epoch)
	if err != nil {
		return 0, err
	}
	return sh.CommitteesPerSlot, nil
}
