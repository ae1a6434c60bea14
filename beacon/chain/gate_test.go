package chain

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cresset/cresset/beacon/metrics"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/simnet"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// work counts computations, each of which ends when it is told to.
type work struct {
	end chan struct{}

	mu struct {
		sync.Mutex
		begun, running int
	}
}

func newWork() *work { return &work{end: make(chan struct{})} }

// compute gives a computation with a result.
func (w *work) compute(s *transition.State, err error) func() (*transition.State, error) {
	return func() (*transition.State, error) {
		w.add(1, 1)
		<-w.end
		w.add(0, -1)
		return s, err
	}
}

func (w *work) add(begun, running int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.begun, w.mu.running = w.mu.begun+begun, w.mu.running+running
}

// count waits until everything else waits, and counts.
func (w *work) count() (begun, running int) {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.mu.begun, w.mu.running
}

func TestTwoStatesAreComputedAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const all = 5
		g, w := newGate(), newWork()
		var callers sync.WaitGroup
		for i := range all {
			callers.Go(func() {
				if _, err := g.do(t.Context(), flightKey{epoch: types.Epoch(i)}, false, w.compute(nil, nil)); err != nil {
					t.Error(err)
				}
			})
		}
		for ended := range all {
			if begun, running := w.count(); running != min(2, all-ended) || begun != min(all, ended+2) {
				t.Errorf("after %d ended %d run, %d have begun", ended, running, begun)
			}
			w.end <- struct{}{}
		}
		callers.Wait()
		if len(g.mu.flights) != 0 || len(g.turns) != 0 {
			t.Errorf("%d computations are still noted, %d turns taken", len(g.mu.flights), len(g.turns))
		}
	})
}

func TestWhoAsksForTheSameStateSharesIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, w := newGate(), newWork()
		wrong := errors.New("no such state")
		var callers sync.WaitGroup
		ask := func(key flightKey, result *transition.State, want error) {
			callers.Go(func() {
				if s, err := g.do(t.Context(), key, false, w.compute(result, want)); s != result || !errors.Is(err, want) {
					t.Errorf("%v: got %p, %v, want %p, %v", key, s, err, result, want)
				}
			})
		}
		shared := new(transition.State)
		for range 10 {
			ask(flightKey{types.Root{1}, 3}, shared, nil)
			ask(flightKey{types.Root{1}, 4}, nil, wrong) // another epoch is another state
		}
		if begun, running := w.count(); begun != 2 || running != 2 {
			t.Errorf("%d computations for two states", begun)
		}
		close(w.end)
		callers.Wait()
		// What failed is tried again by who asks again.
		ask(flightKey{types.Root{1}, 4}, shared, nil)
		callers.Wait()
		if begun, _ := w.count(); begun != 3 {
			t.Errorf("%d computations, want 3", begun)
		}
	})
}

func TestTooManyStatesAtOnceAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, w := newGate(), newWork()
		ctx, cancel := context.WithCancel(t.Context())
		var callers sync.WaitGroup
		for i := range regenWaiting {
			callers.Go(func() { _, _ = g.do(ctx, flightKey{epoch: types.Epoch(i)}, false, w.compute(nil, nil)) })
		}
		synctest.Wait()
		if _, err := g.do(ctx, flightKey{epoch: regenWaiting}, false, w.compute(nil, nil)); !errors.Is(err, ErrStateBusy) {
			t.Errorf("one more: %v, want %v", err, ErrStateBusy)
		}
		// What the node itself cannot do without waits longer.
		callers.Go(func() {
			if _, err := g.do(t.Context(), flightKey{epoch: regenWaiting}, true, w.compute(nil, nil)); err != nil {
				t.Errorf("the node's own: %v", err)
			}
		})
		// One that is under way already may be joined. Who does not want it any more goes, and the computation goes on.
		callers.Go(func() {
			if _, err := g.do(ctx, flightKey{epoch: 0}, false, nil); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want that the context has ended", err)
			}
		})
		synctest.Wait()
		cancel()
		if _, running := w.count(); running != 2 {
			t.Errorf("%d run on, want 2", running)
		}
		close(w.end)
		callers.Wait()
		if begun, running := w.count(); begun != regenWaiting+1 || running != 0 || len(g.mu.flights) != 0 {
			t.Errorf("%d have begun, %d run, %d are noted", begun, running, len(g.mu.flights))
		}
	})
}

// When the chain ends, what is computed is waited for, what is not yet is refused: the disk is closed next.
func TestTheEndWaitsForWhatIsComputed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, w := newGate(), newWork()
		var callers sync.WaitGroup
		got := make(chan error, 4)
		for i := range 4 {
			callers.Go(func() {
				_, err := g.do(t.Context(), flightKey{epoch: types.Epoch(i)}, false, w.compute(nil, nil))
				got <- err
			})
		}
		synctest.Wait()
		closed := make(chan struct{})
		go func() {
			g.close()
			close(closed)
		}()
		if _, running := w.count(); running != 2 {
			t.Fatalf("%d run, want 2", running)
		}
		select {
		case <-closed:
			t.Error("the end has not waited")
		default:
		}
		close(w.end)
		<-closed
		callers.Wait()
		refused := 0
		for range 4 {
			if err := <-got; errors.Is(err, ErrStopped) {
				refused++
			} else if err != nil {
				t.Error(err)
			}
		}
		if begun, running := w.count(); begun != 2 || running != 0 || refused != 2 {
			t.Errorf("%d have begun, %d run, %d were refused; want 2, 0, 2", begun, running, refused)
		}
		if _, err := g.do(t.Context(), flightKey{epoch: 9}, false, w.compute(nil, nil)); !errors.Is(err, ErrStopped) {
			t.Errorf("after the end: %v, want %v", err, ErrStopped)
		}
	})
}

// Who is not patient gets an answer after a second, and the state when it asks again.
func TestTheImpatientWaitASecondAndFindTheStateTheNextTime(t *testing.T) {
	spec, err := simnet.Spec(params.Fulu)
	check(t, err)
	net, err := simnet.New(spec, 64, genesisTime)
	check(t, err)
	root, state := net.Genesis().Root, net.Genesis().State
	synctest.Test(t, func(t *testing.T) {
		c := &Chain{
			cfg: Config{Spec: spec}, spec: forks{spec}, states: newStateCache(1 << 30), stored: newStoredStates(), gate: newGate(),
			metrics: metrics.NewChain(metrics.New()),
		}
		w := newWork()
		go func() {
			_, _ = c.gate.do(context.Background(), flightKey{root, 0}, false, func() (*transition.State, error) {
				s, err := w.compute(state, nil)()
				if err == nil {
					err = c.states.put(root, s)
				}
				return s, err
			})
		}()
		if _, running := w.count(); running != 1 {
			t.Fatal("nothing is computed")
		}
		patient := make(chan error, 1)
		go func() {
			_, err := c.stateAt(context.Background(), root, 3, true)
			patient <- err
		}()
		begin := time.Now()
		if _, err := c.StateAt(context.Background(), root, 3); !errors.Is(err, ErrStateBusy) {
			t.Errorf("got %v, want %v", err, ErrStateBusy)
		}
		if took := time.Since(begin); took != regenDeadline {
			t.Errorf("it took %v, want %v", took, regenDeadline)
		}
		// A caller's own, shorter deadline is its own.
		short, cancel := context.WithTimeout(context.Background(), regenDeadline/2)
		defer cancel()
		if _, err := c.StateAt(short, root, 3); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(patient) != 0 {
			t.Error("the patient one has not waited")
		}
		w.end <- struct{}{}
		if err := <-patient; err != nil {
			t.Error(err)
		}
		begin = time.Now()
		s, err := c.StateAt(context.Background(), root, 3)
		if err != nil || s.Slot != 3 || time.Since(begin) != 0 {
			t.Errorf("the next try: %v after %v", err, time.Since(begin))
		}
		if begun, _ := w.count(); begun != 1 {
			t.Errorf("%d computations, want 1", begun)
		}
	})
}

// Duties, blocks on the head and what the API asks of it go on while the gate is shut.
func TestTheHeadDoesNotGoThroughTheGate(t *testing.T) {
	t.Parallel()
	for _, fork := range []params.Fork{params.Fulu, params.Gloas} {
		t.Run(fork.String(), func(t *testing.T) {
			w := newWorld(t, fork, nil)
			tip, votes := w.grow(w.net.Genesis(), nil, 1, 3)
			w.gate.mu.Lock()
			for i := range regenWaiting {
				w.gate.mu.flights[flightKey{root: types.Root{byte(i)}}] = &flight{done: make(chan struct{})}
			}
			w.gate.mu.Unlock()
			if _, err := w.gate.do(context.Background(), flightKey{root: types.Root{0xff}}, false, nil); err == nil {
				t.Fatal("the gate is open")
			}
			for slot := types.Slot(4); slot <= 4*8+1; slot++ {
				tip, votes = w.grow(tip, votes, slot, slot)
				w.wantHead(tip)
				head := w.Snapshot()
				s, err := w.HeadState(context.Background(), head)
				check(t, err)
				if s.Slot != slot {
					t.Errorf("state of slot %d, want %d", s.Slot, slot)
				}
				_, err = w.StateAt(context.Background(), head.Head.Root, slot+8)
				check(t, err)
				_, err = w.ProposerHead(context.Background(), slot+1)
				check(t, err)
			}
			if w.Snapshot().Finalized.Epoch != 2 {
				t.Errorf("finalized epoch %d, want 2", w.Snapshot().Finalized.Epoch)
			}
		})
	}
}
