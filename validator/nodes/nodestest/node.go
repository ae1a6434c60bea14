package nodestest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cresset/cresset/beacon/apiclient"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// Post is what was handed in.
type Post struct {
	Path string
	Body []byte
	At   time.Time
}

// Answer answers a request; a code of 400 and above is an error, whose message is the answer where that is no JSON object itself.
type Answer func(r *http.Request, body []byte) (code int, answer string)

// Node is a beacon node. Fields are set before it is used, or with Set.
type Node struct {
	Spec        *params.Spec
	GenesisTime uint64
	GenesisRoot types.Root

	mu struct {
		sync.Mutex
		state   State
		answers map[string]Answer // by the beginning of the path
		posts   []Post
		asked   map[string]int // by path
		streams []chan string
	}
}

// State is how a node is.
type State struct {
	Down       bool
	Delay      time.Duration // of every answer
	Head       types.Slot
	Syncing    bool
	Optimistic bool
}

// New makes a node of a chain.
func New(spec *params.Spec, genesis time.Time, root types.Root) *Node {
	n := &Node{Spec: spec, GenesisTime: uint64(genesis.Unix()), GenesisRoot: root}
	n.mu.answers, n.mu.asked = map[string]Answer{}, map[string]int{}
	return n
}

// Client makes a client of the node, which is called by a name.
func (n *Node) Client(name string) *apiclient.Client {
	c, err := apiclient.New(apiclient.Config{URL: "http://" + name, Transport: n})
	if err != nil {
		panic(err) // the name is the test's
	}
	return c
}

// Set changes how the node is. One that goes down ends its event streams.
func (n *Node) Set(s State) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mu.state = s
	if s.Down {
		for _, c := range n.mu.streams {
			close(c)
		}
		n.mu.streams = nil
	}
}

// On answers the paths that begin so; the longest beginning counts.
func (n *Node) On(path string, a Answer) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mu.answers[path] = a
}

// Data is the answer {"data": data}.
func Data(data string) Answer {
	return func(*http.Request, []byte) (int, string) { return http.StatusOK, `{"data":` + data + `}` }
}

// Posts is what was handed in at a path, in order.
func (n *Node) Posts(path string) (out []Post) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range n.mu.posts {
		if p.Path == path {
			out = append(out, p)
		}
	}
	return out
}

// Asked is how often a path was asked for.
func (n *Node) Asked(path string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.mu.asked[path]
}

// Head tells all event streams of a head.
func (n *Node) Head(slot types.Slot, block, previous, current types.Root) {
	event := fmt.Sprintf("event: head\ndata: {\"slot\":\"%d\",\"block\":\"%v\",\"previous_duty_dependent_root\":\"%v\",\"current_duty_dependent_root\":\"%v\",\"execution_optimistic\":false}\n\n",
		slot, block, previous, current)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mu.state.Head = slot
	for _, c := range n.mu.streams {
		c <- event
	}
}

// RoundTrip makes the node an http.RoundTripper.
func (n *Node) RoundTrip(r *http.Request) (*http.Response, error) {
	n.mu.Lock()
	state := n.mu.state
	n.mu.Unlock()
	if state.Delay > 0 {
		timer := time.NewTimer(state.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	if state.Down {
		return nil, errors.New("connection refused")
	}
	if r.URL.Path == "/eth/v1/events" {
		return n.stream(r), nil
	}
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	code, answer := n.answer(r, body, state)
	if code >= http.StatusBadRequest && !strings.HasPrefix(answer, "{") {
		text, err := json.Marshal(map[string]any{"code": code, "message": answer})
		if err != nil {
			return nil, err
		}
		answer = string(text)
	}
	return &http.Response{
		StatusCode: code, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(answer)), ContentLength: int64(len(answer)),
		Request: r,
	}, nil
}

func (n *Node) answer(r *http.Request, body []byte, state State) (int, string) {
	n.mu.Lock()
	n.mu.asked[r.URL.Path]++
	if r.Method == http.MethodPost {
		n.mu.posts = append(n.mu.posts, Post{r.URL.Path, body, time.Now()})
	}
	var answer Answer
	best := ""
	for path, a := range n.mu.answers {
		if strings.HasPrefix(r.URL.Path, path) && len(path) > len(best) {
			best, answer = path, a
		}
	}
	n.mu.Unlock()
	if answer != nil {
		return answer(r, body)
	}
	data := ""
	switch r.URL.Path {
	case "/eth/v1/node/syncing":
		data = fmt.Sprintf(`{"head_slot":"%d","sync_distance":"0","is_syncing":%t,"is_optimistic":%t,"el_offline":false}`, state.Head, state.Syncing, state.Optimistic)
	case "/eth/v1/beacon/genesis":
		data = fmt.Sprintf(`{"genesis_time":"%d","genesis_validators_root":"%v"}`, n.GenesisTime, n.GenesisRoot)
	case "/eth/v1/config/spec":
		values := map[string]string{}
		for _, v := range n.Spec.Values() {
			values[v.Key] = v.Text
		}
		text, err := json.Marshal(values)
		if err != nil {
			return http.StatusInternalServerError, err.Error()
		}
		data = string(text)
	case "/eth/v1/config/fork_schedule":
		data = n.schedule()
	default:
		if r.Method == http.MethodPost {
			return http.StatusOK, ""
		}
		return http.StatusNotFound, "the test has no answer to " + r.URL.Path
	}
	return http.StatusOK, `{"data":` + data + `}`
}

func (n *Node) schedule() string {
	var forks []string
	previous := n.Spec.ForkVersion(params.Phase0)
	for _, f := range params.Forks() {
		if n.Spec.ForkEpoch(f) == params.FarFutureEpoch {
			continue
		}
		current := n.Spec.ForkVersion(f)
		forks = append(forks, fmt.Sprintf(`{"previous_version":"%v","current_version":"%v","epoch":"%s"}`, previous, current, strconv.FormatUint(uint64(n.Spec.ForkEpoch(f)), 10)))
		previous = current
	}
	return "[" + strings.Join(forks, ",") + "]"
}

// stream is an event stream that lasts until the request or the node ends.
func (n *Node) stream(r *http.Request) *http.Response {
	c := make(chan string, 64)
	n.mu.Lock()
	n.mu.streams = append(n.mu.streams, c)
	n.mu.Unlock()
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: &reader{c: c, done: r.Context().Done()}, Request: r}
}

// reader reads an event stream.
type reader struct {
	c    <-chan string
	done <-chan struct{}
	left string
}

func (r *reader) Read(p []byte) (int, error) {
	for r.left == "" {
		select {
		case text, ok := <-r.c:
			if !ok {
				return 0, io.ErrUnexpectedEOF
			}
			r.left = text
		case <-r.done:
			return 0, io.ErrClosedPipe
		}
	}
	n := copy(p, r.left)
	r.left = r.left[n:]
	return n, nil
}

// Close is part of io.ReadCloser.
func (r *reader) Close() error { return nil }
