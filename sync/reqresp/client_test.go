package reqresp_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/sync/reqresp"
	"github.com/cresset/cresset/sync/reqresp/reqresptest"
)

// echo answers pings.
func echo() map[reqresp.Method]reqresp.Handler {
	return map[reqresp.Method]reqresp.Handler{
		reqresp.PingV1: reqresp.On(func(ctx context.Context, call *reqresp.Call, n *reqresp.Uint64) error {
			return call.Send(ctx, 0, ssz.Uint(&n.Value))
		}),
	}
}

// pong is the bytes of an answer to a ping.
func (w *world) pong() []byte {
	return reqresp.AppendChunk(w.table, reqresp.PingV1, []byte{7, 0, 0, 0, 0, 0, 0, 0})
}

// script is a peer that reads the request and then does as it likes.
func script(f func(s *reqresptest.Stream)) func(string, *reqresptest.Stream) {
	return func(_ string, s *reqresptest.Stream) {
		_, _ = io.ReadAll(s)
		f(s)
	}
}

// Failures come in classes that say what to do about the peer.
func TestFailuresAreClassified(t *testing.T) {
	inWorld(t, params.Fulu, func(w *world) {
		write := func(b []byte) func(string, *reqresptest.Stream) {
			return script(func(s *reqresptest.Stream) {
				_, _ = s.Write(b)
				_ = s.Close()
			})
		}
		for _, c := range []struct {
			name   string
			script func(string, *reqresptest.Stream)
			class  reqresp.Class
			code   reqresp.Code
		}{
			{"a good answer", write(w.pong()), reqresp.Unclassified, 0},
			{"no chunk", write(nil), reqresp.Broken, 0},
			{"half a chunk", write(w.pong()[:20]), reqresp.Broken, 0},
			{"a wrong checksum", write(append(w.pong()[:27:27], 1)), reqresp.Broken, 0},
			{"an error", write([]byte{2, 0}), reqresp.Refused, reqresp.ServerError},
			{"a code to come", write([]byte{77, 0}), reqresp.Refused, 77},
			{"an alternative error", write([]byte{200, 0}), reqresp.Refused, 200},
			{"silence", script(func(s *reqresptest.Stream) { time.Sleep(time.Hour) }), reqresp.TimedOut, 0},
			{"a reset", script(func(s *reqresptest.Stream) { _ = s.Reset() }), reqresp.Transport, 0},
			{"does not read", func(_ string, s *reqresptest.Stream) { time.Sleep(time.Hour) }, reqresp.TimedOut, 0},
		} {
			w.net.Scripts["peer"] = c.script
			seq, err := w.client.Ping(context.Background(), "peer", 5)
			wantClass(t, c.name, err, c.class)
			if reqresp.CodeOf(err) != c.code {
				t.Errorf("%s: code %v, want %v", c.name, reqresp.CodeOf(err), c.code)
			}
			if err == nil && seq != 7 {
				t.Errorf("%s: %d, want 7", c.name, seq)
			}
		}
		_, err := w.client.Ping(context.Background(), "nobody", 5)
		wantClass(t, "nobody there", err, reqresp.Transport)
		w.serve(nil)
		_, err = w.client.Ping(context.Background(), "server", 5)
		wantClass(t, "not spoken", err, reqresp.Unsupported)
		if e, ok := errors.AsType[*reqresp.Error](err); !ok || e.Peer != "server" || e.Protocol != "ping/1" {
			t.Errorf("the error names %+v", e)
		}
	})
}

// A request that is given up is reset, and nobody is to blame.
func TestAGivenUpRequestIsReset(t *testing.T) {
	inWorld(t, params.Fulu, func(w *world) {
		var seen error
		w.net.Scripts["peer"] = script(func(s *reqresptest.Stream) {
			time.Sleep(5 * time.Second)
			_, seen = s.Write(w.pong())
		})
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(2*time.Second, cancel)
		_, err := w.client.Ping(ctx, "peer", 5)
		wantClass(t, "cancelled", err, reqresp.Cancelled)
		w.net.Wait.Wait()
		if !errors.Is(seen, reqresptest.ErrReset) {
			t.Errorf("the peer saw %v", seen)
		}
		ctx, cancel = context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_, err = w.client.Ping(ctx, "peer", 5)
		wantClass(t, "the caller's deadline", err, reqresp.TimedOut)
	})
}

// A chunk may be withheld, and has to come promptly once it has begun.
func TestDeadlinesOfChunks(t *testing.T) {
	inWorld(t, params.Fulu, func(w *world) {
		drip := func(each time.Duration) func(string, *reqresptest.Stream) {
			return script(func(s *reqresptest.Stream) {
				for _, b := range w.pong() {
					time.Sleep(each)
					if _, err := s.Write([]byte{b}); err != nil {
						return
					}
				}
				_ = s.Close()
			})
		}
		for _, c := range []struct {
			name  string
			each  time.Duration
			class reqresp.Class
		}{
			{"a byte each 100 ms", 100 * time.Millisecond, reqresp.Unclassified},
			{"a byte a second", time.Second, reqresp.TimedOut},
		} {
			w.net.Scripts["peer"] = drip(c.each)
			start := time.Now()
			_, err := w.client.Ping(context.Background(), "peer", 5)
			wantClass(t, c.name, err, c.class)
			if took := time.Since(start); took > 11*time.Second {
				t.Errorf("%s: it took %v", c.name, took)
			}
		}
	})
}

// A peer that lets the whole answer drag on is left after the deadline of the whole.
func TestTheDeadlineOfTheWhole(t *testing.T) {
	inWorld(t, params.Fulu, func(w *world) {
		w.serve(map[reqresp.Method]reqresp.Handler{reqresp.BlocksByRangeV2: func(ctx context.Context, call *reqresp.Call) error {
			parent := types.Root{}
			for slot := types.Slot(10); ; slot++ {
				time.Sleep(12 * time.Second)
				b, root := w.block(slot, parent)
				if err := call.Send(ctx, slot, ssz.Container(b)); err != nil {
					return err
				}
				parent = root
			}
		}})
		start := time.Now()
		blocks, err := collect(w.client.BlocksByRange(context.Background(), "server", reqresp.Range{StartSlot: 10, Count: 100}))
		wantClass(t, "dragging on", err, reqresp.TimedOut)
		if took := time.Since(start); took != 2*time.Minute || len(blocks) != 9 {
			t.Errorf("%d blocks in %v, want 9 in 2m0s", len(blocks), took)
		}
	})
}

// Spec: "The requester MUST NOT make more than MAX_CONCURRENT_REQUESTS concurrent requests with the same protocol ID."
func TestThirdRequestWaits(t *testing.T) {
	inWorld(t, params.Fulu, func(w *world) {
		running, most := 0, 0
		w.net.Scripts["peer"] = script(func(s *reqresptest.Stream) {
			w.mu.Lock()
			running++
			most = max(most, running)
			w.mu.Unlock()
			time.Sleep(time.Second)
			w.mu.Lock()
			running--
			w.mu.Unlock()
			_, _ = s.Write(w.pong())
			_ = s.Close()
		})
		start := time.Now()
		for range 5 {
			w.net.Wait.Go(func() {
				_, err := w.client.Ping(context.Background(), "peer", 5)
				if err != nil {
					t.Error(err)
				}
			})
		}
		w.net.Wait.Wait()
		if took := time.Since(start); most != params.MaxConcurrentRequests || took != 3*time.Second {
			t.Errorf("%d at a time, %v for 5 requests, want 2 and 3s", most, took)
		}
		// Who gives up while waiting is not the peer's concern.
		w.net.Scripts["peer"] = script(func(s *reqresptest.Stream) { time.Sleep(time.Hour) })
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		for range 2 {
			w.net.Wait.Go(func() { _, _ = w.client.Ping(context.Background(), "peer", 5) })
		}
		synctest.Wait()
		_, err := w.client.Ping(ctx, "peer", 5)
		wantClass(t, "waiting for a turn", err, reqresp.Cancelled)
	})
}

// No more chunks are read than were asked for, and no more bytes than are allowed.
func TestAnswersAreBounded(t *testing.T) {
	inWorld(t, params.Fulu, func(w *world) {
		w.net.Scripts["peer"] = script(func(s *reqresptest.Stream) {
			for {
				if _, err := s.Write(w.pong()); err != nil {
					return
				}
			}
		})
		chunks, err := collect(w.client.Do(context.Background(), "peer", reqresp.PingV1, &reqresp.Uint64{}))
		check(t, err)
		if len(chunks) != 1 {
			t.Errorf("%d chunks, want 1", len(chunks))
		}
		a, rootA := w.block(10, types.Root{9})
		b, _ := w.block(11, rootA)
		w.serve(map[reqresp.Method]reqresp.Handler{reqresp.BlocksByRangeV2: answers(sent{10, a}, sent{11, b})})
		client := reqresp.NewClient(reqresp.ClientConfig{Table: w.table, Digests: w.digests, Opener: w.net.Opener("x"), Clock: w.clock, ResponseBytes: 1500})
		wantBroken(t, "too many bytes", client.BlocksByRange(context.Background(), "server", reqresp.Range{StartSlot: 10, Count: 4}), 1, "bytes of the response")
	})
}

// What makes no sense is not sent.
func TestOwnRequestsAreChecked(t *testing.T) {
	inWorld(t, params.Fulu, func(w *world) {
		ctx := context.Background()
		w.net.Scripts["peer"] = func(string, *reqresptest.Stream) { t.Error("it was asked") }
		_, err := collect(w.client.BlocksByRoot(ctx, "peer", make([]types.Root, 129)))
		if err == nil || reqresp.ClassOf(err) != reqresp.Unclassified {
			t.Errorf("129 roots: %v", err)
		}
		_, err = collect(w.client.BlocksByRange(ctx, "peer", reqresp.Range{StartSlot: ^types.Slot(0), Count: 5}))
		if err == nil || reqresp.ClassOf(err) != reqresp.Unclassified {
			t.Errorf("a range behind the last slot: %v", err)
		}
		_, err = collect(w.client.Do(ctx, "peer", reqresp.PingV1, nil))
		if err == nil || reqresp.ClassOf(err) != reqresp.Unclassified {
			t.Errorf("a ping without content: %v", err)
		}
	})
}

// Who stops reading ends the exchange, and the peer notices.
func TestWhoStopsReadingEndsTheExchange(t *testing.T) {
	inWorld(t, params.Fulu, func(w *world) {
		a, rootA := w.block(10, types.Root{9})
		b, _ := w.block(11, rootA)
		w.serve(map[reqresp.Method]reqresp.Handler{reqresp.BlocksByRangeV2: answers(sent{10, a}, sent{11, b})})
		for range w.client.BlocksByRange(context.Background(), "server", reqresp.Range{StartSlot: 10, Count: 4}) {
			break
		}
		if faults := w.faults(); len(faults) != 1 || faults[0] != reqresp.FaultTransport {
			t.Errorf("the server reported %v", faults)
		}
	})
}

// Errors name protocol, class and rule, with what was there and what may be.
func TestErrorsNameTheRuleWithBothValues(t *testing.T) {
	inWorld(t, params.Fulu, func(w *world) {
		late, _ := w.block(14, types.Root{9})
		for _, c := range []struct {
			handler reqresp.Handler
			text    string
		}{
			{answers(sent{14, late}), "beacon_blocks_by_range/2: protocol broken: slot is in the range asked for: have 14, want [10, 14)"},
			{func(context.Context, *reqresp.Call) error { return reqresp.Unavailable("from slot %d on", 12) }, `beacon_blocks_by_range/2: refused: ResourceUnavailable: "from slot 12 on"`},
			{func(context.Context, *reqresp.Call) error { return &reqresp.ResponseError{Code: 140} }, "beacon_blocks_by_range/2: refused: code 140"},
		} {
			w.serve(map[reqresp.Method]reqresp.Handler{reqresp.BlocksByRangeV2: c.handler})
			_, err := collect(w.client.BlocksByRange(context.Background(), "server", reqresp.Range{StartSlot: 10, Count: 4}))
			if err == nil || err.Error() != c.text {
				t.Errorf("%v, want %s", err, c.text)
			}
		}
		names := map[string]bool{}
		for class := reqresp.Unclassified; class <= reqresp.Cancelled; class++ {
			names[class.String()] = true
		}
		if len(names) != int(reqresp.Cancelled)+1 {
			t.Errorf("classes share a name: %v", names)
		}
		for code, name := range map[reqresp.Code]string{0: "Success", 1: "InvalidRequest", 2: "ServerError", 3: "ResourceUnavailable", 4: "code 4"} {
			if code.String() != name {
				t.Errorf("code %d is %q, want %q", uint8(code), code, name)
			}
		}
	})
}
