package duties

import (
	"context"
	"encoding/json"
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
	tracker *Tracker
	keys    []types.BLSPubkey
	start   time.Time
	end     func()

	mu     sync.Mutex
	active int // validators
	root   types.Root
	offset types.Slot // of validator 10's slot in each epoch
}

func newStage(t *testing.T) *stage {
	t.Helper()
	spec, _, err := params.Minimal().Override([]byte("ALTAIR_FORK_EPOCH: 0\n"))
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{t: t, spec: spec, start: time.Now(), active: 1, root: types.Root{1}, offset: 3}
	s.fake = nodestest.New(spec, s.start, types.Root{7})
	beacon := nodes.New(nodes.Config{Spec: spec, Log: slog.New(slog.DiscardHandler), Clients: []*apiclient.Client{s.fake.Client("node")}})
	now := clock.New(clock.Config{Spec: spec, GenesisTime: uint64(s.start.Unix())})
	holder := signer.New(signer.Config{Spec: spec, GenesisValidatorsRoot: types.Root{7}, Clock: now})
	for i := range 2 {
		secret, err := bls.SecretKeyFromUint64(uint64(i + 1))
		if err != nil {
			t.Fatal(err)
		}
		s.keys = append(s.keys, holder.Add(secret))
	}
	s.answers()
	if _, err := beacon.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.tracker = New(Config{Spec: spec, Clock: now, Nodes: beacon, Signer: holder, Log: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{}, 2)
	for _, run := range []func(){func() { _ = beacon.Run(ctx) }, func() { _ = s.tracker.Run(ctx) }} { // both end with the context
		go func() { run(); ended <- struct{}{} }()
	}
	s.end = func() { cancel(); <-ended; <-ended }
	return s
}

// answers sets what the node says.
func (s *stage) answers() {
	s.fake.On("/eth/v1/beacon/states/head/validators", func(*http.Request, []byte) (int, string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		var list []string
		for i := range s.active {
			list = append(list, fmt.Sprintf(`{"index":"%d","status":"active_ongoing","validator":{"pubkey":"%v","withdrawal_credentials":"%v"}}`, 10+i, s.keys[i], types.Root{1}))
		}
		return http.StatusOK, `{"data":[` + strings.Join(list, ",") + `]}`
	})
	s.fake.On("/eth/v1/validator/duties/attester/", func(r *http.Request, body []byte) (int, string) {
		epoch, err := strconv.ParseUint(path.Base(r.URL.Path), 10, 64)
		var indices []string
		if err != nil || json.Unmarshal(body, &indices) != nil {
			return http.StatusBadRequest, "epoch or indices"
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		var list []string
		for i, index := range indices {
			list = append(list, fmt.Sprintf(`{"pubkey":"%v","validator_index":"%s","committee_index":"0","committee_length":"4","committees_at_slot":"1","validator_committee_index":"%d","slot":"%d"}`,
				s.keys[i], index, i, epoch*s.spec.SlotsPerEpoch+uint64(s.offset)))
		}
		return http.StatusOK, fmt.Sprintf(`{"dependent_root":"%v","data":[%s]}`, s.root, strings.Join(list, ","))
	})
	s.fake.On("/eth/v2/validator/duties/proposer/", func(r *http.Request, _ []byte) (int, string) {
		epoch, err := strconv.ParseUint(path.Base(r.URL.Path), 10, 64)
		if err != nil {
			return http.StatusBadRequest, "epoch"
		}
		start := epoch * s.spec.SlotsPerEpoch
		return http.StatusOK, fmt.Sprintf(`{"dependent_root":"%v","data":[{"pubkey":"%v","validator_index":"10","slot":"%d"},{"pubkey":"%v","validator_index":"99","slot":"%d"}]}`,
			types.Root{1}, s.keys[0], start+5, types.BLSPubkey{9}, start+6)
	})
	s.fake.On("/eth/v1/validator/duties/sync/", func(*http.Request, []byte) (int, string) {
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

// Duties of this and the next epoch are known, those of others' keys are not ours, and the nodes hear of the subnets.
func TestDuties(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		defer s.end()
		s.until(0)
		for _, slot := range []types.Slot{3, 11} {
			seats := s.tracker.Attesters(slot)
			if len(seats) != 1 || seats[0].Validator != 10 || !seats[0].Aggregator || seats[0].Selection == (types.BLSSignature{}) {
				t.Errorf("seats of slot %d: %+v, want validator 10 as the aggregator of a small committee", slot, seats)
			}
		}
		if seats := s.tracker.Attesters(4); len(seats) != 0 {
			t.Errorf("seats of slot 4: %+v, want none", seats)
		}
		if d, ok := s.tracker.Proposer(5); !ok || d.Validator != 10 {
			t.Errorf("proposer of slot 5: %+v, %t", d, ok)
		}
		if d, ok := s.tracker.Proposer(6); ok {
			t.Errorf("proposer of slot 6 is %+v, want nobody of ours", d)
		}
		if seats := s.tracker.SyncCommittee(0); len(seats) != 1 || len(seats[0].Positions) != 2 {
			t.Errorf("seats in the sync committee: %+v", seats)
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
		if this, next := s.tracker.Attesters(3), s.tracker.Attesters(14); len(this) != 1 || len(next) != 1 || len(s.tracker.Attesters(11)) != 0 {
			t.Errorf("after the change: this epoch %+v, next %+v; want the old seat in this epoch and the new one in the next", this, next)
		}
		if asked := s.fake.Asked("/eth/v1/validator/duties/attester/1"); asked != before+1 {
			t.Errorf("asked %d times, want %d", asked, before+1)
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
		if seats := s.tracker.Attesters(11); len(seats) != 1 {
			t.Errorf("%d seats before the next look, want 1", len(seats))
		}
		s.until(8)
		if seats := s.tracker.Attesters(11); len(seats) != 2 || seats[1].Validator != 11 {
			t.Errorf("seats: %+v, want those of 10 and 11", seats)
		}
		if all := s.tracker.Validators(); len(all) != 2 || all[0].Index != 10 || all[1].Index != 11 {
			t.Errorf("validators: %+v", all)
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
		if seats := s.tracker.Attesters(11); len(seats) != 1 {
			t.Errorf("%d seats while the node is away, want 1", len(seats))
		}
		if seats := s.tracker.Attesters(19); len(seats) != 0 {
			t.Errorf("%d seats of epoch 2, want none yet", len(seats))
		}
		s.fake.Set(nodestest.State{})
		s.until(10)
		if seats := s.tracker.Attesters(19); len(seats) != 1 {
			t.Errorf("%d seats of epoch 2 once the node is back, want 1", len(seats))
		}
	})
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
			if seats := s.tracker.Attesters(1); len(seats) != 0 {
				t.Errorf("%s: %+v", name, seats)
			}
		})
	}
}
