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
	"github.com/cresset/cresset/validator/doppel"
	"github.com/cresset/cresset/validator/duties"
	"github.com/cresset/cresset/validator/nodes"
	"github.com/cresset/cresset/validator/prepare"
	"github.com/cresset/cresset/validator/propose"
	"github.com/cresset/cresset/validator/protection"
	"github.com/cresset/cresset/validator/report"
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
	beacon := nodes.New(nodes.Config{Spec: cfg.Spec, Genesis: cfg.Genesis, Clients: clients, Log: log, Time: cfg.Time, Changed: func(byTier [nodes.Refused + 1]int) {
		for tier, n := range byTier {
			counted.Nodes.WithLabelValues(nodes.Tier(tier).String()).Set(float64(n))
		}
	}})
	log.Info("waiting for a beacon node", "nodes", len(clients))
	chain, err := beacon.Connect(ctx)
	if err != nil {
		if errors.Is(err, nodes.ErrOtherChain) {
			return &UsageError{[]string{"network", "network-config"}, err}
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
	before, err := admit(holder, store, keys, log)
	if err != nil {
		return err
	}
	cfg.warnUnused(holder, log)
	counted.Keys.Set(float64(len(holder.Keys())))
	log.Info("validators are ready", "keys", len(holder.Keys()), "genesis", now.Genesis(), "slot", now.CurrentSlot())
	tools := duties.Tools{Spec: cfg.Spec, Clock: now, Nodes: beacon, Signer: holder, Log: log, Metrics: counted}
	return perform(ctx, &cfg, tools, store, before)
}

// record is slashing protection, as far as duties need it.
type record interface {
	attest.Protection
	propose.Protection
	// Wait returns when nothing is permitted any more, and why, or with the context's error.
	Wait(context.Context) error
}

// perform runs all duties. Before is what keys had signed when the process started.
func perform(ctx context.Context, cfg *Config, tools duties.Tools, store record, before map[types.BLSPubkey]protection.Mark) error {
	tracker := duties.New(tools)
	preparer := prepare.New(prepare.Config{Tools: tools, Duties: tracker, ByKey: cfg.recipients(), Default: cfg.FeeRecipient})
	summary := report.New(report.Config{Tools: tools, Duties: tracker})
	// Who does duties asks the tracker, or the gate that stands before it.
	var known doppel.Duties = tracker
	watch := func(ctx context.Context) error { return tools.Clock.Watch(ctx, tools.Log) }
	forks := func(ctx context.Context) error { return warnOfGloas(ctx, tools.Spec, tools.Clock, tools.Log) }
	// Without slashing protection there is nothing more to do: the process ends, and the next one opens the database and checks it.
	runs := []func(context.Context) error{tools.Nodes.Run, tracker.Run, preparer.Run, summary.Run, watch, forks, store.Wait}
	if cfg.WatchFirst {
		gate := doppel.New(doppel.Config{Tools: tools, Duties: tracker, Validators: tracker.Validators, Voted: summary.Voted, Proposed: summary.Proposed})
		known, runs = gate, append(runs, gate.Run)
	}
	attester := attest.New(attest.Config{Tools: tools, Duties: known, Protection: store, Before: before, Done: summary.Voted})
	proposer := propose.New(propose.Config{
		Tools: tools, Duties: known, Recipients: preparer, Protection: store, Before: before, Graffiti: cfg.graffiti, Done: summary.Proposed,
	})
	member := synccomm.New(synccomm.Config{Tools: tools, Duties: known})
	// The present slot too, or slot 0 before genesis: what was signed in it before a restart is signed again only if it is the same.
	first := tools.Clock.CurrentSlot()
	group, ctx := errgroup.WithContext(ctx)
	for _, run := range runs {
		group.Go(func() error { return run(ctx) })
	}
	for _, run := range []func(context.Context, types.Slot) error{attester.Run, proposer.Run, member.Run} {
		group.Go(func() error { return run(ctx, first) })
	}
	return group.Wait()
}
