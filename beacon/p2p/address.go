package p2p

import (
	"fmt"
	"net/netip"
	"strconv"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/cresset/cresset/beacon/p2p/peers"
)

// multiaddr writes an address of TCP or QUIC.
func multiaddr(ip netip.Addr, transport string, port uint16) string {
	family := "/ip4/"
	if ip.Is6() {
		family = "/ip6/"
	}
	text := family + ip.String() + "/" + transport + "/" + strconv.Itoa(int(port))
	if transport == "udp" {
		text += "/quic-v1"
	}
	return text
}

// ipOf is the address of the internet in a multiaddr; the zero one where there is none, as with names.
func ipOf(a ma.Multiaddr) netip.Addr {
	ip, err := manet.ToIP(a)
	if err != nil {
		return netip.Addr{}
	}
	addr, _ := netip.AddrFromSlice(ip)
	return addr.Unmap()
}

// longestAddress bounds the addresses that are parsed.
const longestAddress = 512

// parseAddress reads a multiaddr with /p2p/ of a peer that can be dialled.
func parseAddress(text string) (peers.Contact, error) {
	if len(text) > longestAddress {
		return peers.Contact{}, fmt.Errorf("an address of %d bytes", len(text))
	}
	a, err := ma.NewMultiaddr(text)
	if err != nil {
		return peers.Contact{}, err
	}
	info, err := peer.AddrInfoFromP2pAddr(a)
	if err != nil {
		return peers.Contact{}, err
	}
	if len(info.Addrs) == 0 {
		return peers.Contact{}, fmt.Errorf("%q has no address besides the id", text)
	}
	c := peers.Contact{ID: info.ID.String()}
	for _, a := range info.Addrs {
		c.Addrs = append(c.Addrs, a.String())
		if ip := ipOf(a); ip.IsValid() {
			c.IPs = append(c.IPs, ip)
		}
	}
	return c, nil
}

// addrInfo is a contact as libp2p has it.
func addrInfo(c peers.Contact) (peer.AddrInfo, error) {
	id, err := ParsePeer(c.ID)
	if err != nil {
		return peer.AddrInfo{}, err
	}
	info := peer.AddrInfo{ID: id}
	for _, text := range c.Addrs {
		a, err := ma.NewMultiaddr(text)
		if err != nil {
			return peer.AddrInfo{}, err
		}
		info.Addrs = append(info.Addrs, a)
	}
	return info, nil
}
