package attest

import (
	"context"
	"fmt"

	"github.com/cresset/cresset/beacon/apiclient"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/validator/duties"
	"github.com/cresset/cresset/validator/nodes"
	"github.com/cresset/cresset/validator/signer"
)

// aggregate hands in the aggregates that our validators were chosen to make. Spec: attestation aggregation (phase0/validator.md).
func (a *Attester) aggregate(ctx context.Context, slot types.Slot, seats []duties.Attester, data map[types.CommitteeIndex]*types.AttestationData) {
	cx := a.cfg.Context(slot)
	byCommittee := map[types.CommitteeIndex]*types.Attestation{}
	var proofs []*types.AggregateAndProof
	var requests []signer.Request
	var failures []error
	for _, seat := range seats {
		if !seat.Aggregator || data[seat.Committee] == nil {
			continue
		}
		aggregate, asked := byCommittee[seat.Committee]
		if !asked {
			var err error
			if aggregate, err = a.best(ctx, slot, seat.Committee, data[seat.Committee]); err != nil {
				failures = append(failures, err)
			}
			byCommittee[seat.Committee] = aggregate
		}
		if aggregate == nil {
			continue
		}
		proof := &types.AggregateAndProof{AggregatorIndex: seat.Validator, Aggregate: *aggregate, SelectionProof: seat.Selection}
		proofs = append(proofs, proof)
		requests = append(requests, signer.Request{Key: seat.Pubkey, Message: signer.Aggregate{Message: proof}})
	}
	var signed []types.SignedAggregateAndProof
	if len(requests) > 0 {
		for i, result := range a.cfg.Signer.SignBatch(a.cfg.ForkInfoAt(slot), requests) {
			if result.Err != nil {
				failures = append(failures, result.Err)
				continue
			}
			signed = append(signed, types.SignedAggregateAndProof{Message: *proofs[i], Signature: result.Signature})
		}
	}
	j := duties.Joint{Kind: "aggregate", Said: "aggregated", Slot: slot, Count: len(signed), Failures: failures}
	a.cfg.HandIn(ctx, j, func(ctx context.Context, c *apiclient.Client) error { return c.SubmitAggregates(ctx, cx, signed) })
}

// best is the best aggregate of a committee for the data that was voted for.
func (a *Attester) best(ctx context.Context, slot types.Slot, committee types.CommitteeIndex, data *types.AttestationData) (*types.Attestation, error) {
	cx := a.cfg.Context(slot)
	root, err := ssz.HashTreeRoot(cx, ssz.Container(data))
	if err != nil {
		return nil, err
	}
	return nodes.Read(ctx, a.cfg.Nodes, func(ctx context.Context, c *apiclient.Client) (*types.Attestation, error) {
		aggregate, err := c.AggregateAttestation(ctx, cx, root, slot, committee)
		if err == nil && aggregate.Data != *data {
			err = fmt.Errorf("aggregate of slot %d is for block %v, want %v", aggregate.Data.Slot, aggregate.Data.BeaconBlockRoot, data.BeaconBlockRoot)
		}
		return aggregate, err
	})
}
