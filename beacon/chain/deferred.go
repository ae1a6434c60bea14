package chain

import (
	"container/list"
	"context"
	"sync"

	"github.com/cresset/cresset/beacon/types"
)

// waitKind is what an item waits for.
type waitKind uint8

const (
	waitBlock  waitKind = iota // a block, or its payload
	waitData                   // columns or blobs of a block
	waitSlot                   // the start of a slot
	waitEngine                 // the execution client
)

// condition is what an item waits for.
type condition struct {
	kind waitKind
	root types.Root
	slot types.Slot
}

// deferred holds items that cannot be imported yet. It is bounded by the bytes of the items; the oldest give way.
type deferred struct {
	limit int
	drops func()

	mu struct {
		sync.Mutex
		bytes int
		order *list.List // of *deferredItem, oldest first
		byID  map[types.Root]*list.Element
		by    map[condition]map[types.Root]bool // ids by what they wait for
	}
}

type deferredItem struct {
	what  condition
	id    types.Root
	bytes int
	slot  types.Slot // of the item
	retry func(context.Context)
}

// itemOverhead is what an item takes besides its encoding: structures are larger than their encoding.
const itemOverhead = 4096

func newDeferred(limit int, drops func()) *deferred {
	d := &deferred{limit: limit, drops: drops}
	d.mu.order, d.mu.byID, d.mu.by = list.New(), map[types.Root]*list.Element{}, map[condition]map[types.Root]bool{}
	return d
}

// add keeps an item until its condition is met. An item that waits already now waits for the new condition.
func (d *deferred) add(what condition, id types.Root, bytes int, slot types.Slot, retry func(context.Context)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if e := d.mu.byID[id]; e != nil {
		d.removeLocked(e)
	}
	item := &deferredItem{what, id, 2*bytes + itemOverhead, slot, retry}
	if item.bytes > d.limit {
		d.drops()
		return
	}
	for d.mu.bytes+item.bytes > d.limit {
		d.removeLocked(d.mu.order.Front())
		d.drops()
	}
	d.mu.byID[id] = d.mu.order.PushBack(item)
	d.mu.bytes += item.bytes
	ids := d.mu.by[what]
	if ids == nil {
		ids = map[types.Root]bool{}
		d.mu.by[what] = ids
	}
	ids[id] = true
}

func (d *deferred) removeLocked(e *list.Element) *deferredItem {
	item := d.mu.order.Remove(e).(*deferredItem)
	delete(d.mu.byID, item.id)
	d.mu.bytes -= item.bytes
	ids := d.mu.by[item.what]
	if delete(ids, item.id); len(ids) == 0 {
		delete(d.mu.by, item.what)
	}
	return item
}

// take removes the items that wait for a condition, and gives them in no order.
func (d *deferred) take(what condition) (retries []func(context.Context)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for id := range d.mu.by[what] {
		retries = append(retries, d.removeLocked(d.mu.byID[id]).retry)
	}
	return retries
}

// takeSlots removes the items that wait for a slot that has begun, and gives them in no order.
func (d *deferred) takeSlots(now types.Slot) (retries []func(context.Context)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for what, ids := range d.mu.by {
		if what.kind != waitSlot || what.slot > now {
			continue
		}
		for id := range ids {
			retries = append(retries, d.removeLocked(d.mu.byID[id]).retry)
		}
	}
	return retries
}

// prune drops the items of slots up to the finalized one.
func (d *deferred) prune(finalized types.Slot) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for e := d.mu.order.Front(); e != nil; {
		next := e.Next()
		if e.Value.(*deferredItem).slot <= finalized {
			d.removeLocked(e)
		}
		e = next
	}
}

// size is the number of items and their bytes.
func (d *deferred) size() (items, bytes int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.mu.order.Len(), d.mu.bytes
}

// rootSet remembers roots, the latest ones.
type rootSet struct {
	limit int

	mu struct {
		sync.Mutex
		has   map[types.Root]bool
		order []types.Root // oldest first
	}
}

func newRootSet(limit int) *rootSet {
	s := &rootSet{limit: limit}
	s.mu.has = map[types.Root]bool{}
	return s
}

func (s *rootSet) add(root types.Root) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.has[root] {
		return
	}
	if len(s.mu.order) == s.limit {
		delete(s.mu.has, s.mu.order[0])
		s.mu.order = s.mu.order[1:]
	}
	s.mu.has[root] = true
	s.mu.order = append(s.mu.order, root)
}

func (s *rootSet) has(root types.Root) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.has[root]
}
