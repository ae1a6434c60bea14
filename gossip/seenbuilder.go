package gossip

import (
	"sync"

	"github.com/cresset/cresset/beacon/types"
)

// payloadsSeen is execution_payloads: of the payloads seen, what bids are judged by.
type payloadsSeen struct {
	mu struct {
		sync.Mutex
		gasLimits map[types.Hash32]knownPayload
		order     []types.Hash32 // oldest first
	}
}

type knownPayload struct{ gasLimit uint64 }

func (p *payloadsSeen) gasLimit(hash types.Hash32) (uint64, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	known, ok := p.mu.gasLimits[hash]
	return known.gasLimit, ok
}

// put remembers a payload; of too many the one seen first is forgotten.
func (p *payloadsSeen) put(hash types.Hash32, gasLimit uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.mu.gasLimits[hash]; ok {
		return
	}
	if len(p.mu.order) == payloadsKept {
		delete(p.mu.gasLimits, p.mu.order[0])
		p.mu.order = append(p.mu.order[:0], p.mu.order[1:]...)
	}
	p.mu.gasLimits[hash] = knownPayload{gasLimit}
	p.mu.order = append(p.mu.order, hash)
}

func (p *payloadsSeen) size() CacheSize {
	p.mu.Lock()
	defer p.mu.Unlock()
	return CacheSize{"execution_payloads", len(p.mu.order), len(p.mu.order) * payloadBytes}
}

// branchKey is what bids compete for, besides the slot.
type branchKey struct {
	parentHash types.Hash32
	parentRoot types.Root
}

type bidKey struct {
	branchKey
	builder types.BuilderIndex
}

// slotBids is the bids for one slot.
type slotBids struct {
	bids map[bidKey]struct{}
	best map[branchKey]types.Gwei
}

// bidsSeen is execution_payload_bids and best_execution_payload_bid. Bids are for the present or the next slot, so that there are at
// most three slots.
type bidsSeen struct {
	mu struct {
		sync.Mutex
		slots map[types.Slot]*slotBids
		count int
	}
}

// look tells whether a bid is its builder's first and the highest of all for its slot and branch; if it is not, the highest.
func (b *bidsSeen) look(slot types.Slot, key bidKey, value types.Gwei) (sighting, types.Gwei) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.lookLocked(slot, key, value)
}

func (b *bidsSeen) lookLocked(slot types.Slot, key bidKey, value types.Gwei) (sighting, types.Gwei) {
	s := b.mu.slots[slot]
	if s == nil {
		return fresh, 0
	}
	if _, ok := s.bids[key]; ok {
		return sameSender, 0
	}
	if best, ok := s.best[key.branchKey]; ok && value <= best {
		return sameData, best
	}
	return fresh, 0
}

// put is look, and marks what is new. When there are too many bids those of the oldest slot go.
func (b *bidsSeen) put(slot types.Slot, key bidKey, value types.Gwei) (sighting, types.Gwei) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s, best := b.lookLocked(slot, key, value); s != fresh {
		return s, best
	}
	for b.mu.count >= bidsKept {
		oldest, first := types.Slot(0), true
		for s := range b.mu.slots {
			if first || s < oldest {
				oldest, first = s, false
			}
		}
		b.dropLocked(oldest)
	}
	s := b.mu.slots[slot]
	if s == nil {
		s = &slotBids{bids: map[bidKey]struct{}{}, best: map[branchKey]types.Gwei{}}
		b.mu.slots[slot] = s
	}
	s.bids[key], s.best[key.branchKey] = struct{}{}, value
	b.mu.count++
	return fresh, 0
}

func (b *bidsSeen) dropLocked(slot types.Slot) {
	b.mu.count -= len(b.mu.slots[slot].bids)
	delete(b.mu.slots, slot)
}

func (b *bidsSeen) prune(before types.Slot) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for slot := range b.mu.slots {
		if slot < before {
			b.dropLocked(slot)
		}
	}
}

func (b *bidsSeen) size() CacheSize {
	b.mu.Lock()
	defer b.mu.Unlock()
	return CacheSize{"execution_payload_bids", b.mu.count, b.mu.count * bidBytes}
}

// NotePayload tells of a payload that came on another way than gossip and was verified, or that is inside a block, so that bids that
// build on it are known to.
func (s *Seen) NotePayload(hash types.Hash32, gasLimit uint64) { s.payloads.put(hash, gasLimit) }

// NoteColumn tells of a column that the node made itself, from blobs of its execution client or of a block that it was handed, so that copies
// from peers count as seen. It gives the column as the rules would if a peer had sent it; whoever made it has verified it. Root is that of the
// block, proposer that of the header (fulu).
//
// Spec: "Update gossip rule related data structures (i.e. update the anti-equivocation cache)" (fulu).
func (s *Seen) NoteColumn(column *types.DataColumnSidecar, root types.Root, slot types.Slot, proposer types.ValidatorIndex) *CheckedColumn {
	s.columns.put(slot, s.columnKey(root, slot, proposer, column.Index), struct{}{})
	return &CheckedColumn{column, root}
}
