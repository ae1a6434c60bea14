package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cresset/cresset/beacon/clock"
	"github.com/cresset/cresset/beacon/engine/wire"
)

// endpoint speaks JSON-RPC over HTTP with one execution client. It knows nothing of health; its health field is the Client's, under Client.mu.
type endpoint struct {
	// Static.
	index  int
	name   string
	url    string
	secret secret
	http   *http.Client
	source clock.Source

	// Limits. Each is a semaphore.
	slots chan struct{} // calls at the same time
	order chan struct{} // forkchoice updates, one at a time

	// Loop state.
	wake   chan struct{} // the health loop should ask now
	lastID atomic.Int64

	health health // guarded by Client.mu
}

func newEndpoint(index int, cfg Config) *endpoint {
	e := cfg.Endpoints[index]
	return &endpoint{
		index:  index,
		name:   e.Name,
		url:    e.URL,
		secret: secret{file: e.JWTSecretFile},
		http: &http.Client{
			Transport: cfg.Transport,
			// A token is for this host alone.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		source: cfg.Source,
		slots:  make(chan struct{}, cfg.MaxConcurrent),
		order:  make(chan struct{}, 1),
		wake:   make(chan struct{}, 1),
	}
}

// acquire takes a place in a semaphore, or gives the context's error.
func acquire(ctx context.Context, semaphore chan struct{}) error {
	select {
	case semaphore <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// errSlow is the cause of a context that ended because the method's own time was over, so that it is told apart from the caller's end.
var errSlow = errors.New("no answer in time")

// call makes one call and reads its result. An error is a *CallError, an *RPCError, or the caller's context's.
func (e *endpoint) call(ctx context.Context, m wire.Method, params, result wire.Value) error {
	if err := acquire(ctx, e.slots); err != nil {
		return err
	}
	defer func() { <-e.slots }()
	slow := fmt.Errorf("%w (%v)", errSlow, m.Timeout)
	limited, cancel := context.WithTimeoutCause(ctx, m.Timeout, slow)
	defer cancel()
	id := e.lastID.Add(1)
	body, err := e.exchange(limited, m, wire.WriteCall(nil, id, m.Name, params))
	if err != nil {
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case limited.Err() != nil:
			return e.failed(m, ErrOffline, slow)
		}
		return err
	}
	err = wire.ReadAnswer(body, id, result)
	var answer *RPCError
	if err == nil || errors.As(err, &answer) {
		return err
	}
	return e.failed(m, ErrMalformed, err)
}

func (e *endpoint) failed(m wire.Method, kind, err error) error {
	var inner *url.Error // It repeats method and URL, which may have a password in it.
	if errors.As(err, &inner) {
		err = inner.Err
	}
	return &CallError{Endpoint: e.name, Method: m.Name, Kind: kind, Err: err}
}

// exchange sends a body and gives the body of the answer.
func (e *endpoint) exchange(ctx context.Context, m wire.Method, body []byte) ([]byte, error) {
	token, err := e.secret.token(e.source.Now())
	if err != nil {
		return nil, e.failed(m, ErrAuth, err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, bytes.NewReader(body))
	if err != nil {
		return nil, e.failed(m, ErrOffline, err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+token)
	// Every method may be called twice, so that a call on a connection that the other side has closed by now, as a restart does, is made
	// again on a new one. Without a value the header is not sent.
	request.Header["Idempotency-Key"] = nil
	response, err := e.http.Do(request)
	if err != nil {
		return nil, e.failed(m, ErrOffline, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		kind := ErrOffline
		if response.StatusCode == http.StatusUnauthorized || response.StatusCode == http.StatusForbidden {
			kind = ErrAuth
		}
		return nil, e.failed(m, kind, fmt.Errorf("HTTP status %d: %q", response.StatusCode, excerpt(response.Body)))
	}
	if response.ContentLength > m.MaxResponse {
		return nil, e.failed(m, ErrMalformed, fmt.Errorf("body of %d bytes, want at most %d", response.ContentLength, m.MaxResponse))
	}
	var buffer bytes.Buffer
	if response.ContentLength > 0 {
		buffer.Grow(int(min(response.ContentLength, maxFirstBuffer)) + bytes.MinRead)
	}
	n, err := buffer.ReadFrom(io.LimitReader(response.Body, m.MaxResponse+1))
	switch {
	case err != nil:
		return nil, e.failed(m, ErrOffline, err)
	case n > m.MaxResponse:
		return nil, e.failed(m, ErrMalformed, fmt.Errorf("body of more than %d bytes", m.MaxResponse))
	}
	return buffer.Bytes(), nil
}

// maxFirstBuffer is how much is allocated on the word of a Content-Length alone.
const maxFirstBuffer = 8 << 20

// excerpt is the beginning of the body of a refusal.
func excerpt(body io.Reader) string {
	start, err := io.ReadAll(io.LimitReader(body, 200))
	if err != nil && len(start) == 0 {
		return ""
	}
	return strings.TrimSpace(strings.ToValidUTF8(string(start), "?"))
}

// poke asks the health loop to look at the endpoint now.
func (e *endpoint) poke() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// wait waits for a time or for a poke; false when the context ended.
func (e *endpoint) wait(ctx context.Context, d time.Duration) bool {
	timer, stop := e.source.After(d)
	defer stop()
	select {
	case <-timer:
	case <-e.wake:
	case <-ctx.Done():
		return false
	}
	return true
}
