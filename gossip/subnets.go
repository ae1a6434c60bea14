package gossip

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/cresset/cresset/beacon/das"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// ComputeSubscribedSubnet is one of the attestation subnets that a node stays subscribed to; index is below SUBNETS_PER_NODE.
// Spec: compute_subscribed_subnet (phase0).
func ComputeSubscribedSubnet(spec *params.Spec, id das.NodeID, epoch types.Epoch, index uint64) uint64 {
	bits := spec.ComputeAttestationSubnetPrefixBits()
	prefix := binary.BigEndian.Uint64(id[:8]) >> (64 - bits)
	// The period is a power of two in every configuration that exists; the remainder of a 256-bit number is taken by bytes all the same.
	offset := uint64(0)
	for _, b := range id {
		offset = (offset<<8 | uint64(b)) % spec.EpochsPerSubnetSubscription
	}
	var period [8]byte
	binary.LittleEndian.PutUint64(period[:], (uint64(epoch)+offset)/spec.EpochsPerSubnetSubscription)
	permuted := transition.ComputeShuffledIndex(prefix, 1<<bits, sha256.Sum256(period[:]), spec.ShuffleRoundCount)
	return (permuted + index) % spec.AttestationSubnetCount
}

// ComputeSubscribedSubnets is the attestation subnets that a node stays subscribed to in an epoch.
// Spec: compute_subscribed_subnets (phase0).
func ComputeSubscribedSubnets(spec *params.Spec, id das.NodeID, epoch types.Epoch) []uint64 {
	subnets := make([]uint64, spec.SubnetsPerNode)
	for i := range subnets {
		subnets[i] = ComputeSubscribedSubnet(spec, id, epoch, uint64(i))
	}
	return subnets
}
