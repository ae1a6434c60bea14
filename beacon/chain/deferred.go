package chain

import (
	"cmp"
	"container/list"
	"context"
	"slices"
	"sync"

	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/forkchoice"
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

// deferred holds items that cannot be imported yet. It is bounded by the bytes of the items; the oldest give way. What an item turns out
// to lack may come before the item is here, so it remembers what came lately: who looks at an item asks for the time before, and
// hands it in with the item.
type deferred struct {
	limit int
	drops func()

	mu struct {
		sync.Mutex
		bytes int
		order *list.List // of *deferredItem, oldest first
		byID  map[types.Root]*list.Element
		by    map[condition]map[types.Root]bool // ids by what they wait for

		time   uint64               // counts what came, and items
		came   map[condition]uint64 // when, the latest ones
		recent []arrival            // of came, oldest first
		forgot uint64               // the latest time of those that are not remembered
		slot   types.Slot           // the latest that has begun
	}
}

// arrival is a condition that was met.
type arrival struct {
	what condition
	time uint64
}

// cameKept is how many of the conditions that were met are remembered: more than are met while one item is looked at.
const cameKept = 1024

type deferredItem struct {
	what  condition
	id    types.Root
	time  uint64
	bytes int
	slot  types.Slot // of the item
	retry func(context.Context)
}

// itemOverhead is what an item takes besides its encoding: structures are larger than their encoding.
const itemOverhead = 4096

func newDeferred(limit int, drops func()) *deferred {
	d := &deferred{limit: limit, drops: drops}
	d.mu.order, d.mu.byID, d.mu.by = list.New(), map[types.Root]*list.Element{}, map[condition]map[types.Root]bool{}
	d.mu.came = map[condition]uint64{}
	return d
}

// now is the time before an item is looked at.
func (d *deferred) now() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.mu.time
}

// add keeps an item until its condition is met. An item that waits already now waits for the new condition. Since is the time before
// the item was looked at: if the condition has been met after that, or may have been, the item is not kept and is to be tried again.
func (d *deferred) add(since uint64, what condition, id types.Root, bytes int, slot types.Slot, retry func(context.Context)) (again bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if e := d.mu.byID[id]; e != nil {
		d.removeLocked(e)
	}
	if d.mu.came[what] > since || d.mu.forgot > since || what.kind == waitSlot && what.slot <= d.mu.slot {
		return true
	}
	d.mu.time++
	item := &deferredItem{what, id, d.mu.time, 2*bytes + itemOverhead, slot, retry}
	if item.bytes > d.limit {
		d.drops()
		return false
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
	return false
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

// take removes the items that wait for a condition, which is met now, oldest first.
func (d *deferred) take(what condition) (retries []func(context.Context)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.mu.recent) == cameKept {
		oldest := d.mu.recent[0]
		d.mu.recent = slices.Delete(d.mu.recent, 0, 1)
		d.mu.forgot = oldest.time
		if d.mu.came[oldest.what] == oldest.time {
			delete(d.mu.came, oldest.what)
		}
	}
	d.mu.time++
	d.mu.came[what] = d.mu.time
	d.mu.recent = append(d.mu.recent, arrival{what, d.mu.time})
	return d.takeLocked(what)
}

func (d *deferred) takeLocked(conditions ...condition) (retries []func(context.Context)) {
	var items []*deferredItem
	for _, what := range conditions {
		for id := range d.mu.by[what] {
			items = append(items, d.removeLocked(d.mu.byID[id]))
		}
	}
	slices.SortFunc(items, func(a, b *deferredItem) int { return cmp.Compare(a.time, b.time) })
	for _, item := range items {
		retries = append(retries, item.retry)
	}
	return retries
}

// takeSlots removes the items that wait for a slot that has begun, oldest first.
func (d *deferred) takeSlots(now types.Slot) (retries []func(context.Context)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mu.slot = max(d.mu.slot, now)
	var begun []condition
	for what := range d.mu.by {
		if what.kind == waitSlot && what.slot <= now {
			begun = append(begun, what)
		}
	}
	return d.takeLocked(begun...)
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

// rejectedBlocks remembers blocks that broke a rule, the latest ones, and what is known of their payloads.
type rejectedBlocks struct {
	limit int

	mu struct {
		sync.Mutex
		has   map[types.Root]forkchoice.Execution
		order []types.Root // oldest first
	}
}

func newRejectedBlocks(limit int) *rejectedBlocks {
	s := &rejectedBlocks{limit: limit}
	s.mu.has = map[types.Root]forkchoice.Execution{}
	return s
}

func (s *rejectedBlocks) add(root types.Root, payload forkchoice.Execution) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.mu.has[root]; ok {
		return
	}
	if len(s.mu.order) == s.limit {
		delete(s.mu.has, s.mu.order[0])
		s.mu.order = s.mu.order[1:]
	}
	s.mu.has[root] = payload
	s.mu.order = append(s.mu.order, root)
}

// find tells whether a block was rejected, and what is known of its payload.
func (s *rejectedBlocks) find(root types.Root) (payload forkchoice.Execution, rejected bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	payload, rejected = s.mu.has[root]
	return payload, rejected
}
