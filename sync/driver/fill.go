package driver

import (
	"context"
	"errors"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/sync/reqresp"
)

// Custody is where the columns in custody begin to be whole: a node that came to keep more lacks those of earlier blocks. It may wait for the disk.
type Custody interface {
	// Gaps is blocks before a slot that lack columns, the newest first, at most so many, and the slot down to which it has looked: 0 if none is
	// older. It notes from where on nothing is missing.
	Gaps(below types.Slot, most int) (gaps []chain.Gap, reached types.Slot, err error)
}

const (
	// gapsAtOnce is how many blocks' columns are asked for at a time.
	gapsAtOnce = 8
	// gapsTime bounds one round of asking.
	gapsTime = time.Minute
	// gapsPause is how long is waited after a round that brought nothing, or when nothing is missing.
	gapsPause = time.Minute
)

// filling is the state of the search for columns of the past.
type filling struct {
	busy   bool
	news   bool       // a peer came since the last round began, who may have what nobody had
	below  types.Slot // where the next round begins to look: below blocks whose columns nobody had. 0 for the newest
	resume time.Time
}

// fill looks for columns of blocks that were here before custody grew, while there is nothing more urgent.
func (d *Driver) fill(ctx context.Context, now time.Time) {
	if d.cfg.Custody == nil || d.filling.busy || now.Before(d.filling.resume) || d.progress.Load().Stage != Synced {
		return
	}
	d.filling.busy, d.filling.news = true, false
	peers, below := maps.Clone(d.peers), d.filling.below
	d.start(ctx, func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, gapsTime)
		defer cancel()
		came, next := d.fillRound(ctx, peers, below)
		d.post(func(context.Context) {
			d.filling.busy, d.filling.below = false, next
			switch {
			case d.filling.news:
				d.filling.below = 0
			case came == 0:
				d.filling.resume = d.clock.Now().Add(gapsPause)
			}
		})
	})
}

// fillRound asks peers for what is missing, and gives how many columns came, and where to look next: what nobody has does not stand before what is older.
func (d *Driver) fillRound(ctx context.Context, peers map[string]PeerStatus, below types.Slot) (came int, next types.Slot) {
	from := below
	if from == 0 {
		from = math.MaxUint64
	}
	gaps, next, err := d.cfg.Custody.Gaps(from, gapsAtOnce)
	if err != nil {
		d.log.Error("which columns of the past are here cannot be read; check the disk", "error", err)
		return 0, 0
	}
	for _, id := range slices.Sorted(maps.Keys(peers)) {
		var ask []types.DataColumnsByRootIdentifier
		for i := range gaps {
			if columns := common(gaps[i].Columns, peers[id].Columns); len(columns) > 0 && peers[id].EarliestAvailableSlot <= gaps[i].Block.Slot {
				ask = append(ask, types.DataColumnsByRootIdentifier{BlockRoot: gaps[i].Block.Root, Columns: columns})
			}
		}
		if len(ask) == 0 || ctx.Err() != nil {
			continue
		}
		n, err := d.fillFrom(ctx, id, ask, gaps)
		came += n
		if err != nil && ctx.Err() == nil {
			drop := reqresp.ClassOf(err) == reqresp.Broken || errors.As(err, new(*wrongDataError))
			d.post(func(context.Context) { d.penalise(id, offence(!drop, drop), "columns of the past: "+err.Error()) })
		}
	}
	if below == 0 && !slices.ContainsFunc(gaps, func(g chain.Gap) bool { return len(g.Columns) > 0 }) {
		return came, 0 // so that it is noted that nothing of them is missing any more
	}
	return came, next
}

// fillFrom asks one peer, keeps what comes, and takes it out of the gaps. Columns that the peer does not send it need not have any more.
func (d *Driver) fillFrom(ctx context.Context, peer string, ask []types.DataColumnsByRootIdentifier, gaps []chain.Gap) (came int, err error) {
	d.cfg.Metrics.Requests.WithLabelValues("columns of the past").Inc()
	columns := map[types.Root][]*types.DataColumnSidecar{}
	for c, broken := range d.cfg.Client.ColumnsByRoot(ctx, peer, ask) {
		if broken != nil {
			err = broken
			break
		}
		columns[c.Root] = append(columns[c.Root], c.Sidecar)
	}
	for i := range gaps {
		g := &gaps[i]
		have := columns[g.Block.Root]
		if len(have) == 0 {
			continue
		}
		v, wrong := d.chain.VerifyColumns(g.Block, &g.Signed.Message, have)
		if wrong != nil {
			return came, wrongData("columns of slot %d: %w", g.Block.Slot, wrong)
		}
		if err := d.chain.FillGap(*g, v); err != nil {
			d.log.Error("columns of the past cannot be kept; check the disk", "slot", g.Block.Slot, "error", err)
			return came, nil
		}
		came += len(have)
		g.Columns = slices.DeleteFunc(g.Columns, func(c uint64) bool {
			return slices.ContainsFunc(have, func(s *types.DataColumnSidecar) bool { return s.Index == c })
		})
	}
	return came, err
}

// common is what stands in both lists.
func common(a, b []uint64) (both []uint64) {
	for _, x := range a {
		if slices.Contains(b, x) {
			both = append(both, x)
		}
	}
	return both
}
