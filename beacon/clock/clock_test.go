package clock

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"sync"
	"sync/atomic"
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

// Every slot from the first one on is told of when it begins, slot 0 too, whatever those before it still do; all are waited for.
func TestEachSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(Config{Spec: params.Mainnet(), GenesisTime: uint64(time.Now().Unix()) + 5})
		ctx, cancel := context.WithCancel(t.Context())
		told := make(chan types.Slot, 8)
		var ended atomic.Int64
		err := c.EachSlot(ctx, 0, func(slot types.Slot) {
			if into := c.Now().Sub(c.StartOf(slot)); into != 0 {
				t.Errorf("slot %d is told of %v late", slot, into)
			}
			told <- slot
			if slot == 3 {
				cancel()
			}
			time.Sleep(30 * time.Second)
			ended.Add(1)
		})
		close(told)
		want := types.Slot(0)
		for slot := range told {
			if slot != want {
				t.Errorf("slot %d is told of, want %d", slot, want)
			}
			want++
		}
		if !errors.Is(err, context.Canceled) || want != 4 || ended.Load() != 4 {
			t.Errorf("ended with %v after %d slots, %d of them done; want 4 and 4", err, want, ended.Load())
		}
	})
}

// A machine that began with a clock hours ahead has it put right: slots go on with the present one within a second and not hours later, and the log says so once.
// One that is put right by less than a slot does nothing again.
func TestSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, source := at(t, 1000*12*time.Second)
		ctx, cancel := context.WithCancel(t.Context())
		var log bytes.Buffer
		var each, slots []types.Slot
		var running sync.WaitGroup
		running.Go(func() { _ = c.EachSlot(ctx, 1000, func(s types.Slot) { each = append(each, s) }) })
		running.Go(func() { _ = c.Slots(ctx, 999, func() { slots = append(slots, c.CurrentSlot()) }) })
		running.Go(func() { _ = c.Watch(ctx, slog.New(slog.NewTextHandler(&log, nil))) })
		step := func(move func(time.Time), to time.Time) {
			synctest.Wait()
			move(to)
			synctest.Wait()
		}
		step(source.Set, c.StartOf(1001))
		step(source.SetBack, c.StartOf(1001).Add(-100*time.Millisecond))
		step(source.Set, c.At(1001, 2000))
		step(source.Set, c.StartOf(1002))
		step(source.SetBack, c.At(400, 3000))
		step(source.Set, c.At(400, 4000))
		step(source.Set, c.StartOf(401))
		cancel()
		running.Wait()
		if want := "[1000 1001 1002 400 401]"; fmt.Sprint(each) != want || fmt.Sprint(slots) != want {
			t.Errorf("each slot %v, slots %v, want %s", each, slots, want)
		}
		if text := log.String(); strings.Count(text, "level=WARN") != 1 || !strings.Contains(text, "slot=400 was=1002") {
			t.Errorf("the log is %q", text)
		}
	})
}

// A clock that is set on is noticed within a second of a wait for a time years away: a machine without a clock of its own begins in 1970.
func TestSetOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ahead := new(atomic.Int64)
		c := New(Config{Spec: params.Mainnet(), GenesisTime: uint64(time.Now().Add(20 * 365 * 24 * time.Hour).Unix()), Source: set{ahead}})
		begin := time.Now()
		go func() {
			time.Sleep(time.Minute)
			ahead.Store(int64(21 * 365 * 24 * time.Hour))
		}()
		if err := c.WaitUntil(t.Context(), c.StartOf(1)); err != nil || time.Since(begin) > time.Minute+time.Second {
			t.Errorf("noticed after %v (%v), want 1m1s", time.Since(begin), err)
		}
	})
}

// set is a machine's clock that somebody sets: its timers do not know of that.
type set struct{ ahead *atomic.Int64 }

func (s set) Now() time.Time { return time.Now().Add(time.Duration(s.ahead.Load())) }

func (s set) After(d time.Duration) (<-chan time.Time, func()) { return System{}.After(d) }
