package chain

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/bls"
	"github.com/cresset/cresset/beacon/clock"
	"github.com/cresset/cresset/beacon/kzg"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/store"
	"github.com/cresset/cresset/beacon/synthetic"
	"github.com/cresset/cresset/beacon/types"
)

// mainnetSize is a data directory of mainnet's size that a node was killed in, the block that comes next, and where the decompressed keys
// of all validators are.
type mainnetSize struct {
	spec        *params.Spec
	genesisTime uint64
	dir, keys   string
	head        types.Root
	next        *types.SignedBeaconBlock
}

// open starts a chain on the directory.
func (m *mainnetSize) open(b *testing.B, keys *bls.KeyCache, anchor *Anchor) *Chain {
	db, err := store.Open(store.Config{Dir: m.dir, Spec: m.spec})
	check(b, err)
	setup, err := kzg.New()
	check(b, err)
	now := time.Unix(int64(m.genesisTime), 0).Add(time.Duration(m.next.Message.Slot) * 12 * time.Second)
	c, err := New(Config{
		Spec: m.spec, Store: db, Engine: believer{}, KZG: setup, Keys: keys, Anchor: anchor,
		Clock: clock.New(clock.Config{Spec: m.spec, GenesisTime: m.genesisTime, Source: clock.NewManual(now)}),
	})
	check(b, err)
	return c
}

// newMainnetSize makes the directory: fork choice as it was written at the start of an epoch, a journal of its 31 full blocks, and no
// state later than the epoch's first.
func newMainnetSize(b *testing.B) *mainnetSize {
	config := synthetic.Default(params.Mainnet(), params.Fulu, 2_400_000, 950_000)
	config.SlotInEpoch = 0
	path, err := synthetic.KeyFile(config.Seed)
	check(b, err)
	config.KeyFile = path
	state, network, err := synthetic.State(config)
	check(b, err)
	m := &mainnetSize{spec: network.Spec(), genesisTime: state.GenesisTime, dir: b.TempDir(), keys: path}
	blocks := make([]*types.SignedBeaconBlock, m.spec.SlotsPerEpoch)
	tip := state.Copy()
	for i := range blocks {
		blocks[i], tip, err = network.NextBlock(tip)
		check(b, err)
	}
	m.next = blocks[len(blocks)-1]
	m.head = m.next.Message.ParentRoot
	keys, err := bls.LoadKeyCache(path)
	check(b, err)
	c := m.open(b, keys, &Anchor{State: state.BeaconState})
	m.run(b, c, func() {
		_, err := c.ImportSegment(context.Background(), blocks[:len(blocks)-1], Replay)
		check(b, err)
	})
	check(b, c.store.Close()) // without save: it was killed
	check(b, keys.Close())
	return m
}

// run has the chain's writer run beside a function, and nothing else that could write to disk.
func (m *mainnetSize) run(b *testing.B, c *Chain, f func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.write(ctx) }()
	f()
	cancel()
	<-ended
}

// A start on a data directory of mainnet's size, 31 full blocks after the last state on disk: until the head is back (start-s, of which
// keys-s is the file of keys), and until the next block is verified with all its signatures (next-block-s). Warm has all keys in the key
// cache's file, cold none. Nothing that a pass does stays on disk.
func BenchmarkStart(b *testing.B) {
	m := newMainnetSize(b)
	empty := filepath.Join(b.TempDir(), "keys")
	for _, kind := range []struct{ name, keys string }{{"Warm", m.keys}, {"Cold", empty}} {
		b.Run(kind.name, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				runtime.GC()
				check(b, os.RemoveAll(empty))
				b.StartTimer()
				begin := time.Now()
				keys, err := bls.LoadKeyCache(kind.keys)
				check(b, err)
				loaded := time.Now()
				c := m.open(b, keys, nil)
				back := time.Now()
				if head := c.Snapshot().Head.Root; head != m.head {
					b.Fatalf("head is %v, want %v", head, m.head)
				}
				in, err := c.newIncoming(m.next, RangeSync)
				check(b, err)
				_, err = c.verifyBlock(context.Background(), in)
				check(b, err)
				b.ReportMetric(loaded.Sub(begin).Seconds(), "keys-s")
				b.ReportMetric(back.Sub(begin).Seconds(), "start-s")
				b.ReportMetric(time.Since(back).Seconds(), "next-block-s")
				b.StopTimer()
				check(b, c.store.Close())
				check(b, keys.Close())
				b.StartTimer()
			}
		})
	}
}
