package metrics

import "github.com/prometheus/client_golang/prometheus"

// P2P is what the network part measures. libp2p_peers is shared with other clients.
type P2P struct {
	Peers       prometheus.Gauge
	Directions  *prometheus.GaugeVec // by who dialled
	Unmet       *prometheus.GaugeVec // by what peers are missing for
	Known       prometheus.Gauge     // connected or not
	Banned      prometheus.Gauge
	Reachable   prometheus.Gauge
	Dials       *prometheus.CounterVec // by outcome
	Refused     *prometheus.CounterVec // by reason
	Offences    *prometheus.CounterVec // by class
	Goodbyes    *prometheus.CounterVec // that we said, by reason
	Discovered  *prometheus.CounterVec // node records, by what became of them
	RecordSeq   prometheus.Gauge
	BookFailure prometheus.Counter
}

// NewP2P registers the metrics of the network part.
func NewP2P(r *Registry) *P2P {
	return &P2P{
		Peers:       r.Gauge("libp2p_peers", "Tracks the total number of libp2p peers."),
		Directions:  r.GaugeVec("cresset_peers", "Connected peers, by who dialled.", "direction"),
		Unmet:       r.GaugeVec("cresset_peer_needs_unmet", "Subnets and columns with too few peers, by kind.", "kind"),
		Known:       r.Gauge("cresset_peers_known", "Peers that are known, connected or not."),
		Banned:      r.Gauge("cresset_peers_banned", "Peers that are banned now."),
		Reachable:   r.Gauge("cresset_reachable", "1 when others dial us."),
		Dials:       r.CounterVec("cresset_dials_total", "Dials, by outcome.", "outcome"),
		Refused:     r.CounterVec("cresset_connections_refused_total", "Connections refused, by reason.", "reason"),
		Offences:    r.CounterVec("cresset_peer_offences_total", "What peers did wrong, by class.", "class"),
		Goodbyes:    r.CounterVec("cresset_goodbyes_total", "Goodbyes that were said to peers, by reason.", "reason"),
		Discovered:  r.CounterVec("cresset_discovered_total", "Node records found, by what became of them.", "outcome"),
		RecordSeq:   r.Gauge("cresset_record_sequence", "Sequence number of the node record."),
		BookFailure: r.Counter("cresset_peer_file_failures_total", "Failures to write the file of peers."),
	}
}
