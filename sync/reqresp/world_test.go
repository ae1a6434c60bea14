package reqresp_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cresset/cresset/beacon/clock"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/simnet"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/sync/reqresp"
	"github.com/cresset/cresset/sync/reqresp/reqresptest"
)

// world is a client and a server in memory. The server answers with what the test puts into handlers.
type world struct {
	t       *testing.T
	spec    *params.Spec
	clock   *clock.Clock
	table   *reqresp.Table
	digests *reqresp.Digests
	net     *reqresptest.Network
	client  *reqresp.Client

	mu        sync.Mutex
	incidents []reqresp.Incident
}

// inWorld runs a test in a bubble in which all forks up to one have begun. When it ends no stream may be open.
func inWorld(t *testing.T, fork params.Fork, test func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		spec, err := simnet.Spec(fork)
		check(t, err)
		w := &world{t: t, spec: spec, table: reqresp.NewTable(spec), digests: reqresp.NewDigests(spec, types.Root{1})}
		w.clock = clock.New(clock.Config{Spec: spec, GenesisTime: uint64(time.Now().Unix()) - 1000*6})
		w.net = &reqresptest.Network{Servers: map[string]*reqresp.Server{}, Scripts: map[string]func(string, *reqresptest.Stream){}}
		w.client = w.newClient("client")
		test(w)
		w.net.Wait.Wait()
	})
}

func (w *world) newClient(name string) *reqresp.Client {
	return reqresp.NewClient(reqresp.ClientConfig{Table: w.table, Digests: w.digests, Opener: w.net.Opener(name), Clock: w.clock})
}

// serve makes the server "server".
func (w *world) serve(handlers map[reqresp.Method]reqresp.Handler, change ...func(*reqresp.ServerConfig)) {
	cfg := reqresp.ServerConfig{Table: w.table, Digests: w.digests, Clock: w.clock, Handlers: handlers, Report: func(i reqresp.Incident) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.incidents = append(w.incidents, i)
	}}
	for _, f := range change {
		f(&cfg)
	}
	w.net.Servers["server"] = reqresp.NewServer(cfg)
}

// faults lists what the server reported.
func (w *world) faults() []reqresp.Fault {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	var faults []reqresp.Fault
	for _, i := range w.incidents {
		faults = append(faults, i.Fault)
	}
	return faults
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) cx(slot types.Slot) ssz.Context {
	return ssz.Context{Spec: w.spec, Fork: w.spec.ForkAtSlot(slot)}
}

// block is a block on a parent, with its root.
func (w *world) block(slot types.Slot, parent types.Root) (*types.SignedBeaconBlock, types.Root) {
	w.t.Helper()
	b := &types.SignedBeaconBlock{Message: types.BeaconBlock{Slot: slot, ParentRoot: parent}}
	root, err := ssz.HashTreeRoot(w.cx(slot), ssz.Container(&b.Message))
	check(w.t, err)
	return b, root
}

// answers is a handler that sends values of slots.
func answers(values ...sent) reqresp.Handler {
	return func(ctx context.Context, call *reqresp.Call) error {
		for _, v := range values {
			if err := call.Send(ctx, v.slot, ssz.Container(v.value)); err != nil {
				return err
			}
		}
		return nil
	}
}

type sent struct {
	slot  types.Slot
	value ssz.Object
}

// collect reads an answer to its end.
func collect[T any](answer iter.Seq2[T, error]) (values []T, err error) {
	for v, err := range answer {
		if err != nil {
			return values, err
		}
		values = append(values, v)
	}
	return values, nil
}

// wantBroken checks that an answer broke a rule, after so many good values; no rule is none broken.
func wantBroken[T any](t *testing.T, name string, answer iter.Seq2[T, error], good int, rule string) {
	t.Helper()
	values, err := collect(answer)
	if len(values) != good {
		t.Errorf("%s: %d values before the end, want %d (%v)", name, len(values), good, err)
	}
	if rule == "" {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		return
	}
	have, ok := errors.AsType[*reqresp.RuleError](err)
	if !ok || !strings.Contains(have.Rule, rule) || reqresp.ClassOf(err) != reqresp.Broken {
		t.Errorf("%s: %v of class %v, want the rule %q broken", name, err, reqresp.ClassOf(err), rule)
	}
}

// wantClass checks the class of a failure.
func wantClass(t *testing.T, name string, err error, class reqresp.Class) {
	t.Helper()
	if reqresp.ClassOf(err) != class {
		t.Errorf("%s: %v, want it to be of class %q", name, err, fmt.Sprint(class))
	}
}
