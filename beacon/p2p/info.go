package p2p

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/cresset/cresset/beacon/p2p/peers"
)

// Identity is who we are on the network. Source: Beacon API, getNetworkIdentity; the metadata comes from who keeps it.
type Identity struct {
	PeerID             string
	ENR                string
	P2PAddresses       []string
	DiscoveryAddresses []string
}

// Identity tells who we are.
func (h *Host) Identity() Identity {
	i := Identity{PeerID: h.id, ENR: h.ENR()}
	for _, a := range h.host.Addrs() {
		i.P2PAddresses = append(i.P2PAddresses, a.String()+"/p2p/"+h.id)
	}
	i.DiscoveryAddresses = h.disc.addresses()
	return i
}

// ENR is our node record in its textual form.
func (h *Host) ENR() string { return h.disc.record.Node().String() }

// NodeID is our discovery node id, from which our subnets and custody follow.
func (h *Host) NodeID() [32]byte { return h.node }

// longestAgent bounds what is shown of a peer's name for its program.
const longestAgent = 256

// PeerInfo is what is known of a peer. Source: Beacon API, getPeers.
type PeerInfo struct {
	peers.Info
	State string // disconnected, connecting, connected or disconnecting
	Agent string // as identify tells, empty where it is not known
}

func (h *Host) peerInfo(i peers.Info) PeerInfo {
	p := PeerInfo{Info: i, State: "disconnected"}
	switch {
	case i.Leaving:
		p.State = "disconnecting"
	case i.Connected:
		p.State = "connected"
	case i.Dialling:
		p.State = "connecting"
	}
	if id, err := ParsePeer(i.ID); err == nil {
		if agent, err := h.host.Peerstore().Get(id, "AgentVersion"); err == nil {
			if text, ok := agent.(string); ok {
				p.Agent = strings.ToValidUTF8(text[:min(len(text), longestAgent)], "")
			}
		}
	}
	return p
}

// Peers lists all peers that are known, by id.
func (h *Host) Peers() []PeerInfo {
	h.mu.Lock()
	list := h.mu.peers.Peers(h.cfg.Now())
	h.mu.Unlock()
	out := make([]PeerInfo, len(list))
	for i, p := range list {
		out[i] = h.peerInfo(p)
	}
	return out
}

// Counts counts peers by their state.
func (h *Host) Counts() peers.Counts {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.mu.peers.Counts(h.cfg.Now())
}

// Columns is the columns that a peer has to keep, ascending, by its custody group count, which is clamped.
//
// Spec: get_custody_groups, compute_columns_for_custody_group (fulu).
func (h *Host) Columns(name string, custodyGroupCount uint64) ([]uint64, error) {
	id, err := NodeID(name)
	if err != nil {
		return nil, err
	}
	bits := custodyColumns(h.cfg.Spec, id, custodyGroupCount)
	var out []uint64
	for c := range h.cfg.Spec.NumberOfColumns {
		if bits.Has(c) {
			out = append(out, c)
		}
	}
	return out, nil
}

// portsText names the ports that have to be open.
func (h *Host) portsText() string {
	four := false
	for _, ip := range h.cfg.Listen {
		four = four || ip.Is4()
	}
	text := fmt.Sprintf("TCP port %d and UDP port %d", h.port(four, false), h.port(four, true))
	if h.disc.port != 0 {
		text = fmt.Sprintf("TCP port %d and UDP ports %d and %d", h.port(four, false), h.port(four, true), h.disc.port)
	}
	return text
}

// warnInterval is how often it is said that nobody dials us.
const warnInterval = time.Hour

// measure brings the metrics up to date.
func (h *Host) measure(now time.Time) {
	ports := h.portsText()
	h.mu.Lock()
	counts, unmet := h.mu.peers.Counts(now), h.mu.peers.Unmet()
	reach := h.mu.peers.Reachability(now, ports)
	warn := reach.Known && !reach.Reachable && now.Sub(h.mu.warned) >= warnInterval
	if warn {
		h.mu.warned = now
	}
	h.mu.Unlock()
	if warn {
		h.cfg.Log.Warn(reach.Text)
	}
	m := h.cfg.Metrics
	m.Peers.Set(float64(counts.Connected))
	m.Directions.WithLabelValues("inbound").Set(float64(counts.Inbound))
	m.Directions.WithLabelValues("outbound").Set(float64(counts.Outbound))
	m.Known.Set(float64(counts.Known))
	m.Banned.Set(float64(counts.Banned))
	m.Reachable.Set(0)
	if reach.Reachable {
		m.Reachable.Set(1)
	}
	missing := map[peers.Kind]int{}
	for n := range unmet {
		missing[n.Kind]++
	}
	for _, k := range peers.Kinds() {
		m.Unmet.WithLabelValues(k.String()).Set(float64(missing[k]))
	}
}

// discoveryAddress is an address of discovery as a multiaddr.
func discoveryAddress(ip netip.Addr, port uint16, id string) string {
	family := "ip4"
	if ip.Is6() {
		family = "ip6"
	}
	return fmt.Sprintf("/%s/%v/udp/%d/p2p/%s", family, ip, port, id)
}
