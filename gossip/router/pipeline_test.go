package router

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/gossip"
)

// junkPipeline is a pipeline whose messages are all junk, which is seen when they are decoded.
func junkPipeline(t *testing.T, workers int) (p *pipeline, junk func(kind gossip.Kind, peer string) *message) {
	t.Helper()
	spec := specOf(t, params.Electra)
	network := gossip.NewNetwork(spec, types.Root{1})
	p = newPipeline(gossip.New(gossip.Config{Spec: spec}), network, workers)
	p.took, p.dropped, p.concluded = func(float64) {}, func(gossip.Kind) {}, func(context.Context, []outcome) {}
	return p, func(kind gossip.Kind, peer string) *message {
		topic, err := network.Topic(kind, 0, 0)
		check(t, err)
		m := from(peer, 0)
		m.topic = topic
		return m
	}
}

func TestALoneVoteIsCheckedAfterFiftyMilliseconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, junk := junkPipeline(t, 3)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- p.run(ctx) }()
		start := time.Now()
		m := junk(gossip.BeaconAttestation, "a")
		p.push(m)
		if v := <-m.verdict; v != gossip.Reject || time.Since(start) != flushAfter {
			t.Errorf("verdict is %v after %v, want reject after %v", v, time.Since(start), flushAfter)
		}
		start = time.Now()
		var many []*message
		for range queues[gossip.BeaconAttestation].flush {
			many = append(many, junk(gossip.BeaconAttestation, "b"))
			p.push(many[len(many)-1])
		}
		for _, m := range many {
			<-m.verdict
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("a full batch waited for %v", took)
		}
		start = time.Now()
		block := junk(gossip.BeaconBlock, "a")
		p.push(block)
		if <-block.verdict; time.Since(start) != 0 {
			t.Errorf("a block waited for %v", time.Since(start))
		}
		cancel()
		<-ended
	})
}

func TestAFloodKeepsNobodyElsesMessageOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, junk := junkPipeline(t, 3)
		dropped := 0
		p.dropped = func(gossip.Kind) { dropped++ }
		honest := junk(gossip.SyncCommittee, "honest")
		const more = 100
		var flood []*message
		for n := range queues[gossip.SyncCommittee].length + more {
			if n == 10 {
				p.push(honest)
			}
			flood = append(flood, junk(gossip.SyncCommittee, "flood"))
			p.push(flood[n])
		}
		if dropped != more+1 {
			t.Errorf("%d messages were dropped, want %d", dropped, more+1)
		}
		for n := range dropped { // the oldest
			if v := <-flood[n].verdict; v != gossip.Ignore {
				t.Fatalf("verdict on message %d is %v, want ignore", n, v)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- p.run(ctx) }()
		if v := <-honest.verdict; v != gossip.Reject {
			t.Errorf("verdict is %v, want that of its content", v)
		}
		cancel()
		<-ended
	})
}

func TestBlocksGoFirstAndAWorkerIsKeptForThem(t *testing.T) {
	p, junk := junkPipeline(t, 2)
	for _, k := range []gossip.Kind{gossip.VoluntaryExit, gossip.BeaconAggregateAndProof, gossip.BeaconBlock} {
		for range 64 {
			p.push(junk(k, "a"))
		}
	}
	now := time.Now()
	kindOf := func() string {
		q, batch, _ := p.take(now)
		if q == nil {
			return "none"
		}
		return batch[0].topic.Kind.String()
	}
	for _, want := range []string{"beacon_block", "beacon_block", "none"} {
		if got := kindOf(); got != want {
			t.Errorf("next is %s, want %s", got, want)
		}
	}
	p.mu.queues[gossip.BeaconBlock].busy, p.mu.busy = 0, 0
	p.mu.queues[gossip.BeaconBlock].workers = 0 // no more blocks
	for _, want := range []string{"beacon_aggregate_and_proof", "none"} {
		if got := kindOf(); got != want {
			t.Errorf("next is %s, want %s", got, want)
		}
	}
}
