package mock

import (
	"slices"
	"time"

	"github.com/cresset/cresset/beacon/types"
)

// Wrong is a way to answer that no client should.
type Wrong uint8

// The ways to answer wrongly.
const (
	RightAnswer Wrong = iota
	Garbage           // a body that is not JSON
	WrongID           // the answer to another call
	WrongHash         // a latestValidHash, or a hash of a block, that is made up
	Oversized         // a body without end
	Deep              // a body nested very deeply
	Stalled           // half a body, and then nothing
	Refused           // HTTP 401
	Broken            // HTTP 500
	Closed            // the connection closed without an answer
	Silent            // no answer at all
	Failed            // an error of JSON-RPC, which says that the server failed
)

// Faults is what is wrong with the engine. The zero value is an engine in order.
type Faults struct {
	// Methods are those that Delay and Wrong are for, by full name; nil for all.
	Methods []string
	Delay   time.Duration // before each answer
	Wrong   Wrong

	// Syncing answers SYNCING to every payload and head until the faults are changed. SyncCalls does so for that many calls; then
	// what is missing of a head's branch counts as fetched from peers, and every later head as well.
	Syncing   bool
	SyncCalls int
	// InvalidFrom is a payload that is invalid with all above it.
	InvalidFrom types.Hash32
	// Missing are methods that the engine does not have.
	Missing []string
	// ChainID is that of another network; 0 for the right one.
	ChainID uint64
}

// SetFaults replaces what is wrong with the engine. Calls that hang are let go.
func (m *Engine) SetFaults(f Faults) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if f.InvalidFrom != (types.Hash32{}) {
		m.mu.tree.condemnLocked(f.InvalidFrom, "it was told to be")
	}
	m.mu.faults, m.mu.peers = f, m.mu.peers || f.SyncCalls > 0
	close(m.mu.finished)
	m.mu.finished = make(chan struct{})
	if !f.Syncing && f.SyncCalls == 0 {
		m.mu.tree.settleAllLocked()
	}
}

// InvalidateBelowHead makes the ancestor of the head that lies depth blocks below it invalid, with all above it, head included. It gives the
// hash of the first invalid payload; false if the branch is not that deep.
func (m *Engine) InvalidateBelowHead(depth int) (types.Hash32, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.mu.tree.nodes[m.mu.tree.head]
	for ; depth > 0 && n != nil; depth-- {
		n = m.mu.tree.nodes[n.parent]
	}
	if n == nil || n.payload == nil {
		return types.Hash32{}, false
	}
	m.mu.tree.condemnLocked(n.hash, "it was told to be")
	return n.hash, true
}

// settleAllLocked judges all pending payloads whose ancestors are there.
func (t *tree) settleAllLocked() {
	for hash := range t.nodes {
		t.settleLocked(hash)
	}
}

// of tells what of the faults is for a method.
func (f Faults) of(method string) (time.Duration, Wrong) {
	if f.Methods != nil && !slices.Contains(f.Methods, method) {
		return 0, RightAnswer
	}
	return f.Delay, f.Wrong
}
