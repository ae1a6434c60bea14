package gossip

import (
	"sync"

	"github.com/cresset/cresset/beacon/types"
)

// contributionKey is what a contribution is about, besides its slot.
type contributionKey struct {
	root         types.Root
	subcommittee uint64
}

// contributionsSeen is sync_contribution_aggregator_slots and sync_contribution_data.
type contributionsSeen struct {
	mu struct {
		sync.Mutex
		aggregators map[types.Slot]map[syncMessageKey]struct{} // with the subcommittee for the subnet
		data        covered[contributionKey]
	}
}

func (c *contributionsSeen) look(slot types.Slot, aggregator syncMessageKey, key contributionKey, bits []byte) sighting {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lookLocked(slot, aggregator, key, bits)
}

func (c *contributionsSeen) lookLocked(slot types.Slot, aggregator syncMessageKey, key contributionKey, bits []byte) sighting {
	if c.mu.data.covers(slot, key, bits) {
		return sameData
	}
	if _, ok := c.mu.aggregators[slot][aggregator]; ok {
		return sameSender
	}
	return fresh
}

// put is look, and marks what is new. It keeps bits. Aggregators are members of a sync committee, and their slot is the present one, so
// that there are few.
func (c *contributionsSeen) put(slot types.Slot, aggregator syncMessageKey, key contributionKey, bits []byte) sighting {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.lookLocked(slot, aggregator, key, bits); s != fresh {
		return s
	}
	if c.mu.aggregators[slot] == nil {
		c.mu.aggregators[slot] = map[syncMessageKey]struct{}{}
	}
	c.mu.aggregators[slot][aggregator] = struct{}{}
	c.mu.data.add(slot, key, bits)
	return fresh
}

func (c *contributionsSeen) prune(before types.Slot) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for slot := range c.mu.aggregators {
		if slot < before {
			delete(c.mu.aggregators, slot)
		}
	}
	c.mu.data.prune(before)
}

func (c *contributionsSeen) size() CacheSize {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, aggregators := range c.mu.aggregators {
		n += len(aggregators)
	}
	return CacheSize{"sync_contributions", n, c.mu.data.bytes + n*memberBytes}
}

// lightClientSeen is the updates that were passed on last.
type lightClientSeen struct {
	mu struct {
		sync.Mutex
		finality struct {
			known         bool
			slot          types.Slot // of the finalized header
			supermajority bool
		}
		optimistic struct {
			known bool
			slot  types.Slot // of the attested header
		}
	}
}

// finality tells whether an update is better than the last one passed on, and with mark remembers it as that.
func (l *lightClientSeen) finality(slot types.Slot, supermajority, mark bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	last := &l.mu.finality
	if last.known && (slot < last.slot || slot == last.slot && (last.supermajority || !supermajority)) {
		return false
	}
	if mark {
		last.known, last.slot, last.supermajority = true, slot, supermajority
	}
	return true
}

// optimistic is finality for the other kind of update.
func (l *lightClientSeen) optimistic(slot types.Slot, mark bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	last := &l.mu.optimistic
	if last.known && slot <= last.slot {
		return false
	}
	if mark {
		last.known, last.slot = true, slot
	}
	return true
}
