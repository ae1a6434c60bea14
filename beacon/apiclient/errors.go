package apiclient

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

const (
	// errorAnswer bounds an answer that is an error, bytes; listEntry is added for each item of a list that was handed in.
	errorAnswer = 16 << 10
	// errorText bounds what is kept of the server's words.
	errorText = 512
)

// StatusError is an answer that is an error.
type StatusError struct {
	Path    string
	Code    int    // of HTTP
	Message string // the server's words, shortened
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("%s: HTTP status %d: %s", e.Path, e.Code, e.Message)
}

// IsNotFound tells whether the server said that it does not have something.
func IsNotFound(err error) bool {
	var status *StatusError
	return errors.As(err, &status) && status.Code == http.StatusNotFound
}

// ItemsError says that some items of a list that was handed in were refused; the others were taken. Spec: IndexedErrorMessage.
type ItemsError struct {
	Path     string
	Failures map[int]string // the server's words, shortened, by place in the list
}

func (e *ItemsError) Error() string {
	first := -1
	for i := range e.Failures {
		if first < 0 || i < first {
			first = i
		}
	}
	return fmt.Sprintf("%s: %d items were refused, the first is item %d: %s", e.Path, len(e.Failures), first, e.Failures[first])
}

// refusal reads what a server says of an error, and of which of so many items.
func refusal(path string, response *http.Response, items int) error {
	text, _ := io.ReadAll(io.LimitReader(response.Body, errorAnswer+int64(items)*listEntry)) // what can be read is better than nothing
	if response.StatusCode == http.StatusBadRequest {
		if failures := failuresOf(text, items); len(failures) > 0 {
			return &ItemsError{path, failures}
		}
	}
	var body struct {
		Message string `json:"message"`
	}
	message := string(text)
	if json.Unmarshal(text, &body) == nil && body.Message != "" {
		message = body.Message
	}
	return &StatusError{path, response.StatusCode, shorten(message)}
}

func shorten(message string) string {
	message = strings.ToValidUTF8(message, "?")
	return message[:min(len(message), errorText)]
}

// failuresOf gives the items of a list that an answer refuses, none where it does not say so in good order.
func failuresOf(text []byte, items int) map[int]string {
	var body struct {
		Failures list[struct {
			Index   json.Number `json:"index"` // some servers write it as a string
			Message string      `json:"message"`
		}] `json:"failures"`
	}
	body.Failures.most = items
	if json.Unmarshal(text, &body) != nil {
		return nil
	}
	failures := map[int]string{}
	for _, f := range body.Failures.items {
		i, err := strconv.Atoi(f.Index.String())
		if err != nil || i < 0 || i >= items {
			return nil
		}
		failures[i] = shorten(f.Message)
	}
	return failures
}
