package router

import (
	"context"
	"errors"

	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/p2p/peers"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/gossip"
)

// concluded is what becomes of a batch after the verdicts were given.
func (r *Router) concluded(ctx context.Context, batch []outcome) {
	var counted []*chain.VerifiedAttestation
	for i := range batch {
		o := &batch[i]
		r.metrics.Messages.WithLabelValues(o.topic.Kind.String(), o.decision.Verdict.String()).Inc()
		switch o.decision.Verdict {
		case gossip.Reject:
			r.log.Debug("a message was rejected", "topic", o.name, "peer", o.peer, "error", o.decision)
			r.cfg.Peers.Report(o.peer, peers.Useless, "gossip: "+string(o.decision.Rule))
		case gossip.Accept:
			if vote := r.apply(o.topic.Kind, o.checked); vote != nil {
				counted = append(counted, vote)
			}
			if o.tries > 0 {
				r.passOn(ctx, o.message)
			}
		case gossip.Defer:
			r.deferred(o)
		}
	}
	r.votes.add(counted...)
}

// apply hands on what was accepted. A vote is returned for the caller to collect.
func (r *Router) apply(kind gossip.Kind, checked gossip.Checked) (vote *chain.VerifiedAttestation) {
	switch c := checked.(type) {
	case *gossip.CheckedBlock:
		r.importBlock(c.Signed())
		r.blockSeen(c.Root(), c.Signed())
	case *gossip.CheckedEnvelope:
		r.importPayload(c.Signed())
	case *gossip.CheckedColumn:
		r.cfg.Chain.HoldColumns(chain.FromGossipColumn(c))
		r.columnSeen(c.BlockRoot(), c.Sidecar())
	case *gossip.CheckedBlob:
		r.enqueue(kind, func(ctx context.Context) error {
			return r.cfg.Chain.ImportBlobs(ctx, []*types.BlobSidecar{c.Sidecar()})
		})
	case *gossip.CheckedAttestation:
		vote = chain.FromGossipAttestation(c)
	case *gossip.CheckedAggregate:
		vote = chain.FromGossipAggregate(c)
	case *gossip.CheckedAttesterSlashing:
		r.enqueue(kind, func(ctx context.Context) error { return r.cfg.Chain.ApplyAttesterSlashing(ctx, c) })
	case *gossip.CheckedPayloadAttestation:
		r.payloadVotes.add(c)
	}
	r.pool(checked)
	return vote
}

// pool gives what was accepted, or made here and sent, to whoever wants to hear of it.
func (r *Router) pool(checked gossip.Checked) {
	if r.cfg.Pool != nil {
		r.cfg.Pool.Insert(checked)
	}
}

func (r *Router) importBlock(signed *types.SignedBeaconBlock) {
	r.enqueue(gossip.BeaconBlock, func(ctx context.Context) error {
		_, err := r.cfg.Chain.ImportBlock(ctx, signed, chain.Gossip)
		return err
	})
}

func (r *Router) importPayload(signed *types.SignedExecutionPayloadEnvelope) {
	r.enqueue(gossip.ExecutionPayload, func(ctx context.Context) error {
		_, err := r.cfg.Chain.ImportPayload(ctx, signed, chain.Gossip)
		return err
	})
}

// enqueue hands work to the goroutines that import. What finds no room is lost: blocks and payloads will be missed by what builds on
// them, and asked for.
func (r *Router) enqueue(kind gossip.Kind, work func(context.Context) error) {
	f := func(ctx context.Context) {
		err := work(ctx)
		if err == nil || ctx.Err() != nil {
			return
		}
		r.metrics.ImportsFailed.WithLabelValues(kind.String()).Inc()
		var rejected *chain.RejectedError
		if errors.As(err, &rejected) {
			r.log.Warn("what gossip accepted broke a rule of the chain; no action is needed unless this goes on", "topic", kind, "error", err)
			return
		}
		r.log.Debug("what gossip accepted was not imported", "topic", kind, "error", err)
	}
	select {
	case r.imports <- f:
	default:
		r.metrics.ImportsFailed.WithLabelValues(kind.String()).Inc()
		r.log.Warn("too much waits to be imported; check the execution client and the disk", "topic", kind)
	}
}

func (r *Router) importLoop(ctx context.Context) error {
	for {
		select {
		case f := <-r.imports:
			f(ctx)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// deferred keeps a message that waits for something. Blocks and payloads that wait for others wait in the chain, which asks for what they
// lack; all else waits here.
func (r *Router) deferred(o *outcome) {
	wait := o.decision.Wait
	if wait.Kind != gossip.WaitSlot {
		switch object := o.object.(type) {
		case *types.SignedBeaconBlock:
			r.importBlock(object)
			return
		case *types.SignedExecutionPayloadEnvelope:
			r.importPayload(object)
			return
		}
	}
	now := r.clock.CurrentSlot()
	what := waitFor{kind: wait.Kind, slot: wait.Slot, root: wait.Root}
	switch wait.Kind {
	case gossip.WaitSlot:
		what.root = types.Root{}
	case gossip.WaitBlock, gossip.WaitPayload:
		what.slot = 0
	default:
		what = waitFor{kind: gossip.WaitState}
	}
	first, kept := r.hold.add(o.message, what, now)
	if !kept {
		return
	}
	if r.came(what) { // while the message was looked at
		r.recheck(r.hold.take(what))
		return
	}
	if !first {
		return
	}
	switch what.kind { // whoever else refers to it may be asked if this peer does not answer
	case gossip.WaitBlock:
		r.cfg.FindBlock(what.root, o.peer)
	case gossip.WaitPayload:
		r.cfg.FindPayload(what.root, o.peer)
	}
}

// came tells whether something is here now that messages wait for.
func (r *Router) came(what waitFor) bool {
	switch what.kind {
	case gossip.WaitSlot:
		return what.slot <= r.clock.CurrentSlot()
	case gossip.WaitState:
		return false
	}
	block, ok := r.cfg.Chain.View().Block(what.root)
	return ok && (what.kind == gossip.WaitBlock || block.PayloadVerified || block.Failed)
}

// recheck has messages checked again that waited.
func (r *Router) recheck(messages []*message) {
	for _, m := range messages {
		m.now = r.now()
		r.pipeline.push(m)
	}
}

// passOn publishes a message that was accepted only after it had waited: gossipsub was told to ignore it.
func (r *Router) passOn(ctx context.Context, m *message) {
	if !r.subscribedTo(m.name) {
		return
	}
	if err := r.send(ctx, m.topic, m.data); err != nil && !errors.Is(err, ErrNoPeers) && ctx.Err() == nil {
		r.log.Debug("a message that waited was not passed on", "topic", m.name, "error", err)
	}
}
