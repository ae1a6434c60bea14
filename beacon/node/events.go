package node

import (
	"github.com/prysmaticlabs/go-bitfield"

	"github.com/cresset/cresset/beacon/api"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/producer"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/gossip"
)

// gossipTopics are the topics of events that accepted publishes.
var gossipTopics = []string{
	"block_gossip", "attestation", "single_attestation", "voluntary_exit", "bls_to_execution_change", "proposer_slashing", "attester_slashing",
	"contribution_and_proof", "data_column_sidecar", "execution_payload_gossip", "execution_payload_bid", "payload_attestation_message", "proposer_preferences",
}

// accepted hears of all that gossip's rules accepted, from peers or through the API: it goes into the pool, and clients of the Beacon API are
// told of it. It implements router.Pool.
type accepted struct {
	*node
	pool producer.Intake
}

// Insert implements router.Pool.
func (a accepted) Insert(checked gossip.Checked) {
	a.pool.Insert(checked)
	if a.api == nil {
		return
	}
	topic, slot, event := a.event(checked)
	if event == nil {
		return
	}
	a.tell(topic, a.spec.ForkAtSlot(slot), event)
}

// tell gives an event to clients of the Beacon API, in the form of a fork.
func (n *node) tell(topic string, fork params.Fork, event ssz.Object) {
	if n.api == nil {
		return
	}
	if err := n.api.Publish(topic, fork, event); err != nil {
		n.log.Error("an event could not be told to clients of the Beacon API; report it", "topic", topic, "error", err)
	}
}

// The topics of events that lightUpdated publishes.
const (
	topicLightFinality   = "light_client_finality_update"
	topicLightOptimistic = "light_client_optimistic_update"
)

// lightUpdated tells of an update that light clients are served from now on.
func (n *node) lightUpdated(slot types.Slot, update ssz.Object) {
	topic := topicLightOptimistic
	if _, ok := update.(*types.LightClientFinalityUpdate); ok {
		topic = topicLightFinality
	}
	n.tell(topic, n.spec.ForkAtSlot(slot), update)
}

// event is what clients are told; nil for nothing. Its form is that of the fork of the slot.
func (a accepted) event(checked gossip.Checked) (topic string, slot types.Slot, event ssz.Object) {
	now := a.clock.CurrentSlot()
	switch c := checked.(type) {
	case *gossip.CheckedBlock:
		slot := c.Signed().Message.Slot
		return "block_gossip", slot, &api.BlockGossip{Slot: slot, Block: c.Root()}
	case *gossip.CheckedEnvelope:
		m := &c.Signed().Message
		slot := types.Slot(m.Payload.SlotNumber)
		return "execution_payload_gossip", slot, &api.PayloadGossip{Slot: slot, BuilderIndex: m.BuilderIndex, BlockHash: m.Payload.BlockHash, BlockRoot: m.BeaconBlockRoot}
	case *gossip.CheckedColumn:
		s := c.Sidecar()
		slot := s.Slot
		if s.BeaconBlockRoot == (types.Root{}) { // until fulu
			slot = s.SignedBlockHeader.Message.Slot
		}
		return "data_column_sidecar", slot, &api.ColumnGossip{BlockRoot: c.BlockRoot(), Index: s.Index, Slot: slot}
	case *gossip.CheckedAttestation:
		seat, data := c.Seat(), c.Data()
		if a.spec.ForkAtSlot(data.Slot) >= params.Electra {
			return "single_attestation", data.Slot, &types.SingleAttestation{
				CommitteeIndex: seat.Committee, AttesterIndex: c.Attester(), Data: *data, Signature: c.Signature(),
			}
		}
		bits := bitfield.NewBitlist(uint64(seat.Size))
		bits.SetBitAt(uint64(seat.Position), true)
		return "attestation", data.Slot, &types.Attestation{AggregationBits: bits, Data: *data, Signature: c.Signature()}
	case *gossip.CheckedAggregate:
		aggregate := &c.Signed().Message.Aggregate
		return "attestation", aggregate.Data.Slot, aggregate
	case *gossip.CheckedExit:
		return "voluntary_exit", now, c.Signed()
	case *gossip.CheckedBLSChange:
		return "bls_to_execution_change", now, c.Signed()
	case *gossip.CheckedProposerSlashing:
		return "proposer_slashing", now, c.Slashing()
	case *gossip.CheckedAttesterSlashing:
		return "attester_slashing", now, c.Slashing()
	case *gossip.CheckedContribution:
		return "contribution_and_proof", now, c.Signed()
	case *gossip.CheckedPayloadAttestation:
		return "payload_attestation_message", now, c.Message()
	case *gossip.CheckedBid:
		return "execution_payload_bid", now, c.Signed()
	case *gossip.CheckedPreferences:
		return "proposer_preferences", now, c.Signed()
	}
	return "", 0, nil
}
