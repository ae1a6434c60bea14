package router

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/das"
	"github.com/cresset/cresset/beacon/engine"
	"github.com/cresset/cresset/beacon/kzg"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/gossip"
)

const (
	// columnSlots is for how many slots columns of a block are followed.
	columnSlots = 4
	// columnBlocks bounds the blocks whose columns are followed.
	columnBlocks = 64
	// columnJobs bounds what waits to be assembled.
	columnJobs = 64
	// blobTries is how often the execution client is asked for the blobs of a block: its pool may get them after the block came.
	blobTries = 3
	blobPause = 500 * time.Millisecond
	// seedDelay is the longest wait before columns are computed from others.
	//
	// Spec: "nodes may use a random delay in order to desynchronize reconstruction among nodes" (fulu/das-core.md)
	seedDelay = time.Second
)

// columns is what is known of the columns of the latest blocks.
type columns struct {
	jobs chan func(context.Context)

	mu struct {
		sync.Mutex
		blocks map[types.Root]*blockColumns
	}
}

// blockColumns is the columns of one block.
type blockColumns struct {
	slot          types.Slot
	seen          map[uint64]bool
	asked, seeded bool // whether the blobs were asked for, and columns computed from others
}

func newColumns() *columns {
	c := &columns{jobs: make(chan func(context.Context), columnJobs)}
	c.mu.blocks = map[types.Root]*blockColumns{}
	return c
}

// ofLocked is the record of a block; the oldest gives way for it.
func (c *columns) ofLocked(root types.Root, slot types.Slot) *blockColumns {
	b := c.mu.blocks[root]
	if b == nil {
		if len(c.mu.blocks) >= columnBlocks {
			var oldest types.Root
			least := ^types.Slot(0)
			for r, other := range c.mu.blocks {
				if other.slot <= least {
					oldest, least = r, other.slot
				}
			}
			delete(c.mu.blocks, oldest)
		}
		b = &blockColumns{slot: slot, seen: map[uint64]bool{}}
		c.mu.blocks[root] = b
	}
	return b
}

// ask tells once of a block that its blobs are to be asked for.
func (c *columns) ask(root types.Root, slot types.Slot) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.ofLocked(root, slot)
	first := !b.asked
	b.asked = true
	return first
}

// see notes a column, and tells whether it was new, and once of a block that it is time to compute the others: at half of all.
func (c *columns) see(root types.Root, slot types.Slot, column, all uint64) (first, seed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.ofLocked(root, slot)
	first = !b.seen[column]
	b.seen[column] = true
	if n := uint64(len(b.seen)); !b.seeded && 2*n >= all && n < all {
		b.seeded, seed = true, true
	}
	return first, seed
}

// complete tells whether all columns of a block were seen.
func (c *columns) complete(root types.Root, all uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.mu.blocks[root]
	return b != nil && uint64(len(b.seen)) >= all
}

func (c *columns) prune(before types.Slot) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for root, b := range c.mu.blocks {
		if b.slot < before {
			delete(c.mu.blocks, root)
		}
	}
}

func slotOfColumn(s *types.DataColumnSidecar) types.Slot {
	if s.BeaconBlockRoot != (types.Root{}) { // gloas
		return s.Slot
	}
	return s.SignedBlockHeader.Message.Slot
}

func (r *Router) columnJob(f func(context.Context)) {
	select {
	case r.columns.jobs <- f:
	default:
		r.log.Debug("too many blocks' columns wait to be assembled")
	}
}

func (r *Router) columnLoop(ctx context.Context) error {
	for {
		select {
		case f := <-r.columns.jobs:
			f(ctx)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// assembly makes columns of a block from its extended blobs.
type assembly struct {
	of          chain.BlockID
	proposer    types.ValidatorIndex
	commitments []types.KZGCommitment
	columns     func([]das.CellsAndProofs) ([]*types.DataColumnSidecar, error)
}

// blockSeen asks the execution client for the blobs of a valid block.
//
// Spec: "Honest nodes SHOULD query engine_getBlobsV2 as soon as they receive a valid beacon_block or data_column_sidecar from gossip" (fulu)
func (r *Router) blockSeen(root types.Root, signed *types.SignedBeaconBlock) {
	cx := ssz.Context{Spec: r.cfg.Spec, Fork: r.cfg.Spec.ForkAtSlot(signed.Message.Slot)}
	commitments := signed.Message.Body.BlobKZGCommitments
	if cx.Fork >= params.Gloas {
		commitments = signed.Message.Body.SignedExecutionPayloadBid.Message.BlobKZGCommitments
	}
	r.askForBlobs(cx.Fork, assembly{
		of: chain.BlockID{Slot: signed.Message.Slot, Root: root}, proposer: signed.Message.ProposerIndex, commitments: commitments,
		columns: func(rows []das.CellsAndProofs) ([]*types.DataColumnSidecar, error) {
			return das.GetDataColumnSidecarsFromBlock(cx, signed, rows)
		},
	})
}

// wantData asks the execution client for the blobs of an imported block whose payload waits for them (gloas).
func (r *Router) wantData(root types.Root) {
	if signed, err := r.cfg.Stored.Block(root); err == nil {
		r.blockSeen(root, signed)
	}
}

// columnSeen notes a column that was accepted, and asks for the others.
func (r *Router) columnSeen(root types.Root, s *types.DataColumnSidecar) {
	slot := slotOfColumn(s)
	fork := r.cfg.Spec.ForkAtSlot(slot)
	if _, seed := r.columns.see(root, slot, s.Index, r.cfg.Spec.NumberOfColumns); seed {
		r.seedLater(chain.BlockID{Slot: slot, Root: root})
	}
	if fork >= params.Gloas {
		return // the block was seen before its columns, and has the commitments
	}
	r.askForBlobs(fork, assembly{
		of: chain.BlockID{Slot: slot, Root: root}, proposer: s.SignedBlockHeader.Message.ProposerIndex, commitments: s.KZGCommitments,
		columns: func(rows []das.CellsAndProofs) ([]*types.DataColumnSidecar, error) {
			return das.GetDataColumnSidecarsFromColumnSidecar(s, rows)
		},
	})
}

func (r *Router) askForBlobs(fork params.Fork, a assembly) {
	if r.cfg.Blobs == nil || fork < params.Fulu || len(a.commitments) == 0 || !r.columns.ask(a.of.Root, a.of.Slot) {
		return
	}
	r.columnJob(func(ctx context.Context) { r.fetchBlobs(ctx, fork, a, 1) })
}

// fetchBlobs asks the execution client for all blobs of a block, and makes columns of them.
func (r *Router) fetchBlobs(ctx context.Context, fork params.Fork, a assembly, try int) {
	if missing, err := r.cfg.Chain.MissingColumns(a.of.Root); err != nil || len(missing) == 0 || r.columns.complete(a.of.Root, r.cfg.Spec.NumberOfColumns) {
		return
	}
	hashes := make([]types.Bytes32, len(a.commitments))
	for i, c := range a.commitments {
		hashes[i] = transition.KZGCommitmentToVersionedHash(c)
	}
	found, err := r.cfg.Blobs.GetBlobs(ctx, fork, hashes)
	if err == nil && (len(found) != len(hashes) || slices.Contains(found, nil)) {
		err = errors.New("it does not have all of them")
	}
	if err != nil {
		r.metrics.EngineBlobs.WithLabelValues("missing").Inc()
		r.log.Debug("no blobs from the execution client", "block", a.of.Root, "slot", a.of.Slot, "error", err)
		if try < blobTries {
			r.later(blobPause, func(ctx context.Context) { r.fetchBlobs(ctx, fork, a, try+1) })
		}
		return
	}
	r.metrics.EngineBlobs.WithLabelValues("found").Inc()
	sidecars, err := r.assemble(a, found)
	if err != nil {
		r.log.Warn("the execution client's blobs are not the block's; check its version", "block", a.of.Root, "slot", a.of.Slot, "error", err)
		return
	}
	r.takeColumns(ctx, a.of, a.proposer, sidecars)
}

// later has something done after a while, by the goroutine that assembles columns.
func (r *Router) later(wait time.Duration, f func(context.Context)) {
	time.AfterFunc(wait, func() { r.columnJob(f) })
}

func (r *Router) assemble(a assembly, found []*engine.BlobAndProofs) ([]*types.DataColumnSidecar, error) {
	rows := make([]das.CellsAndProofs, len(found))
	for i, b := range found {
		var blob kzg.Blob
		if len(b.Blob) != len(blob) || len(b.Proofs) != kzg.CellsPerExtBlob {
			return nil, fmt.Errorf("blob %d: have %d bytes and %d proofs, want %d and %d", i, len(b.Blob), len(b.Proofs), len(blob), kzg.CellsPerExtBlob)
		}
		copy(blob[:], b.Blob)
		cells, err := r.cfg.KZG.ComputeCells(&blob)
		if err != nil {
			return nil, fmt.Errorf("blob %d: %w", i, err)
		}
		proofs := new([kzg.CellsPerExtBlob]kzg.Proof)
		for j, p := range b.Proofs {
			proofs[j] = kzg.Proof(p)
		}
		rows[i] = das.CellsAndProofs{Cells: cells, Proofs: proofs}
	}
	return a.columns(rows)
}

// takeColumns behaves as if columns that the node made itself had been received via gossip: those that this node keeps first.
//
// Spec: "Publish the corresponding data_column_sidecar ... if and only if they are subscribed to it", "Update gossip rule related data
// structures" (fulu); "the node MUST expose the new column as if it had received it over the network" (fulu/das-core.md).
func (r *Router) takeColumns(ctx context.Context, of chain.BlockID, proposer types.ValidatorIndex, sidecars []*types.DataColumnSidecar) {
	all := r.cfg.Spec.NumberOfColumns
	missing, err := r.cfg.Chain.MissingColumns(of.Root)
	if err != nil {
		r.log.Error("the disk does not say which columns are missing; check it", "block", of.Root, "error", err)
		return
	}
	kept := func(s *types.DataColumnSidecar) bool { return slices.Contains(missing, s.Index) }
	r.cfg.Chain.HoldColumns(chain.OwnColumns(of, slices.DeleteFunc(slices.Clone(sidecars), func(s *types.DataColumnSidecar) bool { return !kept(s) })))
	slices.SortStableFunc(sidecars, func(x, y *types.DataColumnSidecar) int {
		switch {
		case kept(x) == kept(y):
			return 0
		case kept(x):
			return -1
		}
		return 1
	})
	for _, s := range sidecars {
		first, _ := r.columns.see(of.Root, of.Slot, s.Index, all)
		noted := r.cfg.Rules.Seen().NoteColumn(s, of.Root, of.Slot, proposer)
		if !first {
			continue
		}
		r.pool(noted)
		t, err := r.cfg.Network.Topic(gossip.DataColumnSidecar, das.ComputeSubnetForDataColumnSidecar(r.cfg.Spec, s.Index), types.ComputeEpochAtSlot(r.cfg.Spec, of.Slot))
		if err != nil || !r.subscribedTo(t.String()) {
			continue
		}
		data, err := r.cfg.Network.Encode(t, s)
		if err == nil {
			err = r.send(ctx, t, data)
		}
		if err != nil && !errors.Is(err, ErrNoPeers) && ctx.Err() == nil {
			r.log.Debug("a column was not published", "topic", t, "error", err)
		}
	}
}

// seedLater computes the columns of a block that are missing from half of them, after a random delay in which they may still come.
//
// Spec: "If the node obtains 50%+ of all the columns, it SHOULD reconstruct the full data matrix via the recover_matrix helper"
// (fulu/das-core.md)
func (r *Router) seedLater(of chain.BlockID) {
	r.later(rand.N(seedDelay), func(ctx context.Context) { r.seed(ctx, of) })
}

func (r *Router) seed(ctx context.Context, of chain.BlockID) {
	if r.columns.complete(of.Root, r.cfg.Spec.NumberOfColumns) {
		return
	}
	have, err := r.cfg.Chain.ColumnsAtHand(of.Root)
	if err != nil {
		r.log.Error("columns cannot be read; check the disk", "block", of.Root, "error", err)
		return
	}
	if 2*uint64(len(have)) < r.cfg.Spec.NumberOfColumns {
		return // what was seen is not kept any more
	}
	all, err := das.RecoverDataColumnSidecars(r.cfg.KZG, have)
	if err != nil {
		r.log.Error("verified columns do not give the others; please report this", "block", of.Root, "error", err)
		return
	}
	var proposer types.ValidatorIndex
	if have[0].BeaconBlockRoot == (types.Root{}) {
		proposer = have[0].SignedBlockHeader.Message.ProposerIndex
	}
	r.metrics.Reconstructed.Add(float64(len(all) - len(have)))
	r.takeColumns(ctx, of, proposer, all)
}
