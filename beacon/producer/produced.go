package producer

import (
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// Request is what a validator asks for when it is its turn to propose.
type Request struct {
	Slot         types.Slot
	RandaoReveal types.BLSSignature
	Graffiti     types.Bytes32
	// SkipRandao has the reveal not verified. Whoever asks only wants to see the block, or signs with distributed keys.
	SkipRandao bool
}

// Produced is a block that lacks nothing but its signature, and the blobs that go with it.
type Produced struct {
	Fork  params.Fork
	Block *types.BeaconBlock
	// Blobs are the payload's blobs, of 131,072 bytes each, and Proofs their proofs: one a blob until Electra, CELLS_PER_EXT_BLOB a
	// blob from Fulu on, those of the first blob first.
	Blobs  [][]byte
	Proofs []types.KZGProof
	// ExecutionValue is what the payload pays its fee recipient, ConsensusValue what the block pays its proposer, both in wei.
	ExecutionValue, ConsensusValue ssz.Uint256
}
