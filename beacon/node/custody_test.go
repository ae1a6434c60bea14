package node

import (
	"context"
	"log/slog"
	"math"
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/clock"
	"github.com/cresset/cresset/beacon/kzg"
	"github.com/cresset/cresset/beacon/metrics"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/simnet"
	"github.com/cresset/cresset/beacon/store"
	"github.com/cresset/cresset/beacon/store/kv"
	"github.com/cresset/cresset/beacon/types"
)

// keeper is a node with a network, in slot 5, and nobody to talk to.
type keeper struct {
	*node
	t    *testing.T
	sim  *simnet.Network
	stop func()
}

// newKeeper starts one on a disk.
func newKeeper(t *testing.T, disk *kv.Memory, dir string, supernode bool) *keeper {
	t.Helper()
	const genesis = 1_700_000_000
	spec, err := simnet.Spec(params.Fulu)
	check(t, err)
	sim, err := simnet.New(spec, 64, genesis)
	check(t, err)
	n := &node{
		cfg: Config{DataDir: dir, Networking: &Networking{Listen: []string{"127.0.0.1"}, Loose: true, NoDiscovery: true, Supernode: supernode}},
		log: slog.New(slog.DiscardHandler), spec: spec, metrics: metrics.New(),
		clock: clock.New(clock.Config{Spec: spec, GenesisTime: genesis, Source: clock.NewManual(time.Unix(genesis, 0).Add(5 * spec.SlotDuration()))}),
	}
	n.store, err = store.Open(store.Config{Memory: disk, Spec: spec})
	check(t, err)
	n.kzg, err = kzg.New()
	check(t, err)
	check(t, n.newHost(sim.GenesisState().GenesisValidatorsRoot, nil))
	columns, err := n.custodyColumns()
	check(t, err)
	n.chain, err = chain.New(chain.Config{
		Spec: spec, Store: n.store, Engine: believer{}, Clock: n.clock, KZG: n.kzg, Custody: columns, Anchor: &chain.Anchor{State: sim.GenesisState()},
	})
	check(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.chain.Run(ctx) }()
	return &keeper{n, t, sim, func() {
		cancel()
		check(t, <-ended)
		check(t, n.net.host.Close())
		check(t, n.store.Close())
	}}
}

// wants compares what it keeps, and what the chain does.
func (k *keeper) wants(when string, groups uint64, since types.Slot) {
	k.t.Helper()
	if have := k.net.keeps(); have != (custody{groups, since}) {
		k.t.Errorf("%s: it keeps %+v, want %d groups since slot %d", when, have, groups, since)
	}
	if have := len(k.chain.Custody()); have != int(groups*k.spec.NumberOfColumns/k.spec.NumberOfCustodyGroups) {
		k.t.Errorf("%s: the chain keeps %d columns of %d groups", when, have, groups)
	}
}

// carry imports a block with a blob, and the columns that are asked for.
func (k *keeper) carry(slot types.Slot) types.Root {
	k.t.Helper()
	blob, commitment, err := simnet.Blob(k.kzg, 1)
	check(k.t, err)
	block, tip, err := k.sim.BlockOf(k.sim.Genesis(), slot, simnet.Content{Commitments: []types.KZGCommitment{commitment}})
	check(k.t, err)
	columns, err := k.sim.Columns(k.kzg, block, blob)
	check(k.t, err)
	check(k.t, k.chain.ImportColumns(context.Background(), columns))
	if outcome, err := k.chain.ImportBlock(context.Background(), block, chain.API); err != nil || outcome != chain.Applied {
		k.t.Fatalf("the block is %v, %v", outcome, err)
	}
	return tip.Root
}

// A node that is started again and told to keep everything has what it kept before, not everything: it keeps the rest from the next slot on, and asks for
// that of the past. It never keeps less.
func TestANodeThatIsToldToKeepMoreSaysFromWhenOnItDoes(t *testing.T) {
	disk, dir := kv.NewMemory(), t.TempDir()
	k := newKeeper(t, disk, dir, false)
	few, all := k.spec.CustodyRequirement, k.spec.NumberOfCustodyGroups
	k.wants("at first", few, 0)
	root := k.carry(3)
	check(t, k.growCustody(t.Context(), 5))
	k.wants("without validators", few, 0)
	k.stop()

	k = newKeeper(t, disk, dir, true)
	k.wants("started as a supernode", few, 0)
	check(t, k.growCustody(t.Context(), 5))
	k.wants("a slot later", all, 6)
	found, reached, err := gaps{k.node}.Gaps(math.MaxUint64, 8)
	if check(t, err); len(found) != 1 || found[0].Block.Root != root || len(found[0].Columns) == 0 || reached != 0 {
		t.Errorf("%d blocks lack columns down to slot %d", len(found), reached)
	}
	k.wants("while something is missing", all, 6)
	k.stop()

	k = newKeeper(t, disk, dir, false)
	defer k.stop()
	k.wants("started without being told", all, 6)
	check(t, k.growCustody(t.Context(), 5))
	k.wants("a slot later", all, 6)
}

// A node that is told so from the beginning keeps everything from the first block on.
func TestANewSupernodeKeepsEverything(t *testing.T) {
	k := newKeeper(t, kv.NewMemory(), t.TempDir(), true)
	defer k.stop()
	k.wants("at first", k.spec.NumberOfCustodyGroups, 0)
	k.carry(3)
	check(t, k.growCustody(t.Context(), 5))
	k.wants("a slot later", k.spec.NumberOfCustodyGroups, 0)
}
