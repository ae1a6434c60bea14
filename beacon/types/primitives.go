package types

import (
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/prysmaticlabs/go-bitfield"
)

// The specification's basic types. They are declared in beacon/params, which needs them for its values.
type (
	Slot             = params.Slot
	Epoch            = params.Epoch
	Gwei             = params.Gwei
	ValidatorIndex   = params.ValidatorIndex
	CommitteeIndex   = params.CommitteeIndex
	BuilderIndex     = params.BuilderIndex
	WithdrawalIndex  = params.WithdrawalIndex
	Root             = params.Root
	Hash32           = params.Hash32
	Version          = params.Version
	Domain           = params.Domain
	DomainType       = params.DomainType
	ForkDigest       = params.ForkDigest
	ExecutionAddress = params.ExecutionAddress
	BLSPubkey        = params.BLSPubkey
	BLSSignature     = params.BLSSignature
	KZGCommitment    = params.KZGCommitment
	KZGProof         = params.KZGProof
	// Bytes32 is 32 opaque bytes.
	Bytes32 = params.Root
)

// Nodes of elements and fields that several containers share.

func bytes32(p *Bytes32) ssz.Node          { return ssz.Bytes(p[:]) }
func pubkey(p *BLSPubkey) ssz.Node         { return ssz.Bytes(p[:]) }
func commitment(p *KZGCommitment) ssz.Node { return ssz.Bytes(p[:]) }
func proof(p *KZGProof) ssz.Node           { return ssz.Bytes(p[:]) }

func rootVector(p *[]Root, n uint64) ssz.Node { return ssz.VectorOf(p, n, bytes32) }

// branch is a Merkle branch of the given depth.
func branch(p *[]Bytes32, depth uint64) ssz.Node { return ssz.VectorOf(p, depth, bytes32) }

// commitments is BlobKZGCommitments (deneb; modified gloas).
func commitments(d *ssz.Def, p *[]KZGCommitment) ssz.Node {
	return ssz.ListOf(p, ssz.Cap(d.Spec.MaxBlobCommitmentsPerBlock, d.Fork >= params.Gloas), commitment)
}

// proofs is KZGProofs (deneb; modified gloas).
func proofs(d *ssz.Def, p *[]KZGProof) ssz.Node {
	return ssz.ListOf(p, ssz.Cap(d.Spec.MaxBlobCommitmentsPerBlock, d.Fork >= params.Gloas), proof)
}

func bytesPerCell(d *ssz.Def) uint64 {
	return params.BytesPerFieldElement * d.Spec.FieldElementsPerCell
}

// cells is DataColumn (fulu; modified gloas).
func cells(d *ssz.Def, p *[][]byte) ssz.Node {
	size := bytesPerCell(d)
	return ssz.ListOf(p, ssz.Cap(d.Spec.MaxBlobCommitmentsPerBlock, d.Fork >= params.Gloas), func(c *[]byte) ssz.Node {
		return ssz.ByteVector(c, size)
	})
}

// transactions is Transactions (bellatrix; modified gloas).
func transactions(d *ssz.Def, p *[][]byte) ssz.Node {
	progressive := d.Fork >= params.Gloas
	each := ssz.Cap(d.Spec.MaxBytesPerTransaction, progressive)
	return ssz.ListOf(p, ssz.Cap(d.Spec.MaxTransactionsPerPayload, progressive), func(t *[]byte) ssz.Node {
		return ssz.ByteList(t, each)
	})
}

// votersLimit is how many validators one attestation can hold: a committee's, from Electra on a slot's.
func votersLimit(d *ssz.Def) uint64 {
	if d.Fork >= params.Electra {
		return d.Spec.MaxValidatorsPerCommittee * d.Spec.MaxCommitteesPerSlot
	}
	return d.Spec.MaxValidatorsPerCommittee
}

// aggregationBits is AggregationBits (phase0; modified electra, gloas).
func aggregationBits(d *ssz.Def, p *bitfield.Bitlist) ssz.Node {
	return ssz.Bitlist(p, ssz.Cap(votersLimit(d), d.Fork >= params.Gloas))
}

// attestingIndices is the shape of AttestingIndices (phase0; modified electra, gloas).
func attestingIndices(d *ssz.Def) ssz.Shape {
	return ssz.Cap(votersLimit(d), d.Fork >= params.Gloas)
}

func maxAttestations(d *ssz.Def) uint64 {
	if d.Fork >= params.Electra {
		return d.Spec.MaxAttestationsElectra
	}
	return d.Spec.MaxAttestations
}

func maxAttesterSlashings(d *ssz.Def) uint64 {
	if d.Fork >= params.Electra {
		return d.Spec.MaxAttesterSlashingsElectra
	}
	return d.Spec.MaxAttesterSlashings
}
