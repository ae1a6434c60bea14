package params

import (
	"math"
	"math/bits"
)

// ComputeMinEpochsForBlockRequests returns for how many epochs back a node must serve blocks.
//
// Spec: compute_min_epochs_for_block_requests (phase0).
func (s *Spec) ComputeMinEpochsForBlockRequests() Epoch {
	return s.MinValidatorWithdrawabilityDelay + Epoch(s.ChurnLimitQuotient/2)
}

// ComputeAttestationSubnetPrefixBits returns how many bits of a node id choose its subnets.
//
// Spec: compute_attestation_subnet_prefix_bits (phase0).
func (s *Spec) ComputeAttestationSubnetPrefixBits() uint64 {
	ceillog2 := bits.Len64(s.AttestationSubnetCount - 1)
	return uint64(ceillog2) + s.AttestationSubnetExtraBits
}

// ComputeMaxRequestBlobSidecars returns how many blob sidecars one request may ask for.
//
// Spec: compute_max_request_blob_sidecars (deneb; modified electra).
func (s *Spec) ComputeMaxRequestBlobSidecars(f Fork) uint64 {
	if f >= Electra {
		return s.MaxRequestBlocksDeneb * s.MaxBlobsPerBlockElectra
	}
	return s.MaxRequestBlocksDeneb * s.MaxBlobsPerBlock
}

// ComputeMaxRequestDataColumnSidecars returns how many data columns one request may ask for.
//
// Spec: compute_max_request_data_column_sidecars (fulu).
func (s *Spec) ComputeMaxRequestDataColumnSidecars() uint64 {
	return s.MaxRequestBlocksDeneb * s.NumberOfColumns
}

// PayloadTimelyThreshold returns how many votes of the payload committee a payload needs to count as
// timely: more than this number. DATA_AVAILABILITY_TIMELY_THRESHOLD is the same number.
//
// Spec: PAYLOAD_TIMELY_THRESHOLD (gloas).
func (s *Spec) PayloadTimelyThreshold() uint64 { return s.PTCSize / 2 }

// MaxCompressedLen returns how many bytes a payload of n bytes can take at most when it is compressed with snappy.
//
// Spec: max_compressed_len (phase0).
func MaxCompressedLen(n uint64) uint64 {
	const overhead = 32
	if sixth := n / 6; n <= math.MaxUint64-overhead-sixth {
		return overhead + n + sixth
	}
	return math.MaxUint64
}
