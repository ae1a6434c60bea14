package attest

import (
	"context"
	"fmt"

	"github.com/cresset/cresset/beacon/apiclient"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/validator/duties"
	"github.com/cresset/cresset/validator/nodes"
)

// data asks what to vote for, once; until Deneb once a committee. It is tried again while no node answers well.
func (a *Attester) data(ctx context.Context, slot types.Slot, seats []duties.Attester) (map[types.CommitteeIndex]*types.AttestationData, error) {
	found := map[types.CommitteeIndex]*types.AttestationData{}
	electra := a.cfg.Spec.ForkAtSlot(slot) >= params.Electra
	var shared *types.AttestationData
	for _, seat := range seats {
		if found[seat.Committee] != nil {
			continue
		}
		if !electra || shared == nil {
			index := seat.Committee
			if electra {
				index = 0
			}
			if err := a.cfg.Retry(ctx, func() (err error) {
				shared, err = nodes.Read(ctx, a.cfg.Nodes, func(ctx context.Context, c *apiclient.Client) (*types.AttestationData, error) {
					d, err := c.AttestationData(ctx, a.cfg.Context(slot), slot, index)
					if err == nil {
						err = a.check(d, slot, index)
					}
					return d, err
				})
				return err
			}); err != nil {
				return nil, err
			}
		}
		found[seat.Committee] = shared
	}
	return found, nil
}

// check refuses data that no honest node gives.
func (a *Attester) check(d *types.AttestationData, slot types.Slot, index types.CommitteeIndex) error {
	spec := a.cfg.Spec
	epoch := types.ComputeEpochAtSlot(spec, slot)
	most := types.CommitteeIndex(0)
	if spec.ForkAtSlot(slot) >= params.Gloas {
		most = 1 // tells the payload's presence
	}
	switch {
	case d.Slot != slot:
		return fmt.Errorf("attestation data is of slot %d, want %d", d.Slot, slot)
	case d.Target.Epoch != epoch:
		return fmt.Errorf("attestation data of slot %d has target epoch %d, want %d", slot, d.Target.Epoch, epoch)
	case d.Source.Epoch > d.Target.Epoch:
		return fmt.Errorf("attestation data has source epoch %d above target epoch %d", d.Source.Epoch, d.Target.Epoch)
	case spec.ForkAtSlot(slot) >= params.Electra && d.Index > most:
		return fmt.Errorf("attestation data has index %d, at most %d", d.Index, most)
	case spec.ForkAtSlot(slot) < params.Electra && d.Index != index:
		return fmt.Errorf("attestation data has index %d, want %d", d.Index, index)
	case d.BeaconBlockRoot == types.Root{}:
		return fmt.Errorf("attestation data of slot %d has no head", slot)
	}
	return nil
}
