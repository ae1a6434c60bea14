package engine_test

import (
	"strings"
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/engine"
	"github.com/cresset/cresset/beacon/engine/mock"
	"github.com/cresset/cresset/beacon/transition"
)

// send hands a payload over.
func (b *bench) send(r *transition.NewPayloadRequest) engine.Status {
	b.t.Helper()
	status, err := b.NewPayload(b.t.Context(), b.fork, r)
	if err != nil {
		b.t.Fatal(err)
	}
	return status.Status
}

// Before it has been asked, an execution client counts as offline and gets calls all the same.
func TestBeforeTheFirstQuestion(t *testing.T) {
	in(t, setup{}, func(t *testing.T, b *bench) {
		if h := b.expect(0, engine.Offline); h.Reason != "it has not been asked yet" || h.Advice != "" {
			t.Errorf("health %+v", h)
		}
		if status := b.head(b.genesis); status.Status != engine.Valid {
			t.Errorf("head: %+v", status)
		}
	})
}

// An execution client that lacks the head is syncing until it has it.
func TestSyncing(t *testing.T) {
	in(t, setup{}, func(t *testing.T, b *bench) {
		b.run()
		blocks := b.grow(3)
		changed := b.Changed()
		if got := b.send(blocks[2]); got != engine.Syncing {
			t.Fatalf("payload without parent: %v", got)
		}
		hash := blocks[2].ExecutionPayload.BlockHash
		if got := b.head(hash).Status; got != engine.Syncing {
			t.Fatalf("head without parent: %v", got)
		}
		select {
		case <-changed:
		default:
			t.Error("the change was not told")
		}
		h := b.expect(0, engine.SyncingState)
		if !h.Usable || !strings.Contains(h.Reason, hash.String()) {
			t.Errorf("health %+v", h)
		}
		since := h.Since
		pass(time.Minute)
		if h := b.expect(0, engine.SyncingState); !h.Since.Equal(since) {
			t.Errorf("syncing since %v, want %v", h.Since, since)
		}
		b.send(blocks[0])
		if got := b.send(blocks[1]); got != engine.Valid {
			t.Fatalf("second payload: %v", got)
		}
		if got := b.head(hash).Status; got != engine.Valid {
			t.Fatalf("head: %v", got)
		}
		b.expect(0, engine.Ready)
	})
}

// An execution client that says of itself that it is syncing is believed as long as it has not been told a head.
func TestSyncingByItself(t *testing.T) {
	in(t, setup{}, func(t *testing.T, b *bench) {
		b.engines[0].SetFaults(mock.Faults{SyncCalls: 2})
		b.run()
		if h := b.expect(0, engine.SyncingState); !strings.Contains(h.Reason, "at block 1 of 2") {
			t.Errorf("health %+v", h)
		}
		blocks := b.grow(5)
		b.send(blocks[4])
		hash := blocks[4].ExecutionPayload.BlockHash
		if got := b.head(hash).Status; got != engine.Syncing {
			t.Errorf("head: %v", got)
		}
		// Now what is missing counts as fetched.
		if got := b.head(hash).Status; got != engine.Valid {
			t.Errorf("head: %v", got)
		}
		b.expect(0, engine.Ready)
	})
}

// While an execution client is away it is asked after pauses that grow to half a minute, with jitter on top.
func TestBackOff(t *testing.T) {
	in(t, setup{}, func(t *testing.T, b *bench) {
		b.engines[0].SetFaults(mock.Faults{Wrong: mock.Closed})
		b.run()
		var at []time.Duration
		start, last := time.Now(), 1
		for time.Since(start) < 3*time.Minute {
			if n := b.engines[0].Calls("eth_chainId"); n > last {
				last = n
				at = append(at, time.Since(start))
			}
			pass(100 * time.Millisecond)
		}
		want := []time.Duration{1500, 4500, 10500, 22500, 46500, 91500, 136500}
		if len(at) != len(want) {
			t.Fatalf("asked at %v", at)
		}
		for i := range want {
			if d := at[i] - want[i]*time.Millisecond; d < 0 || d > 200*time.Millisecond {
				t.Errorf("question %d at %v, want %v", i, at[i], want[i]*time.Millisecond)
			}
		}
	})
}

// An execution client that has lost everything is told the last payload and head by itself.
func TestRestartIsToldTheHead(t *testing.T) {
	in(t, setup{}, func(t *testing.T, b *bench) {
		b.run()
		blocks := b.grow(1)
		b.send(blocks[0])
		hash := blocks[0].ExecutionPayload.BlockHash
		b.head(hash)
		b.engines[0].SetFaults(mock.Faults{Wrong: mock.Closed})
		b.engines[0].Forget()
		pass(20 * time.Second)
		b.expect(0, engine.Offline)
		b.engines[0].SetFaults(mock.Faults{})
		pass(longestPause)
		b.expect(0, engine.Ready)
		if got := b.engines[0].Head(); got != hash {
			t.Errorf("head is %v, want %v", got, hash)
		}
	})
}

// A call that fails on the active endpoint is made on the next one, which has been told payload and head before; the first is active again when it
// has been ready for the hold-down.
func TestFailOver(t *testing.T) {
	in(t, setup{engines: 3}, func(t *testing.T, b *bench) {
		b.run()
		blocks := b.grow(4)
		b.send(blocks[0])
		b.head(blocks[0].ExecutionPayload.BlockHash)
		pass(0) // Those that stand by are told, too.
		b.expectActive(0)
		b.engines[0].SetFaults(mock.Faults{Wrong: mock.Closed})
		if got := b.send(blocks[1]); got != engine.Valid {
			t.Errorf("payload: %v", got)
		}
		b.expectActive(1)
		b.head(blocks[1].ExecutionPayload.BlockHash)
		if b.engines[1].Head() != blocks[1].ExecutionPayload.BlockHash {
			t.Errorf("head of engine 1 is %v", b.engines[1].Head())
		}
		pass(0)
		if b.engines[2].Head() != blocks[1].ExecutionPayload.BlockHash {
			t.Errorf("head of engine 2, which stands by, is %v", b.engines[2].Head())
		}
		pass(15 * time.Second)
		b.expect(0, engine.Offline)

		// The head fails over, too.
		b.engines[1].SetFaults(mock.Faults{Wrong: mock.Broken})
		if got := b.head(blocks[1].ExecutionPayload.BlockHash).Status; got != engine.Valid {
			t.Errorf("head: %v", got)
		}
		b.expectActive(2)

		b.engines[0].SetFaults(mock.Faults{})
		pass(longestPause)
		b.expect(0, engine.Ready)
		b.expectActive(2)
		pass(time.Minute)
		b.expectActive(0)
		if got := b.send(blocks[2]); got != engine.Valid {
			t.Errorf("payload: %v", got)
		}
		if n := strings.Count(b.log.String(), "execution client changed"); n != 3 {
			t.Errorf("%d changes of the active endpoint in the log, want 3:\n%s", n, b.log)
		}
	})
}

// With nobody left the error is that of the endpoint that was asked last, and the first that works again is active.
func TestAllFail(t *testing.T) {
	in(t, setup{engines: 2}, func(t *testing.T, b *bench) {
		b.run()
		blocks := b.grow(1)
		for _, m := range b.engines {
			m.SetFaults(mock.Faults{Wrong: mock.Closed})
		}
		if _, err := b.NewPayload(t.Context(), b.fork, blocks[0]); err == nil || !strings.Contains(err.Error(), "el") {
			t.Errorf("new payload: %v", err)
		}
		pass(time.Second)
		b.engines[1].SetFaults(mock.Faults{})
		pass(longestPause)
		b.expect(1, engine.Ready)
		b.expectActive(1)
		if got := b.send(blocks[0]); got != engine.Valid {
			t.Errorf("payload: %v", got)
		}
	})
}

// A ready endpoint takes over from one that has not got the head.
func TestReadyTakesOverFromSyncing(t *testing.T) {
	in(t, setup{engines: 2}, func(t *testing.T, b *bench) {
		b.run()
		blocks := b.grow(1)
		b.engines[0].SetFaults(mock.Faults{Syncing: true})
		b.send(blocks[0])
		if got := b.head(blocks[0].ExecutionPayload.BlockHash).Status; got != engine.Syncing {
			t.Fatalf("head: %v", got)
		}
		pass(15 * time.Second)
		b.expect(0, engine.SyncingState)
		b.expectActive(1)
		if got := b.head(blocks[0].ExecutionPayload.BlockHash).Status; got != engine.Valid {
			t.Errorf("head: %v", got)
		}
	})
}

// A payload is taken from the endpoint that builds it, even if another one is active by then.
func TestPayloadComesFromItsBuilder(t *testing.T) {
	in(t, setup{engines: 2}, func(t *testing.T, b *bench) {
		b.run()
		a := b.attributes(1)
		_, id, err := b.ForkchoiceUpdated(t.Context(), b.fork, engine.ForkchoiceState{Head: b.genesis}, a)
		if err != nil || id == nil {
			t.Fatal(id, err)
		}
		b.engines[0].SetFaults(mock.Faults{Wrong: mock.Closed, Methods: []string{"engine_newPayloadV4"}})
		b.send(b.grow(1)[0])
		b.expectActive(1)
		if _, err := b.GetPayload(t.Context(), b.fork, *id); err != nil {
			t.Error(err)
		}
	})
}

// Heads reach an endpoint in the order of the calls, with one at a time on the way.
func TestHeadsKeepTheirOrder(t *testing.T) {
	in(t, setup{}, func(t *testing.T, b *bench) {
		blocks := b.grow(3)
		for _, r := range blocks {
			b.send(r)
		}
		b.engines[0].SetFaults(mock.Faults{Delay: time.Second, Methods: []string{"engine_forkchoiceUpdatedV3"}})
		start := time.Now()
		done := make(chan struct{}, 3)
		for _, r := range blocks {
			hash := r.ExecutionPayload.BlockHash
			go func() {
				if _, _, err := b.ForkchoiceUpdated(t.Context(), b.fork, engine.ForkchoiceState{Head: hash}, nil); err != nil {
					t.Error(err)
				}
				done <- struct{}{}
			}()
			pass(time.Millisecond)
		}
		for range blocks {
			<-done
		}
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("three heads took %v, want one second each", took)
		}
		if got := b.engines[0].Head(); got != blocks[2].ExecutionPayload.BlockHash {
			t.Errorf("head is %v, want the last", got)
		}
	})
}
