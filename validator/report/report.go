package report

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/cresset/cresset/beacon/apiclient"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/validator/duties"
	"github.com/cresset/cresset/validator/nodes"
)

// Duties says who had to vote.
type Duties interface {
	// Seats is our seats in an epoch's committees, as far as they are known.
	Seats(types.Epoch) []duties.Attester
	// Unknown is how many of ours should have voted in an epoch of whose committees nothing is known; 0 where they are known.
	Unknown(types.Epoch) int
}

// Config is what a Report is made of. All of it is needed.
type Config struct {
	duties.Tools
	Duties Duties
}

// vote is what this process knows of a vote of its own.
type vote struct {
	after  time.Duration // in its slot a node had taken it
	missed *duties.Miss  // nil where it was handed in
}

// proposal is what this process knows of a block of its own.
type proposal struct {
	root   types.Root
	missed *duties.Miss
}

// tally is what this process knows of an epoch.
type tally struct {
	votes  map[types.ValidatorIndex]vote
	blocks map[types.Slot]proposal
}

// Report says once an epoch what became of our duties. Voted and Proposed may be called by many goroutines.
type Report struct {
	cfg Config

	mu struct {
		sync.Mutex
		epochs map[types.Epoch]*tally
	}
}

// New makes a report that knows nothing yet.
func New(cfg Config) *Report {
	r := &Report{cfg: cfg}
	r.mu.epochs = map[types.Epoch]*tally{}
	return r
}

func (r *Report) ofLocked(epoch types.Epoch) *tally {
	t := r.mu.epochs[epoch]
	if t == nil {
		t = &tally{map[types.ValidatorIndex]vote{}, map[types.Slot]proposal{}}
		r.mu.epochs[epoch] = t
	}
	return t
}

// Voted takes note of votes of a slot: when in it a node took them, or why they were missed.
func (r *Report) Voted(slot types.Slot, validators []types.ValidatorIndex, after time.Duration, missed *duties.Miss) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.ofLocked(types.ComputeEpochAtSlot(r.cfg.Spec, slot))
	for _, v := range validators {
		t.votes[v] = vote{after, missed}
	}
}

// Proposed takes note of the block of a slot, or why it was missed.
func (r *Report) Proposed(slot types.Slot, block types.Root, missed *duties.Miss) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ofLocked(types.ComputeEpochAtSlot(r.cfg.Spec, slot)).blocks[slot] = proposal{block, missed}
}

// take gives what is known of an epoch and forgets it, and what is older.
func (r *Report) take(epoch types.Epoch) tally {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := *r.ofLocked(epoch)
	for e := range r.mu.epochs {
		if e <= epoch {
			delete(r.mu.epochs, e)
		}
	}
	return t
}

// Run judges every epoch until the context ends: in the last two slots that can include its votes, as the state of the head knows its committees no longer.
func (r *Report) Run(ctx context.Context) error {
	for epoch := r.cfg.Clock.CurrentEpoch(); ; epoch++ {
		var last types.Slot
		err := r.cfg.Clock.WaitFor(ctx, func() time.Time {
			epoch = min(epoch, r.cfg.Clock.CurrentEpoch()) // less than before once the clock was set back
			last = types.Slot(uint64(epoch+2)*r.cfg.Spec.SlotsPerEpoch - 1)
			return r.cfg.Clock.StartOf(last - 1)
		})
		if err != nil {
			return err
		}
		if now := r.cfg.Clock.CurrentEpoch(); now > epoch+2 {
			r.cfg.Log.Warn("the process stood still or the clock was set on, and duties of whole epochs were not done; look at the machine", "first", epoch, "last", now-2)
			r.take(now - 2)
			epoch = now - 2
			continue
		}
		judging, cancel := r.cfg.Clock.Until(ctx, r.cfg.Clock.StartOf(last+1))
		r.judge(judging, epoch)
		cancel()
	}
}

// judge says what became of an epoch. It is tried again until the context ends.
func (r *Report) judge(ctx context.Context, epoch types.Epoch) {
	seats, known := r.cfg.Duties.Seats(epoch), r.take(epoch)
	if n := r.cfg.Duties.Unknown(epoch); n > 0 {
		r.unknown(epoch, n)
	}
	if len(seats) == 0 {
		return
	}
	var found *chain
	err := r.cfg.Nodes.Retry(ctx, r.cfg.Clock.SlotDuration()/8, func() (err error) {
		found, err = nodes.Try(ctx, r.cfg.Nodes, 0, func(ctx context.Context, c *apiclient.Client) (*chain, error) {
			x := newChain(r.cfg.Tools, c, epoch, seats)
			return x, x.read(ctx, known.blocks)
		})
		return err
	})
	if err != nil {
		r.cfg.Log.Info("what became of an epoch's votes is not known: no beacon node gives its blocks", "epoch", epoch, "error", err)
		return
	}
	f := summarize(r.cfg.Spec, seats, known, found)
	m := r.cfg.Metrics
	m.Expected.Set(float64(len(seats)))
	m.Included.Set(float64(f.included))
	m.TargetGood.Set(float64(f.target))
	m.HeadRight.Set(float64(f.head))
	m.Duties.WithLabelValues("attestation", "missed").Add(float64(f.unmade)) // the others were counted when they were missed
	m.Distance.Set(f.distance())
	m.WorstDistance.Set(float64(f.worst))
	args := []any{"epoch", epoch, "votes", len(seats), "attested", f.attested, "included", f.included, "distance", f.distance(), "worst", f.worst,
		"target right", f.target, "head right", f.head, "blocks", f.blocks, "blocks missed", f.blocksMissed}
	if why := f.explain(); why != "" {
		args = append(args, "why", why)
	}
	r.cfg.Log.Info("epoch", args...)
}

// unknown says that nothing was done in an epoch, as its duties were never known.
func (r *Report) unknown(epoch types.Epoch, votes int) {
	m := r.cfg.Metrics
	m.Duties.WithLabelValues("attestation", "missed").Add(float64(votes))
	m.Expected.Set(float64(votes))
	m.Included.Set(0)
	m.TargetGood.Set(0)
	m.HeadRight.Set(0)
	m.Distance.Set(0)
	m.WorstDistance.Set(0)
	r.cfg.Log.Warn("epoch", "epoch", epoch, "votes", votes, "attested", 0, "included", 0,
		"why", fmt.Sprintf("%d votes were not made: no beacon node gave the duties of the epoch; look at the beacon nodes", votes))
}
