package engine_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/engine"
	"github.com/cresset/cresset/beacon/engine/mock"
	"github.com/cresset/cresset/beacon/engine/wire"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// faults takes methods from an engine.
func faults(b *bench, i int, missing []string) { b.engines[i].SetFaults(mock.Faults{Missing: missing}) }

// Each way to answer wrongly is an error of its kind within the time of the method, the health says what it was, and the
// execution client is ready again soon after it is in order.
func TestFaults(t *testing.T) {
	for _, c := range []struct {
		name   string
		faults mock.Faults
		kind   error
		says   string
		state  engine.State
	}{
		{"garbage", mock.Faults{Wrong: mock.Garbage}, engine.ErrMalformed, "<html>", engine.Offline},
		{"wrong id", mock.Faults{Wrong: mock.WrongID}, engine.ErrMalformed, "id: 123456789, want", engine.Offline},
		{"oversized", mock.Faults{Wrong: mock.Oversized}, engine.ErrMalformed, "more than", engine.Offline},
		{"deep", mock.Faults{Wrong: mock.Deep}, engine.ErrMalformed, "", engine.Offline},
		{"stalled", mock.Faults{Wrong: mock.Stalled}, engine.ErrOffline, "no answer in time", engine.Offline},
		{"silent", mock.Faults{Wrong: mock.Silent}, engine.ErrOffline, "no answer in time", engine.Offline},
		{"refused", mock.Faults{Wrong: mock.Refused}, engine.ErrAuth, "401", engine.AuthFailed},
		{"broken", mock.Faults{Wrong: mock.Broken}, engine.ErrOffline, "500", engine.Offline},
		{"closed", mock.Faults{Wrong: mock.Closed}, engine.ErrOffline, "connection refused", engine.Offline},
		{"slow", mock.Faults{Delay: time.Minute}, engine.ErrOffline, "no answer in time", engine.Offline},
	} {
		t.Run(c.name, func(t *testing.T) {
			in(t, setup{}, func(t *testing.T, b *bench) {
				b.run()
				b.expect(0, engine.Ready)
				blocks := b.grow(1)
				b.engines[0].SetFaults(c.faults)
				start := time.Now()
				_, err := b.NewPayload(t.Context(), b.fork, blocks[0])
				if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "el0") {
					t.Errorf("new payload: %v, want %v with %q", err, c.kind, c.says)
				}
				if took := time.Since(start); took > 8*time.Second {
					t.Errorf("new payload took %v", took)
				}
				pass(3 * time.Second)
				h := b.expect(0, c.state)
				if h.Advice == "" || h.Usable {
					t.Errorf("health %+v has no advice", h)
				}
				if !strings.Contains(b.log.String(), "level=WARN") || !strings.Contains(b.log.String(), "action=") {
					t.Errorf("log: %s", b.log)
				}
				b.engines[0].SetFaults(mock.Faults{})
				pass(longestPause)
				b.expect(0, engine.Ready)
				if status, err := b.NewPayload(t.Context(), b.fork, blocks[0]); err != nil || status.Status != engine.Valid {
					t.Errorf("afterwards: %+v, %v", status, err)
				}
			})
		})
	}
}

// longestPause is how long it takes at most until an endpoint is asked again: half a minute, half as much jitter, and the time of a call.
const longestPause = 51 * time.Second

// A VALID that is about another block is not taken.
func TestWrongHash(t *testing.T) {
	in(t, setup{fork: params.Bellatrix}, func(t *testing.T, b *bench) {
		blocks := b.grow(1)
		b.engines[0].SetFaults(mock.Faults{Wrong: mock.WrongHash})
		if status, err := b.NewPayload(t.Context(), b.fork, blocks[0]); !errors.Is(err, engine.ErrMalformed) {
			t.Errorf("new payload: %+v, %v", status, err)
		}
		if status, _, err := b.ForkchoiceUpdated(t.Context(), b.fork, engine.ForkchoiceState{Head: b.genesis}, nil); !errors.Is(err, engine.ErrMalformed) {
			t.Errorf("head: %+v, %v", status, err)
		}
		if block, err := b.PowBlock(t.Context(), types.Hash32{1}); !errors.Is(err, engine.ErrMalformed) {
			t.Errorf("block: %+v, %v", block, err)
		}
	})
}

// A caller that gives up gets its own reason, at once, and nothing is held against the execution client.
func TestCallerGivesUp(t *testing.T) {
	in(t, setup{}, func(t *testing.T, b *bench) {
		b.run()
		blocks := b.grow(1)
		b.engines[0].SetFaults(mock.Faults{Wrong: mock.Silent, Methods: []string{"engine_newPayloadV4"}})
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		start := time.Now()
		_, err := b.NewPayload(ctx, b.fork, blocks[0])
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 300*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		b.expect(0, engine.Ready)
	})
}

// Calls above the limit of those at the same time wait no longer than their callers.
func TestConcurrentCallsAreBounded(t *testing.T) {
	in(t, setup{alter: func(cfg *engine.Config) { cfg.MaxConcurrent = 2 }}, func(t *testing.T, b *bench) {
		b.engines[0].SetFaults(mock.Faults{Delay: 700 * time.Millisecond})
		done := make(chan time.Duration, 4)
		start := time.Now()
		for range 4 {
			go func() {
				if _, err := b.GetPayloadBodiesByRange(t.Context(), b.fork, 1, 1); err != nil {
					t.Error(err)
				}
				done <- time.Since(start)
			}()
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		pass(time.Millisecond)
		if _, err := b.ClientVersion(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a fifth call: %v", err)
		}
		for range 2 {
			<-done
		}
		<-done
		if last := <-done; last != 1400*time.Millisecond {
			t.Errorf("the last of four calls ended after %v, want two after two", last)
		}
	})
}

// The secret is read again when its file changes; what is wrong with it is said, and never what is in it.
func TestSecretFile(t *testing.T) {
	in(t, setup{}, func(t *testing.T, b *bench) {
		b.run()
		b.expect(0, engine.Ready)
		digits := strings.Repeat("5a", 32)
		for _, c := range []struct{ text, says string }{
			{digits[:60], "60 characters, want 64 hex digits"},
			{digits[:62] + "zz", "no hex digit"},
			{"", "0 characters"},
			{strings.Repeat("5a", 1024), "more than 1024 bytes"},
			{digits + "\n", "HTTP status 401"},
		} {
			b.writeSecret(0, c.text)
			_, err := b.ClientVersion(t.Context())
			if !errors.Is(err, engine.ErrAuth) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%d characters: %v, want %q", len(c.text), err, c.says)
			}
			if !strings.Contains(err.Error(), b.secrets[0]) && !strings.Contains(err.Error(), "401") {
				t.Errorf("the file is not named: %v", err)
			}
			if strings.Contains(err.Error(), "5a5a") || strings.Contains(b.log.String(), "5a5a") {
				t.Errorf("the secret is shown: %v", err)
			}
			pass(longestPause)
			b.expect(0, engine.AuthFailed)
		}
		b.writeSecret(0, strings.Repeat("01", 32))
		pass(longestPause)
		b.expect(0, engine.Ready)
	})
}

// A secret file that is not there is named.
func TestMissingSecretFile(t *testing.T) {
	in(t, setup{alter: func(cfg *engine.Config) { cfg.Endpoints[0].JWTSecretFile += ".not-there" }}, func(t *testing.T, b *bench) {
		b.run()
		if h := b.expect(0, engine.AuthFailed); !strings.Contains(h.Reason, "jwt0.hex.not-there") {
			t.Errorf("reason %q", h.Reason)
		}
	})
}

// An execution client of another chain gets nothing, and is taken when it is put right.
func TestWrongChain(t *testing.T) {
	in(t, setup{}, func(t *testing.T, b *bench) {
		b.engines[0].SetFaults(mock.Faults{ChainID: 1337})
		b.run()
		if h := b.expect(0, engine.WrongChain); !strings.Contains(h.Reason, "chain id is 1337, this network's is") {
			t.Errorf("reason %q", h.Reason)
		}
		if _, err := b.NewPayload(t.Context(), b.fork, b.grow(1)[0]); !errors.Is(err, engine.ErrWrongChain) || b.engines[0].Calls("engine_newPayloadV4") != 0 {
			t.Errorf("new payload: %v", err)
		}
		b.engines[0].SetFaults(mock.Faults{})
		pass(longestPause)
		b.expect(0, engine.Ready)
	})
}

// So does one with the right chain id and another genesis block.
func TestWrongGenesis(t *testing.T) {
	other := types.Hash32{0xdd}
	in(t, setup{alter: func(cfg *engine.Config) { cfg.GenesisHash = &other }}, func(t *testing.T, b *bench) {
		b.run()
		if h := b.expect(0, engine.WrongChain); !strings.Contains(h.Reason, other.String()) || !strings.Contains(h.Reason, b.genesis.String()) {
			t.Errorf("reason %q", h.Reason)
		}
	})
}

// A method that the present fork demands and the execution client lacks makes it useless; one of the next fork is said in time.
func TestMissingMethods(t *testing.T) {
	in(t, setup{fork: params.Electra, next: params.Fulu, epoch: 2}, func(t *testing.T, b *bench) {
		faults(b, 0, []string{"engine_getPayloadV5", "engine_getBlobsV2"})
		b.run()
		h := b.expect(0, engine.MissingMethod)
		if !h.Usable || !strings.Contains(h.Reason, "engine_getPayloadV5, which fulu demands from epoch 2 on") {
			t.Errorf("health %+v", h)
		}
		if status := b.head(b.genesis); status.Status != engine.Valid {
			t.Errorf("head: %+v", status)
		}
		pass(2 * time.Duration(b.spec.SlotsPerEpoch) * b.spec.SlotDuration())
		pass(longestPause)
		if h := b.expect(0, engine.MissingMethod); h.Usable || !strings.Contains(h.Reason, "which fulu demands") || strings.Contains(h.Reason, "getBlobs") {
			t.Errorf("health %+v", h)
		}
		faults(b, 0, nil)
		pass(longestPause)
		b.expect(0, engine.Ready)
	})
}

// An execution client that does not know the method at all says so.
func TestMethodNotFound(t *testing.T) {
	in(t, setup{}, func(t *testing.T, b *bench) {
		b.run()
		faults(b, 0, wire.Demanded(params.Fulu))
		if _, err := b.NewPayload(t.Context(), b.fork, b.grow(1)[0]); !errors.Is(err, engine.MethodNotFound) {
			t.Errorf("new payload: %v", err)
		}
		pass(0)
		b.expect(0, engine.MissingMethod)
	})
}
