package types

import (
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
)

// BlockContents is a block on its way from the node that made it to the validator that signs it, with the blobs that it commits to (deneb to
// fulu). Spec: Deneb.BlockContents, Fulu.BlockContents (beacon-APIs).
type BlockContents struct {
	Block     BeaconBlock
	KZGProofs []KZGProof // one a blob; since fulu CELLS_PER_EXT_BLOB a blob
	Blobs     [][]byte
}

// Define lists the fields of the container.
func (x *BlockContents) Define(d *ssz.Def) {
	d.Field("block", ssz.Container(&x.Block))
	defineBlobs(d, &x.KZGProofs, &x.Blobs)
}

// SignedBlockContents is BlockContents on the way back. Spec: Deneb.SignedBlockContents, Fulu.SignedBlockContents (beacon-APIs).
type SignedBlockContents struct {
	SignedBlock SignedBeaconBlock
	KZGProofs   []KZGProof
	Blobs       [][]byte
}

// Define lists the fields of the container.
func (x *SignedBlockContents) Define(d *ssz.Def) {
	d.Field("signed_block", ssz.Container(&x.SignedBlock))
	defineBlobs(d, &x.KZGProofs, &x.Blobs)
}

func defineBlobs(d *ssz.Def, kzgProofs *[]KZGProof, blobs *[][]byte) {
	s := d.Spec
	most := s.MaxBlobCommitmentsPerBlock
	perBlob := uint64(1)
	if d.Fork >= params.Fulu {
		perBlob = s.CellsPerExtBlob
	}
	d.Field("kzg_proofs", ssz.ListOf(kzgProofs, ssz.Cap(most*perBlob, false), func(p *KZGProof) ssz.Node { return ssz.Bytes(p[:]) }))
	d.Field("blobs", ssz.ListOf(blobs, ssz.Cap(most, false), func(b *[]byte) ssz.Node {
		return ssz.ByteVector(b, params.BytesPerFieldElement*s.FieldElementsPerBlob)
	}))
}
