package das

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cresset/cresset/beacon/kzg"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// sidecarSpec is the minimal preset with Fulu from genesis.
func sidecarSpec() *params.Spec {
	spec := *params.Minimal()
	spec.ElectraForkEpoch, spec.FuluForkEpoch = 0, 0
	return &spec
}

// testColumn is a valid column of two blobs, with the body that its commitments are from.
func testColumn(t *testing.T, cx ssz.Context, index uint64) (*kzg.Context, *types.DataColumnSidecar, *types.BeaconBlockBody) {
	t.Helper()
	setup, err := kzg.New()
	if err != nil {
		t.Fatal(err)
	}
	body, column := &types.BeaconBlockBody{}, &types.DataColumnSidecar{Index: index}
	fillBody(cx, body)
	for row := range 2 {
		var blob kzg.Blob
		blob[31] = byte(row + 1)
		commitment, err := setup.BlobToKZGCommitment(&blob)
		if err != nil {
			t.Fatal(err)
		}
		cells, proofs, err := setup.ComputeCellsAndKZGProofs(&blob)
		if err != nil {
			t.Fatal(err)
		}
		body.BlobKZGCommitments = append(body.BlobKZGCommitments, types.KZGCommitment(commitment))
		column.Column = append(column.Column, cells[index][:])
		column.KZGProofs = append(column.KZGProofs, types.KZGProof(proofs[index]))
	}
	column.KZGCommitments = slices.Clone(body.BlobKZGCommitments)
	column.SignedBlockHeader.Message.BodyRoot, column.KZGCommitmentsInclusionProof = prove(t, cx, body, 16+blobKZGCommitmentsField)
	return setup, column, body
}

// fillBody gives a body the lengths that its fixed fields have.
func fillBody(cx ssz.Context, body *types.BeaconBlockBody) {
	body.SyncAggregate.SyncCommitteeBits = make([]byte, cx.Spec.SyncCommitteeSize/8)
	body.ExecutionPayload.LogsBloom = make([]byte, cx.Spec.BytesPerLogsBloom)
	body.Graffiti = types.Bytes32{byte(rand.N(256))}
}

// prove proves a node of a body.
func prove(t *testing.T, cx ssz.Context, body *types.BeaconBlockBody, gindex uint64) (types.Root, []types.Bytes32) {
	t.Helper()
	root, err := ssz.HashTreeRoot(cx, ssz.Container(body))
	if err != nil {
		t.Fatal(err)
	}
	proof, err := ssz.Prove(cx, ssz.Container(body), gindex)
	if err != nil {
		t.Fatal(err)
	}
	branch := make([]types.Bytes32, len(proof.Branch))
	for i, sibling := range proof.Branch {
		branch[i] = sibling
	}
	return root, branch
}

func TestValidDataColumnSidecar(t *testing.T) {
	cx := ssz.Context{Spec: sidecarSpec(), Fork: params.Fulu}
	setup, column, _ := testColumn(t, cx, 77)
	if err := VerifyDataColumnSidecar(cx, column, column.KZGCommitments); err != nil {
		t.Error(err)
	}
	if err := VerifyDataColumnSidecarKZGProofs(setup, column, column.KZGCommitments); err != nil {
		t.Error(err)
	}
	if err := VerifyDataColumnSidecarInclusionProof(cx, column); err != nil {
		t.Error(err)
	}
}

func TestDataColumnSidecarsOfWrongSizes(t *testing.T) {
	spec := sidecarSpec()
	cx, gloas := ssz.Context{Spec: spec, Fork: params.Fulu}, ssz.Context{Spec: spec, Fork: params.Gloas}
	limit := int(spec.GetBlobParameters(0).MaxBlobsPerBlock)
	of := func(cells, proofs int, index uint64) *types.DataColumnSidecar {
		return &types.DataColumnSidecar{Index: index, Column: make([][]byte, cells), KZGProofs: make([]types.KZGProof, proofs)}
	}
	for name, c := range map[string]struct {
		cx          ssz.Context
		column      *types.DataColumnSidecar
		commitments int
		valid       bool
	}{
		"as many as allowed":       {cx, of(limit, limit, 127), limit, true},
		"index":                    {cx, of(1, 1, 128), 1, false},
		"no blobs":                 {cx, of(0, 0, 0), 0, false},
		"too many blobs":           {cx, of(limit+1, limit+1, 0), limit + 1, false},
		"gloas checks that before": {gloas, of(limit+1, limit+1, 0), limit + 1, true},
		"cells":                    {cx, of(1, 2, 0), 2, false},
		"proofs":                   {cx, of(2, 1, 0), 2, false},
		"commitments":              {gloas, of(2, 2, 0), 1, false},
	} {
		if err := VerifyDataColumnSidecar(c.cx, c.column, make([]types.KZGCommitment, c.commitments)); (err == nil) != c.valid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDataColumnSidecarsWithWrongProofs(t *testing.T) {
	cx := ssz.Context{Spec: sidecarSpec(), Fork: params.Fulu}
	setup, original, _ := testColumn(t, cx, 77)
	changed := func(change func(*types.DataColumnSidecar)) *types.DataColumnSidecar {
		c := *original
		c.Column, c.KZGProofs, c.KZGCommitments = slices.Clone(c.Column), slices.Clone(c.KZGProofs), slices.Clone(c.KZGCommitments)
		change(&c)
		return &c
	}
	for name, change := range map[string]func(*types.DataColumnSidecar){
		"another column":       func(c *types.DataColumnSidecar) { c.Index++ },
		"cells exchanged":      func(c *types.DataColumnSidecar) { slices.Reverse(c.Column) },
		"proofs exchanged":     func(c *types.DataColumnSidecar) { slices.Reverse(c.KZGProofs) },
		"cell too short":       func(c *types.DataColumnSidecar) { c.Column[1] = c.Column[1][1:] },
		"proof is no point":    func(c *types.DataColumnSidecar) { c.KZGProofs[0] = types.KZGProof{1} },
		"a proof less":         func(c *types.DataColumnSidecar) { c.KZGProofs = c.KZGProofs[:1] },
		"commitment not there": func(c *types.DataColumnSidecar) { c.KZGCommitments = c.KZGCommitments[:1] },
	} {
		column := changed(change)
		if err := VerifyDataColumnSidecarKZGProofs(setup, column, column.KZGCommitments); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	for name, change := range map[string]func(*types.DataColumnSidecar){
		"commitments exchanged": func(c *types.DataColumnSidecar) { slices.Reverse(c.KZGCommitments) },
		"another body":          func(c *types.DataColumnSidecar) { c.SignedBlockHeader.Message.BodyRoot[0]++ },
		"branch too short":      func(c *types.DataColumnSidecar) { c.KZGCommitmentsInclusionProof = c.KZGCommitmentsInclusionProof[1:] },
		"too many commitments":  func(c *types.DataColumnSidecar) { c.KZGCommitments = make([]types.KZGCommitment, 1<<13) },
	} {
		column := changed(change)
		if err := VerifyDataColumnSidecarInclusionProof(cx, column); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestBlobSidecarInclusionProof(t *testing.T) {
	for _, cx := range []ssz.Context{{Spec: params.Minimal(), Fork: params.Deneb}, {Spec: params.Mainnet(), Fork: params.Electra}} {
		body := &types.BeaconBlockBody{BlobKZGCommitments: []types.KZGCommitment{{1}, {2}, {3}}}
		fillBody(cx, body)
		limit := cx.Spec.MaxBlobCommitmentsPerBlock
		sidecar := &types.BlobSidecar{Index: 2, KZGCommitment: types.KZGCommitment{3}}
		sidecar.SignedBlockHeader.Message.BodyRoot, sidecar.KZGCommitmentInclusionProof = prove(t, cx, body, (16+blobKZGCommitmentsField)*2*limit+2)
		if err := VerifyBlobSidecarInclusionProof(cx, sidecar); err != nil {
			t.Fatal(err)
		}
		for name, index := range map[string]uint64{"another blob": 1, "no blob": limit, "far away": ^uint64(0)} {
			sidecar.Index = index
			if err := VerifyBlobSidecarInclusionProof(cx, sidecar); err == nil {
				t.Errorf("%s: accepted", name)
			}
		}
	}
}
