package nodes

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/cresset/cresset/beacon/apiclient"
	"github.com/cresset/cresset/beacon/clock"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// Tier is how good a node is for duties, best first.
type Tier uint8

// The tiers.
const (
	Healthy     Tier = iota // synced, the head's payload is verified
	Unverified              // synced, but optimistic or without an execution client
	Syncing                 // behind
	Unreachable             // does not answer
	Refused                 // of another chain: never asked
)

func (t Tier) String() string {
	return [...]string{"healthy", "unverified", "syncing", "unreachable", "refused"}[t]
}

// Config is what Nodes are made of. Durations have defaults.
type Config struct {
	Spec    *params.Spec
	Clients []*apiclient.Client
	Log     *slog.Logger
	// Genesis is what the chain is known to have begun with; nil for what the first node says.
	Genesis *params.Genesis
	// Time is the source of time; nil for the machine's clock.
	Time clock.Source
	// Hedge is how long a node may take before another one is asked the same. Default 500 ms.
	Hedge time.Duration
	// Poll is the time between two looks at a node. Default: half a slot, at most 5 s.
	Poll time.Duration
	// HoldDown is how long a node that came back is asked last among its equals. Default: 8 slots.
	HoldDown time.Duration
	// Changed hears how many nodes are of each tier whenever that changes; nil for nobody.
	Changed func(byTier [Refused + 1]int)
}

// Chain is what the nodes' chain began with.
type Chain struct {
	GenesisTime           uint64 // Unix seconds
	GenesisValidatorsRoot types.Root
}

// node is one node. Its condition is guarded by Nodes.mu.
type node struct {
	client *apiclient.Client
	condition
}

type condition struct {
	tier      Tier
	head      types.Slot
	latency   time.Duration
	heldUntil time.Time
	known     bool   // is of our chain, as far as it said since it was last unreachable
	served    bool   // could be asked at some time
	said      string // the last failure, for telling each once
	ahead     bool   // told of a head in a slot to come, which is told once
}

// Nodes is beacon nodes behind one client. It may be used by many goroutines.
type Nodes struct {
	cfg   Config
	sends sync.WaitGroup

	mu struct {
		sync.Mutex
		nodes   []*node
		chain   *Chain // nil until a node told
		head    apiclient.HeadEvent
		from    *node         // who told of the head
		changed chan struct{} // closed when the head changes
		returns int           // how often a node came
		ended   bool          // nothing is sent any more
	}
}

// New makes a client of at least one node. It asks nobody.
func New(cfg Config) *Nodes {
	if cfg.Time == nil {
		cfg.Time = clock.System{}
	}
	slot := cfg.Spec.SlotDuration()
	if cfg.Hedge == 0 {
		cfg.Hedge = 500 * time.Millisecond
	}
	if cfg.Poll == 0 {
		cfg.Poll = min(slot/2, 5*time.Second)
	}
	if cfg.HoldDown == 0 {
		cfg.HoldDown = 8 * slot
	}
	n := &Nodes{cfg: cfg}
	n.mu.changed = make(chan struct{})
	for _, c := range cfg.Clients {
		n.mu.nodes = append(n.mu.nodes, &node{client: c, condition: condition{tier: Unreachable}})
	}
	return n
}

// Chain is what a node told of the chain; nil before Connect.
func (n *Nodes) Chain() *Chain {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.mu.chain
}

// ranked is the nodes that may be asked by tier, best first.
func (n *Nodes) ranked() (tiers [Unreachable][]*node) {
	now := n.cfg.Time.Now()
	n.mu.Lock()
	defer n.mu.Unlock()
	present := n.presentLocked()
	for _, x := range n.mu.nodes {
		if x.tier < Unreachable {
			tiers[x.tier] = append(tiers[x.tier], x)
		}
	}
	for _, equals := range tiers {
		slices.SortStableFunc(equals, func(a, b *node) int {
			return cmp.Or(
				cmp.Compare(held(a, now), held(b, now)),
				cmp.Compare(min(b.head, present), min(a.head, present)),
				cmp.Compare(a.latency, b.latency),
			)
		})
	}
	return tiers
}

func held(x *node, now time.Time) int {
	if now.Before(x.heldUntil) {
		return 1
	}
	return 0
}

// Best is the tier of the best node.
func (n *Nodes) Best() Tier {
	best := Refused
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, x := range n.mu.nodes {
		best = min(best, x.tier)
	}
	return best
}

// Returns counts how often a node could be asked again, or for the first time. Whoever told nodes something for a while tells it again when there is another count:
// the node that came has forgotten it, or never heard of it.
func (n *Nodes) Returns() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.mu.returns
}

// Run watches the nodes until the context ends.
func (n *Nodes) Run(ctx context.Context) error {
	var watchers sync.WaitGroup
	for _, x := range n.all() {
		watchers.Go(func() { n.watch(ctx, x) })
		watchers.Go(func() { n.listen(ctx, x) })
	}
	watchers.Wait()
	n.mu.Lock()
	n.mu.ended = true
	n.mu.Unlock()
	n.sends.Wait()
	return ctx.Err()
}

func (n *Nodes) all() []*node {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.mu.nodes)
}

// pause waits, and tells whether the context is still alive.
func (n *Nodes) pause(ctx context.Context, d time.Duration) bool {
	after, stop := n.cfg.Time.After(d)
	defer stop()
	select {
	case <-after:
		return true
	case <-ctx.Done():
		return false
	}
}
