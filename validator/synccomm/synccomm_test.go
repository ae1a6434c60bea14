package synccomm

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cresset/cresset/beacon/apiclient"
	"github.com/cresset/cresset/beacon/bls"
	"github.com/cresset/cresset/beacon/clock"
	"github.com/cresset/cresset/beacon/metrics"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/validator/duties"
	"github.com/cresset/cresset/validator/nodes"
	"github.com/cresset/cresset/validator/nodes/nodestest"
	"github.com/cresset/cresset/validator/signer"
)

const (
	headPath         = "/eth/v1/beacon/blocks/head/root"
	messagePath      = "/eth/v1/beacon/pool/sync_committees"
	contributionPath = "/eth/v1/validator/contribution_and_proofs"
)

// stage is a member with two keys in the sync committee, of which the first has seats in two subcommittees.
type stage struct {
	t      *testing.T
	spec   *params.Spec
	fake   *nodestest.Node
	beacon *nodes.Nodes
	seats  []apiclient.SyncDuty
	log    bytes.Buffer
	start  time.Time
	end    func()
}

func (s *stage) SyncCommittee(_ context.Context, slot types.Slot) ([]apiclient.SyncDuty, error) {
	switch {
	case slot == 1:
		return s.seats, nil
	case slot > 1 && slot < 4:
		return nil, duties.ErrUnknown
	}
	return nil, nil
}

func newStage(t *testing.T) *stage {
	t.Helper()
	return newStageOf(t, params.Minimal(), params.Altair)
}

// newStageOf is newStage of a preset and a fork.
func newStageOf(t *testing.T, preset *params.Spec, fork params.Fork) *stage {
	t.Helper()
	spec := nodestest.SpecOf(preset, fork)
	s := &stage{t: t, spec: spec, start: time.Now()}
	s.fake = nodestest.New(spec, s.start, types.Root{7})
	s.fake.On(headPath, func(*http.Request, []byte) (int, string) {
		return http.StatusOK, fmt.Sprintf(`{"execution_optimistic":false,"data":{"root":"%v"}}`, types.Root{0xaa})
	})
	s.fake.On("/eth/v1/validator/sync_committee_contribution", func(r *http.Request, _ []byte) (int, string) {
		q := r.URL.Query()
		return http.StatusOK, fmt.Sprintf(`{"data":{"slot":"%s","beacon_block_root":"%s","subcommittee_index":"%s","aggregation_bits":"0x01","signature":"%v"}}`,
			q.Get("slot"), q.Get("beacon_block_root"), q.Get("subcommittee_index"), types.BLSSignature{0xc0})
	})
	s.beacon = nodes.New(nodes.Config{Spec: spec, Log: slog.New(slog.DiscardHandler), Clients: []*apiclient.Client{s.fake.Client("node")}})
	if _, err := s.beacon.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	now := clock.New(clock.Config{Spec: spec, GenesisTime: uint64(s.start.Unix())})
	holder := signer.New(signer.Config{Spec: spec, GenesisValidatorsRoot: types.Root{7}, Clock: now})
	for i, positions := range [][]uint64{{0, 1, 9}, {31}} {
		secret, err := bls.SecretKeyFromUint64(uint64(i + 1))
		if err != nil {
			t.Fatal(err)
		}
		s.seats = append(s.seats, apiclient.SyncDuty{Pubkey: holder.Add(secret), Validator: types.ValidatorIndex(10 + i), Positions: positions})
	}
	m := New(Config{Duties: s, Tools: duties.Tools{
		Spec: spec, Clock: now, Nodes: s.beacon, Signer: holder, Log: slog.New(slog.NewTextHandler(&s.log, nil)), Metrics: metrics.NewValidator(metrics.New()),
	}})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{}, 2)
	for _, run := range []func(){func() { _ = s.beacon.Run(ctx) }, func() { _ = m.Run(ctx, 0) }} { // both end with the context
		go func() { run(); ended <- struct{}{} }()
	}
	s.end = func() { cancel(); <-ended; <-ended }
	return s
}

// got is what was handed in at a path, and when in slot 1.
func (s *stage) got(path string) (items []map[string]any, at []time.Duration) {
	s.t.Helper()
	for _, p := range s.fake.Posts(path) {
		var list []map[string]any
		if err := json.Unmarshal(p.Body, &list); err != nil {
			s.t.Fatal(err)
		}
		items = append(items, list...)
		at = append(at, p.At.Sub(s.start)-s.spec.SlotDuration())
	}
	return items, at
}

func (s *stage) until(into time.Duration) {
	time.Sleep(time.Until(s.start.Add(into)))
	synctest.Wait()
}

func milliseconds(ms uint64) time.Duration { return time.Duration(ms) * time.Millisecond }

// Each member signs the head once when messages are due; in the minimal preset everybody contributes, once for each of its subcommittees.
func TestDueTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		defer s.end()
		s.until(2 * s.spec.SlotDuration())
		messages, at := s.got(messagePath)
		if len(messages) != 2 || len(at) != 1 || at[0] != milliseconds(s.spec.GetSyncMessageDueMs(params.Altair)) {
			t.Fatalf("%d messages at %v", len(messages), at)
		}
		if m := messages[1]; m["slot"] != "1" || m["validator_index"] != "11" || m["beacon_block_root"] != (types.Root{0xaa}).String() {
			t.Errorf("a message says %v", m)
		}
		contributions, at := s.got(contributionPath)
		if len(contributions) != 3 || len(at) != 1 || at[0] != milliseconds(s.spec.GetContributionDueMs(params.Altair)) {
			t.Fatalf("%d contributions at %v, want 3", len(contributions), at)
		}
		for i, want := range []string{"10 0", "10 1", "11 3"} {
			m := contributions[i]["message"].(map[string]any)
			if got := fmt.Sprint(m["aggregator_index"], " ", m["contribution"].(map[string]any)["subcommittee_index"]); got != want {
				t.Errorf("contribution %d is of %s, want %s", i, got, want)
			}
		}
	})
}

// When messages and contributions are due is the network's to say, by fork: nothing else has these times.
func TestDueTimesByFork(t *testing.T) {
	for _, c := range []struct {
		fork                  params.Fork
		message, contribution time.Duration
	}{
		{params.Fulu, 1999 * time.Millisecond, 4000 * time.Millisecond},
		{params.Gloas, 1500 * time.Millisecond, 3000 * time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newStageOf(t, params.Minimal(), c.fork)
			defer s.end()
			s.until(2 * s.spec.SlotDuration())
			_, messages := s.got(messagePath)
			_, contributions := s.got(contributionPath)
			if len(messages) != 1 || messages[0] != c.message || len(contributions) != 1 || contributions[0] != c.contribution {
				t.Errorf("%v: messages at %v, contributions at %v; want %v and %v", c.fork, messages, contributions, c.message, c.contribution)
			}
		})
	}
}

// A message or a contribution that the node judges wrong is not sent again, and the duty of the others goes on.
func TestRefusedByTheNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		defer s.end()
		for _, path := range []string{messagePath, contributionPath} {
			s.fake.On(path, func(*http.Request, []byte) (int, string) {
				return http.StatusBadRequest, `{"code":400,"message":"some failures","failures":[{"index":0,"message":"wrong"}]}`
			})
		}
		s.until(2 * s.spec.SlotDuration())
		for _, path := range []string{messagePath, contributionPath} {
			if posts := s.fake.Posts(path); len(posts) != 1 {
				t.Errorf("%s: %d times, want once", path, len(posts))
			}
		}
	})
}

// The slot's block ends the wait.
func TestHeadEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		defer s.end()
		s.until(s.spec.SlotDuration() + 700*time.Millisecond)
		s.fake.Head(1, types.Root{0xaa}, types.Root{}, types.Root{})
		s.until(2 * s.spec.SlotDuration())
		if messages, at := s.got(messagePath); len(messages) != 2 || at[0] != 700*time.Millisecond {
			t.Errorf("%d messages at %v, want 2 at 700ms", len(messages), at)
		}
	})
}

// A head whose payload is not verified is signed by nobody.
func TestOptimisticHead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		defer s.end()
		s.fake.On(headPath, func(*http.Request, []byte) (int, string) {
			return http.StatusOK, fmt.Sprintf(`{"execution_optimistic":true,"data":{"root":"%v"}}`, types.Root{0xaa})
		})
		s.until(3 * s.spec.SlotDuration())
		if messages, _ := s.got(messagePath); len(messages) != 0 {
			t.Errorf("%d messages, want none", len(messages))
		}
	})
}

// A contribution for another head than was signed is not passed on.
func TestOtherContribution(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		defer s.end()
		s.fake.On("/eth/v1/validator/sync_committee_contribution", nodestest.Data(fmt.Sprintf(
			`{"slot":"1","beacon_block_root":"%v","subcommittee_index":"0","aggregation_bits":"0x01","signature":"%v"}`, types.Root{0xbb}, types.BLSSignature{0xc0})))
		s.until(2 * s.spec.SlotDuration())
		if messages, _ := s.got(messagePath); len(messages) != 2 {
			t.Errorf("%d messages, want 2", len(messages))
		}
		if contributions, _ := s.got(contributionPath); len(contributions) != 0 {
			t.Errorf("%d contributions, want none", len(contributions))
		}
	})
}

// While nobody says who is in the committee that is told, once.
func TestUnknownCommittee(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		defer s.end()
		s.until(5 * s.spec.SlotDuration())
		if text := s.log.String(); strings.Count(text, "level=WARN") != 1 || !strings.Contains(text, "slot=2 ") {
			t.Errorf("the log is %s", text)
		}
	})
}
