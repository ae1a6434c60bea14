package peers

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var start = time.Unix(1_700_000_000, 0)

// world is a manager and the time.
type world struct {
	*testing.T
	m   *Manager
	now time.Time
}

func newWorld(t *testing.T, cfg Config) *world {
	return &world{t, New(cfg, start), start}
}

func (w *world) pass(d time.Duration) { w.now = w.now.Add(d) }

// ip is an address of its own range for each number below 65536.
func ip(n int) netip.Addr { return netip.AddrFrom4([4]byte{80, byte(n >> 8), byte(n), 1}) }

func name(n int) string { return fmt.Sprintf("peer-%03d", n) }

func contact(n int, offers Offers) Contact {
	return Contact{ID: name(n), Addrs: []string{"/ip4/" + ip(n).String() + "/tcp/9000"}, IPs: []netip.Addr{ip(n)}, ENR: "enr:" + name(n), Offers: offers}
}

// join has a peer connect, and say what it offers.
func (w *world) join(n int, d Direction, o Offers) {
	w.Helper()
	if err := w.m.AdmitPeer(w.now, name(n), d, ip(n)); err != nil {
		w.Fatalf("%s is refused: %v", name(n), err)
	}
	if a := w.m.Connected(w.now, name(n), d, ip(n), "/ip4/"+ip(n).String()+"/tcp/1"); len(a) > 0 {
		w.Fatalf("%s is left: %v", name(n), a)
	}
	w.m.SetOffers(w.now, name(n), o)
}

// info is what is known of a peer.
func (w *world) info(n int) (Info, bool) {
	p := w.m.peers[name(n)]
	if p == nil {
		return Info{}, false
	}
	return w.m.info(w.now, p), true
}

func (w *world) score(n int) float64 {
	i, _ := w.info(n)
	return i.Score
}

func (w *world) gone(n int) { w.m.Disconnected(w.now, name(n)) }

// ids are the peers of the actions of a kind.
func ids(actions []Action) (dial, left []string) {
	for _, a := range actions {
		switch a := a.(type) {
		case Dial:
			dial = append(dial, a.ID)
		case Leave:
			left = append(left, a.ID)
		}
	}
	return dial, left
}

func (w *world) tick() (dial, left []string) { return ids(w.m.Tick(w.now)) }

func (w *world) wantRefused(n int, d Direction, why error) {
	w.Helper()
	if err := w.m.AdmitPeer(w.now, name(n), d, ip(n)); !errors.Is(err, why) {
		w.Errorf("%s: %v, want %v", name(n), err, why)
	}
}

func bits(list ...uint64) (b Bits) {
	for _, i := range list {
		b = b.Set(i)
	}
	return b
}

// What was found is dialled until the target is reached, no more than so many at a time.
func TestPeersAreDialledUntilThereAreEnough(t *testing.T) {
	w := newWorld(t, Config{Target: 20, Outbound: 6})
	for n := range 40 {
		w.m.Discovered(w.now, contact(n, Offers{}))
	}
	dial, _ := w.tick()
	if len(dial) != mostDials {
		t.Fatalf("%d dials, want %d", len(dial), mostDials)
	}
	if again, _ := w.tick(); len(again) != 0 {
		t.Errorf("%d more dials while %d are under way", len(again), mostDials)
	}
	for _, id := range dial {
		w.m.Connected(w.now, id, Outbound, ip(0), "")
		w.m.SetOffers(w.now, id, Offers{})
	}
	dial, _ = w.tick()
	if len(dial) != 4 {
		t.Errorf("%d dials with 16 peers of 20", len(dial))
	}
	if !w.m.Hungry() {
		t.Error("not hungry with 16 of 20")
	}
}

// A peer that cannot be reached is dialled again later and later, with jitter, and a static one at least every two minutes. A node that
// reaches nobody does not hold it against anybody, and is back soon after its own connection is.
func TestDialsBackOff(t *testing.T) {
	for _, c := range []struct{ static, alone bool }{{false, false}, {true, false}, {false, true}, {true, true}} {
		static := c.static
		w := newWorld(t, Config{Target: 5, Salt: "us"})
		if !c.alone {
			w.join(2, Inbound, Offers{})
		}
		if static {
			w.m.AddStatic(contact(1, Offers{}))
		} else {
			w.m.Discovered(w.now, contact(1, Offers{}))
		}
		var waits []time.Duration
		failed := w.now
		for len(waits) < 12 {
			dial, _ := w.tick()
			if len(dial) == 0 {
				w.pass(time.Second)
				continue
			}
			waits = append(waits, w.now.Sub(failed))
			w.m.DialFailed(w.now, name(1))
			failed = w.now
		}
		most := defaultRedialMost
		if static {
			most = staticMost
		}
		expected := defaultRedialBase
		if c.alone {
			expected = defaultRedialBase / hurry
			most = expected
		}
		for i, wait := range waits[1:] {
			if wait < expected*3/4 || wait > expected*5/4+time.Second {
				t.Errorf("%+v: dial %d after %v, want %v and a quarter more or less", c, i+1, wait, expected)
			}
			expected = min(expected*2, most)
		}
	}
}

// Two nodes do not dial the same peer again at the same moment.
func TestJitterDiffersBetweenNodes(t *testing.T) {
	waits := map[time.Duration]bool{}
	for n := range 10 {
		m := New(Config{Salt: name(n)}, start)
		waits[m.wait(&peer{id: "x"})] = true
	}
	if len(waits) < 8 {
		t.Errorf("10 nodes wait for %d different times", len(waits))
	}
}

// Inbound peers cannot take the places that are for those we dial.
func TestPlacesAreKeptForOutboundPeers(t *testing.T) {
	w := newWorld(t, Config{Target: 10, Outbound: 3}) // at most 11
	for n := range 8 {
		w.join(n, Inbound, Offers{})
	}
	w.wantRefused(8, Inbound, ErrLimit)
	for n := 8; n < 11; n++ {
		w.join(n, Outbound, Offers{})
	}
	w.wantRefused(11, Outbound, ErrLimit)
}

// Peers that come in at the same moment, when there was room for one, are told goodbye but for that one.
func TestWhoComesInTogetherIsCountedAfterwards(t *testing.T) {
	w := newWorld(t, Config{Target: 1, Outbound: 1})
	w.join(0, Outbound, Offers{})
	for n := 1; n < 3; n++ {
		if err := w.m.AdmitPeer(w.now, name(n), Inbound, ip(n)); err != nil {
			t.Fatal(err)
		}
	}
	if a := w.m.Connected(w.now, name(1), Inbound, ip(1), ""); len(a) != 0 {
		t.Errorf("the first is left: %v", a)
	}
	a := w.m.Connected(w.now, name(2), Inbound, ip(2), "")
	if len(a) != 1 || a[0].(Leave).Reason != GoodbyeTooMany {
		t.Errorf("the second: %v, want a goodbye", a)
	}
}

// An address and a range have few peers, trusted ones besides, and local ones without bound where that is asked for.
func TestLimitsOfAddressAndRange(t *testing.T) {
	for _, c := range []struct {
		name   string
		addr   func(n int) netip.Addr
		exempt bool
		most   int
	}{
		{"one IPv4 address", func(int) netip.Addr { return netip.MustParseAddr("81.2.3.4") }, false, 2},
		{"the same mapped into IPv6", func(int) netip.Addr { return netip.MustParseAddr("::ffff:81.2.3.4") }, false, 2},
		{"one /24", func(n int) netip.Addr { return netip.AddrFrom4([4]byte{81, 2, 3, byte(n)}) }, false, 5},
		{"one /64", func(n int) netip.Addr { return netip.AddrFrom16([16]byte{0x20, 1, 15: byte(n)}) }, false, 5},
		{"several /24", ip, false, 20},
		{"loopback", func(int) netip.Addr { return netip.MustParseAddr("127.0.0.1") }, false, 2},
		{"loopback, exempt", func(int) netip.Addr { return netip.MustParseAddr("127.0.0.1") }, true, 20},
		{"private, exempt", func(int) netip.Addr { return netip.MustParseAddr("10.1.1.1") }, true, 20},
		{"public, others exempt", func(int) netip.Addr { return netip.MustParseAddr("81.2.3.4") }, true, 2},
	} {
		w := newWorld(t, Config{Target: 40, PerAddress: 2, PerRange: 5, ExemptLocal: c.exempt, Trusted: []string{name(99)}})
		admitted := 0
		for n := range 20 {
			err := w.m.AdmitPeer(w.now, name(n), Inbound, c.addr(n))
			if err == nil {
				w.m.Connected(w.now, name(n), Inbound, c.addr(n), "")
				admitted++
			} else if !errors.Is(err, ErrLimit) {
				t.Errorf("%s: %v", c.name, err)
			}
		}
		if admitted != c.most {
			t.Errorf("%s: %d peers, want %d", c.name, admitted, c.most)
		}
		if err := w.m.AdmitPeer(w.now, name(99), Inbound, c.addr(0)); err != nil {
			t.Errorf("%s: a trusted peer is refused: %v", c.name, err)
		}
		for n := range 20 {
			w.gone(n)
		}
		if len(w.m.places.addresses)+len(w.m.places.ranges) != 0 {
			t.Errorf("%s: places are left: %v", c.name, w.m.places)
		}
	}
}

func TestBannedRangesAreRefused(t *testing.T) {
	w := newWorld(t, Config{BannedRanges: []netip.Prefix{netip.MustParsePrefix("80.0.1.0/24")}})
	w.wantRefused(1, Inbound, ErrBanned)
	if err := w.m.AdmitAddress(ip(1)); !errors.Is(err, ErrBanned) {
		t.Errorf("%v, want banned", err)
	}
	w.join(2, Inbound, Offers{})
	w.m.Discovered(w.now, contact(1, Offers{}))
	if dial, _ := w.tick(); len(dial) != 0 {
		t.Errorf("dials %v", dial)
	}
}

// Records of one address do not make us dial it more often than it may have peers.
func TestOneAddressIsNotDialledForMany(t *testing.T) {
	w := newWorld(t, Config{Target: 50, PerAddress: 2})
	for n := range 30 {
		c := contact(n, Offers{})
		c.IPs = []netip.Addr{ip(7), ip(7)} // TCP and QUIC
		w.m.Discovered(w.now, c)
	}
	if dial, _ := w.tick(); len(dial) != 2 {
		t.Errorf("%d dials of one address, want 2", len(dial))
	}
}

// Offences add up, the peer is left with a goodbye and may come back when it was quiet for a while; time forgives.
func TestScoresDecay(t *testing.T) {
	w := newWorld(t, Config{})
	w.join(1, Inbound, Offers{})
	for range 3 {
		if a := w.m.Penalise(w.now, name(1), Useless); len(a) > 0 {
			t.Fatalf("left too early: %v at %v", a, w.score(1))
		}
	}
	a := w.m.Penalise(w.now, name(1), Useless)
	if len(a) != 1 || a[0].(Leave).Reason != GoodbyeBadScore {
		t.Fatalf("%v, want a goodbye", a)
	}
	if again := w.m.Penalise(w.now, name(1), Slow); len(again) != 0 {
		t.Errorf("left twice: %v", again)
	}
	w.gone(1)
	w.wantRefused(1, Inbound, ErrBanned)
	w.pass(halfLife)
	w.wantRefused(1, Inbound, ErrBanned) // -11
	w.pass(halfLife)
	w.join(1, Inbound, Offers{})
	if s := w.score(1); math.Abs(s+5.5) > 0.01 {
		t.Errorf("score %v after two half-lives of -22, want -5.5", s)
	}
}

// What nobody does by mistake is a ban, which lasts an hour, then two.
func TestABannedPeerStaysOut(t *testing.T) {
	w := newWorld(t, Config{Target: 5})
	w.join(1, Outbound, Offers{})
	for _, hours := range []time.Duration{1, 2, 4} {
		a := w.m.Penalise(w.now, name(1), Fatal)
		if len(a) != 1 || a[0].(Leave).Reason != GoodbyeBanned {
			t.Fatalf("%v, want a goodbye to a banned peer", a)
		}
		w.gone(1)
		w.m.Discovered(w.now, contact(1, Offers{}))
		for passed := time.Duration(0); passed < hours*time.Hour; passed += time.Minute {
			w.wantRefused(1, Inbound, ErrBanned)
			w.wantRefused(1, Outbound, ErrBanned)
			if dial, _ := w.tick(); len(dial) != 0 {
				t.Fatalf("a banned peer is dialled after %v", passed)
			}
			w.pass(time.Minute)
		}
		if c := w.m.Counts(w.now); c.Banned != 0 {
			t.Errorf("still banned after %d h", hours)
		}
		w.join(1, Outbound, Offers{})
	}
}

func TestTrustedPeersAreNeverLeft(t *testing.T) {
	w := newWorld(t, Config{Target: 1, Outbound: 1, Trusted: []string{name(1)}})
	for n := 2; n < 3; n++ {
		w.join(n, Inbound, Offers{})
	}
	w.join(1, Inbound, Offers{})
	for range 20 {
		if a := w.m.Penalise(w.now, name(1), Fatal); len(a) != 0 {
			t.Fatalf("left: %v", a)
		}
	}
	w.pass(time.Hour)
	if _, left := w.tick(); !slices.Equal(left, []string{name(2)}) {
		t.Errorf("left %v, want the other one", left)
	}
}

// Of too many peers the worst are left: by what they did, then by what gossip thinks, then by what they are of use for; never below needs
// or below the number that we dialled.
func TestTheWorstAreLeftFirst(t *testing.T) {
	w := newWorld(t, Config{Target: 10, Outbound: 2})
	w.m.SetNeeds(map[Need]int{{Column, 5}: 1, {Attestation, 3}: 1})
	w.join(0, Inbound, Offers{Columns: bits(5)})                   // the only one with the column
	w.join(1, Inbound, Offers{Attnets: bits(3), Columns: bits(5)}) // no more
	w.join(2, Outbound, Offers{})
	w.join(3, Outbound, Offers{})
	for n := 4; n < 11; n++ {
		w.pass(time.Minute)
		w.join(n, Inbound, Offers{})
	}
	w.m.Penalise(w.now, name(0), Wrong)
	w.m.Penalise(w.now, name(2), Wrong)
	w.m.Penalise(w.now, name(6), Slow)
	w.m.SetGossipScore(name(7), -3)
	leave := func(want ...int) {
		t.Helper()
		_, left := w.tick()
		var names []string
		for _, n := range want {
			names = append(names, name(n))
		}
		if !slices.Equal(left, names) {
			t.Errorf("left %v, want %v", left, names)
		}
		for _, n := range want {
			w.gone(n)
		}
	}
	leave(0) // its column is offered by another one as well
	for n := 20; n < 22; n++ {
		w.join(n, Inbound, Offers{Attnets: bits(3)})
		w.pass(time.Minute)
		if n == 20 {
			leave(6)
		} else {
			leave(7)
		}
	}
	w.join(22, Inbound, Offers{})
	leave(22) // the youngest of those that are alike
	if have := w.m.Have(); have[Need{Column, 5}] != 1 || have[Need{Attestation, 3}] != 3 {
		t.Errorf("have %v", have)
	}
}

// Needs are met by dialling who offers what is missing, beyond the target if it must be, and once each.
func TestPeersAreDialledForNeeds(t *testing.T) {
	w := newWorld(t, Config{Target: 10, Outbound: 2})
	for n := range 10 {
		d := Inbound
		if n < 3 {
			d = Outbound
		}
		w.join(n, d, Offers{})
	}
	for n := 10; n < 20; n++ {
		w.m.Discovered(w.now, contact(n, Offers{}))
	}
	if dial, _ := w.tick(); len(dial) != 0 {
		t.Errorf("dials %v although nothing is missing", dial)
	}
	if w.m.Hungry() {
		t.Error("hungry although nothing is missing")
	}
	w.m.SetNeeds(map[Need]int{{SyncCommittee, 2}: 1})
	if !w.m.Hungry() {
		t.Error("not hungry")
	}
	for n := 30; n < 33; n++ {
		w.m.Discovered(w.now, contact(n, Offers{Syncnets: bits(2)}))
	}
	dial, _ := w.tick()
	if !slices.Equal(dial, []string{name(30)}) {
		t.Errorf("dials %v, want one that is in the sync subnet", dial)
	}
	if again, _ := w.tick(); len(again) != 0 {
		t.Errorf("dials %v for what a dial under way will bring", again)
	}
	w.join(30, Outbound, Offers{Syncnets: bits(2)})
	w.pass(time.Minute)
	_, left := w.tick()
	if len(left) != 1 || left[0] == name(30) {
		t.Errorf("left %v, want one of the others", left)
	}
	if len(w.m.Unmet()) != 0 {
		t.Errorf("unmet %v", w.m.Unmet())
	}
}

// Of those that are alike, who expects another fork is dialled last.
func TestWhoExpectsAnotherForkIsDialledLast(t *testing.T) {
	w := newWorld(t, Config{Target: 2, Outbound: 1})
	for n := range 3 {
		c := contact(n, Offers{})
		c.Diverges = n != 2
		w.m.Discovered(w.now, c)
	}
	if dial, _ := w.tick(); !slices.Equal(dial, []string{name(2), name(0)}) {
		t.Errorf("dials %v", dial)
	}
}

// After a goodbye of either side a peer is left in peace for as long as the reason says; a static one is dialled by its back-off alone.
func TestAfterAGoodbye(t *testing.T) {
	for reason, pause := range goodbyeRow {
		w := newWorld(t, Config{Target: 5})
		w.m.Discovered(w.now, contact(1, Offers{}))
		w.join(1, Outbound, Offers{})
		w.pass(time.Hour)
		w.m.HeardGoodbye(w.now, name(1), reason)
		w.gone(1)
		said := w.now
		for {
			if dial, _ := w.tick(); len(dial) > 0 {
				break
			}
			if w.pass(time.Second); w.now.Sub(said) > 2*time.Hour {
				t.Fatalf("reason %d: not dialled within two hours", reason)
			}
		}
		if waited := w.now.Sub(said); waited != pause {
			t.Errorf("reason %d: dialled after %v, want %v", reason, waited, pause)
		}
	}
	w := newWorld(t, Config{Target: 5})
	w.m.AddStatic(contact(1, Offers{}))
	w.join(1, Outbound, Offers{})
	w.pass(time.Hour)
	w.m.HeardGoodbye(w.now, name(1), GoodbyeTooMany)
	w.gone(1)
	w.pass(15 * time.Second)
	if dial, _ := w.tick(); len(dial) != 1 {
		t.Error("a static peer is not dialled 15 s after its goodbye")
	}
}

// A peer that hangs up at once every time is dialled less and less.
func TestWhoHangsUpAtOnceIsDialledLess(t *testing.T) {
	w := newWorld(t, Config{Target: 5})
	w.m.Discovered(w.now, contact(1, Offers{}))
	dials := 0
	for range 3600 {
		if dial, _ := w.tick(); len(dial) > 0 {
			dials++
			w.m.Connected(w.now, name(1), Outbound, ip(1), "")
			w.pass(time.Second)
			w.gone(1)
		}
		w.pass(time.Second)
	}
	if dials < 5 || dials > 10 {
		t.Errorf("%d dials in an hour, want some eight", dials)
	}
}

// A peer that is to be left and is still here is left again.
func TestWhoIsStillHereIsLeftAgain(t *testing.T) {
	w := newWorld(t, Config{})
	w.join(1, Inbound, Offers{})
	if _, left := ids(w.m.Disconnect(w.now, name(1), GoodbyeFault, "test")); len(left) != 1 {
		t.Fatal("not left")
	}
	if _, left := w.tick(); len(left) != 0 {
		t.Error("left twice at once")
	}
	w.pass(leaveAgain)
	if _, left := w.tick(); len(left) != 1 {
		t.Error("not left again")
	}
}

func TestReachabilityInWords(t *testing.T) {
	const ports = "TCP port 9000"
	w := newWorld(t, Config{})
	expect := func(known, reachable bool, text string) {
		t.Helper()
		if r := w.m.Reachability(w.now, ports); r.Known != known || r.Reachable != reachable || !strings.Contains(r.Text, text) {
			t.Errorf("%+v, want %q", r, text)
		}
	}
	expect(false, false, "too early")
	w.join(1, Outbound, Offers{})
	w.m.Connected(w.now, name(2), Inbound, netip.MustParseAddr("192.168.1.7"), "") // a neighbour proves nothing
	w.pass(quiet)
	expect(true, false, "nobody has dialled us in 10 minutes: open TCP port 9000")
	w.join(3, Inbound, Offers{})
	expect(true, true, "reachable: 1 peers dialled us over IPv4")
	w.m.Connected(w.now, name(4), Inbound, netip.MustParseAddr("2001:db8::1"), "")
	expect(true, true, "1 peers dialled us over IPv4 and 1 over IPv6")
	w.gone(3)
	w.gone(4)
	w.pass(3 * time.Minute)
	expect(true, true, "a peer dialled us 3 minutes ago")
	w.pass(5 * time.Hour)
	expect(true, false, "nobody has dialled us in 5 hours")
}

// Who was good is remembered, the connected first; who did wrong is not.
func TestGoodPeersAreRemembered(t *testing.T) {
	w := newWorld(t, Config{})
	for n := range 4 {
		w.m.Discovered(w.now, contact(n, Offers{}))
		w.pass(time.Minute)
		if n > 0 {
			w.join(n, Outbound, Offers{})
		}
	}
	w.gone(2)
	w.m.Penalise(w.now, name(3), Fatal)
	var got []string
	for _, c := range w.m.Good(w.now) {
		got = append(got, c.ID)
	}
	if !slices.Equal(got, []string{name(1), name(2)}) {
		t.Errorf("remembered %v", got)
	}
}

// Bans outlast a restart, with how often there was one before, but never longer than the longest, and not for trusted peers.
func TestBansAreRemembered(t *testing.T) {
	before := newWorld(t, Config{})
	for n := range MostBans + 5 {
		before.m.Penalise(before.now, name(n), Fatal)
		before.pass(time.Millisecond)
	}
	before.pass(time.Hour + 3*time.Second) // the first ones are over
	before.m.Penalise(before.now, name(0), Fatal)
	if bans := before.m.Bans(before.now); len(bans) != 1 || bans[0].ID != name(0) || bans[0].Repeats != 2 || !bans[0].Until.Equal(before.now.Add(2*time.Hour)) {
		t.Fatalf("bans are %v", bans)
	}
	for n := range MostBans + 5 {
		before.m.Penalise(before.now, name(n+1), Fatal)
	}
	bans := before.m.Bans(before.now)
	if len(bans) != MostBans || bans[0].Until.Before(bans[MostBans-1].Until) {
		t.Fatalf("%d bans, the first until %v, the last until %v", len(bans), bans[0].Until, bans[MostBans-1].Until)
	}

	after := newWorld(t, Config{Trusted: []string{name(1)}})
	after.now = before.now.Add(time.Hour + time.Minute)
	for _, b := range append(bans[:3:3], Ban{name(1), after.now.Add(time.Hour), 1}, Ban{name(2), after.now.Add(1e6 * time.Hour), -7}, Ban{name(3), after.now.Add(-time.Hour), 1}) {
		after.m.Restore(after.now, b)
	}
	after.wantRefused(0, Inbound, ErrBanned)
	after.wantRefused(2, Inbound, ErrBanned)
	after.wantRefused(1, Inbound, nil)
	after.wantRefused(3, Inbound, nil)
	after.pass(time.Hour)
	after.wantRefused(0, Inbound, nil)
	after.m.Penalise(after.now, name(0), Fatal)
	if until := after.m.Bans(after.now)[0].Until; !until.Equal(after.now.Add(32 * time.Hour).Add(-time.Hour)) {
		t.Errorf("the longest ban lasts until %v, it is %v", until, after.now)
	}
	if i, _ := after.info(0); !i.BannedUntil.Equal(after.now.Add(4 * time.Hour)) {
		t.Errorf("the third ban lasts until %v, it is %v", i.BannedUntil, after.now)
	}
}

// The table is bounded, and what is forgotten is what is missed least.
func TestWhatIsKnownIsBounded(t *testing.T) {
	w := newWorld(t, Config{})
	w.m.AddStatic(contact(60_000, Offers{}))
	w.m.Discovered(w.now, contact(50_000, Offers{}))
	w.m.Penalise(w.now, name(50_000), Fatal)
	w.join(50_001, Inbound, Offers{})
	w.join(50_002, Inbound, Offers{})
	w.gone(50_002)
	for n := range mostKnown + 500 {
		w.m.Discovered(w.now, contact(n, Offers{}))
	}
	if n := len(w.m.peers); n != mostKnown {
		t.Errorf("%d are known, want %d", n, mostKnown)
	}
	for _, n := range []int{60_000, 50_000, 50_001} {
		if _, ok := w.info(n); !ok {
			t.Errorf("%s is forgotten", name(n))
		}
	}
	if _, ok := w.info(50_002); ok {
		t.Error("one that cannot be dialled is kept before those that can")
	}
}

// Whatever happens, counts agree with each other, limits hold, and trusted peers are never left.
func TestRandomHistories(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := Config{Target: 8, Outbound: 3, PerAddress: 2, PerRange: 3, Trusted: []string{name(0)}}
		m, now := New(cfg, start), start
		m.SetNeeds(map[Need]int{{Column, 1}: 2, {Attestation, 4}: 1})
		dialling := map[string]bool{}
		place := func(n int) netip.Addr { return netip.AddrFrom4([4]byte{80, 1, byte(n % 8), byte(n % 3)}) }
		do := func(actions []Action) {
			for _, a := range actions {
				switch a := a.(type) {
				case Dial:
					if dialling[a.ID] || m.connected[a.ID] != nil {
						t.Fatalf("%s is dialled although it is dialled or connected", a.ID)
					}
					dialling[a.ID] = true
				case Leave:
					if a.ID == name(0) {
						t.Fatal("a trusted peer is left")
					}
					if m.connected[a.ID] == nil {
						t.Fatalf("%s is left and not here", a.ID)
					}
				}
			}
		}
		for range rapid.IntRange(1, 120).Draw(t, "steps") {
			n := rapid.IntRange(0, 39).Draw(t, "peer")
			id := name(n)
			switch rapid.IntRange(0, 8).Draw(t, "what") {
			case 0, 1:
				c := contact(n, Offers{Columns: bits(uint64(n % 3)), Attnets: bits(uint64(n % 7))})
				c.IPs = []netip.Addr{place(n)}
				m.Discovered(now, c)
			case 2, 3:
				d := Inbound
				if dialling[id] {
					d = Outbound
				}
				if err := m.AdmitPeer(now, id, d, place(n)); err == nil {
					do(m.Connected(now, id, d, place(n), ""))
					delete(dialling, id)
				} else if dialling[id] {
					m.DialFailed(now, id)
					delete(dialling, id)
				}
			case 4:
				m.Disconnected(now, id)
			case 5:
				do(m.Penalise(now, id, Offence(rapid.IntRange(0, int(offences)+1).Draw(t, "offence"))))
			case 6:
				m.SetOffers(now, id, Offers{Columns: bits(uint64(n % 3))})
			case 7:
				now = now.Add(time.Duration(rapid.IntRange(0, 1200).Draw(t, "seconds")) * time.Second)
			case 8:
				if id != name(0) { // what the layers above ask for is done with trusted peers, too
					do(m.Disconnect(now, id, GoodbyeFault, ""))
				}
			}
			do(m.Tick(now))
			if m.dials != len(dialling) {
				t.Fatalf("%d dials are counted, %d are under way", m.dials, len(dialling))
			}
			up, sum := 0, 0
			for _, p := range m.peers {
				if p.up {
					up++
				}
				if s := p.score.at(now); s > 0 || s < -worst {
					t.Fatalf("score %v", s)
				}
			}
			for _, n := range m.places.addresses {
				sum += n
			}
			if up != len(m.connected) || up != sum {
				t.Fatalf("%d are up, %d connected, %d have a place", up, len(m.connected), sum)
			}
			for r, n := range m.places.ranges {
				if n > cfg.PerRange+1 { // and the trusted one
					t.Fatalf("%d in %v", n, r)
				}
			}
			if up > cfg.Most()+1 {
				t.Fatalf("%d are connected, at most %d", up, cfg.Most())
			}
		}
	})
}
