package nodestest

import (
	"sync/atomic"
	"time"

	"github.com/cresset/cresset/beacon/clock"
)

// Clock is a machine's clock that somebody sets: timers do not know of that. Its zero value is right.
type Clock struct{ ahead atomic.Int64 }

// Set sets the clock so far ahead of the right time.
func (c *Clock) Set(ahead time.Duration) { c.ahead.Store(int64(ahead)) }

// Now is the time that the clock shows.
func (c *Clock) Now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

// After gives a channel that receives once the duration has passed, whatever the clock shows.
func (c *Clock) After(d time.Duration) (<-chan time.Time, func()) { return clock.System{}.After(d) }
