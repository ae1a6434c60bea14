package metrics

import "github.com/prometheus/client_golang/prometheus"

// Validator is what the validator client counts. local_validator_count is shared with other clients.
type Validator struct {
	Keys       prometheus.Gauge
	Duties     *prometheus.CounterVec // by duty and outcome
	Nodes      *prometheus.GaugeVec   // by tier
	Delay      *prometheus.HistogramVec
	Included   prometheus.Gauge // of the epoch that was last looked at
	Expected   prometheus.Gauge
	HeadRight  prometheus.Gauge
	TargetGood prometheus.Gauge

	Distance, WorstDistance prometheus.Gauge
}

// NewValidator adds the metrics of the validator client.
func NewValidator(r *Registry) *Validator {
	return &Validator{
		Keys:       r.Gauge("local_validator_count", "Local validators."),
		Duties:     r.CounterVec("cresset_validator_duties_total", "Duties by what became of them.", "duty", "outcome"),
		Nodes:      r.GaugeVec("cresset_validator_beacon_nodes", "Beacon nodes by how good they are.", "tier"),
		Delay:      r.SecondsVec("cresset_validator_duty_delay_seconds", "When in its slot a duty's message was taken by a beacon node.", "duty"),
		Included:   r.Gauge("cresset_validator_included_votes", "Votes of the last judged epoch that are in blocks."),
		Expected:   r.Gauge("cresset_validator_expected_votes", "Votes of the last judged epoch that should be in blocks."),
		HeadRight:  r.Gauge("cresset_validator_right_heads", "Votes of the last judged epoch with the right head."),
		TargetGood: r.Gauge("cresset_validator_right_targets", "Votes of the last judged epoch with the right target."),

		Distance:      r.Gauge("cresset_validator_inclusion_distance_mean", "Slots from a vote of the last judged epoch to the block that includes it, on average."),
		WorstDistance: r.Gauge("cresset_validator_inclusion_distance_worst", "Slots from a vote of the last judged epoch to the block that includes it, at worst."),
	}
}
