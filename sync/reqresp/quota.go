package reqresp

import (
	"context"
	"math/bits"
	"time"
)

// bucket is a token bucket that may be overdrawn: whoever takes tokens that are not there waits until they are, in the order of asking.
// The zero bucket is full.
type bucket struct {
	full time.Time // when it will be full again if nobody takes anything
}

// take takes tokens, no more than the bucket holds, and tells how long to wait for them.
func (b *bucket) take(now time.Time, q Quota, tokens uint64) time.Duration {
	if b.full.Before(now) {
		b.full = now
	}
	hi, lo := bits.Mul64(uint64(q.Per), min(tokens, q.Tokens))
	cost, _ := bits.Div64(hi, lo, q.Tokens) // the quotient fits, as it is at most q.Per
	b.full = b.full.Add(time.Duration(cost))
	return max(0, b.full.Sub(now)-q.Per)
}

// rested tells whether the bucket is full.
func (b *bucket) rested(now time.Time) bool { return !b.full.After(now) }

// sleep waits on the chain's clock.
func (s *Server) sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	due, stop := s.cfg.Clock.After(d)
	select {
	case <-due:
		return nil
	case <-ctx.Done():
		stop()
		return ctx.Err()
	}
}
