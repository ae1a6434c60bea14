package router

import (
	"fmt"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/cresset/cresset/beacon/p2p/peers"
	"github.com/cresset/cresset/gossip"
)

// mostIDs is how many message ids a peer may tell of or ask for in a frame, and in a heartbeat.
const mostIDs = 5000

// limit is how much of something a peer may send in one frame. The frame's size is limited by gossipsub itself.
type limit struct {
	what  string
	most  int
	count func(*pubsub.RPC) int
}

// limits is the table of limits. It is never written to. No honest client comes near: graft and prune have one entry a topic, ids are
// told in portions of at most mostIDs.
var limits = []limit{
	{"messages", mostIDs, func(r *pubsub.RPC) int { return len(r.GetPublish()) }},
	{"grafts", mostSubscriptions, func(r *pubsub.RPC) int { return len(r.GetControl().GetGraft()) }},
	{"prunes", mostSubscriptions, func(r *pubsub.RPC) int { return len(r.GetControl().GetPrune()) }},
	{"ihave entries", mostSubscriptions, func(r *pubsub.RPC) int { return len(r.GetControl().GetIhave()) }},
	{"iwant entries", mostSubscriptions, func(r *pubsub.RPC) int { return len(r.GetControl().GetIwant()) }},
	{"idontwant entries", mostSubscriptions, func(r *pubsub.RPC) int { return len(r.GetControl().GetIdontwant()) }},
	{"ihave ids", 4 * mostIDs, func(r *pubsub.RPC) int {
		return countIDs(r.GetControl().GetIhave())
	}},
	{"iwant ids", mostIDs, func(r *pubsub.RPC) int {
		return countIDs(r.GetControl().GetIwant())
	}},
	{"idontwant ids", mostIDs, func(r *pubsub.RPC) int {
		return countIDs(r.GetControl().GetIdontwant())
	}},
}

func countIDs[E interface{ GetMessageIDs() []string }](entries []E) (n int) {
	for _, e := range entries {
		n += len(e.GetMessageIDs())
	}
	return n
}

// odd tells whether an id is of another length than all message ids have.
func odd[E interface{ GetMessageIDs() []string }](entries []E) bool {
	for _, e := range entries {
		for _, id := range e.GetMessageIDs() {
			if len(id) != gossip.MessageIDSize {
				return true
			}
		}
	}
	return false
}

// inspect refuses frames with too much of something. Gossipsub's loop calls it.
func (r *Router) inspect(from peer.ID, rpc *pubsub.RPC) error {
	for _, l := range limits {
		if n := l.count(rpc); n > l.most {
			r.refuse(from.String(), l.what)
			return fmt.Errorf("%d %s in a frame, at most %d", n, l.what, l.most)
		}
	}
	control := rpc.GetControl()
	// Spec: "Where relevant, clients MUST reject messages with message-id sizes other than 20 bytes" (phase0)
	if odd(control.GetIhave()) || odd(control.GetIwant()) || odd(control.GetIdontwant()) {
		r.refuse(from.String(), "id length")
		return fmt.Errorf("a message id that does not have %d bytes", gossip.MessageIDSize)
	}
	return nil
}

func (r *Router) refuse(from, what string) {
	r.metrics.Refused.WithLabelValues(what).Inc()
	r.cfg.Peers.Report(from, peers.Useless, "gossip frame: "+what)
}
