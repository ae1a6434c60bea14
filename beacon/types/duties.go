package types

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/cresset/cresset/beacon/params"
)

// ComputeSubnetForAttestation is the subnet on which the votes of a committee travel.
// Spec: compute_subnet_for_attestation (phase0).
func ComputeSubnetForAttestation(s *params.Spec, committeesPerSlot uint64, slot Slot, index CommitteeIndex) uint64 {
	sinceEpochStart := committeesPerSlot * (uint64(slot) % s.SlotsPerEpoch)
	return (sinceEpochStart + uint64(index)) % s.AttestationSubnetCount
}

// ComputeSubnetForBlobSidecar is the subnet on which a blob travels. Spec: compute_subnet_for_blob_sidecar (deneb; modified electra).
func ComputeSubnetForBlobSidecar(s *params.Spec, fork params.Fork, blobIndex uint64) uint64 {
	if fork >= params.Electra {
		return blobIndex % s.BlobSidecarSubnetCountElectra
	}
	return blobIndex % s.BlobSidecarSubnetCount
}

// ComputeSubnetsForSyncCommittee lists the subnets, ascending, of the member with a key of a sync committee, none for anybody else.
// The committee is that of the slot after the one that is signed for. Spec: compute_subnets_for_sync_committee (altair).
func ComputeSubnetsForSyncCommittee(s *params.Spec, committee []BLSPubkey, key BLSPubkey) (subnets []uint64) {
	size := s.SyncCommitteeSize / params.SyncCommitteeSubnetCount
	for i := range committee {
		if committee[i] != key {
			continue
		}
		if subnet := uint64(i) / size; len(subnets) == 0 || subnets[len(subnets)-1] != subnet {
			subnets = append(subnets, subnet)
		}
	}
	return subnets
}

// IsAggregator tells whether a selection proof selects its maker to aggregate the votes of a committee of the given size.
// Spec: is_aggregator (phase0).
func IsAggregator(committeeSize int, slotSignature BLSSignature) bool {
	return selects(slotSignature, uint64(committeeSize)/params.TargetAggregatorsPerCommittee)
}

// IsSyncCommitteeAggregator tells whether a selection proof selects its maker to aggregate the messages of a sync subcommittee.
// Spec: is_sync_committee_aggregator (altair).
func IsSyncCommitteeAggregator(s *params.Spec, signature BLSSignature) bool {
	return selects(signature, s.SyncCommitteeSize/params.SyncCommitteeSubnetCount/params.TargetAggregatorsPerSyncSubcommittee)
}

// selects tells whether a signature is one of the modulo-th part of all; all are if that is 0.
func selects(signature BLSSignature, modulo uint64) bool {
	hash := sha256.Sum256(signature[:])
	return binary.LittleEndian.Uint64(hash[:8])%max(1, modulo) == 0
}
