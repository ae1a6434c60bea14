package devnet

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// maxAnswer bounds what is read of an answer: a state of the mainnet preset with few validators has some 6 MB.
const maxAnswer = 64 << 20

// requestTime bounds one request.
const requestTime = 20 * time.Second

// answerError is an answer that is an error.
type answerError struct {
	path string
	code int
	text string
}

func (e *answerError) Error() string {
	return fmt.Sprintf("%s: HTTP %d: %.300s", e.path, e.code, e.text)
}

// ask makes a request and gives the body of the answer.
func ask(ctx context.Context, method, url, accept string, body []byte, header http.Header) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if header != nil {
		r.Header = header.Clone()
	}
	r.Header.Set("Accept", accept)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.URL.Path, err)
	}
	if answer.StatusCode/100 != 2 {
		return nil, &answerError{r.URL.Path, answer.StatusCode, string(data)}
	}
	return data, nil
}

// rpc calls a method of an execution client and decodes the result.
func rpc(ctx context.Context, url string, result any, method string, parameters ...any) error {
	if parameters == nil {
		parameters = []any{}
	}
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters})
	if err != nil {
		return err
	}
	data, err := ask(ctx, http.MethodPost, url, "application/json", body, nil)
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	var answer struct {
		Result json.RawMessage
		Error  *struct {
			Code    int
			Message string
		}
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	if answer.Error != nil {
		return fmt.Errorf("%s: error %d: %s", method, answer.Error.Code, answer.Error.Message)
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(answer.Result, result); err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	return nil
}

// until repeats something until it succeeds, and gives its last error when the time is over.
func until(ctx context.Context, within time.Duration, what string, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: not within %v: %w", what, within, err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}
