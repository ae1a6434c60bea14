package health

import (
	"strings"

	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/engine"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/sync/driver"
)

// Reason is why a node is not as it should be.
type Reason string

// The reasons, the gravest first.
const (
	Syncing          Reason = "syncing"
	ExecutionOffline Reason = "execution client down"
	Optimistic       Reason = "optimistic"
	NoPeers          Reason = "no peers"
	Stalled          Reason = "stalled"
)

// Reasons lists all reasons.
func Reasons() []Reason { return []Reason{Syncing, ExecutionOffline, Optimistic, NoPeers, Stalled} }

// Blocks tells whether validators must not be served.
func (r Reason) Blocks() bool { return r == Syncing || r == ExecutionOffline || r == Optimistic }

// action is what an operator can do.
func (r Reason) action() string {
	switch r {
	case Syncing:
		return "wait; the progress is in the log and at /eth/v1/node/syncing"
	case ExecutionOffline:
		return "look at the execution client: is it running, and are address and JWT secret right?"
	case Optimistic:
		return "wait until the execution client has caught up; look at its log if that takes long"
	case NoPeers:
		return "look at the connection to the internet and at the firewall's ports"
	case Stalled:
		return "look whether others have newer blocks; if they have, restart the node and report this"
	}
	return ""
}

// Sync tells how far the node is; a *driver.Driver is one.
type Sync interface{ Progress() driver.Progress }

// Engine tells how the execution clients are; an *engine.Client is one.
type Engine interface{ Health() engine.Health }

// Parts is what the judgement is made from.
type Parts struct {
	Spec  *params.Spec
	Chain *chain.Chain
	// Sync is nil for a node that does not sync from peers, Engine for one without an execution client to be offline.
	Sync   Sync
	Engine Engine
}

// Status is how a node is.
type Status struct {
	Reasons []Reason // the gravest first; none if all is well
	Head    types.Slot
	// Distance is how many slots the node is known to be behind; 0 unless it is syncing.
	Distance types.Slot
	// Progress is nil for a node that does not sync from peers.
	Progress *driver.Progress
}

// Has tells whether a reason is one of the node's.
func (s *Status) Has(r Reason) bool {
	for _, have := range s.Reasons {
		if have == r {
			return true
		}
	}
	return false
}

// Ready tells whether validators can be served.
func (s *Status) Ready() bool {
	for _, r := range s.Reasons {
		if r.Blocks() {
			return false
		}
	}
	return true
}

// String is "ready" or the reasons why not, and what is to be worried about besides.
func (s *Status) String() string {
	texts := []string{}
	if s.Ready() {
		texts = append(texts, "ready")
	}
	for _, r := range s.Reasons {
		texts = append(texts, string(r))
	}
	return strings.Join(texts, ", ")
}

// Judge tells how a node is now. It never waits.
//
// A node is syncing if it knows of blocks that it has not got, or, with nobody to tell, if its head is more than an epoch behind the clock. If others
// have no more blocks either while the head is more than an epoch behind, the chain has stalled.
func Judge(p Parts) Status {
	snapshot := p.Chain.Snapshot()
	s := Status{Head: snapshot.Head.Slot}
	distance := p.Chain.Clock().CurrentSlot().SubSaturating(s.Head)
	behind := uint64(distance) > p.Spec.SlotsPerEpoch
	syncing, stalled, lonely := behind, false, false
	if p.Sync != nil {
		progress := p.Sync.Progress()
		s.Progress = &progress
		lonely = progress.Peers == 0
		switch progress.Stage {
		case driver.Finalized, driver.Head:
			syncing = distance > 1
		case driver.Synced, driver.History:
			syncing, stalled = false, behind
		}
	}
	offline := false
	if p.Engine != nil {
		h := p.Engine.Health()
		offline = !h.Endpoints[h.Active].Usable
	}
	holds := map[Reason]bool{Syncing: syncing, ExecutionOffline: offline, Optimistic: snapshot.Optimistic, NoPeers: lonely, Stalled: stalled}
	for _, r := range Reasons() {
		if holds[r] {
			s.Reasons = append(s.Reasons, r)
		}
	}
	if syncing {
		s.Distance = distance
	}
	return s
}
