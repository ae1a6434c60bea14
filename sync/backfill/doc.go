// Package backfill downloads what lies before the block that a node began at, backwards, to genesis or to where nobody has to serve it any
// more: a state machine over sync/download.
//
// Every block is the parent of the one after it, back from a trusted one, so that nothing but its proposer's signature is left to be
// verified. A run that fails is begun again after a pause, from where it got; so is one that was stopped by the end of the process.
//
// The machine is fed events with the time they happened at, and returns actions. It has no I/O, no clock and no goroutine; it belongs
// to one goroutine.
//
// Layer: 4.
//
// Specification: phase0/p2p-interface.md (MIN_EPOCHS_FOR_BLOCK_REQUESTS: why clients must serve and so backfill blocks).
package backfill
