package apiclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

const (
	// listBase and listEntry bound the answer to a question whose answer is a list: bytes, and bytes for each entry that it may have.
	listBase  = 64 << 10
	listEntry = 1 << 10
)

// list is a list in an answer. One entry more than it may have is an error, before that entry is read.
type list[T any] struct {
	most  int
	items []T // nil until it was read
}

// UnmarshalJSON implements json.Unmarshaler.
func (l *list[T]) UnmarshalJSON(b []byte) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	if t, err := dec.Token(); err != nil || t != json.Delim('[') {
		return errors.New("data is not a list")
	}
	for l.items = []T{}; dec.More(); {
		if len(l.items) == l.most {
			return fmt.Errorf("list of more entries than were asked for, want at most %d", l.most)
		}
		var item T
		if err := dec.Decode(&item); err != nil {
			return err
		}
		l.items = append(l.items, item)
	}
	return nil
}

// askList asks for a list of at most so many entries, and gives it with the block that it depends on, nil where the answer names none.
func askList[T any](ctx context.Context, c *Client, q query, most int) ([]T, *root, error) {
	var answer struct {
		Root *root   `json:"dependent_root"`
		Data list[T] `json:"data"`
	}
	answer.Data.most = most
	if q.most == 0 {
		q.most = listBase + int64(most)*listEntry
	}
	if err := c.ask(ctx, q, &answer); err != nil {
		return nil, nil, err
	}
	if answer.Data.items == nil {
		return nil, nil, fmt.Errorf("%s: data is missing", q.path)
	}
	return answer.Data.items, answer.Root, nil
}

// awaited is what was asked for and has not come yet.
type awaited[K comparable] map[K]struct{}

func await[K comparable](keys []K) awaited[K] {
	a := make(awaited[K], len(keys))
	for _, k := range keys {
		a[k] = struct{}{}
	}
	return a
}

// take refuses what nobody asked for, and what comes a second time.
func (a awaited[K]) take(k K) error {
	if _, ok := a[k]; !ok {
		return fmt.Errorf("%v was not asked for, or comes twice", k)
	}
	delete(a, k)
	return nil
}
