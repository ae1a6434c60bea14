package gossip

import (
	"slices"

	"github.com/cresset/cresset/beacon/das"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// Partial is some cells of a column as they came: the message, the group that it is of, and the column of its topic.
type Partial struct {
	Sidecar *types.PartialDataColumnSidecar
	Group   types.PartialDataColumnGroupID
	Column  uint64
}

// CheckedPartial is a partial message whose cells, if it has any, are those of its block.
type CheckedPartial struct {
	partial *Partial
	header  *types.PartialDataColumnHeader
}

func (*CheckedPartial) checked() {}

// Partial is the message. It is not to be written to.
func (c *CheckedPartial) Partial() *Partial { return c.partial }

// Header is the header that the cells were checked against, or that came with the message; nil from Gloas on.
func (c *CheckedPartial) Header() *types.PartialDataColumnHeader { return c.header }

// partialGroupVersion is the byte in front of an encoded group id.
const partialGroupVersion = 0x00

// DecodePartialGroupID reads the id of a group of partial messages; false for one of an unknown version, which is to be ignored. All
// its errors are ErrPayload.
//
// Spec: "the gossipsub group ID MUST be the SSZ encoded PartialDataColumnGroupID prefixed with a single version byte ... MUST be 0x00.
// Implementations MUST ignore unknown versions" (fulu/partial-columns).
func (n *Network) DecodePartialGroupID(fork params.Fork, id []byte) (group types.PartialDataColumnGroupID, known bool, err error) {
	if len(id) == 0 || id[0] != partialGroupVersion {
		return group, false, nil
	}
	err = n.unmarshal(fork, id[1:], &group)
	return group, true, err
}

// EncodePartialGroupID is the id of a group of partial messages.
func (n *Network) EncodePartialGroupID(fork params.Fork, group types.PartialDataColumnGroupID) ([]byte, error) {
	plain, err := ssz.Marshal(ssz.Context{Spec: n.spec, Fork: fork}, ssz.Container(&group))
	return append([]byte{partialGroupVersion}, plain...), err
}

// DecodePartial reads a partial message, which is not compressed. All its errors are ErrPayload.
//
// Spec: "All responses MUST be encoded and decoded with the PartialDataColumnSidecar container" (fulu/partial-columns),
// MAX_PARTIAL_DATA_COLUMN_SIDECAR_SIZE (gloas/partial-columns).
func (n *Network) DecodePartial(fork params.Fork, data []byte) (*types.PartialDataColumnSidecar, error) {
	most := n.largest
	if fork >= params.Gloas {
		most = min(most, n.spec.MaxPartialDataColumnSidecarSize)
	}
	if uint64(len(data)) > most {
		return nil, payloadError("%d bytes, at most %d", len(data), most)
	}
	sidecar := new(types.PartialDataColumnSidecar)
	return sidecar, n.unmarshal(fork, data, sidecar)
}

// DecodePartsMetadata reads which cells a peer has and wants. All its errors are ErrPayload.
//
// Spec: "The parts metadata is encoded with the PartialDataColumnPartsMetadata container" (fulu/partial-columns).
func (n *Network) DecodePartsMetadata(fork params.Fork, data []byte) (*types.PartialDataColumnPartsMetadata, error) {
	// Two bit lists with an offset each; progressive ones have no other limit than that of the cells' number.
	if most := 2*(4+n.spec.MaxBlobCommitmentsPerBlock/8+1) + 8; uint64(len(data)) > most {
		return nil, payloadError("%d bytes, at most %d", len(data), most)
	}
	metadata := new(types.PartialDataColumnPartsMetadata)
	return metadata, n.unmarshal(fork, data, metadata)
}

// PartialDataColumnSidecar begins the check of a partial message. Of the arrival neither subnet nor topic count but its fork.
//
// Spec: validate_partial_data_column_sidecar_gossip (fulu/partial-columns; modified gloas/partial-columns).
func (r *Rules) PartialDataColumnSidecar(in Arrival, partial *Partial) *Pending[*CheckedPartial] {
	c := partialCheck{headerCheck: headerCheck{Rules: r, in: in, v: r.view(), rules: &partialRules}, partial: partial}
	if in.Fork >= params.Gloas {
		return begin(&bidPartialCheck{c})
	}
	if len(partial.Sidecar.Header) == 1 {
		c.signed = &partial.Sidecar.Header[0].SignedBlockHeader
	}
	return begin(&c)
}

var partialRules = headerRules{
	future:      "header is from a future slot",
	finalized:   "header is not from a slot greater than the latest finalized slot",
	proposal:    proposalRules{"proposer index out of range", "invalid proposer signature on header"},
	unknown:     "header's parent has not been seen",
	failed:      "header's parent failed validation",
	slot:        "header is not from a higher slot than its parent",
	ancestor:    "finalized checkpoint is not an ancestor of header's block",
	proof:       "invalid header inclusion proof",
	wrongSender: "header proposer_index does not match expected proposer",
}

// partialCheck is the rules of a partial message with, or after, the header of its block (fulu).
type partialCheck struct {
	headerCheck
	partial *Partial
	known   bool // the header was validated before
}

// counts is the rules about the numbers of cells.
func (c *partialCheck) counts(needsCells bool) Decision {
	sidecar, present := c.partial.Sidecar, c.partial.Sidecar.CellsPresentBitmap.Count()
	// [REJECT] A header and/or cells are present in the message (modified gloas: at least one cell)
	if needsCells && present == 0 {
		return reject("partial message is semantically empty", 0, "at least 1 cell")
	}
	// [REJECT] The cell count equals the number of set bits in the bitmap
	if n := uint64(len(sidecar.PartialColumn)); n != present {
		return reject("number of cells does not match number of set bits", n, present)
	}
	// [REJECT] The proof count equals the number of set bits in the bitmap
	if n := uint64(len(sidecar.KZGProofs)); n != present {
		return reject("number of proofs does not match number of set bits", n, present)
	}
	return accepted
}

func (c *partialCheck) before(sigs *statements) Decision {
	if d := c.counts(c.signed == nil); !d.ok() || c.signed == nil {
		return d
	}
	header, root := &c.partial.Sidecar.Header[0], c.partial.Group.BeaconBlockRoot
	// [REJECT] The received header MUST equal any previously validated header for this block
	prior, ok := c.seen.partialHeader(root)
	if ok && !sameHeader(prior, header) {
		return reject("header differs from previously validated header", header.SignedBlockHeader.Signature, prior.SignedBlockHeader.Signature)
	}
	c.known = ok
	// [REJECT] The signed_block_header hash matches the partial message's group id
	if have := types.HashTreeRoot(&c.signed.Message); have != root {
		return reject("header's block root does not match group id's block root", have, root)
	}
	// [REJECT] The header's kzg_commitments list is non-empty
	if len(header.KZGCommitments) == 0 {
		return reject("header's kzg_commitments is empty", 0, "at least 1")
	}
	if d := c.time(); !d.ok() {
		return d
	}
	// "Clients MUST reject messages containing an incorrect type"
	if d := c.checkFork(c.signed.Message.Slot, c.in); !d.ok() {
		return d
	}
	if c.known {
		return accepted // the same header, signature included, was found right before
	}
	return c.signature(sigs)
}

func (c *partialCheck) after() (*CheckedPartial, Decision) {
	if c.signed != nil && !c.known {
		if d := c.place(); !d.ok() {
			return nil, d
		}
		header := &c.partial.Sidecar.Header[0]
		// [REJECT] The header's kzg_commitments inclusion proof is valid
		if err := das.VerifyPartialDataColumnHeaderInclusionProof(c.cx(c.in.Fork), header); err != nil {
			return nil, rejectFor(c.rules.proof, err)
		}
		if d := c.proposer(); !d.ok() {
			return nil, d
		}
		// Mark this header as seen
		c.seen.NotePartialHeader(c.partial.Group.BeaconBlockRoot, header)
	}
	header, ok := c.seen.partialHeader(c.partial.Group.BeaconBlockRoot)
	if c.partial.Sidecar.CellsPresentBitmap.Count() == 0 {
		return &CheckedPartial{c.partial, header}, accepted
	}
	// [IGNORE] A valid corresponding PartialDataColumnHeader has been seen
	if !ok {
		return nil, ignore("valid corresponding header has not been seen", "none", c.partial.Group.BeaconBlockRoot)
	}
	slot := header.SignedBlockHeader.Message.Slot
	// [IGNORE] The corresponding header is not from a future slot (MAY be queued for processing at the appropriate slot)
	if isFutureSlot(c.spec, slot, c.in.Now) {
		return nil, c.future("corresponding header is from a future slot", slot, c.in.Now)
	}
	// [IGNORE] The corresponding header is from a slot greater than the latest finalized slot
	if finalized := c.startOf(c.v.Finalized().Epoch); slot <= finalized {
		return nil, ignore("corresponding header is not from a slot greater than the latest finalized slot", slot, finalized)
	}
	if d := c.cells(header.KZGCommitments); !d.ok() {
		return nil, d
	}
	return &CheckedPartial{c.partial, header}, accepted
}

// cells is the rules about the cells.
func (c *partialCheck) cells(commitments []types.KZGCommitment) Decision {
	// [REJECT] The cells present bitmap length equals the number of header commitments (modified gloas: bid commitments)
	if n := c.partial.Sidecar.CellsPresentBitmap.Len(); n != uint64(len(commitments)) {
		return reject("bitmap length does not match commitments length", n, len(commitments))
	}
	// [REJECT] The sidecar's cell and proof data passes KZG verification
	if err := das.VerifyPartialDataColumnSidecarKZGProofs(c.kzg, c.partial.Sidecar, commitments, c.partial.Column); err != nil {
		return rejectFor("invalid sidecar kzg proofs", err)
	}
	return accepted
}

// bidPartialCheck is the rules of a partial message whose commitments are in its block's bid (gloas).
type bidPartialCheck struct{ partialCheck }

func (c *bidPartialCheck) before(*statements) Decision { return c.counts(true) }

func (c *bidPartialCheck) after() (*CheckedPartial, Decision) {
	group := &c.partial.Group
	// [IGNORE] The group ID's block has been seen (MAY be queued until block is retrieved)
	block, ok := c.v.Block(group.BeaconBlockRoot)
	if !ok {
		return nil, deferred("group id's block has not been seen", WaitBlock, group.BeaconBlockRoot)
	}
	// [REJECT] The group ID's block passes validation
	if block.Failed {
		return nil, reject("group id's block failed validation", group.BeaconBlockRoot, "a valid block")
	}
	// [REJECT] The group ID's slot matches the slot of the block
	if group.Slot != block.Slot {
		return nil, reject("group id's slot does not match the block's slot", group.Slot, block.Slot)
	}
	bid, ok := c.v.Bid(group.BeaconBlockRoot)
	if !ok {
		return nil, notAtHand(group.BeaconBlockRoot)
	}
	if d := c.cells(bid.BlobKZGCommitments); !d.ok() {
		return nil, d
	}
	return &CheckedPartial{partial: c.partial}, accepted
}

// partialHeader finds a header that was validated before, whatever its slot.
func (s *Seen) partialHeader(root types.Root) (*types.PartialDataColumnHeader, bool) {
	return s.partialHeaders.find(root)
}

// NotePartialHeader remembers a header that was validated, here or on another way: "This header can be derived from a beacon block or a
// DataColumnSidecar" (fulu/partial-columns). The first one of a block stays. It is not to be written to any more.
func (s *Seen) NotePartialHeader(root types.Root, header *types.PartialDataColumnHeader) {
	s.partialHeaders.put(header.SignedBlockHeader.Message.Slot, root, header)
}

// sameHeader tells whether two headers are equal in every field.
func sameHeader(a, b *types.PartialDataColumnHeader) bool {
	return a.SignedBlockHeader == b.SignedBlockHeader && slices.Equal(a.KZGCommitments, b.KZGCommitments) &&
		slices.Equal(a.KZGCommitmentsInclusionProof, b.KZGCommitmentsInclusionProof)
}
