package api

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cresset/cresset/beacon/metrics"
	"github.com/cresset/cresset/beacon/params"
)

// The format is the one that the client likes best of those offered. RFC 9110, 12.5.1.
func TestAccept(t *testing.T) {
	both := []string{mediaJSON, mediaSSZ}
	for _, c := range []struct {
		header string
		offers []string
		want   string
	}{
		{"", both, mediaJSON},
		{"*/*", both, mediaJSON},
		{"application/*", both, mediaJSON},
		{"application/json", both, mediaJSON},
		{"application/octet-stream", both, mediaSSZ},
		{"APPLICATION/Octet-Stream", both, mediaSSZ},
		{"application/octet-stream;q=1.0,application/json;q=0.9", both, mediaSSZ},
		{"application/octet-stream;q=0.8,application/json;q=0.9", both, mediaJSON},
		{"application/octet-stream, application/json", both, mediaJSON},
		{"*/*;q=0.5, application/octet-stream", both, mediaSSZ},
		{"application/json;q=0, */*", both, mediaSSZ},
		{"application/octet-stream;q=0.9, application/*;q=0.1", both, mediaSSZ},
		{"image/png, application/octet-stream;q=0.1", both, mediaSSZ},
		{"application/json;q=0", both, ""},
		{"image/png", both, ""},
		{"application/octet-stream", both[:1], ""},
		{"application/octet-stream;q=1.0,application/json;q=0.9", both[:1], mediaJSON},
		{"application/json;q=2", both, ""},
		{"application/json;q=x, application/octet-stream;q=0.1", both, mediaSSZ},
		{"nonsense", both, ""},
		{"text/event-stream", []string{mediaEvents}, mediaEvents},
		{"application/json", []string{mediaEvents}, ""},
	} {
		have, ok := accepts([]string{c.header}, c.offers)
		if have != c.want || ok != (c.want != "") {
			t.Errorf("%q of %v gives %q, want %q", c.header, c.offers, have, c.want)
		}
	}
	if have, _ := accepts([]string{"image/png", "application/octet-stream"}, both); have != mediaSSZ {
		t.Errorf("two headers give %q", have)
	}
}

// Two heavy answers are made at a time, some wait for their turn, and those beyond, or who have waited too long, are told to come again.
func TestHeavyAnswersWaitForTheirTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(2, 1, time.Minute)
		ctx, cancel := context.WithCancel(t.Context())
		first, err := g.enter(ctx)
		check(t, err)
		second, err := g.enter(ctx)
		check(t, err)
		entered := make(chan func(), 1)
		go func() {
			third, err := g.enter(ctx)
			check(t, err)
			entered <- third
		}()
		synctest.Wait()
		if len(entered) != 0 {
			t.Fatal("three at a time")
		}
		var e *Error
		if _, err := g.enter(ctx); !errors.As(err, &e) || e.Code != http.StatusServiceUnavailable || e.RetryAfter == 0 {
			t.Errorf("the fourth got %v", err)
		}
		first()
		third := <-entered
		failed := make(chan error, 1)
		enter := func() {
			_, err := g.enter(ctx)
			failed <- err
		}
		go enter()
		begin := time.Now()
		if err := <-failed; !errors.As(err, &e) || time.Since(begin) != time.Minute {
			t.Errorf("who waited %v got %v", time.Since(begin), err)
		}
		go enter()
		synctest.Wait()
		cancel()
		if err := <-failed; !errors.Is(err, context.Canceled) {
			t.Errorf("who left got %v", err)
		}
		second()
		third()
		if len(g.turns) != 0 || len(g.waiting) != 0 {
			t.Errorf("%d turns and %d places are not given back", len(g.turns), len(g.waiting))
		}
	})
}

// A route that asks for everything waits at the gate, one that asks for little does not; a turn is given back.
func TestWhichRoutesAreHeavy(t *testing.T) {
	t.Parallel()
	w := newSimnet(t, params.Fulu, func(cfg *Config) { cfg.BulkAtOnce, cfg.BulkWait = 1, time.Nanosecond })
	w.grow(2)
	for range 3 {
		w.get(states + "head/validators").wants(http.StatusOK)
	}
	leave, err := w.server.bulk.enter(t.Context())
	check(t, err)
	for _, path := range []string{
		"/validators", "/validators?status=active", "/validator_balances", "/committees", "/committees?epoch=0", "/pending_deposits",
	} {
		if a := w.get(states + "head" + path).wants(http.StatusServiceUnavailable); a.header.Get("Retry-After") != fmt.Sprint(busyAfter) {
			t.Errorf("%s: come again after %q", path, a.header.Get("Retry-After"))
		}
	}
	w.ask(http.MethodPost, states+"head/validator_identities", "").wants(http.StatusServiceUnavailable)
	w.get("/eth/v2/debug/beacon/states/head").wants(http.StatusServiceUnavailable)
	for _, path := range []string{"/validators?id=1", "/validators/1", "/validator_balances?id=1", "/committees?slot=1", "/fork", "/root"} {
		w.get(states + "head" + path).wants(http.StatusOK)
	}
	leave()
	w.get(states + "head/validators").wants(http.StatusOK)
}

// States that are not the head's are loaded one at a time. The head's is always at hand.
func TestStatesAreLoadedOneAtATime(t *testing.T) {
	t.Parallel()
	w := newSimnet(t, params.Fulu, func(cfg *Config) { cfg.BulkWait = time.Nanosecond })
	w.grow(3)
	for range 2 {
		w.get(states + "1/fork").wants(http.StatusOK)
	}
	leave, err := w.server.loads.enter(t.Context())
	check(t, err)
	w.get(states + "1/fork").wants(http.StatusServiceUnavailable).says("heavy work")
	w.get(states + "head/fork").wants(http.StatusOK)
	w.get(states + "3/fork").wants(http.StatusOK)
	w.get(states + "1/root").wants(http.StatusOK) // stands in the block
	leave()
	w.get(states + "1/fork").wants(http.StatusOK)
}

// A client that does not read loses events, is told how many in their place, and holds up nobody.
func TestSlowReadersAreToldWhatTheyMissed(t *testing.T) {
	h := newHub(2, 3, metrics.NewAPI(metrics.New()))
	slow, quick := h.join(map[string]bool{"block": true}), h.join(map[string]bool{"block": true, "head": true})
	if h.join(nil) != nil {
		t.Error("more clients than allowed")
	}
	read := func(c *client) string {
		var all []string
		for len(c.queue) > 0 {
			all = append(all, string(<-c.queue))
		}
		return strings.Join(all, "|")
	}
	for i := range 6 {
		h.publish("block", fmt.Append(nil, i))
		if have := read(quick); have != fmt.Sprint(i) {
			t.Errorf("the quick one reads %q", have)
		}
	}
	h.publish("head", []byte("head"))
	if have := read(slow); have != "0|1|2" {
		t.Errorf("the slow one reads %q", have)
	}
	h.publish("block", []byte("6"))
	if have := read(slow); have != string(droppedComment(3))+"|6" {
		t.Errorf("the slow one reads %q", have)
	}
	if have := read(quick); have != "head|6" {
		t.Errorf("the quick one reads %q", have)
	}
	h.dropped(9)
	if have := read(slow); have != string(droppedComment(9)) {
		t.Errorf("of the chain's losses it reads %q", have)
	}
	if !h.wants("head") || h.wants("chain_reorg") {
		t.Error("the hub does not know what is wanted")
	}
	h.part(quick)
	if h.wants("head") || h.join(nil) == nil {
		t.Error("who left is still there")
	}
}

// Only hosts that are ours are answered, pages may read answers only if they are allowed to, and browsers are told so beforehand.
func TestHostsAndOrigins(t *testing.T) {
	s, err := New(Config{Spec: params.Minimal(), AllowedHosts: []string{"node.example"}, AllowedOrigins: []string{"https://page.example"}})
	check(t, err)
	const path = "/eth/v1/node/version"
	for host, allowed := range map[string]bool{
		"localhost": true, "localhost:5052": true, "127.0.0.1:5052": true, "[::1]:5052": true, "[::1]": true, "NODE.example:80": true,
		"evil.example": false, "127.0.0.1.evil.example": false, "": false, "10.0.0.1:5052": false,
	} {
		if a := ask(t, s.Handler(), http.MethodGet, path, "", "Host: "+host); allowed != (a.status == http.StatusOK) || !allowed && a.status != http.StatusForbidden {
			t.Errorf("host %q gets %d", host, a.status)
		}
	}
	local := "Host: localhost"
	for origin, want := range map[string]string{"https://page.example": "https://page.example", "https://evil.example": ""} {
		a := ask(t, s.Handler(), http.MethodGet, path, "", local, "Origin: "+origin).wants(http.StatusOK)
		if have := a.header.Get("Access-Control-Allow-Origin"); have != want || a.header.Get("Vary") != "Origin" {
			t.Errorf("origin %s: allowed is %q, vary %q", origin, have, a.header.Get("Vary"))
		}
	}
	a := ask(t, s.Handler(), http.MethodOptions, path, "", local, "Origin: https://page.example", "Access-Control-Request-Method: GET")
	if a.status != http.StatusNoContent || !strings.Contains(a.header.Get("Access-Control-Allow-Methods"), "GET") {
		t.Errorf("the question before gets %d, %v", a.status, a.header)
	}
	ask(t, s.Handler(), http.MethodOptions, path, "", local, "Origin: https://evil.example", "Access-Control-Request-Method: GET").wants(http.StatusMethodNotAllowed)
	// A page may send some requests without being asked about: only those of pages that are allowed do anything.
	const prepare = "/eth/v1/validator/prepare_beacon_proposer"
	for header, status := range map[string]int{
		"Origin: https://evil.example": http.StatusForbidden, "Origin: null": http.StatusForbidden, "Sec-Fetch-Site: cross-site": http.StatusForbidden,
		"Origin: https://page.example": http.StatusServiceUnavailable, "Accept: */*": http.StatusServiceUnavailable, // which is asked no more about: the node is starting
		"Origin: http://localhost": http.StatusServiceUnavailable, "Sec-Fetch-Site: none": http.StatusServiceUnavailable,
	} {
		ask(t, s.Handler(), http.MethodPost, prepare, "[]", local, header).wants(status)
	}
	all, err := New(Config{Spec: params.Minimal(), AllowedHosts: []string{"*"}, AllowedOrigins: []string{"*"}})
	check(t, err)
	if a := ask(t, all.Handler(), http.MethodGet, path, "", "Host: any.example", "Origin: https://any.example").wants(http.StatusOK); a.header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("with all origins allowed: %v", a.header)
	}
}

// A panic in a handler is an answer of its own, without a word of what it was; in the middle of an answer it cuts the connection.
func TestPanicsAreAnswered(t *testing.T) {
	s, err := New(Config{Spec: params.Minimal()})
	check(t, err)
	broken := func(started bool) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s.guard(w, r, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if started {
					w.WriteHeader(http.StatusOK)
				}
				panic("secret")
			}))
		})
	}
	if a := ask(t, broken(false), http.MethodGet, "/", "", "Host: localhost").wants(http.StatusInternalServerError); strings.Contains(string(a.body), "secret") {
		t.Errorf("the panic is told: %s", a.body)
	}
	defer func() {
		if got := recover(); got != http.ErrAbortHandler {
			t.Errorf("the connection is not cut: %v", got)
		}
	}()
	ask(t, broken(true), http.MethodGet, "/", "", "Host: localhost")
}

// doors is a listener whose connections the test makes.
type doors struct {
	waiting chan net.Conn
	closed  chan struct{}
}

func (d *doors) Accept() (net.Conn, error) {
	select {
	case c := <-d.waiting:
		return c, nil
	case <-d.closed:
		return nil, net.ErrClosed
	}
}

func (d *doors) Close() error { close(d.closed); return nil }

func (d *doors) Addr() net.Addr { return &net.TCPAddr{} }

// As many connections are accepted as allowed. When one ends, the next one is.
func TestConnectionsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &doors{make(chan net.Conn, 4), make(chan struct{})}
		l := newListener(d, 1)
		accepted, ended := make(chan net.Conn, 4), make(chan error, 1)
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					ended <- err
					return
				}
				accepted <- c
			}
		}()
		for range 2 {
			c, _ := net.Pipe()
			d.waiting <- c
		}
		synctest.Wait()
		if len(accepted) != 1 {
			t.Fatalf("%d connections, want 1", len(accepted))
		}
		first := <-accepted
		check(t, first.Close())
		synctest.Wait()
		second := <-accepted
		_ = first.Close() // gives nothing back a second time
		c, _ := net.Pipe()
		d.waiting <- c
		synctest.Wait()
		if len(accepted) != 0 || len(l.turns) != 1 {
			t.Errorf("%d more connections, %d turns are taken", len(accepted), len(l.turns))
		}
		check(t, l.Close())
		if err := <-ended; !errors.Is(err, net.ErrClosed) {
			t.Errorf("the listener ended with %v", err)
		}
		check(t, second.Close())
	})
}

// deadlines is a connection that remembers until when it has to take what is written.
type deadlines struct {
	http.ResponseWriter
	write []time.Time
}

func (d *deadlines) SetWriteDeadline(t time.Time) error {
	d.write = append(d.write, t)
	return nil
}

// Every piece of an answer has to be taken within its time, and the whole answer within another.
func TestWhoDoesNotReadLosesTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := New(Config{Spec: params.Minimal(), WriteTimeout: 20 * time.Second, AnswerTimeout: time.Minute})
		check(t, err)
		d, begin := &deadlines{ResponseWriter: httptest.NewRecorder()}, time.Now()
		c := &call{s: s, w: d, begin: begin}
		for range 5 {
			_, err := c.Write([]byte("piece"))
			check(t, err)
			time.Sleep(15 * time.Second)
		}
		for i, want := range []time.Duration{20, 35, 50, 60, 60} {
			if have := d.write[i].Sub(begin); have != want*time.Second {
				t.Errorf("piece %d may take until %v, want %v", i, have, want*time.Second)
			}
		}
	})
}

// An answer that breaks off in the middle loses its connection, so that nobody takes it for the whole.
func TestHalfAnAnswerIsNoAnswer(t *testing.T) {
	s, err := New(Config{Spec: params.Minimal()})
	check(t, err)
	broken := &route{handle: func(c *call) error {
		c.start()
		return errors.New("the disk is gone")
	}, early: true}
	defer func() {
		if got := recover(); got != http.ErrAbortHandler {
			t.Errorf("the connection is not cut: %v", got)
		}
	}()
	s.route(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil), map[string]*route{http.MethodGet: broken})
}
