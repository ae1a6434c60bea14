package doppel

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"path"
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

const livenessPath = "/eth/v1/validator/liveness/"

// stage is a gate before two validators, 10 and 11, that have duties in every slot. The process starts in the third slot of an epoch.
type stage struct {
	t      *testing.T
	spec   *params.Spec
	fake   *nodestest.Node
	other  *nodestest.Node // nil for none
	gate   *Gate
	keys   []types.BLSPubkey
	log    bytes.Buffer
	missed []string
	start  time.Time // of slot 0
	time   nodestest.Clock
	end    func()

	mu    sync.Mutex
	heard map[string]bool // "epoch validator"
	mute  map[string]bool // validators that the node says nothing of
	asked []string        // epochs
}

func (s *stage) Attesters(_ context.Context, slot types.Slot) (out []duties.Attester, _ error) {
	for i, key := range s.keys {
		out = append(out, duties.Attester{AttesterDuty: apiclient.AttesterDuty{Pubkey: key, Validator: types.ValidatorIndex(10 + i), Slot: slot}})
	}
	return out, nil
}

func (s *stage) Proposer(_ context.Context, slot types.Slot) (*apiclient.ProposerDuty, error) {
	return &apiclient.ProposerDuty{Pubkey: s.keys[0], Validator: 10, Slot: slot}, nil
}

func (s *stage) SyncCommittee(context.Context, types.Slot) (out []apiclient.SyncDuty, _ error) {
	for i, key := range s.keys {
		out = append(out, apiclient.SyncDuty{Pubkey: key, Validator: types.ValidatorIndex(10 + i)})
	}
	return out, nil
}

func (s *stage) validators() (out []apiclient.ValidatorOf) {
	for i, key := range s.keys {
		out = append(out, apiclient.ValidatorOf{Index: types.ValidatorIndex(10 + i), Pubkey: key})
	}
	return out
}

// newStage is called in a bubble; since is how long the chain has been running.
func newStage(t *testing.T, since time.Duration, changes ...func(*stage)) *stage {
	t.Helper()
	spec := nodestest.SpecOf(params.Minimal(), params.Electra)
	s := &stage{t: t, spec: spec, start: time.Now().Add(-since), keys: []types.BLSPubkey{{1}, {2}}, heard: map[string]bool{}, mute: map[string]bool{}}
	s.fake = nodestest.New(spec, s.start, types.Root{7})
	s.fake.On(livenessPath, func(r *http.Request, body []byte) (int, string) {
		var indices []string
		if err := json.Unmarshal(body, &indices); err != nil {
			return http.StatusBadRequest, "indices"
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		epoch := path.Base(r.URL.Path)
		s.asked = append(s.asked, epoch)
		var list []string
		for _, index := range indices {
			if !s.mute[index] {
				list = append(list, fmt.Sprintf(`{"index":"%s","is_live":%t}`, index, s.heard[epoch+" "+index]))
			}
		}
		return http.StatusOK, `{"data":[` + strings.Join(list, ",") + `]}`
	})
	for _, change := range changes {
		change(s)
	}
	clients := []*apiclient.Client{s.fake.Client("node")}
	if s.other != nil {
		clients = append(clients, s.other.Client("other"))
	}
	beacon := nodes.New(nodes.Config{Spec: spec, Log: slog.New(slog.DiscardHandler), Clients: clients})
	if _, err := beacon.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.gate = New(Config{
		Tools: duties.Tools{
			Spec: spec, Clock: clock.New(clock.Config{Spec: spec, GenesisTime: uint64(s.start.Unix()), Source: &s.time}), Nodes: beacon, Log: slog.New(slog.NewTextHandler(&s.log, nil)),
		},
		Duties: s, Validators: s.validators,
		Voted: func(slot types.Slot, validators []types.ValidatorIndex, _ time.Duration, missed *duties.Miss) {
			s.missed = append(s.missed, fmt.Sprint("vote of ", validators, " in ", slot, ": ", missed.Why))
		},
		Proposed: func(slot types.Slot, _ types.Root, missed *duties.Miss) {
			s.missed = append(s.missed, fmt.Sprint("block in ", slot, ": ", missed.Why))
		},
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{}, 2)
	for _, run := range []func(){func() { _ = beacon.Run(ctx) }, func() { _ = s.gate.Run(ctx) }} { // both end with the context
		go func() { run(); ended <- struct{}{} }()
	}
	s.end = func() { cancel(); <-ended; <-ended }
	return s
}

// until sleeps until some slot.
func (s *stage) until(slot int) {
	time.Sleep(time.Until(s.start.Add(time.Duration(slot)*s.spec.SlotDuration() + time.Second)))
	synctest.Wait()
}

// let is the validators that have duties of each kind, as the gate lets them through.
func (s *stage) let(slot types.Slot) string {
	s.t.Helper()
	var out []string
	votes, err := s.gate.Attesters(s.t.Context(), slot)
	for _, v := range votes {
		out = append(out, fmt.Sprint("votes ", v.Validator))
	}
	block, err2 := s.gate.Proposer(s.t.Context(), slot)
	if block != nil {
		out = append(out, fmt.Sprint("proposes ", block.Validator))
	}
	members, err3 := s.gate.SyncCommittee(s.t.Context(), slot)
	for _, m := range members {
		out = append(out, fmt.Sprint("signs ", m.Validator))
	}
	if err != nil || err2 != nil || err3 != nil {
		s.t.Error(err, err2, err3)
	}
	return strings.Join(out, ", ")
}

const (
	everything = "votes 10, votes 11, proposes 10, signs 10, signs 11"
	started    = 2*8*6*time.Second + 15*time.Second // in slot 18, of epoch 2
)

// Two whole epochs in which nobody was heard let keys through; until then nothing is done, and that is told.
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, started)
		defer s.end()
		s.heardIn("2 10") // a process before this one, in the epoch of the start
		for _, slot := range []int{19, 30, 39, 43} {
			if s.until(slot); s.let(types.Slot(slot)) != "" {
				t.Errorf("in slot %d it is let through: %s", slot, s.let(types.Slot(slot)))
			}
		}
		if s.until(44); s.let(44) != everything {
			t.Errorf("in slot 44 it is let through %q, want all (%s)", s.let(44), s.log.String())
		}
		s.until(70)
		s.mu.Lock()
		defer s.mu.Unlock()
		if fmt.Sprint(s.asked) != "[3 4]" {
			t.Errorf("asked about epochs %v, want 3 and 4", s.asked)
		}
		if len(s.missed) == 0 || s.missed[0] != "vote of [10] in 19: it is being watched whether another process uses the key" || !strings.HasPrefix(s.missed[2], "block in 19: it is being watched") {
			t.Errorf("missed: %v", s.missed)
		}
	})
}

func (s *stage) heardIn(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard[what] = true
}

// A key that was heard of is never let through, those beside it are; the operator is told.
func TestHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, started)
		defer s.end()
		s.heardIn("4 10")
		for _, slot := range []int{44, 100} {
			if s.until(slot); s.let(types.Slot(slot)) != "votes 11, signs 11" {
				t.Errorf("in slot %d it is let through %q, want what 11 does", slot, s.let(types.Slot(slot)))
			}
		}
		if text := s.log.String(); !strings.Contains(text, "level=ERROR") || !strings.Contains(text, "validator=10") || strings.Contains(text, "validator=11") {
			t.Errorf("the log is %s", text)
		}
		if last := s.missed[len(s.missed)-1]; last != "block in 100: another process uses the key" {
			t.Errorf("missed last: %s", last)
		}
	})
}

// Epochs of which no node says anything do not count, and neither does a validator that an answer leaves out.
func TestNoWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, started, func(s *stage) { s.mute["11"] = true })
		defer s.end()
		s.until(34)
		s.fake.Set(nodestest.State{Down: true}) // when epoch 3 is asked about
		s.until(41)
		s.fake.Set(nodestest.State{})
		if s.until(45); s.let(45) != "" {
			t.Errorf("after one silent epoch it is let through: %s", s.let(45))
		}
		if s.until(53); s.let(53) != "votes 10, proposes 10, signs 10" {
			t.Errorf("after two silent epochs it is let through %q, want what 10 does (%s)", s.let(53), s.log.String())
		}
		if !strings.Contains(s.log.String(), "keys are watched longer") {
			t.Errorf("the log is %s", s.log.String())
		}
	})
}

// A machine whose clock is days ahead at the start begins to watch anew once the clock is right, and does not wait for days.
func TestTheClockIsSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, started, func(s *stage) { s.time.Set(100 * time.Hour) })
		defer s.end()
		if s.until(20); s.let(20) != "" {
			t.Errorf("in slot 20 it is let through: %s", s.let(20))
		}
		s.time.Set(0)
		if s.until(51); s.let(51) != "" {
			t.Errorf("in slot 51 it is let through: %s", s.let(51))
		}
		if s.until(52); s.let(52) != everything {
			t.Errorf("in slot 52 it is let through %q, want all (%s)", s.let(52), s.log.String())
		}
	})
}

// All nodes are asked: a validator that one heard of counts as heard, whatever that node's health; that nobody was heard counts only from a healthy node.
func TestTwoNodes(t *testing.T) {
	syncing, unverified := nodestest.State{Syncing: true}, nodestest.State{Optimistic: true}
	for name, c := range map[string]struct {
		first, second nodestest.State
		heard         [2]bool // validator 10, by each node
		want          string  // that is let through
	}{
		"one that is syncing heard it":        {nodestest.State{}, syncing, [2]bool{false, true}, "votes 11, signs 11"},
		"the first of two that are healthy":   {nodestest.State{}, nodestest.State{}, [2]bool{true, false}, "votes 11, signs 11"},
		"the second of two that are healthy":  {nodestest.State{}, nodestest.State{}, [2]bool{false, true}, "votes 11, signs 11"},
		"nobody heard it":                     {nodestest.State{}, syncing, [2]bool{}, everything},
		"no node is healthy, nobody heard it": {unverified, syncing, [2]bool{}, ""},
		"no node is healthy, the second did":  {unverified, syncing, [2]bool{false, true}, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t, started, func(s *stage) {
				s.other = nodestest.New(s.spec, s.start, types.Root{7})
				for i, f := range []*nodestest.Node{s.fake, s.other} {
					f.Set([]nodestest.State{c.first, c.second}[i])
					f.On(livenessPath, nodestest.Data(fmt.Sprintf(`[{"index":"10","is_live":%t},{"index":"11","is_live":false}]`, c.heard[i])))
				}
			})
			defer s.end()
			if s.until(66); s.let(66) != c.want {
				t.Errorf("%s: let through %q, want %q (%s)", name, s.let(66), c.want, s.log.String())
			}
			if heard := c.heard[0] || c.heard[1]; strings.Contains(s.log.String(), "another process uses") != heard {
				t.Errorf("%s: the log is %s", name, s.log.String())
			}
		})
	}
}

// Before genesis nobody can have voted: everything is let through, and nobody is asked.
func TestBeforeGenesis(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, -10*time.Second)
		defer s.end()
		if s.let(0) != everything {
			t.Errorf("before genesis it is let through %q", s.let(0))
		}
		if s.until(40); len(s.asked) != 0 || s.let(40) != everything {
			t.Errorf("asked about epochs %v, it is let through %q", s.asked, s.let(40))
		}
	})
}
