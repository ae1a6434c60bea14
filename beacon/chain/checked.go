package chain

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/gossip"
)

// What gossip's rules accepted was verified by them, against the same states. It is applied without being verified again.

// FromGossipAttestation makes a vote that gossip's rules accepted one that can be counted.
func FromGossipAttestation(c *gossip.CheckedAttestation) *VerifiedAttestation {
	return &VerifiedAttestation{c.Vote()}
}

// FromGossipAggregate makes an aggregate that gossip's rules accepted votes that can be counted.
func FromGossipAggregate(c *gossip.CheckedAggregate) *VerifiedAttestation {
	return &VerifiedAttestation{c.Vote()}
}

// FromGossipColumn makes a column that gossip's rules accepted one that can be kept.
func FromGossipColumn(c *gossip.CheckedColumn) *VerifiedColumns {
	s := c.Sidecar()
	slot := s.Slot
	if s.BeaconBlockRoot == (types.Root{}) { // until fulu
		slot = s.SignedBlockHeader.Message.Slot
	}
	return &VerifiedColumns{BlockID{slot, c.BlockRoot()}, []*types.DataColumnSidecar{s}}
}

// ApplyAttesterSlashing takes the weight from those that a slashing proves guilty, which gossip's rules accepted.
// Spec: on_attester_slashing (phase0).
func (c *Chain) ApplyAttesterSlashing(ctx context.Context, checked *gossip.CheckedAttesterSlashing) error {
	return c.applySlashed(ctx, checked.Both())
}

func (c *Chain) applySlashed(ctx context.Context, guilty []types.ValidatorIndex) error {
	return c.do(ctx, c.inbox.votes, func() {
		c.w.fc.OnAttesterSlashing(guilty)
		c.updateHead("attester slashing")
	})
}

// ApplyPayloadAttestations counts votes of members of payload timeliness committees that gossip's rules accepted. An error means that the chain
// has ended.
// Spec: on_payload_attestation_message (gloas).
func (c *Chain) ApplyPayloadAttestations(ctx context.Context, votes []*gossip.CheckedPayloadAttestation) error {
	messages := make([]*types.PayloadAttestationMessage, len(votes))
	for i, v := range votes {
		messages[i] = v.Message()
	}
	refused, err := c.applyPayloadVotes(ctx, messages...)
	if refused != nil {
		c.log.Debug("votes on a payload do not count", "error", refused)
	}
	return err
}

// applyPayloadVotes counts votes, and gives why some do not count.
func (c *Chain) applyPayloadVotes(ctx context.Context, messages ...*types.PayloadAttestationMessage) (refused, err error) {
	return ask(ctx, c, c.inbox.votes, func() (refused, _ error) {
		c.w.fc.OnTick(c.clock.MillisecondsSinceGenesis())
		for _, m := range messages {
			refused = errors.Join(refused, c.w.fc.OnPayloadAttestationMessage(payloadVote(&m.Data, m.ValidatorIndex), false))
		}
		if c.buildOnFull() != c.Snapshot().BuildOnFull {
			c.publish()
		}
		return refused, nil
	})
}

// OwnColumns makes columns that this node computed one that can be kept: from blobs of its execution client, which are not verified, or from
// columns that were. Spec: "they SHOULD skip verification of those blobs" (fulu).
func OwnColumns(of BlockID, columns []*types.DataColumnSidecar) *VerifiedColumns {
	return &VerifiedColumns{of, columns}
}

// ColumnsAtHand is all columns that are at hand of a block, in memory or on disk, in no order. They are not to be written to.
func (c *Chain) ColumnsAtHand(root types.Root) ([]*types.DataColumnSidecar, error) {
	held, stored, err := c.data.columns(root)
	if err != nil {
		return nil, err
	}
	all := slices.Collect(maps.Values(held))
	stored = slices.DeleteFunc(stored, func(i uint64) bool { return held[i] != nil })
	if len(stored) > 0 {
		fromDisk, err := c.store.Columns(root, stored)
		if err != nil {
			return nil, fmt.Errorf("read columns of block %v: %w", root, err)
		}
		all = append(all, fromDisk...)
	}
	return all, nil
}
