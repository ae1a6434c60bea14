package prepare

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cresset/cresset/beacon/apiclient"
	"github.com/cresset/cresset/beacon/clock"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/validator/duties"
	"github.com/cresset/cresset/validator/nodes"
	"github.com/cresset/cresset/validator/nodes/nodestest"
)

const preparePath = "/eth/v1/validator/prepare_beacon_proposer"

// validators is duties of a test's own.
type validators struct {
	mu   sync.Mutex
	list []apiclient.ValidatorOf
	slot types.Slot // the one slot of a proposal
}

func (v *validators) Validators() []apiclient.ValidatorOf {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.list
}

func (v *validators) Proposes(slot types.Slot) bool { return slot == v.slot }

func credentials(prefix byte) (c types.Bytes32) {
	c[0] = prefix
	for i := 12; i < 32; i++ {
		c[i] = 0xcc
	}
	return c
}

func address(b byte) (a types.ExecutionAddress) {
	for i := range a {
		a[i] = b
	}
	return a
}

// A key's own recipient counts before that of all keys, and that before the account that withdrawals go to, where there is one.
func TestRecipient(t *testing.T) {
	own := types.BLSPubkey{1}
	list := []apiclient.ValidatorOf{
		{Index: 1, Pubkey: own, WithdrawalCredentials: credentials(params.Eth1AddressWithdrawalPrefix)},
		{Index: 2, Pubkey: types.BLSPubkey{2}, WithdrawalCredentials: credentials(params.Eth1AddressWithdrawalPrefix)},
		{Index: 3, Pubkey: types.BLSPubkey{3}, WithdrawalCredentials: credentials(params.CompoundingWithdrawalPrefix)},
		{Index: 4, Pubkey: types.BLSPubkey{4}, WithdrawalCredentials: credentials(params.BLSWithdrawalPrefix)},
	}
	byKey := map[types.BLSPubkey]types.ExecutionAddress{own: address(0x11)}
	for _, c := range []struct {
		fallback types.ExecutionAddress
		want     [4]types.ExecutionAddress // zero for none
	}{
		{types.ExecutionAddress{}, [4]types.ExecutionAddress{address(0x11), address(0xcc), address(0xcc), {}}},
		{address(0x22), [4]types.ExecutionAddress{address(0x11), address(0x22), address(0x22), address(0x22)}},
	} {
		p := New(Config{Duties: &validators{list: list}, ByKey: byKey, Default: c.fallback})
		for i, v := range list {
			got, ok := p.Recipient(v.Pubkey)
			if got != c.want[i] || ok != (c.want[i] != types.ExecutionAddress{}) {
				t.Errorf("with the default %v the recipient of validator %d is %v (%t), want %v", c.fallback, v.Index, got, ok, c.want[i])
			}
		}
	}
	if _, ok := New(Config{Duties: &validators{}}).Recipient(own); ok {
		t.Error("a key that is no validator has a recipient")
	}
}

// Nodes are told once an epoch, when there are other validators, and in the slot before a proposal.
func TestTells(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := params.Minimal()
		start := time.Now()
		fake := nodestest.New(spec, start, types.Root{7})
		beacon := nodes.New(nodes.Config{Spec: spec, Log: slog.New(slog.DiscardHandler), Clients: []*apiclient.Client{fake.Client("node")}})
		if _, err := beacon.Connect(t.Context()); err != nil {
			t.Fatal(err)
		}
		v := &validators{slot: 6}
		p := New(Config{Duties: v, Default: address(0x22), Tools: duties.Tools{
			Spec: spec, Clock: clock.New(clock.Config{Spec: spec, GenesisTime: uint64(start.Unix())}), Nodes: beacon, Log: slog.New(slog.DiscardHandler),
		}})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_ = p.Run(ctx) // ends with the context
		}()
		for _, step := range []struct {
			slot int
			told int
			set  int // validators, once it was looked
			why  string
		}{
			{1, 0, 1, "nobody to speak of"},
			{3, 1, 1, "a first validator"},
			{4, 1, 2, "nothing new"},
			{5, 2, 2, "a second validator"},
			{6, 3, 2, "a proposal in slot 6"},
			{8, 3, 2, "nothing new"},
			{9, 4, 2, "another epoch"},
			{16, 4, 2, "nothing new"},
		} {
			time.Sleep(time.Until(start.Add(time.Duration(step.slot) * spec.SlotDuration())))
			synctest.Wait()
			if got := len(fake.Posts(preparePath)); got != step.told {
				t.Errorf("by slot %d nodes are told %d times, want %d: %s", step.slot, got, step.told, step.why)
			}
			v.mu.Lock()
			v.list = []apiclient.ValidatorOf{{Index: 1}, {Index: 2}}[:step.set]
			v.mu.Unlock()
		}
		cancel()
		<-ended
		posts := fake.Posts(preparePath)
		if body := string(posts[len(posts)-1].Body); !strings.Contains(body, `"validator_index":"2","fee_recipient":"0x2222222222222222222222222222222222222222"`) {
			t.Errorf("nodes are told %s", body)
		}
	})
}

// A clock that was far ahead and is set right has nodes told in the next slot, and not when the time comes again that the clock had shown.
func TestTellsAgainOnceTheClockIsSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := params.Minimal()
		start := time.Now()
		fake := nodestest.New(spec, start, types.Root{7})
		beacon := nodes.New(nodes.Config{Spec: spec, Log: slog.New(slog.DiscardHandler), Clients: []*apiclient.Client{fake.Client("node")}})
		if _, err := beacon.Connect(t.Context()); err != nil {
			t.Fatal(err)
		}
		source := new(nodestest.Clock)
		source.Set(100 * spec.SlotDuration())
		p := New(Config{Duties: &validators{list: []apiclient.ValidatorOf{{Index: 1}}, slot: 1 << 20}, Default: address(0x22), Tools: duties.Tools{
			Spec: spec, Clock: clock.New(clock.Config{Spec: spec, GenesisTime: uint64(start.Unix()), Source: source}), Nodes: beacon, Log: slog.New(slog.DiscardHandler),
		}})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_ = p.Run(ctx) // ends with the context
		}()
		time.Sleep(spec.SlotDuration() / 2)
		synctest.Wait()
		if got := len(fake.Posts(preparePath)); got != 1 {
			t.Errorf("told %d times at first, want once", got)
		}
		source.Set(0)
		time.Sleep(spec.SlotDuration())
		synctest.Wait()
		if got := len(fake.Posts(preparePath)); got != 2 {
			t.Errorf("told %d times in the slot after the clock was set back, want twice", got)
		}
		cancel()
		<-ended
	})
}
