package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/cresset/cresset/beacon/params"
)

// specification lists every path of the specification with its methods.
func specification(t testing.TB) map[string]bool {
	t.Helper()
	paths := map[string]bool{}
	for line := range strings.Lines(readFile(t, "testdata/paths.txt")) {
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "#") {
			paths[line] = true
		}
	}
	if len(paths) < 80 {
		t.Fatalf("%d paths are listed", len(paths))
	}
	return paths
}

// Every path of the specification is either served or known by name as not served, never both, and nothing else is served.
func TestEveryPathIsServedOrNamed(t *testing.T) {
	missing, seen := specification(t), map[string]bool{}
	take := func(kind, path string) {
		if seen[path] {
			t.Errorf("%s stands twice in the tables", path)
		}
		seen[path] = true
		if !missing[path] {
			t.Errorf("%s is %s and not in the specification", path, kind)
		}
		delete(missing, path)
	}
	for _, r := range routes() {
		take("served", r.method+" "+r.pattern)
		if (r.method == http.MethodPost) != (r.body > 0) {
			t.Errorf("%s %s reads a body of %d bytes", r.method, r.pattern, r.body)
		}
		if r.group == "" || r.handle == nil {
			t.Errorf("%s %s has no group or no handler", r.method, r.pattern)
		}
	}
	for _, u := range notServed() {
		take("named", u.method+" "+u.pattern)
	}
	for path := range missing {
		t.Errorf("%s is neither served nor named", path)
	}
}

// filled is a path with something in the place of each of its fields.
func filled(pattern string) string {
	return strings.NewReplacer(
		"{state_id}", "head", "{block_id}", "head", "{validator_id}", "1", "{peer_id}", "16Uiu2one", "{block_root}", "0x"+strings.Repeat("11", 32),
		"{epoch}", "1", "{slot}", "1", "{builder_index}", "1", "{beacon_block_root}", "0x"+strings.Repeat("11", 32),
	).Replace(pattern)
}

// What is not served says so, what is not there too, and a method that a path does not have is told which it has.
func TestPathsThatAreNotServed(t *testing.T) {
	s, err := New(Config{Spec: params.Minimal(), AllowedHosts: []string{"example.com"}})
	check(t, err)
	for _, u := range notServed() {
		ask(t, s.Handler(), u.method, filled(u.pattern), "").wants(http.StatusNotImplemented).says(u.pattern)
	}
	for _, path := range []string{"/", "/eth/v1/beacon/nothing", "/eth/v1/node/version/", "/eth/v9/node/version"} {
		ask(t, s.Handler(), http.MethodGet, path, "").wants(http.StatusNotFound)
	}
	a := ask(t, s.Handler(), http.MethodDelete, "/eth/v1/beacon/states/head/validators", "").wants(http.StatusMethodNotAllowed)
	if have := a.header.Get("Allow"); have != "GET, POST" {
		t.Errorf("allowed are %q", have)
	}
}

// Before the chain is ready the server is up: it says what it knows by itself, is not healthy, and tells that all else is to come.
func TestTheServerIsUpBeforeTheChain(t *testing.T) {
	s, err := New(Config{Spec: params.Minimal(), AllowedHosts: []string{"example.com"}})
	check(t, err)
	for _, r := range routes() {
		a := ask(t, s.Handler(), r.method, filled(r.pattern), "")
		switch {
		case r.pattern == "/eth/v1/node/health":
			if a.status != http.StatusServiceUnavailable || len(a.body) > 0 {
				t.Errorf("health is %d with %q", a.status, a.body)
			}
		case r.early:
			a.wants(http.StatusOK)
		default:
			a.wants(http.StatusServiceUnavailable).says("chain is not ready")
			if a.header.Get("Retry-After") == "" {
				t.Errorf("%s: no time to come again", r.pattern)
			}
		}
	}
}

// A chain is set once, and only topics of the specification can be published.
func TestSetChainIsCheckedAndDoneOnce(t *testing.T) {
	s, err := New(Config{Spec: params.Minimal()})
	check(t, err)
	if err := s.SetChain(Node{Topics: []string{"weather"}}); err == nil {
		t.Error("a topic that nobody knows is taken")
	}
	check(t, s.SetChain(Node{}))
	if err := s.SetChain(Node{}); err == nil {
		t.Error("the chain is set twice")
	}
}

// A Config with a limit that makes no sense is refused.
func TestConfigIsChecked(t *testing.T) {
	for name, cfg := range map[string]Config{
		"no spec": {}, "queue of one": {Spec: params.Minimal(), EventQueue: 1}, "less than nothing": {Spec: params.Minimal(), BulkQueue: -1},
	} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
