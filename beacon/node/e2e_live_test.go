//go:build e2e

package node

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/recorded"
	"github.com/cresset/cresset/beacon/simnet"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/gossip"
)

// liveNetwork is a network that begins in a moment, with two seconds a slot, whose validators all belong to the test.
type liveNetwork struct {
	t       *testing.T
	net     *simnet.Network
	genesis time.Time
	config  string // files
	state   string
}

func newLiveNetwork(t *testing.T, start time.Duration) *liveNetwork {
	t.Helper()
	return newLiveNetworkAt(t, time.Now().Add(start).Truncate(time.Second))
}

func newLiveNetworkAt(t *testing.T, genesis time.Time) *liveNetwork {
	t.Helper()
	return newLiveNetworkOf(t, genesis, 64)
}

// newLiveNetworkOf makes a network of so many validators. Who makes it again has the same one.
func newLiveNetworkOf(t *testing.T, genesis time.Time, validators int) *liveNetwork {
	t.Helper()
	r, err := recorded.Load("fulu")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("SLOT_DURATION_MS: 4000", "SLOT_DURATION_MS: 2000", "SECONDS_PER_SLOT: 4", "SECONDS_PER_SLOT: 2").Replace(string(r.Config))
	spec, _, err := params.Load([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	l := &liveNetwork{t: t, genesis: genesis}
	if l.net, err = simnet.New(spec, validators, uint64(l.genesis.Unix())); err != nil {
		t.Fatal(err)
	}
	state, err := l.net.GenesisState().MarshalSSZ()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	l.config, l.state = filepath.Join(dir, "config.yaml"), filepath.Join(dir, "genesis.ssz")
	for path, content := range map[string][]byte{l.config: []byte(text), l.state: state} {
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

// start runs a node that knows nobody but a boot node.
func (l *liveNetwork) start(name string, boot ...string) *runningNode {
	l.t.Helper()
	s := &syncStage{t: l.t, level: slog.LevelDebug}
	return s.start(l.t, name, func(cfg *Config) {
		cfg.NetworkConfig, cfg.Genesis, cfg.ClockOffset = l.config, l.state, 0
		cfg.Networking.NoDiscovery, cfg.Networking.Boot = false, boot
	})
}

// TestE2ELive has three nodes that find each other through one boot node follow each other by gossip for ten epochs and finalize; a fourth one
// comes late, syncs, and follows. Blocks with all votes are handed to the first node.
func TestE2ELive(t *testing.T) {
	begin := time.Now()
	l := newLiveNetwork(t, 8*time.Second)
	spec := l.net.Spec()
	first := l.start("first")
	boot := first.net.host.ENR()
	nodes := []*runningNode{first, l.start("second", boot), l.start("third", boot)}
	until(t, "all nodes have found each other", 60*time.Second, func() bool {
		for _, n := range nodes {
			if n.net.host.Counts().Connected < len(nodes)-1 {
				return false
			}
		}
		return true
	})
	found := time.Since(begin)
	tip := l.net.Genesis()
	var votes []types.Attestation
	const epochs = 10
	last := types.Slot(epochs * spec.SlotsPerEpoch)
	slowest := time.Duration(0)
	published := types.Slot(0)
	for slot := types.Slot(1); slot <= last; slot++ {
		due := l.genesis.Add(time.Duration(slot) * spec.SlotDuration())
		time.Sleep(time.Until(due))
		block, next, err := l.net.Block(tip, slot, votes, "")
		if err != nil {
			t.Fatal(err)
		}
		if time.Since(due) > spec.SlotDuration() {
			continue // the machine was busy: a slot without a block
		}
		tip = next
		if _, err := first.chain.ImportBlock(context.Background(), block, chain.Own); err != nil {
			t.Fatalf("slot %d: %v", slot, err)
		}
		handed := time.Now()
		if err := first.net.router.Publish(context.Background(), gossip.BeaconBlock, 0, block); err != nil {
			t.Errorf("slot %d: publish: %v", slot, err)
		}
		if votes, err = l.net.Votes(tip, slot, simnet.Everyone); err != nil {
			t.Fatal(err)
		}
		published = slot
		if slot == last/2 {
			nodes = append(nodes, l.start("late", boot))
		}
		if slot > last/2 && slot < last/2+types.Slot(spec.SlotsPerEpoch) {
			continue // the late one is on its way
		}
		until(t, fmt.Sprintf("slot %d is everybody's head", slot), 10*time.Second, func() bool {
			for _, n := range nodes[:min(len(nodes), 3)] {
				if n.chain.Snapshot().Head.Root != tip.Root {
					return false
				}
			}
			return true
		})
		slowest = max(slowest, time.Since(handed))
	}
	until(t, "the late node has the head", 60*time.Second, func() bool { return nodes[3].chain.Snapshot().Head.Root == tip.Root })
	for i, n := range nodes {
		if got := n.chain.Snapshot().Finalized.Epoch; got < epochs-3 {
			t.Errorf("node %d has finalized epoch %d, want at least %d", i, got, epochs-3)
		}
	}
	line := fmt.Sprintf("e2e-live: 4 nodes, 1 of them late, found through 1 boot node (3 in %.1f s), %d slots of 2 s followed by gossip, finalized epoch %d, slowest head %.2f s after its block, %.0f s: %s",
		found.Seconds(), published, first.chain.Snapshot().Finalized.Epoch, slowest.Seconds(), time.Since(begin).Seconds(), map[bool]string{false: "ok", true: "failed"}[t.Failed()])
	t.Log(line)
	if path := os.Getenv("CRESSET_SUMMARY"); path != "" {
		if err := os.WriteFile(path, []byte(line+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
