package api

import (
	"net/http"

	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/health"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/gossip"
)

// dutyView is the chain at the moment in which a validator asks for its duties.
type dutyView struct {
	snapshot *chain.Snapshot
	view     gossip.View
	now      types.Epoch
}

// duties gives the chain to a validator. A node that is behind has no duties to give: its head is not the one to work on.
// Spec: CurrentlySyncing (types/http.yaml).
func (c *call) duties() (dutyView, error) {
	if err := c.synced(); err != nil {
		return dutyView{}, err
	}
	return dutyView{c.n.Chain.Snapshot(), c.n.Chain.View(), c.n.Chain.Clock().CurrentEpoch()}, nil
}

func (c *call) synced() error {
	if st := c.n.health(c.s.cfg.Spec); st.Has(health.Syncing) {
		return busy(1, "Beacon node is currently syncing and not serving request on that endpoint: its head is %d slots behind", st.Distance)
	}
	return nil
}

// pathEpoch is the epoch in the path.
func (c *call) pathEpoch() (types.Epoch, error) {
	text := c.r.PathValue("epoch")
	epoch, ok := parseNumber(text)
	if !ok {
		return 0, invalid("epoch", text, "a decimal number below 2**64")
	}
	return types.Epoch(epoch), nil
}

// nextAtMost refuses epochs of which nothing is decided yet.
func nextAtMost(epoch, now types.Epoch) error {
	if epoch > now+1 {
		return fail(http.StatusBadRequest, "Invalid epoch: %d, duties are known up to the next epoch, %d", epoch, now+1)
	}
	return nil
}

// startOf is the first slot of an epoch.
func (c *call) startOf(epoch types.Epoch) (types.Slot, error) {
	slot, err := types.ComputeStartSlotAtEpoch(c.s.cfg.Spec, epoch)
	if err != nil {
		return 0, fail(http.StatusBadRequest, "Invalid epoch: %d has no slots", epoch)
	}
	return slot, nil
}

// rootBefore is the last block before a slot: get_block_root_at_slot of the slot before, or the genesis block.
func (c *call) rootBefore(s *chain.Snapshot, slot types.Slot) (types.Root, error) {
	at, err := c.n.Chain.CanonicalAt(s, slot.SubSaturating(1))
	return at.Root, err
}

// dependentRoot is the block that decides what an epoch's shuffling is, of epochs so many before it. Spec: dependent_root (getAttesterDuties,
// getProposerDutiesV2: one epoch before; getProposerDuties: none).
func (c *call) dependentRoot(s *chain.Snapshot, epoch types.Epoch, before types.Epoch) (types.Root, error) {
	start, err := c.startOf(epoch.SubSaturating(before))
	if err != nil {
		return types.Root{}, err
	}
	return c.rootBefore(s, start)
}

// shuffling is the committees of an epoch up to the next one: the chain's shared ones, which are worked out from a state only if nobody has asked
// for them yet.
func (c *call) shuffling(d dutyView, epoch types.Epoch) (*transition.Shuffling, error) {
	if epoch+1 >= d.now { // of the present epochs
		if shuffling, ok := d.view.Shuffling(d.snapshot.Head.Root, epoch); ok {
			return shuffling, nil
		}
	}
	s, err := c.epochState(d, min(epoch, d.now))
	if err != nil {
		return nil, err
	}
	return s.Shuffling(epoch)
}

// epochState is a state of the head's chain in an epoch, for this call alone. That of the present epoch is in memory, or one step from what is; that of
// the past waits for its turn.
func (c *call) epochState(d dutyView, epoch types.Epoch) (*transition.State, error) {
	start, err := c.startOf(epoch)
	if err != nil {
		return nil, err
	}
	head := d.snapshot.Head
	if types.ComputeEpochAtSlot(c.s.cfg.Spec, head.Slot) <= epoch && epoch <= d.now {
		return c.headAt(d.snapshot, max(head.Slot, start))
	}
	ref, err := c.stateOfSlot(d.snapshot, start)
	if err != nil {
		return nil, err
	}
	s, _, err := c.load(ref)
	return s, err
}

// headAt is the head's state advanced to a slot. Requests that come at the same time share one step over the end of an epoch.
func (c *call) headAt(s *chain.Snapshot, slot types.Slot) (*transition.State, error) {
	key := advanceKey{s.Head.Root, types.ComputeEpochAtSlot(c.s.cfg.Spec, slot)}
	leave, err := c.s.steps.enter(c.r.Context(), key)
	if err != nil {
		return nil, err
	}
	defer leave()
	return c.n.Chain.StateAt(c.r.Context(), s.Head.Root, slot)
}

// frozen is a state of the head's chain in an epoch from which what does not change within it can be read, without a copy where one is in memory.
func (c *call) frozen(d dutyView, epoch types.Epoch) (transition.Frozen, error) {
	if f, ok := d.view.State(d.snapshot.Head.Root, epoch); ok {
		return f, nil
	}
	s, err := c.epochState(d, epoch)
	if err != nil {
		return transition.Frozen{}, err
	}
	return s.Frozen(), nil
}
