package types

import (
	"unsafe"

	"github.com/cresset/cresset/beacon/ssz/plist"
)

// Footprint is the bytes of the state's lists that seen has not counted yet. States that share memory are counted with the
// same Seen, so that what they share counts once. The state is frozen, or belongs to the caller.
func (x *BeaconState) Footprint(seen plist.Seen) (bytes int) {
	bytes = int(unsafe.Sizeof(*x))
	for _, l := range x.lists() {
		bytes += l.Footprint(seen)
	}
	if committee := x.CurrentSyncCommittee; committee != nil && seen.First(unsafe.Pointer(committee)) {
		bytes += int(unsafe.Sizeof(BLSPubkey{})) * (1 + int(x.Cx.Spec.SyncCommitteeSize))
	}
	if committee := x.NextSyncCommittee; committee != nil && seen.First(unsafe.Pointer(committee)) {
		bytes += int(unsafe.Sizeof(BLSPubkey{})) * (1 + int(x.Cx.Spec.SyncCommitteeSize))
	}
	for _, ptc := range x.PTCWindow {
		if seen.First(unsafe.Pointer(ptc)) {
			bytes += int(unsafe.Sizeof(ValidatorIndex(0))) * int(x.Cx.Spec.PTCSize)
		}
	}
	return bytes
}

// Footprint is the bytes of the registry that seen has not counted yet.
func (v *Validators) Footprint(seen plist.Seen) int {
	return v.t.Footprint(seen, func(c *columns) int {
		if c.identities == nil || !seen.First(unsafe.Pointer(c.identities)) {
			return 0
		}
		return int(unsafe.Sizeof(*c.identities))
	})
}
