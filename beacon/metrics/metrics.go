package metrics

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Registry is all metrics of a process.
type Registry struct{ r *prometheus.Registry }

// New makes a registry with the metrics of the Go runtime and the process.
func New() *Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return &Registry{r}
}

// Handler serves the metrics in the text format of Prometheus.
func (r *Registry) Handler() http.Handler {
	return promhttp.HandlerFor(r.r, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}

// Gauge adds a metric that goes up and down. A name that is taken, or no name, is a mistake in the program and panics.
func (r *Registry) Gauge(name, help string) prometheus.Gauge {
	g := prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	r.r.MustRegister(g)
	return g
}

// GaugeFunc adds a metric that is asked for when it is read.
func (r *Registry) GaugeFunc(name, help string, value func() float64) {
	r.r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
}

// Counter adds a metric that only grows.
func (r *Registry) Counter(name, help string) prometheus.Counter {
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	r.r.MustRegister(c)
	return c
}

// CounterVec adds counters told apart by labels.
func (r *Registry) CounterVec(name, help string, labels ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	r.r.MustRegister(c)
	return c
}

// GaugeVec adds gauges told apart by labels.
func (r *Registry) GaugeVec(name, help string, labels ...string) *prometheus.GaugeVec {
	g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	r.r.MustRegister(g)
	return g
}

// Seconds adds a histogram of durations from a millisecond to half a minute.
func (r *Registry) Seconds(name, help string) prometheus.Histogram {
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: prometheus.ExponentialBuckets(0.001, 2, 16)})
	r.r.MustRegister(h)
	return h
}

// SecondsVec adds histograms like Seconds, told apart by labels.
func (r *Registry) SecondsVec(name, help string, labels ...string) *prometheus.HistogramVec {
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: prometheus.ExponentialBuckets(0.001, 2, 16)}, labels)
	r.r.MustRegister(h)
	return h
}
