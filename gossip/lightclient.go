package gossip

import (
	"bytes"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// CheckedFinalityUpdate is a light client's update that may be passed on (altair).
type CheckedFinalityUpdate struct {
	update *types.LightClientFinalityUpdate
}

func (*CheckedFinalityUpdate) checked() {}

// Update is the update. It is not to be written to.
func (c *CheckedFinalityUpdate) Update() *types.LightClientFinalityUpdate { return c.update }

// CheckedOptimisticUpdate is a light client's update that may be passed on (altair).
type CheckedOptimisticUpdate struct {
	update *types.LightClientOptimisticUpdate
}

func (*CheckedOptimisticUpdate) checked() {}

// Update is the update. It is not to be written to.
func (c *CheckedOptimisticUpdate) Update() *types.LightClientOptimisticUpdate { return c.update }

// LightClientFinalityUpdate begins the check of a light client's update.
//
// Spec: light_client_finality_update, for full nodes (altair/light-client/p2p-interface.md).
func (r *Rules) LightClientFinalityUpdate(in Arrival, update *types.LightClientFinalityUpdate) *Pending[*CheckedFinalityUpdate] {
	return begin(&finalityUpdateCheck{r, in, update})
}

type finalityUpdateCheck struct {
	*Rules
	in     Arrival
	update *types.LightClientFinalityUpdate
}

// supermajority tells whether more than two thirds of the sync committee signed.
func (c *finalityUpdateCheck) supermajority() bool {
	return c.update.SyncAggregate.SyncCommitteeBits.Count()*3 > c.spec.SyncCommitteeSize*2
}

func (c *finalityUpdateCheck) before(*statements) Decision {
	slot := c.update.FinalizedHeader.Beacon.Slot
	// [IGNORE] The finalized_header.beacon.slot is greater than that of all previously forwarded finality_updates, or it matches the
	// highest previously forwarded slot and also has a sync_aggregate indicating supermajority (> 2/3) sync committee participation
	// while the previously forwarded finality_update for that slot did not indicate supermajority
	if !c.seen.lightClient.finality(slot, c.supermajority(), false) {
		return c.old()
	}
	// [IGNORE] The finality_update is received after the block at signature_slot was given enough time to propagate
	if d := c.propagated(c.in, c.update.SignatureSlot); !d.ok() {
		return d
	}
	// [IGNORE] The received finality_update matches the locally computed one exactly
	var own *types.LightClientFinalityUpdate
	if c.lightClient != nil {
		own = c.lightClient.FinalityUpdate()
	}
	if own == nil {
		return ignore(ruleOwnUpdate, "an update", "none was computed")
	}
	return c.sameUpdate(c.in.Fork, c.update, own)
}

const (
	ruleOldUpdate   Rule = "update is not newer than the last one forwarded"
	ruleEarlyUpdate Rule = "update came before its block had time to propagate"
	ruleOwnUpdate   Rule = "update is not the locally computed one"
)

func (c *finalityUpdateCheck) old() Decision {
	return ignore(ruleOldUpdate, c.update.FinalizedHeader.Beacon.Slot, "a later slot")
}

func (c *finalityUpdateCheck) after() (*CheckedFinalityUpdate, Decision) {
	if !c.seen.lightClient.finality(c.update.FinalizedHeader.Beacon.Slot, c.supermajority(), true) {
		return nil, c.old()
	}
	return &CheckedFinalityUpdate{c.update}, accepted
}

// propagated checks that get_sync_message_due_ms milliseconds have transpired since the start of a slot, by some honest clock.
func (r *Rules) propagated(in Arrival, slot types.Slot) Decision {
	due := r.spec.GetSyncMessageDueMs(r.spec.ForkAtSlot(slot))
	now := addTime(in.Now, r.spec.MaximumGossipClockDisparity)
	if now < due || uint64(slot) > (now-due)/r.spec.SlotDurationMs {
		return ignore(ruleEarlyUpdate, slot, currentSlot(r.spec, in.Now))
	}
	return accepted
}

// sameUpdate compares an update with the node's own, by all they encode.
func (r *Rules) sameUpdate(fork params.Fork, have, want ssz.Object) Decision {
	cx := r.cx(fork)
	a, err := ssz.Marshal(cx, ssz.Container(have))
	if err != nil {
		return rejectFor(RuleType, err)
	}
	b, err := ssz.Marshal(cx, ssz.Container(want))
	if err != nil || !bytes.Equal(a, b) {
		return ignore(ruleOwnUpdate, "another update", "the one computed here")
	}
	return accepted
}

// LightClientOptimisticUpdate begins the check of a light client's update.
//
// Spec: light_client_optimistic_update, for full nodes (altair/light-client/p2p-interface.md).
func (r *Rules) LightClientOptimisticUpdate(in Arrival, update *types.LightClientOptimisticUpdate) *Pending[*CheckedOptimisticUpdate] {
	return begin(&optimisticUpdateCheck{r, in, update})
}

type optimisticUpdateCheck struct {
	*Rules
	in     Arrival
	update *types.LightClientOptimisticUpdate
}

func (c *optimisticUpdateCheck) before(*statements) Decision {
	// [IGNORE] The attested_header.beacon.slot is greater than that of all previously forwarded optimistic_updates
	if !c.seen.lightClient.optimistic(c.update.AttestedHeader.Beacon.Slot, false) {
		return c.old()
	}
	// [IGNORE] The optimistic_update is received after the block at signature_slot was given enough time to propagate
	if d := c.propagated(c.in, c.update.SignatureSlot); !d.ok() {
		return d
	}
	// [IGNORE] The received optimistic_update matches the locally computed one exactly
	var own *types.LightClientOptimisticUpdate
	if c.lightClient != nil {
		own = c.lightClient.OptimisticUpdate()
	}
	if own == nil {
		return ignore(ruleOwnUpdate, "an update", "none was computed")
	}
	return c.sameUpdate(c.in.Fork, c.update, own)
}

func (c *optimisticUpdateCheck) old() Decision {
	return ignore(ruleOldUpdate, c.update.AttestedHeader.Beacon.Slot, "a later slot")
}

func (c *optimisticUpdateCheck) after() (*CheckedOptimisticUpdate, Decision) {
	if !c.seen.lightClient.optimistic(c.update.AttestedHeader.Beacon.Slot, true) {
		return nil, c.old()
	}
	return &CheckedOptimisticUpdate{c.update}, accepted
}
