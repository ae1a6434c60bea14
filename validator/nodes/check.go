package nodes

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cresset/cresset/beacon/apiclient"
	"github.com/cresset/cresset/beacon/params"
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
	took := n.cfg.Time.Now().Sub(begin)
	credible := n.credible(x, status.Head)
	n.mu.Lock()
	x.latency = took
	switch {
	case !credible:
		x.head = 0
	case status.Syncing:
		x.head = status.Head
	default:
		x.head = max(x.head, status.Head)
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
	if before >= Unreachable && tier < Unreachable {
		n.mu.returns++
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

// identify asks a node what it is, and compares that with the configuration and its genesis with that of the nodes before it.
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
	if err := n.compareForks(forks); err != nil {
		return err
	}
	genesis, err := x.client.Genesis(ctx)
	if err != nil {
		return err
	}
	return n.accept(x, genesis)
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

// compareForks refuses a node that lacks a fork that comes into force by our configuration, or has one that ours has not. Forks without an epoch are of no account,
// and neither are those that another one of the same epoch replaces.
func (n *Nodes) compareForks(told []types.Fork) error {
	spec := n.cfg.Spec
	for _, fork := range params.Forks() {
		epoch, version := spec.ForkEpoch(fork), spec.ForkVersion(fork)
		if epoch == params.FarFutureEpoch || spec.ForkAtEpoch(epoch) != fork {
			continue
		}
		if !slices.ContainsFunc(told, func(f types.Fork) bool { return f.Epoch == epoch && f.CurrentVersion == version }) {
			return fmt.Errorf("%w: the fork schedule has no version %v from epoch %d on there, which is %v in the configuration; it has %v", ErrOtherChain, version, epoch, fork, schedule(told))
		}
	}
	for _, f := range told {
		if f.Epoch < params.FarFutureEpoch && !n.has(f) {
			return fmt.Errorf("%w: the fork schedule has version %v from epoch %d on there, %v in the configuration", ErrOtherChain, f.CurrentVersion, f.Epoch, spec.ComputeForkVersion(f.Epoch))
		}
	}
	return nil
}

// has tells whether a fork is one of our configuration, with its epoch.
func (n *Nodes) has(f types.Fork) bool {
	return slices.ContainsFunc(params.Forks(), func(fork params.Fork) bool {
		return n.cfg.Spec.ForkVersion(fork) == f.CurrentVersion && n.cfg.Spec.ForkEpoch(fork) == f.Epoch
	})
}

// accept takes a node in, if its chain began as that of those before it.
func (n *Nodes) accept(x *node, genesis apiclient.Genesis) error {
	if known := n.cfg.Genesis; known != nil && (genesis.Time != known.Time || genesis.ValidatorsRoot != known.ValidatorsRoot) {
		return fmt.Errorf("%w: genesis is at %d with validators root %v there, the network's is at %d with %v",
			ErrOtherChain, genesis.Time, genesis.ValidatorsRoot, known.Time, types.Root(known.ValidatorsRoot))
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	switch c := n.mu.chain; {
	case c == nil:
		n.mu.chain = &Chain{genesis.Time, genesis.ValidatorsRoot}
	case c.GenesisValidatorsRoot != genesis.ValidatorsRoot:
		return fmt.Errorf("%w: genesis validators root is %v there, %v at the others", ErrOtherChain, genesis.ValidatorsRoot, c.GenesisValidatorsRoot)
	case c.GenesisTime != genesis.Time:
		return fmt.Errorf("%w: genesis is at %d there, at %d at the others", ErrOtherChain, genesis.Time, c.GenesisTime)
	}
	x.known = true
	return nil
}

// schedule is forks as text, of which a hostile node may have many.
func schedule(forks []types.Fork) string {
	const most = 16
	var parts []string
	for _, f := range forks[:min(len(forks), most)] {
		parts = append(parts, fmt.Sprintf("%v from %d", f.CurrentVersion, f.Epoch))
	}
	if len(forks) > most {
		parts = append(parts, "...")
	}
	return strings.Join(parts, ", ")
}

// silence is how long an event stream may say nothing at all.
func (n *Nodes) silence() time.Duration { return max(3*n.cfg.Spec.SlotDuration(), 45*time.Second) }
