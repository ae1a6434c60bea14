package clock

import (
	"context"
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

const genesis = 1_700_000_000

func at(t *testing.T, sinceGenesis time.Duration) (*Clock, *Manual) {
	t.Helper()
	source := NewManual(time.Unix(genesis, 0).Add(sinceGenesis))
	return New(Config{Spec: params.Mainnet(), GenesisTime: genesis, Source: source}), source
}

func TestSlotsBeginEveryTwelveSeconds(t *testing.T) {
	for _, c := range []struct {
		since time.Duration
		slot  types.Slot
		epoch types.Epoch
		into  time.Duration
	}{
		{0, 0, 0, 0},
		{11_999 * time.Millisecond, 0, 0, 11_999 * time.Millisecond},
		{12 * time.Second, 1, 0, 0},
		{32 * 12 * time.Second, 32, 1, 0},
		{-5 * time.Second, 0, 0, -5 * time.Second},
	} {
		clock, _ := at(t, c.since)
		if clock.CurrentSlot() != c.slot || clock.CurrentEpoch() != c.epoch || clock.SinceStart() != c.into {
			t.Errorf("%v after genesis: slot %d, epoch %d, %v into it, want %d, %d, %v",
				c.since, clock.CurrentSlot(), clock.CurrentEpoch(), clock.SinceStart(), c.slot, c.epoch, c.into)
		}
	}
}

func TestAnOffsetMovesTheClock(t *testing.T) {
	source := NewManual(time.Unix(genesis+1000, 0))
	clock := New(Config{Spec: params.Mainnet(), GenesisTime: genesis, Source: source, Offset: -time.Second * 988})
	if clock.CurrentSlot() != 1 {
		t.Errorf("slot %d, want 1", clock.CurrentSlot())
	}
}

func TestTheLastSlotHasAStart(t *testing.T) {
	clock, _ := at(t, 0)
	if got := clock.StartOf(math.MaxUint64); !got.After(clock.StartOf(1 << 28)) {
		t.Errorf("slot 2**64-1 starts %v", got)
	}
}

func TestWaitingEndsAtTheTimeOrWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock, source := at(t, 0)
		done := make(chan error, 1)
		go func() { done <- clock.WaitUntil(t.Context(), clock.StartOf(2)) }()
		synctest.Wait()
		source.Set(clock.StartOf(1))
		synctest.Wait()
		if len(done) != 0 {
			t.Fatal("returned a slot early")
		}
		source.Set(clock.StartOf(2))
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		go func() { done <- clock.WaitUntil(ctx, clock.StartOf(3)) }()
		synctest.Wait()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v, want %v", err, context.Canceled)
		}
		source.mu.Lock()
		defer source.mu.Unlock()
		if len(source.mu.waiting) != 0 {
			t.Errorf("%d timers are left", len(source.mu.waiting))
		}
	})
}

func TestEverySlotIsAnnouncedAfterGenesis(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := New(Config{Spec: params.Mainnet(), GenesisTime: uint64(time.Now().Unix()) + 7})
		ctx, cancel := context.WithCancel(t.Context())
		var seen []types.Slot
		err := clock.Slots(ctx, 0, func() {
			seen = append(seen, clock.CurrentSlot())
			if len(seen) != 4 && clock.SinceStart() != 0 {
				t.Errorf("slot %d announced %v late", clock.CurrentSlot(), clock.SinceStart())
			}
			switch len(seen) {
			case 3:
				time.Sleep(30 * time.Second) // slots 4 and 5 begin meanwhile
			case 5:
				cancel()
			}
		})
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if want := []types.Slot{1, 2, 3, 5, 6}; len(seen) != 5 || [5]types.Slot(seen) != [5]types.Slot(want) {
			t.Errorf("slots %v, want %v", seen, want)
		}
	})
}

func TestAManualSourceDoesNotRunBackwards(t *testing.T) {
	source := NewManual(time.Unix(100, 0))
	source.Set(time.Unix(50, 0))
	if source.Now() != time.Unix(100, 0) {
		t.Errorf("now %v", source.Now())
	}
	if c, _ := source.After(0); len(c) != 1 {
		t.Error("a duration of 0 has not passed")
	}
}

// A context until a time ends then, or with its parent.
func TestUntil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(Config{Spec: params.Mainnet(), GenesisTime: uint64(time.Now().Unix())})
		begin := time.Now()
		ctx, cancel := c.Until(t.Context(), c.StartOf(1))
		defer cancel()
		<-ctx.Done()
		if waited := time.Since(begin); waited != 12*time.Second {
			t.Errorf("the context ended after %v, want 12s", waited)
		}
		parent, end := context.WithCancel(t.Context())
		end()
		ctx, cancel = c.Until(parent, c.StartOf(9))
		defer cancel()
		<-ctx.Done()
		if waited := time.Since(begin); waited != 12*time.Second {
			t.Errorf("the context outlived its parent until %v", waited)
		}
	})
}
