package peers

import (
	"fmt"
	"net/netip"
	"time"
)

// quiet is for how long nobody may dial us before that is remarkable.
const quiet = 10 * time.Minute

// reach is who dialled us.
type reach struct {
	started time.Time
	last    time.Time // somebody dialled us, or one who did was still here
}

func (r *reach) dialledUs(now time.Time, ip netip.Addr, local bool) {
	if local || !isLocal(ip) { // that a neighbour reaches us says nothing about the world
		r.last = now
	}
}

// Reachability says whether others can dial us.
type Reachability struct {
	Reachable bool
	Known     bool // false while it is too early to say
	Text      string
}

// Reachability sums up who dialled us. Ports are named in the advice that it gives, such as "TCP port 9000 and UDP port 9000".
func (m *Manager) Reachability(now time.Time, ports string) Reachability {
	var four, six int
	for _, p := range m.connected {
		switch {
		case p.direction != Inbound || isLocal(p.ip) && !m.cfg.ExemptLocal:
		case p.ip.Is4():
			four++
		default:
			six++
		}
	}
	since := now.Sub(later(m.reach.last, m.reach.started))
	switch {
	case four+six > 0:
		m.reach.last = now
		return Reachability{Reachable: true, Known: true, Text: "reachable: " + dialledBy(four, six)}
	case since >= quiet:
		return Reachability{Known: true, Text: fmt.Sprintf("nobody has dialled us in %s: open %s", shortly(since), ports)}
	case m.reach.last.IsZero():
		return Reachability{Text: "nobody has dialled us yet; it is too early to say whether somebody can"}
	}
	return Reachability{Reachable: true, Known: true, Text: "reachable: a peer dialled us " + shortly(since) + " ago"}
}

func dialledBy(four, six int) string {
	switch {
	case six == 0:
		return fmt.Sprintf("%d peers dialled us over IPv4", four)
	case four == 0:
		return fmt.Sprintf("%d peers dialled us over IPv6", six)
	}
	return fmt.Sprintf("%d peers dialled us over IPv4 and %d over IPv6", four, six)
}

// shortly is a duration in whole minutes or hours.
func shortly(d time.Duration) string {
	if d < 2*time.Hour {
		return fmt.Sprintf("%d minutes", d/time.Minute)
	}
	return fmt.Sprintf("%d hours", d/time.Hour)
}
