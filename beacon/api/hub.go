package api

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/metrics"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/forkchoice"
)

// hub hands events to clients. A client that does not keep up loses events and is told how many; nobody waits for it.
type hub struct {
	most, queue int
	metrics     *metrics.API

	mu struct {
		sync.Mutex
		clients map[*client]bool
	}
}

// client is one event stream's queue.
type client struct {
	topics map[string]bool
	queue  chan []byte
	lost   uint64 // guarded by hub.mu
}

func newHub(most, queue int, m *metrics.API) *hub {
	h := &hub{most: most, queue: queue, metrics: m}
	h.mu.clients = map[*client]bool{}
	return h
}

// join begins to collect events; nil if there are as many clients as allowed.
func (h *hub) join(topics map[string]bool) *client {
	c := &client{topics: topics, queue: make(chan []byte, h.queue)}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.mu.clients) >= h.most {
		return nil
	}
	h.mu.clients[c] = true
	h.metrics.Streams.Set(float64(len(h.mu.clients)))
	return c
}

func (h *hub) part(c *client) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.mu.clients, c)
	h.metrics.Streams.Set(float64(len(h.mu.clients)))
}

// wants tells whether anybody wants a topic.
func (h *hub) wants(topic string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.mu.clients {
		if c.topics[topic] {
			return true
		}
	}
	return false
}

// publish gives an event to the clients that want its topic.
func (h *hub) publish(topic string, frame []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.mu.clients {
		if c.topics[topic] {
			h.putLocked(c, frame)
		}
	}
}

// dropped tells all clients that events were lost before they came here.
func (h *hub) dropped(count uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.mu.clients {
		h.putLocked(c, droppedComment(count))
	}
}

// putLocked queues an event, and in the place of those that did not fit how many they were.
func (h *hub) putLocked(c *client, frame []byte) {
	if c.lost > 0 {
		if len(c.queue)+2 > cap(c.queue) {
			c.lost++
			h.metrics.EventsDropped.Inc()
			return
		}
		c.queue <- droppedComment(c.lost)
		c.lost = 0
	}
	select {
	case c.queue <- frame:
	default:
		c.lost++
		h.metrics.EventsDropped.Inc()
	}
}

// droppedComment tells a client what it has missed. Spec: "Servers may send SSE comments beginning with ':' for any purpose".
func droppedComment(count uint64) []byte {
	return fmt.Appendf(nil, ": %d events were dropped, as they were not read in time\n\n", count)
}

// follow reads the chain's events and hands them to the hub until the context ends.
func (s *Server) follow(ctx context.Context) error {
	select {
	case <-s.ready:
	case <-ctx.Done():
		return nil
	}
	n := s.node.Load()
	sub := n.Chain.Subscribe(s.cfg.EventQueue)
	defer sub.Close()
	f := follower{s: s, n: n}
	for {
		select {
		case e := <-sub.C:
			f.take(e)
		case <-ctx.Done():
			return nil
		}
	}
}

// follower turns the chain's events into those of the specification.
type follower struct {
	s    *Server
	n    *Node
	head types.Root // of the last head event
}

// send publishes data under a topic of the table.
func (f *follower) send(name string, slot types.Slot, data any) {
	if !f.s.hub.wants(name) {
		return
	}
	t, _ := topicNamed(name)
	text, err := json.Marshal(data)
	if err != nil { // plain fields
		panic(err)
	}
	f.s.hub.publish(name, frame(t, f.s.cfg.Spec.ForkAtSlot(slot), text))
}

func (f *follower) take(e chain.Event) {
	switch e := e.(type) {
	case chain.HeadEvent:
		f.takeHead(e)
	case chain.BlockEvent:
		f.send("block", e.Slot, blockEvent{decimal(e.Slot), e.Block.String(), e.ExecutionOptimistic})
	case chain.PayloadEvent:
		f.send("execution_payload", e.Slot, payloadEvent{decimal(e.Slot), decimal(e.BuilderIndex), e.BlockHash.String(), e.Block.String(), e.ExecutionOptimistic})
		// Spec: "The node has verified that the execution payload and blobs for a block are available". A payload is imported once its data
		// is there; one that the execution client has not looked at is not verified.
		if !e.ExecutionOptimistic {
			f.send("execution_payload_available", e.Slot, map[string]string{"slot": decimal(e.Slot), "block_root": e.Block.String()})
		}
	case chain.ReorgEvent:
		f.send("chain_reorg", e.Slot, reorgEvent{
			decimal(e.Slot), decimal(e.Depth), e.OldHead.String(), e.NewHead.String(), e.OldState.String(), e.NewState.String(), decimal(e.Epoch),
			e.ExecutionOptimistic,
		})
	case chain.FinalizedEvent:
		f.send("finalized_checkpoint", 0, finalizedEvent{e.Checkpoint.Root.String(), e.State.String(), decimal(e.Checkpoint.Epoch), e.ExecutionOptimistic})
	case chain.ConfirmedEvent:
		f.send("fast_confirmation", e.CurrentSlot, map[string]string{"block": e.Block.String(), "slot": decimal(e.Slot), "current_slot": decimal(e.CurrentSlot)})
	case chain.DroppedEvent:
		f.s.hub.dropped(e.Count)
	}
}

// takeHead sends a head once for its block, and in version 2 again when its payload is there.
//
// Spec: "The node should emit a second head event for the same beacon block and slot when there is an update in the payload_status from empty to
// full."
func (f *follower) takeHead(e chain.HeadEvent) {
	previous, current := e.PreviousDutyRoot.String(), e.CurrentDutyRoot.String()
	if e.Block != f.head {
		f.head = e.Block
		f.send("head", e.Slot, headEvent{decimal(e.Slot), e.Block.String(), e.State.String(), e.EpochTransition, previous, current, e.ExecutionOptimistic})
	}
	status := e.Payload
	if f.s.cfg.Spec.ForkAtSlot(e.Slot) < params.Gloas {
		status = forkchoice.Full // the payload is in the block
	}
	f.send("head_v2", e.Slot, headEventV2{
		decimal(e.Slot), e.Block.String(), e.State.String(), status.String(), e.EpochTransition, previous, current, e.ExecutionOptimistic,
	})
}

// The data of events.
type (
	headEvent struct {
		Slot       string `json:"slot"`
		Block      string `json:"block"`
		State      string `json:"state"`
		Transition bool   `json:"epoch_transition"`
		Previous   string `json:"previous_duty_dependent_root"`
		Current    string `json:"current_duty_dependent_root"`
		Optimistic bool   `json:"execution_optimistic"`
	}
	headEventV2 struct {
		Slot       string `json:"slot"`
		Block      string `json:"block"`
		State      string `json:"state"`
		Payload    string `json:"payload_status"`
		Transition bool   `json:"epoch_transition"`
		Current    string `json:"current_epoch_dependent_root"`
		Next       string `json:"next_epoch_dependent_root"`
		Optimistic bool   `json:"execution_optimistic"`
	}
	blockEvent struct {
		Slot       string `json:"slot"`
		Block      string `json:"block"`
		Optimistic bool   `json:"execution_optimistic"`
	}
	payloadEvent struct {
		Slot       string `json:"slot"`
		Builder    string `json:"builder_index"`
		BlockHash  string `json:"block_hash"`
		BlockRoot  string `json:"block_root"`
		Optimistic bool   `json:"execution_optimistic"`
	}
	reorgEvent struct {
		Slot       string `json:"slot"`
		Depth      string `json:"depth"`
		OldHead    string `json:"old_head_block"`
		NewHead    string `json:"new_head_block"`
		OldState   string `json:"old_head_state"`
		NewState   string `json:"new_head_state"`
		Epoch      string `json:"epoch"`
		Optimistic bool   `json:"execution_optimistic"`
	}
	finalizedEvent struct {
		Block      string `json:"block"`
		State      string `json:"state"`
		Epoch      string `json:"epoch"`
		Optimistic bool   `json:"execution_optimistic"`
	}
)
