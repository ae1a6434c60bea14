package api

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// served lists the topics that can be subscribed to.
func (c *call) served() []string {
	var names []string
	for _, t := range topics() {
		if t.source == fromChain || slices.Contains(c.n.Topics, t.name) {
			names = append(names, t.name)
		}
	}
	return names
}

// eventStream sends events of some topics until the client has enough or the server ends. Spec: eventstream.
func (c *call) eventStream() error {
	names, err := c.list("topics", maxQueryList)
	if err != nil {
		return err
	}
	served := c.served()
	if len(names) == 0 {
		return fail(http.StatusBadRequest, "Missing `topics` value, want some of %s", strings.Join(served, ", "))
	}
	wanted := map[string]bool{}
	for _, name := range names {
		if slices.Contains(served, name) {
			wanted[name] = true
			continue
		}
		if _, known := topicNamed(name); known {
			return fail(http.StatusBadRequest, "Invalid topic: %s is not served by this node, want some of %s", name, strings.Join(served, ", "))
		}
		return fail(http.StatusBadRequest, "Invalid topic: %s, want some of %s", clip(name), strings.Join(served, ", "))
	}
	if c.head {
		c.start()
		return errNoBody
	}
	queue := c.s.hub.join(wanted)
	if queue == nil {
		return busy(busyAfter, "%d event streams are open, and no more are allowed", c.s.cfg.MaxStreams)
	}
	defer c.s.hub.part(queue)
	c.w.Header().Set("Cache-Control", "no-store")
	c.w.Header().Set("X-Accel-Buffering", "no") // proxies may not collect events
	c.start()
	return c.sendEvents(queue)
}

func (c *call) sendEvents(queue *client) error {
	alive := time.NewTicker(c.s.cfg.KeepAlive)
	defer alive.Stop()
	piece := []byte(":\n\n") // the first one tells that the stream is open
	for {
		if err := c.extend(time.Now().Add(c.s.cfg.WriteTimeout)); err != nil {
			return err
		}
		if _, err := c.w.Write(piece); err != nil {
			return err
		}
		if len(queue.queue) == 0 {
			if err := http.NewResponseController(c.w).Flush(); err != nil {
				return err
			}
		}
		select {
		case piece = <-queue.queue:
			alive.Reset(c.s.cfg.KeepAlive)
		case <-alive.C:
			piece = []byte(":\n\n")
		case <-c.s.closing:
			return nil
		case <-c.r.Context().Done():
			return c.r.Context().Err()
		}
	}
}
