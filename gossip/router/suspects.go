package router

import "sync"

// suspects counts what peers sent, so that those whose messages are often bad are checked apart: a wrong signature makes a batch cost
// a search for it, which shall not be at the cost of others' messages. A peer that now and then passes on a bad one is no suspect.
type suspects struct {
	mu struct {
		sync.Mutex
		peers map[string]*record
	}
}

// record is the latest messages of a peer, older ones counting less.
type record struct{ good, bad float64 }

const (
	// suspectShare is the share of bad messages that makes a suspect.
	suspectShare = 1.0 / 8
	// recordLength is after how many messages the past counts half.
	recordLength = 256
	// recordsKept bounds the peers that are remembered; there are far fewer at a time.
	recordsKept = 1024
)

func newSuspects() *suspects {
	s := &suspects{}
	s.mu.peers = map[string]*record{}
	return s
}

// count adds messages of a peer.
func (s *suspects) count(peer string, good, bad int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.mu.peers[peer]
	if r == nil {
		if bad == 0 {
			return // nobody is remembered for being good
		}
		if len(s.mu.peers) >= recordsKept {
			for old := range s.mu.peers {
				delete(s.mu.peers, old)
				break
			}
		}
		r = &record{}
		s.mu.peers[peer] = r
	}
	r.good, r.bad = r.good+float64(good), r.bad+float64(bad)
	for r.good+r.bad > recordLength {
		r.good, r.bad = r.good/2, r.bad/2
	}
	if r.bad < 0.25 {
		delete(s.mu.peers, peer)
	}
}

func (s *suspects) is(peer string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.mu.peers[peer]
	return r != nil && r.bad >= suspectShare*(r.good+r.bad)
}
