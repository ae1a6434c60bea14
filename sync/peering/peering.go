package peering

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/clock"
	"github.com/cresset/cresset/beacon/p2p/peers"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/sync/driver"
	"github.com/cresset/cresset/sync/reqresp"
)

// Client asks peers. A *reqresp.Client is one.
type Client interface {
	Status(ctx context.Context, peer string, own types.Status) (types.Status, error)
	MetaData(ctx context.Context, peer string) (types.MetaData, error)
	Ping(ctx context.Context, peer string, seq uint64) (uint64, error)
	Goodbye(ctx context.Context, peer string, reason uint64) error
}

// Host is the peer manager. A *p2p.Host is one.
type Host interface {
	SetMeta(peer string, custodyGroupCount uint64, attnets, syncnets []byte)
	// Columns is the columns that a peer has to keep.
	Columns(peer string, custodyGroupCount uint64) ([]uint64, error)
	Disconnect(peer string, reason uint64, why string)
	HeardGoodbye(peer string, reason uint64)
	Report(peer string, o peers.Offence, reason string)
}

// Sync hears where peers stand. A *driver.Driver is one.
type Sync interface {
	SetPeer(peer string, s driver.PeerStatus)
	RemovePeer(peer string)
}

// Config is what a Peering is made of.
type Config struct {
	Spec  *params.Spec
	Clock *clock.Clock
	Log   *slog.Logger
	// MetaData is what this node says of itself at first.
	MetaData types.MetaData
}

// Parts is whom a Peering works with. They need it for their own making, so that it is handed them later.
type Parts struct {
	Chain   *chain.Chain
	Digests *reqresp.Digests
	Client  Client
	Host    Host
	Sync    Sync
}

// Peering exchanges what is to be known with peers.
type Peering struct {
	// static
	Config
	parts Parts

	mu struct {
		sync.Mutex
		metadata types.MetaData
		// custodySince is the slot from which on all columns in custody are here.
		custodySince types.Slot
		peers        map[string]*conversation
		begin        func(c *conversation) // starts a peer's goroutine; nil before Run and after its end
	}
}

// conversation is a connected peer.
type conversation struct {
	peer     string
	outbound bool
	ctx      context.Context
	stop     context.CancelFunc
	said     chan types.Status // what the peer said by itself, the latest
	pinged   chan uint64       // the number of its metadata, the latest
}

// New makes a Peering.
func New(cfg Config) *Peering {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	p := &Peering{Config: cfg}
	p.mu.metadata, p.mu.peers = cfg.MetaData, map[string]*conversation{}
	return p
}

// Attach hands over whom it works with. It is called once, before Run.
func (p *Peering) Attach(parts Parts) { p.parts = parts }

// Run talks to peers until the context ends.
func (p *Peering) Run(ctx context.Context) error {
	var talks sync.WaitGroup
	begin := func(c *conversation) {
		stopped := context.AfterFunc(ctx, c.stop)
		talks.Go(func() {
			defer stopped()
			p.talk(c)
		})
	}
	p.mu.Lock()
	p.mu.begin = begin
	for _, c := range p.mu.peers {
		begin(c)
	}
	p.mu.Unlock()
	<-ctx.Done()
	p.mu.Lock()
	p.mu.begin = nil
	p.mu.Unlock()
	talks.Wait()
	return nil
}

// Connected implements p2p.Handler.
func (p *Peering) Connected(peer string, outbound bool) {
	ctx, stop := context.WithCancel(context.Background())
	c := &conversation{peer: peer, outbound: outbound, ctx: ctx, stop: stop, said: make(chan types.Status, 1), pinged: make(chan uint64, 1)}
	p.mu.Lock()
	defer p.mu.Unlock()
	if old := p.mu.peers[peer]; old != nil {
		old.stop()
	}
	p.mu.peers[peer] = c
	if p.mu.begin != nil {
		p.mu.begin(c)
	}
}

// Disconnected implements p2p.Handler.
func (p *Peering) Disconnected(peer string) {
	p.mu.Lock()
	c := p.mu.peers[peer]
	delete(p.mu.peers, peer)
	p.mu.Unlock()
	if c != nil {
		c.stop() // whoever talks to it tells sync, after what it said before
	}
}

// Goodbye says goodbye to a peer.
func (p *Peering) Goodbye(ctx context.Context, peer string, reason uint64) {
	if err := p.parts.Client.Goodbye(ctx, peer, reason); err != nil {
		p.Log.Debug("a goodbye was not heard", "peer", peer, "reason", reason, "error", err)
	}
}

// OnStatus implements server.Peers.
func (p *Peering) OnStatus(peer string, s types.Status) { latest(p.find(peer).said, s) }

// OnPing implements server.Peers.
func (p *Peering) OnPing(peer string, seq uint64) { latest(p.find(peer).pinged, seq) }

// OnGoodbye implements server.Peers.
func (p *Peering) OnGoodbye(peer string, reason uint64) { p.parts.Host.HeardGoodbye(peer, reason) }

// find gives the conversation with a peer; one that nobody listens to if it is not connected.
func (p *Peering) find(peer string) *conversation {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.mu.peers[peer]; c != nil {
		return c
	}
	return &conversation{}
}

// latest puts a value into a channel of one place, instead of what is there. Several may do so at a time, of which one is the last.
func latest[T any](to chan T, v T) {
	if to == nil {
		return
	}
	select {
	case <-to:
	default:
	}
	select {
	case to <- v:
	default:
	}
}

// The times of a conversation.
const (
	// firstStatus is how long a peer that dialled us may take to say where it stands before it is asked.
	firstStatus = 2 * time.Second
	// pingEvery is how often a peer is pinged, which is also how a silent one is found out.
	pingEvery = 20 * time.Second
	// exchangeTime bounds one exchange.
	exchangeTime = 15 * time.Second
	// pingsMissed is how many pings in a row a peer may leave unanswered.
	pingsMissed = 3
)
