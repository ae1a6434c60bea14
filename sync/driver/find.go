package driver

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/sync/lookup"
	"github.com/cresset/cresset/sync/reqresp"
)

// dataDue is data of a block that is looked for at a time, unless it has come by itself until then.
type dataDue struct {
	at   time.Time
	slot types.Slot
}

// mostDue bounds the blocks whose data is waited for.
const mostDue = 256

// waitForData waits a while for gossip to bring the data of a block before it is looked for.
func (d *Driver) waitForData(ctx context.Context, e chain.MissingEvent) {
	if _, waits := d.due[e.Block]; waits || len(d.due) >= mostDue {
		return
	}
	const patience = 6 // of a slot
	at := d.clock.Now()
	if e.Slot >= d.clock.CurrentSlot() {
		at = at.Add(d.clock.SlotDuration() / patience)
	}
	d.due[e.Block] = dataDue{at, e.Slot}
	d.findDue(ctx, d.clock.Now())
}

// findDue looks for the data that did not come by itself.
func (d *Driver) findDue(ctx context.Context, now time.Time) {
	for root, due := range d.due {
		if now.Before(due.at) {
			continue
		}
		delete(d.due, root)
		missing, err := d.chain.MissingColumns(root)
		if err != nil {
			d.log.Error("which columns are here cannot be read; check the disk", "block", root, "error", err)
			continue
		}
		if b := d.chain.Block(root); len(missing) > 0 && (b == nil || !b.PayloadKnown()) {
			d.doLookups(ctx, d.lookups.FindColumns(now, root, missing))
		}
	}
}

// doLookups does what lookups ask for.
func (d *Driver) doLookups(ctx context.Context, actions []lookup.Action) {
	for _, a := range actions {
		switch a := a.(type) {
		case lookup.Request:
			d.find(ctx, a)
		case lookup.Cancel:
			if cancel := d.finds[a.ID]; cancel != nil {
				delete(d.finds, a.ID)
				cancel()
			}
		case lookup.Import:
			blocks := slices.Clone(d.found[a.Lookup])
			slices.Reverse(blocks)
			d.start(ctx, func(ctx context.Context) {
				wrong, reason := d.importFound(ctx, blocks)
				root := blocks[len(blocks)-1].Root
				d.post(func(ctx context.Context) {
					d.doLookups(ctx, d.lookups.Imported(d.clock.Now(), a.Lookup, root, wrong, reason))
				})
			})
		case lookup.Ended:
			delete(d.found, a.Lookup)
			if a.Reason != "" {
				d.log.Debug("a lookup ended", "of", a.Kind, "block", a.Root, "reason", a.Reason)
			}
			d.cfg.Metrics.Lookups.WithLabelValues(a.Kind.String()).Inc()
		case lookup.Penalise:
			d.penalise(a.Peer, offence(false, a.Drop), a.Reason)
		}
	}
}

// importFound imports blocks, oldest first. One that lacks data waits for it, and those after it for that one.
func (d *Driver) importFound(ctx context.Context, blocks []reqresp.Block) (wrong bool, reason string) {
	for _, b := range blocks {
		if _, err := d.chain.ImportBlock(ctx, b.Signed, chain.Gossip); err != nil {
			return errors.As(err, new(*chain.RejectedError)) && !errors.Is(err, chain.ErrInvalidPayload), err.Error()
		}
	}
	return false, ""
}

// find sends a request.
func (d *Driver) find(ctx context.Context, r lookup.Request) {
	d.cfg.Metrics.Requests.WithLabelValues("lookup of " + r.Kind.String()).Inc()
	d.finds[r.ID] = d.start(ctx, func(ctx context.Context) {
		switch r.Kind {
		case lookup.Ancestors:
			blocks, err := d.ancestors(ctx, r)
			d.post(func(ctx context.Context) { d.gotAncestors(ctx, r, blocks, err) })
		case lookup.Payload:
			envelope, err := d.payload(ctx, r)
			if err == nil && envelope != nil {
				_, err = d.chain.ImportPayload(ctx, envelope, chain.Gossip)
			}
			if errors.Is(err, chain.ErrInvalidPayload) {
				err = nil // it is what was looked for, and who has it may not be able to tell
			}
			d.post(func(ctx context.Context) {
				d.gotPiece(ctx, r, err, func(now time.Time) []lookup.Action { return d.lookups.ReceivedPayload(now, r.ID, envelope != nil) })
			})
		case lookup.Columns:
			columns, err := d.columns(ctx, r)
			if err == nil && len(columns) > 0 {
				if imported := d.chain.ImportColumns(ctx, columns); imported != nil {
					err = &wrongDataError{imported}
				}
			}
			d.post(func(ctx context.Context) {
				d.gotPiece(ctx, r, err, func(now time.Time) []lookup.Action {
					got := map[uint64]bool{}
					for _, c := range columns {
						got[c.Index] = true
					}
					return d.lookups.ReceivedColumns(now, r.ID, slices.Sorted(maps.Keys(got)))
				})
			})
		}
	})
}

// ancestors asks for a block and those before it; a peer that does not speak the protocol for that is asked for the one block.
func (d *Driver) ancestors(ctx context.Context, r lookup.Request) (blocks []reqresp.Block, err error) {
	for b, err := range d.cfg.Client.BlocksByHead(ctx, r.Peer, r.Root, r.Count) {
		if reqresp.ClassOf(err) == reqresp.Unsupported {
			blocks = nil
			for b, err := range d.cfg.Client.BlocksByRoot(ctx, r.Peer, []types.Root{r.Root}) {
				if err != nil {
					return nil, err
				}
				blocks = append(blocks, b)
			}
			return blocks, nil
		}
		if err != nil {
			return nil, err
		}
		blocks = append(blocks, b)
	}
	return blocks, nil
}

func (d *Driver) payload(ctx context.Context, r lookup.Request) (*types.SignedExecutionPayloadEnvelope, error) {
	for e, err := range d.cfg.Client.EnvelopesByRoot(ctx, r.Peer, []types.Root{r.Root}) {
		return e.Signed, err
	}
	return nil, nil
}

func (d *Driver) columns(ctx context.Context, r lookup.Request) (columns []*types.DataColumnSidecar, err error) {
	for c, err := range d.cfg.Client.ColumnsByRoot(ctx, r.Peer, []types.DataColumnsByRootIdentifier{{BlockRoot: r.Root, Columns: r.Columns}}) {
		if err != nil {
			return nil, err
		}
		columns = append(columns, c.Sidecar)
	}
	return columns, nil
}

func (d *Driver) gotAncestors(ctx context.Context, r lookup.Request, blocks []reqresp.Block, err error) {
	if d.finds[r.ID] == nil {
		return
	}
	if err == nil {
		known := (*view)(d).Knows
		outline := make([]lookup.Block, len(blocks))
		for i, b := range blocks {
			outline[i] = lookup.Block{Root: b.Root, Parent: b.Signed.Message.ParentRoot}
			if !known(b.Root) {
				d.found[r.Lookup] = append(d.found[r.Lookup], b)
			}
		}
		d.gotPiece(ctx, r, nil, func(now time.Time) []lookup.Action { return d.lookups.ReceivedBlocks(now, r.ID, outline) })
		return
	}
	d.gotPiece(ctx, r, err, nil)
}

// gotPiece takes in what became of a request, unless it was given up.
func (d *Driver) gotPiece(ctx context.Context, r lookup.Request, err error, received func(time.Time) []lookup.Action) {
	if d.finds[r.ID] == nil {
		return
	}
	delete(d.finds, r.ID)
	now := d.clock.Now()
	if err != nil {
		broken := reqresp.ClassOf(err) == reqresp.Broken || errors.As(err, new(*wrongDataError))
		d.doLookups(ctx, d.lookups.Failed(now, r.ID, broken, err.Error()))
		return
	}
	d.doLookups(ctx, received(now))
}
