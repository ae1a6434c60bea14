package chain

import (
	"sync"

	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// factKey is an epoch and the root of the last block that can change what is decided of it; zero for genesis.
type factKey struct {
	epoch    types.Epoch
	decision types.Root
}

// drawKey is a slot and the last block before its epoch, which decides its proposer until Electra.
type drawKey struct {
	slot types.Slot
	last types.Root
}

// branchFacts remembers what branches decide, so that many messages cost one look at a state. What has to be worked out (committees
// that no block has asked for yet, proposers before Fulu) is worked out by one goroutine at a time, from a state in memory; for all
// others it is not at hand until then.
type branchFacts struct {
	turn sync.Mutex // held while something is worked out; only tried, never waited for

	mu struct {
		sync.Mutex
		proposers  map[factKey][]types.ValidatorIndex
		shufflings map[factKey]*transition.Shuffling // of genesis, which the shared cache has no key for
		drawn      map[drawKey]types.ValidatorIndex
	}
}

// How many facts are kept; when there are more all of the kind are forgotten, as they are cheap to learn again.
const (
	epochsKept = 32   // proposers of an epoch, 256 bytes each
	drawnKept  = 1024 // 48 bytes each
)

func newBranchFacts() *branchFacts {
	f := &branchFacts{}
	f.mu.proposers = map[factKey][]types.ValidatorIndex{}
	f.mu.shufflings = map[factKey]*transition.Shuffling{}
	f.mu.drawn = map[drawKey]types.ValidatorIndex{}
	return f
}

func (f *branchFacts) proposersOf(key factKey) ([]types.ValidatorIndex, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p, ok := f.mu.proposers[key]
	return p, ok
}

func (f *branchFacts) keepProposers(key factKey, proposers []types.ValidatorIndex) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.mu.proposers) >= epochsKept {
		clear(f.mu.proposers)
	}
	f.mu.proposers[key] = proposers
}

// shuffling finds or works out the committees of an epoch. Those that genesis does not decide come to be in the shared cache by being
// worked out.
func (f *branchFacts) shuffling(key factKey, work func() (*transition.Shuffling, bool)) (*transition.Shuffling, bool) {
	f.mu.Lock()
	sh := f.mu.shufflings[key]
	f.mu.Unlock()
	if sh != nil {
		return sh, true
	}
	if !f.turn.TryLock() {
		return nil, false
	}
	defer f.turn.Unlock()
	sh, ok := work()
	if ok && key.decision == (types.Root{}) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.mu.shufflings[key] = sh // there are MIN_SEED_LOOKAHEAD + 1 such epochs
	}
	return sh, ok
}

// draw finds or works out a proposer.
func (f *branchFacts) draw(key drawKey, work func() (types.ValidatorIndex, bool)) (types.ValidatorIndex, bool) {
	f.mu.Lock()
	proposer, ok := f.mu.drawn[key]
	f.mu.Unlock()
	if ok {
		return proposer, true
	}
	if !f.turn.TryLock() {
		return 0, false
	}
	defer f.turn.Unlock()
	if proposer, ok = work(); !ok {
		return 0, false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.mu.drawn) >= drawnKept {
		clear(f.mu.drawn)
	}
	f.mu.drawn[key] = proposer
	return proposer, true
}
