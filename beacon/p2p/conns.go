package p2p

import (
	"errors"
	"net/netip"

	"github.com/libp2p/go-libp2p/core/control"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/cresset/cresset/beacon/p2p/peers"
)

// gater is what libp2p asks before a connection goes on.
type gater Host

func (g *gater) admit(reason string, decide func(*peers.Manager) error) bool {
	g.mu.Lock()
	err := decide(g.mu.peers)
	g.mu.Unlock()
	if err == nil {
		return true
	}
	label := "limit"
	if errors.Is(err, peers.ErrBanned) {
		label = "banned"
	}
	g.cfg.Metrics.Refused.WithLabelValues(label).Inc()
	g.cfg.Log.Debug("connection refused", "when", reason, "reason", err)
	return false
}

// InterceptPeerDial asks before a peer is dialled.
func (g *gater) InterceptPeerDial(id peer.ID) bool {
	return g.admit("dial", func(m *peers.Manager) error {
		return m.AdmitPeer(g.cfg.Now(), id.String(), peers.Outbound, netip.Addr{})
	})
}

// InterceptAddrDial asks before an address is dialled.
func (g *gater) InterceptAddrDial(id peer.ID, a ma.Multiaddr) bool {
	return g.admit("dial", func(m *peers.Manager) error {
		return m.AdmitPeer(g.cfg.Now(), id.String(), peers.Outbound, ipOf(a))
	})
}

// InterceptAccept asks when somebody connects, before anything is known but the address.
func (g *gater) InterceptAccept(c network.ConnMultiaddrs) bool {
	return g.admit("accept", func(m *peers.Manager) error { return m.AdmitAddress(ipOf(c.RemoteMultiaddr())) })
}

// InterceptSecured asks when the peer's name is known.
func (g *gater) InterceptSecured(d network.Direction, id peer.ID, c network.ConnMultiaddrs) bool {
	return g.admit("secured", func(m *peers.Manager) error {
		return m.AdmitPeer(g.cfg.Now(), id.String(), direction(d), ipOf(c.RemoteMultiaddr()))
	})
}

// InterceptUpgraded has nothing to add.
func (g *gater) InterceptUpgraded(network.Conn) (bool, control.DisconnectReason) { return true, 0 }

func direction(d network.Direction) peers.Direction {
	if d == network.DirInbound {
		return peers.Inbound
	}
	return peers.Outbound
}

// notifiee is what libp2p tells of connections.
type notifiee Host

// Listen is of no interest.
func (n *notifiee) Listen(network.Network, ma.Multiaddr) {}

// ListenClose is of no interest.
func (n *notifiee) ListenClose(network.Network, ma.Multiaddr) {}

// Connected counts a connection; the first is a peer that came.
func (n *notifiee) Connected(_ network.Network, c network.Conn) {
	h, id, d := (*Host)(n), c.RemotePeer(), direction(c.Stat().Direction)
	h.change(func() []peers.Action {
		h.mu.conns[id]++
		if h.mu.conns[id] > 1 {
			return nil
		}
		name, a := id.String(), c.RemoteMultiaddr()
		actions := h.mu.peers.Connected(h.cfg.Now(), name, d, ipOf(a), a.String())
		if len(actions) == 0 {
			h.mu.announced[name] = true
			h.mu.news = append(h.mu.news, news{peer: name, up: true, outbound: d == peers.Outbound})
		}
		return actions
	})
}

// Disconnected counts a connection that ended; after the last the peer is gone.
func (n *notifiee) Disconnected(_ network.Network, c network.Conn) {
	h, id := (*Host)(n), c.RemotePeer()
	h.change(func() []peers.Action {
		if h.mu.conns[id]--; h.mu.conns[id] > 0 {
			return nil
		}
		delete(h.mu.conns, id)
		name := id.String()
		h.mu.peers.Disconnected(h.cfg.Now(), name)
		if h.mu.announced[name] {
			delete(h.mu.announced, name)
			h.hearOfLossLocked(name)
		}
		return nil
	})
}

// news is that a peer came or is gone.
type news struct {
	peer         string
	up, outbound bool
}

// hearOfLossLocked adds that a peer is gone. One that came and went before anybody heard of it was never there, so that the news are never
// more than twice the peers, however slow the handler is.
func (h *Host) hearOfLossLocked(name string) {
	for i := len(h.mu.news) - 1; i >= 0; i-- {
		if n := h.mu.news[i]; n.peer == name && n.up {
			h.mu.news = append(h.mu.news[:i], h.mu.news[i+1:]...)
			return
		}
	}
	h.mu.news = append(h.mu.news, news{peer: name})
}

// change does something to the table of peers, and sees to what follows.
func (h *Host) change(f func() []peers.Action) {
	h.mu.Lock()
	h.mu.actions = append(h.mu.actions, f()...)
	told := len(h.mu.news) > 0
	h.mu.Unlock()
	nudge(h.wake)
	if told {
		nudge(h.tell)
	}
}
