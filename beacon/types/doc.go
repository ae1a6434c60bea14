// Package types holds the containers of the specification, one Go type each for all forks, with the arithmetic and the
// signing domains that need no state.
//
// Layer: 1. Imports beacon/params, beacon/ssz and beacon/ssz/plist.
//
// A container's Define method is its only definition: encoding, decoding, root, proofs and JSON follow from it (see
// beacon/ssz). A versioned container has the fields of every fork; which of them exist is decided by the ssz.Context that
// is passed along, never by the value. The beacon state keeps its large lists in persistent form and its registry in
// columns; copying it costs as much as the tables of pages.
//
// Containers are plain values without locks. A [BeaconState] belongs to one goroutine until it is frozen; a frozen state
// may be read and copied by many.
//
// Spec: the containers of <fork>/beacon-chain.md, light-client/sync-protocol.md, validator.md, das-core.md and
// p2p-interface.md, phase 0 to gloas.
package types
