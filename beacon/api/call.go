package api

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"time"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
)

// call is a request under way.
type call struct {
	// static
	s     *Server
	route *route
	n     *Node // nil on early routes before the chain is ready
	w     http.ResponseWriter
	r     *http.Request
	query url.Values
	media string // of the answer
	ssz   bool   // whether the body is SSZ
	head  bool   // only the header of the answer is wanted
	begin time.Time

	// state
	leave   func() // gives the turn back, if there is one
	started bool   // the answer has begun
}

// errNoBody ends the answer to a request for the header only.
var errNoBody = errors.New("no body is wanted")

// run checks what all routes have in common, and answers.
func (c *call) run() (err error) {
	if c.n = c.s.node.Load(); c.n == nil && !c.route.early {
		return busy(1, "The node is starting: its chain is not ready yet")
	}
	if c.query, err = url.ParseQuery(c.r.URL.RawQuery); err != nil {
		return fail(http.StatusBadRequest, "Invalid query: %v", err)
	}
	if c.route.formats != statusOnly {
		var ok bool
		if c.media, ok = accepts(c.r.Header.Values("Accept"), c.route.formats.offers()); !ok {
			return fail(http.StatusNotAcceptable, "Accepted media type not supported: %s", clip(c.r.Header.Get("Accept")))
		}
	}
	if c.route.body > 0 {
		if err := c.checkBody(); err != nil {
			return err
		}
	}
	if c.route.work == bulk {
		if err := c.turn(); err != nil {
			return err
		}
	}
	return c.route.handle(c)
}

// checkBody refuses a body of another type or size, before any of it is read.
//
// Spec: "it should return a 415 status code if the 'Content-Type' header in the request specifies a format that is not supported".
func (c *call) checkBody() error {
	if text := c.r.Header.Get("Content-Type"); text != "" {
		media, _, err := mime.ParseMediaType(text)
		switch {
		case err == nil && media == mediaJSON:
		case err == nil && media == mediaSSZ && c.route.sszBody:
			c.ssz = true
		default:
			return fail(http.StatusUnsupportedMediaType, "Cannot read the supplied content type %s, want %s", clip(text), c.route.bodies())
		}
	}
	if c.r.ContentLength > c.route.body {
		return fail(http.StatusRequestEntityTooLarge, "The body has %d bytes, at most %d are read", c.r.ContentLength, c.route.body)
	}
	c.r.Body = http.MaxBytesReader(c.w, c.r.Body, c.route.body)
	return nil
}

// turn waits for the turn of a heavy answer, once.
func (c *call) turn() (err error) {
	if c.leave == nil {
		c.readAll()
		c.leave, err = c.s.bulk.enter(c.r.Context())
	}
	return err
}

// end gives back what the call holds.
func (c *call) end() {
	if c.leave != nil {
		c.leave()
	}
}

// over tells whether nothing can be said about an error any more. An answer that broke off must not look whole.
func (c *call) over(err error) bool {
	if errors.Is(err, errNoBody) {
		return true
	}
	if c.started || c.r.Context().Err() != nil { // or the client has gone: what it does not read must not look like an empty answer
		c.s.log.Debug("an answer was broken off", "path", c.r.URL.Path, "reason", err)
		panic(http.ErrAbortHandler)
	}
	return false
}

// Write sends a piece of the answer. A client that does not take it in time loses the connection.
func (c *call) Write(b []byte) (int, error) {
	if c.head {
		return 0, errNoBody
	}
	deadline := time.Now().Add(c.s.cfg.WriteTimeout)
	if last := c.begin.Add(c.s.cfg.AnswerTimeout); last.Before(deadline) {
		deadline = last
	}
	if err := c.extend(deadline); err != nil {
		return 0, err
	}
	return c.w.Write(b)
}

// extend sets until when the next piece has to be taken.
func (c *call) extend(deadline time.Time) error {
	err := http.NewResponseController(c.w).SetWriteDeadline(deadline)
	if errors.Is(err, http.ErrNotSupported) { // a recorder in a test
		return nil
	}
	return err
}

// readAll takes back the time in which the request has to come, which would end a long answer, once nothing more of it is to be read.
func (c *call) readAll() {
	if c.r.ContentLength == 0 || c.route.body > 0 {
		_ = http.NewResponseController(c.w).SetReadDeadline(time.Time{}) // a recorder in a test has none
	}
}

// start sends the header of a good answer.
func (c *call) start() {
	c.readAll()
	c.w.Header().Set("Content-Type", c.media)
	c.w.WriteHeader(http.StatusOK)
	c.started = true
}

// meta is what stands beside the data of an answer.
type meta struct {
	versioned bool
	fork      params.Fork
	flagged   bool
	flags
}

// flags are what is said of the chain that the data is from.
type flags struct{ optimistic, finalized bool }

// of says that the data has flags, withFork that it is of a fork besides.
func of(f flags) meta                       { return meta{flagged: true, flags: f} }
func withFork(fork params.Fork) meta        { return meta{versioned: true, fork: fork} }
func ofFork(f flags, fork params.Fork) meta { return meta{true, fork, true, f} }
func (c *call) context(fork params.Fork) ssz.Context {
	return ssz.Context{Spec: c.s.cfg.Spec, Fork: fork}
}

// stream answers with JSON whose data a function writes piece by piece.
func (c *call) stream(m meta, data func(*ssz.Stream) error) error {
	out := c.open(m)
	if err := out.Append(func(dst []byte) ([]byte, error) { return m.prefix(dst), nil }); err != nil {
		return err
	}
	if err := data(out); err != nil {
		return err
	}
	if err := out.Text("}"); err != nil {
		return err
	}
	return out.Flush()
}

// octets answers with bytes that a function writes piece by piece.
func (c *call) octets(m meta, data func(*ssz.Stream) error) error {
	out := c.open(m)
	if err := data(out); err != nil {
		return err
	}
	return out.Flush()
}

func (c *call) open(m meta) *ssz.Stream {
	if m.versioned {
		c.w.Header().Set("Eth-Consensus-Version", m.fork.String())
	}
	c.start()
	return ssz.NewStream(c)
}

// prefix writes an answer up to its data.
func (m meta) prefix(dst []byte) []byte {
	dst = append(dst, '{')
	if m.versioned {
		dst = append(dst, `"version":"`...)
		dst = append(dst, m.fork.String()...)
		dst = append(dst, `",`...)
	}
	if m.flagged {
		dst = append(dst, `"execution_optimistic":`...)
		dst = appendBool(dst, m.optimistic)
		dst = append(dst, `,"finalized":`...)
		dst = appendBool(dst, m.finalized)
		dst = append(dst, ',')
	}
	return append(dst, `"data":`...)
}

func appendBool(dst []byte, b bool) []byte {
	if b {
		return append(dst, "true"...)
	}
	return append(dst, "false"...)
}

// value answers with a value in the format that the client wants.
func (c *call) value(m meta, cx ssz.Context, n ssz.Node) error {
	if c.media == mediaSSZ {
		return c.octets(m, func(out *ssz.Stream) error { return out.SSZ(cx, n) })
	}
	return c.stream(m, func(out *ssz.Stream) error { return out.JSON(cx, n) })
}

// data answers with something small, as encoding/json writes it.
func (c *call) data(m meta, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return c.stream(m, func(out *ssz.Stream) error { return out.Text(string(text)) })
}

// whole answers with a text that is JSON already.
func (c *call) whole(text []byte) error {
	c.start()
	_, err := c.Write(text)
	return err
}

var _ io.Writer = (*call)(nil)
