package clock

import (
	"context"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// Config is what a Clock is made of.
type Config struct {
	Spec *params.Spec
	// GenesisTime is the start of slot 0, Unix seconds.
	GenesisTime uint64
	// Source is where time comes from; nil for the machine's clock.
	Source Source
	// Offset is added to the source's time.
	Offset time.Duration
}

// Clock tells the time of one chain.
type Clock struct {
	genesis time.Time
	slot    time.Duration
	perSlot uint64 // milliseconds
	epoch   uint64 // slots
	source  Source
	offset  time.Duration
}

// New makes a clock.
func New(cfg Config) *Clock {
	if cfg.Source == nil {
		cfg.Source = System{}
	}
	return &Clock{
		genesis: time.Unix(int64(min(cfg.GenesisTime, math.MaxInt64/2)), 0),
		slot:    time.Duration(cfg.Spec.SlotDurationMs) * time.Millisecond,
		perSlot: cfg.Spec.SlotDurationMs, epoch: cfg.Spec.SlotsPerEpoch,
		source: cfg.Source, offset: cfg.Offset,
	}
}

// Now is the present time.
func (c *Clock) Now() time.Time { return c.source.Now().Add(c.offset) }

// SlotDuration is how long a slot lasts.
func (c *Clock) SlotDuration() time.Duration { return c.slot }

// Genesis is the start of slot 0.
func (c *Clock) Genesis() time.Time { return c.genesis }

// MillisecondsSinceGenesis is how long the chain has been running, 0 before genesis.
func (c *Clock) MillisecondsSinceGenesis() uint64 {
	return uint64(max(0, c.Now().Sub(c.genesis).Milliseconds()))
}

// CurrentSlot is the present slot, 0 before genesis. Spec: get_current_slot (phase0).
func (c *Clock) CurrentSlot() types.Slot { return types.Slot(c.MillisecondsSinceGenesis() / c.perSlot) }

// CurrentEpoch is the present epoch. Spec: get_current_store_epoch (phase0).
func (c *Clock) CurrentEpoch() types.Epoch { return types.Epoch(uint64(c.CurrentSlot()) / c.epoch) }

// StartOf is when a slot begins. A slot too far away to be told apart from the end of time gives that.
func (c *Clock) StartOf(slot types.Slot) time.Time {
	if uint64(slot) > uint64(math.MaxInt64)/uint64(c.slot) {
		return c.genesis.Add(math.MaxInt64)
	}
	return c.genesis.Add(time.Duration(slot) * c.slot)
}

// At is so many milliseconds into a slot.
func (c *Clock) At(slot types.Slot, ms uint64) time.Time {
	return c.StartOf(slot).Add(time.Duration(ms) * time.Millisecond)
}

// SinceStart is how much of the present slot is over; negative before genesis.
func (c *Clock) SinceStart() time.Duration { return c.Now().Sub(c.StartOf(c.CurrentSlot())) }

// maxSleep bounds a sleep: timers run by what has passed and not by the clock, which somebody may set meanwhile.
const maxSleep = time.Second

// maxBack is how many slots a clock may go back without anything being done again: one that is put right by a little goes back over the start of a slot too.
const maxBack = 1

// WaitUntil returns at a time, or with the context's error before it.
func (c *Clock) WaitUntil(ctx context.Context, t time.Time) error {
	return c.WaitFor(ctx, func() time.Time { return t })
}

// WaitFor is WaitUntil for a time that is asked for again and again, as it is another one once the clock was set back.
func (c *Clock) WaitFor(ctx context.Context, due func() time.Time) error {
	for {
		left := due().Sub(c.Now())
		if left <= 0 {
			return nil
		}
		over, stop := c.source.After(min(left, maxSleep))
		select {
		case <-over:
		case <-ctx.Done():
			stop()
			return ctx.Err()
		}
	}
}

// After gives a channel that receives once the duration has passed, and a function that frees what waits for it.
func (c *Clock) After(d time.Duration) (<-chan time.Time, func()) { return c.source.After(d) }

// Slots calls f once for every slot after one that was handled already, as soon as it begins, until the context ends. Where several
// began while f ran it is called for the last of them: f reads the present slot from the clock. Once the clock was set back it begins again with the present slot.
func (c *Clock) Slots(ctx context.Context, handled types.Slot, f func()) error {
	for {
		err := c.WaitFor(ctx, func() time.Time {
			if now := c.CurrentSlot(); now+maxBack < handled {
				return c.StartOf(now)
			}
			return c.StartOf(handled + 1)
		})
		if err != nil {
			return err
		}
		handled = c.CurrentSlot()
		f()
	}
}

// EachSlot calls f on a goroutine of its own for every slot from the first one on, as soon as the slot begins, until the context ends, and then waits for all
// that still run. Slots during which the process stood still are left out. Once the clock was set back it begins again with the present slot.
func (c *Clock) EachSlot(ctx context.Context, first types.Slot, f func(types.Slot)) error {
	var running sync.WaitGroup
	defer running.Wait()
	for {
		err := c.WaitFor(ctx, func() time.Time {
			if now := c.CurrentSlot(); now+maxBack+1 < first {
				first = now
			}
			return c.StartOf(first)
		})
		if err != nil {
			return err
		}
		slot := max(first, c.CurrentSlot())
		running.Go(func() { f(slot) })
		first = slot + 1
	}
}

// Watch tells the log, until the context ends, whenever the clock was set back so far that what is done in every slot begins again.
func (c *Clock) Watch(ctx context.Context, log *slog.Logger) error {
	last := c.CurrentSlot()
	return c.WaitFor(ctx, func() time.Time {
		now := c.CurrentSlot()
		if now+maxBack < last {
			log.Warn("the clock was set back, and what is done in every slot begins again with the present one; look at what keeps the machine's time",
				"slot", now, "was", last)
		}
		last = now
		return c.Now().Add(maxSleep) // which never comes
	})
}

// Until gives a context that ends at a time, or with its parent.
func (c *Clock) Until(ctx context.Context, t time.Time) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	over, stop := c.After(t.Sub(c.Now()))
	go func() {
		defer stop()
		select {
		case <-over:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}
