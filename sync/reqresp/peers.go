package reqresp

import (
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/cresset/cresset/beacon/params"
)

// registry is what the server counts: streams, quotas and bytes, of each peer and of all.
type registry struct {
	streams, peers int // limits
	bytes          int64

	mu struct {
		sync.Mutex
		streams int
		all     [methods]bucket
		peers   map[string]*client
	}
}

// client is one peer that asks. It is kept while it has streams, and until its quotas are full again: a peer does not get new ones by
// coming back.
type client struct {
	turns [methods]*semaphore.Weighted // locks itself
	bytes *semaphore.Weighted          // locks itself

	// guarded by registry.mu
	streams int
	of      [methods]uint64
	quota   [methods]bucket
}

func newRegistry(streams, peers int, bytes int64) *registry {
	r := &registry{streams: streams, peers: peers, bytes: bytes}
	r.mu.peers = map[string]*client{}
	return r
}

// waiting is how many streams of a protocol may wait behind those that are served. A peer that keeps to MAX_CONCURRENT_REQUESTS can have
// that many: it sees the end of an answer before this side does.
const waiting = params.MaxConcurrentRequests

// perPeer is how many streams of all protocols a peer may have. The bound of all is more than so many for each peer that a node has, so that some peers
// cannot take all and leave none to others.
const perPeer = 16

// enter counts a stream in. It fails on one too many, of the peer or of all.
func (r *registry) enter(name string, m Method, now time.Time) (*client, Fault, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mu.streams >= r.streams {
		return nil, FaultNone, broken("streams at a time", r.mu.streams+1, r.streams)
	}
	p := r.mu.peers[name]
	if p == nil {
		if len(r.mu.peers) >= r.peers {
			r.sweepLocked(now)
		}
		if len(r.mu.peers) >= r.peers {
			return nil, FaultNone, broken("peers that ask or have asked too much", len(r.mu.peers)+1, r.peers)
		}
		p = &client{bytes: semaphore.NewWeighted(r.bytes)}
		r.mu.peers[name] = p
	}
	if limit := uint64(params.MaxConcurrentRequests + waiting); p.of[m] >= limit {
		return nil, FaultConcurrency, broken("streams of a peer for one protocol", p.of[m]+1, limit)
	}
	if p.streams >= perPeer {
		return nil, FaultConcurrency, broken("streams of a peer", p.streams+1, perPeer)
	}
	if p.turns[m] == nil {
		p.turns[m] = semaphore.NewWeighted(params.MaxConcurrentRequests)
	}
	r.mu.streams++
	p.streams++
	p.of[m]++
	return p, FaultNone, nil
}

// leave counts a stream out.
func (r *registry) leave(name string, p *client, m Method, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mu.streams--
	p.streams--
	p.of[m]--
	if p.idleLocked(now) {
		delete(r.mu.peers, name)
	}
}

// sweepLocked forgets the peers that may be forgotten by now.
func (r *registry) sweepLocked(now time.Time) {
	for name, p := range r.mu.peers {
		if p.idleLocked(now) {
			delete(r.mu.peers, name)
		}
	}
}

func (p *client) idleLocked(now time.Time) bool {
	if p.streams > 0 {
		return false
	}
	for i := range p.quota {
		if !p.quota[i].rested(now) {
			return false
		}
	}
	return true
}

// charge takes what a request costs from the peer's quota, and chargeAll from that of all; both tell how long to wait.
func (r *registry) charge(p *client, row *Protocol, items uint64, now time.Time) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return p.quota[row.Method].take(now, row.Peer, items)
}

func (r *registry) chargeAll(row *Protocol, items uint64, now time.Time) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mu.all[row.Method].take(now, row.All, items)
}
