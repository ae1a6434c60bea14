package types

import (
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
)

// Status is what a peer tells of its chain. Version 1 of the protocol has the form of phase0, version 2 that of fulu.
// Source: p2p-interface.md, "Status v1" (phase0), "Status v2" (fulu).
type Status struct {
	ForkDigest     ForkDigest
	FinalizedRoot  Root
	FinalizedEpoch Epoch
	HeadRoot       Root
	HeadSlot       Slot
	// EarliestAvailableSlot is the first slot from which the peer can serve all blocks and sidecars.
	EarliestAvailableSlot Slot // since fulu
}

// Define lists the fields of the container.
func (x *Status) Define(d *ssz.Def) {
	d.Field("fork_digest", ssz.Bytes(x.ForkDigest[:]))
	d.Field("finalized_root", ssz.Bytes(x.FinalizedRoot[:]))
	d.Field("finalized_epoch", ssz.Uint(&x.FinalizedEpoch))
	d.Field("head_root", ssz.Bytes(x.HeadRoot[:]))
	d.Field("head_slot", ssz.Uint(&x.HeadSlot))
	d.Field("earliest_available_slot", ssz.Uint(&x.EarliestAvailableSlot)).Since(params.Fulu)
}

// MetaData is what a peer tells of itself. Versions 1, 2 and 3 of the protocol have the forms of phase0, altair and fulu.
// Source: p2p-interface.md, "MetaData" (phase0, altair, fulu).
type MetaData struct {
	SeqNumber         uint64
	Attnets           ssz.Bitvector
	Syncnets          ssz.Bitvector // since altair
	CustodyGroupCount uint64        // since fulu
}

// Define lists the fields of the container.
func (x *MetaData) Define(d *ssz.Def) {
	d.Field("seq_number", ssz.Uint(&x.SeqNumber))
	d.Field("attnets", ssz.Bits(&x.Attnets, d.Spec.AttestationSubnetCount))
	d.Field("syncnets", ssz.Bits(&x.Syncnets, params.SyncCommitteeSubnetCount)).Since(params.Altair)
	d.Field("custody_group_count", ssz.Uint(&x.CustodyGroupCount)).Since(params.Fulu)
}
