package node

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cresset/cresset/beacon/das"
	"github.com/cresset/cresset/beacon/metrics"
	"github.com/cresset/cresset/beacon/p2p"
	"github.com/cresset/cresset/beacon/p2p/peers"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/producer"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/gossip"
	"github.com/cresset/cresset/gossip/router"
	"github.com/cresset/cresset/gossip/subnets"
	"github.com/cresset/cresset/sync/driver"
	"github.com/cresset/cresset/sync/peering"
	"github.com/cresset/cresset/sync/reqresp"
	"github.com/cresset/cresset/sync/server"
)

// Networking is how a node takes part in the network.
type Networking struct {
	// Listen are addresses to listen at, one of each family at most; none for 0.0.0.0. Port is that of TCP, QUICPort and DiscoveryPort those
	// of UDP, 0 for the defaults; Loose takes any ports that are free.
	Listen        []string
	Port          uint16
	QUICPort      uint16
	DiscoveryPort uint16
	Loose         bool
	// Announce are the addresses to tell others, if they are not the ones listened at.
	Announce []string
	UPnP     bool
	// Peers is how many there are to be, 0 for the default.
	Peers uint64
	// Static peers are always connected, Trusted ones never left; Boot nodes are asked for others, beside those of the network.
	Static, Trusted, Boot []string
	NoDiscovery           bool
	// Local takes peers at private addresses without limits, for networks of one's own.
	Local bool
	// Supernode keeps all columns.
	Supernode bool
	// NoBackfill leaves the blocks before a checkpoint alone.
	NoBackfill bool
}

// peerNetwork is the parts of a node that take part in the network.
type peerNetwork struct {
	host    *p2p.Host
	peering *peering.Peering
	server  *reqresp.Server
	light   *server.Light
	driver  *driver.Driver
	table   *reqresp.Table
	offer   *server.Offer
	router  *router.Router
	rules   *gossip.Rules
	subnets *subnets.Tracker
	asked   custodyAsked
	// announced is what was said last of this node.
	announced string
	listen    []netip.Addr

	mu struct {
		sync.Mutex
		custody custody
	}
}

// newHost makes the host, from whose name the columns to keep follow, and what talks to peers.
func (n *node) newHost(genesisValidatorsRoot types.Root, boot []string) error {
	cfg := n.cfg.Networking
	listen, err := addresses("listen-address", cfg.Listen)
	if err != nil {
		return err
	}
	announce, err := addresses("announce-address", cfg.Announce)
	if err != nil {
		return err
	}
	w := &peerNetwork{table: reqresp.NewTable(n.spec), listen: listen, subnets: subnets.New(n.spec)}
	keeps, err := n.readCustody()
	if err != nil {
		return err
	}
	w.mu.custody = keeps
	w.peering = peering.New(peering.Config{Spec: n.spec, Clock: n.clock, Log: n.log, MetaData: types.MetaData{
		SeqNumber: uint64(time.Now().Unix()), // higher than that of an earlier process
		Attnets:   ssz.NewBitvector(n.spec.AttestationSubnetCount), Syncnets: ssz.NewBitvector(params.SyncCommitteeSubnetCount),
		CustodyGroupCount: keeps.groups,
	}})
	w.peering.SetCustody(keeps.groups, keeps.since)
	fork, next := p2p.Forks(n.spec, genesisValidatorsRoot, n.clock.CurrentEpoch())
	w.host, err = p2p.New(p2p.Config{
		Spec: n.spec, Dir: filepath.Join(n.cfg.DataDir, "network"), Agent: "cresset",
		Listen: listen, Ports: p2p.Ports{TCP: cfg.Port, QUIC: cfg.QUICPort, Discovery: cfg.DiscoveryPort, Loose: cfg.Loose}, Announce: announce, UPnP: cfg.UPnP,
		Peers:  peers.Config{Target: int(cfg.Peers), Trusted: cfg.Trusted, ExemptLocal: cfg.Local},
		Static: cfg.Static, Boot: append(boot, cfg.Boot...), NoDiscovery: cfg.NoDiscovery,
		Local: p2p.Local{Fork: fork, NextForkDigest: next, CustodyGroupCount: keeps.groups},
		SubscribedSubnets: func(id [32]byte) []uint64 {
			return gossip.ComputeSubscribedSubnets(n.spec, das.NodeID(id), n.clock.CurrentEpoch())
		},
		Handler: w.peering, Goodbye: w.peering.Goodbye,
		Log: n.log, Metrics: metrics.NewP2P(n.metrics), Now: n.clock.Now,
	})
	if err != nil {
		return fmt.Errorf("network: %w", err)
	}
	n.net = w
	return nil
}

// addresses parses IP addresses.
func addresses(option string, texts []string) (out []netip.Addr, err error) {
	for _, text := range texts {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return nil, wrong([]string{option}, "%s is %q, want an IP address", option, text)
		}
		out = append(out, a)
	}
	return out, nil
}

// connect puts together what needs the chain.
func (n *node) connect(genesisTime uint64, genesisValidatorsRoot types.Root) error {
	w := n.net
	digests := reqresp.NewDigests(n.spec, genesisValidatorsRoot)
	client := reqresp.NewClient(reqresp.ClientConfig{Table: w.table, Digests: digests, Opener: opener{w.host}, Clock: n.clock})
	var err error
	w.driver, err = driver.New(driver.Config{
		Spec: n.spec, Chain: n.chain, Clock: n.clock, Client: client, Peers: w.host, Log: n.log, Metrics: metrics.NewSync(n.metrics),
		NoBackfill: n.cfg.Networking.NoBackfill, BatchBytes: n.memory.batches, Custody: gaps{n},
	})
	if err != nil {
		return err
	}
	w.light = server.NewLight(server.LightConfig{Spec: n.spec, Chain: n.chain, Blocks: n.store, Log: n.log, Updated: n.lightUpdated})
	w.server = reqresp.NewServer(reqresp.ServerConfig{
		Table: w.table, Digests: digests, Clock: n.clock, Report: w.report,
		Handlers: server.Handlers(server.Config{
			Spec: n.spec, Clock: n.clock, Chain: server.FromChain(n.chain), Blocks: n.store, Data: n.store, History: w.peering, Peers: w.peering, Light: w.light,
		}),
	})
	w.offer = server.NewOffer(w.host, w.server)
	w.rules = gossip.New(gossip.Config{
		Spec: n.spec, GenesisTime: genesisTime, GenesisValidatorsRoot: genesisValidatorsRoot, View: n.chain.View, KZG: n.kzg, LightClient: lightUpdates{n.spec, w.light},
	})
	w.router, err = router.New(router.Config{
		Spec: n.spec, Chain: n.chain, Network: gossip.NewNetwork(n.spec, genesisValidatorsRoot), Host: w.host.Libp2p(), Peers: w.host, Stored: n.store, KZG: n.kzg,
		Rules: w.rules, Pool: accepted{n, producer.Intake{Pool: n.pool}}, Blobs: n.engine, FindBlock: w.driver.FindBlock, FindPayload: w.driver.FindPayload, Log: n.log, Metrics: metrics.NewGossip(n.metrics),
	})
	if err != nil {
		return err
	}
	w.peering.Attach(peering.Parts{Chain: n.chain, Digests: digests, Client: client, Host: w.host, Sync: w.driver})
	w.host.SetNeeds(n.needs(subnets.Wanted{}))
	return w.host.Listen()
}

// runNetwork runs the parts until the context ends.
func (n *node) runNetwork(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return n.net.host.Run(ctx) })
	g.Go(func() error { return n.net.peering.Run(ctx) })
	g.Go(func() error { return n.net.driver.Run(ctx) })
	g.Go(func() error { return n.net.light.Run(ctx) })
	g.Go(func() error { return n.net.router.Run(ctx) })
	g.Go(func() error { return n.keepUp(ctx) })
	g.Go(func() error { return n.followDistance(ctx) })
	return g.Wait()
}

// keepUp follows the slots: which protocols are offered, which subnets this node is on, and what it says of itself.
func (n *node) keepUp(ctx context.Context) error {
	_, root, err := n.store.Genesis()
	if err != nil {
		return err
	}
	offered := types.Epoch(0)
	look := func() {
		slot := n.clock.CurrentSlot()
		epoch := types.ComputeEpochAtSlot(n.spec, slot)
		if epoch != offered || n.net.announced == "" {
			offered = epoch
			n.net.offer.Update(ctx)
		}
		if err := n.growCustody(ctx, slot); err != nil && ctx.Err() == nil {
			n.log.Error("the columns that the validators of this node ask for cannot be worked out or noted; check the disk", "error", err)
		}
		if err := n.announce(slot, root); err != nil {
			n.log.Warn("the node record cannot be brought up to date, others may not find this node", "error", err)
		}
	}
	look()
	return n.clock.Slots(ctx, n.clock.CurrentSlot(), look)
}

// followDistance has gossip join its topics once the node is nearly where the network is.
func (n *node) followDistance(ctx context.Context) error {
	look := func() {
		behind := n.clock.CurrentSlot().SubSaturating(n.chain.Snapshot().Head.Slot)
		n.net.router.SetSynced(uint64(behind) <= nearlySynced*n.spec.SlotsPerEpoch)
	}
	look()
	return n.clock.Slots(ctx, n.clock.CurrentSlot(), look)
}

// nearlySynced is how many epochs the head may be behind for gossip to be of use: what it brings builds on blocks that are on their way.
const nearlySynced = 2

// announce joins the subnets that this node has to be on, looks for peers on those that its validators vote on, and tells others.
// Spec: "Attestation subnet subscription", "ENR structure" (phase0; modified fulu), "Sync Committee Subnet Stability" (altair).
func (n *node) announce(slot types.Slot, genesisValidatorsRoot types.Root) error {
	epoch := types.ComputeEpochAtSlot(n.spec, slot)
	wanted := n.net.subnets.At(slot)
	own := gossip.ComputeSubscribedSubnets(n.spec, das.NodeID(n.net.host.NodeID()), epoch)
	groups := n.net.keeps().groups
	said := fmt.Sprint(epoch, wanted, own, groups)
	if said == n.net.announced {
		return nil
	}
	interests := gossip.Interests{AttestationSubnets: slices.Clone(own), SyncCommitteeSubnets: wanted.Sync, LightClient: true}
	for _, i := range wanted.Attestation {
		if !slices.Contains(own, i) {
			interests.AttestationSubnets = append(interests.AttestationSubnets, i)
		}
	}
	for _, column := range n.chain.Custody() {
		if subnet := das.ComputeSubnetForDataColumnSidecar(n.spec, column); !slices.Contains(interests.ColumnSubnets, subnet) {
			interests.ColumnSubnets = append(interests.ColumnSubnets, subnet)
		}
	}
	n.net.router.SetInterests(interests)
	n.net.host.SetNeeds(n.needs(wanted))
	// What a validator needs for a slot is not told: others would have to know in time and forget it again.
	attnets, syncnets := bitvector(n.spec.AttestationSubnetCount, own), bitvector(params.SyncCommitteeSubnetCount, wanted.Sync)
	if m := n.net.peering.MetaData(); string(m.Attnets) != string(attnets) || string(m.Syncnets) != string(syncnets) {
		n.net.peering.SetMetaData(func(m *types.MetaData) { m.Attnets, m.Syncnets = attnets, syncnets })
	}
	fork, next := p2p.Forks(n.spec, genesisValidatorsRoot, epoch)
	err := n.net.host.Update(p2p.Local{Fork: fork, NextForkDigest: next, Attnets: attnets, Syncnets: syncnets, CustodyGroupCount: groups})
	if err == nil {
		n.net.announced = said
	}
	return err
}

func bitvector(size uint64, set []uint64) ssz.Bitvector {
	bits := ssz.NewBitvector(size)
	for _, i := range set {
		bits.SetBitAt(i, true)
	}
	return bits
}

// needed is how many peers there are to be for each subnet and column.
const needed = 2

// needs is what this node needs peers for.
func (n *node) needs(wanted subnets.Wanted) map[peers.Need]int {
	needs := map[peers.Need]int{}
	add := func(kind peers.Kind, indices []uint64) {
		for _, i := range indices {
			needs[peers.Need{Kind: kind, Index: i}] = needed
		}
	}
	add(peers.Column, n.chain.Custody())
	add(peers.Attestation, wanted.Search)
	add(peers.SyncCommittee, wanted.Sync)
	return needs
}

// report tells the peer manager what a peer did on a stream of its own.
func (w *peerNetwork) report(i reqresp.Incident) {
	offences := map[reqresp.Fault]peers.Offence{
		reqresp.FaultRequest: peers.Wrong, reqresp.FaultConcurrency: peers.Useless, reqresp.FaultSlow: peers.Slow,
	}
	if o, bad := offences[i.Fault]; bad {
		w.host.Report(i.Peer, o, fmt.Sprintf("%v: %v", i.Protocol, i.Err))
	}
}

// lightUpdates is the light client updates that this node derived, for the rules of gossip.
type lightUpdates struct {
	spec  *params.Spec
	light *server.Light
}

// FinalityUpdate implements gossip.LightClient.
func (l lightUpdates) FinalityUpdate() *types.LightClientFinalityUpdate {
	return decodeLight(l.spec, new(types.LightClientFinalityUpdate), l.light.FinalityUpdate)
}

// OptimisticUpdate implements gossip.LightClient.
func (l lightUpdates) OptimisticUpdate() *types.LightClientOptimisticUpdate {
	return decodeLight(l.spec, new(types.LightClientOptimisticUpdate), l.light.OptimisticUpdate)
}

// decodeLight decodes what was derived into an object; nil if there is nothing.
func decodeLight[T any, P interface {
	*T
	ssz.Object
}](spec *params.Spec, to P, derived func() (server.LightItem, bool)) P {
	item, ok := derived()
	if !ok {
		return nil
	}
	if err := ssz.Unmarshal(ssz.Context{Spec: spec, Fork: spec.ForkAtSlot(item.Slot)}, item.SSZ, ssz.Container(to)); err != nil {
		return nil // it is this node's own encoding
	}
	return to
}

// opener opens streams to peers for the client.
type opener struct{ host *p2p.Host }

// Open implements reqresp.Opener.
func (o opener) Open(ctx context.Context, peer, protocol string) (reqresp.Stream, error) {
	s, err := o.host.Open(ctx, peer, protocol)
	if errors.Is(err, p2p.ErrUnsupported) {
		return nil, fmt.Errorf("%w: %w", reqresp.ErrUnsupported, err)
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}
