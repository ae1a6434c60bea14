package node

import (
	"context"
	"log/slog"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cresset/cresset/beacon/bls"
	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/clock"
	"github.com/cresset/cresset/beacon/engine"
	"github.com/cresset/cresset/beacon/kzg"
	"github.com/cresset/cresset/beacon/metrics"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/pool"
	"github.com/cresset/cresset/beacon/recorded"
	"github.com/cresset/cresset/beacon/store"
	"github.com/cresset/cresset/beacon/synthetic"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/sync/driver"
)

// believer is an execution client that believes everything.
type believer struct{}

func (believer) NewPayload(context.Context, params.Fork, *transition.NewPayloadRequest) (engine.PayloadStatus, error) {
	return engine.PayloadStatus{Status: engine.Valid}, nil
}

func (believer) ForkchoiceUpdated(context.Context, params.Fork, engine.ForkchoiceState, *engine.PayloadAttributes) (engine.PayloadStatus, *engine.PayloadID, error) {
	return engine.PayloadStatus{Status: engine.Valid}, nil, nil
}

func (believer) PowBlock(context.Context, types.Hash32) (*engine.PowBlock, error) { return nil, nil }

// benchChain is a chain to sync, and the point that it begins at.
type benchChain struct {
	spec   *params.Spec
	anchor func() *types.BeaconState // one that nobody else writes to
	keys   *bls.KeyCache             // that all nodes share; nil for one each
	blocks []*types.SignedBeaconBlock
	maker  *synthetic.Chain // of the blocks; nil for recorded ones
	now    types.Slot
}

// benchNode is a node without files of its own, with a chain and a network on the loopback interface.
type benchNode struct {
	*node
	begun time.Time // when it began to look for peers
	stop  func()
}

// start runs a node at the chain's anchor, or with all blocks. Blob data is out of its retention period.
func (c *benchChain) start(b *testing.B, full bool, static ...string) *benchNode {
	b.Helper()
	anchor := c.anchor()
	dir := b.TempDir()
	n := &node{
		cfg: Config{DataDir: dir, Networking: &Networking{Listen: []string{"127.0.0.1"}, Loose: true, NoDiscovery: true, Local: true, NoBackfill: true, Static: static, Peers: 150}},
		log: slog.New(slog.DiscardHandler), spec: c.spec, metrics: metrics.New(), keys: c.keys,
	}
	var err error
	n.clock = clock.New(clock.Config{Spec: c.spec, GenesisTime: anchor.GenesisTime, Offset: time.Until(time.Unix(int64(anchor.GenesisTime), 0).Add(time.Duration(uint64(c.now)*c.spec.SlotDurationMs) * time.Millisecond))})
	n.store, err = store.Open(store.Config{Dir: dir, Spec: c.spec})
	check(b, err)
	n.kzg, err = kzg.New()
	check(b, err)
	check(b, n.newHost(anchor.GenesisValidatorsRoot, nil))
	genesisTime, root := anchor.GenesisTime, anchor.GenesisValidatorsRoot
	columns, err := n.custodyColumns()
	check(b, err)
	n.pool = pool.New(pool.Config{Spec: c.spec})
	n.chain, err = chain.New(chain.Config{
		Spec: c.spec, Store: n.store, Engine: believer{}, Clock: n.clock, Keys: c.keys, KZG: n.kzg, Custody: columns, Anchor: &chain.Anchor{State: anchor},
	})
	check(b, err)
	ctx, cancel := context.WithCancel(context.Background())
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return n.chain.Run(ctx) })
	for i := 0; full && i < len(c.blocks); i += 32 {
		_, err := n.chain.ImportSegment(ctx, c.blocks[i:min(i+32, len(c.blocks))], chain.Replay)
		check(b, err)
	}
	out := &benchNode{node: n, begun: time.Now()}
	check(b, n.connect(genesisTime, root))
	g.Go(func() error { return n.runNetwork(ctx) })
	out.stop = func() {
		cancel()
		_ = g.Wait() // it was told to end
		check(b, n.net.host.Close())
		check(b, n.store.Close())
	}
	return out
}

func check(b testing.TB, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// address is where a node listens for TCP.
func (n *benchNode) address(b *testing.B) string {
	b.Helper()
	for _, a := range n.net.host.Identity().P2PAddresses {
		if strings.Contains(a, "/tcp/") {
			return a
		}
	}
	b.Fatal("no address")
	return ""
}

// sync has an empty node sync from another one. It gives the time since the node first looked for peers, and since it had compared what
// they have with its own, and what both nodes used of all cores meanwhile.
func (c *benchChain) sync(b *testing.B, from *benchNode) (all, blocks, cpu time.Duration) {
	b.Helper()
	want := from.chain.Snapshot().Head.Root
	n := c.start(b, false, from.address(b))
	defer n.stop()
	var asked time.Time
	deadline := time.Now().Add(10 * time.Minute)
	for n.chain.Snapshot().Head.Root != want {
		if stage := n.net.driver.Progress().Stage; asked.IsZero() && (stage == driver.Finalized || stage == driver.Head) {
			asked, cpu = time.Now(), synthetic.CPUTime()
		}
		if time.Now().After(deadline) {
			b.Fatalf("not synced: %v", n.net.driver.Progress())
		}
		time.Sleep(2 * time.Millisecond)
	}
	return time.Since(n.begun), time.Since(asked), synthetic.CPUTime() - cpu
}

// signatures is how long it takes to verify the signatures of all blocks and nothing else, with all public keys decompressed: the sums of
// the attesters' keys on all cores, and the statements in batches of an epoch's blocks. It gives what that uses of all cores, too.
func (c *benchChain) signatures(b *testing.B) (took, cpu time.Duration) {
	b.Helper()
	state, err := transition.NewState(c.anchor(), transition.NewEnv(c.keys))
	check(b, err)
	for i := 0; i < len(c.blocks); {
		end := min(i+int(c.spec.SlotsPerEpoch), len(c.blocks))
		batch := &transition.SignatureBatch{}
		var attesting [][]types.ValidatorIndex
		for ; i < end; i++ {
			_, err := transition.StateTransition(state, c.blocks[i], transition.Hooks{Signatures: batch})
			check(b, err)
			for k := range c.blocks[i].Message.Body.Attestations {
				members, err := state.Attesting(&c.blocks[i].Message.Body.Attestations[k])
				check(b, err)
				attesting = append(attesting, members)
			}
		}
		sets := batch.Take()
		_, err := state.Freeze()
		check(b, err)
		frozen := state.Frozen()
		state = state.Copy()
		start, work := time.Now(), synthetic.CPUTime()
		var g errgroup.Group
		g.SetLimit(runtime.GOMAXPROCS(0))
		for _, members := range attesting {
			g.Go(func() error {
				_, err := frozen.SumKeys(members)
				return err
			})
		}
		check(b, g.Wait())
		check(b, bls.VerifyBatch(sets))
		took += time.Since(start)
		cpu += synthetic.CPUTime() - work
	}
	return took, cpu
}

// BenchmarkSync has an empty node sync from another one over libp2p on the loopback interface, every signature and state root checked:
// a recorded chain, and 64 full blocks on a state with 2.4 million validators, of whom one million are active. "x-signatures" is its time,
// from the first request for blocks to the head, as a multiple of that of summing the attesters' keys and verifying the same signatures in
// batches of an epoch, and nothing else; "x-with-connecting" is that of the time from when it first looks for a peer, "cpu-x-signatures" is of the time on all cores, the node that
// serves included. All are the best of the passes.
func BenchmarkSync(b *testing.B) {
	for _, c := range []struct {
		name string
		make func(b *testing.B) *benchChain
	}{{"Recorded", recordedChain}, {"Mainnet", func(b *testing.B) *benchChain { return mainnetChain(b, func(string) {}) }}} {
		b.Run(c.name, func(b *testing.B) {
			chain := c.make(b)
			source := chain.start(b, true)
			defer source.stop()
			bestAll, bestBlocks, bestWork := time.Hour, time.Hour, time.Hour
			bound, boundWork := time.Hour, time.Hour
			for b.Loop() {
				b.StopTimer()
				took, work := chain.signatures(b)
				bound, boundWork = min(bound, took), min(boundWork, work)
				runtime.GC()
				b.StartTimer()
				all, blocks, work := chain.sync(b, source)
				bestAll, bestBlocks, bestWork = min(bestAll, all), min(bestBlocks, blocks), min(bestWork, work)
			}
			b.ReportMetric(float64(len(chain.blocks))/bestBlocks.Seconds(), "blocks/s")
			b.ReportMetric(float64(bestBlocks)/float64(bound), "x-signatures")
			b.ReportMetric(float64(bestAll)/float64(bound), "x-with-connecting")
			b.ReportMetric(float64(bestWork)/float64(boundWork), "cpu-x-signatures")
			b.ReportMetric(float64(bound.Milliseconds()), "signatures-ms")
		})
	}
}

// recordedChain is the longer of the recorded chains.
func recordedChain(b *testing.B) *benchChain {
	c, err := recorded.Load("deneb-to-fulu")
	check(b, err)
	return &benchChain{spec: c.Spec, blocks: c.Blocks, now: outOfRetention(c.Spec, c.Head().Message.Slot), anchor: func() *types.BeaconState {
		state, err := c.GenesisState()
		check(b, err)
		return state
	}}
}

// mainnetChain is 64 full blocks. Made is told of the larger things when they are made.
func mainnetChain(b *testing.B, made func(what string)) *benchChain {
	config := synthetic.Default(params.Mainnet(), params.Fulu, 2_400_000, 1_000_000)
	config.SlotInEpoch = 0
	path, err := synthetic.KeyFile(config.Seed)
	check(b, err)
	config.KeyFile = path
	config.Spec, _, err = config.Spec.Override([]byte("MIN_EPOCHS_FOR_DATA_COLUMN_SIDECARS_REQUESTS: 0")) // so that votes can be for the head
	check(b, err)
	state, network, err := synthetic.State(config)
	check(b, err)
	made("the state of 2.4 million validators, and its keys in the cache")
	out := &benchChain{spec: network.Spec(), maker: network, anchor: func() *types.BeaconState { return state.Copy().BeaconState }}
	tip := state.Copy()
	for range 64 {
		signed, next, err := network.NextBlock(tip)
		check(b, err)
		out.blocks, tip = append(out.blocks, signed), next
	}
	out.now = outOfRetention(out.spec, out.blocks[63].Message.Slot)
	tip = nil
	made("64 full blocks, and what making them left")
	out.keys, err = bls.LoadKeyCache(filepath.Clean(path))
	check(b, err)
	made("the cache of keys")
	b.Cleanup(func() { _ = out.keys.Close() })
	return out
}

// outOfRetention is a slot at which nobody has to have the blob data of blocks of a slot.
func outOfRetention(spec *params.Spec, slot types.Slot) types.Slot {
	return slot + types.Slot((uint64(spec.MinEpochsForDataColumnSidecarsRequests)+1)*spec.SlotsPerEpoch)
}
