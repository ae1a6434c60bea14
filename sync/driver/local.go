package driver

import (
	"context"

	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/sync/download"
	"github.com/cresset/cresset/sync/rangesync"
)

// view is what the machines see of the chain.
type view Driver

// Canonical is the last block of the head's chain up to a slot.
func (v *view) Canonical(slot types.Slot) (rangesync.Block, bool) {
	b := v.chain.Snapshot().Head.AncestorAt(slot)
	if b == nil {
		return rangesync.Block{}, false
	}
	return rangesync.Block{Slot: b.Slot, Root: b.Root}, true
}

// Knows tells whether a block is imported.
func (v *view) Knows(root types.Root) bool { return v.chain.Block(root) != nil }

// settle tells the machines where this node is.
func (d *Driver) settle(ctx context.Context) {
	d.doRanges(ctx, d.ranges.SetLocal(d.clock.Now(), d.local()))
}

func (d *Driver) local() rangesync.Local {
	s := d.chain.Snapshot()
	l := rangesync.Local{FinalizedEpoch: s.Finalized.Epoch, FinalizedRoot: s.Finalized.Root, FinalizedSlot: s.FinalizedSlot, HeadSlot: s.Head.Slot}
	if b := d.chain.Block(s.Finalized.Root); b != nil {
		l.FinalizedSlot = b.Slot
	}
	return l
}

// needs tells what a batch needs besides its blocks.
func (d *Driver) needs(batch uint64, _ []download.Block) (n download.Needs) {
	c := d.contents[batch]
	if c == nil {
		return n
	}
	for _, b := range c.blocks {
		body := &b.Signed.Message.Body
		switch slot := b.Signed.Message.Slot; {
		case b.Cx.Fork >= params.Gloas:
			n.Payloads = true
			if len(body.SignedExecutionPayloadBid.Message.BlobKZGCommitments) > 0 && !d.chain.DataExpired(slot) {
				n.Columns = d.chain.Custody()
			}
		case b.Cx.Fork >= params.Fulu:
			if len(body.BlobKZGCommitments) > 0 && !d.chain.DataExpired(slot) {
				n.Columns = d.chain.Custody()
			}
		case b.Cx.Fork >= params.Deneb:
			n.Blobs = n.Blobs || len(body.BlobKZGCommitments) > 0 && !d.chain.DataExpired(slot)
		}
	}
	return n
}

// heard takes in what the chain tells.
func (d *Driver) heard(ctx context.Context, e chain.Event) {
	now := d.clock.Now()
	switch e := e.(type) {
	case chain.HeadEvent, chain.FinalizedEvent:
		d.settle(ctx)
	case chain.MissingEvent:
		switch e.Kind {
		case chain.MissingBlock:
			d.doLookups(ctx, d.lookups.FindBlock(now, e.Block, ""))
		case chain.MissingPayload:
			d.doLookups(ctx, d.lookups.FindPayload(now, e.Block, ""))
		case chain.MissingData:
			d.waitForData(ctx, e)
		}
	}
}
