package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/cresset/cresset/beacon/metrics"
)

// The limits of the metrics server.
const (
	metricsTimeout = 10 * time.Second
	metricsHeader  = 16 << 10
)

func serveMetrics(ctx context.Context, l net.Listener, registry *metrics.Registry) error {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", registry.Handler())
	server := &http.Server{Handler: mux, ReadTimeout: metricsTimeout, WriteTimeout: metricsTimeout, MaxHeaderBytes: metricsHeader}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve metrics: %w", err)
	}
	return ctx.Err()
}
