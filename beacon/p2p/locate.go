package p2p

import (
	"context"
	"fmt"
	"strings"

	"github.com/libp2p/go-libp2p/core/event"

	"github.com/cresset/cresset/beacon/p2p/peers"
)

// locate listens to where peers that came to us say that they listen, until the context ends: without discovery they could not be dialled after a
// restart, or once they are gone.
func (h *Host) locate(ctx context.Context, identified event.Subscription) error {
	for {
		select {
		case e, open := <-identified.Out():
			if !open {
				return ctx.Err()
			}
			c := located(e.(event.EvtPeerIdentificationCompleted))
			h.mu.Lock()
			h.mu.peers.Located(c)
			h.mu.Unlock()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// located is where a peer that came to us can be dialled, as it told by identify: its addresses at the place that it came from, for nobody is to be
// dialled because a stranger says so.
func located(e event.EvtPeerIdentificationCompleted) peers.Contact {
	c := peers.Contact{ID: e.Peer.String()}
	from := ipOf(e.Conn.RemoteMultiaddr())
	for _, a := range e.ListenAddrs {
		ip, text := ipOf(a), a.String()
		if len(c.Addrs) < mostAddrs && ip.IsValid() && ip == from && len(text) <= longestAddress && !strings.Contains(text, "/p2p-circuit") {
			c.Addrs, c.IPs = append(c.Addrs, text), append(c.IPs, ip)
		}
	}
	return c
}

// identifications is what libp2p's identify tells of peers.
func (h *Host) identifications() (event.Subscription, error) {
	s, err := h.host.EventBus().Subscribe(new(event.EvtPeerIdentificationCompleted))
	if err != nil {
		return nil, fmt.Errorf("listen to identify: %w", err)
	}
	return s, nil
}
