package mock

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
)

// errClosed is what a client sees of a connection that ended without an answer.
var errClosed = errors.New("connection refused")

// RoundTrip serves a request in this process, so that a client can have the engine as its transport. It implements http.RoundTripper.
func (m *Engine) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(r.Context())
	reader, writer := io.Pipe()
	w := &pipeWriter{header: http.Header{}, body: writer, started: make(chan int, 1)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer r.Body.Close()
		defer func() {
			if p := recover(); p != nil {
				writer.CloseWithError(io.ErrUnexpectedEOF)
				if p != http.ErrAbortHandler {
					panic(p)
				}
				return
			}
			w.WriteHeader(http.StatusOK)
			writer.Close()
		}()
		m.serve(w, r.Clone(ctx))
	}()
	stop := context.AfterFunc(ctx, func() { reader.CloseWithError(context.Cause(ctx)) })
	body := &pipeReader{PipeReader: reader, end: func() { stop(); cancel() }}
	select {
	case code := <-w.started:
		return &http.Response{StatusCode: code, Header: w.header.Clone(), Body: body, ContentLength: -1, Request: r, ProtoMajor: 1, ProtoMinor: 1}, nil
	case <-ctx.Done():
	case <-ended:
		select {
		case code := <-w.started:
			return &http.Response{StatusCode: code, Header: w.header.Clone(), Body: body, ContentLength: -1, Request: r, ProtoMajor: 1, ProtoMinor: 1}, nil
		default:
		}
	}
	err := context.Cause(ctx)
	body.Close()
	if err == nil {
		err = errClosed
	}
	return nil, err
}

// pipeReader is a body that ends its request when it is closed.
type pipeReader struct {
	*io.PipeReader
	end func()
}

func (b *pipeReader) Close() error {
	err := b.PipeReader.Close()
	b.end()
	return err
}

// pipeWriter is an http.ResponseWriter into a pipe.
type pipeWriter struct {
	header  http.Header
	body    *io.PipeWriter
	once    sync.Once
	started chan int
}

func (w *pipeWriter) Header() http.Header { return w.header }

func (w *pipeWriter) WriteHeader(code int) { w.once.Do(func() { w.started <- code }) }

func (w *pipeWriter) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(b)
}

func (w *pipeWriter) Flush() {}
