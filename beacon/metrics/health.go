package metrics

import "github.com/prometheus/client_golang/prometheus"

// Health is what beacon/health tells.
type Health struct {
	Ready   prometheus.Gauge
	Reasons *prometheus.GaugeVec // by reason
}

// NewHealth adds the metrics of a node's health.
func NewHealth(r *Registry) *Health {
	return &Health{
		Ready:   r.Gauge("cresset_health_ready", "1 while validators can be served."),
		Reasons: r.GaugeVec("cresset_health_reason", "1 while the node has a reason not to be as it should be.", "reason"),
	}
}
