package apiclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Progress hears how far a download is: bytes that are here, and of how many, -1 if that is not known.
type Progress func(have, all int64)

// errStalled is why a download that brings nothing is given up.
var errStalled = errors.New("nothing came for too long")

// download asks for a large answer in SSZ of at most so many bytes. A download that breaks off is resumed, or begun anew where the server
// cannot resume. What the server calls an error is not tried again.
func (c *Client) download(ctx context.Context, path string, most int64, progress Progress) ([]byte, error) {
	d := download{client: c, path: path, most: most, progress: progress}
	for attempt := 1; ; attempt++ {
		err := d.run(ctx)
		var status *StatusError
		switch {
		case err == nil:
			return d.body, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.As(err, &status) && status.Code < http.StatusInternalServerError, errors.Is(err, errTooLarge), attempt == c.cfg.Attempts:
			return nil, fmt.Errorf("download from %s: %w", c, err)
		}
		select {
		case <-time.After(c.cfg.Pause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

var errTooLarge = errors.New("answer is too large")

// download is what came so far.
type download struct {
	client   *Client
	path     string
	most     int64
	progress Progress
	body     []byte
	tag      string // names the version that body is of
}

// run downloads what is missing.
func (d *download) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	request, err := d.client.request(ctx, d.path, "application/octet-stream")
	if err != nil {
		return err
	}
	// Without a tag it cannot be told whether the rest is of the same answer: "finalized" is another state some minutes later.
	resumed := len(d.body) > 0 && d.tag != ""
	if resumed {
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-", len(d.body)))
		request.Header.Set("If-Range", d.tag)
	}
	stalled := time.AfterFunc(d.client.cfg.Stall, func() { cancel(errStalled) })
	defer stalled.Stop()
	response, err := d.client.http.Do(request)
	if err != nil {
		return cause(ctx, err)
	}
	defer response.Body.Close()
	all := int64(-1)
	switch {
	case resumed && response.StatusCode == http.StatusPartialContent:
		var from, to int64
		if _, err := fmt.Sscanf(response.Header.Get("Content-Range"), "bytes %d-%d/%d", &from, &to, &all); err != nil || from != int64(len(d.body)) {
			have := len(d.body)
			d.body = nil
			return fmt.Errorf("range: asked for bytes from %d on, got %q", have, response.Header.Get("Content-Range"))
		}
	case response.StatusCode == http.StatusOK:
		d.body, d.tag, all = nil, response.Header.Get("ETag"), response.ContentLength
	default:
		return refusal(d.path, response, 0)
	}
	if all > d.most {
		return fmt.Errorf("%w: %d bytes, want at most %d", errTooLarge, all, d.most)
	}
	buffer := make([]byte, 256<<10)
	for {
		n, err := response.Body.Read(buffer)
		stalled.Reset(d.client.cfg.Stall)
		if d.body = append(d.body, buffer[:n]...); int64(len(d.body)) > d.most {
			return fmt.Errorf("%w: more than %d bytes", errTooLarge, d.most)
		}
		if d.progress != nil && n > 0 {
			d.progress(int64(len(d.body)), all)
		}
		switch {
		case errors.Is(err, io.EOF):
			if all >= 0 && int64(len(d.body)) != all {
				return fmt.Errorf("%d bytes came, want %d", len(d.body), all)
			}
			return nil
		case err != nil:
			return cause(ctx, err)
		}
	}
}

// cause is why a context ended, if that is why something failed.
func cause(ctx context.Context, err error) error {
	if c := context.Cause(ctx); c != nil && errors.Is(c, errStalled) {
		return c
	}
	return err
}
