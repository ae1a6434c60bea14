package chain

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cresset/cresset/beacon/types"
)

// readers is a chain of which only the events are used, and how many were dropped.
func newReaders() (c *Chain, drops *int) {
	c, drops = &Chain{}, new(int)
	c.events.drops = func() { *drops++ }
	return c, drops
}

// read takes what waits, up to a number.
func read(s *Subscription, most int) (events []Event) {
	for range min(most, len(s.C)) {
		events = append(events, <-s.C)
	}
	return events
}

func slots(from, to types.Slot) (events []Event) {
	for slot := from; slot <= to; slot++ {
		events = append(events, BlockEvent{Slot: slot})
	}
	return events
}

// A reader that does not keep up is told how many events it lost, in the place of the first one; others get them all.
func TestASlowReaderIsToldWhatItLost(t *testing.T) {
	t.Parallel()
	c, drops := newReaders()
	slow, fast := c.Subscribe(4), c.Subscribe(100)
	publish := func(from, to types.Slot) {
		for _, e := range slots(from, to) {
			c.events.publish(e)
		}
	}
	want := func(s *Subscription, most int, events ...Event) {
		t.Helper()
		if got := read(s, most); !slices.Equal(got, events) {
			t.Errorf("got %+v, want %+v", got, events)
		}
	}
	publish(1, 7) // 5, 6 and 7 are lost
	want(slow, 1, slots(1, 1)...)
	publish(8, 8) // there is room for the word about it alone
	want(slow, 1, slots(2, 2)...)
	publish(9, 10)
	want(slow, 100, append(slots(3, 4), DroppedEvent{4}, BlockEvent{Slot: 9})...)
	publish(11, 11)
	want(slow, 100, DroppedEvent{1}, BlockEvent{Slot: 11})
	publish(12, 12)
	want(slow, 100, slots(12, 12)...)
	want(fast, 100, slots(1, 12)...)
	if *drops != 5 {
		t.Errorf("%d drops are counted, want 5", *drops)
	}
	slow.Close()
	publish(13, 13)
	want(slow, 100)
	want(fast, 100, slots(13, 13)...)
}

// Whatever the reader's pace, what it got and what it was told to have lost is what was published, in order.
func TestNoEventIsLostWithoutAWord(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	for queue := range 6 {
		c, drops := newReaders()
		s := c.Subscribe(queue)
		next, told := types.Slot(0), 0
		see := func(events []Event) {
			for _, e := range events {
				switch e := e.(type) {
				case DroppedEvent:
					next, told = next+types.Slot(e.Count), told+int(e.Count)
				case BlockEvent:
					if e.Slot != next {
						t.Fatalf("queue %d: event %d where %d is next", queue, e.Slot, next)
					}
					next++
				}
			}
		}
		const all = 3000
		for slot := types.Slot(0); slot < all; slot++ {
			c.events.publish(BlockEvent{Slot: slot})
			if random.IntN(4) == 0 {
				see(read(s, random.IntN(7)))
			}
		}
		see(read(s, all))
		if lost := int(s.lost); int(next)+lost != all || told+lost != *drops {
			t.Errorf("queue %d: %d events seen or told of, %d to be told of, %d counted, want %d in all", queue, next, lost, *drops, all)
		}
		if told == 0 {
			t.Errorf("queue %d: nothing was lost, the test tells nothing", queue)
		}
	}
}
