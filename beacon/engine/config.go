package engine

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/cresset/cresset/beacon/clock"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// Endpoint is one execution client.
type Endpoint struct {
	// Name stands for the endpoint in logs and errors; by default host and port of the URL.
	Name string
	// URL of the Engine API, http or https.
	URL string
	// JWTSecretFile has the secret that both sides share, 32 bytes in hex. It is read again whenever it changes.
	JWTSecretFile string
}

// Config is what a Client is made of.
type Config struct {
	// Endpoints, at least one, the preferred one first. Each must be driven by this node alone.
	Endpoints []Endpoint
	Spec      *params.Spec
	// Clock tells which forks the execution client has to know.
	Clock *clock.Clock
	// GenesisHash is the execution block of the genesis state, nil if it is not known (chains that began before the merge).
	GenesisHash *types.Hash32
	// Version is what this node calls itself in engine_getClientVersionV1.
	Version ClientVersion
	Log     *slog.Logger

	// Source is the machine's time, for tokens and for waiting; nil for the real one. It is not shifted as Clock may be: the
	// execution client compares tokens with its own time.
	Source clock.Source
	// Transport carries the HTTP requests; nil for connections of our own.
	Transport http.RoundTripper
	// Random gives a number in [0, n) for the jitter of waiting; nil for a random one.
	Random func(n int64) int64

	// Interval is the time between two questions about an endpoint's health (10 s).
	Interval time.Duration
	// HoldDown is how long a preferred endpoint has to be ready before it is active again (60 s).
	HoldDown time.Duration
	// MaxConcurrent is how many calls an endpoint gets at the same time (16).
	MaxConcurrent int
}

// The first and the longest pause between attempts to reach an endpoint that does not work.
const (
	firstPause   = time.Second
	longestPause = 30 * time.Second
)

// dialTimeout is how long a connection may take.
const dialTimeout = 2 * time.Second

// checked gives the config with its defaults, or says what is wrong with it.
func (cfg Config) checked() (Config, error) {
	switch {
	case len(cfg.Endpoints) == 0:
		return cfg, errors.New("no execution endpoint, want at least one")
	case cfg.Spec == nil:
		return cfg, errors.New("no spec")
	case cfg.Clock == nil:
		return cfg, errors.New("no clock")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Source == nil {
		cfg.Source = clock.System{}
	}
	if cfg.Random == nil {
		cfg.Random = rand.Int64N
	}
	if cfg.Transport == nil {
		cfg.Transport = &http.Transport{
			DialContext:         (&net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}).DialContext,
			TLSHandshakeTimeout: dialTimeout,
			MaxIdleConnsPerHost: 4,
			IdleConnTimeout:     90 * time.Second,
			DisableCompression:  true, // A compressed body could be far larger than it looks.
		}
	}
	cfg.Interval = cmp.Or(cfg.Interval, 10*time.Second)
	cfg.HoldDown = cmp.Or(cfg.HoldDown, time.Minute)
	cfg.MaxConcurrent = cmp.Or(cfg.MaxConcurrent, 16)
	if cfg.Interval < 0 || cfg.HoldDown < 0 || cfg.MaxConcurrent < 0 {
		return cfg, fmt.Errorf("interval %v, hold-down %v, concurrent calls %d: want none below zero", cfg.Interval, cfg.HoldDown, cfg.MaxConcurrent)
	}
	names := map[string]bool{}
	endpoints := make([]Endpoint, len(cfg.Endpoints))
	for i, e := range cfg.Endpoints {
		u, err := url.Parse(e.URL)
		if err != nil {
			return cfg, fmt.Errorf("execution endpoint %d: the URL cannot be parsed", i) // The URL may have a password in it.
		}
		if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return cfg, fmt.Errorf("execution endpoint %d: URL %q, want http://host:port", i, u.Redacted())
		}
		if e.JWTSecretFile == "" {
			return cfg, fmt.Errorf("execution endpoint %q: no file of the JWT secret", u.Redacted())
		}
		e.Name = cmp.Or(e.Name, u.Host)
		if names[e.Name] {
			return cfg, fmt.Errorf("two execution endpoints are named %q", e.Name)
		}
		names[e.Name] = true
		endpoints[i] = e
	}
	cfg.Endpoints = endpoints
	return cfg, nil
}
