package router

import (
	"container/list"
	"sync"

	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/gossip"
)

// waitFor is what a message waits for. Messages that wait for any state are tried again late in the slot, where a block that has just come is not
// in their way.
type waitFor struct {
	kind gossip.WaitKind
	slot types.Slot
	root types.Root
}

// held is a message that waits.
type held struct {
	*message
	what waitFor
	slot types.Slot // in which it came
}

// hold is the messages that wait for something. It is bounded by bytes, of which one peer may have a share; the oldest give way.
type hold struct {
	limit int
	drops func()

	mu struct {
		sync.Mutex
		bytes  int
		byPeer map[string]int // bytes
		order  *list.List     // of *held, oldest first
		by     map[waitFor]*waiters
	}
}

// waiters is the messages that wait for one thing.
type waiters struct {
	messages map[*list.Element]struct{}
	byPeer   map[string]int // how many
}

const (
	// heldShare is the part of the room that one peer may take.
	heldShare = 8
	// heldTries is how often a message may wait.
	heldTries = 3
	// heldOverhead is what a decoded message takes besides its data, which is compressed.
	heldOverhead = 2048
)

func newHold(limit int, drops func()) *hold {
	h := &hold{limit: limit, drops: drops}
	h.mu.byPeer, h.mu.order, h.mu.by = map[string]int{}, list.New(), map[waitFor]*waiters{}
	return h
}

func heldSize(m *message) int { return 2*len(m.data) + heldOverhead }

// add keeps a message; first tells whether it is the first of its peer that waits for this, kept whether it found room.
func (h *hold) add(m *message, what waitFor, slot types.Slot) (first, kept bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	size := heldSize(m)
	if m.tries >= heldTries || h.mu.byPeer[m.peer]+size > h.limit/heldShare {
		h.drops()
		return false, false
	}
	m.tries++
	for h.mu.bytes+size > h.limit {
		h.removeLocked(h.mu.order.Front())
		h.drops()
	}
	e := h.mu.order.PushBack(&held{m, what, slot})
	h.mu.bytes += size
	h.mu.byPeer[m.peer] += size
	w := h.mu.by[what]
	if w == nil {
		w = &waiters{map[*list.Element]struct{}{}, map[string]int{}}
		h.mu.by[what] = w
	}
	w.messages[e] = struct{}{}
	w.byPeer[m.peer]++
	return w.byPeer[m.peer] == 1, true
}

func (h *hold) removeLocked(e *list.Element) *message {
	m := h.mu.order.Remove(e).(*held)
	size := heldSize(m.message)
	h.mu.bytes -= size
	if h.mu.byPeer[m.peer] -= size; h.mu.byPeer[m.peer] == 0 {
		delete(h.mu.byPeer, m.peer)
	}
	w := h.mu.by[m.what]
	if w.byPeer[m.peer]--; w.byPeer[m.peer] == 0 {
		delete(w.byPeer, m.peer)
	}
	if delete(w.messages, e); len(w.messages) == 0 {
		delete(h.mu.by, m.what)
	}
	return m.message
}

// take removes what waits for something that has come.
func (h *hold) take(what waitFor) (out []*message) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.takeLocked(what)
}

func (h *hold) takeLocked(what waitFor) (out []*message) {
	if w := h.mu.by[what]; w != nil {
		for e := range w.messages {
			out = append(out, h.removeLocked(e))
		}
	}
	return out
}

// takeSlot removes what waits for a slot that has begun.
func (h *hold) takeSlot(now types.Slot) (out []*message) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for what := range h.mu.by {
		if what.kind == gossip.WaitSlot && what.slot <= now {
			out = append(out, h.takeLocked(what)...)
		}
	}
	return out
}

// takeAll removes everything.
func (h *hold) takeAll() (out []*message) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for h.mu.order.Len() > 0 {
		out = append(out, h.removeLocked(h.mu.order.Front()))
	}
	return out
}

// prune drops what came before a slot.
func (h *hold) prune(before types.Slot) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for e := h.mu.order.Front(); e != nil && e.Value.(*held).slot < before; e = h.mu.order.Front() {
		h.removeLocked(e)
		h.drops()
	}
}

func (h *hold) size() (count, bytes int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.mu.order.Len(), h.mu.bytes
}
