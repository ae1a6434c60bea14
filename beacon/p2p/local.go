package p2p

import (
	"fmt"
	"slices"

	"github.com/ethereum/go-ethereum/p2p/enode"
	"github.com/ethereum/go-ethereum/p2p/enr"

	"github.com/cresset/cresset/beacon/params"
)

// Local is what our node record says besides addresses.
type Local struct {
	Fork           ENRForkID
	NextForkDigest params.ForkDigest
	// Attnets and Syncnets are those of the metadata.
	Attnets, Syncnets []byte
	// CustodyGroupCount is announced once Fulu is scheduled.
	CustodyGroupCount uint64
}

func (l *Local) check(spec *params.Spec) error {
	attnets, syncnets := bitfieldBytes(spec.AttestationSubnetCount), bitfieldBytes(params.SyncCommitteeSubnetCount)
	switch {
	case len(l.Attnets) != 0 && len(l.Attnets) != attnets:
		return fmt.Errorf("%w: attnets of %d bytes, want %d", ErrRecord, len(l.Attnets), attnets)
	case len(l.Syncnets) != 0 && len(l.Syncnets) != syncnets:
		return fmt.Errorf("%w: syncnets of %d bytes, want %d", ErrRecord, len(l.Syncnets), syncnets)
	case l.CustodyGroupCount > spec.NumberOfCustodyGroups:
		return fmt.Errorf("%w: custody group count %d, at most %d", ErrRecord, l.CustodyGroupCount, spec.NumberOfCustodyGroups)
	}
	return nil
}

func bitfieldBytes(bits uint64) int { return int((bits + 7) / 8) }

// write puts what is said into our record. The sequence number goes up with the next use of the record if something changed.
//
// Spec: "ENR structure" (phase0; altair, fulu).
func (l *Local) write(spec *params.Spec, record *enode.LocalNode) {
	record.Set(enr.WithEntry(keyEth2, l.Fork.Encode()))
	// "If a node's MetaData.attnets has any non-zero bit, the ENR MUST include the attnets entry with the same value."
	record.Set(enr.WithEntry(keyAttnets, padded(l.Attnets, spec.AttestationSubnetCount)))
	record.Set(enr.WithEntry(keySyncnets, padded(l.Syncnets, params.SyncCommitteeSubnetCount)))
	// "This new field MUST be added once FULU_FORK_EPOCH is assigned any value other than FAR_FUTURE_EPOCH."
	if spec.ForkEpoch(params.Fulu) != params.FarFutureEpoch {
		record.Set(enr.WithEntry(keyCustody, l.CustodyGroupCount))
		record.Set(enr.WithEntry(keyNextDigest, slices.Clone(l.NextForkDigest[:])))
	}
}

// padded is a bitfield of so many bits, all zero where there is none.
func padded(bits []byte, count uint64) []byte {
	out := make([]byte, bitfieldBytes(count))
	copy(out, bits)
	return out
}
