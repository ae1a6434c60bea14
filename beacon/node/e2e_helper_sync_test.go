//go:build e2e

package node

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/metrics"
	"github.com/cresset/cresset/beacon/p2p"
	"github.com/cresset/cresset/beacon/p2p/peers"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/recorded"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/sync/driver"
	"github.com/cresset/cresset/sync/peering"
	"github.com/cresset/cresset/sync/reqresp"
	"github.com/cresset/cresset/sync/server"
)

// syncStage is a recorded chain, its files, and nodes of it, whose clock stands two slots after the chain's head when the stage is set.
type syncStage struct {
	t              *testing.T
	chain          *recorded.Chain
	files          string
	offset         time.Duration
	checkpointSlot types.Slot
	level          slog.Level // of logs
}

func newSyncStage(t *testing.T, name string) *syncStage {
	t.Helper()
	c, err := recorded.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	s := &syncStage{t: t, level: slog.LevelDebug, chain: c, files: t.TempDir(), offset: time.Until(c.TimeAt(c.Head().Message.Slot + 2))}
	if err := recorded.Unpack(name, s.files); err != nil {
		t.Fatal(err)
	}
	return s
}

// config is that of a node with a data directory of its own.
func (s *syncStage) config(t *testing.T) Config {
	return Config{
		DataDir: t.TempDir(), NetworkConfig: filepath.Join(s.files, "config.yaml"), Genesis: filepath.Join(s.files, "genesis.ssz_snappy"),
		ExecutionEndpoints: []string{EmbeddedEngine}, ClockOffset: s.offset,
		HTTPAddress: "127.0.0.1:0",
		Networking:  &Networking{Listen: []string{"127.0.0.1"}, Loose: true, NoDiscovery: true, Local: true},
	}
}

// runningNode is a node that runs until the test ends.
type runningNode struct {
	*node
	log *logFile
}

// logFile keeps a node's log and shows it if the test fails.
type logFile struct{ *os.File }

func newLog(t *testing.T, name string, level slog.Level) (*logFile, *slog.Logger) {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), name+".log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			text, _ := os.ReadFile(f.Name())
			lines := strings.Split(string(text), "\n")
			t.Logf("the end of the log of %s:\n%s", name, strings.Join(lines[max(0, len(lines)-120):], "\n"))
		}
		_ = f.Close()
	})
	return &logFile{f}, slog.New(slog.NewTextHandler(f, &slog.HandlerOptions{Level: level}))
}

// start runs a node.
func (s *syncStage) start(t *testing.T, name string, change func(*Config)) *runningNode {
	t.Helper()
	cfg := s.config(t)
	change(&cfg)
	file, log := newLog(t, name, s.level)
	ctx, cancel := context.WithCancel(context.Background())
	started, ended := make(chan *node, 1), make(chan error, 1)
	go func() {
		ended <- run(ctx, cfg, log, func(ctx context.Context, n *node) error {
			started <- n
			<-ctx.Done()
			return nil
		})
	}()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("%s ended: %v", name, err)
			}
		case <-time.After(30 * time.Second):
			t.Errorf("%s does not end", name)
		}
	})
	select {
	case n := <-started:
		return &runningNode{n, file}
	case err := <-ended:
		ended <- nil
		t.Fatalf("%s does not start: %v", name, err)
		return nil
	}
}

// source is a node that has the whole chain, imported from files, with all columns.
func (s *syncStage) source() *runningNode {
	s.t.Helper()
	cfg := s.config(s.t)
	cfg.Networking = nil
	_, log := newLog(s.t, "import", s.level)
	files := ImportConfig{Blocks: filepath.Join(s.files, "blocks"), Columns: filepath.Join(s.files, "columns")}
	if len(s.chain.Blobs) > 0 {
		files.Blobs = filepath.Join(s.files, "blobs")
	}
	summary, err := Import(s.t.Context(), cfg, files, log)
	if err != nil {
		s.t.Fatal(err)
	}
	if summary.Blocks != len(s.chain.Blocks) {
		s.t.Fatalf("imported %d blocks, want %d", summary.Blocks, len(s.chain.Blocks))
	}
	return s.start(s.t, "source", func(c *Config) {
		c.DataDir = cfg.DataDir
		c.Networking.Supernode = true
	})
}

// address is where a node can be reached over a transport.
func (n *runningNode) address(t *testing.T, transport string) []string {
	t.Helper()
	for _, a := range n.net.host.Identity().P2PAddresses {
		if strings.Contains(a, "/"+transport) {
			return []string{a}
		}
	}
	t.Fatalf("no address of %s among %v", transport, n.net.host.Identity().P2PAddresses)
	return nil
}

// badPeer is a peer that has the source's chain and answers some requests in its own way; leave ends it. It gives the peer's address.
func (s *syncStage) badPeer(t *testing.T, source *runningNode, change func(h map[reqresp.Method]reqresp.Handler, leave func())) string {
	t.Helper()
	n := source.node
	_, root, err := n.store.Genesis()
	if err != nil {
		t.Fatal(err)
	}
	talk := peering.New(peering.Config{Spec: n.spec, Clock: n.clock, MetaData: types.MetaData{SeqNumber: 1, CustodyGroupCount: n.spec.NumberOfCustodyGroups,
		Attnets: make([]byte, n.spec.AttestationSubnetCount/8), Syncnets: make([]byte, 1)}})
	fork, next := p2p.Forks(n.spec, root, n.clock.CurrentEpoch())
	host, err := p2p.New(p2p.Config{
		Spec: n.spec, Dir: t.TempDir(), Listen: n.net.listen, Ports: p2p.Ports{Loose: true}, Peers: peers.Config{ExemptLocal: true}, NoDiscovery: true,
		Local: p2p.Local{Fork: fork, NextForkDigest: next}, Handler: talk, Goodbye: talk.Goodbye, Log: slog.New(slog.DiscardHandler),
		Metrics: metrics.NewP2P(metrics.New()), Now: n.clock.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	digests, table := reqresp.NewDigests(n.spec, root), reqresp.NewTable(n.spec)
	client := reqresp.NewClient(reqresp.ClientConfig{Table: table, Digests: digests, Opener: opener{host}, Clock: n.clock})
	talk.Attach(peering.Parts{Chain: n.chain, Digests: digests, Client: client, Host: host, Sync: nobody{}})
	handlers := server.Handlers(server.Config{
		Spec: n.spec, Clock: n.clock, Chain: server.FromChain(n.chain), Blocks: n.store, Data: n.store, History: talk, Peers: talk,
	})
	ctx, cancel := context.WithCancel(context.Background())
	change(handlers, cancel)
	answers := reqresp.NewServer(reqresp.ServerConfig{Table: table, Digests: digests, Clock: n.clock, Handlers: handlers})
	server.NewOffer(host, answers).Update(ctx)
	if err := host.Listen(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 2)
	go func() { ended <- host.Run(ctx) }()
	go func() { ended <- talk.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		for range 2 {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	})
	return host.Identity().P2PAddresses[0]
}

// nobody does not care where peers stand.
type nobody struct{}

func (nobody) SetPeer(string, driver.PeerStatus) {}
func (nobody) RemovePeer(string)                 {}

func until(t *testing.T, what string, most time.Duration, met func() bool) {
	t.Helper()
	for deadline := time.Now().Add(most); !met(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v in vain until %s", most, what)
		}
	}
}

// wantRecorded waits until a node has the recorded head, verified by the execution client, and compares finality, statuses and balances.
func (s *syncStage) wantRecorded(t *testing.T, n *runningNode, total *tally) {
	t.Helper()
	m := &s.chain.Manifest
	until(t, "the head is the recorded one", 2*time.Minute, func() bool {
		head := n.chain.Snapshot()
		return head.Head.Root.String() == m.Head.Root && !head.Optimistic
	})
	head := n.chain.Snapshot()
	if head.Head.StateRoot.String() != m.Head.StateRoot || head.Head.Slot != m.Head.Slot {
		t.Errorf("head is of slot %d with state %v, want %+v", head.Head.Slot, head.Head.StateRoot, m.Head)
	}
	state, err := n.chain.HeadState(context.Background(), head)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.chain.CheckValidators(state); err != nil {
		t.Error(err)
	}
	last := m.Epochs[len(m.Epochs)-1].Finality
	if !last.Finalized.Is(state.FinalizedCheckpoint) || !last.Current.Is(state.CurrentJustifiedCheckpoint) || !last.Previous.Is(state.PreviousJustifiedCheckpoint) {
		t.Errorf("checkpoints are %v, %v, %v, want %+v", state.PreviousJustifiedCheckpoint, state.CurrentJustifiedCheckpoint, state.FinalizedCheckpoint, last)
	}
	if head.Finalized != state.FinalizedCheckpoint {
		t.Errorf("finalized is %v, want %v", head.Finalized, state.FinalizedCheckpoint)
	}
	s.wantAPI(t, n)
	total.compared++
}

// wantAPI compares the validators of the head as the Beacon API gives them with those that the other client's gave.
func (s *syncStage) wantAPI(t *testing.T, n *runningNode) {
	t.Helper()
	response, err := http.Get(n.apiURL + "/eth/v1/beacon/states/head/validators")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	type entry struct {
		Index, Balance, Status string
		Validator              map[string]any
	}
	var answer struct {
		ExecutionOptimistic bool `json:"execution_optimistic"`
		Data                []entry
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	want := s.chain.Manifest.Validators
	if response.StatusCode != http.StatusOK || answer.ExecutionOptimistic || len(answer.Data) != len(want) {
		t.Fatalf("HTTP status %d, optimistic %v, %d validators, want %d", response.StatusCode, answer.ExecutionOptimistic, len(answer.Data), len(want))
	}
	for i, w := range want {
		e := entry{Index: w.Index, Balance: w.Balance, Status: w.Status}
		if err := json.Unmarshal(w.Validator, &e.Validator); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(answer.Data[i], e) {
			t.Errorf("validator %d is %v, want %v", i, answer.Data[i], e)
		}
	}
}

// historyEnd is the slot from which on blocks have to be kept.
func (n *runningNode) historyEnd() types.Slot {
	keep := types.Epoch(n.spec.ComputeMinEpochsForBlockRequests())
	now := n.clock.CurrentEpoch()
	if now <= keep {
		return params.GenesisSlot
	}
	return types.Slot(uint64(now-keep) * n.spec.SlotsPerEpoch)
}
