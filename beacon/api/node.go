package api

import (
	"context"

	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/health"
	"github.com/cresset/cresset/beacon/kzg"
	"github.com/cresset/cresset/beacon/producer"
	"github.com/cresset/cresset/beacon/store"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/gossip/router"
	"github.com/cresset/cresset/gossip/subnets"
	"github.com/cresset/cresset/sync/server"
)

// Node is what the server answers from, once the chain is ready.
type Node struct {
	Chain *chain.Chain
	Store *store.Store
	// KZG recovers blobs from columns.
	KZG *kzg.Context
	// Engine is how the execution clients are; an *engine.Client is one. Nil where there is none to be offline.
	Engine health.Engine
	// Sync is how far the node is; a *driver.Driver is one. Nil while it does not sync from peers.
	Sync health.Sync
	// Light is what light clients are given; a *server.Light is one. Nil where nothing is derived for them.
	Light Light
	// Network is this node among others. Nil while it talks to nobody.
	Network Network
	// Pool is the operations that wait for a block. Nil where nothing is pooled: the lists are empty then.
	Pool Pool
	// Publisher sends what validators sign; a *router.Router is one. Nil while the node talks to nobody: nothing is taken then.
	Publisher Publisher
	// Sidecars makes what travels apart from a block out of the blobs and proofs that came with it. Nil where Publisher is.
	Sidecars func(signed *types.SignedBeaconBlock, blobs [][]byte, proofs []types.KZGProof) (router.Data, error)
	// Producer makes blocks. Nil where none are made.
	Producer Producer
	// Aggregates sums up votes. Nil where nothing is pooled.
	Aggregates Aggregates
	// Duties hears of the validators that use this node. Nil while the node talks to nobody.
	Duties Duties
	// Witness is whose votes were heard; a *gossip.Seen is one. Nil for those in blocks only.
	Witness Witness
	// Topics are topics of events that somebody gives to Publish, beside those of the chain.
	Topics []string
}

// Publisher sends what validators sign, if the rules of gossip have nothing against it.
type Publisher interface {
	// PublishAll gives an error for each message; see router.Router.
	PublishAll(ctx context.Context, messages ...router.Outgoing) []error
	SubmitBlock(ctx context.Context, p router.Proposal) error
}

// Producer makes blocks.
type Producer interface {
	Produce(ctx context.Context, r producer.Request) (*producer.Produced, error)
	// Prepare says where the payments of blocks of validators go, from now on.
	Prepare(ctx context.Context, all []producer.Preparation) error
}

// Aggregates sums up votes that are pooled. What it gives is not changed any more; the error is pool.ErrNone if there is none.
type Aggregates interface {
	// AggregateAttestation is the best aggregate of a committee's votes for data with a root.
	AggregateAttestation(slot types.Slot, data types.Root, committee types.CommitteeIndex) (*types.Attestation, error)
	// SyncContribution is the best sum of a sync subcommittee's messages for a block.
	SyncContribution(slot types.Slot, block types.Root, subcommittee uint64) (*types.SyncCommitteeContribution, error)
}

// Duties hears of the validators that use this node, so that it is on the subnets that they need. It never waits.
type Duties interface {
	// Attach says that validators use this node.
	Attach(validators []types.ValidatorIndex)
	SubscribeCommittees(subscriptions []subnets.Committee)
	SubscribeSync(subscriptions []subnets.Sync)
}

// Witness tells whose votes were heard.
type Witness interface {
	Attested(epoch types.Epoch, validator types.ValidatorIndex) bool
}

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
	Attestations(fits func(data *types.AttestationData, committee types.CommitteeIndex) bool) []*types.Attestation
	AttesterSlashings() []*types.AttesterSlashing
	ProposerSlashings() []*types.ProposerSlashing
	VoluntaryExits() []*types.SignedVoluntaryExit
	BLSToExecutionChanges() []*types.SignedBLSToExecutionChange
	PayloadAttestations() []*types.PayloadAttestation
}
