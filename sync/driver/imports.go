package driver

import (
	"context"
	"errors"
	"fmt"

	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/sync/backfill"
	"github.com/cresset/cresset/sync/download"
	"github.com/cresset/cresset/sync/rangesync"
)

// doRanges does what range sync asks for.
func (d *Driver) doRanges(ctx context.Context, actions []rangesync.Action) {
	m := machine{d.ranges.Received, d.ranges.Failed, d.doRanges}
	for _, a := range actions {
		switch a := a.(type) {
		case rangesync.Started:
			d.log.Info("sync begins", "to", a.Target, "from slot", a.First)
			d.cfg.Metrics.Runs.WithLabelValues("started").Inc()
			d.speed.reset(d.clock.Now())
			d.watch.moved(d.clock.Now())
			d.holdHistory(ctx, true)
		case rangesync.Done:
			d.log.Info("sync is done", "to", a.Target)
			d.cfg.Metrics.Runs.WithLabelValues("done").Inc()
			d.holdHistory(ctx, false)
		case rangesync.Failed:
			d.log.Warn("sync did not get to its target, others are tried", "to", a.Target, "reason", a.Reason)
			d.cfg.Metrics.Runs.WithLabelValues("failed").Inc()
			d.holdHistory(ctx, false)
		case download.Import:
			c := d.contents[a.Batch]
			d.start(ctx, func(ctx context.Context) {
				v := d.importBatch(ctx, c)
				d.post(func(ctx context.Context) {
					now := d.clock.Now()
					switch v.result {
					case download.Waits:
						d.doLookups(ctx, d.lookups.FindPayload(now, v.payloadOf, ""))
					case download.Imported:
						d.speed.add(now, a.Count)
						d.cfg.Metrics.Slots.Add(float64(a.Count))
					}
					d.watch.moved(now)
					d.settle(ctx)
					d.doRanges(ctx, d.ranges.Imported(now, a.Batch, v.result, v.part, v.reason))
				})
			})
		default:
			d.doDownload(ctx, m, a)
		}
	}
}

// doBackfill does what backfill asks for.
func (d *Driver) doBackfill(ctx context.Context, actions []backfill.Action) {
	if d.back == nil {
		return
	}
	m := machine{d.back.Received, d.back.Failed, d.doBackfill}
	for _, a := range actions {
		switch a := a.(type) {
		case backfill.Done:
			if err := d.chain.FinishHistory(d.historyEnd()); err != nil {
				d.log.Error("that history is complete cannot be noted, it will be looked for again; check the disk", "error", err)
			}
			d.log.Info("history is complete", "from slot", d.historyEnd())
			d.back = nil
		case backfill.Failed:
			d.log.Info("history has to wait for peers that have it", "reason", a.Reason, "again in", a.Pause)
		case download.Import:
			c := d.contents[a.Batch]
			d.start(ctx, func(ctx context.Context) {
				v := d.importHistory(ctx, c)
				d.post(func(ctx context.Context) { d.historyImported(ctx, a.Batch, v) })
			})
		default:
			d.doDownload(ctx, m, a)
		}
	}
}

// doDownload does what both ask for.
func (d *Driver) doDownload(ctx context.Context, m machine, action any) {
	switch a := action.(type) {
	case download.Request:
		d.fetch(ctx, m, a)
	case download.Cancel:
		if cancel := d.requests[a.ID]; cancel != nil {
			delete(d.requests, a.ID)
			cancel()
		}
	case download.Discard:
		d.discard(a.Batch)
	case download.Penalise:
		d.penalise(a.Peer, offence(a.Slow, a.Drop), a.Reason)
	}
}

// holdHistory has backfill stop, or go on.
func (d *Driver) holdHistory(ctx context.Context, hold bool) {
	if d.back != nil {
		d.doBackfill(ctx, d.back.Hold(d.clock.Now(), hold))
	}
}

// verdict is what became of an import.
type verdict struct {
	result    download.Result
	part      download.Part
	reason    string
	payloadOf types.Root // for download.Waits, the block whose payload is missing
}

// importBatch imports a batch of range sync.
func (d *Driver) importBatch(ctx context.Context, c *content) verdict {
	signed := make([]*types.SignedBeaconBlock, len(c.blocks))
	var payloads []*types.SignedExecutionPayloadEnvelope
	for i := range c.blocks {
		root := c.blocks[i].Root
		signed[i] = c.blocks[i].Signed
		if payload := c.payloads[root]; payload != nil {
			payloads = append(payloads, payload)
		}
		if err := d.handOverData(ctx, c, root); err != nil {
			return verdict{result: download.Wrong, part: download.Blobs, reason: err.Error()}
		}
	}
	_, err := d.chain.ImportSegment(ctx, signed, chain.RangeSync, payloads...)
	return c.verdictOn(err)
}

// handOverData gives the chain the data of a block that is about to be imported.
func (d *Driver) handOverData(ctx context.Context, c *content, root types.Root) error {
	for _, v := range c.columns[root] {
		d.chain.HoldColumns(v)
	}
	if blobs := c.blobs[root]; len(blobs) > 0 {
		return d.chain.ImportBlobs(ctx, blobs)
	}
	return nil
}

// verdictOn tells what the error of an import of a content says.
func (c *content) verdictOn(err error) verdict {
	if err == nil {
		return verdict{result: download.Imported}
	}
	v := verdict{result: download.Later, reason: err.Error()}
	if errors.Is(err, chain.ErrPayload) {
		v.part = download.Payloads
	}
	var missing *chain.PayloadMissingError
	switch {
	case errors.Is(err, chain.ErrInvalidPayload):
		v.result = download.Invalid
	case errors.As(err, new(*chain.RejectedError)):
		v.result = download.Wrong
	case errors.As(err, &missing) && c.find(missing.Parent) == nil:
		v.result, v.payloadOf = download.Waits, missing.Parent
	case errors.As(err, &missing):
		v.result, v.part = download.Incomplete, download.Payloads
	case errors.Is(err, chain.ErrUnknownParent), errors.Is(err, chain.ErrHistoryGap):
		v.result = download.Unlinked
	case errors.Is(err, chain.ErrBlobsMissing):
		v.result, v.part = download.Incomplete, download.Blobs
	case errors.Is(err, chain.ErrDataMissing):
		v.result, v.part = download.Incomplete, download.Columns
	}
	return v
}

// newBackfill makes the machine for what is missing of history, nil if nothing is.
func (d *Driver) newBackfill(bounds download.Config) (*backfill.Machine, error) {
	oldest, _, err := d.chain.History()
	if err != nil {
		return nil, fmt.Errorf("where history begins: %w", err)
	}
	end := d.historyEnd()
	if oldest <= end {
		return nil, nil
	}
	return backfill.New(backfill.Config{Oldest: oldest, First: end.SubSaturating(1), Download: bounds}), nil
}

// historyEnd is the slot from which on blocks are kept: genesis, or where nobody has to serve them any more.
// Spec: MIN_EPOCHS_FOR_BLOCK_REQUESTS (phase0/p2p-interface.md).
func (d *Driver) historyEnd() types.Slot {
	now, keep := d.clock.CurrentEpoch(), types.Epoch(d.cfg.Spec.ComputeMinEpochsForBlockRequests())
	if now <= keep {
		return params.GenesisSlot
	}
	return types.Slot(uint64(now-keep) * d.cfg.Spec.SlotsPerEpoch)
}

// importHistory imports a batch of backfill.
func (d *Driver) importHistory(ctx context.Context, c *content) verdict {
	blocks := make([]chain.HistoricBlock, len(c.blocks))
	for i := range c.blocks {
		b := &c.blocks[i]
		blocks[i] = chain.HistoricBlock{Signed: b.Signed, Payload: c.payloads[b.Root], Columns: c.columns[b.Root], Blobs: c.blobs[b.Root]}
	}
	return c.verdictOn(d.chain.ImportHistory(ctx, blocks))
}

func (d *Driver) historyImported(ctx context.Context, batch uint64, v verdict) {
	if d.back == nil {
		return
	}
	oldest, _, err := d.chain.History()
	if err != nil {
		d.log.Error("where history begins cannot be read, backfill stops; check the disk", "error", err)
		d.back = nil
		return
	}
	d.doBackfill(ctx, d.back.Imported(d.clock.Now(), batch, v.result, v.part, v.reason, oldest))
}
