package reqresp_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/sync/reqresp"
	"github.com/cresset/cresset/sync/reqresp/reqresptest"
)

// open is a stream to the server that belongs to the test.
func (w *world) open(m reqresp.Method) reqresp.Stream {
	w.t.Helper()
	s, err := w.net.Opener("client").Open(context.Background(), "server", w.table.Row(m).ID)
	check(w.t, err)
	return s
}

// Spec: "If steps (1), (2), or (3) fail due to invalid, malformed, or inconsistent data, the responder MUST respond in error."
func TestWrongRequestsAreAnsweredWithInvalidRequest(t *testing.T) {
	inWorld(t, params.Fulu, func(w *world) {
		handlers := echo()
		handlers[reqresp.BlocksByRootV2] = answers()
		handlers[reqresp.MetaDataV3] = answers()
		handlers[reqresp.BlocksByRangeV2] = answers()
		w.serve(handlers)
		roots, err := reqresp.AppendRequest(w.table, reqresp.BlocksByRootV2, &reqresp.BlockRoots{Roots: make([]types.Root, 129)})
		check(t, err)
		step, err := reqresp.AppendRequest(w.table, reqresp.BlocksByRangeV2, &reqresp.BlocksByRange{})
		check(t, err)
		for _, c := range []struct {
			name string
			m    reqresp.Method
			sent []byte
		}{
			{"nothing", reqresp.PingV1, nil},
			{"nonsense", reqresp.PingV1, []byte("hello")},
			{"content where there is none", reqresp.MetaDataV3, []byte{1}},
			{"more roots than may be asked for", reqresp.BlocksByRootV2, roots},
			{"step 0", reqresp.BlocksByRangeV2, step},
		} {
			s := w.open(c.m)
			w.net.Wait.Go(func() {
				_, _ = s.Write(c.sent)
				_ = s.CloseWrite()
			})
			answer, err := io.ReadAll(s)
			if err != nil || len(answer) < 2 || answer[0] != byte(reqresp.InvalidRequest) {
				t.Errorf("%s: answer %q, %v", c.name, answer, err)
			}
			_ = s.Close()
		}
		if faults := w.faults(); len(faults) != 5 || slices.ContainsFunc(faults, func(f reqresp.Fault) bool { return f != reqresp.FaultRequest }) {
			t.Errorf("reported %v, want 5 wrong requests", faults)
		}
	})
}

// A handler's error is the last chunk: its own code, or ServerError without a word about what is wrong in here.
func TestHandlersErrorsAreTheLastChunk(t *testing.T) {
	inWorld(t, params.Fulu, func(w *world) {
		a, _ := w.block(10, types.Root{9})
		for _, c := range []struct {
			name    string
			end     error
			code    reqresp.Code
			message string
			faults  int
		}{
			{"unavailable", reqresp.Unavailable("before slot %d", 5), reqresp.ResourceUnavailable, "before slot 5", 0},
			{"invalid", reqresp.Invalid("what"), reqresp.InvalidRequest, "what", 0},
			{"a failure", errors.New("disk on fire"), reqresp.ServerError, "internal error", 1},
		} {
			w.incidents = nil
			w.serve(map[reqresp.Method]reqresp.Handler{reqresp.BlocksByRangeV2: func(ctx context.Context, call *reqresp.Call) error {
				check(t, call.Send(ctx, 10, ssz.Container(a)))
				return c.end
			}})
			blocks, err := collect(w.client.BlocksByRange(context.Background(), "server", reqresp.Range{StartSlot: 10, Count: 4}))
			answer, ok := errors.AsType[*reqresp.ResponseError](err)
			if len(blocks) != 1 || !ok || answer.Code != c.code || answer.Message != c.message {
				t.Errorf("%s: %d blocks, %v", c.name, len(blocks), err)
			}
			if faults := w.faults(); len(faults) != c.faults || len(faults) == 1 && faults[0] != reqresp.FaultOwn {
				t.Errorf("%s: reported %v", c.name, faults)
			}
		}
	})
}

// Spec: "The response MUST contain no more than count blocks." A handler that wants to send more fails.
func TestNoMoreIsSentThanWasAskedFor(t *testing.T) {
	inWorld(t, params.Fulu, func(w *world) {
		a, rootA := w.block(10, types.Root{9})
		b, _ := w.block(11, rootA)
		left := []uint64{}
		w.serve(map[reqresp.Method]reqresp.Handler{reqresp.BlocksByRangeV2: func(ctx context.Context, call *reqresp.Call) error {
			left = append(left, call.Left())
			check(t, call.Send(ctx, 10, ssz.Container(a)))
			left = append(left, call.Left())
			return call.Send(ctx, 11, ssz.Container(b))
		}})
		blocks, err := collect(w.client.BlocksByRange(context.Background(), "server", reqresp.Range{StartSlot: 10, Count: 1}))
		check(t, err)
		w.net.Wait.Wait()
		if len(blocks) != 1 || !slices.Equal(left, []uint64{1, 0}) {
			t.Errorf("%d blocks, %v left", len(blocks), left)
		}
		if len(w.incidents) != 1 || w.incidents[0].Fault != reqresp.FaultOwn || !errors.Is(w.incidents[0].Err, reqresp.ErrEnough) {
			t.Errorf("reported %+v", w.incidents)
		}
		// A range that is longer than allowed is shortened.
		left = nil
		_, err = collect(w.client.BlocksByRange(context.Background(), "server", reqresp.Range{StartSlot: 10, Count: 1 << 40}))
		check(t, err)
		w.net.Wait.Wait()
		if left[0] != w.spec.MaxRequestBlocksDeneb {
			t.Errorf("%d blocks may be sent, want %d", left[0], w.spec.MaxRequestBlocksDeneb)
		}
	})
}

// Spec: "The responder MUST NOT respond with an error or close the stream when rate limiting."
func TestLimitsDelayTheAnswer(t *testing.T) {
	inWorld(t, params.Fulu, func(w *world) {
		w.serve(echo())
		start := time.Now()
		var at []time.Duration
		for range 5 {
			_, err := w.client.Ping(context.Background(), "server", 1)
			check(t, err)
			at = append(at, time.Since(start))
		}
		// Two pings in ten seconds: the first two at once, then one each five seconds.
		if want := []time.Duration{0, 0, 5 * time.Second, 10 * time.Second, 15 * time.Second}; !slices.Equal(at, want) {
			t.Errorf("answers at %v, want %v", at, want)
		}
		// Another peer has its own quota, and coming back brings no new one.
		start = time.Now()
		_, err := w.newClient("other").Ping(context.Background(), "server", 1)
		check(t, err)
		if took := time.Since(start); took != 0 {
			t.Errorf("another peer waited %v", took)
		}
		_, err = w.client.Ping(context.Background(), "server", 1)
		check(t, err)
		if took := time.Since(start); took != 5*time.Second {
			t.Errorf("the first peer waited %v, want 5s", took)
		}
		time.Sleep(time.Minute)
		start = time.Now()
		_, err = w.client.Ping(context.Background(), "server", 1)
		check(t, err)
		if took := time.Since(start); took != 0 {
			t.Errorf("after a minute the first peer waited %v", took)
		}
		if faults := w.faults(); len(faults) != 0 {
			t.Errorf("reported %v", faults)
		}
	})
}

// A request costs what it asks for, so that few large ones wait like many small ones; all peers together have a limit too.
func TestCostsAreTheNumberOfThingsAskedFor(t *testing.T) {
	inWorld(t, params.Fulu, func(w *world) {
		w.serve(map[reqresp.Method]reqresp.Handler{reqresp.BlocksByRangeV2: answers()})
		ask := func(name string, count uint64) time.Duration {
			start := time.Now()
			_, err := collect(w.newClient(name).BlocksByRange(context.Background(), "server", reqresp.Range{StartSlot: 10, Count: count}))
			check(t, err)
			return time.Since(start)
		}
		// 512 blocks in ten seconds.
		for i := range 4 {
			if took := ask("a", 128); took != 0 {
				t.Errorf("request %d waited %v", i, took)
			}
		}
		if took := ask("a", 64); took != 1250*time.Millisecond {
			t.Errorf("64 blocks more waited %v, want 1.25s", took)
		}
		// 2560 blocks in ten seconds for all.
		time.Sleep(time.Minute)
		for i := range 20 {
			if took := ask(string(rune('b'+i)), 128); took != 0 {
				t.Errorf("peer %d waited %v", i, took)
			}
		}
		if took := ask("z", 128); took != 500*time.Millisecond {
			t.Errorf("the last peer waited %v, want 500ms", took)
		}
	})
}

// Spec: "The responder MAY penalise peers that concurrently open more than MAX_CONCURRENT_REQUESTS streams for the same request type".
// As many more wait for their turn; those beyond are reset.
func TestConcurrentStreamsOfAPeer(t *testing.T) {
	inWorld(t, params.Fulu, func(w *world) {
		running, most := 0, 0
		w.serve(map[reqresp.Method]reqresp.Handler{reqresp.MetaDataV3: func(ctx context.Context, call *reqresp.Call) error {
			w.mu.Lock()
			running++
			most = max(most, running)
			w.mu.Unlock()
			time.Sleep(time.Second)
			w.mu.Lock()
			running--
			w.mu.Unlock()
			return call.Send(ctx, 0, ssz.Container(&types.MetaData{}))
		}, reqresp.MetaDataV2: answers(sent{0, &types.MetaData{}})})
		good := 0
		for range 6 {
			s := w.open(reqresp.MetaDataV3)
			check(t, s.CloseWrite())
			w.net.Wait.Go(func() {
				answer, err := io.ReadAll(s)
				w.mu.Lock()
				defer w.mu.Unlock()
				if err == nil && len(answer) > 0 && answer[0] == 0 {
					good++
				} else if !errors.Is(err, reqresptest.ErrReset) {
					t.Errorf("answer %x, %v", answer, err)
				}
			})
			synctest.Wait()
		}
		// Another protocol is not concerned.
		s := w.open(reqresp.MetaDataV2)
		check(t, s.CloseWrite())
		if answer, err := io.ReadAll(s); err != nil || len(answer) == 0 {
			t.Errorf("another protocol: %x, %v", answer, err)
		}
		w.net.Wait.Wait()
		if good != 4 || most != params.MaxConcurrentRequests {
			t.Errorf("%d answers, %d at a time, want 4 and 2", good, most)
		}
		if faults := w.faults(); !slices.Equal(faults, []reqresp.Fault{reqresp.FaultConcurrency, reqresp.FaultConcurrency}) {
			t.Errorf("reported %v", faults)
		}
	})
}

// A peer that keeps streams of many protocols open takes no more than its part of them.
func TestStreamsOfAPeerAreBoundedOverAllProtocols(t *testing.T) {
	inWorld(t, params.Fulu, func(w *world) {
		all := map[reqresp.Method]reqresp.Handler{}
		methods := []reqresp.Method{reqresp.PingV1, reqresp.GoodbyeV1, reqresp.StatusV2, reqresp.BlocksByRangeV2, reqresp.BlocksByRootV2}
		for _, m := range methods {
			all[m] = func(context.Context, *reqresp.Call) error { return nil }
		}
		w.serve(all)
		for _, m := range methods { // four of each are allowed, sixteen of all
			for range 4 {
				_, err := w.net.Opener("a").Open(context.Background(), "server", w.table.Row(m).ID)
				check(t, err)
			}
		}
		synctest.Wait()
		if faults := w.faults(); !slices.Equal(faults, slices.Repeat([]reqresp.Fault{reqresp.FaultConcurrency}, 4)) {
			t.Errorf("reported %v, want four streams too many", faults)
		}
		w.net.Wait.Wait()
	})
}

// All streams and all peers are bounded too; that is nobody's fault.
func TestStreamsOfAllPeersAreBounded(t *testing.T) {
	inWorld(t, params.Fulu, func(w *world) {
		w.serve(echo(), func(cfg *reqresp.ServerConfig) { cfg.Streams, cfg.Peers = 2, 3 })
		id := w.table.Row(reqresp.PingV1).ID
		for _, name := range []string{"a", "b", "c"} {
			_, err := w.net.Opener(name).Open(context.Background(), "server", id)
			check(t, err)
		}
		if faults := w.faults(); !slices.Equal(faults, []reqresp.Fault{reqresp.FaultNone}) {
			t.Errorf("reported %v", faults)
		}
		w.net.Wait.Wait()
		// Peers whose quotas are used are remembered, others forgotten.
		for _, name := range []string{"d", "e", "f"} {
			for range 2 {
				_, err := w.newClient(name).Ping(context.Background(), "server", 1)
				check(t, err)
				synctest.Wait() // for the server's side to end
			}
		}
		_, err := w.newClient("g").Ping(context.Background(), "server", 1)
		wantClass(t, "one peer too many", err, reqresp.Transport)
		time.Sleep(time.Minute)
		_, err = w.newClient("g").Ping(context.Background(), "server", 1)
		check(t, err)
	})
}

// A peer that opens a stream and sends nothing, or half of a request, is left after the deadline.
func TestHalfOpenStreamsEnd(t *testing.T) {
	inWorld(t, params.Fulu, func(w *world) {
		w.serve(echo())
		start := time.Now()
		silent, half, unended := w.open(reqresp.PingV1), w.open(reqresp.PingV1), w.open(reqresp.PingV1)
		_, err := half.Write([]byte{8, 0xff})
		check(t, err)
		request, err := reqresp.AppendRequest(w.table, reqresp.PingV1, &reqresp.Uint64{})
		check(t, err)
		w.net.Wait.Go(func() { _, _ = unended.Write(request) })
		w.net.Wait.Wait()
		if took := time.Since(start); took != 20*time.Second { // the third waits for its turn
			t.Errorf("they ended after %v", took)
		}
		for _, s := range []reqresp.Stream{silent, half, unended} {
			if _, err := s.Read(make([]byte, 1)); !errors.Is(err, reqresptest.ErrReset) {
				t.Errorf("the stream is not reset: %v", err)
			}
		}
		if faults := w.faults(); !slices.Equal(faults, []reqresp.Fault{reqresp.FaultSlow, reqresp.FaultSlow, reqresp.FaultSlow}) {
			t.Errorf("reported %v", faults)
		}
	})
}

// A peer that reads byte by byte is left after the deadline of a chunk.
func TestSlowReadersAreLeft(t *testing.T) {
	inWorld(t, params.Fulu, func(w *world) {
		w.serve(map[reqresp.Method]reqresp.Handler{reqresp.MetaDataV3: answers(sent{0, &types.MetaData{}})})
		s := w.open(reqresp.MetaDataV3)
		check(t, s.CloseWrite())
		start, err := time.Now(), error(nil)
		for err == nil {
			time.Sleep(time.Second)
			_, err = s.Read(make([]byte, 1))
		}
		if took := time.Since(start); !errors.Is(err, reqresptest.ErrReset) || took > 11*time.Second {
			t.Errorf("%v after %v", err, took)
		}
		if faults := w.faults(); !slices.Equal(faults, []reqresp.Fault{reqresp.FaultSlow}) {
			t.Errorf("reported %v", faults)
		}
	})
}

// What is being written to a peer is bounded over all its streams.
func TestBytesOnTheirWayToAPeerAreBounded(t *testing.T) {
	inWorld(t, params.Fulu, func(w *world) {
		inSend, most := 0, 0
		handler := func(ctx context.Context, call *reqresp.Call) error {
			return call.SendSSZ(ctx, 10, make([]byte, 1000))
		}
		w.serve(map[reqresp.Method]reqresp.Handler{reqresp.BlocksByRangeV2: handler, reqresp.BlocksByHeadV1: handler}, func(cfg *reqresp.ServerConfig) { cfg.BytesPerPeer = 1500 })
		read := func(m reqresp.Method, request reqresp.Message) {
			s := w.open(m)
			b, err := reqresp.AppendRequest(w.table, m, request)
			check(t, err)
			_, err = s.Write(b)
			check(t, err)
			check(t, s.CloseWrite())
			// The first byte tells that the chunk is being written.
			_, err = s.Read(make([]byte, 1))
			check(t, err)
			w.mu.Lock()
			inSend++
			most = max(most, inSend)
			w.mu.Unlock()
			time.Sleep(time.Second)
			w.mu.Lock()
			inSend--
			w.mu.Unlock()
			_, err = io.ReadAll(s)
			check(t, err)
		}
		for range 2 {
			w.net.Wait.Go(func() { read(reqresp.BlocksByRangeV2, &reqresp.BlocksByRange{Range: reqresp.Range{Count: 1}, Step: 1}) })
			w.net.Wait.Go(func() { read(reqresp.BlocksByHeadV1, &reqresp.BlocksByHead{Count: 1}) })
		}
		w.net.Wait.Wait()
		if most != 1 {
			t.Errorf("%d chunks of 1000 bytes at a time, 1500 bytes are allowed", most)
		}
	})
}

// A stream whose handler does not end is reset, and so are all when the server stops.
func TestStreamsEndWithTheirLifetimeAndWithTheServer(t *testing.T) {
	inWorld(t, params.Fulu, func(w *world) {
		w.serve(map[reqresp.Method]reqresp.Handler{reqresp.MetaDataV3: func(ctx context.Context, _ *reqresp.Call) error {
			<-ctx.Done()
			return ctx.Err()
		}})
		start := time.Now()
		s := w.open(reqresp.MetaDataV3)
		check(t, s.CloseWrite())
		if _, err := io.ReadAll(s); !errors.Is(err, reqresptest.ErrReset) || time.Since(start) != 3*time.Minute {
			t.Errorf("%v after %v, want a reset after 3m0s", err, time.Since(start))
		}
		own, other := reqresptest.Pipe()
		ctx, cancel := context.WithCancel(context.Background())
		w.net.Wait.Go(func() { w.net.Servers["server"].Serve(ctx, "x", w.table.Row(reqresp.MetaDataV3).ID, other) })
		check(t, own.CloseWrite())
		time.AfterFunc(time.Second, cancel)
		if _, err := io.ReadAll(own); !errors.Is(err, reqresptest.ErrReset) {
			t.Errorf("when the server stops: %v", err)
		}
	})
}

// Streams of protocols that nobody answers are reset.
func TestUnknownProtocolsAreReset(t *testing.T) {
	inWorld(t, params.Fulu, func(w *world) {
		w.serve(echo())
		for _, id := range []string{"/eth2/beacon_chain/req/ping/9/ssz_snappy", w.table.Row(reqresp.MetaDataV3).ID} {
			own, other := reqresptest.Pipe()
			w.net.Servers["server"].Serve(context.Background(), "x", id, other)
			if _, err := own.Read(make([]byte, 1)); !errors.Is(err, reqresptest.ErrReset) {
				t.Errorf("%s: %v", id, err)
			}
		}
	})
}
