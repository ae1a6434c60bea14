package types

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/cresset/cresset/beacon/params"
)

// Spec: compute_subnet_for_attestation (phase0): committees are numbered through an epoch, and subnets go round.
func TestSubnetsOfCommittees(t *testing.T) {
	spec := params.Mainnet()
	for _, c := range []struct {
		perSlot uint64
		slot    Slot
		index   CommitteeIndex
		want    uint64
	}{
		{1, 0, 0, 0}, {1, 31, 0, 31}, {1, 32, 0, 0}, {2, 31, 1, 63}, {64, 5, 7, 7}, {3, 33, 2, 5}, {10, 38, 4, 0},
	} {
		if got := ComputeSubnetForAttestation(spec, c.perSlot, c.slot, c.index); got != c.want {
			t.Errorf("committee %d of %d in slot %d: subnet %d, want %d", c.index, c.perSlot, c.slot, got, c.want)
		}
	}
}

// Spec: compute_subnet_for_blob_sidecar (deneb; modified electra).
func TestSubnetsOfBlobs(t *testing.T) {
	spec := params.Mainnet()
	if a, b := ComputeSubnetForBlobSidecar(spec, params.Deneb, 7), ComputeSubnetForBlobSidecar(spec, params.Electra, 7); a != 1 || b != 7 {
		t.Errorf("blob 7 is of subnet %d in deneb and %d in electra, want 1 and 7", a, b)
	}
}

// Spec: compute_subnets_for_sync_committee (altair).
func TestSubnetsOfSyncCommitteeMembers(t *testing.T) {
	spec := params.Minimal() // 32 members, 8 a subnet
	committee := make([]BLSPubkey, spec.SyncCommitteeSize)
	for i := range committee {
		committee[i][0] = byte(i)
	}
	committee[3], committee[30] = committee[0], committee[0]
	for _, c := range []struct {
		key  byte
		want []uint64
	}{
		{0, []uint64{0, 3}}, {8, []uint64{1}}, {31, []uint64{3}}, {200, nil},
	} {
		if got := ComputeSubnetsForSyncCommittee(spec, committee, BLSPubkey{c.key}); !slices.Equal(got, c.want) {
			t.Errorf("member %d: subnets %v, want %v", c.key, got, c.want)
		}
	}
}

// Spec: is_aggregator (phase0), is_sync_committee_aggregator (altair): one signature of as many as a modulus says.
func TestAggregatorsAreSelectedByTheirSignatures(t *testing.T) {
	spec := params.Mainnet() // sync subcommittees of 128: one member of 8
	for i := range 256 {
		signature := BLSSignature{byte(i)}
		hash := sha256.Sum256(signature[:])
		n := binary.LittleEndian.Uint64(hash[:8])
		for _, c := range []struct {
			size   int
			modulo uint64
		}{{15, 1}, {16, 1}, {32, 2}, {47, 2}, {400, 25}} {
			if got := IsAggregator(c.size, signature); got != (n%c.modulo == 0) {
				t.Errorf("signature %d of a committee of %d: %t", i, c.size, got)
			}
		}
		if got := IsSyncCommitteeAggregator(spec, signature); got != (n%8 == 0) {
			t.Errorf("signature %d of a sync subcommittee: %t", i, got)
		}
	}
}
