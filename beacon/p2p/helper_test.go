package p2p

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/metrics"
	"github.com/cresset/cresset/beacon/p2p/peers"
	"github.com/cresset/cresset/beacon/params"
)

var (
	loopback4 = netip.MustParseAddr("127.0.0.1")
	loopback6 = netip.MustParseAddr("::1")
)

// node is a host that runs, and what its handler heard.
type node struct {
	*Host
	t        *testing.T
	registry *metrics.Registry
	stop     context.CancelFunc
	done     chan error

	mu struct {
		sync.Mutex
		heard []string
	}
}

// Connected is part of Handler.
func (n *node) Connected(peer string, outbound bool) {
	direction := " dialled us"
	if outbound {
		direction = " was dialled"
	}
	n.hear(peer + direction)
}

// Disconnected is part of Handler.
func (n *node) Disconnected(peer string) { n.hear(peer + " is gone") }

func (n *node) hear(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mu.heard = append(n.mu.heard, text)
}

// heard counts what the handler heard.
func (n *node) heard(text string) (count int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, h := range n.mu.heard {
		if h == text {
			count++
		}
	}
	return count
}

// config is that of a node on loopback.
func config(t *testing.T) Config {
	return Config{
		Spec: params.Minimal(), Dir: t.TempDir(), Listen: []netip.Addr{loopback4}, Ports: Ports{Loose: true}, NoDiscovery: true,
		Peers: peers.Config{ExemptLocal: true, RedialBase: 20 * time.Millisecond},
	}
}

// newNode makes a node that listens.
func newNode(t *testing.T, cfg Config) *node {
	t.Helper()
	n := &node{t: t, registry: metrics.New(), done: make(chan error, 1)}
	cfg.Handler, cfg.Metrics = n, metrics.NewP2P(n.registry)
	var err error
	if n.Host, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	if err := n.Listen(); err != nil {
		t.Fatal(err)
	}
	return n
}

// run runs it until the test ends, or end.
func (n *node) run() *node {
	ctx, cancel := context.WithCancel(context.Background())
	n.stop = cancel
	go func() { n.done <- n.Run(ctx) }()
	n.t.Cleanup(n.end)
	return n
}

func (n *node) end() {
	n.stop()
	if err := <-n.done; err != nil {
		n.t.Errorf("the node ended with: %v", err)
	}
	n.done <- nil // for whoever ends it again
}

// addr is the node's address with a transport: tcp or quic-v1.
func (n *node) addr(transport string) string {
	for _, a := range n.Identity().P2PAddresses {
		if strings.Contains(a, "/"+transport+"/") {
			return a
		}
	}
	n.t.Fatalf("no address with %s in %v", transport, n.Identity().P2PAddresses)
	return ""
}

// count is a metric's value.
func (n *node) count(metric string) float64 {
	w := httptest.NewRecorder()
	n.registry.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for line := range strings.Lines(w.Body.String()) {
		if value, ok := strings.CutPrefix(line, metric+" "); ok {
			f, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				n.t.Fatal(err)
			}
			return f
		}
	}
	return 0
}

// until waits for what other goroutines and sockets have to do first.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	const patience, step = 30 * time.Second, 5 * time.Millisecond
	for range patience / step {
		if ok() {
			return
		}
		time.Sleep(step)
	}
	t.Fatalf("waited in vain: %s", what)
}

func connected(a, b *node) func() bool {
	return func() bool {
		return a.peer(b.ID()).State == "connected" && b.peer(a.ID()).State == "connected"
	}
}

// peer is what a node knows of a peer, nothing if it knows none of that name.
func (n *node) peer(id string) PeerInfo {
	list := n.Peers()
	if i := slices.IndexFunc(list, func(p PeerInfo) bool { return p.ID == id }); i >= 0 {
		return list[i]
	}
	return PeerInfo{}
}

// lines is a log that can be read.
type lines struct {
	mu struct {
		sync.Mutex
		strings.Builder
	}
}

// Write is part of io.Writer.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.Builder.Write(p)
}

func (l *lines) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func (l *lines) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.Builder.String()
}

func (l *lines) contain(text string) bool { return strings.Contains(l.text(), text) }
