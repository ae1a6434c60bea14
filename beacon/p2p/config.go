package p2p

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"time"

	"github.com/cresset/cresset/beacon/metrics"
	"github.com/cresset/cresset/beacon/p2p/peers"
	"github.com/cresset/cresset/beacon/params"
)

// Handler hears of peers as they come and go. For a peer its methods are called in turn, Connected first. They are called one after the
// other and must not wait.
type Handler interface {
	// Connected is told that a peer is connected and that streams can be opened. Outbound says that we dialled it.
	Connected(peer string, outbound bool)
	// Disconnected is told that it is gone.
	Disconnected(peer string)
}

// Config is what a Host is made of. Zero values stand for defaults where one is named.
type Config struct {
	Spec *params.Spec
	// Dir is where the key, the file of peers and discovery's database are.
	Dir string
	// Agent is what identify tells of this program. Default "cresset".
	Agent string

	// Listen are the addresses to listen on, at most one of each family. Default 0.0.0.0.
	Listen []netip.Addr
	// Ports are the same for both families. Default 9000, 9001 and 9000.
	Ports Ports
	// Announce are the addresses under which others reach us, at most one of each family. Where none is given, what peers of discovery say
	// is believed.
	Announce []netip.Addr
	// UPnP asks the router to forward the ports.
	UPnP bool

	// Peers are numbers and limits.
	Peers peers.Config
	// Static are peers to be connected always: multiaddrs with /p2p/, or ENRs.
	Static []string
	// Boot are the nodes to begin discovery with: ENRs, enode URLs, or multiaddrs of UDP with /p2p/.
	Boot []string
	// NoDiscovery leaves discv5 out.
	NoDiscovery bool
	// Local is what the node record says at first.
	Local Local
	// SubscribedSubnets gives the attestation subnets that follow from a node id, so that nodes of a subnet can be looked for where they
	// are. May be nil.
	SubscribedSubnets func(nodeID [32]byte) []uint64

	// Handler may be nil.
	Handler Handler
	// Goodbye sends a peer a goodbye, which is what happens before it is disconnected. May be nil.
	Goodbye func(ctx context.Context, peer string, reason uint64)

	Log     *slog.Logger
	Metrics *metrics.P2P
	// Now is the time. Default time.Now.
	Now func() time.Time
}

// Ports are the ports to listen on. Loose takes any that are free, for tests; a port that is not 0 is taken as it is then, too.
type Ports struct {
	TCP, QUIC, Discovery uint16
	Loose                bool
}

const (
	defaultAgent = "cresset"
	defaultPort  = 9000
	defaultQUIC  = 9001
)

func (c *Config) fill() error {
	switch {
	case c.Spec == nil:
		return errors.New("p2p: no spec is given")
	case c.Dir == "":
		return errors.New("p2p: no directory is given")
	}
	if c.Agent == "" {
		c.Agent = defaultAgent
	}
	if len(c.Listen) == 0 {
		c.Listen = []netip.Addr{netip.IPv4Unspecified()}
	}
	if err := onePerFamily("listen", c.Listen); err != nil {
		return err
	}
	if err := onePerFamily("announce", c.Announce); err != nil {
		return err
	}
	if !c.Ports.Loose {
		for _, p := range []struct {
			port *uint16
			by   uint16
		}{{&c.Ports.TCP, defaultPort}, {&c.Ports.QUIC, defaultQUIC}, {&c.Ports.Discovery, defaultPort}} {
			if *p.port == 0 {
				*p.port = p.by
			}
		}
	}
	if p := c.Ports; p.QUIC == p.Discovery && p.QUIC != 0 && !c.NoDiscovery {
		return fmt.Errorf("p2p: QUIC and discovery cannot share UDP port %d", p.QUIC)
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Metrics == nil {
		c.Metrics = metrics.NewP2P(metrics.New())
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	for _, name := range c.Peers.Trusted {
		if _, err := ParsePeer(name); err != nil {
			return fmt.Errorf("trusted peer: %w", err)
		}
	}
	c.Peers = c.Peers.WithDefaults()
	return c.Local.check(c.Spec)
}

func onePerFamily(what string, addrs []netip.Addr) error {
	var four, six int
	for _, a := range addrs {
		switch {
		case !a.IsValid() || a.Is4In6() || a.Zone() != "":
			return fmt.Errorf("p2p: %v is not an address to %s on", a, what)
		case a.Is4():
			four++
		default:
			six++
		}
	}
	if four > 1 || six > 1 {
		return fmt.Errorf("p2p: one address to %s of each family is possible, %v are given", what, addrs)
	}
	return nil
}

// The files in Config.Dir.
const (
	keyFile      = "network.key"
	bookFile     = "peers.json"
	discoveryDir = "discovery"
)

func (c *Config) path(name string) string { return filepath.Join(c.Dir, name) }
