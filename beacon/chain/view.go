package chain

import (
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/gossip"
)

// view is the chain as the rules of gossip see it, by one snapshot. It answers from memory; what is not there is not at hand. Nothing
// goes through the gate of regenerations.
type view struct {
	c *Chain
	s *Snapshot
}

// View is the chain of the moment for the rules of gossip.
func (c *Chain) View() gossip.View { return &view{c, c.Snapshot()} }

// Block implements gossip.Blocks.
func (v *view) Block(root types.Root) (gossip.Block, bool) {
	if b := v.c.index.get(root); b != nil {
		return describeBlock(b), true
	}
	if payload, rejected := v.c.rejected.find(root); rejected {
		return gossip.Block{Failed: true, Execution: payload}, true
	}
	return gossip.Block{}, false
}

func describeBlock(b *Block) gossip.Block {
	return gossip.Block{
		Slot: b.Slot, ParentRoot: b.ParentRoot, Execution: b.ExecutionStatus(), PayloadVerified: b.PayloadKnown(),
		ExecutionParentHash: b.ExecutionParentHash, ExecutionBlockHash: b.ExecutionBlockHash,
	}
}

// Ancestor implements gossip.Blocks. Every vote asks for the ancestor in the finalized slot. All blocks of the index descend from the
// finalized one, so that the answer is known without a walk over all blocks since, of which there may be weeks.
func (v *view) Ancestor(root types.Root, slot types.Slot) (types.Root, bool) {
	b := v.c.index.get(root)
	if b == nil {
		return types.Root{}, false
	}
	if slot <= v.s.FinalizedSlot {
		finalized := v.c.index.get(v.s.Finalized.Root)
		known := finalized == nil || finalized.Slot <= slot // nil: it is older than the chain's anchor
		return v.s.Finalized.Root, known
	}
	if a := b.AncestorAt(slot); a != nil {
		return a.Root, true
	}
	return types.Root{}, false
}

// Finalized implements gossip.Blocks.
func (v *view) Finalized() types.Checkpoint { return v.s.Finalized }

// Head implements gossip.Heads.
func (v *view) Head() gossip.Head {
	return gossip.Head{
		Root: v.s.Head.Root, Block: describeBlock(v.s.Head), PayloadStatus: v.s.HeadPayload, BuildOnFull: v.s.BuildOnFull,
	}
}

// HeadState implements gossip.Heads.
func (v *view) HeadState() (transition.Frozen, bool) {
	s := v.c.states.latest(v.s.Head.Root, v.c.clock.CurrentSlot())
	if s == nil {
		s = v.s.state
	}
	if s == nil {
		return transition.Frozen{}, false
	}
	return s.Frozen(), true
}

// IsDependent implements gossip.Heads.
func (v *view) IsDependent(root types.Root, slot types.Slot) bool {
	if root == v.s.Head.Root {
		return true
	}
	b := v.c.index.get(root)
	last := types.Slot(0)
	if b != nil {
		last = types.Slot(b.lastChild.Load())
	}
	return last > 0 && last >= slot
}

// State implements gossip.Branches.
func (v *view) State(root types.Root, epoch types.Epoch) (transition.Frozen, bool) {
	last := v.c.startOf(epoch + 1)
	if last > 0 {
		last--
	}
	s := v.c.states.latest(root, last)
	if s == nil && root == v.s.Head.Root {
		s = v.s.state
	}
	if s == nil || v.c.epochOf(s.Slot) != epoch {
		return transition.Frozen{}, false
	}
	return s.Frozen(), true
}

// Bid implements gossip.Branches.
func (v *view) Bid(root types.Root) (*types.ExecutionPayloadBid, bool) {
	b := v.c.index.get(root)
	if b == nil || !v.c.spec.gloasAt(b.Slot) {
		return nil, false
	}
	s := v.c.states.latest(root, ^types.Slot(0))
	if s == nil && root == v.s.Head.Root {
		s = v.s.state
	}
	if s == nil {
		return nil, false
	}
	return s.Frozen().Bid(), true
}

// Shuffling implements gossip.Branches.
func (v *view) Shuffling(root types.Root, epoch types.Epoch) (*transition.Shuffling, bool) {
	decision, ok := v.decision(root, epoch)
	if !ok {
		return nil, false
	}
	key := factKey{epoch, decision}
	if sh, ok := v.c.env.Shufflings.Find(epoch, decision); ok {
		return sh, true
	}
	return v.c.facts.shuffling(key, func() (*transition.Shuffling, bool) {
		s := v.stateDeciding(root, key, v.c.startOf(epoch+2)-1)
		if s == nil || epoch > v.c.epochOf(s.Slot)+v.c.cfg.Spec.MinSeedLookahead {
			return nil, false
		}
		sh, err := s.Copy().Shuffling(epoch)
		return sh, err == nil
	})
}

// Proposer implements gossip.Branches.
func (v *view) Proposer(root types.Root, slot types.Slot) (types.ValidatorIndex, bool) {
	epoch := v.c.epochOf(slot)
	if v.c.cfg.Spec.ForkAtSlot(slot) < params.Fulu {
		return v.drawnProposer(root, slot)
	}
	decision, ok := v.decision(root, epoch)
	if !ok {
		return 0, false
	}
	key := factKey{epoch, decision}
	if proposers, ok := v.c.facts.proposersOf(key); ok {
		return proposers[uint64(slot)%v.c.cfg.Spec.SlotsPerEpoch], true
	}
	s := v.stateDeciding(root, key, v.c.startOf(epoch+1)-1)
	if s == nil {
		return 0, false
	}
	proposers := make([]types.ValidatorIndex, v.c.cfg.Spec.SlotsPerEpoch)
	for i := range proposers {
		if proposers[i], ok = s.Frozen().ProposerAt(v.c.startOf(epoch) + types.Slot(i)); !ok {
			return 0, false
		}
	}
	v.c.facts.keepProposers(key, proposers)
	return proposers[uint64(slot)%v.c.cfg.Spec.SlotsPerEpoch], true
}

// decision is the root of the last block that can change committees and, from Fulu on, proposers of an epoch in the chain up to a
// block; zero where genesis decides.
func (v *view) decision(root types.Root, epoch types.Epoch) (types.Root, bool) {
	b := v.c.index.get(root)
	if b == nil {
		return types.Root{}, false
	}
	slot, ok := v.c.decisionSlot(epoch)
	if !ok {
		return types.Root{}, true
	}
	if slot >= v.s.FinalizedSlot {
		if a := b.AncestorAt(slot); a != nil {
			return a.Root, true
		}
	}
	// All chains have that block in common, and the state of one knows its root.
	if v.s.state == nil {
		return types.Root{}, false
	}
	decision, err := v.s.state.Frozen().BlockRoot(slot)
	return decision, err == nil
}

// stateDeciding finds a state in memory, not after a slot, that knows what was decided: one after the block, or one of the head's if
// its chain has the same deciding block.
func (v *view) stateDeciding(root types.Root, key factKey, last types.Slot) *transition.State {
	if s := v.c.states.latest(root, last); s != nil && v.c.epochOf(s.Slot)+v.c.cfg.Spec.MinSeedLookahead >= key.epoch {
		return s
	}
	if decision, ok := v.decision(v.s.Head.Root, key.epoch); !ok || decision != key.decision {
		return nil
	}
	if s := v.c.states.latest(v.s.Head.Root, last); s != nil {
		return s
	}
	return v.s.state
}

// drawnProposer is the proposer of a slot until Electra: drawn from the state of the slot's own epoch.
func (v *view) drawnProposer(root types.Root, slot types.Slot) (types.ValidatorIndex, bool) {
	b := v.c.index.get(root)
	if b == nil || b.Slot > slot {
		return 0, false
	}
	start := v.c.startOf(v.c.epochOf(slot))
	key := drawKey{slot: slot, last: root}
	if before := b.AncestorAt(start - min(start, 1)); before != nil {
		key.last = before.Root
	}
	return v.c.facts.draw(key, func() (types.ValidatorIndex, bool) {
		frozen := v.c.states.latest(root, slot)
		if frozen == nil || frozen.Slot < start {
			return 0, false
		}
		s := frozen.Copy()
		s.Slot = slot // within the epoch nothing else matters
		proposer, err := s.GetBeaconProposerIndex()
		return proposer, err == nil
	})
}

var _ gossip.View = (*view)(nil)
