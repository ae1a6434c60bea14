package router

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cresset/cresset/gossip"
)

// outcome is a message with what was decided about it.
type outcome struct {
	*message
	decision gossip.Decision
	checked  gossip.Checked // set if and only if it is accepted
}

// pipeline takes messages into queues and checks them in batches.
type pipeline struct {
	rules   *gossip.Rules
	network *gossip.Network
	// workers is how many batches are checked at a time; spare of them are for the kinds of the first priority only.
	workers, spare int
	// concluded is told of what became of a batch.
	concluded func(context.Context, []outcome)
	// dropped is told of messages that found no room.
	dropped func(gossip.Kind)
	// took is told how long a batch took, in seconds.
	took     func(float64)
	suspects *suspects

	wake chan struct{}

	mu struct {
		sync.Mutex
		queues [kinds]*queue
		busy   int
	}
}

func newPipeline(rules *gossip.Rules, network *gossip.Network, workers int) *pipeline {
	p := &pipeline{rules: rules, network: network, workers: workers, spare: 1, suspects: newSuspects(), wake: make(chan struct{}, workers)}
	for k := range p.mu.queues {
		p.mu.queues[k] = newQueue(queues[k], p.suspects.is)
	}
	return p
}

// push takes a message in. It does not wait; what finds no room is ignored.
func (p *pipeline) push(m *message) {
	p.mu.Lock()
	dropped := p.mu.queues[m.topic.Kind].push(m, time.Now())
	p.mu.Unlock()
	for _, d := range dropped {
		p.dropped(d.topic.Kind)
		d.say(gossip.Ignore)
	}
	p.signal()
}

// signal wakes a worker that waits.
func (p *pipeline) signal() {
	select {
	case p.wake <- struct{}{}:
	default: // as many are on their way as there are workers
	}
}

// run checks messages until the context ends. What waits then is ignored.
func (p *pipeline) run(ctx context.Context) error {
	var g errgroup.Group
	for range p.workers {
		g.Go(func() error { return p.work(ctx) })
	}
	return g.Wait()
}

func (p *pipeline) work(ctx context.Context) error {
	for {
		q, batch, wait := p.take(time.Now())
		if q != nil {
			p.signal() // there may be more
			p.check(ctx, batch)
			p.mu.Lock()
			q.busy--
			p.mu.busy--
			p.mu.Unlock()
			if ctx.Err() == nil {
				continue
			}
		}
		var due <-chan time.Time
		if wait >= 0 {
			due = time.After(wait)
		}
		select {
		case <-p.wake:
		case <-due:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// take gives the batch that goes first, or how long until there will be one; negative for as long as nothing comes.
func (p *pipeline) take(now time.Time) (first *queue, batch []*message, wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	wait = -1
	for _, q := range p.mu.queues {
		if q.priority > 0 && p.mu.busy+p.spare >= p.workers {
			continue
		}
		ready, in := q.ready(now)
		switch {
		case ready && (first == nil || q.priority < first.priority):
			first = q
		case in >= 0 && (wait < 0 || in < wait):
			wait = in
		}
	}
	if first == nil {
		return nil, nil, wait
	}
	first.busy++
	p.mu.busy++
	return first, first.take(), wait
}

// check decides about a batch: both halves of the rules, and the signatures of all of it between them.
func (p *pipeline) check(ctx context.Context, batch []*message) {
	began := time.Now()
	out := make([]outcome, len(batch))
	candidates := make([]gossip.Candidate, 0, len(batch))
	places := make([]int, 0, len(batch))
	for i, m := range batch {
		out[i].message = m
		if d := p.network.Open(m.topic, m.now); d.Verdict != gossip.Accept {
			out[i].decision = d
			continue
		}
		if m.object == nil {
			object, err := p.network.Decode(m.topic, m.data)
			if err != nil {
				// Spec: "Clients MUST reject (fail validation) messages containing an incorrect type, or invalid payload" (phase0)
				out[i].decision = gossip.Decision{Verdict: gossip.Reject, Rule: gossip.RuleType, Err: err}
				continue
			}
			m.object = object
		}
		candidates, places = append(candidates, p.rules.Check(m.topic, m.object, m.now)), append(places, i)
	}
	gossip.Verify(candidates...)
	for i, c := range candidates {
		o := &out[places[i]]
		o.checked, o.decision = c.Conclude()
	}
	p.judge(out)
	p.took(time.Since(began).Seconds())
	for i := range out {
		out[i].say(out[i].decision.Verdict)
	}
	p.concluded(ctx, out)
}

// judge counts what peers sent.
func (p *pipeline) judge(out []outcome) {
	type tally struct{ good, bad int }
	peers := map[string]tally{}
	for i := range out {
		t := peers[out[i].peer]
		if out[i].decision.Verdict == gossip.Reject {
			t.bad++
		} else {
			t.good++
		}
		peers[out[i].peer] = t
	}
	for peer, t := range peers {
		p.suspects.count(peer, t.good, t.bad)
	}
}
