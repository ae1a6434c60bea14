package apiclient

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/cresset/cresset/beacon/types"
)

// HeadEvent says that a server has another head.
type HeadEvent struct {
	Slot       types.Slot
	Block      types.Root
	Optimistic bool
	// PreviousDependent decides the committees of the head's epoch, CurrentDependent those of the next one; zero where the server does not say.
	PreviousDependent, CurrentDependent types.Root
}

// maxEventLine bounds a line of an event stream.
const maxEventLine = 64 << 10

// Heads hands over every change of the head until the stream ends, which is an error, or the context. A server that says nothing at all for a time,
// not even a comment, is given up. Spec: eventstream (head).
func (c *Client) Heads(ctx context.Context, silence time.Duration, take func(HeadEvent)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	quiet := time.AfterFunc(silence, func() { cancel(fmt.Errorf("event stream of %s: nothing for %v", c, silence)) })
	defer quiet.Stop()
	target := c.base.JoinPath("/eth/v1/events")
	target.RawQuery = "topics=head"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return err
	}
	request.Header.Set("Accept", "text/event-stream")
	response, err := c.http.Do(request)
	if err != nil {
		return fmt.Errorf("ask %s: %w", c, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return refusal("/eth/v1/events", response, 0)
	}
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(make([]byte, 4096), maxEventLine)
	var topic string
	for lines.Scan() {
		quiet.Reset(silence)
		name, value, _ := bytes.Cut(lines.Bytes(), []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(name) {
		case "":
			if len(lines.Bytes()) == 0 {
				topic = ""
			}
		case "event":
			topic = string(value)
		case "data":
			if topic != "head" {
				continue
			}
			event, err := decodeHead(value)
			if err != nil {
				return fmt.Errorf("event stream of %s: %w", c, err)
			}
			take(event)
		}
	}
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	err = lines.Err()
	if err == nil {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("event stream of %s: %w", c, err)
}

func decodeHead(data []byte) (HeadEvent, error) {
	var e struct {
		Slot       *number `json:"slot"`
		Block      *root   `json:"block"`
		Previous   root    `json:"previous_duty_dependent_root"`
		Current    root    `json:"current_duty_dependent_root"`
		Optimistic *bool   `json:"execution_optimistic"`
	}
	if err := json.Unmarshal(data, &e); err != nil {
		return HeadEvent{}, err
	}
	if e.Slot == nil || e.Block == nil || e.Optimistic == nil {
		return HeadEvent{}, errors.New("slot, block or execution_optimistic are missing in a head event")
	}
	return HeadEvent{types.Slot(*e.Slot), types.Root(*e.Block), *e.Optimistic, types.Root(e.Previous), types.Root(e.Current)}, nil
}
