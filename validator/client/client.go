package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cresset/cresset/beacon/clock"
	"github.com/cresset/cresset/beacon/metrics"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/validator/attest"
	"github.com/cresset/cresset/validator/duties"
	"github.com/cresset/cresset/validator/nodes"
	"github.com/cresset/cresset/validator/prepare"
	"github.com/cresset/cresset/validator/propose"
	"github.com/cresset/cresset/validator/protection"
	"github.com/cresset/cresset/validator/signer"
	"github.com/cresset/cresset/validator/synccomm"
)

// minTimeout is the least that a small request may take.
const minTimeout = time.Second

// Run runs a validator client until the context ends, which is no error. A UsageError or an OperatorError says that starting again changes nothing.
func Run(ctx context.Context, cfg Config, log *slog.Logger) (err error) {
	if err := cfg.Validate(); err != nil {
		return err
	}
	registry := metrics.New()
	counted := metrics.NewValidator(registry)
	listener, err := listen(&cfg, log)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	if listener != nil {
		group.Go(func() error { return serveMetrics(ctx, listener, registry) })
	}
	group.Go(func() error { return run(ctx, cfg, counted, log) })
	if err := group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

func listen(cfg *Config, log *slog.Logger) (net.Listener, error) {
	if cfg.MetricsAddress == "" {
		return nil, nil
	}
	l, err := net.Listen("tcp", cfg.MetricsAddress)
	if err != nil {
		return nil, fmt.Errorf("metrics-address: %w", err)
	}
	log.Info("metrics are served", "address", "http://"+l.Addr().String()+"/metrics")
	return l, nil
}

// run brings all parts up in order.
func run(ctx context.Context, cfg Config, counted *metrics.Validator, log *slog.Logger) (err error) {
	keys, err := loadKeys(ctx, &cfg, log)
	if err != nil {
		return err
	}
	defer release(keys)
	clients, err := cfg.clients()
	if err != nil {
		return err
	}
	beacon := nodes.New(nodes.Config{Spec: cfg.Spec, Clients: clients, Log: log, Time: cfg.Time, Changed: func(byTier [nodes.Refused + 1]int) {
		for tier, n := range byTier {
			counted.Nodes.WithLabelValues(nodes.Tier(tier).String()).Set(float64(n))
		}
	}})
	log.Info("waiting for a beacon node", "nodes", len(clients))
	chain, err := beacon.Connect(ctx)
	if err != nil {
		if errors.Is(err, nodes.ErrOtherChain) {
			return &UsageError{err}
		}
		return err
	}
	store, err := openProtection(&cfg, chain.GenesisValidatorsRoot, keys, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	now := clock.New(clock.Config{Spec: cfg.Spec, GenesisTime: chain.GenesisTime, Source: cfg.Time})
	holder := signer.New(signer.Config{Spec: cfg.Spec, GenesisValidatorsRoot: chain.GenesisValidatorsRoot, Clock: now})
	if err := admit(holder, store, keys, log); err != nil {
		return err
	}
	counted.Keys.Set(float64(len(holder.Keys())))
	log.Info("validators are ready", "keys", len(holder.Keys()), "genesis", now.Genesis(), "slot", now.CurrentSlot())
	return perform(ctx, &cfg, parts{beacon, store, now, holder, counted, log})
}

// parts is what the duties share.
type parts struct {
	beacon  *nodes.Nodes
	store   *protection.Store
	clock   *clock.Clock
	signer  *signer.Signer
	counted *metrics.Validator
	log     *slog.Logger
}

// perform runs all duties.
func perform(ctx context.Context, cfg *Config, p parts) error {
	tracker := duties.New(duties.Config{Spec: cfg.Spec, Clock: p.clock, Nodes: p.beacon, Signer: p.signer, Log: p.log})
	preparer := prepare.New(prepare.Config{Spec: cfg.Spec, Clock: p.clock, Nodes: p.beacon, Duties: tracker, Log: p.log, Default: cfg.FeeRecipient})
	report := newReport(reportConfig{spec: cfg.Spec, clock: p.clock, nodes: p.beacon, duties: tracker, log: p.log, counted: p.counted})
	attester := attest.New(attest.Config{
		Spec: cfg.Spec, Clock: p.clock, Nodes: p.beacon, Duties: tracker, Signer: p.signer, Protection: p.store, Log: p.log, Metrics: p.counted, Done: report.voted,
	})
	proposer := propose.New(propose.Config{
		Spec: cfg.Spec, Clock: p.clock, Nodes: p.beacon, Duties: tracker, Recipients: preparer, Signer: p.signer, Protection: p.store,
		Graffiti: cfg.Graffiti, Log: p.log, Metrics: p.counted, Done: report.proposed,
	})
	member := synccomm.New(synccomm.Config{Spec: cfg.Spec, Clock: p.clock, Nodes: p.beacon, Duties: tracker, Signer: p.signer, Log: p.log, Metrics: p.counted})
	// What was signed in the present slot before a restart is signed again only if it is the same.
	handled := p.clock.CurrentSlot().SubSaturating(1)
	group, ctx := errgroup.WithContext(ctx)
	for _, run := range []func(context.Context) error{p.beacon.Run, tracker.Run, preparer.Run, report.run} {
		group.Go(func() error { return run(ctx) })
	}
	for _, run := range []func(context.Context, types.Slot) error{attester.Run, proposer.Run, member.Run} {
		group.Go(func() error { return run(ctx, handled) })
	}
	return group.Wait()
}
