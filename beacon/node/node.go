package node

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cresset/cresset/beacon/api"
	"github.com/cresset/cresset/beacon/bls"
	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/clock"
	"github.com/cresset/cresset/beacon/engine"
	"github.com/cresset/cresset/beacon/engine/mock"
	"github.com/cresset/cresset/beacon/health"
	"github.com/cresset/cresset/beacon/kzg"
	"github.com/cresset/cresset/beacon/metrics"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/pool"
	"github.com/cresset/cresset/beacon/producer"
	"github.com/cresset/cresset/beacon/store"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// node is the parts of a running node.
type node struct {
	cfg     Config
	log     *slog.Logger
	spec    *params.Spec
	metrics *metrics.Registry
	store   *store.Store
	keys    *bls.KeyCache
	clock   *clock.Clock
	engine  *engine.Client
	kzg     *kzg.Context
	chain   *chain.Chain
	api     *api.Server // nil for a node without a Beacon API
	apiURL  string
	net     *peerNetwork // nil for a node without a network
	memory  memory

	pool     *pool.Pool
	producer *producer.Producer
}

// Run runs a node until the context ends.
func Run(ctx context.Context, cfg Config, log *slog.Logger) error {
	return run(ctx, cfg, log, func(ctx context.Context, _ *node) error {
		<-ctx.Done()
		return nil
	})
}

// run builds a node, runs it with a main job, and ends it when that ends or the context does. It returns the error of the part that
// failed, if one did, else that of the job.
func run(ctx context.Context, cfg Config, log *slog.Logger, job func(context.Context, *node) error) (err error) {
	if err := cfg.Validate(); err != nil {
		return err
	}
	n := &node{cfg: cfg, log: log, metrics: metrics.New(), memory: cfg.budget()}
	defer func() { err = errors.Join(err, n.close()) }()
	own, err := n.readSpec()
	if err != nil {
		return err
	}
	// First of all the data directory: who has it already is more than that a port is taken.
	if n.store, err = store.Open(store.Config{Dir: n.cfg.DataDir, Spec: n.spec, CacheBytes: int64(n.memory.database), Log: n.log}); err != nil {
		return fmt.Errorf("open data directory: %w", err)
	}
	listener, err := n.listen()
	if err != nil {
		return err
	}
	if err := n.newAPI(); err != nil {
		return errors.Join(err, closeListener(listener))
	}
	g, ctx := errgroup.WithContext(ctx)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// What answers from outside is there first: it says why there is no more yet.
	if listener != nil {
		g.Go(func() error { return n.serveMetrics(ctx, listener) })
	}
	if n.api != nil {
		g.Go(func() error { return n.api.Run(ctx) })
	}
	if err = n.open(ctx, own); err == nil {
		err = n.answer()
	}
	if err != nil {
		cancel()
		_ = g.Wait() // they end because they were told to
		return err
	}
	// What others stand on ends after them.
	lower, stop := context.WithCancel(context.WithoutCancel(ctx))
	g.Go(func() error { return n.engine.Run(lower) })
	g.Go(func() error { return n.watchEngine(lower) })
	g.Go(func() error { return n.chain.Run(lower) })
	g.Go(func() error { return n.prunePool(lower) })
	g.Go(func() error { return n.clock.Watch(lower, n.log) })
	g.Go(func() error { return n.producer.Run(lower) })
	g.Go(func() error {
		return health.NewMonitor(n.healthParts(), n.log, metrics.NewHealth(n.metrics)).Run(lower)
	})
	var failed error // kept apart: the job's end is the node's, and other parts may be the first to say that they were ended
	g.Go(func() error {
		defer stop()
		upper, ctx := errgroup.WithContext(ctx)
		if n.net != nil {
			upper.Go(func() error { return n.runNetwork(ctx) })
		}
		upper.Go(func() error {
			defer cancel()
			failed = job(ctx, n)
			return failed
		})
		return upper.Wait()
	})
	if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return failed
}

// readSpec reads the network's configuration; it gives the network's own genesis and boot nodes.
func (n *node) readSpec() (own ownNetwork, err error) {
	spec, own, warnings, err := n.cfg.loadSpec()
	if err != nil {
		return own, err
	}
	for _, w := range warnings {
		n.log.Warn("network configuration", "key", w.Key, "detail", w.Detail)
	}
	n.spec = spec
	return own, nil
}

// open builds the parts, the lowest first.
func (n *node) open(ctx context.Context, own ownNetwork) (err error) {
	if n.keys, err = bls.LoadKeyCache(n.store.KeyCachePath()); err != nil {
		return fmt.Errorf("open key cache: %w", err)
	}
	begun, err := n.store.Begun()
	if err != nil {
		return &OperatorError{err}
	}
	var anchor *chain.Anchor
	var genesisTime uint64
	var validatorsRoot types.Root
	if begun {
		if genesisTime, validatorsRoot, err = n.store.Genesis(); err != nil {
			return &OperatorError{err}
		}
	} else {
		if anchor, err = n.loadAnchor(ctx, own.genesis); err != nil {
			return err
		}
		genesisTime, validatorsRoot = anchor.State.GenesisTime, anchor.State.GenesisValidatorsRoot
	}
	n.clock = clock.New(clock.Config{Spec: n.spec, GenesisTime: genesisTime, Offset: n.cfg.ClockOffset})
	if n.engine, err = n.newEngine(anchor, genesisTime); err != nil {
		return err
	}
	if n.kzg, err = kzg.New(); err != nil {
		return err
	}
	if n.cfg.Networking != nil {
		if err := n.newHost(validatorsRoot, own.boot); err != nil {
			return err
		}
	}
	columns, err := n.custodyColumns()
	if err != nil {
		return err
	}
	n.chain, err = chain.New(chain.Config{
		Spec: n.spec, Store: n.store, Engine: n.engine, Clock: n.clock, Keys: n.keys, KZG: n.kzg, Log: n.log, Metrics: metrics.NewChain(n.metrics),
		Anchor: anchor, Custody: columns,
		StateBytes: n.memory.states, DeferredBytes: n.memory.deferred, DataBytes: n.memory.data,
		SafeSlotsToImportOptimistically: types.Slot(n.cfg.SafeSlots),
	})
	if err != nil {
		if errors.As(err, new(*chain.NeedsOperatorError)) {
			return &OperatorError{err}
		}
		return err
	}
	n.newProduction()
	if err := n.checkAge(); err != nil || n.net == nil {
		return err
	}
	return n.connect(genesisTime, validatorsRoot)
}

// checkAge refuses to start from a finalized state that is so old that its validators may have left: what they sign now proves
// nothing. Networks of one's own are only warned about: their periods are as short as their makers like.
// Spec: is_within_weak_subjectivity_period (phase0; modified electra).
func (n *node) checkAge() error {
	head := n.chain.Snapshot()
	state, err := n.chain.HeadState(context.Background(), head)
	if err != nil {
		return err
	}
	// By the finalized epoch, with the churn of the head's state, which changes slowly.
	period, err := transition.ComputeWeakSubjectivityPeriod(state)
	if err != nil {
		return err
	}
	age := n.clock.CurrentEpoch() - min(n.clock.CurrentEpoch(), head.Finalized.Epoch)
	if uint64(age) <= period {
		return nil
	}
	if n.cfg.Network == "" || n.cfg.AllowStale {
		n.log.Warn("the finalized state is older than the weak subjectivity period: its validators may have left, and another chain could be made up with their keys; compare the head with a source you trust",
			"finalized", head.Finalized.Epoch, "epochs old", age, "period", period)
		return nil
	}
	return &OperatorError{fmt.Errorf("the finalized epoch %d is %d epochs old, more than the weak subjectivity period of %d: start with an empty data directory and a checkpoint, or with --allow-genesis-sync if you accept the risk",
		head.Finalized.Epoch, age, period)}
}

// newEngine connects to the execution clients.
func (n *node) newEngine(anchor *chain.Anchor, genesisTime uint64) (*engine.Client, error) {
	genesis, err := n.genesisHash(anchor)
	if err != nil {
		return nil, err
	}
	cfg := engine.Config{Spec: n.spec, Clock: n.clock, GenesisHash: genesis, Log: n.log}
	if slices.Contains(n.cfg.ExecutionEndpoints, EmbeddedEngine) {
		embedded, secret, err := n.embeddedEngine(anchor, genesisTime)
		if err != nil {
			return nil, err
		}
		cfg.Endpoints = []engine.Endpoint{{Name: EmbeddedEngine, URL: "http://embedded", JWTSecretFile: secret}}
		cfg.Transport = embedded
		cfg.GenesisHash = nil // it begins where this node does
		return engine.New(cfg)
	}
	for _, url := range n.cfg.ExecutionEndpoints {
		cfg.Endpoints = append(cfg.Endpoints, engine.Endpoint{URL: url, JWTSecretFile: n.cfg.JWTSecret})
	}
	client, err := engine.New(cfg)
	if err != nil {
		return nil, &UsageError{err}
	}
	return client, nil
}

// genesisHash is the execution block of the genesis state, which tells an execution client of another chain; nil where the network
// began before the merge or there is no genesis state to read it from.
func (n *node) genesisHash(anchor *chain.Anchor) (*types.Hash32, error) {
	if n.spec.ForkAtSlot(params.GenesisSlot) < params.Bellatrix {
		return nil, nil
	}
	if anchor == nil || anchor.State.Slot != params.GenesisSlot {
		if n.cfg.Genesis == "" {
			return nil, nil
		}
		var err error
		if anchor, err = n.cfg.loadGenesis(n.spec, nil); err != nil {
			return nil, err
		}
	}
	hash := anchor.State.LatestExecutionPayloadHeader.BlockHash
	if n.spec.ForkAtSlot(params.GenesisSlot) >= params.Gloas {
		hash = anchor.State.LatestBlockHash
	}
	if hash == (types.Hash32{}) { // a genesis before the merge, of a later fork
		return nil, nil
	}
	return &hash, nil
}

// embeddedEngine makes the engine that a development network may run on, with a secret of its own.
func (n *node) embeddedEngine(anchor *chain.Anchor, genesisTime uint64) (*mock.Engine, string, error) {
	state := (*types.BeaconState)(nil)
	if anchor != nil {
		state = anchor.State
	} else {
		key, err := n.store.Base()
		if err == nil {
			state, err = n.store.State(key)
		}
		if err != nil {
			return nil, "", fmt.Errorf("state to begin the embedded engine at: %w", err)
		}
	}
	var secret [32]byte
	if _, err := rand.Read(secret[:]); err != nil {
		return nil, "", err
	}
	path := filepath.Join(n.cfg.DataDir, "embedded-engine.jwt")
	if err := os.WriteFile(path, []byte(hex.EncodeToString(secret[:])), 0o600); err != nil {
		return nil, "", err
	}
	embedded, err := mock.New(mock.Config{
		Spec: n.spec, GenesisTime: genesisTime, Secret: secret[:],
		Genesis: mock.Genesis{
			Hash: state.LatestExecutionPayloadHeader.BlockHash, Number: state.LatestExecutionPayloadHeader.BlockNumber,
			Timestamp: state.LatestExecutionPayloadHeader.Timestamp, GasLimit: state.LatestExecutionPayloadHeader.GasLimit,
		},
	})
	return embedded, path, err
}

// healthParts is what the node's health is judged by.
func (n *node) healthParts() health.Parts {
	parts := health.Parts{Spec: n.spec, Chain: n.chain, Engine: n.engine}
	if n.net != nil {
		parts.Sync = n.net.driver
	}
	return parts
}

// watchEngine tells the chain whenever the execution client becomes usable.
func (n *node) watchEngine(ctx context.Context) error {
	usable := false
	for {
		changed := n.engine.Changed()
		health := n.engine.Health()
		now := health.Endpoints[health.Active].Usable
		if now && !usable {
			n.chain.EngineReady()
		}
		usable = now
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// closeListener closes a listener that nothing serves; nil is none.
func closeListener(l net.Listener) error {
	if l == nil {
		return nil
	}
	return l.Close()
}

// listen opens the port of the metrics, before anything runs: a port that is taken is a mistake to be told at once.
func (n *node) listen() (net.Listener, error) {
	if n.cfg.MetricsAddress == "" {
		return nil, nil
	}
	l, err := net.Listen("tcp", n.cfg.MetricsAddress)
	if err != nil {
		return nil, fmt.Errorf("metrics-address: %w", err)
	}
	n.log.Info("metrics are served", "address", "http://"+l.Addr().String()+"/metrics")
	return l, nil
}

// The limits of the metrics server.
const (
	metricsTimeout = 10 * time.Second
	metricsHeader  = 16 << 10
)

func (n *node) serveMetrics(ctx context.Context, l net.Listener) error {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", n.metrics.Handler())
	server := &http.Server{Handler: mux, ReadTimeout: metricsTimeout, WriteTimeout: metricsTimeout, MaxHeaderBytes: metricsHeader}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve metrics: %w", err)
	}
	return nil
}

// close ends the parts in reverse.
func (n *node) close() error {
	var errs []error
	if n.net != nil {
		errs = append(errs, n.net.host.Close())
	}
	if n.keys != nil {
		if err := n.keys.Flush(); err != nil {
			errs = append(errs, fmt.Errorf("write key cache: %w", err))
		}
		errs = append(errs, n.keys.Close())
	}
	if n.store != nil {
		errs = append(errs, n.store.Close())
	}
	return errors.Join(errs...)
}
