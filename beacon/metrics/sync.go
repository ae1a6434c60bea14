package metrics

import "github.com/prometheus/client_golang/prometheus"

// Sync is what sync/driver counts.
type Sync struct {
	Runs           *prometheus.CounterVec // by what became of them
	Requests       *prometheus.CounterVec // by what is asked for
	Lookups        *prometheus.CounterVec // by what was looked for
	Bytes          prometheus.Counter
	Slots          prometheus.Counter
	Penalties      prometheus.Counter
	Dropped        prometheus.Counter
	Stalls         prometheus.Counter
	Distance       prometheus.Gauge
	SlotsPerSecond prometheus.Gauge
	Percent        prometheus.Gauge
	PeersInUse     prometheus.Gauge
	ColumnPeers    prometheus.Gauge
}

// NewSync adds the metrics of sync.
func NewSync(r *Registry) *Sync {
	return &Sync{
		Runs:           r.CounterVec("cresset_sync_runs_total", "Runs of range sync, by what became of them.", "event"),
		Requests:       r.CounterVec("cresset_sync_requests_total", "Requests to peers, by what is asked for.", "kind"),
		Lookups:        r.CounterVec("cresset_sync_lookups_total", "Lookups that ended, by what was looked for.", "kind"),
		Bytes:          r.Counter("cresset_sync_bytes_total", "Bytes of answers to range sync and backfill, unpacked."),
		Slots:          r.Counter("cresset_sync_slots_total", "Slots imported by range sync."),
		Penalties:      r.Counter("cresset_sync_penalties_total", "Things that peers did wrong."),
		Dropped:        r.Counter("cresset_sync_dropped_peers_total", "Peers dropped for what they did."),
		Stalls:         r.Counter("cresset_sync_stalls_total", "Complaints about something that stands still."),
		Distance:       r.Gauge("cresset_sync_distance_slots", "Slots that the head is behind the clock."),
		SlotsPerSecond: r.Gauge("cresset_sync_slots_per_second", "Speed of the run."),
		Percent:        r.Gauge("cresset_sync_percent", "How much of the run is done."),
		PeersInUse:     r.Gauge("cresset_sync_peers_in_use", "Peers that are being asked."),
		ColumnPeers:    r.Gauge("cresset_sync_column_peers", "Peers that have the rarest of the columns to keep."),
	}
}
