package report

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prysmaticlabs/go-bitfield"

	"github.com/cresset/cresset/beacon/apiclient"
	"github.com/cresset/cresset/beacon/clock"
	"github.com/cresset/cresset/beacon/metrics"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/validator/duties"
	"github.com/cresset/cresset/validator/nodes"
	"github.com/cresset/cresset/validator/nodes/nodestest"
)

const (
	blockPath     = "/eth/v2/beacon/blocks/"
	committeePath = "/eth/v1/beacon/states/head/committees"
)

// stage is a report about epoch 0, and nodes that have a chain. Every slot has two committees, of 3 and of 4 validators.
type stage struct {
	t       *testing.T
	spec    *params.Spec
	fakes   []*nodestest.Node
	beacon  *nodes.Nodes
	report  *Report
	seats   []duties.Attester
	roots   map[types.Slot]types.Root // of blocks
	head    types.Root
	log     bytes.Buffer
	start   time.Time
	time    nodestest.Clock
	metrics *metrics.Registry
	lost    int // votes of epoch 0, whose duties nobody knows
	end     func()
}

func (s *stage) Seats(epoch types.Epoch) []duties.Attester {
	if epoch == 0 {
		return s.seats
	}
	return nil
}

func (s *stage) Unknown(epoch types.Epoch) int {
	if epoch == 0 {
		return s.lost
	}
	return 0
}

func newStage(t *testing.T, fork params.Fork, count int, changes ...func(*stage)) *stage {
	t.Helper()
	spec := nodestest.SpecOf(params.Minimal(), fork)
	s := &stage{t: t, spec: spec, start: time.Now(), metrics: metrics.New(), roots: map[types.Slot]types.Root{}, head: types.Root{0x6e}}
	cfg := nodes.Config{Spec: spec, Log: slog.New(slog.DiscardHandler)}
	for i := range count {
		f := nodestest.New(spec, s.start, types.Root{7})
		f.On(committeePath, func(r *http.Request, _ []byte) (int, string) {
			slot := r.URL.Query().Get("slot")
			return http.StatusOK, fmt.Sprintf(`{"data":[{"index":"1","slot":"%s","validators":["1","2","3","4"]},{"index":"0","slot":"%s","validators":["5","6","7"]}]}`, slot, slot)
		})
		s.fakes = append(s.fakes, f)
		cfg.Clients = append(cfg.Clients, f.Client(fmt.Sprint("node", i)))
	}
	for _, change := range changes {
		change(s)
	}
	s.beacon = nodes.New(cfg)
	if _, err := s.beacon.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.report = New(Config{Duties: s, Tools: duties.Tools{
		Spec: spec, Clock: clock.New(clock.Config{Spec: spec, GenesisTime: uint64(s.start.Unix()), Source: &s.time}), Nodes: s.beacon,
		Log: slog.New(slog.NewTextHandler(&s.log, nil)), Metrics: metrics.NewValidator(s.metrics),
	}})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{}, 2)
	for _, run := range []func(){func() { _ = s.beacon.Run(ctx) }, func() { _ = s.report.Run(ctx) }} { // both end with the context
		go func() { run(); ended <- struct{}{} }()
	}
	s.end = func() { cancel(); <-ended; <-ended }
	return s
}

// seat gives validator 10, 11, ... a seat.
func (s *stage) seat(slot types.Slot, committee types.CommitteeIndex, position uint64) types.ValidatorIndex {
	v := types.ValidatorIndex(10 + len(s.seats))
	s.seats = append(s.seats, duties.Attester{AttesterDuty: apiclient.AttesterDuty{
		Validator: v, Slot: slot, Committee: committee, CommitteesAtSlot: 2, CommitteeLength: 3 + uint64(committee), Position: position,
	}})
	return v
}

// aggregate is one of some committees with some bits.
func (s *stage) aggregate(fork params.Fork, slot types.Slot, head, target types.Root, committees []uint64, bits ...uint64) types.Attestation {
	length := uint64(0)
	for _, c := range committees {
		length += 3 + c
	}
	a := types.Attestation{
		AggregationBits: bitfield.NewBitlist(length), Data: types.AttestationData{Slot: slot, BeaconBlockRoot: head, Target: types.Checkpoint{Root: target}},
	}
	for _, b := range bits {
		a.AggregationBits.SetBitAt(b, true)
	}
	if fork < params.Electra {
		a.Data.Index = types.CommitteeIndex(committees[0])
		return a
	}
	a.CommitteeBits = ssz.NewBitvector(s.spec.MaxCommitteesPerSlot)
	for _, c := range committees {
		a.CommitteeBits.SetBitAt(c, true)
	}
	return a
}

// block puts a block with some aggregates on the chain of all nodes.
func (s *stage) block(slot types.Slot, aggregates ...types.Attestation) {
	s.t.Helper()
	b := &types.SignedBeaconBlock{Message: types.BeaconBlock{Slot: slot, ParentRoot: s.head}}
	b.Message.Body.Attestations = aggregates
	b.Message.Body.SyncAggregate.SyncCommitteeBits = ssz.NewBitvector(s.spec.SyncCommitteeSize)
	cx := ssz.Context{Spec: s.spec, Fork: s.spec.ForkAtSlot(slot)}
	root, err := ssz.HashTreeRoot(cx, ssz.Container(&b.Message))
	if err != nil {
		s.t.Fatal(err)
	}
	data, err := ssz.Marshal(cx, ssz.Container(b))
	if err != nil {
		s.t.Fatal(err)
	}
	s.roots[slot], s.head = root, root
	for _, f := range s.fakes {
		f.On(blockPath+strconv.FormatUint(uint64(slot), 10), func(r *http.Request, _ []byte) (int, string) {
			if path.Base(r.URL.Path) != strconv.FormatUint(uint64(slot), 10) {
				return http.StatusNotFound, "another block"
			}
			return http.StatusOK, string(data)
		})
	}
}

// judged is the line about epoch 0, which is there before epoch 2 begins.
func (s *stage) judged() string {
	time.Sleep(time.Until(s.start.Add(time.Duration(2*s.spec.SlotsPerEpoch) * s.spec.SlotDuration())))
	synctest.Wait()
	return s.log.String()
}

func (s *stage) want(line string, parts ...string) {
	s.t.Helper()
	for _, part := range parts {
		if !strings.Contains(line, part) {
			s.t.Errorf("the line of the epoch does not say %q: %s", part, line)
		}
	}
}

// What became of each vote and block is read off the chain, with how long it took, and why something was missed is said in plain words.
func TestEpoch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const fork = params.Electra
		s := newStage(t, fork, 1)
		defer s.end()
		genesis := s.head
		good := s.seat(0, 1, 2)
		skipped := s.seat(3, 0, 1) // the next slot has no block
		older := s.seat(4, 1, 0)   // for block 2, when there was a block 3
		lost := s.seat(6, 0, 0)    // for another target
		slow := s.seat(6, 1, 3)    // the next block does not have it, as it was handed in late
		nowhere, refused := s.seat(7, 0, 0), s.seat(7, 0, 1)
		s.seat(7, 0, 2) // nobody knows of it
		both := []uint64{0, 1}
		s.block(1, s.aggregate(fork, 0, genesis, genesis, both, 0, 3+2))
		s.block(2)
		s.block(3)
		s.block(5, s.aggregate(fork, 3, s.roots[3], genesis, []uint64{0}, 1), s.aggregate(fork, 4, s.roots[2], genesis, []uint64{1}, 0))
		s.block(6)
		s.block(7, s.aggregate(fork, 6, s.roots[6], types.Root{9}, both, 0))
		for slot := types.Slot(8); slot < 15; slot++ {
			s.block(slot)
		}
		s.block(15, s.aggregate(fork, 6, s.roots[6], genesis, both, 3+3))
		for _, v := range []types.ValidatorIndex{good, skipped, older, lost, nowhere} {
			s.report.Voted(s.seats[v-10].Slot, []types.ValidatorIndex{v}, time.Second, nil)
		}
		s.report.Voted(6, []types.ValidatorIndex{slow}, 5*time.Second, nil)
		s.report.Voted(7, []types.ValidatorIndex{refused}, 0, &duties.Miss{Why: "no beacon node took the votes", Err: errors.New("busy")})
		s.report.Proposed(2, s.roots[2], nil)
		s.report.Proposed(4, types.Root{4}, nil)
		s.report.Proposed(6, types.Root{}, &duties.Miss{Why: "no beacon node made a block", Err: errors.New("no payload")})
		line := s.judged()
		s.want(line, "epoch=0", "votes=8", "attested=6", "included=5", "distance=2.8", "worst=9", `"target right"=4`, `"head right"=3`, "blocks=1", `"blocks missed"=2`,
			"1 votes were included late: the slot after theirs has no block",
			"1 votes were included late: they were handed in after aggregates were made (up to 5s into their slot)",
			"1 votes had another head than the chain",
			"1 votes had the wrong target",
			"1 votes are in no block: the network did not get them",
			"1 votes: no beacon node took the votes (busy)",
			"1 votes were not made: the process was not running",
			"1 blocks: no beacon node made a block (no payload)",
			"1 blocks were handed in and are not in the chain")
		if strings.Count(line, "\n") != 1 {
			t.Errorf("the log has more than one line: %s", line)
		}
		for slot := range types.Slot(16) {
			if asked := s.fakes[0].Asked(blockPath + strconv.FormatUint(uint64(slot), 10)); asked > 1 {
				t.Errorf("the block of slot %d was asked for %d times", slot, asked)
			}
		}
		if asked := s.fakes[0].Asked(committeePath); asked != 2 {
			t.Errorf("committees were asked for %d times, want once for slot 0 and once for slot 6", asked)
		}
	})
}

// Where all is well there are no reasons, votes of a process before this one count, and no more is asked than the blocks that follow votes.
func TestAllIsWell(t *testing.T) {
	for _, fork := range []params.Fork{params.Phase0, params.Deneb, params.Fulu} {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t, fork, 1)
			defer s.end()
			s.seat(2, 0, 1)
			s.seat(5, 1, 3)
			s.block(1)
			target := s.head
			for slot := types.Slot(2); slot < 16; slot++ {
				switch slot {
				case 3:
					s.block(slot, s.aggregate(fork, 2, s.roots[2], types.Root{0x6e}, []uint64{0}, 1))
				case 6:
					s.block(slot, s.aggregate(fork, 5, s.roots[5], types.Root{0x6e}, []uint64{1}, 3))
				default:
					s.block(slot)
				}
			}
			line := s.judged()
			s.want(line, "votes=2", "attested=2", "included=2", "distance=1", "worst=1", `"target right"=2`, `"head right"=2`, "blocks=0")
			if strings.Contains(line, "why=") || target == s.head {
				t.Errorf("%v: where all is well it is said %s", fork, line)
			}
			for slot := range types.Slot(16) {
				want := 0
				if slot == 1 || slot == 3 || slot == 6 {
					want = 1
				}
				if asked := s.fakes[0].Asked(blockPath + strconv.FormatUint(uint64(slot), 10)); asked != want {
					t.Errorf("%v: the block of slot %d was asked for %d times, want %d", fork, slot, asked, want)
				}
			}
			if s.fakes[0].Asked(committeePath) != 0 {
				t.Errorf("%v: committees were asked for, but no aggregate has one before ours", fork)
			}
		})
	}
}

// A machine whose clock was days ahead is told of its epochs once the clock is right.
func TestTheClockIsSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, params.Fulu, 1, func(s *stage) { s.time.Set(100 * time.Hour) })
		defer s.end()
		s.seat(2, 0, 1)
		for slot := types.Slot(1); slot < 16; slot++ {
			s.block(slot)
		}
		time.Sleep(10 * time.Second)
		s.time.Set(0)
		s.want(s.judged(), "votes=1", "attested=0")
	})
}

// An epoch whose duties nobody knew is told of as one whose votes were all missed, and they are counted.
func TestUnknownDuties(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, params.Fulu, 1, func(s *stage) { s.lost = 3 })
		defer s.end()
		s.want(s.judged(), "level=WARN", "epoch=0 votes=3 attested=0 included=0", "no beacon node gave the duties")
		page := httptest.NewRecorder()
		s.metrics.Handler().ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		if want := `cresset_validator_duties_total{duty="attestation",outcome="missed"} 3`; !strings.Contains(page.Body.String(), want) {
			t.Errorf("the metrics do not have %s", want)
		}
	})
}

// A machine that slept for days says so once, and goes on with the epochs of then.
func TestStoodStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, params.Fulu, 1)
		defer s.end()
		time.Sleep(time.Minute)
		s.time.Set(100 * time.Hour)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if text := s.log.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "level=WARN") || !strings.Contains(text, "first=0 last=7499") {
			t.Errorf("the log is %s", text)
		}
	})
}

// A node whose blocks do not build on each other is not believed, another one is; without one the epoch is not known, and that is all that is said.
func TestBadNode(t *testing.T) {
	for _, count := range []int{1, 2} {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t, params.Electra, count)
			defer s.end()
			s.seat(1, 0, 0)
			for slot := types.Slot(1); slot < 5; slot++ {
				s.block(slot)
			}
			s.block(5, s.aggregate(params.Electra, 1, s.roots[1], types.Root{0x6e}, []uint64{0}, 0))
			s.fakes[0].On(blockPath+"3", func(*http.Request, []byte) (int, string) { return http.StatusNotFound, "no such block" })
			line := s.judged()
			if count == 1 {
				s.want(line, "level=INFO", "is not known", "block of slot 4 builds on")
			} else {
				s.want(line, "included=1", "distance=4", "the block of the slot after theirs does not have them")
			}
		})
	}
}

// Hostile answers are errors: another slot's block, bytes that are none, committees that are not those of the duty.
func TestHostileNode(t *testing.T) {
	for name, c := range map[string]struct{ path, answer, want string }{
		"no block":        {blockPath + "1", "xyz", "block of slot 1"},
		"too few":         {committeePath, `{"data":[{"index":"0","slot":"1","validators":["1","2","3"]}]}`, "has 1 committees"},
		"another length":  {committeePath, `{"data":[{"index":"0","slot":"1","validators":["1"]},{"index":"1","slot":"1","validators":["1"]}]}`, "with lengths [1 1]"},
		"one twice":       {committeePath, `{"data":[{"index":"0","slot":"1","validators":["1"]},{"index":"0","slot":"1","validators":["1"]}]}`, "not complete"},
		"an empty one":    {committeePath, `{"data":[{"index":"0","slot":"1","validators":[]},{"index":"1","slot":"1","validators":["1"]}]}`, "not complete"},
		"of another slot": {committeePath, `{"data":[{"index":"0","slot":"2","validators":["1"]}]}`, "not complete"},
		"of no slot":      {committeePath, `{"data":[{}]}`, "not complete"},
		"many":            {committeePath, `{"data":[{},{},{},{},{}]}`, "want at most 4"},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t, params.Electra, 1)
			defer s.end()
			s.seat(1, 1, 0)
			s.block(1)
			s.block(2, s.aggregate(params.Electra, 1, s.roots[1], types.Root{0x6e}, []uint64{0, 1}, 3))
			s.fakes[0].On(c.path, func(*http.Request, []byte) (int, string) { return http.StatusOK, c.answer })
			if line := s.judged(); !strings.Contains(line, "is not known") || !strings.Contains(line, c.want) {
				t.Errorf("%s: the log is %s, want %q", name, line, c.want)
			}
		})
	}
}

// A block may have the votes of the slots before it as far back as the fork allows.
func TestIncludable(t *testing.T) {
	altair := newSpec(t, params.FarFutureEpoch)
	deneb := newSpec(t, 1)
	for _, c := range []struct {
		spec        *params.Spec
		vote, block types.Slot
		want        bool
	}{
		{altair, 3, 3, false}, {altair, 3, 4, true}, {altair, 3, 11, true}, {altair, 3, 12, false},
		{deneb, 3, 12, true}, {deneb, 0, 15, true}, {deneb, 7, 7, false},
	} {
		if got := includable(c.spec, c.vote, c.block); got != c.want {
			t.Errorf("a vote of slot %d in a block of slot %d: %t, want %t", c.vote, c.block, got, c.want)
		}
	}
}

func newSpec(t *testing.T, deneb types.Epoch) *params.Spec {
	t.Helper()
	spec, _, err := params.Minimal().Override(fmt.Appendf(nil, "ALTAIR_FORK_EPOCH: 0\nBELLATRIX_FORK_EPOCH: 0\nCAPELLA_FORK_EPOCH: 0\nDENEB_FORK_EPOCH: %d\n", uint64(deneb)))
	if err != nil {
		t.Fatal(err)
	}
	return spec
}
