package server

import (
	"iter"

	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/clock"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/store"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/sync/reqresp"
)

// Blocks is what is read of blocks and their payloads. A *store.Store is one. What is not there gives store.ErrNotFound.
type Blocks interface {
	SlotOf(root types.Root) (types.Slot, error)
	BlockBytes(root types.Root) ([]byte, error)
	PayloadBytes(root types.Root) ([]byte, error)
	// CanonicalRoot is the block of a slot on the finalized chain, and CanonicalRoots those from one slot up to and with another, ascending.
	CanonicalRoot(slot types.Slot) (types.Root, error)
	CanonicalRoots(from, to types.Slot) iter.Seq2[store.SlotRoot, error]
}

// Data is what is read of columns and blobs. A *store.Store is one.
type Data interface {
	ColumnIndices(root types.Root) ([]uint64, error)
	ColumnBytes(root types.Root, index uint64) ([]byte, error)
	BlobIndices(root types.Root) ([]uint64, error)
	BlobBytes(root types.Root, index uint64) ([]byte, error)
}

// BlockRef is a block by what links it to others.
type BlockRef struct {
	Slot         types.Slot
	Root, Parent types.Root
}

// Chain is the canonical chain.
type Chain interface {
	// Canonical goes over the blocks of the canonical chain, as of one moment, from the head back to the finalized one.
	Canonical() iter.Seq[BlockRef]
}

// FromChain is the canonical chain of the node's.
func FromChain(c *chain.Chain) Chain { return snapshots{c} }

type snapshots struct{ *chain.Chain }

// Canonical goes over the chain of the newest snapshot.
func (s snapshots) Canonical() iter.Seq[BlockRef] {
	head := s.Snapshot().Head
	return func(yield func(BlockRef) bool) {
		for b := head; b != nil; b = b.Parent() {
			if !yield(BlockRef{b.Slot, b.Root, b.ParentRoot}) {
				return
			}
		}
	}
}

// History is how far back this node can serve.
type History interface {
	// EarliestBlock is the first slot from which all blocks of the chain, with their payloads, are at hand.
	EarliestBlock() types.Slot
	// EarliestSidecar is the first slot from which all columns in custody, and blobs, are at hand.
	EarliestSidecar() types.Slot
}

// Peers is who deals with what peers tell of themselves. It must not wait.
type Peers interface {
	// Status is where this node stands now.
	Status() types.Status
	// MetaData is what this node tells of itself.
	MetaData() types.MetaData
	// OnStatus is told where a peer stands. In version 1 the earliest available slot is 0.
	OnStatus(peer string, s types.Status)
	// OnGoodbye is told that a peer leaves, and why.
	OnGoodbye(peer string, reason uint64)
	// OnPing is told the sequence number of a peer's metadata.
	OnPing(peer string, seq uint64)
}

// Config is what the handlers need.
type Config struct {
	Spec    *params.Spec
	Clock   *clock.Clock
	Chain   Chain
	Blocks  Blocks
	Data    Data
	History History
	Peers   Peers
	// Light answers light clients; nil for not at all.
	Light *Light
}

// server has the handlers as methods.
type server struct{ Config }

// Handlers is the handlers of all protocols, for a reqresp.Server.
func Handlers(cfg Config) map[reqresp.Method]reqresp.Handler {
	s := &server{cfg}
	handlers := map[reqresp.Method]reqresp.Handler{
		reqresp.StatusV1:           reqresp.On(s.status),
		reqresp.StatusV2:           reqresp.On(s.status),
		reqresp.GoodbyeV1:          reqresp.On(s.goodbye),
		reqresp.PingV1:             reqresp.On(s.ping),
		reqresp.MetaDataV1:         s.metadata,
		reqresp.MetaDataV2:         s.metadata,
		reqresp.MetaDataV3:         s.metadata,
		reqresp.BlocksByRangeV2:    reqresp.On(s.blocksByRange),
		reqresp.BlocksByRootV2:     reqresp.On(s.blocksByRoot),
		reqresp.BlocksByHeadV1:     reqresp.On(s.blocksByHead),
		reqresp.BlobsByRangeV1:     reqresp.On(s.blobsByRange),
		reqresp.BlobsByRootV1:      reqresp.On(s.blobsByRoot),
		reqresp.ColumnsByRangeV1:   reqresp.On(s.columnsByRange),
		reqresp.ColumnsByRootV1:    reqresp.On(s.columnsByRoot),
		reqresp.EnvelopesByRangeV1: reqresp.On(s.envelopesByRange),
		reqresp.EnvelopesByRootV1:  reqresp.On(s.envelopesByRoot),
	}
	if l := cfg.Light; l != nil {
		handlers[reqresp.LightClientBootstrapV1] = reqresp.On(l.bootstrap)
		handlers[reqresp.LightClientUpdatesByRangeV1] = reqresp.On(l.updatesByRange)
		handlers[reqresp.LightClientFinalityUpdateV1] = l.finalityUpdate
		handlers[reqresp.LightClientOptimisticUpdateV1] = l.optimisticUpdate
	}
	return handlers
}
