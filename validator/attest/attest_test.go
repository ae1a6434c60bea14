package attest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
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
	"github.com/cresset/cresset/validator/protection"
	"github.com/cresset/cresset/validator/signer"
)

const (
	dataPath = "/eth/v1/validator/attestation_data"
	votePath = "/eth/v2/beacon/pool/attestations"
)

// seats is duties of a test's own.
type seats struct {
	of map[types.Slot][]duties.Attester
}

func (s seats) Attesters(_ context.Context, slot types.Slot) ([]duties.Attester, error) {
	return s.of[slot], nil
}

// counting counts the batches that are recorded.
type counting struct {
	*protection.Store
	batches []int
}

func (c *counting) Attestations(batch []protection.Attestation) ([]protection.Verdict, error) {
	c.batches = append(c.batches, len(batch))
	return c.Store.Attestations(batch)
}

// stage is an attester with four keys, all of which vote in slot 1, in two committees.
type stage struct {
	t        *testing.T
	spec     *params.Spec
	fakes    []*nodestest.Node
	keys     []types.BLSPubkey
	record   *counting
	signer   *signer.Signer
	attester *Attester
	seats    seats
	missed   []string
	taken    []time.Duration // into their slots
	log      bytes.Buffer
	start    time.Time // of slot 0
	end      func()
}

// newStage is called in a bubble; end is called before the bubble ends. Changes are made before the attester runs.
func newStage(t *testing.T, fork params.Fork, count int, changes ...func(*stage)) *stage {
	t.Helper()
	return newStageOf(t, params.Minimal(), fork, count, changes...)
}

// newStageOf is newStage of a preset.
func newStageOf(t *testing.T, preset *params.Spec, fork params.Fork, count int, changes ...func(*stage)) *stage {
	t.Helper()
	spec := nodestest.SpecOf(preset, fork)
	s := &stage{t: t, spec: spec, start: time.Now()}
	root := types.Root{7}
	cfg := nodes.Config{Spec: spec, Log: slog.New(slog.DiscardHandler)}
	for i := range count {
		f := nodestest.New(spec, s.start, root)
		f.On(dataPath, s.data(types.Root{0xaa}, 0))
		s.fakes = append(s.fakes, f)
		cfg.Clients = append(cfg.Clients, f.Client(fmt.Sprint("node", i)))
	}
	beacon := nodes.New(cfg)
	if _, err := beacon.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	now := clock.New(clock.Config{Spec: spec, GenesisTime: uint64(s.start.Unix())})
	s.signer = signer.New(signer.Config{Spec: spec, GenesisValidatorsRoot: root, Clock: now})
	dir := t.TempDir()
	where := protection.Config{Path: filepath.Join(dir, "p.sqlite"), Marker: filepath.Join(dir, protection.MarkerName), GenesisValidatorsRoot: root}
	if err := protection.Create(where); err != nil {
		t.Fatal(err)
	}
	store, err := protection.Open(where)
	if err != nil {
		t.Fatal(err)
	}
	s.record = &counting{Store: store}
	s.seats = seats{map[types.Slot][]duties.Attester{}}
	for i := range 4 {
		secret, err := bls.SecretKeyFromUint64(uint64(i + 1))
		if err != nil {
			t.Fatal(err)
		}
		key := s.signer.Add(secret)
		s.keys = append(s.keys, key)
		s.seats.of[1] = append(s.seats.of[1], duties.Attester{AttesterDuty: apiclient.AttesterDuty{
			Pubkey: key, Validator: types.ValidatorIndex(10 + i), Slot: 1, Committee: types.CommitteeIndex(i % 2), CommitteeLength: 3, CommitteesAtSlot: 2, Position: uint64(i / 2),
		}})
	}
	if err := store.Register(s.keys...); err != nil {
		t.Fatal(err)
	}
	s.attester = New(Config{
		Tools: duties.Tools{
			Spec: spec, Clock: now, Nodes: beacon, Signer: s.signer, Log: slog.New(slog.NewTextHandler(&s.log, nil)), Metrics: metrics.NewValidator(metrics.New()),
		},
		Duties: s.seats, Protection: s.record, Before: map[types.BLSPubkey]protection.Mark{},
		Done: func(_ types.Slot, votes []types.ValidatorIndex, after time.Duration, missed *duties.Miss) {
			if missed != nil {
				s.missed = append(s.missed, fmt.Sprint(len(votes), " ", missed.Why))
			} else {
				s.taken = append(s.taken, after)
			}
		},
	})
	for _, change := range changes {
		change(s)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{}, 2)
	for _, run := range []func(){func() { _ = beacon.Run(ctx) }, func() { _ = s.attester.Run(ctx, 0) }} { // both end with the context
		go func() { run(); done <- struct{}{} }()
	}
	s.end = func() {
		cancel()
		<-done
		<-done
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}
	return s
}

// data answers with a head and an index, and the slot that was asked for.
func (s *stage) data(head types.Root, target types.Epoch) nodestest.Answer {
	return func(r *http.Request, _ []byte) (int, string) {
		index := r.URL.Query().Get("committee_index")
		return http.StatusOK, fmt.Sprintf(`{"data":{"slot":"%s","index":"%s","beacon_block_root":"%v","source":{"epoch":"0","root":"%v"},"target":{"epoch":"%d","root":"%v"}}}`,
			r.URL.Query().Get("slot"), index, head, types.Root{}, target, types.Root{5})
	}
}

// until sleeps until some time of a slot.
func (s *stage) until(slot int, into time.Duration) {
	time.Sleep(time.Until(s.start.Add(time.Duration(slot)*s.spec.SlotDuration() + into)))
	synctest.Wait()
}

// votes is what a node was handed, and when in slot 1.
func (s *stage) votes(f *nodestest.Node) (all []map[string]any, at []time.Duration) {
	s.t.Helper()
	for _, p := range f.Posts(votePath) {
		var list []map[string]any
		if err := json.Unmarshal(p.Body, &list); err != nil {
			s.t.Fatal(err)
		}
		all = append(all, list...)
		at = append(at, p.At.Sub(s.start)-s.spec.SlotDuration())
	}
	return all, at
}

// Without a block all keys vote when votes are due: one question, one durable commit, one message, with good signatures.
func TestDueTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, params.Electra, 1)
		defer s.end()
		s.until(2, 0)
		votes, at := s.votes(s.fakes[0])
		due := time.Duration(s.spec.GetAttestationDueMs(params.Electra)) * time.Millisecond
		if len(votes) != 4 || len(at) != 1 || at[0] != due {
			t.Fatalf("%d votes at %v, want 4 together at %v", len(votes), at, due)
		}
		if asked := s.fakes[0].Asked(dataPath); asked != 1 {
			t.Errorf("data was asked for %d times, want once", asked)
		}
		if len(s.record.batches) != 1 || s.record.batches[0] != 4 {
			t.Errorf("recorded in batches of %v, want one of 4", s.record.batches)
		}
		for i, v := range votes {
			if v["attester_index"] != fmt.Sprint(10+i) || v["committee_index"] != fmt.Sprint(i%2) {
				t.Errorf("vote %d is of validator %v in committee %v", i, v["attester_index"], v["committee_index"])
			}
			data := &types.AttestationData{Slot: 1, BeaconBlockRoot: types.Root{0xaa}, Target: types.Checkpoint{Root: types.Root{5}}}
			root, err := s.signer.AttestationRoot(s.attester.cfg.ForkInfo(0), data)
			if err != nil {
				t.Fatal(err)
			}
			var raw types.BLSSignature
			decodeHex(t, v["signature"].(string), raw[:])
			signature, err := bls.SignatureFromBytes(raw[:])
			if err != nil {
				t.Fatal(err)
			}
			key, err := bls.PublicKeyFromBytes(s.keys[i][:])
			if err != nil {
				t.Fatal(err)
			}
			if !bls.Verify(key, root[:], signature) {
				t.Errorf("the signature of vote %d is wrong", i)
			}
		}
	})
}

func decodeHex(t *testing.T, text string, dst []byte) {
	t.Helper()
	for i := range dst {
		if _, err := fmt.Sscanf(text[2+2*i:4+2*i], "%02x", &dst[i]); err != nil {
			t.Fatal(err)
		}
	}
}

// The slot's block ends the wait.
func TestHeadEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, params.Electra, 1)
		defer s.end()
		s.until(1, 700*time.Millisecond)
		s.fakes[0].Head(1, types.Root{0xaa}, types.Root{}, types.Root{})
		s.until(2, 0)
		if votes, at := s.votes(s.fakes[0]); len(votes) != 4 || len(at) != 1 || at[0] != 700*time.Millisecond {
			t.Errorf("%d votes at %v, want 4 at 700ms", len(votes), at)
		}
	})
}

// Until Deneb every committee has data of its own.
func TestCommitteesBeforeElectra(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, params.Deneb, 1)
		defer s.end()
		s.until(2, 0)
		votes, _ := s.votes(s.fakes[0])
		if len(votes) != 4 || s.fakes[0].Asked(dataPath) != 2 {
			t.Fatalf("%d votes after %d questions, want 4 after 2", len(votes), s.fakes[0].Asked(dataPath))
		}
		for i, v := range votes {
			if index := v["data"].(map[string]any)["index"]; index != fmt.Sprint(i%2) {
				t.Errorf("vote %d is of committee %v, want %d", i, index, i%2)
			}
		}
		if bits := votes[2]["aggregation_bits"]; bits != "0x0a" { // position 1 of 3
			t.Errorf("the third vote has bits %v, want 0x0a", bits)
		}
	})
}

// A node that is away when votes are due gets them as soon as it is back, while they are of use.
func TestLateNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, params.Electra, 1)
		defer s.end()
		s.fakes[0].Set(nodestest.State{Down: true})
		s.until(2, time.Second)
		s.fakes[0].Set(nodestest.State{})
		s.until(3, 0)
		if votes, at := s.votes(s.fakes[0]); len(votes) != 4 || at[0] < s.spec.SlotDuration()+time.Second {
			t.Errorf("%d votes at %v, want 4 after the node is back", len(votes), at)
		}
		if len(s.missed) != 0 {
			t.Errorf("missed: %v", s.missed)
		}
	})
}

// Where no node comes back in time the votes are missed, and it is said why.
func TestNoNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, params.Electra, 1)
		defer s.end()
		s.fakes[0].Set(nodestest.State{Down: true})
		s.until(4, 0)
		if len(s.missed) != 1 || s.missed[0] != "4 no beacon node had anything to vote for" {
			t.Errorf("missed: %v", s.missed)
		}
		if len(s.record.batches) != 0 {
			t.Errorf("%d batches were recorded, want none", len(s.record.batches))
		}
	})
}

// With one of two nodes away the other one is asked, and both get the votes when both are there.
func TestTwoNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, params.Electra, 2, func(s *stage) {
			for _, a := range s.seats.of[1] {
				a.Slot = 9
				s.seats.of[9] = append(s.seats.of[9], a)
			}
		})
		s.fakes[0].On(dataPath, s.data(types.Root{0xaa}, 1))
		s.fakes[1].On(dataPath, s.data(types.Root{0xaa}, 0))
		s.until(1, 0)
		s.fakes[0].Set(nodestest.State{Down: true})
		s.until(2, 0)
		if votes, _ := s.votes(s.fakes[1]); len(votes) != 4 {
			t.Errorf("the node that is there has got %d votes, want 4", len(votes))
		}
		s.fakes[0].Set(nodestest.State{})
		s.fakes[1].On(dataPath, s.data(types.Root{0xbb}, 1))
		s.until(10, 0)
		s.end()
		for i, want := range []int{4, 8} {
			if votes, _ := s.votes(s.fakes[i]); len(votes) != want {
				t.Errorf("node %d has got %d votes, want %d", i, len(votes), want)
			}
		}
	})
}

// What no honest node says is voted for by nobody.
func TestBadData(t *testing.T) {
	const ok = `{"data":{"slot":"1","index":"0","beacon_block_root":"%v","source":{"epoch":"0","root":"%v"},"target":{"epoch":"0","root":"%v"}}}`
	for name, change := range map[string][2]string{
		"another slot":          {`"slot":"1"`, `"slot":"2"`},
		"a target ahead":        {`"target":{"epoch":"0"`, `"target":{"epoch":"1"`},
		"a source above target": {`"source":{"epoch":"0"`, `"source":{"epoch":"3"`},
		"an index":              {`"index":"0"`, `"index":"1"`},
		"no head":               {types.Root{0xaa}.String(), types.Root{}.String()},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t, params.Electra, 1)
			defer s.end()
			answer := fmt.Sprintf(ok, types.Root{0xaa}, types.Root{}, types.Root{})
			bad := strings.Replace(answer, change[0], change[1], 1)
			if bad == answer {
				t.Fatalf("%s changes nothing", name)
			}
			s.fakes[0].On(dataPath, func(*http.Request, []byte) (int, string) { return http.StatusOK, bad })
			s.until(4, 0)
			if votes, _ := s.votes(s.fakes[0]); len(votes) != 0 || len(s.record.batches) != 0 || len(s.missed) != 1 {
				t.Errorf("%s: %d votes, %d batches, missed %v", name, len(votes), len(s.record.batches), s.missed)
			}
		})
	}
}

// A vote that slashing protection refuses is not made, those beside it are.
func TestRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, params.Electra, 1)
		defer s.end()
		if _, err := s.record.Store.Attestation(protection.Attestation{Key: s.keys[2], Target: 0, SigningRoot: types.Root{1}}); err != nil {
			t.Fatal(err)
		}
		s.until(2, 0)
		votes, _ := s.votes(s.fakes[0])
		if len(votes) != 3 || len(s.missed) != 1 || s.missed[0] != "1 not signed" {
			t.Errorf("%d votes, missed %v; want 3 and one not signed", len(votes), s.missed)
		}
	})
}

// Aggregators ask for the aggregate of what they voted for when it is due, and hand it in.
func TestAggregate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, params.Electra, 1, func(s *stage) { s.seats.of[1][1].Aggregator = true })
		defer s.end()
		s.fakes[0].On("/eth/v2/validator/aggregate_attestation", nodestest.Data(fmt.Sprintf(
			`{"aggregation_bits":"0x0f","data":{"slot":"1","index":"0","beacon_block_root":"%v","source":{"epoch":"0","root":"%v"},"target":{"epoch":"0","root":"%v"}},"signature":"%v","committee_bits":"0x02"}`,
			types.Root{0xaa}, types.Root{}, types.Root{5}, types.BLSSignature{0xc0})))
		s.until(2, 0)
		posts := s.fakes[0].Posts("/eth/v2/validator/aggregate_and_proofs")
		due := time.Duration(s.spec.GetAggregateDueMs(params.Electra)) * time.Millisecond
		if len(posts) != 1 || posts[0].At.Sub(s.start)-s.spec.SlotDuration() != due || !strings.Contains(string(posts[0].Body), `"aggregator_index":"11"`) {
			t.Errorf("aggregates: %v, want one of validator 11 at %v", posts, due)
		}
	})
}

// A vote that the node judges wrong is missed, once; the others are taken, are not sent again, and are aggregated.
func TestRefusedByTheNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, params.Electra, 1, func(s *stage) { s.seats.of[1][1].Aggregator = true })
		defer s.end()
		s.fakes[0].On(votePath, func(*http.Request, []byte) (int, string) {
			return http.StatusBadRequest, `{"code":400,"message":"some failures","failures":[{"index":2,"message":"exited"}]}`
		})
		s.fakes[0].On("/eth/v2/validator/aggregate_attestation", nodestest.Data(fmt.Sprintf(
			`{"aggregation_bits":"0x0f","data":{"slot":"1","index":"0","beacon_block_root":"%v","source":{"epoch":"0","root":"%v"},"target":{"epoch":"0","root":"%v"}},"signature":"%v","committee_bits":"0x02"}`,
			types.Root{0xaa}, types.Root{}, types.Root{5}, types.BLSSignature{0xc0})))
		s.until(4, 0)
		if posts := s.fakes[0].Posts(votePath); len(posts) != 1 {
			t.Errorf("votes are handed in %d times, want once", len(posts))
		}
		if len(s.missed) != 1 || s.missed[0] != "1 the beacon nodes refused the votes" || len(s.taken) != 1 || !strings.Contains(s.log.String(), "voted slot=1 votes=3") {
			t.Errorf("missed %v, taken %v, the log is %s", s.missed, s.taken, s.log.String())
		}
		if posts := s.fakes[0].Posts("/eth/v2/validator/aggregate_and_proofs"); len(posts) != 1 {
			t.Errorf("aggregates are handed in %d times, want once", len(posts))
		}
	})
}

// In slot 0 there is no block but the genesis block, which is voted for when votes are due; the attester waits for genesis.
func TestSlotZero(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, params.Electra, 1, func(s *stage) {
			for _, a := range s.seats.of[1] {
				a.Slot = 0
				s.seats.of[0] = append(s.seats.of[0], a)
			}
			delete(s.seats.of, 1)
		})
		defer s.end()
		s.until(1, 0)
		votes, at := s.votes(s.fakes[0])
		due := time.Duration(s.spec.GetAttestationDueMs(params.Electra)) * time.Millisecond
		if len(votes) != 4 || at[0]+s.spec.SlotDuration() != due || votes[0]["data"].(map[string]any)["slot"] != "0" || len(s.taken) != 1 || s.taken[0] != due {
			t.Errorf("%d votes at %v, taken at %v; want 4 at %v", len(votes), at, s.taken, due)
		}
	})
}

// After a restart in the slot what was voted is not voted again with another head: that is said calmly, and is no missed vote. The same vote is handed in again.
func TestRestartInTheSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, params.Electra, 1, func(s *stage) {
			same := &types.AttestationData{Slot: 1, BeaconBlockRoot: types.Root{0xaa}, Target: types.Checkpoint{Root: types.Root{5}}}
			root, err := s.signer.AttestationRoot(s.attester.cfg.ForkInfo(0), same)
			if err != nil {
				t.Fatal(err)
			}
			for i, signed := range []types.Root{root, {1}, {2}} {
				if _, err := s.record.Store.Attestation(protection.Attestation{Key: s.keys[i], SigningRoot: signed}); err != nil {
					t.Fatal(err)
				}
			}
			marks, err := s.record.Marks()
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range marks {
				s.attester.cfg.Before[m.Key] = m
			}
		})
		defer s.end()
		s.until(2, 0)
		votes, _ := s.votes(s.fakes[0])
		if len(votes) != 2 || votes[0]["attester_index"] != "10" || votes[1]["attester_index"] != "13" {
			t.Errorf("%d votes, want the one that is the same and the one that is new", len(votes))
		}
		if text := s.log.String(); len(s.missed) != 0 || strings.Contains(text, "ERROR") || !strings.Contains(text, "before the process started") || !strings.Contains(text, "votes=2") {
			t.Errorf("missed %v, the log is %s", s.missed, text)
		}
	})
}

// When votes and aggregates are due is the network's to say, by fork: nothing else has these times.
func TestDueTimesByFork(t *testing.T) {
	for _, c := range []struct {
		preset          *params.Spec
		fork            params.Fork
		vote, aggregate time.Duration
	}{
		{params.Minimal(), params.Fulu, 1999 * time.Millisecond, 4000 * time.Millisecond},
		{params.Minimal(), params.Gloas, 1500 * time.Millisecond, 3000 * time.Millisecond},
		{params.Mainnet(), params.Fulu, 3999 * time.Millisecond, 8000 * time.Millisecond},
		{params.Mainnet(), params.Gloas, 3000 * time.Millisecond, 6000 * time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newStageOf(t, c.preset, c.fork, 1, func(s *stage) { s.seats.of[1][1].Aggregator = true })
			defer s.end()
			s.fakes[0].On("/eth/v2/validator/aggregate_attestation", func(*http.Request, []byte) (int, string) {
				bits := strings.Repeat("0", int(s.spec.MaxCommitteesPerSlot)/4)
				return http.StatusOK, fmt.Sprintf(
					`{"data":{"aggregation_bits":"0x0f","data":{"slot":"1","index":"0","beacon_block_root":"%v","source":{"epoch":"0","root":"%v"},"target":{"epoch":"0","root":"%v"}},"signature":"%v","committee_bits":"0x02%s"}}`,
					types.Root{0xaa}, types.Root{}, types.Root{5}, types.BLSSignature{0xc0}, bits[min(2, len(bits)):])
			})
			s.until(2, 0)
			_, at := s.votes(s.fakes[0])
			posts := s.fakes[0].Posts("/eth/v2/validator/aggregate_and_proofs")
			if len(at) != 1 || at[0] != c.vote || len(posts) != 1 || posts[0].At.Sub(s.start)-s.spec.SlotDuration() != c.aggregate {
				t.Errorf("%v with slots of %v: votes at %v, aggregates %v; want %v and %v (%s)", c.fork, s.spec.SlotDuration(), at, posts, c.vote, c.aggregate, s.log.String())
			}
		})
	}
}
