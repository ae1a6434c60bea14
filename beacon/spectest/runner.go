package spectest

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/params"
)

// Handler checks one case.
type Handler func(t *testing.T, c *Case)

// Plan says what is done with every case.
type Plan struct {
	// Handlers by "<runner>/<handler>", or "<runner>/*" for all handlers of a runner that have no entry of their own.
	Handlers map[string]Handler
	// NotRun lists patterns (path.Match on "<runner>/<handler>") of cases that are known and counted, but not run yet.
	NotRun []string
}

// find returns the handler for a key, or whether the key is known and not run; neither when nobody knows it.
func (p Plan) find(key string) (handler Handler, notRun bool) {
	runner, _, _ := strings.Cut(key, "/")
	if h := p.Handlers[key]; h != nil {
		return h, false
	}
	if h := p.Handlers[runner+"/*"]; h != nil {
		return h, false
	}
	return nil, slices.ContainsFunc(p.NotRun, func(pattern string) bool {
		matched, err := path.Match(pattern, key)
		return err == nil && matched
	})
}

// Run runs all cases of the groups as subtests and returns the table of what happened. In short mode it runs the first case of
// every handler and fork. With an index it fails on a group that does not hold the cases listed there.
func Run(t *testing.T, plan Plan, groups []Group, index Index) *Table {
	t.Helper()
	for _, pattern := range plan.NotRun {
		if _, err := path.Match(pattern, ""); err != nil {
			t.Fatalf("pattern %q: %v", pattern, err)
		}
	}
	table := newTable()
	for _, group := range groups {
		t.Run(group.Name, func(t *testing.T) {
			cases, err := group.Load()
			if err != nil {
				t.Fatalf("load vectors: %v", err)
			}
			if index != nil {
				index.check(t, group.Name, cases)
			}
			runGroup(t, plan, cases, table)
		})
	}
	return table
}

func runGroup(t *testing.T, plan Plan, cases []*Case, table *Table) {
	t.Helper()
	presets := map[string]func() (*params.Spec, error){}
	unknown := map[string]int{}
	previous := ID{}
	for _, c := range cases {
		handler, notRun := plan.find(c.Key())
		switch {
		case notRun:
			table.skipped(c.ID)
			continue
		case handler == nil:
			unknown[c.Fork.String()+"/"+c.Key()]++
			continue
		case testing.Short() && c.Preset == previous.Preset && c.ID.Fork == previous.Fork && c.Key() == previous.Key():
			continue
		}
		previous = c.ID
		if presets[c.Preset] == nil {
			presets[c.Preset] = sync.OnceValues(func() (*params.Spec, error) {
				spec, _, err := params.Load(fmt.Appendf(nil, "PRESET_BASE: %q\n", c.Preset))
				return spec, err
			})
		}
		c.preset = presets[c.Preset]
		t.Run(path.Join(c.ID.Preset, c.ID.Fork, c.Key(), c.Suite, c.Name), func(t *testing.T) {
			t.Parallel()
			runCase(t, handler, c, table)
		})
	}
	for _, key := range slices.Sorted(maps.Keys(unknown)) {
		t.Errorf("unknown handler %s: %d cases", key, unknown[key])
	}
}

func runCase(t *testing.T, handler Handler, c *Case, table *Table) {
	start := time.Now()
	t.Cleanup(func() {
		if t.Skipped() {
			t.Errorf("handler %s skipped a case: only the plan says what is not run", c.Key())
		}
		table.ran(c.ID, !t.Failed(), time.Since(start))
		c.files = nil // The contents of the whole archive would else stay until its last case.
	})
	c.t = t
	c.checkManifest()
	handler(t, c)
	if left := c.unopened(); len(left) > 0 && !t.Failed() {
		t.Errorf("vector file never opened: %v", left)
	}
}
