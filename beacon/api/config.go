package api

import (
	"errors"
	"log/slog"
	"net"
	"slices"
	"time"

	"github.com/cresset/cresset/beacon/engine"
	"github.com/cresset/cresset/beacon/metrics"
	"github.com/cresset/cresset/beacon/params"
)

// Config is what a Server is made of. Limits are the defaults where they are zero.
type Config struct {
	Spec *params.Spec
	// Listener is where the server listens. It is open already, so that a port that is taken is told at once; Run closes it.
	Listener net.Listener
	Log      *slog.Logger
	Metrics  *metrics.API // nil for ones that nobody reads
	// Version is what this node calls itself.
	Version engine.ClientVersion
	// Platform is added to the version of /eth/v1/node/version, such as "linux-amd64".
	Platform string

	// AllowedHosts are the names in the Host header of requests that are answered, beside localhost, 127.0.0.1 and ::1: a web page whose name
	// was made to lead here has another one. "*" allows all.
	AllowedHosts []string
	// AllowedOrigins are the web pages that may read answers (CORS), such as "https://example.org"; "*" allows all. Default: none.
	AllowedOrigins []string

	HeaderTimeout time.Duration // until the request's header has come; 10 s
	ReadTimeout   time.Duration // until the request has come; 30 s
	WriteTimeout  time.Duration // until a piece of the answer is taken; 20 s
	AnswerTimeout time.Duration // until the whole answer is taken; 10 min
	IdleTimeout   time.Duration // between two requests; 2 min
	// ShutdownTimeout is how long answers under way may take once the server is to end; 5 s.
	ShutdownTimeout time.Duration

	MaxHeader      int // bytes of a request's header with its URL; 64 KiB
	MaxConnections int // 256
	MaxStreams     int // event streams; 64
	EventQueue     int // events that wait for a client; 512
	BulkAtOnce     int // heavy answers at a time; 2
	BulkQueue      int // heavy answers that wait; 8
	StateQueue     int // requests that wait for a state that is not the head's, of which one is loaded at a time; 32
	// BulkWait is how long a heavy answer, or the load of a state, waits for its turn; 20 s.
	BulkWait time.Duration
	// KeepAlive is the time between two comments in an event stream on which nothing happens; 15 s.
	KeepAlive time.Duration
}

func (cfg *Config) setDefaults() {
	number := func(p *int, v int) {
		if *p == 0 {
			*p = v
		}
	}
	duration := func(p *time.Duration, v time.Duration) {
		if *p == 0 {
			*p = v
		}
	}
	duration(&cfg.HeaderTimeout, 10*time.Second)
	duration(&cfg.ReadTimeout, 30*time.Second)
	duration(&cfg.WriteTimeout, 20*time.Second)
	duration(&cfg.AnswerTimeout, 10*time.Minute)
	duration(&cfg.IdleTimeout, 2*time.Minute)
	duration(&cfg.ShutdownTimeout, 5*time.Second)
	duration(&cfg.BulkWait, 20*time.Second)
	duration(&cfg.KeepAlive, 15*time.Second)
	number(&cfg.MaxHeader, 64<<10)
	number(&cfg.MaxConnections, 256)
	number(&cfg.MaxStreams, 64)
	number(&cfg.EventQueue, 512)
	number(&cfg.BulkAtOnce, 2)
	number(&cfg.BulkQueue, 8)
	number(&cfg.StateQueue, 32)
	if cfg.Metrics == nil {
		cfg.Metrics = metrics.NewAPI(metrics.New())
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	cfg.AllowedHosts = append(slices.Clone(cfg.AllowedHosts), "localhost", "127.0.0.1", "::1")
}

func (cfg *Config) check() error {
	switch {
	case cfg.Spec == nil:
		return errors.New("api: no spec")
	case cfg.EventQueue < 2:
		return errors.New("api: EventQueue must be at least 2")
	case cfg.BulkAtOnce < 1 || cfg.BulkQueue < 0 || cfg.StateQueue < 0 || cfg.MaxConnections < 1 || cfg.MaxStreams < 0:
		return errors.New("api: a limit is negative")
	}
	return nil
}
