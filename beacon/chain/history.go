package chain

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cresset/cresset/beacon/bls"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/store"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// HistoricBlock is a block from before the point that the chain began at, with its data as far as that has to be kept.
type HistoricBlock struct {
	Signed  *types.SignedBeaconBlock
	Payload *types.SignedExecutionPayloadEnvelope // gloas; nil if the chain went on without it
	Columns []*VerifiedColumns
	Blobs   []*types.BlobSidecar
}

// History tells from which slot on all blocks are here, and the root of the block before that.
func (c *Chain) History() (oldest types.Slot, parent types.Root, err error) { return c.store.Oldest() }

// ErrHistoryGap means that the last of some historic blocks is not the parent of the oldest one that is here.
var ErrHistoryGap = errors.New("blocks do not lead to the oldest block")

// ImportHistory imports blocks from before the oldest one that is here, in the order of their slots, the last one its parent. That they
// are the chain's is known by their roots; what is verified are their proposers' signatures, all in one batch, for a root covers none, and
// their data. Nothing of it is the writer's, so it does not wait for it. Calls come one after the other.
// Spec: why must the proposer signature be checked when backfilling blocks in the database (phase0/p2p-interface.md).
func (c *Chain) ImportHistory(_ context.Context, blocks []HistoricBlock) error {
	if len(blocks) == 0 {
		return nil
	}
	_, parent, err := c.store.Oldest()
	if err != nil {
		return fmt.Errorf("read the oldest block: %w", err)
	}
	head := c.Snapshot().state
	if head == nil {
		return ErrStateBusy
	}
	batch := c.store.NewBatch()
	if parent, err = c.addHistory(batch, head, blocks, parent); err != nil {
		return errors.Join(err, batch.Discard())
	}
	batch.PutOldest(blocks[0].Signed.Message.Slot, parent)
	if err := batch.Commit(false); err != nil {
		return fmt.Errorf("commit history: %w", err)
	}
	return nil
}

// addHistory verifies historic blocks, the last of which has to be parent, and adds them to a batch. It gives the parent of the first one.
func (c *Chain) addHistory(batch *store.Batch, head *transition.State, blocks []HistoricBlock, parent types.Root) (types.Root, error) {
	sets := make([]bls.Set, 0, len(blocks))
	for i := range slices.Backward(blocks) {
		b := &blocks[i]
		slot := b.Signed.Message.Slot
		cx := c.contextAt(slot)
		root, err := ssz.HashTreeRoot(cx, ssz.Container(&b.Signed.Message))
		if err != nil {
			return parent, fmt.Errorf("block of slot %d: %w", slot, err)
		}
		if root != parent {
			if i == len(blocks)-1 {
				return parent, fmt.Errorf("%w: the last one is %v of slot %d, want %v", ErrHistoryGap, types.Root(root), slot, parent)
			}
			return parent, &RejectedError{slot, root, fmt.Errorf("block is not the parent of the next one, %v is", parent)}
		}
		if err := c.checkRevealed(cx, root, blocks, i); err != nil {
			return parent, err
		}
		parent = b.Signed.Message.ParentRoot
		set, err := c.proposerSet(head, cx, root, b.Signed)
		if err != nil {
			return parent, &RejectedError{slot, root, err}
		}
		sets = append(sets, set)
		if err := c.putHistoricBlock(batch, cx, root, b); err != nil {
			return parent, err
		}
	}
	if err := bls.VerifyBatch(sets); err != nil {
		last := blocks[len(blocks)-1].Signed.Message
		return parent, &RejectedError{last.Slot, types.Root{}, fmt.Errorf("proposers' signatures: %w", err)}
	}
	return parent, nil
}

// checkRevealed checks that the payload of a historic block is there if the block after it builds on it, which for the last one is the oldest one that is here.
// Spec: is_parent_node_full (gloas).
func (c *Chain) checkRevealed(cx ssz.Context, root types.Root, blocks []HistoricBlock, i int) error {
	if cx.Fork < params.Gloas || blocks[i].Payload != nil {
		return nil
	}
	var next *types.SignedBeaconBlock
	if i+1 < len(blocks) {
		next = blocks[i+1].Signed
	} else {
		oldest, _, err := c.store.Oldest()
		if err != nil {
			return fmt.Errorf("read the oldest block: %w", err)
		}
		at, err := c.store.CanonicalRoot(oldest)
		if err == nil {
			next, err = c.store.Block(at)
		}
		if err != nil {
			return fmt.Errorf("read the oldest block: %w", err)
		}
	}
	if next.Message.Body.SignedExecutionPayloadBid.Message.ParentBlockHash == blocks[i].Signed.Message.Body.SignedExecutionPayloadBid.Message.BlockHash {
		return &PayloadMissingError{next.Message.Slot, root}
	}
	return nil
}

// FinishHistory notes that no block is missing from a slot on: there is none between it and the oldest one, or nobody has to serve it.
func (c *Chain) FinishHistory(slot types.Slot) error {
	oldest, parent, err := c.store.Oldest()
	if err != nil || oldest <= slot {
		return err
	}
	batch := c.store.NewBatch()
	batch.PutOldest(slot, parent)
	return batch.Commit(false)
}

// proposerSet is the signature of a block by a validator of a later state, in the domain of the block's own fork.
func (c *Chain) proposerSet(later *transition.State, cx ssz.Context, root types.Root, signed *types.SignedBeaconBlock) (bls.Set, error) {
	proposer := signed.Message.ProposerIndex
	if uint64(proposer) >= uint64(later.Validators.Len()) {
		return bls.Set{}, fmt.Errorf("proposer is validator %d of %d", proposer, later.Validators.Len())
	}
	key, err := c.env.Keys.PublicKey(uint64(proposer), later.Validators.Pubkey(proposer))
	if err != nil {
		return bls.Set{}, err
	}
	domain := types.ComputeDomain(params.DomainBeaconProposer(), cx.Spec.ForkVersion(cx.Fork), c.genesis.validatorsRoot)
	return bls.Set{
		Keys: []*bls.PublicKey{key}, Message: types.ComputeSigningRoot(root, domain), Signature: signed.Signature,
		Label: fmt.Sprintf("block of slot %d", signed.Message.Slot),
	}, nil
}

// putHistoricBlock checks the data of a historic block against it, and adds both to a batch.
func (c *Chain) putHistoricBlock(batch *store.Batch, cx ssz.Context, root types.Root, b *HistoricBlock) error {
	slot, body := b.Signed.Message.Slot, &b.Signed.Message.Body
	if err := batch.PutBlock(root, b.Signed); err != nil {
		return err
	}
	batch.PutCanonical(slot, root)
	if cx.Fork >= params.Gloas && b.Payload != nil {
		if err := checkHistoricPayload(cx, root, b.Payload, &body.SignedExecutionPayloadBid.Message); err != nil {
			return &RejectedError{slot, root, err}
		}
		if err := batch.PutPayload(root, b.Payload); err != nil {
			return err
		}
	}
	for _, v := range b.Columns {
		if v.of.Root != root {
			return &RejectedError{slot, root, fmt.Errorf("columns are of block %v", v.of.Root)}
		}
		for _, column := range v.columns {
			if err := putColumn(batch, cx, BlockID{slot, root}, b.Signed.Signature, column); err != nil {
				return err
			}
		}
	}
	if len(b.Blobs) > 0 {
		if err := c.checkBlobs(b.Blobs); err != nil {
			return &RejectedError{slot, root, fmt.Errorf("blobs: %w", err)}
		}
		for _, blob := range b.Blobs {
			if types.HashTreeRoot(&blob.SignedBlockHeader.Message) != root {
				return &RejectedError{slot, root, fmt.Errorf("blob %d is of block %v", blob.Index, types.HashTreeRoot(&blob.SignedBlockHeader.Message))}
			}
			if err := putBlob(batch, cx, BlockID{slot, root}, b.Signed.Signature, blob); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkHistoricPayload checks that an envelope is the one that its block's bid promised. Its builder's key may be another one's by now; the
// block hash, which the block after it builds on, names the payload.
func checkHistoricPayload(cx ssz.Context, root types.Root, signed *types.SignedExecutionPayloadEnvelope, bid *types.ExecutionPayloadBid) error {
	envelope := &signed.Message
	requests, err := ssz.HashTreeRoot(cx, ssz.Container(&envelope.ExecutionRequests))
	if err != nil {
		return err
	}
	switch {
	case envelope.BeaconBlockRoot != root:
		return fmt.Errorf("envelope.beacon_block_root: have %v, want %v", envelope.BeaconBlockRoot, root)
	case envelope.BuilderIndex != bid.BuilderIndex:
		return fmt.Errorf("envelope.builder_index == bid.builder_index: have %d, want %d", envelope.BuilderIndex, bid.BuilderIndex)
	case envelope.Payload.BlockHash != bid.BlockHash:
		return fmt.Errorf("payload.block_hash == bid.block_hash: have %v, want %v", envelope.Payload.BlockHash, bid.BlockHash)
	case requests != bid.ExecutionRequestsRoot:
		return fmt.Errorf("hash_tree_root(envelope.execution_requests) == bid.execution_requests_root: have %v, want %v", types.Root(requests), bid.ExecutionRequestsRoot)
	}
	return nil
}

// FinalizedBlockAt is the block of the finalized checkpoint of an epoch that is not after the present one: the last block up to the epoch's
// start. It is not known where no block is at hand in the two epochs up to there.
func (c *Chain) FinalizedBlockAt(epoch types.Epoch) (root types.Root, known bool) {
	slot := c.startOf(epoch)
	if b := c.index.get(c.Snapshot().Finalized.Root); b != nil && b.Slot <= slot {
		return b.Root, true
	}
	from := slot.SubSaturating(2 * types.Slot(c.cfg.Spec.SlotsPerEpoch))
	for at, err := range c.store.CanonicalRoots(from, slot) {
		if err != nil {
			return types.Root{}, false
		}
		root, known = at.Root, true
	}
	return root, known
}
