package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/cresset/cresset/beacon/types"
)

// Server serves the Beacon API. It may run before there is a chain, and says so until it is handed one.
type Server struct {
	// static
	cfg     Config
	log     *slog.Logger
	handler http.Handler

	// shared: each locks itself
	node    atomic.Pointer[Node]
	genesis atomic.Pointer[types.SignedBeaconBlock] // once it was asked for
	bulk    *gate                                   // answers
	loads   *gate                                   // of states
	blocks  *gate                                   // that validators hand in, with all their blobs
	steps   *advances
	hub     *hub

	// shutdown
	ready   chan struct{} // closed when there is a chain
	closing chan struct{} // closed when the server ends
}

// How many blocks are taken at a time, each with a body of tens of MiB at most, and how many wait.
const (
	blocksAtOnce  = 2
	blocksWaiting = 6
)

// New makes a server. It answers nothing until Run.
func New(cfg Config) (*Server, error) {
	cfg.setDefaults()
	if err := cfg.check(); err != nil {
		return nil, err
	}
	s := &Server{
		cfg: cfg, log: cfg.Log, bulk: newGate(cfg.BulkAtOnce, cfg.BulkQueue, cfg.BulkWait), loads: newGate(1, cfg.StateQueue, cfg.BulkWait),
		blocks: newGate(blocksAtOnce, blocksWaiting, cfg.BulkWait), steps: newAdvances(),
		hub: newHub(cfg.MaxStreams, cfg.EventQueue, cfg.Metrics), ready: make(chan struct{}), closing: make(chan struct{}),
	}
	s.handler = s.newHandler()
	return s, nil
}

// SetChain hands the server what to answer from. Until then it answers 503. It is called once.
func (s *Server) SetChain(n Node) error {
	for _, name := range n.Topics {
		if _, ok := topicNamed(name); !ok {
			return fmt.Errorf("api: %q is not a topic of the specification", name)
		}
	}
	if !s.node.CompareAndSwap(nil, &n) {
		return errors.New("api: the chain was set already")
	}
	close(s.ready)
	return nil
}

// Handler is the server without its listener.
func (s *Server) Handler() http.Handler { return s.handler }

// Run serves until the context ends, then lets answers under way come to their end, and event streams end at once. It is called
// once.
func (s *Server) Run(ctx context.Context) error {
	if s.cfg.Listener == nil {
		return errors.New("api: no listener")
	}
	server := &http.Server{
		Handler: s.handler, ReadHeaderTimeout: s.cfg.HeaderTimeout, ReadTimeout: s.cfg.ReadTimeout, IdleTimeout: s.cfg.IdleTimeout,
		MaxHeaderBytes: s.cfg.MaxHeader, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	g, run := errgroup.WithContext(ctx)
	g.Go(func() error { return s.follow(run) })
	g.Go(func() error {
		s.log.Info("the Beacon API is served", "address", "http://"+s.cfg.Listener.Addr().String())
		if err := server.Serve(newListener(s.cfg.Listener, s.cfg.MaxConnections)); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve the Beacon API: %w", err)
		}
		return nil
	})
	g.Go(func() error {
		<-run.Done()
		close(s.closing)
		end, cancel := context.WithTimeout(context.Background(), s.cfg.ShutdownTimeout)
		defer cancel()
		if err := server.Shutdown(end); err != nil {
			s.log.Debug("answers were cut off at the end", "reason", err)
			return server.Close()
		}
		return nil
	})
	if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}
