package clock

import (
	"context"
	"math"
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

// SinceStart is how much of the present slot is over; negative before genesis.
func (c *Clock) SinceStart() time.Duration { return c.Now().Sub(c.StartOf(c.CurrentSlot())) }

// WaitUntil returns at a time, or with the context's error before it.
func (c *Clock) WaitUntil(ctx context.Context, t time.Time) error {
	for {
		left := t.Sub(c.Now())
		if left <= 0 {
			return nil
		}
		due, stop := c.source.After(left)
		select {
		case <-due:
		case <-ctx.Done():
			stop()
			return ctx.Err()
		}
	}
}

// After gives a channel that receives once the duration has passed, and a function that frees what waits for it.
func (c *Clock) After(d time.Duration) (<-chan time.Time, func()) { return c.source.After(d) }

// Slots calls f once for every slot after one that was handled already, as soon as it begins, until the context ends. Where several
// began while f ran it is called for the last of them: f reads the present slot from the clock.
func (c *Clock) Slots(ctx context.Context, handled types.Slot, f func()) error {
	for {
		if now := c.CurrentSlot(); now > handled {
			handled = now
			f()
			continue
		}
		if err := c.WaitUntil(ctx, c.StartOf(handled+1)); err != nil {
			return err
		}
	}
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
