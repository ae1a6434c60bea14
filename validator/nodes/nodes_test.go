package nodes_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cresset/cresset/beacon/apiclient"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/validator/nodes"
	"github.com/cresset/cresset/validator/nodes/nodestest"
)

var genesisRoot = types.Root{1, 2, 3}

// world is nodes called a, b, ... behind one client.
func world(fakes ...*nodestest.Node) *nodes.Nodes {
	cfg := nodes.Config{Spec: params.Minimal(), Log: slog.New(slog.DiscardHandler)}
	for i, f := range fakes {
		cfg.Clients = append(cfg.Clients, f.Client(string(rune('a'+i))))
	}
	return nodes.New(cfg)
}

func fake() *nodestest.Node { return nodestest.New(params.Minimal(), time.Now(), genesisRoot) }

// run watches nodes until the test ends; call it in a bubble, and the function that it gives before the bubble ends.
func run(t *testing.T, n *nodes.Nodes) func() {
	t.Helper()
	if _, err := n.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = n.Run(ctx) // ends with its context
	}()
	time.Sleep(time.Second) // all are looked at; time is the bubble's
	return func() { cancel(); <-done }
}

// who asks which node answers.
func who(t *testing.T, n *nodes.Nodes) string {
	t.Helper()
	name, err := nodes.Read(t.Context(), n, func(ctx context.Context, c *apiclient.Client) (string, error) {
		_, err := c.Syncing(ctx)
		return c.String(), err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(name, "http://")
}

// A node that is late is waited for.
func TestLateNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := fake()
		a.Set(nodestest.State{Down: true})
		n := world(a)
		time.AfterFunc(time.Hour, func() { a.Set(nodestest.State{}) })
		begin := time.Now()
		chain, err := n.Connect(t.Context())
		if err != nil || chain.GenesisValidatorsRoot != genesisRoot {
			t.Fatalf("connected to %+v: %v", chain, err)
		}
		if waited := time.Since(begin); waited < time.Hour {
			t.Errorf("connected after %v, want an hour at least", waited)
		}
	})
}

// A synced node is asked before one whose head is not verified, and that before one that is behind.
func TestTiers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, c := fake(), fake(), fake()
		a.Set(nodestest.State{Syncing: true, Head: 9})
		b.Set(nodestest.State{Optimistic: true, Head: 8})
		c.Set(nodestest.State{Head: 7})
		n := world(a, b, c)
		defer run(t, n)()
		for _, step := range []struct {
			want string
			down *nodestest.Node
		}{{"c", c}, {"b", b}, {"a", a}} {
			if got := who(t, n); got != step.want {
				t.Errorf("%s is asked, want %s", got, step.want)
			}
			step.down.Set(nodestest.State{Down: true})
			time.Sleep(10 * time.Second)
		}
		if _, err := nodes.Read(t.Context(), n, func(context.Context, *apiclient.Client) (int, error) { return 0, nil }); !errors.Is(err, nodes.ErrNoNode) {
			t.Errorf("without nodes the error is %v", err)
		}
	})
}

// Of nodes that are as good the one with the later head is asked.
func TestLaterHead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := fake(), fake()
		a.Set(nodestest.State{Head: 5})
		b.Set(nodestest.State{Head: 6})
		n := world(a, b)
		defer run(t, n)()
		if got := who(t, n); got != "b" {
			t.Errorf("%s is asked, want b", got)
		}
	})
}

// A node that takes long is not waited for: another one is asked the same.
func TestHedge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := fake(), fake()
		a.Set(nodestest.State{Head: 6})
		b.Set(nodestest.State{Head: 5})
		n := world(a, b)
		defer run(t, n)()
		a.Set(nodestest.State{Head: 6, Delay: 5 * time.Second})
		begin := time.Now()
		if got := who(t, n); got != "b" || time.Since(begin) != 500*time.Millisecond {
			t.Errorf("%s answered after %v, want b after 500ms", got, time.Since(begin))
		}
		if got, err := nodes.Try(t.Context(), n, func(ctx context.Context, c *apiclient.Client) (string, error) {
			_, err := c.Syncing(ctx)
			return c.String(), err
		}); err != nil || got != "http://a" {
			t.Errorf("what is dear is answered by %s (%v), want a", got, err)
		}
	})
}

// A node that came back is asked after the one that was there, until it has been back for a while.
func TestHoldDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := fake(), fake()
		a.Set(nodestest.State{Head: 6})
		b.Set(nodestest.State{Head: 5})
		n := world(a, b)
		defer run(t, n)()
		a.Set(nodestest.State{Down: true})
		time.Sleep(10 * time.Second)
		a.Set(nodestest.State{Head: 9})
		time.Sleep(10 * time.Second)
		if got := who(t, n); got != "b" {
			t.Errorf("%s is asked while a is held down, want b", got)
		}
		time.Sleep(8 * params.Minimal().SlotDuration())
		if got := who(t, n); got != "a" {
			t.Errorf("%s is asked after that, want a", got)
		}
	})
}

// What must not be lost goes to all nodes, and is delivered when one takes it.
func TestBroadcast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, c := fake(), fake(), fake()
		n := world(a, b, c)
		stop := run(t, n)
		c.Set(nodestest.State{Down: true})
		a.Set(nodestest.State{Delay: 2 * time.Second})
		begin := time.Now()
		preparations := []apiclient.Preparation{{Validator: 1}}
		if err := n.Broadcast(t.Context(), func(ctx context.Context, c *apiclient.Client) error { return c.PrepareProposers(ctx, preparations) }); err != nil {
			t.Fatal(err)
		}
		if time.Since(begin) != 0 {
			t.Errorf("delivered after %v, want at once", time.Since(begin))
		}
		stop()
		for name, f := range map[string]*nodestest.Node{"a": a, "b": b} {
			if got := len(f.Posts("/eth/v1/validator/prepare_beacon_proposer")); got != 1 {
				t.Errorf("%s has got it %d times, want once", name, got)
			}
		}
	})
}

// A node of another chain is refused, with what differs and both values; one that is all there is ends the wait.
func TestOtherChain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec, _, err := params.Minimal().Override([]byte("SLOT_DURATION_MS: 7000\n"))
		if err != nil {
			t.Fatal(err)
		}
		other := nodestest.New(spec, time.Now(), genesisRoot)
		_, err = world(other).Connect(t.Context())
		if !errors.Is(err, nodes.ErrOtherChain) || !strings.Contains(err.Error(), `SLOT_DURATION_MS is "7000" there, "6000"`) {
			t.Errorf("the error is %v", err)
		}
		a, b := fake(), nodestest.New(params.Minimal(), time.Now(), types.Root{9})
		n := world(a, b)
		defer run(t, n)()
		b.Set(nodestest.State{Head: 100})
		if got := who(t, n); got != "a" {
			t.Errorf("%s is asked, want a", got)
		}
		if err := n.Broadcast(t.Context(), func(ctx context.Context, c *apiclient.Client) error { return c.PrepareProposers(ctx, nil) }); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := b.Posts("/eth/v1/validator/prepare_beacon_proposer"); len(got) != 0 {
			t.Errorf("the node of another chain has got %d messages, want none", len(got))
		}
	})
}

// A fork schedule that says something else than the configuration is refused.
func TestOtherForks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := fake()
		a.On("/eth/v1/config/fork_schedule", nodestest.Data(`[{"previous_version":"0x00000001","current_version":"0x00000009","epoch":"0"}]`))
		_, err := world(a).Connect(t.Context())
		if !errors.Is(err, nodes.ErrOtherChain) || !strings.Contains(err.Error(), "0x00000009") || !strings.Contains(err.Error(), "0x00000001") {
			t.Errorf("the error is %v, want both versions", err)
		}
	})
}

// A head of the slot ends the wait for it, an older one does not, and the time does.
func TestWaitHead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := fake()
		n := world(a)
		defer run(t, n)()
		begin := time.Now()
		time.AfterFunc(time.Second, func() { a.Head(4, types.Root{4}, types.Root{}, types.Root{}) })
		time.AfterFunc(2*time.Second, func() { a.Head(5, types.Root{5}, types.Root{}, types.Root{}) })
		if headed, err := n.WaitHead(t.Context(), 5, begin.Add(3*time.Second)); !headed || err != nil || time.Since(begin) != 2*time.Second {
			t.Errorf("waited %v, head %t, %v; want 2s and a head", time.Since(begin), headed, err)
		}
		if headed, err := n.WaitHead(t.Context(), 6, begin.Add(3*time.Second)); headed || err != nil || time.Since(begin) != 3*time.Second {
			t.Errorf("waited until %v, head %t, %v; want 3s and none", time.Since(begin), headed, err)
		}
	})
}
