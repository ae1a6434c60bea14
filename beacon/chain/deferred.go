package chain

import (
	"cmp"
	"container/list"
	"context"
	"maps"
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
	waitState                  // the state after a block in the epoch that begins with a slot, which is being computed; or the next slot
	waitEngine                 // the execution client; or the next slot
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
		// trying is the items that were taken and are tried again: until that has come to something they count among those that wait.
		trying map[*deferredItem]bool

		time   uint64               // counts what came, and items
		came   map[condition]uint64 // when, the latest ones
		recent []arrival            // of came, oldest first
		forgot uint64               // the latest time of those that are not remembered
		slot   types.Slot           // that has begun
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
	id    types.Root
	bytes int                      // encoded
	slot  types.Slot               // of the item
	block *types.SignedBeaconBlock // nil for what is none; its signature may be wrong
	retry func(context.Context)

	// set by add
	what condition
	time uint64
	took int // bytes that count
}

// itemOverhead is what an item takes besides its encoding: structures are larger than their encoding.
const itemOverhead = 4096

func newDeferred(limit int, drops func()) *deferred {
	d := &deferred{limit: limit, drops: drops}
	d.mu.order, d.mu.byID, d.mu.by = list.New(), map[types.Root]*list.Element{}, map[condition]map[types.Root]bool{}
	d.mu.came, d.mu.trying = map[condition]uint64{}, map[*deferredItem]bool{}
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
func (d *deferred) add(since uint64, what condition, item *deferredItem) (again bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if e := d.mu.byID[item.id]; e != nil {
		d.removeLocked(e)
	}
	if d.mu.came[what] > since || d.mu.forgot > since || what.kind == waitSlot && what.slot <= d.mu.slot {
		return true
	}
	d.mu.time++
	item.what, item.time, item.took = what, d.mu.time, 2*item.bytes+itemOverhead
	if item.took > d.limit {
		d.drops()
		return false
	}
	for d.mu.bytes+item.took > d.limit {
		d.removeLocked(d.mu.order.Front())
		d.drops()
	}
	d.mu.byID[item.id] = d.mu.order.PushBack(item)
	d.mu.bytes += item.took
	ids := d.mu.by[what]
	if ids == nil {
		ids = map[types.Root]bool{}
		d.mu.by[what] = ids
	}
	ids[item.id] = true
	return false
}

func (d *deferred) removeLocked(e *list.Element) *deferredItem {
	item := d.mu.order.Remove(e).(*deferredItem)
	delete(d.mu.byID, item.id)
	d.mu.bytes -= item.took
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
		d.mu.trying[item] = true
		retries = append(retries, func(ctx context.Context) {
			defer d.tried(item)
			item.retry(ctx)
		})
	}
	return retries
}

func (d *deferred) tried(item *deferredItem) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.mu.trying, item)
}

// takeSlots removes the items that wait for a slot that has begun, oldest first. With a new slot those are tried again too that wait for a state, as
// computing it may have failed, or for the execution client, which may have failed once and be well otherwise.
func (d *deferred) takeSlots(now types.Slot) (retries []func(context.Context)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mu.slot = now // an earlier one where the clock was set back: items that wait for slots between the two are not due
	var begun []condition
	for what := range d.mu.by {
		if what.kind == waitSlot && what.slot <= now || what.kind == waitState || what.kind == waitEngine {
			begun = append(begun, what)
		}
	}
	return d.takeLocked(begun...)
}

// blocks lists the blocks that wait, or are tried again, and fit, by their roots.
func (d *deferred) blocks(fits func(*deferredItem) bool) map[types.Root]*types.SignedBeaconBlock {
	d.mu.Lock()
	defer d.mu.Unlock()
	found := map[types.Root]*types.SignedBeaconBlock{}
	look := func(item *deferredItem) {
		if item.block != nil && fits(item) {
			found[item.id] = item.block
		}
	}
	for item := range d.mu.trying {
		look(item)
	}
	for e := d.mu.order.Front(); e != nil; e = e.Next() {
		look(e.Value.(*deferredItem))
	}
	return found
}

// waits lists what items wait for, each once, with the slot of the first item.
func (d *deferred) waits() (list []wanted) {
	d.mu.Lock()
	defer d.mu.Unlock()
	seen := make(map[condition]bool, len(d.mu.by))
	for e := d.mu.order.Front(); e != nil; e = e.Next() {
		if item := e.Value.(*deferredItem); !seen[item.what] {
			seen[item.what] = true
			list = append(list, wanted{item.what, item.slot})
		}
	}
	return list
}

// wanted is a condition, and the slot of an item that waits for it.
type wanted struct {
	what condition
	slot types.Slot
}

// prune drops the items of slots up to the finalized one.
func (d *deferred) prune(finalized types.Slot) {
	d.mu.Lock()
	defer d.mu.Unlock()
	maps.DeleteFunc(d.mu.trying, func(item *deferredItem, _ bool) bool { return item.slot <= finalized }) // one that there was no room to try
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
