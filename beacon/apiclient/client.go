package apiclient

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// Config is what a Client is made of.
type Config struct {
	// URL is where the server is, http or https, without /eth.
	URL string
	// Transport is how requests travel; nil for the standard way.
	Transport http.RoundTripper
	// Timeout bounds a small request. Default 10 s.
	Timeout time.Duration
	// Stall is how long a download may bring nothing. Default 20 s.
	Stall time.Duration
	// Attempts is how often a download that broke off is begun or resumed. Default 5.
	Attempts int
	// Pause is how long it waits before that. Default 2 s.
	Pause time.Duration
}

// Client asks one server.
type Client struct {
	cfg  Config
	base *url.URL
	http *http.Client
}

// New makes a client. It fails on a URL that is none.
func New(cfg Config) (*Client, error) {
	base, err := url.Parse(cfg.URL)
	switch {
	case err != nil:
		return nil, fmt.Errorf("URL of a Beacon API: %w", err)
	case base.Scheme != "http" && base.Scheme != "https" || base.Host == "":
		return nil, fmt.Errorf("URL of a Beacon API is %q, want one such as http://127.0.0.1:5052", base.Redacted())
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Second
	}
	if cfg.Stall == 0 {
		cfg.Stall = 20 * time.Second
	}
	if cfg.Attempts == 0 {
		cfg.Attempts = 5
	}
	if cfg.Pause == 0 {
		cfg.Pause = 2 * time.Second
	}
	return &Client{cfg: cfg, base: base, http: &http.Client{Transport: cfg.Transport}}, nil
}

// String is the URL without a password.
func (c *Client) String() string { return c.base.Redacted() }

// smallAnswer bounds the answer to a small request.
const smallAnswer = 1 << 20

// request makes a request for a path.
func (c *Client) request(ctx context.Context, path, accept string) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base.JoinPath(path).String(), nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", accept)
	return r, nil
}

// query is one request, and how large its answer may be.
type query struct {
	method, path string
	values       url.Values
	header       http.Header
	body         []byte
	items        int   // of the list that is handed in, 0 where it is none
	also         int   // a status other than 200 that is no error, 0 for none
	most         int64 // bytes of the answer
}

// reply is an answer that is no error.
type reply struct {
	code   int // of HTTP
	header http.Header
	body   []byte
}

// do makes a request and gives the whole answer.
func (c *Client) do(ctx context.Context, q query) (reply, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	target := c.base.JoinPath(q.path)
	target.RawQuery = q.values.Encode()
	request, err := http.NewRequestWithContext(ctx, q.method, target.String(), bytes.NewReader(q.body))
	if err != nil {
		return reply{}, err
	}
	for name, values := range q.header {
		request.Header[name] = values
	}
	response, err := c.http.Do(request)
	if err != nil {
		return reply{}, fmt.Errorf("ask %s: %w", c, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK && response.StatusCode != q.also {
		return reply{}, refusal(q.path, response, q.items)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, q.most+1))
	if err != nil {
		return reply{}, fmt.Errorf("read the answer of %s: %w", c, err)
	}
	if int64(len(body)) > q.most {
		return reply{}, fmt.Errorf("%s: answer of more than %d bytes", q.path, q.most)
	}
	return reply{response.StatusCode, response.Header, body}, nil
}

// ask makes a request whose answer is JSON, and decodes all of it.
func (c *Client) ask(ctx context.Context, q query, answer any) error {
	if q.header == nil {
		q.header = http.Header{}
	}
	q.header.Set("Accept", "application/json")
	if q.body != nil {
		q.header.Set("Content-Type", "application/json")
	}
	r, err := c.do(ctx, q)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(r.body, answer); err != nil {
		return fmt.Errorf("%s: answer: %w", q.path, err)
	}
	return nil
}

// get asks for a small answer in JSON and decodes the field data.
func (c *Client) get(ctx context.Context, path string, data any) error {
	return c.ask(ctx, query{method: http.MethodGet, path: path, most: smallAnswer}, &struct {
		Data any `json:"data"`
	}{data})
}

// post sends JSON and wants no more than to hear that it was taken.
func (c *Client) post(ctx context.Context, path string, body []byte) error {
	_, err := c.send(ctx, query{path: path, body: body})
	return err
}

// send is post with more to say, and gives the status.
func (c *Client) send(ctx context.Context, q query) (int, error) {
	q.method, q.most = http.MethodPost, smallAnswer
	if q.header == nil {
		q.header = http.Header{}
	}
	if q.header.Get("Content-Type") == "" {
		q.header.Set("Content-Type", "application/json")
	}
	r, err := c.do(ctx, q)
	return r.code, err
}
