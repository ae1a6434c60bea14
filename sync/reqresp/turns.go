package reqresp

import (
	"context"
	"sync"

	"golang.org/x/sync/semaphore"

	"github.com/cresset/cresset/beacon/params"
)

// turns lets at most MAX_CONCURRENT_REQUESTS requests of a protocol to a peer run at a time; others wait.
//
// Spec: "The requester MUST NOT make more than MAX_CONCURRENT_REQUESTS concurrent requests with the same protocol ID."
type turns struct {
	mu struct {
		sync.Mutex
		lines map[turnKey]*line
	}
}

type turnKey struct {
	peer   string
	method Method
}

// line is who runs and waits. It is kept as long as anybody does.
type line struct {
	*semaphore.Weighted
	users int // guarded by turns.mu
}

func newTurns() *turns {
	t := &turns{}
	t.mu.lines = map[turnKey]*line{}
	return t
}

// take waits for a turn. The turn ends when the function is called that it gives.
func (t *turns) take(ctx context.Context, key turnKey) (func(), error) {
	t.mu.Lock()
	l := t.mu.lines[key]
	if l == nil {
		l = &line{Weighted: semaphore.NewWeighted(params.MaxConcurrentRequests)}
		t.mu.lines[key] = l
	}
	l.users++
	t.mu.Unlock()
	if err := l.Acquire(ctx, 1); err != nil {
		t.leave(key, l)
		return nil, err
	}
	return func() {
		l.Release(1)
		t.leave(key, l)
	}, nil
}

func (t *turns) leave(key turnKey, l *line) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l.users--; l.users == 0 {
		delete(t.mu.lines, key)
	}
}
