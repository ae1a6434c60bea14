package api

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/simnet"
	"github.com/cresset/cresset/beacon/types"
)

// reader is a client of the event stream.
type reader struct {
	t      *testing.T
	body   *bufio.Scanner
	answer *http.Response
}

// event is what it reads.
type event struct {
	name string
	data string
}

// run starts the world's server on a port of its own and gives the address and a function that ends it.
func (w *world) run(ctx context.Context) (address string, end func() error) {
	w.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(w.t, err)
	w.server.cfg.Listener = l
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- w.server.Run(ctx) }()
	return "http://" + l.Addr().String(), func() error { cancel(); return <-ended }
}

func listen(t *testing.T, address, topics string) *reader {
	t.Helper()
	answer, err := http.Get(address + "/eth/v1/events?topics=" + topics)
	check(t, err)
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != mediaEvents {
		t.Fatalf("events of %s: status %d, type %s", topics, answer.StatusCode, answer.Header.Get("Content-Type"))
	}
	t.Cleanup(func() { _ = answer.Body.Close() })
	return &reader{t, bufio.NewScanner(answer.Body), answer}
}

// next reads an event; false at the end of the stream.
func (r *reader) next() (e event, ok bool) {
	for r.body.Scan() {
		line := r.body.Text()
		switch name, value, _ := strings.Cut(line, ": "); {
		case name == "event":
			e.name = value
		case name == "data":
			e.data = value
		case line == "" && e.name != "":
			return e, true
		}
	}
	return e, false
}

// wants reads an event and compares some of its fields.
func (r *reader) wants(name string, fields map[string]any) {
	r.t.Helper()
	e, ok := r.next()
	if !ok || e.name != name {
		r.t.Fatalf("event %q (%t) with %s, want %q", e.name, ok, e.data, name)
	}
	var have map[string]any
	check(r.t, json.Unmarshal([]byte(e.data), &have))
	if data, ok := have["data"].(map[string]any); ok {
		data["version"] = have["version"]
		have = data
	}
	for field, want := range fields {
		if have[field] != want {
			r.t.Errorf("%s: %s is %v, want %v", name, field, have[field], want)
		}
	}
}

// The chain's events are sent as they happen, to those who want them, and a stream ends with the server.
func TestEvents(t *testing.T) {
	t.Parallel()
	w := newSimnet(t, params.Gloas)
	address, end := w.run(t.Context())
	w.until("the server listens", func() bool {
		a, err := http.Get(address + "/eth/v1/node/version")
		return err == nil && a.Body.Close() == nil
	})
	r := listen(t, address, "head,head_v2,block&topics=execution_payload,execution_payload_available")
	w.until("the stream is joined", func() bool { return w.server.hub.wants("block") })
	w.grow(2)
	for slot := 1; slot <= 2; slot++ {
		tip := w.tips[slot]
		root, at := tip.Root.String(), fmt.Sprint(slot)
		state, err := tip.State.HashTreeRoot()
		check(t, err)
		r.wants("block", map[string]any{"slot": at, "block": root, "execution_optimistic": false})
		r.wants("head", map[string]any{
			"slot": at, "block": root, "state": state.String(), "epoch_transition": false, "previous_duty_dependent_root": w.tips[0].Root.String(),
			"current_duty_dependent_root": w.tips[0].Root.String(), "execution_optimistic": false,
		})
		r.wants("head_v2", map[string]any{"version": "gloas", "slot": at, "block": root, "payload_status": "empty", "next_epoch_dependent_root": w.tips[0].Root.String()})
		payload := tip.Payload.Message
		r.wants("execution_payload", map[string]any{
			"slot": at, "block_root": root, "block_hash": payload.Payload.BlockHash.String(), "builder_index": fmt.Sprint(uint64(payload.BuilderIndex)),
		})
		r.wants("execution_payload_available", map[string]any{"slot": at, "block_root": root})
		r.wants("head_v2", map[string]any{"block": root, "payload_status": "full"})
	}
	// What others publish goes out too, in the form of its topic.
	other := listen(t, address, "block_gossip,proposer_preferences")
	w.until("the stream is joined", func() bool { return w.server.hub.wants("block_gossip") })
	check(t, w.server.Publish("block_gossip", params.Gloas, &BlockGossip{Slot: 3, Block: types.Root{7}}))
	check(t, w.server.Publish("proposer_preferences", params.Gloas, &types.SignedProposerPreferences{}))
	other.wants("block_gossip", map[string]any{"slot": "3", "block": types.Root{7}.String()})
	other.wants("proposer_preferences", map[string]any{"version": "gloas", "signature": types.BLSSignature{}.String()})
	if err := w.server.Publish("head", params.Gloas, &BlockGossip{}); err == nil {
		t.Error("a topic of the chain is published by another")
	}
	w.refuses([]wrongInput{
		{path: "/eth/v1/events", status: 400, says: []string{"topics"}},
		{path: "/eth/v1/events?topics=weather_forecast", status: 400, says: []string{"Invalid topic", "weather_forecast", "head_v2", "block_gossip"}},
		{path: "/eth/v1/events?topics=head,", status: 400},
		{path: "/eth/v1/events?topics=attestation", status: 400, says: []string{"attestation is not served", "head"}},
		{path: "/eth/v1/events?topics=head", headers: []string{"Accept: application/json"}, status: 406},
	})
	check(t, end())
	if e, ok := r.next(); ok {
		t.Errorf("event %v after the end", e)
	}
}

// A checkpoint, a branch that takes over and a confirmed block are told.
func TestEventsOfFinalityAndReorgs(t *testing.T) {
	t.Parallel()
	w := newSimnet(t, params.Fulu)
	address, end := w.run(t.Context())
	defer func() { check(t, end()) }()
	w.grow(2)
	w.until("the server listens", func() bool {
		a, err := http.Get(address + "/eth/v1/node/version")
		return err == nil && a.Body.Close() == nil
	})
	r := listen(t, address, "chain_reorg,finalized_checkpoint")
	confirmed := listen(t, address, "fast_confirmation")
	w.until("the streams are joined", func() bool {
		return w.server.hub.wants("chain_reorg") && w.server.hub.wants("fast_confirmation")
	})
	// A block that nobody votes for comes in slot 3, and the votes and the next block are for the one of slot 2.
	parent := w.tip()
	w.votes = nil
	lost := w.step(parent, 3, simnet.Content{Graffiti: "lost"})
	var err error
	w.votes, err = w.net.Votes(parent, 3, simnet.Everyone)
	check(t, err)
	w.grow(34, 3)
	lostState, err := lost.State.HashTreeRoot()
	check(t, err)
	e, ok := r.next()
	var reorg map[string]any
	check(t, json.Unmarshal([]byte(e.data), &reorg))
	if !ok || e.name != "chain_reorg" || reorg["old_head_block"] != lost.Root.String() || reorg["old_head_state"] != lostState.String() || reorg["depth"] != "1" || reorg["epoch"] != "0" {
		t.Errorf("%s: %s", e.name, e.data)
	}
	s := w.chain.Snapshot()
	for last, finalized := 0, int(s.Finalized.Epoch); last < finalized; {
		e, ok := r.next()
		if ok && e.name == "chain_reorg" { // to the new branch, which may have begun with the block of slot 2
			continue
		}
		var have struct {
			Block, Epoch string
			Optimistic   bool `json:"execution_optimistic"`
		}
		check(t, json.Unmarshal([]byte(e.data), &have))
		var epoch int
		_, err := fmt.Sscan(have.Epoch, &epoch)
		check(t, err)
		if !ok || e.name != "finalized_checkpoint" || epoch <= last || have.Optimistic {
			t.Fatalf("%s after epoch %d: %s", e.name, last, e.data)
		}
		if last = epoch; epoch == finalized && have.Block != s.Finalized.Root.String() {
			t.Errorf("the finalized block is %v, want %v", have.Block, s.Finalized.Root)
		}
	}
	if e, ok := confirmed.next(); !ok || e.name != "fast_confirmation" || !strings.Contains(e.data, `"current_slot":"3"`) {
		t.Errorf("%s: %s", e.name, e.data)
	}
}

// No more streams are opened than allowed, and who leaves makes room.
func TestStreamsAreBounded(t *testing.T) {
	t.Parallel()
	w := newSimnet(t, params.Fulu, func(cfg *Config) { cfg.MaxStreams, cfg.KeepAlive = 1, time.Millisecond })
	address, end := w.run(t.Context())
	defer func() { check(t, end()) }()
	w.until("the server listens", func() bool {
		a, err := http.Get(address + "/eth/v1/node/version")
		return err == nil && a.Body.Close() == nil
	})
	first := listen(t, address, "head")
	w.get("/eth/v1/events?topics=head").wants(http.StatusServiceUnavailable).says("1 event streams")
	for range 3 { // comments keep it open
		if !first.body.Scan() {
			t.Fatal("the stream has ended")
		}
	}
	check(t, first.answer.Body.Close())
	w.until("there is room again", func() bool { return !w.server.hub.wants("head") })
}

// A server without a chain ends at once when it is told to, and lets an answer under way come to its end.
func TestTheServerEnds(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	s, err := New(Config{Spec: params.Minimal(), Listener: l})
	check(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	a, err := http.Get("http://" + l.Addr().String() + "/eth/v1/node/health")
	check(t, err)
	if check(t, a.Body.Close()); a.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("health is %d", a.StatusCode)
	}
	cancel()
	check(t, <-ended)
	if _, err := http.Get("http://" + l.Addr().String() + "/eth/v1/node/health"); err == nil {
		t.Error("the server answers after its end")
	}
}
