package peers

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// quiet is for how long nobody may dial us before that is remarkable.
const quiet = 10 * time.Minute

// reach is who dialled us.
type reach struct {
	started time.Time
	last    time.Time // somebody dialled us
	all4    int
	all6    int
}

func (r *reach) dialledUs(now time.Time, ip netip.Addr, local bool) {
	if isLocal(ip) && !local { // that a neighbour reaches us says nothing about the world
		return
	}
	r.last = now
	if ip.Is4() {
		r.all4++
	} else {
		r.all6++
	}
}

// Reachability says whether others can dial us. Ports are named in the advice, such as "TCP 9000 and UDP 9000".
type Reachability struct {
	Reachable bool
	Known     bool // false while it is too early to say
	Text      string
}

// Reachability sums up who dialled us.
func (m *Manager) Reachability(now time.Time, ports string) Reachability {
	r := &m.reach
	since := now.Sub(later(r.last, r.started)).Truncate(time.Minute)
	switch {
	case r.last.IsZero() && since < quiet:
		return Reachability{Text: "nobody has dialled us yet; it is too early to say whether somebody can"}
	case since >= quiet && m.count(Inbound) == 0:
		return Reachability{Known: true, Text: fmt.Sprintf("nobody has dialled us in %v: open %s", shortly(since), ports)}
	}
	var families []string
	for _, f := range []struct {
		n    int
		name string
	}{{r.all4, "IPv4"}, {r.all6, "IPv6"}} {
		if f.n > 0 {
			families = append(families, fmt.Sprintf("%s %d times", f.name, f.n))
		}
	}
	return Reachability{Reachable: true, Known: true, Text: fmt.Sprintf("reachable: %d of the peers dialled us; since the start we were dialled over %s",
		m.count(Inbound), strings.Join(families, ", over "))}
}

// shortly is a duration of minutes without seconds.
func shortly(d time.Duration) string {
	if d < time.Hour {
		return fmt.Sprintf("%d minutes", d/time.Minute)
	}
	return fmt.Sprintf("%d hours", d/time.Hour)
}
