package client

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"github.com/cresset/cresset/beacon/apiclient"
	"github.com/cresset/cresset/beacon/clock"
	"github.com/cresset/cresset/beacon/metrics"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/validator/duties"
	"github.com/cresset/cresset/validator/nodes"
)

type reportConfig struct {
	spec    *params.Spec
	clock   *clock.Clock
	nodes   *nodes.Nodes
	duties  *duties.Tracker
	log     *slog.Logger
	counted *metrics.Validator
}

// tally is what we know ourselves of an epoch.
type tally struct {
	voted       int
	votesMissed map[string]int // by why
	proposed    int
	blocks      map[string]int // missed, by why
}

// report says once an epoch what became of our duties. Its methods may be called by many goroutines; run owns the questions.
type report struct {
	cfg reportConfig

	mu struct {
		sync.Mutex
		epochs map[types.Epoch]*tally
	}
}

func newReport(cfg reportConfig) *report {
	r := &report{cfg: cfg}
	r.mu.epochs = map[types.Epoch]*tally{}
	return r
}

func (r *report) ofLocked(epoch types.Epoch) *tally {
	t := r.mu.epochs[epoch]
	if t == nil {
		t = &tally{votesMissed: map[string]int{}, blocks: map[string]int{}}
		r.mu.epochs[epoch] = t
	}
	return t
}

// voted takes note of votes, or of why there were none.
func (r *report) voted(epoch types.Epoch, votes int, why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if why == "" {
		r.ofLocked(epoch).voted += votes
	} else {
		r.ofLocked(epoch).votesMissed[why] += votes
	}
}

// proposed takes note of a proposal, or of why there was none.
func (r *report) proposed(epoch types.Epoch, why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if why == "" {
		r.ofLocked(epoch).proposed++
	} else {
		r.ofLocked(epoch).blocks[why]++
	}
}

// run judges every epoch when the one after it is over: then nothing of it can be included any more. One slot later, as the state has to be made.
func (r *report) run(ctx context.Context) error {
	spec := r.cfg.spec
	for next := r.cfg.clock.CurrentEpoch(); ; next++ {
		start := r.cfg.clock.StartOf(types.Slot(uint64(next+2)*spec.SlotsPerEpoch + 1))
		if err := r.cfg.clock.WaitUntil(ctx, start); err != nil {
			return err
		}
		if spec.ForkAtEpoch(next) >= params.Altair {
			r.judge(ctx, next)
		}
		r.mu.Lock()
		for epoch := range r.mu.epochs {
			if epoch <= next {
				delete(r.mu.epochs, epoch)
			}
		}
		r.mu.Unlock()
	}
}

// judge says what became of an epoch.
func (r *report) judge(ctx context.Context, epoch types.Epoch) {
	seats := map[types.ValidatorIndex]bool{}
	first := types.Slot(uint64(epoch) * r.cfg.spec.SlotsPerEpoch)
	for slot := first; slot < first+types.Slot(r.cfg.spec.SlotsPerEpoch); slot++ {
		for _, a := range r.cfg.duties.Attesters(slot) {
			seats[a.Validator] = true
		}
	}
	if len(seats) == 0 {
		return
	}
	var indices []types.ValidatorIndex
	for i := range seats {
		indices = append(indices, i)
	}
	slices.Sort(indices)
	rewards, err := nodes.Try(ctx, r.cfg.nodes, func(ctx context.Context, c *apiclient.Client) ([]apiclient.AttestationReward, error) {
		return c.AttestationRewards(ctx, epoch, indices)
	})
	if err != nil {
		if ctx.Err() == nil {
			r.cfg.log.Info("what became of an epoch's votes is not known: no beacon node says it", "epoch", epoch, "error", err)
		}
		return
	}
	s := summarize(seats, rewards)
	r.mu.Lock()
	t := *r.ofLocked(epoch)
	r.mu.Unlock()
	c := r.cfg.counted
	c.Expected.Set(float64(len(seats)))
	c.Included.Set(float64(s.included))
	c.TargetGood.Set(float64(s.target))
	c.HeadRight.Set(float64(s.head))
	lost := 0
	for _, n := range t.blocks {
		lost += n
	}
	args := []any{"epoch", epoch, "votes", len(seats), "attested", t.voted, "included", s.included, "target right", s.target, "head right", s.head,
		"blocks", t.proposed, "blocks missed", lost}
	if why := explain(s, len(seats), t); why != "" {
		args = append(args, "why", why)
	}
	r.cfg.log.Info("epoch", args...)
}

// outcome is what the chain has of an epoch's votes.
type outcome struct{ included, target, head int }

// summarize counts votes: one that earned something for its source came in time, those for target and head likewise. During an inactivity leak nothing is
// earned for a head, but nothing is lost for a source either: what is not negative was included.
func summarize(seats map[types.ValidatorIndex]bool, rewards []apiclient.AttestationReward) (o outcome) {
	for _, r := range rewards {
		if !seats[r.Validator] {
			continue
		}
		if r.Source >= 0 {
			o.included++
		}
		if r.Target >= 0 {
			o.target++
		}
		if r.Head > 0 {
			o.head++
		}
	}
	return o
}

// explain says in plain words why something was missed, nothing where all is well.
func explain(o outcome, votes int, t tally) string {
	var parts []string
	missed := 0
	for _, n := range t.votesMissed {
		missed += n
	}
	for _, m := range []struct {
		what string
		by   map[string]int
	}{{"votes", t.votesMissed}, {"blocks", t.blocks}} {
		var whys []string
		for why := range m.by {
			whys = append(whys, why)
		}
		slices.Sort(whys)
		for _, why := range whys {
			parts = append(parts, fmt.Sprintf("%d %s: %s", m.by[why], m.what, why))
		}
	}
	if n := votes - t.voted - missed; n > 0 {
		parts = append(parts, fmt.Sprintf("%d votes were not made: the process was not running, or did not know its duties", n))
	}
	if n := t.voted - o.included; n > 0 {
		parts = append(parts, fmt.Sprintf("%d votes were handed in and came into no block in time: the network did not get them, or blocks were full or missing", n))
	}
	if n := o.included - o.target; n > 0 {
		parts = append(parts, fmt.Sprintf("%d votes had the wrong target: the beacon node was behind at the start of the epoch", n))
	}
	if n := o.target - o.head; n > 0 {
		parts = append(parts, fmt.Sprintf("%d votes had another head than the chain, or were included a slot late: a block came late or was missing", n))
	}
	return strings.Join(parts, "; ")
}
