package driver

import (
	"context"
	"slices"

	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/sync/download"
	"github.com/cresset/cresset/sync/rangesync"
	"github.com/cresset/cresset/sync/reqresp"
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

// needs tells what a batch needs besides its blocks. Columns of a block from Gloas on are its payload's: there are none of one that was not revealed.
func (d *Driver) needs(batch uint64, _ []download.Block) (n download.Needs) {
	c := d.contents[batch]
	if c == nil {
		return n
	}
	for i := range c.blocks {
		b := &c.blocks[i]
		n.Payloads = n.Payloads || b.Cx.Fork >= params.Gloas
		n.Blobs = n.Blobs || b.Cx.Fork < params.Fulu && d.wantsData(c, b)
	}
	columns := d.wantsColumns(c)
	for _, column := range d.chain.Custody() {
		if slices.ContainsFunc(columns, func(root types.Root) bool { return !c.has(root, column) }) {
			n.Columns = append(n.Columns, column)
		}
	}
	return n
}

// wantsColumns is the blocks of a batch that have columns to keep.
func (d *Driver) wantsColumns(c *content) (roots []types.Root) {
	for i := range c.blocks {
		if b := &c.blocks[i]; b.Cx.Fork >= params.Fulu && d.wantsData(c, b) {
			roots = append(roots, b.Root)
		}
	}
	return roots
}

// wantsData tells whether a block has blobs that are young enough to be kept.
func (d *Driver) wantsData(c *content, b *reqresp.Block) bool {
	return len(commitments(b)) > 0 && !d.chain.DataExpired(b.Signed.Message.Slot) && (b.Cx.Fork < params.Gloas || c.payloads[b.Root] != nil)
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
	case chain.DroppedEvent:
		d.settle(ctx)
		for _, missing := range d.chain.Missing() {
			d.heard(ctx, missing)
		}
	}
}
