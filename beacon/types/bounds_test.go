package types_test

import (
	"math"
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// The bounds of a type follow from its schema, and a value filled to its limits has exactly the most bytes.
func TestBoundsOfTypes(t *testing.T) {
	spec := params.Mainnet()
	for _, c := range []struct {
		name        string
		fork        params.Fork
		least, most uint64
	}{
		{"Checkpoint", params.Phase0, 40, 40},
		{"SyncCommittee", params.Altair, 513 * 48, 513 * 48},
		{"Attestation", params.Phase0, 4 + 128 + 96 + 1, 4 + 128 + 96 + 257},
		{"Attestation", params.Electra, 4 + 128 + 96 + 8 + 1, 4 + 128 + 96 + 8 + 16385},
		{"DataColumnSidecar", params.Fulu, 20 + 208 + 128, 20 + 208 + 128 + 4096*(48+48+2048)},
		{"DataColumnSidecar", params.Gloas, 56, math.MaxUint64},
		{"DataColumnsByRootIdentifier", params.Fulu, 36, 36 + 128*8},
		{"SignedBeaconBlock", params.Gloas, 924, math.MaxUint64},
	} {
		cx := ssz.Context{Spec: spec, Fork: c.fork}
		node := ssz.Container(types.New(c.name))
		least, most := uint64(ssz.Size(cx, node)), ssz.MaxSize(cx, node)
		if least != c.least || most != c.most {
			t.Errorf("%s of %v: %d to %d bytes, want %d to %d", c.name, c.fork, least, most, c.least, c.most)
		}
	}
}

// Lists of lists count an offset for each element.
func TestBoundsOfAFullBlock(t *testing.T) {
	spec := params.Mainnet()
	cx := ssz.Context{Spec: spec, Fork: params.Phase0}
	full := &types.SignedBeaconBlock{}
	body := &full.Message.Body
	body.ProposerSlashings = make([]types.ProposerSlashing, spec.MaxProposerSlashings)
	body.Deposits = make([]types.Deposit, spec.MaxDeposits)
	body.VoluntaryExits = make([]types.SignedVoluntaryExit, spec.MaxVoluntaryExits)
	body.AttesterSlashings = make([]types.AttesterSlashing, spec.MaxAttesterSlashings)
	for i := range body.AttesterSlashings {
		s := &body.AttesterSlashings[i]
		s.Attestation1.AttestingIndices = make([]types.ValidatorIndex, spec.MaxValidatorsPerCommittee)
		s.Attestation2.AttestingIndices = make([]types.ValidatorIndex, spec.MaxValidatorsPerCommittee)
	}
	body.Attestations = make([]types.Attestation, spec.MaxAttestations)
	for i := range body.Attestations {
		body.Attestations[i].AggregationBits = make([]byte, spec.MaxValidatorsPerCommittee/8+1)
		body.Attestations[i].AggregationBits[spec.MaxValidatorsPerCommittee/8] = 1
	}
	encoded, err := ssz.Marshal(cx, ssz.Container(full))
	if err != nil {
		t.Fatal(err)
	}
	if most := ssz.MaxSize(cx, ssz.Container(new(types.SignedBeaconBlock))); most != uint64(len(encoded)) {
		t.Errorf("most is %d, a full block has %d bytes", most, len(encoded))
	}
}
