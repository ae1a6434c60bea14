package reqresp

import (
	"context"
	"fmt"
	"iter"

	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// Block is a block of an answer.
type Block struct {
	Root   types.Root
	Signed *types.SignedBeaconBlock
	Cx     ssz.Context
	Bytes  int // of its encoding
}

// BlocksByRange asks for the blocks of a range of slots. The blocks are of one chain, in ascending order; slots may be missing, and blocks
// at the end.
func (c *Client) BlocksByRange(ctx context.Context, peer string, r Range) iter.Seq2[Block, error] {
	var last *Block
	return checked(c, ctx, peer, BlocksByRangeV2, &BlocksByRange{r, 1}, func(chunk *Chunk) (Block, error) {
		b, err := c.block(chunk)
		if err != nil {
			return b, err
		}
		if err := r.holds(b.Signed.Message.Slot); err != nil {
			return b, err
		}
		if last != nil {
			if have, before := b.Signed.Message.Slot, last.Signed.Message.Slot; have <= before {
				return b, broken("slots of blocks ascend", have, fmt.Sprintf("> %d", before))
			}
			// Spec: "each parent_root MUST match the hash_tree_root of the preceding block".
			if have := b.Signed.Message.ParentRoot; have != last.Root {
				return b, broken("parent_root is the preceding block", have, last.Root)
			}
		}
		last = &b
		return b, nil
	})
}

// holds checks that a slot is in the range.
func (r Range) holds(slot types.Slot) error {
	if slot < r.StartSlot || slot >= r.end() {
		return broken("slot is in the range asked for", slot, fmt.Sprintf("[%d, %d)", r.StartSlot, r.end()))
	}
	return nil
}

// BlocksByRoot asks for blocks by their roots. The blocks come in any order and each once; those that the peer does not have are left
// out.
func (c *Client) BlocksByRoot(ctx context.Context, peer string, roots []types.Root) iter.Seq2[Block, error] {
	open := newWanted(roots)
	return checked(c, ctx, peer, BlocksByRootV2, &BlockRoots{roots}, func(chunk *Chunk) (Block, error) {
		b, err := c.block(chunk)
		if err == nil {
			err = open.take(b.Root)
		}
		return b, err
	})
}

// BlocksByHead asks for a block and its ancestors, count in all, in descending order without a gap.
func (c *Client) BlocksByHead(ctx context.Context, peer string, head types.Root, count uint64) iter.Seq2[Block, error] {
	next, below := head, ^types.Slot(0)
	return checked(c, ctx, peer, BlocksByHeadV1, &BlocksByHead{head, count}, func(chunk *Chunk) (Block, error) {
		b, err := c.block(chunk)
		if err != nil {
			return b, err
		}
		if b.Root != next {
			return b, broken("block is the one asked for or the parent of the one before", b.Root, next)
		}
		if slot := b.Signed.Message.Slot; slot >= below {
			return b, broken("slots of blocks descend", slot, fmt.Sprintf("< %d", below))
		}
		next, below = b.Signed.Message.ParentRoot, b.Signed.Message.Slot
		return b, nil
	})
}

// block decodes a block and computes its root.
func (c *Client) block(chunk *Chunk) (Block, error) {
	b := Block{Signed: new(types.SignedBeaconBlock), Cx: chunk.Cx, Bytes: len(chunk.SSZ)}
	if err := chunk.Decode(ssz.Container(b.Signed)); err != nil {
		return b, err
	}
	if err := c.matches(chunk, b.Signed.Message.Slot); err != nil {
		return b, err
	}
	var err error
	b.Root, err = ssz.HashTreeRoot(chunk.Cx, ssz.Container(&b.Signed.Message))
	return b, err
}

// wanted is what was asked for and has not come.
type wanted[K comparable] struct {
	open  map[K]bool // false once it has come
	count int
}

func newWanted[K comparable](keys []K) *wanted[K] {
	w := &wanted[K]{open: make(map[K]bool, len(keys)), count: len(keys)}
	for _, k := range keys {
		w.open[k] = true
	}
	return w
}

// take accepts each thing that was asked for once.
func (w *wanted[K]) take(key K) error {
	open, asked := w.open[key]
	if !asked {
		return broken("what is sent was asked for", key, fmt.Sprintf("one of %d others", w.count))
	}
	if !open {
		return broken("what was asked for is sent once", key, "each once")
	}
	w.open[key] = false
	return nil
}
