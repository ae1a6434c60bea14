package nodes

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cresset/cresset/beacon/apiclient"
	"github.com/cresset/cresset/beacon/types"
)

// ErrOtherChain is what errors.Is finds where a node is not of the configured chain.
var ErrOtherChain = errors.New("beacon node is of another chain")

// Connect waits for a node of our chain. It fails when the context ends, and with ErrOtherChain when every node answered and all are of other chains.
func (n *Nodes) Connect(ctx context.Context) (*Chain, error) {
	for {
		var refused []error
		nodes := n.all()
		for _, x := range nodes {
			if err := n.look(ctx, x); errors.Is(err, ErrOtherChain) {
				refused = append(refused, err)
			}
		}
		if chain := n.Chain(); chain != nil {
			return chain, nil
		}
		if len(refused) == len(nodes) {
			return nil, errors.Join(refused...)
		}
		if !n.pause(ctx, n.cfg.Poll) {
			return nil, ctx.Err()
		}
	}
}

// watch looks at a node again and again.
func (n *Nodes) watch(ctx context.Context, x *node) {
	for {
		_ = n.look(ctx, x) // told by look itself
		if !n.pause(ctx, n.cfg.Poll) {
			return
		}
	}
}

// look asks a node how far it is, and first what it is where that is not known.
func (n *Nodes) look(ctx context.Context, x *node) error {
	n.mu.Lock()
	known := x.known
	n.mu.Unlock()
	if !known {
		if err := n.identify(ctx, x); err != nil {
			tier := Unreachable
			if errors.Is(err, ErrOtherChain) {
				tier = Refused
			}
			n.judge(ctx, x, tier, err)
			return err
		}
	}
	begin := n.cfg.Time.Now()
	status, err := x.client.Syncing(ctx)
	if err != nil {
		n.judge(ctx, x, Unreachable, err)
		return err
	}
	tier := Healthy
	switch {
	case status.Syncing:
		tier = Syncing
	case status.Optimistic || status.ELOffline:
		tier = Unverified
	}
	n.mu.Lock()
	x.latency, x.head = n.cfg.Time.Now().Sub(begin), max(x.head, status.Head)
	if status.Syncing {
		x.head = status.Head
	}
	n.mu.Unlock()
	n.judge(ctx, x, tier, nil)
	return nil
}

// judge takes note of a node's tier, and tells of a change.
func (n *Nodes) judge(ctx context.Context, x *node, tier Tier, why error) {
	if ctx.Err() != nil {
		return
	}
	n.mu.Lock()
	before, said := x.tier, x.said
	x.tier, x.said = tier, ""
	if why != nil {
		x.said = why.Error()
	}
	switch {
	case tier >= Unreachable:
		x.known = false
	case before >= Unreachable && x.served:
		x.heldUntil = n.cfg.Time.Now().Add(n.cfg.HoldDown)
	}
	x.served = x.served || tier < Unreachable
	var count [Refused + 1]int
	for _, y := range n.mu.nodes {
		count[y.tier]++
	}
	n.mu.Unlock()
	if n.cfg.Changed != nil {
		n.cfg.Changed(count)
	}
	switch {
	case tier == Refused && (before != tier || said != why.Error()):
		n.cfg.Log.Error("a beacon node is refused; give this network's node or this node's network", "node", x.client, "error", why)
	case tier == Unreachable && (before != tier || said == ""):
		n.cfg.Log.Warn("a beacon node does not answer; it is asked again and again, start it or look at its log", "node", x.client, "error", why)
	case before != tier && tier < Unreachable:
		n.cfg.Log.Info("beacon node", "node", x.client, "is", tier, "was", before)
	}
}

// identify asks a node what it is, and compares that with the configuration and with the nodes before it.
func (n *Nodes) identify(ctx context.Context, x *node) error {
	values, err := x.client.SpecValues(ctx)
	if err != nil {
		return err
	}
	if err := n.compare(values); err != nil {
		return err
	}
	forks, err := x.client.ForkSchedule(ctx)
	if err != nil {
		return err
	}
	slices.SortStableFunc(forks, func(a, b types.Fork) int { return int(int64(min(a.Epoch, 1<<62)) - int64(min(b.Epoch, 1<<62))) })
	genesis, err := x.client.Genesis(ctx)
	if err != nil {
		return err
	}
	return n.accept(x, genesis, forks)
}

// decisive tells whether a value of the configuration has to be the same: those that say what is signed, and when.
func decisive(key string) bool {
	switch key {
	case "PRESET_BASE", "SLOTS_PER_EPOCH", "SLOT_DURATION_MS", "SECONDS_PER_SLOT", "MAX_COMMITTEES_PER_SLOT", "TARGET_COMMITTEE_SIZE", "MAX_VALIDATORS_PER_COMMITTEE",
		"SYNC_COMMITTEE_SIZE", "EPOCHS_PER_SYNC_COMMITTEE_PERIOD", "DEPOSIT_CHAIN_ID", "DEPOSIT_NETWORK_ID":
		return true
	}
	return strings.HasSuffix(key, "_FORK_VERSION") || strings.HasSuffix(key, "_FORK_EPOCH")
}

func (n *Nodes) compare(told map[string]string) error {
	for _, v := range n.cfg.Spec.Values() {
		if text, ok := told[v.Key]; ok && decisive(v.Key) && !strings.EqualFold(text, v.Text) {
			return fmt.Errorf("%w: %s is %.80q there, %q in the configuration", ErrOtherChain, v.Key, text, v.Text)
		}
	}
	return nil
}

// accept takes a node in, if it is of the same chain as those before it.
func (n *Nodes) accept(x *node, genesis apiclient.Genesis, forks []types.Fork) error {
	for _, f := range forks {
		if want := n.cfg.Spec.ComputeForkVersion(f.Epoch); f.Epoch < 1<<62 && f.CurrentVersion != want && lastOf(forks, f.Epoch) == f {
			return fmt.Errorf("%w: the fork schedule has version %v from epoch %d on there, %v in the configuration", ErrOtherChain, f.CurrentVersion, f.Epoch, want)
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	switch c := n.mu.chain; {
	case c == nil:
		n.mu.chain = &Chain{genesis.Time, genesis.ValidatorsRoot, forks}
	case c.GenesisValidatorsRoot != genesis.ValidatorsRoot:
		return fmt.Errorf("%w: genesis validators root is %v there, %v at the others", ErrOtherChain, genesis.ValidatorsRoot, c.GenesisValidatorsRoot)
	case c.GenesisTime != genesis.Time:
		return fmt.Errorf("%w: genesis is at %d there, at %d at the others", ErrOtherChain, genesis.Time, c.GenesisTime)
	}
	x.known = true
	return nil
}

// lastOf is the last fork of an epoch.
func lastOf(forks []types.Fork, epoch types.Epoch) (last types.Fork) {
	for _, f := range forks {
		if f.Epoch == epoch {
			last = f
		}
	}
	return last
}

// silence is how long an event stream may say nothing at all.
func (n *Nodes) silence() time.Duration { return max(3*n.cfg.Spec.SlotDuration(), 45*time.Second) }
