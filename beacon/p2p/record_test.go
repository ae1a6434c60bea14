package p2p

import (
	"bytes"
	"crypto/ecdsa"
	"encoding/base64"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	gethcrypto "github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/p2p/enode"
	"github.com/ethereum/go-ethereum/p2p/enr"

	"github.com/cresset/cresset/beacon/p2p/peers"
	"github.com/cresset/cresset/beacon/params"
)

func newKey(t testing.TB) *ecdsa.PrivateKey {
	key, err := gethcrypto.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// signed is a record with entries.
func signed(t testing.TB, entries ...enr.Entry) string {
	var r enr.Record
	for _, e := range entries {
		r.Set(e)
	}
	if err := enode.SignV4(&r, newKey(t)); err != nil {
		t.Fatal(err)
	}
	n, err := enode.New(enode.ValidSchemes, &r)
	if err != nil {
		t.Fatal(err)
	}
	return n.String()
}

func bareRecord(t testing.TB) string { return signed(t) }

// fuluSpec has Fulu scheduled, and a change of blob parameters and Gloas after it.
func fuluSpec() *params.Spec {
	spec := *params.Mainnet()
	return &spec
}

// A record says what it was given, with the addresses of both families, QUIC first.
//
// Spec: "ENR structure" (phase0; altair, fulu).
func TestOurRecordSaysWhatItWasGiven(t *testing.T) {
	spec := fuluSpec()
	cfg := config(t)
	cfg.Spec, cfg.Listen, cfg.NoDiscovery = spec, []netip.Addr{loopback4, loopback6}, false
	cfg.Local = Local{
		Fork:           ENRForkID{params.ForkDigest{1, 2, 3, 4}, params.Version{5}, 77},
		NextForkDigest: params.ForkDigest{9}, Attnets: []byte{1, 0, 0, 0, 0, 0, 0, 128}, Syncnets: []byte{3}, CustodyGroupCount: 8,
	}
	h, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if err := h.Listen(); err != nil {
		if !strings.Contains(err.Error(), "::1") {
			t.Fatal(err)
		}
		return // a machine without IPv6, and the error says so
	}
	r, err := ParseRecord(spec, h.ENR())
	if err != nil {
		t.Fatal(err)
	}
	if *r.Fork != cfg.Local.Fork || r.NextForkDigest != cfg.Local.NextForkDigest || r.CustodyGroupCount != 8 ||
		!bytes.Equal(r.Attnets, cfg.Local.Attnets) || !bytes.Equal(r.Syncnets, cfg.Local.Syncnets) || r.PeerID != h.ID() || r.NodeID != h.NodeID() {
		t.Errorf("%+v", r)
	}
	c := r.Contact(spec)
	if len(c.Addrs) != 4 || !strings.Contains(c.Addrs[0], "/ip4/127.0.0.1/udp/") || !strings.HasSuffix(c.Addrs[1], "/quic-v1") || !strings.Contains(c.Addrs[3], "/ip6/::1/tcp/") {
		t.Errorf("addresses %v", c.Addrs)
	}
	for i, family := range []bool{true, false} {
		if r.TCP[i].Port() != h.port(family, false) || r.QUIC[i].Port() != h.port(family, true) {
			t.Errorf("ports %v %v", r.TCP, r.QUIC)
		}
	}
	if d := h.Identity().DiscoveryAddresses; len(d) != 2 || !strings.HasSuffix(d[0], "/p2p/"+h.ID()) {
		t.Errorf("discovery addresses %v", d)
	}
	if !c.Offers.Has(peers.Need{Kind: peers.Attestation, Index: 63}) || c.Offers.Has(peers.Need{Kind: peers.Attestation, Index: 62}) {
		t.Errorf("offers %+v", c.Offers)
	}
	columns := 0
	for i := range spec.NumberOfColumns {
		if c.Offers.Has(peers.Need{Kind: peers.Column, Index: i}) {
			columns++
		}
	}
	if columns != 8 {
		t.Errorf("%d columns of 8 groups", columns)
	}
}

// A change brings a new sequence number, no change brings none, and a start does not go back.
func TestTheSequenceNumberGoesUp(t *testing.T) {
	cfg := config(t)
	cfg.Spec = fuluSpec()
	seq := func(h *Host) uint64 {
		r, err := ParseRecord(cfg.Spec, h.ENR())
		if err != nil {
			t.Fatal(err)
		}
		return r.Seq
	}
	h, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	first := seq(h)
	for i, change := range []func(*Local){
		func(l *Local) { l.Fork.ForkDigest[0] = 1 },
		func(l *Local) { l.NextForkDigest[0] = 7 },
		func(l *Local) { l.Attnets = []byte{0, 0, 0, 1, 0, 0, 0, 0} },
		func(l *Local) { l.Syncnets = []byte{2} },
		func(l *Local) { l.CustodyGroupCount = 128 },
	} {
		change(&cfg.Local)
		for range 2 {
			if err := h.Update(cfg.Local); err != nil {
				t.Fatal(err)
			}
			if got := seq(h); got != first+1+uint64(i) {
				t.Errorf("change %d: sequence number %d, want %d", i, got, first+1+uint64(i))
			}
		}
	}
	last := seq(h)
	if err := h.Update(Local{Attnets: []byte{1}}); !errors.Is(err, ErrRecord) {
		t.Errorf("%v, want a refusal", err)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if h, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if got := seq(h); got <= last {
		t.Errorf("sequence number %d after %d", got, last)
	}
}

// Before Fulu is scheduled neither cgc nor nfd is announced; from then on both are.
//
// Spec: "MUST be added once FULU_FORK_EPOCH is assigned any value other than FAR_FUTURE_EPOCH" (fulu).
func TestCustodyIsAnnouncedOnceFuluIsScheduled(t *testing.T) {
	for _, c := range []struct {
		spec *params.Spec
		want bool
	}{{params.Minimal(), false}, {params.Mainnet(), true}} {
		cfg := config(t)
		cfg.Spec = c.spec
		h, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		n := h.disc.record.Node()
		var cgc uint64
		var nfd []byte
		if got := n.Load(enr.WithEntry("cgc", &cgc)) == nil; got != c.want {
			t.Errorf("cgc: %t, want %t", got, c.want)
		}
		if got := n.Load(enr.WithEntry("nfd", &nfd)) == nil; got != c.want || c.want && !bytes.Equal(nfd, make([]byte, 4)) {
			t.Errorf("nfd %x: %t, want %t", nfd, got, c.want)
		}
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	}
}

// What a record says of forks, before a change of blob parameters, before a fork, and after the last.
//
// Spec: "eth2 field", "Next fork digest" (fulu).
func TestForksOfARecord(t *testing.T) {
	spec := fuluSpec()
	root := params.Root{1}
	schedule := spec.ForkSchedule()
	for i, entry := range schedule {
		id, nfd := Forks(spec, root, entry.Epoch)
		if id.ForkDigest != spec.ComputeForkDigest(root, entry.Epoch) {
			t.Errorf("epoch %d: digest %v", entry.Epoch, id.ForkDigest)
		}
		want := ENRForkID{id.ForkDigest, spec.ComputeForkVersion(entry.Epoch), params.FarFutureEpoch}
		var next params.ForkDigest
		if i+1 < len(schedule) {
			at := schedule[i+1].Epoch
			want.NextForkEpoch, want.NextForkVersion, next = at, spec.ComputeForkVersion(at), spec.ComputeForkDigest(root, at)
			if schedule[i+1].Fork == entry.Fork && want.NextForkVersion != spec.ComputeForkVersion(entry.Epoch) {
				t.Errorf("epoch %d: a change of blob parameters changes the version", at)
			}
		}
		if id != want || nfd != next {
			t.Errorf("epoch %d: %+v %v, want %+v %v", entry.Epoch, id, nfd, want, next)
		}
		if back, err := DecodeForkID(id.Encode()); err != nil || back != id {
			t.Errorf("%+v became %+v, %v", id, back, err)
		}
	}
	if len(schedule) < 7 {
		t.Errorf("the schedule of mainnet has %d entries", len(schedule))
	}
}

// Who is on our chain is found by the digest alone; another next fork makes a peer the last choice, and a record that has not yet heard
// of the fork that began is believed.
func TestWhoIsOnOurChain(t *testing.T) {
	own := Local{Fork: ENRForkID{params.ForkDigest{1}, params.Version{2}, 100}, NextForkDigest: params.ForkDigest{3}}
	record := func(digest, version byte, epoch params.Epoch, next byte) *Record {
		return &Record{Fork: &ENRForkID{params.ForkDigest{digest}, params.Version{version}, epoch}, NextForkDigest: params.ForkDigest{next}}
	}
	for _, c := range []struct {
		what         string
		record       *Record
		ok, diverges bool
	}{
		{"the same", record(1, 2, 100, 3), true, false},
		{"another next version", record(1, 9, 100, 3), true, true},
		{"another next epoch", record(1, 2, 101, 3), true, true},
		{"another next digest", record(1, 2, 100, 4), true, true},
		{"no next digest", record(1, 2, 100, 0), true, true},
		{"another digest", record(2, 2, 100, 3), false, false},
		{"a digest whose next is ours", record(0, 2, 99, 1), true, true},
		{"no eth2 entry", &Record{}, false, false},
	} {
		diverges, err := compatible(own, c.record)
		if (err == nil) != c.ok || diverges != c.diverges {
			t.Errorf("%s: %t, %v", c.what, diverges, err)
		}
	}
}

func hostileEntries() map[string]enr.Entry {
	long := bytes.Repeat([]byte{255}, 100)
	return map[string]enr.Entry{
		"eth2 of 15 bytes":        enr.WithEntry("eth2", make([]byte, 15)),
		"eth2 of 100 bytes":       enr.WithEntry("eth2", long),
		"eth2 of no bytes":        enr.WithEntry("eth2", []byte{}),
		"eth2 that is a list":     enr.WithEntry("eth2", [][]byte{{1}, {2}}),
		"attnets of 100 bytes":    enr.WithEntry("attnets", long),
		"attnets of 7 bytes":      enr.WithEntry("attnets", make([]byte, 7)),
		"syncnets of 2 bytes":     enr.WithEntry("syncnets", make([]byte, 2)),
		"nfd of 5 bytes":          enr.WithEntry("nfd", make([]byte, 5)),
		"cgc of 9 bytes":          enr.WithEntry("cgc", long[:9]),
		"cgc with a leading zero": enr.WithEntry("cgc", []byte{0, 1}),
		"tcp of 3 bytes":          enr.WithEntry("tcp", long[:3]),
		"quic6 that is a list":    enr.WithEntry("quic6", []uint{1}),
		"ip of 3 bytes":           enr.WithEntry("ip", long[:3]),
		"ip6 of 4 bytes":          enr.WithEntry("ip6", long[:4]),
	}
}

// Entries that do not have their form make a record useless, and nothing worse.
func TestHostileRecords(t *testing.T) {
	spec := fuluSpec()
	for what, entry := range hostileEntries() {
		if r, err := ParseRecord(spec, signed(t, entry)); !errors.Is(err, ErrRecord) {
			t.Errorf("%s: %+v, %v", what, r, err)
		}
	}
	for _, text := range []string{"", "enr:", "enr:-", "enr:" + strings.Repeat("A", 10_000), "enode://00", bareRecord(t)[:50],
		"enr:" + base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte{0xff}, 300))} {
		if _, err := ParseRecord(spec, text); !errors.Is(err, ErrRecord) {
			t.Errorf("%.40q: %v", text, err)
		}
	}
	for count, want := range map[uint64]uint64{0: spec.CustodyRequirement, 1: spec.CustodyRequirement, 64: 64, 1 << 63: spec.NumberOfCustodyGroups} {
		r, err := ParseRecord(spec, signed(t, enr.WithEntry("cgc", count)))
		if err != nil || r.CustodyGroupCount != want {
			t.Errorf("cgc %d became %d, %v", count, r.CustodyGroupCount, err)
		}
	}
	r, err := ParseRecord(spec, signed(t, enr.IPv4{0, 0, 0, 0}, enr.TCP(1), enr.WithEntry("ip6", netip.MustParseAddr("ff02::1").AsSlice()), enr.QUIC6(1)))
	if err != nil || len(r.TCP)+len(r.QUIC) != 0 {
		t.Errorf("addresses that are none: %+v, %v", r, err)
	}
	r, err = ParseRecord(spec, signed(t, enr.WithEntry("ip6", netip.MustParseAddr("2001:db8::1").AsSlice()), enr.TCP(9)))
	if err != nil || !slices.Equal(r.TCP, []netip.AddrPort{netip.MustParseAddrPort("[2001:db8::1]:9")}) {
		t.Errorf("tcp is for IPv6 as well where tcp6 is missing: %+v, %v", r, err)
	}
}

// Whatever a record says, reading it ends, and what it gives has its form.
func FuzzRecord(f *testing.F) {
	spec := fuluSpec()
	f.Add(bareRecord(f))
	for _, e := range hostileEntries() {
		f.Add(signed(f, e))
	}
	_, boot, _, err := params.Network("mainnet")
	if err != nil {
		f.Fatal(err)
	}
	for _, text := range boot {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseRecord(spec, text)
		if err != nil {
			if !errors.Is(err, ErrRecord) {
				t.Fatalf("%v is no ErrRecord", err)
			}
			return
		}
		c := r.Contact(spec)
		if _, err := addrInfo(c); err != nil {
			t.Fatalf("%v cannot be dialled: %v", c, err)
		}
		if len(c.Addrs) != len(c.IPs) || len(c.Addrs) > 4 || r.CustodyGroupCount > spec.NumberOfCustodyGroups || len(c.Offers.Attnets) > 8 {
			t.Fatalf("%+v", c)
		}
		again, err := ParseRecord(spec, r.ENR)
		if err != nil || again.NodeID != r.NodeID {
			t.Fatalf("%s is not read again: %v", r.ENR, err)
		}
		if id, err := NodeID(r.PeerID); err != nil || id != r.NodeID {
			t.Fatalf("node id %x of %s, want %x: %v", id, r.PeerID, r.NodeID, err)
		}
	})
}

// Whatever stands in the entries of a record that is signed, reading it ends, and what it gives can be dialled.
func FuzzEntries(f *testing.F) {
	spec := fuluSpec()
	key := newKey(f)
	names := []string{"eth2", "attnets", "syncnets", "cgc", "nfd", "ip", "ip6", "tcp", "tcp6", "udp", "quic", "quic6"}
	f.Add(uint8(0), make([]byte, 16), false, uint8(3), []byte{8}, uint16(9000))
	f.Add(uint8(1), make([]byte, 8), false, uint8(5), []byte{1, 2, 3, 4}, uint16(9000))
	f.Add(uint8(6), make([]byte, 16), false, uint8(11), []byte{1, 2}, uint16(1))
	f.Add(uint8(2), []byte{1}, true, uint8(4), make([]byte, 4), uint16(0))
	f.Fuzz(func(t *testing.T, first uint8, value []byte, list bool, second uint8, other []byte, port uint16) {
		var r enr.Record
		r.Set(enr.IPv4{81, 2, 3, 4})
		r.Set(enr.TCP(port))
		r.Set(enr.WithEntry(names[int(second)%len(names)], other))
		if name := names[int(first)%len(names)]; list {
			r.Set(enr.WithEntry(name, [][]byte{value, other}))
		} else {
			r.Set(enr.WithEntry(name, value))
		}
		if err := enode.SignV4(&r, key); err != nil {
			return // longer than a record may be
		}
		n, err := enode.New(enode.ValidSchemes, &r)
		if err != nil {
			t.Fatal(err)
		}
		read, err := readRecord(spec, n)
		if err != nil {
			if !errors.Is(err, ErrRecord) {
				t.Fatalf("%v is no ErrRecord", err)
			}
			return
		}
		c := read.Contact(spec)
		if _, err := addrInfo(c); err != nil || len(c.Addrs) != len(c.IPs) || len(c.Addrs) > 4 {
			t.Fatalf("%+v cannot be dialled: %v", c, err)
		}
		if g := read.CustodyGroupCount; g < spec.CustodyRequirement || g > spec.NumberOfCustodyGroups {
			t.Fatalf("custody group count %d", g)
		}
		if a := len(read.Attnets); a != 0 && a != 8 {
			t.Fatalf("attnets of %d bytes", a)
		}
	})
}

// Whatever stands in the file of peers, reading it ends, and what it gives can be dialled and is written and read again.
func FuzzBook(f *testing.F) {
	h := &Host{cfg: Config{Spec: fuluSpec()}}
	f.Add([]byte(`{"version":1,"peers":[{"addrs":["/ip4/1.2.3.4/tcp/1/p2p/16Uiu2HAmTXjCgjTo1v8mv4FTNSioHR5XAjqM1KK8AWchBD4iUSyU"]}]}`))
	f.Add([]byte(`{"version":1,"peers":[{"enr":"` + signed(f, enr.IPv4{1, 2, 3, 4}, enr.TCP(9)) + `"}]}`))
	f.Add([]byte(`{"version":1,"peers":[{"addrs":["/dns4/example.org/tcp/1/p2p/16Uiu2HAmTXjCgjTo1v8mv4FTNSioHR5XAjqM1KK8AWchBD4iUSyU"]}]}`))
	f.Add([]byte(`{"version":1,"peers":[],"bans":[{"id":"16Uiu2HAmTXjCgjTo1v8mv4FTNSioHR5XAjqM1KK8AWchBD4iUSyU","until":"9999-12-31T23:59:59Z","repeats":-1}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		contacts, bans, err := h.parseBook(data)
		if err != nil {
			return
		}
		if len(contacts) > peers.MostRemembered || len(bans) > peers.MostBans {
			t.Fatalf("%d peers, %d bans", len(contacts), len(bans))
		}
		now, m := time.Unix(1_700_000_000, 0), peers.New(peers.Config{}, time.Unix(1_700_000_000, 0))
		for _, b := range bans {
			m.Restore(now, b)
		}
		if over := m.Bans(now.Add(32 * time.Hour)); len(over) > 0 {
			t.Fatalf("%v lasts longer than any ban", over[0])
		}
		for _, c := range contacts {
			if _, err := addrInfo(c); err != nil || len(c.Addrs) == 0 || len(c.Addrs) > mostAddrs {
				t.Fatalf("%+v cannot be dialled: %v", c, err)
			}
		}
	})
}

// Whatever is given as a boot node or a peer, reading it ends, and a peer that is read can be dialled.
func FuzzNames(f *testing.F) {
	h := &Host{cfg: Config{Spec: fuluSpec()}}
	f.Add(signed(f, enr.IPv4{1, 2, 3, 4}, enr.UDP(9), enr.TCP(9)))
	f.Add("/ip4/1.2.3.4/udp/9000/p2p/16Uiu2HAmTXjCgjTo1v8mv4FTNSioHR5XAjqM1KK8AWchBD4iUSyU")
	f.Add("/ip6/::1/udp/9001/quic-v1/p2p/16Uiu2HAmTXjCgjTo1v8mv4FTNSioHR5XAjqM1KK8AWchBD4iUSyU")
	f.Add("enode://00@1.2.3.4:1")
	f.Fuzz(func(t *testing.T, text string) {
		if n, err := parseBoot(text); err == nil {
			if _, ok := n.UDPEndpoint(); !ok {
				t.Fatalf("boot node %q has no address of discovery", text)
			}
		}
		for _, parse := range []func(string) (peers.Contact, error){parseAddress, h.parseContact} {
			c, err := parse(text)
			if err != nil {
				continue
			}
			if _, err := addrInfo(c); err != nil || len(c.Addrs) == 0 {
				t.Fatalf("%q cannot be dialled: %+v, %v", text, c, err)
			}
		}
	})
}

// Boot nodes of all public networks can be read.
func TestBootNodesOfNetworksAreRead(t *testing.T) {
	for _, network := range params.Networks() {
		_, boot, _, err := params.Network(network)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range boot {
			if _, err := parseBoot(text); err != nil {
				t.Errorf("%s: %s: %v", network, text, err)
			}
		}
		if len(boot) == 0 {
			t.Errorf("%s has no boot nodes", network)
		}
	}
}

func TestPeersHaveOneName(t *testing.T) {
	for _, text := range []string{"", "x", "16Uiu2HAm", strings.Repeat("1", 1000), "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N"} {
		if _, err := NodeID(text); !errors.Is(err, ErrPeerID) {
			t.Errorf("%.20q: %v", text, err)
		}
	}
	key := newKey(t)
	id, err := peerOf(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	back, err := ParsePeer(id.String())
	if err != nil || back != id {
		t.Errorf("%v became %v: %v", id, back, err)
	}
	if node, err := NodeID(id.String()); err != nil || node != enode.PubkeyToIDV4(&key.PublicKey) {
		t.Errorf("node id %x: %v", node, err)
	}
}
