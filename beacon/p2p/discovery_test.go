package p2p

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/p2p/enode"
	"github.com/libp2p/go-libp2p/core/event"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/cresset/cresset/beacon/p2p/peers"
	"github.com/cresset/cresset/beacon/params"
)

// discovering is the config of a node on loopback that looks for others on a chain.
func discovering(t *testing.T, chain byte, boot ...string) Config {
	cfg := config(t)
	cfg.NoDiscovery, cfg.Boot = false, boot
	cfg.Local.Fork = ENRForkID{params.ForkDigest{chain}, params.Version{}, params.FarFutureEpoch}
	return cfg
}

// Three nodes find each other through one of them; one on another chain that they all meet stays alone.
func TestNodesFindEachOther(t *testing.T) {
	t.Parallel()
	boot := newNode(t, discovering(t, 1)).run()
	others := []*node{newNode(t, discovering(t, 1, boot.ENR())).run(), newNode(t, discovering(t, 1, boot.Identity().DiscoveryAddresses[0])).run()}
	foreign := newNode(t, discovering(t, 2, boot.ENR())).run()
	until(t, "a finds boot", connected(others[0], boot))
	until(t, "b finds boot", connected(others[1], boot))
	until(t, "a and b find each other", connected(others[0], others[1]))
	until(t, "the foreign one is met", func() bool { return foreign.count(`cresset_discovered_total{outcome="other chain"}`) > 0 })
	if c := foreign.Counts(); c.Connected != 0 || c.Known != 0 {
		t.Errorf("the foreign node knows %+v", c)
	}
	until(t, "records are known", func() bool {
		return strings.HasPrefix(others[0].peer(others[1].ID()).ENR, "enr:")
	})
}

// Nodes of one family each find each other through a boot node of both, as far as they can reach each other.
func TestFamiliesMeetAtOneBootNode(t *testing.T) {
	t.Parallel()
	cfg := discovering(t, 1)
	cfg.Listen = []netip.Addr{loopback4, loopback6}
	h, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	err = h.Listen()
	if closed := h.Close(); closed != nil {
		t.Error(closed)
	}
	if err != nil { // A machine without IPv6: the operator is to see why.
		if !strings.Contains(err.Error(), "::1") {
			t.Errorf("%v does not name the address", err)
		}
		return
	}
	cfg.Dir = t.TempDir()
	boot := newNode(t, cfg).run()
	four := newNode(t, discovering(t, 1, boot.ENR())).run()
	var sixes []*node
	for range 2 {
		cfg := discovering(t, 1, boot.ENR())
		cfg.Listen = []netip.Addr{loopback6}
		sixes = append(sixes, newNode(t, cfg).run())
	}
	until(t, "IPv4 finds boot", connected(four, boot))
	until(t, "IPv6 finds boot", connected(sixes[0], boot))
	until(t, "IPv6 find each other", connected(sixes[0], sixes[1]))
}

// Without the switch for development networks, private addresses that others announce are not dialled.
func TestPrivateAddressesAreNotDialled(t *testing.T) {
	cfg := discovering(t, 1)
	cfg.Peers.ExemptLocal = false
	h, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	other := newNode(t, discovering(t, 1))
	defer other.Close()
	n, err := enode.Parse(enode.ValidSchemes, other.ENR())
	if err != nil {
		t.Fatal(err)
	}
	if outcome := h.disc.judge(n); outcome != "no address" || h.Counts().Known != 0 {
		t.Errorf("%s: %+v", outcome, h.Counts())
	}
	if outcome := other.disc.judge(n); outcome != "ourselves" {
		t.Errorf("%s", outcome)
	}
}

// Nodes of a subnet are looked for around ids that would keep it.
func TestSubnetsAreLookedForWhereTheyAre(t *testing.T) {
	cfg := discovering(t, 1)
	cfg.SubscribedSubnets = func(id [32]byte) []uint64 { return []uint64{uint64(id[0] >> 2), uint64(id[0]>>2) + 1} }
	h, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if _, ok := h.disc.target(); ok {
		t.Error("something is looked for although nothing is missing")
	}
	h.SetNeeds(map[peers.Need]int{{Kind: peers.Column, Index: 3}: 1})
	if _, ok := h.disc.target(); ok {
		t.Error("columns are looked for by id")
	}
	h.SetNeeds(map[peers.Need]int{{Kind: peers.Attestation, Index: 40}: 1, {Kind: peers.Column, Index: 3}: 1})
	for range 20 {
		id, ok := h.disc.target()
		if !ok || !slices.Contains(cfg.SubscribedSubnets(id), 40) {
			t.Errorf("target %v, %t", id, ok)
		}
	}
}

// The key is made once, is its owner's alone, and is not replaced when it is damaged.
func TestIdentity(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", keyFile)
	key, err := LoadIdentity(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	again, err := LoadIdentity(path)
	if err != nil || !key.Equals(again) {
		t.Errorf("another key: %v", err)
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 1 {
		t.Errorf("files %v, %v", left, err)
	}
	for what, text := range map[string]string{
		"empty": "", "short": "00ff", "no hex": strings.Repeat("z", 64), "zero": strings.Repeat("0", 64), "beyond the order": strings.Repeat("f", 64),
		"long": strings.Repeat("1", 66), "huge": strings.Repeat("1", 100_000),
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadIdentity(path); !errors.Is(err, ErrIdentity) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", what, err)
		}
		if now, err := os.ReadFile(path); err != nil || string(now) != text {
			t.Errorf("%s: the file was changed", what)
		}
	}
	raw := strings.Repeat("1", 64)
	if err := os.WriteFile(path, []byte(raw), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadIdentity(path); !errors.Is(err, ErrIdentity) || !strings.Contains(err.Error(), "chmod") {
		t.Errorf("readable by others: %v", err)
	}
	cfg := config(t)
	if err := os.WriteFile(filepath.Join(cfg.Dir, keyFile), []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(cfg); !errors.Is(err, ErrIdentity) {
		t.Errorf("a node with a damaged key: %v", err)
	}
}

// Good peers are written to a file, and a node that starts again dials them without being told of them.
func TestGoodPeersSurviveARestart(t *testing.T) {
	t.Parallel()
	a := newNode(t, config(t)).run()
	cfg := config(t)
	remembering := cfg
	cfg.Static = []string{a.addr("quic-v1")}
	b := newNode(t, cfg).run()
	until(t, "connected", connected(a, b))
	b.SetMeta(a.ID(), 4, nil, nil)
	b.end()
	if info, err := os.Stat(filepath.Join(cfg.Dir, bookFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	again := newNode(t, remembering).run()
	until(t, "connected again", connected(a, again))
}

// A peer that dialled us is dialled after a restart, though no record of it is known: it said where it listens. The old address of this node is no
// use to it any more.
func TestWhoDialledUsIsDialledAfterARestart(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	a := newNode(t, cfg).run()
	other := config(t)
	other.Static = []string{a.addr("tcp")}
	b := newNode(t, other).run()
	until(t, "connected", connected(a, b))
	a.SetMeta(b.ID(), 4, nil, nil)
	until(t, "the place of the peer is known", func() bool {
		a.Host.mu.Lock()
		defer a.Host.mu.Unlock()
		return len(a.Host.mu.peers.Good(time.Now())) == 1
	})
	a.end()
	again := newNode(t, cfg).run()
	until(t, "it dialled", func() bool { return again.heard(b.ID()+" was dialled") == 1 })
}

// A stranger's word does not make us dial anybody else than itself.
func TestAPeerIsLocatedWhereItCameFrom(t *testing.T) {
	n := newNode(t, config(t)).run()
	other := config(t)
	other.Static = []string{n.addr("tcp")}
	b := newNode(t, other).run()
	until(t, "connected", connected(n, b))
	conn := n.Libp2p().Network().Conns()[0]
	e := event.EvtPeerIdentificationCompleted{Peer: conn.RemotePeer(), Conn: conn}
	for _, text := range []string{"/ip4/192.0.2.1/tcp/1", "/dns4/example.com/tcp/1", "/ip4/127.0.0.1/tcp/1/p2p/" + n.ID() + "/p2p-circuit", "/ip6/::1/tcp/1"} {
		e.ListenAddrs = append(e.ListenAddrs, ma.StringCast(text))
	}
	if c := located(e); len(c.Addrs) != 0 {
		t.Errorf("addresses %v", c.Addrs)
	}
	for i := range 20 {
		e.ListenAddrs = append(e.ListenAddrs, ma.StringCast(fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", 1000+i)))
	}
	if c := located(e); len(c.Addrs) != mostAddrs || len(c.IPs) != mostAddrs || c.Addrs[0] != "/ip4/127.0.0.1/tcp/1000" {
		t.Errorf("addresses %v, IPs %v; want the first %d", c.Addrs, c.IPs, mostAddrs)
	}
}

// Who was banned is banned after a restart, too.
func TestBansOutlastARestart(t *testing.T) {
	const bad = "16Uiu2HAmTXjCgjTo1v8mv4FTNSioHR5XAjqM1KK8AWchBD4iUSyU"
	cfg := config(t)
	for _, start := range []string{"first", "second"} {
		h, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if start == "first" {
			h.Report(bad, peers.Fatal, "test")
			h.saveBook()
		}
		all := h.Peers()
		if len(all) != 1 || all[0].ID != bad || all[0].BannedUntil.IsZero() {
			t.Errorf("%s start: %+v, want that %s is banned", start, all, bad)
		}
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A file of peers that is damaged is told of, and the node starts without it.
func TestADamagedFileOfPeers(t *testing.T) {
	good := signed(t)
	for what, text := range map[string]string{
		"empty": "", "no JSON": "{", "another version": `{"version":2}`, "no address": `{"version":1,"peers":[{}]}`,
		"no record": `{"version":1,"peers":[{"enr":"enr:-x"}]}`, "a record without address": `{"version":1,"peers":[{"enr":"` + good + `"}]}`,
		"two peers as one": `{"version":1,"peers":[{"addrs":["/ip4/1.2.3.4/tcp/1/p2p/QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N","/ip4/1.2.3.4/tcp/1/p2p/16Uiu2HAmTXjCgjTo1v8mv4FTNSioHR5XAjqM1KK8AWchBD4iUSyU"]}]}`,
		"a ban of nobody":  `{"version":1,"peers":[],"bans":[{"id":"x"}]}`, "many bans": `{"version":1,"peers":[],"bans":[` + strings.Repeat("{},", 1000) + `{}]}`,
		"huge": strings.Repeat(" ", bookBytes+1), "many": `{"version":1,"peers":[` + strings.Repeat("{},", 1000) + `{}]}`,
	} {
		cfg := config(t)
		if err := os.WriteFile(filepath.Join(cfg.Dir, bookFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var logged lines
		cfg.Log = logged.logger()
		h, err := New(cfg)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if n := h.Counts().Known; n != 0 {
			t.Errorf("%s: %d peers are known", what, n)
		}
		if !logged.contain("the file of peers cannot be used") {
			t.Errorf("%s: nothing is said: %v", what, logged.text())
		}
		h.saveBook()
		if _, _, err := h.readBook(filepath.Join(cfg.Dir, bookFile)); err != nil {
			t.Errorf("%s: the file that was written anew: %v", what, err)
		}
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	}
}

// router forwards what it is asked for, but for ports that others have.
type router struct {
	mu struct {
		sync.Mutex
		open map[int]string
	}
	taken map[int]bool
}

func (r *router) AddMapping(protocol string, outside, _ int, _ string, _ time.Duration) (uint16, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.taken[outside] {
		outside++
	}
	if protocol != "TCP" && protocol != "UDP" {
		return 0, errors.New("unknown protocol " + protocol)
	}
	r.mu.open[outside] = protocol
	return uint16(outside), nil
}

func (r *router) DeleteMapping(_ string, outside, _ int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.mu.open, outside)
	return nil
}

func (r *router) ExternalIP() (net.IP, error) { return net.IPv4(81, 2, 3, 4), nil }

// String is part of nat.Interface.
func (r *router) String() string { return "test" }

func (r *router) forwards(ports ...uint16) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range ports {
		if r.mu.open[int(p)] == "" {
			return false
		}
	}
	return len(r.mu.open) == len(ports)
}

// A router is asked for all three ports, its address comes into our record, a port that is not ours is given back, and at the end all are.
func TestPortsOfARouter(t *testing.T) {
	cfg := discovering(t, 1)
	cfg.Listen = []netip.Addr{netip.IPv4Unspecified()}
	var logged lines
	cfg.Log = logged.logger()
	h := newNode(t, cfg)
	defer h.Close()
	tcp, quic, disc := h.port(true, false), h.port(true, true), h.disc.port
	r := &router{taken: map[int]bool{int(quic): true}}
	r.mu.open = map[int]string{}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- h.mapPortsWith(ctx, r) }()
	until(t, "ports are forwarded", func() bool { return r.forwards(tcp, disc) && logged.contain("offers another port") })
	until(t, "the address is in the record", func() bool {
		record, err := ParseRecord(cfg.Spec, h.ENR())
		return err == nil && len(record.TCP) == 1 && record.TCP[0].Addr() == netip.MustParseAddr("81.2.3.4")
	})
	stop()
	if err := <-done; err == nil {
		t.Error("ended without a reason")
	}
	if !r.forwards() {
		t.Error("ports are still forwarded")
	}
}

// The node id is what custody and subnets are computed from: the hash of the key.
func TestNodeIDOfHost(t *testing.T) {
	h, err := New(config(t))
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	id, err := NodeID(h.ID())
	if err != nil || id != h.NodeID() || id == sha256.Sum256(nil) || id == [32]byte{} {
		t.Errorf("%x, %x, %v", id, h.NodeID(), err)
	}
}
