package duties

import (
	"context"

	"github.com/cresset/cresset/beacon/apiclient"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/validator/signer"
)

// prove makes the selection proofs of duties whose keys are ours, and sorts the duties by slot. A duty without a proof stays, as a vote needs none.
func (t *Tracker) prove(list []apiclient.AttesterDuty) map[types.Slot][]Attester {
	bySlot := map[types.Slot][]Attester{}
	if len(list) == 0 {
		return bySlot
	}
	requests := make([]signer.Request, 0, len(list))
	ours := make([]apiclient.AttesterDuty, 0, len(list))
	for _, d := range list {
		if t.cfg.Signer.Has(d.Pubkey) {
			ours = append(ours, d)
			requests = append(requests, signer.Request{Key: d.Pubkey, Message: signer.SelectionProof{Slot: d.Slot}})
		}
	}
	if len(ours) == 0 {
		return bySlot
	}
	for i, result := range t.cfg.Signer.SignBatch(t.cfg.ForkInfoAt(ours[0].Slot), requests) {
		a := Attester{AttesterDuty: ours[i]}
		if result.Err == nil {
			a.Selection, a.Aggregator = result.Signature, types.IsAggregator(int(a.CommitteeLength), result.Signature)
		} else {
			t.cfg.Log.Error("no selection proof could be signed; the validator aggregates nothing in this epoch", "validator", a.Validator, "error", result.Err)
		}
		bySlot[a.Slot] = append(bySlot[a.Slot], a)
	}
	return bySlot
}

// subscribe tells all nodes of an epoch's seats.
func (t *Tracker) subscribe(ctx context.Context, e *epochDuties) error {
	var list []apiclient.CommitteeSubscription
	now := t.cfg.Clock.CurrentSlot()
	for slot, seats := range e.attesters {
		if slot < now {
			continue
		}
		for _, a := range seats {
			list = append(list, apiclient.CommitteeSubscription{
				Validator: a.Validator, Committee: a.Committee, CommitteesAtSlot: a.CommitteesAtSlot, Slot: a.Slot, Aggregator: a.Aggregator,
			})
		}
	}
	if len(list) == 0 {
		return nil
	}
	return t.cfg.Nodes.Broadcast(ctx, func(ctx context.Context, c *apiclient.Client) error { return c.SubscribeCommittees(ctx, list) })
}
