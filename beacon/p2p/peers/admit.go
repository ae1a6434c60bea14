package peers

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// Why a connection is refused; what errors.Is finds.
var (
	ErrBanned = errors.New("banned")
	ErrLimit  = errors.New("too many peers")
)

// canonical is an address without zone and IPv4 as such.
func canonical(ip netip.Addr) netip.Addr { return ip.Unmap().WithZone("") }

// isLocal tells addresses that do not lead through the internet.
func isLocal(ip netip.Addr) bool {
	ip = canonical(ip)
	return ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast() || ip.IsUnspecified()
}

// rangeOf is the range whose peers are counted together: a /24 of IPv4, a /64 of IPv6.
func rangeOf(ip netip.Addr) netip.Prefix {
	bits := 64
	if ip.Is4() {
		bits = 24
	}
	prefix, err := ip.Prefix(bits)
	if err != nil { // of an address that is none
		return netip.Prefix{}
	}
	return prefix
}

// places counts connected peers by where they are.
type places struct {
	addresses map[netip.Addr]int
	ranges    map[netip.Prefix]int
}

func (x *places) add(ip netip.Addr, n int) {
	if x.addresses[ip] += n; x.addresses[ip] == 0 {
		delete(x.addresses, ip)
	}
	r := rangeOf(ip)
	if x.ranges[r] += n; x.ranges[r] == 0 {
		delete(x.ranges, r)
	}
}

// AdmitAddress decides whether somebody may connect from an address, or be dialled there. Errors are ErrBanned and ErrLimit.
func (m *Manager) AdmitAddress(ip netip.Addr) error {
	ip = canonical(ip)
	if i := slices.IndexFunc(m.cfg.BannedRanges, func(r netip.Prefix) bool { return r.Contains(ip) }); i >= 0 {
		return fmt.Errorf("%w: %v is in %v", ErrBanned, ip, m.cfg.BannedRanges[i])
	}
	return nil
}

// addAll counts each address of a peer once, though it stands there with several ports.
func (x *places) addAll(ips []netip.Addr) {
	for i, ip := range ips {
		if !slices.Contains(ips[:i], ip) {
			x.add(canonical(ip), 1)
		}
	}
}

// admitPlace decides whether one more peer may be at an address, besides those that are expected there.
func (m *Manager) admitPlace(ip netip.Addr, expected *places) error {
	ip = canonical(ip)
	if err := m.AdmitAddress(ip); err != nil {
		return err
	}
	if m.cfg.ExemptLocal && isLocal(ip) {
		return nil
	}
	if n := m.places.addresses[ip] + expected.addresses[ip]; n >= m.cfg.PerAddress {
		return fmt.Errorf("%w: %d at %v, at most %d are allowed", ErrLimit, n, ip, m.cfg.PerAddress)
	}
	r := rangeOf(ip)
	if n := m.places.ranges[r] + expected.ranges[r]; n >= m.cfg.PerRange {
		return fmt.Errorf("%w: %d in %v, at most %d are allowed", ErrLimit, n, r, m.cfg.PerRange)
	}
	return nil
}

// AdmitPeer decides whether a peer may be connected. The address is where it is, and may be the zero one before that is known. Errors
// are ErrBanned and ErrLimit.
func (m *Manager) AdmitPeer(now time.Time, id string, d Direction, ip netip.Addr) error {
	p := m.peers[id]
	if p != nil && p.trusted {
		return nil
	}
	if p != nil && p.banned.After(now) {
		return fmt.Errorf("%w: until %v", ErrBanned, p.banned.Format(time.RFC3339))
	}
	if p != nil && !p.up && p.score.at(now) <= forgiven {
		return fmt.Errorf("%w: its score is %.1f, it may come back above %.1f", ErrBanned, p.score.at(now), forgiven)
	}
	if p != nil && (p.up || p.static) {
		return nil // one more connection to a peer that is here, or one that the operator wants
	}
	if ip.IsValid() {
		if err := m.admitPlace(ip, &places{}); err != nil {
			return err
		}
	}
	most := m.cfg.Most()
	if n := len(m.connected); n >= most {
		return fmt.Errorf("%w: %d are connected, at most %d are allowed", ErrLimit, n, most)
	}
	if d == Inbound {
		if n := m.count(Inbound); n >= most-m.cfg.Outbound {
			return fmt.Errorf("%w: %d dialled us, at most %d may", ErrLimit, n, most-m.cfg.Outbound)
		}
	}
	return nil
}

// count counts the connected peers of a direction.
func (m *Manager) count(d Direction) (n int) {
	for _, p := range m.connected {
		if p.direction == d && !p.leaving {
			n++
		}
	}
	return n
}

func compareStrings(a, b string) int { return cmp.Compare(a, b) }
