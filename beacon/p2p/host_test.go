package p2p

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/cresset/cresset/beacon/p2p/peers"
	"github.com/cresset/cresset/beacon/params"
)

// Nodes connect over TCP and over QUIC, over IPv4 and IPv6; both sides hear of it, and who dialled.
//
// Spec: "All implementations MUST support the QUIC (UDP) libp2p transport and the TCP libp2p transport", for dialing and listening (phase0).
func TestNodesConnect(t *testing.T) {
	for _, ip := range []netip.Addr{loopback4, loopback6} {
		for _, transport := range []string{"tcp", "quic-v1"} {
			t.Run(ip.String()+" "+transport, func(t *testing.T) {
				cfg := config(t)
				cfg.Listen = []netip.Addr{ip}
				h, err := New(cfg)
				if err != nil {
					t.Fatal(err)
				}
				err = h.Listen()
				if closed := h.Close(); closed != nil {
					t.Error(closed)
				}
				if err != nil { // A machine without IPv6: the operator is to see why.
					if !strings.Contains(err.Error(), "/"+ip.String()+"/") {
						t.Errorf("%v does not name the address", err)
					}
					return
				}
				cfg.Dir = t.TempDir()
				a := newNode(t, cfg).run()
				cfg.Dir, cfg.Static = t.TempDir(), []string{a.addr(transport)}
				b := newNode(t, cfg).run()
				until(t, "connected", connected(a, b))
				until(t, "a hears", func() bool { return a.heard(b.ID()+" dialled us") == 1 })
				until(t, "b hears", func() bool { return b.heard(a.ID()+" was dialled") == 1 })
				if p := b.peer(a.ID()); !strings.Contains(p.Addr, transport) || p.Direction != peers.Outbound || !p.Static {
					t.Errorf("b sees %+v", p)
				}
				until(t, "identify", func() bool { return a.peer(b.ID()).Agent == "cresset" })
				until(t, "a is known to be reachable", func() bool { return a.count("cresset_reachable") == 1 })
				b.end()
				until(t, "a hears", func() bool { return a.heard(b.ID()+" is gone") == 1 })
			})
		}
	}
}

// A port that is taken is named.
func TestAPortThatIsTakenIsNamed(t *testing.T) {
	a := newNode(t, config(t)).run()
	cfg := config(t)
	cfg.Ports.TCP = a.port(true, false)
	h, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if err := h.Run(ctx); err == nil || !strings.Contains(err.Error(), "listen on "+multiaddr(loopback4, "tcp", cfg.Ports.TCP)) {
		t.Errorf("%v does not name the port", err)
	}
}

// Who is dropped is told goodbye while it is still connected, and does not come back, though it tries.
func TestABannedPeerCannotComeBack(t *testing.T) {
	t.Parallel()
	var a *node
	type farewell struct {
		peer      string
		reason    uint64
		connected network.Connectedness
	}
	goodbyes := make(chan farewell, 10)
	cfg := config(t)
	cfg.Goodbye = func(ctx context.Context, name string, reason uint64) {
		id, err := ParsePeer(name)
		if err != nil {
			t.Error(err)
		}
		if _, ok := ctx.Deadline(); !ok {
			t.Error("a goodbye without a deadline")
		}
		goodbyes <- farewell{name, reason, a.Libp2p().Network().Connectedness(id)}
	}
	a = newNode(t, cfg).run()
	cfg = config(t)
	cfg.Static = []string{a.addr("quic-v1"), a.addr("tcp")}
	b := newNode(t, cfg).run()
	until(t, "connected", connected(a, b))
	a.Report(b.ID(), peers.Fatal, "for the test")
	if g := <-goodbyes; g != (farewell{b.ID(), peers.GoodbyeBanned, network.Connected}) {
		t.Errorf("%+v", g)
	}
	until(t, "b is gone", func() bool { return a.heard(b.ID()+" is gone") == 1 })
	until(t, "b tries again", func() bool { return a.count(`cresset_connections_refused_total{reason="banned"}`) >= 2 })
	if n := a.heard(b.ID() + " dialled us"); n != 1 {
		t.Errorf("b came %d times", n)
	}
	if c := a.Counts(); c.Connected != 0 || c.Banned != 1 {
		t.Errorf("%+v", c)
	}
	if s := a.peer(b.ID()).Score; s > -99 {
		t.Errorf("score %v", s)
	}
	if n := a.count(`cresset_goodbyes_total{reason="251"}`); n != 1 {
		t.Errorf("%v goodbyes are counted", n)
	}
}

// A static peer that goes is dialled until it is there again.
func TestAStaticPeerIsDialledAgain(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	a := newNode(t, cfg).run()
	cfg.Ports.TCP, cfg.Ports.QUIC = a.port(true, false), a.port(true, true)
	other := config(t)
	other.Static = []string{a.addr("tcp")}
	b := newNode(t, other).run()
	until(t, "connected", connected(a, b))
	a.end()
	until(t, "a is gone", func() bool { return b.heard(a.ID()+" is gone") == 1 })
	until(t, "b tries", func() bool { return b.peer(a.ID()).State == "connecting" })
	again := newNode(t, cfg).run() // with the same key
	if again.ID() != a.ID() {
		t.Fatalf("%s came back as %s", a.ID(), again.ID())
	}
	until(t, "connected again", connected(again, b))
	until(t, "b hears", func() bool { return b.heard(a.ID()+" was dialled") == 2 })
}

// One address has no more peers than it may have.
func TestOneAddressHasFewPeers(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	cfg.Peers.ExemptLocal, cfg.Peers.PerAddress = false, 2
	a := newNode(t, cfg).run()
	cfg = config(t)
	cfg.Static = []string{a.addr("tcp")}
	for range 3 {
		cfg.Dir = t.TempDir()
		newNode(t, cfg).run()
	}
	until(t, "two are in", func() bool { return a.Counts().Connected == 2 })
	until(t, "the third tries", func() bool { return a.count(`cresset_connections_refused_total{reason="limit"}`) >= 3 })
	if c := a.Counts(); c.Connected != 2 {
		t.Errorf("%+v", c)
	}
}

// The layers above speak over streams: to who is connected, in protocols that both speak.
func TestStreams(t *testing.T) {
	a, cfg := newNode(t, config(t)).run(), config(t)
	cfg.Static = []string{a.addr("quic-v1")}
	b := newNode(t, cfg).run()
	until(t, "connected", connected(a, b))
	asked := make(chan string, 1)
	a.Handle("/echo/1", func(peer string, s network.Stream) {
		asked <- peer
		data, err := io.ReadAll(s)
		if err == nil {
			_, err = s.Write(data)
		}
		if err = errors.Join(err, s.Close()); err != nil {
			t.Error(err)
		}
	})
	s, err := b.Open(t.Context(), a.ID(), "/echo/1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if err := s.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if data, err := io.ReadAll(s); err != nil || string(data) != "hello" {
		t.Errorf("%q, %v", data, err)
	}
	if peer := <-asked; peer != b.ID() {
		t.Errorf("asked by %s", peer)
	}
	if _, err := b.Open(t.Context(), a.ID(), "/other/1"); !errors.Is(err, ErrUnsupported) {
		t.Errorf("%v, want unsupported", err)
	}
	a.Unhandle("/echo/1")
	c := newNode(t, config(t)).run()
	if _, err := b.Open(t.Context(), c.ID(), "/echo/1"); !errors.Is(err, ErrNotConnected) {
		t.Errorf("%v, want not connected", err)
	}
	if _, err := b.Open(t.Context(), "nobody", "/echo/1"); !errors.Is(err, ErrPeerID) {
		t.Errorf("%v, want no peer id", err)
	}
}

// What a peer says of its custody is brought to what makes sense, and needs are met by it.
func TestMetadataMeetsNeeds(t *testing.T) {
	spec := params.Minimal()
	a, cfg := newNode(t, config(t)).run(), config(t)
	cfg.Static = []string{a.addr("tcp")}
	b := newNode(t, cfg).run()
	until(t, "connected", connected(a, b))
	needs := map[peers.Need]int{{Kind: peers.Attestation, Index: 9}: 1, {Kind: peers.SyncCommittee, Index: 3}: 1}
	for c := range spec.NumberOfColumns {
		needs[peers.Need{Kind: peers.Column, Index: c}] = 1
	}
	a.SetNeeds(needs)
	unmet := func() map[peers.Need]int {
		a.Host.mu.Lock()
		defer a.Host.mu.Unlock()
		return a.Host.mu.peers.Unmet()
	}
	if n := len(unmet()); n != len(needs) {
		t.Errorf("%d needs are unmet, want all", n)
	}
	a.SetMeta(b.ID(), 0, nil, nil) // at least CUSTODY_REQUIREMENT groups are kept
	if n, want := len(unmet()), len(needs)-int(spec.CustodyRequirement*spec.NumberOfColumns/spec.NumberOfCustodyGroups); n != want {
		t.Errorf("%d needs are unmet, want %d", n, want)
	}
	a.SetMeta(b.ID(), 1<<60, []byte{0, 2, 0, 0, 0, 0, 0, 0, 255, 255}, []byte{8})
	if n := unmet(); len(n) != 0 {
		t.Errorf("%v are unmet", n)
	}
	columns, err := a.Columns(b.ID(), spec.NumberOfCustodyGroups)
	if err != nil || uint64(len(columns)) != spec.NumberOfColumns {
		t.Errorf("%d columns, %v", len(columns), err)
	}
	until(t, "the metric follows", func() bool {
		return a.count(`cresset_peer_needs_unmet{kind="column"}`) == 0 && a.count("libp2p_peers") == 1
	})
}

// A disconnect of the layers above is one with their reason.
func TestDisconnect(t *testing.T) {
	t.Parallel()
	reasons := make(chan uint64, 10)
	cfg := config(t)
	cfg.Goodbye = func(_ context.Context, _ string, reason uint64) { reasons <- reason }
	a := newNode(t, cfg).run()
	cfg = config(t)
	cfg.Static = []string{a.addr("tcp")}
	b := newNode(t, cfg).run()
	until(t, "connected", connected(a, b))
	a.Disconnect(b.ID(), peers.GoodbyeWrongNetwork, "for the test")
	until(t, "b hears", func() bool { return b.heard(a.ID()+" is gone") >= 1 })
	if r := <-reasons; r != peers.GoodbyeWrongNetwork {
		t.Errorf("reason %d", r)
	}
	until(t, "b comes back", connected(a, b))
	a.end()
	for r := range reasons {
		if r == peers.GoodbyeShutDown {
			break
		}
	}
}

// A host that was closed leaves no goroutine behind.
func TestNothingIsLeftBehind(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 2 {
		cfg := config(t)
		cfg.NoDiscovery = false
		h, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Listen(); err != nil {
			t.Fatal(err)
		}
		if err := h.Close(); err != nil {
			t.Error(err)
		}
		if err := h.Close(); err != nil {
			t.Errorf("closed again: %v", err)
		}
	}
	deadline := time.Now().Add(20 * time.Second)
	for runtime.NumGoroutine() > before {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// What makes no sense is said before anything is opened.
func TestConfigIsChecked(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"no spec":               func(c *Config) { c.Spec = nil },
		"no directory":          func(c *Config) { c.Dir = "" },
		"one address to listen": func(c *Config) { c.Listen = []netip.Addr{loopback4, loopback4} },
		"not an address":        func(c *Config) { c.Announce = []netip.Addr{{}} },
		"cannot share":          func(c *Config) { c.NoDiscovery = false; c.Ports = Ports{QUIC: 9000} },
		"attnets of 3 bytes":    func(c *Config) { c.Local.Attnets = []byte{1, 2, 3} },
		"syncnets of 2 bytes":   func(c *Config) { c.Local.Syncnets = []byte{1, 2} },
		"custody group count":   func(c *Config) { c.Local.CustodyGroupCount = 1 << 20 },
		"static peer":           func(c *Config) { c.Static = []string{"/ip4/1.2.3.4/tcp/9000"} },
		"no address of TCP":     func(c *Config) { c.Static = []string{bareRecord(t)} },
		"trusted peer":          func(c *Config) { c.Peers.Trusted = []string{"somebody"} },
		"boot node":             func(c *Config) { c.Boot = []string{"enr:-x"} },
		"not the address": func(c *Config) {
			c.Boot = []string{"/ip4/1.2.3.4/tcp/9000/p2p/16Uiu2HAmTXjCgjTo1v8mv4FTNSioHR5XAjqM1KK8AWchBD4iUSyU"}
		},
	} {
		cfg := config(t)
		change(&cfg)
		if h, err := New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
			if err == nil {
				t.Error(h.Close())
			}
		}
	}
}

// The addresses that the operator gives are told to others, with the ports that are listened on.
func TestAnnouncedAddresses(t *testing.T) {
	cfg := config(t)
	cfg.Announce = []netip.Addr{netip.MustParseAddr("81.2.3.4")}
	n := newNode(t, cfg)
	defer n.Close()
	until(t, "they are told", func() bool {
		text := strings.Join(n.Identity().P2PAddresses, " ")
		return strings.Contains(text, multiaddr(cfg.Announce[0], "tcp", n.port(true, false))+"/p2p/") &&
			strings.Contains(text, multiaddr(cfg.Announce[0], "udp", n.port(true, true))+"/p2p/")
	})
	r, err := ParseRecord(cfg.Spec, n.ENR())
	if err != nil || len(r.TCP) != 1 || r.TCP[0] != netip.AddrPortFrom(cfg.Announce[0], n.port(true, false)) {
		t.Errorf("%+v, %v", r, err)
	}
}

// A peer that came and went before anybody heard of it was never there, so that a slow handler does not cost memory.
func TestNewsAreBounded(t *testing.T) {
	h, err := New(config(t))
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mu.news = []news{{peer: "a", up: true}, {peer: "b"}, {peer: "c", up: true}}
	h.hearOfLossLocked("a")
	h.hearOfLossLocked("d")
	if want := []news{{peer: "b"}, {peer: "c", up: true}, {peer: "d"}}; !slices.Equal(h.mu.news, want) {
		t.Errorf("%+v, want %+v", h.mu.news, want)
	}
}
