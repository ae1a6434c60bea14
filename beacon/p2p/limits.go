package p2p

import (
	"net/netip"

	"github.com/libp2p/go-libp2p/core/network"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
)

// What each peer is given, and what all together are, for the resource manager.
const (
	connsPerPeer   = 4         // simultaneous dials from both sides over two transports
	streamsPerPeer = 64        // some 30 protocols with two requests each
	memoryPerPeer  = 16 << 20  // of yamux and QUIC windows
	memoryAtLeast  = 256 << 20 // of all
)

// resourceManager bounds what connections and streams take: by the largest number of peers, and for one address.
func resourceManager(most, perAddress int, exempt bool) (network.ResourceManager, error) {
	handshakes := max(16, most/2) // connections that are not yet a peer's
	total := most*2 + handshakes
	system := rcmgr.ResourceLimits{
		Conns: rcmgr.LimitVal(total), ConnsInbound: rcmgr.LimitVal(total), ConnsOutbound: rcmgr.LimitVal(total),
		Streams: rcmgr.LimitVal(most * streamsPerPeer), StreamsInbound: rcmgr.LimitVal(most * streamsPerPeer), StreamsOutbound: rcmgr.LimitVal(most * streamsPerPeer),
		FD: rcmgr.LimitVal(total), Memory: rcmgr.LimitVal64(max(memoryAtLeast, most*memoryPerPeer/4)),
	}
	transient := rcmgr.ResourceLimits{
		Conns: rcmgr.LimitVal(2 * handshakes), ConnsInbound: rcmgr.LimitVal(handshakes), ConnsOutbound: rcmgr.LimitVal(handshakes),
		Streams: rcmgr.LimitVal(most * 8), StreamsInbound: rcmgr.LimitVal(most * 4), StreamsOutbound: rcmgr.LimitVal(most * 4),
		FD: rcmgr.LimitVal(2 * handshakes), Memory: rcmgr.LimitVal64(64 << 20),
	}
	peer := rcmgr.ResourceLimits{
		Conns: connsPerPeer, ConnsInbound: connsPerPeer, ConnsOutbound: connsPerPeer,
		Streams: streamsPerPeer, StreamsInbound: streamsPerPeer, StreamsOutbound: streamsPerPeer,
		FD: connsPerPeer, Memory: memoryPerPeer,
	}
	limits := rcmgr.PartialLimitConfig{
		System: system, Transient: transient, PeerDefault: peer,
		// Protocols and services of a kind are bounded by their peers; a bound of their own would let some peers starve others.
		ProtocolDefault: rcmgr.ResourceLimits{Streams: rcmgr.Unlimited, StreamsInbound: rcmgr.Unlimited, StreamsOutbound: rcmgr.Unlimited, Memory: rcmgr.Unlimited64},
		ServiceDefault:  rcmgr.ResourceLimits{Streams: rcmgr.Unlimited, StreamsInbound: rcmgr.Unlimited, StreamsOutbound: rcmgr.Unlimited, Memory: rcmgr.Unlimited64},
		ServicePeerDefault: rcmgr.ResourceLimits{
			Streams: streamsPerPeer, StreamsInbound: streamsPerPeer, StreamsOutbound: streamsPerPeer, Memory: memoryPerPeer,
		},
		ProtocolPeerDefault: rcmgr.ResourceLimits{
			Streams: streamsPerPeer, StreamsInbound: streamsPerPeer, StreamsOutbound: streamsPerPeer, Memory: memoryPerPeer,
		},
	}
	// Connections of one address, peers or not: some of them may be handshakes that fail.
	each := 2 * perAddress
	four, six := []rcmgr.NetworkPrefixLimit{}, []rcmgr.NetworkPrefixLimit{} // not nil, which stands for the library's own
	if exempt {
		for _, p := range []string{"127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"} {
			four = append(four, rcmgr.NetworkPrefixLimit{Network: netip.MustParsePrefix(p), ConnCount: total})
		}
		for _, p := range []string{"::1/128", "fc00::/7", "fe80::/10"} {
			six = append(six, rcmgr.NetworkPrefixLimit{Network: netip.MustParsePrefix(p), ConnCount: total})
		}
	}
	return rcmgr.NewResourceManager(rcmgr.NewFixedLimiter(limits.Build(rcmgr.DefaultLimits.AutoScale())),
		rcmgr.WithMetricsDisabled(),
		rcmgr.WithNetworkPrefixLimit(four, six),
		rcmgr.WithLimitPerSubnet([]rcmgr.ConnLimitPerSubnet{{PrefixLength: 32, ConnCount: each}}, []rcmgr.ConnLimitPerSubnet{{PrefixLength: 64, ConnCount: each}}))
}
