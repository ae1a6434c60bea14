package peers

import (
	"net/netip"
	"time"
)

// Config is what a Manager is made of. Zero values stand for the defaults.
type Config struct {
	// Target is how many peers to have. Default 70.
	Target int
	// Outbound is how many of them we are to have dialled ourselves, so that nobody can fill all places by dialling us. Default 30 % of
	// Target.
	Outbound int
	// PerAddress and PerRange bound the peers of one address, and of one /24 of IPv4 or /64 of IPv6. Default 4 and 8.
	PerAddress, PerRange int
	// ExemptLocal lifts those bounds for loopback, private and link-local addresses, and dials them. For development networks.
	ExemptLocal bool
	// BannedRanges are refused always.
	BannedRanges []netip.Prefix
	// Trusted are ids of peers that are let in always and never left.
	Trusted []string
	// Salt makes the jitter of this node differ from that of others.
	Salt string
	// RedialBase and RedialMost are the first and the longest wait before a peer is dialled again. Default 10 s and 30 min.
	RedialBase, RedialMost time.Duration
}

const (
	defaultTarget     = 70
	outboundPercent   = 30
	slackPercent      = 10 // how far the target may be exceeded, so that the worst can be told from the best
	defaultPerAddress = 4
	defaultPerRange   = 8
	defaultRedialBase = 10 * time.Second
	defaultRedialMost = 30 * time.Minute
	// staticMost is the longest wait before a static peer is dialled again.
	staticMost = 2 * time.Minute
	// mostDials bounds the dials under way.
	mostDials = 16
	// mostKnown bounds the peers that are remembered, connected or not.
	mostKnown = 3000
	// grace is for how long a new peer is not judged by what it does not offer: it has not told us yet.
	grace = 30 * time.Second
)

// WithDefaults fills in what is not given.
func (c Config) WithDefaults() Config {
	fill := func(n *int, by int) {
		if *n <= 0 {
			*n = by
		}
	}
	fill(&c.Target, defaultTarget)
	fill(&c.Outbound, (c.Target*outboundPercent+99)/100)
	c.Outbound = min(c.Outbound, c.Target)
	fill(&c.PerAddress, defaultPerAddress)
	fill(&c.PerRange, defaultPerRange)
	if c.RedialBase <= 0 {
		c.RedialBase = defaultRedialBase
	}
	if c.RedialMost <= 0 {
		c.RedialMost = defaultRedialMost
	}
	return c
}

// Most is the largest number of peers: the target and some slack.
func (c Config) Most() int {
	c = c.WithDefaults()
	return c.Target + max(1, c.Target*slackPercent/100)
}
