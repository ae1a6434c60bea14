package apiclient

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// canned answers every request in the same way.
type canned struct {
	code          int
	media, header string
	body          []byte
}

// RoundTrip implements http.RoundTripper.
func (a *canned) RoundTrip(r *http.Request) (*http.Response, error) {
	h := http.Header{"Content-Type": {a.media}, "Eth-Consensus-Version": {a.header}, "Etag": {a.header}, "Content-Range": {a.header}}
	return &http.Response{StatusCode: a.code, Header: h, Body: io.NopCloser(bytes.NewReader(a.body)), ContentLength: -1, Request: r}, nil
}

// calls is all that a client can be asked for whose answer it reads, by route.
func calls(c *Client, spec *params.Spec) map[string]func(context.Context) error {
	cx := ssz.Context{Spec: spec, Fork: params.Fulu}
	return map[string]func(context.Context) error{
		"finality":   func(ctx context.Context) error { _, err := c.FinalityCheckpoints(ctx, "head"); return err },
		"block root": func(ctx context.Context) error { _, err := c.BlockRoot(ctx, "head"); return err },
		"head":       func(ctx context.Context) error { _, _, err := c.Head(ctx); return err },
		"state":      func(ctx context.Context) error { _, err := c.State(ctx, "head", 1<<20, nil); return err },
		"block":      func(ctx context.Context) error { _, err := c.Block(ctx, "head"); return err },
		"genesis":    func(ctx context.Context) error { _, err := c.Genesis(ctx); return err },
		"validator":  func(ctx context.Context) error { _, err := c.Validator(ctx, "head", "1"); return err },
		"validators": func(ctx context.Context) error {
			_, err := c.Validators(ctx, "head", []types.BLSPubkey{{1}})
			return err
		},
		"syncing":    func(ctx context.Context) error { _, err := c.Syncing(ctx); return err },
		"spec":       func(ctx context.Context) error { _, err := c.SpecValues(ctx); return err },
		"forks":      func(ctx context.Context) error { _, err := c.ForkSchedule(ctx); return err },
		"committees": func(ctx context.Context) error { _, err := c.CommitteeLengths(ctx, spec, "head", 1); return err },
		"attesters": func(ctx context.Context) error {
			_, _, err := c.AttesterDuties(ctx, 1, []types.ValidatorIndex{1, 2})
			return err
		},
		"proposers": func(ctx context.Context) error { _, _, err := c.ProposerDuties(ctx, spec, 1); return err },
		"sync duties": func(ctx context.Context) error {
			_, err := c.SyncDuties(ctx, 1, []types.ValidatorIndex{1, 2})
			return err
		},
		"exit": func(ctx context.Context) error { return c.SubmitVoluntaryExit(ctx, new(types.SignedVoluntaryExit)) },
		"vote": func(ctx context.Context) error { _, err := c.AttestationData(ctx, cx, 1, 0); return err },
		"messages": func(ctx context.Context) error {
			return c.SubmitSyncMessages(ctx, cx, make([]types.SyncCommitteeMessage, 3))
		},
		"aggregate": func(ctx context.Context) error {
			_, err := c.AggregateAttestation(ctx, cx, types.Root{}, 1, 0)
			return err
		},
		"sum": func(ctx context.Context) error { _, err := c.SyncContribution(ctx, cx, 1, 0, types.Root{}); return err },
		"produced": func(ctx context.Context) error {
			p, err := c.ProduceBlock(ctx, spec, 1, types.BLSSignature{}, types.Bytes32{})
			if err != nil {
				return err
			}
			node := ssz.Container(&p.Contents.Block)
			if hasBlobs(p.Fork) {
				node = ssz.Container(&p.Contents)
			}
			if _, again := ssz.Marshal(ssz.Context{Spec: spec, Fork: p.Fork}, node); again != nil {
				return errUnencodable
			}
			return nil
		},
	}
}

var errUnencodable = errors.New("what was read cannot be written")

// FuzzAnswers has a server answer anything to everything: nothing panics, an answer that says that it is an error is one, and what a server says of it is shortened.
func FuzzAnswers(f *testing.F) {
	spec := params.Minimal()
	root := types.Root{0xab}.String()
	for _, text := range []string{
		``, `{}`, `{"data":{}}`, `{"data":[{}]}`, `{"code":404,"message":"none"}`, `{"version":"fulu","data":{}}`,
		`{"data":{"root":"` + root + `"}}`, `{"data":{"genesis_time":"1","genesis_validators_root":"` + root + `"}}`,
		`{"dependent_root":"` + root + `","data":[{"validator_index":"1","slot":"18446744073709551615"}]}`,
		`{"code":400,"message":"some failures","failures":[{"index":1,"message":"late"},{"index":"2"}]}`,
		`{"data":{"head_slot":"1","sync_distance":"0","is_syncing":false}}`,
		`{"data":[{"index":"1","status":"active","validator":{"pubkey":"0x","withdrawal_credentials":"` + root + `"}}]}`,
	} {
		f.Add(uint16(200), "application/json", "fulu", []byte(text))
		f.Add(uint16(503), "text/html", "", []byte(text))
		f.Add(uint16(400), "application/json", "", []byte(text))
	}
	for fork := params.Altair; fork <= params.Fulu; fork++ {
		for _, o := range []ssz.Object{new(types.BeaconBlock), new(types.BlockContents)} {
			if encoded, err := ssz.Marshal(ssz.Context{Spec: spec, Fork: fork}, ssz.Container(o)); err == nil {
				f.Add(uint16(200), octets, fork.String(), encoded)
			}
		}
	}
	f.Fuzz(func(t *testing.T, code uint16, media, header string, body []byte) {
		answer := &canned{code: int(code), media: media, header: header, body: body}
		c, err := New(Config{URL: "http://server", Transport: answer, Attempts: 2, Pause: time.Nanosecond})
		if err != nil {
			t.Fatal(err)
		}
		for name, call := range calls(c, spec) {
			err := call(context.Background())
			var status *StatusError
			var refused *ItemsError
			switch {
			case errors.Is(err, errUnencodable):
				t.Fatalf("%s: %v", name, err)
			case errors.As(err, &status) && (status.Code != int(code) || len(status.Message) > errorText):
				t.Fatalf("%s: status %d became %d with %d bytes of text", name, code, status.Code, len(status.Message))
			case errors.As(err, &refused) && (code != http.StatusBadRequest || len(refused.Failures) == 0 || len(refused.Failures) > 3):
				t.Fatalf("%s: status %d: %v", name, code, refused)
			case err == nil && code != http.StatusOK:
				t.Fatalf("%s: status %d is no error", name, code)
			}
		}
	})
}

// FuzzEvents has a server send anything as a stream of events: it ends with an error, and no more heads are heard of than there are lines of data.
func FuzzEvents(f *testing.F) {
	head := `data: {"slot":"1","block":"` + types.Root{1}.String() + `","execution_optimistic":false}`
	for _, text := range []string{
		"", ":\n\n", "event: head\n" + head + "\n\n", "event: head\r\n" + head + "\r\n\r\n", head + "\nevent: head\n", "event: head\ndata: {}\n\n", "event:head\ndata:\n\n\n",
		strings.Repeat("x", maxEventLine+1), "event: block\n" + head + "\n\n",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		c, err := New(Config{URL: "http://server", Transport: &canned{code: 200, media: "text/event-stream", body: stream}})
		if err != nil {
			t.Fatal(err)
		}
		heads := 0
		if err := c.Heads(context.Background(), time.Minute, func(HeadEvent) { heads++ }); err == nil {
			t.Fatal("the stream ended without an error")
		}
		if lines := bytes.Count(stream, []byte("data")); heads > lines {
			t.Fatalf("%d heads of %d lines of data", heads, lines)
		}
	})
}
