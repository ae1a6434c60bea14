package driver

import (
	"context"
	"fmt"
	"time"
)

// watchdog knows when things last moved.
type watchdog struct {
	last   time.Time // an import of a run ended, or a run began
	warned map[string]time.Time
}

func (w *watchdog) moved(now time.Time) { w.last = now }

// The limits of what may stand still.
const (
	// runStill is how long a run may go without an import that ends.
	runStill = 2 * time.Minute
	// lookupAge is how old a lookup may become.
	lookupAge = 2 * time.Minute
	// warnEvery is how often the same complaint is made.
	warnEvery = 5 * time.Minute
)

// watchOver checks what must not stand still. What does is told in one line with its cause and what to do, and only that is begun anew.
func (d *Driver) watchOver(ctx context.Context, now time.Time) {
	run := d.ranges.Progress(now)
	if !run.Running {
		d.watch.last = now
	}
	switch still := now.Sub(d.watch.last); {
	case still <= runStill:
	case run.Importing:
		// Another run would wait for the same.
		d.warn(now, "an import stands still", "look at the execution client and the disk", "for", still.Round(time.Second), "to", run.Target.String())
	default:
		cause := fmt.Sprintf("%d of %d peers are being asked, the oldest request is %v old", run.Peers, len(d.peers), run.Oldest.Round(time.Second))
		d.warn(now, "sync stands still", "another target is tried; more peers help", "for", still.Round(time.Second), "to", run.Target.String(), "cause", cause)
		d.watch.last = now
		d.doRanges(ctx, d.ranges.Reset(now, fmt.Sprintf("nothing was imported for %v", still.Round(time.Second))))
	}
	if n, oldest := d.lookups.Active(now); oldest > lookupAge {
		d.warn(now, "lookups stand still", "they are given up, and begun anew when somebody refers to them", "lookups", n, "oldest", oldest.Round(time.Second), "cause", fmt.Sprintf("%d peers", len(d.peers)))
		d.doLookups(ctx, d.lookups.Reset(now, "it stood still"))
	}
	d.watchColumns(now)
	if s := d.chain.Snapshot(); !run.Running && !run.Surveying && !run.Ahead && len(d.peers) > 0 {
		if behind := d.clock.CurrentSlot().SubSaturating(s.Head.Slot); uint64(behind) > 2*d.cfg.Spec.SlotsPerEpoch {
			d.warn(now, "the head is old and no peer is ahead", "the network may make no blocks; if others do, look at the peers and the clock",
				"behind", behind, "peers", len(d.peers))
		}
	}
}

// watchColumns complains of columns that no peer has.
func (d *Driver) watchColumns(now time.Time) {
	if len(d.peers) == 0 {
		return
	}
	have := map[uint64]int{}
	for _, s := range d.peers {
		for _, c := range s.Columns {
			have[c]++
		}
	}
	none, least := 0, len(d.peers)
	for _, c := range d.chain.Custody() {
		if least = min(least, have[c]); have[c] == 0 {
			none++
		}
	}
	d.cfg.Metrics.ColumnPeers.Set(float64(least))
	if none > 0 && d.ranges.Progress(now).Running {
		d.warn(now, "no peer has some of the columns to keep", "blocks with blobs wait until one has; more peers help", "columns", none, "of", len(d.chain.Custody()), "peers", len(d.peers))
	}
}

// warn complains, not too often.
func (d *Driver) warn(now time.Time, what, remedy string, args ...any) {
	if at, before := d.watch.warned[what]; before && now.Sub(at) < warnEvery {
		return
	}
	if d.watch.warned == nil {
		d.watch.warned = map[string]time.Time{}
	}
	d.watch.warned[what] = now
	d.log.Warn(what, append(args, "remedy", remedy)...)
	d.cfg.Metrics.Stalls.Inc()
}
