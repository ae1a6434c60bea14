package p2p

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/p2p/discover"
	"github.com/ethereum/go-ethereum/p2p/enode"
	"github.com/ethereum/go-ethereum/p2p/enr"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/cresset/cresset/beacon/p2p/peers"
)

// discovery is discv5.
type discovery struct {
	// static
	h      *Host
	boot   []*enode.Node
	db     *enode.DB
	record *enode.LocalNode

	// set by listen
	port     uint16
	listener *discover.UDPv5 // nil without discovery

	closed sync.Once
}

// newDiscovery reads what discovery begins with. The sequence number of the record is kept in a database, which is why a record that
// changed is never older than one of a former run.
func newDiscovery(h *Host) (*discovery, error) {
	d := &discovery{h: h}
	for _, text := range h.cfg.Boot {
		node, err := parseBoot(text)
		if err != nil {
			return nil, fmt.Errorf("boot node %q: %w", text, err)
		}
		d.boot = append(d.boot, node)
	}
	key, err := discoveryKey(h.key)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrIdentity, err)
	}
	path := h.cfg.path(discoveryDir)
	if d.db, err = enode.OpenDB(path); err != nil {
		h.cfg.Log.Warn("the database of discovery cannot be used; starting without it, remove it for a new one", "directory", path, "error", err)
		if d.db, err = enode.OpenDB(""); err != nil {
			return nil, fmt.Errorf("open a database in memory: %w", err)
		}
	}
	d.record = enode.NewLocalNode(d.db, key)
	h.mu.local.write(h.cfg.Spec, d.record)
	for _, ip := range h.cfg.Announce {
		d.record.SetStaticIP(ip.AsSlice())
	}
	return d, nil
}

// parseBoot reads a boot node: an ENR, an enode URL, or a multiaddr of UDP with /p2p/.
func parseBoot(text string) (*enode.Node, error) {
	if len(text) > longestAddress {
		return nil, fmt.Errorf("%d characters", len(text))
	}
	if text == "" || text[0] != '/' {
		n, err := enode.Parse(enode.ValidSchemes, text)
		if err != nil {
			return nil, err
		}
		return withDiscovery(n)
	}
	c, err := parseAddress(text)
	if err != nil {
		return nil, err
	}
	id, err := ParsePeer(c.ID)
	if err != nil {
		return nil, err
	}
	key, err := publicKey(id)
	if err != nil {
		return nil, err
	}
	a, err := ma.NewMultiaddr(c.Addrs[0])
	if err != nil {
		return nil, err
	}
	udp, err := a.ValueForProtocol(ma.P_UDP)
	if err != nil || len(c.IPs) == 0 {
		return nil, errors.New("not the address of discovery: want /ip4/ or /ip6/, and /udp/")
	}
	port, err := strconv.ParseUint(udp, 10, 16)
	if err != nil {
		return nil, err
	}
	return withDiscovery(enode.NewV4(key, c.IPs[0].AsSlice(), 0, int(port)))
}

// withDiscovery refuses a node that cannot be asked for others.
func withDiscovery(n *enode.Node) (*enode.Node, error) {
	if _, ok := n.UDPEndpoint(); !ok {
		return nil, errors.New("no address of discovery; names are not looked up")
	}
	return n, nil
}

// parseContact reads how a peer can be dialled: an ENR, or a multiaddr with /p2p/.
func (h *Host) parseContact(text string) (peers.Contact, error) {
	if len(text) > 0 && text[0] == '/' {
		return parseAddress(text)
	}
	r, err := ParseRecord(h.cfg.Spec, text)
	if err != nil {
		return peers.Contact{}, err
	}
	c := r.Contact(h.cfg.Spec)
	if len(c.Addrs) == 0 {
		return c, fmt.Errorf("%w: no address of TCP or QUIC", ErrRecord)
	}
	return c, nil
}

// loosePorts is how often a free port is looked for that both families can have.
const loosePorts = 16

// listen opens the UDP ports and begins to answer. Without discovery there is the record alone.
func (d *discovery) listen() error {
	if d.h.cfg.NoDiscovery {
		d.announce()
		return nil
	}
	conns, err := d.open()
	if err != nil {
		return err
	}
	d.announce()
	key, err := discoveryKey(d.h.key)
	if err != nil {
		return errors.Join(err, closeAll(conns))
	}
	all := len(d.boot)
	d.boot = slices.DeleteFunc(d.boot, func(n *enode.Node) bool { _, ok := d.inFamily(n); return !ok })
	for i, n := range d.boot {
		d.boot[i], _ = d.inFamily(n)
	}
	if len(d.boot) < all {
		d.h.cfg.Log.Warn("boot nodes have no address of a family that is listened on; listen on the other one, too", "boot", all, "usable", len(d.boot))
	}
	both := newSockets(conns)
	d.listener, err = discover.ListenV5(both, d.record, discover.Config{PrivateKey: key})
	if err != nil {
		return errors.Join(fmt.Errorf("discovery on %v: %w", both.LocalAddr(), err), both.Close())
	}
	return nil
}

// inFamily is a boot node at an address whose family is listened on. Of a record with both families the library knows one; where that is not
// listened on the node is named by the other.
func (d *discovery) inFamily(n *enode.Node) (*enode.Node, bool) {
	at, ok := n.UDPEndpoint()
	if ok && d.listensOn(at.Addr()) {
		return n, true
	}
	var ip4 enr.IPv4Addr
	var ip6 enr.IPv6Addr
	var udp enr.UDP
	var udp6 enr.UDP6
	if n.Load(&udp) == nil && n.Load(&ip4) == nil && d.listensOn(netip.Addr(ip4)) {
		return enode.NewV4(n.Pubkey(), netip.Addr(ip4).AsSlice(), 0, int(udp)), true
	}
	if n.Load(&udp6) != nil {
		udp6 = enr.UDP6(udp)
	}
	if udp6 != 0 && n.Load(&ip6) == nil && d.listensOn(netip.Addr(ip6)) {
		return enode.NewV4(n.Pubkey(), netip.Addr(ip6).AsSlice(), 0, int(udp6)), true
	}
	return nil, false
}

func (d *discovery) listensOn(ip netip.Addr) bool {
	return slices.ContainsFunc(d.h.cfg.Listen, func(own netip.Addr) bool { return own.Is4() == ip.Is4() })
}

// open opens one socket a family, all with the same port: a record has one fallback for both.
func (d *discovery) open() (conns []*net.UDPConn, err error) {
	tries := 1
	if d.h.cfg.Ports.Discovery == 0 {
		tries = loosePorts
	}
	for range tries {
		d.port = d.h.cfg.Ports.Discovery
		conns, err = nil, nil
		for _, ip := range d.h.cfg.Listen {
			network := "udp4"
			if ip.Is6() {
				network = "udp6"
			}
			var conn *net.UDPConn
			at := netip.AddrPortFrom(ip, d.port)
			if conn, err = net.ListenUDP(network, net.UDPAddrFromAddrPort(at)); err != nil {
				err = errors.Join(fmt.Errorf("discovery on %v: %w", at, err), closeAll(conns))
				break
			}
			conns = append(conns, conn)
			d.port = addrPort(conn).Port()
		}
		if err == nil {
			return conns, nil
		}
	}
	return nil, err
}

// announce writes addresses and ports into the record. An address that one listens on is announced until others say better.
//
// Spec: "ENR structure" (phase0): ip, tcp, udp, quic and their pairs of IPv6.
func (d *discovery) announce() {
	d.record.SetFallbackUDP(int(d.port))
	for _, ip := range d.h.cfg.Listen {
		tcp, quic := d.h.port(ip.Is4(), false), d.h.port(ip.Is4(), true)
		if ip.Is4() {
			d.record.Set(enr.TCP(tcp))
			d.record.Set(enr.QUIC(quic))
		} else {
			d.record.Set(enr.TCP6(tcp))
			d.record.Set(enr.QUIC6(quic))
		}
		if !ip.IsUnspecified() {
			d.record.SetFallbackIP(ip.AsSlice())
		}
	}
}

// fallback is an address of ours that is believed until peers say better.
func (d *discovery) fallback(ip net.IP) { d.record.SetFallbackIP(ip) }

// addresses are those that discovery answers at.
func (d *discovery) addresses() (out []string) {
	if d.port == 0 {
		return nil
	}
	n := d.record.Node()
	var ip4 enr.IPv4Addr
	var ip6 enr.IPv6Addr
	if n.Load(&ip4) == nil {
		out = append(out, discoveryAddress(netip.Addr(ip4), d.port, d.h.id))
	}
	if n.Load(&ip6) == nil {
		out = append(out, discoveryAddress(netip.Addr(ip6), d.port, d.h.id))
	}
	return out
}

// update brings the record to what is to be said.
func (d *discovery) update(local Local) {
	local.write(d.h.cfg.Spec, d.record)
	d.h.cfg.Metrics.RecordSeq.Set(float64(d.record.Node().Seq()))
}

// How long discovery rests between two looks at some nodes.
const (
	restHungry = 100 * time.Millisecond
	restSated  = time.Minute
	batch      = 64
)

// run looks for nodes: at random, and where nodes of missing subnets are.
func (d *discovery) run(ctx context.Context) error {
	var all sync.WaitGroup
	if d.listener != nil {
		all.Go(func() { d.seed(ctx) })
		all.Go(func() { d.walk(ctx) })
		all.Go(func() { d.seek(ctx) })
	}
	<-ctx.Done()
	d.close() // ends lookups, which know no context
	all.Wait()
	return ctx.Err()
}

// seedInterval is how often it is seen to that there is a node to begin with.
const seedInterval = 10 * time.Second

// seed gives discovery the boot nodes whenever it knows nobody. The library would do so itself, but from a goroutine that races with the one
// that owns its table.
func (d *discovery) seed(ctx context.Context) {
	ticker := time.NewTicker(seedInterval)
	defer ticker.Stop()
	for {
		if len(d.listener.AllNodes()) == 0 {
			for _, n := range d.boot {
				d.listener.AddKnownNode(n)
			}
			d.listener.Lookup(d.record.ID()) // our neighbours
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// walk goes from node to node at random.
func (d *discovery) walk(ctx context.Context) {
	it := d.listener.RandomNodes()
	defer it.Close()
	stop := context.AfterFunc(ctx, it.Close)
	defer stop()
	for n := 1; it.Next(); n++ {
		d.found(it.Node())
		if n%batch == 0 {
			d.rest(ctx)
		}
	}
}

// rest waits: shortly where more peers are wanted.
func (d *discovery) rest(ctx context.Context) {
	short, long := time.NewTimer(restHungry), time.NewTimer(restSated)
	defer short.Stop()
	defer long.Stop()
	select {
	case <-short.C:
	case <-ctx.Done():
		return
	}
	select {
	case <-d.h.hungry:
	case <-long.C:
	case <-ctx.Done():
	}
}

// seekInterval is how often nodes of missing subnets are looked for, and seekTries how many ids are tried to find one whose subnets are
// such.
const (
	seekInterval = 10 * time.Second
	seekTries    = 2000
)

// seek looks for nodes of attestation subnets for which there are too few peers. Which subnets a node keeps follows from the beginning of
// its id, so that those around an id that would keep one do so, too. Custody and sync committees follow from no such thing; nodes for
// those are found at random and picked by what they offer.
//
// Spec: compute_subscribed_subnets (phase0).
func (d *discovery) seek(ctx context.Context) {
	if d.h.cfg.SubscribedSubnets == nil {
		return
	}
	ticker := time.NewTicker(seekInterval)
	defer ticker.Stop()
	for {
		if target, ok := d.target(); ok {
			for _, n := range d.listener.Lookup(target) {
				d.found(n)
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// target is an id that would keep one of the subnets that are missing.
func (d *discovery) target() (id enode.ID, ok bool) {
	d.h.mu.Lock()
	unmet := d.h.mu.peers.Unmet()
	d.h.mu.Unlock()
	for need := range unmet {
		if need.Kind != peers.Attestation {
			delete(unmet, need)
		}
	}
	if len(unmet) == 0 {
		return id, false
	}
	for range seekTries {
		if _, err := rand.Read(id[:]); err != nil {
			return id, false
		}
		for _, subnet := range d.h.cfg.SubscribedSubnets(id) {
			if unmet[peers.Need{Kind: peers.Attestation, Index: subnet}] > 0 {
				return id, true
			}
		}
	}
	return id, false
}

// found is told of a node.
func (d *discovery) found(n *enode.Node) {
	outcome := d.judge(n)
	d.h.cfg.Metrics.Discovered.WithLabelValues(outcome).Inc()
}

func (d *discovery) judge(n *enode.Node) (outcome string) {
	r, err := readRecord(d.h.cfg.Spec, n)
	if err != nil {
		return "malformed"
	}
	d.h.mu.Lock()
	local := d.h.mu.local
	d.h.mu.Unlock()
	diverges, err := compatible(local, r)
	if err != nil {
		return "other chain"
	}
	c := r.Contact(d.h.cfg.Spec)
	if !d.h.cfg.Peers.ExemptLocal {
		c = c.Public()
	}
	c.Diverges = diverges
	switch {
	case c.ID == d.h.id:
		return "ourselves"
	case len(c.Addrs) == 0:
		return "no address"
	}
	d.h.change(func() []peers.Action {
		d.h.mu.peers.Discovered(d.h.cfg.Now(), c)
		return nil
	})
	return "taken"
}

func (d *discovery) close() {
	d.closed.Do(func() {
		if d.listener != nil {
			d.listener.Close()
		}
		d.db.Close()
	})
}

// Update brings our node record to new values: at forks, and when subnets or custody change. Its sequence number goes up if anything
// changed. What discovery takes for our chain changes with it.
func (h *Host) Update(local Local) error {
	if err := local.check(h.cfg.Spec); err != nil {
		return err
	}
	h.mu.Lock()
	h.mu.local = local
	h.mu.Unlock()
	h.disc.update(local)
	return nil
}
