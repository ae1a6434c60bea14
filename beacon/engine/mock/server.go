package mock

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/cresset/cresset/beacon/engine/wire"
)

// maxRequest is the longest body of a call, in bytes.
const maxRequest = 128 << 20

// Handler serves the Engine API. It is the same every time.
func (m *Engine) Handler() http.Handler { return http.HandlerFunc(m.serve) }

// authorize checks the token of a request. Spec: authentication.md.
func (m *Engine) authorize(r *http.Request) error {
	if m.cfg.Secret == nil {
		return nil
	}
	text, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return errors.New("missing token")
	}
	var claims jwt.RegisteredClaims
	_, err := jwt.ParseWithClaims(text, &claims, func(*jwt.Token) (any, error) { return m.cfg.Secret, nil },
		jwt.WithValidMethods([]string{"HS256"}), jwt.WithoutClaimsValidation())
	if err != nil {
		return err
	}
	if claims.IssuedAt == nil {
		return errors.New("missing issued-at")
	}
	if age := m.cfg.Now().Sub(claims.IssuedAt.Time); age > time.Minute || age < -time.Minute {
		return fmt.Errorf("token is %v old, want within a minute of now", age)
	}
	return nil
}

func (m *Engine) serve(w http.ResponseWriter, r *http.Request) {
	if err := m.authorize(r); err != nil {
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	var call wire.Call
	if err := wire.Read(body, call.Value()); err != nil {
		send(w, wire.WriteError(nil, []byte("null"), &wire.RPCError{Code: wire.ParseError, Message: err.Error()}))
		return
	}
	m.mu.Lock()
	m.mu.calls[call.Method]++
	faults, finished := m.mu.faults, m.mu.finished
	m.mu.Unlock()
	delay, wrong := faults.of(call.Method)
	if delay > 0 && !pause(r.Context(), delay) {
		return
	}
	if wrong != RightAnswer {
		m.misbehave(w, r, wrong, call, finished)
		return
	}
	send(w, m.reply(call, faults))
}

// reply is the body of the answer to a call.
func (m *Engine) reply(call wire.Call, faults Faults) []byte {
	method, known := wire.MethodNamed(call.Method)
	if !known || slices.Contains(faults.Missing, call.Method) {
		return wire.WriteError(nil, call.ID, &wire.RPCError{Code: wire.MethodNotFound, Message: "the method " + call.Method + " does not exist"})
	}
	result, err := m.answer(method, call.Params)
	var refused *wire.RPCError
	switch {
	case errors.As(err, &refused):
		return wire.WriteError(nil, call.ID, refused)
	case err != nil:
		return wire.WriteError(nil, call.ID, &wire.RPCError{Code: wire.InternalError, Message: err.Error()})
	}
	return wire.WriteResult(nil, call.ID, result)
}

// send writes a body. That the other side is gone is no matter.
func send(w http.ResponseWriter, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Write(body)
}

// pause waits; false when the request was given up before.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// misbehave answers wrongly.
func (m *Engine) misbehave(w http.ResponseWriter, r *http.Request, wrong Wrong, call wire.Call, finished <-chan struct{}) {
	switch wrong {
	case Garbage:
		send(w, []byte("<html>welcome</html>"))
	case WrongID:
		call.ID = []byte("123456789")
		send(w, m.reply(call, Faults{}))
	case WrongHash:
		made := strings.Repeat("5a", 32)
		status := fmt.Sprintf(`{"status":"VALID","latestValidHash":"0x%s","validationError":null}`, made)
		result := []byte(fmt.Sprintf(`{"status":"VALID","latestValidHash":"0x%s","payloadStatus":%s,"hash":"0x%s","parentHash":"0x%s","totalDifficulty":"0x1"}`,
			made, status, made, made))
		send(w, wire.WriteResult(nil, call.ID, wire.Raw(&result)))
	case Oversized:
		chunk := []byte(strings.Repeat(" ", 1<<20))
		for r.Context().Err() == nil {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	case Deep:
		result := []byte(strings.Repeat("[", 10_000))
		send(w, wire.WriteResult(nil, call.ID, wire.Raw(&result)))
	case Stalled:
		body := m.reply(call, Faults{})
		send(w, body[:len(body)/2])
		http.NewResponseController(w).Flush()
		hang(r, finished)
		panic(http.ErrAbortHandler) // The rest never comes.
	case Failed:
		send(w, wire.WriteError(nil, call.ID, &wire.RPCError{Code: wire.ServerError, Message: "the database is closed"}))
	case Refused:
		http.Error(w, "signature is invalid", http.StatusUnauthorized)
	case Broken:
		http.Error(w, "internal error", http.StatusInternalServerError)
	case Closed:
		panic(http.ErrAbortHandler)
	case Silent:
		hang(r, finished)
		panic(http.ErrAbortHandler)
	}
}

// hang waits for the end of the request or of the fault.
func hang(r *http.Request, finished <-chan struct{}) {
	select {
	case <-r.Context().Done():
	case <-finished:
	}
}
