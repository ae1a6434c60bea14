package metrics

import "github.com/prometheus/client_golang/prometheus"

// Gossip is what gossip/router counts.
type Gossip struct {
	Messages      *prometheus.CounterVec // by topic and verdict
	Dropped       *prometheus.CounterVec // by topic: no room in the queue
	Refused       *prometheus.CounterVec // by what was too much
	Batch         prometheus.Histogram
	Held          prometheus.Gauge
	HeldBytes     prometheus.Gauge
	HeldDrops     prometheus.Counter
	Topics        prometheus.Gauge
	Published     *prometheus.CounterVec // by topic
	VotesDropped  prometheus.Counter
	ImportsFailed *prometheus.CounterVec // by topic
	EngineBlobs   *prometheus.CounterVec // by outcome
	Reconstructed prometheus.Counter
}

// NewGossip adds the metrics of gossip.
func NewGossip(r *Registry) *Gossip {
	return &Gossip{
		Messages:      r.CounterVec("cresset_gossip_messages_total", "Messages checked, by topic and verdict.", "topic", "verdict"),
		Dropped:       r.CounterVec("cresset_gossip_dropped_total", "Messages that found no room in their queue, by topic.", "topic"),
		Refused:       r.CounterVec("cresset_gossip_refused_total", "Frames of peers that had too much of something, by what it was.", "what"),
		Batch:         r.Seconds("cresset_gossip_batch_seconds", "The check of a batch of messages."),
		Held:          r.Gauge("cresset_gossip_held", "Messages that wait for a block, a payload or a slot."),
		HeldBytes:     r.Gauge("cresset_gossip_held_bytes", "Memory of messages that wait."),
		HeldDrops:     r.Counter("cresset_gossip_held_drops_total", "Messages dropped because too many wait, or for too long."),
		Topics:        r.Gauge("cresset_gossip_topics", "Topics that the node is subscribed to."),
		Published:     r.CounterVec("cresset_gossip_published_total", "Messages that the node published, by topic.", "topic"),
		VotesDropped:  r.Counter("cresset_gossip_votes_dropped_total", "Accepted votes that the chain did not take in time."),
		ImportsFailed: r.CounterVec("cresset_gossip_imports_failed_total", "Accepted messages that the chain did not import, by topic.", "topic"),
		EngineBlobs:   r.CounterVec("cresset_gossip_engine_blobs_total", "Questions for blobs to the execution client, by outcome.", "outcome"),
		Reconstructed: r.Counter("cresset_gossip_columns_reconstructed_total", "Columns computed from others."),
	}
}
