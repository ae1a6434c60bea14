package client

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cresset/cresset/beacon/clock"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// counter counts what is written.
type counter struct{ atomic.Int32 }

func (c *counter) Write(b []byte) (int, error) {
	c.Add(1)
	return len(b), nil
}

// A network with Gloas in its configuration is warned of at the start, and a week before if that comes later; one without it is not.
func TestGloasIsWarnedOf(t *testing.T) {
	for _, c := range []struct {
		days, first, later int // until the fork; warnings after a day and after all days
	}{{-1, 0, 0}, {0, 1, 1}, {5, 1, 1}, {10, 1, 2}} {
		synctest.Test(t, func(t *testing.T) {
			spec := *params.Minimal()
			if c.days >= 0 {
				spec.GloasForkEpoch = types.Epoch(uint64(c.days) * 24 * 3600 * 1000 / spec.SlotDurationMs / spec.SlotsPerEpoch)
			}
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			var said counter
			now := clock.New(clock.Config{Spec: &spec, GenesisTime: uint64(time.Now().Unix())})
			go func() { ended <- warnOfGloas(ctx, &spec, now, slog.New(slog.NewTextHandler(&said, nil))) }()
			for _, want := range []int{c.first, c.later} {
				time.Sleep(24 * time.Hour)
				if want == c.later {
					time.Sleep(10 * 24 * time.Hour)
				}
				synctest.Wait()
				if got := int(said.Load()); got != want {
					t.Errorf("%d days before the fork: %d warnings, want %d", c.days, got, want)
				}
			}
			cancel()
			<-ended
		})
	}
}
