package duties

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cresset/cresset/beacon/apiclient"
	"github.com/cresset/cresset/beacon/bls"
	"github.com/cresset/cresset/beacon/clock"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/validator/nodes"
	"github.com/cresset/cresset/validator/nodes/nodestest"
	"github.com/cresset/cresset/validator/signer"
)

// stage is a tracker with two keys: the first is validator 10, active from the start, the second becomes validator 11 some time.
type stage struct {
	t       *testing.T
	spec    *params.Spec
	fake    *nodestest.Node
	other   *nodestest.Node // gives the same answers where a test asks for a second node; nil for none
	tracker *Tracker
	keys    []types.BLSPubkey
	start   time.Time
	end     func()

	mu     sync.Mutex
	active int                   // validators
	status types.ValidatorStatus // of validator 10
	root   types.Root
	offset types.Slot // of validator 10's slot in each epoch
	last   types.Root // that proposers depend on
	first  types.Slot // of validator 10's blocks in each epoch
}

func newStage(t *testing.T, changes ...func(*stage)) *stage {
	t.Helper()
	spec, _, err := params.Minimal().Override([]byte("ALTAIR_FORK_EPOCH: 0\n"))
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{t: t, spec: spec, start: time.Now(), active: 1, status: types.StatusActiveOngoing, root: types.Root{1}, offset: 3, last: types.Root{1}, first: 5}
	s.fake = nodestest.New(spec, s.start, types.Root{7})
	for _, change := range changes {
		change(s)
	}
	clients := []*apiclient.Client{s.fake.Client("node")}
	if s.other != nil {
		clients = append(clients, s.other.Client("other"))
		s.answers(s.other)
	}
	beacon := nodes.New(nodes.Config{Spec: spec, Log: slog.New(slog.DiscardHandler), Clients: clients})
	now := clock.New(clock.Config{Spec: spec, GenesisTime: uint64(s.start.Unix())})
	holder := signer.New(signer.Config{Spec: spec, GenesisValidatorsRoot: types.Root{7}, Clock: now})
	for i := range 2 {
		secret, err := bls.SecretKeyFromUint64(uint64(i + 1))
		if err != nil {
			t.Fatal(err)
		}
		s.keys = append(s.keys, holder.Add(secret))
	}
	s.answers(s.fake)
	if _, err := beacon.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.tracker = New(Tools{Spec: spec, Clock: now, Nodes: beacon, Signer: holder, Log: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{}, 2)
	for _, run := range []func(){func() { _ = beacon.Run(ctx) }, func() { _ = s.tracker.Run(ctx) }} { // both end with the context
		go func() { run(); ended <- struct{}{} }()
	}
	s.end = func() { cancel(); <-ended; <-ended }
	return s
}

// answers sets what a node says.
func (s *stage) answers(fake *nodestest.Node) {
	fake.On("/eth/v1/beacon/states/head/validators", func(*http.Request, []byte) (int, string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		var list []string
		for i := range s.active {
			status := types.StatusActiveOngoing
			if i == 0 {
				status = s.status
			}
			list = append(list, fmt.Sprintf(`{"index":"%d","status":"%s","validator":{"pubkey":"%v","withdrawal_credentials":"%v"}}`, 10+i, status, s.keys[i], types.Root{1}))
		}
		return http.StatusOK, `{"data":[` + strings.Join(list, ",") + `]}`
	})
	fake.On("/eth/v1/validator/duties/attester/", func(r *http.Request, body []byte) (int, string) {
		epoch, err := strconv.ParseUint(path.Base(r.URL.Path), 10, 64)
		var indices []string
		if err != nil || json.Unmarshal(body, &indices) != nil {
			return http.StatusBadRequest, "epoch or indices"
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		var list []string
		for _, index := range indices {
			i, err := strconv.Atoi(index)
			if i -= 10; err != nil {
				return http.StatusBadRequest, "index"
			}
			list = append(list, fmt.Sprintf(`{"pubkey":"%v","validator_index":"%s","committee_index":"0","committee_length":"4","committees_at_slot":"1","validator_committee_index":"%d","slot":"%d"}`,
				s.keys[i], index, i, epoch*s.spec.SlotsPerEpoch+uint64(s.offset)))
		}
		return http.StatusOK, fmt.Sprintf(`{"dependent_root":"%v","data":[%s]}`, s.root, strings.Join(list, ","))
	})
	fake.On("/eth/v1/validator/duties/proposer/", func(r *http.Request, _ []byte) (int, string) {
		epoch, err := strconv.ParseUint(path.Base(r.URL.Path), 10, 64)
		if err != nil {
			return http.StatusBadRequest, "epoch"
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		start := epoch * s.spec.SlotsPerEpoch
		return http.StatusOK, fmt.Sprintf(`{"dependent_root":"%v","data":[{"pubkey":"%v","validator_index":"10","slot":"%d"},{"pubkey":"%v","validator_index":"99","slot":"%d"}]}`,
			s.last, s.keys[0], start+uint64(s.first), types.BLSPubkey{9}, start+6)
	})
	fake.On("/eth/v1/validator/duties/sync/", func(_ *http.Request, body []byte) (int, string) {
		if !strings.Contains(string(body), `"10"`) {
			return http.StatusOK, `{"data":[]}`
		}
		return http.StatusOK, fmt.Sprintf(`{"data":[{"pubkey":"%v","validator_index":"10","validator_sync_committee_indices":["0","9"]}]}`, s.keys[0])
	})
}

func (s *stage) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// until sleeps until a slot.
func (s *stage) until(slot int) {
	time.Sleep(time.Until(s.start.Add(time.Duration(slot)*s.spec.SlotDuration() + time.Millisecond)))
	synctest.Wait()
}

// seats is what is known of a slot's seats.
func (s *stage) seats(slot types.Slot) []Attester {
	ctx, cancel := context.WithCancel(s.t.Context())
	cancel()
	seats, err := s.tracker.Attesters(ctx, slot)
	if err != nil && !errors.Is(err, context.Canceled) {
		s.t.Error(err)
	}
	return seats
}

// Who asks before duties are known waits for them, at most as long as the context lives; each kind is there as soon as it was fetched.
func TestWaitForDuties(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		defer s.end()
		s.fake.Set(nodestest.State{Down: true})
		s.until(6)
		begin := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if seats, err := s.tracker.Attesters(ctx, 19); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Second {
			t.Errorf("seats of an epoch that nobody told of: %+v, %v after %v", seats, err, time.Since(begin))
		}
		got := make(chan string, 3)
		go func() {
			seats, err := s.tracker.Attesters(t.Context(), 19)
			got <- fmt.Sprint(len(seats), err)
		}()
		go func() {
			d, err := s.tracker.Proposer(t.Context(), 21)
			got <- fmt.Sprint(d != nil, err)
		}()
		go func() {
			seats, err := s.tracker.SyncCommittee(t.Context(), 64)
			got <- fmt.Sprint(len(seats), err)
		}()
		s.until(9)
		if len(got) != 0 {
			t.Fatalf("%d answers while the node is away", len(got))
		}
		s.fake.Set(nodestest.State{})
		s.until(10)
		if len(got) != 2 {
			t.Errorf("%d answers in epoch 1, want those about epoch 2", len(got))
		}
		s.until(48)
		if len(got) != 3 {
			t.Errorf("%d answers in epoch 6, want that about the next sync committee too", len(got))
		}
		for range 3 {
			if answer := <-got; answer != "1<nil>" && answer != "true<nil>" && answer != "1 <nil>" && answer != "true <nil>" {
				t.Errorf("the answer is %q", answer)
			}
		}
	})
}

// Duties of this and the next epoch are known, those of others' keys are not ours, and the nodes hear of the subnets.
func TestDuties(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		defer s.end()
		s.until(0)
		for _, slot := range []types.Slot{3, 11} {
			seats := s.seats(slot)
			if len(seats) != 1 || seats[0].Validator != 10 || !seats[0].Aggregator || seats[0].Selection == (types.BLSSignature{}) {
				t.Errorf("seats of slot %d: %+v, want validator 10 as the aggregator of a small committee", slot, seats)
			}
		}
		if seats := s.seats(4); len(seats) != 0 {
			t.Errorf("seats of slot 4: %+v, want none", seats)
		}
		if d, err := s.tracker.Proposer(t.Context(), 5); err != nil || d == nil || d.Validator != 10 || !s.tracker.Proposes(5) {
			t.Errorf("proposer of slot 5: %+v (%v)", d, err)
		}
		if d, err := s.tracker.Proposer(t.Context(), 6); err != nil || d != nil || s.tracker.Proposes(6) {
			t.Errorf("proposer of slot 6 is %+v (%v), want nobody of ours", d, err)
		}
		if seats, err := s.tracker.SyncCommittee(t.Context(), 0); err != nil || len(seats) != 1 || len(seats[0].Positions) != 2 {
			t.Errorf("seats in the sync committee: %+v (%v)", seats, err)
		}
		if seats := s.tracker.Seats(1); len(seats) != 1 || seats[0].Slot != 11 {
			t.Errorf("seats of epoch 1: %+v, want that of slot 11", seats)
		}
		var told []struct {
			Slot       string `json:"slot"`
			Aggregator bool   `json:"is_aggregator"`
		}
		posts := s.fake.Posts("/eth/v1/validator/beacon_committee_subscriptions")
		if len(posts) != 2 {
			t.Fatalf("%d subscriptions, want one an epoch", len(posts))
		}
		if err := json.Unmarshal(posts[0].Body, &told); err != nil || len(told) != 1 || told[0].Slot != "3" || !told[0].Aggregator {
			t.Errorf("subscribed to %+v (%v)", told, err)
		}
		if posts := s.fake.Posts("/eth/v1/validator/sync_committee_subscriptions"); len(posts) != 1 || !strings.Contains(string(posts[0].Body), `"until_epoch":"8"`) {
			t.Errorf("sync subscriptions: %v", posts)
		}
	})
}

// Nodes are told of subnets again every epoch, as one may have been restarted, and when one comes back.
func TestSubscribesAgain(t *testing.T) {
	const committees, sync = "/eth/v1/validator/beacon_committee_subscriptions", "/eth/v1/validator/sync_committee_subscriptions"
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, func(s *stage) { s.other = nodestest.New(s.spec, s.start, types.Root{7}) })
		defer s.end()
		s.until(1)
		told := func(f *nodestest.Node) string { return fmt.Sprint(len(f.Posts(committees)), " ", len(f.Posts(sync))) }
		before := told(s.fake)
		s.until(7)
		if got := told(s.fake); got != before {
			t.Errorf("told %s times, want %s within an epoch", got, before)
		}
		s.fake.Set(nodestest.State{Down: true})
		s.until(8)
		posts, syncs := len(s.other.Posts(committees)), len(s.other.Posts(sync))
		if posts < 4 || syncs < 2 {
			t.Errorf("in the next epoch told %s times, want both epochs and the sync committee again", told(s.other))
		}
		s.until(9)
		if got := told(s.other); got != fmt.Sprint(posts, " ", syncs) {
			t.Errorf("told %s times, want %d %d", got, posts, syncs)
		}
		s.fake.Set(nodestest.State{})
		s.until(11)
		if got := told(s.fake); before != "2 1" || got != "4 2" {
			t.Errorf("the node that came back was told %s times, %s before it went; want 4 2 and 2 1", got, before)
		}
	})
}

// A head that builds on another block than the duties depend on has them fetched anew; one that builds on the same does not.
func TestDependentRoot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		defer s.end()
		s.until(1)
		before := s.fake.Asked("/eth/v1/validator/duties/attester/1")
		s.fake.Head(1, types.Root{0xaa}, types.Root{1}, types.Root{1})
		synctest.Wait()
		if asked := s.fake.Asked("/eth/v1/validator/duties/attester/1"); asked != before {
			t.Errorf("asked %d times, want %d: nothing has changed", asked, before)
		}
		s.change(func() { s.root, s.offset = types.Root{2}, 6 })
		s.fake.Head(1, types.Root{0xbb}, types.Root{1}, types.Root{2})
		synctest.Wait()
		if this, next := s.seats(3), s.seats(14); len(this) != 1 || len(next) != 1 || len(s.seats(11)) != 0 {
			t.Errorf("after the change: this epoch %+v, next %+v; want the old seat in this epoch and the new one in the next", this, next)
		}
		if asked := s.fake.Asked("/eth/v1/validator/duties/attester/1"); asked != before+1 {
			t.Errorf("asked %d times, want %d", asked, before+1)
		}
	})
}

// Before Fulu proposers depend on the last block before their epoch: a head that builds on another one has them fetched anew. Of the next epoch it is not known yet.
func TestProposersDependentRoot(t *testing.T) {
	const path = "/eth/v1/validator/duties/proposer/"
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		defer s.end()
		s.until(1)
		ours := func(slot types.Slot) bool { return s.tracker.Proposes(slot) }
		asked := func(epoch int) int { return s.fake.Asked(fmt.Sprint(path, epoch)) }
		s.fake.Head(1, types.Root{0xaa}, types.Root{1}, types.Root{1})
		synctest.Wait()
		if asked(0) != 1 || asked(1) != 1 {
			t.Errorf("asked %d and %d times, want once: nothing has changed", asked(0), asked(1))
		}
		s.until(7)
		s.change(func() { s.last = types.Root{0x22} }) // the last block is slot 6's
		s.until(8)
		if !ours(13) || asked(1) != 2 {
			t.Errorf("slot 13 is ours %t, asked %d times; want it to be ours, and asked for as the epoch begins", ours(13), asked(1))
		}
		s.change(func() { s.last, s.first = types.Root{0x33}, 3 }) // slot 7's comes late
		s.fake.Head(7, types.Root{0x33}, types.Root{1}, types.Root{1})
		synctest.Wait()
		if !ours(11) || ours(13) || asked(1) != 3 {
			t.Errorf("with slot 7's block: slot 11 is ours %t, 13 %t, asked %d times; want 11 and 3 times", ours(11), ours(13), asked(1))
		}
		s.fake.Head(8, types.Root{0x44}, types.Root{1}, types.Root{0x33})
		synctest.Wait()
		if asked(1) != 3 {
			t.Errorf("asked %d times, want 3: slot 8's block builds on slot 7's", asked(1))
		}
		s.change(func() { s.last, s.first = types.Root{0x22}, 4 })
		s.fake.Head(9, types.Root{0x55}, types.Root{1}, types.Root{0x22})
		synctest.Wait()
		if !ours(12) || ours(11) || asked(1) != 4 {
			t.Errorf("after a reorganization: slot 12 is ours %t, 11 %t, asked %d times; want 12 and 4 times", ours(12), ours(11), asked(1))
		}
	})
}

// A key that becomes a validator while running gets its duties in the next epoch.
func TestActivation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		defer s.end()
		s.until(2)
		s.change(func() { s.active = 2 })
		s.until(3)
		if seats := s.seats(11); len(seats) != 1 {
			t.Errorf("%d seats before the next look, want 1", len(seats))
		}
		s.until(8)
		if seats := s.seats(11); len(seats) != 2 || seats[1].Validator != 11 {
			t.Errorf("seats: %+v, want those of 10 and 11", seats)
		}
		if all := s.tracker.Validators(); len(all) != 2 || all[0].Index != 10 || all[1].Index != 11 {
			t.Errorf("validators: %+v", all)
		}
	})
}

// A member of the sync committee stays one after its exit, to the end of the period; it votes no more.
func TestExit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		defer s.end()
		s.until(2)
		s.change(func() { s.status, s.active = types.StatusExitedUnslashed, 2 })
		s.until(17)
		if seats := s.seats(27); len(seats) != 1 || seats[0].Validator != 11 {
			t.Errorf("seats of epoch 3: %+v, want that of 11 alone", seats)
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		for _, slot := range []types.Slot{17, 63 /* which signs for the first slot of the next period */} {
			if slot == 63 {
				s.until(60)
			}
			seats, err := s.tracker.SyncCommittee(ended, slot)
			if err != nil || len(seats) != 1 || seats[0].Validator != 10 {
				t.Errorf("seats in the sync committee of slot %d: %+v (%v), want that of 10", slot, seats, err)
			}
		}
	})
}

// Whose duties were never known is told of: how many should have voted, and that they may be in the sync committee. Before the keys were looked up that is all of them.
func TestUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		defer s.end()
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if got := New(s.tracker.cfg).Unknown(0); got != 2 {
			t.Errorf("before the first look %d votes are unknown, want those of both keys", got)
		}
		s.until(2)
		if got := s.tracker.Unknown(0); got != 0 {
			t.Errorf("%d votes of epoch 0 are unknown, want none", got)
		}
		s.fake.Set(nodestest.State{Down: true})
		s.until(20)
		if got := s.tracker.Unknown(2); got != 1 {
			t.Errorf("%d votes of epoch 2 are unknown, want that of the validator", got)
		}
		if _, err := s.tracker.SyncCommittee(ended, 20); err != nil {
			t.Errorf("the sync committee, which is known: %v", err)
		}
		if _, err := s.tracker.SyncCommittee(ended, 70); !errors.Is(err, ErrUnknown) || !errors.Is(err, context.Canceled) {
			t.Errorf("the next sync committee: %v", err)
		}
	})
}

// Duties that cannot be fetched are asked for again; those that are there stand.
func TestNodeAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		defer s.end()
		s.until(6)
		s.fake.Set(nodestest.State{Down: true})
		s.until(9)
		if seats := s.seats(11); len(seats) != 1 {
			t.Errorf("%d seats while the node is away, want 1", len(seats))
		}
		if seats := s.seats(19); len(seats) != 0 {
			t.Errorf("%d seats of epoch 2, want none yet", len(seats))
		}
		s.fake.Set(nodestest.State{})
		s.until(10)
		if seats := s.seats(19); len(seats) != 1 {
			t.Errorf("%d seats of epoch 2 once the node is back, want 1", len(seats))
		}
	})
}

// The fork of an epoch is the configuration's, with the version of the epoch before it.
func TestForkInfo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec, _, err := params.Minimal().Override([]byte("ALTAIR_FORK_EPOCH: 0\nBELLATRIX_FORK_EPOCH: 0\nCAPELLA_FORK_EPOCH: 5\nDENEB_FORK_EPOCH: 5\n"))
		if err != nil {
			t.Fatal(err)
		}
		fake := nodestest.New(spec, time.Now(), types.Root{7})
		beacon := nodes.New(nodes.Config{Spec: spec, Log: slog.New(slog.DiscardHandler), Clients: []*apiclient.Client{fake.Client("node")}})
		if _, err := beacon.Connect(t.Context()); err != nil {
			t.Fatal(err)
		}
		tools := Tools{Spec: spec, Nodes: beacon}
		for epoch, want := range map[types.Epoch]types.Fork{
			0: {PreviousVersion: spec.ForkVersion(params.Bellatrix), CurrentVersion: spec.ForkVersion(params.Bellatrix)},
			4: {PreviousVersion: spec.ForkVersion(params.Bellatrix), CurrentVersion: spec.ForkVersion(params.Bellatrix)},
			5: {PreviousVersion: spec.ForkVersion(params.Bellatrix), CurrentVersion: spec.ForkVersion(params.Deneb), Epoch: 5},
		} {
			if got := tools.ForkInfo(epoch); got.Fork != want || got.GenesisValidatorsRoot != (types.Root{7}) {
				t.Errorf("epoch %d: %+v, want %+v", epoch, got, want)
			}
		}
	})
}

// Where the best node's duties make no sense those of another one are taken.
func TestAnotherNodesDuties(t *testing.T) {
	const seat = `"validator_index":"10","committee_index":"0","committee_length":"4","committees_at_slot":"1","validator_committee_index":"0"`
	second := func(s *stage) { s.other = nodestest.New(s.spec, s.start, types.Root{7}) }
	for name, c := range map[string]struct {
		path, data string
	}{
		"attester duties of another epoch": {"/eth/v1/validator/duties/attester/", `{"pubkey":"KEY",` + seat + `,"slot":"99"}`},
		"attester duties of another key":   {"/eth/v1/validator/duties/attester/", `{"pubkey":"OTHER",` + seat + `,"slot":"3"}`},
		"two attester duties":              {"/eth/v1/validator/duties/attester/", `{"pubkey":"KEY",` + seat + `,"slot":"3"},{"pubkey":"KEY",` + seat + `,"slot":"4"}`},
		"proposers of another epoch":       {"/eth/v1/validator/duties/proposer/", `{"pubkey":"KEY","validator_index":"10","slot":"99"}`},
		"a proposer of another index":      {"/eth/v1/validator/duties/proposer/", `{"pubkey":"KEY","validator_index":"11","slot":"5"}`},
		"no such seat":                     {"/eth/v1/validator/duties/sync/", `{"pubkey":"KEY","validator_index":"10","validator_sync_committee_indices":["32"]}`},
		"a seat twice":                     {"/eth/v1/validator/duties/sync/", `{"pubkey":"KEY","validator_index":"10","validator_sync_committee_indices":["3","3"]}`},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t, second)
			defer s.end()
			data := strings.NewReplacer("KEY", s.keys[0].String(), "OTHER", types.BLSPubkey{9}.String()).Replace(c.data)
			s.fake.On(c.path, func(*http.Request, []byte) (int, string) {
				return http.StatusOK, fmt.Sprintf(`{"dependent_root":"%v","data":[%s]}`, types.Root{1}, data)
			})
			s.until(1)
			if seats := s.seats(3); len(seats) != 1 {
				t.Errorf("%s: seats of slot 3: %+v", name, seats)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if d, err := s.tracker.Proposer(ctx, 5); err != nil || d == nil || d.Validator != 10 {
				t.Errorf("%s: proposer of slot 5: %+v, %v", name, d, err)
			}
			if seats, err := s.tracker.SyncCommittee(ctx, 5); err != nil || len(seats) != 1 || fmt.Sprint(seats[0].Positions) != "[0 9]" {
				t.Errorf("%s: sync committee: %+v, %v", name, seats, err)
			}
		})
	}
}

// Duties that make no sense are refused.
func TestBadDuties(t *testing.T) {
	for name, duty := range map[string]string{
		"another epoch":  `"committee_index":"0","committee_length":"4","committees_at_slot":"1","validator_committee_index":"0","slot":"99"`,
		"no committees":  `"committee_index":"0","committee_length":"4","committees_at_slot":"0","validator_committee_index":"0","slot":"1"`,
		"many":           `"committee_index":"0","committee_length":"4","committees_at_slot":"100","validator_committee_index":"0","slot":"1"`,
		"no such one":    `"committee_index":"1","committee_length":"4","committees_at_slot":"1","validator_committee_index":"0","slot":"1"`,
		"no such seat":   `"committee_index":"0","committee_length":"4","committees_at_slot":"1","validator_committee_index":"4","slot":"1"`,
		"giant":          `"committee_index":"0","committee_length":"1000000","committees_at_slot":"1","validator_committee_index":"0","slot":"1"`,
		"not even a set": `"committee_index":"x"`,
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t)
			defer s.end()
			s.fake.On("/eth/v1/validator/duties/attester/", func(*http.Request, []byte) (int, string) {
				return http.StatusOK, fmt.Sprintf(`{"dependent_root":"%v","data":[{"pubkey":"%v","validator_index":"10",%s}]}`, types.Root{1}, s.keys[0], duty)
			})
			s.until(4)
			if seats := s.seats(1); len(seats) != 0 {
				t.Errorf("%s: %+v", name, seats)
			}
		})
	}
}
