package apiclient

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// served makes a client of a server that answers everything alike.
func served(t *testing.T, handle http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewServer(handle)
	t.Cleanup(server.Close)
	c, err := New(Config{URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Heads are read from an event stream with comments and other events in between; its end is an error.
func TestHeads(t *testing.T) {
	stream := ": hello\n\nevent: block\ndata: {}\n\nevent: head\ndata: " +
		fmt.Sprintf(`{"slot":"5","block":"%v","previous_duty_dependent_root":"%v","current_duty_dependent_root":"%v","execution_optimistic":true}`, types.Root{1}, types.Root{2}, types.Root{3}) + "\n\n"
	c := served(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RequestURI() != "/eth/v1/events?topics=head" || r.Header.Get("Accept") != "text/event-stream" {
			http.Error(w, "wrong request", http.StatusBadRequest)
			return
		}
		fmt.Fprint(w, stream)
	})
	var heads []HeadEvent
	err := c.Heads(t.Context(), time.Minute, func(e HeadEvent) { heads = append(heads, e) })
	want := []HeadEvent{{Slot: 5, Block: types.Root{1}, Optimistic: true, PreviousDependent: types.Root{2}, CurrentDependent: types.Root{3}}}
	if err == nil || !reflect.DeepEqual(heads, want) {
		t.Errorf("heads: %+v, %v; want %+v and the stream's end", heads, err, want)
	}
}

// An event stream with a line that is too long, or with a head that is none, is given up.
func TestBadHeads(t *testing.T) {
	for name, stream := range map[string]string{
		"too long": "data: " + strings.Repeat("x", maxEventLine) + "\n\nevent: head\ndata: {}\n",
		"no slot":  "event: head\ndata: {}\n\n",
		"no JSON":  "event: head\ndata: x\n\n",
	} {
		c := served(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, stream) })
		if err := c.Heads(t.Context(), time.Minute, func(HeadEvent) { t.Errorf("%s: a head", name) }); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// From Fulu on proposers are asked for with the second version of the route, and with the first of a server that lacks it; before Fulu with the first.
func TestProposerDutiesVersions(t *testing.T) {
	before := params.Minimal()
	since, _, err := before.Override([]byte("ALTAIR_FORK_EPOCH: 0\nBELLATRIX_FORK_EPOCH: 0\nCAPELLA_FORK_EPOCH: 0\nDENEB_FORK_EPOCH: 0\nELECTRA_FORK_EPOCH: 0\nFULU_FORK_EPOCH: 0\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		spec *params.Spec
		has2 bool
		want string
	}{{since, true, "[v2]"}, {since, false, "[v2 v1]"}, {before, true, "[v1]"}} {
		var asked []string
		client := served(t, func(w http.ResponseWriter, r *http.Request) {
			asked = append(asked, strings.Split(r.URL.Path, "/")[2])
			if strings.Contains(r.URL.Path, "/v2/") && !c.has2 {
				http.NotFound(w, r)
				return
			}
			fmt.Fprintf(w, `{"dependent_root":"%v","data":[{"pubkey":"%v","validator_index":"3","slot":"9"}]}`, types.Root{1}, types.BLSPubkey{2})
		})
		root, list, err := client.ProposerDuties(t.Context(), c.spec, 1)
		if err != nil || root != (types.Root{1}) || len(list) != 1 || list[0] != (ProposerDuty{types.BLSPubkey{2}, 3, 9}) || fmt.Sprint(asked) != c.want {
			t.Errorf("duties: %v %+v %v, asked %v, want %s", root, list, err, asked, c.want)
		}
	}
}

// A block is understood in SSZ and in JSON; a blinded one is refused.
func TestProduceBlock(t *testing.T) {
	spec := params.Minimal()
	block := &types.BeaconBlock{Slot: 7, ProposerIndex: 3}
	cx := ssz.Context{Spec: spec, Fork: params.Phase0}
	binary, err := ssz.Marshal(cx, ssz.Container(block))
	if err != nil {
		t.Fatal(err)
	}
	text, err := ssz.MarshalJSON(cx, ssz.Container(block))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		media, body, version, blinded string
		ok                            bool
	}{
		{octets, string(binary), "phase0", "false", true},
		{"application/json; charset=utf-8", `{"version":"phase0","data":` + string(text) + `}`, "", "", true},
		{octets, string(binary), "phase0", "true", false},
		{"application/json", `{"version":"phase0","execution_payload_blinded":true,"data":` + string(text) + `}`, "", "", false},
		{octets, string(binary), "nosuch", "false", false},
		{octets, string(binary[:50]), "phase0", "false", false},
	} {
		client := served(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", c.media)
			w.Header().Set("Eth-Consensus-Version", c.version)
			w.Header().Set("Eth-Execution-Payload-Blinded", c.blinded)
			fmt.Fprint(w, c.body)
		})
		p, err := client.ProduceBlock(t.Context(), spec, 7, types.BLSSignature{}, types.Bytes32{})
		if c.ok && (err != nil || p.Contents.Block.Slot != 7 || p.Contents.Block.ProposerIndex != 3) || !c.ok && err == nil {
			t.Errorf("%s %s %s: %v, want ok %t", c.media, c.version, c.blinded, err, c.ok)
		}
	}
}

// What an answer lacks is an error, not a zero: each field of a whole answer is left out in turn.
func TestMissingFields(t *testing.T) {
	root, key := types.Root{1}.String(), types.BLSPubkey{1}.String()
	cx := ssz.Context{Spec: params.Minimal(), Fork: params.Electra}
	point := `{"epoch":"1","root":"` + root + `"}`
	for name, c := range map[string]struct {
		ask    func(*Client) error
		answer string
	}{
		"syncing": {func(c *Client) error { _, err := c.Syncing(t.Context()); return err },
			`{"data":{"head_slot":"1","sync_distance":"0","is_syncing":false,"is_optimistic":false,"el_offline":false}}`},
		"forks":   {func(c *Client) error { _, err := c.ForkSchedule(t.Context()); return err }, `{"data":[{"previous_version":"0x00000001","current_version":"0x00000001","epoch":"0"}]}`},
		"genesis": {func(c *Client) error { _, err := c.Genesis(t.Context()); return err }, `{"data":{"genesis_time":"1","genesis_validators_root":"` + root + `"}}`},
		"head":    {func(c *Client) error { _, _, err := c.Head(t.Context()); return err }, `{"execution_optimistic":false,"data":{"root":"` + root + `"}}`},
		"block":   {func(c *Client) error { _, err := c.BlockRoot(t.Context(), "head"); return err }, `{"data":{"root":"` + root + `"}}`},
		"finality": {func(c *Client) error { _, err := c.FinalityCheckpoints(t.Context(), "head"); return err },
			`{"data":{"previous_justified":` + point + `,"current_justified":` + point + `,"finalized":` + point + `}}`},
		"attesters": {func(c *Client) error { return lists(c)["attesters"](t.Context()) }, `{"dependent_root":"` + root + `","data":[{"pubkey":"` + key +
			`","validator_index":"1","committee_index":"0","committee_length":"4","committees_at_slot":"1","validator_committee_index":"0","slot":"9"}]}`},
		"proposers": {func(c *Client) error { return lists(c)["proposers"](t.Context()) }, `{"dependent_root":"` + root + `","data":[{"pubkey":"` + key + `","validator_index":"1","slot":"9"}]}`},
		"sync":      {func(c *Client) error { return lists(c)["sync"](t.Context()) }, `{"data":[{"pubkey":"` + key + `","validator_index":"1","validator_sync_committee_indices":["0"]}]}`},
		"validators": {func(c *Client) error { return lists(c)["validators"](t.Context()) },
			`{"data":[{"index":"1","status":"active_ongoing","validator":{"pubkey":"` + key + `","withdrawal_credentials":"` + root + `"}}]}`},
		"validator": {func(c *Client) error { _, err := c.Validator(t.Context(), "head", "1"); return err },
			`{"data":{"index":"1","status":"active_ongoing","validator":{"pubkey":"` + key + `","withdrawal_credentials":"` + root + `"}}}`},
		"liveness":   {func(c *Client) error { return lists(c)["liveness"](t.Context()) }, `{"data":[{"index":"1","is_live":false}]}`},
		"committees": {func(c *Client) error { return lists(c)["committees"](t.Context()) }, `{"data":[{"index":"0","slot":"9","validators":["5"]}]}`},
		"data": {func(c *Client) error { _, err := c.AttestationData(t.Context(), cx, 9, 0); return err },
			`{"data":{"slot":"9","index":"0","beacon_block_root":"` + root + `","source":` + point + `,"target":` + point + `}}`},
	} {
		said := c.answer
		client := served(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, said) })
		if err := c.ask(client); err != nil {
			t.Errorf("%s: the whole answer is refused: %v", name, err)
		}
		for _, field := range regexp.MustCompile(`"[a-z_]+":`).FindAllStringIndex(c.answer, -1) {
			said = c.answer[:field[0]] + `"x` + c.answer[field[0]+1:]
			if err := c.ask(client); err == nil {
				t.Errorf("%s: taken without %s", name, c.answer[field[0]:field[1]])
			}
		}
	}
	if _, err := served(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{}`) }).SpecValues(t.Context()); err == nil {
		t.Error("no configuration is taken")
	}
	if _, err := decodeHead([]byte(`{"slot":"5","block":"` + root + `"}`)); err == nil {
		t.Error("a head event that does not say whether it is optimistic is taken")
	}
}

// lists is the questions whose answers are lists: about validators 1 and 2, slots of epoch 1 and the committees of slot 9.
func lists(c *Client) map[string]func(context.Context) error {
	spec := params.Minimal()
	indices, keys := []types.ValidatorIndex{1, 2}, []types.BLSPubkey{{1}, {2}}
	return map[string]func(context.Context) error{
		"attesters":  func(ctx context.Context) error { _, _, err := c.AttesterDuties(ctx, 1, indices); return err },
		"proposers":  func(ctx context.Context) error { _, _, err := c.ProposerDuties(ctx, spec, 1); return err },
		"sync":       func(ctx context.Context) error { _, err := c.SyncDuties(ctx, 1, indices); return err },
		"validators": func(ctx context.Context) error { _, err := c.Validators(ctx, "head", keys); return err },
		"liveness":   func(ctx context.Context) error { _, err := c.Liveness(ctx, 1, indices); return err },
		"committees": func(ctx context.Context) error { _, err := c.CommitteeLengths(ctx, spec, "head", 9); return err },
	}
}

// The answer to a small question may not be large, in bytes or in entries, and is not kept before that is known.
func TestListsAreBounded(t *testing.T) {
	answer := ""
	c := served(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, answer) })
	for name, ask := range lists(c) {
		for what, words := range map[string]string{
			`{"dependent_root":"` + types.Root{1}.String() + `","data":[` + strings.Repeat("{},", 50) + `{}]}`: "entries",
			`{"data":[` + strings.Repeat(" ", 4<<20) + `]}`:                                                    "bytes",
			`{"data":null}`: "not a list",
			`{}`:            "missing",
		} {
			answer = what
			if err := ask(t.Context()); err == nil || !strings.Contains(err.Error(), words) {
				t.Errorf("%s: %.40q is answered by %v, want %q in it", name, what, err, words)
			}
		}
		answer = `{"data":[` + strings.Repeat("{},", 20<<10) + `{}]}`
		before := allocated()
		if err := ask(t.Context()); err == nil {
			t.Errorf("%s: a giant list is taken", name)
		}
		if got, most := allocated()-before, uint64(8<<20); got > most {
			t.Errorf("%s: a list of %d bytes took %d bytes of memory, at most %d", name, len(answer), got, most)
		}
	}
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// Entries that nobody asked for are refused, and so is a second one of the same validator, key, slot or committee.
func TestEntriesAreThoseAskedFor(t *testing.T) {
	key := func(i byte) string { return types.BLSPubkey{i}.String() }
	attester := `{"pubkey":"` + key(1) + `","validator_index":"%d","committee_index":"0","committee_length":"4","committees_at_slot":"1","validator_committee_index":"0","slot":"9"}`
	for name, entry := range map[string]func(int) string{
		"attesters": func(i int) string { return fmt.Sprintf(attester, i) },
		"proposers": func(i int) string {
			return fmt.Sprintf(`{"pubkey":"%s","validator_index":"1","slot":"%d"}`, key(1), 7+i)
		},
		"sync": func(i int) string {
			return fmt.Sprintf(`{"pubkey":"%s","validator_index":"%d","validator_sync_committee_indices":["0"]}`, key(1), i)
		},
		"validators": func(i int) string {
			return fmt.Sprintf(`{"index":"%d","status":"active_ongoing","validator":{"pubkey":"%s","withdrawal_credentials":"%v"}}`, i, key(byte(i)), types.Root{})
		},
		"liveness":   func(i int) string { return fmt.Sprintf(`{"index":"%d","is_live":false}`, i) },
		"committees": func(i int) string { return fmt.Sprintf(`{"index":"%d","slot":"9","validators":["5"]}`, i-1) },
		"validators of one index": func(i int) string {
			return fmt.Sprintf(`{"index":"1","status":"active_ongoing","validator":{"pubkey":"%s","withdrawal_credentials":"%v"}}`, key(byte(i)), types.Root{})
		},
	} {
		for _, numbers := range [][]int{{1, 2}, {1, 1}, {1, 99}} {
			ok := numbers[1] == 2
			answer := fmt.Sprintf(`{"dependent_root":"%v","data":[%s,%s]}`, types.Root{1}, entry(numbers[0]), entry(numbers[1]))
			question, _, odd := strings.Cut(name, " ")
			ok = ok && !odd
			err := lists(served(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, answer) }))[question](t.Context())
			if (err == nil) != ok {
				t.Errorf("%s %v: %v, want ok %t", name, numbers, err, ok)
			}
		}
	}
}

// FuzzHead has heads from hostile servers.
func FuzzHead(f *testing.F) {
	f.Add([]byte(`{"slot":"5","block":"0x0000000000000000000000000000000000000000000000000000000000000000"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if e, err := decodeHead(data); err != nil && e != (HeadEvent{}) {
			t.Errorf("%q gives %+v beside an error", data, e)
		}
	})
}
