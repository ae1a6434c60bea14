package apiclient

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
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

// A server without the second version of proposer duties is asked for the first.
func TestProposerDutiesVersions(t *testing.T) {
	c := served(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/v2/") {
			http.NotFound(w, r)
			return
		}
		fmt.Fprintf(w, `{"dependent_root":"%v","data":[{"pubkey":"%v","validator_index":"3","slot":"9"}]}`, types.Root{1}, types.BLSPubkey{2})
	})
	root, list, err := c.ProposerDuties(t.Context(), 1)
	if err != nil || root != (types.Root{1}) || len(list) != 1 || list[0] != (ProposerDuty{types.BLSPubkey{2}, 3, 9}) {
		t.Errorf("duties: %v %+v %v", root, list, err)
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

// What an answer lacks is an error, not a zero.
func TestMissingFields(t *testing.T) {
	c := served(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"data":{}}`) })
	if _, err := c.Syncing(t.Context()); err == nil {
		t.Error("a status without slots is taken")
	}
	c = served(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"data":[{}]}`) })
	if _, err := c.Validators(t.Context(), "head", nil); err == nil {
		t.Error("a validator without an index is taken")
	}
	if _, _, err := c.AttesterDuties(t.Context(), 0, nil); err == nil {
		t.Error("duties without a dependent root are taken")
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
