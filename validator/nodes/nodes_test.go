package nodes_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
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

// fake is a node of a chain that is in slot 1000.
func fake() *nodestest.Node {
	return nodestest.New(params.Minimal(), time.Now().Add(-1000*params.Minimal().SlotDuration()), genesisRoot)
}

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
		for patience, want := range map[time.Duration]string{0: "a", 2 * time.Second: "b"} {
			begin = time.Now()
			got, err := nodes.Try(t.Context(), n, patience, func(ctx context.Context, c *apiclient.Client) (string, error) {
				_, err := c.Syncing(ctx)
				return c.String(), err
			})
			if err != nil || got != "http://"+want || patience > 0 && time.Since(begin) != patience {
				t.Errorf("what is dear is answered by %s (%v) after %v with a patience of %v, want %s", got, err, time.Since(begin), patience, want)
			}
		}
	})
}

// A node that takes long is waited for where the others are worse; they are asked when it fails.
func TestHedgeWithinTier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, c := fake(), fake(), fake()
		b.Set(nodestest.State{Optimistic: true})
		c.Set(nodestest.State{Syncing: true})
		n := world(a, b, c)
		defer run(t, n)()
		a.Set(nodestest.State{Delay: 3 * time.Second})
		begin := time.Now()
		if got := who(t, n); got != "a" || time.Since(begin) != 3*time.Second {
			t.Errorf("%s answered after %v, want a after 3s", got, time.Since(begin))
		}
		a.Set(nodestest.State{Down: true})
		begin = time.Now()
		if got := who(t, n); got != "b" || time.Since(begin) != 0 {
			t.Errorf("%s answered after %v, want b at once", got, time.Since(begin))
		}
	})
}

// All nodes are asked, and it is known of each answer how good its node is.
func TestPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, c := fake(), fake(), fake()
		a.Set(nodestest.State{Syncing: true})
		n := world(a, b, c)
		defer run(t, n)()
		c.Set(nodestest.State{Down: true})
		var got []string
		for _, x := range nodes.Poll(t.Context(), n, func(ctx context.Context, c *apiclient.Client) (string, error) {
			_, err := c.Syncing(ctx)
			return c.String(), err
		}) {
			got = append(got, fmt.Sprint(x.Value, " ", x.Tier, " ", x.Err != nil))
		}
		if want := "[http://b healthy false http://c healthy true http://a syncing false]"; fmt.Sprint(got) != want {
			t.Errorf("answers: %v, want %s", got, want)
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

// A head in a slot to come is told once and believed by nobody: it neither ends a wait, nor hides the heads of others, nor makes its node the best one.
func TestHeadsToCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := fake(), fake()
		a.Set(nodestest.State{Head: 1 << 40})
		b.Set(nodestest.State{Head: 999})
		var log bytes.Buffer
		n := nodes.New(nodes.Config{Spec: params.Minimal(), Log: slog.New(slog.NewTextHandler(&log, nil)), Clients: []*apiclient.Client{a.Client("a"), b.Client("b")}})
		stop := run(t, n)
		if got := who(t, n); got != "b" {
			t.Errorf("%s is asked, want b", got)
		}
		a.Head(1002, types.Root{1}, types.Root{}, types.Root{})
		synctest.Wait()
		if headed, err := n.WaitHead(t.Context(), 1000, time.Now().Add(time.Second)); headed || err != nil {
			t.Errorf("a head two slots ahead ends the wait (%v)", err)
		}
		a.Set(nodestest.State{Head: 1001, Delay: 100 * time.Millisecond})
		b.Set(nodestest.State{Head: 1000})
		time.Sleep(2 * time.Second) // both are looked at; a head one slot ahead is possible, and no better than one of the present slot
		if got := who(t, n); got != "b" {
			t.Errorf("%s is asked, want b, which is faster", got)
		}
		b.Head(1000, types.Root{2}, types.Root{}, types.Root{})
		synctest.Wait()
		if head, _ := n.Head(); head.Block != (types.Root{2}) {
			t.Errorf("the head is %+v, want that of b", head)
		}
		stop()
		if text := log.String(); strings.Count(text, "is not believed") != 1 {
			t.Errorf("the log is %s", text)
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

// An item of a list is refused only where every node that judged it refused it.
func TestBroadcastOfAList(t *testing.T) {
	refuses := func(items ...int) error {
		e := &apiclient.ItemsError{Failures: map[int]string{}}
		for _, i := range items {
			e.Failures[i] = ""
		}
		return e
	}
	for name, c := range map[string]struct {
		a, b error
		want string
	}{
		"one takes all":       {refuses(1, 2), nil, "<nil>"},
		"each takes another":  {refuses(1), refuses(2), "<nil>"},
		"neither takes one":   {refuses(1, 2), refuses(2, 3), "map[2:]"},
		"one is out of order": {errors.New("out of order"), refuses(3), "map[3:]"},
	} {
		synctest.Test(t, func(t *testing.T) {
			n := world(fake(), fake())
			defer run(t, n)()
			err := n.Broadcast(t.Context(), func(_ context.Context, x *apiclient.Client) error {
				if x.String() == "http://a" {
					return c.a
				}
				return c.b
			})
			got := fmt.Sprint(err)
			var refused *apiclient.ItemsError
			if errors.As(err, &refused) {
				got = fmt.Sprint(refused.Failures)
			}
			if got != c.want {
				t.Errorf("%s: %s, want %s", name, got, c.want)
			}
		})
	}
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
		a, b := fake(), fake()
		b.GenesisRoot = types.Root{9}
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

// A node whose genesis is not that of the network is refused, the first one too: its clock would be another.
func TestKnownGenesis(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		for _, c := range []struct {
			known params.Genesis
			good  bool
		}{
			{params.Genesis{Time: uint64(begin.Unix()), ValidatorsRoot: genesisRoot}, true},
			{params.Genesis{Time: uint64(begin.Unix()) + 1000, ValidatorsRoot: genesisRoot}, false},
			{params.Genesis{Time: uint64(begin.Unix()), ValidatorsRoot: types.Root{9}}, false},
		} {
			n := nodes.New(nodes.Config{
				Spec: params.Minimal(), Genesis: &c.known, Log: slog.New(slog.DiscardHandler),
				Clients: []*apiclient.Client{nodestest.New(params.Minimal(), begin, genesisRoot).Client("a")},
			})
			if _, err := n.Connect(t.Context()); c.good && err != nil || !c.good && !errors.Is(err, nodes.ErrOtherChain) {
				t.Errorf("known %v: %v", c.known, err)
			}
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

// A node has to know every fork that comes into force, with its epoch and version, whichever node was there first; forks that nobody scheduled are of no account,
// and of several forks at an epoch only the last one is.
func TestForkSchedule(t *testing.T) {
	spec, _, err := params.Minimal().Override([]byte("ALTAIR_FORK_EPOCH: 0\nBELLATRIX_FORK_EPOCH: 0\nCAPELLA_FORK_EPOCH: 5\nDENEB_FORK_EPOCH: 18446744073709551615\n" +
		"ELECTRA_FORK_EPOCH: 18446744073709551615\nFULU_FORK_EPOCH: 18446744073709551615\n"))
	if err != nil {
		t.Fatal(err)
	}
	fork := func(version params.Fork, epoch string) string {
		return fmt.Sprintf(`{"previous_version":"0x00000001","current_version":"%v","epoch":"%s"}`, spec.ForkVersion(version), epoch)
	}
	const never = "18446744073709551615"
	for name, c := range map[string]struct {
		forks   []string
		refused []string // what the error says, nil where the node is taken
	}{
		"all":              {[]string{fork(params.Phase0, "0"), fork(params.Altair, "0"), fork(params.Bellatrix, "0"), fork(params.Capella, "5"), fork(params.Deneb, never)}, nil},
		"those in force":   {[]string{fork(params.Bellatrix, "0"), fork(params.Capella, "5")}, nil},
		"one is missing":   {[]string{fork(params.Bellatrix, "0"), fork(params.Capella, never)}, []string{spec.ForkVersion(params.Capella).String(), "epoch 5", spec.ForkVersion(params.Bellatrix).String() + " from 0"}},
		"at another epoch": {[]string{fork(params.Bellatrix, "0"), fork(params.Capella, "6")}, []string{"epoch 5", spec.ForkVersion(params.Capella).String() + " from 6"}},
		"one more":         {[]string{fork(params.Bellatrix, "0"), fork(params.Capella, "5"), fork(params.Deneb, "9")}, []string{spec.ForkVersion(params.Deneb).String(), "epoch 9"}},
		"none":             {nil, []string{"epoch 0"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			a, b := nodestest.New(spec, time.Now(), genesisRoot), nodestest.New(spec, time.Now(), genesisRoot)
			b.On("/eth/v1/config/fork_schedule", nodestest.Data("["+strings.Join(c.forks, ",")+"]"))
			var log bytes.Buffer
			n := nodes.New(nodes.Config{Spec: spec, Log: slog.New(slog.NewTextHandler(&log, nil)), Clients: []*apiclient.Client{a.Client("a"), b.Client("b")}})
			run(t, n)()
			text := log.String()
			if strings.Contains(text, "refused") != (c.refused != nil) {
				t.Errorf("%s: the log is %s", name, text)
			}
			for _, want := range c.refused {
				if !strings.Contains(text, want) {
					t.Errorf("%s: the log is %s, want %q in it", name, text, want)
				}
			}
		})
	}
}

// A head of the slot ends the wait for it, an older one does not, and the time does.
func TestWaitHead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := fake()
		n := world(a)
		defer run(t, n)()
		begin := time.Now()
		time.AfterFunc(time.Second, func() { a.Head(999, types.Root{4}, types.Root{}, types.Root{}) })
		time.AfterFunc(2*time.Second, func() { a.Head(1000, types.Root{5}, types.Root{}, types.Root{}) })
		if headed, err := n.WaitHead(t.Context(), 1000, begin.Add(3*time.Second)); !headed || err != nil || time.Since(begin) != 2*time.Second {
			t.Errorf("waited %v, head %t, %v; want 2s and a head", time.Since(begin), headed, err)
		}
		if headed, err := n.WaitHead(t.Context(), 1001, begin.Add(3*time.Second)); headed || err != nil || time.Since(begin) != 3*time.Second {
			t.Errorf("waited until %v, head %t, %v; want 3s and none", time.Since(begin), headed, err)
		}
	})
}
