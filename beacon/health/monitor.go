package health

import (
	"context"
	"log/slog"
	"slices"

	"github.com/cresset/cresset/beacon/metrics"
)

// Monitor looks at a node's health in every slot.
type Monitor struct {
	parts   Parts
	log     *slog.Logger
	metrics *metrics.Health

	// loop state
	last    []Reason
	started bool
}

// NewMonitor makes a monitor. Log and metrics may be nil.
func NewMonitor(parts Parts, log *slog.Logger, m *metrics.Health) *Monitor {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if m == nil {
		m = metrics.NewHealth(metrics.New())
	}
	return &Monitor{parts: parts, log: log, metrics: m}
}

// Run looks at the beginning of every slot until the context ends.
func (m *Monitor) Run(ctx context.Context) error {
	m.look()
	clock := m.parts.Chain.Clock()
	return clock.Slots(ctx, clock.CurrentSlot(), m.look)
}

// look says what has changed.
func (m *Monitor) look() {
	s := Judge(m.parts)
	for _, r := range Reasons() {
		m.metrics.Reasons.WithLabelValues(string(r)).Set(number(s.Has(r)))
	}
	m.metrics.Ready.Set(number(s.Ready()))
	if m.started && slices.Equal(s.Reasons, m.last) {
		return
	}
	m.started, m.last = true, s.Reasons
	if len(s.Reasons) == 0 {
		m.log.Info("the node is ready", "head", s.Head)
		return
	}
	args := []any{"state", s.String(), "head", s.Head, "action", s.Reasons[0].action()}
	if s.Progress != nil {
		args = append(args, "sync", s.Progress.String())
	}
	if s.Reasons[0] == Syncing { // as every node is after its start
		m.log.Info("the node is not ready", args...)
		return
	}
	m.log.Warn("the node is not as it should be", args...)
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
