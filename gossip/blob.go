package gossip

import (
	"fmt"

	"github.com/cresset/cresset/beacon/das"
	"github.com/cresset/cresset/beacon/kzg"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// CheckedBlob is a blob sidecar that may be passed on (deneb, electra).
type CheckedBlob struct {
	sidecar *types.BlobSidecar
	root    types.Root
}

func (*CheckedBlob) checked() {}

// Sidecar is the sidecar. It is not to be written to.
func (c *CheckedBlob) Sidecar() *types.BlobSidecar { return c.sidecar }

// BlockRoot is the root of the block that the blob is of.
func (c *CheckedBlob) BlockRoot() types.Root { return c.root }

// BlobSidecar begins the check of a blob sidecar.
//
// Spec: validate_blob_sidecar_gossip (deneb; modified electra).
func (r *Rules) BlobSidecar(in Arrival, sidecar *types.BlobSidecar) *Pending[*CheckedBlob] {
	return begin(&blobCheck{headerCheck{Rules: r, in: in, v: r.view(), rules: &blobRules, signed: &sidecar.SignedBlockHeader}, sidecar})
}

var blobRules = headerRules{
	future:      "blob sidecar is from a future slot",
	finalized:   "blob sidecar is not from a slot greater than the latest finalized slot",
	proposal:    proposalRules{"proposer index out of range", "invalid proposer signature on blob sidecar block header"},
	unknown:     "blob sidecar's parent has not been seen",
	failed:      "blob sidecar's parent failed validation",
	slot:        "blob sidecar is not from a higher slot than its parent",
	ancestor:    "finalized checkpoint is not an ancestor of blob sidecar's block",
	proof:       "invalid blob sidecar inclusion proof",
	wrongSender: "blob sidecar proposer_index does not match expected proposer",
}

type blobCheck struct {
	headerCheck
	sidecar *types.BlobSidecar
}

func (c *blobCheck) before(sigs *statements) Decision {
	most := c.spec.MaxBlobsPerBlock
	if c.in.Fork >= params.Electra {
		most = c.spec.MaxBlobsPerBlockElectra
	}
	// [REJECT] The sidecar's index is consistent with MAX_BLOBS_PER_BLOCK (deneb; modified electra)
	if c.sidecar.Index >= most {
		return reject("blob index out of range", c.sidecar.Index, most)
	}
	// [REJECT] The sidecar is for the correct subnet
	if subnet := types.ComputeSubnetForBlobSidecar(c.spec, c.in.Fork, c.sidecar.Index); subnet != c.in.Subnet {
		return reject("blob sidecar is for wrong subnet", c.in.Subnet, subnet)
	}
	if d := c.time(); !d.ok() {
		return d
	}
	// "Clients MUST reject messages containing an incorrect type"
	if d := c.checkFork(c.signed.Message.Slot, c.in); !d.ok() {
		return d
	}
	return c.signature(sigs)
}

func (c *blobCheck) after() (*CheckedBlob, Decision) {
	if d := c.place(); !d.ok() {
		return nil, d
	}
	// [REJECT] The sidecar's inclusion proof is valid as verified by verify_blob_sidecar_inclusion_proof
	if err := das.VerifyBlobSidecarInclusionProof(c.cx(c.in.Fork), c.sidecar); err != nil {
		return nil, rejectFor(c.rules.proof, err)
	}
	// [REJECT] The sidecar's blob is valid as verified by verify_blob_kzg_proof
	if err := c.verifyBlob(); err != nil {
		return nil, rejectFor("invalid blob kzg proof", err)
	}
	header := &c.signed.Message
	key := sidecarKey{proposer: header.ProposerIndex, index: c.sidecar.Index}
	// [IGNORE] The sidecar is the first sidecar for the tuple
	// (block_header.slot, block_header.proposer_index, blob_sidecar.index)
	if c.seen.blobs.has(header.Slot, key) {
		return nil, seenBlob(c.sidecar)
	}
	if d := c.proposer(); !d.ok() {
		return nil, d
	}
	// Mark this blob sidecar as seen
	if !c.seen.blobs.put(header.Slot, key, struct{}{}) {
		return nil, seenBlob(c.sidecar)
	}
	return &CheckedBlob{c.sidecar, c.root}, accepted
}

func seenBlob(s *types.BlobSidecar) Decision {
	return seenBefore("already seen blob sidecar from this proposer for this slot and index", s.Index, "another index")
}

// verifyBlob checks the proof of the blob. Spec: verify_blob_kzg_proof (deneb).
func (c *blobCheck) verifyBlob() error {
	if len(c.sidecar.Blob) != kzg.BytesPerBlob {
		return fmt.Errorf("blob has %d bytes, want %d", len(c.sidecar.Blob), kzg.BytesPerBlob)
	}
	blob := kzg.Blob(c.sidecar.Blob)
	ok, err := c.kzg.VerifyBlobKZGProof(&blob, kzg.Commitment(c.sidecar.KZGCommitment), kzg.Proof(c.sidecar.KZGProof))
	if err == nil && !ok {
		err = fmt.Errorf("blob %d does not match commitment and proof", c.sidecar.Index)
	}
	return err
}
