package clock

import (
	"sync"
	"time"
)

// Source is where time comes from.
type Source interface {
	// Now is the present time.
	Now() time.Time
	// After gives a channel that receives once the duration has passed, and a function that frees what waits for it.
	After(d time.Duration) (<-chan time.Time, func())
}

// System is the machine's clock.
type System struct{}

// Now is the present time.
func (System) Now() time.Time { return time.Now() }

// After gives a channel that receives once the duration has passed.
func (System) After(d time.Duration) (<-chan time.Time, func()) {
	t := time.NewTimer(d)
	return t.C, func() { t.Stop() }
}

// Manual is a source that stands still until it is set. It may be used by many goroutines.
type Manual struct {
	mu struct {
		sync.Mutex
		now     time.Time
		waiting map[chan time.Time]time.Time // and when each is due
	}
}

// NewManual makes a source that stands at a time.
func NewManual(now time.Time) *Manual {
	m := &Manual{}
	m.mu.now, m.mu.waiting = now, map[chan time.Time]time.Time{}
	return m
}

// Now is the time that the source was last set to.
func (m *Manual) Now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.mu.now
}

// SetBack moves the source to an earlier time, as somebody does who sets a machine's clock: who waits for a duration waits no longer for that.
func (m *Manual) SetBack(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	by := m.mu.now.Sub(now)
	m.mu.now = now
	for c, due := range m.mu.waiting {
		m.mu.waiting[c] = due.Add(-by)
	}
}

// Set moves the source on; a time before the present one is ignored. All that wait for a time up to it receive.
func (m *Manual) Set(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now.Before(m.mu.now) {
		return
	}
	m.mu.now = now
	for c, due := range m.mu.waiting {
		if !due.After(now) {
			delete(m.mu.waiting, c)
			c <- now
		}
	}
}

// After gives a channel that receives once the source has been set that much further.
func (m *Manual) After(d time.Duration) (<-chan time.Time, func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := make(chan time.Time, 1)
	if d <= 0 {
		c <- m.mu.now
		return c, func() {}
	}
	m.mu.waiting[c] = m.mu.now.Add(d)
	return c, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.mu.waiting, c)
	}
}
