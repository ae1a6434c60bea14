package checkpoint

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/apiclient"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/simnet"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

const genesisTime = 1_700_000_000

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// world is a chain of 20 slots of which the first of epoch 2 is empty, and servers of it.
type world struct {
	t     *testing.T
	net   *simnet.Network
	tips  map[types.Slot]simnet.Tip
	block map[types.Slot][]byte
	state map[types.Slot][]byte
}

func newWorld(t *testing.T) *world {
	t.Helper()
	spec, err := simnet.Spec(params.Fulu)
	check(t, err)
	net, err := simnet.New(spec, 64, genesisTime)
	check(t, err)
	w := &world{t: t, net: net, tips: map[types.Slot]simnet.Tip{}, block: map[types.Slot][]byte{}, state: map[types.Slot][]byte{}}
	tip := net.Genesis()
	for slot := types.Slot(1); slot <= 20; slot++ {
		if slot == 16 {
			continue
		}
		signed, next, err := net.Block(tip, slot, nil, "")
		check(t, err)
		tip = next
		w.tips[slot] = tip
		w.block[slot], err = ssz.Marshal(tip.State.Cx, ssz.Container(signed))
		check(t, err)
		w.state[slot], err = tip.State.MarshalSSZ()
		check(t, err)
	}
	return w
}

// server is a Beacon API of the chain. What it finalized may be set, and any path may be answered otherwise.
type server struct {
	w         *world
	finalized types.Checkpoint
	other     map[string]http.HandlerFunc
	asked     atomic.Int64
}

func (w *world) finalized(epoch types.Epoch, slot types.Slot) types.Checkpoint {
	return types.Checkpoint{Epoch: epoch, Root: w.tips[slot].Root}
}

func (s *server) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	s.asked.Add(1)
	for path, handler := range s.other {
		if strings.HasPrefix(r.URL.Path, path) {
			handler(out, r)
			return
		}
	}
	id := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	switch {
	case r.URL.Path == "/eth/v1/beacon/states/head/finality_checkpoints":
		fmt.Fprintf(out, `{"data":{"previous_justified":{"epoch":"0","root":"%[1]v"},"current_justified":{"epoch":"3","root":"%[1]v"},"finalized":{"epoch":"%[2]d","root":"%[1]v"}}}`,
			s.finalized.Root, uint64(s.finalized.Epoch))
		return
	case strings.HasSuffix(r.URL.Path, "/root"):
		for slot, tip := range s.w.tips {
			if strings.HasSuffix(r.URL.Path, fmt.Sprintf("/%d/root", uint64(slot))) {
				fmt.Fprintf(out, `{"data":{"root":"%v"}}`, tip.Root)
				return
			}
		}
	case strings.HasPrefix(r.URL.Path, "/eth/v2/beacon/blocks/"):
		for slot, tip := range s.w.tips {
			if tip.Root.String() == id {
				http.ServeContent(out, r, "", time.Time{}, strings.NewReader(string(s.w.block[slot])))
				return
			}
		}
	case strings.HasPrefix(r.URL.Path, "/eth/v2/debug/beacon/states/"):
		for slot := range s.w.tips {
			if id == fmt.Sprint(uint64(slot)) {
				out.Header().Set("ETag", `"`+id+`"`)
				http.ServeContent(out, r, "", time.Time{}, strings.NewReader(string(s.w.state[slot])))
				return
			}
		}
	}
	http.Error(out, `{"code":404,"message":"not found"}`, http.StatusNotFound)
}

func (w *world) server(finalized types.Checkpoint) *server {
	return &server{w: w, finalized: finalized, other: map[string]http.HandlerFunc{}}
}

// fetch fetches from servers.
func (w *world) fetch(change func(*Config), servers ...*server) (*Checkpoint, error) {
	w.t.Helper()
	cfg := Config{Spec: w.net.Spec(), Now: time.Unix(genesisTime+200, 0), Log: slog.New(slog.DiscardHandler)}
	for _, s := range servers {
		h := httptest.NewServer(s)
		w.t.Cleanup(h.Close)
		c, err := apiclient.New(apiclient.Config{URL: h.URL, Pause: time.Millisecond, Stall: 300 * time.Millisecond})
		check(w.t, err)
		cfg.Sources = append(cfg.Sources, c)
	}
	if change != nil {
		change(&cfg)
	}
	return Fetch(context.Background(), cfg)
}

func (w *world) want(c *Checkpoint, err error, slot types.Slot) {
	w.t.Helper()
	check(w.t, err)
	if c.Root != w.tips[slot].Root || c.Block.Message.Slot != slot {
		w.t.Fatalf("checkpoint is %v of slot %d, want %v of slot %d", c.Root, c.Block.Message.Slot, w.tips[slot].Root, slot)
	}
}

func (w *world) refused(err error, words ...string) {
	w.t.Helper()
	if err == nil {
		w.t.Fatal("a checkpoint was taken")
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			w.t.Errorf("error is %q, want %q in it", err, word)
		}
	}
}

func TestSourcesThatAgreeGiveTheFinalizedBlock(t *testing.T) {
	w := newWorld(t)
	c, err := w.fetch(nil, w.server(w.finalized(1, 8)), w.server(w.finalized(1, 8)))
	w.want(c, err, 8)
	if c.State.Slot != 8 {
		t.Errorf("state is of slot %d, want 8", c.State.Slot)
	}
}

func TestAStateIsBroughtToTheStartOfItsEpoch(t *testing.T) {
	w := newWorld(t)
	c, err := w.fetch(nil, w.server(w.finalized(2, 15))) // slot 16 is empty
	w.want(c, err, 15)
	if c.State.Slot != 16 {
		t.Errorf("state is of slot %d, want 16", c.State.Slot)
	}
}

func TestTheEarlierOfTwoCheckpointsIsTaken(t *testing.T) {
	w := newWorld(t)
	c, err := w.fetch(nil, w.server(w.finalized(2, 15)), w.server(w.finalized(1, 8)))
	w.want(c, err, 8)
}

func TestSourcesOnDifferentChainsAreRefused(t *testing.T) {
	w := newWorld(t)
	fork := w.server(w.finalized(2, 15))
	fork.other["/eth/v1/beacon/blocks/8/root"] = func(out http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(out, `{"data":{"root":"%v"}}`, types.Root{9})
	}
	_, err := w.fetch(nil, w.server(w.finalized(1, 8)), fork)
	w.refused(err, "different chains", types.Root{9}.String(), w.tips[8].Root.String())
	empty := w.server(w.finalized(2, 15))
	empty.other["/eth/v1/beacon/blocks/8/root"] = func(out http.ResponseWriter, r *http.Request) { http.NotFound(out, r) }
	_, err = w.fetch(nil, w.server(w.finalized(1, 8)), empty)
	w.refused(err, "different chains", "no block at slot 8")
}

func TestASourceThatCannotBeReachedIsLeftOut(t *testing.T) {
	w := newWorld(t)
	down := w.server(w.finalized(1, 8))
	down.other["/"] = func(out http.ResponseWriter, _ *http.Request) { http.Error(out, "down", http.StatusBadGateway) }
	c, err := w.fetch(nil, down, w.server(w.finalized(1, 8)))
	w.want(c, err, 8)
	_, err = w.fetch(nil, down)
	w.refused(err, "no source of a checkpoint can be used", "502", "down")
}

func TestARootThatTheOperatorNamesIsTaken(t *testing.T) {
	w := newWorld(t)
	c, err := w.fetch(func(cfg *Config) { cfg.Root = w.tips[15].Root }, w.server(w.finalized(1, 8)))
	w.want(c, err, 15)
	_, err = w.fetch(func(cfg *Config) { cfg.Root = types.Root{7} }, w.server(w.finalized(1, 8)))
	w.refused(err, "no source has block", types.Root{7}.String())
}

func TestWhatDoesNotHashToItsNameIsNotTaken(t *testing.T) {
	w := newWorld(t)
	lies := w.server(w.finalized(1, 8))
	lies.other["/eth/v2/beacon/blocks/"] = func(out http.ResponseWriter, _ *http.Request) { _, _ = out.Write(w.block[9]) }
	_, err := w.fetch(nil, lies)
	w.refused(err, "no source has block", "want "+w.tips[8].Root.String())

	wrong := slices.Clone(w.state[8])
	wrong[len(wrong)-1] ^= 1 // proposer lookahead: the header stays as it is
	lies = w.server(w.finalized(1, 8))
	lies.other["/eth/v2/debug/"] = func(out http.ResponseWriter, _ *http.Request) { _, _ = out.Write(wrong) }
	_, err = w.fetch(nil, lies)
	w.refused(err, "no source has the state", "state is after block")
	c, err := w.fetch(nil, lies, w.server(w.finalized(1, 8)))
	w.want(c, err, 8)
}

func TestAnAdvancedStateIsNotTaken(t *testing.T) {
	w := newWorld(t)
	advanced := w.server(w.finalized(2, 15))
	c, err := w.fetch(nil, advanced)
	w.want(c, err, 15)
	data, err := c.State.MarshalSSZ()
	check(t, err)
	advanced.other["/eth/v2/debug/"] = func(out http.ResponseWriter, _ *http.Request) { _, _ = out.Write(data) }
	_, err = w.fetch(nil, advanced)
	w.refused(err, "state is of slot 16, want that of the block's slot 15")
}

func TestAnotherNetworkIsRefused(t *testing.T) {
	w := newWorld(t)
	_, err := w.fetch(func(cfg *Config) { cfg.GenesisValidatorsRoot = types.Root{5} }, w.server(w.finalized(1, 8)))
	w.refused(err, "another network", types.Root{5}.String())
}

func TestAnOldCheckpointIsRefusedUnlessTheOperatorWantsIt(t *testing.T) {
	w := newWorld(t)
	late := func(cfg *Config) { cfg.Now = time.Unix(genesisTime+1e9, 0) }
	_, err := w.fetch(late, w.server(w.finalized(1, 8)))
	w.refused(err, "weak subjectivity period")
	c, err := w.fetch(func(cfg *Config) { late(cfg); cfg.AllowStale = true }, w.server(w.finalized(1, 8)))
	w.want(c, err, 8)
}

// cut answers with the first part of a state and then breaks off, as often as it is told to; it stalls instead where it is told to.
func (s *server) cut(times int, stall bool) {
	left := times
	s.other["/eth/v2/debug/beacon/states/8"] = func(out http.ResponseWriter, r *http.Request) {
		data := s.w.state[8]
		if left--; left < 0 {
			out.Header().Set("ETag", `"8"`)
			http.ServeContent(out, r, "", time.Time{}, strings.NewReader(string(data)))
			return
		}
		out.Header().Set("ETag", `"8"`)
		out.Header().Set("Content-Length", fmt.Sprint(len(data)))
		_, _ = out.Write(data[:1000])
		out.(http.Flusher).Flush()
		if stall {
			<-r.Context().Done()
		}
		panic(http.ErrAbortHandler)
	}
}

func TestADownloadThatBreaksOffIsResumed(t *testing.T) {
	w := newWorld(t)
	for _, stall := range []bool{false, true} {
		s := w.server(w.finalized(1, 8))
		s.cut(1, stall)
		c, err := w.fetch(nil, s)
		w.want(c, err, 8)
		s.cut(10, stall)
		_, err = w.fetch(nil, s)
		w.refused(err, "no source has the state")
	}
}

func TestADownloadHasABound(t *testing.T) {
	w := newWorld(t)
	endless := w.server(w.finalized(1, 8))
	endless.other["/eth/v2/beacon/blocks/"] = func(out http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := out.Write(make([]byte, 1<<20)); err != nil {
				return
			}
		}
	}
	_, err := w.fetch(nil, endless)
	w.refused(err, "answer is too large: more than 33554432 bytes")
}
