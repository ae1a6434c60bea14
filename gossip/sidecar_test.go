package gossip

import (
	"sync"
	"testing"

	"github.com/cresset/cresset/beacon/das"
	"github.com/cresset/cresset/beacon/kzg"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// oneBlob is a blob with all that is made of it.
type oneBlob struct {
	blob       kzg.Blob
	commitment types.KZGCommitment
	proof      types.KZGProof
	cells      *[kzg.CellsPerExtBlob]kzg.Cell
	proofs     *[kzg.CellsPerExtBlob]kzg.Proof
}

var blobOfTests = sync.OnceValues(func() (*oneBlob, error) {
	setup, err := trustedSetup()
	if err != nil {
		return nil, err
	}
	b := &oneBlob{}
	b.blob[31] = 7
	commitment, err := setup.BlobToKZGCommitment(&b.blob)
	if err != nil {
		return nil, err
	}
	proof, err := setup.ComputeBlobKZGProof(&b.blob, commitment)
	if err != nil {
		return nil, err
	}
	b.commitment, b.proof = types.KZGCommitment(commitment), types.KZGProof(proof)
	b.cells, b.proofs, err = setup.ComputeCellsAndKZGProofs(&b.blob)
	return b, err
})

func theBlob(t testing.TB) *oneBlob {
	t.Helper()
	b, err := blobOfTests()
	check(t, err)
	return b
}

// prove proves a part of a block body.
func (s *stage) prove(body *types.BeaconBlockBody, gindex uint64) []types.Bytes32 {
	p, err := ssz.Prove(ssz.Context{Spec: s.spec, Fork: s.fork}, ssz.Container(body), gindex)
	check(s.t, err)
	out := make([]types.Bytes32, len(p.Branch))
	for i := range out {
		out[i] = p.Branch[i]
	}
	return out
}

// header is the header of the stage's block with the one blob's commitment in it.
func (s *stage) header() (types.BeaconBlockHeader, *types.BeaconBlockBody) {
	b := s.block.Message
	b.Body.BlobKZGCommitments = []types.KZGCommitment{theBlob(s.t).commitment}
	header, err := b.Header(ssz.Context{Spec: s.spec, Fork: s.fork})
	check(s.t, err)
	return header, &b.Body
}

func (s *stage) signHeader(h *types.SignedBeaconBlockHeader) {
	h.Signature = s.sign(params.DomainBeaconProposer(), types.ComputeEpochAtSlot(s.spec, h.Message.Slot), types.HashTreeRoot(&h.Message), h.Message.ProposerIndex)
}

// headerStories is what sidecars with a header have in common.
func headerStories[M any](rules *headerRules, header func(*M) *types.SignedBeaconBlockHeader) []story[M] {
	alter := func(change func(*types.BeaconBlockHeader)) func(*stage, *M) {
		return func(_ *stage, m *M) { change(&header(m).Message) }
	}
	return []story[M]{
		{name: "early", when: inSlot(2, 3000), want: Defer, rule: rules.future, wait: WaitSlot},
		{name: "finalized", when: finalizing(1, types.Root{1}), want: Ignore, rule: rules.finalized},
		{name: "no state at hand", when: lacking("HeadState"), want: Defer, rule: RuleAtHand, wait: WaitState},
		{name: "no such proposer", change: alter(func(h *types.BeaconBlockHeader) { h.ProposerIndex = 64 }), want: Reject, rule: rules.proposal.index},
		{name: "wrong signature", spoil: func(s *stage, m *M) { header(m).Signature = s.wrong() }, want: Reject, rule: rules.proposal.signature},
		{name: "unknown parent", when: forgetting(2), want: Defer, rule: rules.unknown, wait: WaitBlock},
		{name: "failed parent", when: failing(2), want: Reject, rule: rules.failed},
		{name: "not after its parent", change: alter(func(h *types.BeaconBlockHeader) { h.Slot = 2 }), want: Reject, rule: rules.slot},
		{name: "beside the finalized block", when: finalizing(0, types.Root{1}), want: Reject, rule: rules.ancestor},
		{name: "proposer not at hand", when: lacking("Proposer"), want: Defer, rule: RuleAtHand, wait: WaitState},
		{name: "another proposer", change: alter(func(h *types.BeaconBlockHeader) { h.ProposerIndex = (h.ProposerIndex + 1) % 64 }),
			want: Reject, rule: rules.wrongSender},
	}
}

func TestRulesOfBlobs(t *testing.T) {
	type sidecar = types.BlobSidecar
	for _, fork := range []params.Fork{params.Deneb, params.Electra} {
		beyond := map[params.Fork]uint64{params.Deneb: 6, params.Electra: 9}[fork]
		topic := topicTest[sidecar]{
			fork: fork, slot: 3,
			make: func(s *stage, change func(*sidecar)) *sidecar {
				blob := theBlob(s.t)
				header, body := s.header()
				gindex := (16+uint64(11))<<(ssz.Depth(s.spec.MaxBlobCommitmentsPerBlock)+1) + 0
				c := &sidecar{
					Blob: blob.blob[:], KZGCommitment: blob.commitment, KZGProof: blob.proof,
					SignedBlockHeader: types.SignedBeaconBlockHeader{Message: header}, KZGCommitmentInclusionProof: s.prove(body, gindex),
				}
				change(c)
				s.signHeader(&c.SignedBlockHeader)
				return c
			},
			check: func(s *stage, c *sidecar) Candidate { return s.rules.BlobSidecar(s.in, c) },
		}
		topic.tell(t, headerStories(&blobRules, func(c *sidecar) *types.SignedBeaconBlockHeader { return &c.SignedBlockHeader })...)
		topic.tell(t,
			story[sidecar]{name: "valid", want: Accept},
			story[sidecar]{name: "index out of range", change: func(_ *stage, c *sidecar) { c.Index = beyond }, want: Reject, rule: "blob index out of range"},
			story[sidecar]{name: "wrong subnet", when: func(s *stage) { s.in.Subnet = 1 }, want: Reject, rule: "blob sidecar is for wrong subnet"},
			story[sidecar]{name: "of another fork", when: func(s *stage) { s.in.Fork = params.Deneb + params.Electra - fork }, want: Reject, rule: RuleForkOfTopic},
			story[sidecar]{name: "not of the block", spoil: func(_ *stage, c *sidecar) { c.KZGCommitmentInclusionProof[0][0]++ },
				want: Reject, rule: "invalid blob sidecar inclusion proof"},
			story[sidecar]{name: "another blob", spoil: func(_ *stage, c *sidecar) { c.Blob = make([]byte, kzg.BytesPerBlob) }, want: Reject, rule: "invalid blob kzg proof"},
			story[sidecar]{name: "too short", spoil: func(_ *stage, c *sidecar) { c.Blob = c.Blob[1:] }, want: Reject, rule: "invalid blob kzg proof"},
			story[sidecar]{name: "second of its kind", first: true, want: Ignore,
				rule: "already seen blob sidecar from this proposer for this slot and index"},
		)
	}
}

type column = types.DataColumnSidecar

func columnOf(s *stage, index uint64) *column {
	blob := theBlob(s.t)
	return &column{Index: index, Column: [][]byte{blob.cells[index][:]}, KZGProofs: []types.KZGProof{types.KZGProof(blob.proofs[index])}}
}

func headerColumn(s *stage, change func(*column)) *column {
	header, body := s.header()
	c := columnOf(s, 3)
	c.KZGCommitments = body.BlobKZGCommitments
	c.SignedBlockHeader.Message = header
	c.KZGCommitmentsInclusionProof = s.prove(body, 16+11)
	change(c)
	s.signHeader(&c.SignedBlockHeader)
	return c
}

func TestRulesOfColumnsWithHeaders(t *testing.T) {
	topic := topicTest[column]{
		fork: params.Fulu, slot: 3, make: headerColumn,
		check: func(s *stage, c *column) Candidate {
			in := s.in
			in.Subnet += 3
			return s.rules.DataColumnSidecar(in, c)
		},
	}
	topic.tell(t, headerStories(&columnRules, func(c *column) *types.SignedBeaconBlockHeader { return &c.SignedBlockHeader })...)
	topic.tell(t,
		story[column]{name: "valid", want: Accept},
		story[column]{name: "of no blobs", change: func(_ *stage, c *column) { c.KZGCommitments = nil }, want: Reject, rule: "invalid sidecar"},
		story[column]{name: "wrong subnet", when: func(s *stage) { s.in.Subnet = 1 }, want: Reject, rule: "sidecar is for wrong subnet"},
		story[column]{name: "not of the block", spoil: func(_ *stage, c *column) { c.KZGCommitmentsInclusionProof[0][0]++ },
			want: Reject, rule: "invalid sidecar inclusion proof"},
		story[column]{name: "another cell", spoil: func(s *stage, c *column) { c.Column = columnOf(s, 100).Column }, want: Reject, rule: "invalid sidecar kzg proofs"},
		story[column]{name: "made here before", when: func(s *stage) {
			s.rules.Seen().NoteColumn(&types.DataColumnSidecar{Index: 3}, types.Root{}, 3, s.block.Message.ProposerIndex)
		}, want: Ignore, rule: "already seen sidecar from this proposer for this slot and index"},
	)
}

// The header's signature and its commitments' proof are the same in all columns of a block, and checked once.
func TestColumnsOfABlockShareTheirHeader(t *testing.T) {
	s := newStage(t, params.Fulu, 3)
	send := func(c *column) Decision {
		in := s.in
		in.Subnet = c.Index
		p := s.rules.DataColumnSidecar(in, c)
		if known := s.rules.seen.headers.size().Entries > 0; known != (p.open() == nil) {
			t.Errorf("column %d: the header is known: %t, its signature is left to verify: %t", c.Index, known, p.open() != nil)
		}
		_, d := p.Finish()
		return d
	}
	other := func(index uint64) *column {
		c := columnOf(s, index)
		first := headerColumn(s, func(*column) {})
		c.KZGCommitments, c.SignedBlockHeader, c.KZGCommitmentsInclusionProof = first.KZGCommitments, first.SignedBlockHeader, first.KZGCommitmentsInclusionProof
		return c
	}
	for index := range uint64(3) {
		if d := send(other(index)); d.Verdict != Accept {
			t.Fatal(d)
		}
	}
	forged := other(4)
	forged.SignedBlockHeader.Signature = s.wrong()
	in := s.in
	in.Subnet = 4
	if _, d := s.rules.DataColumnSidecar(in, forged).Finish(); d.Rule != columnRules.proposal.signature {
		t.Errorf("a known header with another signature: %v", d)
	}
}

// promise makes the head's bid promise the one blob.
func promise(s *stage) {
	bid := *s.view.bids[s.head().Root]
	bid.BlobKZGCommitments = []types.KZGCommitment{theBlob(s.t).commitment}
	s.view.bids[s.head().Root] = &bid
}

func TestRulesOfColumnsWithBids(t *testing.T) {
	topicTest[column]{
		fork: params.Gloas, slot: 2,
		make: func(s *stage, change func(*column)) *column {
			promise(s)
			c := columnOf(s, 3)
			c.Slot, c.BeaconBlockRoot = 2, s.head().Root
			change(c)
			return c
		},
		check: func(s *stage, c *column) Candidate {
			in := s.in
			in.Subnet += 3
			return s.rules.DataColumnSidecar(in, c)
		},
	}.tell(t,
		story[column]{name: "valid", want: Accept},
		story[column]{name: "second of its kind", first: true, want: Ignore, rule: "already seen sidecar for this block root and index"},
		story[column]{name: "made here before", when: func(s *stage) { s.rules.Seen().NoteColumn(&types.DataColumnSidecar{Index: 3}, s.head().Root, 2, 0) },
			want: Ignore, rule: "already seen sidecar for this block root and index"},
		story[column]{name: "wrong subnet", when: func(s *stage) { s.in.Subnet = 1 }, want: Reject, rule: "sidecar is for wrong subnet"},
		story[column]{name: "early", when: inSlot(1, 3000), want: Defer, rule: "sidecar is from a future slot", wait: WaitSlot},
		story[column]{name: "unknown block", when: forgetting(2), want: Defer, rule: "block for sidecar's beacon block root has not been seen", wait: WaitBlock},
		story[column]{name: "failed block", when: failing(2), want: Reject, rule: "block for sidecar's beacon block root failed validation"},
		story[column]{name: "another slot", change: func(_ *stage, c *column) { c.Slot = 1 }, want: Reject, rule: "sidecar's slot does not match block's slot"},
		story[column]{name: "bid not at hand", when: lacking("Bid"), want: Defer, rule: RuleAtHand, wait: WaitState},
		story[column]{name: "of no blobs", change: func(_ *stage, c *column) { c.Column, c.KZGProofs = nil, nil }, want: Reject, rule: "invalid sidecar"},
		story[column]{name: "another cell", change: func(s *stage, c *column) { c.Column = columnOf(s, 100).Column }, want: Reject, rule: "invalid sidecar kzg proofs"},
	)
}

func TestRulesOfPartialColumnsWithBids(t *testing.T) {
	s := newStage(t, params.Gloas, 2)
	make := func(change func(*Partial)) *Partial {
		promise(s)
		whole := columnOf(s, 3)
		p := &Partial{
			Sidecar: &types.PartialDataColumnSidecar{CellsPresentBitmap: bitsOf(1, 0), PartialColumn: whole.Column, KZGProofs: whole.KZGProofs},
			Group:   types.PartialDataColumnGroupID{BeaconBlockRoot: s.head().Root, Slot: 2}, Column: 3,
		}
		change(p)
		return p
	}
	for _, c := range []struct {
		name   string
		when   func(*stage)
		change func(*Partial)
		want   Verdict
		rule   Rule
	}{
		{"valid", nil, func(*Partial) {}, Accept, ""},
		{"no cells", nil, func(p *Partial) { p.Sidecar.CellsPresentBitmap = bitsOf(1) }, Reject, "partial message is semantically empty"},
		{"too many cells", nil, func(p *Partial) {
			p.Sidecar.PartialColumn = append(p.Sidecar.PartialColumn, p.Sidecar.PartialColumn[0])
		},
			Reject, "number of cells does not match number of set bits"},
		{"too few proofs", nil, func(p *Partial) { p.Sidecar.KZGProofs = nil }, Reject, "number of proofs does not match number of set bits"},
		{"unknown block", forgetting(2), func(*Partial) {}, Defer, "group id's block has not been seen"},
		{"failed block", failing(2), func(*Partial) {}, Reject, "group id's block failed validation"},
		{"another slot", nil, func(p *Partial) { p.Group.Slot = 1 }, Reject, "group id's slot does not match the block's slot"},
		{"bid not at hand", lacking("Bid"), func(*Partial) {}, Defer, RuleAtHand},
		{"too many bits", nil, func(p *Partial) { p.Sidecar.CellsPresentBitmap = bitsOf(2, 0) }, Reject, "bitmap length does not match commitments length"},
		{"another column", nil, func(p *Partial) { p.Column = 4 }, Reject, "invalid sidecar kzg proofs"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s = newStage(t, params.Gloas, 2)
			if c.when != nil {
				c.when(s)
			}
			checked, d := s.rules.PartialDataColumnSidecar(s.in, make(c.change)).Finish()
			if d.Verdict != c.want || d.Rule != c.rule {
				t.Fatalf("%v, want %v of %q", d, c.want, c.rule)
			}
			if d.Verdict == Accept && (checked.Header() != nil || checked.Partial().Column != 3) {
				t.Errorf("checked %+v", checked)
			}
		})
	}
}

// A header that was found right on one way serves the cells that come on another.
func TestCellsAreCheckedAgainstANotedHeader(t *testing.T) {
	s := newStage(t, params.Fulu, 3)
	whole := headerColumn(s, func(*column) {})
	header := &types.PartialDataColumnHeader{
		KZGCommitments: whole.KZGCommitments, SignedBlockHeader: whole.SignedBlockHeader, KZGCommitmentsInclusionProof: whole.KZGCommitmentsInclusionProof,
	}
	root := types.HashTreeRoot(&header.SignedBlockHeader.Message)
	cells := &Partial{
		Sidecar: &types.PartialDataColumnSidecar{CellsPresentBitmap: bitsOf(1, 0), PartialColumn: whole.Column, KZGProofs: whole.KZGProofs},
		Group:   types.PartialDataColumnGroupID{BeaconBlockRoot: root}, Column: 3,
	}
	if _, d := s.rules.PartialDataColumnSidecar(s.in, cells).Finish(); d.Verdict != Ignore || d.Rule != "valid corresponding header has not been seen" {
		t.Fatal(d)
	}
	s.rules.Seen().NotePartialHeader(root, header)
	checked, d := s.rules.PartialDataColumnSidecar(s.in, cells).Finish()
	if d.Verdict != Accept || checked.Header() != header {
		t.Fatalf("%v with header %p, want %p", d, checked.Header(), header)
	}
	if subnet := das.ComputeSubnetForDataColumnSidecar(s.spec, 3); subnet != 3 {
		t.Errorf("column 3 is of subnet %d", subnet)
	}
}
