package chain

import (
	"context"
	"errors"

	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/forkchoice"
)

// updateHead runs fork choice and publishes what changed. Only the writer calls it.
func (c *Chain) updateHead(cause string) {
	begin := c.clock.Now()
	node, err := c.w.fc.GetHead()
	c.metrics.HeadSeconds.Observe(c.clock.Now().Sub(begin).Seconds())
	block := c.index.get(node.Root)
	if err != nil || block == nil {
		if !c.w.noHead {
			c.log.Error("fork choice finds no head, the last one stays", "after", cause, "error", err)
		}
		c.w.noHead = true
		if last := c.snapshot.Load(); last != nil && !last.Optimistic {
			s := *last
			s.Optimistic = true // nobody is to vote for a head that may not be one
			c.snapshot.Store(&s)
			c.metrics.OptimisticHead.Set(1)
		}
		return
	}
	c.w.noHead = false
	old, oldBlock := c.w.head, c.w.headBlock
	c.w.head, c.w.headBlock = node, block
	left := branchLeft(oldBlock, block) // before finality cuts the branches off
	c.w.justified = c.w.fc.JustifiedCheckpoint()
	finalized := c.w.fc.FinalizedCheckpoint()
	var final *finalJob
	if finalized != c.w.finalized {
		final = c.finalize(finalized)
	}
	if epoch := c.clock.CurrentEpoch(); final != nil || epoch > c.w.saved {
		c.w.saved = epoch
		c.saveForkChoice(final)
	}
	c.publish()
	if node != old {
		c.announce(oldBlock, left, block, node)
	}
	c.notifier.set(c.headUpdate())
}

// publish makes a snapshot of the present head. Only the writer calls it.
func (c *Chain) publish() {
	b := c.w.headBlock
	optimistic, err := c.w.fc.IsOptimisticNode()
	s := &Snapshot{
		Slot: c.clock.CurrentSlot(), Head: b, HeadPayload: c.w.head.PayloadStatus,
		Justified: c.w.justified, Finalized: c.w.finalized, FinalizedSlot: c.startOf(c.w.finalized.Epoch),
		Safe: c.w.fc.ConfirmedRoot(), Boosted: c.w.fc.ProposerBoostRoot(),
		BuildOnFull: c.buildOnFull(),
		Optimistic:  optimistic || err != nil,
		state:       c.states.latest(b.Root, b.Slot),
	}
	if s.state != nil {
		s.PreviousJustified = s.state.PreviousJustifiedCheckpoint
	} else if old := c.snapshot.Load(); old != nil && old.Head == b {
		s.state, s.PreviousJustified = old.state, old.PreviousJustified
	} else if c.running.Load() { // a start computes it itself
		go c.fillHeadState(s)
	}
	c.snapshot.Store(s)
	c.metrics.HeadSlot.Set(float64(b.Slot))
	c.metrics.FinalizedEpoch.Set(float64(s.Finalized.Epoch))
	c.metrics.JustifiedEpoch.Set(float64(s.Justified.Epoch))
	c.metrics.PreviousEpoch.Set(float64(s.PreviousJustified.Epoch))
	c.metrics.OptimisticHead.Set(0)
	if s.Optimistic {
		c.metrics.OptimisticHead.Set(1)
	}
}

// buildOnFull tells whether the proposer of the slot after the head's builds on the head's payload. Only the writer calls it.
func (c *Chain) buildOnFull() bool {
	full, err := c.w.fc.ShouldBuildOnFull(c.w.head, c.w.headBlock.Slot+1)
	return err == nil && full
}

// fillHeadState computes the state of a head that is not in memory, and publishes the snapshot again with it.
func (c *Chain) fillHeadState(s *Snapshot) {
	if _, err := c.stateAt(context.Background(), s.Head.Root, s.Head.Slot, true); err != nil {
		if errors.Is(err, ErrStopped) {
			return
		}
		c.log.Error("the state of the new head cannot be computed", "slot", s.Head.Slot, "block", s.Head.Root, "error", err)
		return
	}
	full := *s
	if full.state = c.states.latest(s.Head.Root, s.Head.Slot); full.state != nil {
		full.PreviousJustified = full.state.PreviousJustifiedCheckpoint
		c.snapshot.CompareAndSwap(s, &full)
	}
}

// branchLeft is how many slots of the old head's branch the new head does not build on, 0 if it builds on the old head.
func branchLeft(old, head *Block) uint64 {
	if old == nil || old == head {
		return 0
	}
	common := commonAncestor(old, head)
	switch common {
	case old:
		return 0
	case nil:
		return uint64(old.Slot)
	}
	return uint64(old.Slot - common.Slot)
}

// announce publishes the events of a new head. Left is how many slots of the old one's branch were left.
func (c *Chain) announce(old *Block, left uint64, head *Block, node forkchoice.Node) {
	optimistic := c.w.fc.IsOptimisticAt(node)
	if left > 0 {
		c.metrics.Reorgs.Inc()
		c.log.Info("the head moved to another branch", "slot", head.Slot, "head", head.Root, "old slot", old.Slot, "old head", old.Root, "depth", left)
		c.events.publish(ReorgEvent{
			Slot: head.Slot, Depth: left, OldHead: old.Root, NewHead: head.Root, OldState: old.StateRoot, NewState: head.StateRoot,
			Epoch: c.epochOf(head.Slot), ExecutionOptimistic: optimistic,
		})
	}
	epoch := c.epochOf(head.Slot)
	c.events.publish(HeadEvent{
		Slot: head.Slot, Block: head.Root, State: head.StateRoot, Payload: node.PayloadStatus,
		EpochTransition:  old != nil && c.epochOf(old.Slot) < epoch,
		PreviousDutyRoot: c.dutyRoot(head, epoch), CurrentDutyRoot: c.dutyRoot(head, epoch+1),
		ExecutionOptimistic: optimistic,
	})
}

// dutyRoot is the block that decides the committees of an epoch in the chain of a block. One that is older than the block that the chain was
// started from stands in the head's state; zero where there is none yet.
func (c *Chain) dutyRoot(head *Block, epoch types.Epoch) types.Root {
	slot, _ := c.decisionSlot(epoch)
	if b := head.AncestorAt(slot); b != nil {
		return b.Root
	}
	if s := c.Snapshot(); s != nil && s.Head == head && s.state != nil {
		if root, err := s.state.Frozen().BlockRoot(slot); err == nil {
			return root
		}
	}
	return types.Root{}
}

// commonAncestor is the last block that both chains have; nil if it is older than what is kept.
func commonAncestor(a, b *Block) *Block {
	for a != b && a != nil && b != nil {
		if a.Slot >= b.Slot {
			a = a.Parent()
		} else {
			b = b.Parent()
		}
	}
	if a != b {
		return nil
	}
	return a
}

// report sets the metrics that cost a look around, and writes the slot's line.
func (c *Chain) report() {
	s := c.Snapshot()
	states, bytes := c.states.size()
	_, deferred := c.deferred.size()
	c.metrics.States.Set(float64(states))
	c.metrics.StateBytes.Set(float64(bytes))
	c.metrics.DeferredBytes.Set(float64(deferred))
	c.metrics.Nodes.Set(float64(c.index.count.Load()))
	if s.state != nil {
		c.metrics.Validators.Set(float64(s.state.Validators.Len()))
		c.metrics.Deposits.Set(float64(s.state.Eth1DepositIndex))
		c.metrics.PendingDeposits.Set(float64(s.state.PendingDeposits.Len()))
		c.metrics.PendingPartials.Set(float64(s.state.PendingPartialWithdrawals.Len()))
		c.metrics.PendingMerges.Set(float64(s.state.PendingConsolidations.Len()))
	}
	status := "verified"
	if s.Optimistic {
		status = "optimistic"
	}
	now := c.clock.CurrentSlot()
	c.log.Info("slot", "slot", now, "epoch", c.epochOf(now), "head", s.Head.Slot, "root", s.Head.Root.String()[:10],
		"behind", now.SubSaturating(s.Head.Slot), "justified", s.Justified.Epoch, "finalized", s.Finalized.Epoch, "execution", status)
}
