package driver

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/sync/download"
	"github.com/cresset/cresset/sync/reqresp"
)

// machine is what takes in what became of a request: range sync or backfill.
type machine struct {
	received func(now time.Time, id uint64, a download.Answer) []any
	failed   func(now time.Time, id uint64, class download.Class, reason string) []any
	do       func(ctx context.Context, actions []any)
}

// fetched is what a request brought: a part of a content.
type fetched struct {
	blocks   []reqresp.Block
	payloads []reqresp.Envelope
	columns  map[types.Root]*chain.VerifiedColumns
	complete []uint64 // the columns that are here of all blocks that have blobs
	blobs    map[types.Root][]*types.BlobSidecar
	bytes    int
	first    time.Duration // until the first byte
}

// fetch sends a request.
func (d *Driver) fetch(ctx context.Context, m machine, r download.Request) {
	var blocks []reqresp.Block
	var wanted []types.Root // whose columns are to come
	if c := d.contents[r.Batch]; c != nil {
		blocks = c.blocks
		if r.Part == download.Columns {
			wanted = d.wantsColumns(c)
		}
	}
	d.cfg.Metrics.Requests.WithLabelValues(r.Part.String()).Inc()
	d.requests[r.ID] = d.start(ctx, func(ctx context.Context) {
		var f fetched
		var err error
		begin := d.clock.Now()
		began := func() {
			if f.first == 0 {
				f.first = d.clock.Now().Sub(begin)
			}
		}
		switch r.Part {
		case download.Blocks:
			err = d.fetchBlocks(ctx, r, &f, began)
		case download.Payloads:
			err = d.fetchPayloads(ctx, r, blocks, &f, began)
		case download.Columns:
			err = d.fetchColumns(ctx, r, blocks, wanted, &f, began)
		case download.Blobs:
			err = d.fetchBlobs(ctx, r, blocks, &f, began)
		}
		began()
		d.post(func(ctx context.Context) { d.landed(ctx, m, r, f, err) })
	})
}

// landed takes in what a request brought, unless it was given up.
func (d *Driver) landed(ctx context.Context, m machine, r download.Request, f fetched, err error) {
	if d.requests[r.ID] == nil {
		d.room.release(f.bytes)
		return
	}
	delete(d.requests, r.ID)
	now := d.clock.Now()
	if err != nil {
		d.room.release(f.bytes)
		class, reason := classify(err)
		d.log.Debug("a request failed", "peer", r.Peer, "part", r.Part, "start", r.Start, "count", r.Count, "error", err)
		m.do(ctx, m.failed(now, r.ID, class, reason))
		return
	}
	d.cfg.Metrics.Bytes.Add(float64(f.bytes))
	c := d.contents[r.Batch]
	if r.Part == download.Blocks {
		c = newContent(f.blocks)
		if r.Batch != 0 {
			d.discard(r.Batch)
			d.contents[r.Batch] = c
		}
	}
	if c.bytes += f.bytes; r.Batch == 0 {
		d.room.release(c.bytes)
	}
	switch r.Part {
	case download.Payloads:
		for _, e := range f.payloads {
			c.payloads[e.Root] = e.Signed
		}
	case download.Columns:
		for root, columns := range f.columns {
			c.columns[root] = append(c.columns[root], columns)
		}
	case download.Blobs:
		for root, blobs := range f.blobs {
			c.blobs[root] = blobs
		}
	}
	m.do(ctx, m.received(now, r.ID, download.Answer{Blocks: outline(f.blocks), Columns: f.complete, Bytes: f.bytes, FirstByte: f.first}))
}

// errFull means that what came and waits has all the room there is.
var errFull = errors.New("there is no room for more")

// room is the bytes of what came and waits to be imported, or is on its way.
type room struct{ held atomic.Int64 }

func (r *room) release(bytes int) { r.held.Add(-int64(bytes)) }

// hold counts what came for a request. Only what all else waits for may go beyond the bound.
func (d *Driver) hold(r download.Request, f *fetched, bytes int) error {
	f.bytes += bytes
	if held := d.room.held.Add(int64(bytes)); held > int64(d.cfg.BatchBytes) && !r.First {
		return fmt.Errorf("%w: %d bytes of %d", errFull, held, d.cfg.BatchBytes)
	}
	return nil
}

// discard drops what came of a batch.
func (d *Driver) discard(batch uint64) {
	if c := d.contents[batch]; c != nil {
		d.room.release(c.bytes)
		delete(d.contents, batch)
	}
}

// classify tells what a failure says of the peer.
func classify(err error) (download.Class, string) {
	if errors.Is(err, errFull) {
		return download.Full, err.Error()
	}
	if errors.As(err, new(*otherBlockError)) {
		return download.Conflict, err.Error()
	}
	var wrong *wrongDataError
	if errors.As(err, &wrong) {
		return download.Broken, wrong.Error()
	}
	switch reqresp.ClassOf(err) {
	case reqresp.Broken:
		return download.Broken, err.Error()
	case reqresp.Refused:
		if reqresp.CodeOf(err) == reqresp.ResourceUnavailable {
			return download.Absent, err.Error()
		}
		return download.Slow, err.Error()
	case reqresp.Unsupported:
		return download.Absent, err.Error()
	case reqresp.TimedOut, reqresp.Transport:
		return download.Slow, err.Error()
	}
	return download.Ours, err.Error()
}

// wrongDataError is data that is not what its block promised.
type wrongDataError struct{ err error }

func (e *wrongDataError) Error() string { return e.err.Error() }

func (e *wrongDataError) Unwrap() error { return e.err }

// otherBlockError is data of a block that is none of the batch: its sender has another chain than whoever sent the blocks.
type otherBlockError struct {
	what string
	root types.Root
}

func (e *otherBlockError) Error() string {
	return fmt.Sprintf("%s of block %v, which is none of the batch", e.what, e.root)
}

func wrongData(format string, args ...any) error { return &wrongDataError{fmt.Errorf(format, args...)} }

func (d *Driver) fetchBlocks(ctx context.Context, r download.Request, f *fetched, began func()) error {
	for b, err := range d.cfg.Client.BlocksByRange(ctx, r.Peer, reqresp.Range{StartSlot: r.Start, Count: r.Count}) {
		if err != nil {
			return err
		}
		began()
		// What else is needed, and how much that may be, follows from these.
		if have, most := len(commitments(&b)), d.cfg.Spec.MaxBlobsPerBlockAt(types.ComputeEpochAtSlot(d.cfg.Spec, b.Signed.Message.Slot)); b.Cx.Fork >= params.Deneb && uint64(have) > most {
			return wrongData("block of slot %d has %d blobs, want at most %d", b.Signed.Message.Slot, have, most)
		}
		f.blocks = append(f.blocks, b)
		if err := d.hold(r, f, b.Bytes); err != nil {
			return err
		}
	}
	return nil
}

// fetchPayloads fetches the envelopes of the blocks of a batch. A block may have none.
func (d *Driver) fetchPayloads(ctx context.Context, r download.Request, blocks []reqresp.Block, f *fetched, began func()) error {
	of := newContent(blocks)
	for e, err := range d.cfg.Client.EnvelopesByRange(ctx, r.Peer, reqresp.Range{StartSlot: r.Start, Count: r.Count}) {
		if err != nil {
			return err
		}
		began()
		if of.find(e.Root) == nil {
			return &otherBlockError{"payload", e.Root}
		}
		f.payloads = append(f.payloads, e)
		if err := d.hold(r, f, e.Bytes); err != nil {
			return err
		}
	}
	return nil
}

// fetchColumns fetches columns of the blocks of a batch and verifies those of the blocks whose columns are wanted.
func (d *Driver) fetchColumns(ctx context.Context, r download.Request, blocks []reqresp.Block, wanted []types.Root, f *fetched, began func()) error {
	of := newContent(blocks)
	came := map[types.Root][]*types.DataColumnSidecar{}
	for c, err := range d.cfg.Client.ColumnsByRange(ctx, r.Peer, reqresp.ColumnsByRange{Range: reqresp.Range{StartSlot: r.Start, Count: r.Count}, Columns: r.Columns}) {
		if err != nil {
			return err
		}
		began()
		b := of.find(c.Root)
		if b == nil {
			return &otherBlockError{fmt.Sprintf("column %d", c.Index), c.Root}
		}
		if have, want := len(c.Sidecar.Column), len(commitments(b)); have != want {
			return wrongData("column %d of slot %d has %d cells, its block %d blobs", c.Index, c.Slot, have, want)
		}
		came[c.Root] = append(came[c.Root], c.Sidecar)
		if err := d.hold(r, f, c.Bytes); err != nil {
			return err
		}
	}
	f.columns = map[types.Root]*chain.VerifiedColumns{}
	have := map[uint64]int{}
	for _, root := range wanted {
		columns := came[root]
		if len(columns) == 0 {
			continue
		}
		b := of.find(root)
		v, err := d.chain.VerifyColumns(chain.BlockID{Slot: b.Signed.Message.Slot, Root: b.Root}, &b.Signed.Message, columns)
		if err != nil {
			return wrongData("columns of slot %d: %w", b.Signed.Message.Slot, err)
		}
		f.columns[root] = v
		for _, c := range columns {
			have[c.Index]++
		}
	}
	for _, c := range r.Columns {
		if have[c] == len(wanted) {
			f.complete = append(f.complete, c)
		}
	}
	return nil
}

// commitments is the commitments to a block's blobs.
func commitments(b *reqresp.Block) []types.KZGCommitment {
	if b.Cx.Fork >= params.Gloas {
		return b.Signed.Message.Body.SignedExecutionPayloadBid.Message.BlobKZGCommitments
	}
	return b.Signed.Message.Body.BlobKZGCommitments
}

// fetchBlobs fetches the blobs of the blocks of a batch (deneb, electra). All have to be there.
func (d *Driver) fetchBlobs(ctx context.Context, r download.Request, blocks []reqresp.Block, f *fetched, began func()) error {
	of := newContent(blocks)
	f.blobs = map[types.Root][]*types.BlobSidecar{}
	for b, err := range d.cfg.Client.BlobsByRange(ctx, r.Peer, reqresp.Range{StartSlot: r.Start, Count: r.Count}) {
		if err != nil {
			return err
		}
		began()
		if of.find(b.BlockRoot) == nil {
			return &otherBlockError{fmt.Sprintf("blob %d", b.Index), b.BlockRoot}
		}
		f.blobs[b.BlockRoot] = append(f.blobs[b.BlockRoot], b.Sidecar)
		if err := d.hold(r, f, b.Bytes); err != nil {
			return err
		}
	}
	for i := range blocks {
		b := &blocks[i]
		if b.Cx.Fork >= params.Fulu || !d.wantsData(of, b) {
			continue
		}
		// They come in the order of their indices, each once.
		if have, want := len(f.blobs[b.Root]), len(commitments(b)); have < want {
			return &reqresp.Error{Class: reqresp.Refused, Peer: r.Peer, Protocol: "blob_sidecars_by_range", Err: &reqresp.ResponseError{
				Code: reqresp.ResourceUnavailable, Message: fmt.Sprintf("%d of %d blobs of slot %d", have, want, b.Signed.Message.Slot),
			}}
		}
	}
	return nil
}
