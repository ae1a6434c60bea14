package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/cresset/cresset/beacon/node"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// settings is all that the options say.
type settings struct {
	node      node.Config
	network   node.Networking
	config    string
	logLevel  string
	logFormat string
}

// option is one row of the table.
type option struct {
	name     string // of the flag and the file's key
	group    string
	fallback string // the default, written as a user would; empty for none
	help     string
	kind     string
	list     bool // may be given several times; the variable separates values by commas
	secret   bool // a value may hold a credential: it is shown without
	boolean  bool // the flag alone means true
	// set reads values, which are one but for a list, into settings. It says what is allowed of the value that is wrong.
	set func(s *settings, values []string) error
	// value is what settings hold, as JSON would have it: a string, a boolean, a number or a list of strings.
	value func(s *settings) any
}

// variable is the option's name in the environment.
func (o *option) variable() string {
	return variablePrefix + strings.ToUpper(strings.ReplaceAll(o.name, "-", "_"))
}

// variablePrefix begins every variable of the environment that is meant for the node.
const variablePrefix = "CRESSET_"

// show is a value as it may be shown.
func (o *option) show(value string) string {
	if o.secret {
		return withoutCredentials(value)
	}
	return value
}

// wrong is what is said of a value that is not of an option's kind; where it comes from is put before it.
func (o *option) wrong(value, want string) error {
	return fmt.Errorf("%s is %q, want %s", o.name, o.show(value), want)
}

// one completes a row whose value is a single one.
func one[T any](k kind[T], at func(*settings) *T, o option) option {
	o.kind = k.name
	o.set = func(s *settings, values []string) error {
		if len(values) != 1 {
			return fmt.Errorf("%s has %d values, want one: %s", o.name, len(values), k.want)
		}
		v, ok := k.parse(values[0])
		if !ok {
			return o.wrong(values[0], k.want)
		}
		*at(s) = v
		return nil
	}
	o.value = func(s *settings) any {
		if k.plain {
			return *at(s)
		}
		return o.show(k.show(*at(s)))
	}
	return o
}

// maxList is how many values a list may have.
const maxList = 16

// many completes a row whose value is a list.
func many(k kind[string], at func(*settings) *[]string, o option) option {
	o.kind, o.list = k.name+", repeatable", true
	o.set = func(s *settings, values []string) error {
		if len(values) > maxList {
			return fmt.Errorf("%s has %d values, want at most %d", o.name, len(values), maxList)
		}
		for _, value := range values {
			if _, ok := k.parse(value); !ok {
				return o.wrong(value, k.want)
			}
		}
		*at(s) = values
		return nil
	}
	o.value = func(s *settings) any {
		shown := []string{}
		for _, value := range *at(s) {
			shown = append(shown, o.show(value))
		}
		return shown
	}
	return o
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

// options is the table. Each row's place in the settings stands beside its name.
func options() []option {
	path := text("path")
	return []option{
		one(path, func(s *settings) *string { return &s.node.DataDir }, option{name: "datadir", group: groupChain,
			help: "directory of the node's data; one process at a time may use it"}),
		one(choice(params.Networks()...), func(s *settings) *string { return &s.node.Network }, option{name: "network", group: groupChain,
			help: "name of the network: " + strings.Join(params.Networks(), ", ")}),
		one(path, func(s *settings) *string { return &s.node.NetworkConfig }, option{name: "network-config", group: groupChain,
			help: "configuration file of another network, YAML, in place of its name"}),
		one(path, func(s *settings) *string { return &s.node.Genesis }, option{name: "genesis", group: groupChain,
			help: "genesis state, .ssz or .ssz_snappy, where the network brings none"}),
		one(path, func(s *settings) *string { return &s.node.CheckpointState }, option{name: "checkpoint-state", group: groupChain,
			help: "finalized state to begin at instead of genesis, .ssz or .ssz_snappy"}),
		one(path, func(s *settings) *string { return &s.node.CheckpointBlock }, option{name: "checkpoint-block", group: groupChain,
			help: "block of the checkpoint's state"}),
		many(text("URL"), func(s *settings) *[]string { return &s.node.CheckpointURLs }, option{name: "checkpoint-sync-url", group: groupChain, secret: true,
			help: "Beacon API to get a finalized state from, of an empty data directory; all that are given have to agree"}),
		one(text("root"), func(s *settings) *string { return &s.node.CheckpointRoot }, option{name: "checkpoint-root", group: groupChain,
			help: "root of the finalized block to begin at, in place of the one that the Beacon APIs call finalized"}),
		one(boolean(), func(s *settings) *bool { return &s.node.AllowStale }, option{name: "allow-genesis-sync", group: groupChain, fallback: "false", boolean: true,
			help: "start from a state older than the weak subjectivity period: another chain could be made up with the keys of validators who left"}),
		one(duration(), func(s *settings) *time.Duration { return &s.node.ClockOffset }, option{name: "clock-offset", group: groupChain, fallback: "0s",
			help: "moves the node's clock; refused with the name of a network"}),

		many(endpoint(), func(s *settings) *[]string { return &s.node.ExecutionEndpoints }, option{name: "execution-endpoint", group: groupExecution, secret: true,
			help: "Engine API of an execution client, the preferred one first; " + node.EmbeddedEngine + " for none, on development networks"}),
		one(path, func(s *settings) *string { return &s.node.JWTSecret }, option{name: "jwt-secret", group: groupExecution,
			help: "file of the secret shared with the execution client: 32 bytes in hex"}),
		one(number(1, maxSafeSlots), func(s *settings) *uint64 { return &s.node.SafeSlots }, option{name: "safe-slots-to-import-optimistically", group: groupExecution, fallback: "128",
			help: "age in slots from which the first block with a payload is taken without the execution client's word"}),
		one(account(), func(s *settings) *types.ExecutionAddress { return &s.node.FeeRecipient }, option{name: "suggested-fee-recipient", group: groupExecution,
			help: "account that gets the fees of blocks whose validator client names none; without either no block is produced"}),
		one(graffiti(), func(s *settings) *types.Bytes32 { return &s.node.Graffiti }, option{name: "graffiti", group: groupExecution,
			help: "text in blocks whose validator client gives none"}),

		many(text("IP address"), func(s *settings) *[]string { return &s.network.Listen }, option{name: "listen-address", group: groupNetwork,
			help: "IP address to listen at, one of each family at most; 0.0.0.0 without it"}),
		one(port(), func(s *settings) *uint16 { return &s.network.Port }, option{name: "port", group: groupNetwork, fallback: "9000",
			help: "TCP port for peers"}),
		one(port(), func(s *settings) *uint16 { return &s.network.QUICPort }, option{name: "quic-port", group: groupNetwork, fallback: "9001",
			help: "UDP port for peers"}),
		one(port(), func(s *settings) *uint16 { return &s.network.DiscoveryPort }, option{name: "discovery-port", group: groupNetwork, fallback: "9000",
			help: "UDP port for discovery"}),
		many(text("IP address"), func(s *settings) *[]string { return &s.network.Announce }, option{name: "announce-address", group: groupNetwork,
			help: "IP address under which others reach this node, one of each family at most; without it what peers say is believed"}),
		one(boolean(), func(s *settings) *bool { return &s.network.UPnP }, option{name: "upnp", group: groupNetwork, fallback: "false", boolean: true,
			help: "ask the router to forward the ports"}),
		one(number(1, maxPeers), func(s *settings) *uint64 { return &s.network.Peers }, option{name: "target-peers", group: groupNetwork, fallback: "70",
			help: "how many peers to have"}),
		many(text("address"), func(s *settings) *[]string { return &s.network.Static }, option{name: "static-peer", group: groupNetwork,
			help: "peer to be connected always: ENR, or multiaddr with /p2p/"}),
		many(text("peer id"), func(s *settings) *[]string { return &s.network.Trusted }, option{name: "trusted-peer", group: groupNetwork,
			help: "peer that is let in always and never left"}),
		many(text("address"), func(s *settings) *[]string { return &s.network.Boot }, option{name: "boot-node", group: groupNetwork,
			help: "node to ask for others, beside those of the network: ENR, enode URL, or multiaddr of UDP with /p2p/"}),
		one(boolean(), func(s *settings) *bool { return &s.network.NoDiscovery }, option{name: "no-discovery", group: groupNetwork, fallback: "false", boolean: true,
			help: "look for no other peers than static ones"}),
		one(boolean(), func(s *settings) *bool { return &s.network.Local }, option{name: "local-peers", group: groupNetwork, fallback: "false", boolean: true,
			help: "take peers at private and loopback addresses, without limits for an address; for networks of one's own"}),
		one(boolean(), func(s *settings) *bool { return &s.network.Supernode }, option{name: "supernode", group: groupNetwork, fallback: "false", boolean: true,
			help: "keep all columns of blob data"}),
		one(boolean(), func(s *settings) *bool { return &s.network.NoBackfill }, option{name: "no-backfill", group: groupNetwork, fallback: "false", boolean: true,
			help: "leave the blocks before a checkpoint alone; this node is then of less use to others"}),

		one(path, func(s *settings) *string { return &s.config }, option{name: "config", group: groupOperation,
			help: "file of options, YAML, with the names of this table as keys"}),
		one(address(), func(s *settings) *string { return &s.node.HTTPAddress }, option{name: "http-address", group: groupOperation, fallback: "127.0.0.1:5052",
			help: "host:port to serve the Beacon API at, or nothing for none"}),
		many(text("name"), func(s *settings) *[]string { return &s.node.HTTPHosts }, option{name: "http-host", group: groupOperation,
			help: "name that the Beacon API may be called by besides localhost, or * for any"}),
		many(text("origin"), func(s *settings) *[]string { return &s.node.HTTPOrigins }, option{name: "http-origin", group: groupOperation,
			help: "web page that may read answers of the Beacon API, such as https://example.org"}),
		one(address(), func(s *settings) *string { return &s.node.MetricsAddress }, option{name: "metrics-address", group: groupOperation,
			help: "host:port to serve /metrics at; without it there are none"}),
		one(choice("debug", "info", "warn", "error"), func(s *settings) *string { return &s.logLevel }, option{name: "log-level", group: groupOperation, fallback: "info",
			help: "least level that is logged: debug, info, warn, error"}),
		one(choice("auto", "text", "json"), func(s *settings) *string { return &s.logFormat }, option{name: "log-format", group: groupOperation, fallback: "auto",
			help: "text, json, or auto: coloured on a terminal, text elsewhere"}),

		one(size(), func(s *settings) *uint64 { return &s.node.StateCache }, option{name: "state-cache", group: groupMemory,
			help: "states kept in memory; without it 25 % of GOMEMLIMIT where that is set, else 1536MiB"}),
		one(size(), func(s *settings) *uint64 { return &s.node.DeferredCache }, option{name: "deferred-cache", group: groupMemory,
			help: "blocks and payloads that wait for something; without it 1 % of GOMEMLIMIT, else 64MiB"}),
		one(size(), func(s *settings) *uint64 { return &s.node.DataCache }, option{name: "data-cache", group: groupMemory,
			help: "columns and blobs that wait for their block; without it 8 % of GOMEMLIMIT, else 512MiB"}),
		one(size(), func(s *settings) *uint64 { return &s.node.DatabaseCache }, option{name: "database-cache", group: groupMemory,
			help: "what the database keeps of its files; without it 2 % of GOMEMLIMIT, else 64MiB"}),
	}
}

// names lists the names of options.
func names(table []option) []string {
	var all []string
	for _, o := range table {
		all = append(all, o.name)
	}
	return all
}
