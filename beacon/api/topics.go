package api

import (
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// source is where the events of a topic come from.
type source uint8

const (
	fromChain   source = iota // the chain's own events
	fromOthers                // Server.Publish
	fromNowhere               // not yet
)

// topic is a row of the table of topics.
type topic struct {
	name   string
	source source
	// versioned is a topic whose data stands in {"version": ..., "data": ...}.
	versioned bool
}

// topics is the table of all topics. Spec: eventstream (apis/eventstream/index.yaml).
func topics() []topic {
	return []topic{
		{"head", fromChain, false},
		{"head_v2", fromChain, true},
		{"block", fromChain, false},
		{"block_gossip", fromOthers, false},
		{"attestation", fromOthers, false},
		{"single_attestation", fromOthers, false},
		{"voluntary_exit", fromOthers, false},
		{"bls_to_execution_change", fromOthers, false},
		{"proposer_slashing", fromOthers, false},
		{"attester_slashing", fromOthers, false},
		{"finalized_checkpoint", fromChain, false},
		{"chain_reorg", fromChain, false},
		{"contribution_and_proof", fromOthers, false},
		{"light_client_finality_update", fromOthers, true},
		{"light_client_optimistic_update", fromOthers, true},
		{"payload_attributes", fromOthers, true},
		{"data_column_sidecar", fromOthers, false},
		{"execution_payload", fromChain, false},
		{"execution_payload_gossip", fromOthers, false},
		{"execution_payload_available", fromChain, false},
		{"execution_payload_bid", fromOthers, true},
		{"payload_attestation_message", fromOthers, true},
		{"fast_confirmation", fromChain, false},
		{"proposer_preferences", fromOthers, true},
	}
}

func topicNamed(name string) (topic, bool) {
	for _, t := range topics() {
		if t.name == name {
			return t, true
		}
	}
	return topic{}, false
}

// Events that have no container of their own. They are given to Publish.

// BlockGossip is a block that passed the rules of gossip (block_gossip).
type BlockGossip struct {
	Slot  types.Slot
	Block types.Root
}

// Define lists the fields of the event.
func (x *BlockGossip) Define(d *ssz.Def) {
	d.Field("slot", ssz.Uint(&x.Slot))
	d.Field("block", ssz.Bytes(x.Block[:]))
}

// ColumnGossip is a column that passed the rules of gossip (data_column_sidecar).
type ColumnGossip struct {
	BlockRoot types.Root
	Index     uint64
	Slot      types.Slot
}

// Define lists the fields of the event.
func (x *ColumnGossip) Define(d *ssz.Def) {
	d.Field("block_root", ssz.Bytes(x.BlockRoot[:]))
	d.Field("index", ssz.Uint(&x.Index))
	d.Field("slot", ssz.Uint(&x.Slot))
}

// PayloadAttributes is a payload that the execution client has begun to build for a block of this node (payload_attributes), until Fulu.
type PayloadAttributes struct {
	ProposerIndex     types.ValidatorIndex
	ProposalSlot      types.Slot
	ParentBlockNumber uint64
	ParentBlockRoot   types.Root
	ParentBlockHash   types.Hash32
	Attributes        Attributes
}

// Define lists the fields of the event.
func (x *PayloadAttributes) Define(d *ssz.Def) {
	d.Field("proposer_index", ssz.Uint(&x.ProposerIndex))
	d.Field("proposal_slot", ssz.Uint(&x.ProposalSlot))
	d.Field("parent_block_number", ssz.Uint(&x.ParentBlockNumber))
	d.Field("parent_block_root", ssz.Bytes(x.ParentBlockRoot[:]))
	d.Field("parent_block_hash", ssz.Bytes(x.ParentBlockHash[:]))
	d.Field("payload_attributes", ssz.Container(&x.Attributes))
}

// Attributes is what a payload is built by. Spec: PayloadAttributesV1 to V3 (execution-apis).
type Attributes struct {
	Timestamp             uint64 // Unix seconds
	PrevRandao            types.Bytes32
	SuggestedFeeRecipient types.ExecutionAddress
	Withdrawals           []types.Withdrawal // since capella
	ParentBeaconBlockRoot types.Root         // since deneb
}

// Define lists the fields of the attributes.
func (x *Attributes) Define(d *ssz.Def) {
	d.Field("timestamp", ssz.Uint(&x.Timestamp))
	d.Field("prev_randao", ssz.Bytes(x.PrevRandao[:]))
	d.Field("suggested_fee_recipient", ssz.Bytes(x.SuggestedFeeRecipient[:]))
	d.Field("withdrawals", ssz.List(&x.Withdrawals, ssz.Cap(d.Spec.MaxWithdrawalsPerPayload, false))).Since(params.Capella)
	d.Field("parent_beacon_block_root", ssz.Bytes(x.ParentBeaconBlockRoot[:])).Since(params.Deneb)
}

// PayloadGossip is a payload that passed the rules of gossip (execution_payload_gossip).
type PayloadGossip struct {
	Slot         types.Slot
	BuilderIndex types.BuilderIndex
	BlockHash    types.Hash32
	BlockRoot    types.Root
}

// Define lists the fields of the event.
func (x *PayloadGossip) Define(d *ssz.Def) {
	d.Field("slot", ssz.Uint(&x.Slot))
	d.Field("builder_index", ssz.Uint(&x.BuilderIndex))
	d.Field("block_hash", ssz.Bytes(x.BlockHash[:]))
	d.Field("block_root", ssz.Bytes(x.BlockRoot[:]))
}

// Publish gives an event to the clients that want it, in the form of a fork. It never waits. The topic is one of those that SetChain was told of.
func (s *Server) Publish(name string, fork params.Fork, event ssz.Object) error {
	t, ok := topicNamed(name)
	if !ok || t.source != fromOthers {
		return fail(0, "topic %q is not one to publish", name)
	}
	if !s.hub.wants(name) {
		return nil
	}
	data, err := ssz.MarshalJSON(ssz.Context{Spec: s.cfg.Spec, Fork: fork}, ssz.Container(event))
	if err != nil {
		return err
	}
	s.hub.publish(name, frame(t, fork, data))
	return nil
}

// frame is an event as it is sent. Spec: server-sent events.
func frame(t topic, fork params.Fork, data []byte) []byte {
	out := make([]byte, 0, len(data)+len(t.name)+64)
	out = append(out, "event: "+t.name+"\ndata: "...)
	if t.versioned {
		out = append(withFork(fork).prefix(out), data...)
		return append(out, "}\n\n"...)
	}
	return append(append(out, data...), "\n\n"...)
}
