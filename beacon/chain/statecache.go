package chain

import (
	"container/list"
	"sync"

	"github.com/cresset/cresset/beacon/ssz/plist"
	"github.com/cresset/cresset/beacon/store"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// stateCache holds states by block root and slot, the most recently used ones whose memory together stays within a budget. All
// are frozen; who wants to go on from one gets a copy. States share most of their memory, so that the price of one depends on the
// others: the budget is for what all of them hold together.
type stateCache struct {
	budget int

	mu struct {
		sync.Mutex
		byRoot map[types.Root][]*list.Element // of one block, in no order
		used   *list.List                     // of *cachedState, most recently used first
		puts   int                            // since the last trim
		bytes  int                            // at the last trim
	}
}

type cachedState struct {
	key   store.StateKey
	state *transition.State
}

// trimEvery is after how many new states the memory of all is added up.
const trimEvery = 8

func newStateCache(budget int) *stateCache {
	c := &stateCache{budget: budget}
	c.mu.byRoot, c.mu.used = map[types.Root][]*list.Element{}, list.New()
	return c
}

// put freezes a state, the one after a block advanced to the state's slot, and keeps it. The caller must not write to it again.
func (c *stateCache) put(root types.Root, s *transition.State) error {
	if _, err := s.Freeze(); err != nil {
		return err
	}
	c.mu.Lock()
	key := store.StateKey{Root: root, Slot: s.Slot}
	if e := c.findLocked(key); e != nil {
		c.mu.used.MoveToFront(e)
		c.mu.Unlock()
		return nil
	}
	c.mu.byRoot[root] = append(c.mu.byRoot[root], c.mu.used.PushFront(&cachedState{key, s}))
	c.mu.puts++
	due := c.mu.puts >= trimEvery
	if due {
		c.mu.puts = 0
	}
	c.mu.Unlock()
	if due {
		c.trim()
	}
	return nil
}

func (c *stateCache) findLocked(key store.StateKey) *list.Element {
	for _, e := range c.mu.byRoot[key.Root] {
		if e.Value.(*cachedState).key == key {
			return e
		}
	}
	return nil
}

// latest finds the latest state of a block up to a slot, nil if there is none. It is frozen and may be shared, but nothing
// derived may be asked of it: that is for copies.
func (c *stateCache) latest(root types.Root, slot types.Slot) *transition.State {
	c.mu.Lock()
	defer c.mu.Unlock()
	var best *list.Element
	for _, e := range c.mu.byRoot[root] {
		if s := e.Value.(*cachedState).key.Slot; s <= slot && (best == nil || s > best.Value.(*cachedState).key.Slot) {
			best = e
		}
	}
	if best == nil {
		return nil
	}
	c.mu.used.MoveToFront(best)
	return best.Value.(*cachedState).state
}

// remove forgets the states of a block.
func (c *stateCache) remove(root types.Root) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.mu.byRoot[root] {
		c.mu.used.Remove(e)
	}
	delete(c.mu.byRoot, root)
}

// trim adds up the memory of all states, most recently used first, and drops those with which it exceeds the budget. The first
// one always stays.
func (c *stateCache) trim() {
	c.mu.Lock()
	states := make([]*list.Element, 0, c.mu.used.Len())
	for e := c.mu.used.Front(); e != nil; e = e.Next() {
		states = append(states, e)
	}
	c.mu.Unlock()

	// The walk over pages is done without the lock: the states are frozen.
	seen, bytes, kept := plist.Seen{}, 0, 0
	for _, e := range states {
		more := e.Value.(*cachedState).state.Footprint(seen)
		if kept > 0 && bytes+more > c.budget {
			break
		}
		bytes += more
		kept++
	}

	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.bytes = bytes
	for _, e := range states[kept:] {
		key := e.Value.(*cachedState).key
		if c.findLocked(key) == e {
			c.mu.used.Remove(e)
			c.dropLocked(key.Root, e)
		}
	}
}

func (c *stateCache) dropLocked(root types.Root, e *list.Element) {
	left := c.mu.byRoot[root]
	for i := range left {
		if left[i] == e {
			left[i] = left[len(left)-1]
			left[len(left)-1] = nil
			left = left[:len(left)-1]
			break
		}
	}
	if len(left) == 0 {
		delete(c.mu.byRoot, root)
		return
	}
	c.mu.byRoot[root] = left
}

// size is the number of states and the bytes that they held at the last count.
func (c *stateCache) size() (states, bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.used.Len(), c.mu.bytes
}
