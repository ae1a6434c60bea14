package node

import (
	"fmt"
	"net"
	"runtime"
	"runtime/debug"

	"github.com/cresset/cresset/beacon/api"
	"github.com/cresset/cresset/beacon/engine"
	"github.com/cresset/cresset/beacon/metrics"
	"github.com/cresset/cresset/beacon/p2p"
	"github.com/cresset/cresset/beacon/p2p/peers"
	"github.com/cresset/cresset/beacon/producer"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/gossip/router"
)

// newAPI opens the port of the Beacon API. It answers that the node is not ready until answer is called.
func (n *node) newAPI() (err error) {
	if n.cfg.HTTPAddress == "" {
		return nil
	}
	listener, err := net.Listen("tcp", n.cfg.HTTPAddress)
	if err != nil {
		return fmt.Errorf("http-address: %w", err)
	}
	n.api, err = api.New(api.Config{
		Spec: n.spec, Listener: listener, Log: n.log, Metrics: metrics.NewAPI(n.metrics), Version: version(), Platform: runtime.GOOS + "-" + runtime.GOARCH,
		AllowedHosts: n.cfg.HTTPHosts, AllowedOrigins: n.cfg.HTTPOrigins,
	})
	if err != nil {
		return err
	}
	n.apiURL = "http://" + listener.Addr().String()
	n.log.Info("the Beacon API is served", "address", n.apiURL)
	return nil
}

// version is what this node calls itself.
func version() engine.ClientVersion {
	v := engine.ClientVersion{Code: "CR", Name: "Cresset", Version: "unknown"}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		v.Version = info.Main.Version
	}
	return v
}

// answer has the Beacon API answer from the chain.
func (n *node) answer() error {
	if n.api == nil {
		return nil
	}
	parts := api.Node{Chain: n.chain, Store: n.store, KZG: n.kzg, Engine: n.engine, Pool: n.pool, Aggregates: n.pool, Producer: n.producer}
	parts.Topics = []string{topicPayloadAttributes}
	if n.net != nil {
		parts.Sync, parts.Light, parts.Network = n.net.driver, n.net.light, amongOthers{n.net}
		parts.Sidecars = func(signed *types.SignedBeaconBlock, blobs [][]byte, proofs []types.KZGProof) (router.Data, error) {
			data, err := producer.Sidecars(n.kzg, n.spec, signed, blobs, proofs)
			return router.Data(data), err
		}
		parts.Topics = append(append(parts.Topics, topicLightFinality, topicLightOptimistic), gossipTopics...)
		parts.Publisher, parts.Duties, parts.Witness = n.net.router, n.net.subnets, n.net.rules.Seen()
	}
	return n.api.SetChain(parts)
}

// amongOthers tells the Beacon API of peers.
type amongOthers struct{ *peerNetwork }

// Identity implements api.Network.
func (a amongOthers) Identity() api.Identity {
	i := a.host.Identity()
	return api.Identity{PeerID: i.PeerID, ENR: i.ENR, P2PAddresses: i.P2PAddresses, DiscoveryAddresses: i.DiscoveryAddresses, MetaData: a.peering.MetaData()}
}

// Peers implements api.Network.
func (a amongOthers) Peers() []api.Peer {
	var out []api.Peer
	for _, p := range a.host.Peers() {
		direction := api.Outbound
		if p.Direction == peers.Inbound {
			direction = api.Inbound
		}
		out = append(out, api.Peer{ID: p.ID, ENR: p.ENR, Address: p.Addr, State: api.PeerState(p.State), Direction: direction})
	}
	return out
}

// CheckPeerID implements api.Network.
func (a amongOthers) CheckPeerID(id string) error {
	_, err := p2p.ParsePeer(id)
	return err
}
