package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/gossip/router"
)

// Error is what a client is told of what went wrong. Spec: ErrorMessage (types/http.yaml).
type Error struct {
	Code    int
	Message string
	// RetryAfter is in how many seconds another try makes sense; 0 says nothing.
	RetryAfter int
}

func (e *Error) Error() string { return fmt.Sprintf("%d: %s", e.Code, e.Message) }

func fail(code int, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// invalid is the answer to a field with a wrong value. It names both.
func invalid(field, value, want string) *Error {
	return fail(http.StatusBadRequest, "Invalid %s: %s, want %s", field, clip(value), want)
}

func notFound(format string, args ...any) *Error { return fail(http.StatusNotFound, format, args...) }

func busy(seconds int, format string, args ...any) *Error {
	return &Error{Code: http.StatusServiceUnavailable, Message: fmt.Sprintf(format, args...), RetryAfter: seconds}
}

// clip quotes a client's text, shortened.
func clip(text string) string {
	const most = 100
	if len(text) > most {
		return strconv.Quote(text[:most]) + "..."
	}
	return strconv.Quote(text)
}

// errorOf is what a client is told of an error.
func errorOf(err error) *Error {
	var e *Error
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &e):
		return e
	case errors.As(err, &tooLarge):
		return fail(http.StatusRequestEntityTooLarge, "The body has more than the %d bytes that are read", tooLarge.Limit)
	case errors.Is(err, chain.ErrUnknownBlock):
		return notFound("State not found: %v", err)
	case errors.Is(err, chain.ErrStateBusy):
		return busy(1, "The state is being computed: %v", err)
	case errors.Is(err, router.ErrNotRunning):
		return busy(1, "The node is starting: it is not connected to others yet")
	case errors.Is(err, chain.ErrStopped), errors.Is(err, context.Canceled):
		return busy(0, "The node is shutting down")
	}
	return fail(http.StatusInternalServerError, "Internal error: %v", err)
}

// write sends an error.
func (e *Error) write(w http.ResponseWriter) {
	body, err := json.Marshal(struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	}{e.Code, e.Message})
	if err != nil { // two plain fields
		panic(err)
	}
	if e.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(e.RetryAfter))
	}
	w.Header().Set("Content-Type", mediaJSON)
	w.WriteHeader(e.Code)
	_, _ = w.Write(body) // whoever is not there to read it needs no answer
}
