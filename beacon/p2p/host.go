package p2p

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/connmgr"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	quic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	ma "github.com/multiformats/go-multiaddr"
	"golang.org/x/sync/errgroup"

	"github.com/cresset/cresset/beacon/p2p/peers"
)

// Host is the node on the network.
type Host struct {
	// static
	cfg  Config
	host host.Host
	id   string // our own name
	key  crypto.PrivKey
	node [32]byte // our node id
	disc *discovery

	mu struct {
		sync.Mutex
		peers     *peers.Manager
		conns     map[peer.ID]int
		actions   []peers.Action
		news      []news // for the handler
		announced map[string]bool
		local     Local
		warned    time.Time // that nobody dials us
	}

	// inbox
	wake   chan struct{} // there are actions, or the table changed
	tell   chan struct{} // there is news
	hungry chan struct{} // more peers are to be looked for

	listened struct {
		sync.Once
		err error
	}

	// shutdown
	work   sync.WaitGroup // dials and goodbyes
	closed sync.Once
	err    error // of closing
}

// New makes a host. It listens on nothing and dials nobody before Listen and Run; Close ends what it has begun.
func New(cfg Config) (*Host, error) {
	if err := cfg.fill(); err != nil {
		return nil, err
	}
	key, err := LoadIdentity(cfg.path(keyFile))
	if err != nil {
		return nil, err
	}
	id, err := peer.IDFromPrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrIdentity, err)
	}
	h := &Host{
		cfg: cfg, id: id.String(), key: key,
		wake: make(chan struct{}, 1), tell: make(chan struct{}, 1), hungry: make(chan struct{}, 1),
	}
	if h.node, err = NodeID(h.id); err != nil {
		return nil, err
	}
	cfg.Peers.Salt = h.id
	h.mu.peers, h.mu.conns, h.mu.announced = peers.New(cfg.Peers, cfg.Now()), map[peer.ID]int{}, map[string]bool{}
	h.mu.local = cfg.Local
	if err := h.addStatic(); err != nil {
		return nil, err
	}
	if err := h.build(); err != nil {
		return nil, err
	}
	if h.disc, err = newDiscovery(h); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	h.loadBook()
	return h, nil
}

// build makes the libp2p host.
//
// Spec: "Transport", "Encryption and identification", "Multiplexing" (phase0). Of the multiplexers yamux alone is offered: mplex has no
// flow control, and the library and all clients have left it.
func (h *Host) build() error {
	limits, err := resourceManager(h.cfg.Peers.Most(), h.cfg.Peers.PerAddress, h.cfg.Peers.ExemptLocal)
	if err != nil {
		return fmt.Errorf("make the resource manager: %w", err)
	}
	h.host, err = libp2p.New(
		libp2p.Identity(h.key),
		libp2p.NoListenAddrs,
		libp2p.Transport(quic.NewTransport),
		// Without port reuse a port that another program has is an error, and not shared with it.
		libp2p.Transport(tcp.NewTCPTransport, tcp.DisableReuseport()),
		libp2p.Security(noise.ID, noise.New),
		libp2p.Muxer(yamux.ID, yamux.DefaultTransport),
		libp2p.UserAgent(h.cfg.Agent),
		libp2p.ResourceManager(limits),
		libp2p.ConnectionGater((*gater)(h)),
		libp2p.ConnectionManager(connmgr.NullConnMgr{}), // peers.Manager is ours
		libp2p.AddrsFactory(h.announceAddrs),
		libp2p.Ping(true),
		libp2p.DisableRelay(),
		libp2p.DisableMetrics(),
	)
	if err != nil {
		return errors.Join(fmt.Errorf("make the libp2p host: %w", err), limits.Close())
	}
	h.host.Network().Notify((*notifiee)(h))
	return nil
}

func (h *Host) addStatic() error {
	for _, text := range h.cfg.Static {
		c, err := h.parseContact(text)
		if err != nil {
			return fmt.Errorf("static peer %q: %w", text, err)
		}
		if c.ID != h.id {
			h.mu.peers.AddStatic(c)
		}
	}
	return nil
}

// Listen opens the ports. An error names the address that could not be had.
func (h *Host) Listen() error {
	h.listened.Do(func() { h.listened.err = h.listen() })
	return h.listened.err
}

func (h *Host) listen() error {
	for _, ip := range h.cfg.Listen {
		for _, text := range []string{multiaddr(ip, "udp", h.cfg.Ports.QUIC), multiaddr(ip, "tcp", h.cfg.Ports.TCP)} {
			a, err := ma.NewMultiaddr(text)
			if err != nil {
				return fmt.Errorf("listen on %s: %w", text, err)
			}
			if err := h.host.Network().Listen(a); err != nil {
				return fmt.Errorf("listen on %s: %w", text, err)
			}
		}
	}
	if err := h.disc.listen(); err != nil {
		return err
	}
	h.cfg.Log.Info("listening", "peer", h.id, "addresses", h.host.Network().ListenAddresses(), "record", h.ENR())
	return nil
}

// port is a port that libp2p listens on, 0 if it does not.
func (h *Host) port(four, quic bool) uint16 {
	protocol := ma.P_TCP
	if quic {
		protocol = ma.P_UDP
	}
	return portIn(h.host.Network().ListenAddresses(), four, protocol)
}

// portIn is the first port of a family and a protocol in a list of addresses, 0 if there is none.
func portIn(list []ma.Multiaddr, four bool, protocol int) uint16 {
	for _, a := range list {
		ip := ipOf(a)
		text, err := a.ValueForProtocol(protocol)
		if !ip.IsValid() || ip.Is4() != four || err != nil {
			continue
		}
		if port, err := strconv.ParseUint(text, 10, 16); err == nil {
			return uint16(port)
		}
	}
	return 0
}

// announceAddrs adds the addresses that the operator gave to those that libp2p tells others, with the ports of the latter.
func (h *Host) announceAddrs(found []ma.Multiaddr) []ma.Multiaddr {
	out := slices.Clone(found)
	for _, ip := range h.cfg.Announce {
		for _, transport := range []struct {
			name     string
			protocol int
		}{{"udp", ma.P_UDP}, {"tcp", ma.P_TCP}} {
			port := portIn(found, ip.Is4(), transport.protocol)
			if a, err := ma.NewMultiaddr(multiaddr(ip, transport.name, port)); err == nil && port != 0 {
				out = append(out, a)
			}
		}
	}
	return out
}

// Libp2p is the host of the library, for gossip. Nobody but this package dials with it or closes it.
func (h *Host) Libp2p() host.Host { return h.host }

// ID is our own name.
func (h *Host) ID() string { return h.id }

// interval is how often the peer manager is asked.
const interval = time.Second

// Run dials, finds and leaves peers until the context ends; then it says goodbye, and closes. It listens if Listen was not called. Of peers
// that go because the context ended the handler is not told.
func (h *Host) Run(ctx context.Context) error {
	identified, err := h.identifications()
	if err != nil {
		return errors.Join(err, h.Close())
	}
	defer identified.Close()
	if err := h.Listen(); err != nil {
		return errors.Join(err, h.Close())
	}
	g, inner := errgroup.WithContext(ctx)
	g.Go(func() error { return h.act(inner) })
	g.Go(func() error { return h.inform(inner) })
	g.Go(func() error { return h.keepBook(inner) })
	g.Go(func() error { return h.locate(inner, identified) })
	g.Go(func() error { return h.disc.run(inner) })
	if h.cfg.UPnP {
		g.Go(func() error { return h.mapPorts(inner) })
	}
	err = g.Wait()
	h.work.Wait()
	h.sayGoodbye()
	if ctx.Err() != nil {
		err = nil // what was to end has ended
	}
	return errors.Join(err, h.Close())
}

// Close ends everything and waits for it. It may be called more than once, and after Run.
func (h *Host) Close() error {
	h.closed.Do(func() {
		if h.disc != nil { // nil where New failed
			h.disc.close()
		}
		h.err = h.host.Close()
		if errors.Is(h.err, os.ErrClosed) {
			h.err = nil
		}
	})
	return h.err
}

// nudge wakes a loop that may be awake already.
func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
