package synccomm

import (
	"context"
	"fmt"
	"slices"

	"github.com/cresset/cresset/beacon/apiclient"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/validator/duties"
	"github.com/cresset/cresset/validator/nodes"
	"github.com/cresset/cresset/validator/signer"
)

// chosen is a member that has to contribute for a subcommittee.
type chosen struct {
	seat         apiclient.SyncDuty
	subcommittee uint64
	proof        types.BLSSignature
}

// choose makes the selection proofs of a slot and gives those that select. Spec: is_sync_committee_aggregator (altair).
func (m *Member) choose(slot types.Slot, seats []apiclient.SyncDuty) (out []chosen, err error) {
	size := m.cfg.Spec.SyncCommitteeSize / params.SyncCommitteeSubnetCount
	var candidates []chosen
	var requests []signer.Request
	for _, seat := range seats {
		var subcommittees []uint64
		for _, position := range seat.Positions {
			if s := position / size; s < params.SyncCommitteeSubnetCount && !slices.Contains(subcommittees, s) {
				subcommittees = append(subcommittees, s)
			}
		}
		for _, s := range subcommittees {
			candidates = append(candidates, chosen{seat: seat, subcommittee: s})
			requests = append(requests, signer.Request{Key: seat.Pubkey, Message: signer.SyncSelectionProof{Slot: slot, Subcommittee: s}})
		}
	}
	for i, result := range m.cfg.Signer.SignBatch(m.cfg.ForkInfoAt(slot), requests) {
		if result.Err != nil {
			err = result.Err
			continue
		}
		if types.IsSyncCommitteeAggregator(m.cfg.Spec, result.Signature) {
			candidates[i].proof = result.Signature
			out = append(out, candidates[i])
		}
	}
	return out, err
}

// contribute hands in the contributions of members that are chosen. Spec: sync committee contributions (altair/validator.md).
func (m *Member) contribute(ctx context.Context, slot types.Slot, head types.Root, seats []apiclient.SyncDuty) {
	members, err := m.choose(slot, seats)
	var failures []error
	if err != nil {
		failures = append(failures, err)
	}
	bySubcommittee := map[uint64]*types.SyncCommitteeContribution{}
	var proofs []*types.ContributionAndProof
	var requests []signer.Request
	for _, c := range members {
		contribution, asked := bySubcommittee[c.subcommittee]
		if !asked {
			if contribution, err = m.best(ctx, slot, head, c.subcommittee); err != nil {
				failures, contribution = append(failures, err), nil
			}
			bySubcommittee[c.subcommittee] = contribution
		}
		if contribution == nil {
			continue
		}
		proof := &types.ContributionAndProof{AggregatorIndex: c.seat.Validator, Contribution: *contribution, SelectionProof: c.proof}
		proofs = append(proofs, proof)
		requests = append(requests, signer.Request{Key: c.seat.Pubkey, Message: signer.Contribution{Message: proof}})
	}
	var signed []types.SignedContributionAndProof
	for i, result := range m.cfg.Signer.SignBatch(m.cfg.ForkInfoAt(slot), requests) {
		if result.Err != nil {
			failures = append(failures, result.Err)
			continue
		}
		signed = append(signed, types.SignedContributionAndProof{Message: *proofs[i], Signature: result.Signature})
	}
	j := duties.Joint{Kind: "contribution", Said: "contributed for the sync committee", Slot: slot, Count: len(signed), Failures: failures}
	m.cfg.HandIn(ctx, j, func(ctx context.Context, c *apiclient.Client) error {
		return c.SubmitContributions(ctx, m.cfg.Context(slot), signed)
	})
}

// best is the best contribution of a subcommittee for the head that was signed.
func (m *Member) best(ctx context.Context, slot types.Slot, head types.Root, subcommittee uint64) (*types.SyncCommitteeContribution, error) {
	return nodes.Read(ctx, m.cfg.Nodes, func(ctx context.Context, c *apiclient.Client) (*types.SyncCommitteeContribution, error) {
		x, err := c.SyncContribution(ctx, m.cfg.Context(slot), slot, subcommittee, head)
		if err == nil && (x.Slot != slot || x.BeaconBlockRoot != head || x.SubcommitteeIndex != subcommittee) {
			err = fmt.Errorf("contribution is of slot %d, subcommittee %d and block %v, want %d, %d and %v", x.Slot, x.SubcommitteeIndex, x.BeaconBlockRoot, slot, subcommittee, head)
		}
		return x, err
	})
}
