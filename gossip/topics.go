package gossip

import (
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// Kind is a kind of message. Each has a topic, or one for each of its subnets.
type Kind uint8

// The kinds, in the order of the forks that brought them.
const (
	BeaconBlock Kind = iota
	BeaconAggregateAndProof
	BeaconAttestation
	VoluntaryExit
	ProposerSlashing
	AttesterSlashing
	SyncCommitteeContributionAndProof
	SyncCommittee
	LightClientFinalityUpdate
	LightClientOptimisticUpdate
	BLSToExecutionChange
	BlobSidecar
	DataColumnSidecar
	ExecutionPayload
	ExecutionPayloadBid
	PayloadAttestationMessage
	ProposerPreferences

	kinds
)

// Kinds lists all kinds.
func Kinds() []Kind {
	all := make([]Kind, kinds)
	for i := range all {
		all[i] = Kind(i)
	}
	return all
}

// String is the name of the topic, without a subnet.
func (k Kind) String() string {
	if k >= kinds {
		return "unknown"
	}
	return topics[k].name
}

// row is one line of the table of topics.
type row struct {
	name string
	// The topic exists from since on and, unless until is since, before until.
	since, until params.Fork
	// subnets is how many there are; nil for a global topic.
	subnets func(*params.Spec, params.Fork) uint64
	// object makes the container of a fork.
	object func(params.Fork) ssz.Object
	// most is the bound that the specification sets to the type; nil where the type sets it.
	most func(*params.Spec) uint64
}

// in tells whether the topic exists in a fork.
func (r *row) in(fork params.Fork) bool {
	return fork >= r.since && (r.until == r.since || fork < r.until)
}

func always[T any, P interface {
	*T
	ssz.Object
}](params.Fork) ssz.Object {
	return P(new(T))
}

// topics is the table of topics, by kind. It is never written to.
var topics = [kinds]row{
	BeaconBlock:             {name: "beacon_block", object: always[types.SignedBeaconBlock]},
	BeaconAggregateAndProof: {name: "beacon_aggregate_and_proof", object: always[types.SignedAggregateAndProof], most: func(s *params.Spec) uint64 { return s.MaxSignedAggregateAndProofSize }},
	BeaconAttestation: {name: "beacon_attestation", object: attestationObject,
		subnets: func(s *params.Spec, _ params.Fork) uint64 { return s.AttestationSubnetCount }},
	VoluntaryExit:    {name: "voluntary_exit", object: always[types.SignedVoluntaryExit]},
	ProposerSlashing: {name: "proposer_slashing", object: always[types.ProposerSlashing]},
	AttesterSlashing: {name: "attester_slashing", object: always[types.AttesterSlashing], most: func(s *params.Spec) uint64 { return s.MaxAttesterSlashingSize }},
	SyncCommitteeContributionAndProof: {name: "sync_committee_contribution_and_proof", since: params.Altair, until: params.Altair,
		object: always[types.SignedContributionAndProof]},
	SyncCommittee: {name: "sync_committee", since: params.Altair, until: params.Altair, object: always[types.SyncCommitteeMessage],
		subnets: func(*params.Spec, params.Fork) uint64 { return params.SyncCommitteeSubnetCount }},
	LightClientFinalityUpdate: {name: "light_client_finality_update", since: params.Altair, until: params.Altair,
		object: always[types.LightClientFinalityUpdate]},
	LightClientOptimisticUpdate: {name: "light_client_optimistic_update", since: params.Altair, until: params.Altair,
		object: always[types.LightClientOptimisticUpdate]},
	BLSToExecutionChange: {name: "bls_to_execution_change", since: params.Capella, until: params.Capella,
		object: always[types.SignedBLSToExecutionChange]},
	BlobSidecar: {name: "blob_sidecar", since: params.Deneb, until: params.Fulu, object: always[types.BlobSidecar],
		subnets: func(s *params.Spec, f params.Fork) uint64 {
			if f >= params.Electra {
				return s.BlobSidecarSubnetCountElectra
			}
			return s.BlobSidecarSubnetCount
		}},
	DataColumnSidecar: {name: "data_column_sidecar", since: params.Fulu, until: params.Fulu, object: always[types.DataColumnSidecar],
		subnets: func(s *params.Spec, _ params.Fork) uint64 { return s.DataColumnSidecarSubnetCount },
		most:    func(s *params.Spec) uint64 { return s.MaxDataColumnSidecarSize }},
	ExecutionPayload: {name: "execution_payload", since: params.Gloas, until: params.Gloas,
		object: always[types.SignedExecutionPayloadEnvelope]},
	ExecutionPayloadBid: {name: "execution_payload_bid", since: params.Gloas, until: params.Gloas,
		object: always[types.SignedExecutionPayloadBid], most: func(s *params.Spec) uint64 { return s.MaxSignedExecutionPayloadBidSize }},
	PayloadAttestationMessage: {name: "payload_attestation_message", since: params.Gloas, until: params.Gloas,
		object: always[types.PayloadAttestationMessage]},
	ProposerPreferences: {name: "proposer_preferences", since: params.Gloas, until: params.Gloas,
		object: always[types.SignedProposerPreferences]},
}

// attestationObject is what travels on the attestation subnets: since Electra one vote with its voter's index (EIP-7549).
func attestationObject(fork params.Fork) ssz.Object {
	if fork >= params.Electra {
		return new(types.SingleAttestation)
	}
	return new(types.Attestation)
}

// In tells whether messages of the kind are sent in a fork.
func (k Kind) In(fork params.Fork) bool { return k < kinds && topics[k].in(fork) }

// Subnets is how many subnets the kind has in a fork; 0 for a kind with one global topic.
func (k Kind) Subnets(spec *params.Spec, fork params.Fork) uint64 {
	if topics[k].subnets == nil {
		return 0
	}
	return topics[k].subnets(spec, fork)
}

// New makes an empty container of the kind's messages in a fork.
func (k Kind) New(fork params.Fork) ssz.Object { return topics[k].object(fork) }

// Bounds is the smallest and the largest encoding of a kind's messages, in bytes, before compression.
type Bounds struct{ Min, Max uint64 }

// Bounds gives the sizes that a message of the kind may have in a fork: those that its type allows, and at most MAX_PAYLOAD_SIZE. For
// types without a limit of their own (EIP-7688) the specification gives one.
// Spec: "Gossipsub size limits", "What are SSZ type size bounds?" (phase0), "Type-specific SSZ bounds" (gloas).
func (k Kind) Bounds(spec *params.Spec, fork params.Fork) Bounds {
	cx, node := ssz.Context{Spec: spec, Fork: fork}, ssz.Container(k.New(fork))
	b := Bounds{Min: uint64(ssz.Size(cx, node)), Max: min(ssz.MaxSize(cx, node), spec.MaxPayloadSize)}
	if most := topics[k].most; most != nil && fork >= params.Gloas {
		b.Max = min(most(spec), spec.MaxPayloadSize)
	}
	return b
}
