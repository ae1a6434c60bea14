package gossip

import (
	"crypto/sha256"

	"github.com/cresset/cresset/beacon/das"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
)

// CheckedColumn is a data column sidecar that may be passed on.
type CheckedColumn struct {
	sidecar *types.DataColumnSidecar
	root    types.Root
}

func (*CheckedColumn) checked() {}

// Sidecar is the sidecar. It is not to be written to.
func (c *CheckedColumn) Sidecar() *types.DataColumnSidecar { return c.sidecar }

// BlockRoot is the root of the block that the column is of.
func (c *CheckedColumn) BlockRoot() types.Root { return c.root }

// DataColumnSidecar begins the check of a column.
//
// Spec: validate_data_column_sidecar_gossip (fulu; modified gloas).
func (r *Rules) DataColumnSidecar(in Arrival, sidecar *types.DataColumnSidecar) *Pending[*CheckedColumn] {
	if in.Fork >= params.Gloas {
		return begin(&bidColumnCheck{Rules: r, in: in, v: r.view(), sidecar: sidecar})
	}
	return begin(&columnCheck{headerCheck{Rules: r, in: in, v: r.view(), rules: &columnRules, signed: &sidecar.SignedBlockHeader}, sidecar, [32]byte{}})
}

var columnRules = headerRules{
	future:      "sidecar is from a future slot",
	finalized:   "sidecar is not from a slot greater than the latest finalized slot",
	proposal:    proposalRules{"proposer index out of range", "invalid proposer signature on sidecar block header"},
	unknown:     "sidecar's parent has not been seen",
	failed:      "sidecar's parent failed validation",
	slot:        "sidecar is not from a higher slot than its parent",
	ancestor:    "finalized checkpoint is not an ancestor of sidecar's block",
	proof:       "invalid sidecar inclusion proof",
	wrongSender: "sidecar proposer_index does not match expected proposer",
}

// columnKey is the key of a column among those of its slot.
func (s *Seen) columnKey(root types.Root, slot types.Slot, proposer types.ValidatorIndex, column uint64) sidecarKey {
	if s.spec.ForkAtSlot(slot) >= params.Gloas {
		return sidecarKey{root: root, index: column}
	}
	return sidecarKey{proposer: proposer, index: column}
}

// columnCheck is the rules of a column with the header of its block (fulu).
type columnCheck struct {
	headerCheck
	sidecar *types.DataColumnSidecar
	proven  [32]byte // names header, signature, commitments and proof, which all columns of a block share
}

func (c *columnCheck) key() sidecarKey {
	header := &c.signed.Message
	return sidecarKey{proposer: header.ProposerIndex, index: c.sidecar.Index}
}

func (c *columnCheck) before(sigs *statements) Decision {
	header := &c.signed.Message
	// [IGNORE] The sidecar is the first sidecar for the tuple (block_header.slot, block_header.proposer_index, sidecar.index)
	if c.seen.columns.has(header.Slot, c.key()) {
		return c.duplicate()
	}
	// [REJECT] The sidecar is valid as verified by verify_data_column_sidecar
	if err := das.VerifyDataColumnSidecar(c.cx(c.in.Fork), c.sidecar, c.sidecar.KZGCommitments); err != nil {
		return rejectFor("invalid sidecar", err)
	}
	// [REJECT] The sidecar is for the correct subnet
	if subnet := das.ComputeSubnetForDataColumnSidecar(c.spec, c.sidecar.Index); subnet != c.in.Subnet {
		return reject("sidecar is for wrong subnet", c.in.Subnet, subnet)
	}
	if d := c.time(); !d.ok() {
		return d
	}
	// "Clients MUST reject messages containing an incorrect type"
	if d := c.checkFork(header.Slot, c.in); !d.ok() {
		return d
	}
	// Header, signature and inclusion proof are the same in all columns of a block: "Client can choose to cache the result".
	c.root, c.proven = types.HashTreeRoot(header), c.nameOfProof()
	if c.seen.headers.has(header.Slot, c.proven) {
		return accepted
	}
	return c.signature(sigs)
}

func (c *columnCheck) duplicate() Decision {
	return seenBefore("already seen sidecar from this proposer for this slot and index", c.sidecar.Index, "another index")
}

// nameOfProof is a hash of the header with its signature, the commitments and their proof.
func (c *columnCheck) nameOfProof() (name [32]byte) {
	h := sha256.New()
	root := types.HashTreeRoot(c.signed)
	h.Write(root[:])
	for i := range c.sidecar.KZGCommitmentsInclusionProof {
		h.Write(c.sidecar.KZGCommitmentsInclusionProof[i][:])
	}
	for i := range c.sidecar.KZGCommitments {
		h.Write(c.sidecar.KZGCommitments[i][:])
	}
	h.Sum(name[:0])
	return name
}

func (c *columnCheck) after() (*CheckedColumn, Decision) {
	header := &c.signed.Message
	if d := c.place(); !d.ok() {
		return nil, d
	}
	// [REJECT] The sidecar is valid as verified by verify_data_column_sidecar_inclusion_proof
	if !c.seen.headers.has(header.Slot, c.proven) {
		if err := das.VerifyDataColumnSidecarInclusionProof(c.cx(c.in.Fork), c.sidecar); err != nil {
			return nil, rejectFor(c.rules.proof, err)
		}
		c.seen.headers.put(header.Slot, c.proven, struct{}{})
	}
	// [REJECT] The sidecar is valid as verified by verify_data_column_sidecar_kzg_proofs
	if err := das.VerifyDataColumnSidecarKZGProofs(c.kzg, c.sidecar, c.sidecar.KZGCommitments); err != nil {
		return nil, rejectFor("invalid sidecar kzg proofs", err)
	}
	if d := c.proposer(); !d.ok() {
		return nil, d
	}
	// Mark this data column sidecar as seen
	if !c.seen.columns.put(header.Slot, c.key(), struct{}{}) {
		return nil, c.duplicate()
	}
	return &CheckedColumn{c.sidecar, c.root}, accepted
}

// bidColumnCheck is the rules of a column whose commitments are in its block's bid (gloas).
type bidColumnCheck struct {
	*Rules
	in      Arrival
	v       View
	sidecar *types.DataColumnSidecar
}

func (c *bidColumnCheck) key() sidecarKey {
	return sidecarKey{root: c.sidecar.BeaconBlockRoot, index: c.sidecar.Index}
}

func (c *bidColumnCheck) before(*statements) Decision {
	// [IGNORE] This is the first sidecar seen for this block root and column index
	if c.seen.columns.has(c.sidecar.Slot, c.key()) {
		return c.duplicate()
	}
	// [REJECT] The sidecar is for the correct subnet
	if subnet := das.ComputeSubnetForDataColumnSidecar(c.spec, c.sidecar.Index); subnet != c.in.Subnet {
		return reject("sidecar is for wrong subnet", c.in.Subnet, subnet)
	}
	// [IGNORE] The sidecar is not from a future slot (MAY be queued for processing at the appropriate slot)
	if isFutureSlot(c.spec, c.sidecar.Slot, c.in.Now) {
		return c.future("sidecar is from a future slot", c.sidecar.Slot, c.in.Now)
	}
	// "Clients MUST reject messages containing an incorrect type"
	return c.checkFork(c.sidecar.Slot, c.in)
}

func (c *bidColumnCheck) duplicate() Decision {
	return seenBefore("already seen sidecar for this block root and index", c.sidecar.Index, "another index")
}

func (c *bidColumnCheck) after() (*CheckedColumn, Decision) {
	root := c.sidecar.BeaconBlockRoot
	// [IGNORE] A block for the sidecar has been seen (MAY be queued until block is retrieved)
	block, ok := c.v.Block(root)
	if !ok {
		return nil, deferred("block for sidecar's beacon block root has not been seen", WaitBlock, root)
	}
	// [REJECT] The block for the sidecar passes validation
	if block.Failed {
		return nil, reject("block for sidecar's beacon block root failed validation", root, "a valid block")
	}
	// [REJECT] The sidecar's slot matches the slot of the block
	if c.sidecar.Slot != block.Slot {
		return nil, reject("sidecar's slot does not match block's slot", c.sidecar.Slot, block.Slot)
	}
	bid, ok := c.v.Bid(root)
	if !ok {
		return nil, notAtHand(root)
	}
	// [REJECT] The sidecar passes structural validation
	if err := das.VerifyDataColumnSidecar(c.cx(c.in.Fork), c.sidecar, bid.BlobKZGCommitments); err != nil {
		return nil, rejectFor("invalid sidecar", err)
	}
	// [REJECT] The sidecar's column data passes KZG verification
	if err := das.VerifyDataColumnSidecarKZGProofs(c.kzg, c.sidecar, bid.BlobKZGCommitments); err != nil {
		return nil, rejectFor("invalid sidecar kzg proofs", err)
	}
	// Mark this data column sidecar as seen
	if !c.seen.columns.put(c.sidecar.Slot, c.key(), struct{}{}) {
		return nil, c.duplicate()
	}
	return &CheckedColumn{c.sidecar, root}, accepted
}
