package p2p

import (
	"context"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/p2p/nat"
)

// The router is asked again before what it granted runs out.
const (
	mappingLifetime = 20 * time.Minute
	mappingInterval = 15 * time.Minute
	mappingRetry    = time.Minute
)

// mapPorts has the router forward the ports of IPv4, and takes it back at the end.
func (h *Host) mapPorts(ctx context.Context) error { return h.mapPortsWith(ctx, nat.Any()) }

func (h *Host) mapPortsWith(ctx context.Context, router nat.Interface) error {
	var all sync.WaitGroup
	for _, m := range h.mappings() {
		all.Go(func() { h.keepMapping(ctx, router, m) })
	}
	all.Wait()
	return ctx.Err()
}

// mapping is a port that others shall reach.
type mapping struct {
	protocol string // TCP or UDP
	port     uint16
	name     string
}

func (h *Host) mappings() (out []mapping) {
	add := func(protocol string, port uint16, name string) {
		if port != 0 {
			out = append(out, mapping{protocol, port, h.cfg.Agent + " " + name})
		}
	}
	add("TCP", h.port(true, false), "tcp")
	add("UDP", h.port(true, true), "quic")
	add("UDP", h.disc.port, "discovery")
	return out
}

func (h *Host) keepMapping(ctx context.Context, router nat.Interface, m mapping) {
	granted, told := false, false
	for ctx.Err() == nil {
		port, err := router.AddMapping(m.protocol, int(m.port), int(m.port), m.name, mappingLifetime)
		wait := mappingInterval
		switch {
		case err != nil:
			wait = mappingRetry
			if !told {
				h.cfg.Log.Warn("the router does not forward a port: forward it by hand", "protocol", m.protocol, "port", m.port, "error", err)
			}
			told = true
		case port != m.port:
			// The node record names the port we listen on; another one outside is of no use to anybody.
			h.unmap(router, m.protocol, port, m.port)
			wait = mappingRetry
			if !told {
				h.cfg.Log.Warn("the router offers another port than ours: forward it by hand", "protocol", m.protocol, "port", m.port, "offered", port)
			}
			told = true
		case !granted:
			granted, told = true, false
			h.cfg.Log.Info("the router forwards a port", "protocol", m.protocol, "port", m.port)
			h.learnAddress(router)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
	if granted {
		h.unmap(router, m.protocol, m.port, m.port)
	}
}

func (h *Host) unmap(router nat.Interface, protocol string, outside, inside uint16) {
	if err := router.DeleteMapping(protocol, int(outside), int(inside)); err != nil {
		h.cfg.Log.Debug("the router keeps forwarding a port", "protocol", protocol, "port", outside, "error", err)
	}
}

// learnAddress takes the router's outer address into the node record, unless the operator has given one.
func (h *Host) learnAddress(router nat.Interface) {
	ip, err := router.ExternalIP()
	if err != nil {
		h.cfg.Log.Debug("the router does not tell its address", "error", err)
		return
	}
	h.disc.fallback(ip)
}
