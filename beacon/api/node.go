package api

import (
	"context"

	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/engine"
	"github.com/cresset/cresset/beacon/kzg"
	"github.com/cresset/cresset/beacon/store"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/sync/driver"
	"github.com/cresset/cresset/sync/server"
)

// Node is what the server answers from, once the chain is ready.
type Node struct {
	Chain *chain.Chain
	Store *store.Store
	// KZG recovers blobs from columns.
	KZG *kzg.Context
	// Engine is how the execution clients are; an *engine.Client is one. Nil where there is none to be offline.
	Engine Engine
	// Sync is how far the node is; a *driver.Driver is one. Nil while it does not sync from peers.
	Sync Sync
	// Light is what light clients are given; a *server.Light is one. Nil where nothing is derived for them.
	Light Light
	// Network is this node among others. Nil while it talks to nobody.
	Network Network
	// Pool is the operations that wait for a block. Nil where nothing is pooled: the lists are empty then.
	Pool Pool
	// Topics are topics of events that somebody gives to Publish, beside those of the chain.
	Topics []string
}

// Engine tells how the execution clients are.
type Engine interface{ Health() engine.Health }

// Sync tells how far the node is.
type Sync interface{ Progress() driver.Progress }

// Light is what light clients are given. False means that it is not at hand.
type Light interface {
	Bootstrap(ctx context.Context, root types.Root) (server.LightItem, bool)
	Updates(start, count uint64) []server.LightItem
	FinalityUpdate() (server.LightItem, bool)
	OptimisticUpdate() (server.LightItem, bool)
}

// Network is this node among others. It never waits.
type Network interface {
	Identity() Identity
	// Peers is all peers that are known of, in any state.
	Peers() []Peer
	// CheckPeerID says why a text is not the id of a peer.
	CheckPeerID(id string) error
}

// Identity is what others know this node by.
type Identity struct {
	PeerID             string
	ENR                string
	P2PAddresses       []string // multiaddresses
	DiscoveryAddresses []string
	MetaData           types.MetaData
}

// Peer is another node.
type Peer struct {
	ID        string
	ENR       string // empty if it is not known
	Address   string // multiaddress of the last connection
	State     PeerState
	Direction PeerDirection
}

// PeerState is how a peer is connected. Spec: PeerConnectionState (types/p2p.yaml).
type PeerState string

// The states.
const (
	Disconnected  PeerState = "disconnected"
	Connecting    PeerState = "connecting"
	Connected     PeerState = "connected"
	Disconnecting PeerState = "disconnecting"
)

// PeerDirection is who began a connection. Spec: PeerConnectionDirection (types/p2p.yaml).
type PeerDirection string

// The directions.
const (
	Inbound  PeerDirection = "inbound"
	Outbound PeerDirection = "outbound"
)

// Pool is the operations that wait for a block. What it gives is not changed any more.
type Pool interface {
	Attestations() []*types.Attestation
	AttesterSlashings() []*types.AttesterSlashing
	ProposerSlashings() []*types.ProposerSlashing
	VoluntaryExits() []*types.SignedVoluntaryExit
	BLSToExecutionChanges() []*types.SignedBLSToExecutionChange
	PayloadAttestations() []*types.PayloadAttestation
}
