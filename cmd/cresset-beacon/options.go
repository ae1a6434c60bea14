package main

import (
	"strings"
	"time"

	"github.com/cresset/cresset/beacon/node"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/cmd/internal/options"
	"github.com/cresset/cresset/cmd/internal/process"
)

// settings is all that the options say.
type settings struct {
	node    node.Config
	network node.Networking
	config  string
	logs    process.Logs
}

// The groups of options, in the order in which they are shown.
const (
	groupChain     = "chain"
	groupExecution = "execution client"
	groupNetwork   = "network"
	groupOperation = "operation"
	groupMemory    = "memory"
)

// maxPeers bounds the option: a thousand peers is more than anybody needs.
const maxPeers = 1000

// maxSafeSlots bounds the option: at a second a slot that is over a century.
const maxSafeSlots = 1 << 32

// row is one option.
type row = options.Option[settings]

// table is all options. Each row's place in the settings stands beside its name.
func table() *options.Table[settings] {
	path := options.Text("path")
	return &options.Table[settings]{Prefix: "CRESSET_", Except: []string{"CRESSET_VALIDATOR_"}, Options: []row{
		options.One(path, func(s *settings) *string { return &s.node.DataDir }, row{Name: "datadir", Group: groupChain,
			Help: "directory of the node's data; one process at a time may use it"}),
		options.One(options.Choice(params.Networks()...), func(s *settings) *string { return &s.node.Network }, row{Name: "network", Group: groupChain,
			Help: "name of the network: " + strings.Join(params.Networks(), ", ")}),
		options.One(path, func(s *settings) *string { return &s.node.NetworkConfig }, row{Name: "network-config", Group: groupChain,
			Help: "configuration file of another network, YAML, in place of its name"}),
		options.One(path, func(s *settings) *string { return &s.node.Genesis }, row{Name: "genesis", Group: groupChain,
			Help: "genesis state, .ssz or .ssz_snappy, where the network brings none"}),
		options.One(path, func(s *settings) *string { return &s.node.CheckpointState }, row{Name: "checkpoint-state", Group: groupChain,
			Help: "finalized state to begin at instead of genesis, .ssz or .ssz_snappy"}),
		options.One(path, func(s *settings) *string { return &s.node.CheckpointBlock }, row{Name: "checkpoint-block", Group: groupChain,
			Help: "block of the checkpoint's state"}),
		options.Many(options.Text("URL"), func(s *settings) *[]string { return &s.node.CheckpointURLs }, row{Name: "checkpoint-sync-url", Group: groupChain, Secret: true,
			Help: "Beacon API to get a finalized state from, of an empty data directory; all that are given have to agree"}),
		options.One(options.Text("root"), func(s *settings) *string { return &s.node.CheckpointRoot }, row{Name: "checkpoint-root", Group: groupChain,
			Help: "root of the finalized block to begin at, in place of the one that the Beacon APIs call finalized"}),
		options.One(options.Boolean(), func(s *settings) *bool { return &s.node.AllowStale }, row{Name: "allow-genesis-sync", Group: groupChain, Fallback: "false",
			Help: "start from a state older than the weak subjectivity period: another chain could be made up with the keys of validators who left"}),
		options.One(options.Duration(), func(s *settings) *time.Duration { return &s.node.ClockOffset }, row{Name: "clock-offset", Group: groupChain, Fallback: "0s",
			Help: "moves the node's clock; refused with the name of a network"}),

		options.Many(options.URL("http://127.0.0.1:8551", node.EmbeddedEngine), func(s *settings) *[]string { return &s.node.ExecutionEndpoints }, row{Name: "execution-endpoint", Group: groupExecution, Secret: true,
			Help: "Engine API of an execution client, the preferred one first; " + node.EmbeddedEngine + " for none, on development networks"}),
		options.One(path, func(s *settings) *string { return &s.node.JWTSecret }, row{Name: "jwt-secret", Group: groupExecution,
			Help: "file of the secret shared with the execution client: 32 bytes in hex"}),
		options.One(options.Number(1, maxSafeSlots), func(s *settings) *uint64 { return &s.node.SafeSlots }, row{Name: "safe-slots-to-import-optimistically", Group: groupExecution, Fallback: "128",
			Help: "age in slots from which the first block with a payload is taken without the execution client's word"}),
		options.One(options.Account(), func(s *settings) *types.ExecutionAddress { return &s.node.FeeRecipient }, row{Name: "suggested-fee-recipient", Group: groupExecution,
			Help: "account that gets the fees of blocks whose validator client names none; without either no block is produced"}),
		options.One(options.Graffiti(), func(s *settings) *types.Bytes32 { return &s.node.Graffiti }, row{Name: "graffiti", Group: groupExecution,
			Help: "text in blocks whose validator client gives none"}),

		options.Many(options.Text("IP address"), func(s *settings) *[]string { return &s.network.Listen }, row{Name: "listen-address", Group: groupNetwork,
			Help: "IP address to listen at, one of each family at most; 0.0.0.0 without it"}),
		options.One(options.Port(), func(s *settings) *uint16 { return &s.network.Port }, row{Name: "port", Group: groupNetwork, Fallback: "9000",
			Help: "TCP port for peers"}),
		options.One(options.Port(), func(s *settings) *uint16 { return &s.network.QUICPort }, row{Name: "quic-port", Group: groupNetwork, Fallback: "9001",
			Help: "UDP port for peers"}),
		options.One(options.Port(), func(s *settings) *uint16 { return &s.network.DiscoveryPort }, row{Name: "discovery-port", Group: groupNetwork, Fallback: "9000",
			Help: "UDP port for discovery"}),
		options.Many(options.Text("IP address"), func(s *settings) *[]string { return &s.network.Announce }, row{Name: "announce-address", Group: groupNetwork,
			Help: "IP address under which others reach this node, one of each family at most; without it what peers say is believed"}),
		options.One(options.Boolean(), func(s *settings) *bool { return &s.network.UPnP }, row{Name: "upnp", Group: groupNetwork, Fallback: "false",
			Help: "ask the router to forward the ports"}),
		options.One(options.Number(1, maxPeers), func(s *settings) *uint64 { return &s.network.Peers }, row{Name: "target-peers", Group: groupNetwork, Fallback: "70",
			Help: "how many peers to have"}),
		options.Many(options.Text("address"), func(s *settings) *[]string { return &s.network.Static }, row{Name: "static-peer", Group: groupNetwork,
			Help: "peer to be connected always: ENR, or multiaddr with /p2p/"}),
		options.Many(options.Text("peer id"), func(s *settings) *[]string { return &s.network.Trusted }, row{Name: "trusted-peer", Group: groupNetwork,
			Help: "peer that is let in always and never left"}),
		options.Many(options.Text("address"), func(s *settings) *[]string { return &s.network.Boot }, row{Name: "boot-node", Group: groupNetwork,
			Help: "node to ask for others, beside those of the network: ENR, enode URL, or multiaddr of UDP with /p2p/"}),
		options.One(options.Boolean(), func(s *settings) *bool { return &s.network.NoDiscovery }, row{Name: "no-discovery", Group: groupNetwork, Fallback: "false",
			Help: "look for no other peers than static ones"}),
		options.One(options.Boolean(), func(s *settings) *bool { return &s.network.Local }, row{Name: "local-peers", Group: groupNetwork, Fallback: "false",
			Help: "take peers at private and loopback addresses, without limits for an address; for networks of one's own"}),
		options.One(options.Boolean(), func(s *settings) *bool { return &s.network.Supernode }, row{Name: "supernode", Group: groupNetwork, Fallback: "false",
			Help: "keep all columns of blob data"}),
		options.One(options.Boolean(), func(s *settings) *bool { return &s.network.NoBackfill }, row{Name: "no-backfill", Group: groupNetwork, Fallback: "false",
			Help: "leave the blocks before a checkpoint alone; this node is then of less use to others"}),

		options.One(path, func(s *settings) *string { return &s.config }, row{Name: "config", Group: groupOperation,
			Help: "file of options, YAML, with the names of this table as keys"}),
		options.One(options.Address(), func(s *settings) *string { return &s.node.HTTPAddress }, row{Name: "http-address", Group: groupOperation, Fallback: "127.0.0.1:5052",
			Help: "host:port to serve the Beacon API at, or nothing for none"}),
		options.Many(options.Text("name"), func(s *settings) *[]string { return &s.node.HTTPHosts }, row{Name: "http-host", Group: groupOperation,
			Help: "name that the Beacon API may be called by besides localhost, or * for any"}),
		options.Many(options.Text("origin"), func(s *settings) *[]string { return &s.node.HTTPOrigins }, row{Name: "http-origin", Group: groupOperation,
			Help: "web page that may read answers of the Beacon API, such as https://example.org"}),
		options.One(options.Address(), func(s *settings) *string { return &s.node.MetricsAddress }, row{Name: "metrics-address", Group: groupOperation,
			Help: "host:port to serve /metrics at; without it there are none"}),
		options.One(options.Choice("debug", "info", "warn", "error"), func(s *settings) *string { return &s.logs.Level }, row{Name: "log-level", Group: groupOperation, Fallback: "info",
			Help: "least level that is logged: debug, info, warn, error"}),
		options.One(options.Choice("auto", "text", "json"), func(s *settings) *string { return &s.logs.Format }, row{Name: "log-format", Group: groupOperation, Fallback: "auto",
			Help: "text, json, or auto: coloured on a terminal, text elsewhere"}),

		options.One(options.Size(), func(s *settings) *uint64 { return &s.node.StateCache }, row{Name: "state-cache", Group: groupMemory,
			Help: "states kept in memory; without it 25 % of GOMEMLIMIT where that is set, else 1536MiB"}),
		options.One(options.Size(), func(s *settings) *uint64 { return &s.node.DeferredCache }, row{Name: "deferred-cache", Group: groupMemory,
			Help: "blocks and payloads that wait for something; without it 1 % of GOMEMLIMIT, else 64MiB"}),
		options.One(options.Size(), func(s *settings) *uint64 { return &s.node.DataCache }, row{Name: "data-cache", Group: groupMemory,
			Help: "columns and blobs that wait for their block; without it 8 % of GOMEMLIMIT, else 512MiB"}),
		options.One(options.Size(), func(s *settings) *uint64 { return &s.node.DatabaseCache }, row{Name: "database-cache", Group: groupMemory,
			Help: "what the database keeps of its files; without it 2 % of GOMEMLIMIT, else 64MiB"}),
	}}
}
