package p2p

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"

	"github.com/cresset/cresset/beacon/p2p/peers"
	"github.com/cresset/cresset/beacon/params"
)

const (
	dialTimeout    = 15 * time.Second
	goodbyeTimeout = 2 * time.Second
)

// act does what the peer manager asks for.
func (h *Host) act(ctx context.Context) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		h.mu.Lock()
		now := h.cfg.Now()
		actions := append(h.mu.actions, h.mu.peers.Tick(now)...)
		h.mu.actions = nil
		hungry := h.mu.peers.Hungry()
		h.mu.Unlock()
		if hungry {
			nudge(h.hungry)
		}
		for _, a := range actions {
			switch a := a.(type) {
			case peers.Dial:
				h.work.Go(func() { h.dial(ctx, a) })
			case peers.Leave:
				h.work.Go(func() { h.leave(a) })
			}
		}
		h.measure(now)
		select {
		case <-ticker.C:
		case <-h.wake:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (h *Host) dial(ctx context.Context, d peers.Dial) {
	info, err := addrInfo(d.Contact)
	if err == nil {
		if s, ok := h.host.Network().(*swarm.Swarm); ok {
			s.Backoff().Clear(info.ID) // when to dial again is the peer manager's
		}
		ctx, cancel := context.WithTimeout(network.WithForceDirectDial(ctx, "dial"), dialTimeout)
		defer cancel()
		err = h.host.Connect(ctx, info)
	}
	outcome := "connected"
	if err != nil {
		outcome = "failed"
		h.cfg.Log.Debug("dial failed", "peer", d.ID, "error", err)
	}
	h.cfg.Metrics.Dials.WithLabelValues(outcome).Inc()
	h.change(func() []peers.Action {
		// A dial that ended with a connection was ended by Connected; this is for all others, and for a connection that is older.
		h.mu.peers.DialFailed(h.cfg.Now(), d.ID)
		return nil
	})
}

// leave says goodbye to a peer and disconnects it.
func (h *Host) leave(l peers.Leave) {
	id, err := ParsePeer(l.ID)
	if err != nil {
		return // its name came from libp2p, whose ids are all readable
	}
	h.cfg.Metrics.Goodbyes.WithLabelValues(strconv.FormatUint(l.Reason, 10)).Inc()
	h.cfg.Log.Debug("leaving a peer", "peer", l.ID, "reason", l.Reason, "why", l.Why)
	if h.cfg.Goodbye != nil {
		ctx, cancel := context.WithTimeout(context.Background(), goodbyeTimeout)
		h.cfg.Goodbye(ctx, l.ID, l.Reason)
		cancel()
	}
	if err := h.host.Network().ClosePeer(id); err != nil {
		h.cfg.Log.Debug("connections of a peer ended with an error", "peer", l.ID, "error", err)
	}
}

// sayGoodbye leaves all peers as the node ends.
func (h *Host) sayGoodbye() {
	var all sync.WaitGroup
	for _, id := range h.host.Network().Peers() {
		all.Go(func() { h.leave(peers.Leave{ID: id.String(), Reason: peers.GoodbyeShutDown, Why: "the node ends"}) })
	}
	all.Wait()
}

// inform tells the handler who came and who is gone.
func (h *Host) inform(ctx context.Context) error {
	for {
		h.mu.Lock()
		list := h.mu.news
		h.mu.news = nil
		h.mu.Unlock()
		for _, n := range list {
			switch {
			case h.cfg.Handler == nil:
			case n.up:
				h.cfg.Handler.Connected(n.peer, n.outbound)
			default:
				h.cfg.Handler.Disconnected(n.peer)
			}
		}
		select {
		case <-h.tell:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// SetMeta is told what a peer says of itself in its metadata. The columns follow from its custody group count, which is clamped.
func (h *Host) SetMeta(name string, custodyGroupCount uint64, attnets, syncnets []byte) {
	offers := peers.Offers{Columns: nil}
	if id, err := NodeID(name); err == nil {
		offers.Columns = custodyColumns(h.cfg.Spec, id, custodyGroupCount)
	}
	offers.Attnets = padded(attnets, h.cfg.Spec.AttestationSubnetCount)
	offers.Syncnets = padded(syncnets, params.SyncCommitteeSubnetCount)
	h.change(func() []peers.Action {
		h.mu.peers.SetOffers(h.cfg.Now(), name, offers)
		return nil
	})
}

// SetNeeds says how many peers there are to be for each subnet and column. It replaces what was said before.
func (h *Host) SetNeeds(needs map[peers.Need]int) {
	h.change(func() []peers.Action {
		h.mu.peers.SetNeeds(needs)
		return nil
	})
}

// Report says what a peer did wrong, and of which class that is. It does not wait.
func (h *Host) Report(name string, o peers.Offence, reason string) {
	h.cfg.Metrics.Offences.WithLabelValues(o.String()).Inc()
	h.cfg.Log.Debug("a peer did wrong", "peer", name, "class", o, "reason", reason)
	h.change(func() []peers.Action { return h.mu.peers.Penalise(h.cfg.Now(), name, o) })
}

// Disconnect leaves a peer with a goodbye. It does not wait.
func (h *Host) Disconnect(name string, reason uint64, why string) {
	h.change(func() []peers.Action { return h.mu.peers.Disconnect(h.cfg.Now(), name, reason, why) })
}

// HeardGoodbye is told that a peer said goodbye, and why: it is not dialled for a while. The peer closes the connection itself.
func (h *Host) HeardGoodbye(name string, reason uint64) {
	h.change(func() []peers.Action {
		h.mu.peers.HeardGoodbye(h.cfg.Now(), name, reason)
		return nil
	})
}

// SetGossipScores is told what gossip thinks of peers, which decides whom to leave first.
func (h *Host) SetGossipScores(scores map[string]float64) {
	h.change(func() []peers.Action {
		for name, s := range scores {
			h.mu.peers.SetGossipScore(name, s)
		}
		return nil
	})
}
