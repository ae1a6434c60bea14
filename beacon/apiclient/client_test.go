package apiclient

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/types"
)

func client(t *testing.T, answer http.HandlerFunc) *Client {
	t.Helper()
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	c, err := New(Config{URL: s.URL + "/", Pause: time.Millisecond, Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func says(text string) http.HandlerFunc {
	return func(out http.ResponseWriter, _ *http.Request) { fmt.Fprint(out, text) }
}

func TestURLsAreChecked(t *testing.T) {
	for _, url := range []string{"", "localhost:5052", "ftp://host", "http://", "http://a b"} {
		if _, err := New(Config{URL: url}); err == nil {
			t.Errorf("%q was taken", url)
		}
	}
	c, err := New(Config{URL: "http://user:secret@host:1/base"})
	if err != nil || strings.Contains(c.String(), "secret") {
		t.Errorf("client is %v, %v", c, err)
	}
}

func TestFinalityCheckpointsAreRead(t *testing.T) {
	root := types.Root{0xab}
	point := func(epoch int) string { return fmt.Sprintf(`{"epoch":"%d","root":"%v"}`, epoch, root) }
	c := client(t, func(out http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/eth/v1/beacon/states/head/finality_checkpoints" {
			http.NotFound(out, r)
			return
		}
		fmt.Fprintf(out, `{"execution_optimistic":false,"data":{"previous_justified":%s,"current_justified":%s,"finalized":%s}}`, point(1), point(2), point(3))
	})
	f, err := c.FinalityCheckpoints(context.Background(), "head")
	if err != nil {
		t.Fatal(err)
	}
	if f.PreviousJustified.Epoch != 1 || f.CurrentJustified.Epoch != 2 || f.Finalized != (types.Checkpoint{Epoch: 3, Root: root}) {
		t.Errorf("checkpoints are %+v", f)
	}
	if _, err := c.FinalityCheckpoints(context.Background(), "7"); !IsNotFound(err) {
		t.Errorf("a state that is not there: %v", err)
	}
}

func TestWrongAnswersAreErrors(t *testing.T) {
	for answer, words := range map[string]string{
		`{"data":{}}`: "missing",
		`{"data":{"previous_justified":{"epoch":"x","root":"0x"}}}`:   "invalid syntax",
		`{"data":{"previous_justified":{"epoch":"1","root":"0x12"}}}`: `root is "0x12"`,
		`{"data":{"previous_justified":{"epoch":1}}}`:                 "json",
		`<html>`:                      "answer",
		strings.Repeat(" ", 2<<20):    "more than 1048576 bytes",
		`{"data":null}`:               "missing",
		`{"code":200,"message":"ok"}`: "missing",
	} {
		c := client(t, says(answer))
		if _, err := c.FinalityCheckpoints(context.Background(), "head"); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%.60q: %v, want %q in it", answer, err, words)
		}
	}
	if _, err := client(t, says(`{"data":{}}`)).BlockRoot(context.Background(), "head"); err == nil {
		t.Error("a root that is missing was read")
	}
}

func TestAnErrorHasTheServersWords(t *testing.T) {
	c := client(t, func(out http.ResponseWriter, _ *http.Request) {
		http.Error(out, `{"code":503,"message":"`+strings.Repeat("syncing ", 200)+`"}`, http.StatusServiceUnavailable)
	})
	_, err := c.BlockRoot(context.Background(), "head")
	if err == nil || !strings.Contains(err.Error(), "HTTP status 503: syncing") || len(err.Error()) > 800 {
		t.Errorf("error is %v", err)
	}
}

func TestASilentServerIsGivenUp(t *testing.T) {
	done := make(chan struct{})
	c := client(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-done:
		}
	})
	defer close(done)
	if _, err := c.BlockRoot(context.Background(), "head"); err == nil {
		t.Error("a silent server answered")
	}
}

// A server that cannot resume sends all again, and another answer under the same name is not glued to the first.
func TestAnAnswerThatChangedIsNotGluedTogether(t *testing.T) {
	calls := 0
	c := client(t, func(out http.ResponseWriter, r *http.Request) {
		if calls++; calls == 1 {
			out.Header().Set("ETag", `"one"`)
			out.Header().Set("Content-Length", "10")
			fmt.Fprint(out, "11111")
			out.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}
		if got := r.Header.Get("If-Range"); got != `"one"` {
			t.Errorf("If-Range is %q", got)
		}
		out.Header().Set("ETag", `"two"`)
		fmt.Fprint(out, "2222222222")
	})
	data, err := c.Block(context.Background(), "head")
	if err != nil || string(data) != "2222222222" {
		t.Errorf("block is %q, %v", data, err)
	}
}
