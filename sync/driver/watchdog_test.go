package driver

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/engine"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/sync/reqresp"
)

// frozen is an execution client that answers nothing until it is let go.
type frozen struct {
	believer
	asked func()
	goOn  chan struct{}
}

func (e frozen) NewPayload(ctx context.Context, fork params.Fork, r *transition.NewPayloadRequest) (engine.PayloadStatus, error) {
	e.asked()
	select {
	case <-e.goOn:
		return e.believer.NewPayload(ctx, fork, r)
	case <-ctx.Done():
		return engine.PayloadStatus{}, ctx.Err()
	}
}

// complaints is a log's warnings.
type complaints struct {
	mu  sync.Mutex
	out bytes.Buffer
}

func (c *complaints) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.Write(b)
}

// take has a driver complain here.
func (c *complaints) take(cfg *Config) {
	cfg.Log = slog.New(slog.NewTextHandler(c, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// about counts the warnings with some words.
func (c *complaints) about(words string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Count(c.out.String(), words)
}

// watched has the driver look twice at what stands still, as if so much time had passed.
func watched(d *Driver, after time.Duration) {
	done := make(chan struct{})
	d.post(func(ctx context.Context) {
		for range 2 {
			d.watchOver(ctx, d.clock.Now().Add(after))
		}
		close(done)
	})
	<-done
}

// An import that stands still is complained of, once, and waited for: another run would wait for the same.
func TestAnImportThatStandsStillIsToldAndWaitedFor(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, "fulu")
	source := n.whole("source")
	asked := make(chan struct{})
	e := frozen{asked: sync.OnceFunc(func() { close(asked) }), goOn: make(chan struct{})}
	n.engine = e
	empty := n.node("empty", nil)
	var said complaints
	d, b := n.drive(empty, said.take)
	d.SetPeer("source", n.status(source))
	<-asked
	watched(d, runStill-time.Minute)
	if got := said.about("stands still"); got != 0 {
		t.Errorf("%d complaints before the time is over", got)
	}
	watched(d, runStill+time.Minute)
	if got := said.about("an import stands still"); got != 1 {
		t.Errorf("%d complaints of the import, want 1", got)
	}
	if got := said.about("sync stands still"); got != 0 {
		t.Errorf("the run is begun anew %d times while it imports", got)
	}
	close(e.goOn)
	n.wantHead(empty)
	n.wantDropped(b)
}

// A run that nobody brings anything for is begun anew, with the cause told.
func TestARunThatStandsStillIsBegunAnew(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, "fulu")
	source, empty := n.node("source", nil), n.node("empty", nil)
	n.grow(source)
	asked, over := make(chan struct{}, 1<<10), make(chan struct{})
	t.Cleanup(func() { close(over) })
	n.serve(source, func(h map[reqresp.Method]reqresp.Handler) {
		h[reqresp.BlocksByRangeV2] = func(ctx context.Context, _ *reqresp.Call) error {
			asked <- struct{}{}
			select {
			case <-over:
			case <-ctx.Done():
			}
			return errors.New("there is no answer")
		}
	})
	var said complaints
	d, _ := n.drive(empty, said.take)
	d.SetPeer("source", n.status(source))
	<-asked
	watched(d, runStill+time.Minute)
	if got := said.about("sync stands still"); got != 1 || said.about("peers are being asked, the oldest request is") != 1 {
		t.Errorf("%d complaints of the run, want 1 with its cause", got)
	}
	if got := said.about("an import stands still"); got != 0 {
		t.Errorf("%d complaints of an import, and there is none", got)
	}
}
