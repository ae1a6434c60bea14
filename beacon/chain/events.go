package chain

import (
	"sync"

	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/forkchoice"
)

// Event is something that happened: one of the types below. Events are values and are not changed.
type Event interface{ event() }

// HeadEvent is a new head.
type HeadEvent struct {
	Slot                              types.Slot
	Block, State                      types.Root
	Payload                           forkchoice.PayloadStatus
	EpochTransition                   bool
	PreviousDutyRoot, CurrentDutyRoot types.Root // the blocks that decide the committees of the head's epoch and of the next one
	ExecutionOptimistic               bool
}

// BlockEvent is a block that was imported.
type BlockEvent struct {
	Slot                types.Slot
	Block               types.Root
	ExecutionOptimistic bool
}

// PayloadEvent is a payload that was imported (gloas).
type PayloadEvent struct {
	Slot                types.Slot
	Block               types.Root
	BuilderIndex        types.BuilderIndex
	BlockHash           types.Hash32
	ExecutionOptimistic bool
}

// ConfirmedEvent tells that the fast confirmation rule has run, and which block it confirms now.
type ConfirmedEvent struct {
	Block       types.Root
	Slot        types.Slot // of the block
	CurrentSlot types.Slot
}

// ReorgEvent is a head that does not build on the one before.
type ReorgEvent struct {
	Slot                types.Slot // of the new head
	Depth               uint64     // slots from the common ancestor to the old head
	OldHead, NewHead    types.Root
	OldState, NewState  types.Root
	Epoch               types.Epoch
	ExecutionOptimistic bool
}

// FinalizedEvent is a checkpoint that was finalized.
type FinalizedEvent struct {
	Checkpoint          types.Checkpoint
	State               types.Root // of the checkpoint's block
	ExecutionOptimistic bool
}

// MissingEvent is something that an item waits for: a block, or the payload or the columns of one. Whoever can find it should.
type MissingEvent struct {
	Kind  Missing
	Block types.Root
	Slot  types.Slot // of the item that waits
}

// Missing is a kind of thing that items wait for.
type Missing uint8

// The kinds.
const (
	MissingBlock Missing = iota
	MissingPayload
	MissingData
)

// AdvancedEvent tells that the state of the head at the slot that begins next is at hand, before that begins.
type AdvancedEvent struct {
	Slot types.Slot // of the state
	Head types.Root
}

// DroppedEvent tells a reader how many events it lost, in the place of the first one.
type DroppedEvent struct{ Count uint64 }

func (HeadEvent) event()      {}
func (BlockEvent) event()     {}
func (PayloadEvent) event()   {}
func (ReorgEvent) event()     {}
func (FinalizedEvent) event() {}
func (ConfirmedEvent) event() {}
func (MissingEvent) event()   {}
func (AdvancedEvent) event()  {}
func (DroppedEvent) event()   {}

// broker hands events to readers. A reader that does not keep up loses events and is told so; nobody waits for it.
type broker struct {
	drops func()

	mu struct {
		sync.Mutex
		readers map[*Subscription]bool
	}
}

// Subscription is one reader's queue.
type Subscription struct {
	// C gives the events.
	C      <-chan Event
	queue  chan Event
	broker *broker
	lost   uint64 // guarded by broker.mu
}

// Subscribe begins to collect events, up to a number that wait to be read.
func (c *Chain) Subscribe(queue int) *Subscription {
	s := &Subscription{queue: make(chan Event, max(queue, 2)), broker: &c.events}
	s.C = s.queue
	c.events.mu.Lock()
	defer c.events.mu.Unlock()
	if c.events.mu.readers == nil {
		c.events.mu.readers = map[*Subscription]bool{}
	}
	c.events.mu.readers[s] = true
	return s
}

// Close ends a subscription.
func (s *Subscription) Close() {
	s.broker.mu.Lock()
	defer s.broker.mu.Unlock()
	delete(s.broker.mu.readers, s)
}

// publish gives an event to all readers.
func (b *broker) publish(e Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for s := range b.mu.readers {
		if s.lost > 0 {
			if len(s.queue)+2 > cap(s.queue) {
				s.lost++
				b.drops()
				continue
			}
			s.queue <- DroppedEvent{s.lost}
			s.lost = 0
		}
		select {
		case s.queue <- e:
		default:
			s.lost++
			b.drops()
		}
	}
}
