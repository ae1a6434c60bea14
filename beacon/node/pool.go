package node

import (
	"context"
	"errors"

	"github.com/cresset/cresset/beacon/api"
	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/pool"
	"github.com/cresset/cresset/beacon/producer"
)

// newProduction makes what blocks of this node's validators are made with.
func (n *node) newProduction() {
	n.pool = pool.New(pool.Config{Spec: n.spec, Log: n.log})
	n.producer = producer.New(producer.Config{
		Chain: n.chain, Pool: n.pool, Payloads: n.engine, Log: n.log, FeeRecipient: n.cfg.FeeRecipient, Graffiti: n.cfg.Graffiti,
		Attributes: n.payloadBegun,
	})
}

// topicPayloadAttributes is the topic of events that payloadBegun publishes.
const topicPayloadAttributes = "payload_attributes"

// payloadBegun tells clients of the Beacon API that a payload was begun.
func (n *node) payloadBegun(b producer.Begun) {
	if n.api == nil {
		return
	}
	event := &api.PayloadAttributes{
		ProposerIndex: b.Proposer, ProposalSlot: b.Slot,
		ParentBlockNumber: b.ParentBlockNumber, ParentBlockRoot: b.ParentBlockRoot, ParentBlockHash: b.ParentBlockHash,
		Attributes: api.Attributes{
			Timestamp: b.Attributes.Timestamp, PrevRandao: b.Attributes.PrevRandao, SuggestedFeeRecipient: b.Attributes.SuggestedFeeRecipient,
			Withdrawals: b.Attributes.Withdrawals, ParentBeaconBlockRoot: b.Attributes.ParentBeaconBlockRoot,
		},
	}
	n.tell(topicPayloadAttributes, b.Fork, event)
}

// prunePool drops from the pool what is too old, slot by slot, and what a finalized state has done with.
func (n *node) prunePool(ctx context.Context) error {
	events := n.chain.Subscribe(64)
	defer events.Close()
	for {
		select {
		case e := <-events.C:
			n.pool.Prune(n.clock.CurrentSlot())
			f, ok := e.(chain.FinalizedEvent)
			if !ok {
				continue
			}
			block := n.chain.Block(f.Checkpoint.Root)
			if block == nil {
				continue // a later one is finalized already
			}
			state, err := n.chain.StateAt(ctx, block.Root, block.Slot)
			if errors.Is(err, chain.ErrStateBusy) || errors.Is(err, chain.ErrUnknownBlock) {
				continue // the next finalized state has done with the same
			}
			if err != nil {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				n.log.Warn("the pool of operations could not be brought up to date; no action is needed unless this goes on", "error", err)
				continue
			}
			n.pool.PruneFinalized(state)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
