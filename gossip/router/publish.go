package router

import (
	"context"
	"errors"
	"fmt"

	"github.com/cresset/cresset/beacon/chain"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/gossip"
)

// ErrNoPeers means that no peer is subscribed to the topic of a message.
var ErrNoPeers = errors.New("no peer takes the message")

// Outgoing is a message of this node.
type Outgoing struct {
	Kind   gossip.Kind
	Subnet uint64 // 0 where the kind has no subnets
	Object ssz.Object
}

// Publish sends a message of this node; see PublishAll.
func (r *Router) Publish(ctx context.Context, kind gossip.Kind, subnet uint64, object ssz.Object) error {
	return r.PublishAll(ctx, Outgoing{kind, subnet, object})[0]
}

// PublishAll sends messages of this node, under the digests of their slots, and gives an error for each. It checks them as if they had come
// from a peer, all signatures in one batch, which marks them as seen. What the rules accept is sent, and is counted and goes to the pool like
// messages of peers do; but blocks, payloads, columns and blobs are not imported, for it is the caller who knows where they come from. What
// was accepted before is not sent again, without an error. For anything else the error is the gossip.Decision: messages that would have to
// wait for something are for their maker to send again. What was sent but reached nobody gives ErrNoPeers.
func (r *Router) PublishAll(ctx context.Context, messages ...Outgoing) []error {
	errs := make([]error, len(messages))
	if r.mesh.Load() == nil {
		for i := range errs {
			errs[i] = ErrNotRunning
		}
		return errs
	}
	topics := make([]gossip.Topic, len(messages))
	candidates := make([]gossip.Candidate, len(messages))
	var open []gossip.Candidate
	now := r.now()
	for i, m := range messages {
		if topics[i], errs[i] = r.cfg.Network.Topic(m.Kind, m.Subnet, r.contextEpoch(m.Object)); errs[i] == nil {
			candidates[i] = r.cfg.Rules.Check(topics[i], m.Object, now)
			open = append(open, candidates[i])
		}
	}
	gossip.Verify(open...)
	var counted []*chain.VerifiedAttestation
	for i, m := range messages {
		if errs[i] != nil {
			continue
		}
		checked, decision := candidates[i].Conclude()
		if decision.Verdict != gossip.Accept {
			if !decision.Seen {
				errs[i] = decision
			}
			continue
		}
		data, err := r.cfg.Network.Encode(topics[i], m.Object)
		if err != nil {
			errs[i] = err
			continue
		}
		if !importedByCaller(m.Kind) {
			if vote := r.apply(m.Kind, checked); vote != nil {
				counted = append(counted, vote)
			}
		}
		errs[i] = r.send(ctx, topics[i], data)
	}
	r.votes.add(counted...)
	return errs
}

func importedByCaller(k gossip.Kind) bool {
	switch k {
	case gossip.BeaconBlock, gossip.ExecutionPayload, gossip.DataColumnSidecar, gossip.BlobSidecar:
		return true
	}
	return false
}

// send publishes data on a topic.
func (r *Router) send(ctx context.Context, t gossip.Topic, data []byte) error {
	name := t.String()
	r.mu.Lock()
	j, err := r.joinLocked(name, t)
	r.mu.Unlock()
	if err != nil {
		return err
	}
	if err := j.handle.Publish(ctx, data); err != nil {
		return fmt.Errorf("publish on %s: %w", name, err)
	}
	r.metrics.Published.WithLabelValues(t.Kind.String()).Inc()
	if len(j.handle.ListPeers()) == 0 {
		return fmt.Errorf("publish on %s: %w", name, ErrNoPeers)
	}
	return nil
}

// contextEpoch is the epoch whose digest a message is sent under: that of its slot, for operations the present one.
//
// Spec: "epoch is the context epoch of the message to be sent on the topic" (phase0).
func (r *Router) contextEpoch(object ssz.Object) types.Epoch {
	slot := r.clock.CurrentSlot()
	switch m := object.(type) {
	case *types.SignedBeaconBlock:
		slot = m.Message.Slot
	case *types.SignedAggregateAndProof:
		slot = m.Message.Aggregate.Data.Slot
	case *types.Attestation:
		slot = m.Data.Slot
	case *types.SingleAttestation:
		slot = m.Data.Slot
	case *types.SignedContributionAndProof:
		slot = m.Message.Contribution.Slot
	case *types.SyncCommitteeMessage:
		slot = m.Slot
	case *types.LightClientFinalityUpdate:
		slot = m.AttestedHeader.Beacon.Slot
	case *types.LightClientOptimisticUpdate:
		slot = m.AttestedHeader.Beacon.Slot
	case *types.BlobSidecar:
		slot = m.SignedBlockHeader.Message.Slot
	case *types.DataColumnSidecar:
		slot = slotOfColumn(m)
	case *types.SignedExecutionPayloadEnvelope:
		if block, ok := r.cfg.Chain.View().Block(m.Message.BeaconBlockRoot); ok {
			slot = block.Slot
		}
	case *types.SignedExecutionPayloadBid:
		slot = m.Message.Slot
	case *types.PayloadAttestationMessage:
		slot = m.Data.Slot
	case *types.SignedProposerPreferences:
		slot = m.Message.ProposalSlot
	}
	return types.ComputeEpochAtSlot(r.cfg.Spec, slot)
}
