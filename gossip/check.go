package gossip

import (
	"fmt"

	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// Check begins the check of a message of any kind, as Network.Decode made it. Now is milliseconds since genesis.
func (r *Rules) Check(t Topic, object ssz.Object, now uint64) Candidate {
	in := Arrival{Now: now, Fork: t.Fork, Subnet: t.Subnet}
	switch m := object.(type) {
	case *types.SignedBeaconBlock:
		return r.BeaconBlock(in, m)
	case *types.SignedAggregateAndProof:
		return r.AggregateAndProof(in, m)
	case *types.Attestation:
		return r.Attestation(in, m)
	case *types.SingleAttestation:
		return r.SingleAttestation(in, m)
	case *types.SignedVoluntaryExit:
		return r.VoluntaryExit(in, m)
	case *types.ProposerSlashing:
		return r.ProposerSlashing(in, m)
	case *types.AttesterSlashing:
		return r.AttesterSlashing(in, m)
	case *types.SignedContributionAndProof:
		return r.ContributionAndProof(in, m)
	case *types.SyncCommitteeMessage:
		return r.SyncCommitteeMessage(in, m)
	case *types.LightClientFinalityUpdate:
		return r.LightClientFinalityUpdate(in, m)
	case *types.LightClientOptimisticUpdate:
		return r.LightClientOptimisticUpdate(in, m)
	case *types.SignedBLSToExecutionChange:
		return r.BLSToExecutionChange(in, m)
	case *types.BlobSidecar:
		return r.BlobSidecar(in, m)
	case *types.DataColumnSidecar:
		return r.DataColumnSidecar(in, m)
	case *types.SignedExecutionPayloadEnvelope:
		return r.ExecutionPayloadEnvelope(in, m)
	case *types.SignedExecutionPayloadBid:
		return r.ExecutionPayloadBid(in, m)
	case *types.PayloadAttestationMessage:
		return r.PayloadAttestationMessage(in, m)
	case *types.SignedProposerPreferences:
		return r.ProposerPreferences(in, m)
	}
	return &Pending[*CheckedBlock]{decided: reject(RuleType, fmt.Sprintf("%T", object), t.Kind)}
}
