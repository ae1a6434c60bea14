package metrics

import "github.com/prometheus/client_golang/prometheus"

// API is what beacon/api counts.
type API struct {
	Requests      *prometheus.CounterVec // by group of routes and status
	Seconds       prometheus.Histogram
	Bytes         prometheus.Counter
	Streams       prometheus.Gauge
	EventsDropped prometheus.Counter
}

// NewAPI adds the metrics of the Beacon API.
func NewAPI(r *Registry) *API {
	return &API{
		Requests:      r.CounterVec("cresset_api_requests_total", "Requests to the Beacon API, by group of routes and status of the answer.", "group", "status"),
		Seconds:       r.Seconds("cresset_api_seconds", "Time from a request to the end of its answer, event streams left out."),
		Bytes:         r.Counter("cresset_api_bytes_total", "Bytes of answers, errors and events included."),
		Streams:       r.Gauge("cresset_api_streams", "Event streams that are open."),
		EventsDropped: r.Counter("cresset_api_events_dropped_total", "Events that clients did not read in time."),
	}
}
